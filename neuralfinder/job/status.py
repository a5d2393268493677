"""What a run is doing right now: written by the run, read by whoever shows it."""

from __future__ import annotations

import json
import math
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neuralfinder.plain import printable
from neuralfinder.training.metrics import ACCURACY, Metric

FILE = "status.json"
"""Of a run folder, while a process works at the run: what other processes may know of its status."""

KEEP_EVERY = 0.5
"""Seconds between two writings of it."""


@dataclass
class Status:
    """The run's state for eyes.

    Attributes:
        started: start of the process's work, in seconds of `time.monotonic`.
        budget_seconds: wall time allowed, `None` without a limit.
        phase: `starting`, `reading`, `measuring`, `searching`, `finishing` or `done`.
        done, total: progress within reading and finishing, in the phase's own unit.
        training: the full training that goes on: its `name`, `genome`, `epoch` of `epochs` (fractions count), and last
            validation figure by the name that it has in `result.json`, such as `validation_accuracy`, at first that of
            the training it goes on from, `None` where there was none; empty where nothing is trained fully.
        best, best_genome: the best validation score so far and its network; metric: what it is a score of.
        counts: proposals by how they ended.
        aim, about: candidates aimed at, and whether the time rather than this number ends the search.
        view: the strategy's view: round, rounds, world.
        lines: whole lines to be shown, in order: data notes, plan, warnings.
        bests: the best score after each training so far.
        recent: what happened last, in words, the newest last.
        ends: when it is expected to end, in seconds of `time.monotonic`, where that is before the budget does.
        file: where other processes may read of it; not written where this is `None`.
    """

    started: float = field(default_factory=time.monotonic)
    budget_seconds: float | None = None
    phase: str = "starting"
    done: int = 0
    total: int = 0
    training: Mapping[str, Any] = field(default_factory=dict)
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
    ends: float = math.inf
    file: Path | None = None
    _kept: float = 0.0

    def say(self, *lines: str) -> None:
        """Add lines to be shown; what would move the cursor, as names of files may, is written out."""
        self.lines.extend(map(printable, lines))

    def enter(self, phase: str, total: int = 0) -> None:
        """Begin a phase."""
        self.phase, self.done, self.total, self.training = phase, 0, total, {}
        self._kept = 0.0
        self.keep()

    def progress(self, done: int, total: int) -> None:
        """Note progress within the phase."""
        self.done, self.total = done, total
        self.keep()

    def train(self, name: str, genome: str, epoch: float, epochs: float, score: float | None) -> None:
        """Note how far a full training is; may come from its thread."""
        reached = {self.metric.key("validation"): None if score is None else self.metric.told(score)}
        self.training = {"name": name, "genome": genome, "epoch": epoch, "epochs": epochs, **reached}

    def keep(self) -> None:
        """Write it down for other processes, where that is wanted and due; a disk that refuses it harms nobody."""
        if self.file is None or time.monotonic() - self._kept < KEEP_EVERY:
            return
        self._kept = time.monotonic()
        known = ("phase", "done", "total", "training", "elapsed", "left")
        part = self.file.with_suffix(".part")
        with suppress(OSError):
            said = {"time": time.time(), **{name: getattr(self, name) for name in known}}
            part.write_text(json.dumps(said), encoding="utf-8")
            part.replace(self.file)

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    @property
    def left(self) -> float | None:
        """Seconds until the end that is expected, or of the budget, 0 or more; `None` where neither is known."""
        budget = math.inf if self.budget_seconds is None else self.budget_seconds - self.elapsed
        left = min(budget, self.ends - time.monotonic())
        return None if left == math.inf else max(0.0, left)
