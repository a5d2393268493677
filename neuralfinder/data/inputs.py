"""Samples to predict on, in whatever form they come: arrays, texts, data sets, files, folders and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neuralfinder.data.arrays import as_pictures
from neuralfinder.data.dataset import Array
from neuralfinder.data.files import PICTURES, TEXTS, Kind, as_path
from neuralfinder.data.pairs import is_pairs, samples_of
from neuralfinder.data.pictures import read_pictures
from neuralfinder.data.sources.hub import is_hub, library_samples
from neuralfinder.data.sources.npz import read_arrays
from neuralfinder.data.tables import NO_COLUMNS, SUFFIXES, Columns, path_in, read_table
from neuralfinder.data.texts import as_texts, is_texts, text_in
from neuralfinder.errors import InputError
from neuralfinder.types import FITS, Shape


@dataclass(frozen=True, eq=False)
class Inputs:
    """Pictures `(n, channels, height, width)` or texts `(n,)`, and the `n` files or rows that they are of."""

    samples: Array
    names: list[str]


def inputs_of(given: object, shape: Shape, fit: str = FITS[0]) -> Array:
    """The samples, pictures `(n, channels, height, width)` uint8 or float32 or texts `(n,)` of str.

    Args:
        given: for pictures, arrays as `as_pictures` takes them, or a path, or several; for texts, a str, or several; a
            `Path` is that of a file, a folder or a table as `inputs_at` reads it. Or a data set of either, as `fit`
            takes them, with labels, which are not looked at, or without.
        shape: of what the network was trained on.
        fit: how files of pictures are brought to it, one of `FITS`.

    Raises:
        InputError: pictures for a network for texts, or the reverse, of another shape, or unreadable.
    """
    kind = kind_for(shape)
    if paths := _paths(given, kind):
        return np.concatenate([inputs_at(path, shape, fit=fit).samples for path in paths])
    if is_hub(given):
        return library_samples(given, kind, shape, fit)
    if is_pairs(given):
        given = samples_of(given)
    return as_texts(given) if kind == TEXTS else as_pictures(given, shape)


def inputs_at(given: str | Path, shape: Shape, columns: Columns = NO_COLUMNS, fit: str = FITS[0]) -> Inputs:
    """The samples at a path.

    Args:
        given: a picture file, a folder whose picture files are taken in order of name, a table with a column of their
            paths, or a `.npz` file with `X`; for texts, a text file, a folder of such, or a table with a column of
            texts.
        shape: of what the network was trained on.
        columns: of tables.
        fit: how files of pictures are brought to the shape, one of `FITS`.

    Raises:
        InputError: nothing there, unreadable, or without samples.
    """
    path, kind = as_path(given), kind_for(shape)
    table = path.suffix.lower() in SUFFIXES and path.is_file()
    if table:
        cells = _column(path, columns, kind)
        if kind == TEXTS:
            texts = [text_in(cell, f"row {row}") for row, cell in enumerate(cells)]
            return Inputs(as_texts(texts), _numbered(path, len(texts)))
        files = [path_in(path.parent, cell, f"row {row} of {path.name}") for row, cell in enumerate(cells)]
    elif kind == PICTURES and path.suffix.lower() == ".npz" and path.is_file():
        pictures = as_pictures(read_arrays(path, ("X",), "a .npz file with X")["X"], shape)
        return Inputs(pictures, _numbered(path, len(pictures)))
    else:
        files = _files(path, kind)
    samples = as_texts([*map(_read_text, files)]) if kind == TEXTS else read_pictures(files, shape, fit)
    return Inputs(samples, [str(file) for file in files])


def kind_for(shape: Shape) -> Kind:
    """What a network of this input takes."""
    return TEXTS if shape.vocabulary else PICTURES


def _paths(given: object, kind: Kind) -> Sequence[str | Path]:
    """The paths that are meant, none where something else is: a text is a path where pictures are asked for."""
    if isinstance(given, Path) or (isinstance(given, str) and kind == PICTURES):
        return [given]
    if kind == PICTURES and is_texts(given):
        return [*map(str, as_texts(given))]
    if isinstance(given, (list, tuple)) and any(isinstance(one, Path) for one in given):
        if strange := [one for one in given if not isinstance(one, Path)]:
            raise InputError(
                "X", given=f"paths and a {type(strange[0]).__name__}", expected="paths alone", mend="give them apart"
            )
        return given
    return []


def _numbered(path: Path, count: int) -> list[str]:
    return [f"{path}[{row}]" for row in range(count)]


def _column(path: Path, columns: Columns, kind: Kind) -> list[object]:
    table = read_table(path)
    return table[columns.sample_of(list(table), path.name, kind)]


def _files(path: Path, kind: Kind) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in kind.suffixes and _is_seen(file, path))
    if not files:
        raise InputError(
            str(path), given=f"a folder without {kind.name}s", expected=f"{kind.name} files", mend="name another"
        )
    return files


def _is_seen(file: Path, folder: Path) -> bool:
    """As in training, hidden files and folders are passed over."""
    return file.is_file() and not any(part[0] == "." or part == "__MACOSX" for part in file.relative_to(folder).parts)


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            str(path), given=f"unreadable ({error})", expected="a text in UTF-8", mend="save it as UTF-8"
        ) from None
