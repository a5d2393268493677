"""What `result.json` holds while a run searches and when it is done: the only place that puts it together."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

import neuralfinder
from neuralfinder.job.plan import Plan
from neuralfinder.job.settings import WORLD, Settings
from neuralfinder.job.verdict import not_yet
from neuralfinder.plain import as_json
from neuralfinder.search.archive import pareto_front
from neuralfinder.search.loop import Progress
from neuralfinder.training import files


def so_far(settings: Settings, plan: Plan, progress: Progress) -> dict[str, Any]:
    """What a search that goes on has found: its leader, which there must be."""
    leader, metric = progress.archive.best(1)[0], settings.by_metric
    reached = {metric.key("validation"): metric.told(leader.score)}
    row = {"status": "searching", **reached, "genome": leader.genome.key}
    return {**not_yet(leader.score, metric), **_about(settings, plan, progress), **row}


def done(
    settings: Settings,
    plan: Plan,
    progress: Progress,
    figures: Mapping[str, Any],
    *,
    data: tuple[str, Sequence[str]],
    device: str,
    seconds: Mapping[str, float],
    interrupted: bool,
) -> dict[str, Any]:
    """What a finished run has found, without the verdict on it.

    Args:
        settings: of the run.
        plan: of the run.
        progress: where the search ended.
        figures: about the winner and its rivals, see `job.figures`.
        data: their name, and what is said about them.
        device: in words.
        seconds: of search and finish, and in all, breaks between parts of the run left out.
        interrupted: whether the user ended the search.
    """
    name, notes = data
    return {
        "status": "done",
        **_about(settings, plan, progress),
        **figures,
        "pareto": pareto_front(progress.archive, settings.by_metric),
        "data": {"name": name, "notes": list(notes), **dataclasses.asdict(plan.task)},
        "device": device,
        "seconds": {**seconds, "training": progress.tally.took, "training_predicted": progress.tally.predicted},
        "interrupted": interrupted,
        "warnings": list(plan.warnings),
    }


def _about(settings: Settings, plan: Plan, progress: Progress) -> dict[str, Any]:
    return {
        "candidates": {**progress.strategy.counts, "stopped": progress.stopped},
        "budget_seconds": plan.budget_seconds,
        "seed": settings.seed,
        "preset": settings.preset,
        "strategy": settings.strategy or WORLD,
        "versions": {
            "neuralfinder": neuralfinder.__version__,
            "python": platform.python_version(),
            "torch": str(torch.__version__),  # plain, as the rest
            "numpy": np.__version__,
        },
    }


def write(folder: Path, outcome: Mapping[str, Any]) -> None:
    """Write `result.json` into a run folder, whole or not at all; raises as `files.write`."""
    files.write(folder / "result.json", as_json(outcome, indent=1))
