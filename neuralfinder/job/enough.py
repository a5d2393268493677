"""Whether there are enough data: the winner is trained on shares of them."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from neuralfinder.data import Source
from neuralfinder.data.splits import Rows, half_of
from neuralfinder.job.forecast import SAFETY
from neuralfinder.job.prepare import training_part
from neuralfinder.job.reopened import Reopened, reopened
from neuralfinder.job.settings import Settings
from neuralfinder.search.events import Extrapolated, Share
from neuralfinder.search.record import Record
from neuralfinder.seeds import Seeds
from neuralfinder.training.bag import Bags
from neuralfinder.training.clock import steps_of_epoch
from neuralfinder.training.evaluate import evaluate
from neuralfinder.types import Candidate, Fidelity, Result

HALVINGS = 3
"""Shares of the training part are all, a half, a quarter and an eighth: a curve wants a wide range, and less than an
eighth is mostly another matter, where anything helps (the small data region of Hestness et al. 2017)."""

AS_LONG = 0.9
"""Share of the steps of the whole that a share has to be trained for, to stand beside it."""


def extrapolated(source: Source, settings: Settings, record: Record, seconds: float) -> Extrapolated:
    """Train the winner of a finished run on all of its training part, a half, a quarter and an eighth.

    All are trained for equally many steps, with the rate falling at the end: as many as a finalist had at most, or as
    there is time for. With equal epochs a share would be behind for its few steps, and more data would seem to bring
    what more training does; with equal steps a small share is seen more often, which is what one would do with it.
    Shares are nested, have each class in its share, and whole groups where such were given.

    Args:
        source: the run's data.
        settings: the run's settings.
        record: the run's record; nothing is written to it.
        seconds: wall time for all of it, reading included; a training that time cuts short counts as none.

    Raises:
        RunFolderError: the run is not finished.
    """
    with reopened(source, settings, record, seconds) as run:
        clock, epoch = run.setup.clock, run.setup.steps()
        step = run.plan.speed.rates.step_seconds(run.space.cost(run.winner))
        steps = run.plan.finish.epochs * epoch
        if step > 0:
            steps = max(epoch, min(steps, int(SAFETY * clock.left() / (HALVINGS + 1) / step)))
        shares: list[Share] = []
        for place, rows in enumerate(_halved(run, settings.seed)):
            if clock.left() <= 0 or (place and shares[0].score is None):
                shares.append(Share(len(rows), None, "no time left"))
                continue
            until = time.monotonic() + clock.left() / (HALVINGS + 1 - place)
            result = _trained(run, rows, steps, until, settings)
            done = round(result.done * steps)
            cut = result.ended == "deadline" and done < (AS_LONG * steps if place else epoch)
            score, why = (None, "no time left") if cut else (result.score, result.failure or "")
            shares.append(Share(len(rows), score, why))
            if place == 0:
                steps = max(1, done)  # what there was time for
        return Extrapolated(len(run.setup.validation), run.reached, steps, tuple(reversed(shares)))


def _halved(run: Reopened, seed: int) -> Iterator[Rows]:
    """The rows of the training part, then each time half of those before."""
    rows = run.data.split.train
    for halving in range(HALVINGS + 1):
        yield np.sort(rows)
        rows = half_of(run.data.raw, rows, Seeds(seed).number("enough", halving))


def _trained(run: Reopened, rows: Rows, steps: int, until: float, settings: Settings) -> Result:
    """The winner trained on these rows as finalists are, to the end."""
    setup = dataclasses.replace(
        run.setup,
        train=training_part(run.data, rows, run.setup.device),
        recipe=settings.recipes(run.data.coded.shape)[1],
        clock=run.setup.clock.until(until),
        bags=Bags(run.setup.bags.seconds),
    )
    epochs = steps / steps_of_epoch(len(rows), 1.0, setup.batch_size)
    seed = Seeds(settings.seed).number("enough", run.winner.key)
    candidate = Candidate(-1, run.winner, "enough", (), seed, Fidelity.of(epochs))
    return evaluate(candidate, setup, run.store, "enough")


def keep(found: Extrapolated, folder: Path) -> None:
    """Write it into the record of the run, unless it knows less than what is there or the whole could not be trained.

    Raises:
        RunFolderError: the record cannot be written to.
    """
    if found.shares[-1].score is None:
        return
    with Record(folder / "run.sqlite") as record:
        before = record.latest(Extrapolated)
        if before is None or len(found.scored) >= len(before.scored):
            record.write(found)
