"""The door through which labelled samples come in: bundled sets, folders, tables, `.npz` files, arrays and lists."""

from __future__ import annotations

import functools
import hashlib
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from neuralfinder.data import docstrings, tables, texts
from neuralfinder.data.arrays import from_arrays
from neuralfinder.data.dataset import Array, Dataset
from neuralfinder.data.folders import PICTURES, TEXTS, Found, existing, find, kind_of
from neuralfinder.data.labels import check_classes
from neuralfinder.data.reading import read_files
from neuralfinder.data.tables import Columns
from neuralfinder.errors import InputError, some

DIGITS = "digits"

BUNDLED = DIGITS, docstrings.NAME
"""Names of data sets that need no download."""

NO_COLUMNS = Columns()

NPZ_EXPECTED = "a .npz file with arrays X and y, and optionally X_test and y_test"


def fingerprint(source: str | Path | None, test: str | Path | None = None, columns: Columns = NO_COLUMNS) -> str:
    """The identity of a data set's content, without decoding it: what `load` would give as `Dataset.fingerprint`.

    Folders: by relative paths and sizes of their files. `.npz`: by the check sums of the arrays in it. Tables: by their
    bytes and the columns named.

    Args:
        source: as for `load`.
        test: as for `load`.
        columns: as for `load`.

    Raises:
        InputError: as `load` does for paths and folders.
    """
    source = DIGITS if source is None else source
    if name := _bundled(source, test):
        return (
            hashlib.blake2b(DIGITS.encode(), digest_size=16).hexdigest()
            if name == DIGITS
            else _docstrings().fingerprint
        )
    path, test_path = _paths(source, test)
    if path.is_dir():
        return find(path, test_path, kind_of(path)).fingerprint()
    return _npz_fingerprint(path, test_path) if _is_npz(path) else _table_fingerprint(path, test_path, columns)


def load(
    source: str | Path | None,
    *,
    test: str | Path | None = None,
    columns: Columns = NO_COLUMNS,
    image_size: int | None = None,
    scratch: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Dataset:
    """Load labelled pictures or texts.

    The plain texts `digits` and `docstrings` always mean the bundled sets. A folder of such a name is meant by a text
    with a separator, `./digits`, or by a `Path`.

    Args:
        source: `None` or `digits` for scikit-learn's hand-written digits, `docstrings` for texts that say which library
            they come from; a folder with one sub-folder of pictures, or of text files, per class, or with `train/` and
            `test/` made of such; a table (`.csv`, `.tsv`, `.jsonl`, `.parquet`) with a column of texts and one of
            labels; a `.npz` file with `X` and `y`, and optionally `X_test` and `y_test`.
        test: a second folder, table or `.npz` file, the same kind as `source`, that is the test part.
        columns: of a table.
        image_size: side in pixels, 4..2048, of the square that pictures of a folder are resized to.
        scratch: folder for `images.npy`, should the pictures of a folder not fit in memory.
        progress: called with pictures done and pictures in all, about every 0.1 seconds while decoding.

    Raises:
        InputError: nothing there, another layout, too few or unreadable pictures.
    """
    source = DIGITS if source is None else source
    if name := _bundled(source, test):
        _check_no_size(image_size, f"the {name}")
        return _digits() if name == DIGITS else _docstrings()
    path, test_path = _paths(source, test)
    if not path.is_dir():
        _check_no_size(image_size, f"a {path.suffix} file")
        if _is_npz(path):
            return _from_npz(path, test_path)
        table = texts.from_tables(path, test_path, columns)
        return replace(table, fingerprint=_table_fingerprint(path, test_path, columns))
    kind = kind_of(path)
    found = find(path, test_path, kind)
    if kind == TEXTS:
        _check_no_size(image_size, "texts")
        return texts.from_folder(path.resolve().name, found)
    return _from_folder(path.resolve().name, found, image_size, scratch, progress)


def arguments(address: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `load` beside the source that are written down in a record as `address`."""
    columns = Columns(address.get("text"), address.get("target"))
    return {"test": address["test"], "image_size": address["image_size"], "columns": columns}


def _bundled(source: str | Path, test: str | Path | None) -> str | None:
    """The name of a bundled set, `None` for anything else."""
    if not (isinstance(source, str) and source in BUNDLED):
        return None
    if test is not None:
        raise InputError(
            "test",
            given=f"{str(test)!r} beside the bundled {source}",
            expected=f"no test part, for a fifth of the {source} becomes it",
            mend="leave it out, or give your own data as well",
        )
    return source


@functools.cache
def _docstrings() -> Dataset:
    """Read once: a run asks for the fingerprint and then for the data."""
    return docstrings.docstrings()


def _is_npz(path: Path) -> bool:
    return path.suffix.lower() == ".npz"


def _table_fingerprint(path: Path, test: Path | None, columns: Columns) -> str:
    digest = hashlib.blake2b(repr(("table", columns)).encode(), digest_size=16)
    for file in filter(None, (path, test)):
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "blake2b").digest())
    return digest.hexdigest()


def _check_no_size(image_size: int | None, what: str) -> None:
    if image_size is not None:
        raise InputError(
            "image_size",
            given=f"{image_size} for {what}",
            expected="a size for a folder of pictures only",
            mend="leave it out",
        )


def _paths(source: str | Path, test: str | Path | None) -> tuple[Path, Path | None]:
    """Both paths: two folders, tables or `.npz` files that exist."""
    path = _checked_kind(source, "data")
    if test is None:
        return path, None
    test_path = _checked_kind(test, "test")
    if path.is_dir() != test_path.is_dir() or _is_npz(path) != _is_npz(test_path):
        kind = "a folder" if path.is_dir() else "a .npz file" if _is_npz(path) else "a table"
        raise InputError("test", given=repr(str(test)), expected=f"{kind}, as the data are", mend="give the same kind")
    return path, test_path


def _checked_kind(source: str | Path, what: str) -> Path:
    path = existing(source, what)
    if not path.is_dir() and not _is_npz(path) and path.suffix.lower() not in tables.SUFFIXES:
        raise InputError(
            what,
            given=f"{str(path)!r}, a file",
            expected=f"a folder with {PICTURES.layout}, a table ({', '.join(sorted(tables.SUFFIXES))}), "
            f"or {NPZ_EXPECTED}",
            mend="give the folder that holds the pictures",
        )
    return path


def _digits() -> Dataset:
    from sklearn.datasets import load_digits  # here, for importing it takes a second

    bunch = load_digits()
    # Scaled like picture files, so that a network for the digits can be tried on files.
    dataset = from_arrays(np.round(bunch.images * (255 / 16)).astype(np.uint8), bunch.target, name=DIGITS)
    notes = [*dataset.notes, "The digits are those bundled with scikit-learn, scaled from 0..16 to 0..255."]
    if Path(DIGITS).is_dir():
        notes.append("The folder 'digits' here is not used; write './digits' for it.")
    return replace(dataset, fingerprint=fingerprint(DIGITS), notes=tuple(notes))


def _read_npz(path: Path) -> dict[str, Array]:
    try:
        with zipfile.ZipFile(path) as archive:
            keys = sorted(Path(name).stem for name in archive.namelist())
        if not {"X", "y"} <= set(keys):
            raise InputError(
                str(path),
                given=f"a file with {some(keys) or 'nothing'}",
                expected=NPZ_EXPECTED,
                mend="rename the arrays",
            )
        with np.load(path, allow_pickle=False) as arrays:
            return {key: arrays[key] for key in ("X", "y", "X_test", "y_test") if key in arrays}
    except InputError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(
            str(path),
            given=f"unreadable ({error})",
            expected=f"{NPZ_EXPECTED}, not of Python objects",
            mend="save it again with numpy.savez",
        ) from None


def _from_npz(path: Path, test: Path | None) -> Dataset:
    arrays = _read_npz(path)
    if test is not None:
        if arrays.keys() & {"X_test", "y_test"}:
            raise InputError(
                "test",
                given=f"{str(test)!r} beside the arrays X_test and y_test of {str(path)!r}",
                expected="one test part",
                mend="leave one of them out",
            )
        more = _read_npz(test)
        arrays |= {"X_test": more["X"], "y_test": more["y"]}
    dataset = from_arrays(arrays["X"], arrays["y"], path.stem, arrays.get("X_test"), arrays.get("y_test"))
    return replace(dataset, fingerprint=_npz_fingerprint(path, test))


def _npz_fingerprint(path: Path, test: Path | None) -> str:
    """From the directories of the zip files, which hold the size and check sum of each array."""
    wanted = {"X.npy": "X", "y.npy": "y", "X_test.npy": "X_test", "y_test.npy": "y_test"}
    lines = []
    for file, names in ((path, wanted), (test, {"X.npy": "X_test", "y.npy": "y_test"})):
        if file is None:
            continue
        try:
            with zipfile.ZipFile(file) as archive:
                entries = [entry for entry in archive.infolist() if entry.filename in names]
        except (OSError, zipfile.BadZipFile):
            entries = []
        if not {"X.npy", "y.npy"} <= {entry.filename for entry in entries}:
            _read_npz(file)  # raises the error that says what is wrong
        lines += [f"{names[entry.filename]} {entry.CRC} {entry.file_size}" for entry in entries]
    return hashlib.blake2b("\n".join(["npz", *sorted(lines)]).encode(), digest_size=16).hexdigest()


def _from_folder(
    name: str,
    found: Found,
    image_size: int | None,
    scratch: Path | None,
    progress: Callable[[int, int], None] | None,
) -> Dataset:
    files = [*found.train.files, *(found.test.files if found.test else ())]
    in_test = np.arange(len(files)) >= len(found.train.files)
    loaded = read_files(files, in_test, image_size, scratch, progress)
    classes = tuple(sorted({file.label for file in found.train.files}))
    index = {label: number for number, label in enumerate(classes)}
    labels = np.array([index[files[place].label] for place in loaded.places], dtype=np.int64)
    given_test = in_test[loaded.places]
    check_classes(labels, classes, given_test, str(found.train.root))
    counts = np.bincount(labels, minlength=len(classes)).tolist()
    listed = some((f"{label} {count}" for label, count in zip(classes, counts, strict=True)), most=10)
    tested = f", {int(given_test.sum())} of them in the given test part" if found.test else ""
    notes = (
        f"{len(labels)} pictures of {len(classes)} classes{tested}: {listed}.",
        *loaded.notes,
        *found.notes,
        *found.train.notes,
        *(found.test.notes if found.test else ()),
    )
    return Dataset(name, loaded.images, labels, classes, given_test, found.fingerprint(), notes)
