"""Early judgement: the bars are quantiles of what was there before, and nobody is stopped without company."""

from __future__ import annotations

from statistics import median

import pytest

from neuralfinder.genome import parse
from neuralfinder.judgement import LATEST, LEAST, Judgement
from neuralfinder.types import Candidate, Fidelity, Result

FRESH = Candidate(0, parse("C16"), "init", (), 0, Fidelity(1))
HEIR = Candidate(1, parse("C32"), "mutate", ("C16",), 0, Fidelity(1), inherits=(0,))


def result(*rungs: float) -> Result:
    return Result(0, 0.5, rungs=rungs)


def test_the_first_are_never_stopped() -> None:
    judgement = Judgement()
    for _ in range(LEAST - 1):
        judgement.learn(FRESH, result(0.9, 0.9))
    assert judgement.bars(FRESH) == (0.0, 0.0)
    judgement.learn(FRESH, result(0.9, 0.9))
    assert judgement.bars(FRESH) == (0.9, 0.9)


def test_bars_are_quantiles_of_those_that_came_as_far() -> None:
    judgement = Judgement()
    for score in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7):
        judgement.learn(FRESH, result(score, score + 0.1) if score > 0.1 else result(score))
    assert judgement.bars(FRESH) == pytest.approx((0.25, median([0.3, 0.4, 0.5, 0.6, 0.7, 0.8])))


def test_heirs_are_compared_with_heirs() -> None:
    judgement = Judgement()
    for _ in range(LEAST):
        judgement.learn(FRESH, result(0.3, 0.3))
        judgement.learn(HEIR, result(0.8, 0.8))
    assert judgement.bars(FRESH) == (0.3, 0.3)
    assert judgement.bars(HEIR) == (0.8, 0.8)


def test_old_trainings_are_forgotten() -> None:
    judgement = Judgement()
    for _ in range(LATEST):
        judgement.learn(FRESH, result(0.2))
    for _ in range(LATEST):
        judgement.learn(FRESH, result(0.7))
    assert judgement.bars(FRESH) == (0.7, 0.0)
