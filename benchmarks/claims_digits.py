"""Small trainings on digits, two by two at equal cost: for `claims.py`.

300 of scikit-learn's digits to learn from, so that not all networks are nearly right, and 1,030 that judge; the test
part is not read. Costs are multiply-adds; the first weights and batches of a pair have one seed.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from own_space import Job, Prepared, Sizes, prepare, read_lines, trained
from own_tasks import beside_the_test_part

from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.genome import Conv, Gene, Genome, MaxPool, PoolHead
from neuralfinder.seeds import Seeds
from neuralfinder.types import Shape

SIZES = Sizes(train=300, seen=100, judging=1030, steps=128, batch=32)

SPACE = ChainSpace(Shape(1, 8, 8), 10)

DEPTHS, MACS, SEEDS = (2, 4, 8, 16), 300_000, 4
"""Convolutions, in two blocks, and what such networks cost, to 3 %."""

REGULAR = (
    (2, 2, 16, 2),
    (2, 2, 24, 1),
    (2, 3, 12, 2),
    (2, 3, 16, 1),
    (2, 4, 12, 1),
    (3, 2, 12, 2),
    (3, 2, 16, 1),
    (3, 3, 10, 1),
)
"""Blocks, convolutions of each, filters of the first block, and by what each further block has more of them."""

IRREGULAR = 0.5
"""Standard deviation of the logarithm of irregular filters."""

TWINS, MACS_NEAR, PARAMETERS_NEAR = 3, 0.03, 0.15
"""Irregular networks beside each regular one, as deep and with as many pools; their costs lie so near."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A training and what it is for.

    Attributes:
        claim: `irregular`, or `depth`, which is also for skips.
        unit: number of the regular network that it stands beside, or is; depth of the others.
        regular, norm, skips: what the network has.
        genome: its text.
        seed: of weights and batches.
    """

    claim: str
    unit: int
    regular: bool
    norm: bool
    skips: bool
    genome: str
    seed: int


def chain(blocks: list[list[int]], norm: bool, skips: bool = False) -> Genome:
    """Blocks of convolutions with these filters, pools between; skips round all that have as many filters as before."""
    genes: list[Gene] = []
    for block in blocks:
        genes += [MaxPool()] if genes else []
        for place, filters in enumerate(block):
            known = skips and place > 0 and block[place - 1] == filters
            genes.append(Conv(filters, norm, skips=(1,) if known else ()))
    return Genome(tuple(genes), PoolHead())


@cache
def of_depth(depth: int, norm: bool, skips: bool) -> Genome:
    """Two blocks, the second with about twice the filters; of such networks the one that costs nearest to `MACS`."""
    half = depth // 2
    fits = [
        chain([[first] * half, [second] * half], norm, skips)
        for first in range(4, 65)
        for second in range(round(1.8 * first), round(2.2 * first) + 1)
    ]
    return min(fits, key=lambda genome: abs(SPACE.cost(genome).macs - MACS))


def irregular(regular: Genome, blocks: int, rng: np.random.Generator) -> Genome:
    """As deep, as many pools and nearly the costs, but blocks of different lengths and filters without a pattern."""
    cost = SPACE.cost(regular)
    widths = np.array([gene.filters for gene in regular.genes if isinstance(gene, Conv)], dtype=float)
    while True:
        cuts = sorted(rng.choice(np.arange(1, len(widths)), blocks - 1, replace=False).tolist())
        bounds = list(itertools.pairwise([0, *cuts, len(widths)]))
        if len({end - start for start, end in bounds}) == 1:
            continue
        filters = widths * np.exp(rng.normal(0, IRREGULAR, len(widths)))
        for _ in range(3):  # multiply-adds grow with about the square of all filters
            whole = [max(4, round(each)) for each in filters]
            found = chain([whole[start:end] for start, end in bounds], norm=True)
            own = SPACE.cost(found)
            filters *= (cost.macs / own.macs) ** 0.5
        near = abs(own.macs / cost.macs - 1) < MACS_NEAR and abs(own.parameters / cost.parameters - 1) < PARAMETERS_NEAR
        if near:
            return found


def asked() -> Iterator[Asked]:
    """All trainings, in order: any beginning of each claim's is a fair sample."""
    for seed in range(SEEDS):
        for depth, norm in itertools.product(DEPTHS, (True, False)):
            for skips in (False, True) if depth > 2 else (False,):
                yield Asked("depth", depth, True, norm, skips, of_depth(depth, norm, skips).key, seed)
    for twin in range(TWINS):
        for unit, (blocks, length, filters, growth) in enumerate(REGULAR):
            base = chain([[filters * growth**block] * length for block in range(blocks)], norm=True)
            other = irregular(base, blocks, Seeds(0).stream("irregular", unit, twin))
            yield Asked("irregular", unit, True, True, False, base.key, twin)
            yield Asked("irregular", unit, False, True, False, other.key, twin)


def read(path: Path) -> dict[Asked, float]:
    """Accuracies on the judging samples, 0..1, of what was trained; what did not come to its end is at 0.1."""
    found = {}
    for line in read_lines(path):
        right = line.pop("right")
        found[Asked(**line)] = 0.1 if right is None else right / SIZES.judging
    return found


def train(path: Path) -> None:
    """Train what is not in the file yet, and append it line by line."""
    there = read(path)
    missing = [one for one in asked() if one not in there]
    if not missing:
        return
    import torch

    torch.set_num_threads(1)
    prepared = _prepared()
    with path.open("a", encoding="utf-8") as file:
        for one in missing:
            file.write(json.dumps({**dataclasses.asdict(one), "right": right(one, prepared)}) + "\n")
            file.flush()


def right(one: Asked, prepared: Prepared) -> int | None:
    """Right answers among the judging samples, `None` where the training diverged."""
    row: dict[str, Any] = trained(Job("digits", one.genome, kind="one-cycle", shift=True, seed=one.seed), prepared)
    return int(row["points"][-1][4]) if row["points"] else None


def _prepared() -> Prepared:
    X, y = beside_the_test_part("digits")
    with tempfile.TemporaryDirectory() as folder:
        np.savez(path := Path(folder) / "digits.npz", X=X, y=y)
        return prepare(path, SIZES)
