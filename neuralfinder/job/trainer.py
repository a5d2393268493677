"""Full trainings, each written down: what a kill interrupts goes on with the trainings that are whole."""

from __future__ import annotations

import dataclasses
import math
import time
from concurrent.futures import wait
from dataclasses import dataclass
from functools import partial

from neuralfinder.job.status import Status
from neuralfinder.networks.genome import Genome
from neuralfinder.search.archive import Entry
from neuralfinder.search.events import FullyTrained
from neuralfinder.search.executors import Executor, outcome
from neuralfinder.search.loop import HEARTBEAT
from neuralfinder.search.record import Record
from neuralfinder.seeds import Seeds
from neuralfinder.training.evaluate import evaluate
from neuralfinder.training.train import Setup
from neuralfinder.training.weights import WeightStore
from neuralfinder.types import Candidate, Fidelity, Result


@dataclass(frozen=True, slots=True)
class Trained:
    """A network with weights in the store under `name`, trained for `epochs` (fractions of an epoch count).

    `ended` says why training ended, as in `Training.ended`; `milliseconds` are of a forward pass of one sample, NaN
    where nobody measured them.
    """

    name: str
    genome: Genome
    score: float
    macs: int
    epochs: float
    curve: tuple[float, ...]
    ended: str
    milliseconds: float

    @classmethod
    def of(cls, name: str, genome: Genome, score: float, planned_epochs: float, result: Result) -> Trained:
        """What a successful training of so many planned epochs left."""
        epochs = planned_epochs * result.done
        milliseconds = result.milliseconds[0] if result.milliseconds else math.nan
        return cls(name, genome, score, result.macs, epochs, result.curve, result.ended, milliseconds)

    @classmethod
    def as_found(cls, entry: Entry) -> Trained:
        """The network as the search left it."""
        candidate, result = entry.candidates[0], entry.results[0]
        planned = candidate.fidelity.epochs * candidate.fidelity.share
        return cls.of(str(candidate.id), entry.genome, entry.score, planned, result)


@dataclass(frozen=True, slots=True)
class Trainer:
    """Where full trainings are done, where their weights lie and where they are written down."""

    executor: Executor
    store: WeightStore
    record: Record
    seeds: Seeds
    status: Status

    def train(
        self,
        name: str,
        genome: Genome,
        epochs: float,
        setup: Setup,
        share: float = 1.0,
        inherits: tuple[int, ...] = (),
    ) -> Trained | None:
        """Train a network in at most this share of the time left; `None` when it fails. A whole training is reused."""
        epochs, result = self._recorded(name, genome) or self._new(name, genome, epochs, setup, share, inherits)
        if result.score is None:
            self.status.say(f"{name} {genome.key} failed: {result.failure}: {result.detail}")
            return None
        return Trained.of(name, genome, result.score, epochs, result)

    def _recorded(self, name: str, genome: Genome) -> tuple[float, Result] | None:
        """The epochs and the result of the last training of this name, if the weights that are there are its own.

        Others are there when it was done again, since they were gone, and a kill came before that was written down.
        """
        before = [event for event in self.record.events() if isinstance(event, FullyTrained) and event.name == name]
        for event in reversed(before):
            whole = event.result.failure or event.weights == self.store.fingerprint(name)
            if whole and event.genome == genome.key:
                return event.epochs, event.result
        return None

    def _new(
        self, name: str, genome: Genome, epochs: float, setup: Setup, share: float, inherits: tuple[int, ...]
    ) -> tuple[float, Result]:
        clock = setup.clock.until(time.monotonic() + share * max(0.0, setup.clock.left()))
        setup = dataclasses.replace(setup, clock=clock)
        seed = self.seeds.number("final", name, genome.key)
        candidate = Candidate(-1, genome, "final", (), seed, Fidelity.of(epochs), inherits=inherits)
        future = self.executor.submit(partial(evaluate, setup=setup, store=self.store, name=name), candidate)
        while not future.done():
            wait([future], timeout=HEARTBEAT)
        result = outcome(candidate.id, future)
        weights = None if result.failure else self.store.fingerprint(name)
        self.record.write(FullyTrained(name, genome.key, epochs, weights, result))
        return epochs, result
