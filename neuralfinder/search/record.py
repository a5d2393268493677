"""The record: a run's journal in SQLite. One writer, any number of read-only readers."""

from __future__ import annotations

import errno
import json
import math
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from neuralfinder.errors import InputError, MachineError, NeuralFinderError, RunFolderError
from neuralfinder.plain import check_regular, from_json, printable
from neuralfinder.search.events import E, Event, understood
from neuralfinder.types import Line

FORMAT = 1
"""Version of the record's layout; a reader refuses a larger one."""

TABLE = "CREATE TABLE events (number INTEGER PRIMARY KEY, time REAL, kind TEXT, data TEXT)"
"""All that there is in a record: SQLite keeps this text, and a base with more has views or triggers that run."""
FAULTS = {
    sqlite3.SQLITE_FULL: errno.ENOSPC, sqlite3.SQLITE_IOERR: errno.EIO, sqlite3.SQLITE_READONLY: errno.EACCES,
    sqlite3.SQLITE_PERM: errno.EACCES, sqlite3.SQLITE_BUSY: errno.EBUSY,
}  # fmt: skip
"""What SQLite says to a writer where the machine fails and the record is whole, and what the system would say."""


class Record:
    """Events in order, each whole or not at all, safe from a kill at any moment.

    Args:
        path: the SQLite file; made by a writer.
        readonly: open for reading only, beside a writer that may be at work.
        tell: called with each event once it is written, as readers get it; the writer waits for it, and what it raises
            is raised.

    Raises:
        RunFolderError: no such record, no record at all, or one written by a newer version.
        MachineError: it cannot be written to; what was in it is as it was.
    """

    def __init__(self, path: Path, readonly: bool = False, tell: Callable[[Event], object] | None = None) -> None:
        if readonly and not path.exists():
            raise RunFolderError(
                str(path.parent),
                given="a folder without a record",
                expected="a run folder",
                mend="name one with run.sqlite in it",
            )
        self._path, self._tell, self._writes = path, tell, not readonly
        for file in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
            try:
                if file.exists():
                    check_regular(file)
            except InputError as error:
                raise _unusable(path, error) from error
        mode = "rwc"
        if readonly:
            # beside a writer SQLite shares two more files; on a read-only disk there is neither writer nor room
            alone = not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists()
            mode = "ro&immutable=1" if alone else "ro"
        with self._readable():
            self._base = sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True, timeout=30)
        try:
            with self._readable():
                self._open(readonly)
            self._file = path.stat()
        except BaseException:
            self._base.close()
            raise

    def _open(self, readonly: bool) -> None:
        self._base.execute("PRAGMA trusted_schema=OFF")
        version = self._base.execute("PRAGMA user_version").fetchone()[0]
        if version > FORMAT:
            raise RunFolderError(
                str(self._path), given=f"a record of format {version}", expected=f"format {FORMAT} or older",
                mend="update NeuralFinder, or name another run folder",
            )  # fmt: skip
        # what SQLite writes itself, by ANALYZE say, begins with its name
        others = "name NOT LIKE 'sqlite!_%' ESCAPE '!' AND (type, name, sql) <> ('table', 'events', ?)"
        schema = f"SELECT count(*), total({others}) FROM sqlite_master"  # noqa: S608 - our own words
        count, foreign = self._base.execute(schema, (TABLE,)).fetchone()
        if foreign or (version == 0 and (count or readonly)) or (version and not count):
            raise sqlite3.DatabaseError("it has none of our events, or more than these")
        if not readonly:
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute("PRAGMA synchronous=NORMAL")
        if version == 0:
            self._base.executescript(
                f"""
                BEGIN;
                {TABLE};
                PRAGMA user_version={FORMAT};
                COMMIT;
                """
            )

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Whatever SQLite or JSON find wrong in the block is a `RunFolderError`, or the machine's fault."""
        try:
            yield
        except sqlite3.OperationalError as error:
            code = FAULTS.get(getattr(error, "sqlite_errorcode", 0) & 0xFF) if self._writes else None
            if code is None:
                raise _unusable(self._path, error) from error
            raise MachineError.of(OSError(code, str(error)), self._path) from error
        except (sqlite3.DatabaseError, ValueError, TypeError) as error:  # TypeError: data is NULL
            if isinstance(error, NeuralFinderError):
                raise
            raise _unusable(self._path, error) from error

    def _check_there(self) -> None:
        """SQLite goes on writing to a file that was deleted, which nobody would ever read."""
        try:
            there = os.path.samestat(self._path.stat(), self._file)
        except OSError as error:
            raise MachineError.of(error, self._path) from error
        if not there:
            raise MachineError(f"{self._path} is another file than this run writes to; end what else runs there")

    def append(self, kind: str, rows: Sequence[Mapping[str, Any]]) -> int:
        """Write rows of plain values under a kind, all or none; returns the number of the last.

        Raises:
            MachineError: they cannot be written, or the file was deleted.
        """
        self._check_there()
        now = time.time()
        lines = [(now, kind, json.dumps(row, allow_nan=False)) for row in rows]
        with self._readable(), self._base:
            self._base.executemany("INSERT INTO events (time, kind, data) VALUES (?, ?, ?)", lines)
            return int(self._base.execute("SELECT max(number) FROM events").fetchone()[0] or 0)

    def take(self, lines: Iterable[Line]) -> None:
        """Write lines of another record as they are, their numbers and times too, into an empty one; all or none.

        Raises:
            MachineError: they cannot be written.
        """
        rows = [(line.number, line.time, line.kind, json.dumps(line.data, allow_nan=False)) for line in lines]
        with self._readable(), self._base:
            self._base.executemany("INSERT INTO events VALUES (?, ?, ?, ?)", rows)

    def read(self, after: int = 0) -> Iterator[Line]:
        """The lines with a number above `after`, in order."""
        with self._readable():
            rows = self._base.execute(
                "SELECT number, time, kind, data FROM events WHERE number > ? ORDER BY number", (after,)
            )
            for number, when, kind, data in rows:
                yield _line(number, when, kind, data)

    def last(self, kind: str) -> Line | None:
        """The latest line of a kind."""
        with self._readable():
            row = self._base.execute(
                "SELECT number, time, kind, data FROM events WHERE kind = ? ORDER BY number DESC LIMIT 1", (kind,)
            ).fetchone()
            return _line(*row) if row else None

    def write(self, *events: Event) -> int:
        """Append events of one kind, all or none; returns the number of the last."""
        last = self.append(events[0].kind, [event.plain() for event in events])
        if self._tell:
            for event in self.events(after=last - len(events)):
                self._tell(event)
        return last

    def events(self, after: int = 0) -> Iterator[Event]:
        """The events of a run with a number above `after`, in order.

        Raises:
            RunFolderError: one that is no event of a run, or spoilt.
        """
        return understood(self.read(after))

    def latest(self, kind: type[E]) -> E | None:
        """The latest event of a kind.

        Raises:
            RunFolderError: it is spoilt.
        """
        line = self.last(kind.kind)
        return kind.of(line) if line else None

    def close(self) -> None:
        """Close the file; everything appended is in it already."""
        self._base.close()

    def __enter__(self) -> Record:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _line(number: int, when: Any, kind: Any, data: Any) -> Line:
    """A row of the table, whose cells may be of any type whatever the table says.

    Raises:
        ValueError: one is of another, or is no JSON.
        TypeError: the data are none.
    """
    values = from_json(data)
    if not (isinstance(when, float) and math.isfinite(when) and isinstance(kind, str) and isinstance(values, dict)):
        raise ValueError(f"event {number} has no time, no kind or no data")
    return Line(number, when, kind, values)


def _unusable(path: Path, error: Exception) -> RunFolderError:
    return RunFolderError(
        str(path), given=f"no usable record ({error})", expected="an SQLite file of NeuralFinder",
        mend="restore it, or name another run folder",
    )  # fmt: skip


STRANGE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError, StopIteration)
"""What reading trips over where values are not what they should be."""


@contextmanager
def as_written(path: Path) -> Iterator[None]:
    """Whatever in the block trips over values in the record of a run folder that no run writes is a `RunFolderError`.

    Only what reads a record stands in such a block, for it takes mistakes of ours for mistakes in the record.
    """
    try:
        yield
    except NeuralFinderError:
        raise
    except STRANGE as error:
        raise RunFolderError(
            str(path), given=f"a record with values that no run writes ({type(error).__name__}: {printable(error)})",
            expected="one as NeuralFinder writes it", mend="restore it, or name another run folder",
        ) from error  # fmt: skip
