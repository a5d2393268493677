"""What a run looks like on a terminal, and in a file."""

from __future__ import annotations

import dataclasses
import math
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

from neuralfinder.errors import RunFolderError
from neuralfinder.job.status import Status
from neuralfinder.plain import as_json, printable
from neuralfinder.search.record import Record
from neuralfinder.show.listeners import mute, say
from neuralfinder.training.metrics import ACCURACY, Metric

LINE_EVERY = 5.0
"""Seconds between progress lines in a file."""

SCALE = ("#440154", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#a0da39", "#fde725")
"""Worst to best: eight steps of viridis, which survives colour blindness and grey print."""


BARS = "▁▂▃▄▅▆▇█"


class View:
    """Shows a status until the block ends; subclasses draw.

    Args:
        status: what to show.
        every: seconds between two looks.

    Attributes:
        found: the run when it is finished, to be shown at the end where there is room for it.
    """

    def __init__(self, status: Status, every: float) -> None:
        self.status, self._every = status, every
        self.found: Any = None
        self._shown = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="view", daemon=True)

    def __enter__(self) -> View:
        self.draw(self._new_lines())
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self.draw(self._new_lines())

    def draw(self, lines: list[str]) -> None:
        """Show the new whole lines and the state as it is now."""

    def _watch(self) -> None:
        while not self._over.wait(self._every):
            self.draw(self._new_lines())

    def _new_lines(self) -> list[str]:
        lines = self.status.lines[self._shown :]
        self._shown += len(lines)
        return lines


class PlainView(View):
    """Whole lines, no colours: for files and pipes."""

    def __init__(self, status: Status, stream: TextIO) -> None:
        super().__init__(status, every=0.5)
        self._stream, self._next = stream, LINE_EVERY

    def draw(self, lines: list[str]) -> None:
        """Print new lines, and a progress line every few seconds."""
        if self.status.elapsed >= self._next and self.status.phase != "done":
            self._next = self.status.elapsed + LINE_EVERY
            lines = [*lines, progress_line(self.status)]
        say(self._stream, *map(printable, lines))


class EventView(View):
    """The record as it grows, one JSON object a line: for programs.

    What is no event, such as a note on the data, is an object with `kind` `line` and its `text`.

    Args:
        status: what else to show.
        stream: where to.
        record: the SQLite file, there or not yet.
    """

    def __init__(self, status: Status, stream: TextIO, record: Path) -> None:
        super().__init__(status, every=0.2)
        self._stream, self._record, self._number = stream, record, 0

    def draw(self, lines: list[str]) -> None:
        """Print new lines and new events."""
        rows: list[Mapping[str, Any]] = [{"kind": "line", "text": line} for line in lines]
        with suppress(RunFolderError):  # not there yet
            with Record(self._record, readonly=True) as record:
                events = list(record.read(self._number))
            self._number = events[-1].number if events else self._number
            rows += [dataclasses.asdict(event) for event in events]
        say(self._stream, *map(as_json, rows))


class LiveView(View):
    """The world, the best so far and the time left, redrawn in place."""

    def __init__(self, status: Status, console: Console) -> None:
        super().__init__(status, every=0.25)
        self._heard, self._console = True, console
        self._live, self._size = self._fresh(), console.size

    def _fresh(self) -> Live:
        return Live(console=self._console, auto_refresh=False, transient=True)

    def __enter__(self) -> View:
        self._while_heard(self._live.start)
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, traceback)
        self._while_heard(self._live.stop)

    def draw(self, lines: list[str]) -> None:
        """Print new lines above the picture and renew it."""
        if self._console.size != self._size:
            self._size = self._console.size
            self._while_heard(self._begin_anew)
        self._while_heard(*(partial(self._console.print, Text(line)) for line in lines))
        self._while_heard(lambda: self._live.update(picture(self.status, self._size.width), refresh=True))

    def _begin_anew(self) -> None:
        """Where the size has changed, nobody knows on how many lines the picture stands now: all is drawn again."""
        self._live.stop()
        self._console.clear()
        for line in self.status.lines[: self._shown][-self._size.height :]:
            self._console.print(Text(line))
        self._live = self._fresh()
        self._live.start()

    def _while_heard(self, *steps: Callable[[], object]) -> None:
        """The run goes on where the terminal was closed; rich would end the program where a pipe breaks."""
        try:
            for step in steps:
                if self._heard:
                    step()
        except (OSError, ValueError, SystemExit):
            self._heard = False
            mute(self._live.console.file)


def view(status: Status, quiet: bool = False, record: Path | None = None) -> View:
    """The view that fits standard output; events of the record where this is given."""
    if record:
        return EventView(status, sys.stdout, record)
    if quiet or sys.stdout is None:
        return View(status, every=60)
    if sys.stdout.isatty():
        return LiveView(status, Console())
    return PlainView(status, sys.stdout)


def progress_line(status: Status) -> str:
    """One line: time, phase, candidates, best, time left."""
    words = [f"{status.elapsed:6.0f} s", status.phase]
    if status.phase in ("reading", "finishing") and status.total > 1:
        words.append(_progress(status))
    if status.training:
        words.append(_training(status))
    elif status.counts:
        words.append(_counts(status))
    if status.best is not None and not status.training:
        words.append(f"best {_best(status)} in short training")
    if status.left is not None:
        words.append(f"{status.left:.0f} s left")
    return "  ".join(words)


def _best(status: Status) -> str:
    """The best score, with its name where it is no accuracy."""
    return _named(status.metric, status.metric.words(status.best or 0.0))


def _named(metric: Metric, figure: str) -> str:
    return figure if metric == ACCURACY else f"{metric.title} {figure}"


ROOMY = 50
"""Columns that figures need beside the world; where there are fewer, they stand below it."""

NARROW = 36
"""Columns below which words would be broken; figures are cut there, a line each."""


def picture(status: Status, width: int = 80) -> Group:
    """The live picture: the world as coloured cells, and the figures beside or below it.

    Args:
        status: what to show.
        width: columns of the terminal.
    """
    beside = Table.grid(Column(no_wrap=True), Column(), padding=(0, 2))
    cells = world(status.view)
    room = width - max(map(len, cells.plain.split("\n"))) - 3
    for name, value in [("phase", phase(status)), *figures(status)]:
        one = name == "last" or width < NARROW
        beside.add_row(Text(name, style="dim"), Text(printable(value), overflow="ellipsis", no_wrap=one))
    if not cells or room < ROOMY:
        return Group(Text(), *([cells] if cells else []), beside)
    both = Table.grid(padding=(0, 3))
    both.add_row(cells, beside)
    return Group(Text(), both)


def figures(status: Status) -> list[tuple[str, str]]:
    """Where a run stands, but for its phase: names and values; an empty name goes on with the one before."""
    rows = [("time", _time(status))]
    if status.training:
        rows.append(("training", _training(status)))
    if status.counts:
        rows.append(("candidates", _counts(status)))
    if status.view.get("round"):
        most = f" of at most {status.view['rounds']}" if status.view["rounds"] else ""
        rows.append(("round", f"{status.view['round']}{most}"))
    if status.best is not None:
        rows += [("best", f"{_best(status)} on validation in short training"), ("", status.best_genome)]
    if len(status.bests) > 1:
        rows.append(("so far", sparkline(status.bests)))
    return rows + [("" if place else "last", words) for place, words in enumerate(reversed(status.recent))]


@contextmanager
def bar(stream: TextIO, shown: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar that is told of samples done and in all, if it is to be shown at all; it is gone at the end."""
    if not shown:  # older versions of rich write an empty line for one that is disabled
        yield lambda done, total: None
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=stream), transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def sparkline(values: Sequence[float], width: int = 40) -> str:
    """The course of values that never fall as a line of bars, the newest at the end."""
    step = max(1, -(-len(values) // width))
    some = [*values[step - 1 :: step], *([values[-1]] if len(values) % step else [])]
    low, high = some[0], some[-1]
    places = [(value - low) / (high - low) if high > low else 1.0 for value in some]
    return "".join(BARS[min(len(BARS) - 1, int(place * len(BARS)))] for place in places)


def world(seen: Mapping[str, Any]) -> Text:
    """The cells of the world, dark for weak to bright for strong, pale for lives without a score; empty at first."""
    rows = seen.get("world") or []
    lives = [life for row in rows for life in row if life]
    scores = [life["score"] for life in lives if life["score"] is not None]
    low, high = min(scores, default=0.0), max(scores, default=1.0)
    text = Text()
    for row in rows:
        for life in row:
            if life is None or life["score"] is None:
                text.append("· " if life is None else "▒▒", style="dim")
                continue
            place = (life["score"] - low) / (high - low) if high > low else 1.0
            text.append("██", style=SCALE[min(len(SCALE) - 1, int(place * len(SCALE)))])
        text.append("\n")
    return text


def phase(status: Status) -> str:
    """What a run is at, and how far."""
    return f"{status.phase} {_progress(status)}" if status.total > 1 else status.phase


def _progress(status: Status) -> str:
    of = f"{status.done:,} of {status.total:,}"
    return f"{of} trainings done" if status.phase == "finishing" else of


def _training(status: Status) -> str:
    """How far the full training is that goes on: the epoch it is in, and the figure so far."""
    metric = status.metric
    epoch, epochs, told = (status.training[name] for name in ("epoch", "epochs", metric.key("validation")))
    last = max(1, math.ceil(epochs))
    reached = "" if told is None else f", {_named(metric, metric.text(told))} on validation"
    return f"epoch {min(last, math.floor(epoch) + 1)} of {last}{reached}"


def _time(status: Status) -> str:
    left = "" if status.left is None else f", {status.left:.0f} s left"
    return f"{status.elapsed:.0f} s{left}"


def _counts(status: Status) -> str:
    counts = status.counts
    done = counts["trained"] + counts["failed"]
    aim = f"about {status.aim}" if status.about else f"{status.aim}"
    words = f"{done} of {aim} done" if done <= status.aim else f"{done} done"  # `about` may be too few
    return f"{words}, {counts['failed']} failed, {counts['cached']} proposed again"
