"""What is said about data: plain facts, and troubles with names, what is done about them and how to change that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from neuralfinder.errors import some


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know about data; `str` gives it in whole sentences.

    Attributes:
        kind: a short name for programs, such as `unreadable`.
        text: what there is and what is done about it, a sentence without its full stop.
        names: the files, rows or classes concerned, all of them; none for a plain fact.
        change: how to have it otherwise, a sentence with its full stop; empty where there is nothing to do.
    """

    kind: str
    text: str
    names: tuple[str, ...] = ()
    change: str = ""

    def __str__(self) -> str:
        listed = f": {some(self.names)}" if self.names else ""
        return " ".join(filter(None, (f"{self.text}{listed}.", self.change)))

    def plain(self) -> dict[str, Any]:
        """Plain values for JSON; `count` is that of the names."""
        names = list(self.names)
        return {"kind": self.kind, "text": self.text, "count": len(names), "names": names, "change": self.change}


def present(findings: Iterable[Finding | None]) -> tuple[Finding, ...]:
    """Those that there are."""
    return tuple(finding for finding in findings if finding)
