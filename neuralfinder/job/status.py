"""What a run is doing right now: written by the run, read by whoever shows it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from neuralfinder.plain import printable
from neuralfinder.training.metrics import ACCURACY, Metric


@dataclass
class Status:
    """The run's state for eyes.

    Attributes:
        started: start of the process's work, in seconds of `time.monotonic`.
        budget_seconds: wall time allowed, `None` without a limit.
        phase: `starting`, `reading`, `measuring`, `searching`, `finishing` or `done`.
        done, total: progress within reading and finishing, in the phase's own unit.
        best, best_genome: the best validation score so far and its network; metric: what it is a score of.
        counts: proposals by how they ended.
        aim, about: candidates aimed at, and whether the time rather than this number ends the search.
        view: the strategy's view: round, rounds, world.
        lines: whole lines to be shown, in order: data notes, plan, warnings.
        bests: the best score after each training so far.
        recent: what happened last, in words, the newest last.
    """

    started: float = field(default_factory=time.monotonic)
    budget_seconds: float | None = None
    phase: str = "starting"
    done: int = 0
    total: int = 0
    best: float | None = None
    best_genome: str = ""
    metric: Metric = ACCURACY
    counts: Mapping[str, int] = field(default_factory=dict)
    aim: int = 0
    about: bool = False
    view: Mapping[str, Any] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    bests: list[float] = field(default_factory=list)
    recent: deque[str] = field(default_factory=lambda: deque(maxlen=3))

    def say(self, *lines: str) -> None:
        """Add lines to be shown; what would move the cursor, as names of files may, is written out."""
        self.lines.extend(map(printable, lines))

    def enter(self, phase: str, total: int = 0) -> None:
        """Begin a phase."""
        self.phase, self.done, self.total = phase, 0, total

    def progress(self, done: int, total: int) -> None:
        """Note progress within the phase."""
        self.done, self.total = done, total

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    @property
    def left(self) -> float | None:
        """Seconds of the budget that are left, 0 or more; `None` without a budget."""
        return None if self.budget_seconds is None else max(0.0, self.budget_seconds - self.elapsed)
