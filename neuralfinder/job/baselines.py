"""What the winner must beat beside a small network made by hand: the commonest class, and a linear model."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from neuralfinder.data.mapped import memory_bytes
from neuralfinder.networks.genome import USUAL_SIDE
from neuralfinder.training.batches import Part, Scaling

LINEAR_RATE = 3e9
"""Multiply-adds a second that logistic regression is planned with: careful, so that it ends early rather than late. On
689 pictures of CIFAR-10 one thread had 5e9, beside another process or not (docs/LOG.md)."""

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

    It looks at pictures of the usual side. It stops after 50 iterations whether converged or not.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    part, scaling = part.at(USUAL_SIDE), scaling.at(USUAL_SIDE)
    pixels = part.shape.channels * part.shape.height * part.shape.width
    # forward and gradient
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
        with threadpool_limits(1, "blas"):  # threads that wait for each other are five times slower beside other work
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
    """Logistic regression on TF-IDF of words, pairs of them and n-grams of letters, fitted to so many `samples`."""

    model: Any
    samples: int

    def predict(self, part: Part) -> np.ndarray:
        """Class indices `(n,)`."""
        return np.asarray(self.model.predict(_texts(part)))


HASHED = 1 << 18
"""Columns that words and n-grams are hashed into: some collide, which costs nothing that can be measured here."""

MOST_NUMBERS = 1 << 22
"""Columns times classes at most: three copies of 8 bytes each make 100 MB."""

PASSES = 10
"""Over the texts: as good as logistic regression fitted by 50 iterations over all of them at once, on questions and on
docstrings, in a small part of the time (docs/LOG.md)."""

TEXTS_AT_ONCE = 128
"""Read between two looks at the clock: some hundredths of a second, of long ones half a second."""


def fit_words(part: Part, classes: int, seconds: float) -> WordCounts | None:
    """Fit logistic regression to TF-IDF, by averaged stochastic gradient descent.

    Of words, pairs of words, and up to five letters in a row within a word and at its ends: what a practitioner would
    try first, and not what networks see.

    It reads as many texts, in a random order, as a third of the time allows, and passes over them as often as the
    rest does, up to `PASSES` times.

    Args:
        part: the texts.
        classes: how many there are, 2 or more.
        seconds: for all of it; some texts and one pass over them are done however long they take.

    Returns:
        The model; `None` where there is no time at all.
    """
    from scipy.sparse import vstack
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
    from sklearn.linear_model import SGDClassifier
    from sklearn.pipeline import make_pipeline, make_union

    if seconds <= 0:
        return None
    began = time.monotonic()
    columns = min(HASHED, 1 << int(math.log2(MOST_NUMBERS // classes)))
    how = {"n_features": columns // 2, "norm": None, "alternate_sign": False}
    words = HashingVectorizer(ngram_range=(1, 2), **how)
    hashing = make_union(words, HashingVectorizer(analyzer="char_wb", ngram_range=(1, 5), **how))
    order = np.random.default_rng(0).permutation(len(part))
    counts = []
    for start in range(0, len(order), TEXTS_AT_ONCE):
        texts = torch.from_numpy(order[start : start + TEXTS_AT_ONCE])
        counts.append(hashing.transform(_texts(part.subset(texts))))
        if (time.monotonic() - began) * (len(counts) + 1) / len(counts) > seconds / 3:
            break
    weighting = TfidfTransformer(sublinear_tf=True)
    rows = weighting.fit_transform(vstack(counts, format="csr"))
    labels = part.labels.cpu().numpy()[order[: rows.shape[0]]]
    model = SGDClassifier(loss="log_loss", alpha=1e-5, average=True, random_state=0)
    for _ in range(PASSES):
        pass_began = time.monotonic()
        model.partial_fit(rows, labels, classes=np.arange(classes))
        now = time.monotonic()
        if now - began + (now - pass_began) > seconds:
            break
    return WordCounts(make_pipeline(hashing, weighting, model), rows.shape[0])


def _texts(part: Part) -> list[str]:
    lines = (row for chunk in part.chunks(1024) for row in chunk[:, :, 1].flatten(1).cpu().numpy())
    return [bytes((row[row > 0] - 1).astype(np.uint8)).decode(errors="ignore") for row in lines]


def _flat(part: Part, scaling: Scaling) -> Iterator[np.ndarray]:
    for pictures in part.chunks(1024):
        yield scaling.apply(pictures).flatten(1).cpu().numpy()
