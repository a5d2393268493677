"""Tables of labelled samples: CSV, TSV, JSON lines and Parquet."""

from __future__ import annotations

import difflib
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any

from neuralfinder.data.delimited import NUMBERED, SEPARATORS, read_delimited, table_text
from neuralfinder.data.files import PICTURES, TEXTS, Kind, no_file
from neuralfinder.data.findings import Finding, present
from neuralfinder.errors import InputError, lacking, some

SUFFIXES = frozenset([".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"])

TEXT_NAMES = (
    "text", "sentence", "question", "review", "comment", "content", "document", "body", "message", "docstring", "title",
)  # fmt: skip
"""What a column of texts is usually called, the likeliest first."""

IMAGE_NAMES = (
    "image", "picture", "photo", "img", "image_path", "filepath", "file_path", "path", "file_name", "filename", "file",
)  # fmt: skip
"""The same for a column of paths of pictures."""

TARGET_NAMES = ("label", "labels", "target", "class", "category", "sentiment", "fine_label", "y")

LOOKED_AT = 100
"""Cells that are looked at to tell paths from texts."""

Table = dict[str, list[Any]]
"""Cells by column; `None` for one that is missing."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table that the user named; `None` where they are to be found.

    That of groups is none where it is not named. It has no part in the text of this value, which is part of the
    fingerprint of data: samples and labels are the same without it.
    """

    text: str | None = None
    target: str | None = None
    image: str | None = None
    group: str | None = field(default=None, repr=False)

    def of(self, names: Sequence[str], what: str) -> tuple[Kind, str, str]:
        """What the samples are, and the columns of samples and labels: as named, or by their usual names.

        A table of two columns of which one is known has the other in the other; samples of unknown kind are texts.

        Args:
            names: of all columns.
            what: the file, for messages.

        Raises:
            InputError: a name that is not there, or columns that cannot be found.
        """
        kind, sample = self._sample(names, what)
        target = _found(self.target, "target", names, TARGET_NAMES, what)
        if len(names) == 2 and (sample is None) != (target is None):
            other = {names[0]: names[1], names[1]: names[0]}
            sample, target = sample or other[str(target)], target or other[str(sample)]
        if sample is None or target is None or sample == target:
            raise _no_columns(names, what, "a column of texts or of paths of pictures, and one of labels", "--target")
        return kind, sample, target

    def group_of(self, names: Sequence[str], what: str) -> str | None:
        """The column of groups, where one was named.

        Raises:
            InputError: a name that is not there, or that of the labels.
        """
        group = _found(self.group, "group", names, (), what)
        if group is not None and group == self.of(names, what)[2]:
            raise InputError(
                "--group", given=f"{group!r}, the column of labels", expected="a column of its own, such as persons",
                mend="name another, or leave it out",
            )  # fmt: skip
        return group

    def sample_of(self, names: Sequence[str], what: str, kind: Kind) -> str:
        """The column of samples alone, as for prediction.

        Raises:
            InputError: a name that is not there, or no such column.
        """
        options = {TEXTS: (self.text, "text", TEXT_NAMES), PICTURES: (self.image, "image", IMAGE_NAMES)}
        given, option, usual = options[kind]
        target = _found(None, "", names, TARGET_NAMES, what)
        others = [name for name in names if name != target]
        sample = _found(given, option, names, usual, what) or (others[0] if len(others) == 1 else None)
        if sample is None:
            raise _no_columns(names, what, f"a column of {kind.name}s", "")
        return sample

    @property
    def named(self) -> set[str]:
        """Those that were named."""
        return {name for name in (self.text, self.target, self.image, self.group) if name is not None}

    def _sample(self, names: Sequence[str], what: str) -> tuple[Kind, str | None]:
        if self.text is None:
            image = _found(self.image, "image", names, IMAGE_NAMES, what)
            text = None if self.image else _found(None, "text", names, TEXT_NAMES, what)
            if image and not text:
                return PICTURES, image
        elif self.image is not None:
            raise InputError("--text and --image", given="both", expected="one of them", mend="leave one out")
        return TEXTS, _found(self.text, "text", names, TEXT_NAMES, what)


def _found(given: str | None, option: str, names: Sequence[str], usual: Iterable[str], what: str) -> str | None:
    if given is not None:
        if given in names:
            return given
        near = difflib.get_close_matches(str(given), names, n=1)
        raise InputError(
            f"--{option}",
            given=repr(given),
            expected=f"a column of {what}: {some(map(repr, names), most=10) or 'it has none'}",
            mend=f"did you mean {near[0]!r}?" if near else "name another",
        )
    lower = {name.strip().lower(): name for name in reversed(names)}
    return next((lower[name] for name in usual if name in lower), None)


def _no_columns(names: Sequence[str], what: str, expected: str, target: str) -> InputError:
    given = f"a table with columns {some(map(repr, names), most=10) or 'none'}"
    options = " and ".join(filter(None, ("--text or --image", target)))
    return InputError(what, given=given, expected=expected, mend=f"name them with {options}")


NO_COLUMNS = Columns()
"""None was named."""


@dataclass(frozen=True)
class Rows:
    """The labelled rows of a table, and of a second one that is the test part.

    Attributes:
        kind: of the samples.
        cells: texts, paths of pictures, or `bytes` and `path` of pictures as the library `datasets` keeps them; `None`
            for missing ones.
        labels: as given, none missing.
        names: `row 3`, counted from 0 in each table.
        first: how many of them are of the first table.
        findings: the columns, and rows left out.
        groups: of each row, `None` for missing ones; `None` in all where no such column was named.
    """

    kind: Kind
    cells: list[Any]
    labels: list[Any]
    names: tuple[str, ...]
    first: int
    findings: tuple[Finding, ...]
    groups: list[Any] | None = None


def read_rows(path: Path, test: Path | None, columns: Columns) -> Rows:
    """Read the columns of samples, labels and groups of a table, and of a second one that is the test part.

    Raises:
        InputError: unreadable tables, or columns that are not there.
    """
    read = [(file.name, *read_table(file, columns)) for file in filter(None, (path, test))]
    rows = rows_of([(name, table) for name, table, _ in read], columns)
    return replace(rows, findings=(*rows.findings, *(finding for _, _, found in read for finding in found)))


def rows_of(parts: Sequence[tuple[str, Table]], columns: Columns) -> Rows:
    """The labelled rows of one or two named tables; rows without a label are left out and named.

    Raises:
        InputError: columns that are not there, or tables of different kinds.
    """
    cells: list[Any] = []
    labels: list[Any] = []
    groups: list[Any] = []
    names: list[str] = []
    kind, first, findings = TEXTS, 0, []
    for place, (what, table) in enumerate(parts):
        own, sample, target = columns.of(list(table), what)
        if own == TEXTS and columns.text is None:
            own = kind_in(table[sample], f"column {sample!r} of {what}")
        kept = [row for row, label in enumerate(table[target]) if label is not None]
        lost = tuple(f"row {row}" for row, label in enumerate(table[target]) if label is None)
        if lost:
            text = f"{len(lost)} rows of {what} have no label and were left out"
            findings.append(Finding("no label", text, lost, "Label them to use them."))
        names += [f"row {row}" for row in kept]
        cells += [table[sample][row] for row in kept]
        labels += [table[target][row] for row in kept]
        if group := columns.group_of(list(table), what):
            groups += [table[group][row] for row in kept]
        if place == 0:
            kind, first = own, len(kept)
            found = "Texts" if kind == TEXTS else "Pictures"
            option = "--text" if kind == TEXTS else "--image"
            text = f"{found} are in column {sample!r}, labels in {target!r}{f', groups in {group!r}' if group else ''}"
            findings.append(Finding("columns", text, change=f"{option} and --target name others."))
        elif own != kind:
            raise InputError(
                what, given=f"a table of {own.name}s", expected=f"one of {kind.name}s, as the data are",
                mend="name the columns",
            )  # fmt: skip
    return Rows(kind, cells, labels, tuple(names), first, tuple(findings), groups or None)


def kind_in(cells: Iterable[object], what: str) -> Kind:
    """What samples given as texts are: pictures, where most of the first have the suffix of such a file, or texts.

    Args:
        cells: the samples.
        what: they are, for messages.

    Raises:
        InputError: paths of text files, for texts are given themselves.
    """
    first = [cell for cell in cells if isinstance(cell, (str, PurePath)) and str(cell)][:LOOKED_AT]
    suffixes = [PurePath(cell).suffix.lower() for cell in first]
    if 2 * sum(suffix in TEXTS.suffixes for suffix in suffixes) > len(first):
        raise InputError(
            what, given=f"names of text files ({str(first[0])!r})", expected="the texts themselves",
            mend="put the texts in their place, or the files into one folder per class",
        )  # fmt: skip
    return PICTURES if 2 * sum(suffix in PICTURES.suffixes for suffix in suffixes) > len(first) else TEXTS


def path_in(home: Path, cell: object, name: str) -> Path:
    """The path in a table's cell, as seen from the table's folder; `name` is the row's, for messages.

    Raises:
        InputError: no path.
    """
    if not isinstance(cell, str):
        raise InputError(
            name, given="without a path" if cell is None else f"of type {type(cell).__name__}",
            expected="the path of a picture", mend="give it, or take the row away",
        )  # fmt: skip
    return home / cell


def read_table(path: Path, columns: Columns = NO_COLUMNS) -> tuple[Table, tuple[Finding, ...]]:
    """Read a table, in which every column has a cell for each row; and what is to be said of how it was read.

    Args:
        path: a `.csv` or `.tsv` file, `.jsonl` or `.ndjson` with an object a line, `.parquet`.
        columns: what the user named.

    Raises:
        InputError: a file that is unreadable, in an unknown encoding, or no such table; Parquet without `pyarrow`.
    """
    suffix = path.suffix.lower()
    findings: Sequence[Finding]
    try:
        if reason := no_file(path):
            raise OSError(0, reason)
        if suffix in SEPARATORS:
            known = {*TEXT_NAMES, *IMAGE_NAMES, *TARGET_NAMES, *(str(name).lower() for name in columns.named)}
            table, findings = read_delimited(path, known, any(NUMBERED.fullmatch(str(name)) for name in columns.named))
        else:
            table, findings = _read_parquet(path) if suffix == ".parquet" else _read_json_lines(path)
    except UnicodeError as error:
        where = f" (byte {error.start}: {error.reason})" if isinstance(error, UnicodeDecodeError) else ""
        raise InputError(
            str(path), given=f"no UTF-8{where}", expected="a table in UTF-8", mend="save it as UTF-8"
        ) from None
    except OSError as error:
        raise InputError(
            str(path), given=f"unreadable ({error.strerror or error})", expected="a table",
            mend="look at it in an editor",
        ) from None  # fmt: skip
    if not table or not next(iter(table.values())):
        raise InputError(str(path), given="without any row", expected="a table with some rows", mend="add rows")
    return table, tuple(findings)


def _read_json_lines(path: Path) -> tuple[Table, Sequence[Finding]]:
    table: Table = {}
    count = 0
    text, encoding = table_text(path)
    with io.StringIO(text, newline=None) as file:
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
    return dict(sorted(table.items())), present([encoding])


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _read_parquet(path: Path) -> tuple[Table, Sequence[Finding]]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise lacking(str(path), "pyarrow", "tables", "save the table as CSV") from None
    try:
        return dict(parquet.read_table(path).to_pydict()), ()
    except ArrowException as error:
        raise OSError(" ".join(str(error).split())) from error
