"""How good answers are: what a search can maximise, each as a score from 0 to 1 of which more is better.

Accuracy has its own exact interval and test (Wilson's, McNemar's). Every other metric is written as the sum of what
each sample adds to it, as far as one sample changes it (its influence function; of ROC AUC the components of DeLong et
al. 1988). So one definition gives the score, how sure it is, and whether two who answered the same samples differ.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

Parts = Callable[["np.ndarray", "np.ndarray"], "np.ndarray"]
"""Class indices `(n,)` and logits `(n, classes)` -> what each sample adds `(n,)`, float64."""

TINY = 2.0**-52
"""Least probability that a class is taken to have been given: scikit-learn's of `log_loss`."""

LEVEL = 0.95
"""Confidence of what is called more than noise, and of intervals: the custom of the field."""

NORMAL = NormalDist().inv_cdf(0.5 + LEVEL / 2)
"""Standard errors either way in an interval."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One way to say how good answers are.

    Attributes:
        name: as the setting has it.
        title: as it stands in a sentence.
        meaning: a sentence on what its figure says, for those who never met it.
        parts: what each sample adds to it.
        by_class: whether all classes count alike, so that the smallest ones decide how sure it is.
        percent: whether it is told in per cent.
        loss: whether it is told as a loss `-ln(score)`, of which less is better; `parts` add up to `-loss` then.
        probable: whether it judges probabilities, and not answers alone.
    """

    name: str
    title: str
    meaning: str
    parts: Parts
    by_class: bool = False
    percent: bool = False
    loss: bool = False
    probable: bool = False

    def key(self, part: str) -> str:
        """Its name among figures, such as `test_macro_f1`, for `test` or `validation`."""
        return f"{part}_{self.name.replace('-', '_')}"

    def score(self, labels: np.ndarray, logits: np.ndarray) -> float:
        """The score, 0..1, of logits `(n, classes)` for class indices `(n,)`; 0 where they are no numbers."""
        if self.name == "accuracy":
            return float((labels == logits.argmax(1)).mean())  # exact, as a sum of shares is not
        return self._linked(float(self.parts(labels, logits).sum()))

    def told(self, score: float) -> float:
        """The figure that people know for a score."""
        return 0.0 - math.log(max(score, TINY)) if self.loss else score  # and never -0

    def score_of(self, told: float) -> float:
        """The score behind a figure."""
        return math.exp(-told) if self.loss else told

    def text(self, told: float) -> str:
        """A figure for people to read."""
        return f"{told:.2%}" if self.percent else f"{told:.4f}"

    def words(self, score: float) -> str:
        """A score for people to read."""
        return self.text(self.told(score))

    def brief(self, score: float) -> str:
        """A score among many."""
        return f"{score:.1%}" if self.percent else self.words(score)

    def gained(self, score: float, before: float) -> str:
        """What a score has gained against another, for people to read."""
        if self.percent:
            return f"{100 * (score - before):+.2f} points"
        return f"{self.told(score) - self.told(before):+.4f}"

    def samples(self, labels: np.ndarray) -> float:
        """How many samples an accuracy is measured on that is as sure: of uneven classes the small ones decide."""
        import numpy as np

        counts = np.unique(labels, return_counts=True)[1]
        return float(len(counts) ** 2 / (1 / counts).sum()) if self.by_class else float(len(labels))

    def interval(self, labels: np.ndarray, logits: np.ndarray) -> tuple[float, float]:
        """The 95 % interval of the score: Wilson's, with as many samples as have its standard error.

        Where classes count alike they are no more than `samples`: a few that happen to be all right or all wrong have
        no spread of their own.
        """
        score, samples = self.score(labels, logits), self.samples(labels)
        spread = (score if self.loss else 1.0) ** 2 * _within(labels, self.parts(labels, logits))
        if spread > TINY:
            enough = max(1.0, score * (1 - score) / spread)
            samples = min(samples, enough) if self.by_class else enough
        return wilson(score, samples)

    def p_value(self, labels: np.ndarray, one: np.ndarray, other: np.ndarray) -> float:
        """How often two as good as each other would differ by as much, or more, as these two did on the same samples.

        If both are as good, who of the two gave which answer is a matter of chance, sample by sample: the sum of the
        differences has the mean 0 and the sum of their squares as variance. For accuracy that is McNemar's test (1947).
        Student's distribution, of as many degrees of freedom as there are samples that weigh, is careful with few.

        Args:
            labels: `(n,)` class indices.
            one: logits `(n, classes)`.
            other: those of the other.
        """
        from scipy.special import stdtr

        differences = self.parts(labels, one) - self.parts(labels, other)
        squares = differences**2
        if not squares.any():
            return 1.0
        degrees = squares.sum() ** 2 / (squares**2).sum()
        return 2 * float(stdtr(degrees, -abs(differences.sum()) / math.sqrt(squares.sum())))

    def _linked(self, total: float) -> float:
        value = math.exp(total) if self.loss else total
        return min(1.0, max(0.0, value)) if math.isfinite(value) else 0.0


def wilson(share: float, samples: float) -> tuple[float, float]:
    """The 95 % interval, 0..1, of a share of so many samples, by Wilson (1927).

    Written out, for a page is drawn from it in less time than scipy.stats takes to be imported.
    """
    middle = share + NORMAL**2 / (2 * samples)
    half = NORMAL * math.sqrt(share * (1 - share) / samples + (NORMAL / (2 * samples)) ** 2)
    low, high = ((middle + side) / (1 + NORMAL**2 / samples) for side in (-half, half))
    return max(0.0, low), min(1.0, high)


def _within(labels: np.ndarray, parts: np.ndarray) -> float:
    """The variance of the sum of parts, each class having as many samples as it has: test parts keep its share."""
    import numpy as np

    places, counts = np.unique(labels, return_inverse=True, return_counts=True)[1:]
    means = np.bincount(places, parts) / counts
    return float(((parts - means[places]) ** 2).sum())


def _right(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    parts: np.ndarray = (logits.argmax(1) == labels) / len(labels)
    return parts


def _balanced(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """The mean, over the classes that occur, of the share answered rightly."""
    import numpy as np

    counts = np.bincount(labels, minlength=logits.shape[1])
    parts: np.ndarray = (logits.argmax(1) == labels) / ((counts > 0).sum() * counts[labels])
    return parts


def _macro_f1(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """The mean, over the classes that occur or are answered, of 2 x right / (there + answered)."""
    import numpy as np

    answers, classes = logits.argmax(1), logits.shape[1]
    right = answers == labels
    there, both = np.bincount(labels, minlength=classes), np.zeros(classes)
    both += there + np.bincount(answers, minlength=classes)
    f1 = 2 * np.bincount(labels[right], minlength=classes) / np.maximum(both, 1)
    own = (2 * right - f1[labels]) / both[labels] + f1[labels] / there[labels]
    parts: np.ndarray = (own - f1[answers] / both[answers]) / (both > 0).sum()
    return parts


def _log_loss(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    import numpy as np
    from scipy.special import log_softmax

    found = log_softmax(logits.astype(np.float64), axis=1)[np.arange(len(labels)), labels]
    parts: np.ndarray = np.maximum(found, math.log(TINY)) / len(labels)
    return parts


def _roc_auc(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """The mean over the classes of how often a sample of one has more of its probability than one of the others has.

    Classes that do not occur are left out; of two both say the same. Where one class alone occurs nothing is told: 0.5.
    """
    import numpy as np
    from scipy.special import softmax

    shares = softmax(logits.astype(np.float64), axis=1)
    known = [place for place in np.unique(labels) if (labels != place).any()]
    if not known:
        return np.full(len(labels), 0.5 / len(labels))
    if shares.shape[1] == 2:
        known = [1]
    parts = np.zeros(len(labels))
    for place in known:
        own = labels == place
        of, others = shares[own, place], shares[~own, place]
        above, below = _above(of, np.sort(others)), 1 - _above(others, np.sort(of))
        half = below.mean() / 2
        parts[own] += (above - half) / len(of)
        parts[~own] += (below - half) / len(others)
    return parts / len(known)


def _above(values: np.ndarray, ordered: np.ndarray) -> np.ndarray:
    """The share of the ordered numbers that each value is above, of equal ones half."""
    import numpy as np

    left, right = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
    shares: np.ndarray = (left + right) / (2 * len(ordered))
    return shares


ACCURACY = Metric("accuracy", "accuracy", "Accuracy is the share of right answers.", _right, percent=True)

_OTHERS = (
    Metric(
        "balanced-accuracy",
        "balanced accuracy",
        "Balanced accuracy is the mean of the classes' shares of right answers: however few samples a class has, it "
        "counts as much as the others.",
        _balanced,
        by_class=True,
        percent=True,
    ),
    Metric(
        "macro-f1",
        "macro F1",
        "Macro F1 falls both where samples of a class are missed and where others are taken for it, and all classes "
        "count alike: 1 is best, 0 is worst.",
        _macro_f1,
        by_class=True,
    ),
    Metric(
        "log-loss",
        "log-loss",
        "Log-loss says how little the network expected what was true: 0 is best, and being sure of what is wrong costs "
        "most.",
        _log_loss,
        loss=True,
        probable=True,
    ),
    Metric(
        "roc-auc",
        "ROC AUC",
        "ROC AUC says how often a sample of a class seems more likely to be of it than a sample of another does: 1 is "
        "best, 0.5 is guessing.",
        _roc_auc,
        by_class=True,
        probable=True,
    ),
)

METRICS: Mapping[str, Metric] = {metric.name: metric for metric in (ACCURACY, *_OTHERS)}
"""By name; those of `types.METRICS`."""


def metric_of(values: Mapping[str, Any]) -> Metric:
    """The metric that a run's settings, or what is in its `result.json`, name; accuracy where they name none."""
    return METRICS[values.get("metric", ACCURACY.name)]
