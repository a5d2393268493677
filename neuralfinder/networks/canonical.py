"""Which genomes build the same network: the one by which all of them are known."""

from __future__ import annotations

import dataclasses
from typing import Any

from neuralfinder.networks.cost import (
    groups,
    inputs,
    kernel_sides,
    pool_padding,
    pools_at_once,
    shapes,
    skip_sources,
    slid,
)
from neuralfinder.networks.genome import RISING, Conv, Genome, Identity, MaxPool, Pool, PoolHead
from neuralfinder.types import Shape


def canonical_layers(genome: Genome, shape: Shape, *, plain: bool, pool_first: bool) -> Genome:
    """The genome with the layers that are built, without what changes nothing about them.

    Skips that reach before the first gene go, groups become such that divide, kernels of one number have no border,
    max-pools go that a maximum over the whole map follows, and where networks need no convolution so do genes that
    pass their input on, but for the last one.

    Args:
        genome: one that looks at all of a sample.
        shape: of the sample.
        plain: whether networks may have no convolution.
        pool_first: whether one may begin with a pool.
    """
    genome = _with_real_links(genome, shape)
    return _without_idle_pools(_without_idle_identities(genome, pool_first) if plain else genome, shape)


def _without_idle_identities(genome: Genome, pool_first: bool) -> Genome:
    """Without genes that do nothing, where no skip counts them."""
    if Identity() not in genome.genes or any(getattr(gene, "skips", ()) for gene in genome.genes):
        return genome
    others = tuple(gene for gene in genome.genes if gene != Identity())
    begins = others and (pool_first or not isinstance(others[0], Pool))
    return dataclasses.replace(genome, genes=others if begins else (Identity(), *others))


def _with_real_links(genome: Genome, shape: Shape) -> Genome:
    """Without skips that reach before the first gene, with groups that divide and borders that count."""
    if not any(
        isinstance(g, Identity) or (isinstance(g, Conv) and (g.skips or g.groups > 1 or g.border != "same"))
        for g in genome.genes
    ):
        return genome  # as almost always
    genes, maps = list(genome.genes), shapes(genome, shape)
    for place, gene in enumerate(genome.genes):
        if not isinstance(gene, Conv | Identity):
            continue
        skips = tuple(place - source for source in skip_sources(genome, place))
        if skips == (1,) and gene.join == "in":
            skips = ()
        changes: dict[str, Any] = {"skips": skips, "join": gene.join if skips else "add"}
        if isinstance(gene, Conv):
            changes["groups"] = groups(gene, inputs(genome, place, maps, shape).channels)
            changes["border"] = gene.border if kernel_sides(gene, shape.line) != (1, 1) else "same"
        genes[place] = dataclasses.replace(gene, **changes)
    return dataclasses.replace(genome, genes=tuple(genes))


def _without_idle_pools(genome: Genome, shape: Shape) -> Genome:
    """Without the last max-pools where the head takes the maximum anyway, and they look at the whole map."""
    while _pools_idly(genome, shape):
        genome = dataclasses.replace(genome, genes=genome.genes[:-1])
    return genome


def _pools_idly(genome: Genome, shape: Shape) -> bool:
    if not (isinstance(genome.head, PoolHead) and genome.head.largest) or len(genome) < 2:
        return False
    last, before = genome.genes[-1], genome.genes[-2]
    if not isinstance(last, MaxPool):
        return False
    maps = shapes(genome, shape)[-2]
    whole = _looks_at_all(last, maps.width) and (shape.line or _looks_at_all(last, maps.height))
    if whole and isinstance(before, Conv) and pools_at_once(genome, len(genome) - 2):
        return not before.norm and before.activation in RISING  # the pool comes before the activation
    return whole


def _looks_at_all(pool: MaxPool, side: int) -> bool:
    """Whether the windows leave no number of a side out: none between them, none at the end."""
    count = slid(side, pool.size, pool.stride, pool_padding(pool))
    return (count - 1) * pool.stride + pool.size - pool_padding(pool) >= side
