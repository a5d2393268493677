"""Draws the README's picture: the live view of a real search on digits, taken half-way.

python docs/picture.py docs/images/search.svg
"""

from __future__ import annotations

import io
import sys
import tempfile
import threading
from pathlib import Path

from rich.console import Console

from neuralfinder.cli import _source
from neuralfinder.presets import Settings
from neuralfinder.run import run
from neuralfinder.status import Status
from neuralfinder.terminal import picture

MINUTES = 2.0


def main() -> None:
    """Search, and save what the terminal showed after half of the time."""
    status = Status(budget_seconds=MINUTES * 60)
    console = Console(record=True, width=86, file=io.StringIO())

    def take() -> None:
        console.print(picture(status))
        console.save_svg(sys.argv[1], title="neuralfinder search --minutes 2")

    threading.Timer(MINUTES * 60 / 2, take).start()
    with tempfile.TemporaryDirectory() as folder:
        source = _source({"source": None, "test": None, "image_size": None})
        run(source, Settings(minutes=MINUTES, seed=0), Path(folder), status)


if __name__ == "__main__":
    main()
