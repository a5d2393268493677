"""Many picture files -> one array: two passes, over the headers and over the pixels; each picture is decoded once."""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from neuralfinder.data.dataset import Array
from neuralfinder.data.findings import Finding, present
from neuralfinder.data.folders import FORMATS, SampleFile
from neuralfinder.data.pictures import COLOUR, GREY, Header, UnreadableError, decode, no_warnings, read_header
from neuralfinder.errors import InputError, check_range, some
from neuralfinder.types import Shape

T = TypeVar("T")
R = TypeVar("R")

KEPT_SIDE, RESIZED_SIDE = 96, 64
"""Pictures of one size are kept up to this side; others are resized to at most the second. Both in pixels."""

THREADS_FROM = 128 * 128
"""Mean pixels of a picture from which threads help; below, handing over the interpreter costs more than it gains."""

PROGRESS_EVERY = 0.1
"""Seconds between calls of `progress`."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Loaded:
    """`images` `(n, channels, height, width)` uint8, the places `(n,)` of their files in the list, and findings."""

    images: Array
    places: npt.NDArray[np.int64]
    findings: tuple[Finding, ...]


class _Reporter:
    """Calls `progress(done, total)` with pictures, each pass counting for half of every picture."""

    def __init__(self, progress: Progress | None, total: int) -> None:
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


def read_files(
    files: Sequence[SampleFile],
    in_test: npt.NDArray[np.bool_],
    image_size: int | None = None,
    scratch: Path | None = None,
    progress: Progress | None = None,
) -> Loaded:
    """Decode picture files into one array.

    Size and channels follow the files outside the test part: see `choose_shape`. Unreadable files are left out and
    named. An array above a quarter of the machine's memory is a memory map.

    Args:
        files: what to read.
        in_test: `(len(files),)` whether each belongs to the test part.
        image_size: side of the square to resize to, 4..2048 pixels.
        scratch: folder for `images.npy`, should the array not fit in memory; a new temporary folder by default.
        progress: called with pictures done and pictures in all, about every 0.1 seconds.

    Raises:
        InputError: more than half of a class, in one part, is unreadable.
    """
    if image_size is not None:
        check_range("image_size", image_size, 4, 2048)
    reporter = _Reporter(progress, len(files))
    failures: dict[int, str] = {}
    headers: dict[int, Header] = {}
    with no_warnings():
        for place, header in enumerate(_each(_header_or_reason, files, workers=1)):
            if isinstance(header, Header):
                headers[place] = header
            else:
                failures[place] = header
            reporter.step(1 if place in headers else 2)
        check_half_readable(files, in_test, failures)
        shape = choose_shape([header for place, header in headers.items() if not in_test[place]], image_size)
        images, on_disk = _allocate((len(headers), shape.channels, shape.height, shape.width), scratch)
        places = list(headers)
        store = partial(_store, files=files, places=places, images=images, shape=shape)
        for row, reason in enumerate(_each(store, range(len(places)), _workers(headers.values()))):
            if reason:
                failures[places[row]] = reason
            reporter.step()
    check_half_readable(files, in_test, failures)
    reporter.end()
    kept = [row for row, place in enumerate(places) if place not in failures]
    used = [(files[places[row]], headers[places[row]]) for row in kept]
    findings = (
        _shape([header for _, header in used], shape, image_size),
        _converted(used, shape),
        _misnamed(used),
        left_out(files, failures),
        on_disk,
    )
    return Loaded(
        images=_compact(images, kept),
        places=np.array([places[row] for row in kept], dtype=np.int64),
        findings=present(findings),
    )


def choose_shape(headers: Sequence[Header], image_size: int | None = None) -> Shape:
    """The shape for pictures with these headers.

    Grey if all are. The size is kept when all have the same and no side is above 96; else it is the median height by
    the median width, scaled down so that no side is above 64. `image_size` overrides it with a square.

    Args:
        headers: at least one.
        image_size: pixels.
    """
    channels = 1 if all(header.grey for header in headers) else 3
    if image_size is not None:
        return Shape(channels, image_size, image_size)
    sizes = np.array([(header.height, header.width) for header in headers])
    if (sizes == sizes[0]).all() and sizes.max() <= KEPT_SIDE:
        return Shape(channels, int(sizes[0, 0]), int(sizes[0, 1]))
    median = np.median(sizes, axis=0)
    height, width = np.maximum(1, np.round(median * min(1.0, RESIZED_SIDE / median.max()))).astype(int).tolist()
    return Shape(channels, height, width)


def memory_bytes() -> int:
    """The machine's memory in bytes, or a container's limit; 8 GiB where the system does not tell."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        memory = 8 * 2**30
    try:
        return min(memory, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    except (OSError, ValueError):
        return memory


def _header_or_reason(file: SampleFile) -> Header | str:
    try:
        return read_header(file.source)
    except UnreadableError as error:
        return str(error)


def _store(row: int, files: Sequence[SampleFile], places: list[int], images: Array, shape: Shape) -> str:
    """Decode into a row; the reason why not, or nothing."""
    try:
        images[row] = decode(files[places[row]].source, shape)
    except UnreadableError as error:
        return str(error)
    return ""


def _workers(headers: Iterable[Header]) -> int:
    pixels = [header.height * header.width for header in headers]
    return min(16, os.cpu_count() or 1) if sum(pixels) >= THREADS_FROM * len(pixels) else 1


def _each(function: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[R]:
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


def _allocate(size: tuple[int, ...], scratch: Path | None) -> tuple[Array, Finding | None]:
    """An array of uint8, in a file where it would take more than a quarter of memory, and which file."""
    if np.prod(size, dtype=np.int64) <= memory_bytes() / 4:
        return np.empty(size, dtype=np.uint8), None
    folder = scratch or Path(tempfile.mkdtemp(prefix="neuralfinder-"))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "images.npy"
    images = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=size)
    return images, Finding("on disk", f"The pictures take more than a quarter of memory and lie in {path}")


def _compact(images: Array, kept: list[int]) -> Array:
    """The kept rows, moved to the front in place: a copy may not fit in memory."""
    for new, old in enumerate(kept):
        if new != old:
            images[new] = images[old]
    return images[: len(kept)]


def check_half_readable(
    files: Sequence[SampleFile], in_test: npt.NDArray[np.bool_], failures: dict[int, str], what: str = "pictures"
) -> None:
    """Refuse files of which more than half of a class, in one part, is unreadable.

    Args:
        files: all files.
        in_test: `(len(files),)` whether each belongs to the test part.
        failures: places of the unreadable ones, and the reasons.
        what: what the files are.

    Raises:
        InputError: names the class and some files.
    """
    groups = [(bool(tested), file.label) for file, tested in zip(files, in_test, strict=True)]
    counts, broken = Counter(groups), Counter(groups[place] for place in failures)
    for group, count in broken.items():
        if 2 * count > counts[group]:
            places = sorted(place for place in failures if groups[place] == group)
            raise InputError(
                f"class {group[1]!r}{' of the test part' if group[0] else ''}",
                given=f"unreadable in {count} of {counts[group]} {what}: {some(_named(files, failures, places))}",
                expected="at least half of each class readable",
                mend="replace these files or take them away",
            )


def _named(files: Sequence[SampleFile], failures: dict[int, str], places: Iterable[int]) -> Iterator[str]:
    return (f"{files[place].relative} ({failures[place]})" for place in places)


def left_out(files: Sequence[SampleFile], failures: dict[int, str], what: str = "pictures") -> Finding | None:
    """The files that were left out, `None` when none was."""
    names = tuple(_named(files, failures, sorted(failures)))
    text = f"{len(names)} unreadable {what} were left out"
    return Finding("unreadable", text, names, "Replace them, or take them away.") if names else None


def _shape(headers: Sequence[Header], shape: Shape, image_size: int | None) -> Finding:
    sizes = sorted((header.height * header.width, header.height, header.width) for header in headers)
    resized = sum(size[1:] != (shape.height, shape.width) for size in sizes)
    colours = "grey" if shape.channels == 1 else "colour"
    text = f"Pictures are {shape.height} high and {shape.width} wide, {shape.channels} channels ({colours})"
    if not resized:
        return Finding("size", f"{text}; none was resized")
    reason = "image_size" if image_size else f"the median size, at most {RESIZED_SIDE}"
    (_, low, narrow), (_, high, wide) = sizes[0], sizes[-1]
    return Finding(
        "size",
        f"{text}; {resized} of {len(sizes)} were resized to it ({reason}; aspect ratio not kept), "
        f"from {low} x {narrow} to {high} x {wide}",
        change="--image-size chooses another size.",
    )


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


def _misnamed(used: Sequence[tuple[SampleFile, Header]]) -> Finding | None:
    names = tuple(
        f"{file.relative} ({header.format})"
        for file, header in used
        if Path(file.relative).suffix.lower() not in ("", *FORMATS[header.format])
    )
    text = f"{len(names)} pictures are of another format than their suffix says and were read by their content"
    return Finding("misnamed", text, names) if names else None
