"""Networks made by hand that a search begins with: of all kinds that a space has, as wide as its limits allow."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from neuralfinder.networks.genome import Conv, DenseHead, Gene, Genome, Identity, PoolHead
from neuralfinder.networks.recipe_genes import SMALL, RecipeGene, in_order
from neuralfinder.networks.rules import RULES

if TYPE_CHECKING:
    from neuralfinder.networks.chains import ChainSpace


def small_network(space: ChainSpace) -> Genome:
    """By hand: convolutions of 32, 64 and 128 filters, pools between where the picture allows it; 128 for texts.

    Where the limits exclude it, it is half as wide, a quarter and so on, and at last the smallest network of the space.

    Raises:
        InputError: the limits exclude even the smallest network.
    """
    return _widest(space.usual, _by_hand) or space.smallest()


def portfolio(space: ChainSpace) -> list[Genome]:
    """Networks of all kinds that the space has, the one by hand first; a search is to be no worse than any of them.

    For pictures: the networks by hand and, where a step has its time, by rule, these with small pictures at first; a
    chain by rule for each side above the usual one, or below where the limits allow none there; one with a linear model
    of all pixels beside it; without shifts, where the place may be the meaning: the network by hand, a shallow one with
    a flattened map, logistic regression on pixels, a perceptron. For texts: a bag of n-grams (Joulin et al. 2017), the
    network by hand with such a bag beside it (Cheng et al. 2016), one of wide kernels (Kim 2014). Each is as wide as
    the limits allow; left out are those that no width makes legal, and those whose head the space has not. No doubles.
    """
    kinds = [_by_hand, *(_TEXTS if space.shape.vocabulary else _PICTURES)]
    heads, usual = (space.head, *space.heads), space.usual
    found = [genome for kind in kinds if kind(usual, 1).head in heads and (genome := _widest(usual, kind))]
    place = space.looks.index(space.usual_look)
    others = space.looks[place + 1 :] if _widest(usual, _CHAIN) else space.looks[:place]
    closer = [genome for look in others if (genome := _widest(space.at(look), _CHAIN))]
    return list(dict.fromkeys(map(space.canonical, [*found[:AFTER], *closer, *found[AFTER:]])))


def _widest(space: ChainSpace, kind: Callable[[ChainSpace, int], Genome]) -> Genome | None:
    """The network of this kind with its widths divided by the least power of 2 that makes it legal; `None` for none."""
    return next((genome for parts in PARTS if space.infeasible(genome := kind(space, parts)) is None), None)


PARTS = (1, 2, 4, 8, 16, 32)
"""What widths of networks made by hand are divided by."""


def _by_hand(space: ChainSpace, parts: int) -> Genome:
    """The network by hand with its widths divided by `parts`."""
    if space.shape.vocabulary:
        return space.mend(Genome((space.conv(128 // parts),), space.head))
    genes: list[Gene] = [space.conv(32 // parts)]
    for place, filters in enumerate((64, 128), start=1):
        if place < space.max_pools:
            genes += space.usual_pool
        genes.append(space.conv(filters // parts))
    return space.mend(Genome(tuple(genes), space.head))


def _ruled(name: str) -> Callable[[ChainSpace, int], Genome]:
    """The network of a rule of thumb as the kind of a portfolio: as wide as the time of a step allows, or narrow."""

    def network(space: ChainSpace, parts: int) -> Genome:
        narrow = NARROW[bool(space.shape.vocabulary)] // parts

        def fits(genome: Genome) -> bool:
            if parts == 1 and space.max_step_seconds < math.inf:
                return space.infeasible(genome) is None
            return _first(genome) <= narrow

        return RULES[name].genome(space, fits)

    return network


def _first(genome: Genome) -> int:
    """Filters of the first layer."""
    return genome.genes[0].filters if isinstance(genome.genes[0], Conv) else 0


def _trained(space: ChainSpace, genome: Genome, **values: float) -> Genome:
    """The genome with these recipe genes, as far as the space has them."""
    known = {gene.name for gene in space.changeable_recipe}
    genes = [RecipeGene(name, value) for name, value in values.items() if name in known]
    return dataclasses.replace(genome, recipe=in_order(genes))


def _unmoved(kind: Callable[[ChainSpace, int], Genome]) -> Callable[[ChainSpace, int], Genome]:
    """The same kind without random shifts."""
    return lambda space, parts: _trained(space, kind(space, parts), shift=0)


def _small_first(kind: Callable[[ChainSpace, int], Genome]) -> Callable[[ChainSpace, int], Genome]:
    """The same kind with small pictures at first, where those of the task are large enough."""
    return lambda space, parts: space.mend(dataclasses.replace(kind(space, parts), recipe=SMALL))


def _with_pixels(kind: Callable[[ChainSpace, int], Genome]) -> Callable[[ChainSpace, int], Genome]:
    """Networks of this kind with a linear model beside them."""
    return lambda space, parts: space.mend(dataclasses.replace(kind(space, parts), head=PoolHead(pixels=True)))


def _shallow(space: ChainSpace, parts: int) -> Genome:
    return space.mend(Genome((space.conv(32 // parts), *space.usual_pool), DenseHead(HIDDEN // parts)))


def _flat(space: ChainSpace, units: int) -> Genome:
    """No convolution: the more pixels, the smaller the rate at which a linear layer still converges."""
    inputs = space.shape.channels * space.shape.height * space.shape.width
    rate = 1 if inputs <= FEW_INPUTS else 0.3 if inputs <= 3 * FEW_INPUTS else 0.1
    return _trained(space, space.mend(Genome((Identity(),), DenseHead(units))), shift=0, rate=rate)


def _linear(space: ChainSpace, parts: int) -> Genome:
    return _flat(space, 0)


def _perceptron(space: ChainSpace, parts: int) -> Genome:
    return _flat(space, HIDDEN // parts)


def _bag(space: ChainSpace, parts: int) -> Genome:
    return Genome((Identity(),), PoolHead(bag=bag_bits(space.classes)))


def _wide_and_deep(space: ChainSpace, parts: int) -> Genome:
    head = space.head if isinstance(space.head, PoolHead) else PoolHead()
    head = dataclasses.replace(head, bag=bag_bits(space.classes))
    return dataclasses.replace(_by_hand(space, parts), head=head)


def _wide_kernel(space: ChainSpace, parts: int) -> Genome:
    kernel = max(space.kernels)
    return space.mend(Genome((dataclasses.replace(space.conv(256 // parts), kernel=kernel),), space.head))


HIDDEN, NARROW = 256, (32, 128)
"""Of the portfolio: units of the hidden layer of dense heads, and filters of the first layer of networks by rule where
no time limits them, for pictures and for texts."""

MOST_BITS, MOST_NUMBERS = 18, 1 << 24
"""Logarithm to base 2 of the rows of a bag of n-grams, and numbers in all of them, at most. By 2^16 rows questions were
told as well, words half a point less (docs/LOG.md); fitting takes seven times the memory of the numbers."""


def bag_bits(classes: int) -> int:
    """Logarithm to base 2 of the rows of a bag of n-grams for so many classes."""
    return min(MOST_BITS, int(math.log2(MOST_NUMBERS / classes)))


FEW_INPUTS = 256
"""Inputs of a linear layer that learns at the usual rate; 64 do (docs/LOG.md), and its curvature grows with them."""

_PICTURES = (
    _unmoved(_by_hand),
    _small_first(_ruled("chain-by-rule")),
    _with_pixels(_ruled("chain-by-rule")),
    _unmoved(_shallow),
    _small_first(_ruled("residual-by-rule")),
    _linear,
    _small_first(_ruled("wide-by-rule")),
    _perceptron,
)
_CHAIN, AFTER = _small_first(_ruled("chain-by-rule")), 3
"""Of sides that are not the usual one, and after how many others these networks come."""

_TEXTS = (_bag, _ruled("chain-by-rule"), _wide_and_deep, _wide_kernel, _ruled("residual-by-rule"))
