"""The space of chain networks for one task: what is legal in it, and what is next to what."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

import numpy as np

from neuralfinder.errors import InputError, check_allowed
from neuralfinder.networks import sampling
from neuralfinder.networks.canonical import canonical_layers
from neuralfinder.networks.cost import Cost, Rates, cost, file_bytes, shapes
from neuralfinder.networks.genome import (
    ACTIVATIONS,
    BORDERS,
    INITIALISATIONS,
    KERNELS,
    MOST_SIDE,
    STRIDES,
    USUAL_SIDE,
    AvgPool,
    Conv,
    DenseHead,
    Dropout,
    Gene,
    Genome,
    Head,
    Layer,
    MaxPool,
    Pool,
    PoolHead,
    halvings,
    value_of,
    with_value,
)
from neuralfinder.networks.portfolio import portfolio
from neuralfinder.networks.recipe_genes import ALL, RecipeGenes, changeable, steps, steps_from, without_usual
from neuralfinder.networks.recipe_genes import KINDS as RECIPE_KINDS
from neuralfinder.networks.space import SMALL_STEPS, Space
from neuralfinder.plain import counted
from neuralfinder.types import Allowed, Range, Shape

ALPHABETS: dict[str, tuple[int, ...]] = {
    "2017": (16, 32, 64, 96, 128, 192, 224, 256, 512),
    "s21": (16, 32, 48, 96, 128, 192, 256, 512),
    "s31_literal": (16, 32, 64, 96, 128, 196, 224, 256, 512),
    "union": (16, 32, 48, 64, 96, 128, 192, 196, 224, 256, 512),
    "fast": (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512),
}
"""Filter counts. `2017` is the list of the experiment with 196 read as 192, which is what the published best uses."""


@dataclass(frozen=True, slots=True)
class ChainSpace(Space):
    """The legal networks for one task.

    Attributes:
        shape: shape of one sample.
        classes: number of classes, 2 or more.
        filters: the filter counts a convolution may have, ascending.
        norm: whether convolutions carry batch normalisation.
        kernels: the sides that kernels of convolutions may have; the usual one here, and of what follows, is that of
            `Conv` where it is among them, else the first.
        strides: the strides that convolutions may have.
        activations: what may follow a convolution.
        groups: the groups of channels that a convolution may have.
        borders: `same` where zeros round the map keep its size, `valid` where there are none.
        initialisations: first weights that a convolution may have; none for those of the recipe.
        separable: whether it may be depthwise-separable.
        longest_skip: the most genes a skip may reach back; 0 for no skips.
        pools: the pools there are, the usual one first.
        dropouts: the percents of dropout there are.
        layers: genes of packages that networks may have, such as SE4.
        head: the head that networks have at first.
        heads: others that mutation may put in its place; where there are any, the head is inherited as genes are.
        sides: the sides at which networks may look at larger pictures, see `Genome.side`; none for the usual alone.
        side: that of all networks where there are no `sides`.
        recipe_genes: the recipe genes that networks may have, `all` for all: how they are trained is inherited then.
        usual_recipe: what the task's recipe has, of all that matters for these data; nothing else changes.
        plain: whether networks may be drawn that have no convolution, and the first founders are a `portfolio`.
        founders_are: `single` - one convolution, 30 % followed by a pool, as in 2017; `chain` - random chains of
            stages whose widths never shrink; `layer` - one convolution of any width and kernel. Of some chains or
            layers the one with most multiply-adds: what the caps allow is there to be used.
        pool_first: whether a network may begin with a pool.
        max_convolutions: most convolutions of a network; beyond this cap and the next ones it is `infeasible:cap`.
        max_genes: most genes of a network.
        max_parameters: most trainable numbers of a network.
        max_macs: most multiply-adds of a network for one sample.
        max_bytes: most bytes of a model's file of weights.
        rates: speed of the machine, for `max_step_seconds`.
        max_step_seconds: cap on the predicted seconds of one training step.
        forward: speed of the machine in a forward pass of one picture, for `max_forward_seconds`.
        max_forward_seconds: cap on the predicted seconds of such a pass.
    """

    ranges: ClassVar[Mapping[str, Allowed]] = {
        "filters": Range(1), "kernels": KERNELS, "strides": STRIDES, "activations": ACTIVATIONS, "groups": Range(1),
        "borders": BORDERS, "initialisations": INITIALISATIONS,
        "sides": Range(8, MOST_SIDE), "recipe_genes": (ALL, *RECIPE_KINDS),
        "longest_skip": Range(0, 100), "dropouts": Range(1, 99), "founders_are": ("single", "chain", "layer"),
        "max_convolutions": Range(1), "max_genes": Range(1), "max_parameters": Range(1), "max_macs": Range(1),
    }  # fmt: skip

    shape: Shape
    classes: int
    filters: tuple[int, ...] = ALPHABETS["2017"]
    norm: bool = False
    kernels: tuple[int, ...] = (3,)
    strides: tuple[int, ...] = (1,)
    activations: tuple[str, ...] = ("relu",)
    groups: tuple[int, ...] = (1,)
    borders: tuple[str, ...] = ("same",)
    initialisations: tuple[str, ...] = ()
    separable: bool = False
    longest_skip: int = 0
    pools: tuple[Pool, ...] = (MaxPool(),)
    dropouts: tuple[int, ...] = ()
    layers: tuple[Layer, ...] = ()
    head: Head = DenseHead(512)
    heads: tuple[Head, ...] = ()
    sides: tuple[int, ...] = ()
    side: int = 0
    recipe_genes: tuple[str, ...] = ()
    usual_recipe: RecipeGenes = ()
    plain: bool = False
    founders_are: str = "single"
    pool_first: bool = False
    max_convolutions: int = 20
    max_genes: int = 32
    max_parameters: int = 30_000_000
    max_macs: int = 3_000_000_000
    max_bytes: float = math.inf
    rates: Rates = Rates()
    max_step_seconds: float = math.inf
    forward: Rates = Rates()
    max_forward_seconds: float = math.inf
    _alternatives: dict[Gene, Sequence[Gene]] = field(init=False, repr=False, compare=False, default_factory=dict)
    _at: dict[int, ChainSpace] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Check what users may set.

        Raises:
            InputError: a value that is not in `ranges`, nothing of what a convolution needs, or filter counts that do
                not ascend.
        """
        for name, allowed in self.ranges.items():
            check_allowed(name, getattr(self, name), allowed)
        for name in ("filters", "kernels", "strides", "activations", "groups", "borders"):
            if not getattr(self, name):
                raise InputError(name, given="none", expected="one or more", mend="change it, or leave it out")
        if list(self.filters) != sorted(set(self.filters)):
            raise InputError("filters", given=self.filters, expected="some counts, ascending", mend="sort them")

    @property
    def operators(self) -> tuple[str, ...]:
        """As of all spaces, `recipe` where there are recipe genes, and `look` where there are several sides."""
        recipe = ("recipe",) if self.changeable_recipe else ()
        return (*SMALL_STEPS, *recipe, *(("look",) if len(self.looks) > 1 else ()))

    @property
    def looks(self) -> tuple[int, ...]:
        """The values of `Genome.side` that differ here, ascending in what they mean."""
        longest = max(self.shape.height, self.shape.width)
        usual = min(longest, USUAL_SIDE)
        if self.shape.vocabulary or not self.sides:
            return (self.side,)
        return tuple(side if side != usual else 0 for side in sorted({min(side, longest) for side in self.sides}))

    @property
    def usual_look(self) -> int:
        """The usual side, or the one nearest to it that networks may have here."""
        return self._nearest(0)

    @property
    def usual(self) -> ChainSpace:
        """The space of the networks that look at this side."""
        return self.at(self.usual_look)

    def _nearest(self, side: int) -> int:
        return min(self.looks, key=lambda look: abs(math.log((look or USUAL_SIDE) / (side or USUAL_SIDE))))

    def at(self, side: int) -> ChainSpace:
        """The space of those networks that look at this side, one of `looks`."""
        shape = self.shape.at(side or USUAL_SIDE)
        if shape == self.shape and self.looks == (side,):
            return self
        if side not in self._at:
            self._at[side] = dataclasses.replace(self, shape=shape, sides=(), side=side)
        return self._at[side]

    def other_sides(self, side: int) -> Sequence[int]:
        """The next smaller and larger side."""
        looks = self.looks
        place = looks.index(side) if side in looks else 0
        return [looks[near] for near in (place - 1, place + 1) if 0 <= near < len(looks)]

    @property
    def changeable_recipe(self) -> RecipeGenes:
        """The usual values of the recipe genes that may change."""
        return changeable(self.recipe_genes, self.usual_recipe)

    @property
    def max_pools(self) -> int:
        """How often the shorter side can be halved; of a line, the longer one."""
        return int(math.log2(self.shape.width if self.shape.line else min(self.shape.height, self.shape.width)))

    def cost(self, genome: Genome) -> Cost:
        """The cost of `genome` on this task."""
        return cost(genome, self.shape, self.classes)

    def infeasible(self, genome: Genome) -> str | None:
        """Why `genome` cannot live here, or `None` when it can.

        `infeasible:` and `empty`, `copies`, `side`, `head`, `pool-first`, `pool`, `border`, `recipe` or `cap`.
        """
        if not genome.genes:
            return "infeasible:empty"
        if genome.copies > 1:
            return "infeasible:copies"
        if genome.side not in self.looks:
            return "infeasible:side"
        return self.at(genome.side)._infeasible(genome)

    def _infeasible(self, genome: Genome) -> str | None:
        """The same where all look at one side."""
        head, texts = genome.head, bool(self.shape.vocabulary)
        beside = isinstance(head, PoolHead) and (head.pixels if texts else head.bag)
        reasons = {
            "head": beside,
            "pool-first": isinstance(genome.genes[0], Pool) and not self.pool_first,
            "pool": genome.halvings > self.max_pools,
        }
        if reason := next((reason for reason, holds in reasons.items() if holds), None):
            return f"infeasible:{reason}"
        if (place := self._vanishes(genome)) is not None:
            return "infeasible:border" if isinstance(genome.genes[place], Conv) else "infeasible:pool"
        if genome.recipe and len(self._legal_recipe(genome)) < len(genome.recipe):
            return "infeasible:recipe"
        return None if self.keeps_caps(genome) else "infeasible:cap"

    def _legal_recipe(self, genome: Genome) -> RecipeGenes:
        names = {gene.name for gene in self.changeable_recipe}
        return tuple(
            gene for gene in genome.recipe if gene.name in names and (gene.name != "small" or self._shrinks(genome))
        )

    def _shrinks(self, genome: Genome) -> bool:
        """Whether the network takes pictures of half the side, too: its head looks at maps of any size."""
        if not isinstance(genome.head, PoolHead) or genome.halvings >= self.max_pools:
            return False
        if all(map(_keeps_or_halves, genome.genes)):
            return True
        return min(min(after.height, after.width) for after in shapes(genome, self.shape.half)) >= 1

    def _vanishes(self, genome: Genome) -> int | None:
        """The place of the gene that leaves nothing of the map, `None` for none.

        Only what slides over the map without padding for it can, where halvings are within bounds.
        """
        if all(map(_keeps_or_halves, genome.genes)):
            return None
        sides = (min(after.height, after.width) for after in shapes(genome, self.shape))
        return next((place for place, side in enumerate(sides) if side < 1), None)

    def keeps_caps(self, genome: Genome) -> bool:
        """Whether a network, all its copies together, has no more of anything than the caps allow."""
        return next(self._excesses(genome), None) is None

    def _excesses(self, genome: Genome) -> Iterator[str]:
        """What the network has more of than the caps allow, in words: the cheapest to find out first."""
        if genome.convolutions > self.max_convolutions:
            yield f"{counted(genome.convolutions, 'convolution')}; at most {self.max_convolutions}"
        if len(genome) > self.max_genes:
            yield f"{counted(len(genome), 'gene')}; at most {self.max_genes}"
        needs = self.cost(genome)
        if needs.parameters > self.max_parameters:
            words = self.shape.vocabulary * self.shape.channels
            embedding = f" ({words:,} of them of the tokens)" if words else ""
            yield f"{needs.parameters:,} parameters{embedding}; at most {self.max_parameters:,}"
        if needs.macs > self.max_macs:
            yield f"{needs.macs:,} multiply-adds; at most {self.max_macs:,}"
        if self.max_bytes < math.inf and (size := file_bytes(genome, self.shape, self.classes)) > self.max_bytes:
            yield f"{size / 1e6:g} megabytes of weights; at most {self.max_bytes / 1e6:g}"
        if (step := self.rates.step_seconds(needs)) > self.max_step_seconds:
            yield f"a training step of {1000 * step:.3g} ms; at most {1000 * self.max_step_seconds:.3g}"
        if (answer := self.forward.step_seconds(needs)) > self.max_forward_seconds:
            yield f"an answer of {1000 * answer:.3g} ms; at most {1000 * self.max_forward_seconds:.3g}"

    def conv(self, filters: int) -> Conv:
        """A convolution as this space has them: all else is the usual."""
        return Conv(
            filters,
            self.norm,
            kernel=_usual(self.kernels, 3),
            stride=_usual(self.strides, 1),
            activation=_usual(self.activations, "relu"),
            groups=_usual(self.groups, 1),
            border=_usual(self.borders, "same"),
            initialisation=_usual(self.initialisations, ""),
        )

    def alternatives(self, gene: Gene) -> Sequence[Gene]:
        """The gene with one attribute changed to any other value there is, or another pool; nothing where none is."""
        if gene not in self._alternatives:
            self._alternatives[gene] = tuple(
                with_value(gene, name, value)
                for name, values in self.values(gene).items()
                for value in values
                if value != value_of(gene, name)
            ) + tuple(other for other in self._kin(gene) if other != gene)
        return self._alternatives[gene]

    def other_heads(self, head: Head) -> Sequence[Head]:
        """All heads but this one, where the head is searched."""
        return [other for other in dict.fromkeys((self.head, *self.heads)) if other != head] if self.heads else []

    def other_recipes(self, recipe: RecipeGenes) -> Sequence[RecipeGenes]:
        """One recipe gene at its next lower or higher value."""
        return steps(recipe, self.changeable_recipe)

    def neighbours(self, gene: Gene) -> Sequence[Gene]:
        """The gene with one attribute changed to the next lower or higher value; words and pools have no order."""
        near: list[Gene] = [other for other in self._kin(gene) if other != gene]
        for name, values in self.values(gene).items():
            now = value_of(gene, name)
            if isinstance(now, str):
                others = [value for value in values if value != now]
            else:
                others = [
                    max((v for v in values if v < now), default=now),
                    min((v for v in values if v > now), default=now),
                ]
            near += [with_value(gene, name, value) for value in others if value != now]
        return near

    def _kin(self, gene: Gene) -> Sequence[Gene]:
        """The genes that may stand for this one as they are; none where its attributes change."""
        if isinstance(gene, Pool):
            return self.pools
        return self.layers if isinstance(gene, Layer) and not isinstance(gene, Dropout) else ()

    def values(self, gene: Gene) -> dict[str, Sequence[Any]]:
        """The values, as of `value_of`, that each attribute of a gene may have here."""
        match gene:
            case Conv():
                skips = range(-self.longest_skip, self.longest_skip + 1)
                return {
                    "filters": self.filters,
                    "kernel": self.kernels,
                    "stride": self.strides,
                    "activation": self.activations,
                    "groups": self.groups,
                    "separable": (False, True) if self.separable else (False,),
                    "skips": skips,
                    "border": self.borders,
                    "initialisation": self.initialisations or ("",),
                }
            case Dropout():
                return {"percent": self.dropouts}
        return {}

    def canonical(self, genome: Genome) -> Genome:
        """What is built, without what changes nothing: one genome for all that are the same network.

        Its layers are `canonical_layers`; recipe genes go that say what is usual, and so does the side.
        """
        longest = max(self.shape.height, self.shape.width)
        if genome.side != self.side and (genome.side >= longest or genome.side == USUAL_SIDE):
            genome = dataclasses.replace(genome, side=0 if min(genome.side, longest) <= USUAL_SIDE else longest)
        if genome.side in self.looks and (here := self.at(genome.side)) is not self:
            return here.canonical(genome)
        if genome.recipe:
            genome = dataclasses.replace(genome, recipe=without_usual(genome.recipe, self.usual_recipe))
        return canonical_layers(genome, self.shape, plain=self.plain, pool_first=self.pool_first)

    def mend(self, genome: Genome) -> Genome:
        """Pools deleted from the right until the picture survives the others; if need be, borders given.

        Recipe genes that networks here do not have are left out; a side they do not have becomes the nearest one.
        """
        if genome.side not in self.looks:
            genome = dataclasses.replace(genome, side=self._nearest(genome.side))
        if (here := self.at(genome.side)) is not self:
            return here.mend(genome)
        if genome.recipe:
            genome = dataclasses.replace(genome, recipe=self._legal_recipe(genome))
        while (surplus := genome.halvings > self.max_pools) or self._vanishes(genome) is not None:
            guilty = genome.genes if surplus else genome.genes[: (self._vanishes(genome) or 0) + 1]
            pools = [place for place, gene in enumerate(guilty) if isinstance(gene, Pool) and gene.stride > 1]
            bare = [place for place, gene in enumerate(guilty) if not _keeps_or_halves(gene)]
            if pools:
                genome = _without(genome, pools[-1])
            elif surplus or not bare:
                return genome  # strides alone are too many: no pool helps
            elif isinstance(gene := genome.genes[place := bare[-1]], Conv):
                padded = dataclasses.replace(gene, border="same")
                genes = (*genome.genes[:place], padded, *genome.genes[place + 1 :])
                genome = dataclasses.replace(genome, genes=genes)
            else:
                genome = _without(genome, place)
        return genome

    def features(self, genome: Genome) -> np.ndarray:
        """Depth, multiply-adds, parameters; what is unusual; and how many convolutions of what width at each map size.

        Widths and counts of numbers are logarithms to base 2. `(7 + 3 (max_pools + 1),)`, and one more where borders
        may be left out, one for each kind of first weights, one where there are layers of packages, and one for each
        head where there are several, the side where there are several. For each recipe gene the steps that it is above
        the usual.
        """
        size = self.cost(genome)
        levels: list[list[float]] = [[] for _ in range(self.max_pools + 1)]
        level = self.max_pools - self.at(genome.side).max_pools  # levels are sizes of maps, whatever the network sees
        for gene in genome.genes:
            if halvings(gene):
                level = min(level + 1, self.max_pools)
            if isinstance(gene, Conv):
                levels[level].append(math.log2(gene.filters))
        widths = [[len(level), level[0], level[-1]] if level else [0.0, 0.0, 0.0] for level in levels]
        whole = [genome.convolutions, math.log2(1 + size.macs), math.log2(1 + size.parameters)]
        convolutions = [gene for gene in genome.genes if isinstance(gene, Conv)]
        unusual = [
            sum(bool(gene.skips) for gene in convolutions),
            sum(gene.separable or gene.groups > 1 for gene in convolutions),
            sum((gene.kernel - 3) / 2 for gene in convolutions),
            sum(gene.activation != "relu" for gene in convolutions),
        ]
        if len(self.borders) > 1:
            unusual.append(sum(gene.border == "valid" for gene in convolutions))
        if len(self.initialisations) > 1:
            unusual += [sum(gene.initialisation == kind for gene in convolutions) for kind in self.initialisations]
        if self.layers:
            unusual.append(sum(gene in self.layers for gene in genome.genes))
        if self.heads:
            unusual += [float(genome.head == head) for head in dict.fromkeys((self.head, *self.heads))]
        if len(self.looks) > 1:
            unusual.append(math.log2(genome.side or USUAL_SIDE))
        if usual := self.changeable_recipe:
            own = {gene.name: gene.value for gene in genome.recipe}
            unusual += [steps_from(gene, own.get(gene.name, gene.value)) for gene in usual]
        return np.array([*whole, *unusual, *np.ravel(widths)], dtype=float)

    def new_gene(self, rng: np.random.Generator) -> Gene:
        """As `sampling.new_gene`."""
        return sampling.new_gene(self, rng)

    def sample(self, rng: np.random.Generator) -> Genome:
        """As `sampling.sample`."""
        return sampling.sample(self, rng)

    def founders(self, n: int, rng: np.random.Generator) -> list[Genome]:
        """The `n` genomes a world begins with: the `portfolio` where the space is `plain`, then draws."""
        known = portfolio(self)[:n] if self.plain else []
        return known + sampling.founders(self, n - len(known), rng, known)

    def newcomer(self, rng: np.random.Generator) -> Genome:
        """One founder that is drawn."""
        return sampling.founders(self, 1, rng)[0]

    def stem(self, gene: Conv) -> Conv:
        """The first layer of a network made by hand: where its side is above the usual one, a stride makes up for that.

        Twice or four times the side with a stride as large leaves the maps, and the cost of all layers but the first,
        as they are at the usual side. A kernel is wider than its stride, so that each pixel counts more than once.
        """
        times = max(self.shape.height, self.shape.width) / USUAL_SIDE
        if times <= 1 or self.shape.vocabulary:
            return gene
        stride = 2 if times <= 2 else 4
        return dataclasses.replace(gene, stride=stride, kernel=2 * stride - 1)

    @property
    def stages(self) -> int:
        """How many stages of a network made by hand, a pool between two, end on a map of about 4x4; one at least."""
        return max(0, self.max_pools - 2 - halvings(self.stem(self.conv(self.filters[0])))) + 1

    @property
    def usual_pool(self) -> tuple[Pool, ...]:
        """The first of the pools that halves the map, alone; nothing where none does."""
        return tuple(pool for pool in self.pools if halvings(pool))[:1]

    @property
    def least(self) -> Genome:
        """One narrow convolution and as many pools as fit, whatever the caps."""
        return self._least(self.filters[0])

    def _least(self, filters: int) -> Genome:
        first = self.stem(self.conv(filters))
        return self.mend(Genome((first, *self.usual_pool * self.max_pools), self.head))

    def smallest(self) -> Genome:
        """The `least` network of the smallest side: the cheapest with a meaning.

        Where the caps exclude it, it has half of its filters, a quarter and so on.

        Raises:
            InputError: the caps exclude even one filter.
        """
        here = self.at(self.looks[0])
        halves = [self.filters[0] >> times for times in range(self.filters[0].bit_length())]
        for genome in map(here._least, halves):
            if self.infeasible(genome) is None:
                return genome
        excesses = " and ".join(f"{excess} are allowed" for excess in here._excesses(genome))
        raise InputError(
            "the space",
            given=f"empty (the least network, {genome.key}, has {excesses or self.infeasible(genome)})",
            expected="room for at least this network",
            mend=f"raise the caps or the minutes{'' if self.shape.vocabulary else ', or make the pictures smaller'}",
        )


T = TypeVar("T")


def _usual(values: Sequence[T], usual: T) -> T:
    """What is usual where it is among the values, else the first of them."""
    return usual if usual in values or not values else values[0]


def _without(genome: Genome, place: int) -> Genome:
    """The genome without the gene at a place."""
    return dataclasses.replace(genome, genes=genome.genes[:place] + genome.genes[place + 1 :])


def _keeps_or_halves(gene: Gene) -> bool:
    """Whether a gene leaves at least half of a side, rounded down, or, padded, something in any case."""
    match gene:
        case Conv(border=border):
            return border == "same"
        case MaxPool(size, stride) | AvgPool(size, stride):
            return size == 3 or size == stride == 2
        case Layer():
            return isinstance(gene, Dropout)
    return True


def of_networks(space: Space, strategy: str) -> ChainSpace:
    """The space as one of networks, for strategies that need layers.

    Raises:
        InputError: a space of something else.
    """
    if isinstance(space, ChainSpace):
        return space
    raise InputError(
        f"strategy {strategy}", given="used on a space without layers", expected="networks of layers",
        mend="choose another --strategy",
    )  # fmt: skip
