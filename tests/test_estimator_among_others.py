"""The estimator among scikit-learn's tools, in files of others, and with callbacks that look on."""

from __future__ import annotations

import copy
import functools
import io
import pickle  # noqa: TID251 - users pickle what they have
import pickletools
import time
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from neuralfinder import InputError, NeuralFinder
from neuralfinder.job.callbacks import Callbacks
from neuralfinder.search.events import Begun, Event, Stopped
from neuralfinder.search.record import Record

pytestmark = pytest.mark.usefixtures("quick_machine")

TEXTS = [f"{word} number {n}" for n in range(15) for word in ("sea", "wood", "stone")]


def tiny(**settings: Any) -> NeuralFinder:
    few = {"candidates": 2, "epochs": 1, "finalists": 1, "final_epochs": 4, "options": {"max_macs": 10**6}}
    return NeuralFinder(**{**few, "verbose": 0, **settings})


def rows(n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of 6x6 with a bright third, as rows of 36 numbers, and which third is bright."""
    y = np.arange(n) % 3
    X = np.random.default_rng(0).integers(0, 60, (n, 6, 6))
    for label in range(3):
        X[y == label, 2 * label : 2 * label + 2] += 150
    return X.reshape(n, 36).astype(np.uint8), y


def as_pictures(X: np.ndarray) -> np.ndarray:
    return X.reshape(-1, 6, 6)


def dumped(finder: NeuralFinder) -> Any:
    file = io.BytesIO()
    joblib.dump(finder, file)
    file.seek(0)
    return joblib.load(file)


@pytest.mark.parametrize("kind", ["pictures", "texts"])
def test_a_fitted_estimator_is_copied_and_kept_in_any_way_and_answers_the_same_to_the_bit(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    X, y = (as_pictures(rows()[0]), rows()[1]) if kind == "pictures" else (TEXTS, np.arange(45) % 3)
    finder = tiny(candidates=1).fit(X, np.array(["a", "b", "猫"])[y])
    assert not list(tmp_path.iterdir())  # its run folder is gone
    expected = finder.predict_proba(X)
    as_bytes = pickle.dumps(finder)
    for twin in (pickle.loads(as_bytes), dumped(finder), copy.deepcopy(finder)):  # noqa: S301 - our own bytes
        np.testing.assert_array_equal(twin.predict_proba(X), expected)
        assert list(twin.classes_) == ["a", "b", "猫"]
        assert (twin.run_, twin.result_) == (finder.run_, finder.result_)
        assert twin.get_params() == finder.get_params()
    words = {str(argument) for step, argument, _ in pickletools.genops(as_bytes) if "UNICODE" in step.name}
    assert not [word for word in words if word.startswith("torch.")]
    ours = {"neuralfinder.estimator", "neuralfinder.training.model", "neuralfinder.show.run"}
    assert {word for word in words if word.startswith("neuralfinder.")} == ours


@pytest.mark.thorough
def test_it_stands_at_the_end_of_a_pipeline_in_a_search_by_cross_validation() -> None:
    X, y = rows()
    pipeline = make_pipeline(FunctionTransformer(as_pictures), tiny(candidates=1, final_epochs=20))
    grid = GridSearchCV(pipeline, {"neuralfinder__final_epochs": [1, 20]}, cv=2).fit(X, y)
    assert grid.best_score_ > 0.6  # chance is a third
    assert grid.predict_proba(X).shape == (60, 3)
    twin = pickle.loads(pickle.dumps(grid.best_estimator_))  # noqa: S301 - our own bytes
    np.testing.assert_array_equal(twin.predict_proba(X), grid.predict_proba(X))


def test_a_clone_of_a_fitted_one_has_its_settings_and_nothing_else() -> None:
    X, y = rows()
    finder = tiny(candidates=1, seed=3, options={"max_genes": 6}, callbacks=[str]).fit(as_pictures(X), y)
    twin = clone(finder)
    assert twin.get_params() == finder.get_params()
    assert not [name for name in vars(twin) if name.endswith("_")]


# callbacks


def plain(events: list[Event]) -> list[Any]:
    return [(event.number, event.time, event.kind, event.plain()) for event in events]


def test_a_callback_gets_every_event_as_soon_as_it_is_in_the_record_and_as_that_has_it(tmp_path: Path) -> None:
    def look(event: Event) -> None:
        with Record(tmp_path / "run.sqlite", readonly=True) as record:
            written.append(max(each.number for each in record.events()))

    X, y = rows()
    told, written = list[Event](), list[int]()
    tiny(run=tmp_path, callbacks=[told.append, look]).fit(as_pictures(X), y)
    with Record(tmp_path / "run.sqlite", readonly=True) as record:
        events = list(record.events())
    assert plain(told) == plain(events)
    assert written == [event.number for event in told] == list(range(1, len(events) + 1))
    assert {event.kind for event in told} >= {"run", "data", "plan", "asked", "result", "stop", "final", "finished"}


@pytest.mark.thorough
def test_a_run_that_is_taken_up_again_tells_of_what_is_new_and_a_finished_one_of_nothing(tmp_path: Path) -> None:
    class KilledError(BaseException):
        """No error of a callback: what ends the process."""

    def kill(event: Event) -> None:
        first.append(event)
        if isinstance(event, Stopped):
            raise KilledError

    X, y = rows()
    first, second, third = list[Event](), list[Event](), list[Event]()
    with pytest.raises(KilledError):
        tiny(run=tmp_path, callbacks=[kill]).fit(as_pictures(X), y)
    tiny(run=tmp_path, callbacks=[second.append]).fit(as_pictures(X), y)
    tiny(run=tmp_path, callbacks=[third.append]).fit(as_pictures(X), y)
    with Record(tmp_path / "run.sqlite", readonly=True) as record:
        assert plain([*first, *second]) == plain(list(record.events()))
    assert isinstance(first[0], Begun)
    assert second[0].kind == "final"
    assert third == []


@pytest.mark.thorough
def test_callbacks_change_nothing_and_one_that_fails_is_warned_about_once(capsys: pytest.CaptureFixture[str]) -> None:
    class Broken:
        def __call__(self, event: Event) -> None:
            raise ValueError(f"no {event.kind}")

    X, y = rows()
    told = list[Event]()
    quiet = tiny(candidates=1).fit(as_pictures(X), y)
    finder = tiny(candidates=1, callbacks=[Broken(), told.append], verbose=1)
    with pytest.warns(UserWarning, match="callback .*Broken failed") as caught:
        finder.fit(as_pictures(X), y)
    warned = [str(each.message) for each in caught]
    assert len(warned) == 1
    assert f"failed {len(told)} times, first with ValueError: no run, of event 1, `run`" in warned[0]
    assert capsys.readouterr().out.count("Broken failed with ValueError: no run") == 1
    np.testing.assert_array_equal(finder.predict_proba(as_pictures(X)), quiet.predict_proba(as_pictures(X)))


@pytest.mark.parametrize("given", [print, "print", [print, 3], {"a": print}])
def test_callbacks_are_a_list_of_callables(given: Any) -> None:
    with pytest.raises(InputError, match=r"callbacks is .*; expected a list of callables"):
        tiny(callbacks=given).fit(*rows())


def test_names_of_callbacks_that_have_none() -> None:
    event = Stopped("time is up", 1)

    def fail(_: Event, what: str) -> None:
        raise KeyError(what)

    said = list[str]()
    callbacks = Callbacks((functools.partial(fail, what="x"), functools.partial(fail, what="y")), said.append)
    for _ in range(3):
        callbacks(event)
    assert [line.split(";")[0] for line in said] == [
        f"callback partial failed with KeyError: '{what}', of event 0, `stop`" for what in "xy"
    ]
    assert [warning.split(",")[0] for warning in callbacks.warnings] == ["callback partial failed 3 times"] * 2


def test_telling_takes_little_beside_the_writing(tmp_path: Path) -> None:
    def took(tell: Any, name: str) -> float:
        with Record(tmp_path / name, tell=tell) as record:
            began = time.perf_counter()
            for _ in range(200):
                record.write(Stopped("time is up", 1))
            return time.perf_counter() - began

    told = min(took(lambda _: None, f"told {again}") for again in range(3))
    assert told < took(None, "alone") + 0.2  # a millisecond each
