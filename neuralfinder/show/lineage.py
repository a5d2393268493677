"""How a network came about: its line of descent, and what each step gained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from neuralfinder.search.archive import Trainings, scores_by_genome
from neuralfinder.training.metrics import ACCURACY, Metric
from neuralfinder.types import Candidate


@dataclass(frozen=True, slots=True)
class Step:
    """One life of a line of descent.

    Attributes:
        id: of the candidate.
        genome: its key.
        operator: what made it of its parents.
        score: mean validation accuracy of its trainings, `None` where none has one.
        gain: score minus that of the parent before it; `None` for a founder, and where either has no score.
        inherited: whether it began with the weights of a parent.
    """

    id: int
    genome: str
    operator: str
    score: float | None
    gain: float | None
    inherited: bool


def line_of(key: str, trainings: Trainings) -> list[Step]:
    """The line from a founder to the genome with this key, each time through the better parent; empty if unknown.

    A genome that was proposed several times counts from its first proposal, whose parents are older than it.
    """
    firsts: dict[str, Candidate] = {}
    for candidate, _ in trainings:
        firsts.setdefault(candidate.genome.key, candidate)
    scores = scores_by_genome(trainings)
    line: list[Candidate] = []
    here = firsts.get(key)
    while here:
        line.append(here)
        older = [firsts[parent] for parent in here.parents if parent in firsts and firsts[parent].id < here.id]
        here = max(older, key=lambda parent: (scores.get(parent.genome.key, -1.0), -parent.id), default=None)
    steps: list[Step] = []
    for candidate in reversed(line):
        score = scores.get(candidate.genome.key)
        before = steps[-1].score if steps else None
        gain = None if score is None or before is None else score - before
        steps.append(
            Step(candidate.id, candidate.genome.key, candidate.operator, score, gain, bool(candidate.inherits))
        )
    return steps


def account(steps: Sequence[Step], metric: Metric = ACCURACY) -> list[str]:
    """How the last of them came about, in sentences, one a step; scores are of this metric."""
    lines = []
    for place, step in enumerate(steps):
        score = "without a score" if step.score is None else metric.words(step.score)
        if place == 0:
            lines.append(f"It began with {step.genome} ({step.operator}, candidate {step.id}): {score}.")
            continue
        gain = "" if step.gain is None or not metric.percent else f", {100 * step.gain:+.2f} points"
        weights = " with a parent's weights" if step.inherited else ""
        lines.append(f"Then {step.operator}{weights} made {step.genome} (candidate {step.id}): {score}{gain}.")
    return lines
