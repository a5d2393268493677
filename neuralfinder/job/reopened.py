"""A finished run, opened again for more trainings of its winner, which change nothing of its result."""

from __future__ import annotations

import dataclasses
import math
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from neuralfinder.data import Divided, Source
from neuralfinder.errors import RunFolderError
from neuralfinder.job.factories import make_space
from neuralfinder.job.plan import Plan
from neuralfinder.job.prepare import divided, make_setup
from neuralfinder.job.settings import Settings
from neuralfinder.job.status import Status
from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.genome import Genome, parse
from neuralfinder.search.events import Finished, Planned
from neuralfinder.search.record import Record, as_written
from neuralfinder.training.clock import Clock
from neuralfinder.training.machine import find_device, keep_memory
from neuralfinder.training.metrics import ACCURACY
from neuralfinder.training.train import Setup
from neuralfinder.training.weights import WeightStore


@dataclass(frozen=True, slots=True)
class Reopened:
    """What trainings after the end need.

    `setup` is as that of the search, but by accuracy, whatever the run was about: that is what is told of these
    trainings. `store` is a place of their own; `reached` is the winner's validation accuracy.
    """

    plan: Plan
    data: Divided
    setup: Setup
    space: ChainSpace
    winner: Genome
    reached: float
    store: WeightStore


@contextmanager
def reopened(source: Source, settings: Settings, record: Record, seconds: float) -> Iterator[Reopened]:
    """Read the data of a finished run again.

    Args:
        source: the run's data.
        settings: the run's settings.
        record: the run's record; nothing is written to it.
        seconds: until the deadline of the clock, reading included.

    Raises:
        RunFolderError: the run is not finished.
    """
    clock = Clock(time.monotonic() + seconds)
    finished, planned = record.latest(Finished), record.latest(Planned)
    if not finished or not planned:
        raise RunFolderError("the run", given="not finished", expected="a finished one", mend="let it end first")
    with as_written(Path("the run")):
        plan = Plan.read(planned.plan)
    keep_memory()
    with tempfile.TemporaryDirectory() as scratch:
        data = divided(source.load(Path(scratch)), settings)
        setup = make_setup(data, settings, find_device(settings.device), Status())
        setup = dataclasses.replace(setup, clock=clock, metric=ACCURACY, **dataclasses.asdict(plan.training))
        task, speed = plan.task, plan.speed
        space = make_space(settings, task.shape, task.classes, speed.rates, math.inf, speed.forward, plan.training)
        store = WeightStore(Path(scratch) / "weights")
        winner, reached = parse(finished.outcome["genome"]), finished.outcome["validation_accuracy"]
        yield Reopened(plan, data, setup, space, winner, reached, store)
