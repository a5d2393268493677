"""Early judgement: how far a training must have come after a quarter and after half of its steps to go on.

The median stopping rule (Golovin et al., "Google Vizier: A Service for Black-Box Optimization", KDD 2017, section
3.2.2), asked at two rungs: a training below the median of the latest ones that came as far is stopped, and its time
goes to others. Trainings that began with inherited weights are compared among themselves.
"""

from __future__ import annotations

from collections import deque
from statistics import median

from neuralfinder.types import RUNGS, Candidate, Result

LEAST = 6
"""Trainings that must have passed a rung before anyone is stopped there."""

LATEST = 30
"""Trainings compared with: the world becomes better, and so must its children."""


class Judgement:
    """The bars that trainings must clear, as a function of the results so far and their order."""

    def __init__(self) -> None:
        self._passed = {
            (inherits, rung): deque[float](maxlen=LATEST) for inherits in (False, True) for rung in range(len(RUNGS))
        }

    def bars(self, candidate: Candidate) -> tuple[float, ...]:
        """Validation accuracy that `candidate` needs at each of `RUNGS`, 0..1; 0 while too few have been there."""
        seen = [self._passed[bool(candidate.inherits), rung] for rung in range(len(RUNGS))]
        return tuple(median(scores) if len(scores) >= LEAST else 0.0 for scores in seen)

    def learn(self, candidate: Candidate, result: Result) -> None:
        """Take in how far a training came."""
        for rung, score in enumerate(result.rungs):
            self._passed[bool(candidate.inherits), rung].append(score)
