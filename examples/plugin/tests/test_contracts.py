"""What this package brings keeps what NeuralFinder expects of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from neuralfinder_example.reference import SQUEEZED_CNN
from neuralfinder_example.squeeze import Squeeze
from neuralfinder_example.stripes import Stripes
from neuralfinder_example.tabu import TabuSearch

from neuralfinder.comparison.references import Reference
from neuralfinder.data import Source
from neuralfinder.networks.genome import Layer
from neuralfinder.networks.space import Space
from neuralfinder.seeds import Seeds
from neuralfinder.strategies import Strategy
from neuralfinder.testing import (
    TOY,
    GeneContract,
    ReferenceContract,
    SourceContract,
    SpaceContract,
    StrategyContract,
)
from neuralfinder.training.recipes import RECIPES
from neuralfinder.types import Fidelity


class TestTabuSearch(StrategyContract):
    def make(self, seed: int) -> Strategy:
        return TabuSearch(TOY.space, Seeds(seed), Fidelity(1))


class TestSqueeze(GeneContract):
    def make(self) -> Sequence[Layer]:
        return [Squeeze(4), Squeeze(8), Squeeze(16)]


class TestSpaceWithSqueeze(SpaceContract):
    def make(self) -> Space:
        return dataclasses.replace(TOY.space, layers=(Squeeze(4), Squeeze(8)))


class TestStripes(SourceContract):
    def make(self, folder: Path, other: bool = False) -> Source:
        return Stripes("stripes:9" if other else "stripes:8")


class TestReference(ReferenceContract):
    def make(self) -> Reference:
        return SQUEEZED_CNN


def test_the_recipe_is_found_by_its_name():
    assert RECIPES["brief"].optimizer == "adam"
