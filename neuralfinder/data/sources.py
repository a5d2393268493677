"""Where the data of a run are, as its record keeps it, and how they are read again."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from neuralfinder.data import Dataset, fingerprint, load
from neuralfinder.data.hub import is_name
from neuralfinder.data.intake import BUNDLED, DIGITS
from neuralfinder.data.tables import Columns

Load = Callable[[Path, Callable[[int, int], None]], Dataset]
"""Reads the data; is given a folder for what does not fit into memory, and where to report progress."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where data come from: a name for people, what goes into the record to find them again, and how to load."""

    name: str
    fingerprint: str
    load: Load
    address: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def at(cls, address: Mapping[str, Any]) -> Source:
        """The data at an address, not read yet.

        Raises:
            InputError: as `data.fingerprint`.
        """
        own = _arguments(address)
        known = fingerprint(address["source"], own["test"], own["columns"])
        return cls(address["source"] or DIGITS, known, partial(read, address), address)


def read(address: Mapping[str, Any], scratch: Path, progress: Callable[[int, int], None] | None = None) -> Dataset:
    """The data at an address.

    Raises:
        InputError: as `data.load`.
    """
    return load(address["source"], **_arguments(address), scratch=scratch, progress=progress)


def address_of(data: str | None, where: Mapping[str, Any]) -> dict[str, Any]:
    """The address of what a user names: whole paths, so that a run can be resumed from elsewhere.

    Args:
        data: a path, a name of a data set, or nothing for the digits.
        where: `test`, `image_size`, `text`, `image` and `target` as the user gave them.
    """
    named = data in BUNDLED or is_name(data or "")
    source = None if data in (None, DIGITS) else data if named else _whole(data)
    return {"source": source, **where, "test": where["test"] and _whole(where["test"])}


def _whole(path: str | None) -> str:
    """The whole path, so that `digits/` is a folder; empty stays empty."""
    return os.path.realpath(path) if path else ""


def _arguments(address: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `data.load` beside the source."""
    columns = Columns(address.get("text"), address.get("target"), address.get("image"))
    return {"test": address["test"], "image_size": address["image_size"], "columns": columns}
