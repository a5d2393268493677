"""Probabilities that mean what they say: one temperature for the winner, and how far they are from what comes true.

After Guo et al. 2017, "On Calibration of Modern Neural Networks", https://arxiv.org/abs/1706.04599.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

PRIOR = 4.0
"""How much it weighs that a temperature is near 1: as a normal prior of its logarithm with deviation 1 / sqrt(4), which
has 95 % of temperatures between 0.37 and 2.7. Forty samples cannot say more than that, thousands hardly feel it."""

HOTTEST = 20.0
"""Temperatures are looked for from 1 / 20 to 20. With the prior the best is inside; the minimiser wants an end."""

BINS, A_BIN = 15, 20
"""Bins of the calibration error as in Guo et al. 2017, and the answers that there are for each at least on average: of
fewer, the accuracy in a bin is known to no better than a tenth."""


def surprise(labels: np.ndarray, logits: np.ndarray) -> float:
    """Mean negative log-likelihood, in nats, of the labels `(n,)` under the logits `(n, classes)`."""
    return -float(log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean())


def fit_temperature(labels: np.ndarray, logits: np.ndarray) -> float:
    """What to divide logits by so that their softmax is calibrated, 0.05..20; above 1 for a network too sure of itself.

    It minimises the negative log-likelihood of the labels and of a gamma prior of the inverse temperature with its mode
    at 1: both are convex in that, so there is one minimum. Without a prior, samples all right would have temperature 0.

    Args:
        labels: `(n,)` class indices of samples that the network has not learned from.
        logits: `(n, classes)` of these.
    """
    exact = logits.astype(np.float64)

    def loss(log_temperature: float) -> float:
        inverse = math.exp(-log_temperature)
        return len(labels) * surprise(labels, inverse * exact) + PRIOR * (inverse - 1 + log_temperature)

    end = math.log(HOTTEST)
    return math.exp(minimize_scalar(loss, bounds=(-end, end), method="bounded", options={"xatol": 1e-3}).x)


def reliability(labels: np.ndarray, logits: np.ndarray, bins: int) -> list[tuple[int, float, float]]:
    """What probabilities say and what comes true, in bins of equal width.

    Args:
        labels: `(n,)` class indices.
        logits: `(n, classes)`.
        bins: how many.

    Returns:
        For each bin the answers in it, the mean of their probabilities and the share that is right, both 0 for none.
    """
    shares = softmax(logits.astype(np.float64), axis=1)
    sure, right = shares.max(1), shares.argmax(1) == labels
    own = np.minimum((sure * bins).astype(np.int64), bins - 1)
    counts = np.bincount(own, minlength=bins)
    means = (np.bincount(own, weights=each, minlength=bins) / np.maximum(counts, 1) for each in (sure, right))
    return [*zip(counts.tolist(), *(mean.tolist() for mean in means), strict=True)]


def calibration_error(rows: Sequence[tuple[int, float, float]]) -> float:
    """Expected calibration error, 0..1, of the rows of `reliability`: the mean gap of probability and accuracy."""
    return sum(count * abs(right - sure) for count, sure, right in rows) / sum(count for count, _, _ in rows)


def calibration(labels: np.ndarray, logits: np.ndarray, temperature: float) -> dict[str, Any]:
    """The temperature, the calibration error without and with it on samples that it was not fitted to, and its rows.

    Args:
        labels: `(n,)` class indices of the test part.
        logits: `(n, classes)` of the network as it answers.
        temperature: from `fit_temperature`.
    """
    bins = max(1, min(BINS, len(labels) // A_BIN))
    rows = reliability(labels, logits / temperature, bins)
    return {
        "temperature": temperature,
        "bins": bins,
        "error_before": calibration_error(reliability(labels, logits, bins)),
        "error_after": calibration_error(rows),
        "reliability": [*map(list, rows)],
    }
