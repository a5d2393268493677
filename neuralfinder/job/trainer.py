"""Full trainings, each written down: what a kill interrupts goes on with the trainings that are whole."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from functools import partial

import torch

from neuralfinder.job.status import Status
from neuralfinder.networks.cost import cost
from neuralfinder.networks.genome import Genome
from neuralfinder.search.archive import Entry
from neuralfinder.search.events import FullyTrained
from neuralfinder.search.executors import Executor, compute, outcome
from neuralfinder.search.loop import HEARTBEAT
from neuralfinder.search.record import Record
from neuralfinder.seeds import Seeds
from neuralfinder.training.build import build
from neuralfinder.training.evaluate import evaluate
from neuralfinder.training.inheritance import State
from neuralfinder.training.train import HALF, PLAIN, Setup, score
from neuralfinder.training.weights import WeightStore
from neuralfinder.types import Candidate, Fidelity, Result


@dataclass(frozen=True, slots=True)
class Trained:
    """A network with weights in the store under `name`, trained for `epochs` (fractions of an epoch count).

    `ended` says why training ended, as in `Training.ended`; `milliseconds` are of a forward pass of one sample, NaN
    where nobody measured them; `seconds` of the last training alone; `half` says of pictures of half the side.
    """

    name: str
    genome: Genome
    score: float
    macs: int
    epochs: float
    curve: tuple[float, ...]
    ended: str
    milliseconds: float
    seconds: float
    half: bool = False

    @classmethod
    def of(cls, name: str, genome: Genome, score: float, planned_epochs: float, result: Result) -> Trained:
        """What a successful training of so many planned epochs left."""
        milliseconds = result.milliseconds[0] if result.milliseconds else math.nan
        return cls(
            name, genome, score, result.macs, planned_epochs * result.done, result.curve, result.ended, milliseconds,
            result.seconds, result.half,
        )  # fmt: skip

    @classmethod
    def as_found(cls, entry: Entry) -> Trained:
        """The network as the search left it."""
        candidate, result = entry.candidates[0], entry.results[0]
        planned = candidate.fidelity.passes
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
        goes_on: Trained | None = None,
        *,
        falls: bool = True,
    ) -> Trained | None:
        """Train a network in at most this share of the time left; `None` when it fails. A whole training is reused.

        Args:
            name: of the training.
            genome: the network.
            epochs: to train.
            setup: data, recipe and clock.
            share: of the time left.
            inherits: ids of trainings whose weights it starts from.
            goes_on: the training that this one goes on from; what comes back is both together.
            falls: whether it is the network's last, see `train`.
        """
        if goes_on and not self.store.trunk_path(goes_on.name).exists():
            goes_on = None  # a recipe whose trainings cannot go on, or weights that were not among the best
        seed = self.seeds.number("final", name, genome.key)
        plan = Candidate(-1, genome, "final", (), seed, Fidelity.of(epochs), inherits=inherits)
        before = goes_on.name if goes_on else None
        reached = goes_on.score if goes_on else None

        def told(epoch: float, epochs: float, score: float | None) -> None:
            self.status.train(name, genome.key, epoch, epochs, reached if score is None else score)

        train = partial(evaluate, store=self.store, name=name, goes_on=before, falls=falls, told=told)
        told(0.0, epochs, None)
        epochs, result = self._recorded(name, genome) or self._new(train, name, plan, setup, share)
        if result.score is None:
            self.status.say(f"{name} {genome.key} failed: {result.failure}: {result.detail}")
            return None
        trained = Trained.of(name, genome, result.score, epochs, result)
        if goes_on is None:
            return trained
        epochs, curve = goes_on.epochs + trained.epochs, goes_on.curve + trained.curve
        return dataclasses.replace(trained, epochs=epochs, curve=curve)

    def join(self, name: str, members: Sequence[Trained], setup: Setup) -> Trained:
        """Networks of one kind as one that answers by the mean of their probabilities, measured and written down.

        Args:
            name: of it.
            members: two or more; all on pictures of the same side.
            setup: has the validation part.

        Raises:
            MachineError: weights are gone, or spoilt, since they were written.
        """
        first = members[0]
        genome = dataclasses.replace(first.genome, copies=len(members))
        _, result = self._recorded(name, genome) or (0.0, None)
        if result is None:
            parents = [self.store.needed(each.name) for each in members]
            state = {f"{place}.{key}": own for place, each in enumerate(parents) for key, own in each.state.items()}
            self.store.save(name, genome, state)
            result = compute(self.executor, _judged, genome, state, setup, members)
            self.record.write(FullyTrained(name, genome.key, 0.0, self.store.fingerprint(name), result))
        joined = Trained.of(name, genome, float(result.score or 0.0), 0.0, result)
        return dataclasses.replace(joined, epochs=first.epochs, curve=(*first.curve, joined.score))

    def _recorded(self, name: str, genome: Genome) -> tuple[float, Result] | None:
        """The epochs and the result of the last training of this name, if the weights that are there are its own.

        Others are there when it was done again, since they were gone, and a kill came before that was written down; or
        when somebody has exchanged them.
        """
        before = [event for event in self.record.events() if isinstance(event, FullyTrained) and event.name == name]
        for event in reversed(before):
            whole = event.result.failure or event.weights == self.store.fingerprint(name)
            if whole and event.genome == genome.key:
                return event.epochs, event.result
        if before:
            self.status.say(f"{name} is trained again: its weights are gone, spoilt or exchanged")
        return None

    def _new(
        self, train: Callable[..., Result], name: str, candidate: Candidate, setup: Setup, share: float
    ) -> tuple[float, Result]:
        clock = setup.clock.until(time.monotonic() + share * max(0.0, setup.clock.left()))
        future = self.executor.submit(partial(train, setup=dataclasses.replace(setup, clock=clock)), candidate)
        while not future.done():
            wait([future], timeout=HEARTBEAT)
            self.status.keep()
        result = outcome(candidate.id, future)
        weights = None if result.failure else self.store.fingerprint(name)
        epochs = candidate.fidelity.passes
        self.record.write(FullyTrained(name, candidate.genome.key, epochs, weights, result))
        return epochs, result


def _judged(genome: Genome, state: State, setup: Setup, members: Sequence[Trained]) -> Result:
    """How good networks are together on the validation part."""
    began, half, alone = time.monotonic(), members[0].half, [each.milliseconds for each in members]
    network = build(genome, setup.shape, setup.classes, initialisation=None)
    network.load_state_dict(state)
    network.to(setup.device)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks the keyword
    reached = score(network, setup.of(genome).validation, setup.of(genome), HALF if half else PLAIN)
    size = cost(genome, setup.shape, setup.classes)
    return Result(
        -1, reached, curve=(reached,), ended="complete", seconds=time.monotonic() - began, parameters=size.parameters,
        macs=size.macs, milliseconds=() if any(map(math.isnan, alone)) else (sum(alone),), half=half,
    )  # fmt: skip
