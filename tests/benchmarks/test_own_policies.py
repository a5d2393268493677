"""Policies on the table of our own space: time is accounted step by step."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from own_policies import Policy, Pool, handed_over, simulate, steps_to
from own_space import POINTS
from test_own_table import HAND, TASK, table, training


@pytest.mark.parametrize(
    ("policy", "budget", "judged", "spent"),
    [
        (Policy(), 100.0, 0.9, 19.2 * 2.5),  # all of them: 16 steps and a fall of a fifth, one at half a second a step
        (Policy((1 / 16, 1.0), promoted=0.0), 100.0, 0.7, 1.2 * 2.5 + 15 + 3.2),  # the early one looks better
        (Policy((1 / 16, 1.0), promoted=0.0, continued=False), 100.0, 0.7, 1.2 * 2.5 + 16 + 3.2),
        (Policy((1 / 16, 1.0), promoted=0.0, finalists=2), 100.0, 0.7, None),  # 0.6 and 0.55: the latter diverges
        (Policy((0.25, 1.0), promoted=2 / 3), 100.0, 0.9, None),
        (Policy((1 / 16, 1.0), promoted=0.0, look="raw"), 100.0, 0.7, 1.0 * 2.5 + 15 + 3.2),
        (Policy(kept=0.5), 0.5, None, 0.0),  # no time for anything
        (Policy(starts=1, by_hand=True), 10.0, 0.8, 8 + 1.6),  # no time for the whole of it: half
        (Policy((1 / 16, 1.0), promoted=0.0, by_hand=True), 3.0 + 9.2, 0.7, 1.2 * 2.5 + 7 + 1.6),
    ],
)
def test_a_policy_pays_for_every_step(policy: Policy, budget: float, judged: float | None, spent: float | None):
    pool = Pool(table().trainings, TASK, POINTS)
    for seed in range(5):
        got, seconds = handed_over(policy, pool, budget, np.random.default_rng(seed))
        assert got == judged
        assert spent is None or seconds == pytest.approx(spent)
        assert seconds <= budget


def test_looks_at_samples_cost_a_third_of_training_on_them():
    assert steps_to(1.0, 0.5, TASK, fall=False) == 8
    assert steps_to(1.0, 0.5, {**TASK, "seen": 240}, fall=False) == pytest.approx(8 + 240 / 8 / 3)


def test_the_network_by_hand_stays_to_the_end():
    hand = training(HAND, [0.1, 0.1, 0.1, 0.1, 0.95])
    pool = Pool([*table().trainings[1:], hand], TASK, POINTS)
    halves = Policy((1 / 16, 1 / 4, 1.0), promoted=0.0)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        assert handed_over(halves, pool, 100.0, rng)[0] == 0.7
        assert handed_over(dataclasses.replace(halves, by_hand=True), pool, 100.0, rng)[0] == 0.95


def test_more_time_leaves_less_regret():
    space = table()
    found = simulate(space, {"all": Policy(), "one": Policy(starts=1)}, ["made up"], [1.0, 3.0], 60)
    assert found["all"][3.0].mean() == 0
    assert found["all"][1.0].mean() > 5
    assert found["one"][3.0].mean() == pytest.approx(found["one"][1.0].mean(), abs=1e-9)
    assert set(np.round(found["one"][3.0].ravel(), 6)) == {0.0, 20.0, 40.0}  # the third diverged: chance
