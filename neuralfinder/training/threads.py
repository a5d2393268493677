"""How many threads compute: all, or one while other processes want the cores."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

TRIED = 3
"""Steps in a row with a number of threads by which it is judged, after one that has the change in it; the fastest
counts."""

CLEARLY = 1.5
"""How much faster one thread must be to be preferred: on a quiet machine it never is, so that equal seeds there give
equal weights, whose last digits depend on the number of threads."""

SLOWED = 3.0
"""How much longer than it should a step takes that makes the number be judged anew. Threads wait for each other after
every operation: where another process has the core of one of them, steps of 30 ms take 600 (docs/LOG.md)."""

ENOUGH = 1.3
"""How much more several trainings side by side have to do than one to be preferred, as far as one of them alone tells:
beside each other they are slower, for they share caches and memory."""

AGAIN_SECONDS = 10.0
"""How long one thread is kept before all are tried again: a step of these may last as long as twenty."""


@dataclass(slots=True)
class Threads:
    """Told of every training step, it sets torch's number of threads, alone in its process.

    Attributes:
        most: threads that there are.
    """

    most: int = field(default_factory=torch.get_num_threads)
    _kind: object = None
    _count: int = 0
    _row: int = 0
    _slow: int = 0
    _fastest: dict[int, float] = field(default_factory=dict)
    _began: float = math.nan
    _kept_until: float = -math.inf

    def begin(self) -> None:
        """The steps of another network follow: both numbers are tried, but where one thread was just found better."""
        self._began, self._fastest = math.nan, {}
        if self.most > 1 and time.perf_counter() > self._kept_until:
            self._use(1)

    def pause(self) -> None:
        """Something else is done before the next step."""
        self._began = math.nan

    def step(self, kind: object = None) -> None:
        """A training step begins; where it is of another kind than the last one, both numbers are tried again.

        Such steps last longer or shorter, whoever else wants the cores.
        """
        if self.most == 1:
            return
        if kind != self._kind:
            self._kind = kind
            self.begin()
        now = time.perf_counter()
        took, self._began = now - self._began, now
        if math.isnan(took):
            return
        known = self._fastest.get(self._count, math.inf)
        self._row += 1
        if self._row > 1:
            self._fastest[self._count] = min(known, took)
        if self._count == 1 and now > self._kept_until and self._row > TRIED:
            self._use(self.most)
        elif self._count == self.most:
            one = self._fastest.get(1, math.inf)
            self._slow = self._slow + 1 if took > SLOWED * min(one, known) else 0
            hopeless = self._slow > 1 or (
                self._slow and self._row == 1
            )  # a single one may be the beginning of an epoch
            if hopeless or (self._row == TRIED + 1 and self._fastest[self.most] > CLEARLY * one):
                self._use(1)
                self._kept_until = now + AGAIN_SECONDS

    def _use(self, count: int) -> None:
        self._count, self._row, self._slow = count, 0, 0
        torch.set_num_threads(count)


def settle(work: Callable[[], object]) -> int:
    """Have torch use one thread in this one, or all where the work is clearly faster by them; returns the number.

    For who answers from now on, whatever else happens on the machine: one thread has no others to wait for.

    Args:
        work: a typical piece, done a few times with either after once to begin with; the median counts.
    """
    most, taken = torch.get_num_threads(), dict[int, float]()
    for count in (most, 1):
        torch.set_num_threads(count)
        work()
        taken[count] = statistics.median(_seconds(work) for _ in range(TRIED))
    count = most if CLEARLY * taken[most] < taken[1] else 1
    torch.set_num_threads(count)
    return count


def side_by_side(step: Callable[[], object]) -> int:
    """How many trainings at once do most, each with its share of the threads; a power of 2, or 1 for one with all.

    Args:
        step: a typical training step, done a few times with each number of threads after once to begin with.
    """
    most, taken, count = torch.get_num_threads(), dict[int, float](), 1
    while count <= most:
        torch.set_num_threads(most // count)
        taken[count] = min([_seconds_of_step(step) for _ in range(1 + TRIED)][1:])
        count *= 2
    torch.set_num_threads(most)
    best = max(taken, key=lambda count: count / taken[count])
    return best if best / taken[best] > ENOUGH / min(taken.values()) else 1


def _seconds_of_step(step: Callable[[], object]) -> float:
    THREADS.pause()  # the number is not its to choose now
    return _seconds(step)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


THREADS = Threads()
"""Of this process; torch's number is one of the whole process too."""
