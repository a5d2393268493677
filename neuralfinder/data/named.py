"""Classes that the names of files tell, as in `cat_12.png`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath

from neuralfinder.errors import InputError

CLASS = "{class}"

STANDS_FOR = {CLASS: "(?P<label>.+?)", "*": ".*?", "#": "[0-9]+"}
"""Each as short as it can be: of `a_b_c` the class by `{class}_*` is `a`."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """How a name tells a class: `{class}` stands for it, `*` for anything, `#` for a number, the rest for itself.

    Raises:
        InputError: no `{class}`, or several.
    """

    text: str

    def __post_init__(self) -> None:
        """Look at it."""
        if self.text.count(CLASS) != 1:
            raise InputError(
                "--label-from-name", given=repr(self.text), expected=f"a pattern with {CLASS} in it once",
                mend="give '{class}_*' for cat_12.png, '*-{class}' for 12-cat.png; # stands for a number",
            )  # fmt: skip

    def label_of(self, name: str) -> str | None:
        """The class that the name of a file tells, with or without its suffix; `None` where it tells none."""
        parts = re.split(rf"({'|'.join(map(re.escape, STANDS_FOR))})", self.text)
        known = re.compile("".join(STANDS_FOR.get(part, re.escape(part)) for part in parts))
        found = known.fullmatch(PurePath(name).stem) or known.fullmatch(name)
        return found["label"] if found else None
