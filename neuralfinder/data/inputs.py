"""Samples to predict on, in whatever form they come: arrays, texts, data sets, files, folders and tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from neuralfinder.data.archives import contents
from neuralfinder.data.arrays import Values, as_pictures, check_values
from neuralfinder.data.dataset import Array
from neuralfinder.data.files import (
    PICTURES,
    TABLES,
    TEXTS,
    Kind,
    as_path,
    check_no_address,
    is_address,
    is_hidden,
    suffixes,
    text_in_bytes,
    text_of,
)
from neuralfinder.data.located import located
from neuralfinder.data.pairs import is_pairs, samples_of
from neuralfinder.data.pictures import no_warnings, read_picture
from neuralfinder.data.reading import each, is_paths, workers_for
from neuralfinder.data.sources.hub import is_hub, library_samples
from neuralfinder.data.sources.npz import read_arrays
from neuralfinder.data.tables import NO_COLUMNS, Columns, content_in, path_in, read_table
from neuralfinder.data.texts import as_texts, is_texts, text_in
from neuralfinder.errors import InputError, some
from neuralfinder.types import FITS, Shape

AT_ONCE = 256
"""Samples that are read and answered at once: a network gains little from more."""

BYTES_AT_ONCE = 1 << 26
"""Bytes of pictures that are read at once, where fewer than `AT_ONCE` have them."""


@dataclass(frozen=True, eq=False)
class Block:
    """Some of the samples at paths, in order.

    Attributes:
        samples: those that could be read, pictures `(n, channels, height, width)` or texts `(n,)`.
        names: the files or rows that all are of, unreadable ones among them.
        errors: of the unreadable ones, by place in `names`.
        expected: samples there are in all, as far as that is known by now: one for a path not yet looked at.
    """

    samples: Array
    names: list[str]
    errors: dict[int, InputError]
    expected: int


_Sample = tuple[str, Callable[[], Any]]
"""The name of a sample, and what reads it: a picture or a text."""


def inputs_of(
    given: object, shape: Shape, fit: str = FITS[0], seen: Values | None = None, span: tuple[int, int] | None = None
) -> Iterator[Array]:
    """The samples, pictures `(n, channels, height, width)` uint8 or float32 or texts `(n,)` of str; files in blocks.

    Args:
        given: for pictures, arrays as `as_pictures` takes them, or a path, or several; for texts, a str, or several; a
            `Path` is that of a file, a folder or a table as `blocks_at` reads it. Or a data set of either, as `fit`
            takes them, with labels, which are not looked at, or without. Of a data frame the column of texts or of
            paths, found as in a table.
        shape: of what the network was trained on.
        fit: how files of pictures are brought to it, one of `FITS`.
        seen: what pictures were like in training.
        span: what files of 16-bit grey are scaled by, see `pictures.decode`.

    Raises:
        InputError: pictures for a network for texts, or the reverse, of another shape or scale, or unreadable.
    """
    kind = kind_for(shape)
    if is_frame(given):
        given = _column_of(given, kind)
    if paths := _paths(given, kind):
        for block in blocks_at(paths, shape, fit=fit, seen=seen, span=span):
            for error in block.errors.values():
                raise error
            yield block.samples
    elif is_hub(given):
        yield _like(library_samples(given, kind, shape, fit, span), seen)
    elif is_pairs(given):
        samples = samples_of(given)
        first = list(islice(samples, AT_ONCE))  # asked about even where it is empty
        for some_of_them in chain([first], iter(lambda: list(islice(samples, AT_ONCE)), [])):
            yield from inputs_of(some_of_them, shape, fit, seen, span)
    else:
        yield as_texts(given) if kind == TEXTS else _like(as_pictures(given, shape), seen)


def is_frame(given: object) -> bool:
    """Whether this is a data frame, of pandas or of another library that has the same names for its parts."""
    return hasattr(given, "columns") and hasattr(given, "dtypes")


def _column_of(frame: Any, kind: Kind) -> Any:
    """The column of samples; a frame of numbers alone is what its numbers are.

    Raises:
        InputError: no such column.
    """
    if kind == PICTURES and np.asarray(frame).dtype.kind in "buif":
        return frame
    columns = {str(name): name for name in frame.columns}
    try:
        return frame[columns[NO_COLUMNS.sample_of(list(columns), "X", kind)]]
    except InputError:
        what = "texts" if kind == TEXTS else "paths of pictures"
        raise InputError(
            "X", given=f"a data frame with columns {some(map(repr, columns), most=10) or 'none'}",
            expected=f"one column of {what}, or one with a usual name such as {kind.name}",
            mend="give the column alone, as in X['name']",
        ) from None  # fmt: skip


def _like(samples: Array, seen: Values | None, what: str = "X", *, files: bool = False) -> Array:
    """Samples that are like those of training."""
    if seen:
        check_values(samples, seen, what, files=files)
    return samples


def blocks_at(
    paths: Sequence[str | Path],
    shape: Shape,
    columns: Columns = NO_COLUMNS,
    fit: str = FITS[0],
    seen: Values | None = None,
    span: tuple[int, int] | None = None,
) -> Iterator[Block]:
    """The samples at paths, in order, a block at a time; what cannot be read is an error in its place.

    One block of files is in memory at a time, but all of a table or a `.npz` file.

    Args:
        paths: picture files, folders whose picture files are taken in order of name, tables with a column of their
            paths, or `.npz` files with `X`; for texts, text files, folders of such, or tables with a column of texts.
        shape: of what the network was trained on.
        columns: of tables.
        fit: how files of pictures are brought to the shape, one of `FITS`.
        seen: what pictures were like in training.
        span: what files of 16-bit grey are scaled by, see `pictures.decode`.

    Raises:
        InputError: pictures on another scale than those of training.
    """
    most = max(1, min(AT_ONCE, BYTES_AT_ONCE // (shape.channels * shape.height * shape.width)))
    of_file = _text_at if kind_for(shape) == TEXTS else partial(read_picture, shape=shape, fit=fit, span=span)
    expected, waiting = len(paths), list[_Sample]()
    for path in paths:
        try:
            count, found = _samples_at(path, shape, columns, of_file)
        except InputError as error:
            count, found = 1, [(str(path), partial(_fail, error))]
        expected += count - 1
        for sample in found:
            waiting.append(sample)
            if len(waiting) == most:
                yield _read(waiting, shape, expected, seen)
                waiting = []
    if waiting:
        yield _read(waiting, shape, expected, seen)


def _read(waiting: Sequence[_Sample], shape: Shape, expected: int, seen: Values | None) -> Block:
    # pictures are rarely smaller than what they are brought to
    workers = workers_for(shape.height * shape.width) if kind_for(shape) == PICTURES else 1
    with no_warnings():
        tried = [*each(_sample_or_error, waiting, workers)]
    errors = {place: found for place, found in enumerate(tried) if isinstance(found, InputError)}
    samples = [found for place, found in enumerate(tried) if place not in errors]
    if kind_for(shape) == TEXTS:
        together = np.array(samples, dtype=object)
    else:
        together = np.stack(samples) if samples else np.empty((0, shape.channels, shape.height, shape.width), np.uint8)
    names = [name for name, _ in waiting]
    return Block(_like(together, seen, names[0], files=True), names, errors, expected)


def _sample_or_error(sample: _Sample) -> Any:
    try:
        return sample[1]()
    except InputError as error:
        return error


def _fail(error: InputError) -> Any:
    raise error


def _samples_at(
    given: str | Path, shape: Shape, columns: Columns, of_file: Callable[..., Any]
) -> tuple[int, Iterable[_Sample]]:
    """How many samples are at a path, and the samples; `of_file` reads one file.

    Raises:
        InputError: nothing there, unreadable, or without samples.
    """
    check_no_address(given, "an input")
    path, kind = as_path(given), kind_for(shape)
    try:
        path.is_dir()
    except OSError as error:  # a name too long, or a folder that may not be looked into
        raise InputError(
            str(path),
            given=f"unreadable: {error.strerror}",
            expected=f"a {kind.name} file",
            mend="replace it or leave it out",
        ) from None
    if path.suffix.lower() in TABLES and path.is_file():
        cells = _column(path, columns, kind)
        if kind == PICTURES:
            cells = located(cells, path.parent, pictures=True) or cells
        return len(cells), (_in_table(path, row, cell, kind, of_file) for row, cell in enumerate(cells))
    if kind == PICTURES and path.suffix.lower() == ".npz" and path.is_file():
        pictures = as_pictures(read_arrays(path, ("X",), "a .npz file with X")["X"], shape)
        return len(pictures), ((f"{path}[{row}]", partial(pictures.__getitem__, row)) for row in range(len(pictures)))
    if path.suffix.lower() == ".zip" and path.is_file():
        return _in_archive(path, kind, of_file)
    files = _files(path, kind)
    return len(files), ((str(file), partial(of_file, file)) for file in files)


def _in_archive(path: Path, kind: Kind, of_file: Callable[..., Any]) -> tuple[int, Iterable[_Sample]]:
    """The files of a zip file in order of name, each read when it is its turn."""
    found = contents(path, kind.suffixes)
    if not found:
        given = f"a zip file without {kind.name}s"
        raise InputError(str(path), given=given, expected=f"{kind.name} files in it", mend="name another")
    return len(found), ((name, partial(_of_bytes, of_file, read, name)) for name, read in found)


def _of_bytes(of_file: Callable[..., Any], read: Callable[[], bytes], name: str) -> Any:
    return of_file(read(), name=name)


def _in_table(path: Path, row: int, cell: object, kind: Kind, of_file: Callable[..., Any]) -> _Sample:
    """The text in a cell of a table, or the picture whose path it is."""
    name, what = f"{path}[{row}]", f"row {row} of {path.name}"
    if kind == TEXTS:
        return name, partial(text_in, cell, what)
    if (content := content_in(cell)) is not None:
        return name, partial(of_file, content, name=name)
    if isinstance(cell, str):
        name = cell if is_address(cell) else str(path.parent / cell)
    return name, lambda: of_file(path_in(path.parent, cell, what))


def kind_for(shape: Shape) -> Kind:
    """What a network of this input takes."""
    return TEXTS if shape.vocabulary else PICTURES


def _paths(given: object, kind: Kind) -> Sequence[str | Path]:
    """The paths that are meant, none where something else is: a text is a path where pictures are asked for."""
    if isinstance(given, Path) or (isinstance(given, str) and kind == PICTURES):
        return [given]
    if kind == PICTURES and is_texts(given):
        return [*map(str, as_texts(given))]
    if kind == PICTURES and hasattr(given, "__array__") and is_paths(given):
        return list(np.asarray(given, dtype=object).reshape(-1))
    if isinstance(given, (list, tuple)) and any(isinstance(one, Path) for one in given):
        if strange := [one for one in given if not isinstance(one, Path)]:
            raise InputError(
                "X", given=f"paths and a {type(strange[0]).__name__}", expected="paths alone", mend="give them apart"
            )
        return given
    return []


def _column(path: Path, columns: Columns, kind: Kind) -> list[object]:
    table, _ = read_table(path, columns)
    return table[columns.sample_of(list(table), path.name, kind)]


def _files(path: Path, kind: Kind) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in kind.suffixes and _is_seen(file, path))
    if not files:
        there = suffixes(file.name for file in path.rglob("*") if _is_seen(file, path))
        given = f"a folder without {kind.name}s" + (f", but with files of other suffixes: {there}" if there else "")
        raise InputError(str(path), given=given, expected=f"{kind.name} files", mend="name another")
    return files


def _is_seen(file: Path, folder: Path) -> bool:
    """As in training, hidden files and folders are passed over; what is no file is told when it is read."""
    return not file.is_dir() and not any(map(is_hidden, file.relative_to(folder).parts))


def _text_at(file: Path | bytes, name: str = "") -> str:
    try:
        return text_in_bytes(file) if isinstance(file, bytes) else text_of(file)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(
            name or str(file), given=f"unreadable ({reason})", expected="a text in UTF-8", mend="save it as UTF-8"
        ) from None
