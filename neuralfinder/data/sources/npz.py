"""Files of arrays, as `numpy.savez` writes them."""

from __future__ import annotations

import hashlib
import math
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from neuralfinder.data.archives import ENCRYPTED
from neuralfinder.data.arrays import from_arrays
from neuralfinder.data.dataset import Array, Dataset
from neuralfinder.data.files import no_file
from neuralfinder.data.findings import Finding, present
from neuralfinder.data.mapped import memory_bytes
from neuralfinder.data.reading import OnProgress
from neuralfinder.data.sources.base import OnDisk
from neuralfinder.errors import InputError, some

EXPECTED = "a .npz file with arrays X and y, and optionally X_test and y_test"

NAMES = {
    "X": ("x", "x_train", "images", "train_images", "data", "image"),
    "y": ("y", "y_train", "labels", "train_labels", "targets", "target", "label"),
    "X_test": ("x_test", "test_images"),
    "y_test": ("y_test", "test_labels"),
    "X_validation": ("x_val", "x_valid", "x_validation", "val_images", "valid_images", "validation_images"),
    "y_validation": ("y_val", "y_valid", "y_validation", "val_labels", "valid_labels", "validation_labels"),
}
"""What arrays are called in small letters, the likeliest first: as scikit-learn, Keras and MedMNIST do."""

NEEDED, TEST_ARRAYS, VALIDATION = ("X", "y"), ("X_test", "y_test"), ("X_validation", "y_validation")

KEPT = 1 / 2
"""Share of the machine's memory that the arrays of a file may take: they may be converted, and the old ones lie beside
the new ones meanwhile."""

DENSEST = 1032
"""Bytes that one byte of a deflated file becomes at most: 258 of them for two bits."""


@dataclass(frozen=True)
class Npz(OnDisk):
    """A `.npz` file with `X` and `y`, and optionally a test and a validation part, or with arrays called as in `NAMES`.

    Attributes:
        path: the file.
        test: a second one, whose `X` and `y` are the test part.
    """

    kind = "npz"
    what = "a .npz file"

    @classmethod
    def is_such(cls, path: Path) -> bool:
        """A file with this suffix."""
        return path.suffix.lower() == ".npz" and not path.is_dir()

    def fingerprint(self) -> str:
        """From the directories of the zip files, which hold the size and check sum of each array."""
        lines = _lines(self.path, {name: name for name in NAMES})
        if self.test:
            lines += _lines(self.test, dict(zip(NEEDED, TEST_ARRAYS, strict=True)))
        return hashlib.blake2b("\n".join(["npz", *sorted(lines)]).encode(), digest_size=16).hexdigest()

    def load(self, scratch: Path | None = None, progress: OnProgress | None = None) -> Dataset:
        """Read the arrays; there is nothing to decode."""
        arrays = read_arrays(self.path, NEEDED, EXPECTED, (*TEST_ARRAYS, *VALIDATION))
        if self.test is not None:
            if arrays.keys() & set(TEST_ARRAYS):
                raise InputError(
                    "test", given=f"{str(self.test)!r} beside the arrays X_test and y_test of {str(self.path)!r}",
                    expected="one test part", mend="leave one of them out",
                )  # fmt: skip
            more = read_arrays(self.test, NEEDED, EXPECTED)
            arrays |= {"X_test": more["X"], "y_test": more["y"]}
        (X_test, y_test), held = ([arrays.get(name) for name in names] for names in (TEST_ARRAYS, VALIDATION))
        data = from_arrays(arrays["X"], arrays["y"], self.path.stem, X_test, y_test, (held[0], held[1]))
        findings = present([*data.findings, *_told(self.path)])
        return replace(data, fingerprint=self.fingerprint(), findings=findings)


def read_arrays(path: Path, needed: Iterable[str], expected: str, optional: Iterable[str] = ()) -> dict[str, Array]:
    """Arrays of a `.npz` file, by the names that `NAMES` has for them.

    Nothing is believed: what an array takes is known, and compared with what there is, before memory is taken for it.

    Args:
        path: the file.
        needed: names of those that must be there.
        expected: what such a file is, for messages.
        optional: names of those that may be there.

    Raises:
        InputError: an unreadable file, one that lacks an array or has it twice, or an array that is encrypted, packed
            in an unusual way, of Python objects, too large, or other than its header says.
    """
    wanted = [*needed, *optional]
    with _archive(path, expected) as archive:
        entries = {name: entry for name, entry in _entries(path, archive, expected, needed).items() if name in wanted}
        size = sum(_checked(path, archive, entry, expected) for entry in entries.values())
        if size > memory_bytes() * KEPT:
            raise InputError(
                str(path), given=f"{size:,} bytes large in {', '.join(map(_member, entries.values()))}",
                expected=f"at most half of this machine's memory, {memory_bytes():,} bytes",
                mend="write smaller types or pictures, or give a folder of picture files",
            )  # fmt: skip
        return {name: _read(path, archive, entry, expected) for name, entry in entries.items()}


def _archive(path: Path, expected: str = EXPECTED) -> zipfile.ZipFile:
    try:
        if reason := no_file(path):
            raise OSError(reason)
        return zipfile.ZipFile(path)
    except Exception as error:  # spoilt archives fail with errors of nearly any type
        raise _unreadable(str(path), error, expected) from None


def _unreadable(what: str, reason: object, expected: str) -> InputError:
    words = " ".join(str(reason).split())[:200] or type(reason).__name__
    return InputError(
        what, given=f"unreadable ({words})", expected=f"{expected}, not of Python objects",
        mend="save it again with numpy.savez",
    )  # fmt: skip


def _member(entry: zipfile.ZipInfo) -> str:
    return entry.filename.removesuffix(".npy")


def _entries(
    path: Path, archive: zipfile.ZipFile, expected: str = EXPECTED, needed: Iterable[str] = NEEDED
) -> dict[str, zipfile.ZipInfo]:
    """The members of an archive that have a place in `NAMES`."""
    members = defaultdict(list)
    for entry in archive.infolist():
        members[_member(entry).lower()].append(entry)
    found = {role: next((members[name] for name in names if name in members), []) for role, names in NAMES.items()}
    twice = [some(map(_member, entries)) for entries in found.values() if len(entries) > 1]
    if twice:
        raise InputError(
            str(path),
            given=f"a file with an array twice ({some(twice)})",
            expected="each once",
            mend="rename the arrays",
        )
    if not all(found[role] for role in needed):
        given = f"a file with {some(map(_member, archive.infolist())) or 'nothing'}"
        raise InputError(str(path), given=given, expected=expected, mend="rename the arrays")
    return {role: entries[0] for role, entries in found.items() if entries}


def _checked(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, expected: str) -> int:
    """Bytes that an array takes in memory, which are those that are there for it."""
    what = f"{_member(entry)} of {path}"
    densest = {zipfile.ZIP_STORED: 1, zipfile.ZIP_DEFLATED: DENSEST}.get(entry.compress_type)
    if entry.flag_bits & ENCRYPTED or densest is None:
        reason = f"packed by method {entry.compress_type}" if densest is None else "encrypted"
        raise _unreadable(what, reason, expected)
    try:
        with archive.open(entry) as file:
            shape, dtype = _header(file)
            header = file.tell()
    except Exception as error:  # headers that are no headers fail with errors of nearly any type
        raise _unreadable(what, error, expected) from None
    if dtype.hasobject:
        raise _unreadable(what, "Python objects", expected)
    claimed, there = math.prod(shape) * dtype.itemsize, entry.file_size - header
    if min(shape, default=1) < 0 or claimed != there or math.prod(shape) > max(claimed, 1):
        reason = f"its header tells of {dtype} of shape {shape}, which are {claimed:,} bytes, and there are {there:,}"
        raise _unreadable(what, reason, expected)
    if entry.file_size > densest * entry.compress_size:
        raise _unreadable(what, f"{entry.compress_size:,} bytes that claim to be {entry.file_size:,}", expected)
    return claimed


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"version {version} of the format, which is for columns with names")
    shape, _, dtype = readers[version](file)
    return shape, dtype


def _read(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, expected: str) -> Array:
    try:
        with archive.open(entry) as file:
            array = np.asarray(np.lib.format.read_array(file, allow_pickle=False))
        if array.dtype.kind == "U" and np.ascontiguousarray(array).view(np.uint32).max(initial=0) > sys.maxunicode:
            raise ValueError("letters that are none")
        return array
    except Exception as error:  # as spoilt bytes do
        raise _unreadable(f"{_member(entry)} of {path}", error, expected) from None


def _told(path: Path) -> list[Finding | None]:
    """Which arrays were taken, where they are not called as usual, and which were not."""
    with _archive(path) as archive:
        entries = _entries(path, archive)
        others = tuple(_member(entry) for entry in archive.infolist() if entry not in entries.values())
    taken = tuple(f"{_member(entry)} as {name}" for name, entry in entries.items() if _member(entry) != name)
    return [
        Finding("arrays", "The arrays were taken by their names", taken) if taken else None,
        Finding("ignored", f"{len(others)} arrays were ignored", others) if others else None,
    ]


def _lines(path: Path, names: dict[str, str]) -> list[str]:
    """Check sums and sizes of the arrays of a file, each under the name that it has in the data set."""
    with _archive(path) as archive:
        entries = _entries(path, archive)
    return [f"{names[role]} {entry.CRC} {entry.file_size}" for role, entry in entries.items() if role in names]
