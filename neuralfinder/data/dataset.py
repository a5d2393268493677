"""Labelled pictures as the rest of the package sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from neuralfinder.types import Shape

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled pictures.

    Attributes:
        name: a short name for people: the folder's, the file's, `digits` or `arrays`.
        images: `(n, channels, height, width)` uint8 or float32, C-contiguous; a memory map when it is large. Values
            are as given: nothing is scaled by the range of the type, so uint8 may as well hold 0..1 or 0..16.
        labels: `(n,)` int64, indices into `classes`.
        classes: the labels as given, as plain Python str, int, float or bool, sorted.
        given_test: `(n,)` bool, the rows that came as a test part; all False when none came.
        fingerprint: identity of the content, hexadecimal.
        notes: plain sentences on what was converted, ignored, left out or resized.
    """

    name: str
    images: Array
    labels: npt.NDArray[Any]
    classes: tuple[Any, ...]
    given_test: npt.NDArray[Any]
    fingerprint: str
    notes: tuple[str, ...] = ()

    @property
    def shape(self) -> Shape:
        """The shape of one picture."""
        channels, height, width = self.images.shape[1:]
        return Shape(int(channels), int(height), int(width))
