"""Data sets that give a sample and its label for a number, as torch's do."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from neuralfinder.data.arrays import from_arrays
from neuralfinder.data.dataset import Dataset
from neuralfinder.data.texts import from_texts, is_texts
from neuralfinder.errors import InputError


def is_pairs(given: object) -> bool:
    """Whether this has a length and items, and is no list or array."""
    plain = isinstance(given, (str, bytes, list, tuple, dict)) or hasattr(given, "__array__")
    return not plain and hasattr(given, "__getitem__") and hasattr(given, "__len__")


def from_pairs(given: Any, test: Any = None) -> Dataset:
    """A data set from one whose items are pairs: a picture (array, tensor, PIL) or a text, and a label.

    Args:
        given: n pairs, such as a `torch.utils.data.Dataset`.
        test: pairs that are the test part.

    Raises:
        InputError: items that are no pairs, pictures of unequal size, or as `from_arrays`.
    """
    X, y = _columns(given, "X")
    X_test, y_test = (None, None) if test is None else _columns(test, "X_test")
    return (from_texts if is_texts(X) else from_arrays)(X, y, X_test=X_test, y_test=y_test)


def _columns(given: Any, what: str) -> tuple[list[Any], list[Any]]:
    samples, labels = [], []
    for row in range(len(given)):
        item = given[row]
        if not isinstance(item, (tuple, list)) or len(item) != 2:
            raise InputError(
                what, given=f"a data set whose item {row} is a {type(item).__name__}",
                expected="pairs of a sample and a label", mend="give arrays and labels apart",
            )  # fmt: skip
        sample, label = item
        if isinstance(sample, Image.Image):
            sample = np.asarray(sample if sample.mode in ("L", "RGB") else sample.convert("RGB"))
        samples.append(sample if isinstance(sample, str) else np.asarray(sample))
        labels.append(label.item() if hasattr(label, "item") else label)
    return samples, labels
