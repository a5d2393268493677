"""Words that are not everyday ones, explained where they appear."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

LETTERS = {
    r"\bC\d": "C128 a convolution with 128 filters",
    r"\.bn": ".bn batch normalisation",
    r"\.sep": ".sep a cheap convolution in two steps",
    r"\.(?:add|cat|in)\d": ".add2 joined with what came two before",
    r"\bI\b": "I nothing but what follows its dot",
    r"\bM\d?\b": "M halves the map by its maxima",
    r"\bA\d?\b": "A halves it by its means",
    r"\bD\d": "D20 drops 20 % of the values at random while training",
    r"> ": "> what answers",
    r" \| ": "| how its training differs",
    r"@\d": "@128 looks at pictures of 128 pixels",
    r"\b\dx ": "2x two such networks that answer together",
}
"""Marks in the text of a genome, and what they mean in short."""

ORIGINS = {
    "init": "init is a founder, without parents",
    "newcomer": "newcomer is one that came later, without parents",
    "cross": "cross has two parents",
}
"""What the names of networks begin with."""


def about_genomes(keys: Iterable[str]) -> Iterator[str]:
    """One line that explains the marks in these genomes."""
    text = "\n".join(keys)
    found = [meaning for mark, meaning in LETTERS.items() if re.search(mark, text)]
    if found:
        yield f"in genomes, {'; '.join(found)}; all: neuralfinder list genes"


def about_names(names: Iterable[str]) -> Iterator[str]:
    """One line that explains the names of networks."""
    begin = {name.partition("-")[0] for name in names}
    found = [meaning for word, meaning in ORIGINS.items() if word in begin]
    if found:
        yield f"in names, {'; '.join(found)}"
