"""The experience that a run begins with: that of the package, and that which finished runs have left."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from neuralfinder.errors import InputError
from neuralfinder.job.forecast import winners_epochs
from neuralfinder.job.plan import Plan
from neuralfinder.job.presets import PRESETS
from neuralfinder.job.settings import Settings
from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.expectation import Expectation, Past, Row
from neuralfinder.networks.experience import Experience
from neuralfinder.networks.genome import Genome
from neuralfinder.search.events import Asked, Evaluated, Experienced, Finished, FullyTrained, Planned
from neuralfinder.search.record import Record
from neuralfinder.training.clock import steps_of_epoch
from neuralfinder.types import Candidate

SHIPPED, NONE = "default", "off"
"""What the setting `experience` may be beside a folder."""

DIVERGED = "diverged"
"""The `Result.failure` that says something of the network: it is as good as chance."""


def chosen_experience(settings: Settings) -> Experience | None:
    """What a run begins with, by its setting or else its preset; `None` for nothing.

    Raises:
        InputError: a folder that has no finished run, or a file that is no experience.
        RunFolderError: a record that cannot be read.
    """
    chosen = settings.experience or PRESETS[settings.preset].experience
    if chosen == NONE:
        return None
    if chosen == SHIPPED:
        return Experience.shipped()
    folder = Path(chosen)
    if folder.is_file():
        return _of_file(folder)
    gathered = shipped = Experience.shipped()
    for path in sorted({folder / "run.sqlite", *folder.glob("*/run.sqlite")}):
        if path.exists():
            with Record(path, readonly=True) as record:
                gathered += of_run(record)
    if gathered == shipped:
        raise InputError(
            "experience", given=chosen, expected=f"{SHIPPED}, {NONE}, a run folder, a folder of some, or a file",
            mend="name one with a finished run in it",
        )  # fmt: skip
    return gathered


def _of_file(path: Path) -> Experience:
    try:
        return Experience.of(json.loads(path.read_text("utf-8")))
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"experience {path}", given=f"no such file ({error})",
            expected="one as `benchmarks/experience.py make` writes it", mend="name another, or leave it out",
        ) from error  # fmt: skip


def of_run(record: Record) -> Experience:
    """What a finished run found out about networks; nothing of one that is not finished or scored none.

    Trainings that were stopped early have no score, and say nothing here; nor do those on pictures of half the side.
    """
    planned = record.latest(Planned)
    if planned is None or record.latest(Finished) is None:
        return Experience()
    plan = Plan.read(planned.plan)
    rows = tuple(_rows(record, plan))
    return Experience((Past(plan.task.train, plan.task.shape, plan.task.classes),), rows) if rows else Experience()


def _rows(record: Record, plan: Plan) -> Iterator[Row]:
    task, batch_size = plan.task, plan.training.batch_size
    candidates: dict[int, Candidate] = {}
    epochs = defaultdict[str, float](float)  # by genome: trainings of a race go on from where the last ended
    for event in record.events():
        match event:
            case Asked():
                candidates |= {candidate.id: candidate for candidate in event.candidates}
                continue
            case Evaluated():
                candidate = candidates[event.result.id]
                genome, fidelity = candidate.genome.key, candidate.fidelity
                epochs[genome] = fidelity.passes
            case FullyTrained() if event.in_race:
                genome = event.genome
                epochs[genome] += event.epochs
            case _:
                continue
        accuracy = 1 / task.classes if event.result.failure == DIVERGED else event.result.score
        if accuracy is not None and not event.result.half:
            steps = max(1, round(epochs[genome] * steps_of_epoch(task.train, 1.0, batch_size)))
            yield Row(0, genome, steps, accuracy)


def expectation(record: Record, plan: Plan, space: ChainSpace) -> Expectation | None:
    """What the recorded experience lets a run expect of networks, each trained for as long as a finalist may be."""
    known = record.latest(Experienced)
    return in_time(Experience.of(known.experience), plan, space) if known else None


def in_time(experience: Experience, plan: Plan, space: ChainSpace) -> Expectation | None:
    """What experience lets one expect of networks that are trained for as long as a finalist of the plan may be."""
    task = plan.task
    epoch = steps_of_epoch(task.train, 1.0, plan.training.batch_size)

    def steps(genome: Genome) -> float:
        return max(1.0, epoch * winners_epochs(plan, space, genome))

    return experience.expectation(task.train, task.shape, task.classes, steps)
