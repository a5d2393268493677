"""Lines of descent."""

from __future__ import annotations

from neuralfinder.networks.genome import parse
from neuralfinder.show.lineage import account, line_of
from neuralfinder.training.metrics import METRICS
from neuralfinder.types import Candidate, Fidelity, Result


def training(id_, key, parents=(), score=0.5, operator="mutate", inherits=()):
    candidate = Candidate(id_, parse(key), operator, tuple(parents), 0, Fidelity(1), inherits=inherits)
    return candidate, Result(id_, score) if score is not None else Result(id_, None, "diverged")


def test_a_line_goes_through_the_better_parent_and_gains_are_told_by_the_metric():
    a, b, c, d = "C8 > G", "C16 > G", "C24 > G", "C32 > G"
    trainings = [
        training(0, a, score=0.4, operator="init"),
        training(1, b, score=0.5, operator="init"),
        training(2, c, (a, b), 0.6, "cross"),
        training(3, d, (c,), 0.55, inherits=(2,)),
        training(4, a, (d,), 0.45),  # proposed again: no child of its own children
    ]
    line = line_of(d, trainings)
    assert [step.id for step in line] == [1, 2, 3]
    assert [step.score for step in line] == [0.5, 0.6, 0.55]
    assert account(line) == [
        "It began with C16 > G (init, candidate 1): 50.00%.",
        "Then cross made C24 > G (candidate 2): 60.00%, +10.00 points.",
        "Then mutate with a parent's weights made C32 > G (candidate 3): 55.00%, -5.00 points.",
    ]
    assert account(line, METRICS["log-loss"])[1:] == [  # -ln of 0.6 and 0.55: of losses less is better
        "Then cross made C24 > G (candidate 2): 0.5108, -0.1823.",
        "Then mutate with a parent's weights made C32 > G (candidate 3): 0.5978, +0.0870.",
    ]
    assert line_of("C99 > G", trainings) == []
    assert [step.id for step in line_of(a, trainings)] == [0]
