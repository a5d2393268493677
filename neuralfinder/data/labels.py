"""Labels as given -> indices into sorted classes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from neuralfinder.data.dataset import Array, Dataset
from neuralfinder.data.findings import Finding
from neuralfinder.errors import InputError, some

LABELS = "one label per sample: str, int, float or bool `(n,)` or `(n, 1)`, or one-hot rows `(n, k)`"


class Sizes(NamedTuple):
    """How many samples the parts of data have that came in parts; all are of the training part where none did."""

    train: int
    validation: int
    test: int

    def of(self, places: npt.NDArray[np.int64]) -> Sizes:
        """Those of parts of which only the samples at these places are left."""
        ends = np.cumsum(self)
        return Sizes(
            *(int(((places >= end - size) & (places < end)).sum()) for end, size in zip(ends, self, strict=True))
        )


@dataclass(frozen=True, eq=False)
class Encoded:
    """Labels as `indices` `(n,)` int64 into `classes`, and whether they came as one-hot rows."""

    indices: npt.NDArray[np.int64]
    classes: tuple[Any, ...]
    one_hot: bool = False


def _composed(label: Any) -> Any:
    """A text with its letters and their marks as single characters; any other label as it is."""
    return unicodedata.normalize("NFC", label) if isinstance(label, str) else label


def rows_text(rows: Iterable[object]) -> str:
    """`row 3`, or `rows 3, 4 and 5`: the first few, counted from 0."""
    listed = list(rows)
    return f"row{'s' if len(listed) > 1 else ''} {some(listed)}"


def encode(y: object, what: str = "y") -> Encoded:
    """Turn labels of any accepted form into indices into the sorted classes.

    Args:
        y: labels `(n,)` or `(n, 1)` of one type, or one-hot rows `(n, k)` with k >= 2, whose classes are the column
            indices 0..k-1. Texts that differ in how letters and marks are composed alone are one class.
        what: the argument's name, for messages.

    Raises:
        InputError: missing labels, mixed types, another shape, rows that are not one-hot.
    """
    column = _column(y, what)
    if column.ndim == 2:
        return _from_one_hot(column, what)
    typed = _typed(column, what)
    classes, indices = np.unique(typed, return_inverse=True)
    composed = [*map(_composed, classes.tolist())]
    if len(set(composed)) < len(composed):  # the same letters, written in different ways by different systems
        classes, indices = np.unique(np.array(composed)[indices.reshape(-1)], return_inverse=True)
    return Encoded(indices.reshape(-1).astype(np.int64), tuple(classes.tolist()))


def one_hot(encoded: Encoded) -> Finding | None:
    """What became of one-hot rows, where labels came as such."""
    last = len(encoded.classes) - 1
    text = f"The one-hot labels were read as the column indices 0 to {last}; predictions are such indices"
    return Finding("one-hot", text) if encoded.one_hot else None


def encode_like(y: object, classes: tuple[Any, ...], what: str = "y_test") -> npt.NDArray[np.int64]:
    """Indices `(n,)` of the labels `y` into known `classes`.

    Args:
        y: labels in any form that `encode` takes.
        classes: the known labels.
        what: the argument's name, for messages.

    Raises:
        InputError: as `encode`, and for a label that is not among `classes`.
    """
    other = encode(y, what)
    known = {_composed(label): index for index, label in enumerate(classes)}
    present = np.unique(other.indices)
    strange = [other.classes[i] for i in present if _composed(other.classes[i]) not in known]
    if strange:
        raise InputError(
            what,
            given=f"a test part with classes that the training part lacks: {some(map(repr, strange))}",
            expected=f"classes among {some(map(repr, classes))}",
            mend="add training samples of them or leave them out of the test part",
        )
    table = np.array([known.get(_composed(label), -1) for label in other.classes], dtype=np.int64)
    return np.asarray(table[other.indices])


class Labelled(NamedTuple):
    """Fields of a `Dataset` that labels alone decide."""

    labels: npt.NDArray[np.int64]
    classes: tuple[Any, ...]
    given_test: npt.NDArray[np.bool_]
    given_validation: npt.NDArray[np.bool_] | None


def encode_parts(labels: list[Any], sizes: Sizes, source: str, test: str) -> Labelled:
    """What labels of several parts say, those of the training part first, those of the test part last.

    Args:
        labels: of all parts.
        sizes: of the parts.
        source: where those beside the test part come from, for messages.
        test: where the others come from, for messages.

    Raises:
        InputError: as `encode`, `encode_like` and `check_classes`.
    """
    first = sizes.train + sizes.validation
    encoded = encode(labels[:first], source)
    indices = encoded.indices
    if first < len(labels):
        indices = np.concatenate([indices, encode_like(labels[first:], encoded.classes, test)])
    rows = np.arange(len(labels))
    given_test, held = rows >= first, (rows >= sizes.train) & (rows < first)
    check_classes(indices, encoded.classes, given_test, source, held)
    return Labelled(indices, encoded.classes, given_test, held if sizes.validation else None)


def counted(data: Dataset) -> Finding:
    """How many samples there are of each class."""
    counts = np.bincount(data.labels, minlength=len(data.classes)).tolist()
    listed = some((f"{label} {count}" for label, count in zip(data.classes, counts, strict=True)), most=10)
    given = (("validation", int(data.held.sum())), ("test", int(data.given_test.sum())))
    apart = " and ".join(f"{count:,} of them in the given {part} part" for part, count in given if count)
    text = f"{len(data.labels):,} {data.kind}s of {len(data.classes)} classes{', ' if apart else ''}{apart}: {listed}"
    return Finding("samples", text)


def least_of_a_class(*given: Array) -> int:
    """Samples of a class that it takes to have one in training and in each part that did not come; `(n,)` bool each."""
    return 3 - sum(bool(part.any()) for part in given)


def check_classes(
    labels: npt.NDArray[np.int64], classes: tuple[Any, ...], given_test: Array, what: str, held: Array | None = None
) -> None:
    """Raise unless there are two classes or more, one of them with a sample for every part.

    Args:
        labels: `(n,)` indices into `classes`.
        classes: the labels themselves.
        given_test: `(n,)` bool, the rows of a test part that came with the data.
        what: the argument or folder the message is about.
        held: `(n,)` bool, those of a validation part that came.

    Raises:
        InputError: one class, one without a sample, all labels different, or no class with 3 samples (one fewer for
            each part that came).
    """
    held = np.zeros_like(given_test) if held is None else held
    rest, least = labels[~given_test & ~held], least_of_a_class(given_test, held)
    if len(classes) < 2:
        raise InputError(
            what,
            given=f"of one class only ({some(map(repr, classes))})",
            expected="at least 2 classes",
            mend="add samples of another class",
        )
    if len(classes) == len(rest):
        raise InputError(
            what,
            given=f"a different label for each of the {len(rest)} samples",
            expected="classes that several samples share",
            mend="give class labels; continuous measurements and file names are not classes",
        )
    counts = np.bincount(rest, minlength=len(classes))
    if absent := [repr(label) for label, count in zip(classes, counts, strict=True) if not count]:
        raise InputError(
            what,
            given=f"without a training sample of class {some(absent)}",
            expected="a sample of each class",
            mend="add samples or leave the class out",
        )
    most = int(counts.max())
    if most < least:
        raise InputError(
            what,
            given=f"too few samples: {most} of each class at most",
            expected=f"at least {least} sample{'s' * (least > 1)} of one class, one for each part",
            mend="add samples",
        )


def _column(y: object, what: str) -> Array:
    """`y` as `(n,)`, or as `(n, k)` when it is wider than one column.

    Lists become object arrays, for NumPy would silently turn `[1, "1"]` into two equal strings.
    """
    try:
        if hasattr(y, "__array__"):
            array = np.asarray(y)
        elif isinstance(y, (list, tuple, range)):
            array = np.asarray(y, dtype=object)
        else:
            raise InputError(what, given=f"a {type(y).__name__}", expected=LABELS, mend="give a list or an array")
    except InputError:
        raise
    except ValueError:
        raise InputError(
            what, given="a list of rows of unequal length", expected=LABELS, mend="mend the rows"
        ) from None
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim not in (1, 2) or array.size == 0:
        raise InputError(what, given=f"of shape {array.shape}", expected=LABELS, mend="give one label per sample")
    return array


def _kind(value: object) -> str:
    kinds: dict[str, tuple[type, ...]] = {
        "bool": (bool, np.bool_),
        "int": (int, np.integer),
        "float": (float, np.floating),
        "str": (str,),
    }
    return next((kind for kind, types in kinds.items() if isinstance(value, types)), type(value).__name__)


def is_missing(value: object) -> bool:
    """Whether a value of a list or table stands for none."""
    # The names are those of pandas, which need not be installed.
    if isinstance(value, (float, np.floating)):
        return bool(np.isnan(value))
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def _check_none_missing(missing: Iterable[bool], what: str) -> None:
    rows = np.flatnonzero(np.fromiter(missing, dtype=bool)).tolist()
    if rows:
        raise InputError(
            what,
            given=f"missing (None or NaN) in {rows_text(rows)}",
            expected="a label for every sample",
            mend="label these samples or leave them out",
        )


def _typed(column: Array, what: str) -> Array:
    """A `(n,)` array of one plain type: bool, integer, float or str."""
    if column.dtype.kind in "biuU":
        return column
    if column.dtype.kind == "f":
        _check_none_missing(np.isnan(column), what)
        return column
    values = column.tolist()
    _check_none_missing(map(is_missing, values), what)
    kinds = {_kind(value) for value in values}
    if kinds == {"int", "float"}:
        kinds = {"float"}
    if len(kinds) > 1 or not kinds <= {"bool", "int", "float", "str"}:
        raise InputError(what, given=f"of type {' and '.join(sorted(kinds))}", expected=LABELS, mend="use one type")
    return np.asarray(values, dtype=float if kinds == {"float"} else None)


def _from_one_hot(array: Array, what: str) -> Encoded:
    expected = "one-hot rows: numbers 0 and 1 with exactly one 1 in each row"
    try:
        numbers = np.asarray(array.tolist() if array.dtype.kind == "O" else array, dtype=float)
    except (TypeError, ValueError):
        raise InputError(
            what, given=f"{array.dtype} of shape {array.shape}", expected=expected, mend="give one label per sample"
        ) from None
    right = ((numbers == 0) | (numbers == 1)).all(axis=1) & (numbers.sum(axis=1) == 1)
    wrong = np.flatnonzero(~right).tolist()
    if wrong:
        raise InputError(
            what, given=f"not one-hot in {rows_text(wrong)}", expected=expected, mend="give one label per sample"
        )
    return Encoded(numbers.argmax(axis=1).astype(np.int64), tuple(range(array.shape[1])), one_hot=True)
