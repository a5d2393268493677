"""Tables as text with separators, as programs and offices save them -> names of columns, and rows."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from neuralfinder.data.files import content_of, encoding_of
from neuralfinder.data.findings import Finding, present
from neuralfinder.data.mapped import KEPT, memory_bytes
from neuralfinder.errors import InputError, some

SEPARATORS = {".csv": ",;\t|", ".tsv": "\t,;|"}
"""What may lie between the cells of files with these suffixes, the usual one first."""

CELL = 1 << 30
"""Characters of a cell at most."""

SPARSEST = 10
"""Missing cells for each letter of a table at most: some letters can tell of millions."""

LOOKED_AT = 20
"""Lines that are looked at to tell what separates cells."""

MANY = 10
"""Rows from which on these, and not all lines of the file, tell what else comes in a column. A guess."""

SAMPLE, LABEL = "sample", "label"
"""What the columns of a table of two are called where it has no line of names."""

NUMBERED = re.compile(r"column \d+")
"""What they are called in larger ones, counted from 0."""


@dataclass(frozen=True, slots=True)
class Row:
    """Cells, and the number of the line in which they end, from 1."""

    line: int
    cells: list[str]


def decoded(content: bytes) -> tuple[str, str]:
    """Text and its encoding: what its first bytes say, UTF-16 without these, UTF-8, or Windows-1252.

    Raises:
        UnicodeError: broken UTF-8, or in another encoding.
    """
    encoding = encoding_of(content) or _without_mark(content)
    try:
        return content.decode(encoding), encoding
    except UnicodeDecodeError:
        whole = content.decode(encoding, errors="replace")
        if encoding != "utf-8" or 2 * whole.count("\N{REPLACEMENT CHARACTER}") < sum(c > "\x7f" for c in whole):
            raise
    return content.decode("cp1252"), "cp1252"


def _without_mark(content: bytes) -> str:
    """Of two bytes a letter one is mostly zero in UTF-16, and none is in UTF-8."""
    zeros = {"utf-16-be": content[::2].count(0), "utf-16-le": content[1::2].count(0)}
    likelier = max(zeros, key=lambda encoding: zeros[encoding])
    return likelier if 4 * zeros[likelier] > len(content) else "utf-8"


def table_text(path: Path) -> tuple[str, Finding | None]:
    """The text of a table, and its encoding where that is not UTF-8.

    Raises:
        OSError: no regular file, or one that is larger than a quarter of memory.
        UnicodeError: as `decoded`.
    """
    text, encoding = decoded(content_of(path, int(memory_bytes() * KEPT)))
    change = "Save it as UTF-8 if letters look wrong." if encoding == "cp1252" else ""
    if encoding.startswith("utf-8"):
        return text, None
    odd = _odd_word(text)
    said = f"{path.name} was read as {encoding}{f', as in {odd!r}' if odd else ''}"
    return text, Finding("encoding", said, change=change)


def _odd_word(text: str) -> str:
    """The first word that is not ASCII alone, 20 letters at most before and behind that letter."""
    odd = re.search(r"[^\W\x00-\x7f]", text)
    if odd is None:
        return ""
    before, behind = (re.split(r"\W", part) for part in (text[: odd.start()][-20:], text[odd.start() :][:20]))
    return before[-1] + behind[0]


def check_filled(path: Path, missing: int, letters: int) -> None:
    """Raise where a table has far more cells that are not there than letters.

    Args:
        path: of the table, for the message.
        missing: cells of columns in rows that do not have them.
        letters: of the whole table.

    Raises:
        InputError: names both.
    """
    if missing > SPARSEST * letters:
        raise InputError(
            str(path), given=f"of {letters:,} letters, and {missing:,} cells are missing in its rows",
            expected=f"at most {SPARSEST} for each letter", mend="keep the columns of samples and labels alone",
        )  # fmt: skip


def read_delimited(
    path: Path, known: Container[str], numbered: bool
) -> tuple[dict[str, list[str | None]], list[Finding]]:
    """Columns of a table by name, `None` for empty cells, and what is to be said of how it was read.

    Args:
        path: a file with one of the suffixes of `SEPARATORS`.
        known: usual names of columns in small letters, and those that the user named.
        numbered: whether the user named columns that have numbers for names.

    Raises:
        InputError: columns named twice, a row with too many cells, or an open quotation mark.
        OSError, UnicodeError: as `table_text`.
    """
    text, encoding = table_text(path)
    lines = io.StringIO(text, newline="").readlines()
    usual = SEPARATORS[path.suffix.lower()]
    told = re.fullmatch(r"\"?sep=(.)\"?\s*", lines[0], re.IGNORECASE) if lines else None
    separator = told[1] if told else _separator(lines, usual)
    if told:
        lines[0] = "\n"
    other = f"Cells of {path.name} are separated by {separator!r}"
    before = csv.field_size_limit(CELL)
    try:
        rows, unclosed = _rows(path, lines, separator)
    finally:
        csv.field_size_limit(before)
    check_filled(path, sum(max(0, len(rows[0].cells) - len(row.cells)) for row in rows), len(text))
    names, rows, found = _named(path, rows, known, numbered)
    table = _table(path, names, rows)
    unnamed = _unnamed(path, table)
    return table, [
        *present([encoding, Finding("separator", other) if separator != usual[0] else None, unclosed]),
        *found,
        *unnamed,
    ]


def _separator(lines: Sequence[str], usual: str) -> str:
    """That which parts the first line, and the next ones into as many cells; the usual one where several do."""
    counts = {separator: len(_split(lines[0], separator)) for separator in usual} if lines else {}
    options = [separator for separator, count in counts.items() if count > 1]

    def agreeing(separator: str) -> int:
        return sum(len(_split(line, separator)) == counts[separator] for line in lines[1 : 1 + LOOKED_AT])

    return max(options, key=agreeing, default=usual[0])


def _split(line: str, separator: str) -> list[str]:
    """Cells without regard to quotation marks."""
    return line.rstrip("\r\n").split(separator)


def _rows(path: Path, lines: Sequence[str], separator: str) -> tuple[list[Row], Finding | None]:
    """Rows by the rules of quoting; where a quotation mark is left open, lines as they are, if each is a row.

    Raises:
        InputError: where they are not; names the line.
    """
    rows: list[Row] = []
    reader, wrong = csv.reader(lines, delimiter=separator, strict=True), 0
    try:
        rows += (Row(reader.line_num, cells) for cells in reader)
    except csv.Error:
        wrong = (rows[-1].line if rows else 0) + 1
    wrong = next(_doubtful(rows, lines, separator), wrong)
    rows = [row for row in rows if row.cells]
    if not wrong:
        return rows, None
    plain = [Row(line, _split(text, separator)) for line, text in enumerate(lines, start=1) if text.strip("\r\n")]
    if len({len(row.cells) for row in plain}) > 1:
        raise InputError(
            str(path), given=f"with a quotation mark in line {wrong} that is not closed where a cell ends",
            expected='cells in quotation marks with those inside them doubled, as in "6"" pipe"',
            mend="double it, or put the cell in quotation marks",
        )  # fmt: skip
    text = f"Quotation marks of {path.name} are not closed, from line {wrong} on; each line was taken as a row"
    return [Row(row.line, [*map(_unquoted, row.cells)]) for row in plain], Finding("quotation marks", text)


def _doubtful(rows: Sequence[Row], lines: Sequence[str], separator: str) -> Iterator[int]:
    """First lines of rows that an open quotation mark may have made of several rows, or of several cells.

    Such a row is of lines each of which is a row without quoting, with a cell in one column that all of them have, or
    that other rows have there too (where there are few, other lines), such as a label. Lines of a text do not look so.
    """
    width, start = len(rows[0].cells) if rows else 0, 0
    seen: list[Counter[str]] = []
    for row in rows:
        own = [_split(line, separator) for line in lines[start : row.line]]
        start, first = row.line, start + 1
        if width < 2 or (len(own) == 1 and len(row.cells) >= width) or any(len(cells) != width for cells in own):
            continue
        if not seen:
            read = [row.cells for row in rows] if len(rows) >= MANY else [_split(line, separator) for line in lines]
            whole = [cells for cells in read if len(cells) == width]
            seen = [Counter(column) for column in zip(*whole, strict=True)]
        if any(_alike(column, counts) for column, counts in zip(zip(*own, strict=True), seen, strict=True)):
            yield first


def _alike(column: Sequence[str], counts: Counter[str]) -> bool:
    """Whether the cells of some lines are all the same, or each is in other rows as well."""
    same = len(column) > 1 and len(set(column)) == 1
    return all(cell and (same or counts[cell] > 1) for cell in column)


def _unquoted(cell: str) -> str:
    """The content of a cell in quotation marks; any other as it is."""
    inner = cell[1:-1].replace('""', "")
    whole = len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in inner
    return cell[1:-1].replace('""', '"') if whole else cell


def _named(
    path: Path, rows: list[Row], known: Container[str], numbered: bool
) -> tuple[list[str], list[Row], list[Finding]]:
    """The names of columns, and the rows below them; other names where the first line is a row as the others are."""
    names = rows[0].cells if rows else []
    if all(len(row.cells) == len(names) + 1 for row in rows[1:]) and _count([row.cells[0] for row in rows[1:]]):
        names = ["", *names]  # as R writes numbers of rows
    columns = [[row.cells[place] for row in rows[1:] if place < len(row.cells)] for place in range(len(names))]
    again = any(name.strip() and name in column for name, column in zip(names, columns, strict=True))
    if len(names) < 2 or any(name.strip().lower() in known for name in names) or not (again or numbered):
        return names, rows[1:], []
    names = [f"column {place}" for place in range(len(names))]
    if len(names) == 2 and not numbered:
        kinds = [len(set(column)) for column in columns]
        names = [SAMPLE, LABEL] if kinds[1] <= kinds[0] else [LABEL, SAMPLE]
    text = f"{path.name} has no line of names: the first line is a row, columns are {some(map(repr, names))}"
    return names, rows, [Finding("no names", text, change="Write names into a first line if that is not so.")]


def _table(path: Path, names: list[str], rows: Sequence[Row]) -> dict[str, list[str | None]]:
    for row in rows:
        if len(row.cells) > len(names):
            raise InputError(
                str(path), given=f"{len(row.cells)} cells up to line {row.line}",
                expected=f"{len(names)}, as the first line has", mend="put texts with a separator into quotes",
            )  # fmt: skip
    filled = [row.cells + [""] * (len(names) - len(row.cells)) for row in rows]
    columns = [[row[place] or None for row in filled] for place in range(len(names))]
    # what an office leaves behind right of a table has neither name nor cells
    kept = [place for place, name in enumerate(names) if name.strip() or any(columns[place])]
    named = [names[place] for place in kept]
    if twice := sorted({name for name in named if named.count(name) > 1}):
        raise InputError(
            str(path), given=f"columns named twice: {some(map(repr, twice))}", expected="a name for each",
            mend="rename them",
        )  # fmt: skip
    return {names[place]: columns[place] for place in kept}


def _unnamed(path: Path, table: dict[str, list[str | None]]) -> list[Finding]:
    """Leaves a first column without a name out that counts the rows, as data frames have it."""
    first = next(iter(table), "a name")
    if (first.strip() and not first.startswith("Unnamed: ")) or not _count(table.get(first, ())):
        return []
    del table[first]
    return [Finding("ignored", f"The first column of {path.name}, which counts the rows, was ignored")]


def _count(cells: Sequence[str | None]) -> bool:
    """Whether these count from 0 or 1."""
    numbers = [int(cell) if cell and cell.isdecimal() else -1 for cell in cells]
    return bool(numbers) and numbers[0] in (0, 1) and numbers == [*range(numbers[0], numbers[0] + len(numbers))]
