"""Networks made by hand that a search begins with: of all kinds that a space has."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
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
    return _Kind(_by_hand).network(space.usual) or space.smallest()


Best = Callable[[Sequence[Genome]], Genome]
"""Of some networks of a kind, the narrowest first, the one to begin with."""


def portfolio(space: ChainSpace, best: Best = itemgetter(-1)) -> list[Genome]:
    """Networks of all kinds that the space has, the one by hand first; a search is to be no worse than any of them.

    For pictures: the networks by hand and, where a step has its time, by rule, these with small pictures at first; a
    chain by rule for each side above the usual one, or below where the limits allow none there; one with a linear model
    of all pixels beside it; without shifts, where the place may be the meaning: the network by hand, a shallow one with
    a flattened map, logistic regression on pixels, a perceptron. For texts: a bag of n-grams (Joulin et al. 2017), the
    network by hand with such a bag beside it (Cheng et al. 2016), one of wide kernels (Kim 2014). Left out are those
    that no width makes legal, and those whose head the space has not. No doubles.

    Args:
        space: its limits count.
        best: chooses among the widths of a rule that the limits allow; the widest by default. The others are as wide as
            the limits allow.
    """
    heads, usual = (space.head, *space.heads), space.usual
    kinds = [_Kind(_by_hand), *(_TEXTS if space.shape.vocabulary else _PICTURES)]
    found = [network for kind in kinds if (network := kind.network(usual, best)) and network.head in heads]
    place = space.looks.index(space.usual_look)
    others = space.looks[place + 1 :] if _CHAIN.network(usual, best) else space.looks[:place]
    closer = [network for look in others if (network := _CHAIN.network(space.at(look), best))]
    return list(dict.fromkeys(map(space.canonical, [*found[:AFTER], *closer, *found[AFTER:]])))


@dataclass(frozen=True, slots=True)
class _Kind:
    """Networks that differ in their width alone.

    Attributes:
        base: the network with its widths divided by a number, or the name of a rule of thumb.
        change: what else they have otherwise.
    """

    base: Callable[[ChainSpace, int], Genome] | str
    change: Callable[[ChainSpace, Genome], Genome] = lambda space, genome: genome

    def network(self, space: ChainSpace, best: Best = itemgetter(-1)) -> Genome | None:
        """The one to begin with; `None` where the space has none."""

        def legal(genome: Genome) -> bool:
            return space.infeasible(self.change(space, genome)) is None

        base = self.base
        if not isinstance(base, str):
            return self._widest(space, base)
        if space.max_step_seconds < math.inf:
            sizes = [self.change(space, genome) for genome in RULES[base].sizes(space, legal) if legal(genome)]
            if sizes:
                return best(sizes)
        return self._widest(space, partial(_narrow, base))

    def _widest(self, space: ChainSpace, base: Callable[[ChainSpace, int], Genome]) -> Genome | None:
        networks = (self.change(space, base(space, parts)) for parts in PARTS)
        return next((network for network in networks if space.infeasible(network) is None), None)


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


def _narrow(rule: str, space: ChainSpace, parts: int) -> Genome:
    """The network of a rule of thumb where no time limits it, with its widths divided by `parts`."""
    narrow = NARROW[bool(space.shape.vocabulary)] // parts
    return RULES[rule].genome(space, lambda genome: _first(genome) <= narrow)


def _first(genome: Genome) -> int:
    """Filters of the first layer."""
    return genome.genes[0].filters if isinstance(genome.genes[0], Conv) else 0


def _trained(space: ChainSpace, genome: Genome, **values: float) -> Genome:
    """The genome with these recipe genes, as far as the space has them."""
    known = {gene.name for gene in space.changeable_recipe}
    genes = [RecipeGene(name, value) for name, value in values.items() if name in known]
    return dataclasses.replace(genome, recipe=in_order(genes))


def _unmoved(space: ChainSpace, genome: Genome) -> Genome:
    """The same without random shifts."""
    return _trained(space, genome, shift=0)


def _small_first(space: ChainSpace, genome: Genome) -> Genome:
    """The same with small pictures at first, where those of the task are large enough."""
    return space.mend(dataclasses.replace(genome, recipe=SMALL))


def _with_pixels(space: ChainSpace, genome: Genome) -> Genome:
    """The same with a linear model beside it."""
    return space.mend(dataclasses.replace(genome, head=PoolHead(pixels=True)))


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

_CHAIN = _Kind("chain-by-rule", _small_first)
_PICTURES = (
    _Kind(_by_hand, _unmoved),
    _CHAIN,
    _Kind("chain-by-rule", _with_pixels),
    _Kind(_shallow, _unmoved),
    _Kind("residual-by-rule", _small_first),
    _Kind(_linear),
    _Kind("wide-by-rule", _small_first),
    _Kind(_perceptron),
)
AFTER = 3
"""After how many others chains of sides that are not the usual one come."""

_TEXTS = (
    _Kind(_bag),
    _Kind("chain-by-rule"),
    _Kind(_wide_and_deep),
    _Kind(_wide_kernel),
    _Kind("residual-by-rule"),
)
