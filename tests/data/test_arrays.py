"""Arrays in: shapes, types, labels and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuralfinder.data.arrays import Values, as_pictures, check_values, from_arrays
from neuralfinder.data.labels import encode, encode_like
from neuralfinder.errors import InputError
from neuralfinder.types import Shape


def pictures(*shape, dtype=np.uint8):
    return (np.arange(np.prod(shape)) % 251).reshape(shape).astype(dtype)


def labels(n, classes=("a", "b")):
    return [classes[i % len(classes)] for i in range(n)]


def test_h01_both_shapes_are_the_same_data_and_float_labels_come_back():
    rng = np.random.default_rng(0)
    X, y = rng.random((100, 28, 28)), rng.integers(0, 3, 100).astype(np.float64)
    flat, deep = from_arrays(X, y), from_arrays(X[..., np.newaxis], y)
    assert flat.shape == deep.shape == Shape(1, 28, 28)
    assert flat.samples.dtype == np.float32
    assert flat.samples.flags.c_contiguous
    np.testing.assert_array_equal(flat.samples, X.astype(np.float32)[:, np.newaxis])
    np.testing.assert_array_equal(flat.samples, deep.samples)
    assert flat.fingerprint == deep.fingerprint
    assert flat.classes == (0.0, 1.0, 2.0)
    assert [type(label) for label in flat.classes] == [float] * 3
    np.testing.assert_array_equal(np.array(flat.classes)[flat.labels], y)
    single = as_pictures(X[3], flat.shape)
    np.testing.assert_array_equal(single, flat.samples[3:4])
    np.testing.assert_array_equal(as_pictures(X, flat.shape), as_pictures(X[..., np.newaxis], flat.shape))
    assert any("float64 to float32" in note for note in flat.notes)


@pytest.mark.parametrize(
    ("shape", "expected", "last"),
    [
        ((6, 8, 9, 3), Shape(3, 8, 9), True),
        ((6, 3, 8, 9), Shape(3, 8, 9), False),
        ((6, 3, 8, 4), Shape(3, 8, 4), False),  # 3 is likelier than 4
        ((6, 2, 8, 1), Shape(1, 2, 8), True),
        ((6, 3, 8, 3), Shape(3, 3, 8), True),  # a tie: the last
        ((6, 1, 8, 3), Shape(3, 1, 8), True),
        ((6, 8, 9, 4), Shape(4, 8, 9), True),
        ((6, 2, 8, 9), Shape(2, 8, 9), False),
    ],
)
def test_channel_axis_rule_and_predicting_agree(shape, expected, last):
    X = pictures(*shape)
    data = from_arrays(X, labels(6))
    assert data.shape == expected
    np.testing.assert_array_equal(data.samples, X.transpose(0, 3, 1, 2) if last else X)
    np.testing.assert_array_equal(as_pictures(X, data.shape), data.samples)
    np.testing.assert_array_equal(as_pictures(X[1], data.shape), data.samples[1:2])
    tied = last and shape[1] in (1, 3) and shape[3] in (1, 3)
    assert any("last axis" in note for note in data.notes) == tied


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (pictures(6, 4, 4).astype(np.int64), np.uint8),
        (pictures(6, 4, 4) > 100, np.uint8),
        (pictures(6, 4, 4).astype(np.int64) - 1, np.float32),
        (pictures(6, 4, 4).astype(np.uint16) + 200, np.float32),
        (pictures(6, 4, 4).astype(np.float16), np.float32),
        (pictures(6, 4, 4).tolist(), np.uint8),
        (list(pictures(6, 4, 4)), np.uint8),
    ],
)
def test_types_become_uint8_or_float32_with_the_same_values(values, dtype):
    data = from_arrays(values, labels(6))
    assert data.samples.dtype == dtype
    np.testing.assert_array_equal(data.samples[:, 0], np.asarray(values).astype(np.float64))


def test_uint8_pictures_are_not_copied():
    X = pictures(6, 1, 4, 5)
    assert np.shares_memory(from_arrays(X, labels(6)).samples, X)


def test_fingerprint_changes_with_a_pixel_a_label_and_a_label_name():
    X, y = pictures(8, 4, 4), labels(8)
    changed = X.copy()
    changed[3, 2, 2] += 1
    swapped = [y[1], y[0], *y[2:]]
    prints = {
        from_arrays(*pair).fingerprint
        for pair in [(X, y), (changed, y), (X, swapped), (X, labels(8, ("a", "c"))), (X.astype(float), y)]
    }
    assert len(prints) == 5
    assert from_arrays(X.copy(), np.array(y)).fingerprint == from_arrays(X, y).fingerprint


def test_a_given_test_part_is_appended_and_uses_the_classes_of_training():
    X, y = pictures(6, 4, 4), labels(6)
    data = from_arrays(X, y, X_test=X[:3] + 1, y_test=["b", "b", "a"])
    assert data.given_test.tolist() == [False] * 6 + [True] * 3
    assert data.labels[6:].tolist() == [1, 1, 0]
    np.testing.assert_array_equal(data.samples[6:, 0], X[:3] + 1)
    # Two pictures of a class are enough beside a given test part, but not without it.
    assert from_arrays(X[:4], y[:4], X_test=X[4:], y_test=y[4:]).labels.tolist() == [0, 1] * 3
    with pytest.raises(InputError, match=r"2 of each class at most.*at least 3.*add samples"):
        from_arrays(X[:4], y[:4])


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (["NG", "OK"] * 3, ("NG", "OK")),
        (["猫", "chien"] * 3, ("chien", "猫")),
        (np.array([1, 0] * 3), (0, 1)),
        (np.array([[1], [0]] * 3), (0, 1)),
        ([[1], [0]] * 3, (0, 1)),
        ([True, False] * 3, (False, True)),
        ([2, 1.5] * 3, (1.5, 2.0)),
        (np.array(["1", "x"] * 3, dtype=object), ("1", "x")),
        ((np.int32(7), np.int64(-7)) * 3, (-7, 7)),
        (np.array([0.5, 2.0] * 3, dtype=np.float32), (0.5, 2.0)),
    ],
)
def test_classes_keep_their_type_and_are_sorted(y, classes):
    data = from_arrays(pictures(6, 4, 4), y)
    assert data.classes == classes
    assert [type(label) for label in data.classes] == [type(label) for label in classes]
    flat = [row[0] if np.ndim(row) else row for row in y]
    assert [data.classes[i] for i in data.labels] == flat


@pytest.mark.parametrize(
    "kind", [np.array, list, lambda y: np.array(y, dtype=bool), lambda y: np.array(y, dtype=float)]
)
def test_one_hot_rows_become_column_indices_and_are_noted(kind):
    data = from_arrays(pictures(6, 4, 4), kind([[0, 1], [1, 0], [1, 0], [0, 1], [0, 1], [1, 0]]))
    assert data.classes == (0, 1)
    assert data.labels.tolist() == [1, 0, 0, 1, 1, 0]
    assert any("column indices 0 to 1" in note for note in data.notes)


@given(st.lists(st.text(max_size=5).filter(lambda t: "\0" not in t), min_size=1) | st.lists(st.integers(), min_size=1))
def test_labels_round_trip(y):
    encoded = encode(y)
    assert [encoded.classes[i] for i in encoded.indices] == y
    assert list(encoded.classes) == sorted(set(y))
    assert encode_like(y[::-1], encoded.classes).tolist() == encoded.indices[::-1].tolist()


class NAType:
    """Stands for that of pandas."""


BAD_LABELS = [
    (["a", None, "a", "b", None, "b"], r"missing .*rows 1, 4; expected a label for every sample.*leave them out"),
    ([0.0, 1.0, np.nan, 0, 1, 0], r"missing .*row 2;"),
    (np.array([0, 1, 0, 1, 0, np.nan]), r"missing .*row 5;"),
    (["a", NAType(), "a", "b", "b", "a"], r"missing .*row 1;"),
    ([1, "1", 1, "1", 1, "1"], r"int and str; expected.*use one type"),
    (np.array([1, "1"] * 3, dtype=object), r"int and str"),
    ([1, True, 1, True, 0, 0], r"bool and int"),
    ([b"a", b"b"] * 3, r"bytes"),
    (["a"] * 6, r"one class only \('a'\).*at least 2 classes; add samples of another class"),
    (list("abcdef"), r"a different label for each of the 6 samples.*give class labels"),
    (["a", "a", "b", "b", "c", "c"], r"too few samples: 2 of each class at most.*at least 3.*add samples"),
    (["a", "b"] * 2, r"6 pictures and 4 labels; expected as many labels.*same rows"),
    ([[1, 0], [0, 1], [1, 1], [0, 0], [1, 0], [0, 1]], r"not one-hot in rows 2, 3;.*exactly one 1.*one label per"),
    ([["a", "b"]] * 6, r"object of shape \(6, 2\).*one label per sample"),
    ([[1, 0], [0], [1], [0], [1], [0]], r"list"),
    ([[1, 0, 0], [0, 1, 0]] * 3, r"without a training sample of class 2"),
    (np.zeros((6, 2, 2)), r"shape \(6, 2, 2\)"),
    ([], r"shape \(0,\)"),
    ("aabbab", r"a str; expected.*give a list or an array"),
    (None, r"a NoneType"),
]


@pytest.mark.parametrize(("y", "message"), BAD_LABELS)
def test_bad_labels_are_refused(y, message):
    with pytest.raises(InputError, match=message):
        from_arrays(pictures(6, 4, 4), y)


def spoilt(value):
    X = pictures(6, 4, 4, dtype=np.float64)
    X[2, 0, 0] = X[4, 1, 1] = value
    return X


BAD_PICTURES = [
    (spoilt(np.nan), r"NaN, infinite or beyond float32 in rows 2, 4; expected finite.*leave them out"),
    (spoilt(-np.inf), r"rows 2, 4"),
    (spoilt(1e300), r"beyond float32 in rows 2, 4"),
    (pictures(6, 64), r"shape \(6, 64\).*perhaps to \(6, 8, 8\)"),
    (pictures(6, 63), r"shape \(6, 63\).*reshape it$"),
    (pictures(6, 8, 8, 5), r"shape \(6, 8, 8, 5\).*1 to 4 channels.*move the channels"),
    (pictures(6, 1, 8, 8, 1), r"shape \(6, 1, 8, 8, 1\)"),
    ([[[1, 2], [3, 4]], [[1, 2]]], r"unequal size; expected pictures.*resize them"),
    (["a", "b"], r"type <U1; expected bool, integers or floats; convert"),
    (np.zeros((6, 2, 2), dtype=complex), r"type complex128"),
    (np.zeros((0, 4, 4)), r"empty, of shape \(0, 4, 4\).*give some pictures"),
]


@pytest.mark.parametrize(("X", "message"), BAD_PICTURES)
def test_bad_pictures_are_refused(X, message):
    with pytest.raises(InputError, match=message):
        from_arrays(X, labels(6))


@pytest.mark.parametrize(
    ("X_test", "y_test", "message"),
    [
        (pictures(3, 4, 5), labels(3), r"X_test is uint8 pictures of 1x4x5; expected uint8 pictures of 1x4x4"),
        (pictures(3, 4, 4) / 255, labels(3), r"X_test is float64 .*prepare both parts in the same way"),
        (pictures(3, 4, 4), labels(2), r"X_test and y_test is of 3 pictures and 2 labels"),
        (
            pictures(3, 4, 4),
            ["a", "c", "d"],
            r"y_test is .*lacks: 'c', 'd'; expected classes among 'a', 'b'; add train",
        ),
        (pictures(3, 4, 4), None, r"y_test is missing; expected X_test and y_test, or neither; give y_test"),
        (None, labels(3), r"X_test is missing"),
    ],
)
def test_bad_test_parts_are_refused(X_test, y_test, message):
    with pytest.raises(InputError, match=message):
        from_arrays(pictures(6, 4, 4), labels(6), X_test=X_test, y_test=y_test)


@pytest.mark.parametrize(
    ("X", "shape", "message"),
    [
        (np.zeros((5, 27, 28)), Shape(1, 28, 28), r"\(5, 27, 28\); expected \(28, 28\), \(n, 28, 28\).*resize"),
        (np.zeros((28, 28)), Shape(3, 28, 28), r"\(28, 28\); expected \(28, 28, 3\), \(3, 28, 28\).*resize"),
        (np.zeros(784), Shape(1, 28, 28), r"\(784,\)"),
        (np.full((1, 28, 28), np.nan), Shape(1, 28, 28), r"NaN.*row 0;"),
    ],
)
def test_predicting_on_other_shapes_is_refused(X, shape, message):
    with pytest.raises(InputError, match=message):
        as_pictures(X, shape)


def test_one_picture_may_be_channels_first_or_last_and_a_batch_of_rows_is_not_a_picture():
    X = pictures(2, 3, 4, 5)
    for given_form in (X[1], X[1].transpose(1, 2, 0)):
        np.testing.assert_array_equal(as_pictures(given_form, Shape(3, 4, 5)), X[1:])
    cube = pictures(4, 4, 4)
    np.testing.assert_array_equal(as_pictures(cube, Shape(1, 4, 4)), cube[:, np.newaxis])


BYTES = Values((120.0, 100.0, 90.0), (60.0, 55.0, 70.0), "uint8")
SHARES = Values((0.4, 0.4, 0.3), (0.25, 0.2, 0.3), "float32")
PIXELS = np.random.default_rng(0).integers(0, 256, (5, 3, 8, 8)).astype(np.uint8)


@pytest.mark.parametrize(
    ("pictures", "seen"),
    [
        (PIXELS / np.float32(255), BYTES),
        (PIXELS[:1] / np.float32(255), BYTES),
        (PIXELS / np.float32(127.5) - 1, BYTES),
        ((PIXELS - np.float32(120)) / 60, BYTES),
        (PIXELS * np.float32(257), BYTES),
        (PIXELS, SHARES),
        (PIXELS.astype(np.float32), SHARES),
        (PIXELS[:1] // 16, SHARES),
        (PIXELS / np.float32(255), Values((5.0,) * 3, (6.0,) * 3, "uint8")),
        (PIXELS / np.float32(255), Values((0.03,) * 3, (0.001,) * 3, "float32")),
    ],
)
def test_values_on_another_scale_than_in_training_are_refused(pictures, seen):
    with pytest.raises(InputError, match=r"X is of values from .* expected the scale of training, where mean"):
        check_values(pictures, seen)


@pytest.mark.parametrize(
    ("pictures", "seen"),
    [
        (PIXELS, BYTES),
        (PIXELS // 100, BYTES),
        (PIXELS * np.uint8(0), BYTES),
        (PIXELS * np.uint8(0), SHARES),
        (PIXELS * np.float32(0), BYTES),
        (PIXELS.astype(np.float32), BYTES),
        (PIXELS * np.float32(1.05) - 4, BYTES),  # as a filter leaves them
        (PIXELS / np.float32(255), SHARES),
        (PIXELS / np.float32(2550), SHARES),  # dark
        (PIXELS[:0].astype(np.float32), BYTES),
    ],
)
def test_values_that_may_be_are_taken(pictures, seen):
    check_values(pictures, seen)


def test_bytes_that_are_0_and_1_alone_are_refused_but_of_files():
    with pytest.raises(InputError, match=r"X is of values from 0 to 1 \(uint8\); expected the scale of training"):
        check_values(PIXELS // 200, BYTES)
    check_values(PIXELS // 200, BYTES, files=True)
    check_values(PIXELS // 200, Values((0.4,), (0.5,), "uint8"))
