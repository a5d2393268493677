from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from neuralfinder.errors import InputError
from neuralfinder.job.factories import make_space
from neuralfinder.job.settings import Settings
from neuralfinder.networks.chains import ALPHABETS, ChainSpace
from neuralfinder.networks.cost import Rates
from neuralfinder.networks.genome import (
    PUBLISHED_BEST,
    AvgPool,
    Conv,
    DenseHead,
    Dropout,
    Genome,
    Identity,
    MaxPool,
    PoolHead,
    halvings,
    parse,
)
from neuralfinder.networks.portfolio import portfolio, small_network
from neuralfinder.networks.variation import replicate, vary
from neuralfinder.seeds import Seeds, torch_seed
from neuralfinder.strategies import HillClimbing
from neuralfinder.testing import SpaceContract
from neuralfinder.training.build import build
from neuralfinder.types import Fidelity, Shape

CIFAR = ChainSpace(Shape(3, 32, 32), 10)
FAST = ChainSpace(Shape(3, 32, 32), 10, filters=ALPHABETS["fast"], norm=True, head=PoolHead(), founders_are="chain")


GENOMES = st.lists(st.sampled_from([MaxPool(), Conv(16), Conv(32)]), max_size=12).map(lambda g: Genome(tuple(g)))


class TestPublishedSpace(SpaceContract):
    def make(self) -> ChainSpace:
        return replace(CIFAR, max_parameters=10**12, max_macs=10**15)

    def test_features_are_numbers_of_one_length(self) -> None:
        """Its founders are few and alike."""


class TestFastSpace(SpaceContract):
    def make(self) -> ChainSpace:
        return FAST


RICH = make_space(Settings(preset="rich"), Shape(3, 32, 32), 10, Rates(), math.inf)


class TestRichSpace(SpaceContract):
    def make(self) -> ChainSpace:
        return RICH


class TestSpaceOfSides(SpaceContract):
    def make(self) -> ChainSpace:
        return make_space(Settings(), Shape(3, 96, 128), 10, Rates(), math.inf)


EVERYTHING = replace(
    RICH,
    activations=("relu", "sigmoid"),
    borders=("same", "valid"),
    initialisations=("glorot", "he", "dirac"),
    pools=(MaxPool(), MaxPool(3, 1), MaxPool(5, 2), AvgPool(3, 3)),
    heads=(DenseHead(64), PoolHead(largest=True)),
)
"""Every attribute that there is has several values."""


class TestSpaceOfEverything(SpaceContract):
    def make(self) -> ChainSpace:
        return EVERYTHING


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


def test_a_convolution_is_as_the_space_has_them():
    odd = replace(CIFAR, kernels=(5, 7), activations=("sigmoid",), borders=("valid",), initialisations=("he", "glorot"))
    assert str(odd.conv(32)) == "C32.k5.valid.he.sigmoid"
    assert str(replace(odd, kernels=(1, 3), borders=("valid", "same")).conv(32)) == "C32.he.sigmoid"
    assert {str(gene) for gene in odd.alternatives(parse("C16.k5.valid.he.sigmoid").genes[0])} == {
        *(f"C{filters}.k5.valid.he.sigmoid" for filters in odd.filters if filters > 16),
        "C16.k7.valid.he.sigmoid",
        "C16.k5.valid.glorot.sigmoid",
    }


def test_a_map_that_a_kernel_without_border_does_not_fit_on_is_refused_and_mended():
    space = ChainSpace(Shape(1, 8, 8), 10, borders=("valid",))
    assert space.infeasible(parse("C16.valid C16.valid C16.valid")) is None
    assert space.infeasible(parse("C16.valid C16.valid C16.valid C16.valid")) == "infeasible:border"
    assert space.infeasible(parse("C16.valid M M C16.k1.valid M")) == "infeasible:pool"
    assert space.mend(parse("C16.valid M M C16.k1.valid M")) == parse("C16.valid M M C16.k1.valid")
    assert space.mend(parse("C16.valid M C16.valid C16.valid")) == parse("C16.valid C16.valid C16.valid")
    assert space.mend(parse("C16.k7.valid C16.k5.valid")) == parse("C16.k7.valid C16.k5")
    assert space.infeasible(space.smallest()) is None
    assert all(space.infeasible(genome) is None for genome in space.founders(20, rng()))


ODD = ChainSpace(
    Shape(3, 12, 12),
    10,
    kernels=(5,),
    activations=("sigmoid",),
    borders=("valid",),
    initialisations=("he",),
    pools=(MaxPool(3, 1), AvgPool(3, 3)),
    max_parameters=10**9,
)
"""Nothing is as usual: every gene that is not drawn must ask the space all the same."""


@pytest.mark.parametrize("kind", ["single", "chain", "layer"])
def test_what_is_proposed_first_is_made_of_what_the_space_has(kind: str):
    space = replace(ODD, founders_are=kind)
    (start,) = HillClimbing(space, Seeds(0), Fidelity(1)).ask(1)
    for genome in [*space.founders(20, rng()), space.smallest(), small_network(space), start.genome]:
        assert space.infeasible(genome) is None
        for gene in genome.genes:
            assert gene == AvgPool(3, 3) or (isinstance(gene, Conv) and str(gene).endswith(".he.sigmoid"))
            assert not isinstance(gene, Conv) or gene.kernel == 5


def test_without_pools_there_are_none():
    space = replace(CIFAR, pools=(), founders_are="single")
    genomes = [*space.founders(20, rng()), *(space.sample(generator) for generator in [rng()] for _ in range(100))]
    assert {genome.pools for genome in genomes} == {0}
    assert {type(space.new_gene(generator)) for generator in [rng()] for _ in range(100)} == {Conv}


def test_pools_of_another_stride_halve_no_map():
    space = ChainSpace(Shape(1, 8, 8), 10)
    assert space.infeasible(parse("C16 M3.s1 M3.s1 M3.s1 M3.s1 M M M")) is None
    assert space.infeasible(parse("C16 M.s1 M M M")) == "infeasible:pool"  # 8, 7, 3, 1, 0
    assert space.mend(parse("C16 M5 M5")) == parse("C16 M5")


def test_genomes_that_build_the_same_network_are_one_whatever_pools_and_borders():
    space = replace(EVERYTHING, shape=Shape(3, 11, 11))
    assert space.canonical(parse("C16.bn.valid C16.bn.k1.valid > G")) == parse("C16.bn.valid C16.bn.k1 > G")
    assert space.canonical(parse("C16.bn.relu M3.s3 > GM")) == parse("C16.bn M3.s3 > GM")  # a pool before the norm
    assert space.canonical(parse("C16 M3.s3 > GM")) == parse("C16 > GM")  # -1 to 1, 2 to 4, 5 to 7, 8 to 10
    assert space.canonical(parse("C16 M > GM")) == parse("C16 M > GM")  # nobody sees the eleventh
    assert space.canonical(parse("C16 M5.s1 M3.s1 > GM")) == parse("C16 > GM")


def test_a_searched_head_is_one_of_those_there_are():
    assert set(EVERYTHING.other_heads(PoolHead())) == {DenseHead(64), PoolHead(largest=True)}
    assert {str(head) for head in RICH.other_heads(PoolHead())} == {"GM", "G.lin", "F0", "F256"}
    assert list(FAST.other_heads(PoolHead())) == []


def test_small_steps_reach_every_attribute_of_a_gene():
    """From one genome: all kernels, strides, activations, groups, skips of both kinds, pools and dropouts are met."""
    genome, draws = parse("C32.bn C64.bn M C64.bn M C128.bn > G"), np.random.default_rng(0)
    met: set[object] = set()
    for _ in range(3000):
        genes = vary(genome, RICH, draws)[1].genes
        met |= {word for gene in genes for word in str(gene).split(".")[1:]} | {
            g for g in genes if not isinstance(g, Conv)
        }
    words = {"k1", "k5", "s2", "leaky", "gelu", "silu", "g2", "g4", "sep"}
    assert words <= met
    assert {f"{join}{k}" for join in ("add", "cat") for k in (1, 2, 3)} <= met
    assert {MaxPool(), AvgPool(), MaxPool(3), Dropout(10), Dropout(25)} <= met


def test_genomes_that_build_the_same_network_are_one():
    """Skips to before the first gene are none, groups are as many as divide."""
    assert RICH.canonical(parse("C16.bn.add3 C16.bn.add1 C16.bn.cat2 > G")) == parse(
        "C16.bn C16.bn.add1 C16.bn.cat2 > G"
    )
    assert RICH.canonical(parse("C16.g4.bn C32.g4.bn > G")) == parse("C16.bn C32.g4.bn > G")  # 3 channels come in


TEXTS = make_space(Settings(), Shape(16, 1, 24, 50), 3, Rates(), math.inf)


class TestTextSpace(SpaceContract):
    def make(self) -> ChainSpace:
        return TEXTS


@pytest.mark.parametrize(
    ("genome", "same"),
    [
        ("C8 M M > GM.d50", "C8 > GM.d50"),
        ("C8 M3 > GM.d50", "C8 > GM.d50"),
        ("C8.k5 D10 M > GM.d50", "C8.k5 D10 > GM.d50"),
        ("C8 M M M M > GM.d50", "C8 M M M M > GM.d50"),  # of 3 tokens the last pool drops one
        ("C8 M M M M3 > GM.d50", "C8 > GM.d50"),
        ("C8.gelu M M > GM.d50", "C8.gelu M > GM.d50"),  # GELU falls before it rises
        ("C8.bn M M > GM.d50", "C8.bn M > GM.d50"),  # normalisation may turn the sign
        ("C8 M C8 > GM.d50", "C8 M C8 > GM.d50"),
        ("C8 M M > G", "C8 M M > G"),
        ("C8 M A > GM.d50", "C8 M A > GM.d50"),
    ],
)
def test_pools_before_a_maximum_over_the_whole_line_are_none(genome, same):
    given, canonical = parse(genome), parse(same)
    assert TEXTS.canonical(given) == canonical
    tokens = torch.randint(0, 50, (40, 1, 2, 24), generator=torch.Generator().manual_seed(0))
    answers = []
    for each in (given, canonical):
        with torch_seed(0):
            network = build(each, TEXTS.shape, 3).eval()
            answers.append(network(tokens))
    torch.testing.assert_close(*answers)


def test_neighbours_are_the_next_values():
    near = {str(gene) for gene in RICH.neighbours(parse("C64.k5.add1").genes[0])}
    assert {"C48.k5.add1", "C96.k5.add1", "C64.add1", "C64.k5", "C64.k5.add2", "C64.k5.gelu.add1"} <= near
    assert not {"C128.k5.add1", "C64.k1.add1", "C64.k5.add3"} & near


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_alphabets_are_the_register_s():
    assert ALPHABETS["2017"] == (16, 32, 64, 96, 128, 192, 224, 256, 512)
    assert ALPHABETS["s21"] == (16, 32, 48, 96, 128, 192, 256, 512)
    assert ALPHABETS["s31_literal"] == (16, 32, 64, 96, 128, 196, 224, 256, 512)
    assert set(ALPHABETS["union"]) == {16, 32, 48, 64, 96, 128, 192, 196, 224, 256, 512}
    assert CIFAR.filters == ALPHABETS["2017"]
    assert all(list(filters) == sorted(set(filters)) for filters in ALPHABETS.values())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "infeasible:empty"),
        ("M C16", "infeasible:pool-first"),
        ("C16 M M M M M", None),
        ("C16 M M M M M M", "infeasible:pool"),
        (" ".join(["C16"] * 20), None),
        (" ".join(["C16"] * 21), "infeasible:cap"),
        ("C512 C512", "infeasible:cap"),
        ("C512 M", "infeasible:cap"),
        ("C512 M M", None),
    ],
)
def test_infeasible_names_the_reason(text, reason):
    assert CIFAR.infeasible(parse(text)) == reason


def test_each_cap_alone_is_kept_to_the_number():
    genome = parse("C16 M C32 M")
    needs = CIFAR.cost(genome)
    exact = {"max_convolutions": 2, "max_genes": 4, "max_parameters": needs.parameters, "max_macs": needs.macs}
    for name, most in exact.items():
        assert replace(CIFAR, **{name: most}).infeasible(genome) is None
        assert replace(CIFAR, **{name: most - 1}).infeasible(genome) == "infeasible:cap"


def test_published_caps_are_the_register_s():
    caps = (CIFAR.max_convolutions, CIFAR.max_genes, CIFAR.max_parameters, CIFAR.max_macs)
    assert caps == (20, 32, 30_000_000, 3_000_000_000)


def test_self_copy_of_the_published_best_needs_a_larger_picture():
    doubled = replicate(PUBLISHED_BEST)
    assert doubled.pools == 8
    assert CIFAR.infeasible(doubled) == "infeasible:pool"
    # At 256x256 the pools fit, where it looks at all of it; the caps of A-11 are lifted: it is 64 times larger
    large = replace(CIFAR, shape=Shape(3, 256, 256), max_macs=10**12, sides=(64, 256))
    assert large.infeasible(doubled) == "infeasible:pool"
    assert large.infeasible(replace(doubled, side=256)) is None


def test_pool_first_can_be_allowed():
    assert replace(CIFAR, pool_first=True).infeasible(parse("M C16 M M")) is None


@pytest.mark.parametrize(("height", "width", "pools"), [(32, 32, 5), (28, 28, 4), (8, 8, 3), (64, 5, 2), (1, 9, 3)])
def test_max_pools_halves_the_shorter_side_or_the_line(height, width, pools):
    assert ChainSpace(Shape(1, height, width), 2).max_pools == pools


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


def test_the_first_founders_are_networks_of_all_kinds_in_their_order():
    pictures = [
        "C32.bn M C64.bn M C128.bn > G",
        "C32.bn M C64.bn M C128.bn > G | shift0",
        "C32.bn M C64.bn C64.bn M C128.bn C128.bn M C256.bn C256.bn > G | small0.4",
        "C32.bn M C64.bn C64.bn M C128.bn C128.bn M C256.bn C256.bn > G.lin",
        "C32.bn M > F256 | shift0",
        "C32.bn M C64.bn C64.bn C64.bn.add2 M C128.bn C128.bn C128.bn.add2 M C256.bn C256.bn C256.bn.add2 > G"
        " | small0.4",
        "I > F0 | shift0 rate0.1",
        "C32.bn M C64.bn M C128.bn > G | small0.4",
        "I > F256 | shift0 rate0.1",
    ]
    texts = [
        "C128 > GM.d50",
        "I > G.bag18",
        "C128 C128 > GM.d50",
        "C128 > GM.d50.bag18",
        "C256.k7 > GM.d50",
        "C128 C128 C128.add2 > GM.d50",
    ]
    for space, known in ((RICH, pictures), (TEXTS, texts)):
        assert [genome.key for genome in portfolio(space)] == known
        founders = space.founders(12, rng())
        assert [genome.key for genome in founders][: len(known)] == known
        assert len(set(founders)) == 12
        assert [genome.key for genome in space.founders(2, rng())] == known[:2]


def test_the_portfolio_keeps_to_limits_and_to_the_heads_there_are():
    small = replace(RICH, max_parameters=20_000, heads=(DenseHead(0),))
    known = portfolio(small)
    assert all(small.infeasible(genome) is None for genome in known)
    assert {str(genome.head) for genome in known} == {"G"}  # of 3,072 numbers not even ten classes fit
    assert parse("I > F0 | shift0 rate0.1") in portfolio(replace(small, max_parameters=40_000))


def test_newcomers_are_drawn_not_the_network_by_hand_again():
    draws = rng()
    assert len({TEXTS.newcomer(draws) for _ in range(20)} - set(portfolio(TEXTS))) > 5


def test_genes_that_do_nothing_go_where_there_are_others():
    for text, same in (("I C16 > G", "C16 > G"), ("I I > F0", "I > F0"), ("I M > F0", "I M > F0"),
                       ("C16 I C16.add1 > G", "C16 I C16.add1 > G"), ("I.bn > F0", "I.bn > F0")):  # fmt: skip
        assert RICH.canonical(parse(text)) == parse(same)


def test_only_texts_have_bags_of_n_grams_and_only_pictures_models_of_pixels():
    assert RICH.infeasible(parse("I > G.bag18")) == "infeasible:head"
    assert TEXTS.infeasible(parse("I > G.bag18")) is None
    assert RICH.infeasible(parse("C32.bn > G.lin")) is None
    assert TEXTS.infeasible(parse("I > G.lin")) == "infeasible:head"


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


def test_the_smallest_has_as_many_filters_as_the_caps_allow_of_half_a_quarter_and_so_on():
    filters = [replace(FAST, max_parameters=most).smallest().genes[0].filters for most in (1000, 600, 400, 100, 49)]
    assert filters == [16, 8, 8, 2, 1]


def test_the_embedding_is_named_where_it_is_what_does_not_fit():
    words = TEXTS.shape.vocabulary * TEXTS.shape.channels
    tight = replace(TEXTS, max_parameters=words)
    with pytest.raises(
        InputError, match=rf"parameters \({words:,} of them of the tokens\); at most {words:,} are .*minutes$"
    ):
        tight.smallest()


def test_an_empty_space_is_named():
    nothing = replace(FAST, max_parameters=10)
    for ask in (lambda: nothing.sample(rng()), lambda: nothing.founders(9, rng())):
        with pytest.raises(InputError, match=r"least network, C1\.bn .*, has 49 parameters; at most 10 are.*; raise"):
            ask()


def test_a_slow_machine_caps_the_predicted_step():
    genome = parse("C16 M")
    rates = Rates(step=0.25, layer=0.5, mac=1e-6, activation=1e-5)
    seconds = (
        0.25 + 0.5 * 4 + (9 * 3 * 16 * 1024 + 16 * 256 * 512 + 5120) * 1e-6 + ((3 + 16 + 16) * 1024 + 16 * 256) * 1e-5
    )
    assert replace(CIFAR, rates=rates, max_step_seconds=seconds * 1.001).infeasible(genome) is None
    assert replace(CIFAR, rates=rates, max_step_seconds=seconds * 0.999).infeasible(genome) == "infeasible:cap"


def test_surplus_pools_are_dropped_from_the_right():
    assert CIFAR.mend(replicate(PUBLISHED_BEST)) == parse(
        "C32 C192 C192 M C128 C192 M C128 C192 C192 M C128 C192 M C32 C192 C192 M C128 C192 C128 C192 C192 C128 C192"
    )
    assert CIFAR.mend(PUBLISHED_BEST) == PUBLISHED_BEST


@given(genome=GENOMES)
def test_dropping_pools_leaves_the_convolutions(genome: Genome):
    mended = CIFAR.mend(genome)
    assert mended.pools == min(genome.pools, CIFAR.max_pools)
    assert [g for g in mended.genes if g != MaxPool()] == [g for g in genome.genes if g != MaxPool()]
    assert CIFAR.mend(mended) == mended
