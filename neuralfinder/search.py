"""The one loop: ask, record, train, record, tell."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass, field

from neuralfinder.archive import Archive, candidate_row, read_result
from neuralfinder.errors import RunFolderError
from neuralfinder.executors import Evaluation, Executor
from neuralfinder.record import Record
from neuralfinder.strategies.base import Strategy
from neuralfinder.types import Candidate, Event, Result

HEARTBEAT = 0.2
"""Seconds between looks at the clock and the keyboard while trainings run."""


@dataclass
class Limits:
    """When a search stops asking.

    Attributes:
        candidates: trainings, `None` without a limit.
        work: predicted seconds of training of all candidates asked, `None` without a limit.
        deadline: in seconds of `time.monotonic`.
        predict: seconds a candidate is predicted to take.
        interrupted: whether the user asked to stop.
    """

    candidates: int | None
    work: float | None
    deadline: float
    predict: Callable[[Candidate], float]
    interrupted: Callable[[], bool] = lambda: False


@dataclass
class Progress:
    """Where a search stands: rebuilt by `replay`, moved on by `search`."""

    strategy: Strategy
    archive: Archive = field(default_factory=Archive)
    open: dict[int, Candidate] = field(default_factory=dict)
    asked: int = 0
    work: float = 0.0

    def ask(self, n: int, predict: Callable[[Candidate], float]) -> dict[str, object]:
        """Ask the strategy; returns the event for the record."""
        candidates = self.strategy.ask(n)
        self.open |= {candidate.id: candidate for candidate in candidates}
        self.asked += len(candidates)
        self.work += sum(predict(candidate) for candidate in candidates)
        rows = [candidate_row(candidate) for candidate in candidates]
        return {"n": n, "candidates": rows, "notes": self.strategy.notes}

    def tell(self, result: Result) -> None:
        """Hand a result to strategy and archive."""
        self.archive.add(self.open.pop(result.id), result)
        self.strategy.tell([result])


def replay(progress: Progress, events: Iterable[Event], predict: Callable[[Candidate], float]) -> None:
    """Bring a fresh strategy to where the record is.

    Raises:
        RunFolderError: the strategy proposes something else now than the record says: the code has changed.
    """
    for event in events:
        if event.kind == "asked":
            again = json.loads(json.dumps(progress.ask(event.data["n"], predict)))
            if again != event.data:
                raise RunFolderError(
                    f"event {event.number} of the record",
                    given="another proposal than this version makes from the same seed and results",
                    expected="the same",
                    mend="resume with the version that began the run, or begin a new run",
                )
        elif event.kind == "result":
            progress.tell(read_result(event))


def search(
    progress: Progress, executor: Executor, evaluate: Evaluation, record: Record, limits: Limits, slots: int = 1
) -> Iterable[Progress]:
    """Ask, train and tell until a limit is met; yields after every ask, result and heartbeat.

    The record is written before the strategy is told. The last event is `stop`, with the reason.
    """
    # candidates asked before a kill were never answered: they go first
    futures = {executor.submit(evaluate, candidate): candidate.id for candidate in progress.open.values()}
    reason = ""
    while True:
        reason = reason or _reason_to_stop(progress, limits)
        if not reason and len(futures) < slots:
            wanted = math.inf if limits.candidates is None else limits.candidates - progress.asked
            event = progress.ask(int(min(slots - len(futures), wanted)), limits.predict)
            if event["candidates"] or event["notes"]:
                record.append("asked", [event])
            fresh = [candidate for id_, candidate in progress.open.items() if id_ not in futures.values()]
            futures |= {executor.submit(evaluate, candidate): candidate.id for candidate in fresh}
            reason = "" if futures else "nothing left to try"
        if not futures:
            break
        done, _ = wait(futures, timeout=HEARTBEAT, return_when=FIRST_COMPLETED)
        for future in done:
            if (result := _result(futures.pop(future), future)) is not None:
                record.append("result", [dataclasses.asdict(result)])
                progress.tell(result)
        yield progress
    record.append("stop", [{"reason": reason}])


def _reason_to_stop(progress: Progress, limits: Limits) -> str:
    if limits.interrupted():
        return "interrupted"
    if limits.candidates is not None and progress.asked >= limits.candidates:
        return "all candidates trained"
    if limits.work is not None and progress.work >= limits.work:
        return "planned work done"
    if time.monotonic() >= limits.deadline:
        return "time is up"
    return ""


def _result(id_: int, future: Future[Result]) -> Result | None:
    """The result, or `None` for a training that was told to stop."""
    try:
        return future.result()
    except CancelledError:
        return None
    except Exception as error:  # a lost worker, a full disk or a mistake of ours costs one candidate, not the run
        return Result(id_, None, "error", " ".join(f"{type(error).__name__}: {error}".split()))
