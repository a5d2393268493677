"""Large-scale evolution: pairs meet, the better one has a child, the worse one dies.

Real et al., "Large-scale evolution of image classifiers", ICML 2017: tournaments of two around a set-point of the
population (section 3.1), the encoding as a graph with its learning rate (3.2), the eleven mutations (3.3 and figure
2), a start without a single convolution, and weights that are inherited wherever they fit (3.6).

The graph is a backbone of vertices, each the end of a convolution or of an identity, and of skips that are added.
Otherwise than there: normalisation comes before the sum, as in He et al., and the pooling of larger maps is that of
our skips; kernels have sides up to 7 and strides up to 4; the learning rate counts as a multiple of the recipe's; the
population begins with two and grows to its set-point, which is tens and not a thousand.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from neuralfinder.networks.chains import of_networks
from neuralfinder.networks.genome import Conv, Gene, Genome, Identity, PoolHead
from neuralfinder.networks.space import Space
from neuralfinder.seeds import Seeds
from neuralfinder.strategies.base import Proposal, Strategy
from neuralfinder.types import Allowed, Fidelity, Range, Result

TRIES = 1000
"""Mutations drawn at most until one is possible."""


@dataclass(frozen=True, slots=True)
class Vertex:
    """A vertex of the backbone and the edge that leads to it: a convolution, or an identity without channels.

    Numbers are kept as they were drawn, so that small changes add up; the genome rounds them.

    Attributes:
        name: tells it from others of the same graph.
        channels: of the convolution, 0 for an identity.
        height, width: half the sides of its kernel, which are 2h + 1.
        stride: its logarithm to base 2.
        active: whether the vertex normalises and rectifies.
    """

    name: int
    channels: float = 0.0
    height: float = 1.0
    width: float = 1.0
    stride: float = 0.0
    active: bool = False


@dataclass(frozen=True, slots=True)
class Dna:
    """A graph and its learning rate.

    Attributes:
        inputs: channels of the picture.
        backbone: the vertices in order; the first is the picture itself.
        skips: from vertex to later vertex, by name.
        rate: learning rate as a multiple of the recipe's.
    """

    inputs: int = 3
    backbone: tuple[Vertex, ...] = (Vertex(0),)
    skips: frozenset[tuple[int, int]] = frozenset()
    rate: float = 1.0

    def genome(self) -> Genome:
        """The network, a gene for each vertex."""
        places = {vertex.name: place for place, vertex in enumerate(self.backbone)}
        genes: list[Gene] = []
        for place, vertex in enumerate(self.backbone):
            skips = tuple(sorted(place - places[source] for source, target in self.skips if target == vertex.name))
            activation = "relu" if vertex.active else "linear"
            if not vertex.channels:
                genes.append(Identity(vertex.active, activation, skips))
                continue
            height, width = (min(7, 2 * round(half) + 1) for half in (vertex.height, vertex.width))
            genes.append(
                Conv(
                    max(1, round(vertex.channels)),
                    vertex.active,
                    height,
                    0 if width == height else width,
                    min(4, 2 ** round(vertex.stride)),
                    activation,
                    skips=skips,
                )
            )
        return Genome(tuple(genes), PoolHead())

    @property
    def convolutions(self) -> list[int]:
        """Places of the convolutions in the backbone."""
        return [place for place, vertex in enumerate(self.backbone) if vertex.channels]


Mutation = Callable[[Dna, np.random.Generator], Dna | None]
"""`None` where it is not possible."""


def _around(value: float, rng: np.random.Generator) -> float:
    """Uniform from half of a value to its double."""
    return float(rng.uniform(value / 2, 2 * value))


def _with(dna: Dna, place: int, **changes: Any) -> Dna:
    vertex = dataclasses.replace(dna.backbone[place], **changes)
    return dataclasses.replace(dna, backbone=(*dna.backbone[:place], vertex, *dna.backbone[place + 1 :]))


def _inserted(dna: Dna, place: int, **attributes: Any) -> Dna:
    vertex = Vertex(1 + max(vertex.name for vertex in dna.backbone), **attributes)
    return dataclasses.replace(dna, backbone=(*dna.backbone[:place], vertex, *dna.backbone[place:]))


def alter_learning_rate(dna: Dna, rng: np.random.Generator) -> Dna:
    """Times 2 to a power uniform in -1..1."""
    return dataclasses.replace(dna, rate=dna.rate * 2 ** float(rng.uniform(-1, 1)))


def identity(dna: Dna, _: np.random.Generator) -> Dna:
    """No change: the child goes on with the training of its parent."""
    return dna


def insert_convolution(dna: Dna, rng: np.random.Generator) -> Dna:
    """3x3, as many channels as come in, stride 1 or 2, then normalised and rectified or not, all at random."""
    place = int(rng.integers(1, len(dna.backbone) + 1))
    channels = next((v.channels for v in reversed(dna.backbone[:place]) if v.channels), float(dna.inputs))
    stride, active = float(rng.integers(2)), bool(rng.integers(2))
    return _inserted(dna, place, channels=channels, stride=stride, active=active)


def remove_convolution(dna: Dna, rng: np.random.Generator) -> Dna | None:
    """One convolution less, and the skips of its vertex."""
    if not dna.convolutions:
        return None
    place = int(rng.choice(dna.convolutions))
    gone = dna.backbone[place].name
    backbone = (*dna.backbone[:place], *dna.backbone[place + 1 :])
    return dataclasses.replace(dna, backbone=backbone, skips=frozenset(s for s in dna.skips if gone not in s))


def alter_stride(dna: Dna, rng: np.random.Generator) -> Dna | None:
    """Its logarithm one more or one less, at random, from 0 to 2."""
    if not dna.convolutions:
        return None
    place = int(rng.choice(dna.convolutions))
    now = dna.backbone[place].stride
    near = [stride for stride in (now - 1, now + 1) if 0 <= stride <= 2]
    return _with(dna, place, stride=near[int(rng.integers(len(near)))])


def alter_number_of_channels(dna: Dna, rng: np.random.Generator) -> Dna | None:
    """Uniform from half to double."""
    if not dna.convolutions:
        return None
    place = int(rng.choice(dna.convolutions))
    return _with(dna, place, channels=max(1.0, _around(dna.backbone[place].channels, rng)))


def filter_size(dna: Dna, rng: np.random.Generator) -> Dna | None:
    """Height or width of a kernel, uniform from half to double of its half side, which is 1/2 at least for this."""
    if not dna.convolutions:
        return None
    place = int(rng.choice(dna.convolutions))
    side = "height" if rng.integers(2) else "width"
    half = max(0.5, getattr(dna.backbone[place], side))
    return _with(dna, place, **{side: min(3.0, _around(half, rng))})


def insert_one_to_one(dna: Dna, rng: np.random.Generator) -> Dna:
    """An identity and its vertex, active or not."""
    return _inserted(dna, int(rng.integers(1, len(dna.backbone) + 1)), active=bool(rng.integers(2)))


def add_skip(dna: Dna, rng: np.random.Generator) -> Dna | None:
    """From one vertex to a later one, where there is none yet."""
    names = [vertex.name for vertex in dna.backbone]
    free = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :] if (a, b) not in dna.skips]
    if not free:
        return None
    return dataclasses.replace(dna, skips=dna.skips | {free[int(rng.integers(len(free)))]})


def remove_skip(dna: Dna, rng: np.random.Generator) -> Dna | None:
    """One less."""
    skips = sorted(dna.skips)
    return dataclasses.replace(dna, skips=dna.skips - {skips[int(rng.integers(len(skips)))]}) if skips else None


RESET = "reset-weights"
"""The mutation that changes nothing but starts from fresh weights."""

MUTATIONS: dict[str, Mutation] = {
    "alter-learning-rate": alter_learning_rate,
    "identity": identity,
    RESET: identity,
    "insert-convolution": insert_convolution,
    "remove-convolution": remove_convolution,
    "alter-stride": alter_stride,
    "alter-number-of-channels": alter_number_of_channels,
    "filter-size": filter_size,
    "insert-one-to-one": insert_one_to_one,
    "add-skip": add_skip,
    "remove-skip": remove_skip,
}
"""All equally likely."""


@dataclass(frozen=True, slots=True)
class Individual:
    """A living network: its DNA, its fitness (`Result.worth`), and the training that left its weights."""

    dna: Dna
    fitness: float
    training: int


class LargeScaleEvolution(Strategy):
    """A population in which pairs meet.

    Args:
        space: what is legal; gives shape, classes and caps.
        seeds: the run's seeds.
        fidelity: how much training every candidate gets, on top of what its ancestors had.
        population: the set-point, 3 or more; 1,000 in the paper.

    Raises:
        InputError: a space of something else than layers, or a setting out of range.
    """

    ranges: ClassVar[Mapping[str, Allowed]] = {"population": Range(3)}

    def __init__(self, space: Space, seeds: Seeds, fidelity: Fidelity, *, population: int = 20) -> None:
        self.check(population=population)
        run = of_networks(space, "large-scale-evolution").usual
        super().__init__(dataclasses.replace(run, head=PoolHead()), seeds, fidelity)
        self.channels = run.shape.channels
        self.population = population
        self._rng = seeds.stream("large-scale-evolution")
        self._alive: list[Individual] = []
        self._growing: dict[int, Dna] = {}
        self._number = 0

    def view(self) -> dict[str, Any]:
        """The `population`, as genome keys and fitnesses."""
        return {"population": [(one.dna.genome().key, one.fitness) for one in self._alive]}

    def heirlooms(self) -> list[int]:
        """The trainings of the living, the fittest first."""
        return [one.training for one in sorted(self._alive, key=lambda one: (-one.fitness, one.training))]

    def _propose(self, n: int) -> list[Proposal]:
        proposals: list[Proposal] = []
        while len(proposals) < n:  # each turn is one meeting
            if len(self._alive) < 2:
                if len(self._alive) + len(self._growing) >= 2:
                    break  # some are in training
                proposals.append(self._born("init", Dna(self.channels)))
                continue
            one, other = (self._alive[int(place)] for place in self._rng.choice(len(self._alive), 2, replace=False))
            better, worse = (one, other) if one.fitness >= other.fitness else (other, one)
            if len(self._alive) + len(self._growing) >= self.population:
                self._alive.remove(worse)
            else:
                proposals.append(self._born(*self._mutated(better.dna), better))
        return proposals

    def _born(self, operator: str, dna: Dna, parent: Individual | None = None) -> Proposal:
        self._number += 1
        self._growing[self._number] = dna
        child = Proposal(dna.genome(), operator, repeat=self._number, slot=self._number, rate=dna.rate)
        if parent is None:
            return child
        inherits = () if operator == RESET else (parent.training,)
        return dataclasses.replace(child, parents=(parent.dna.genome().key,), inherits=inherits)

    def _mutated(self, dna: Dna) -> tuple[str, Dna]:
        """One mutation; another is drawn where one is not possible here."""
        names = list(MUTATIONS)
        for _ in range(TRIES):
            name = names[int(self._rng.integers(len(names)))]
            child = MUTATIONS[name](dna, self._rng)
            if child and self.space.infeasible(child.genome()) is None:
                return name, child
        return "identity", dna

    def _learn(self, proposal: Proposal, result: Result) -> None:
        """What failed is not born."""
        dna = self._growing.pop(proposal.slot)
        if result.failure is None:
            self._alive.append(Individual(dna, result.worth, result.id))
