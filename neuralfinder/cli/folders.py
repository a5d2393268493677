"""Run folders: their record, and what it says of how the run began."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from neuralfinder.errors import InputError
from neuralfinder.job.settings import Settings

if TYPE_CHECKING:
    from neuralfinder.data import Source
    from neuralfinder.search.record import Record


@contextmanager
def record_of(folder: Path) -> Iterator[Record]:
    """The record of a run folder, for reading."""
    from neuralfinder.search.record import Record

    with Record(folder / "run.sqlite", readonly=True) as record:
        yield record


def recorded(record: Record, folder: Path) -> tuple[Source, Settings]:
    """Data and settings that a run was begun with."""
    from neuralfinder.data import source_at
    from neuralfinder.show.report import beginning

    began = beginning(record)
    if not began.address:
        raise InputError(str(folder), given="a run on arrays", expected="a run on files", mend="call fit again")
    with as_written(folder):
        return source_at(began.address), Settings(**began.settings)


@contextmanager
def as_written(folder: Path) -> Iterator[None]:
    """`search.record.as_written`, loaded when it is needed."""
    from neuralfinder.search import record

    with record.as_written(folder):
        yield
