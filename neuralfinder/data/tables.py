"""Tables of labelled samples: CSV, TSV, JSON lines and Parquet."""

from __future__ import annotations

import difflib
import io
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from neuralfinder.data.delimited import NUMBERED, SEPARATORS, check_filled, read_delimited, table_text
from neuralfinder.data.files import PICTURES, TEXTS, Kind, as_path, check_no_address, no_file
from neuralfinder.data.findings import Finding, present
from neuralfinder.data.labels import Sizes
from neuralfinder.data.located import first_of, located
from neuralfinder.data.mapped import KEPT, memory_bytes
from neuralfinder.data.parts import ROLES, TEST, TRAIN, roles_of
from neuralfinder.errors import InputError, lacking, some

TEXT_NAMES = (
    "text", "sentence", "question", "review", "comment", "content", "document", "body", "message", "docstring", "title",
)  # fmt: skip
"""What a column of texts is usually called, the likeliest first."""

IMAGE_NAMES = (
    "image", "picture", "photo", "img", "image_path", "filepath", "file_path", "path", "file_name", "filename", "file",
    "image_name", "image_id", "img_id", "id_code", "image_bytes", "bytes",
)  # fmt: skip
"""The same for a column of pictures, of their paths, or of their names or ids."""

AT_ONCE = 1024
"""Rows of Parquet that are looked at together: a few bytes of it may mean many."""

TARGET_NAMES = ("label", "labels", "target", "class", "category", "sentiment", "fine_label", "y")

PART_NAMES = ("split", "set", "subset", "part", "partition", "fold")

Table = dict[str, list[Any]]
"""Cells by column; `None` for one that is missing."""


class Part(NamedTuple):
    """Rows of a table that are a part of the data.

    Attributes:
        name: of the table.
        table: its content.
        rows: those of the part.
        home: the folder from which paths are seen, where the table has one.
    """

    name: str
    table: Table
    rows: Sequence[int]
    home: Path | None = None


Parts = Mapping[str, Part]
"""The parts that came, by what `parts` calls them."""


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
        cells: texts, paths or contents of pictures, or `bytes` and `path` as the library `datasets` keeps them; `None`
            for missing ones.
        labels: as given, none missing.
        names: `row 3`, counted from 0 in each table.
        sizes: of the parts, the training part first and the test part last.
        findings: the columns, and rows left out.
        groups: of each row, `None` for missing ones; `None` in all where no such column was named.
    """

    kind: Kind
    cells: list[Any]
    labels: list[Any]
    names: tuple[str, ...]
    sizes: Sizes
    findings: tuple[Finding, ...]
    groups: list[Any] | None = None


def read_rows(path: Path, test: Path | None, columns: Columns) -> Rows:
    """Read the columns of samples, labels and groups of a table, and of a second one that is the test part.

    Raises:
        InputError: unreadable tables, or columns that are not there.
    """
    files = {TRAIN: path, **({TEST: test} if test else {})}
    read = {role: read_table(file, columns) for role, file in files.items()}
    whole = {
        role: Part(files[role].name, table, range(len(next(iter(table.values())))), files[role].parent)
        for role, (table, _) in read.items()
    }
    parts, findings = in_parts(whole, columns)
    rows = rows_of(parts, columns)
    return replace(rows, findings=(*rows.findings, *findings, *(each for _, found in read.values() for each in found)))


def in_parts(tables: Parts, columns: Columns) -> tuple[Parts, tuple[Finding, ...]]:
    """A table whose column of parts says so divided into these; any others as they are.

    Such a column is called as in `PART_NAMES`, and every cell of it is the name of a part, as `parts` knows them.

    Args:
        tables: the only one, or those of the training and the test part.
        columns: what the user named.
    """
    only = tables[TRAIN]
    column = _found(None, "", list(only.table), PART_NAMES, only.name)
    told = [str(cell) for cell in only.table[column]] if column is not None else []
    roles = roles_of(sorted(set(told)))
    if column in columns.named or TRAIN not in roles.values() or len(set(roles.values())) < 2:
        return tables, ()
    listed = ", ".join(f"{cell} {count}" for cell, count in sorted(Counter(told).items()))
    if others := set(told) - roles.keys():
        text = f"Column {column!r} of {only.name} tells of parts and of others, and was not looked at"
        return tables, (Finding("parts", text, tuple(sorted(others)), "Take these rows away to have the parts."),)
    if len(tables) > 1:
        text = f"Column {column!r} of {only.name} tells of parts ({listed}), and was not looked at beside a test part"
        return tables, (Finding("parts", text, change="Leave --test out to have these parts."),)
    text = f"Column {column!r} of {only.name} tells the parts: {listed}"
    own = {role: [row for row, cell in enumerate(told) if roles[cell] == role] for role in ROLES}
    parts = {role: only._replace(rows=rows) for role, rows in own.items() if rows}
    return parts, (Finding("parts", text, change="Rename the column to have them drawn anew."),)


def rows_of(parts: Parts, columns: Columns) -> Rows:
    """The labelled rows of parts; rows without a label are left out and named.

    Raises:
        InputError: columns that are not there, or tables of different kinds.
    """
    cells: list[Any] = []
    labels: list[Any] = []
    groups: list[Any] = []
    names: list[str] = []
    sizes = dict.fromkeys(ROLES, 0)
    kind, findings = TEXTS, []
    for place, role in enumerate(role for role in ROLES if role in parts):
        what, table, rows, home = parts[role]
        own, sample, target = columns.of(list(table), what)
        if own == TEXTS and columns.text is None:
            own = kind_in(table[sample], f"column {sample!r} of {what}")
        kept = [row for row in rows if table[target][row] is not None]
        lost = tuple(f"row {row}" for row in rows if table[target][row] is None)
        sizes[role] = len(kept)
        if lost:
            text = f"{len(lost)} rows of {what} have no label and were left out"
            findings.append(Finding("no label", text, lost, "Label them to use them."))
        names += [f"row {row}" for row in kept]
        own_cells = [table[sample][row] for row in kept]
        if home is not None and (own == PICTURES or columns.text is None):
            lying = located(own_cells, home, pictures=own == PICTURES)
            findings += _told_located(own_cells, lying or own_cells)
            own_cells, own = lying or own_cells, PICTURES if lying else own
        cells += own_cells
        labels += [table[target][row] for row in kept]
        if group := columns.group_of(list(table), what):
            groups += [table[group][row] for row in kept]
        if place == 0:
            kind = own
            found = "Texts" if kind == TEXTS else "Pictures"
            option = "--text" if kind == TEXTS else "--image"
            text = f"{found} are in column {sample!r}, labels in {target!r}{f', groups in {group!r}' if group else ''}"
            findings.append(Finding("columns", text, change=f"{option} and --target name others."))
        elif own != kind:
            raise InputError(
                what, given=f"a table of {own.name}s", expected=f"one of {kind.name}s, as the data are",
                mend="name the columns",
            )  # fmt: skip
    return Rows(kind, cells, labels, tuple(names), Sizes(*sizes.values()), tuple(findings), groups or None)


def _told_located(cells: Sequence[Any], found: Sequence[Any]) -> list[Finding]:
    pairs = ((cell, path) for cell, path in zip(cells, found, strict=True) if cell != path)
    text = "Pictures were found by their names, {!r} as {}"
    return [Finding("paths", text.format(*pair), change="--text NAME takes texts.") for pair in islice(pairs, 1)]


def kind_in(cells: Sequence[object], what: str) -> Kind:
    """What samples in cells are: pictures, where most of the first are files' contents or end as their names, or texts.

    Args:
        cells: the samples.
        what: they are, for messages.

    Raises:
        InputError: paths of text files, for texts are given themselves.
    """
    there = first_of(cells)
    if 2 * sum(content_in(cell) is not None for cell in there) > len(there):
        return PICTURES
    first = [cell for cell in there if isinstance(cell, (str, PurePath))]
    suffixes = [PurePath(cell).suffix.lower() for cell in first]
    if 2 * sum(suffix in TEXTS.suffixes for suffix in suffixes) > len(first):
        raise InputError(
            what, given=f"names of text files ({str(first[0])!r})", expected="the texts themselves",
            mend="put the texts in their place, or the files into one folder per class",
        )  # fmt: skip
    return PICTURES if 2 * sum(suffix in PICTURES.suffixes for suffix in suffixes) > len(first) else TEXTS


def content_in(cell: object) -> bytes | None:
    """The content of a file that a cell holds, alone or as the library `datasets` keeps it."""
    inner = cell.get("bytes") if isinstance(cell, dict) else cell
    return inner if isinstance(inner, bytes) else None


def path_in(home: Path, cell: object, name: str) -> Path:
    """The path in a table's cell, as seen from the table's folder; `name` is the row's, for messages.

    Raises:
        InputError: no path, or an address.
    """
    if not isinstance(cell, str):
        raise InputError(
            name, given="without a path" if cell is None else f"of type {type(cell).__name__}",
            expected="the path of a picture", mend="give it, or take the row away",
        )  # fmt: skip
    check_no_address(cell, name)
    return home / as_path(cell)


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
    count = given = 0
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
            given += len(row)
            check_filled(path, len(table | row) * (count + 1) - given, len(text))
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
    table, room = defaultdict[str, list[Any]](list), memory_bytes() * KEPT
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(AT_ONCE):
                columns = batch.to_pydict()
                room -= max(batch.nbytes, sum(sys.getsizeof(cell) for cells in columns.values() for cell in cells))
                if room < 0:
                    raise OSError(f"it takes more than a quarter of this machine's {memory_bytes():,} bytes of memory")
                for name, cells in columns.items():
                    table[name] += cells
    except (ArrowException, ValueError, OverflowError) as error:  # the last two of cells that Python has no value for
        raise OSError(" ".join(str(error).split())) from error
    return dict(table), ()
