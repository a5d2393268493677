"""What the winner must beat: the commonest class, a linear model on pixels, a small network made by hand."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from neuralfinder.data.batches import Part, Scaling
from neuralfinder.data.reading import memory_bytes
from neuralfinder.genome import Gene, Genome, MaxPool
from neuralfinder.networks import NetworkSpace

LINEAR_RATE = 10e9
"""Multiply-adds a second that logistic regression is planned with: careful, so that it ends early rather than late."""

LINEAR_ITERATIONS = 50


@dataclass(frozen=True, slots=True)
class Linear:
    """Logistic regression on scaled pixels. `pictures` is how many it was fitted to."""

    coefficients: np.ndarray
    intercepts: np.ndarray
    scaling: Scaling
    pictures: int

    def predict(self, part: Part) -> np.ndarray:
        """Class indices `(n,)`."""
        rows = [flat @ self.coefficients.T + self.intercepts for flat in _flat(part, self.scaling)]
        return np.asarray(np.concatenate(rows).argmax(1))


def small_network(space: NetworkSpace) -> Genome:
    """Three convolutions of 32, 64 and 128 filters, a pool between them where the picture allows it."""
    genes: list[Gene] = [space.conv(32)]
    for place, filters in enumerate((64, 128), start=1):
        if place < space.max_pools:
            genes.append(MaxPool())
        genes.append(space.conv(filters))
    return Genome(tuple(genes), space.head)


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


def _flat(part: Part, scaling: Scaling) -> Iterator[np.ndarray]:
    for pictures in part.chunks(1024):
        yield scaling.apply(pictures).flatten(1).cpu().numpy()
