"""What a notebook shows: a run while it goes on, and the card of what came of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from html import escape
from pathlib import Path
from types import TracebackType
from typing import Any

from neuralfinder.job.status import Status
from neuralfinder.networks.drawing import bands, card, drawing, svg
from neuralfinder.networks.genome import parse
from neuralfinder.plain import printable
from neuralfinder.search.archive import Later, read_trainings, scores_by_genome
from neuralfinder.search.events import Asked, Begun, Event, Finished
from neuralfinder.show import terminal
from neuralfinder.show.listeners import say
from neuralfinder.show.report import summary
from neuralfinder.show.terminal import SCALE, View, figures, phase, progress_line
from neuralfinder.training.metrics import Metric

EVERY = 1.0
"""Seconds between two looks at a run."""

SIDE = 240
"""Of the picture of the world, in pixels."""

DRAWN = 12
"""Side of the largest world whose cells are drawn by their networks; those of larger ones are too small for it."""

SHOWN = 60
"""Side of the largest world that is drawn at all: a cell is 4 pixels wide then."""

NAMES = 10
"""Letters of a line of `summary` that name what it is about."""

Cells = Mapping[tuple[int, int], str]
"""Who lives where in the world: rows and columns, and the texts of genomes."""


def shell() -> Any:
    """The shell of the notebook that this program runs in, `None` elsewhere; nothing is imported to know it."""
    ipython = sys.modules.get("IPython")
    found = ipython.get_ipython() if ipython else None
    return found if hasattr(found, "kernel") else None


def cell_number() -> int | None:
    """Of the cell that the notebook computes, `None` where there is no notebook."""
    return getattr(shell(), "execution_count", None)


def view(status: Status, quiet: bool = False) -> View:
    """The view for a program: a `NotebookView` in a notebook, elsewhere that of `terminal.view`."""
    return NotebookView(status) if shell() and not quiet else terminal.view(status, quiet)


class NotebookView(View):
    """A run in a cell of a notebook: where it stands, renewed in place, and at its end the card of what was found.

    Lines about data and plan are printed below it. Where the notebook does not take any more, the run goes on unseen.
    """

    def __init__(self, status: Status) -> None:
        super().__init__(status, EVERY)
        self._handle: Any = None
        self._last = ""
        self._ended = ""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind:
            self._ended = f"Stopped while {self.status.phase}: {kind.__name__}"
        super().__exit__(kind, error, traceback)

    def draw(self, lines: list[str]) -> None:
        """Renew the card, and print new lines."""
        if self.found:
            self._put(self.found._repr_html_(), self.found.result.get("verdict", "Finished."))
        else:
            plain = self._ended or progress_line(self.status).strip()
            self._put(status_card(self.status, self._ended), plain)
        say(sys.stdout, *map(printable, lines))

    def _put(self, page: str, plain: str) -> None:
        if page == self._last:
            return
        self._last, both = page, {"text/html": page, "text/plain": plain}
        try:
            if self._handle:
                self._handle.update(both, raw=True)
            else:
                from IPython.display import display

                self._handle = display(both, raw=True, display_id=True)
        except Exception:  # noqa: S110 - whatever a kernel that ends raises
            pass


def status_card(status: Status, ended: str = "") -> str:
    """Where a run stands, as a card; `ended` says how it ended without a result, empty while it goes on."""
    lives = {
        (row, column): life
        for row, line in enumerate(status.view.get("world") or ())
        for column, life in enumerate(line)
        if life
    }
    cells = {cell: life["genome"] for cell, life in lives.items()}
    scores = {life["genome"]: life["score"] for life in lives.values() if life["score"] is not None}
    first = ended or f"{phase(status).capitalize()} ..."
    side = len(status.view.get("world") or ())
    return card(first, (), figures(status), *_world(cells, scores, side, status.metric))


def run_card(events: Sequence[Event], folder: Path | None) -> str:
    """What a run found, or how far it is, as a card.

    Args:
        events: of its record, in order.
        folder: where it lies, `None` where it is gone.
    """
    outcome = next((event.outcome for event in reversed(events) if isinstance(event, Finished)), None)
    trainings, metric = read_trainings(events), Later.of(events).metric
    where = [("run", str(folder))] if folder else []
    cells = {
        (change["cell"][0], change["cell"][1]): change["genome"]
        for event in events
        if isinstance(event, Asked)
        for note in event.notes
        if note["kind"] in ("settled", "round")
        for change in note["changed"]
    }
    side = 1 + max((place for cell in cells for place in cell), default=-1)
    if outcome is None:
        data = [("data", event.data) for event in events if isinstance(event, Begun)][-1:]
        done = sum(result is not None for _, result in trainings)
        first = f"Not finished: {done} network{'s' * (done != 1)} trained so far."
        return card(first, (), [*data, *where], *_world(cells, scores_by_genome(trainings), side, metric))
    said = [outcome["verdict"], *outcome["cautions"]] if "verdict" in outcome else []
    facts = [(line[:NAMES].strip(), line[NAMES:].strip()) for line in summary(outcome)[len(said) :]]
    drawn = _world(cells, scores_by_genome(trainings), side, metric, outcome["genome"])
    if not drawn[0]:
        drawn = drawing(parse(outcome["genome"])), "The network, from its first layer to its answer."
    return card(said[0] if said else "Finished.", said[1:], [*facts, *where], *drawn)


def _world(cells: Cells, scores: Mapping[str, float], side: int, metric: Metric, winner: str = "") -> tuple[str, str]:
    """The drawing of a world and what stands below it; empty where there is none, or too large a one."""
    if not cells or side > SHOWN:
        return "", ""
    known = [scores[genome] for genome in cells.values() if genome in scores]
    low, high = min(known, default=0.0), max(known, default=1.0)
    said = f"A world of {side} x {side} cells with {len(cells)} networks"
    told = f", the brighter the better: short scores from {metric.words(low)} to {metric.words(high)}" if known else ""
    framed = "; the winner is framed" if winner in cells.values() else ""
    look = partial(_cell, side=side, scores=scores, ends=(low, high), winner=winner, metric=metric)
    parts = (part for cell, genome in cells.items() for part in look(cell, genome))
    return svg(SIDE, SIDE, said, parts), f"{said}{told}{framed}."


def _cell(
    cell: tuple[int, int],
    genome: str,
    side: int,
    scores: Mapping[str, float],
    ends: tuple[float, float],
    winner: str,
    metric: Metric,
) -> Iterator[str]:
    """One life: a square as bright as it is good, with its network in it, and its score for a pointer that rests."""
    wide, (low, high), score = SIDE / side, ends, scores.get(genome)
    left, top, inside = cell[1] * wide, cell[0] * wide, wide - (2 if side <= DRAWN else 0)
    if score is None:
        fill, ink, words = "none", "currentColor", "no score"
    else:
        step = min(len(SCALE) - 1, int(len(SCALE) * ((score - low) / (high - low) if high > low else 1.0)))
        fill, ink = SCALE[step], "#ffffff" if step < len(SCALE) / 2 else "#000000"
        words = f"short score {metric.words(score)}"
    yield f"<g><title>{escape(printable(genome))}: {words}</title>"
    yield f'<rect x="{left:.1f}" y="{top:.1f}" width="{inside:.1f}" height="{inside:.1f}" fill="{fill}"'
    yield f' stroke="currentColor" stroke-width="{4 if genome == winner else 0.3}"/>'
    if side <= DRAWN:
        edge = 0.12 * wide
        yield from bands(parse(genome), left + edge, top + edge, wide - 2 * edge - 2, wide - 2 * edge - 2, ink)
    yield "</g>"
