"""Early stopping: how far a training must have come after a quarter and after half of its steps to go on.

The median stopping rule (Golovin et al., "Google Vizier: A Service for Black-Box Optimization", KDD 2017, section
3.2.2), asked at two rungs: a training below the lowest quarter of the latest ones at the first rung, or below their
median at the second, is stopped, and its time goes to others. The first rung is the milder because deep networks start
slowly. Trainings that began with inherited weights are compared among themselves.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from neuralfinder.types import RUNGS, Candidate, Result

QUANTILES = (0.25, 0.5)
"""Share of the trainings that stays below the bar at each of `RUNGS`."""

LEAST = 6
"""Trainings that must have passed a rung before anyone is stopped there."""

LATEST = 30
"""Trainings compared with: the world becomes better, and so must its children."""


class EarlyStopping:
    """The bars that trainings must clear, as a function of the results so far and their order."""

    def __init__(self) -> None:
        self._passed = {
            (inherits, rung): deque[float](maxlen=LATEST) for inherits in (False, True) for rung in range(len(RUNGS))
        }

    def bars(self, candidate: Candidate) -> tuple[float, ...]:
        """Score that `candidate` needs at each of `RUNGS`, 0..1; 0 while too few have been there."""
        seen = [self._passed[bool(candidate.inherits), rung] for rung in range(len(RUNGS))]
        return tuple(
            float(np.quantile(scores, quantile)) if len(scores) >= LEAST else 0.0
            for scores, quantile in zip(seen, QUANTILES, strict=True)
        )

    def learn(self, candidate: Candidate, result: Result) -> None:
        """Take in how far a training came."""
        for rung, score in enumerate(result.rungs):
            self._passed[bool(candidate.inherits), rung].append(score)
