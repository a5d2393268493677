"""Many picture files -> one data set: a pass over headers, one over pixels, and one between for values of 16 bits."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from neuralfinder.data.arrays import content_fingerprint
from neuralfinder.data.dataset import Array, Dataset
from neuralfinder.data.files import FORMATS, PICTURES, SampleFile, check_half_readable, left_out
from neuralfinder.data.findings import Finding, present
from neuralfinder.data.folders import Found
from neuralfinder.data.groups import grouped
from neuralfinder.data.labels import Sizes, counted, encode_parts
from neuralfinder.data.located import are_files, beside, first_of
from neuralfinder.data.mapped import allocate, compact, fits
from neuralfinder.data.pictures import (
    COLOUR,
    DEEP,
    DEEP_COLOUR,
    FEWEST_LEVELS,
    GREY,
    WHOLE,
    Header,
    UnreadableError,
    counts_of_values,
    decode,
    no_warnings,
    read_header,
    scaled,
)
from neuralfinder.data.tables import Rows, content_in, kind_in, path_in
from neuralfinder.errors import InputError, check_allowed, check_range
from neuralfinder.types import FITS, Shape

T = TypeVar("T")
R = TypeVar("R")

KEPT_SIDES = 224, 160, 128, 96, 64
"""The longer side, in pixels, that pictures have at most: the largest with which all of them fit into memory, else the
last, at which networks usually look. They see more only where their genomes say so, but what is not kept none can
see."""

FITTING = {
    "stretch": "aspect ratio not kept",
    "pad": "aspect ratio kept, edges drawn out",
    "crop": "aspect ratio kept, the middle of what is longer or higher",
}
"""What each of `FITS` means, for people."""

CLEARLY, OFTEN = 1.25, 0.1
"""How much longer or higher a stretched picture may become before that is clearly to be seen, and the share of such
pictures from which it is worth to be said."""

FEW_LEVELS = 128
"""Levels of 16-bit pictures in 8 bits below which it is said: half of the range is little to lose."""

MOST_PIXELS = 0.99
"""Share of pixels, those in the middle, of whose values `FEWEST_LEVELS` have to be left in 8 bits: a few hot pixels may
be far from all others, and what is left of these is what networks see."""

THREADS_FROM = 128 * 128
"""Mean pixels of a picture from which threads help; below, handing over the interpreter costs more than it gains."""

PROGRESS_EVERY = 0.1
"""Seconds between calls of `progress`."""

OnProgress = Callable[[int, int], None]
"""Called with pictures done and pictures in all."""

Reader = Callable[[Sequence[SampleFile], npt.NDArray[np.bool_]], "Loaded"]
"""`read_files` with all but the files and which of them are the test part."""


@dataclass(frozen=True, eq=False)
class Loaded:
    """Images `(n, channels, height, width)` uint8, the places `(n,)` of their files, and what else a `Dataset` has."""

    images: Array
    places: npt.NDArray[np.int64]
    findings: tuple[Finding, ...]
    fit: str
    span: tuple[int, int] | None


class _Reporter:
    """Calls `progress(done, total)` with pictures, each pass counting for half of every picture."""

    def __init__(self, progress: OnProgress | None, total: int) -> None:
        self.progress, self.total, self.steps = progress, total, 0
        self.last = time.monotonic()

    def step(self, count: int = 1) -> None:
        self.steps += count
        now = time.monotonic()
        if self.progress and now - self.last >= PROGRESS_EVERY:
            self.last = now
            self.progress(self.steps // 2, self.total)

    def end(self) -> None:
        if self.progress:
            self.progress(self.total, self.total)


def from_folder(name: str, found: Found, reader: Reader) -> Dataset:
    """A data set from the picture files of a folder.

    Raises:
        InputError: as `read_files`, or classes that cannot be used.
    """
    files = found.files
    labels = [file.label for file in files]
    data, _ = _dataset(name, files, labels, found.sizes, reader, str(found.train.root))
    return replace(data, findings=(*data.findings, *found.remarks), fingerprint=found.fingerprint())


def from_rows(name: str, rows: Rows, homes: tuple[Path, Path], reader: Reader, source: str) -> Dataset:
    """A data set from the rows of tables; it has no fingerprint yet.

    Args:
        name: a name for people.
        rows: of pictures.
        homes: the folders from which paths in the two parts are seen.
        reader: decodes them.
        source: where they come from, for messages.

    Raises:
        InputError: rows without a path, as `read_files`, or classes that cannot be used.
    """
    first = rows.sizes.train + rows.sizes.validation
    files = [
        in_table(cell, homes[place >= first], str(label), row)
        for place, (cell, label, row) in enumerate(zip(rows.cells, rows.labels, rows.names, strict=True))
    ]
    data, places = _dataset(name, files, rows.labels, rows.sizes, reader, source)
    data = replace(data, findings=(*data.findings, *rows.findings))
    return data if rows.groups is None else grouped(data, [rows.groups[place] for place in places])


def is_paths(X: object) -> bool:
    """Whether these are paths of pictures: `Path`s, texts most of which have the suffix of such a file, or its name.

    Raises:
        InputError: they are paths of texts, which are given themselves.
    """
    values = np.asarray(X, dtype=object) if hasattr(X, "__array__") else X
    listed = values.reshape(-1).tolist() if isinstance(values, np.ndarray) and values.size == len(values) else values
    if not isinstance(listed, (list, tuple)) or not any(isinstance(one, (str, Path)) for one in first_of(listed)):
        return False
    return kind_in(listed, "X") == PICTURES or all(isinstance(one, Path) for one in listed) or are_files(listed)


def from_paths(X: Any, y: Any, name: str = "pictures", X_test: Any = None, y_test: Any = None) -> Dataset:
    """A data set from paths of pictures as seen from the working folder; unreadable ones are left out and named.

    Args:
        X: n paths, as `is_paths` knows them.
        y: n labels in any form that `labels.encode` takes.
        name: a name for people.
        X_test: paths of a test part.
        y_test: their labels, with no class that `y` lacks.

    Raises:
        InputError: unequal lengths, one of test samples and labels without the other, as `read_files`, or classes that
            cannot be used.
    """
    if (X_test is None) != (y_test is None):
        lacking = "X_test" if X_test is None else "y_test"
        raise InputError(lacking, given="missing", expected="X_test and y_test, or neither", mend=f"give {lacking}")
    cells: list[Any] = []
    labels: list[Any] = []
    names: list[str] = []
    for what, paths, own in (("X and y", X, y), ("X_test and y_test", X_test, y_test)):
        more = [] if paths is None else np.asarray(paths, dtype=object).reshape(-1).tolist()
        answers = [] if own is None else (own.tolist() if hasattr(own, "tolist") else list(own))
        if len(more) != len(answers):
            raise InputError(
                what, given=f"of {len(more)} paths and {len(answers)} labels", expected="as many labels as paths",
                mend="check that both come from the same rows",
            )  # fmt: skip
        plain = [str(path) if isinstance(path, Path) else path for path in more]
        cells += [str(beside(Path(), path) or path) for path in plain] if are_files(plain) else plain
        labels += answers
        names += [f"row {row}" for row in range(len(more))]
    first = len(np.asarray(X, dtype=object))
    told = Finding("paths", f"X is paths of pictures, such as {cells[0]}", change="Give arrays, or texts, for others.")
    rows = Rows(PICTURES, cells, labels, tuple(names), Sizes(first, 0, len(cells) - first), (told,))
    data = from_rows(name, rows, (Path(), Path()), read_files, "y")
    return replace(data, fingerprint=content_fingerprint(data.samples, data.labels, data.given_test, data.classes))


def in_table(cell: object, home: Path, label: str, row: str) -> SampleFile:
    """The picture that a cell holds or tells the path of.

    Raises:
        InputError: it does neither.
    """
    path = cell.get("path") if isinstance(cell, dict) else cell
    if (content := content_in(cell)) is not None:
        name = path if isinstance(path, str) else ""
        return SampleFile("", f"{row} {name}".strip(), label, len(content), content)
    return SampleFile(str(path_in(home, path, row)), str(path), label, 0)


def _dataset(
    name: str, files: list[SampleFile], labels: list[Any], sizes: Sizes, reader: Reader, source: str
) -> tuple[Dataset, npt.NDArray[np.int64]]:
    """Of files in parts of these sizes; and the places of those that could be read."""
    loaded = reader(files, np.arange(len(files)) >= sizes.train + sizes.validation)
    labelled = encode_parts(
        [labels[place] for place in loaded.places], sizes.of(loaded.places), source, "the test part"
    )
    data = Dataset(
        name, loaded.images, **labelled._asdict(), fingerprint="", fit=loaded.fit, span=loaded.span,
        names=tuple(files[place].relative for place in loaded.places),
        files=tuple(files[place].source for place in loaded.places),
    )  # fmt: skip
    return replace(data, findings=(counted(data), *loaded.findings)), loaded.places


def read_files(
    files: Sequence[SampleFile],
    in_test: npt.NDArray[np.bool_],
    image_size: int | None = None,
    fit: str | None = None,
    scratch: Path | None = None,
    progress: OnProgress | None = None,
) -> Loaded:
    """Decode picture files into one array.

    Size and channels follow the files outside the test part: see `choose_shape`. Unreadable files are left out and
    named. An array above a quarter of the machine's memory is a memory map.

    Args:
        files: what to read.
        in_test: `(len(files),)` whether each belongs to the test part.
        image_size: side of the square to resize to, 4..2048 pixels.
        fit: one of `FITS`, the first by default.
        scratch: folder for `images.npy`, should the array not fit in memory; a new temporary folder by default.
        progress: called with pictures done and pictures in all, about every 0.1 seconds.

    Raises:
        InputError: more than half of a class, in one part, is unreadable.
    """
    if image_size is not None:
        check_range("image_size", image_size, 4, 2048)
    fit = FITS[0] if fit is None else fit
    check_allowed("image_fit", fit, FITS)
    reporter = _Reporter(progress, len(files))
    failures: dict[int, str] = {}
    headers: dict[int, Header] = {}
    with no_warnings():
        for place, header in enumerate(each(_header_or_reason, files, workers=1)):
            if isinstance(header, Header):
                headers[place] = header
            else:
                failures[place] = header
            reporter.step(1 if place in headers else 2)
        check_half_readable(files, in_test, failures)
        seen = [header for place, header in headers.items() if not in_test[place]]
        shape = choose_shape(seen, image_size, len(headers))
        deep = {place for place, header in headers.items() if DEEP in header.kinds and not in_test[place]}
        span, spread = _span([files[place].source for place in deep], alone=len(deep) == len(seen))
        images, on_disk = allocate((len(headers), shape.channels, shape.height, shape.width), scratch)
        places = list(headers)
        store = partial(_store, files=files, places=places, images=images, shape=shape, fit=fit, span=span)
        for row, reason in enumerate(each(store, range(len(places)), _workers(headers.values()))):
            if reason:
                failures[places[row]] = reason
            reporter.step()
    check_half_readable(files, in_test, failures)
    reporter.end()
    kept = [row for row, place in enumerate(places) if place not in failures]
    used = [(files[places[row]], headers[places[row]]) for row in kept]
    findings = (
        _shape([header for _, header in used], shape, image_size, shape != _median(seen, shape.channels), fit),
        _converted(used, shape),
        spread or _depth(images, kept, [header for _, header in used]),
        _misnamed(used),
        left_out(files, failures),
        on_disk,
    )
    return Loaded(
        images=compact(images, kept),
        places=np.array([places[row] for row in kept], dtype=np.int64),
        findings=present(findings),
        fit=fit,
        span=span,
    )


def choose_shape(headers: Sequence[Header], image_size: int | None = None, count: int = 1) -> Shape:
    """The shape for pictures with these headers.

    Grey if all are. The size is the median height by the median width, scaled down so that no side is above one of
    `KEPT_SIDES`. `image_size` overrides it with a square.

    Args:
        headers: at least one.
        image_size: pixels.
        count: of pictures.
    """
    channels = 1 if all(header.grey for header in headers) else 3
    if image_size is not None:
        return Shape(channels, image_size, image_size)
    median = _median(headers, channels)
    smaller = [median.at(side) for side in KEPT_SIDES]
    return next((each for each in smaller if fits((count, channels, each.height, each.width))), smaller[-1])


def _median(headers: Sequence[Header], channels: int) -> Shape:
    """The median height by the median width."""
    height, width = np.median([(header.height, header.width) for header in headers], axis=0)
    return Shape(channels, round(height), round(width))


def _header_or_reason(file: SampleFile) -> Header | str:
    try:
        return read_header(file.source)
    except UnreadableError as error:
        return str(error)


def _store(row: int, files: Sequence[SampleFile], places: list[int], images: Array, **how: Any) -> str:
    """Decode into a row, as `decode` is told; the reason why not, or nothing."""
    try:
        images[row] = decode(files[places[row]].source, **how)
    except UnreadableError as error:
        return str(error)
    return ""


def _workers(headers: Iterable[Header]) -> int:
    pixels = [header.height * header.width for header in headers]
    return workers_for(sum(pixels) / max(1, len(pixels)))


def workers_for(pixels: float) -> int:
    """Threads that pictures of so many pixels are decoded in."""
    return min(16, os.cpu_count() or 1) if pixels >= THREADS_FROM else 1


def each(function: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[R]:
    """`map`, in threads where there are several workers."""
    if workers == 1:
        yield from map(function, items)
        return
    pool = ThreadPoolExecutor(workers)
    try:
        yield from pool.map(function, items)
    finally:
        # An interrupt should not wait for thousands of pictures that nobody will use.
        pool.shutdown(cancel_futures=True)


def _shape(headers: Sequence[Header], shape: Shape, image_size: int | None, limited: bool, fit: str) -> Finding:
    sizes = sorted((header.height * header.width, header.height, header.width) for header in headers)
    resized = sum(size[1:] != (shape.height, shape.width) for size in sizes)
    colours = "grey" if shape.channels == 1 else "in colour"
    text = f"Pictures are {shape.height} high and {shape.width} wide, {colours}"
    if not resized:
        return Finding("size", f"{text}; none was resized")
    reason = "image_size" if image_size else "the median size"
    if not image_size and limited:
        reason += f", at most {max(shape.height, shape.width)}"
    (_, low, narrow), (_, high, wide) = sizes[0], sizes[-1]
    other = sum(_differs(height, width, shape) for _, height, width in sizes)
    usual, longest = KEPT_SIDES[-1], max(shape.height, shape.width)
    costs = f"; to look at all {longest} takes about {(longest / usual) ** 2:.2g} times as long"
    looks = f"Networks look at {usual} pixels, or at as many as their genome says{costs if longest > usual else ''}."
    change = f"--image-size chooses another size. {looks}"
    if other > OFTEN * len(sizes) and fit == FITS[0]:
        change += f" {other} have other proportions: --fit pad keeps these and all that is seen, --fit crop the middle."
    return Finding(
        "size",
        f"{text}; {resized} of {len(sizes)} were resized to it ({reason}; {FITTING[fit]}), "
        f"from {low} x {narrow} to {high} x {wide}",
        change=change,
    )


def _differs(height: int, width: int, shape: Shape) -> bool:
    """Whether such a picture has clearly other proportions."""
    ratio = (height / width) / (shape.height / shape.width)
    return max(ratio, 1 / ratio) > CLEARLY


def _converted(used: Sequence[tuple[SampleFile, Header]], shape: Shape) -> Finding | None:
    """Pictures that were converted, and from what; plain pictures in the chosen channels are not among them."""
    plain = GREY if shape.channels == 1 else COLOUR
    names, counts = [], Counter[str]()
    for file, header in used:
        kinds = {*header.kinds, *([COLOUR] if shape.channels == 1 and not header.grey else [])} - {plain}
        if kinds:
            names.append(f"{file.relative} ({', '.join(sorted(kinds))})")
            counts.update(kinds)
    if not names:
        return None
    listed = ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items()))
    target = "grey" if shape.channels == 1 else "RGB"
    text = f"{len(names)} of {len(used)} pictures were converted to 8-bit {target}, of them {listed}"
    return Finding("converted", text, tuple(names))


def _span(deep: Sequence[str | bytes], *, alone: bool) -> tuple[tuple[int, int] | None, Finding | None]:
    """What pictures of 16-bit grey are scaled by, and what is to be said of it: their own range, where none is beside.

    Args:
        deep: those of the training part.
        alone: whether it has no others.

    Raises:
        InputError: a few pixels are so far from all others that next to nothing is left of these.
    """
    if not deep or not alone:
        return (WHOLE if deep else None), None
    counts = np.zeros(WHOLE[1] + 1, dtype=np.int64)
    for own in each(_counts, deep, workers=1):
        counts += own
    there = np.flatnonzero(counts)
    if len(there) < 2:
        return WHOLE, None
    span = int(there[0]), int(there[-1])
    if (span[1] - span[0]) // 257 >= FEW_LEVELS:
        return WHOLE, None
    below = np.cumsum(counts) / counts.sum()
    edge = (1 - MOST_PIXELS) / 2
    low, high = np.searchsorted(below, (edge, 1 - edge)).tolist()
    middle = there[(low <= there) & (there <= high)]
    levels = len(np.unique(scaled(middle, span)))
    if levels < min(FEWEST_LEVELS, len(middle)):
        raise InputError(
            f"the range of {len(deep)} 16-bit pictures, {span[0]} to {span[1]},",
            given=f"such that 8 bits keep {levels} of the {len(middle)} levels of {MOST_PIXELS:.0%} of their pixels, "
            f"{low} to {high}", expected=f"values of which at least {FEWEST_LEVELS} levels are left",
            mend=f"cut off what is beyond {low} and {high}, or save them in 8 bits, now and for prediction",
        )  # fmt: skip
    text = f"{len(deep)} pictures of 16-bit grey have values from {span[0]} to {span[1]}, which became 0 to 255"
    return span, Finding("depth", f"{text}; so will those asked about, and what is beyond becomes these ends")


def _counts(file: str | bytes) -> npt.NDArray[np.int64] | int:
    """Of a file that cannot be read it is told when all are."""
    try:
        return counts_of_values(file)
    except UnreadableError:
        return 0


def _depth(images: Array, kept: Sequence[int], headers: Sequence[Header]) -> Finding | None:
    """Pictures of 16 bits that use little of them, and so have few levels left in 8 bits.

    Raises:
        InputError: next to nothing is left in any of them.
    """
    deep = [row for row, header in zip(kept, headers, strict=True) if {DEEP, DEEP_COLOUR} & set(header.kinds)]
    if not deep:
        return None
    low, high = min(int(images[row].min()) for row in deep), max(int(images[row].max()) for row in deep)
    levels = high - low + 1
    if levels < FEWEST_LEVELS:
        raise InputError(
            f"the range of {len(deep)} 16-bit pictures", given=f"such that 8 bits keep {levels} of their levels",
            expected=f"values spread over 0..65535, of which at least {FEWEST_LEVELS} levels are left",
            mend="multiply all of them by one factor, or save them in 8 bits, now and for prediction",
        )  # fmt: skip
    text = f"{len(deep)} pictures of 16 bits use {levels / 256:.0%} of that range: {levels} levels of each are left"
    change = "Multiply all by one factor, now and for prediction, to keep more."
    return Finding("depth", text, change=change) if levels < FEW_LEVELS else None


def _misnamed(used: Sequence[tuple[SampleFile, Header]]) -> Finding | None:
    names = tuple(
        f"{file.relative} ({header.format})"
        for file, header in used
        if Path(file.relative).suffix.lower() not in ("", *FORMATS[header.format])
    )
    text = f"{len(names)} pictures are of another format than their suffix says and were read by their content"
    return Finding("misnamed", text, names) if names else None
