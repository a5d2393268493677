"""The genetic operators: pure functions of genomes, space and generator. Nothing is changed in place."""

from __future__ import annotations

from collections.abc import Callable, Container

import numpy as np

from neuralfinder.genome import Conv, Gene, Genome, MaxPool
from neuralfinder.space import Space

POOL_SHARE = 0.25
"""Share of inserted genes that are pools."""


def replicate(genome: Genome) -> Genome:
    """Self copy: all genes twice, in order."""
    return Genome(genome.genes * 2, genome.head)


def splice(a: Genome, b: Genome, i: int, j: int) -> tuple[Genome, Genome, Genome, Genome]:
    """The four children of one pair of cuts: A1+B2, A1+B1, B1+A1, B1+A2, all with the head of `a`.

    Args:
        a: the main life; A1 is its first `i` genes, 1 <= i <= len(a).
        b: the auxiliary life; B1 is its first `j` genes, 0 <= j <= len(b).
        i: genes before the cut in `a`.
        j: genes before the cut in `b`.
    """
    a1, a2, b1, b2 = a.genes[:i], a.genes[i:], b.genes[:j], b.genes[j:]
    first, second, third, fourth = (Genome(genes, a.head) for genes in (a1 + b2, a1 + b1, b1 + a1, b1 + a2))
    return first, second, third, fourth


def cross(a: Genome, b: Genome, space: Space, rng: np.random.Generator, known: Container[str] = ()) -> list[Genome]:
    """Children of one crossover, 0 to 4; empty ones, and pool-first ones where the space forbids them, are dropped.

    Cuts are uniform and independent. They are drawn again, at most 20 times, while the fourth child is empty or all
    children are `known` keys. A partner of one gene may also be cut behind it, so that b1 a1 can appear.
    """
    last_cut = len(b) if len(b) == 1 else len(b) - 1
    children: tuple[Genome, ...] = ()
    for _ in range(21):
        i, j = int(rng.integers(1, len(a) + 1)), int(rng.integers(0, last_cut + 1))
        children = splice(a, b, i, j)
        if children[3].genes and not all(child.key in known for child in children):
            break
    return [c for c in children if space.infeasible(c) not in ("infeasible:empty", "infeasible:pool-first")]


def mutate(
    genome: Genome, space: Space, rng: np.random.Generator, points: int = 1, resample_pool: bool = False
) -> Genome:
    """Give the convolution at a uniform position another filter count, uniform over the others; a pool stays as it is.

    Args:
        genome: at least one gene.
        space: gives the filter counts.
        rng: the generator.
        points: number of distinct positions, 1 or more; all when there are fewer.
        resample_pool: choose among convolutions only, so that a mutation always changes something.
    """
    genes: list[Gene] = list(genome.genes)
    places = [i for i, gene in enumerate(genes) if isinstance(gene, Conv) or not resample_pool]
    for place in rng.choice(places, size=min(points, len(places)), replace=False) if places else ():
        gene = genes[place]
        if isinstance(gene, Conv) and (others := [f for f in space.filters if f != gene.filters]):
            genes[place] = Conv(int(rng.choice(others)), gene.norm)
    return Genome(tuple(genes), genome.head)


def insert(genome: Genome, space: Space, rng: np.random.Generator) -> Genome:
    """A further gene at a uniform place: a pool with probability `POOL_SHARE`, else a convolution of uniform width."""
    place = int(rng.integers(len(genome) + 1))
    gene: Gene = MaxPool() if rng.random() < POOL_SHARE else space.conv(int(rng.choice(space.filters)))
    return _spliced(genome, place, place, (gene,))


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
    """One convolution's width changed: by chance to a neighbouring one, or to any other."""
    convolutions = {place: gene for place, gene in enumerate(genome.genes) if isinstance(gene, Conv)}
    if not convolutions or rng.random() < 0.5:
        return mutate(genome, space, rng, resample_pool=True)
    place = int(rng.choice(list(convolutions)))
    old = convolutions[place]
    near = [*[f for f in space.filters if f < old.filters][-1:], *[f for f in space.filters if f > old.filters][:1]]
    return _spliced(genome, place, place + 1, (Conv(int(rng.choice(near)), old.norm),)) if near else genome


OPERATORS: dict[str, Callable[[Genome, Space, np.random.Generator], Genome]] = {
    "insert": insert,
    "delete": delete,
    "move": move,
    "copy-fragment": copy_fragment,
    "change": change,
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
        name = str(rng.choice(list(OPERATORS)))
        other = OPERATORS[name](genome, space, rng)
        if other != genome and space.infeasible(other) is None:
            return name, other
    return "none", genome


def _spliced(genome: Genome, start: int, end: int, genes: tuple[Gene, ...]) -> Genome:
    """The genome with `genes` in place of those from `start` to before `end`."""
    return Genome(genome.genes[:start] + genes + genome.genes[end:], genome.head)


def drop_surplus_pools(genome: Genome, space: Space) -> Genome:
    """Delete pools from the right until the picture survives all of them."""
    genes, surplus = list(genome.genes), genome.pools - space.max_pools
    for place in reversed(range(len(genes))):
        if surplus > 0 and isinstance(genes[place], MaxPool):
            del genes[place]
            surplus -= 1
    return Genome(tuple(genes), genome.head)


def distance(a: Genome, b: Genome) -> int:
    """Edit distance: the least number of genes inserted, deleted or changed that turns `a` into `b`."""
    row = list(range(len(b) + 1))
    for i, left in enumerate(a.genes, start=1):
        above, row[0] = row[0], i
        for j, right in enumerate(b.genes, start=1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (left != right))
    return row[-1]
