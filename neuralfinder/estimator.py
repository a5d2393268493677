"""scikit-learn's contract: construct, fit, predict."""

from __future__ import annotations

import html
import operator
import tempfile
import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags, check_consistent_length, estimator_html_repr
from sklearn.utils.validation import check_is_fitted

from neuralfinder.data import source_of
from neuralfinder.data.files import as_path
from neuralfinder.data.labels import encode
from neuralfinder.errors import InputError
from neuralfinder.job.presets import Settings, default_minutes
from neuralfinder.job.status import Status
from neuralfinder.search.archive import leaderboard, read_archive
from neuralfinder.search.record import Record
from neuralfinder.show.report import summary
from neuralfinder.show.terminal import view

LEADERBOARD = 15


class NeuralFinder(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no annotations
    """Finds and trains the best network for labelled pictures or texts.

    Texts are lists or arrays of str. Pictures are `(n, height, width)`, `(n, height, width, channels)` or
    `(n, channels, height, width)`, uint8 or float. Labels are `(n,)` strings, numbers or booleans, or one-hot
    `(n, classes)`, whose labels are then the column numbers. `predict` answers with labels as they were given.

    Args:
        minutes: wall-clock budget, final training included; 5 when neither this nor `candidates` is given, and none
            for `seed-2017`.
        candidates: networks to train before the search ends.
        preset: `fast`, or `seed-2017` as published.
        strategy: name of a strategy; the preset's world when not given.
        seed: root of all randomness, 0 or larger; equal seeds give equal runs on one processor.
        epochs: passes over the data that each candidate gets.
        finalists: how many of the best are trained fully.
        final_epochs: most epochs of final training.
        options: further settings of world and space by name, as `neuralfinder list settings` shows them.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        workers: candidates trained at once, through Ray when more than 1.
        ray: address of a Ray cluster that trains the candidates, `auto` to find it.
        run: folder for the record and the model; the same fit with the same folder resumes. A temporary one when not
            given.
        verbose: 1 shows the run on standard output, 0 shows nothing.

    Attributes:
        classes_: labels in the order of the columns of `predict_proba`.
        leaderboard_: the 15 best networks as rows, as `neuralfinder top --format json` prints them.
        result_: what the run found, as in `result.json`.
        model_: the network with its preprocessing.
    """

    def __init__(  # noqa: PLR0913 - a scikit-learn constructor lists its settings
        self,
        minutes: float | None = None,
        candidates: int | None = None,
        *,
        preset: str = "fast",
        strategy: str | None = None,
        seed: int = 0,
        epochs: int | None = None,
        finalists: int | None = None,
        final_epochs: int | None = None,
        options: Mapping[str, Any] | None = None,
        device: str = "auto",
        workers: int | None = None,
        ray: str | None = None,
        run: str | Path | None = None,
        verbose: int = 1,
    ) -> None:
        self.minutes = minutes
        self.candidates = candidates
        self.preset = preset
        self.strategy = strategy
        self.seed = seed
        self.epochs = epochs
        self.finalists = finalists
        self.final_epochs = final_epochs
        self.options = options
        self.device = device
        self.workers = workers
        self.ray = ray
        self.run = run
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None, X_test: Any = None, y_test: Any = None) -> NeuralFinder:
        """Search, train, measure.

        Args:
            X: pictures or texts, n of them; or both and their labels in one: a `Dataset` or `DatasetDict` of the
                library `datasets`, or one that gives pairs of a sample and a label, as torch's do; or what
                `neuralfinder search` takes, the path of a folder, table or `.npz` file or the name of a data set; or a
                source from `neuralfinder.data.source_of`, which says more of how such are read.
            y: n labels; none beside data that have them.
            X_test: samples of a test part, which only the final figures see, in the form of `X`; a fifth of `X` when
                not given.
            y_test: their labels.

        Raises:
            InputError: data or settings that can't be right.
            NothingTrainedError: no network could be trained.
        """
        status = Status()
        settings = self._settings()
        source = source_of(X, labels=y, test=X_test, test_labels=y_test)
        with ExitStack() as stack:
            folder = as_path(self.run) if self.run else Path(stack.enter_context(tempfile.TemporaryDirectory()))
            status.say(f"NeuralFinder: {source}, seed {self.seed}, preset {self.preset}")
            with view(status, quiet=not self.verbose):
                from neuralfinder.job.run import run

                self.model_, self.result_ = run(source, settings, folder, status)
            with Record(folder / "run.sqlite", readonly=True) as record:
                self.leaderboard_ = leaderboard(read_archive(record.read()).best(LEADERBOARD))
        for warning in self.result_["warnings"]:
            warnings.warn(warning, UserWarning, stacklevel=2)
        self.classes_ = np.array(self.model_.classes)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Labels `(n,)` of pictures or texts, or of a single one, in any form that `Model.predict_proba` takes."""
        check_is_fitted(self)
        return self.model_.predict(X)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities `(n, classes)`, columns in the order of `classes_`."""
        check_is_fitted(self)
        return self.model_.predict_proba(X)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Share of pictures, 0..1, whose label is answered; a label that training lacked is never answered.

        Args:
            X: pictures, n of them.
            y: n labels in any form that `fit` takes; those that `fit` was given.
            sample_weight: `(n,)` how much each picture counts; all the same when not given.

        Raises:
            InputError: unusable pictures or labels, or strings where training had numbers, or the reverse.
        """
        answers = self.predict_proba(X).argmax(1)
        given, known = encode(y), self.model_.classes
        if isinstance(given.classes[0], str) != isinstance(known[0], str):
            raise InputError(
                "y",
                given=f"labels such as {given.classes[0]!r}",
                expected=f"labels as in training, such as {known[0]!r}",
                mend="give them in the form that fit was given",
            )
        place = {label: index for index, label in enumerate(known)}
        truth = np.array([place.get(label, -1) for label in given.classes])[given.indices]
        check_consistent_length(answers, truth, sample_weight)
        return float(np.average(answers == truth, weights=sample_weight))

    def _html_repr(self) -> str:
        """What notebooks show: scikit-learn's diagram, and below it what was found."""
        diagram = estimator_html_repr(self)
        if not hasattr(self, "result_"):
            return str(diagram)
        return f"{diagram}<pre>{html.escape(chr(10).join(summary(self.result_)))}</pre>"

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.non_deterministic = False
        return tags

    def _settings(self) -> Settings:
        minutes = default_minutes(self.preset, self.candidates) if self.minutes is None else self.minutes
        counts: dict[str, Any] = {name: _whole(name, n) for name, n in self._counts().items() if n is not None}
        return Settings(
            minutes=None if minutes is None else _number("minutes", minutes),
            preset=self.preset,
            strategy=self.strategy,
            seed=_whole("seed", self.seed),
            options=dict(self.options or {}),
            device=self.device,
            ray=self.ray,
            **counts,
        )

    def _counts(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("candidates", "epochs", "finalists", "final_epochs", "workers")}


def _whole(name: str, given: Any) -> int:
    """A whole number as a plain int: grids of settings hold NumPy's, which cannot be written to the record."""
    try:
        return operator.index(given)
    except TypeError:
        raise InputError(name, given=repr(given), expected="a whole number", mend="change it") from None


def _number(name: str, given: Any) -> float:
    if not isinstance(given, Real):
        raise InputError(name, given=repr(given), expected="a number", mend="change it")
    return float(given)
