"""A few samples for people to look at: as they come, and as they are kept for networks."""

from __future__ import annotations

from typing import Any

import numpy as np

from neuralfinder.data.dataset import Dataset
from neuralfinder.data.divided import Divided
from neuralfinder.data.pictures import UnreadableError, as_address, decode, no_warnings, read_header
from neuralfinder.types import Shape

SHOWN = 6
"""Samples: a glance."""

LARGEST = 224
"""Pixels of the longer side of a picture as it comes: no more is kept for networks either."""

LETTERS, TOKENS = 400, 80
"""Of a text, as it comes and as it is read."""


def some_samples(data: Divided) -> list[dict[str, Any]]:
    """The first of the training part of each class, and then the second, until there are `SHOWN`.

    Returns:
        Rows with `name` and `label`. Of a picture `came`, its height and width in the file where there is one, `kept`,
        those for networks, and both as addresses: `original` where it differs, and `picture`. Of a text `text`, and
        `read`, the tokens that networks read of it.
    """
    return [_of_text(data, row) if data.coded.tokens else _of_picture(data.coded, row) for row in _rows(data)]


def _rows(data: Divided) -> list[int]:
    labels, train = data.coded.labels, np.sort(data.split.train)
    of_classes = [train[labels[train] == index][:SHOWN] for index in range(len(data.coded.classes))]
    turns = [(place, int(row)) for rows in of_classes for place, row in enumerate(rows)]
    return [row for _, row in sorted(turns, key=lambda turn: turn[0])][:SHOWN]


def _named(data: Dataset, row: int) -> dict[str, Any]:
    return {"name": data.name_of(row), "label": str(data.classes[data.labels[row]])}


def _of_text(data: Divided, row: int) -> dict[str, Any]:
    tokens = data.coded.tokens
    read = tokens.read_as(data.coded.samples[row]) if tokens else []
    text = str(data.raw.samples[row]).encode(errors="replace").decode()
    return {**_named(data.raw, row), "text": text[:LETTERS], "read": read[:TOKENS]}


def _of_picture(data: Dataset, row: int) -> dict[str, Any]:
    picture = np.asarray(data.samples[row])
    kept = [int(side) for side in picture.shape[1:]]
    told = {**_named(data, row), "kept": kept, "picture": as_address(picture, LARGEST)}
    if not data.files:
        return told
    try:
        with no_warnings():
            header = read_header(data.files[row])
            came = Shape(1 if header.grey else 3, header.height, header.width)
            original = as_address(decode(data.files[row], came.at(LARGEST)), LARGEST)
    except UnreadableError:  # it was readable when the data were read, and is gone now
        return told
    return {**told, "came": [header.height, header.width], "original": original}
