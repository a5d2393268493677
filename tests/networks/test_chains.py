from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
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
    MaxPool,
    PoolHead,
    parse,
)
from neuralfinder.networks.portfolio import portfolio, small_network
from neuralfinder.networks.variation import replicate, vary
from neuralfinder.seeds import Seeds
from neuralfinder.strategies import HillClimbing
from neuralfinder.testing import SpaceContract
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


def test_pools_of_another_stride_halve_no_map():
    space = ChainSpace(Shape(1, 8, 8), 10)
    assert space.infeasible(parse("C16 M3.s1 M3.s1 M3.s1 M3.s1 M M M")) is None
    assert space.infeasible(parse("C16 M.s1 M M M")) == "infeasible:pool"  # 8, 7, 3, 1, 0
    assert space.mend(parse("C16 M5 M5")) == parse("C16 M5")


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


TEXTS = make_space(Settings(), Shape(16, 1, 24, 50), 3, Rates(), math.inf)


class TestTextSpace(SpaceContract):
    def make(self) -> ChainSpace:
        return TEXTS


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


def test_networks_by_rule_are_of_the_width_that_is_said_to_be_best():
    """Of those that the time of a step allows, all else is as it was."""
    timed = replace(RICH, rates=Rates(mac=1e-9), max_step_seconds=1.0)
    offered = list[Genome]()

    def third(genomes: Sequence[Genome]) -> Genome:
        offered.extend(genomes)
        return genomes[2]

    widest, chosen = portfolio(timed), portfolio(timed, third)
    assert all(timed.infeasible(genome) is None for genome in offered)
    assert parse("C16.bn M C32.bn C32.bn M C64.bn C64.bn M C128.bn C128.bn > G | small0.4") in chosen
    assert set(chosen) - set(offered) == set(widest) - set(offered)
    assert len(set(chosen) & set(offered)) == len(set(widest) & set(offered)) == 4


def test_the_portfolio_keeps_to_limits_and_to_the_heads_there_are():
    small = replace(RICH, max_parameters=20_000, heads=(DenseHead(0),))
    known = portfolio(small)
    assert all(small.infeasible(genome) is None for genome in known)
    assert {str(genome.head) for genome in known} == {"G"}  # of 3,072 numbers not even ten classes fit
    assert parse("I > F0 | shift0 rate0.1") in portfolio(replace(small, max_parameters=40_000))


def test_only_texts_have_bags_of_n_grams_and_only_pictures_models_of_pixels():
    assert RICH.infeasible(parse("I > G.bag18")) == "infeasible:head"
    assert TEXTS.infeasible(parse("I > G.bag18")) is None
    assert RICH.infeasible(parse("C32.bn > G.lin")) is None
    assert TEXTS.infeasible(parse("I > G.lin")) == "infeasible:head"


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
