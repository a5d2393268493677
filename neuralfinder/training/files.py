"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from neuralfinder.errors import MachineError


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Gives another path to write to; what was written is on the disk, and takes its place, when the block ends.

    Who may read the file is what the umask says, whatever the writer thinks of it.

    Raises:
        MachineError: it cannot be written; what was there before is as it was.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        part.touch()
        mode = part.stat().st_mode
        yield part
        if part.stat().st_mode != mode:
            part.chmod(mode)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise MachineError.of(error, path) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def write(path: Path, content: bytes | str) -> None:
    """Write a file whole or not at all; text as UTF-8.

    Raises:
        MachineError: as `whole`.
    """
    with whole(path) as part:
        part.write_bytes(content.encode() if isinstance(content, str) else content)
