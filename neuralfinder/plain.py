"""What files bring in: read strictly, checked by the types it should have, and shown so that it does nothing.

Files may be spoilt, or made by someone who wants harm: what they hold is plain values until it has been checked.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import stat
import types
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from neuralfinder.errors import InputError

WIDEST = 1 << 63
"""Whole numbers beyond it fit nowhere: not into arrays, and not into SQLite."""

FORMULAS = tuple("=+-@\t\r")
"""Letters with which a spreadsheet begins to compute what is in a cell (OWASP, CSV injection)."""

KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
"""What may lie in the place of a file, and is not one; all else are devices."""


def check_regular(path: Path) -> None:
    """Raise `InputError` where something else is in the place of a file: to open a pipe waits for its other end."""
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        raise InputError(
            str(path), given=f"{KINDS.get(stat.S_IFMT(mode), 'a device')}, not a regular file", expected="a file",
            mend="put the file in its place",
        )  # fmt: skip


def from_json(text: str | bytes) -> Any:
    """Plain values of JSON as its standard has it: no NaN or infinity, no name twice in an object.

    Raises:
        ValueError: it is not JSON, or nested too deeply.
    """
    try:
        return json.loads(text, parse_constant=_finite, parse_float=_finite, object_pairs_hook=_each_once)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no number of JSON")
    return number


def _each_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} is there twice")
    return values


def as_json(values: object, indent: int | None = None) -> str:
    """Valid JSON, in one line without `indent`: null for what is no number, and no letter that moves a cursor."""
    text = json.dumps(_numbers_alone(values), ensure_ascii=False, allow_nan=False, indent=indent)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def _numbers_alone(values: Any) -> Any:
    match values:
        case float():
            return values if math.isfinite(values) else None
        case Mapping():
            return {name: _numbers_alone(value) for name, value in values.items()}
        case list() | tuple():
            return [_numbers_alone(value) for value in values]
        case _:
            return values


def printable(text: object) -> str:
    """In one line; what would move a cursor, as names of files may, and halves of characters are written out."""
    text = str(text)
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def counted(count: int, noun: str, nouns: str = "") -> str:
    """So many of something, as in `1 network` and `1,200 networks`; `nouns` where an s at the end does not do."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def cell(value: Any) -> Any:
    """Of a CSV file: no formula for a spreadsheet, but behind an apostrophe; numbers stay numbers.

    Halves of characters, which no file can hold, and carriage returns, at which rows end for some readers, are written
    out.
    """
    if not isinstance(value, str):
        return value
    text = value.encode(errors="backslashreplace").decode().replace("\r", "\\r")
    try:
        float(text)
    except ValueError:
        return f"'{text}" if value.startswith(FORMULAS) else text
    return text


def checked(value: Any, kind: Any, name: str) -> Any:
    """A plain value as what an annotation names: lists as tuples, objects as dataclasses.

    Args:
        value: what JSON holds.
        kind: a dataclass, `bool`, `int`, `float`, `str`, `tuple[...]`, `Mapping`, `Any`, or one of these or `None`.
        name: of the value, for messages.

    Raises:
        ValueError: it is of another type or length, a number that fits nowhere, or lacks a field.
    """
    if _is_plainly(value, kind):  # first: a record of a hundred thousand candidates has some millions of these
        return value
    origin, inner = _parts(kind)
    if origin in (types.UnionType, Union):
        return None if value is None else checked(value, inner[0], name)
    if origin is tuple and isinstance(value, list | tuple):
        each = [inner[0]] * len(value) if inner[-1] is ... else inner
        if len(each) == len(value):
            return tuple([checked(item, of, name) for item, of in zip(value, each, strict=True)])
    elif dataclasses.is_dataclass(origin) and isinstance(value, Mapping):
        return kind(**checked_fields(value, *_fields(kind), name))
    elif origin is Any or (origin is Mapping and isinstance(value, Mapping)):
        return value
    wanted = getattr(kind, "__name__", "") if not inner else str(kind)
    raise ValueError(f"{name} is {value!r:.60}, not {wanted}")


@functools.cache
def _parts(kind: Any) -> tuple[Any, tuple[Any, ...]]:
    """What an annotation is of, and of what that is."""
    return get_origin(kind) or kind, get_args(kind)


def _is_plainly(value: Any, kind: Any) -> bool:
    """Whether it is such a text, truth value or number, which are none for each other; whole numbers are numbers."""
    own = type(value)
    if own is int:
        return (kind is int or kind is float) and abs(value) < WIDEST
    if own is float:
        return kind is float and not math.isnan(value)
    return own is kind and (kind is str or kind is bool)


def checked_fields(
    values: Mapping[str, Any], kinds: Mapping[str, Any], optional: Collection[str] = (), name: str = ""
) -> dict[str, Any]:
    """The values by name, each `checked`; those that are `optional` may be missing, and there are no others.

    Raises:
        ValueError: as `checked`.
    """
    checked(values, Mapping, name)
    prefix = f"{name}." if name else ""
    if values.keys() != kinds.keys():
        if missing := kinds.keys() - values.keys() - {*optional}:
            raise ValueError(f"{prefix}{min(missing)} is missing")
        if strange := values.keys() - kinds.keys():
            raise ValueError(f"{prefix}{min(strange)!r:.60} is not known")
    return {
        field: value if _is_plainly(value, kinds[field]) else checked(value, kinds[field], f"{prefix}{field}")
        for field, value in values.items()
    }


@functools.cache
def _fields(kind: Any) -> tuple[dict[str, Any], frozenset[str]]:
    """The types of a dataclass's fields, and which of them have a default."""
    hints, own = get_type_hints(kind), dataclasses.fields(kind)
    missing = dataclasses.MISSING
    optional = (each.name for each in own if each.default is not missing or each.default_factory is not missing)
    return {each.name: hints[each.name] for each in own}, frozenset(optional)
