"""scikit-learn's own estimator checks, as far as they concern a classifier of pictures."""

from __future__ import annotations

import inspect
import pickle  # noqa: TID251 - an estimator must survive the trip to another process
import re
import warnings
from typing import Any
from unittest import SkipTest

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError, SkipTestWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.utils.estimator_checks import estimator_checks_generator

from neuralfinder import InputError, NeuralFinder

BLOCK = 4
"""Each number of a table becomes a block of this side: networks for pictures look past a single pixel."""

EXCUSED = {
    "check_array_api_input": "needs SCIPY_ARRAY_API=1 and array-api-compat; NeuralFinder takes NumPy arrays",
    "check_classifier_data_not_an_array": "its second half needs pandas, which NeuralFinder does not",
    "check_complex_data": "refused, in our words: the type given and the types expected",
    "check_dtype_object": "a dict among the pixels is refused as ValueError, not as TypeError",
    "check_estimators_empty_data_messages": "refused, in our words: pictures have no `feature(s)`",
    "check_fit2d_predict1d": "refused, in our words: the shape given and all shapes expected",
    "check_n_features_in": "pictures have a shape, not a number of features",
    "check_n_features_in_after_fitting": "pictures have a shape, not a number of features",
    "check_requires_y_none": "refused, in our words: the type given and the labels expected",
    "check_supervised_y_2d": "labels `(n, 1)` are a documented form and taken without a warning",
}
"""Checks that end otherwise than scikit-learn wants, with the reason. `test_excused_*` show what happens instead."""


def as_pictures(X: Any) -> Any:
    """A table `(n, features)` as pictures `(n, 4, 4 features)`; anything else as it is."""
    if hasattr(X, "toarray"):
        return X
    table = np.asarray(X)
    return table if table.ndim != 2 else table.repeat(BLOCK, axis=1)[:, np.newaxis].repeat(BLOCK, axis=1)


class TableFinder(NeuralFinder):
    """A NeuralFinder that takes the tables of scikit-learn's checks."""

    def fit(self, X: Any, y: Any) -> TableFinder:
        super().fit(as_pictures(X), y)
        return self

    def predict(self, X: Any) -> np.ndarray:
        return super().predict(as_pictures(X))

    def predict_proba(self, X: Any) -> np.ndarray:
        return super().predict_proba(as_pictures(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags


pytestmark = [pytest.mark.usefixtures("quick_machine"), pytest.mark.thorough]


def tiny(**settings: Any) -> TableFinder:
    few = {"candidates": 1, "epochs": 2, "finalists": 1, "final_epochs": 6, "options": {"max_macs": 10**6}}
    return TableFinder(**{**few, "experience": "off", "verbose": 0, **settings})


def name_of(check: Any) -> str:
    while not inspect.isfunction(check):
        check = check.func
    return str(check.__name__)


CHECKS = list(estimator_checks_generator(tiny()))


def marks_of(check: Any) -> tuple[Any, ...]:
    """The same training on read-only memory again takes long."""
    return (pytest.mark.slow,) if getattr(check, "keywords", {}).get("readonly_memmap") else ()


@pytest.mark.parametrize(
    ("estimator", "check"),
    [pytest.param(*pair, id=f"{i}-{name_of(pair[1])}", marks=marks_of(pair[1])) for i, pair in enumerate(CHECKS)],
)
def test_check(estimator: TableFinder, check: Any) -> None:
    if name_of(check) not in EXCUSED:
        check(estimator)
        return
    with pytest.raises((AssertionError, ValueError, SkipTest)):
        check(estimator)


def test_every_excused_check_exists() -> None:
    assert set(EXCUSED) <= {name_of(check) for _, check in CHECKS}


def test_checks_of_the_contract_are_among_those_run() -> None:
    run = {name_of(check) for _, check in CHECKS} - set(EXCUSED)
    assert run >= {
        "check_estimator_cloneable",
        "check_no_attributes_set_in_init",
        "check_estimator_repr",
        "check_get_params_invariance",
        "check_set_params",
        "check_parameters_default_constructible",
        "check_estimators_unfitted",
        "check_dict_unchanged",
        "check_fit_idempotent",
        "check_estimators_pickle",
        "check_classifiers_classes",
        "check_classifiers_train",
        "check_classifiers_one_label",
        "check_estimators_nan_inf",
    }


def table(n: int = 30) -> tuple[np.ndarray, np.ndarray]:
    y = np.arange(n) % 3
    return np.random.default_rng(0).normal(size=(n, 2)) + 4 * np.eye(3)[y][:, :2], y


@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        (np.ones((12, 2)) * 1j, np.arange(12) % 2, r"X is of type complex128; expected bool, integers or floats"),
        (np.empty((12, 0)), np.arange(12) % 2, r"X is empty, of shape \(12, 4, 0\)"),
        (np.empty((0, 3)), [], r"X is empty, of shape \(0, 4, 12\)"),
        (np.ones((12, 2)), None, r"y is a NoneType; expected one label per sample"),
        ([[{}] * 2] * 12, np.arange(12) % 2, r"X is of type object; expected bool, integers or floats"),
    ],
)
def test_excused_refusals_are_value_errors_with_a_mend(X: Any, y: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        tiny().fit(X, y)


def test_excused_shape_of_another_kind_names_those_expected() -> None:
    X, y = table()
    finder = tiny().fit(X, y)
    with pytest.raises(ValueError, match=r"X is of shape \(2,\); expected \(4, 8\), \(n, 4, 8\).*resize"):
        finder.predict(X[0])


def test_excused_column_of_labels_equals_a_row_of_them() -> None:
    X, y = table()
    np.testing.assert_array_equal(tiny().fit(X, y[:, np.newaxis]).predict_proba(X), tiny().fit(X, y).predict_proba(X))


def test_excused_objects_that_hold_numbers_are_numbers() -> None:
    X, y = table()
    plain, objects = tiny().fit(X, y), tiny().fit(X.astype(object), y.astype(object))
    np.testing.assert_array_equal(plain.predict_proba(X), objects.predict_proba(X.astype(object)))
    pictures = as_pictures(X)
    column = np.empty(len(X), dtype=object)
    column[:] = list(pictures)
    np.testing.assert_array_equal(NeuralFinder.predict_proba(plain, column), plain.predict_proba(X))


def test_excused_anything_with_array_gives_the_same_answers() -> None:
    class Wrapped:
        def __init__(self, inner: np.ndarray) -> None:
            self.inner = inner

        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
            return self.inner.astype(dtype or self.inner.dtype)

    X, y = table()
    wrapped = NeuralFinder(**tiny().get_params()).fit(Wrapped(as_pictures(X)), Wrapped(y))
    np.testing.assert_array_equal(wrapped.predict(as_pictures(X)), tiny().fit(X, y).predict(X))


# What scikit-learn's checks of tables do not say about the class itself


def test_constructor_only_stores() -> None:
    options = {"boundary": "clip"}
    finder = NeuralFinder(minutes=-3, candidates="many", options=options, seed="none")
    assert finder.get_params()["options"] is options
    assert {name: value for name, value in vars(finder).items() if name.endswith("_")} == {}
    assert vars(finder) == finder.get_params()


def test_parameters_go_round_through_clone_set_params_and_repr() -> None:
    finder = NeuralFinder(candidates=3, seed=7, verbose=0)
    twin = clone(finder).set_params(seed=8)
    assert (finder.seed, twin.seed) == (7, 8)
    assert {**finder.get_params(), "seed": 8} == twin.get_params()
    assert re.sub(r"\s+", " ", repr(twin)) == "NeuralFinder(candidates=3, seed=8, verbose=0)"
    with pytest.raises(ValueError, match="Invalid parameter 'minute'"):
        finder.set_params(minute=3)


def test_tags_say_that_it_takes_pictures_and_classifies() -> None:
    tags = NeuralFinder().__sklearn_tags__()
    assert (tags.input_tags.two_d_array, tags.input_tags.three_d_array) == (False, True)
    assert tags.estimator_type == "classifier"
    with pytest.warns(SkipTestWarning, match="Can't test estimator NeuralFinder"):
        assert len(list(estimator_checks_generator(NeuralFinder()))) == 1  # so tables need the class above


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_not_fitted_error(method: str) -> None:
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(NeuralFinder(), method)(np.zeros((2, 8, 8)))
    with pytest.raises(NotFittedError, match="not fitted yet"):
        NeuralFinder().score(np.zeros((2, 8, 8)), [0, 1])


def test_failed_fit_leaves_it_unfitted() -> None:
    finder = tiny()
    with pytest.raises(InputError, match="one class only"):
        finder.fit(table()[0], np.zeros(30))
    with pytest.raises(NotFittedError):
        finder.predict(table()[0])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"candidates": 0}, r"candidates is 0; expected a whole number between 1 and 10,000,000"),
        ({"candidates": 2.5}, r"candidates is 2.5; expected a whole number"),
        ({"epochs": "three"}, r"epochs is 'three'; expected a whole number"),
        ({"seed": "zero"}, r"seed is 'zero'; expected a whole number"),
        ({"seed": -1}, r"seed is -1; expected a whole number at least 0"),
        ({"minutes": "five"}, r"minutes is 'five'; expected a number"),
        ({"minutes": float("nan")}, r"minutes is nan; expected a number more than 0"),
        ({"preset": "fats"}, r"'fats'.*did you mean 'fast'"),
        ({"strategy": "randm"}, r"'randm'.*did you mean 'random'"),
        ({"options": {"boundry": "clip"}}, r"'boundry'.*did you mean 'boundary'"),
        ({"device": "gpu"}, r"device is 'gpu'; expected auto, cpu, cuda"),
    ],
)
def test_settings_are_checked_by_fit(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        tiny(**settings).fit(*table())


def test_settings_from_a_grid_may_be_numpys() -> None:
    X, y = table()
    numpys = {"candidates": np.int64(2), "seed": np.uint8(3), "epochs": np.int32(1), "minutes": np.float32(1)}
    plain = {"candidates": 2, "seed": 3, "epochs": 1, "minutes": 1}
    first, second = tiny(**numpys).fit(X, y), tiny(**plain).fit(X, y)
    assert (first.result_["seed"], first.result_["genome"]) == (3, second.result_["genome"])


def test_model_selection_works_on_pictures() -> None:
    X, y = table(60)
    finder = NeuralFinder(**tiny(final_epochs=20).get_params())
    scores = cross_val_score(finder, as_pictures(X), y, cv=2)
    assert scores.min() > 0.6  # chance is a third
    grid = GridSearchCV(finder, {"final_epochs": [1, 20]}, cv=2).fit(as_pictures(X), y)
    short, long = grid.cv_results_["mean_test_score"]
    assert min(short, long) > 0.6
    assert grid.best_estimator_.result_["seed"] == 0


def test_pickled_estimator_answers_the_same_and_stands_alone() -> None:
    X, y = table()
    finder = tiny().fit(X, np.array(["cat", "chien", "猫"])[y])
    twin = pickle.loads(pickle.dumps(finder))  # noqa: S301 - our own bytes
    np.testing.assert_array_equal(twin.predict_proba(X), finder.predict_proba(X))
    assert list(twin.classes_) == ["cat", "chien", "猫"]
    assert twin.run_ == finder.run_


def test_read_only_pictures_are_neither_changed_nor_warned_about() -> None:
    X, y = table()
    bytes_ = (as_pictures(X) * 10 + 100).astype(np.uint8)
    before = bytes_.copy()
    bytes_.setflags(write=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        finder = NeuralFinder(**tiny().get_params()).fit(bytes_, y)
        answers = finder.predict_proba(bytes_)
    np.testing.assert_array_equal(bytes_, before)
    np.testing.assert_array_equal(answers, finder.predict_proba(before))
