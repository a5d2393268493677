"""Hill climbing by network morphisms: some children that begin where their parent is, and the best of them goes on.

Elsken, Metzen & Hutter, "Simple and efficient architecture search for convolutional neural networks", 2017, algorithm
1: in each step some children are made by a few morphisms each, all are trained shortly from their parent's weights,
the parent too, and the best one is the next parent. Morphisms are those of section 3: a deeper network, a wider one,
a skip. The start is that of the paper: three convolutions with pools between them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from neuralfinder.networks.chains import ChainSpace, of_networks
from neuralfinder.networks.genome import Conv, Gene, Genome
from neuralfinder.networks.space import Space
from neuralfinder.seeds import Seeds
from neuralfinder.strategies.base import Proposal, Strategy
from neuralfinder.types import Allowed, Fidelity, Range, Result

START = 32
"""Filters of the first convolutions, or the next that the space has."""

LONGEST_SKIP = 4


def _convolutions(genome: Genome) -> list[tuple[int, Conv]]:
    return [(place, gene) for place, gene in enumerate(genome.genes) if isinstance(gene, Conv)]


def _replaced(genome: Genome, place: int, *genes: Gene) -> Genome:
    return dataclasses.replace(genome, genes=(*genome.genes[:place], *genes, *genome.genes[place + 1 :]))


def deeper(genome: Genome, _: ChainSpace, rng: np.random.Generator) -> Genome:
    """A convolution of the same width behind one: morphism of type I, it begins as the identity."""
    found = _convolutions(genome)
    place, gene = found[int(rng.integers(len(found)))]
    return _replaced(genome, place, gene, dataclasses.replace(gene, skips=(), join="add", stride=1))


def wider(genome: Genome, space: ChainSpace, rng: np.random.Generator) -> Genome:
    """A convolution of the next width, or the one after: type II, its new channels count nothing at first."""
    found = _convolutions(genome)
    place, gene = found[int(rng.integers(len(found)))]
    more = [filters for filters in space.filters if filters > gene.filters][:2]
    return _replaced(genome, place, dataclasses.replace(gene, filters=int(rng.choice(more)))) if more else genome


def skipping(genome: Genome, _: ChainSpace, rng: np.random.Generator) -> Genome:
    """An earlier output added to that of a convolution without a skip: type IV."""
    found = [(place, gene) for place, gene in _convolutions(genome) if place and not gene.skips]
    if not found:
        return genome
    place, gene = found[int(rng.integers(len(found)))]
    back = int(rng.integers(1, min(place, LONGEST_SKIP) + 1))
    return _replaced(genome, place, dataclasses.replace(gene, skips=(back,)))


MORPHISMS: dict[str, Callable[[Genome, ChainSpace, np.random.Generator], Genome]] = {
    "deeper": deeper,
    "wider": wider,
    "skip": skipping,
}


@dataclass(frozen=True, slots=True)
class Climber:
    """Where the search is: a network, its worth, and the training that left its weights."""

    genome: Genome
    worth: float
    training: int


class HillClimbing(Strategy):
    """Steps of children that inherit all of their parent.

    Args:
        space: what is legal; gives shape, classes, widths and caps.
        seeds: the run's seeds.
        fidelity: how much training every candidate gets, on top of what its ancestors had.
        neighbours: networks of a step, the parent among them, 2 or more; 8 in the paper.
        morphisms: most of them for a child, 1 or more; 5 in the paper.

    Raises:
        InputError: a space of something else than layers, or a setting out of range.
    """

    ranges: ClassVar[Mapping[str, Allowed]] = {"neighbours": Range(2), "morphisms": Range(1)}

    def __init__(
        self, space: Space, seeds: Seeds, fidelity: Fidelity, *, neighbours: int = 8, morphisms: int = 5
    ) -> None:
        self.check(neighbours=neighbours, morphisms=morphisms)
        self.networks = of_networks(space, "hill-climbing").usual
        super().__init__(space, seeds, fidelity)
        self.neighbours, self.morphisms = neighbours, morphisms
        self._rng = seeds.stream("hill-climbing")
        self._here: Climber | None = None
        self._step: list[Climber] = []
        self._left = 0
        self._number = 0

    def view(self) -> dict[str, Any]:
        """Where it is, `here`, and its `worth`."""
        return {"here": self._here and self._here.genome.key, "worth": self._here and self._here.worth}

    def heirlooms(self) -> Sequence[int]:
        """Where it is, and the best of the step so far."""
        best = max(self._step, key=lambda one: (one.worth, -one.training), default=None)
        return [one.training for one in (self._here, best) if one]

    def _start(self) -> Genome:
        """Conv, pool, conv, pool, conv, as far as the picture allows it; the smallest network where caps forbid it."""
        filters = next((f for f in self.networks.filters if f >= START), self.networks.filters[-1])
        genes: list[Gene] = [self.networks.conv(filters)]
        for _ in range(min(2, self.networks.max_pools)):
            genes += [*self.networks.usual_pool, self.networks.conv(filters)]
        genome = self.networks.mend(Genome(tuple(genes), self.networks.head))
        return genome if self.networks.infeasible(genome) is None else self.networks.smallest()

    def _propose(self, n: int) -> list[Proposal]:
        if self._here is None:
            return [] if self.pending else [self._proposal(self._start(), "start")]
        if self._left == 0 and not self.pending:
            self._here = max(self._step, key=lambda one: (one.worth, -one.training), default=self._here)
            self._step, self._left = [], self.neighbours
        proposals: list[Proposal] = []
        for _ in range(min(n, self._left)):
            parent = self._left == self.neighbours
            self._left -= 1
            genome, operator = (self._here.genome, "parent") if parent else self._child(self._here.genome)
            proposals.append(self._proposal(genome, operator, self._here))
        return proposals

    def _proposal(self, genome: Genome, operator: str, parent: Climber | None = None) -> Proposal:
        self._number += 1
        child = Proposal(genome, operator, repeat=self._number)
        if parent is None:
            return child
        return dataclasses.replace(child, parents=(parent.genome.key,), inherits=(parent.training,))

    def _child(self, genome: Genome) -> tuple[Genome, str]:
        """Some morphisms, one after another; those that lead out of the space are left out."""
        names: list[str] = []
        for _ in range(int(self._rng.integers(1, self.morphisms + 1))):
            name = list(MORPHISMS)[int(self._rng.integers(len(MORPHISMS)))]
            other = MORPHISMS[name](genome, self.networks, self._rng)
            if other != genome and self.networks.infeasible(other) is None:
                genome, names = other, [*names, name]
        return genome, "+".join(names) or "parent"

    def _learn(self, proposal: Proposal, result: Result) -> None:
        """What failed cannot be the next parent."""
        if result.failure is not None:
            return
        climber = Climber(proposal.genome, result.worth, result.id)
        if self._here is None:
            self._here, self._left = climber, self.neighbours
        else:
            self._step.append(climber)
