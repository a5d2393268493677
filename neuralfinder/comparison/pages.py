"""A comparison from beginning to end, and the files it leaves: `table.txt`, `methods.md`, `compare.png`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from neuralfinder.comparison import verdict
from neuralfinder.comparison.compare import Comparison, compare
from neuralfinder.errors import NothingTrainedError
from neuralfinder.search.record import as_written


def compare_and_write(comparison: Comparison, folder: Path, published: bool, say: Callable[[str], None]) -> str:
    """Compare, write the files, and return what is to be shown.

    Args:
        comparison: what is compared.
        folder: for the record and the files.
        published: whether figures from the literature are shown too.
        say: is told every result in a line.

    Raises:
        NothingTrainedError: every method failed with every seed.
    """
    rows = compare(comparison, folder, say)
    if all(row.get("failure") for row in rows):
        raise NothingTrainedError("no method ended well; the lines above say why")
    with as_written(folder):
        lines = [verdict.table(rows, published), "", *verdict.verdict(rows)]
    if published:
        lines += ["", verdict.literature()]
    files = [folder / "table.txt", folder / "methods.md"]
    files[0].write_text("\n".join(lines) + "\n", encoding="utf-8")
    files[1].write_text(verdict.methods_page(comparison, rows), encoding="utf-8")
    try:
        verdict.draw(rows, folder / "compare.png")
        files.append(folder / "compare.png")
    except ImportError:
        say("no plot: matplotlib is not installed; `pip install 'neuralfinder[compare]'` brings it")
    return "\n".join(["", *lines, "", "files     " + ", ".join(map(str, files))])
