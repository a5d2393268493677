"""Labelled texts: lists, columns of tables, folders with text files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from neuralfinder.data.dataset import Array, Dataset
from neuralfinder.data.files import check_half_readable, left_out, text_of
from neuralfinder.data.findings import Finding, present
from neuralfinder.data.folders import Found
from neuralfinder.data.groups import grouped
from neuralfinder.data.labels import (
    Labelled,
    check_classes,
    counted,
    encode,
    encode_like,
    encode_parts,
    one_hot,
    rows_text,
)
from neuralfinder.data.tables import Rows
from neuralfinder.errors import InputError

TOGETHER = 16
"""Files between calls of `progress`: fractions of a second, on a slow disk as well."""

EXPECTED = "texts `(n,)`: a list or an array of str"


def is_texts(X: object) -> bool:
    """Whether these are texts: a list, an array `(n,)` or `(n, 1)` that holds a str."""
    if isinstance(X, (list, tuple)):
        return any(isinstance(x, str) for x in X)
    if not hasattr(X, "__array__"):
        return False
    array = _column(X)
    return array.ndim == 1 and (array.dtype.kind in "UT" or any(isinstance(x, str) for x in array.tolist()))


def _column(X: object, dtype: type | None = None) -> Array:
    """An array, of a single column as `(n,)`."""
    array = np.asarray(X, dtype=dtype)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def as_texts(X: object, what: str = "X") -> Array:
    """Texts `(n,)` as an array of objects; a single str is one text.

    Raises:
        InputError: something else than str among them.
    """
    values: list[Any] = [X] if isinstance(X, str) else list(_column(X, object).reshape(-1)) if _flat(X) else []
    strange = [row for row, value in enumerate(values) if not isinstance(value, str)]
    if strange or not values:
        given = f"{type(values[strange[0]]).__name__} in {rows_text(strange)}" if strange else "no text"
        raise InputError(what, given=given, expected=EXPECTED, mend="turn them into str, or leave them out")
    texts = np.empty(len(values), dtype=object)
    texts[:] = [str(value) for value in values]
    return texts


def _flat(X: object) -> bool:
    return isinstance(X, (list, tuple)) or (hasattr(X, "__array__") and _column(X).ndim == 1)


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
    return dataset(name, samples, Labelled(labels, encoded.classes, given_test, None), [one_hot(encoded)])


def dataset(
    name: str,
    texts: Array,
    labelled: Labelled,
    findings: Iterable[Finding | None] = (),
    names: tuple[str, ...] = (),
) -> Dataset:
    """The data set, with what there is to say of its texts alone."""
    digest = hashlib.blake2b(f"texts {labelled.classes!r}".encode(errors="surrogatepass"), digest_size=16)
    for text, label, tested in zip(texts, labelled.labels.tolist(), labelled.given_test.tolist(), strict=True):
        digest.update(f"{len(text)} {label} {tested} {text}".encode(errors="surrogatepass"))
    if labelled.given_validation is not None:
        digest.update(labelled.given_validation.tobytes())
    data = Dataset(name, texts, **labelled._asdict(), fingerprint=digest.hexdigest(), names=names)
    missing = tuple(data.name_of(row) for row, text in enumerate(texts) if text == "")
    blank = tuple(data.name_of(row) for row, text in enumerate(texts) if text and not text.strip())
    own = [
        counted(data),
        Finding("missing", f"{len(missing)} texts are missing and count as empty", missing) if missing else None,
        Finding("blank", f"{len(blank)} texts are blank and stay", blank) if blank else None,
    ]
    return replace(data, findings=present([*own, *findings]))


def from_rows(name: str, rows: Rows, source: str, test: str) -> Dataset:
    """A data set from the rows of tables; missing texts count as empty.

    Raises:
        InputError: cells that are no texts, or classes that cannot be used.
    """
    samples = np.empty(len(rows.cells), dtype=object)
    samples[:] = [text_in(cell, name) for cell, name in zip(rows.cells, rows.names, strict=True)]
    whole = dataset(name, samples, encode_parts(rows.labels, rows.sizes, source, test), rows.findings, rows.names)
    return whole if rows.groups is None else grouped(whole, rows.groups)


def text_in(cell: object, name: str) -> str:
    """The text of a table's cell, empty where it is missing; `name` is the row's, for messages.

    Raises:
        InputError: something else than a text.
    """
    if cell is None:
        return ""
    if not isinstance(cell, str):
        raise InputError(
            name, given=f"of type {type(cell).__name__}", expected="a text", mend="name the column of texts with --text"
        )
    return cell


def from_folder(name: str, found: Found, progress: Callable[[int, int], None] | None = None) -> Dataset:
    """A data set from text files; those that are no UTF-8 are left out and named.

    Args:
        name: a name for people.
        found: the files.
        progress: called with files read and files in all.

    Raises:
        InputError: more than half of a class unreadable, or classes that cannot be used.
    """
    files = found.files
    in_test = np.arange(len(files)) >= found.sizes.train + found.sizes.validation
    failures: dict[int, str] = {}
    texts: list[str] = []
    for place, file in enumerate(files):
        if progress and place % TOGETHER == 0:
            progress(place, len(files))
        try:
            texts.append(text_of(Path(file.path)))
        except (OSError, UnicodeError) as error:
            failures[place] = str(error.strerror) if isinstance(error, OSError) else "no UTF-8"
    check_half_readable(files, in_test, failures, "texts")
    kept = [place for place in range(len(files)) if place not in failures]
    labels = [files[place].label for place in kept]
    sizes = found.sizes.of(np.array(kept, dtype=np.int64))
    labelled = encode_parts(labels, sizes, str(found.train.root), "the test part")
    samples = np.empty(len(texts), dtype=object)
    samples[:] = texts
    names = tuple(files[place].relative for place in kept)
    findings = [left_out(files, failures, "texts"), *found.remarks]
    whole = dataset(name, samples, labelled, findings, names)
    return replace(whole, fingerprint=found.fingerprint())
