"""Which of several folders, or splits, or words in a column, are parts of a data set, by what they are called."""

from __future__ import annotations

import re
from collections.abc import Sequence

ROLES = TRAIN, VALIDATION, TEST = "train", "validation", "test"
"""In the order in which samples of parts lie."""

NAMES = {
    TRAIN: frozenset(["train", "training", "trn", "learn", "learning"]),
    TEST: frozenset(["test", "testing", "tst"]),
    VALIDATION: frozenset(["val", "valid", "validation", "validate", "dev", "development"]),
}
"""What parts are called in small letters."""

EITHER = frozenset(["eval", "evaluation", "holdout"])
"""What the test part is called, or the validation part where there is another test part."""

FILLERS = frozenset(["", "data", "images", "imgs", "pictures", "photos", "texts", "samples", "split", "part"])
"""Words beside such a name that say nothing."""


def roles_of(names: Sequence[str]) -> dict[str, str]:
    """The names that are called as a part, and which: alone, or beside words that all of these have in common.

    So `seg_train` and `seg_test` are parts, and a `test tube` beside a `train` is not.
    """
    words = {name: _words(name) for name in names}
    found = {name: tellings for name, own in words.items() if len(tellings := own & _TELLING.keys()) == 1}
    common = set.intersection(*(words[name] - telling for name, telling in found.items())) if len(found) > 1 else set()
    roles = {name: _TELLING[next(iter(telling))] for name, telling in found.items() if words[name] - telling <= common}
    other = VALIDATION if TEST in roles.values() else TEST
    return {name: role or other for name, role in roles.items()}


def role_of(name: str) -> str | None:
    """The part that a single name tells of."""
    return roles_of([name]).get(name)


def tell(names: Sequence[str]) -> bool:
    """Whether all of several names tell of parts, and not of the same, in a way that `roles_of` need not know."""
    told = [frozenset(_words(name) & _TELLING.keys()) for name in names]
    return all(told) and len(set(told)) > 1


_TELLING = {word: role for role, words in NAMES.items() for word in words} | dict.fromkeys(EITHER, "")


def _words(name: str) -> set[str]:
    """In small letters, also those that a capital parts, without what says nothing."""
    parted = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    return {word.lower().removesuffix("set") for word in parted} - FILLERS
