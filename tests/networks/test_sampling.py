"""What is drawn of a space of chains: legal, of all that there is, and as wide as the limits allow."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_chains import CIFAR, EVERYTHING, FAST, RICH, TEXTS, rng

from neuralfinder.networks.chains import ALPHABETS, ChainSpace
from neuralfinder.networks.genome import Conv, DenseHead, Dropout, Genome, Identity, MaxPool, PoolHead, halvings
from neuralfinder.networks.portfolio import portfolio
from neuralfinder.types import Shape


def words(genomes: list[Genome]) -> set[object]:
    """All that occurs: widths and modifiers of convolutions, other genes, heads."""
    genes = [gene for genome in genomes for gene in genome.genes]
    unusual = {word for gene in genes if isinstance(gene, Conv) for word in str(gene).split(".")}
    return unusual | {gene for gene in genes if not isinstance(gene, Conv)} | {genome.head for genome in genomes}


@pytest.mark.parametrize("space", [RICH, EVERYTHING], ids=["rich", "everything"])
def test_samples_have_every_value_of_every_attribute(space: ChainSpace):
    genomes = [space.sample(generator) for generator in [rng(0)] for _ in range(800)]
    met, whole = words(genomes), f"C16 C24 C32 C48 C64 C96 C128 C192 C256 C384 C512 bn k1 k5 s2 g2 g4 sep {SKIPS}"
    expected = {*whole.split(), *space.activations, *space.initialisations, *space.pools, space.head, *space.heads}
    expected |= {Dropout(percent) for percent in space.dropouts} | ({"valid"} if space is EVERYTHING else set())
    assert met == expected - {"relu"} | {Identity()}
    assert {genome.convolutions for genome in genomes} == set(range(13))
    assert len(set(genomes)) > 750


SKIPS = "add1 add2 add3 cat1 cat2 cat3"


def test_new_genes_have_every_value_of_every_attribute():
    genes = [EVERYTHING.new_gene(generator) for generator in [rng(0)] for _ in range(2000)]
    met = words([Genome((gene,), head) for gene in genes for head in (PoolHead(),)])
    assert {"k1", "k5", "s2", "sigmoid", "g2", "g4", "sep", "valid", "glorot", "he", "dirac", *SKIPS.split()} <= met
    assert {*EVERYTHING.pools, Dropout(10), Dropout(25)} <= met
    halved = [gene for gene in genes if halvings(gene)]
    assert len(halved) < 0.3 * len(genes)  # strides make maps no smaller than pools alone did


TINY = ChainSpace(
    Shape(1, 4, 4),
    2,
    filters=(2,),
    strides=(1, 2),
    borders=("same", "valid"),
    max_convolutions=2,
    max_genes=3,
)
"""So small that all its genomes can be written down."""


@pytest.mark.thorough
@pytest.mark.parametrize(
    "changes",
    [{}, {"pool_first": True}, {"dropouts": (50,), "pools": (MaxPool(), MaxPool(3, 1)), "max_genes": 2}],
    ids=["", "pool-first", "dropout"],
)
def test_samples_reach_every_legal_genome_of_a_tiny_space(changes: dict[str, Any]):
    space = replace(TINY, **changes)
    convolutions = [Conv(2, stride=stride, border=border) for stride in (1, 2) for border in space.borders]
    genes = [*convolutions, *space.pools, *map(Dropout, space.dropouts)]
    everyone = {
        genome
        for length in (1, 2, 3)
        for some in itertools.product(genes, repeat=length)
        if (genome := Genome(some)).convolutions and space.infeasible(genome) is None
    }
    generator = rng(0)
    missing = set(everyone)
    for _ in range(20_000):
        missing.discard(genome := space.sample(generator))
        assert genome in everyone
        if not missing:
            return
    raise AssertionError(f"{len(missing)} of {len(everyone)} never came, such as {min(g.key for g in missing)}")


def test_without_pools_there_are_none():
    space = replace(CIFAR, pools=(), founders_are="single")
    genomes = [*space.founders(20, rng()), *(space.sample(generator) for generator in [rng()] for _ in range(100))]
    assert {genome.pools for genome in genomes} == {0}
    assert {type(space.new_gene(generator)) for generator in [rng()] for _ in range(100)} == {Conv}


@pytest.mark.parametrize(("size", "plain", "pooled"), [(7, 34, 15), (9, 57, 24)])
def test_founders_of_2017_have_exact_shares(size, plain, pooled):
    for seed in range(5):
        kinds = Counter(genome.pools for genome in CIFAR.founders(size**2, rng(seed)))
        assert kinds == {0: plain, 1: pooled}


def test_founders_of_2017_are_single_layers_from_the_whole_alphabet_on_shuffled_cells():
    founders = [CIFAR.founders(49, rng(seed)) for seed in range(20)]
    everyone = [genome for world in founders for genome in world]
    assert {genome.key for genome in everyone} == {f"C{f}{m}" for f in ALPHABETS["2017"] for m in ("", " M")}
    pooled_cells = {tuple(i for i, genome in enumerate(world) if genome.pools) for world in founders}
    assert len(pooled_cells) == 20


def test_chain_founders_are_legal_distinct_and_never_narrow():
    founders = FAST.founders(49, rng())
    assert len(set(founders)) == 49
    for genome in founders:
        assert FAST.infeasible(genome) is None
        assert genome.pools == 3
        assert genome.head == PoolHead()
        convolutions = [gene for gene in genome.genes if isinstance(gene, Conv)]
        widths = [gene.filters for gene in convolutions]
        assert widths == sorted(widths)
        assert all(gene.norm for gene in convolutions)
        stages = "".join("M" if gene == MaxPool() else "C" for gene in genome.genes).split("M")
        assert set(stages) <= {"C", "CC"}


def test_chain_founders_are_distinct_where_few_exist():
    """Two widths and two stages make 16 chains; nine draws alone would repeat one almost surely."""
    few = replace(FAST, shape=Shape(3, 8, 8), filters=(16, 32))
    for seed in range(5):
        founders = few.founders(9, rng(seed))
        assert len(set(founders)) == 9


def test_founders_for_texts_are_layers_of_all_kernels_and_no_two_alike():
    founders = replace(TEXTS, plain=False).founders(16, rng())
    assert len(set(founders)) == 16
    genes = [gene for genome in founders for gene in genome.genes]
    assert len(genes) == 16
    assert {gene.kernel for gene in genes} == {1, 3, 5, 7}


def test_newcomers_are_drawn_not_the_network_by_hand_again():
    draws = rng()
    assert len({TEXTS.newcomer(draws) for _ in range(20)} - set(portfolio(TEXTS))) > 5


@pytest.mark.thorough
def test_chain_founders_keep_to_a_tight_cap():
    tight = replace(FAST, max_parameters=20_000)
    assert all(tight.infeasible(genome) is None for genome in tight.founders(9, rng()))


@pytest.mark.parametrize("most", [4_000_000, 8_000_000, 20_000_000])
def test_a_chain_is_as_wide_as_the_caps_allow_at_its_depth(most):
    """One step of the widths more, in all layers that have one, and it was drawn no wider or is beyond the cap."""
    tight, wider, generator = replace(FAST, max_macs=most), list(FAST.filters), rng()
    at_the_cap = 0
    for _ in range(30):
        genome = tight.newcomer(generator)
        assert tight.infeasible(genome) is None
        steps = [
            replace(gene, filters=wider[min(len(wider) - 1, wider.index(gene.filters) + 1)])
            if isinstance(gene, Conv)
            else gene
            for gene in genome.genes
        ]
        at_the_cap += tight.infeasible(replace(genome, genes=tuple(steps))) == "infeasible:cap"
    assert at_the_cap >= 25


@given(
    seed=st.integers(0, 10**6),
    side=st.integers(1, 40),
    alphabet=st.sampled_from(sorted(ALPHABETS)),
    head=st.sampled_from((PoolHead(), DenseHead(512))),
)
def test_samples_are_legal(seed: int, side: int, alphabet: str, head: PoolHead | DenseHead):
    space = ChainSpace(Shape(3, side, side), 10, filters=ALPHABETS[alphabet], head=head, norm=side % 2 == 0)
    genome = space.sample(rng(seed))
    assert space.infeasible(genome) is None
    assert genome.head == head
    assert {(gene.filters in space.filters, gene.norm) for gene in genome.genes if isinstance(gene, Conv)} == {
        (True, space.norm)
    }


def test_samples_use_the_whole_space():
    genomes = [FAST.sample(generator) for generator in [rng(1)] for _ in range(500)]
    assert {genome.convolutions for genome in genomes} == set(range(1, 13))
    assert {genome.pools for genome in genomes} == set(range(6))
    assert {gene.filters for g in genomes for gene in g.genes if isinstance(gene, Conv)} == set(FAST.filters)
    assert len(set(genomes)) > 450
    pools = [[i for i, gene in enumerate(genome.genes) if gene == MaxPool()] for genome in genomes]
    from_the_end = [len(genome) - place for genome, places in zip(genomes, pools, strict=True) for place in places]
    assert {place for places in pools for place in places} == set(range(1, 17))
    assert set(from_the_end) == set(range(1, 17))


def test_samples_under_a_tight_cap_fall_back_on_the_smallest():
    space = replace(CIFAR, max_parameters=16_000)
    assert space.sample(rng()) == Genome((Conv(16), *[MaxPool()] * 5))
