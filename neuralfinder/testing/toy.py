"""A toy task with a known optimum, for strategies without training."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.genome import Conv, Gene, Genome, parse
from neuralfinder.strategies.base import Strategy
from neuralfinder.types import BEHIND, RUNGS, Candidate, Result, Shape

Answer = Callable[[Candidate], Result]
"""Stands in for training."""


@dataclass(frozen=True, slots=True)
class ToyTask:
    """A task without training: the score falls with the weighted edit distance from a target.

    Attributes:
        space: a small space that contains the target.
        target: the best genome; the only one of score 1.
    """

    space: ChainSpace
    target: Genome

    def score(self, genome: Genome) -> float:
        """1 / (1 + d), 0..1; d counts genes inserted, deleted or changed in kind, and a quarter for each halving."""
        row = [float(j) for j in range(len(self.target) + 1)]
        for i, left in enumerate(genome.genes, start=1):
            above, row[0] = row[0], float(i)
            for j, right in enumerate(self.target.genes, start=1):
                above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + _change(left, right))
        return 1 / (1 + row[-1])

    def answer(self, candidate: Candidate) -> Result:
        """The result a training of `candidate` has on this task."""
        return Result(candidate.id, self.score(candidate.genome))

    def stopping(self, size: float, every: int = 3) -> Answer:
        """Answers of which about one in `every` genomes is stopped early, at an accuracy of `size` times its score."""

        def answer(candidate: Candidate) -> Result:
            which = candidate.seed % (2 * every)
            if which > 1:
                return self.answer(candidate)
            rungs = (size * self.score(candidate.genome),) * (which + 1)
            return Result(candidate.id, None, rungs=rungs, done=RUNGS[which], ended=BEHIND)

        return answer


def _change(left: Gene, right: Gene) -> float:
    """Cost of turning one gene into another: widths that lie near each other score alike, so evolution can climb."""
    if isinstance(left, Conv) and isinstance(right, Conv):
        return min(1.0, abs(math.log2(left.filters / right.filters)) / 4)
    return float(left != right)


TOY = ToyTask(ChainSpace(Shape(1, 8, 8), 10, filters=(16, 32, 64, 128)), parse("C16 C32 M C64 M"))
"""The toy task of the package's own tests: 5 genes, 4 widths, at most 3 pools."""


def drive(strategy: Strategy, answer: Answer, n: int, batch: int = 1) -> list[Candidate]:
    """Ask and tell until `n` candidates were scored or the strategy is done.

    Args:
        strategy: a fresh one, or one with nothing pending.
        answer: gives the result of a candidate.
        n: number of candidates, 1 or more.
        batch: most candidates asked at once, 1 or more.

    Returns:
        the candidates in the order asked.
    """
    asked: list[Candidate] = []
    while len(asked) < n:
        candidates = strategy.ask(min(batch, n - len(asked)))
        if not candidates:
            break
        asked += candidates
        strategy.tell([answer(candidate) for candidate in candidates])
    return asked


def solve(strategy: Strategy, task: ToyTask, n: int, batch: int = 1) -> list[float]:
    """Run `strategy` on `task`; the best score so far after each candidate, `n` at most.

    Args:
        strategy: a fresh one on the task's space.
        task: gives the scores.
        n: number of candidates, 1 or more.
        batch: most candidates asked at once, 1 or more.
    """
    asked = drive(strategy, task.answer, n, batch)
    return [float(best) for best in np.maximum.accumulate([task.score(candidate.genome) for candidate in asked])]
