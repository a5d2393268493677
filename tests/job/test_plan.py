"""The plan fits the time, obeys the user, and survives the record."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuralfinder.errors import InputError
from neuralfinder.job.factories import make_space, make_strategy
from neuralfinder.job.forecast import last_looks, winners_share
from neuralfinder.job.plan import Plan, Speed, Task, TrainingStage, WorldStage, plan_lines
from neuralfinder.job.planner import LEAST_RUNG, SHORTEST_FINAL, batch_size_for, make_plan
from neuralfinder.job.settings import Settings
from neuralfinder.networks.cost import Cost, Rates
from neuralfinder.seeds import Seeds
from neuralfinder.training.clock import steps_in_all
from neuralfinder.training.recipes import RECIPES
from neuralfinder.types import Fidelity, Shape

RATES = Rates(step=1e-3, layer=1e-4, mac=1.3e-9, activation=8e-8)
CIFAR = Task(45_000, 5_000, 10_000, Shape(3, 32, 32), 10)
DIGITS = Task(1_150, 288, 359, Shape(1, 8, 8), 10)
FAST = RECIPES["fast"]


def plan_for(task: Task, seconds: float | None, **chosen: object) -> Plan:
    given = Settings(minutes=seconds and seconds / 60, **chosen)  # type: ignore[arg-type]
    batch_size = batch_size_for(task.train, given.recipes(task.shape)[0], given.batch_size)
    return make_plan(task, given, TrainingStage(batch_size), Speed(RATES), seconds)


def predicted(plan: Plan, size: Cost, rungs: int = 0) -> float:
    """Seconds of a candidate of this size."""
    task, batch_size = plan.task, plan.training.batch_size
    steps = steps_in_all(task.train, task.validation, batch_size, plan.search.fidelity, 10, rungs)
    return steps * plan.speed.rates.step_seconds(size)


@settings(max_examples=30, deadline=None)
@given(
    train=st.integers(20, 50_000),
    side=st.sampled_from([8, 28, 32, 64]),
    classes=st.integers(2, 100),
    seconds=st.floats(0, 3600),
)
@pytest.mark.thorough
def test_plan_fits_and_some_networks_are_always_legal(train: int, side: int, classes: int, seconds: float) -> None:
    task = Task(train, max(2, train // 9), max(2, train // 5), Shape(3, side, side), classes)
    plan = plan_for(task, max(seconds, 0.06))
    assert plan.search.seconds is not None
    assert plan.finish.seconds is not None
    spent = plan.search.seconds + plan.finish.seconds + plan.looks.seconds
    assert spent <= max(seconds, 0.06) * 1.001
    space = make_space(Settings(), task.shape, classes, RATES, plan.search.max_step_seconds)
    founders = space.founders(9, Seeds(0).stream("x"))
    assert all(space.infeasible(genome) is None for genome in founders)
    assert 0 < plan.search.fidelity.share <= 1
    assert plan.world.side >= 3


def test_retrainings_have_a_share_of_the_time() -> None:
    with_, without = (plan_for(CIFAR, 600.0, retrain=retrain) for retrain in (3, 0))
    for plan in (with_, without):
        assert plan.search.seconds is not None
        assert plan.finish.seconds is not None
        assert plan.search.seconds + plan.finish.seconds + plan.looks.seconds == pytest.approx(600)
    retrainings = 3 * (CIFAR.train + CIFAR.validation) / CIFAR.train  # they are on both parts
    assert with_.search.max_step_seconds < without.search.max_step_seconds / (0.5 * retrainings)


def test_planned_candidates_take_the_planned_time() -> None:
    for task, seconds in ((CIFAR, 600.0), (DIGITS, 120.0)):
        plan = plan_for(task, seconds)
        space = make_space(Settings(), task.shape, 10, RATES, plan.search.max_step_seconds)
        founders = space.founders(200, Seeds(1).stream("x"))
        costs = [space.cost(genome) for genome in founders]
        each = np.mean([predicted(plan, size, 2) for size in costs])
        assert plan.search.seconds is not None
        filled = each * plan.search.candidates / plan.search.seconds
        assert filled < 1.1
        assert filled + each / plan.search.seconds > 0.5  # children are planned larger than founders


@pytest.mark.parametrize("shape", [Shape(3, 64, 64), Shape(256, 1, 64, 20_000)])
def test_of_very_many_samples_candidates_see_a_part(shape: Shape) -> None:
    task = Task(200_000, 20_000, 20_000, shape, 10)
    plan = plan_for(task, 180.0)
    assert plan.search.fidelity.passes <= 0.2
    assert plan.search.candidates >= 3


def test_looks_of_early_judgement_are_predicted() -> None:
    plan = plan_for(CIFAR, 600.0)
    space = make_space(Settings(), CIFAR.shape, 10, RATES, plan.search.max_step_seconds)
    size = space.cost(space.smallest())
    without, with_ = (predicted(plan, size, rungs) for rungs in (0, 2))
    looks = 2 * 1000 / plan.training.batch_size / 3  # a look takes a third of a training step
    assert with_ - without == pytest.approx(looks * RATES.step_seconds(size))
    few = Task(800, 200, 200, CIFAR.shape, 10)  # no more are looked at than there are
    plan = plan_for(few, 600.0)
    without, with_ = (predicted(plan, size, rungs) for rungs in (0, 2))
    assert with_ - without == pytest.approx(2 * 200 / plan.training.batch_size / 3 * RATES.step_seconds(size))


def test_only_trainings_that_are_long_enough_are_stopped_early() -> None:
    for seconds in (30.0, 60.0, 600.0, 6000.0):
        plan = plan_for(CIFAR, seconds)
        steps = plan.search.fidelity.passes * (CIFAR.train // plan.training.batch_size)
        assert plan.search.early_stop == (steps / 4 >= LEAST_RUNG)
    assert not plan_for(DIGITS, 30.0).search.early_stop
    assert plan_for(CIFAR, 6000.0).search.early_stop
    assert not plan_for(CIFAR, 6000.0, options={"early_stop": False}).search.early_stop


def test_last_looks_have_their_time_and_several_views_only_where_that_is_little() -> None:
    test = CIFAR.test / 128 / 3  # steps that a look at the test part lasts as long as
    for seconds, several in ((60.0, False), (3600.0, True)):
        looks = last_looks(0.1, 0.05, CIFAR, TrainingStage(128), True, seconds)
        # rivals have the validation part alone, where time is short
        assert looks > (6 if several else 1) * test * 0.1 + several * test * 0.15
        assert (looks > last_looks(0.1, 0.04, CIFAR, TrainingStage(128), True, seconds)) is several
        plan = plan_for(CIFAR, seconds)
        assert 0 < plan.looks.seconds <= 0.25 * seconds


def test_largest_legal_network_has_time_for_the_shortest_final_training() -> None:
    plan = plan_for(CIFAR, 600.0)
    assert plan.finish.seconds is not None
    final_seconds = winners_share(plan.finish.finalists + 1) * plan.finish.seconds
    assert SHORTEST_FINAL * (CIFAR.train // plan.training.batch_size) * plan.search.max_step_seconds <= final_seconds


def test_more_minutes_never_mean_fewer_candidates_or_smaller_networks() -> None:
    plans = [plan_for(CIFAR, 60.0 * minutes) for minutes in (1, 5, 20, 60, 300)]
    for less, more in pairwise(plans):
        assert more.search.max_step_seconds >= less.search.max_step_seconds
        passes = [
            plan.search.candidates * plan.search.fidelity.epochs * plan.search.fidelity.share for plan in (less, more)
        ]
        assert passes[0] <= passes[1]


def test_users_numbers_win() -> None:
    wanted = {"candidates": 7, "epochs": 3, "share": 0.25, "finalists": 4, "final_epochs": 9, "world_size": 5}
    plan = plan_for(CIFAR, 600.0, **wanted, rounds=11, batch_size=64, retrain=2)
    assert (plan.search.candidates, plan.search.fixed, plan.search.fidelity) == (7, True, Fidelity(3, 0.25))
    assert (plan.finish.finalists, plan.finish.epochs, plan.finish.retrainings) == (4, 9, 2)
    assert (plan.world, plan.training.batch_size) == (WorldStage(5, 11), 64)


def test_too_little_time_is_said() -> None:
    assert "very little time" in plan_for(CIFAR, 20.0).warnings[0]
    assert any("warning" in line for line in plan_lines(plan_for(CIFAR, 20.0)))
    assert not plan_for(DIGITS, 120.0).warnings


def test_published_preset_is_as_published() -> None:
    plan = plan_for(CIFAR, None, preset="seed-2017")
    assert (plan.search.fidelity, plan.training.batch_size) == (Fidelity(100), 32)
    assert (plan.world, plan.finish.retrainings) == (WorldStage(7, 150), 3)
    assert math.isinf(plan.search.max_step_seconds)
    assert plan.finish.epochs == plan.search.fidelity.epochs  # the archive's network is not trained again


def test_plan_survives_the_record() -> None:
    for plan in (plan_for(CIFAR, 600.0), plan_for(DIGITS, None, candidates=3), plan_for(CIFAR, 20.0)):
        assert Plan.read(json.loads(json.dumps(plan.plain(), allow_nan=False))) == plan


@pytest.mark.parametrize(("train", "batch"), [(10, 10), (300, 16), (1_150, 64), (5_000, 128), (50_000, 128)])
def test_small_data_get_small_batches(train: int, batch: int) -> None:
    assert batch_size_for(train, FAST, None) == batch


@pytest.mark.parametrize(
    ("chosen", "match"),
    [
        ({"minutes": 0}, "minutes is 0; expected a number more than 0, at most 1,000,000; change it"),
        ({"minutes": math.nan}, "minutes is nan; expected a number more than 0"),
        ({"minutes": math.inf}, "minutes is inf"),
        ({"candidates": 0}, "candidates is 0; expected a whole number between 1 and 10,000,000"),
        ({"seed": -1}, "seed is -1; expected a whole number at least 0"),
        ({"share": 1.5}, "share is 1.5; expected a number more than 0, at most 1"),
        ({"preset": "fats"}, "did you mean 'fast'"),
        ({"strategy": "artifical-life"}, "did you mean 'artificial-life'"),
        ({"options": {"boundry": "clip"}}, "did you mean 'boundary'"),
    ],
)
def test_wrong_settings_are_refused(chosen: dict[str, object], match: str) -> None:
    with pytest.raises(InputError, match=match):
        Settings(**chosen)  # type: ignore[arg-type]


def test_options_reach_strategy_and_space() -> None:
    options = {"boundary": "clip", "r": 0.01, "max_macs": 123, "alphabet": "s21"}
    given = Settings(preset="seed-2017", options=options)
    space = make_space(given, Shape(3, 32, 32), 10, Rates(), math.inf)
    strategy = make_strategy(given, space, Fidelity(1), 5, 3)
    assert (space.max_macs, 48 in space.filters) == (123, True)
    assert strategy.world.neighbours((0, 0)) == [(0, 1), (1, 0), (1, 1)]  # type: ignore[attr-defined]
    assert strategy.r == 0.01  # type: ignore[attr-defined]


@pytest.mark.parametrize("preset", ["fast", "seed-2017"])
def test_time_of_a_pretrained_rival_is_kept_and_the_rest_planned_as_without_it(preset: str) -> None:
    given, training = Settings(minutes=10.0, preset=preset), TrainingStage(64)
    beside = make_plan(DIGITS, given, training, Speed(RATES), 600.0, 90.0)
    alone = make_plan(DIGITS, given, training, Speed(RATES), 510.0)
    assert (beside.looks.rival, alone.looks.rival) == (90.0, 0.0)
    assert beside.looks.seconds == pytest.approx(alone.looks.seconds + 90.0)
    assert (beside.search, beside.finish, beside.work) == (alone.search, alone.finish, alone.work)
    assert Plan.read(json.loads(json.dumps(beside.plain()))) == beside
    assert "rival     a pre-trained network beside the winner has 90 s of the time" in plan_lines(beside)
    assert not [line for line in plan_lines(alone) if line.startswith("rival")]


def test_a_plan_recorded_before_there_were_rivals_is_read() -> None:
    plain = plan_for(DIGITS, 60.0).plain()
    del plain["looks"]["rival"]
    assert Plan.read(plain) == plan_for(DIGITS, 60.0)
