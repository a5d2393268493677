"""The record: a run's journal in SQLite. One writer, any number of read-only readers."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from neuralfinder.errors import RunFolderError
from neuralfinder.types import Event

FORMAT = 1
"""Version of the record's layout; a reader refuses a larger one."""


class Record:
    """Events in order, each whole or not at all, safe from a kill at any moment.

    Args:
        path: the SQLite file; made by a writer.
        readonly: open for reading only, beside a writer that may be at work.

    Raises:
        RunFolderError: no such record, no record at all, or one written by a newer version.
    """

    def __init__(self, path: Path, readonly: bool = False) -> None:
        if readonly and not path.exists():
            raise RunFolderError(
                str(path.parent),
                given="a folder without a record",
                expected="a run folder",
                mend="name one with run.sqlite in it",
            )
        mode = "ro" if readonly else "rwc"
        self._base = sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True, timeout=30)
        try:
            if not readonly:
                self._base.execute("PRAGMA journal_mode=WAL")
                self._base.execute("PRAGMA synchronous=NORMAL")
            version = self._base.execute("PRAGMA user_version").fetchone()[0]
            if version > FORMAT:
                raise RunFolderError(
                    str(path), given=f"a record of format {version}", expected=f"format {FORMAT} or older",
                    mend="update NeuralFinder, or name another run folder",
                )  # fmt: skip
            if not readonly:
                self._base.execute(
                    "CREATE TABLE IF NOT EXISTS events (number INTEGER PRIMARY KEY, time REAL, kind TEXT, data TEXT)"
                )
                self._base.execute(f"PRAGMA user_version={FORMAT}")
                self._base.commit()
        except BaseException as error:
            self._base.close()
            if isinstance(error, sqlite3.DatabaseError):
                raise RunFolderError(
                    str(path),
                    given=f"no record ({error})",
                    expected="an SQLite file of NeuralFinder",
                    mend="name another run folder",
                ) from error
            raise

    def append(self, kind: str, rows: Sequence[Mapping[str, Any]]) -> int:
        """Write rows of plain values under a kind, all or none; returns the number of the last."""
        now = time.time()
        lines = [(now, kind, json.dumps(row, ensure_ascii=False, allow_nan=False)) for row in rows]
        with self._base:
            self._base.executemany("INSERT INTO events (time, kind, data) VALUES (?, ?, ?)", lines)
        return int(self._base.execute("SELECT max(number) FROM events").fetchone()[0] or 0)

    def read(self, after: int = 0) -> Iterator[Event]:
        """The events with a number above `after`, in order."""
        rows = self._base.execute(
            "SELECT number, time, kind, data FROM events WHERE number > ? ORDER BY number", (after,)
        )
        for number, when, kind, data in rows:
            yield Event(number, when, kind, json.loads(data))

    def last(self, kind: str) -> Event | None:
        """The latest event of a kind."""
        row = self._base.execute(
            "SELECT number, time, kind, data FROM events WHERE kind = ? ORDER BY number DESC LIMIT 1", (kind,)
        ).fetchone()
        return Event(row[0], row[1], row[2], json.loads(row[3])) if row else None

    def close(self) -> None:
        """Close the file; everything appended is in it already."""
        self._base.close()

    def __enter__(self) -> Record:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
