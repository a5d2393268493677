from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.genome import Conv, DenseHead, Genome, MaxPool, PoolHead, parse
from neuralfinder.networks.variation import (
    OPERATORS,
    change,
    cross,
    distance,
    mutate,
    one_change,
    replicate,
    splice,
    vary,
)
from neuralfinder.types import Shape

SPACE = ChainSpace(Shape(3, 32, 32), 10)
GENES = st.sampled_from([MaxPool(), *map(Conv, SPACE.filters)])
GENOMES = st.lists(GENES, min_size=1, max_size=12).map(lambda genes: Genome(tuple(genes)))
SHORT = st.lists(st.sampled_from([MaxPool(), Conv(16), Conv(32)]), max_size=5).map(lambda g: Genome(tuple(g)))
SEEDS = st.integers(0, 2**32)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


class Scripted(np.random.Generator):
    """Gives the cuts it was told and counts the draws; the last cut repeats."""

    def __init__(self, *cuts: int) -> None:
        super().__init__(np.random.PCG64(0))
        self.cuts, self.draws, self.bounds = list(cuts), 0, []

    def integers(self, low, high):
        self.bounds.append((low, high))
        cut = self.cuts[min(self.draws, len(self.cuts) - 2 + self.draws % 2)]
        self.draws += 1
        return cut


def test_self_copy():
    assert replicate(parse("C32 M")) == parse("C32 M C32 M")
    assert replicate(parse("C32.bn > G")) == parse("C32.bn C32.bn > G")


def test_crossover_example_of_the_text():
    """A = a1 a2 a3 a4, B = b1 b2 b3 b4, p1 = a2, p2 = b3."""
    a, b = parse("C1 C2 C3 C4"), parse("C10 C20 C30 C40")
    assert [child.key for child in splice(a, b, 2, 2)] == [
        "C1 C2 C30 C40",
        "C1 C2 C10 C20",
        "C10 C20 C1 C2",
        "C10 C20 C3 C4",
    ]


def test_crossover_at_the_borders():
    a, b = parse("C1 C2"), parse("C10 C20")
    assert [child.key for child in splice(a, b, 2, 0)] == ["C1 C2 C10 C20", "C1 C2", "C1 C2", ""]
    assert [child.key for child in splice(a, b, 1, 0)] == ["C1 C10 C20", "C1", "C1", "C2"]
    assert [child.key for child in splice(a, b, 2, 1)] == ["C1 C2 C20", "C1 C2 C10", "C10 C1 C2", "C10"]


def test_a_child_has_the_head_of_the_parent_whose_gene_is_its_last():
    a, b = parse("C1 C2 > G"), parse("C10 C20")
    assert [child.key for child in splice(a, b, 1, 1)] == ["C1 C20", "C1 C10", "C10 C1 > G", "C10 C2 > G"]
    assert [child.key for child in splice(a, parse("C10"), 1, 1)] == ["C1 > G", "C1 C10", "C10 C1 > G", "C10 C2 > G"]


HEADS = replace(SPACE, heads=(PoolHead(), DenseHead(64)))


def test_a_searched_head_changes_by_mutation_as_often_as_a_gene_does():
    genome, generator = parse("C32 M C64 > G"), rng(0)
    heads = Counter(mutate(genome, HEADS, generator).head for _ in range(4000))
    assert set(heads) == {PoolHead(), DenseHead(512), DenseHead(64)}
    assert heads[PoolHead()] == pytest.approx(3000, abs=150)  # three genes and a head
    assert {mutate(genome, SPACE, generator).head for _ in range(100)} == {PoolHead()}
    heads = {change(genome, HEADS, generator).head for _ in range(100)}
    assert len(heads) == 3
    assert {"C32 M C64", "C32 M C64 > F64"} <= {near.key for near in one_change(genome, HEADS)}


def test_other_heads_are_a_step_apart():
    assert distance(parse("C32 C64 > G"), parse("C32 C16")) == 2


@given(a=GENOMES, b=GENOMES, seed=SEEDS)
def test_children_are_splices_without_the_dropped(a: Genome, b: Genome, seed: int):
    last = len(b) if len(b) == 1 else len(b) - 1
    pairs = [splice(a, b, i, j) for i in range(1, len(a) + 1) for j in range(last + 1)]
    kept = [[c for c in four if c.genes and c.genes[0] != MaxPool()] for four in pairs]
    assert cross(a, b, SPACE, rng(seed)) in kept


def test_cuts_are_uniform_and_independent():
    a, b = parse("C1 C2 C3"), parse("C10 C20 C30")
    four = {tuple(c.key for c in splice(a, b, i, j)): (i, j) for i in (1, 2, 3) for j in (0, 1, 2)}
    generator = rng(1)
    counts: Counter[tuple[int, int]] = Counter()
    for _ in range(4000):
        keys = tuple(child.key for child in cross(a, b, SPACE, generator))
        counts[four[keys]] += 1
    # (3, 0) leaves the fourth child empty and is drawn again.
    assert set(counts) == {(i, j) for i in (1, 2, 3) for j in (0, 1, 2)} - {(3, 0)}
    assert max(abs(n - 500) for n in counts.values()) < 5 * 500**0.5


def test_cuts_are_drawn_again_while_the_fourth_child_is_empty():
    a, b = parse("C1 C2"), parse("C10 C20")
    script = Scripted(2, 0, 2, 0, 1, 1)
    assert [c.key for c in cross(a, b, SPACE, script)] == ["C1 C20", "C1 C10", "C10 C1", "C10 C2"]
    assert script.draws == 6
    assert script.bounds[:2] == [(1, 3), (0, 2)]


def test_cuts_are_drawn_again_while_all_children_are_known():
    a, b = parse("C1 C2"), parse("C10 C20")
    known = {child.key for child in splice(a, b, 1, 1)}
    script = Scripted(1, 1, 2, 1)
    assert cross(a, b, SPACE, script, known) == list(splice(a, b, 2, 1))
    one_new = Scripted(1, 1, 2, 1)
    assert cross(a, b, SPACE, one_new, known - {"C10 C2"}) == list(splice(a, b, 1, 1))


def test_cuts_are_drawn_again_at_most_twenty_times():
    a, b = parse("C1 C2"), parse("C10 C20")
    script = Scripted(2, 0)
    assert [c.key for c in cross(a, b, SPACE, script)] == ["C1 C2 C10 C20", "C1 C2", "C1 C2"]
    assert script.draws == 2 * 21


def test_two_single_genes_can_also_stand_in_the_other_order():
    a, b = parse("C16"), parse("C32")
    generator = rng()
    seen = {child.key for _ in range(50) for child in cross(a, b, SPACE, generator)}
    assert "C32 C16" in seen
    assert "C16 C32" in seen


def test_pool_first_children_are_dropped_or_allowed():
    a, b = parse("C1 M"), parse("C10 C20")
    assert [c.key for c in cross(a, b, SPACE, Scripted(1, 0))] == ["C1 C10 C20", "C1", "C1"]
    allowed = cross(a, b, replace(SPACE, pool_first=True), Scripted(1, 0))
    assert [c.key for c in allowed] == ["C1 C10 C20", "C1", "C1", "M"]


def test_children_with_too_many_pools_are_not_dropped_here():
    """They are born, counted and score 0 (A-10); only the empty and the pool-first count as not produced."""
    a, b = parse("C1 M M M"), parse("C2 M M M")
    assert "C1 M M M M M M" in [c.key for c in cross(a, b, SPACE, Scripted(4, 1))]


@given(genome=GENOMES, seed=SEEDS, points=st.integers(1, 4), resample_pool=st.booleans())
def test_mutation_stays_in_the_alphabet_and_leaves_its_argument(
    genome: Genome, seed: int, points: int, resample_pool: bool
):
    before = genome.key
    mutant = mutate(genome, SPACE, rng(seed), points, resample_pool)
    assert genome.key == before
    assert len(mutant) == len(genome)
    changed = [(x, y) for x, y in zip(genome.genes, mutant.genes, strict=True) if x != y]
    assert all(isinstance(x, Conv) and isinstance(y, Conv) and y.filters in SPACE.filters for x, y in changed)
    if resample_pool:
        assert len(changed) == min(points, genome.convolutions)
    else:
        assert max(0, min(points, len(genome)) - genome.pools) <= len(changed) <= points


def test_mutation_of_one_convolution_has_eight_equal_outcomes():
    generator = rng(3)
    counts = Counter(mutate(parse("C16"), SPACE, generator).key for _ in range(4000))
    assert set(counts) == {f"C{f}" for f in SPACE.filters if f != 16}
    assert max(abs(n - 500) for n in counts.values()) < 5 * 500**0.5


def test_mutation_chooses_its_place_uniformly_over_all_genes():
    generator = rng(4)
    genome = parse("C16 M C32 M")
    places: Counter[int | None] = Counter()
    for _ in range(4000):
        mutant = mutate(genome, SPACE, generator)
        places[next((i for i in range(4) if mutant.genes[i] != genome.genes[i]), None)] += 1
    assert set(places) == {0, 2, None}
    assert abs(places[None] - 2000) < 5 * 1000**0.5
    assert abs(places[0] - 1000) < 5 * 750**0.5


def test_mutation_keeps_normalisation_and_head():
    mutant = mutate(parse("C16.bn M > G"), SPACE, rng(), resample_pool=True)
    assert mutant.head == PoolHead()
    assert mutant.genes[0].norm
    assert mutant.genes[0].filters != 16


@pytest.mark.parametrize("resample_pool", [False, True])
def test_a_pool_alone_cannot_mutate(resample_pool):
    assert mutate(parse("M"), SPACE, rng(), resample_pool=resample_pool) == parse("M")


def test_with_one_filter_count_nothing_can_mutate():
    """S without f1 is empty: the genome stays, as at a pool."""
    assert mutate(parse("C16 C16"), replace(SPACE, filters=(16,)), rng(), points=2) == parse("C16 C16")


def test_all_points_mutate_when_there_are_fewer_genes():
    mutant = mutate(parse("C16 C32"), SPACE, rng(), points=9)
    assert mutant.genes[0] != Conv(16)
    assert mutant.genes[1] != Conv(32)


@given(a=GENOMES, b=GENOMES, c=GENOMES)
def test_distance_is_a_metric(a: Genome, b: Genome, c: Genome):
    assert distance(a, b) == distance(b, a)
    assert (distance(a, b) == 0) == (a == b)
    assert distance(a, c) <= distance(a, b) + distance(b, c)


@settings(max_examples=60)
@given(a=SHORT, b=SHORT)
def test_distance_is_what_the_definition_says(a: Genome, b: Genome):
    def least(x: tuple, y: tuple) -> int:
        if not x or not y:
            return len(x) + len(y)
        return min(least(x[1:], y) + 1, least(x, y[1:]) + 1, least(x[1:], y[1:]) + (x[0] != y[0]))

    assert distance(a, b) == least(a.genes, b.genes)


@pytest.mark.parametrize(
    ("a", "b", "expected"), [("C16 C32 M", "C16 M", 1), ("C16 M C32", "C32 M C16", 2), ("C16", "C16.bn", 1)]
)
def test_distance_by_hand(a, b, expected):
    assert distance(parse(a), parse(b)) == expected


# small steps


def subsequence(short: Genome, long: Genome) -> bool:
    genes = iter(long.genes)
    return all(gene in genes for gene in short.genes)


@given(GENOMES, SEEDS)
def test_each_small_step_does_what_its_name_says(genome: Genome, seed: int):
    after = {name: operator(genome, SPACE, rng(seed)) for name, operator in OPERATORS.items()}
    assert len(after["insert"]) == len(genome) + 1
    assert subsequence(genome, after["insert"])
    assert len(after["delete"]) == len(genome) - 1
    assert subsequence(after["delete"], genome)
    assert Counter(after["move"].genes) == Counter(genome.genes)
    assert subsequence(genome, after["copy-fragment"])
    fragment = len(after["copy-fragment"]) - len(genome)
    assert 1 <= fragment <= len(genome)
    assert distance(genome, after["change"]) == (genome.convolutions > 0)
    assert [type(gene) for gene in after["change"].genes] == [type(gene) for gene in genome.genes]
    assert all(other.head == genome.head for other in after.values())


@given(GENOMES, SEEDS)
def test_varying_gives_another_legal_genome(genome: Genome, seed: int):
    assume(SPACE.infeasible(genome) is None)
    name, other = vary(genome, SPACE, rng(seed))
    assert name in OPERATORS
    assert other != genome
    assert SPACE.infeasible(other) is None


def test_varying_where_nothing_else_is_legal_says_so():
    space = replace(SPACE, filters=(16,), max_genes=1)
    assert vary(parse("C16"), space, rng()) == ("none", parse("C16"))


def test_a_change_goes_to_a_neighbouring_width_half_of_the_time():
    """And to the neighbours among all others in the other half: 1/2 + 1/2 * 2/8."""
    generator = rng()
    widths = Counter(change(parse("C96"), SPACE, generator).key for _ in range(2000))
    assert (widths["C64"] + widths["C128"]) / 2000 == pytest.approx(0.625, abs=0.04)
    assert len(widths) == len(SPACE.filters) - 1
