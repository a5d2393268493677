"""The frozen values that cross seams."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neuralfinder.networks.genome import Genome


@dataclass(frozen=True, slots=True)
class Range:
    """The numbers that something may be: `low <= number <= high`, without `low` itself where `above`."""

    low: float = -math.inf
    high: float = math.inf
    above: bool = False

    def __contains__(self, number: float) -> bool:
        return (self.low < number if self.above else self.low <= number) and number <= self.high

    def __str__(self) -> str:
        least = f"{'more than' if self.above else 'at least'} {self.low:,}" if self.low > -math.inf else ""
        most = f"at most {self.high:,}" if self.high < math.inf else ""
        if least and most and not self.above:
            return f"between {self.low:,} and {self.high:,}"
        return ", ".join(filter(None, (least, most)))


Allowed = Range | tuple[str, ...] | tuple[int, ...]
"""What a setting may be: a number of a range, or one of those listed; of a list, each of its items."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of one sample or feature map, without the batch.

    A sample of height 1 is a line: kernels and pools on it are one row high and never make it lower. A text is a line
    of tokens, numbers below `vocabulary`, each of which becomes a column of `channels` numbers.

    Attributes:
        channels: of a picture; of a text after its embedding.
        height: rows, 1 for a text.
        width: columns; tokens of a text.
        vocabulary: different tokens of a text, 0 for a picture.
    """

    channels: int
    height: int
    width: int
    vocabulary: int = 0

    def __str__(self) -> str:
        if self.vocabulary:
            return f"{self.width} tokens of {self.vocabulary:,}"
        return f"{self.channels}x{self.height}x{self.width}"

    @property
    def line(self) -> bool:
        """Whether there is one row only."""
        return self.height == 1

    @property
    def half(self) -> Shape:
        """Of half the sides, rounded up."""
        return Shape(self.channels, (self.height + 1) // 2, (self.width + 1) // 2)

    def at(self, side: int) -> Shape:
        """Made smaller, in its proportions, until no side is longer than this; texts stay as they are."""
        longest = max(self.height, self.width)
        if longest <= side or self.vocabulary:
            return self
        height, width = (max(1, round(length * side / longest)) for length in (self.height, self.width))
        return Shape(self.channels, height, width)


FITS = ("stretch", "pad", "crop")
"""How pictures of other proportions are brought to one shape: stretched, as a whole with their edges drawn out, or
their middle."""

METRICS = ("accuracy", "balanced-accuracy", "macro-f1", "log-loss", "roc-auc")
"""By what networks are chosen, see `training.metrics`."""


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How much training a candidate gets.

    `epochs` passes over `share` (0 < share <= 1) of the training part.
    """

    epochs: int
    share: float = 1.0

    @property
    def passes(self) -> float:
        """Over the training part in all."""
        return self.epochs * self.share

    @classmethod
    def of(cls, epochs: float) -> Fidelity:
        """So many epochs, above 0, as whole ones over an equal part of the data: 1.8 are two over 90 %."""
        whole = math.ceil(epochs)
        return cls(whole, epochs / whole)


RUNGS = (0.25, 0.5)
"""Shares of a training after which it is compared with earlier ones."""

RUNG_SAMPLES = 1000
"""Validation samples looked at on a rung, at most: a standard error of at most 1.6 points."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A genome proposed for training.

    Attributes:
        parents: genome keys.
        repeat: counts trainings of the same genome.
        rate: learning rate as a multiple of the recipe's.
        inherits: ids of the parents' trainings whose weights it starts from.
        bars: score below which it is stopped at each of `RUNGS`; empty when nobody looks.
    """

    id: int
    genome: Genome
    operator: str
    parents: tuple[str, ...]
    seed: int
    fidelity: Fidelity
    repeat: int = 0
    rate: float = 1.0
    inherits: tuple[int, ...] = ()
    bars: tuple[float, ...] = ()


OUT_OF_MEMORY = "out of memory"
"""The `Result.failure` from which a cap on the size of later proposals is learned."""

BEHIND = "behind"
"""The end of a training that was stopped on a rung: its score there was below the bar."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came back for candidate `id`.

    Attributes:
        id: the candidate's id.
        score: the run's metric on validation data, 0..1, the more the better; `None` for a failure, and for a training
            that was stopped early: what it had on a rung, of some pictures and half-trained weights, is no score.
        failure: the kind of failure (`out of memory`, `diverged`, ...), `None` for a success.
        detail: one line on the failure, or on what was amiss; empty when all went well.
        curve: the score after each measured epoch.
        rungs: the score on the first pictures of the validation part at each of `RUNGS` it came to.
        done: share of the planned training that was done, 0..1; less than 1 when it was stopped early.
        ended: why training ended, as in `Training.ended`; empty for a failure.
        seconds: wall time of building, training and validating.
        parameters: trainable numbers of the network.
        macs: multiply-adds of one forward pass of one sample.
        milliseconds: of one forward pass of one sample, and of a batch as in training, where it was trained.
        half: whether it was trained, and its scores measured, on pictures of half the side at its end.
    """

    id: int
    score: float | None
    failure: str | None = None
    detail: str = ""
    curve: tuple[float, ...] = ()
    rungs: tuple[float, ...] = ()
    done: float = 1.0
    ended: str = ""
    seconds: float = 0.0
    parameters: int = 0
    macs: int = 0
    milliseconds: tuple[float, ...] = ()
    half: bool = False

    def __post_init__(self) -> None:
        """Nothing is taken for a score that is none.

        Raises:
            ValueError: a score beside a failure, or of a training that was stopped early.
        """
        if self.score is not None and (self.failure is not None or self.stopped):
            raise ValueError(f"result {self.id} has a score of {self.score}, but {self.failure or 'was stopped early'}")

    @property
    def stopped(self) -> bool:
        """Whether it was stopped early: then `rungs` say how far it came, and there is no score."""
        return self.ended == BEHIND

    @property
    def worth(self) -> float:
        """For comparing alone: the score, or a number below 0 that says which of two results without one is better.

        What was stopped early is worse than all that has a score, the worse the earlier, then the lower its score
        where it was stopped; a failure is worst, -1. No mean of worths means anything.
        """
        if self.score is not None:
            return self.score
        if self.failure is None and self.rungs:
            return (len(self.rungs) - 1 + self.rungs[-1]) / (len(RUNGS) + 1) - 1
        return -1.0


def score_of(scores: Iterable[float | None]) -> float | None:
    """The score of a genome: the mean over those of its trainings that have one, `None` where none has."""
    known = [score for score in scores if score is not None]
    return math.fsum(known) / len(known) if known else None


def worth_of(results: Sequence[Result]) -> float:
    """What a genome is worth, for comparing alone: its score, or where it has none the best `Result.worth`."""
    score = score_of(result.score for result in results)
    return max(result.worth for result in results) if score is None else score


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the record: `number` counts from 1, `time` is seconds since the epoch (UTC)."""

    number: int
    time: float
    kind: str
    data: Mapping[str, Any]
