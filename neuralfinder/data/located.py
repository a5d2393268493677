"""Where the pictures lie that tables and lists name: by paths, or by the names or ids of files."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from neuralfinder.data.files import PICTURES, as_path, is_hidden
from neuralfinder.errors import InputError, some

LOOKED_AT = 100
"""Cells that are looked at to tell what they are."""

LONGEST, MOST_WORDS = 255, 3
"""Characters of a name that a file can have, and words that most have at most."""

DEEPEST, MOST = 3, 1_000_000
"""Levels below a folder, and files there, that are looked through."""

MISSING = 0.5
"""Share of pictures that may lie nowhere, where these are known to be pictures."""


def first_of(cells: Sequence[Any]) -> list[Any]:
    """The first that are not empty, as many as are looked at."""
    return [*islice((cell for cell in cells if cell is not None and not _is_empty(cell)), LOOKED_AT)]


def _is_empty(cell: Any) -> bool:
    return isinstance(cell, str) and not cell


def are_files(cells: Sequence[Any]) -> bool:
    """Whether all texts that are looked at are paths of files, or were with the suffix of a picture."""
    return _are_names(cells) and all(beside(Path(), cell) for cell in first_of(cells))


def beside(home: Path, cell: Any) -> Path | None:
    """The file that a path means, as it is or with the suffix of a picture."""
    path = home / as_path(str(cell))
    whole = (path, *(path.with_name(path.name + suffix) for suffix in sorted(PICTURES.suffixes) if path.name))
    return next((each for each in whole if os.path.isfile(each)), None)  # noqa: PTH113 - false for impossible names


def located(cells: Sequence[Any], home: Path, *, pictures: bool) -> list[Any] | None:
    """Cells with paths in the place of the names or ids of files that lie at or below a folder.

    Args:
        cells: of a table; `None` for missing ones.
        home: the folder.
        pictures: whether they are known to be pictures: of those looked at, `MISSING` may then lie nowhere, else none.

    Returns:
        `None` where they are no such names.

    Raises:
        InputError: a name of several files.
    """
    first = first_of(cells)
    if not _are_names(cells):
        return None
    there = sum(os.path.lexists(home / as_path(str(cell))) for cell in first)
    if there == len(first) or (pictures and there > MISSING * len(first)):
        return [*cells]
    find: Callable[[Any], Path | None] = lambda cell: beside(home, cell)  # noqa: E731
    if not all(map(find, first)):
        find = _by_name(home)
        if sum(find(cell) is None for cell in first) > (MISSING * len(first) if pictures else 0):
            return None
    return [str(path) if (path := find(cell) if _is_name(cell) else None) else cell for cell in cells]


def _by_name(home: Path) -> Callable[[Any], Path | None]:
    known: dict[str, list[Path]] = defaultdict(list)
    for path in islice(_below(home), MOST):
        for name in (path.name, path.stem):
            known[name].append(path)

    def find(cell: Any) -> Path | None:
        paths = known.get(as_path(str(cell)).name, ())
        if len(paths) > 1:
            lie = some(str(path.relative_to(home)) for path in paths)
            raise InputError(
                f"{cell!r} in the table", given=f"the name of {len(paths)} files: {lie}",
                expected="one of that name below the table's folder", mend="write the paths, or take the others away",
            )  # fmt: skip
        return paths[0] if paths else None

    return find


def _below(home: Path) -> Iterator[Path]:
    """Pictures at and below a folder, not deeper than `DEEPEST`."""
    for folder, inner, names in os.walk(home):
        depth = len(Path(folder).relative_to(home).parts)
        inner[:] = [name for name in sorted(inner) if not is_hidden(name)] if depth < DEEPEST else []
        for name in names:
            if not is_hidden(name) and Path(name).suffix.lower() in PICTURES.suffixes:
                yield Path(folder) / name


def _are_names(cells: Sequence[Any]) -> bool:
    """Whether these may be names of files: none is long, or of several lines, and few have several words."""
    first = first_of(cells)
    wordy = sum(len(str(cell).split()) > MOST_WORDS for cell in first)
    return bool(first) and all(map(_is_name, first)) and 2 * wordy < len(first)


def _is_name(cell: Any) -> bool:
    plain = isinstance(cell, (str, int)) and not isinstance(cell, bool)
    return plain and 0 < len(str(cell)) <= LONGEST and str(cell).isprintable()
