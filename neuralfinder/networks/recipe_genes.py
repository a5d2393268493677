"""Genes of how a network is trained: the few values of the task's recipe that a genome may have otherwise.

They are raced and inherited as layers are, since what trains best differs by network and by data: random shifts help on
photos and harm where the place is the meaning; a bag of embeddings learns at ten times the rate of a chain.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from neuralfinder.errors import InputError


@dataclass(frozen=True, slots=True)
class Kind:
    """One value of recipes that genomes may change.

    Attributes:
        values: what it may be, ascending; mutation moves to the next lower or higher one.
        sets: the attributes of `training.recipes.Recipe` that it sets.
        meaning: what it is, in a line.
        factor: whether it multiplies what the recipe has, instead of taking its place.
        texts: whether it matters for texts.
        pictures: whether it matters for pictures.
    """

    values: tuple[float, ...]
    sets: tuple[str, ...]
    meaning: str
    factor: bool = False
    pictures: bool = True
    texts: bool = True

    @property
    def described(self) -> str:
        """Meaning and values, in a line."""
        only = "" if self.pictures and self.texts else ", of texts" if self.texts else ", of pictures"
        return f"training{only}: {self.meaning}; {' '.join(f'{value:g}' for value in self.values)}"


KINDS: dict[str, Kind] = {
    "shift": Kind((0, 0.0625, 0.125), ("shift",), "largest random shift, as a share of the side", texts=False),
    "mirror": Kind((0, 1), ("flip",), "1 mirrors at random where the data allow it", texts=False),
    "turn": Kind((0, 10, 20), ("rotation",), "largest random turn in degrees", texts=False),
    "erase": Kind((0, 0.25, 0.5), ("cutout",), "side of a square blotted out, as a share of the side", texts=False),
    "zoom": Kind((0, 0.25), ("zoom",), "how much closer pictures are seen at most, at random", texts=False),
    "colour": Kind((0, 0.25, 0.5), ("colour",), "how much contrast and light differ at most, at random", texts=False),
    "mix": Kind((0, 0.5), ("mix",), "share of the steps with a rectangle of another picture in each", texts=False),
    "small": Kind((0, 0.4), ("small",), "share of a training on pictures of half the side, at first", texts=False),
    "anywhere": Kind((0, 1), ("anywhere",), "1 trains on any piece of a long text, 0 on its first", pictures=False),
    "adversarial": Kind((0, 2), ("adversarial",), "how far embeddings are moved up the loss", pictures=False),
    "smooth": Kind((0, 0.1, 0.2), ("label_smoothing",), "label smoothing"),
    "rate": Kind((0.1, 0.3, 1, 3, 10), ("learning_rate", "kernel_rate"), "factor on the learning rates", factor=True),
    "decay": Kind((0, 0.3, 1, 3), ("weight_decay",), "factor on the weight decay", factor=True),
}
"""By name, in the order in which they are written."""

LEAST_LARGE = 24
"""The shorter side of pictures, in pixels, from which there are small ones of half of it: of those of 16 they gained
nothing (photographs of three makers; docs/LOG.md)."""

ALL = "all"
"""Stands for all names."""


@dataclass(frozen=True, slots=True)
class RecipeGene:
    """A value that takes the place of the recipe's, or multiplies it: one of `KINDS[name].values`."""

    name: str
    value: float

    def __str__(self) -> str:
        return f"{self.name}{self.value:g}"


RecipeGenes = tuple[RecipeGene, ...]
"""What a genome has otherwise than the task's recipe, no name twice, in the order of `KINDS`; empty for nothing."""

SMALL: RecipeGenes = (RecipeGene("small", max(KINDS["small"].values)),)
"""Pictures of half the side at first."""


def in_order(genes: Iterable[RecipeGene]) -> RecipeGenes:
    """The genes in the order of `KINDS`.

    Raises:
        InputError: an unknown name, a value that it cannot have, or a name twice.
    """
    named: dict[str, RecipeGene] = {}
    for gene in genes:
        kind = KINDS.get(gene.name)
        if kind is None or gene.value not in kind.values:
            expected = f"{gene.name} of {' '.join(f'{v:g}' for v in kind.values)}" if kind else ", ".join(KINDS)
            raise InputError("recipe gene", given=repr(str(gene)), expected=expected, mend="as in 'C32 > G | shift0'")
        if gene.name in named:
            raise InputError("recipe gene", given=f"{gene.name} twice", expected="one value", mend="leave one out")
        named[gene.name] = gene
    return tuple(named[name] for name in KINDS if name in named)


def parse_recipe(words: str, text: str) -> RecipeGenes:
    """The genes that the words behind the bar of `text` stand for.

    Raises:
        InputError: none, a word that is no such gene, or a name twice.
    """
    genes = []
    for word in words.split() or [""]:
        found = re.fullmatch(r"([a-z]+)(\d+(?:\.\d+)?)", word)
        if not found:
            raise InputError(
                f"recipe gene in {text!r}", given=repr(word), expected=f"one of {', '.join(KINDS)} and its value",
                mend="as in 'C32 > G | shift0 rate3'",
            )  # fmt: skip
        genes.append(RecipeGene(found[1], float(found[2])))
    return in_order(genes)


def changeable(given: Sequence[str], usual: RecipeGenes) -> RecipeGenes:
    """Those of the usual values whose names are given, all of them where `ALL` is among these."""
    return tuple(gene for gene in usual if gene.name in given or ALL in given)


def without_usual(genes: RecipeGenes, usual: RecipeGenes) -> RecipeGenes:
    """The genes but those that say what is usual."""
    return tuple(gene for gene in genes if gene not in usual)


def steps(genes: RecipeGenes, usual: RecipeGenes) -> list[RecipeGenes]:
    """What is one step away: one value at the next lower or higher one.

    Args:
        genes: what is now otherwise than usual.
        usual: what the task's recipe has, of all that may change; a gene that comes to this is left out.
    """
    now = {gene.name: gene for gene in genes}
    near = []
    for middle in usual:
        here = now.get(middle.name, middle).value
        others = [gene for gene in genes if gene.name != middle.name]
        values = {*KINDS[middle.name].values, middle.value}
        lower, higher = (value for value in values if value < here), (value for value in values if value > here)
        for value in (max(lower, default=here), min(higher, default=here)):
            if value != here:
                gene = RecipeGene(middle.name, value)
                near.append(in_order(others if gene == middle else [*others, gene]))
    return near


def steps_from(usual: RecipeGene, value: float) -> float:
    """How many steps a value is above the usual one, below 0 for one that is lower."""
    values = sorted({*KINDS[usual.name].values, usual.value})
    return float(values.index(value) - values.index(usual.value))


def differing(a: RecipeGenes, b: RecipeGenes) -> int:
    """How many genes have another value, or are in one only."""
    return len({gene.name for gene in set(a) ^ set(b)})
