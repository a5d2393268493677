"""What a run begins with: experience of the package and of finished runs, and the best networks of an earlier one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from neuralfinder.errors import InputError, RunFolderError
from neuralfinder.job.factories import has_founders
from neuralfinder.job.forecast import winners_epochs
from neuralfinder.job.plan import Plan, Task
from neuralfinder.job.presets import PRESETS
from neuralfinder.job.settings import Settings
from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.expectation import Expectation, Past, Row
from neuralfinder.networks.experience import Experience
from neuralfinder.networks.genome import Genome, parse
from neuralfinder.plain import from_json
from neuralfinder.search.archive import read_archive
from neuralfinder.search.events import Asked, Descended, Evaluated, Experienced, Finished, FullyTrained, Planned
from neuralfinder.search.record import STRANGE, Record, as_written
from neuralfinder.training.clock import steps_of_epoch
from neuralfinder.types import Candidate

SHIPPED, NONE = "default", "off"
"""What the setting `experience` may be beside a folder."""

MOST_ANCESTORS = 4
"""Networks taken from an earlier run: few beside the founders of the smallest world, nine, for it was other data."""

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
            with Record(path, readonly=True) as record, as_written(path.parent):
                gathered += of_run(record)
    if gathered == shipped:
        raise InputError(
            "experience", given=chosen, expected=f"{SHIPPED}, {NONE}, a run folder, a folder of some, or a file",
            mend="name one with a finished run in it",
        )  # fmt: skip
    return gathered


def _of_file(path: Path) -> Experience:
    try:
        return Experience.of(from_json(path.read_text("utf-8")))
    except STRANGE as error:
        raise InputError(
            f"experience {path}", given=f"no such file ({error})",
            expected="one as `benchmarks/experience.py make` writes it", mend="name another, or leave it out",
        ) from error  # fmt: skip


def of_run(record: Record) -> Experience:
    """What a finished run found out about networks; nothing of one that is not finished or scored none.

    Trainings that were stopped early have no score, and say nothing here; nor do those on pictures of half the side.
    A run by another metric than accuracy tells which networks are better too: only the order of its scores counts.
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


@dataclass(frozen=True, slots=True)
class Earlier:
    """A finished run to start from: its name, the genomes of its winner and of the next best, and what it found out."""

    name: str
    genomes: tuple[str, ...]
    experience: Experience


def earlier_run(settings: Settings, task: Task) -> Earlier | None:
    """The run that the settings say to start from, if any.

    Raises:
        InputError: it was on other data in kind or in number of classes, or the strategy has no founders.
        RunFolderError: no run is there, or one that is not finished.
    """
    chosen = settings.start_from
    if chosen is None:
        return None
    if not has_founders(settings):
        raise InputError(
            "--from", given=f"used with strategy {settings.strategy}", expected="one that begins with founders",
            mend="leave it out, name the run as --experience, or choose another strategy",
        )  # fmt: skip
    with Record(Path(chosen) / "run.sqlite", readonly=True) as record, as_written(Path(chosen)):
        finished, planned = record.latest(Finished), record.latest(Planned)
        if not finished or not planned:
            raise RunFolderError(
                f"--from {chosen}", given="a run that is not finished", expected="a finished one",
                mend="let it end first",
            )  # fmt: skip
        before = Plan.read(planned.plan).task
        own, other = _about(task), _about(before)
        if own != other:
            raise InputError(
                f"--from {chosen}", given=f"a run on {other}", expected=f"one on {own}, as the data are",
                mend="name another run, or leave it out",
            )  # fmt: skip
        best = (entry.genome.key for entry in read_archive(record.events()).best(MOST_ANCESTORS))
        genomes = tuple(dict.fromkeys([finished.outcome["genome"], *best]))[:MOST_ANCESTORS]
        return Earlier(chosen, genomes, of_run(record))


def _about(task: Task) -> str:
    return f"{'texts' if task.shape.vocabulary else 'pictures'} of {task.classes} classes"


def ancestors(record: Record, space: ChainSpace) -> list[Genome]:
    """Those of the recorded genomes of an earlier run that are legal here, as they are written here."""
    known = record.latest(Descended)
    genomes = [space.canonical(parse(key)) for key in known.genomes] if known else []
    return list(dict.fromkeys(genome for genome in genomes if space.infeasible(genome) is None))


def ancestry_lines(record: Record, space: ChainSpace) -> list[str]:
    """What a run starts from, as a line of its plan; nothing where it is no other run."""
    known = record.latest(Descended)
    if not known or not known.genomes:
        return []
    legal = ancestors(record, space)
    lost = len(known.genomes) - len(legal)
    left_out = f"; {lost} of its best not possible here, or the same" if lost else ""
    first = ", ".join(genome.key for genome in legal) or "none"
    experienced = record.latest(Experienced)
    told = "its trainings are experience; " if experienced and experienced.experience["tasks"] else ""
    return [f"from      {known.run}: {told}first founders {first}{left_out}"]


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

    return experience.expectation(task.train, task.shape, task.classes, steps, shifts=plan.training.shifts)
