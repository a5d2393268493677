"""TensorBoard and MLflow get what a run has to show."""

from __future__ import annotations

import copy
import pickle  # noqa: TID251 - scikit-learn's tools pickle what they hand to processes
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neuralfinder import NeuralFinder
from neuralfinder.errors import InputError
from neuralfinder.search.events import Begun, Evaluated, Finished, FullyTrained, Stopped
from neuralfinder.show.trackers import FIGURES, MLflow, TensorBoard
from neuralfinder.types import Result

FIGURED = {**dict.fromkeys(FIGURES, 0.5), "genome": "C8 > G"}

EVENTS = [
    Begun("toy", "f", {"minutes": 1.0, "seed": 7, "strategy": None, "options": {"max_genes": 4}}, {}, "1", number=1),
    Evaluated(Result(0, 0.5, parameters=30, seconds=0.25), number=2, time=1.7e9),
    Evaluated(Result(1, None, "diverged"), number=3, time=1.7e9),
    Evaluated(Result(2, 0.75, parameters=40, seconds=0.5), number=4, time=1.7e9 + 2),
    Stopped("time is up", 1, number=5, time=1.7e9 + 2),
    FullyTrained("final-0-0", "C8 > G", 2.0, "w", Result(-1, 0.9, curve=(0.8, 0.9)), number=6, time=1.7e9 + 3),
    Finished(FIGURED, number=7, time=1.7e9 + 4),
]
CURVES = {
    "search/validation_accuracy": [(0, 0.5), (2, 0.75)],
    "search/parameters": [(0, 30), (2, 40)],
    "search/seconds": [(0, 0.25), (2, 0.5)],
    "finish/final-0-0": [(1, 0.8), (2, 0.9)],
    **{f"result/{name}": [(0, 0.5)] for name in FIGURES},
}


def bars() -> tuple[np.ndarray, np.ndarray]:
    y = np.arange(30) % 2
    return (np.random.default_rng(0).integers(0, 100, (30, 6, 6)) + 100 * y[:, None, None]).astype(np.uint8), y


def curves_in(folder: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder))
    read.Reload()
    return {
        name: [(each.step, pytest.approx(each.value)) for each in read.Scalars(name)] for name in read.Tags()["scalars"]
    }


@pytest.fixture
def board(tmp_path: Path) -> TensorBoard:
    pytest.importorskip("tensorboard")
    return TensorBoard(tmp_path / "board")


@pytest.mark.thorough
def test_tensorboard_shows_curves_by_candidate_and_each_run_in_its_folder(board: TensorBoard) -> None:
    for _ in range(2):
        for event in EVENTS:
            board(event)
    copied, sent = copy.deepcopy(board), pickle.loads(pickle.dumps(board))  # noqa: S301 - our own bytes
    copied(EVENTS[1])
    sent(EVENTS[3])
    assert {path.name for path in board.folder.iterdir()} == {f"run-{number}" for number in range(4)}
    assert curves_in(board.folder / "run-0") == curves_in(board.folder / "run-1") == CURVES
    assert curves_in(board.folder / "run-2")["search/parameters"] == [(0, 30)]  # at once, before anything is closed
    assert curves_in(board.folder / "run-3")["search/parameters"] == [(2, 40)]


@pytest.mark.thorough
@pytest.mark.usefixtures("quick_machine")
def test_tensorboard_gets_a_real_run(board: TensorBoard) -> None:
    finder = NeuralFinder(candidates=2, epochs=1, finalists=1, final_epochs=2, verbose=0, callbacks=[board])
    finder.fit(*bars())
    curves = curves_in(board.folder / "run-0")
    scores = {row["id"]: row["validation_accuracy"] for row in finder.run_.rows()}
    assert dict(curves["search/validation_accuracy"]) == scores
    assert curves["result/test_accuracy"] == [(0, finder.result_["test_accuracy"])]
    assert "finish/last" in curves


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store of MLflow in files, which its newest versions have to be asked for."""
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return (tmp_path / "runs").as_uri()


def runs_in(store: str, experiment: str) -> list[Any]:
    from mlflow import MlflowClient

    client = MlflowClient(store)
    found = client.get_experiment_by_name(experiment)
    return list(reversed(client.search_runs([found.experiment_id])))


@pytest.mark.thorough
def test_mlflow_has_settings_curves_and_the_result_of_each_run(store: str) -> None:
    from mlflow import MlflowClient

    tracker = MLflow("toys", store)
    for event in EVENTS:
        tracker(event)
    copied = pickle.loads(pickle.dumps(copy.deepcopy(tracker)))  # noqa: S301 - our own bytes
    copied(EVENTS[1])
    whole, other = sorted(runs_in(store, "toys"), key=lambda run: run.info.status)
    assert (whole.info.status, other.info.status) == ("FINISHED", "RUNNING")
    assert whole.data.params == {"data": "toy", "minutes": "1.0", "seed": "7", "max_genes": "4"}
    assert whole.data.tags["genome"] == "C8 > G"
    client = MlflowClient(store)
    for name, curve in CURVES.items():
        history = client.get_metric_history(whole.info.run_id, name)
        assert [(each.step, each.value) for each in history] == curve
    assert [file.path for file in client.list_artifacts(whole.info.run_id)] == ["result.json"]


@pytest.mark.thorough
@pytest.mark.usefixtures("quick_machine")
def test_mlflow_gets_a_real_run(store: str) -> None:
    callbacks = [MLflow(tracking_uri=store)]
    finder = NeuralFinder(candidates=2, epochs=1, finalists=1, final_epochs=2, verbose=0, callbacks=callbacks)
    finder.fit(*bars())
    (run,) = runs_in(store, "NeuralFinder")
    assert run.info.status == "FINISHED"
    assert run.data.params["candidates"] == "2"
    assert run.data.metrics["result/test_accuracy"] == finder.result_["test_accuracy"]
    assert run.data.tags["genome"] == finder.result_["genome"]


@pytest.mark.parametrize(("tracker", "extra"), [(lambda: TensorBoard("x"), "tensorboard"), (MLflow, "mlflow")])
def test_what_is_not_installed_is_said_before_a_run(tracker: Any, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neuralfinder.show.trackers.find_spec", lambda _: None)
    with pytest.raises(InputError, match=rf"neuralfinder\[{extra}\]"):
        tracker()
