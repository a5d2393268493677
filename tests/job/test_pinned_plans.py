"""The numbers of a plan and of its forecasts, pinned: `NEW_PLANS=1 pytest tests/job/test_pinned_plans.py` pins anew."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from pathlib import Path
from typing import Any

import pytest

from neuralfinder.job.factories import make_space
from neuralfinder.job.forecast import Forecast, winners_share
from neuralfinder.job.plan import Plan, Speed, Task, TrainingStage
from neuralfinder.job.planner import batch_size_for, make_plan
from neuralfinder.job.settings import Settings
from neuralfinder.networks.cost import Rates
from neuralfinder.search.archive import Archive
from neuralfinder.seeds import Seeds
from neuralfinder.training.clock import Tally
from neuralfinder.types import Candidate, Result, Shape

GOLDEN = Path(__file__).parent.parent / "golden" / "plans" / "plans.json"

FAST_MACHINE = Rates(step=1e-3, layer=1e-4, mac=1.3e-9, activation=8e-8, update=1e-10)
SLOW_MACHINE = Rates(step=3e-3, layer=4e-4, mac=1e-8, activation=4e-7, update=1e-9)

CIFAR = Task(45_000, 5_000, 10_000, Shape(3, 32, 32), 10)
DIGITS = Task(1_150, 288, 359, Shape(1, 8, 8), 10)
LARGE = Task(8_000, 1_000, 1_500, Shape(3, 64, 64), 100)
TREC = Task(4_379, 1_073, 500, Shape(256, 1, 24, 6_000), 6)

CASES: dict[str, tuple[Task, float | None, Rates, dict[str, Any]]] = {
    "cifar 1 minute": (CIFAR, 1, FAST_MACHINE, {}),
    "cifar 10 minutes": (CIFAR, 10, FAST_MACHINE, {}),
    "cifar 60 minutes": (CIFAR, 60, FAST_MACHINE, {}),
    "cifar 2 minutes, slow": (CIFAR, 2, SLOW_MACHINE, {}),
    "cifar 300 minutes, slow": (CIFAR, 300, SLOW_MACHINE, {"retrain": 2}),
    "digits 1 minute": (DIGITS, 1, FAST_MACHINE, {}),
    "digits 5 minutes, rich": (DIGITS, 5, FAST_MACHINE, {"preset": "rich"}),
    "digits, 30 candidates": (DIGITS, None, FAST_MACHINE, {"candidates": 30}),
    "digits 2 minutes, given": (
        DIGITS, 2, FAST_MACHINE, {"candidates": 7, "epochs": 3, "share": 0.25, "finalists": 4, "final_epochs": 9,
        "world_size": 5, "rounds": 11, "batch_size": 32},
    ),
    "large 10 minutes": (LARGE, 10, SLOW_MACHINE, {"options": {"early_stop": False}}),
    "trec 10 minutes": (TREC, 10, FAST_MACHINE, {}),
    "trec 1 minute, slow": (TREC, 1, SLOW_MACHINE, {}),
    "2017 without limit": (CIFAR, None, FAST_MACHINE, {"preset": "seed-2017"}),
    "2017, 10 minutes": (DIGITS, 10, FAST_MACHINE, {"preset": "seed-2017", "candidates": 12, "epochs": 4}),
}  # fmt: skip


def plan_of(name: str) -> Plan:
    task, minutes, rates, chosen = CASES[name]
    given = Settings(minutes=minutes, **chosen)
    recipe = given.recipes(task.shape)[0]
    training = TrainingStage(batch_size_for(task.train, recipe, given.batch_size))
    return make_plan(task, given, training, Speed(rates, SLOW_MACHINE), minutes and 60 * minutes - 2.5)


def numbers(plan: Plan) -> dict[str, Any]:
    """Every number, by name."""
    cap = plan.search.max_step_seconds
    return {
        "batch_size": plan.training.batch_size,
        "candidates": plan.search.candidates,
        "candidates_fixed": plan.search.fixed,
        "epochs": plan.search.fidelity.epochs,
        "share": plan.search.fidelity.share,
        "search_seconds": plan.search.seconds,
        "training_seconds": plan.work,
        "max_step_seconds": None if math.isinf(cap) else cap,
        "finalists": plan.finish.finalists,
        "final_epochs": plan.finish.epochs,
        "finish_seconds": plan.finish.seconds,
        "measuring_seconds": plan.looks.seconds,
        "world_size": plan.world.side,
        "rounds": plan.world.rounds,
        "retrain": plan.finish.retrainings,
        "warnings": list(plan.warnings),
    }


def forecasts(name: str, plan: Plan) -> dict[str, Any]:
    """What is foreseen for three networks of the space: their short and full trainings, the finish and the race."""
    task, minutes, rates, chosen = CASES[name]
    given = Settings(minutes=minutes, **chosen)
    recipes = given.recipes(task.shape)
    space = make_space(given, task.shape, task.classes, rates, plan.search.max_step_seconds, SLOW_MACHINE)
    archive = Archive()
    for id_, genome in enumerate(dict.fromkeys(space.founders(3, Seeds(1).stream("pins")))):
        candidate = Candidate(id_, genome, "init", (), 0, plan.search.fidelity, bars=(0.0, 0.0))
        archive.add(candidate, Result(id_, 0.9 - 0.1 * id_, done=0.5 if id_ == 1 else 1.0))
    leaders = archive.best(3)
    genomes = [entry.genome for entry in leaders]
    before = Forecast(plan, space, *recipes)
    forecast = dataclasses.replace(before, tally=Tally(1.0, 1.25, 5))
    forecast = dataclasses.replace(forecast, work=0.4 * max(map(forecast.finish, genomes)))
    seconds = winners_share(len(genomes) + 1) * forecast.for_race().left
    return {
        "networks": [genome.key for genome in genomes],
        "candidates": [before.candidate(entry.candidates[0]) for entry in leaders],
        "full": [forecast.full(genome, 2.5) for genome in genomes],
        "finish": [forecast.finish(genome) for genome in genomes],
        "by hand": forecast.by_hand.key,
        "racing": forecast.for_race().left,
        "epochs": [forecast.epochs_within(each, seconds, plan.finish.epochs, forecast.final) for each in genomes],
    }


@pytest.mark.parametrize("name", CASES)
def test_a_plan_comes_to_the_pinned_numbers(name: str) -> None:
    plan = plan_of(name)
    found = {"plan": numbers(plan), "forecast": forecasts(name, plan)}
    pinned = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    if os.environ.get("NEW_PLANS"):
        GOLDEN.write_text(json.dumps({**pinned, name: found}, indent=1) + "\n")
        return
    expected = pinned[name]
    for kind, values in found.items():
        assert values.keys() == expected[kind].keys()
        for key, value in values.items():
            wanted = expected[kind][key]
            close = key not in ("networks", "warnings", "by hand") and wanted is not None
            assert value == (pytest.approx(wanted, rel=1e-9) if close else wanted), f"{kind}: {key}"
