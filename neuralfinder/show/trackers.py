"""Callbacks of `NeuralFinder` that tell experiment trackers of a run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuralfinder.errors import lacking
from neuralfinder.search.events import Begun, DataRead, Evaluated, Event, Finished, FullyTrained, Planned
from neuralfinder.training.metrics import Metric, metric_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from torch.utils.tensorboard import SummaryWriter

FIGURES = ("test_accuracy", "test_balanced_accuracy", "validation_accuracy", "parameters", "macs", "epochs")
"""Of a finished run, by their names in `result.json`; those of its metric come on top."""


class TensorBoard:
    """Writes a run where `tensorboard --logdir FOLDER` shows it; each run has a sub-folder of its own, `run-0` first.

    Candidates are steps of curves, by their ids; the trainings of the finish are curves of their own. A run that is
    taken up again by the same object goes on in its sub-folder, as long as the process lives.

    Args:
        folder: made when the first event comes.

    Raises:
        InputError: TensorBoard is not installed: it comes with the extra `tensorboard`.
    """

    def __init__(self, folder: str | Path) -> None:
        if not find_spec("tensorboard"):
            raise lacking("TensorBoard(...)", "TensorBoard", "tensorboard")
        self.folder = Path(folder).expanduser()
        self._writer: SummaryWriter | None = None
        self._metric: Metric | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Copies, such as scikit-learn's `clone` makes them, write runs of their own."""
        return {"folder": self.folder, "_writer": None, "_metric": None}

    def __call__(self, event: Event) -> None:
        """Write what an event has to show, at once."""
        if isinstance(event, Begun):
            self._close()
            self._metric = metric_of(event.settings)
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(_fresh(self.folder)))
        for name, value, step in _numbers(event, self._metric):
            self._writer.add_scalar(name, value, step, walltime=event.time)
        for name, values in _plain(event):
            text = json.dumps(values, indent=1)
            self._writer.add_text(name, f"```\n{text}\n```", walltime=event.time)
        self._writer.flush()
        if isinstance(event, Finished):
            self._close()

    def _close(self) -> None:
        if self._writer:
            self._writer.close()
        self._writer = None


class MLflow:
    """Logs a run to MLflow, as a run there of the experiment; no other run that is active there is touched.

    Settings are its parameters, candidates steps of its metrics, by their ids. A run that never comes to its end stays
    `RUNNING`.

    Args:
        experiment: its name; made when there is none.
        tracking_uri: of the server or store; that of the environment when not given.

    Raises:
        InputError: MLflow is not installed: it comes with the extra `mlflow`.
    """

    def __init__(self, experiment: str = "NeuralFinder", tracking_uri: str | None = None) -> None:
        if not find_spec("mlflow"):
            raise lacking("MLflow(...)", "MLflow", "mlflow")
        self.experiment, self.tracking_uri = experiment, tracking_uri
        self._client: MlflowClient | None = None
        self._run = ""
        self._metric: Metric | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Copies, such as scikit-learn's `clone` makes them, log runs of their own."""
        kept = {"experiment": self.experiment, "tracking_uri": self.tracking_uri}
        return {**kept, "_client": None, "_run": "", "_metric": None}

    def __call__(self, event: Event) -> None:
        """Log what an event has to show, at once."""
        if self._client is None:
            from mlflow import MlflowClient

            self._client = MlflowClient(self.tracking_uri)
        client, milliseconds = self._client, int(1000 * event.time)
        if isinstance(event, Begun) or not self._run:
            known = client.get_experiment_by_name(self.experiment)
            number = known.experiment_id if known else client.create_experiment(self.experiment)
            self._run = client.create_run(number, start_time=milliseconds).info.run_id
        if isinstance(event, Begun):
            self._metric = metric_of(event.settings)
            for name, value in {"data": event.data, **event.settings, **event.settings["options"]}.items():
                if name != "options" and value is not None:
                    client.log_param(self._run, name, value)
        for name, value, step in _numbers(event, self._metric):
            client.log_metric(self._run, name, value, milliseconds, step)
        for name, values in _plain(event):
            client.log_dict(self._run, dict(values), f"{name}.json")
        if isinstance(event, Finished):
            client.set_tag(self._run, "genome", event.outcome["genome"])
            client.set_terminated(self._run, end_time=milliseconds)
            self._run = ""


def _numbers(event: Event, metric: Metric | None) -> Iterator[tuple[str, float, int]]:
    """Name, value and step of the numbers that an event has to show.

    A score is 0 to 1, more is better, where the metric is not known: of a run that somebody else was told to begin.
    """
    name, told = (metric.key("validation"), metric.told) if metric else ("score", float)
    match event:
        case Evaluated(result) if result.failure is None:
            if result.score is not None:
                yield f"search/{name}", told(result.score), result.id
            yield "search/parameters", result.parameters, result.id
            yield "search/seconds", result.seconds, result.id
        case FullyTrained(name=training, result=result):
            for step, score in enumerate(result.curve, start=1):
                yield f"finish/{training}", told(score), step
        case Finished(outcome):
            for figure in dict.fromkeys((*FIGURES, *map(metric_of(outcome).key, ("test", "validation")))):
                yield f"result/{figure}", outcome[figure], 0


def _plain(event: Event) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name and content of what an event holds as a whole."""
    match event:
        case DataRead(values) | Planned(values) | Finished(values):
            yield "result" if isinstance(event, Finished) else event.kind, values


def _fresh(folder: Path) -> Path:
    """A new sub-folder, also where others make theirs at the same moment."""
    folder.mkdir(parents=True, exist_ok=True)
    number = 0
    while True:
        try:
            (made := folder / f"run-{number}").mkdir()
        except FileExistsError:
            number += 1
        else:
            return made
