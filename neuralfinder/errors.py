"""One error family. Every message says what was given, what was expected and the mend."""

from __future__ import annotations

import difflib
import errno
import os
import re
from collections.abc import Iterable
from pathlib import Path

from neuralfinder.types import Allowed, Range


class NeuralFinderError(Exception):
    """Base of everything NeuralFinder raises on purpose.

    Example:
        >>> try:
        ...     neuralfinder.Model.load("nowhere")
        ... except neuralfinder.NeuralFinderError as error:
        ...     print(error)
        nowhere is no model; expected a folder with model.safetensors and preprocessing.json; name ...
    """


class InputError(NeuralFinderError, ValueError):
    """The user's input is wrong (exit code 2).

    Args:
        what: the argument, file or row the message is about.
        given: what was found.
        expected: what would have been right, with ranges and shapes.
        mend: what to do about it.

    Example:
        >>> raise neuralfinder.InputError("minutes", given=-1, expected="a number more than 0", mend="change it")
        Traceback (most recent call last):
        neuralfinder.errors.InputError: minutes is -1; expected a number more than 0; change it
    """

    def __init__(self, what: str, *, given: object, expected: str, mend: str) -> None:
        super().__init__(f"{_brief(what)} is {_brief(given)}; expected {expected}; {mend}")


MOST_SHOWN = 2000
"""Letters of what was given that a message shows: a genome or a cell of a table may have millions."""


def _brief(text: object) -> str:
    """The text, or the beginning and the end of one that is too long for a message."""
    text, half = str(text), MOST_SHOWN // 2
    if len(text) <= MOST_SHOWN:
        return text
    return f"{text[:half]} ... {text[-half:]} ({len(text):,} letters)"


class RunFolderError(InputError):
    """The run folder holds something else than this command can continue (exit code 2)."""


class NothingTrainedError(NeuralFinderError):
    """No candidate and no baseline could be trained (exit code 3)."""


class CallOrderError(NeuralFinderError, RuntimeError):
    """`ask` and `tell` of a strategy were called in an impossible order."""


class LostWorkerError(NeuralFinderError):
    """The process that trained a candidate ended, each time that it was tried, and others did not."""


FULL = "free space in {folder}"
ACCESS = "let this user write in {folder}"
GONE = "see to the disk or mount that has {folder}"

OF_THE_MACHINE = {
    errno.ENOSPC: FULL, errno.EDQUOT: FULL,
    errno.EFBIG: "allow larger files in {folder} (`ulimit -f`)",
    errno.EMFILE: "allow more open files (`ulimit -n`)", errno.ENFILE: "end what else has many files open",
    errno.EIO: GONE, errno.ESTALE: GONE, errno.ENODEV: GONE, errno.ENXIO: GONE, errno.ENOTCONN: GONE,
    errno.EBUSY: "end what else holds {folder}",
}  # fmt: skip
"""What the system says of no space, no file and no disk, whatever path was given, and how each is mended."""

OF_THE_PATH = {
    errno.EACCES: ACCESS, errno.EPERM: ACCESS, errno.EROFS: ACCESS,
    errno.ENOENT: GONE, errno.ENOTDIR: GONE,
}  # fmt: skip
"""What it says of a path that may be a wrong one, and the mend where it was right before."""


class MachineError(NeuralFinderError, OSError):
    """The machine failed, and no network: no space, no permission, a mount or a worker that is gone (exit code 5).

    A run stops there with all that was recorded, and goes on when called again once this is mended.
    """

    @classmethod
    def of(cls, error: OSError, where: str | Path) -> MachineError:
        """The fault that an error of the system means, and its mend.

        Args:
            error: the error; one that is a `MachineError` stays as it is.
            where: the file or folder that was used, where the error does not name its own.
        """
        if isinstance(error, cls):
            return error
        path = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else Path(where)
        mend = {**OF_THE_MACHINE, **OF_THE_PATH}.get(error.errno or 0, "see what the system says of {folder}")
        folder = path if path.is_dir() else path.parent
        return cls(f"{path} cannot be used ({error.strerror or error}); {mend.format(folder=folder)}")


def said_of_the_machine(text: str) -> OSError | None:
    """The error of the system that a library only tells of in words, `None` where they are of none."""
    if found := re.search(r"\(os error (\d+)\)", text):
        return OSError(int(found[1]), os.strerror(int(found[1])))
    return next((OSError(code, os.strerror(code)) for code in OF_THE_MACHINE if os.strerror(code) in text), None)


def unknown_name(what: str, given: str, known: Iterable[str]) -> InputError:
    """An error for a name that is in no registry, with the nearest known name as the mend."""
    names = sorted(known)
    near = difflib.get_close_matches(given, names, n=1)
    mend = f"did you mean {near[0]!r}?" if near else "choose one of these"
    return InputError(what, given=repr(given), expected=f"one of {', '.join(names)}", mend=mend)


def lacking(what: str, library: str, extra: str, instead: str = "") -> InputError:
    """An error for what needs a library that is not installed.

    Args:
        what: the argument or file that needs it.
        library: its name.
        extra: the optional extra of this package that brings it.
        instead: what else could be done.
    """
    mend = f"install it with `pip install 'neuralfinder[{extra}]'`"
    return InputError(
        what,
        given=f"used without {library}",
        expected=f"{library} to be installed",
        mend=f"{mend}, or {instead}" if instead else mend,
    )


def check_allowed(what: str, given: object, allowed: Allowed) -> None:
    """Raise `InputError` unless a number is in its range, or a word one of those there are; of a list, each item."""
    for item in given if isinstance(given, tuple | list) else [given]:
        if isinstance(allowed, Range):
            if item is not None and item not in allowed:  # type: ignore[operator]
                raise InputError(what, given=item, expected=f"a number {allowed}", mend="change it")
        elif item not in allowed:
            raise InputError(what, given=repr(item), expected=" or ".join(map(str, allowed)), mend="choose one of them")


def check_range(what: str, given: float, low: float, high: float = float("inf")) -> None:
    """Raise `InputError` unless `low <= given <= high`."""
    check_allowed(what, given, Range(low, high))


def some(names: Iterable[object], most: int = 5) -> str:
    """`a, b, c and 7 more`: names for a message, never a whole list of thousands."""
    listed = [str(name) for name in names]
    head = ", ".join(listed[:most])
    return head if len(listed) <= most else f"{head} and {len(listed) - most} more"
