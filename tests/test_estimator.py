"""The estimator: what goes in, what comes back, and what may not make a difference."""

from __future__ import annotations

import os
import signal
import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import neuralfinder.training.evaluate
from neuralfinder import InputError, NeuralFinder
from neuralfinder.errors import RunFolderError
from neuralfinder.search.record import Record
from neuralfinder.training.machine import has_bf16
from neuralfinder.training.train import train

pytestmark = pytest.mark.usefixtures("quick_machine")


def tiny(**settings: Any) -> NeuralFinder:
    few = {"candidates": 2, "epochs": 1, "finalists": 1, "final_epochs": 2, "options": {"max_macs": 10**6}}
    return NeuralFinder(**{**few, "experience": "off", "verbose": 0, **settings})


def bars(n: int = 60, classes: int = 3, shape: tuple[int, ...] = (8, 8), seed: int = 0) -> tuple[Any, Any]:
    """Noise with a bright bar, wide or high, whose place is the class: pictures `(n, *shape)` uint8 and labels."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % classes)
    X = rng.integers(0, 60, (n, *shape))
    axis = 1 if shape[0] >= shape[1] else 2
    places = np.arange(shape[axis - 1]) * classes // shape[axis - 1]
    bright = places[np.newaxis] == y[:, np.newaxis]
    X[np.broadcast_to(np.expand_dims(bright, [i for i in range(1, X.ndim) if i != axis]), X.shape)] += 150
    return X.astype(np.uint8), y


@cache
def fitted(n: int = 60) -> NeuralFinder:
    """One for all tests that only ask it."""
    return tiny().fit(*bars(n))


def weights(finder: NeuralFinder) -> dict[str, torch.Tensor]:
    return finder.model_.network.state_dict()


def same_weights(first: NeuralFinder, second: NeuralFinder) -> bool:
    a, b = weights(first), weights(second)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def same_run(first: NeuralFinder, second: NeuralFinder) -> bool:
    """But for what the test part says, and how long it took."""
    left_out = {"test_accuracy": None, "seconds": None}
    boards = [[{**row, **left_out} for row in finder.run_.rows()] for finder in (first, second)]
    return boards[0] == boards[1] and same_weights(first, second)


def test_fit_learns_and_every_answer_agrees_with_the_others() -> None:
    X, y = bars(120)
    finder = tiny(epochs=2, final_epochs=15).fit(X, y)
    new, truth = bars(90, seed=1)
    probabilities = finder.predict_proba(new)
    assert probabilities.shape == (90, 3)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-6)
    answers = finder.predict(new)
    np.testing.assert_array_equal(answers, finder.classes_[probabilities.argmax(1)])
    assert finder.score(new, truth) == (answers == truth).mean()
    assert finder.score(new, truth) > 0.9


def test_result_and_leaderboard_say_what_was_found() -> None:
    finder = tiny(candidates=4).fit(*bars())
    result, board = finder.result_, finder.run_.rows()
    assert result["status"] == "done"
    assert result["candidates"]["trained"] == len(board) == 4
    assert [row["rank"] for row in board] == [1, 2, 3, 4]
    scores = [row["validation_accuracy"] for row in board]
    assert scores == sorted(scores, reverse=True)
    assert sorted(row["id"] for row in board) == [0, 1, 2, 3]
    assert result["genome"] == finder.model_.genome.key == board[0]["genome"]
    assert result["parameters"] == board[0]["parameters"] == sum(p.numel() for p in finder.model_.network.parameters())
    assert (result["seed"], result["preset"], result["strategy"]) == (0, "fast", "artificial-life")
    assert set(result["baselines"]) == {"majority class", "logistic regression", "small network"}
    low, high = result["test_interval"]
    assert 0 <= low <= result["test_accuracy"] <= high <= 1
    assert (result["data"]["train"], result["data"]["validation"], result["data"]["test"]) == (38, 10, 12)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "names",
    [
        ["cat", "chien", "猫"],
        [3, -1, 7],
        [0.5, 1.5, 2.25],
        [1e-300, 1.0, 1e300],
        ["", " ", "a b\n"],
        ["1", "10", "2"],
    ],
    ids=str,
)
def test_labels_come_back_as_given(names: list[Any]) -> None:
    X, y = bars()
    given = np.array(names)[y]
    finder = tiny().fit(X, given)
    assert finder.classes_.tolist() == sorted(names)
    assert finder.classes_.dtype.kind == given.dtype.kind
    answers = finder.predict(X)
    assert {type(answer) for answer in answers.tolist()} == {type(names[0])}
    assert finder.score(X, given) == (answers == given).mean()
    assert finder.score(X, given.tolist()) == finder.score(X, given[:, np.newaxis]) == finder.score(X, given)


def test_bool_labels_come_back_as_bool() -> None:
    X, y = bars(classes=2)
    finder = tiny().fit(X, y == 1)
    assert finder.predict(X).dtype == np.bool_
    assert finder.classes_.tolist() == [False, True]
    assert finder.score(X, y == 1) == finder.score(X, y)  # True is 1, as everywhere in Python


def test_one_hot_labels_are_column_numbers_also_for_score() -> None:
    X, y = bars()
    plain, hot = fitted(), tiny().fit(X, np.eye(3)[y])
    assert same_run(plain, hot)
    np.testing.assert_array_equal(hot.predict(X), plain.predict(X))
    assert hot.classes_.tolist() == [0, 1, 2]
    assert hot.score(X, np.eye(3)[y]) == hot.score(X, y) == plain.score(X, np.eye(3)[y])


def test_score_counts_strange_labels_as_wrong_and_weighs() -> None:
    X, y = bars(classes=2)
    finder = tiny().fit(X, y)
    right = finder.predict(X) == y
    strange = np.where(np.arange(60) < 30, 9, y)
    assert finder.score(X, strange) == right[30:].sum() / 60
    counts = np.arange(60.0)
    assert finder.score(X, y, sample_weight=counts) == pytest.approx(np.average(right, weights=counts))
    with pytest.raises(InputError, match=r"labels such as '0'; expected labels as in training, such as 0"):
        finder.score(X, y.astype(str))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        finder.score(X, y[:-1])


def test_score_of_a_given_test_part_is_the_one_in_the_result() -> None:
    X, y = bars(60)
    X_test, y_test = bars(45, seed=2)
    finder = tiny().fit(X, y, X_test, y_test)
    assert finder.result_["data"]["test"] == 45
    differing = 1 if has_bf16(torch.device("cpu")) else 0  # the result is measured in it, a model answers in float32
    told = finder.result_["test_accuracy"]
    assert abs(round(45 * told) - round(45 * finder.score(X_test, y_test))) <= differing


@pytest.mark.thorough
def test_search_never_sees_the_test_part() -> None:
    X, y = bars(60)
    X_test, y_test = bars(45, seed=2)
    settings = {"candidates": 4, "finalists": 2, "final_epochs": 6}
    honest = tiny(**settings).fit(X, y, X_test, y_test)
    shifted = tiny(**settings).fit(X, y, X_test, (y_test + 1) % 3)
    spoilt = tiny(**settings).fit(X, y, 255 - X_test[:9], y_test[:9])
    for other in (shifted, spoilt):
        assert same_run(honest, other)
        assert other.result_["genome"] == honest.result_["genome"]
        assert other.result_["validation_accuracy"] == honest.result_["validation_accuracy"]
        assert other.model_.preparation == honest.model_.preparation
    assert shifted.result_["test_accuracy"] != honest.result_["test_accuracy"]


@pytest.mark.thorough
@pytest.mark.parametrize("lacking", [[2], [1, 2]], ids=["a class", "all classes but one"])
def test_test_part_may_lack_classes(lacking: list[int]) -> None:
    X, y = bars(60)
    X_test, y_test = bars(45, seed=2)
    kept = ~np.isin(y_test, lacking)
    finder = tiny(final_epochs=8).fit(X, y, X_test[kept], y_test[kept])
    right = finder.predict(X_test[kept]) == y_test[kept]
    recalls = [right[y_test[kept] == label].mean() for label in sorted(set(y_test[kept].tolist()))]
    assert finder.result_["test_balanced_accuracy"] == pytest.approx(np.mean(recalls))


def test_verbose_0_prints_nothing_and_1_says_data_seed_and_plan(capfd: pytest.CaptureFixture[str]) -> None:
    X, y = bars()
    tiny().fit(X, np.eye(3)[y])
    assert capfd.readouterr() == ("", "")
    tiny(verbose=1).fit(X, np.eye(3)[y])
    out, err = capfd.readouterr()
    assert err == ""
    assert out.startswith("NeuralFinder: 60 pictures, seed 0, preset fast\n")
    assert "one-hot labels were read as the column indices 0 to 2; predictions are such indices" in out
    assert "38 training, 10 validation, 12 test pictures of 1x8x8, 3 classes" in out
    assert "2 candidates, 1 epoch each" in out


@pytest.mark.thorough
def test_equal_seeds_give_equal_runs_and_others_do_not() -> None:
    X, y = bars()
    first, again, other = (tiny(candidates=4, seed=seed).fit(X, y) for seed in (0, 0, 1))
    assert same_run(first, again)
    np.testing.assert_array_equal(first.predict_proba(X), again.predict_proba(X))
    board = [[row["genome"] for row in finder.run_.rows()] for finder in (first, other)]
    assert board[0] != board[1]
    assert other.result_["seed"] == 1


def test_no_global_random_state_is_used_or_touched() -> None:
    X, y = bars()
    first = fitted()
    np.random.seed(5)  # noqa: NPY002 - the state that must not matter
    torch.manual_seed(5)
    before = np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002
    second = tiny().fit(X, y)
    assert (np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == before  # noqa: NPY002
    assert same_run(first, second)


@pytest.mark.thorough
def test_refit_forgets_the_first_fit() -> None:
    X, y = bars()
    finder = tiny().fit(X, y)
    finder.fit(*bars(classes=2, shape=(6, 6)))
    assert finder.classes_.tolist() == [0, 1]
    assert same_run(finder, tiny().fit(*bars(classes=2, shape=(6, 6))))


@pytest.mark.thorough
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_channel_order_makes_no_difference(channels: int) -> None:
    X, y = bars(shape=(8, 9, channels))
    last, first = tiny().fit(X, y), tiny().fit(X.transpose(0, 3, 1, 2), y)
    assert same_run(last, first)
    expected = last.predict_proba(X)
    np.testing.assert_array_equal(first.predict_proba(X), expected)
    np.testing.assert_array_equal(last.predict_proba(X.transpose(0, 3, 1, 2)), expected)
    for single in (X[5], X[5].transpose(2, 0, 1)):
        np.testing.assert_allclose(last.predict_proba(single), expected[5:6], atol=1e-6)
        assert last.predict(single).tolist() == [last.classes_[expected[5].argmax()]]


def test_colour_that_only_colour_tells_is_learned() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    X = rng.integers(0, 100, (90, 8, 8, 3)) + 100 * np.eye(3, dtype=int)[y][:, np.newaxis, np.newaxis]
    finder = tiny(final_epochs=15).fit(X.astype(np.uint8), y)
    assert finder.score(X, y) > 0.9
    with pytest.raises(InputError, match=r"X is of shape \(90, 8, 8\); expected \(8, 8, 3\).*resize"):
        finder.predict(X[..., 0])


@pytest.mark.thorough
@pytest.mark.parametrize("form", [np.float32, np.float64, np.int64, np.uint16, list], ids=str)
def test_type_of_equal_pixels_makes_no_difference(form: Any) -> None:
    X, y = bars(60)
    other = X.tolist() if form is list else X.astype(form)
    first, second = fitted(60), tiny().fit(other, y)
    assert same_run(first, second)
    np.testing.assert_array_equal(first.predict_proba(other), second.predict_proba(X))


@pytest.mark.thorough
@pytest.mark.parametrize("exponent", [-60, -30, 10, 100])
def test_scale_of_floats_makes_no_difference(exponent: int) -> None:
    X, y = bars(90)  # enough for the look at mirrored pictures
    scaled = X.astype(np.float32) * np.float32(2.0**exponent)
    first, second = fitted(90), tiny().fit(scaled, y)
    assert same_run(first, second)  # to the bit: powers of two round nothing
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(scaled))


def test_bool_pictures_are_pictures() -> None:
    X, y = bars(60)
    finder = tiny(final_epochs=8).fit(X > 100, y)
    assert finder.score(X > 100, y) > 0.9


@pytest.mark.thorough
@pytest.mark.parametrize("value", [0, 255, 0.1, -1e30])
def test_constant_pictures_give_a_model_at_chance(value: float) -> None:
    y = np.arange(90) % 2
    finder = tiny().fit(np.full((90, 8, 8), value), y)
    probabilities = finder.predict_proba(np.full((2, 8, 8), value))
    assert np.isfinite(probabilities).all()
    np.testing.assert_array_equal(probabilities[0], probabilities[1])
    assert finder.result_["test_accuracy"] == 0.5


def test_constant_channel_beside_a_telling_one() -> None:
    X, y = bars(60)
    finder = tiny(final_epochs=8).fit(np.stack([X, np.full_like(X, 9), np.zeros_like(X)], axis=-1), y)
    assert finder.result_["validation_accuracy"] > 0.8


@pytest.mark.thorough
@pytest.mark.parametrize("shape", [(1, 20), (20, 1), (1, 64), (3, 50), (40, 2), (1, 2)], ids=str)
def test_thin_pictures(shape: tuple[int, int]) -> None:
    X, y = bars(90, classes=2, shape=shape)
    finder = tiny(final_epochs=4).fit(X, y)
    assert (finder.model_.shape.height, finder.model_.shape.width) == shape
    assert finder.predict(X[0]).shape == (1,)
    assert finder.result_["candidates"]["trained"] == 2


def test_pictures_of_one_pixel() -> None:
    y = np.arange(90) % 2
    X = (100 * y).astype(np.uint8).reshape(90, 1, 1)
    finder = tiny(final_epochs=15).fit(X, y)
    assert finder.score(X, y) == 1


@pytest.mark.thorough
@pytest.mark.parametrize(("n", "classes"), [(6, 2), (7, 2), (9, 3), (33, 11)])
def test_tiny_data(n: int, classes: int) -> None:
    X, y = bars(n, classes, shape=(11, 11))
    finder = tiny().fit(X, y)
    assert finder.predict_proba(X).shape == (n, classes)
    data = finder.result_["data"]
    assert data["train"] + data["validation"] + data["test"] == n
    assert min(data["train"], data["validation"], data["test"]) >= classes


def test_many_classes_of_three_pictures_each() -> None:
    X = np.random.default_rng(0).integers(0, 256, (360, 4, 4)).astype(np.uint8)
    y = np.arange(360) % 120
    finder = tiny(candidates=1).fit(X, y)  # without scikit-learn's warning that this may be a regression
    assert finder.predict_proba(X[:2]).shape == (2, 120)


@pytest.mark.parametrize("preset", ["fast", "seed-2017"])
@pytest.mark.parametrize("strategy", [None, "random"])
def test_presets_and_strategies(preset: str, strategy: str | None) -> None:
    X, y = bars()
    finder = tiny(preset=preset, strategy=strategy, options={"max_parameters": 60_000, "max_macs": 10**7}).fit(X, y)
    assert finder.result_["preset"] == preset
    assert finder.result_["strategy"] == strategy or strategy is None
    assert max(row["parameters"] for row in finder.run_.rows()) <= 60_000
    assert finder.predict(X[:3]).shape == (3,)


@pytest.mark.parametrize(
    ("shape", "given"),
    [
        ((2, 9, 8), r"\(2, 9, 8\)"),
        ((9, 8), r"\(9, 8\)"),
        ((8,), r"\(8,\)"),
        ((2, 8, 8, 3), r"\(2, 8, 8, 3\)"),
        ((2, 1, 1, 8, 8), r"\(2, 1, 1, 8, 8\)"),
    ],
)
def test_other_shapes_are_refused_by_predict(shape: tuple[int, ...], given: str) -> None:
    with pytest.raises(InputError, match=rf"X is of shape {given}; expected \(8, 8\), \(n, 8, 8\).*; resize"):
        fitted().predict(np.zeros(shape))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"X": np.zeros((60, 64))}, r"X is of shape \(60, 64\); .*reshape it, perhaps to \(60, 8, 8\)"),
        ({"y": np.zeros(60)}, r"y is of one class only"),
        ({"y": np.zeros(59)}, r"59 labels"),
        ({"y": np.arange(60) + 0.5}, r"a different label for each of the 60 samples.*continuous"),
        ({"X_test": np.zeros((3, 8, 8), np.uint8)}, r"y_test is missing"),
        ({"X_test": np.zeros((3, 8, 8)), "y_test": [0, 1, 2]}, r"X_test is float64 pictures.*expected uint8"),
        ({"X_test": np.zeros((3, 8, 8), np.uint8), "y_test": [0, 1, 5]}, r"classes that the training part lacks: 5"),
    ],
)
def test_bad_input_is_refused_before_any_training(
    change: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("neuralfinder.job.run.run", lambda *_: pytest.fail("something was started"))
    X, y = bars()
    with pytest.raises(InputError, match=words):
        tiny(run=tmp_path / "run").fit(**{"X": X, "y": y, **change})
    assert not (tmp_path / "run").exists()


def test_sparse_matrix_is_refused_with_the_mend() -> None:
    from scipy.sparse import csr_array

    with pytest.raises(InputError, match=r"X is a sparse matrix; .*\.toarray\(\)"):
        tiny().fit(csr_array(np.eye(60)), np.arange(60) % 2)


# The run folder


def test_finished_run_answers_at_once_with_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = bars()
    names = np.array(["a", "b", "猫"])[y]
    first = tiny(run=tmp_path).fit(X, names)
    monkeypatch.setattr("neuralfinder.training.evaluate.train", lambda *_: pytest.fail("trained again"))
    second = tiny(run=str(tmp_path)).fit(X, names)
    assert same_run(first, second)
    assert second.result_ == first.result_
    assert second.classes_.tolist() == ["a", "b", "猫"]
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))


def test_run_folder_of_other_data_or_settings_is_refused(tmp_path: Path) -> None:
    X, y = bars()
    tiny(run=tmp_path).fit(X, y)
    with pytest.raises(RunFolderError, match="a run on other data"):
        tiny(run=tmp_path).fit(X, (y + 1) % 3)
    with pytest.raises(RunFolderError, match="a run with seed 0; expected seed 1"):
        tiny(run=tmp_path, seed=1).fit(X, y)


def test_nothing_is_left_without_a_run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    finder = tiny().fit(*bars())
    assert [path.name for path in tmp_path.rglob("*")] == ["temporary"]
    assert finder.predict(bars()[0]).shape == (60,)


def interrupting(times: int, at: int) -> Any:
    """A trainer that presses Ctrl-C `times` times as training number `at` begins, and then trains."""
    count = 0

    def trainer(*args: Any, **how: Any) -> Any:
        nonlocal count
        count += 1
        if count == at:
            for _ in range(times):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.5)
        return train(*args, **how)

    return trainer


def test_ctrl_c_once_ends_the_search_and_gives_the_best_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = bars()
    monkeypatch.setattr(neuralfinder.training.evaluate, "train", interrupting(1, at=4))
    finder = tiny(candidates=50).fit(X, y)
    assert finder.result_["interrupted"] is True
    assert sorted(row["id"] for row in finder.run_.rows()) == [0, 1, 2]
    assert finder.predict(X).shape == (60,)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.thorough
def test_ctrl_c_twice_leaves_and_the_same_fit_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = bars()
    whole = tiny(candidates=6, run=tmp_path / "whole").fit(X, y)
    monkeypatch.setattr(neuralfinder.training.evaluate, "train", interrupting(2, at=4))
    finder = tiny(candidates=6, run=tmp_path / "halves")
    with pytest.raises(KeyboardInterrupt):
        finder.fit(X, y)
    assert not hasattr(finder, "model_")
    assert same_run(finder.fit(X, y), whole)
    assert finder.result_["candidates"] == whole.result_["candidates"]


@pytest.mark.thorough
@pytest.mark.parametrize("station", ["search", "finish"])
def test_killed_run_goes_on_to_the_same_end(station: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that nothing expects stands for a kill: it leaves the folder as it was."""
    X, y = bars()
    whole = tiny(candidates=5, finalists=2, final_epochs=16, run=tmp_path / "whole").fit(X, y)
    trained: list[int] = []

    def counting(*args: Any, **how: Any) -> Any:
        trained.append(len(trained))
        if len(trained) == {"search": 4, "finish": 7}[station]:
            raise SystemExit
        return train(*args, **how)

    monkeypatch.setattr(neuralfinder.training.evaluate, "train", counting)
    finder = tiny(candidates=5, finalists=2, final_epochs=16, run=tmp_path / "halves")
    with pytest.raises(SystemExit):
        finder.fit(X, y)
    assert same_run(finder.fit(X, y), whole)
    with Record(tmp_path / "whole" / "run.sqlite", readonly=True) as record:
        finals = sum(event.kind == "final" for event in record.read())
    assert finals >= 4  # two finalists and the network by hand in the first round, and the winner's last training
    assert len(trained) == 5 + finals + 1  # candidates, those of the race, and the one that was cut off
