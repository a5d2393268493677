"""Early early_stopping: the bars are quantiles of what was there before, and nobody is stopped without company."""

from __future__ import annotations

from statistics import median

import pytest

from neuralfinder.networks.genome import parse
from neuralfinder.search.early_stopping import LATEST, LEAST, EarlyStopping
from neuralfinder.types import Candidate, Fidelity, Result

FRESH = Candidate(0, parse("C16"), "init", (), 0, Fidelity(1))
HEIR = Candidate(1, parse("C32"), "mutate", ("C16",), 0, Fidelity(1), inherits=(0,))


def result(*rungs: float) -> Result:
    return Result(0, 0.5, rungs=rungs)


def test_the_first_are_never_stopped() -> None:
    early_stopping = EarlyStopping()
    for _ in range(LEAST - 1):
        early_stopping.learn(FRESH, result(0.9, 0.9))
    assert early_stopping.bars(FRESH) == (0.0, 0.0)
    early_stopping.learn(FRESH, result(0.9, 0.9))
    assert early_stopping.bars(FRESH) == (0.9, 0.9)


def test_bars_are_quantiles_of_those_that_came_as_far() -> None:
    early_stopping = EarlyStopping()
    for score in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7):
        early_stopping.learn(FRESH, result(score, score + 0.1) if score > 0.1 else result(score))
    assert early_stopping.bars(FRESH) == pytest.approx((0.25, median([0.3, 0.4, 0.5, 0.6, 0.7, 0.8])))


def test_heirs_are_compared_with_heirs() -> None:
    early_stopping = EarlyStopping()
    for _ in range(LEAST):
        early_stopping.learn(FRESH, result(0.3, 0.3))
        early_stopping.learn(HEIR, result(0.8, 0.8))
    assert early_stopping.bars(FRESH) == (0.3, 0.3)
    assert early_stopping.bars(HEIR) == (0.8, 0.8)


def test_old_trainings_are_forgotten() -> None:
    early_stopping = EarlyStopping()
    for _ in range(LATEST):
        early_stopping.learn(FRESH, result(0.2))
    for _ in range(LATEST):
        early_stopping.learn(FRESH, result(0.7))
    assert early_stopping.bars(FRESH) == (0.7, 0.0)
