"""The rival that a user names: a frozen network that others trained, and logistic regression on its features.

A linear probe (Alain and Bengio 2016; Kornblith et al. 2019). It sees what the winner sees, and has a share of the same
minutes; what it reaches is about the least that the same network, fine-tuned, would.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from neuralfinder.data import Divided
from neuralfinder.data.dataset import Array
from neuralfinder.job.backbone import BATCH, Backbone
from neuralfinder.job.baselines import LINEAR_ITERATIONS, LINEAR_RATE, logistic_regression
from neuralfinder.training.clock import Clock
from neuralfinder.training.metrics import ACCURACY, Metric
from neuralfinder.training.train import Cancelled

SHARE = 0.15
"""Share of the time that it has at most: enough to be met, little enough for the winner to be what it would have been.
A guess."""

MARGIN = 1.3
"""How much longer than one batch told its looks may take. A margin for the load of other processes."""

STRENGTHS = (0.001, 0.01, 0.1, 1.0)
"""Inverse strengths of regularisation (scikit-learn's `C`) that the validation part chooses from."""

FEWEST = 20
"""Samples of each class, on average, below which a fit is not worth it: as of logistic regression on pixels."""


@dataclass(frozen=True, slots=True)
class Rival:
    """A network that others trained, beside the data of a run, and not asked yet.

    Attributes:
        backbone: the network.
        data: of the run.
        each: seconds that it takes to look at one sample.
        fitting: seconds that a sample adds to all fits.
    """

    backbone: Backbone
    data: Divided
    each: float
    fitting: float

    @classmethod
    def of(cls, given: str, data: Divided, device: torch.device) -> Rival:
        """The network that the user named, tried on a batch.

        Raises:
            InputError: as `Backbone.load`.
        """
        rows = data.split.train
        backbone = Backbone.load(given, data.raw, rows, device)
        each, width = backbone.tried(data.raw.samples[np.sort(rows[:BATCH])])
        fits = (len(STRENGTHS) + 1) * 2 * LINEAR_ITERATIONS * width * max(2, len(data.raw.classes)) / LINEAR_RATE
        return cls(backbone, data, each, fits)

    def seconds(self, left: float) -> float:
        """What is kept for it of the seconds left: what it needs for all samples, or its share."""
        parts = self.data.split
        known = len(parts.train) + len(parts.validation)
        need = MARGIN * (self.each * (known + len(parts.test)) + self.fitting * known)
        return min(SHARE * left, need)

    def fit(
        self,
        seconds: float,
        clock: Clock,
        refit: bool,
        rng: np.random.Generator,
        metric: Metric = ACCURACY,
        balanced: bool = False,
    ) -> Probe:
        """Fit logistic regression to what the network makes of training and validation part.

        Where `seconds` do not last for all samples, and for the look at the test part, it is fitted to as many as they
        last for, classes in their shares.

        Args:
            seconds: that there are for all of it.
            clock: of the run.
            refit: whether the winner has learned from the validation part too, after it was chosen by that.
            rng: draws samples.
            metric: chooses how strongly it is regularised.
            balanced: whether all classes count alike.
        """
        fitted_to = partial(_Fitted.of, classes=(classes := len(self.data.raw.classes)), balanced=balanced)
        began, parts, labels = time.monotonic(), self.data.split, self.data.raw.labels
        seconds = min(seconds, clock.left())
        known, look = len(parts.train) + len(parts.validation), MARGIN * self.each * len(parts.test)
        affordable = min(float(known), (seconds - look) / (MARGIN * (self.each + self.fitting)))
        if affordable < min(known, FEWEST * classes):
            lasting = f"its {max(0.0, seconds):.1f} s last for {max(0, int(affordable)):,} of {known:,} samples"
            return self._left_out(f"{lasting}; give more minutes")
        train, validation = (
            _of_all_classes(rows, labels, math.ceil(len(rows) * affordable / known), rng)
            for rows in (parts.train, parts.validation)
        )
        until = clock.until(began + seconds - look - self.fitting * affordable)
        judging, learned = self.look(validation, until), self.look(train, until)
        train, validation = train[: len(learned)], validation[: len(judging)]
        if len(train) < min(len(parts.train), FEWEST * classes) or not len(validation):
            return self._left_out(f"it was slower than it had been: {len(train):,} samples in {seconds:.1f} s")
        found = [fitted_to(learned, labels[train], strength) for strength in STRENGTHS]
        scores = [metric.score(labels[validation], fitted.logits(judging)) for fitted in found]
        best = int(np.argmax(scores))  # of equals the stronger
        fitted, samples = found[best], len(train)
        if refit:
            rows, samples = np.concatenate([train, validation]), len(train) + len(validation)
            fitted = fitted_to(np.concatenate([learned, judging]), labels[rows], STRENGTHS[best])
        reached = {metric.key("validation"): metric.told(scores[best])}
        figures = {"samples": samples, "strength": STRENGTHS[best], **reached}
        return Probe(self, fitted, {"name": self.backbone.name, **figures}, clock, look)

    def _left_out(self, why: str) -> Probe:
        return Probe(self, None, {"name": self.backbone.name, "why": why})

    def look(self, rows: Array, clock: Clock) -> Array:
        """What the network makes of these samples, `(n, features)`, or of the first of them when the clock ends it."""
        made: list[Array] = []
        for first in range(0, len(rows), BATCH):
            if clock.cancelled.is_set():
                raise Cancelled
            if clock.left() <= 0:
                break
            made.append(self.backbone.features(self.data.raw.samples[rows[first : first + BATCH]]))
        return np.concatenate(made) if made else np.empty((0, 1), np.float32)


@dataclass(frozen=True, slots=True)
class Probe:
    """A rival that was fitted, or left out.

    Attributes:
        rival: the network and the data.
        fitted: what was fitted; `None` where it was left out.
        figures: name, samples, strength and what it reached on the validation part, or name and `why` it was left out.
        clock: of the run.
        seconds: kept for its look at the test part.
    """

    rival: Rival
    fitted: _Fitted | None
    figures: dict[str, Any]
    clock: Clock = Clock()  # noqa: RUF009 - frozen
    seconds: float = 0.0

    def judged(self) -> tuple[dict[str, Any], Array | None]:
        """Its figures for `result.json`, and its logits on the test part where there is time; asked once."""
        if self.fitted is None:
            return self.figures, None
        rows, rival = self.rival.data.split.test, self.rival
        if self.clock.left() < rival.each * len(rows):
            return {"name": self.figures["name"], "why": "there was no time left for its look at the test part"}, None
        made = rival.look(rows, Clock(cancelled=self.clock.cancelled))
        cut = {"cut": rival.backbone.look.cut} if rival.data.raw.is_text else {}
        return {**self.figures, **cut}, self.fitted.logits(made)


@dataclass(frozen=True, slots=True)
class _Fitted:
    """Logistic regression on features of mean 0 and deviation 1."""

    mean: Array
    std: Array
    classes: int
    model: Any

    @classmethod
    def of(cls, features: Array, labels: Array, strength: float, *, classes: int, balanced: bool) -> _Fitted:
        mean, std = features.mean(0), features.std(0)
        std = np.where(std > 1e-6 * np.abs(mean).max(initial=1e-30), std, 1.0)
        model = logistic_regression((features - mean) / std, labels, strength, balanced=balanced)
        return cls(mean, std, classes, model)

    def logits(self, features: Array) -> Array:
        """`(n, classes)`; least for a class of which it has seen none."""
        known = self.model.decision_function((features - self.mean) / self.std)
        if known.ndim == 1:  # two classes: the difference of their logits
            known = np.stack([-known / 2, known / 2], axis=1)
        logits = np.full((len(features), self.classes), -np.inf)
        logits[:, self.model.classes_] = known
        return logits


def _of_all_classes(rows: Array, labels: Array, count: int, rng: np.random.Generator) -> Array:
    """So many of these rows in random order; each beginning has the classes in their shares, one of each first."""
    rows = rng.permutation(rows)
    own = labels[rows]
    places = np.empty(len(rows))
    for label in np.unique(own):
        of = np.flatnonzero(own == label)
        places[of] = np.arange(len(of)) / len(of)
    return np.asarray(rows[np.argsort(places, kind="stable")][:count])
