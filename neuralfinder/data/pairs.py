"""Data sets that give a sample, or a sample and its label, for a number or one after the other, as torch's do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from neuralfinder.data.arrays import from_arrays
from neuralfinder.data.dataset import Dataset
from neuralfinder.data.mapped import KEPT, memory_bytes
from neuralfinder.data.reading import from_paths, is_paths
from neuralfinder.data.texts import from_texts, is_texts
from neuralfinder.errors import InputError


def from_samples(X: Any, y: Any, X_test: Any = None, y_test: Any = None) -> Dataset:
    """A data set from samples and labels apart: pictures as arrays or as paths, or texts.

    Raises:
        InputError: as `from_arrays`, `from_paths` and `from_texts`.
    """
    gather = from_paths if is_paths(X) else from_texts if is_texts(X) else from_arrays
    return gather(X, y, X_test=X_test, y_test=y_test)


def is_pairs(given: object) -> bool:
    """Whether this gives items one by one, and is no list or array."""
    plain = isinstance(given, (str, bytes, list, tuple, dict, Image.Image))
    array = hasattr(given, "__array__") or hasattr(given, "toarray")
    return not plain and not array and (hasattr(given, "__getitem__") or hasattr(given, "__iter__"))


def from_pairs(given: Any, test: Any = None) -> Dataset:
    """A data set from one whose items are pairs: a picture (array, tensor, PIL) or a text, and a label.

    Args:
        given: n pairs, such as a `torch.utils.data.Dataset` with a length, or an iterable of them that ends.
        test: pairs that are the test part.

    Raises:
        InputError: items that are no pairs, no length and nothing to iterate over, pictures of unequal size, or as
            `from_arrays`.
    """
    X, y = _columns(given, "X")
    X_test, y_test = (None, None) if test is None else _columns(test, "X_test")
    return from_samples(X, y, X_test, y_test)


def samples_of(given: Any) -> Iterator[Any]:
    """The samples of a data set that gives these alone, or with labels, which are not looked at.

    Raises:
        InputError: no length and nothing to iterate over.
    """
    return (_plain(item[0] if _is_pair(item) else item) for item in _items(given, "X"))


def _items(given: Any, what: str) -> Iterator[Any]:
    """All items by the data set's own rules: those of an iterable as they come, others by number up to the length.

    Python would count on until an `IndexError`, which torch's data sets need not raise.
    """
    name, length = type(given).__name__, len(given) if hasattr(given, "__len__") else None
    if hasattr(given, "__iter__"):
        for row, item in enumerate(given):
            if row == length:
                raise InputError(
                    what, given=f"a {name} that gives more than the {length} items of its length",
                    expected="as many as it says", mend="mend its `__len__` or its `__iter__`",
                )  # fmt: skip
            yield item
    elif length is not None:
        for row in range(length):
            yield given[row]
    else:
        raise InputError(
            what, given=f"a {name} without a length", expected="one with `__len__` or `__iter__`",
            mend="give it a length, or a list of its items",
        )  # fmt: skip


def _is_pair(item: object) -> bool:
    return isinstance(item, (tuple, list)) and len(item) == 2


def _columns(given: Any, what: str) -> tuple[list[Any], list[Any]]:
    samples, labels = [], []
    room = memory_bytes() * KEPT
    for row, item in enumerate(_items(given, what)):
        if not _is_pair(item):
            raise InputError(
                what, given=f"a data set whose item {row} is a {type(item).__name__}",
                expected="pairs of a sample and a label", mend="give arrays and labels apart",
            )  # fmt: skip
        sample, label = item
        samples.append(_plain(sample))
        room -= getattr(samples[-1], "nbytes", 0) + sys.getsizeof(samples[-1])
        if room < 0:
            raise InputError(
                what, given=f"a data set that takes a quarter of this machine's memory with {row + 1:,} items",
                expected="one that ends before", mend="give fewer or smaller ones, or a folder of picture files",
            )  # fmt: skip
        labels.append(label.item() if hasattr(label, "item") else label)
    return samples, labels


def _plain(sample: Any) -> Any:
    """A text or path as it is, a picture as an array."""
    if isinstance(sample, Image.Image):
        return np.asarray(sample if sample.mode in ("L", "RGB") else sample.convert("RGB"))
    return sample if isinstance(sample, (str, Path)) else np.asarray(sample)
