"""scikit-learn's contract: construct, fit, predict."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags, check_consistent_length, estimator_html_repr
from sklearn.utils.validation import check_is_fitted

from neuralfinder.data import source_of
from neuralfinder.data.files import as_path
from neuralfinder.data.labels import encode
from neuralfinder.errors import InputError
from neuralfinder.job.callbacks import Callbacks
from neuralfinder.job.settings import CAPS, DATA, RUN, Settings, once
from neuralfinder.job.status import Status
from neuralfinder.search.events import Begun, Event
from neuralfinder.search.record import as_written
from neuralfinder.show.card import write_card
from neuralfinder.show.notebook import cell_number, view
from neuralfinder.show.run import Run

if TYPE_CHECKING:
    from neuralfinder.training.model import Model


class NeuralFinder(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no annotations
    """Finds and trains the best network for labelled pictures or texts.

    Texts are lists or arrays of str. Pictures are `(n, height, width)`, `(n, height, width, channels)` or
    `(n, channels, height, width)`, uint8 or float. Labels are `(n,)` strings, numbers or booleans, or one-hot
    `(n, classes)`, whose labels are then the column numbers. `predict` answers with labels as they were given.

    Args:
        minutes: wall-clock budget, final training included; a number more than 0, at most 1,000,000. Not given: 5
            minutes; no limit beside `candidates`, or where the preset is as published.
        candidates: networks to train before the search ends; a whole number between 1 and 10,000,000. Not given: as
            many as there is time for.
        metric: by what networks are chosen: `accuracy`, the share of right answers; `balanced-accuracy`, its mean over
            the classes, and all of them count alike in training too; `macro-f1`, where answering a class too often
            costs as well; `log-loss`, how far probabilities are from the truth; `roc-auc`, how well they rank samples;
            accuracy, balanced-accuracy, macro-f1, log-loss, roc-auc. Not given: accuracy.
        preset: name of a bundle of settings, see `list presets`. Not given: fast.
        strategy: name of what proposes networks, see `list strategies`. Not given: the preset's world,
            `artificial-life`.
        seed: root of all randomness; equal seeds give equal searches on one processor; a whole number at least 0. Not
            given: 0.
        device: `auto`, `cpu`, `cuda` or `cuda:N`. Not given: auto.
        workers: candidates trained at once, where more than 1 in a process each; `auto` for as many as do most on
            these cores. Not given: 1, but networks of a team beside each other; with `ray` one a card or node.
        ray: address of a Ray cluster that trains the candidates, `auto` to find a running one. Not given: no cluster.
        experience: what is known of networks on other tasks: `default` as shipped, `off` for nothing, a folder of
            finished runs to know of as well, or a file in the place of the one shipped. Not given: the preset's.
        start_from: folder of a finished run on data of as many classes: its trainings are experience, and its best
            networks the first founders; their weights are not taken. Not given: no such run.
        pretrained: a network that others trained, to be measured beside the winner, frozen and with a linear head: a
            folder written by `save_pretrained` of the library transformers, or `hf:NAME` for one that is downloaded.
            Not given: none is tried.
        epochs: passes over the data that each candidate gets; a whole number between 1 and 1,000,000. Not given: the
            plan's.
        share: share of the training part that each pass sees; a number more than 0, at most 1. Not given: the plan's.
        finalists: how many of the best are trained fully; a whole number between 1 and 10,000. Not given: the plan's.
        final_epochs: most epochs of final training; a whole number between 1 and 1,000,000. Not given: the plan's.
        world_size: side of the world; a whole number between 3 and 1,000. Not given: the plan's.
        rounds: most rounds of evolution; a whole number between 0 and 10,000,000. Not given: as many as there is time
            for, 150 without limit.
        batch_size: samples in a training step; a whole number between 2 and 1,000,000. Not given: the recipe's, less
            where data are few.
        copies: most networks of the winner's kind that answer together about pictures, where that is better in the same
            minutes; a whole number between 1 and 9. Not given: 4.
        retrain: retrainings of the winner on all but the test part, reported beside it; a whole number between 0 and
            10,000. Not given: the preset's.
        max_parameters: most trainable numbers of a network; a whole number at least 1. Not given: the preset's,
            30000000 where it has none.
        max_size_mb: most megabytes of a network's file of weights; a number more than 0. Not given: no such cap.
        max_latency_ms: most milliseconds in which a network answers about one sample on this device; a number more
            than 0. Not given: no such cap.
        image_size: side in pixels of the squares to which files of pictures are resized; a whole number between 4 and
            2,048. Not given: the size that most of them have.
        image_fit: how files of pictures of other proportions are brought to that size: stretched, as a whole
            with edges drawn out, or their middle; stretch, pad, crop. Not given: stretch.
        text: column of a table with the texts. Not given: found by its name.
        image: column of a table with paths of pictures, or of a data set with pictures. Not given: found by its name.
        target: column of a table with the labels. Not given: found by its name.
        group: column of a table with what samples belong together by, such as a person, or for a folder how many
            levels below the class folder such folders lie, 1 for class/person/picture.jpg; a group lies in one part of
            the data. Not given: no groups but copies.
        label_from_name: how the names of files in a folder tell their class, such as `{class}_*` for cat_12.jpg:
            `{class}` stands for the class, `*` for anything, `#` for a number. Not given: their folder's name.
        options: further settings of run, strategy and space by name, as `neuralfinder list settings` shows them.
        run: folder for the record and the model; the same fit with the same folder resumes. A temporary one when not
            given.
        verbose: 1 shows the run on standard output, 0 shows nothing.
        callbacks: callables, each called with each event of `neuralfinder.search.events` as soon as it is in the
            record, such as those of `neuralfinder.show.trackers`. The run waits for them, and goes on where one raises:
            a warning names it. A run that is taken up again tells of what is new; what was before is in its record.

    Attributes:
        classes_: labels in the order of the columns of `predict_proba`.
        model_: the network with its preprocessing, a `Model`.
        run_: the run: its folder, its record and its result, a `Run`.

    Example:
        >>> finder = NeuralFinder(candidates=2, epochs=1, finalists=1, final_epochs=8, verbose=0).fit(X, y)
        >>> finder.predict(X).shape
        (60,)
        >>> finder.score(X, y) > 0.8
        True
    """

    _shown_in: int | None = None  # the notebook's cell that shows the card already

    def __init__(  # noqa: PLR0913 - a scikit-learn constructor lists its settings
        self,
        minutes: float | None = None,
        candidates: int | None = None,
        *,
        metric: str = "accuracy",
        preset: str = "fast",
        strategy: str | None = None,
        seed: int = 0,
        device: str = "auto",
        workers: int | str | None = None,
        ray: str | None = None,
        experience: str | None = None,
        start_from: str | None = None,
        pretrained: str | None = None,
        epochs: int | None = None,
        share: float | None = None,
        finalists: int | None = None,
        final_epochs: int | None = None,
        world_size: int | None = None,
        rounds: int | None = None,
        batch_size: int | None = None,
        copies: int = 4,
        retrain: int | None = None,
        max_parameters: int | None = None,
        max_size_mb: float | None = None,
        max_latency_ms: float | None = None,
        image_size: int | None = None,
        image_fit: str | None = None,
        text: str | None = None,
        image: str | None = None,
        target: str | None = None,
        group: str | None = None,
        label_from_name: str | None = None,
        options: Mapping[str, Any] | None = None,
        run: str | Path | None = None,
        verbose: int = 1,
        callbacks: Sequence[Callable[[Event], object]] | None = None,
    ) -> None:
        self.minutes = minutes
        self.candidates = candidates
        self.metric = metric
        self.preset = preset
        self.strategy = strategy
        self.seed = seed
        self.device = device
        self.workers = workers
        self.ray = ray
        self.experience = experience
        self.start_from = start_from
        self.pretrained = pretrained
        self.epochs = epochs
        self.share = share
        self.finalists = finalists
        self.final_epochs = final_epochs
        self.world_size = world_size
        self.rounds = rounds
        self.batch_size = batch_size
        self.copies = copies
        self.retrain = retrain
        self.max_parameters = max_parameters
        self.max_size_mb = max_size_mb
        self.max_latency_ms = max_latency_ms
        self.image_size = image_size
        self.image_fit = image_fit
        self.text = text
        self.image = image
        self.target = target
        self.group = group
        self.label_from_name = label_from_name
        self.options = options
        self.run = run
        self.verbose = verbose
        self.callbacks = callbacks

    def fit(self, X: Any, y: Any = None, X_test: Any = None, y_test: Any = None, *, groups: Any = None) -> NeuralFinder:
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
            groups: `(n,)` to which group each of `X` belongs, a person for instance: all samples of a group lie in one
                part of the data. Those of `X_test` have none.

        Raises:
            InputError: data or settings that can't be right.
            NothingTrainedError: no network could be trained.

        Example:
            >>> quick = NeuralFinder(candidates=1, epochs=1, finalists=1, final_epochs=1, verbose=0)
            >>> quick.fit(["to sea"] * 9 + ["in woods"] * 9, [0] * 9 + [1] * 9).predict("at sea").shape
            (1,)
        """
        status = Status()
        settings, told = self._settings(), Callbacks(self.callbacks, status.say)
        chosen = {setting.name: getattr(self, setting.name) for setting in DATA}
        source = source_of(X, labels=y, test=X_test, test_labels=y_test, groups=groups, **chosen)
        with ExitStack() as stack:
            folder = as_path(self.run) if self.run else Path(stack.enter_context(tempfile.TemporaryDirectory()))
            status.say(f"NeuralFinder: {source}, seed {self.seed}, preset {self.preset}")
            with view(status, quiet=not self.verbose) as shown:
                from neuralfinder.job.run import run

                model, _ = run(source, settings, folder, status, told)
                write_card(folder, folder / "model")
                found = Run.load(folder)
                shown.found = found if self.run else replace(found, folder=None)
        self._keep(model, shown.found)._shown_in = cell_number() if self.verbose else None
        for warning in (*self.result_["warnings"], *told.warnings):
            warnings.warn(warning, UserWarning, stacklevel=2)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Labels `(n,)` of pictures or texts, as `Model.predict`.

        Args:
            X: n samples or a single one, in any form that `Model.predict_proba` takes.

        Example:
            >>> finder.predict(X[0])
            array([0])
        """
        check_is_fitted(self)
        return self.model_.predict(X)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Calibrated probabilities `(n, classes)`, columns in the order of `classes_`, as `Model.predict_proba`.

        Args:
            X: as for `predict`.

        Example:
            >>> finder.predict_proba(X).shape
            (60, 3)
        """
        check_is_fitted(self)
        return self.model_.predict_proba(X)

    @property
    def result_(self) -> dict[str, Any]:
        """What the run found, as in `result.json`.

        Example:
            >>> finder.result_["status"]
            'done'
        """
        check_is_fitted(self)
        return self.run_.result or {}

    @property
    def leaderboard_(self) -> Any:
        """The 15 best networks as `Run.leaderboard` gives them: a data frame where pandas is installed.

        Example:
            >>> list(finder.leaderboard_)[:4]
            ['rank', 'id', 'name', 'validation_accuracy']
        """
        check_is_fitted(self)
        return self.run_.leaderboard()

    def report(self, path: str | Path | None = None) -> Path:
        """Write the page about the run as one file, as `Run.report`, and say where it is.

        Example:
            >>> finder.report("page.html").exists()
            True
        """
        check_is_fitted(self)
        return self.run_.report(path)

    def save(self, folder: str | Path) -> Path:
        """Write all that was found as a run folder, for `load` and for the command line, and say where it is.

        There are `run.sqlite`, `result.json` and `model/`, but no weights of other networks than the winner.

        Args:
            folder: made where it is missing; it may hold the same run already, and no other.

        Raises:
            RunFolderError: it holds another run.
            MachineError: it cannot be written to.

        Example:
            >>> finder.save("runs/mine")
            PosixPath('runs/mine')
            >>> neuralfinder.NeuralFinder.load("runs/mine").score(X, y) == finder.score(X, y)
            True
        """
        check_is_fitted(self)
        folder = as_path(folder)
        self.run_.save(folder)
        try:
            self.model_.export(folder / "model")
        except InputError as error:  # a layer of a package, which has no source here; all else is written by then
            warnings.warn(f"saved without the network as source: {error}", UserWarning, stacklevel=2)
        write_card(folder, folder / "model")
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """The estimator of a finished run, as `save`, `fit` with `run` or `neuralfinder search --run` left it.

        Its settings are those of the run, but for `run`, `verbose` and `callbacks`: to fit it anew is another run.

        Args:
            folder: the run folder.

        Raises:
            InputError: no finished run there, or a spoilt one.

        Example:
            >>> neuralfinder.NeuralFinder.load("runs/bars").predict(X).tolist() == finder.predict(X).tolist()
            True
        """
        from neuralfinder.training.model import Model

        found, model = Run.load(folder), Model.load(folder)
        with as_written(as_path(folder)):
            began = [event for event in found.events() if isinstance(event, Begun)][-1]
            options = began.settings["options"]
            given = {**began.settings, **options, **began.address}
        names = {setting.name for setting in (*RUN, *CAPS, *DATA) if setting.option}
        own = {name: value for name, value in given.items() if name in names and value is not None}
        rest = {name: value for name, value in options.items() if name not in names}
        return cls(**own, options=rest or None)._keep(model, found)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Accuracy, whatever the metric of the search: the share of pictures, 0..1, whose label is answered.

        A label that training lacked is never answered.

        Args:
            X: pictures, n of them.
            y: n labels in any form that `fit` takes; those that `fit` was given.
            sample_weight: `(n,)` how much each picture counts; all the same when not given.

        Raises:
            InputError: unusable pictures or labels, or strings where training had numbers, or the reverse.

        Example:
            >>> finder.score(X[:10], y[:10])
            1.0
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

    def _keep(self, model: Model, found: Run) -> Self:
        """Take what a run found as one's own."""
        self.model_, self.run_ = model, found
        self.classes_ = np.array(model.classes)
        return self

    def _html_repr(self) -> str:
        """What notebooks show: the card of what was found, where it does not stand there yet, and the settings."""
        diagram = str(estimator_html_repr(self))
        if not hasattr(self, "run_") or (self._shown_in is not None and self._shown_in == cell_number()):
            return diagram
        return self.run_._repr_html_() + diagram

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.non_deterministic = False
        return tags

    def _settings(self) -> Settings:
        own = {setting.name: getattr(self, setting.name) for setting in (*RUN, *CAPS) if setting.option}
        return Settings.of(once(own, self.options or {}))
