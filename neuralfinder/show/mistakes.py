"""What the winner took for what on the test part, and the list of what it had wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from neuralfinder.errors import InputError
from neuralfinder.search.events import Answered
from neuralfinder.search.record import Record

COLUMNS = ("name", "label", "answer", "probability")
"""Of the list of mistakes, as the page exports it."""


def answered(record: Record) -> Answered:
    """The answers on the test part.

    Raises:
        InputError: the run is not finished.
    """
    found = record.latest(Answered)
    if found is None:
        raise InputError(
            "the run", given="not finished: the test part was not looked at", expected="a finished run",
            mend="go on with `neuralfinder resume`",
        )  # fmt: skip
    return found


def mistakes(found: Answered) -> list[dict[str, Any]]:
    """Rows with `COLUMNS`, the surest first: where the network is sure and wrong, the label may be the mistake."""
    shown = [(each["name"], each["label"], each["answer"], each["confidence"]) for each in found.mistakes]
    more = [(name, found.classes[label], found.classes[answer], sure) for name, label, answer, sure in found.others]
    return [dict(zip(COLUMNS, (*row[:3], f"{row[3]:.4f}"), strict=True)) for row in (*shown, *more)]


def confusions(found: Answered) -> Iterator[tuple[int, int, str, str]]:
    """How many samples, of how many, of which class were answered as which other; the most first."""
    pairs = [
        (count, sum(row), found.classes[label], found.classes[answer])
        for label, row in enumerate(found.confusion)
        for answer, count in enumerate(row)
        if count and answer != label
    ]
    yield from sorted(pairs, key=lambda pair: -pair[0])


def confusion_lines(found: Answered) -> list[str]:
    """The same in words."""
    lines = [
        f"confused  {count:,} of {of:,} {label!r} {'was' if count == 1 else 'were'} taken for {answer!r}"
        for count, of, label, answer in confusions(found)
    ]
    return lines or ["confused  none: all of the test part was answered rightly"]
