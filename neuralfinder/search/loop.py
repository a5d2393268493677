"""The one loop: ask, record, train, record, tell."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, CancelledError, wait
from contextlib import suppress
from dataclasses import dataclass, field

from neuralfinder.errors import RunFolderError
from neuralfinder.networks.cost import BYTES_EACH
from neuralfinder.search.archive import Archive, Entry
from neuralfinder.search.early_stopping import EarlyStopping
from neuralfinder.search.events import Asked, Evaluated, Event, Stopped
from neuralfinder.search.executors import Evaluation, Executor, outcome
from neuralfinder.search.record import Record
from neuralfinder.strategies.base import Strategy
from neuralfinder.training.clock import Tally
from neuralfinder.types import Candidate, Result

HEARTBEAT = 0.2
"""Seconds between looks at the clock and the keyboard while trainings run."""

WEIGHTS_CAP = 8 << 30
"""Bytes kept on disk during a search: more than enough for a world of networks of some million numbers."""

COPIES = 5
"""Of all weights that a training leaves: averaged twice, as they are, and what the optimiser knows, at most two."""


@dataclass
class Limits:
    """When a search stops asking.

    Attributes:
        candidates: trainings, `None` without a limit.
        work: seconds of training that there are for all candidates asked, as predicted and corrected by
            `Tally.pace`, of each of the slots; may depend on what has been found.
        deadline: in seconds of `time.monotonic`; may depend on it too.
        interrupted: whether the user asked to stop.
    """

    candidates: int | None = None
    work: Callable[[Progress], float] = lambda _: math.inf
    deadline: Callable[[Progress], float] = lambda _: math.inf
    interrupted: Callable[[], bool] = lambda: False


@dataclass
class Progress:
    """Where a search stands: rebuilt by `replay`, moved on by `search`.

    Attributes:
        strategy: a fresh one at first.
        predict: seconds a candidate is predicted to take.
        inherit: whether children start from the weights of their parents.
        early_stopping: sets the bars that trainings must clear; `None` lets all of them run to the end.
        leaders: those of the archive that keep their weights, dead or alive.
        rival: key of a genome that keeps its weights beside them.
        archive: all results.
        open: candidates without a result, by id.
        asked: candidates so far.
        work: predicted seconds of training so far; what was stopped early counts by the share that was done.
        tally: of these, the seconds of candidates with a result, and what they really took.
        stopped: trainings that ended early because they were behind.
        stored: ids of the trainings whose weights are kept, and their bytes.
        heirs: by genome, worth and id of the training whose weights its children start from: the first that has a
            score, or else the first that was stopped early.
        last: the training that ended last.
    """

    strategy: Strategy
    predict: Callable[[Candidate], float] = lambda _: 0.0
    inherit: bool = False
    early_stopping: EarlyStopping | None = None
    leaders: Callable[[Archive], list[Entry]] = lambda archive: archive.best(1)
    rival: str = ""
    archive: Archive = field(default_factory=Archive)
    open: dict[int, Candidate] = field(default_factory=dict)
    asked: int = 0
    work: float = 0.0
    tally: Tally = field(default_factory=Tally)
    stopped: int = 0
    stored: dict[int, int] = field(default_factory=dict)
    heirs: dict[str, tuple[float, int]] = field(default_factory=dict)
    last: tuple[Candidate, Result] | None = None

    def ask(self, n: int) -> Asked:
        """Ask the strategy; returns the event for the record."""
        candidates = [self._prepare(candidate) for candidate in self.strategy.ask(n)]
        self.open |= {candidate.id: candidate for candidate in candidates}
        self.asked += len(candidates)
        self.work += sum(self.predict(candidate) for candidate in candidates)
        return Asked(n, tuple(candidates), tuple(self.strategy.notes))

    def _prepare(self, candidate: Candidate) -> Candidate:
        """Say whose weights it starts from and which bars it must clear."""
        ids = list(candidate.inherits)
        if self.inherit and not ids:
            ids = [self.heirs[key][1] for key in dict.fromkeys(candidate.parents) if key in self.heirs]
        candidate = dataclasses.replace(candidate, inherits=tuple(id_ for id_ in ids if id_ in self.stored))
        # a genome is trained again for one more score, and some strategies learn from how large all scores are
        known = self.archive.find(candidate.genome.key)
        if self.early_stopping and not known and not self.strategy.learns_from_values:
            candidate = dataclasses.replace(candidate, bars=self.early_stopping.bars(candidate))
        return candidate

    def tell(self, result: Result) -> None:
        """Hand a result to strategy and archive."""
        candidate = self.open.pop(result.id)
        predicted = self.predict(candidate)
        self.work -= (1 - result.done) * predicted
        self.tally = self.tally.plus(result.done * predicted, result.seconds)
        self.stopped += result.stopped
        self.archive.add(candidate, result)
        key = candidate.genome.key
        if result.failure is None and (key not in self.heirs or self.heirs[key][0] < 0 <= result.worth):
            self.heirs[key] = result.worth, result.id
        if self.early_stopping:
            self.early_stopping.learn(candidate, result)
        self.strategy.tell([result])
        self._choose_stored(result)
        self.last = candidate, result

    @property
    def work_at_pace(self) -> float:
        """Seconds that all candidates asked are expected to take."""
        return self.work * self.tally.pace

    def needed(self) -> set[int]:
        """Ids of the trainings whose weights must not be deleted now."""
        return set(self.stored).union(self.open, *(candidate.inherits for candidate in self.open.values()))

    def _choose_stored(self, result: Result) -> None:
        """Weights are kept of leaders first, then of living networks from the best down, up to the cap."""
        if result.failure is None:
            self.stored[result.id] = COPIES * BYTES_EACH * result.parameters
        rival = self.archive.find(self.rival)
        wanted = [entry.candidates[0].id for entry in [*self.leaders(self.archive), *([rival] if rival else [])]]
        if self.inherit:
            living = [self.heirs[key] for key in self.strategy.living() if key in self.heirs]
            wanted += [id_ for _, id_ in sorted(living, key=lambda heir: (-heir[0], heir[1]))]
        kept, room = dict[int, int](), WEIGHTS_CAP
        for id_ in [*wanted, *self.strategy.heirlooms()]:
            size = self.stored.get(id_, math.inf)
            if id_ not in kept and size <= room:
                kept[id_] = int(size)
                room -= int(size)
        self.stored = kept


def replay(progress: Progress, events: Iterable[Event]) -> None:
    """Bring a fresh strategy to where the record is.

    Raises:
        RunFolderError: the strategy proposes something else now than the record says: the code has changed.
    """
    for event in events:
        if isinstance(event, Asked):
            if progress.ask(event.n).plain() != event.plain():
                raise RunFolderError(
                    f"event {event.number} of the record",
                    given="another proposal than this version makes from the same seed and results",
                    expected="the same",
                    mend="resume with the version that began the run, or begin a new run",
                )
        elif isinstance(event, Evaluated):
            progress.tell(event.result)


def search(
    progress: Progress, executor: Executor, evaluate: Evaluation, record: Record, limits: Limits, slots: int = 1
) -> Iterable[Progress]:
    """Ask, train and tell until a limit is met; yields after every ask, result and heartbeat.

    The record is written before the strategy is told. The last event is `stop`, with the reason and the slots.
    """
    # candidates asked before a kill were never answered: they go first
    futures = {executor.submit(evaluate, candidate): candidate.id for candidate in progress.open.values()}
    reason = ""
    while True:
        # asked only when there is room, so that when a training ends, and not when the clock was looked at, decides
        if len(futures) < slots:
            reason = reason or _reason_to_stop(progress, limits, slots)
        if not reason and len(futures) < slots:
            wanted = math.inf if limits.candidates is None else limits.candidates - progress.asked
            event = progress.ask(int(min(slots - len(futures), wanted)))
            if event.candidates or event.notes:
                record.write(event)
            fresh = [candidate for id_, candidate in progress.open.items() if id_ not in futures.values()]
            futures |= {executor.submit(evaluate, candidate): candidate.id for candidate in fresh}
            reason = "" if futures else "nothing left to try"
        if not futures:
            break
        done, _ = wait(futures, timeout=HEARTBEAT, return_when=FIRST_COMPLETED)
        for future in done:
            with suppress(CancelledError):  # told to stop: it is asked again when the run goes on
                result = outcome(futures.pop(future), future)
                record.write(Evaluated(result))
                progress.tell(result)
        yield progress
    record.write(Stopped(reason, slots))


def _reason_to_stop(progress: Progress, limits: Limits, slots: int) -> str:
    if limits.interrupted():
        return "interrupted"
    if limits.candidates is not None and progress.asked >= limits.candidates:
        return "all candidates trained"
    if progress.work_at_pace >= limits.work(progress) * slots:
        return "planned work done"
    if time.monotonic() >= limits.deadline(progress):
        return "time is up"
    return ""
