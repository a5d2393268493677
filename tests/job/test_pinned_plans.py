"""The numbers of a plan and of its forecasts, pinned: `NEW_PLANS=1 pytest tests/job/test_pinned_plans.py` pins anew."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from neuralfinder.job.finish import (
    _baseline_share,
    _epochs_within,
    _longest_final,
    _time_of_others,
    seconds_needed,
)
from neuralfinder.job.plan import Plan, Task, batch_size_for, make_plan, predict_seconds, retraining
from neuralfinder.job.presets import PRESETS, Settings, make_space
from neuralfinder.networks.chains import small_network
from neuralfinder.networks.cost import Rates
from neuralfinder.search.archive import Archive
from neuralfinder.seeds import Seeds
from neuralfinder.types import Candidate, Fidelity, Result, Shape

GOLDEN = Path(__file__).parent.parent / "golden" / "plans.json"

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
    recipe = PRESETS[given.preset].recipes(task.shape)[0]
    batch_size = batch_size_for(task.train, recipe, given.batch_size)
    return make_plan(task, given, recipe, batch_size, rates, minutes and 60 * minutes - 2.5, SLOW_MACHINE)


def numbers(plan: Plan) -> dict[str, Any]:
    """Every number, by name."""
    return {
        "batch_size": plan.batch_size,
        "candidates": plan.candidates,
        "candidates_fixed": plan.candidates_fixed,
        "epochs": plan.epochs,
        "share": plan.share,
        "search_seconds": plan.search_seconds,
        "training_seconds": plan.training_seconds,
        "max_step_seconds": None if math.isinf(plan.max_step_seconds) else plan.max_step_seconds,
        "finalists": plan.finalists,
        "final_epochs": plan.final_epochs,
        "finish_seconds": plan.finish_seconds,
        "measuring_seconds": plan.measuring_seconds,
        "world_size": plan.world_size,
        "rounds": plan.rounds,
        "retrain": plan.retrain,
        "baseline_views": plan.baseline_views,
        "warnings": list(plan.warnings),
    }


def forecasts(name: str, plan: Plan) -> dict[str, Any]:
    """What the plan says of three networks of its space: of their short and full trainings and of the finish."""
    task, minutes, rates, chosen = CASES[name]
    given = Settings(minutes=minutes, **chosen)
    recipe, final = PRESETS[given.preset].recipes(task.shape)
    space = make_space(given, task.shape, task.classes, rates, plan.max_step_seconds, SLOW_MACHINE)
    archive = Archive()
    for id_, genome in enumerate(dict.fromkeys(space.founders(3, Seeds(1).stream("pins")))):
        candidate = Candidate(id_, genome, "init", (), 0, plan.fidelity)
        archive.add(candidate, Result(id_, 0.9 - 0.1 * id_, done=0.5 if id_ == 1 else 1.0))
    leaders = archive.best(3)
    setup = SimpleNamespace(
        train=range(task.train), validation=range(task.validation), classes=task.classes, recipe=final
    )
    bench: Any = BenchLike(plan, setup, space, 1.25, 0.0)
    needed = seconds_needed(bench, leaders)
    bench = dataclasses.replace(bench, seconds=0.4 * needed)
    longest = _longest_final(bench, leaders)
    genome = leaders[0].genome
    return {
        "networks": [entry.genome.key for entry in leaders],
        "candidates": [
            predict_seconds(plan, space.cost(entry.genome), task, plan.fidelity, recipe.measures, 2)
            for entry in leaders
        ],
        "full": [
            1.25 * predict_seconds(plan, space.cost(entry.genome), task, Fidelity.of(2.5), final.measures)
            for entry in leaders
        ],
        "finish": needed,
        "others": _time_of_others(bench, leaders, math.inf),
        "by hand": small_network(space).key,
        "share by hand": _baseline_share(bench, genome),
        "longest": longest,
        "epochs": [_epochs_within(bench, entry.genome, longest, plan.final_epochs) for entry in leaders],
    }


@dataclasses.dataclass
class BenchLike:
    plan: Plan
    setup: Any
    space: Any
    pace: float
    seconds: float

    @property
    def retraining(self) -> float:
        return retraining(self.plan.retrain, len(self.setup.train), len(self.setup.validation))


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
