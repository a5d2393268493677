"""All that is drawn of a space of chains: genes to insert, whole networks, and the founders that are not by hand.

Where a setting has a single value nothing is drawn for it, so that it changes no other draws.
"""

from __future__ import annotations

import dataclasses
from bisect import bisect_left
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from neuralfinder.networks.genome import Conv, Dropout, Gene, Genome, Identity, Pool, halvings, with_value
from neuralfinder.networks.recipe_genes import SMALL

if TYPE_CHECKING:
    from neuralfinder.networks.chains import ChainSpace

T = TypeVar("T")

POOL_SHARE, DROPOUT_SHARE, LAYER_SHARE = 0.25, 0.1, 0.1
"""Shares of new genes that are pools, dropout, and layers of packages."""

LONGEST_DRAW = 12
"""Convolutions of a random genome at most. The best of 2017 have 5 to 10; deeper ones are for evolution to grow."""

OTHER_RECIPES = 0.2
"""Share of random genomes and founders that are trained otherwise than usual, by one step of one recipe gene."""

SHAPES = 20
"""Depths that are drawn for a founder before the smallest network takes its place."""

DRAWS = 4
"""Genomes drawn for each founder that is not `single`."""


def new_gene(space: ChainSpace, rng: np.random.Generator) -> Gene:
    """A pool with probability `POOL_SHARE`, dropout with `DROPOUT_SHARE` where there is any, else a convolution.

    All of them are uniform draws of what the space has. A convolution whose stride is not the usual one counts as a
    kind of pool: both make the map smaller, and a space with strides is to make it no smaller than another.
    """
    draw = rng.random()
    if draw < POOL_SHARE and (kinds := [*space.pools, *_strides(space)]):
        kind = _one_of(kinds, rng)
        return kind if isinstance(kind, Pool) else dataclasses.replace(_convolution(space, rng), stride=kind)
    if space.dropouts and POOL_SHARE <= draw < POOL_SHARE + DROPOUT_SHARE:
        return Dropout(int(rng.choice(space.dropouts)))
    if space.layers and draw >= 1 - LAYER_SHARE:
        return _one_of(space.layers, rng)
    return _convolution(space, rng)


def _convolution(space: ChainSpace, rng: np.random.Generator) -> Gene:
    return _varied(space, space.conv(int(rng.choice(space.filters))), rng)


def _strides(space: ChainSpace) -> list[int]:
    """The strides of convolutions that are not the usual one."""
    usual = space.conv(space.filters[0]).stride
    return [stride for stride in space.strides if stride != usual]


def _varied(space: ChainSpace, gene: Gene, rng: np.random.Generator) -> Gene:
    """The gene with a uniform value of every attribute but width and stride."""
    for name, values in space.values(gene).items():
        if name not in ("filters", "stride") and len(values) > 1:
            gene = with_value(gene, name, _one_of(values, rng))
    return gene


def sample(space: ChainSpace, rng: np.random.Generator) -> Genome:
    """One genome at random, any that is legal and has 1 to `LONGEST_DRAW` convolutions, or none if `plain`.

    Their number is uniform, and so are widths and all other attributes, heads, and how often the map is halved, each
    time by a uniform kind of pool or stride; dropout, pools that keep the size and recipe genes are rare. The smallest
    genome when 1,000 draws meet no legal one. Of several sides it looks at a uniform one.
    """
    if (here := _at_one_side(space, rng)) is not space:
        return here.sample(rng)
    halving: list[Pool | int] = [*(pool for pool in space.pools if halvings(pool)), *_strides(space)]
    keeping = [*map(Dropout, space.dropouts), *space.layers, *(pool for pool in space.pools if not halvings(pool))]
    for _ in range(1000):
        length = int(rng.integers(0 if space.plain else 1, min(LONGEST_DRAW, space.max_convolutions) + 1))
        genes = [_varied(space, space.conv(int(f)), rng) for f in rng.choice(space.filters, length)]
        genes = genes or [Identity()]
        for _ in range(int(rng.geometric(1 / (1 + DROPOUT_SHARE * length))) - 1 if keeping else 0):
            genes.insert(int(rng.integers(0, len(genes) + 1)), _one_of(keeping, rng))
        for _ in range(int(rng.integers(0, space.max_pools + 1)) if halving else 0):
            kind = _one_of(halving, rng)
            if isinstance(kind, int):
                if convolutions := [(p, g) for p, g in enumerate(genes) if isinstance(g, Conv)]:
                    place, gene = _one_of(convolutions, rng)
                    genes[place] = dataclasses.replace(gene, stride=kind)
            else:
                genes.insert(int(rng.integers(0 if space.pool_first else 1, len(genes) + 1)), kind)
        genome = Genome(tuple(genes), _one_of((space.head, *space.heads), rng), side=space.usual_look)
        if space.infeasible(genome) is None:
            return _with_some_recipe(space, genome, rng)
    return space.smallest()


def founders(space: ChainSpace, n: int, rng: np.random.Generator, known: Sequence[Genome] = ()) -> list[Genome]:
    """`n` draws, none of those that are `known` and no doubles where others are met; see `ChainSpace.founders_are`."""
    if space.founders_are == "single":
        return _single_layers(space, n, rng)
    draw = _chain if space.founders_are == "chain" else _layer
    found: list[Genome] = []
    seen = set(known)
    for _ in range(n):
        here = _at_one_side(space, rng)
        fresh = [genome for _ in range(DRAWS) if (genome := draw(here, rng)) not in seen]
        founder = max(fresh, key=lambda genome: space.cost(genome).macs) if fresh else draw(here, rng)
        seen.add(founder)
        found.append(_with_some_recipe(space, founder, rng))
    return found


def _at_one_side(space: ChainSpace, rng: np.random.Generator) -> ChainSpace:
    """The space of one of the sides at which the limits allow some network."""
    spaces = [space.at(look) for look in space.looks]
    return _one_of([here for here in spaces if here.infeasible(here.least) is None] or spaces[:1], rng)


def _with_some_recipe(space: ChainSpace, genome: Genome, rng: np.random.Generator) -> Genome:
    """The genome with small pictures at first, where that is possible, and by chance a step from that."""
    if not space.changeable_recipe:
        return genome
    genome = dataclasses.replace(genome, recipe=SMALL)
    if rng.random() < OTHER_RECIPES:
        genome = dataclasses.replace(genome, recipe=_one_of(space.other_recipes(genome.recipe), rng))
    return space.mend(genome)


def _single_layers(space: ChainSpace, n: int, rng: np.random.Generator) -> list[Genome]:
    """Single layers of 2017: exactly round(0.3 n) lives are a convolution and a pool, shuffled over the cells."""
    pooled = np.arange(n) < round(0.3 * n)
    rng.shuffle(pooled)
    widths = rng.choice(space.filters, n)
    return [
        Genome((space.conv(int(f)), *space.usual_pool) if pool else (space.conv(int(f)),), space.head)
        for f, pool in zip(widths, pooled, strict=True)
    ]


def _chain(space: ChainSpace, rng: np.random.Generator) -> Genome:
    """Stages of one or two convolutions, a pool between stages, ending on a map of about 4x4.

    Drawn at any width, then made narrower, by as many of `filters` as bring it within the caps.
    """
    for _ in range(SHAPES):
        counts = rng.integers(1, 3, size=space.stages)
        places = np.sort(rng.integers(0, len(space.filters), int(counts.sum())))

        def narrower(steps: int, counts: np.ndarray = counts, places: np.ndarray = places) -> Genome:
            return _staged(space, counts, (places - steps).clip(min=0))

        steps = bisect_left(range(places[-1]), 1, key=lambda n: space.infeasible(narrower(n)) != "infeasible:cap")
        if space.infeasible(genome := narrower(steps)) is None:
            return genome
    return space.smallest()


def _staged(space: ChainSpace, counts: np.ndarray, places: np.ndarray) -> Genome:
    """So many convolutions in each stage, whose widths are at these places among `filters`."""
    convolutions = iter([space.conv(space.filters[place]) for place in places])
    genes: list[Gene] = [space.stem(next(convolutions))]
    for stage, count in enumerate(counts):
        genes += space.usual_pool if stage else ()
        genes += islice(convolutions, int(count) if stage else int(count) - 1)
    return Genome(tuple(genes), space.head, side=space.usual_look)


def _layer(space: ChainSpace, rng: np.random.Generator) -> Genome:
    """One convolution of uniform width and kernel."""
    for _ in range(200):
        usual = space.conv(int(rng.choice(space.filters)))
        kernel = int(rng.choice(space.kernels))
        genome = Genome((dataclasses.replace(usual, kernel=kernel),), space.head, side=space.usual_look)
        if space.infeasible(genome) is None:
            return genome
    return space.smallest()


def _one_of(values: Sequence[T], rng: np.random.Generator) -> T:
    """A uniform one; nothing is drawn where there is one only."""
    return values[int(rng.integers(len(values)))] if len(values) > 1 else values[0]
