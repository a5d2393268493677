"""The world of 2017 with one thing changed, and its rivals, on networks whose accuracies are known: for `claims.py`."""

from __future__ import annotations

import dataclasses
import itertools
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import tabular

from neuralfinder.job.presets import PRESETS
from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.genome import Choice, Genome, parse
from neuralfinder.networks.space import Space
from neuralfinder.networks.tabular import Table
from neuralfinder.networks.variation import distance
from neuralfinder.search.archive import Archive
from neuralfinder.seeds import Seeds
from neuralfinder.strategies import AgingEvolution, ArtificialLife, Random, Strategy
from neuralfinder.strategies.artificial_life.world import Cell
from neuralfinder.strategies.base import Proposal
from neuralfinder.strategies.metaqnn import ALPHA, FIRST_Q, SCHEDULE
from neuralfinder.testing import ToyTask
from neuralfinder.types import Candidate, Fidelity, Result, Shape

ROUNDS = 150
"""As published."""

PUBLISHED_BEST = parse("C32 C192 C192 M C128 C192 M C128 C192 C192 M C128 C192 M > F512")
PUBLISHED_ACCURACY = 0.927

GROWTH = 0.12
"""Of the logarithm of the error by each gene that is another: what one convolution learns is then about 65 %."""

NOISE = 0.004
"""Standard error of an accuracy of 92 % on 5,000 pictures."""


@dataclass(frozen=True, slots=True)
class Chains(ChainSpace):
    """Made up: the networks of 2017, of which the published best is the best; the score of a training has noise."""

    def accuracy(self, genome: Genome) -> float:
        """Without noise, 0.1..`PUBLISHED_ACCURACY`."""
        return _accuracy(genome)

    def answer(self, candidate: Candidate) -> Result:
        """What training `candidate` gives: the same for the same seed."""
        noise = NOISE * float(Seeds(candidate.seed).stream("noise").standard_normal())
        return Result(candidate.id, min(1.0, max(0.0, self.accuracy(candidate.genome) + noise)))


CHAINS = Chains(Shape(3, 32, 32), 10, **PRESETS["seed-2017"].space)


@cache
def _accuracy(genome: Genome) -> float:
    away = 1 / ToyTask(CHAINS, PUBLISHED_BEST).score(genome) - 1
    return max(0.1, 1 - (1 - PUBLISHED_ACCURACY) * math.exp(GROWTH * away))


Landscape = Chains | Table

LANDSCAPES = (*tabular.TABLES, "chains")


@cache
def landscape(folder: Path, name: str) -> tuple[Landscape, float]:
    """Networks with known accuracies, and the highest of these."""
    if name == "chains":
        return CHAINS, PUBLISHED_ACCURACY
    table = tabular.read(folder, name.removesuffix(WITHOUT_SKIPS))
    table = without_skips(table) if name.endswith(WITHOUT_SKIPS) else table
    return table, table.best


WITHOUT_SKIPS = " without skips"

SKIP = 1
"""The number of NAS-Bench-201's operation `skip_connect`."""


def without_skips(table: Table) -> Table:
    """The cells of NAS-Bench-201 that have no skip; operations behind it are numbered one lower."""
    rows = {}
    for key, row in table.rows.items():
        values = [int(word) for word in key.split()]
        if SKIP not in values:
            rows[Genome(tuple(Choice(value - (value > SKIP)) for value in values)).key] = row
    return Table(table.name + WITHOUT_SKIPS, table.choices - 1, table.places, rows)


def judged(space: Landscape, genome: Genome) -> float:
    """By which accuracy a network that was asked for is judged, 0..1."""
    return space.accuracy(genome) if isinstance(space, Chains) else space.rows[genome.key].judged


# Strategies


class Shuffled(ArtificialLife):
    """The world without places: before each round all lives are dealt out anew, so that neighbours are any others.

    A round does to nine lives what it does in the world, so nothing else differs from it.
    """

    def _choose_mains(self) -> list[Cell]:
        cells, lives = self.world.cells, self.world.lives()
        for cell, place in zip(cells, self._rng.permutation(len(cells)), strict=True):
            self.world[cell] = lives[int(place)]
        self._note("settled", changed=self._changed(cells))
        return super()._choose_mains()


class LayerByLayer(Strategy):
    """The agent of MetaQNN on a table: by Q-learning it chooses the operation of one place after the other.

    A state is the place and the operation before it, as there depth and last layer are; values, schedule and replay
    are those of `strategies.metaqnn`.

    Args:
        candidates: trainings over which epsilon falls from 1 to 0.1.
        replay: walks learned from after each training.
    """

    learns_from_values = True

    def __init__(self, space: Table, seeds: Seeds, fidelity: Fidelity, candidates: int, replay: int = 100) -> None:
        super().__init__(space, seeds, fidelity)
        self.candidates, self.replay = candidates, replay
        self.choices, self.places = space.choices, space.places
        self.q = np.full((self.places, self.choices, self.choices), FIRST_Q).tolist()
        self._rng = seeds.stream("layer-by-layer")
        self._walks: list[list[int]] = []
        self._memory: list[tuple[list[int], float]] = []
        self._trained: set[str] = set()

    def _propose(self, n: int) -> list[Proposal]:
        return [self._new() for _ in range(n)]

    def _new(self) -> Proposal:
        walk: list[int] = []
        for place in range(self.places):
            values = self.q[place][walk[-1] if walk else 0]
            best = [choice for choice, value in enumerate(values) if value == max(values)]
            greedy = self._rng.random() >= epsilon(len(self._trained) / self.candidates)
            possible = best if greedy else range(self.choices)
            walk.append(possible[int(self._rng.integers(len(possible)))])
        self._walks.append(walk)
        return Proposal(Genome(tuple(Choice(value) for value in walk)), "walk", slot=len(self._walks) - 1)

    def _learn(self, proposal: Proposal, result: Result) -> None:
        self._trained.add(proposal.genome.key)
        self._memory.append((self._walks[proposal.slot], result.worth))
        for number in self._rng.integers(len(self._memory), size=self.replay).tolist():
            walk, target = self._memory[number]
            for place in range(self.places - 1, -1, -1):
                values = self.q[place][walk[place - 1] if place else 0]
                values[walk[place]] += ALPHA * (target - values[walk[place]])
                target = max(values)


def epsilon(done: float) -> float:
    """Share of random choices after this share, 0..1, of the networks of MetaQNN's schedule."""
    ends = np.cumsum([count for _, count in SCHEDULE])
    stage = int(np.searchsorted(ends, done * ends[-1], side="right"))
    return SCHEDULE[min(stage, len(SCHEDULE) - 1)][0]


WORLDS: dict[str, dict[str, Any]] = {
    "as published": {},
    "r = 0.5 %": {"r": 0.005},
    "r = 0": {"r": 0.0},
    "r falls to 0": {"r_end": 0.0},
    "2 % of the error": {"measure": "error"},
    "the whole world": {"window": 7},
    "dealt out anew": {},
    "the better more often": {"selection": 3.0},
    "r = 0, the whole world": {"r": 0.0, "window": 7},
    "r = 0, dealt out anew": {"r": 0.0},
}
"""Settings that differ from those of the preset `seed-2017`."""


ON_CHAINS = ("as published", "r = 0")
"""Made-up chains take several times as long as a table: only these, and half as many seeds."""


def strategy_of(name: str, space: Space, seeds: Seeds, trainings: int) -> Strategy:
    """A world of `WORLDS`, or a rival of it that has so many trainings."""
    if name in WORLDS:
        world = Shuffled if name.endswith("dealt out anew") else ArtificialLife
        settings = {**PRESETS["seed-2017"].life, "rounds": ROUNDS, **WORLDS[name]}
        return world(space, seeds, Fidelity(1), **settings)
    if name == "MetaQNN's agent":
        assert isinstance(space, Table)  # noqa: S101
        return LayerByLayer(space, seeds, Fidelity(1), trainings)
    rivals = {"random": Random, "aging evolution": partial(AgingEvolution, population=20, sample=5)}
    return rivals[name](space, seeds, Fidelity(1))


# What is seen of a search


MOST_TOP = 20


@dataclass(frozen=True, slots=True)
class Run:
    """One search; accuracies and regrets in points.

    Attributes:
        regrets: after each training, how much better the best network there is is judged than the one that looks best.
        top: how those are judged that look best, `MOST_TOP` at most, the best first.
        apart: mean edit distance between them.
        changed: by round, whether a child took the place of a life.
        refused: by round, whether the best child had a higher score than the main life, yet did not take its place.
        distinct: by round, the share of cells that no other cell has the network of.
        lost: how much better the best of all is judged than the best that still lives, both by their scores.
    """

    regrets: np.ndarray
    top: np.ndarray
    apart: float
    changed: np.ndarray
    refused: np.ndarray
    distinct: np.ndarray
    lost: float


@dataclass(slots=True)
class Grid:
    """Who lives where, from what a world notes of itself.

    Attributes:
        space: knows which genomes make the same network: lives are what was born, candidates are canonical.
        keys: of the canonical genome in each cell.
        scores: by key, of what was trained.
    """

    space: Space
    keys: dict[Cell, str] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)

    def follow(self, notes: Iterable[dict[str, Any]]) -> Iterable[tuple[bool, bool, float]]:
        """Of each round whether it changed anything, whether a better child was refused, and the share of distinct."""
        for note in notes:
            if note["kind"] not in ("round", "settled"):
                continue
            before = self.keys.get(note.get("main"), "")
            self.keys |= {change["cell"]: _canonical(self.space, change["genome"]) for change in note["changed"]}
            if note["kind"] == "round":
                best = _canonical(self.space, note["best"]) if note["best"] else ""
                child, main = (self.scores.get(key, -1.0) for key in (best, before))
                changed = note["outcome"] == "displaced"
                yield changed, child > main and not changed, len(set(self.keys.values())) / len(self.keys)


@cache
def _canonical(space: Space, key: str) -> str:
    return space.canonical(parse(key)).key


def watched(strategy: Strategy, space: Landscape, best: float, most: int = sys.maxsize) -> Run:
    """Let a search run to its end, or to so many trainings."""
    archive, grid = Archive(), Grid(space)
    regrets: list[float] = []
    rounds: list[tuple[bool, bool, float]] = []
    genomes: dict[str, Genome] = {}
    while len(regrets) < most:
        candidates = strategy.ask(1)
        rounds += grid.follow(strategy.notes)
        if not candidates:
            break
        (candidate,) = candidates
        result = space.answer(candidate)
        strategy.tell([result])
        archive.add(candidate, result)
        grid.scores[candidate.genome.key] = result.worth
        genomes[candidate.genome.key] = candidate.genome
        regrets.append(100 * (best - judged(space, archive.best(1)[0].genome)))
    top = [entry.genome for entry in archive.best(MOST_TOP)]
    pairs = [distance(one, other) for one, other in itertools.combinations(top, 2)]
    alive = [key for key in grid.keys.values() if key in grid.scores]
    lost = 0.0
    if alive:
        living = genomes[max(alive, key=grid.scores.__getitem__)]
        lost = 100 * (judged(space, top[0]) - judged(space, living))
    changed, refused, distinct = np.array(rounds, dtype=float).reshape(-1, 3).T
    return Run(
        np.array(regrets),
        100 * np.array([judged(space, genome) for genome in top]),
        float(np.mean(pairs)),
        changed,
        refused,
        distinct,
        lost,
    )


@dataclass(frozen=True, slots=True)
class Runs:
    """Searches with the seeds 0, 1, ...: the attributes of `Run` with a first axis of seeds, and `trainings`.

    Regrets of a search that was done before others stay where they were; where fewer than `MOST_TOP` networks were
    trained the top has NaN.
    """

    trainings: np.ndarray
    regrets: np.ndarray
    top: np.ndarray
    apart: np.ndarray
    changed: np.ndarray
    refused: np.ndarray
    distinct: np.ndarray
    lost: np.ndarray

    @classmethod
    def of(cls, runs: Sequence[Run]) -> Runs:
        def stacked(name: str, width: int | None = None, how: str = "edge") -> np.ndarray:
            rows = [getattr(one, name) for one in runs]
            width = width or max(map(len, rows))
            padding: Any = {} if how == "edge" else {"constant_values": np.nan}
            return np.array([np.pad(row, (0, width - len(row)), how, **padding) for row in rows])  # type: ignore[call-overload]

        rounds = {name: stacked(name) for name in ("changed", "refused", "distinct")}
        apart, lost = (np.array([getattr(one, name) for one in runs]) for name in ("apart", "lost"))
        trainings = np.array([len(one.regrets) for one in runs])
        return cls(trainings, stacked("regrets"), stacked("top", MOST_TOP, "constant"), apart, lost=lost, **rounds)

    def regret(self, after: int) -> np.ndarray:
        """Points after so many trainings, `(n,)`."""
        return self.regrets[:, min(after, self.regrets.shape[1]) - 1]


def run(folder: Path, name: str, method: str, seed: int, trainings: int = sys.maxsize) -> Run:
    """One search by its names, of so many trainings at most; those of rivals have no other end."""
    space, best = landscape(folder, name)
    return watched(strategy_of(method, space, Seeds(seed), trainings), space, best, trainings)


@dataclass(frozen=True)
class Simulations:
    """Makes searches, or takes those that are kept.

    Attributes:
        tables: the folder of the tables.
        kept: the folder of what was made before, one file for each landscape and method; `None` keeps nothing.
        seeds: how many of each, half as many of made-up chains.
        each: maps a function over seeds, as `map` or that of a pool.
    """

    tables: Path
    kept: Path | None
    seeds: int
    each: Any = map

    def runs(self, name: str, method: str) -> Runs:
        """Rivals of the world have as many trainings as the published one, seed by seed."""
        seeds = self.seeds // 2 if name == "chains" else self.seeds
        path = self.kept / f"{name} {method}.npz" if self.kept else None
        if path and path.exists():
            with np.load(path) as file:
                if len(file["trainings"]) == seeds:
                    return Runs(**file)
        most = [sys.maxsize] * seeds
        if method not in WORLDS:
            most = self.runs(name, "as published").trainings.tolist()
        found = Runs.of(list(self.each(partial(run, self.tables, name, method), range(seeds), most)))
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, **dataclasses.asdict(found))
        return found
