"""The runs that lie in a folder, so that one finds them again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from neuralfinder.errors import NeuralFinderError
from neuralfinder.search.archive import read_trainings
from neuralfinder.search.events import Begun, Finished
from neuralfinder.search.record import Record
from neuralfinder.show.report import as_table

FILE = "run.sqlite"

DEPTH = 3
"""Levels below the folder that are looked at: a comparison has its runs two levels below its own."""

COLUMNS = ("run", "data", "begun", "state", "test_accuracy", "networks", "seconds", "genome")


def folders(root: Path) -> Iterator[Path]:
    """The run folders in `root`, itself included, by name."""
    for depth in range(DEPTH + 1):
        yield from sorted(path.parent for path in root.glob("*/" * depth + FILE))


def rows(root: Path) -> list[dict[str, Any]]:
    """A row with `COLUMNS` for each run, the newest first; of one whose record cannot be read only why."""
    found = [(folder, _row(folder)) for folder in folders(root)]
    return [row for _, row in sorted(found, key=lambda each: -(each[0] / FILE).stat().st_mtime)]


def _row(folder: Path) -> dict[str, Any]:
    row: dict[str, Any] = {**dict.fromkeys(COLUMNS), "run": str(folder)}
    try:
        with Record(folder / FILE, readonly=True) as record:
            began, finished = record.latest(Begun), record.latest(Finished)
            if began is None:
                return {**row, "state": "not begun"}
            row |= {"data": began.data, "begun": began.time}
            if finished is None:
                trained = sum(result is not None for _, result in read_trainings(record.events()))
                return {**row, "state": "not finished", "networks": trained}
            result = finished.outcome
            return {
                **row, "state": "finished", "test_accuracy": result["test_accuracy"], "genome": result["genome"],
                "networks": result["candidates"]["trained"], "seconds": round(result["seconds"]["total"]),
            }  # fmt: skip
    except NeuralFinderError as error:
        return {**row, "state": f"cannot be read: {error}"}


def table(root: Path) -> str:
    """The same for people."""
    lines = [
        [
            row["run"], row["data"] or "", _moment(row["begun"]), row["state"],
            "" if row["test_accuracy"] is None else f"{row['test_accuracy']:.2%}",
            "" if row["networks"] is None else f"{row['networks']:,}",
            "" if row["seconds"] is None else f"{row['seconds']:,} s",
        ]
        for row in rows(root)
    ]  # fmt: skip
    return as_table(("run", "data", "begun", "state", "test", "networks", "time"), lines, left=range(4))


def _moment(seconds: float | None) -> str:
    return "" if seconds is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
