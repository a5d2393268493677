"""Networks of the table of our own space: some by hand, and any number drawn, the same ones for ever."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from neuralfinder.networks.chains import ALPHABETS
from neuralfinder.networks.genome import (
    AvgPool,
    Conv,
    DenseHead,
    Gene,
    Genome,
    Head,
    Identity,
    MaxPool,
    PoolHead,
    parse,
)
from neuralfinder.seeds import Seeds

PICTURES_BY_HAND = (
    "C32.bn M C64.bn C64.bn M C128.bn > G",
    "I > F0",
    "C32.bn > F128",
    "C32.bn M C64.bn M C128.bn > G",
    "C32.bn C32.bn.add1 C32.bn M C64.bn C64.bn.add1 M C128.bn C128.bn.add1 > G",
    "I > F128",
    "C32.bn M C64.bn C64.bn M C128.bn C128.bn M C128.bn > G",
    "C64.bn M C128.bn > GM",
    "C16.bn M C32.bn > F64",
    "C256.bn M C256.bn > G",
    "M > F128",
    "C32.bn M C64.bn C64.bn M C128.bn > F128",
    "C16.bn C16.bn M C32.bn C32.bn M C64.bn C64.bn > G",
    "C32.bn M C64.bn C64.bn M C128.bn > GM",
)

LONGER = (
    "C8.bn M C16.bn C16.bn M C32.bn C32.bn M C64.bn C64.bn > G",
    "C12.bn M C24.bn C24.bn M C48.bn C48.bn M C96.bn C96.bn > G",
    "C16.bn M C32.bn C32.bn M C64.bn C64.bn M C128.bn C128.bn > G",
    "C24.bn M C48.bn C48.bn M C96.bn C96.bn M C192.bn C192.bn > G",
    "C32.bn M C64.bn C64.bn M C128.bn C128.bn M C256.bn C256.bn > G",
    "C16.bn M C32.bn C32.bn M C64.bn C64.bn M C128.bn C128.bn > G | small0.4",
    "C24.bn M C48.bn C48.bn M C96.bn C96.bn M C192.bn C192.bn > G | small0.4",
    "C16.bn M C32.bn C32.bn M C64.bn C64.bn M C128.bn C128.bn > G | shift0",
    "C16.k5.s2.bn M C32.bn C32.bn M C64.bn C64.bn M C128.bn C128.bn > G",
    "C24.k5.s2.bn M C48.bn C48.bn M C96.bn C96.bn M C192.bn C192.bn > G",
    "C32.k5.s2.bn M C64.bn C64.bn M C128.bn C128.bn M C256.bn C256.bn > G",
    "C16.bn M C32.bn M C64.bn C64.bn M C128.bn C128.bn > G",
    "C24.bn M C48.bn M C96.bn C96.bn M C192.bn C192.bn > G",
    "C32.bn M C64.bn M C128.bn C128.bn M C256.bn C256.bn > G",
    "C8.bn M C16.bn C16.bn C16.bn.add2 M C32.bn C32.bn C32.bn.add2 M C64.bn C64.bn C64.bn.add2 > G",
    "C12.bn M C24.bn C24.bn C24.bn.add2 M C48.bn C48.bn C48.bn.add2 M C96.bn C96.bn C96.bn.add2 > G",
    "C16.bn M C32.bn C32.bn C32.bn.add2 M C64.bn C64.bn C64.bn.add2 M C128.bn C128.bn C128.bn.add2 > G",
    "C32.bn M C64.bn M C128.bn > G",
    "C32.k5.s2.bn C64.bn C64.bn M C128.bn C128.bn > G",
    "C16.bn M C32.bn C48.bn M M C96.bn C128.bn C96.bn.add2 > G",
    "C16.bn C48.bn M C96.bn C96.bn M C128.bn M C128.bn > G",
)
"""For pictures that are trained on for minutes: chains and residual networks of some widths, with and without a stride
at first, with small pictures at first, without shifts, and two that searches of CIFAR-10 ended with."""

TEXTS_BY_HAND = (
    "C128 > GM.d50",
    "I > G",
    "C128.k5 > GM.d50",
    "I > GM",
    "C256 > GM.d50",
    "C128.k1 > GM.d50",
    "I > F0",
    "C128 C128.add1 > GM.d50",
    "C64.bn M C128.bn > G",
    "I > F128",
)

BY_HAND = PICTURES_BY_HAND[0], TEXTS_BY_HAND[0]
"""The rule of thumb for pictures, and for texts."""


def networks(text: bool) -> Iterator[Genome]:
    """Without end: one by hand, as long as there are any, after two at random."""
    by_hand = iter(TEXTS_BY_HAND if text else PICTURES_BY_HAND)
    rng = Seeds(0).stream("networks", int(text))
    for number in itertools.count():
        genome = _text_network(rng) if text else _picture_network(rng)
        yield parse(next(by_hand, genome.key)) if number % 3 == 0 else genome


def _picture_network(rng: np.random.Generator) -> Genome:
    """No convolution in one of twelve; else 1 to 16, in stages with pools or strides between, and a style for all."""
    if rng.random() < 1 / 12:
        pools: list[Gene] = [_pick(rng, {MaxPool(): 1, AvgPool(): 1})] * int(rng.integers(0, 3))
        units = int(_pick(rng, {0: 1, 64: 1, 256: 1}))
        return Genome(
            (*pools, Identity(norm=rng.random() < 0.3)),
            DenseHead(units, int(_pick(rng, {0: 3, 64: 1})) if units else 0),
        )
    depth = int(
        rng.choice([1, 2, 3, 4, 5, 6, 8, 10, 12, 16], p=[0.1, 0.12, 0.14, 0.14, 0.12, 0.1, 0.1, 0.08, 0.06, 0.04])
    )
    stages = min(depth, int(rng.integers(1, 5)))
    widths = rng.choice(ALPHABETS["fast"], depth if rng.random() < 0.5 else stages)
    widths = np.sort(widths) if rng.random() < 0.8 else widths
    first_of_stage = {0, *rng.choice(np.arange(1, depth), stages - 1, replace=False).tolist()} if depth > 1 else {0}
    norm, separable = rng.random() < 0.85, rng.random() < 0.12
    activation = str(_pick(rng, {"relu": 6, "gelu": 1, "silu": 1, "leaky": 1}))
    kernels = _pick(rng, {(3,): 6, (5, 3): 1, (3, 1): 1, (5,): 1, (1,): 0.5})  # of the first, and of the others
    strided, skip = rng.random() < 0.2, int(_pick(rng, {0: 6, 1: 2, 2: 2}))
    pool: Gene = _pick(rng, {MaxPool(): 7, AvgPool(): 1.5, MaxPool(3): 1.5})
    genes: list[Gene] = []
    stage = -1
    for place in range(depth):
        begins = place in first_of_stage
        stage += begins
        if begins and place and not strided:
            genes.append(pool)
        genes.append(
            Conv(
                int(widths[place if len(widths) == depth else stage]),
                norm,
                kernel=kernels[min(place, len(kernels) - 1)],
                stride=2 if begins and place and strided else 1,
                activation=activation,
                separable=separable and place > 0,
                skips=(skip,) if skip and not begins and place - skip >= 0 else (),
            )
        )
    if stages < 4 and rng.random() < 0.3:
        genes.append(pool)
    return Genome(tuple(genes), _pick(rng, HEADS))


HEADS: dict[Head, float] = {
    PoolHead(): 6,
    PoolHead(dropout=30): 1,
    PoolHead(largest=True): 3,
    DenseHead(0): 2,
    DenseHead(64): 1.5,
    DenseHead(128): 1.5,
    DenseHead(256): 1.5,
    DenseHead(128, 64): 0.5,
}

TEXT_HEADS: dict[Head, float] = {
    PoolHead(largest=True, dropout=50): 5,
    PoolHead(largest=True): 2,
    PoolHead(): 3,
    PoolHead(dropout=50): 1.5,
    DenseHead(0): 1,
    DenseHead(64): 1,
}


def _text_network(rng: np.random.Generator) -> Genome:
    depth = int(_pick(rng, {0: 1, 1: 5, 2: 3, 3: 2, 4: 1}))
    norm, pooled = rng.random() < 0.3, rng.random() < 0.3
    activation = str(_pick(rng, {"relu": 5, "gelu": 2, "silu": 2, "tanh": 1}))
    skip, join = int(_pick(rng, {0: 3, 1: 2})), str(_pick(rng, {"add": 2, "cat": 1}))
    genes: list[Gene] = [] if depth else [Identity(norm=norm)]
    for place in range(depth):
        if place and pooled:
            genes.append(MaxPool())
        skips = (skip,) if skip and place and not pooled else ()
        kernel = int(rng.choice([1, 3, 5, 7], p=[0.2, 0.4, 0.2, 0.2]))
        width = int(rng.choice([16, 32, 64, 96, 128, 192, 256]))
        genes.append(Conv(width, norm, kernel, activation=activation, skips=skips, join=join if skips else "add"))
    return Genome(tuple(genes), _pick(rng, TEXT_HEADS))


def _pick(rng: np.random.Generator, weights: dict[Any, float]) -> Any:
    """One of the keys, with probabilities as their weights."""
    share = np.array([*weights.values()], dtype=float)
    return [*weights][int(rng.choice(len(share), p=share / share.sum()))]
