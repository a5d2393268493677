"""Where candidates are trained. An executor is whatever has `submit`, in the shape of the standard library."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from neuralfinder.types import Candidate, Result


class Evaluation(Protocol):
    """Trains and measures one candidate."""

    def __call__(self, candidate: Candidate, /) -> Result:
        """Never raises for a bad candidate."""


class Executor(Protocol):
    """Runs evaluations beside the search."""

    def submit(self, fn: Evaluation, candidate: Candidate, /) -> Future[Result]:
        """Start one evaluation."""


def in_process() -> ThreadPoolExecutor:
    """One training at a time in a thread of this process, so that the search can watch the clock and the keyboard."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="train")
