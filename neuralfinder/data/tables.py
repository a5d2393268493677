"""Tables of labelled samples: CSV, TSV, JSON lines and Parquet."""

from __future__ import annotations

import csv
import difflib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuralfinder.errors import InputError, some

SUFFIXES = frozenset([".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"])

TEXT_NAMES = (
    "text", "sentence", "question", "review", "comment", "content", "document", "body", "message", "docstring", "title",
)  # fmt: skip
"""What a column of texts is usually called, the likeliest first."""

TARGET_NAMES = ("label", "labels", "target", "class", "category", "sentiment", "y")

CELL = 1 << 30
"""Characters of a cell at most."""

Table = dict[str, list[Any]]
"""Cells by column; `None` for one that is missing."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table that the user named; `None` where they are to be found."""

    text: str | None = None
    target: str | None = None

    def of(self, names: Sequence[str], what: str) -> tuple[str, str]:
        """The columns of texts and labels: as named, or by their usual names, or the other one of two.

        Args:
            names: of all columns.
            what: the file, for messages.

        Raises:
            InputError: a name that is not there, or columns that cannot be found.
        """
        text = self.text_of(names, what, wanted=False)
        target = _found(self.target, "target", names, TARGET_NAMES, what)
        if len(names) == 2 and (text is None) != (target is None):
            other = {names[0]: names[1], names[1]: names[0]}
            text, target = text or other[str(target)], target or other[str(text)]
        if text is None or target is None or text == target:
            raise InputError(
                what,
                given=f"a table with columns {some(map(repr, names), most=10) or 'none'}",
                expected="a column of texts and one of labels",
                mend="name them with --text and --target",
            )
        return text, target

    def text_of(self, names: Sequence[str], what: str, *, wanted: bool = True) -> str | None:
        """The column of texts alone, as for prediction.

        Raises:
            InputError: a name that is not there; or, when it is `wanted`, none that can be found.
        """
        text = _found(self.text, "text", names, TEXT_NAMES, what)
        if text is None and len(names) == 1:
            text = names[0]
        if text is None and wanted:
            raise InputError(
                what,
                given=f"a table with columns {some(map(repr, names), most=10) or 'none'}",
                expected="a column of texts",
                mend="name it with --text",
            )
        return text


def _found(given: str | None, option: str, names: Sequence[str], usual: Iterable[str], what: str) -> str | None:
    if given is not None:
        if given in names:
            return given
        near = difflib.get_close_matches(given, names, n=1)
        raise InputError(
            f"--{option}",
            given=repr(given),
            expected=f"a column of {what}: {some(map(repr, names), most=10) or 'it has none'}",
            mend=f"did you mean {near[0]!r}?" if near else "name another",
        )
    lower = {name.strip().lower(): name for name in reversed(names)}
    return next((lower[name] for name in usual if name in lower), None)


def read_table(path: Path) -> Table:
    """Read a table; every column has a cell for each row.

    Args:
        path: a `.csv` or `.tsv` file with a line of names, `.jsonl` or `.ndjson` with an object a line, `.parquet`.

    Raises:
        InputError: a file that is unreadable, not UTF-8, or no such table; Parquet without `pyarrow`.
    """
    readers = {".csv": _read_csv, ".tsv": _read_csv, ".parquet": _read_parquet}
    reader = readers.get(path.suffix.lower(), _read_json_lines)
    try:
        table = reader(path)
    except UnicodeDecodeError as error:
        raise InputError(
            str(path), given=f"no UTF-8 (byte {error.start}: {error.reason})", expected="a table in UTF-8",
            mend="save it as UTF-8",
        ) from None  # fmt: skip
    except (OSError, csv.Error) as error:
        raise InputError(
            str(path), given=f"unreadable ({error})", expected="a table", mend="look at it in an editor"
        ) from None
    if not table or not next(iter(table.values())):
        raise InputError(str(path), given="without any row", expected="a table with some rows", mend="add rows")
    return table


def _read_csv(path: Path) -> Table:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    before = csv.field_size_limit(CELL)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, delimiter=delimiter)
            names = next(rows, [])
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise InputError(
                    str(path), given=f"columns named twice: {some(map(repr, twice))}", expected="a name for each",
                    mend="rename them",
                )  # fmt: skip
            table: Table = {name: [] for name in names}
            for row in rows:
                if not row:
                    continue
                if len(row) > len(names):
                    raise InputError(
                        str(path), given=f"{len(row)} cells up to line {rows.line_num}",
                        expected=f"{len(names)}, as the first line has", mend="put texts with a separator into quotes",
                    )  # fmt: skip
                cells = [cell or None for cell in row] + [None] * (len(names) - len(row))
                for name, cell in zip(names, cells, strict=True):
                    table[name].append(cell)
            return table
    finally:
        csv.field_size_limit(before)


def _read_json_lines(path: Path) -> Table:
    table: Table = {}
    count = 0
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                row = error
            if not isinstance(row, dict):
                raise InputError(
                    str(path), given=f"line {number} is no object ({_short(row)})", expected="a JSON object a line",
                    mend='as in {"text": "Who?", "label": "HUM"}',
                )  # fmt: skip
            for name in row.keys() - table.keys():
                table[name] = [None] * count
            for name, cells in table.items():
                cells.append(row.get(name))
            count += 1
    return dict(sorted(table.items()))


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _read_parquet(path: Path) -> Table:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise InputError(
            str(path), given="a Parquet file without pyarrow", expected="pyarrow to be installed",
            mend="install it with `pip install 'neuralfinder[tables]'`, or save the table as CSV",
        ) from None  # fmt: skip
    try:
        return dict(parquet.read_table(path).to_pydict())
    except ArrowException as error:
        raise OSError(" ".join(str(error).split())) from error
