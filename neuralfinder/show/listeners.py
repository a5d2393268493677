"""Standard output and error of a run, which goes on whether anybody listens or not."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import IO, TextIO


def open_streams() -> None:
    """Give this process the three standard streams where it was begun without some of them.

    Otherwise the next file that is opened, such as the record, gets the number of the one that lacks, and with it
    whatever a library writes there.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()


def say(stream: TextIO | None, *lines: str) -> None:
    """Write whole lines.

    Where they do not come through - who read along has left, the file is closed or the disk full - all that comes
    after them goes nowhere, what Python has kept back for the end of the process included.
    """
    if stream is None:
        return
    try:
        for line in lines:
            print(line, file=stream, flush=True)
    except (OSError, ValueError):  # ValueError: it is closed
        mute(stream)


def mute(stream: IO[str]) -> None:
    """Lead what is written to a stream into nothing from now on, as far as it is a file."""
    with suppress(OSError, ValueError, io.UnsupportedOperation):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - for as long as the process
