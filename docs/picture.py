"""Draws the README's picture: the live view of a real search on digits, taken after a third of the time.

python docs/picture.py docs/images/search.svg
"""

from __future__ import annotations

import io
import re
import sys
import tempfile
import threading
from pathlib import Path

from rich.console import Console

from neuralfinder.data import source_of
from neuralfinder.job.run import run
from neuralfinder.job.settings import Settings
from neuralfinder.job.status import Status
from neuralfinder.show.terminal import picture

MINUTES = 2.0


def main() -> None:
    """Search, and save what the terminal showed then."""
    status = Status(budget_seconds=MINUTES * 60)
    console = Console(record=True, width=86, file=io.StringIO())

    def take() -> None:
        console.print(picture(status))
        drawing = console.export_svg(title="neuralfinder search --minutes 2")
        # the reader's own fixed-width font, not one from the web
        Path(sys.argv[1]).write_text(re.sub(r"@font-face {.*?}\n", "", drawing, flags=re.DOTALL), encoding="utf-8")

    threading.Timer(MINUTES * 60 / 3, take).start()
    with tempfile.TemporaryDirectory() as folder:
        run(source_of("digits"), Settings(minutes=MINUTES, seed=0), Path(folder), status)


if __name__ == "__main__":
    main()
