"""What the winner must beat beside a small network made by hand: the commonest class, and a linear model."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from neuralfinder.data.mapped import memory_bytes
from neuralfinder.networks.genome import USUAL_SIDE
from neuralfinder.networks.portfolio import bag_bits
from neuralfinder.training.bag import Bag, answers_of
from neuralfinder.training.batches import Part, Scaling
from neuralfinder.training.metrics import TINY
from neuralfinder.training.train import Setup

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

    def logits(self, part: Part) -> np.ndarray:
        """Logits `(n, classes)`."""
        return np.concatenate([flat @ self.coefficients.T + self.intercepts for flat in _flat(part, self.scaling)])


def majority(labels: np.ndarray, classes: int) -> int:
    """Index of the commonest class."""
    return int(np.bincount(labels, minlength=classes).argmax())


def prior(labels: np.ndarray, classes: int) -> np.ndarray:
    """Logits `(classes,)` of who knows the classes' shares alone, and always answers the commonest one."""
    shares = np.bincount(labels, minlength=classes) / len(labels)
    return np.asarray(np.log(np.maximum(shares, TINY)))


def fit_linear(
    part: Part, classes: int, scaling: Scaling, seconds: float, rng: np.random.Generator, *, balanced: bool = False
) -> Linear | None:
    """Fit logistic regression, to as many pictures as `seconds` and memory allow; `None` when these are not worth it.

    It looks at pictures of the usual side. It stops after 50 iterations whether converged or not. Where it is
    `balanced`, all classes count alike.
    """
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
    model = logistic_regression(flat, labels, 0.01, balanced=balanced)
    coefficients, intercepts = model.coef_, model.intercept_
    if classes == 2:  # scikit-learn keeps one row for two classes, the difference of their logits
        coefficients, intercepts = (
            np.concatenate([-coefficients, coefficients]) / 2,
            np.concatenate([-intercepts, intercepts]) / 2,
        )
    return Linear(coefficients, intercepts, scaling, len(rows))


def logistic_regression(rows: np.ndarray, labels: np.ndarray, strength: float, *, balanced: bool = False) -> Any:
    """scikit-learn's, fitted to rows `(n, features)`; it stops after 50 iterations whether converged or not.

    `strength` is its `C`, the inverse of how much it is regularised; `balanced` lets all classes count alike.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of no convergence, and of many classes with few samples each
        weights = "balanced" if balanced else None
        model = LogisticRegression(C=strength, max_iter=LINEAR_ITERATIONS, class_weight=weights)
        with threadpool_limits(1, "blas"):  # threads that wait for each other are five times slower beside other work
            return model.fit(rows, labels)


@dataclass(frozen=True, slots=True)
class NGrams:
    """A linear model of TF-IDF of n-grams, fitted to so many `samples`: the bag that networks may have."""

    bag: Bag
    samples: int

    @classmethod
    def of(cls, setup: Setup) -> NGrams:
        """Fitted to the training part of the setup, once for all who ask."""
        bits = bag_bits(setup.classes)
        bag = Bag(bits, setup.classes)
        bag.take(setup.bags.of(bits, setup).state)
        return cls(bag, int(bag.texts))

    def logits(self, part: Part) -> np.ndarray:
        """Logits `(n, classes)`."""
        return np.asarray(answers_of(self.bag, part).cpu())


def _flat(part: Part, scaling: Scaling) -> Iterator[np.ndarray]:
    for pictures in part.chunks(1024):
        yield scaling.apply(pictures).flatten(1).cpu().numpy()
