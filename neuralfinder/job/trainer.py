"""Full trainings, each written down: what a kill interrupts goes on with the trainings that are whole."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

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
from neuralfinder.training.train import HALF, PLAIN, Setup, Told, score
from neuralfinder.training.weights import WeightStore
from neuralfinder.types import Candidate, Fidelity, Result


@dataclass(frozen=True, slots=True)
class Trained:
    """A network with weights in the store under `name`, trained for `epochs` (fractions of an epoch count).

    `ended` says why training ended, as in `Training.ended`; `milliseconds` are of a forward pass of one sample, those
    `of_batch` of one of a batch, NaN where nobody measured them; `seconds` of the last training alone; `half` says of
    pictures of half the side.
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
    of_batch: float = math.nan

    @classmethod
    def of(cls, name: str, genome: Genome, score: float, planned_epochs: float, result: Result) -> Trained:
        """What a successful training of so many planned epochs left."""
        milliseconds, of_batch, *_ = (*result.milliseconds, math.nan, math.nan)
        return cls(
            name, genome, score, result.macs, planned_epochs * result.done, result.curve, result.ended, milliseconds,
            result.seconds, result.half, of_batch,
        )  # fmt: skip

    @classmethod
    def as_found(cls, entry: Entry) -> Trained:
        """The network as the search left it."""
        candidate, result = entry.candidates[0], entry.results[0]
        planned = candidate.fidelity.passes
        return cls.of(str(candidate.id), entry.genome, entry.score, planned, result)


@dataclass(frozen=True, slots=True)
class Asked:
    """A training that is wanted.

    Attributes:
        name: of the training.
        genome: the network.
        epochs: to train.
        goes_on: the training that this one goes on from; what comes back is both together.
        inherits: ids of trainings whose weights it starts from.
    """

    name: str
    genome: Genome
    epochs: float
    goes_on: Trained | None = None
    inherits: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Processes:
    """Those that train networks beside each other, each with its share of the cores.

    Attributes:
        begin: gives an executor of so many of them.
        at_once: networks at most that are trained faster together than one after the other with all cores each.
        folder: for samples that they map, and how far they say that they are.
    """

    begin: Callable[[int], Executor]
    at_once: int
    folder: Path


@dataclass(frozen=True, slots=True)
class _Kept:
    """Writes down how far a training is, for another process; a disk that refuses it harms nobody."""

    file: Path

    def __call__(self, epoch: float, epochs: float, score: float | None) -> None:
        part = self.file.with_suffix(".part")
        with suppress(OSError):
            part.write_text(json.dumps([epoch, epochs, score]), encoding="utf-8")
            part.replace(self.file)

    def read(self) -> tuple[float, float, float | None] | None:
        """What was written last; `None` before anything was."""
        try:
            epoch, epochs, score = json.loads(self.file.read_text(encoding="utf-8"))
        except OSError:
            return None
        return epoch, epochs, score


@dataclass(frozen=True, slots=True)
class Trainer:
    """Where full trainings are done, where their weights lie and where they are written down.

    Attributes:
        executor: trains, and computes all else.
        store: has the weights.
        record: is told of each training.
        seeds: of trainings.
        status: is told how far they are.
        processes: train networks beside each other, where that is to be.
    """

    executor: Executor
    store: WeightStore
    record: Record
    seeds: Seeds
    status: Status
    processes: Processes | None = None

    @property
    def at_once(self) -> int:
        """Networks at most that are trained beside each other."""
        return self.processes.at_once if self.processes else 1

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
        asked = Asked(name, genome, epochs, goes_on, inherits)
        return self._here([asked], setup, share, falls=falls)[0]

    def train_beside(
        self, asked: Sequence[Asked], at_once: int, setup: Setup, share: float = 1.0, *, falls: bool = True
    ) -> list[Trained | None]:
        """The same of several trainings, so many of them `at_once`, each in a process with its part of the cores.

        One after the other in this one where no process can begin, or there is no room for what they share.

        Raises:
            ValueError: there are no processes.
        """
        if self.processes is None:
            raise ValueError("networks cannot be trained beside each other: expected processes")
        try:
            executor, folder = self.processes.begin(at_once), self.processes.folder
            shared = setup.filed(folder / f"{len(setup.train)}")
        except OSError as error:
            self.status.say(f"no other process can train ({error}): networks are trained one after the other")
            return self._here(asked, setup, share, falls=falls)
        self.status.say(f"{', '.join(each.name for each in asked)}: {at_once} train at once, in a process each")
        kept = [_Kept(folder / f"{each.name}.epoch") for each in asked]
        for each, own in zip(asked, kept, strict=True):
            own(0.0, each.epochs, each.goes_on.score if each.goes_on else None)

        def hear(running: Sequence[int]) -> None:
            self._hear({asked[place].name: kept[place] for place in running}, asked[0].genome)

        return self._all(asked, executor, at_once, shared, share, falls=falls, told=kept, hear=hear)

    def _here(self, asked: Sequence[Asked], setup: Setup, share: float, *, falls: bool) -> list[Trained | None]:
        """One after the other."""

        def told(own: Asked, epoch: float, epochs: float, score: float | None) -> None:
            before = own.goes_on.score if own.goes_on else None
            self.status.train(own.name, own.genome.key, epoch, epochs, before if score is None else score)

        told(asked[0], 0.0, asked[0].epochs, None)
        tellers = [partial(told, each) for each in asked]
        return self._all(asked, self.executor, 1, setup, share, falls=falls, told=tellers)

    def _hear(self, running: Mapping[str, _Kept], genome: Genome) -> None:
        """Tell how far trainings of a network in other processes are: as far as the one that is least far."""
        figures = [figures for each in running.values() if (figures := each.read())]
        if figures:
            least = min(figures, key=lambda each: each[0] / each[1])
            self.status.train(", ".join(running), genome.key, *least)

    def _all(
        self, asked: Sequence[Asked], executor: Executor, at_once: int, setup: Setup, share: float, *, falls: bool,
        told: Sequence[Told], hear: Callable[[Sequence[int]], object] = lambda running: None,
    ) -> list[Trained | None]:  # fmt: skip
        asked = [each if self._goes_on(each) else dataclasses.replace(each, goes_on=None) for each in asked]
        known = [self._recorded(each.name, each.genome) for each in asked]
        began, seconds = time.monotonic(), share * max(0.0, setup.clock.left())
        waves, futures = math.ceil(len(asked) / at_once), dict[int, Future[Result]]()
        for place, each in enumerate(asked):
            if known[place] is None:
                # in turn, so that who waits for others has time of its own
                clock = setup.clock.until(began + seconds * (place // at_once + 1) / waves)
                future = self._begin(each, executor, dataclasses.replace(setup, clock=clock), falls, told[place])
                futures[place] = future
        while running := [place for place, future in futures.items() if not future.done()]:
            hear(running)
            wait([futures[place] for place in running], timeout=HEARTBEAT)
            self.status.keep()
        for place, future in futures.items():
            known[place] = self._written(asked[place], outcome(-1, future))
        return [found and self._trained(each, *found) for each, found in zip(asked, known, strict=True)]

    def _begin(self, asked: Asked, executor: Executor, setup: Setup, falls: bool, told: Told) -> Future[Result]:
        seed = self.seeds.number("final", asked.name, asked.genome.key)
        fidelity = Fidelity.of(asked.epochs)
        candidate = Candidate(-1, asked.genome, "final", (), seed, fidelity, inherits=asked.inherits)
        before = asked.goes_on.name if asked.goes_on else None
        train = partial(
            evaluate, setup=setup, store=self.store, name=asked.name, goes_on=before, falls=falls, told=told
        )
        return executor.submit(train, candidate)

    def _goes_on(self, asked: Asked) -> bool:
        """Not from a recipe whose trainings cannot go on, or from weights that were not among the best."""
        return asked.goes_on is None or self.store.trunk_path(asked.goes_on.name).exists()

    def _written(self, asked: Asked, result: Result) -> tuple[float, Result]:
        weights = None if result.failure else self.store.fingerprint(asked.name)
        epochs = Fidelity.of(asked.epochs).passes
        self.record.write(FullyTrained(asked.name, asked.genome.key, epochs, weights, result))
        return epochs, result

    def _trained(self, asked: Asked, epochs: float, result: Result) -> Trained | None:
        """What came of it, with what was before; `None` where it failed, which is said."""
        if result.score is None:
            self.status.say(f"{asked.name} {asked.genome.key} failed: {result.failure}: {result.detail}")
            return None
        trained, before = Trained.of(asked.name, asked.genome, result.score, epochs, result), asked.goes_on
        if before is None:
            return trained
        epochs, curve = before.epochs + trained.epochs, before.curve + trained.curve
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


def _judged(genome: Genome, state: State, setup: Setup, members: Sequence[Trained]) -> Result:
    """How good networks are together on the validation part."""
    began, half = time.monotonic(), members[0].half
    milliseconds = tuple(map(math.fsum, zip(*((each.milliseconds, each.of_batch) for each in members), strict=True)))
    network = build(genome, setup.shape, setup.classes, initialisation=None)
    network.load_state_dict(state)
    network.to(setup.device)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks the keyword
    reached = score(network, setup.of(genome).validation, setup.of(genome), HALF if half else PLAIN)
    size = cost(genome, setup.shape, setup.classes)
    return Result(
        -1, reached, curve=(reached,), ended="complete", seconds=time.monotonic() - began, parameters=size.parameters,
        macs=size.macs, milliseconds=() if any(map(math.isnan, milliseconds)) else milliseconds, half=half,
    )  # fmt: skip
