"""A run as a value: to look at in a program or a notebook, also when its folder is gone."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neuralfinder.data.files import as_path
from neuralfinder.errors import MachineError, RunFolderError
from neuralfinder.plain import as_json, from_json
from neuralfinder.search.events import E, Event, Finished, understood
from neuralfinder.search.record import Record, as_written
from neuralfinder.show.notebook import run_card
from neuralfinder.show.page.document import offline_page
from neuralfinder.show.page.story import told
from neuralfinder.show.report import top
from neuralfinder.training.files import write
from neuralfinder.types import Line

RECORD, RESULT = "run.sqlite", "result.json"
"""Names of the files that it writes into a folder."""

PAGE, PAGE_ELSEWHERE = "report.html", "neuralfinder-report.html"
"""Names of the page about it, in its folder and in the working folder."""

COUNT = 15
"""Networks on a leaderboard, as `neuralfinder top` shows them."""


@dataclass(frozen=True)
class Run:
    """A run, finished or not: what is in its record. A notebook shows it as a card.

    Attributes:
        folder: where it lies; `None` where that was a temporary one.
        packed: the record's lines, compressed; two runs are equal where these are.

    Example:
        >>> run = neuralfinder.Run.load("runs/bars")
        >>> run.result["test_accuracy"] == finder.result_["test_accuracy"]
        True
    """

    folder: Path | None = field(compare=False)
    packed: bytes = field(repr=False)

    @classmethod
    def load(cls, folder: str | Path) -> Run:
        """Read the record of a run folder, also while the run goes on: what is there by now.

        Args:
            folder: as `neuralfinder search --run`, `fit` or `save` left it.

        Raises:
            RunFolderError: no record there, or a spoilt one.

        Example:
            >>> neuralfinder.Run.load("runs/bars").folder
            PosixPath('runs/bars')
        """
        folder = as_path(folder)
        with Record(folder / RECORD, readonly=True) as record:
            rows = [[line.number, line.time, line.kind, line.data] for line in record.read()]
        return cls(folder, zlib.compress(json.dumps(rows).encode()))

    @property
    def result(self) -> dict[str, Any] | None:
        """What the run found, as in `result.json`; `None` while it is not finished.

        Example:
            >>> finder.run_.result["status"]
            'done'
        """
        finished = self.latest(Finished)
        return dict(finished.outcome) if finished else None

    def events(self) -> Iterator[Event]:
        """The events of the record in order.

        Raises:
            RunFolderError: one that is no event of a run, or spoilt.

        Example:
            >>> [event.kind for event in finder.run_.events()][:2]
            ['run', 'data']
        """
        return understood(self._lines())

    def latest(self, kind: type[E]) -> E | None:
        """The latest event of a kind, `None` where there is none.

        Raises:
            RunFolderError: it is spoilt.

        Example:
            >>> from neuralfinder.search.events import Stopped
            >>> finder.run_.latest(Stopped).reason
            'all candidates trained'
        """
        lines = [line for line in self._lines() if line.kind == kind.kind]
        return kind.of(lines[-1]) if lines else None

    def leaderboard(self, count: int = COUNT) -> Any:
        """The best networks, with columns and figures as `neuralfinder top --format json` has them.

        Args:
            count: how many, 1 or more; all where there are fewer.

        Returns:
            A `pandas.DataFrame` where pandas is installed, elsewhere a list with a dictionary for each network.

        Example:
            >>> finder.run_.leaderboard(2)["rank"].tolist()
            [1, 2]
        """
        rows = self.rows(count)
        try:
            from pandas import DataFrame
        except ImportError:
            return rows
        return DataFrame(rows)

    def rows(self, count: int = COUNT) -> list[dict[str, Any]]:
        """The same as a list with a dictionary for each network, whether pandas is there or not.

        Args:
            count: as for `leaderboard`.

        Example:
            >>> [row["rank"] for row in finder.run_.rows(3)]
            [1, 2, 3]
        """
        with self._as_written():
            rows = from_json(top(self, count, "json"))  # type: ignore[arg-type]  # events are all that it asks for
        return list(rows)

    def report(self, path: str | Path | None = None) -> Path:
        """Write the page about the run as one file that needs nothing else, and say where it is.

        Args:
            path: the file, which is written over. Not given: `report.html` in the run folder, and where there is none
                `neuralfinder-report.html` in the working folder.

        Raises:
            MachineError: it cannot be written there.

        Example:
            >>> finder.run_.report("about.html")
            PosixPath('about.html')
        """
        if path is None:
            path = self.folder / PAGE if self.folder and self.folder.is_dir() else PAGE_ELSEWHERE
        path = as_path(path)
        with self._as_written():
            page = offline_page(told(self.events()))
        write(path, page)
        return path

    def save(self, folder: str | Path) -> None:
        """Write `run.sqlite` and `result.json` into a folder, which the command line takes for the run's.

        Args:
            folder: made where it is missing; it may hold the same run already, and no other.

        Raises:
            RunFolderError: it holds another run.
            MachineError: it cannot be written to.

        Example:
            >>> finder.run_.save("runs/kept")
            >>> neuralfinder.Run.load("runs/kept") == finder.run_
            True
        """
        folder = as_path(folder)
        path = folder / RECORD
        if path.exists() and Run.load(folder) != self:
            raise RunFolderError(
                str(folder), given="a folder with another run", expected="a new one, or that of this run",
                mend="name another",
            )  # fmt: skip
        if not path.exists():
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise MachineError.of(error, folder) from error
            with Record(path) as record:
                record.take(self._lines())
        if result := self.result:
            write(folder / RESULT, as_json(result, indent=1))

    def _repr_html_(self) -> str:
        """The card that a notebook shows."""
        with self._as_written():
            return run_card(list(self.events()), self.folder)

    def _lines(self) -> Iterator[Line]:
        return (Line(*row) for row in from_json(zlib.decompress(self.packed)))

    def _as_written(self) -> AbstractContextManager[None]:
        return as_written(self.folder or Path("the run"))
