"""Rules of thumb: what a good practitioner would train by hand, given data, minutes and the speed of the machine.

Each rule has one knob, the width of its first layer: from it follow all other widths and the depth. The practitioner
turns it up as far as time and data allow, and trains that one network for all the minutes. More minutes or a faster
machine never give a smaller network.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from neuralfinder.networks.genome import USUAL_SIDE, Conv, Gene, Genome

if TYPE_CHECKING:
    from neuralfinder.networks.chains import ChainSpace

WIDTHS = range(8, 513, 4)
"""Filters of the first layer: twelve have some half of the multiply-adds of sixteen and twice those of eight; 512 is
the widest layer of the space."""

WIDEST = 512
"""Filters of a layer at most, where they double from stage to stage: as in VGG."""

ENOUGH = 32
"""Filters of the first layer from which a practitioner would look at larger pictures rather than take more. A guess."""

Form = Callable[["ChainSpace", int], Iterator[Gene]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of thumb.

    Attributes:
        name: as `--methods` takes it.
        summary: one line.
        pictures, texts: the genes, from the width of the first layer; wider ones cost more.
    """

    name: str
    summary: str
    pictures: Form
    texts: Form

    def genome(self, space: ChainSpace, fits: Callable[[Genome], bool]) -> Genome:
        """The widest network before the first that does not fit; the narrowest where none does.

        Of several sides it looks at the largest at which it has `ENOUGH` filters in its first layer, or else at the
        usual one.
        """
        usual = space.usual_look
        larger = [look for look in reversed(space.looks) if (look or USUAL_SIDE) > (usual or USUAL_SIDE)]
        for look in larger:
            network = self.sizes(space.at(look), fits)[-1]
            if fits(network) and isinstance(first := network.genes[0], Conv) and first.filters >= ENOUGH:
                return network
        return self.sizes(space.at(usual), fits)[-1]

    def sizes(self, space: ChainSpace, fits: Callable[[Genome], bool]) -> list[Genome]:
        """From the narrowest network on to the widest before the first that does not fit; the narrowest at least."""
        form = self.texts if space.shape.vocabulary else self.pictures
        networks = (space.mend(Genome(tuple(form(space, width)), space.head)) for width in WIDTHS)
        narrowest = next(networks)
        return [narrowest, *takewhile(fits, networks)]


def _stages(space: ChainSpace, width: int) -> list[int]:
    """Widths of the stages, doubled from one to the next; the last has a map of about 4x4."""
    return [min(WIDEST, width << stage) for stage in range(space.stages)]


def _times(width: int, once: int) -> int:
    """How often something is repeated: one more each time that the width doubles beyond `once`."""
    return max(1, (width // once).bit_length())


def _chain(space: ChainSpace, width: int) -> Iterator[Gene]:
    """One convolution where the map is large; then pools and two each; three from 64 filters on, and so on."""
    first, *others = _stages(space, width)
    yield space.stem(space.conv(first))
    for filters in others:
        yield from space.usual_pool
        yield from [space.conv(filters)] * (1 + _times(width, 32))


def _residual(space: ChainSpace, width: int) -> Iterator[Gene]:
    """The same stages; in each a convolution and then blocks of two that are added to what came before."""
    first, *others = _stages(space, width)
    yield space.stem(space.conv(first))
    for filters in others or [first]:
        yield from space.usual_pool if others else ()
        yield space.conv(filters)
        yield from _blocks(space.conv(filters), _times(width, 32))


def _blocks(conv: Conv, count: int) -> Iterator[Gene]:
    """He et al. 2016, figure 2."""
    for _ in range(count):
        yield conv
        yield dataclasses.replace(conv, skips=(2,))


def _wide(space: ChainSpace, width: int) -> Iterator[Gene]:
    """Three convolutions at most, each with twice the filters of the one before, pools between."""
    for place, filters in enumerate(_stages(space, width)[:3]):
        yield from space.usual_pool if place else ()
        yield space.conv(filters) if place else space.stem(space.conv(filters))


def _line(space: ChainSpace, width: int) -> Iterator[Gene]:
    """Kim 2014: one convolution over the tokens; two from 128 filters on, and so on."""
    yield from [space.conv(width)] * _times(width, 64)


def _residual_line(space: ChainSpace, width: int) -> Iterator[Gene]:
    yield space.conv(width)
    yield from _blocks(space.conv(width), _times(width, 128))


def _bag(space: ChainSpace, width: int) -> Iterator[Gene]:
    """Every token by itself: a bag of words."""
    yield dataclasses.replace(space.conv(width), kernel=1)


RULES = {
    rule.name: rule
    for rule in (
        Rule("chain-by-rule", "plain convolutions as wide and deep as time and data allow", _chain, _line),
        Rule("residual-by-rule", "the same with residual blocks", _residual, _residual_line),
        Rule("wide-by-rule", "few and wide convolutions; of texts a bag of tokens", _wide, _bag),
    )
}
"""By name."""
