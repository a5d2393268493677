"""Rules of thumb: what a good practitioner would train by hand, given data, minutes and the speed of the machine.

Each rule has one knob, the width of its first layer: from it follow all other widths and the depth. The practitioner
turns it up as far as time and data allow, and trains that one network for all the minutes. More minutes or a faster
machine never give a smaller network.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from neuralfinder.job.forecast import SAFETY, retrained_share
from neuralfinder.job.plan import Task
from neuralfinder.job.planner import SHORTEST_FINAL, SHORTEST_STEPS
from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.cost import Rates, layer_parameters
from neuralfinder.networks.genome import Conv, Gene, Genome
from neuralfinder.training.clock import looking_steps, steps_in_all, steps_of_epoch
from neuralfinder.training.recipes import Recipe
from neuralfinder.types import Fidelity

WIDTHS = range(8, 513, 8)
"""Filters of the first layer. Eights are what processors multiply well; 512 is the widest layer of the space."""

WIDEST = 512
"""Filters of a layer at most, where they double from stage to stage: as in VGG."""

PARAMETERS_EACH = 730
"""Numbers to learn for each training sample at most: wrn-28-10, the largest network by hand of the literature that is
compared here, has 36.5 million for the 50,000 pictures of CIFAR-10."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a rule decides by.

    Attributes:
        task: shape, classes and counts of samples.
        space: gives normalisation, pools and head as the preset has them, and the shape; its caps do not count.
        recipe: of the one training.
        batch_size: samples per step.
        rates: the measured machine.
        seconds: wall time left for training and looks.
    """

    task: Task
    space: ChainSpace
    recipe: Recipe
    batch_size: int
    rates: Rates
    seconds: float

    def fits(self, genome: Genome) -> bool:
        """Whether there is time to train it well, and there are samples enough.

        Well is what the largest network of a search has time for: 16 epochs or 720 steps, or as long as the recipe
        gains anything where that is shorter.
        """
        task, steps = self.task, steps_of_epoch(self.task.train, 1.0, self.batch_size)
        epochs = min(max(SHORTEST_FINAL, SHORTEST_STEPS / steps), self.recipe.longest)
        training = steps_in_all(
            task.train, task.validation, self.batch_size, Fidelity.of(epochs), self.recipe.measures
        ) * (1 + retrained_share(int(self.recipe.refit), task))
        looks = looking_steps(task.validation + task.test, self.batch_size)
        seconds = (training + looks) * self.rates.step_seconds(self.space.cost(genome))
        learned = sum(layer_parameters(genome, task.shape, task.classes))
        return seconds <= SAFETY * self.seconds and learned <= PARAMETERS_EACH * task.train


Form = Callable[[ChainSpace, int], Iterator[Gene]]


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

    def genome(self, terms: Terms) -> Genome:
        """The widest network that fits; the narrowest where none does."""
        form = self.texts if terms.space.shape.vocabulary else self.pictures

        def network(width: int) -> Genome:
            return terms.space.mend(Genome(tuple(form(terms.space, width)), terms.space.head))

        best = network(WIDTHS[0])
        for width in WIDTHS[1:]:
            wider = network(width)
            if not terms.fits(wider):
                break
            best = wider
        return best


def _stages(space: ChainSpace, width: int) -> list[int]:
    """Widths of the stages, doubled from one to the next; the last has a map of about 4x4."""
    return [min(WIDEST, width << stage) for stage in range(max(0, space.max_pools - 2) + 1)]


def _times(width: int, once: int) -> int:
    """How often something is repeated: one more each time that the width doubles beyond `once`."""
    return max(1, (width // once).bit_length())


def _chain(space: ChainSpace, width: int) -> Iterator[Gene]:
    """One convolution where the map is large; then pools and two each; three from 64 filters on, and so on."""
    first, *others = _stages(space, width)
    yield space.conv(first)
    for filters in others:
        yield from space.usual_pool
        yield from [space.conv(filters)] * (1 + _times(width, 32))


def _residual(space: ChainSpace, width: int) -> Iterator[Gene]:
    """The same stages; in each a convolution and then blocks of two that are added to what came before."""
    first, *others = _stages(space, width)
    yield space.conv(first)
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
        yield space.conv(filters)


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
