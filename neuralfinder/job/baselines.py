"""What the winner must beat beside a small network made by hand: the commonest class, and a linear model."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from neuralfinder.data.mapped import memory_bytes
from neuralfinder.training.batches import Part, Scaling

LINEAR_RATE = 10e9
"""Multiply-adds a second that logistic regression is planned with: careful, so that it ends early rather than late."""

LINEAR_ITERATIONS = 50


@dataclass(frozen=True, slots=True)
class Linear:
    """Logistic regression on scaled pixels. `samples` is how many it was fitted to."""

    coefficients: np.ndarray
    intercepts: np.ndarray
    scaling: Scaling
    samples: int

    def predict(self, part: Part) -> np.ndarray:
        """Class indices `(n,)`."""
        rows = [flat @ self.coefficients.T + self.intercepts for flat in _flat(part, self.scaling)]
        return np.asarray(np.concatenate(rows).argmax(1))


def majority(labels: np.ndarray, classes: int) -> int:
    """Index of the commonest class."""
    return int(np.bincount(labels, minlength=classes).argmax())


def fit_linear(part: Part, classes: int, scaling: Scaling, seconds: float, rng: np.random.Generator) -> Linear | None:
    """Fit logistic regression, to as many pictures as `seconds` and memory allow; `None` when these are not worth it.

    It stops after 50 iterations whether converged or not.
    """
    from sklearn.linear_model import LogisticRegression

    pixels = part.shape.channels * part.shape.height * part.shape.width
    # forward and gradient; torch's threads and scikit-learn's share the processor
    affordable = int(seconds * LINEAR_RATE / (2 * LINEAR_ITERATIONS * pixels * max(2, classes)))
    affordable = min(affordable, int(memory_bytes() / 8 / (4 * pixels)))
    if affordable < min(len(part), 20 * classes):
        return None
    rows = np.sort(rng.permutation(len(part))[:affordable])
    chosen = part.subset(torch.from_numpy(rows))
    labels = chosen.labels.cpu().numpy()
    if len(np.unique(labels)) < classes:
        return None
    flat = np.empty((len(rows), pixels), np.float32)
    filled = 0
    for some in _flat(chosen, scaling):
        flat[filled : filled + len(some)] = some
        filled += len(some)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of no convergence, and of many classes with few pictures each
        model = LogisticRegression(C=0.01, max_iter=LINEAR_ITERATIONS)
        model.fit(flat, labels)
    coefficients, intercepts = model.coef_, model.intercept_
    if classes == 2:  # scikit-learn keeps one row for two classes
        coefficients, intercepts = (
            np.concatenate([-coefficients, coefficients]),
            np.concatenate([-intercepts, intercepts]),
        )
    return Linear(coefficients, intercepts, scaling, len(rows))


@dataclass(frozen=True, slots=True)
class WordCounts:
    """Logistic regression on how often tokens and pairs of them occur (TF-IDF), fitted to so many `samples`."""

    model: Any
    samples: int

    def predict(self, part: Part) -> np.ndarray:
        """Class indices `(n,)`."""
        return np.asarray(self.model.predict(_lines(part)))


def fit_words(part: Part) -> WordCounts:
    """Fit logistic regression to the TF-IDF of tokens and pairs of neighbours, in a second or two."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    features = TfidfVectorizer(analyzer=_tokens_and_pairs, sublinear_tf=True)
    model = make_pipeline(features, LogisticRegression(C=10.0, max_iter=LINEAR_ITERATIONS))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of no convergence, and of many classes with few texts each
        model.fit(_lines(part), part.labels.cpu().numpy())
    return WordCounts(model, len(part))


def _lines(part: Part) -> list[list[int]]:
    return [row[row > 0].tolist() for chunk in part.chunks(1024) for row in chunk[:, 0, 0].cpu().numpy()]


def _tokens_and_pairs(line: list[int]) -> list[tuple[int, ...]]:
    return [*((token,) for token in line), *itertools.pairwise(line)] or [()]


def _flat(part: Part, scaling: Scaling) -> Iterator[np.ndarray]:
    for pictures in part.chunks(1024):
        yield scaling.apply(pictures).flatten(1).cpu().numpy()
