"""Surrogate model: what the networks trained so far let one expect of another before it is trained.

On page and command line it is called foresight. A Gaussian process on the space's features of genomes (Rasmussen &
Williams, "Gaussian processes for machine learning", 2006, chapter 2) expects the normal score of a network's rank, not
its accuracy: so a few networks that learned nothing do not stretch the scale on which the good ones lie close together.

Where there is experience of other tasks, what it expects is the mean of the process, as far as it has been right here:
the process learns what is left.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from neuralfinder.networks.expectation import Expectation, normal_scores
from neuralfinder.networks.genome import Genome
from neuralfinder.networks.space import Space

if TYPE_CHECKING:
    from sklearn.gaussian_process import GaussianProcessRegressor

LEAST = 8
"""Scores from which on something is expected."""

MOST = 500
"""The latest networks that are learned from: the time of learning grows with the cube of their number."""

RELEARN, REFIT = 1.02, 1.25
"""Growth of the number of scores after which these are learned from, and after which the kernel is fitted anew, which
takes many times as long: so both are done more seldom the less a further score can change."""


TRUST = 0.8
"""Correlation of what experience expects with what networks turn out to be worth, before there are any: about the mean
over the tasks of the table of our own space, each left out once (docs/LOG.md). Counts as much as `LEAST` networks."""

FLATTEST = 0.05
"""Standard deviation of what is expected of the networks trained, at least: below this they are all alike to it."""


class Surrogate:
    """A performance predictor: learns from trained networks and predicts how others will rank among them.

    Args:
        space: gives the features.
        expectation: what experience of other tasks lets one expect; `None` for none.

    Attributes:
        count: networks taken in.
    """

    def __init__(self, space: Space, expectation: Expectation | None = None) -> None:
        self.space = space
        self._expectation = expectation
        self._expected: deque[float] = deque(maxlen=MOST)
        self._trusted = (0.0, 0.0)
        self._unread: deque[Genome] = deque(maxlen=MOST)
        self._features: deque[np.ndarray] = deque(maxlen=MOST)
        self._worths: deque[float] = deque(maxlen=MOST)
        self._model: GaussianProcessRegressor | None = None
        self.count = self._learned = self._fitted = 0

    def learn(self, genome: Genome, worth: float) -> None:
        """Take in what a trained network is worth, as `Result.worth`: its rank alone counts."""
        self._unread.append(genome)
        self._worths.append(worth)
        self.count += 1

    @property
    def ready(self) -> bool:
        """Whether there is enough to expect anything."""
        return self.count >= LEAST or self._expectation is not None

    def predict(self, genomes: Sequence[Genome]) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation `(n,)` of the normal score of each genome's rank among those learned from.

        0 is the middle of them, 1 is better than 84 %. To be called when `ready`; while there are fewer than `LEAST`
        it is what experience expects, whose middle is another.
        """
        if self._expectation and self.count < LEAST:
            return self._expectation.predict(genomes)
        features = np.array([self.space.features(genome) for genome in genomes])
        mean, spread = self._model_now().predict(features, return_std=True)
        if self._expectation:
            middle, trust = self._trusted
            mean = mean + trust * (self._expectation.mean(genomes) - middle)
        return mean, spread

    def _model_now(self) -> GaussianProcessRegressor:
        if self._model is not None and self.count < RELEARN * self._learned:
            return self._model
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

        if self._expectation and self._unread:
            self._expected.extend(self._expectation.mean(list(self._unread)).tolist())
        while self._unread:
            self._features.append(self.space.features(self._unread.popleft()))
        features, scores = np.array(self._features), normal_scores(self._worths)
        if self._expectation:
            scores = self._without_the_expected(scores)
        self._learned = self.count
        if self._model is None or self._learned >= REFIT * self._fitted:
            self._fitted = self._learned
            # features are counts and logarithms to base 2: a length of 2, where the fit begins, calls networks alike
            # that differ by a layer and a doubling; white noise is what two trainings of one network differ by
            kernel = ConstantKernel(1.0, (0.1, 10.0)) * RBF(2.0, (0.5, 20.0)) + WhiteKernel(0.1, (1e-3, 1.0))
            self._model = GaussianProcessRegressor(kernel)
        else:
            self._model = GaussianProcessRegressor(self._model.kernel_, optimizer=None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a parameter on its bound is a fit as good as any
            self._model.fit(features, scores)
        return self._model

    def _without_the_expected(self, scores: np.ndarray) -> np.ndarray:
        """The scores less what experience expects, which counts as far as it correlates with them."""
        expected = np.array(self._expected)
        middle, spread = float(expected.mean()), max(FLATTEST, float(expected.std()))
        agreement = ((expected - middle) / spread) @ scores
        trust = max(0.0, float(agreement + LEAST * TRUST) / (len(scores) + LEAST)) / spread
        self._trusted = middle, trust
        left: np.ndarray = scores - trust * (expected - middle)
        return left
