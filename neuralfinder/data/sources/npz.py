"""Files of arrays, as `numpy.savez` writes them."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from neuralfinder.data.arrays import from_arrays
from neuralfinder.data.dataset import Array, Dataset
from neuralfinder.data.reading import OnProgress
from neuralfinder.data.sources.base import OnDisk
from neuralfinder.errors import InputError, some

EXPECTED = "a .npz file with arrays X and y, and optionally X_test and y_test"

TEST_ARRAYS = ("X_test", "y_test")


@dataclass(frozen=True)
class Npz(OnDisk):
    """A `.npz` file with `X` and `y`, and optionally `X_test` and `y_test`.

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
        names = {f"{name}.npy": name for name in ("X", "y", *TEST_ARRAYS)}
        lines = _directory(self.path, names)
        if self.test:
            lines += _directory(self.test, {"X.npy": "X_test", "y.npy": "y_test"})
        return hashlib.blake2b("\n".join(["npz", *sorted(lines)]).encode(), digest_size=16).hexdigest()

    def load(self, scratch: Path | None = None, progress: OnProgress | None = None) -> Dataset:
        """Read the arrays; there is nothing to decode."""
        arrays = read_arrays(self.path, ("X", "y"), EXPECTED, TEST_ARRAYS)
        if self.test is not None:
            if arrays.keys() & set(TEST_ARRAYS):
                raise InputError(
                    "test", given=f"{str(self.test)!r} beside the arrays X_test and y_test of {str(self.path)!r}",
                    expected="one test part", mend="leave one of them out",
                )  # fmt: skip
            more = read_arrays(self.test, ("X", "y"), EXPECTED)
            arrays |= {"X_test": more["X"], "y_test": more["y"]}
        own = (arrays.get(name) for name in TEST_ARRAYS)
        data = from_arrays(arrays["X"], arrays["y"], self.path.stem, *own)
        return replace(data, fingerprint=self.fingerprint())


def read_arrays(path: Path, needed: Iterable[str], expected: str, optional: Iterable[str] = ()) -> dict[str, Array]:
    """Arrays of a `.npz` file by name.

    Args:
        path: the file.
        needed: names of those that must be there.
        expected: what such a file is, for messages.
        optional: names of those that may be there.

    Raises:
        InputError: an unreadable file, one of Python objects, or one that lacks an array.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(Path(name).stem for name in archive.namelist())
        if not set(needed) <= set(names):
            given = f"a file with {some(names) or 'nothing'}"
            raise InputError(str(path), given=given, expected=expected, mend="rename the arrays")
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in (*needed, *optional) if name in arrays}
    except InputError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(
            str(path), given=f"unreadable ({error})", expected=f"{expected}, not of Python objects",
            mend="save it again with numpy.savez",
        ) from None  # fmt: skip


def _directory(path: Path, names: dict[str, str]) -> list[str]:
    """Check sums and sizes of the arrays of a file, each under the name that it has in the data set."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if entry.filename in names]
    except (OSError, zipfile.BadZipFile):
        entries = []
    if not {"X.npy", "y.npy"} <= {entry.filename for entry in entries}:
        read_arrays(path, ("X", "y"), EXPECTED)  # raises the error that says what is wrong
    return [f"{names[entry.filename]} {entry.CRC} {entry.file_size}" for entry in entries]
