"""The genetic operators: pure functions of genomes, space and generator. Nothing is changed in place."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Container, Sequence
from typing import TypeVar

import numpy as np

from neuralfinder.networks.genome import Gene, Genome
from neuralfinder.networks.recipe_genes import RecipeGenes, differing
from neuralfinder.networks.space import Space

T = TypeVar("T")

NOT_PRODUCED = ("infeasible:empty", "infeasible:pool-first", "infeasible:length")
"""What a crossover leaves out."""


def replicate(genome: Genome) -> Genome:
    """Self copy: all genes twice, in order."""
    return dataclasses.replace(genome, genes=genome.genes * 2)


def splice(
    a: Genome, b: Genome, i: int, j: int, recipe: RecipeGenes = (), side: int = 0
) -> tuple[Genome, Genome, Genome, Genome]:
    """The four children of one pair of cuts: A1+B2, A1+B1, B1+A1, B1+A2; the head is that of the last gene's parent.

    Args:
        a: the main life; A1 is its first `i` genes, 1 <= i <= len(a).
        b: the auxiliary life; B1 is its first `j` genes, 0 <= j <= len(b).
        i: genes before the cut in `a`.
        j: genes before the cut in `b`.
        recipe: recipe genes of all children.
        side: at which they look.
    """
    a1, a2 = Genome(a.genes[:i], a.head), Genome(a.genes[i:], a.head)
    b1, b2 = Genome(b.genes[:j], b.head), Genome(b.genes[j:], b.head)

    def joined(front: Genome, back: Genome) -> Genome:
        return Genome(front.genes + back.genes, (back if back.genes else front).head, recipe, side)

    return joined(a1, b2), joined(a1, b1), joined(b1, a1), joined(b1, a2)


def cross(a: Genome, b: Genome, space: Space, rng: np.random.Generator, known: Container[str] = ()) -> list[Genome]:
    """Children of one crossover, 0 to 4; those that are `NOT_PRODUCED` are dropped.

    Cuts are uniform and independent, but at the same place where all genomes have one length. They are drawn again, at
    most 20 times, while the fourth child is empty or all children are `known` keys. A partner of one gene may also be
    cut behind it, so that b1 a1 can appear. How children are trained, and look, they have from one parent, all from the
    same.
    """
    alike = (a.recipe, a.side) == (b.recipe, b.side)
    brought_up = a if alike or rng.random() < 0.5 else b
    last_cut = len(b) if len(b) == 1 else len(b) - 1
    children: tuple[Genome, ...] = ()
    for _ in range(21):
        i = int(rng.integers(1, len(a) + 1))
        j = i if space.fixed_length else int(rng.integers(0, last_cut + 1))
        children = splice(a, b, i, j, brought_up.recipe, brought_up.side)
        if children[3].genes and not all(child.key in known for child in children):
            break
    return [child for child in children if space.infeasible(child) not in NOT_PRODUCED]


def mutate(
    genome: Genome, space: Space, rng: np.random.Generator, points: int = 1, resample_pool: bool = False
) -> Genome:
    """Put a uniform one of its alternatives in the place of a gene at a uniform position, where it has any.

    A head with alternatives counts as one more gene.

    Args:
        genome: at least one gene.
        space: gives the alternatives.
        rng: the generator.
        points: number of distinct positions, 1 or more; all when there are fewer.
        resample_pool: choose among genes with alternatives only, so that a mutation always changes something.
    """
    genes, head, heads = list(genome.genes), genome.head, space.other_heads(genome.head)
    places = [i for i, gene in enumerate(genes) if not resample_pool or space.alternatives(gene)]
    places += [len(genes)] if heads else []
    for place in rng.choice(places, size=min(points, len(places)), replace=False) if places else ():
        if place == len(genes):
            head = _one_of(heads, rng)
        elif others := space.alternatives(genes[place]):
            genes[place] = _one_of(others, rng)
    return dataclasses.replace(genome, genes=tuple(genes), head=head)


def insert(genome: Genome, space: Space, rng: np.random.Generator) -> Genome:
    """A new gene at a uniform place."""
    place = int(rng.integers(len(genome) + 1))
    return _spliced(genome, place, place, (space.new_gene(rng),))


def delete(genome: Genome, space: Space, rng: np.random.Generator) -> Genome:
    """One gene less, at a uniform place."""
    place = int(rng.integers(len(genome)))
    return _spliced(genome, place, place + 1, ())


def move(genome: Genome, space: Space, rng: np.random.Generator) -> Genome:
    """One gene taken out at a uniform place and put in at another."""
    old, new = int(rng.integers(len(genome))), int(rng.integers(len(genome)))
    without = _spliced(genome, old, old + 1, ())
    return _spliced(without, new, new, (genome.genes[old],))


def copy_fragment(genome: Genome, space: Space, rng: np.random.Generator) -> Genome:
    """A random run of genes once more, at a uniform place."""
    first, last = sorted(int(place) for place in rng.choice(len(genome) + 1, 2, replace=False))
    place = int(rng.integers(len(genome) + 1))
    return _spliced(genome, place, place, genome.genes[first:last])


def change(genome: Genome, space: Space, rng: np.random.Generator) -> Genome:
    """One gene, or the head, changed: by chance to a neighbouring one, or to any alternative."""
    places = [place for place, gene in enumerate(genome.genes) if space.alternatives(gene)]
    if not places or rng.random() < 0.5:
        return mutate(genome, space, rng, resample_pool=True)  # heads have no neighbours: they are changed here alone
    place = int(rng.choice(places))
    near = space.neighbours(genome.genes[place])
    return _spliced(genome, place, place + 1, (_one_of(near, rng),)) if near else genome


def train_otherwise(genome: Genome, space: Space, rng: np.random.Generator) -> Genome:
    """One recipe gene a step lower or higher, where the space has any."""
    near = space.other_recipes(genome.recipe)
    return dataclasses.replace(genome, recipe=_one_of(near, rng)) if near else genome


def look(genome: Genome, space: Space, rng: np.random.Generator) -> Genome:
    """The side a step smaller or larger, where the space has several."""
    near = space.other_sides(genome.side)
    return dataclasses.replace(genome, side=_one_of(near, rng)) if near else genome


OPERATORS: dict[str, Callable[[Genome, Space, np.random.Generator], Genome]] = {
    "insert": insert,
    "delete": delete,
    "move": move,
    "copy-fragment": copy_fragment,
    "change": change,
    "recipe": train_otherwise,
    "look": look,
}
"""Small steps from one genome to another, by name."""


def vary(genome: Genome, space: Space, rng: np.random.Generator) -> tuple[str, Genome]:
    """A legal genome one step away that differs from this one, and the operator's name.

    Operators are drawn uniformly, at most 100 times; after that the genome itself comes back, as `none`.

    Args:
        genome: at least one gene.
        space: says what is legal.
        rng: the generator.
    """
    for _ in range(100):
        name = str(rng.choice(list(space.operators)))
        other = OPERATORS[name](genome, space, rng)
        if other != genome and space.infeasible(other) is None:
            return name, other
    return "none", genome


def one_change(genome: Genome, space: Space) -> list[Genome]:
    """All legal genomes that differ in one gene, in the head or by one step of a recipe gene or the side, in order.

    Where all genomes have one length, any other gene in its place; elsewhere a neighbouring one, or one gene less, or
    twice.
    """
    near: list[Genome] = []
    for place, gene in enumerate(genome.genes):
        others = space.alternatives(gene) if space.fixed_length else space.neighbours(gene)
        near += [_spliced(genome, place, place + 1, (other,)) for other in others]
        if not space.fixed_length:
            near += [_spliced(genome, place, place + 1, ()), _spliced(genome, place, place, (gene,))]
    near += [dataclasses.replace(genome, head=head) for head in space.other_heads(genome.head)]
    near += [dataclasses.replace(genome, recipe=recipe) for recipe in space.other_recipes(genome.recipe)]
    near += [dataclasses.replace(genome, side=side) for side in space.other_sides(genome.side)]
    return [other for other in dict.fromkeys(near) if other != genome and space.infeasible(other) is None]


def _one_of(parts: Sequence[T], rng: np.random.Generator) -> T:
    return parts[int(rng.integers(len(parts)))]


def _spliced(genome: Genome, start: int, end: int, genes: tuple[Gene, ...]) -> Genome:
    """The genome with `genes` in place of those from `start` to before `end`."""
    return dataclasses.replace(genome, genes=genome.genes[:start] + genes + genome.genes[end:])


def distance(a: Genome, b: Genome) -> int:
    """Edit distance: how many genes, heads, recipe genes and sides to insert, delete or change from `a` to `b`."""
    row = list(range(len(b) + 1))
    for i, left in enumerate(a.genes, start=1):
        above, row[0] = row[0], i
        for j, right in enumerate(b.genes, start=1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (left != right))
    return row[-1] + (a.head != b.head) + differing(a.recipe, b.recipe) + (a.side != b.side)
