"""The door through which labelled samples come in: bundled sets, folders, tables, `.npz` files, arrays and lists."""

from __future__ import annotations

import functools
import hashlib
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from neuralfinder.data import docstrings, hub, tables, texts
from neuralfinder.data.arrays import content_fingerprint, from_arrays
from neuralfinder.data.dataset import Array, Dataset
from neuralfinder.data.findings import Finding
from neuralfinder.data.folders import PICTURES, TEXTS, Found, SampleFile, existing, find, kind_of
from neuralfinder.data.labels import counted, encode_parts
from neuralfinder.data.reading import Loaded, read_files
from neuralfinder.data.tables import Columns
from neuralfinder.errors import InputError, some

DIGITS = "digits"

BUNDLED = DIGITS, docstrings.NAME
"""Names of data sets that need no download."""

NO_COLUMNS = Columns()

Reader = Callable[[list[SampleFile], Array], Loaded]
"""Decodes picture files, of which some are the test part."""

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
    if isinstance(source, str) and hub.is_name(source):
        _check_no_test(source, test)
        return hashlib.blake2b(repr((source, columns)).encode(), digest_size=16).hexdigest()
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
            they come from; a name of `hub.NAMED` or `hf:NAME`, which are downloaded once; a folder with one sub-folder
            of pictures, or of text files, per class, or with `train/` and `test/` made of such; a table
            (`.csv`, `.tsv`, `.jsonl`, `.parquet`) with a column of texts, or of paths of pictures, and one of labels; a
            `.npz` file with `X` and `y`, and optionally `X_test` and `y_test`.
        test: a second folder, table or `.npz` file, the same kind as `source`, that is the test part.
        columns: of a table.
        image_size: side in pixels, 4..2048, of the square that pictures of a folder are resized to.
        scratch: folder for `images.npy`, should the pictures of a folder not fit in memory.
        progress: called with pictures done and pictures in all, about every 0.1 seconds while decoding.

    Raises:
        InputError: nothing there, another layout, too few or unreadable pictures.
    """
    source = DIGITS if source is None else source
    if isinstance(source, str) and hub.is_name(source):
        _check_no_test(source, test)
        data = from_hub(hub.fetched(source), columns, source, image_size, scratch, progress)
        return replace(data, fingerprint=fingerprint(source, None, columns))
    if name := _bundled(source, test):
        _check_no_size(image_size, f"the {name}")
        return _digits() if name == DIGITS else _docstrings()
    path, test_path = _paths(source, test)
    reader = partial(read_files, image_size=image_size, scratch=scratch, progress=progress)
    if _is_npz(path):
        _check_no_size(image_size, "a .npz file")
        return _from_npz(path, test_path)
    if not path.is_dir():
        rows = tables.read_rows(path, test_path, columns)
        if rows.kind == TEXTS:
            _check_no_size(image_size, "texts")
        homes = path.parent, (test_path or path).parent
        data = _from_rows(path.stem, rows, homes, reader, (str(path), str(test_path)))
        return replace(data, fingerprint=_table_fingerprint(path, test_path, columns))
    kind = kind_of(path)
    found = find(path, test_path, kind)
    if kind == TEXTS:
        _check_no_size(image_size, "texts")
        return texts.from_folder(path.resolve().name, found)
    return _from_folder(path.resolve().name, found, reader)


def from_hub(
    given: Any,
    columns: Columns = NO_COLUMNS,
    name: str = "datasets",
    image_size: int | None = None,
    scratch: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Dataset:
    """A data set from a `Dataset` or `DatasetDict` of the library `datasets`.

    Its columns of pictures or texts and of labels are found as in tables; class labels are their names. A split `test`,
    or else `validation`, is the test part.

    Args:
        given: the data.
        columns: where they are not found by their names.
        name: for people.
        image_size: as for `load`.
        scratch: as for `load`.
        progress: as for `load`.

    Raises:
        InputError: no training part, columns that cannot be found, or as `load`.
    """
    rows = tables.rows_of(hub.read(given, columns), columns)
    reader = partial(read_files, image_size=image_size, scratch=scratch, progress=progress)
    data = _from_rows(name, rows, (Path(), Path()), reader, ("the data", "the test part"))
    if data.is_text:
        _check_no_size(image_size, "texts")
        return data
    return replace(data, fingerprint=content_fingerprint(data.samples, data.labels, data.given_test, data.classes))


def _bundled(source: str | Path, test: str | Path | None) -> str | None:
    """The name of a bundled set, `None` for anything else."""
    if not (isinstance(source, str) and source in BUNDLED):
        return None
    _check_no_test(source, test)
    return source


def _check_no_test(source: str, test: str | Path | None) -> None:
    if test is not None:
        raise InputError(
            "test",
            given=f"{str(test)!r} beside the data set {source}",
            expected="no test part, for it has its own or a fifth of it becomes it",
            mend="leave it out, or give your own data as well",
        )


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
    origin = Finding("origin", "The digits are those bundled with scikit-learn, scaled from 0..16 to 0..255")
    hidden = Finding("ignored", "The folder 'digits' here is not used", change="Write './digits' for it.")
    findings = (*dataset.findings, origin, *([hidden] if Path(DIGITS).is_dir() else []))
    return replace(dataset, fingerprint=fingerprint(DIGITS), findings=findings)


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


def _from_folder(name: str, found: Found, reader: Reader) -> Dataset:
    """Pictures of a folder."""
    files = found.files
    data = _pictures(name, files, [file.label for file in files], len(found.train.files), reader, str(found.train.root))
    return replace(data, findings=(*data.findings, *found.remarks), fingerprint=found.fingerprint())


def _from_rows(
    name: str, rows: tables.Rows, homes: tuple[Path, Path], reader: Reader, sources: tuple[str, str]
) -> Dataset:
    """Texts, or pictures whose relative paths are as seen from the homes of the two parts."""
    if rows.kind == TEXTS:
        return texts.from_rows(name, rows, *sources)
    files = [
        _picture(cell, homes[place >= rows.first], str(label), row)
        for place, (cell, label, row) in enumerate(zip(rows.cells, rows.labels, rows.names, strict=True))
    ]
    data = _pictures(name, files, rows.labels, rows.first, reader, sources[0])
    return replace(data, findings=(*data.findings, *rows.findings))


def _picture(cell: object, home: Path, label: str, row: str) -> SampleFile:
    if isinstance(cell, dict) and isinstance(content := cell.get("bytes"), bytes):
        return SampleFile("", f"{row} {cell.get('path') or ''}".strip(), label, len(content), content)
    path = cell.get("path") if isinstance(cell, dict) else cell
    return SampleFile(str(_beside(home, path, row)), str(path), label, 0)


def picture_paths(path: Path, columns: Columns) -> list[Path]:
    """The pictures whose paths are in a table's column, for prediction.

    Raises:
        InputError: an unreadable table, no such column, or rows without a path.
    """
    table = tables.read_table(path)
    column = columns.sample_of(list(table), path.name, PICTURES)
    return [_beside(path.parent, cell, f"row {row} of {path.name}") for row, cell in enumerate(table[column])]


def _beside(home: Path, cell: object, name: str) -> Path:
    """A path in a table, as seen from the table's folder."""
    if not isinstance(cell, str):
        raise InputError(
            name,
            given="without a path" if cell is None else f"of type {type(cell).__name__}",
            expected="the path of a picture",
            mend="give it, or take the row away",
        )
    return home / cell


def _pictures(
    name: str, files: list[SampleFile], labels: list[Any], first: int, reader: Reader, source: str
) -> Dataset:
    """Picture files, of which those after the `first` are the test part."""
    loaded = reader(files, np.arange(len(files)) >= first)
    kept = [labels[place] for place in loaded.places]
    indices, classes, given_test = encode_parts(kept, int((loaded.places < first).sum()), source, "the test part")
    names = tuple(files[place].relative for place in loaded.places)
    data = Dataset(name, loaded.images, indices, classes, given_test, "", (), names)
    return replace(data, findings=(counted(data), *loaded.findings))
