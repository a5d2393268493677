"""What tables say of the structure of networks, two by two at equal cost: for `claims.py`."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from own_table import OwnSpace
from scipy.stats import t as student

from neuralfinder.networks.genome import Conv, Genome, parse
from neuralfinder.networks.tabular import OPERATIONS, Table
from neuralfinder.training.metrics import LEVEL


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean of `n` differences, +- half of its 95 % interval by Student's t; not a number where there are too few."""

    mean: float
    half: float
    n: int

    @classmethod
    def of(cls, differences: Iterable[float], groups: Iterable[Hashable] | None = None) -> Estimate:
        """With groups their means count, each once: what is nearly the same is no further evidence."""
        values = list(differences)
        if groups is not None:
            own: defaultdict[Hashable, list[float]] = defaultdict(list)
            for group, value in zip(groups, values, strict=True):
                own[group].append(value)
            values = [float(np.mean(some)) for some in own.values()]
        if len(values) < 2:
            return cls(values[0] if values else math.nan, math.nan, len(values))
        half = student.ppf((1 + LEVEL) / 2, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values))
        return cls(float(np.mean(values)), float(half), len(values))

    @property
    def told(self) -> bool:
        """Whether the interval excludes 0."""
        return abs(self.mean) > self.half

    def __str__(self) -> str:
        return f"{self.mean:+.2f} +- {self.half:.2f} (n = {self.n})"


@dataclass(frozen=True, slots=True)
class Net:
    """A network of a table.

    Attributes:
        accuracy: by which it is judged, points.
        seen: of its single trainings, points.
        costs: multiply-adds and parameters.
        depth: convolutions or blocks of them, one after the other.
        regular: whether all its blocks are alike; `None` where it has none to compare.
        skips: whether it has any.
        kind: what has to be the same of two that are compared.
        group: those of one group count as one.
    """

    accuracy: float
    seen: tuple[float, ...]
    costs: tuple[float, float]
    depth: int
    regular: bool | None
    skips: bool = False
    kind: Hashable = None
    group: Hashable = None


@dataclass(frozen=True, slots=True)
class Beside:
    """A network, and others of its kind and cost."""

    one: Net
    others: tuple[Net, ...]

    @property
    def gap(self) -> float:
        """By how many points this one is better than the mean of the others."""
        return self.one.accuracy - float(np.mean([other.accuracy for other in self.others]))

    @property
    def best_other(self) -> float:
        """By how many points the best of the others is better: chosen by one training, compared by the further ones."""
        best = max(self.others, key=lambda other: other.seen[0])
        return float(np.mean(best.seen[1:]) - np.mean(self.one.seen[1:]))


FEWEST = 3
"""Networks beside one, else it says nothing of their mean."""


def beside(
    units: Iterable[Net],
    others: Sequence[Net],
    near: tuple[float, float],
    fits: Callable[[Net, Net], bool] = lambda one, other: True,
    fewest: int = FEWEST,
) -> list[Beside]:
    """Each unit with the others of its kind whose costs are its own times at most 1 + near, or divided by it."""
    logs = np.log([other.costs for other in others]).reshape(-1, 2)
    found = []
    for one in units:
        close = (np.abs(logs - np.log(one.costs)) <= np.log1p(near)).all(axis=1)
        own = [others[place] for place in np.flatnonzero(close)]
        own = [other for other in own if other is not one and other.kind == one.kind and fits(one, other)]
        if len(own) >= fewest:
            found.append(Beside(one, tuple(own)))
    return found


# NAS-Bench-Macro: chains of blocks


NEAR = 0.05, 0.1
"""Multiply-adds and parameters of networks of this table that cost the same: there are many."""


def macro_nets(table: Table) -> list[Net]:
    """Layers of a kind in three blocks; only those whose blocks all begin with a layer that is not left out."""
    nets = []
    for key, row in table.rows.items():
        values = [int(word) for word in key.split()]
        ends = np.cumsum(table.stages).tolist()
        blocks = [values[end - size : end] for size, end in zip(table.stages, ends, strict=True)]
        if all(block[0] for block in blocks):
            layers = tuple(tuple(value for value in block if value) for block in blocks)
            seen = tuple(100 * value for value in row.seen)
            counts = tuple(sorted(value for value in values if value))
            costs = (float(row.macs), float(row.parameters))
            nets.append(Net(100 * row.judged, seen, costs, len(counts), alike(layers, table.stages), group=counts))
    return nets


def alike(blocks: Sequence[tuple[int, ...]], room: Sequence[int]) -> bool:
    """Whether all blocks are the longest of them, as far as there is room."""
    longest = max(blocks, key=len)
    return all(block == longest[:size] for block, size in zip(blocks, room, strict=True))


def as_accurate(nets: Sequence[Net], within: float = 0.1) -> list[Beside]:
    """Each regular network with the irregular ones whose accuracy differs by so many points at most."""
    others = [net for net in nets if not net.regular]
    pairs = [
        Beside(one, tuple(other for other in others if abs(other.accuracy - one.accuracy) <= within))
        for one in nets
        if one.regular
    ]
    return [pair for pair in pairs if len(pair.others) >= FEWEST]


# NAS-Bench-201: cells


EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""From node to node, in the order of a cell's operations."""

NONE, SKIP = OPERATIONS.index("none"), OPERATIONS.index("skip_connect")

CONVOLUTIONS = tuple(number for number, name in enumerate(OPERATIONS) if name.startswith("nor_conv"))

Cell = tuple[int, ...]
"""An operation for each edge."""


def cells(table: Table) -> dict[Cell, float]:
    """Accuracies by which they are judged, points."""
    return {tuple(int(word) for word in key.split()): 100 * row.judged for key, row in table.rows.items()}


def longest(cell: Cell, start: int = 0, end: int = 3) -> int | None:
    """The most convolutions on a way from one node to another, `None` where there is no way."""
    most: dict[int, int] = {start: 0}
    for (source, target), operation in sorted(zip(EDGES, cell, strict=True), key=lambda edge: edge[0][1]):
        if operation != NONE and source in most:
            most[target] = max(most.get(target, 0), most[source] + (operation in CONVOLUTIONS))
    return most.get(end)


def whole(cell: Cell) -> bool:
    """Whether every operation is on a way from the cell's input to its output, so that all of them cost."""
    ways = [
        longest(cell, 0, source) is not None and longest(cell, target, 3) is not None
        for (source, target), operation in zip(EDGES, cell, strict=True)
        if operation != NONE
    ]
    return bool(ways) and all(ways)


@dataclass(frozen=True, slots=True)
class Shortcut:
    """What a skip brings that is added to a cell, past one or more convolutions; nothing else changes.

    Attributes:
        gain: points.
        depth: of the cell.
        passed: the most convolutions on the way beside it.
        operations: of the cell without it, sorted.
    """

    gain: float
    depth: int
    passed: int
    operations: Cell


def shortcuts(known: dict[Cell, float]) -> Iterator[Shortcut]:
    """All there are, in cells of which every operation counts: a skip costs nothing."""
    for cell, accuracy in known.items():
        depth = longest(cell)
        if not depth or not whole(cell):
            continue
        for place, (source, target) in enumerate(EDGES):
            passed = longest(cell, source, target)
            with_skip = (*cell[:place], SKIP, *cell[place + 1 :])
            if cell[place] == NONE and passed and whole(with_skip):
                yield Shortcut(known[with_skip] - accuracy, depth, passed, tuple(sorted(cell)))


def deeper(known: dict[Cell, float]) -> dict[tuple[int, int], list[float]]:
    """By depths, how many points better the deeper arrangement of the same operations is: exactly the same cost.

    One value for each set of operations: the mean of its cells of the one depth minus that of the other.
    """
    sets: defaultdict[Cell, defaultdict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for cell, accuracy in known.items():
        if whole(cell) and (depth := longest(cell)):
            sets[tuple(sorted(cell))][depth].append(accuracy)
    found: defaultdict[tuple[int, int], list[float]] = defaultdict(list)
    for depths in sets.values():
        for low in depths:
            for high in depths:
                if low < high:
                    found[low, high].append(float(np.mean(depths[high]) - np.mean(depths[low])))
    return dict(sorted(found.items()))


# The table of our own space


OWN_NEAR = 0.5, 1.0
"""Networks of it are few: of one cost are those whose multiply-adds differ by half, and parameters by a factor 2."""


def own_nets(space: OwnSpace) -> list[Net]:
    """Chains with convolutions, whole trainings by the usual recipe; of a kind are those of one task, head and norm."""
    nets = []
    for task in space.tasks:
        for key, training in space.usual(task).items():
            genome, point = parse(key), training.at(1.0)
            if point is None or not genome.convolutions:
                continue
            convolutions = [gene for gene in genome.genes if isinstance(gene, Conv)]
            nets.append(
                Net(
                    100 * point.judged,
                    (100 * point.seen,),
                    (float(training.macs), float(training.parameters)),
                    genome.convolutions,
                    regular(genome),
                    any(gene.skips for gene in convolutions),
                    kind=(task, type(genome.head), convolutions[0].norm),
                    group=task,
                )
            )
    return nets


def regular(genome: Genome) -> bool | None:
    """Whether all blocks between pools or strides are equally long, each of one width; `None` of a single block."""
    blocks: list[list[int]] = [[]]
    for gene in genome.genes:
        if not isinstance(gene, Conv) or gene.stride > 1:
            blocks.append([])
        if isinstance(gene, Conv):
            blocks[-1].append(gene.filters)
    blocks = [block for block in blocks if block]
    if len(blocks) < 2 or sum(map(len, blocks)) < 3:
        return None
    return len({len(block) for block in blocks}) == 1 and all(len(set(block)) == 1 for block in blocks)
