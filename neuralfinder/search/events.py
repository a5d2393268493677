"""The events of a run: one frozen class a kind, the only place that knows the names and the fields of kinds.

What a room above owns - the report on the data, the plan, the outcome - stands here as the plain values that this room
writes and reads.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self, TypeVar, get_type_hints

from neuralfinder.errors import RunFolderError
from neuralfinder.networks.genome import parse
from neuralfinder.plain import checked, checked_fields
from neuralfinder.types import Candidate, Fidelity, Line, Result

Values = Mapping[str, Any]
"""Plain values: what JSON can hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened in a run.

    Attributes:
        kind: its name in the record.
        number: counts the events of a record from 1; 0 before it is written.
        time: when it was written, in seconds since the epoch (UTC).
    """

    kind: ClassVar[str]
    number: int = field(default=0, compare=False)
    time: float = field(default=0.0, compare=False)

    def plain(self) -> dict[str, Any]:
        """Its fields as plain values for the record."""
        return {name: _plain(getattr(self, name)) for name in _fields(type(self))}

    @classmethod
    def of(cls, line: Line) -> Self:
        """The event that a line of a record holds.

        Raises:
            RunFolderError: the line lacks what the kind has, or has what it lacks.
        """
        try:
            values = checked_fields(line.data, _kinds(cls), _later(cls))  # type: ignore[arg-type]  # they are hashable
            values |= {name: read(values[name]) for (kind, name), (_, read) in _READERS.items() if kind is cls}
            return cls(**values, number=line.number, time=line.time)
        except ValueError as error:
            raise RunFolderError(
                f"event {line.number} of the record", given=f"spoilt ({error})", expected=f"an event `{cls.kind}`",
                mend="restore the record, or name another run folder",
            ) from error  # fmt: skip


class Whole(Event):
    """An event whose line is one mapping, that of its only field."""

    __slots__ = ()

    def plain(self) -> dict[str, Any]:
        """The mapping itself."""
        (name,) = _fields(type(self))
        return dict(getattr(self, name))

    @classmethod
    def of(cls, line: Line) -> Self:
        """The event that a line of a record holds."""
        (name,) = _fields(cls)
        return cls(**{name: line.data}, number=line.number, time=line.time)


@dataclass(frozen=True, slots=True)
class Begun(Event):
    """A run began; where there are several, data or settings were mended before anything rested on them.

    `data` is the name of the data, `address` where they are, empty for arrays.
    """

    kind = "run"
    data: str
    fingerprint: str
    settings: Values
    address: Values
    version: str


@dataclass(frozen=True, slots=True)
class DataRead(Whole):
    """The data were read and examined: `data.doctor.report`."""

    kind = "data"
    report: Values


@dataclass(frozen=True, slots=True)
class Planned(Whole):
    """The machine was measured and the run planned: `job.plan.Plan.plain`."""

    kind = "plan"
    plan: Values


@dataclass(frozen=True, slots=True)
class Experienced(Whole):
    """The run began with this experience of other tasks: `networks.experience.Experience.plain`.

    What is proposed rests on it, so a run that goes on reads it here: the package's may be another by then.
    """

    kind = "experience"
    experience: Values


@dataclass(frozen=True, slots=True)
class Descended(Event):
    """The run began with genomes of another, the winner first, by its name; none where it has no such.

    What is proposed rests on them, so a run that goes on reads them here: the other may be gone by then.
    """

    kind = "ancestors"
    run: str
    genomes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Asked(Event):
    """The strategy was asked for `n` candidates; `notes` say what it decided without training."""

    kind = "asked"
    n: int
    candidates: tuple[Candidate, ...]
    notes: tuple[Values, ...]


@dataclass(frozen=True, slots=True)
class Evaluated(Event):
    """A candidate was trained, or failed."""

    kind = "result"
    result: Result

    def plain(self) -> dict[str, Any]:
        """The result itself."""
        return _plain_result(self.result)

    @classmethod
    def of(cls, line: Line) -> Self:
        """As `Event.of`."""
        return super(Evaluated, cls).of(dataclasses.replace(line, data={"result": line.data}))


@dataclass(frozen=True, slots=True)
class Stopped(Event):
    """The search stopped: why, and how many candidates it trained at once."""

    kind = "stop"
    reason: str
    slots: int


@dataclass(frozen=True, slots=True)
class FullyTrained(Event):
    """A training of the finish, planned for so many epochs; its weights are in the store under `name`.

    `weights` is their fingerprint, `None` where the training failed.
    """

    kind = "final"
    name: str
    genome: str
    epochs: float
    weights: str | None
    result: Result

    @property
    def in_race(self) -> bool:
        """Whether it was to choose the winner: not the winner's last training, and no retraining."""
        return self.name.startswith(("final-", "by-hand-"))


@dataclass(frozen=True, slots=True)
class Answered(Event):
    """The winner answered about the test part: `confusion` has a row for each true class, see `job.answers`.

    Records of older versions have the first three alone.
    """

    kind = "answers"
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    mistakes: tuple[Values, ...]
    others: tuple[tuple[str, int, int, float], ...] = ()
    rightly: tuple[Values, ...] = ()
    sure: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Finished(Whole):
    """The run is over: the contents of `result.json`."""

    kind = "finished"
    outcome: Values


@dataclass(frozen=True, slots=True)
class Removal:
    """The winner without the gene at `place`, or whole where this is `None`.

    `score` is its validation accuracy after as much training as a candidate got, 0..1; without one, `why` says why.
    `change` is the score less that of the whole winner, `noise` two standard errors of it; `None` where one is missing.
    """

    place: int | None
    gene: str
    genome: str
    score: float | None
    why: str = ""
    change: float | None = None
    noise: float | None = None


@dataclass(frozen=True, slots=True)
class Ablated(Event):
    """The winner was trained again without each of its genes; may come days after the end."""

    kind = "ablation"
    rows: tuple[Removal, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """The winner trained anew on so many samples: its validation accuracy, 0..1; without one, `why` says why."""

    samples: int
    score: float | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Extrapolated(Event):
    """The winner was trained on shares of the training part, the smallest first; may come days after the end.

    Each had so many `steps`, and was measured on so many `validation` samples, of which the run's winner `reached` a
    share of 0..1.
    """

    kind = "enough"
    validation: int
    reached: float
    steps: int
    shares: tuple[Share, ...]

    @property
    def scored(self) -> tuple[Share, ...]:
        """Those that could be trained."""
        return tuple(share for share in self.shares if share.score is not None)


LATER = (Ablated, Extrapolated)
"""What may come long after the end of a run."""

KINDS: dict[str, type[Event]] = {
    kind.kind: kind
    for kind in (
        Begun, DataRead, Planned, Experienced, Descended, Asked, Evaluated, Stopped, FullyTrained, Answered, Finished,
        Ablated, Extrapolated,
    )
}  # fmt: skip
"""The kinds of event that a run has."""

E = TypeVar("E", bound=Event)


def understood(lines: Iterable[Line]) -> Iterator[Event]:
    """The events in lines of a run's record.

    Raises:
        RunFolderError: as `Event.of`, or of a kind that no run has.
    """
    for line in lines:
        if line.kind not in KINDS:
            raise RunFolderError(
                f"event {line.number} of the record", given=f"of kind `{line.kind}`",
                expected=", ".join(KINDS), mend="update NeuralFinder, or name another run folder",
            )  # fmt: skip
        yield KINDS[line.kind].of(line)


def candidate_row(candidate: Candidate) -> dict[str, object]:
    """A candidate as plain values for the record."""
    return {
        "id": candidate.id,
        "genome": candidate.genome.key,
        "operator": candidate.operator,
        "parents": list(candidate.parents),
        "seed": candidate.seed,
        "epochs": candidate.fidelity.epochs,
        "share": candidate.fidelity.share,
        "repeat": candidate.repeat,
        **({"rate": candidate.rate} if candidate.rate != 1 else {}),
        "inherits": list(candidate.inherits),
        "bars": list(candidate.bars),
    }


_CANDIDATE: dict[str, Any] = {
    "id": int, "genome": str, "operator": str, "parents": tuple[str, ...], "seed": int, "epochs": int, "share": float,
    "repeat": int, "rate": float, "inherits": tuple[int, ...], "bars": tuple[float, ...],
}  # fmt: skip
"""The row of a candidate."""


def _read_candidate(row: Values) -> Candidate:
    values = checked_fields(row, _CANDIDATE, ["rate"], "candidate")
    fidelity = Fidelity(values.pop("epochs"), values.pop("share"))
    return Candidate(**{**values, "genome": parse(values["genome"]), "fidelity": fidelity})


def _plain_result(result: Result) -> dict[str, Any]:
    return {name: _plain(value) for name, value in dataclasses.asdict(result).items()}


def _read_result(values: Values) -> Result:
    if missing := {"curve", "rungs", "milliseconds"} - values.keys():  # which have a default, and are always written
        raise ValueError(f"result.{min(missing)} is missing")
    result: Result = checked(values, Result, "result")
    return result


_READERS: dict[tuple[type[Event], str], tuple[Any, Callable[[Any], Any]]] = {
    (Asked, "candidates"): (tuple[Values, ...], lambda rows: tuple(map(_read_candidate, rows))),
    (Evaluated, "result"): (Values, _read_result),
    (FullyTrained, "result"): (Values, _read_result),
}
"""The types of fields as they are written, where these are others than those of the class, and how they are read."""


@functools.cache
def _kinds(cls: Any) -> dict[str, Any]:
    """The types of a kind's own fields, as they are written."""
    hints = get_type_hints(cls)
    return {name: _READERS[cls, name][0] if (cls, name) in _READERS else hints[name] for name in _fields(cls)}


@functools.cache
def _later(cls: Any) -> list[str]:
    """Fields that records of older versions lack: those with a default."""
    return [each.name for each in dataclasses.fields(cls) if each.default is not dataclasses.MISSING]


def _plain(value: Any) -> Any:
    match value:
        case Candidate():
            return candidate_row(value)
        case Result():
            return _plain_result(value)
        case Removal() | Share():
            return dataclasses.asdict(value)
        case tuple() | list():
            return [_plain(each) for each in value]
        case Mapping():
            return {name: _plain(each) for name, each in value.items()}
        case _:
            return value


def _fields(kind: type[Event]) -> list[str]:
    """The names of a kind's own fields."""
    return [each.name for each in dataclasses.fields(kind) if each.name not in ("number", "time")]
