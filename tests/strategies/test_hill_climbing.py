"""Hill climbing: morphisms, steps, and what is inherited."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.genome import Conv, parse
from neuralfinder.seeds import Seeds, torch_seed
from neuralfinder.strategies import HillClimbing, Random
from neuralfinder.strategies.hill_climbing import MORPHISMS
from neuralfinder.testing import TOY, ToyTask, drive, solve
from neuralfinder.training.build import build
from neuralfinder.training.inheritance import Parent, inherit
from neuralfinder.types import Fidelity, Result, Shape

SPACE = ChainSpace(Shape(3, 16, 16), 10)


def climber(seed=0, space=SPACE, **settings):
    return HillClimbing(space, Seeds(seed), Fidelity(1), **settings)


def test_it_starts_as_the_paper_does():
    (start,) = climber().ask(5)
    assert start.genome.key == "C32 M C32 M C32"
    (small,) = climber(space=dataclasses.replace(SPACE, max_parameters=25_000, filters=(4, 32))).ask(1)
    assert small.genome.key.startswith("C4 M")


@pytest.mark.parametrize(("name", "different"), [("deeper", 1), ("wider", 0), ("skip", 0)])
def test_morphisms_change_one_thing(name, different):
    genome, rng = parse("C32 M C32 M C32"), np.random.default_rng(0)
    for _ in range(20):
        other = MORPHISMS[name](genome, SPACE, rng)
        assert other.convolutions - genome.convolutions == different
        if name == "wider":
            assert sum(gene.filters for gene in other.genes if isinstance(gene, Conv)) in (128, 160)
        if name == "skip":
            assert [bool(gene.skips) for gene in other.genes if isinstance(gene, Conv)].count(True) == 1


@pytest.mark.parametrize("name", ["deeper", "wider"])
def test_children_answer_as_their_parent(name):
    """Without normalisation the function stays the same."""
    genome, shape = parse("C8 M C8 C8 > G"), Shape(1, 8, 8)
    with torch_seed(0):
        parent = build(genome, shape, 3).eval()
    pictures, rng = torch.randn(4, 1, 8, 8), np.random.default_rng(0)
    space = ChainSpace(shape, 3, filters=(8, 16, 24))
    for seed in range(5):
        child = MORPHISMS[name](genome, space, rng)
        with torch_seed(seed):
            network = build(child, shape, 3)
        inherit(network, child, [Parent(genome, parent.state_dict())], shape)
        torch.testing.assert_close(network.eval()(pictures), parent(pictures))


def test_a_step_is_the_parent_and_seven_children_and_the_best_goes_on():
    strategy = climber()
    (start,) = strategy.ask(8)
    strategy.tell([Result(start.id, 0.3)])
    step = strategy.ask(20)
    assert len(step) == 8
    assert step[0].genome == start.genome
    assert {candidate.inherits for candidate in step} == {(start.id,)}
    assert all("+" not in candidate.operator or candidate.operator.count("+") < 5 for candidate in step)
    strategy.tell([Result(candidate.id, 0.4 + candidate.id / 100) for candidate in step[:-1]])
    assert strategy.ask(3) == []
    strategy.tell([Result(step[-1].id, None, "diverged")])
    then = strategy.ask(1)[0]
    assert (then.genome, then.inherits) == (step[-2].genome, (step[-2].id,))
    assert strategy.heirlooms() == [step[-2].id]


def test_when_a_whole_step_fails_it_stays_where_it_is():
    strategy = climber()
    (start,) = strategy.ask(1)
    strategy.tell([Result(start.id, 0.3)])
    strategy.tell([Result(candidate.id, None, "diverged") for candidate in strategy.ask(8)])
    assert strategy.ask(1)[0].genome == start.genome


def test_networks_grow_as_long_as_that_pays():
    asked = drive(climber(), lambda c: Result(c.id, c.genome.convolutions / 20), 60)
    assert max(candidate.genome.convolutions for candidate in asked) > 8


def test_it_beats_random_search_where_networks_grow_from_the_start():
    task = ToyTask(TOY.space, parse("C32 C64 M C64 C64 M C128"))
    ours = [solve(climber(seed, TOY.space, morphisms=2), task, 80)[-1] for seed in range(10)]
    random = [solve(Random(TOY.space, Seeds(seed), Fidelity(1)), task, 80)[-1] for seed in range(10)]
    assert np.mean(ours) > np.mean(random)
