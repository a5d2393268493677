"""Where candidates are trained. An executor is whatever has `submit`, in the shape of the standard library."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from neuralfinder.errors import LostWorkerError
from neuralfinder.types import OUT_OF_MEMORY, Candidate, Result

T = TypeVar("T")


class Evaluation(Protocol):
    """Trains and measures one candidate."""

    def __call__(self, candidate: Candidate, /) -> Result:
        """Never raises for a bad candidate."""


class Executor(Protocol):
    """Runs evaluations, and whatever else computes, beside the search."""

    def submit(self, fn: Callable[..., T], /, *args: Any) -> Future[T]:
        """Start one call."""


def compute(executor: Executor, fn: Callable[..., T], *args: Any) -> T:
    """Call `fn` where candidates are trained, and wait for it.

    Every thread that uses torch gets helper threads of its own, and once these are more than there are cores, all of
    them sleep and wake at every operation instead of waiting for a moment: training becomes slower by half. So all that
    computes is done in one thread.
    """
    return executor.submit(fn, *args).result()


def outcome(id_: int, evaluated: Future[Result]) -> Result:
    """What an evaluation came to, an unforeseen error included: a network that ends its workers, or a mistake of ours.

    Raises:
        CancelledError: it was told to stop.
        OSError: the machine failed, see `errors.MachineError`: nothing is known about the candidate.
    """
    try:
        return evaluated.result()
    except (CancelledError, OSError):
        raise
    except Exception as error:  # costs one candidate, not the run
        kinds: dict[type[Exception], str] = {LostWorkerError: "lost worker", MemoryError: OUT_OF_MEMORY}
        failure = next((name for kind, name in kinds.items() if isinstance(error, kind)), "error")
        return Result(id_, None, failure, " ".join(f"{type(error).__name__}: {error}".split()))


def in_process() -> ThreadPoolExecutor:
    """One training at a time in a thread of this process, so that the search can watch the clock and the keyboard."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="train")


def sendable(error: Exception) -> Exception:
    """The error, or one that says the same where another process could not make it again."""
    return error if _comes_back(error) else RuntimeError(f"{type(error).__name__}: {error}")


def _comes_back(error: Exception) -> bool:
    """Whether another process can make the error again: it could not where `args` are not what it was made of."""
    try:
        reduced = error.__reduce__()
        reduced[0](*reduced[1])  # type: ignore[operator]
    except Exception:
        return False
    return True
