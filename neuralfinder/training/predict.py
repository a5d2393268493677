"""A model's answers about files."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neuralfinder.data import Columns, as_pictures, read_pictures, tables
from neuralfinder.data.folders import PICTURES, TEXTS, Kind
from neuralfinder.data.intake import NO_COLUMNS, picture_paths
from neuralfinder.data.texts import read_column, read_text
from neuralfinder.errors import InputError, some
from neuralfinder.training.model import Model


def predictions(model: Model, inputs: Sequence[Path], columns: Columns = NO_COLUMNS) -> list[dict[str, Any]]:
    """One row (`input`, `label`, `probability`, `probabilities` by class) for each sample, in order.

    Args:
        model: a trained model.
        inputs: picture files, folders whose picture files are taken in order of name, tables with a column of their
            paths, or `.npz` files with `X`; for texts, text files, folders of them, or tables with a column of texts.
        columns: of tables.

    Raises:
        InputError: an input that is not there, unreadable, or without samples.
    """
    kind = TEXTS if model.shape.vocabulary else PICTURES
    names: list[str] = []
    blocks: list[np.ndarray] = []
    for path in inputs:
        if kind == TEXTS and path.suffix.lower() in tables.SUFFIXES and path.is_file():
            block = model.samples(read_column(path, columns))
            names += [f"{path}[{row}]" for row in range(len(block))]
        elif kind == PICTURES and path.suffix.lower() in tables.SUFFIXES and path.is_file():
            files = picture_paths(path, columns)
            block = read_pictures(files, model.shape)
            names += [str(file) for file in files]
        elif kind == PICTURES and path.suffix.lower() == ".npz" and path.is_file():
            block = _from_npz(path, model)
            names += [f"{path}[{row}]" for row in range(len(block))]
        else:
            files = _files(path, kind)
            pictures = kind == PICTURES
            block = read_pictures(files, model.shape) if pictures else model.samples([*map(read_text, files)])
            names += [str(file) for file in files]
        blocks.append(model.probabilities(block))
    return [_row(name, shares, model.classes) for name, shares in zip(names, np.concatenate(blocks), strict=True)]


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


def _from_npz(path: Path, model: Model) -> np.ndarray:
    try:
        with zipfile.ZipFile(path), np.load(path, allow_pickle=False) as arrays:
            names = arrays.files
            pictures = arrays["X"] if "X" in names else None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(
            str(path), given=f"unreadable ({error})", expected="a .npz file with X, not of Python objects",
            mend="save it again with numpy.savez",
        ) from None  # fmt: skip
    if pictures is None:
        raise InputError(str(path), given=f"arrays {some(names) or 'none'}", expected="X", mend="save with X=")
    return as_pictures(pictures, model.shape)


def _row(name: str, shares: np.ndarray, classes: tuple[Any, ...]) -> dict[str, Any]:
    best = int(shares.argmax())
    return {
        "input": name,
        "label": classes[best],
        "probability": float(shares[best]),
        "probabilities": {str(label): float(share) for label, share in zip(classes, shares, strict=True)},
    }
