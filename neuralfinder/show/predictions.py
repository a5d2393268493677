"""A model's answers as a table, CSV, JSON, JSON lines or Parquet, written as they come."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from neuralfinder.errors import InputError, lacking
from neuralfinder.plain import as_json, cell, printable
from neuralfinder.show.report import aligned

Row = dict[str, Any]
"""As `training.predict.predictions` gives them."""

Blocks = Iterable[list[Row]]


@dataclass
class Tally:
    """How many rows there were, how many of them were errors, and the first of these."""

    rows: int = 0
    failed: int = 0
    first: str = ""

    def over(self, blocks: Blocks) -> Iterator[list[Row]]:
        """The blocks, counted as they pass."""
        for block in blocks:
            errors = [row["error"] for row in block if "error" in row]
            self.first = self.first or next(iter(errors), "")
            self.rows, self.failed = self.rows + len(block), self.failed + len(errors)
            yield block

    def __str__(self) -> str:
        first = f", the first: {self.first}" if self.failed > 1 else f": {self.first}"
        return f"{self.failed} of {self.rows} could not be answered{first}"


def columns_of(top: int | None, sure: bool) -> list[str]:
    """Of CSV and Parquet."""
    likeliest = [f"{name}_{place + 1}" for place in range(top or 0) for name in ("label", "probability")]
    return ["input", "label", "probability", *(["sure"] if sure else []), *likeliest, "error"]


def write(blocks: Blocks, form: str, columns: Sequence[str], out: Path | TextIO, classes: Sequence[Any]) -> None:
    """Write the rows as they come.

    Args:
        blocks: some rows at a time.
        form: one of `FORMS`, or `parquet`, which goes to a path.
        columns: from `columns_of`.
        out: a path, or a stream of text.
        classes: labels that there may be, which decide their type in Parquet.

    Raises:
        InputError: Parquet without a path or pyarrow.
    """
    if form == "parquet":
        if not isinstance(out, Path):
            raise InputError(
                "--format parquet", given="without --out", expected="a file: it is no text", mend="name it with --out"
            )
        _write_parquet(blocks, columns, out, classes)
    elif isinstance(out, Path):
        with out.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            FORMS[form](blocks, columns, file)
    else:
        FORMS[form](blocks, columns, _Terminal(out) if out.isatty() else out)


class _Terminal(io.TextIOBase, TextIO):
    """Whole lines for a terminal: what would move its cursor is written out."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, text: str) -> int:
        """All of it; returns how many letters that is."""
        self._out.write("\n".join(map(printable, text.split("\n"))))
        return len(text)

    def flush(self) -> None:
        """Show it."""
        self._out.flush()


def _write_table(blocks: Blocks, columns: Sequence[str], out: TextIO) -> None:
    """Aligned columns for people; they grow wider where a later block needs it."""
    shown = [name for name in columns if name not in ("sure", "error")]
    left = [place for place, name in enumerate(shown) if not name.startswith("probability")]
    widths, head = [len(name) for name in shown], [shown]
    for block in blocks:
        lines = [*head, *(_line(row, shown) for row in block)]
        for line in lines:
            if len(line) == len(shown):
                widths = [max(width, len(cell)) for width, cell in zip(widths, line, strict=True)]
        _say(out, aligned(lines, widths, left))
        head = []


def _write_csv(blocks: Blocks, columns: Sequence[str], out: TextIO) -> None:
    """With a header; what a row lacks is empty."""
    writer = csv.DictWriter(out, columns, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for block in blocks:
        for row in map(_flat, block):
            sure = {"sure": str(row["sure"]).lower()} if "sure" in row else {}
            writer.writerow({name: cell(value) for name, value in {**row, **sure}.items()})
        out.flush()


def _write_json(blocks: Blocks, columns: Sequence[str], out: TextIO) -> None:
    """One list."""
    mark = "["
    for block in blocks:
        for row in block:
            out.write(mark + as_json([row], indent=1)[1:-2])
            mark = ","
        out.flush()
    _say(out, ["", "]"])


def _write_json_lines(blocks: Blocks, columns: Sequence[str], out: TextIO) -> None:
    """An object a line."""
    for block in blocks:
        _say(out, [as_json(row) for row in block])


FORMS: dict[str, Callable[[Blocks, Sequence[str], TextIO], None]] = {
    "table": _write_table,
    "csv": _write_csv,
    "json": _write_json,
    "jsonl": _write_json_lines,
}


def _write_parquet(blocks: Blocks, columns: Sequence[str], file: Path, classes: Sequence[Any]) -> None:
    """Labels are of the type that the classes have, text where they have several; what is not sure has none.

    Raises:
        InputError: pyarrow is not installed.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise lacking("--format parquet", "pyarrow", "tables", "use --format csv") from None
    text = len({*map(type, classes)}) > 1
    types = {
        "label": pyarrow.string() if text else pyarrow.array(classes).type,
        "probability": pyarrow.float64(),
        "sure": pyarrow.bool_(),
    }
    schema = pyarrow.schema([(name, types.get(name.partition("_")[0], pyarrow.string())) for name in columns])
    with parquet.ParquetWriter(file, schema) as writer:
        for block in blocks:
            rows = [_typed(_flat(row), text) for row in block]
            writer.write_table(pyarrow.Table.from_pylist(rows, schema))


def _typed(row: Row, text: bool) -> Row:
    """For columns of one type each; names of files are text whatever bytes they are of."""
    labels = {name: str(cell) for name, cell in row.items() if name.startswith("label")} if text else {}
    unsure = {"label": None} if row.get("sure") is False else {}
    return {**row, **labels, **unsure, "input": row["input"].encode(errors="backslashreplace").decode()}


def _flat(row: Row) -> Row:
    """With the likeliest classes in columns of their own."""
    best = enumerate(row.get("top", ()), 1)
    return {**row, **{f"{name}_{place}": value for place, one in best for name, value in one.items()}}


def _line(row: Row, columns: Sequence[str]) -> list[str]:
    """The cells of a row of a table; two, of which the columns take no notice, for what could not be read."""
    if "error" in row:
        return [printable(row["input"]), printable(f"error: {row['error']}")]
    cells = _flat(row)
    return [
        f"{cells[name]:.2%}" if name.startswith("probability") and name in cells else printable(cells.get(name, ""))
        for name in columns
    ]


def _say(out: TextIO, lines: Iterable[str]) -> None:
    out.writelines(f"{line}\n" for line in lines)
    out.flush()
