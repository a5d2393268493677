"""Labelled texts: lists, columns of tables, folders with text files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from neuralfinder.data.dataset import Array, Dataset
from neuralfinder.data.folders import Found
from neuralfinder.data.labels import check_classes, encode, encode_like, rows_text
from neuralfinder.data.reading import check_half_readable, failures_note
from neuralfinder.data.tables import Columns, read_table
from neuralfinder.errors import InputError, some

EXPECTED = "texts `(n,)`: a list or an array of str"


def is_texts(X: object) -> bool:
    """Whether these are texts: a list or a one-dimensional array that holds a str."""
    if isinstance(X, (list, tuple)):
        return any(isinstance(x, str) for x in X)
    if not hasattr(X, "__array__"):
        return False
    array = np.asarray(X)
    return array.ndim == 1 and (array.dtype.kind in "UT" or any(isinstance(x, str) for x in array.tolist()))


def as_texts(X: object, what: str = "X") -> Array:
    """Texts `(n,)` as an array of objects; a single str is one text.

    Raises:
        InputError: something else than str among them.
    """
    values: list[Any] = [X] if isinstance(X, str) else list(np.asarray(X, dtype=object).reshape(-1)) if _flat(X) else []
    strange = [row for row, value in enumerate(values) if not isinstance(value, str)]
    if strange or not values:
        given = f"{type(values[strange[0]]).__name__} in {rows_text(strange)}" if strange else "no text"
        raise InputError(what, given=given, expected=EXPECTED, mend="turn them into str, or leave them out")
    texts = np.empty(len(values), dtype=object)
    texts[:] = [str(value) for value in values]
    return texts


def _flat(X: object) -> bool:
    return isinstance(X, (list, tuple)) or (hasattr(X, "__array__") and np.asarray(X).ndim == 1)


def from_texts(X: object, y: object, name: str = "texts", X_test: object = None, y_test: object = None) -> Dataset:
    """A data set from lists or arrays of str.

    Args:
        X: n texts.
        y: n labels in any form that `labels.encode` takes.
        name: a name for people.
        X_test: texts of a test part.
        y_test: their labels, with no class that `y` lacks.

    Raises:
        InputError: something else than str, unequal lengths, or classes that cannot be used.
    """
    if (X_test is None) != (y_test is None):
        lacking = "X_test" if X_test is None else "y_test"
        raise InputError(lacking, given="missing", expected="X_test and y_test, or neither", mend=f"give {lacking}")
    texts, encoded = as_texts(X), encode(y)
    parts = [(texts, encoded.indices)]
    if X_test is not None:
        parts.append((as_texts(X_test, "X_test"), encode_like(y_test, encoded.classes)))
    for what, (own, labels) in zip(("X and y", "X_test and y_test"), parts, strict=False):
        if len(own) != len(labels):
            raise InputError(
                what, given=f"of {len(own)} texts and {len(labels)} labels", expected="as many labels as texts",
                mend="check that both come from the same rows",
            )  # fmt: skip
    samples, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    given_test = np.arange(len(samples)) >= len(texts)
    check_classes(labels, encoded.classes, given_test, "y")
    return dataset(name, samples, labels, encoded.classes, given_test)


def dataset(
    name: str,
    texts: Array,
    labels: Array,
    classes: tuple[Any, ...],
    given_test: Array,
    notes: Sequence[str] = (),
) -> Dataset:
    """The data set, with a note on what there is and on empty and blank texts."""
    counts = np.bincount(labels, minlength=len(classes)).tolist()
    listed = some((f"{label} {count}" for label, count in zip(classes, counts, strict=True)), most=10)
    tested = f", {int(given_test.sum()):,} of them in the given test part" if given_test.any() else ""
    missing = [row for row, text in enumerate(texts) if text == ""]
    blank = [row for row, text in enumerate(texts) if text and not text.strip()]
    digest = hashlib.blake2b(f"texts {classes!r}".encode(errors="surrogatepass"), digest_size=16)
    for text, label, tested_too in zip(texts, labels.tolist(), given_test.tolist(), strict=True):
        digest.update(f"{len(text)} {label} {tested_too} {text}".encode(errors="surrogatepass"))
    own = (
        f"{len(texts):,} texts of {len(classes)} classes{tested}: {listed}.",
        f"{len(missing)} texts are missing ({rows_text(missing)}) and count as empty." if missing else "",
        f"{len(blank)} texts are blank ({rows_text(blank)})." if blank else "",
    )
    return Dataset(
        name, texts, labels, classes, given_test, digest.hexdigest(), tuple(note for note in (*own, *notes) if note)
    )


def from_tables(path: Path, test: Path | None, columns: Columns) -> Dataset:
    """A data set from the columns of a table, and of a second one that is the test part.

    Rows without a label are left out and counted; missing texts count as empty.

    Raises:
        InputError: unreadable tables, columns that are not there, or classes that cannot be used.
    """
    texts: list[str] = []
    notes: list[str] = []
    labels: list[Any] = []
    sizes: list[int] = []
    for file in filter(None, (path, test)):
        table = read_table(file)
        text, target = columns.of(list(table), file.name)
        kept = [row for row, label in enumerate(table[target]) if label is not None]
        if lost := len(table[target]) - len(kept):
            rows = (row for row, label in enumerate(table[target]) if label is None)
            notes.append(f"{lost} rows of {file.name} have no label and were left out: {rows_text(rows)}.")
        texts += [_text(table[text][row], text, row) for row in kept]
        labels += [table[target][row] for row in kept]
        sizes.append(len(kept))
        if file == path:
            notes.append(f"Texts are in column {text!r}, labels in {target!r}; --text and --target name others.")
    first = sizes[0]
    encoded = encode(labels[:first], str(path))
    indices = encoded.indices
    if test is not None:
        indices = np.concatenate([indices, encode_like(labels[first:], encoded.classes, str(test))])
    given_test = np.arange(len(texts)) >= first
    check_classes(indices, encoded.classes, given_test, str(path))
    samples = np.empty(len(texts), dtype=object)
    samples[:] = texts
    return dataset(path.stem, samples, indices, encoded.classes, given_test, notes)


def _text(cell: object, column: str, row: int) -> str:
    if cell is None:
        return ""
    if not isinstance(cell, str):
        raise InputError(
            f"column {column!r}", given=f"{type(cell).__name__} in row {row}", expected="texts",
            mend="name the column of texts with --text",
        )  # fmt: skip
    return cell


def from_folder(name: str, found: Found) -> Dataset:
    """A data set from text files; those that are no UTF-8 are left out and named.

    Raises:
        InputError: more than half of a class unreadable, or classes that cannot be used.
    """
    files = [*found.train.files, *(found.test.files if found.test else ())]
    in_test = np.arange(len(files)) >= len(found.train.files)
    failures: dict[int, str] = {}
    texts: list[str] = []
    for place, file in enumerate(files):
        try:
            texts.append(Path(file.path).read_text(encoding="utf-8-sig"))
        except (OSError, UnicodeDecodeError) as error:
            failures[place] = "no UTF-8" if isinstance(error, UnicodeDecodeError) else str(error.strerror)
    check_half_readable(files, in_test, failures, "texts")
    places = np.array([place for place in range(len(files)) if place not in failures], dtype=np.int64)
    classes = tuple(sorted({file.label for file in found.train.files}))
    index = {label: number for number, label in enumerate(classes)}
    labels = np.array([index[files[place].label] for place in places], dtype=np.int64)
    check_classes(labels, classes, in_test[places], str(found.train.root))
    samples = np.empty(len(texts), dtype=object)
    samples[:] = texts
    notes = [failures_note(files, failures, "texts"), *found.notes, *found.train.notes]
    notes += found.test.notes if found.test else ()
    whole = dataset(name, samples, labels, classes, in_test[places], notes)
    return replace(whole, fingerprint=found.fingerprint())


def read_column(path: Path, columns: Columns) -> list[str]:
    """The texts of a table's column, missing ones empty.

    Raises:
        InputError: an unreadable table, or no column of texts.
    """
    table = read_table(path)
    column = str(columns.text_of(list(table), path.name))
    return [_text(cell, column, row) for row, cell in enumerate(table[column])]


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        InputError: an unreadable file, or one that is no UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            str(path), given=f"unreadable ({error})", expected="a text in UTF-8", mend="save it as UTF-8"
        ) from None
