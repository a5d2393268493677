"""The toy task."""

from __future__ import annotations

import numpy as np

from neuralfinder.networks.genome import parse
from neuralfinder.networks.variation import distance
from neuralfinder.testing import TOY, ToyTask
from neuralfinder.types import Candidate, Fidelity, Result


def test_toy_scores_by_hand():
    assert TOY.score(TOY.target) == 1
    assert TOY.score(parse("C16 C32 M C64")) == 1 / 2  # a pool missing
    assert TOY.score(parse("C16 C64 M C64 M")) == 1 / 1.25  # one doubling
    assert TOY.score(parse("C16 C32 M M M")) == 1 / 2  # a convolution for a pool
    assert TOY.score(parse("C64")) == 1 / 5  # four genes missing


def test_toy_optimum_is_unique_among_neighbours_and_samples():
    rng = np.random.default_rng(0)
    for _ in range(300):
        genome = TOY.space.sample(rng)
        assert (TOY.score(genome) == 1) == (genome == TOY.target)
        assert TOY.score(genome) >= 1 / (1 + distance(genome, TOY.target))


def test_toy_task_can_be_any_space_and_target():
    task = ToyTask(TOY.space, parse("C64"))
    assert task.score(parse("C64")) == 1
    assert task.answer(Candidate(3, parse("C32"), "x", (), 0, Fidelity(1))) == Result(3, 1 / 1.25)
