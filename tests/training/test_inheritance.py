"""Inheritance: equal genes keep their weights, morphisms the function, and every child of the operators gets some."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neuralfinder.job.factories import make_space
from neuralfinder.job.settings import Settings
from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.cost import Rates
from neuralfinder.networks.genome import Conv, Genome, MaxPool, parse
from neuralfinder.networks.variation import cross, mutate, replicate, vary
from neuralfinder.seeds import torch_seed
from neuralfinder.training.build import build
from neuralfinder.training.inheritance import Parent, align, inherit
from neuralfinder.types import Shape

SHAPE = Shape(3, 8, 8)


def network_of(genome: Genome, seed: int = 0, shape: Shape = SHAPE) -> torch.nn.Module:
    with torch_seed(seed):
        network = build(genome, shape, 4)
        for name, tensor in network.named_buffers():  # as if trained: statistics are no longer 0 and 1
            if tensor.is_floating_point():
                tensor.copy_(torch.rand_like(tensor) + (0.5 if "var" in name else 0))
        return network.eval()


def parent_of(text: str, seed: int = 0) -> Parent:
    genome = parse(text)
    return Parent(genome, network_of(genome, seed).state_dict())


def child_of(text: str, *parents: Parent) -> torch.nn.Module:
    network = network_of(parse(text), seed=99)
    inherit(network, parse(text), parents, SHAPE)
    return network


def answers(network: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return network(torch.randn(5, 3, 8, 8, generator=torch.Generator().manual_seed(1)))


@pytest.mark.parametrize("text", ["C4", "C8.bn M C16.bn > G", "C8 M C8 C8 M > F16", "C8 C8 C8 C8 > G"])
def test_an_equal_genome_inherits_everything(text: str) -> None:
    parent = parent_of(text)
    child = child_of(text, parent)
    assert all(torch.equal(tensor, parent.state[name]) for name, tensor in child.state_dict().items())


@pytest.mark.parametrize(
    ("parent", "child"),
    [
        ("C8 M C16 > G", "C8 C8 M C16 > G"),  # an inserted layer is the identity
        ("C8 M C16 > G", "C8 M C16 C16 > G"),
        ("C8 M C16 > G", "C8 M C32 > G"),  # a wider layer, head included
        ("C8 M C16 > G", "C32 M C16 > G"),
        ("C8.bn M C16.bn > G", "C8.bn M C32.bn > G"),
        ("C8.bn M C16.bn M C8.bn > G", "C8.bn M C24.bn M C8.bn > G"),
        ("C8 M C16 > F32", "C8 M C24 > F32"),
        ("C8 M C16 > G", "C8 C12 M C16 > G"),  # an inserted layer may be wider
    ],
)
def test_the_function_is_kept(parent: str, child: str) -> None:
    old = parent_of(parent)
    torch.testing.assert_close(answers(child_of(child, old)), answers(network_of(old.genome)))


def test_a_narrower_layer_keeps_its_first_channels() -> None:
    parent = parent_of("C8.bn M C16.bn > G")
    child = child_of("C8.bn M C12.bn > G", parent).state_dict()
    assert torch.equal(child["2_conv.weight"], parent.state["2_conv.weight"][:12])
    assert torch.equal(child["2_norm.running_mean"], parent.state["2_norm.running_mean"][:12])
    assert torch.equal(child["head.weight"], parent.state["head.weight"][:, :12])


def test_a_crossover_takes_each_piece_from_its_parent() -> None:
    a, b = parent_of("C8 M C16 M > G", 1), parent_of("C4 M C12 M C20 > G", 2)
    child = child_of("C8 M C12 M C20 > G", a, b).state_dict()
    assert torch.equal(child["0_conv.weight"], a.state["0_conv.weight"])
    assert torch.equal(child["2_conv.weight"][:, :4], b.state["2_conv.weight"])
    assert child["2_conv.weight"][:, 4:].any()  # the inputs are not the parent's: fresh, not zero
    assert torch.equal(child["4_conv.weight"], b.state["4_conv.weight"])
    assert torch.equal(child["head.weight"], b.state["head.weight"])


def test_a_copy_finds_both_halves_but_for_the_layer_between_them() -> None:
    genome = parse("C8 M C16")
    assert align(replicate(genome), [genome], 3) == [(0, 0), (0, 1), (0, 2), None, (0, 1), (0, 2)]


def test_a_changed_layer_continues_the_one_it_replaces() -> None:
    assert align(parse("C8 C12 M C16"), [parse("C8 C10 M C16")], 3) == [(0, 0), (0, 1), (0, 2), (0, 3)]


def test_an_inserted_layer_continues_nothing() -> None:
    matches = align(parse("C8 C8 M C16"), [parse("C8 M C16")], 3)
    assert matches == [(0, 0), None, (0, 1), (0, 2)]


genomes = st.builds(
    lambda genes: Genome((Conv(8), *genes)),
    st.lists(st.one_of(st.sampled_from([Conv(4), Conv(8), Conv(16)]), st.just(MaxPool())), max_size=6).filter(
        lambda genes: sum(isinstance(gene, MaxPool) for gene in genes) <= 1
    ),
)


@settings(deadline=None, max_examples=60)
@given(genomes, genomes, st.integers(0, 2**32 - 1))
@pytest.mark.thorough
def test_every_child_of_the_operators_inherits_and_answers(a: Genome, b: Genome, seed: int) -> None:
    rng = np.random.default_rng(seed)
    space = ChainSpace(SHAPE, 4, filters=(4, 8, 16))
    parents = [Parent(genome, network_of(genome).state_dict()) for genome in (a, b)]
    for child in [replicate(a), *cross(a, b, space, rng), mutate(a, space, rng)]:
        if space.infeasible(child):
            continue
        matches = align(child, [a, b], 3)
        assert len(matches) == len(child)
        for gene, match in zip(child.genes, matches, strict=True):
            assert match is None or isinstance(gene, Conv) == isinstance((a, b)[match[0]].genes[match[1]], Conv)
        network = network_of(child, seed=7)
        inherit(network, child, parents, SHAPE)
        assert answers(network).isfinite().all()


RICH = make_space(Settings(preset="rich"), SHAPE, 4, Rates(), math.inf)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000))
@pytest.mark.thorough
def test_any_step_in_a_rich_space_inherits_and_equal_genes_keep_their_kernels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    genome = RICH.sample(rng)
    for _ in range(6):
        genome = vary(genome, RICH, rng)[1]
    name, child = vary(genome, RICH, rng)
    parent = Parent(genome, network_of(genome).state_dict())
    network = network_of(child, seed=99)
    inherit(network, child, [parent], SHAPE)
    assert torch.isfinite(answers(network)).all()
    first = child.genes[0]
    if first == genome.genes[0] and isinstance(first, Conv):
        assert torch.equal(network.state_dict()["0_conv.weight"], parent.state["0_conv.weight"]), name


@pytest.mark.parametrize(
    ("parent", "child"),
    [
        ("C8 C16 > G", "C8 C16.k5 > G"),  # a larger kernel with a border of zeros
        ("C8 M C16.gelu > G", "C8 M C32.gelu > G"),
        ("C8.k5 M C16 > G", "C8.k5 C8.k5 M C16 > G"),
        ("C8.sep M C16.sep > G", "C8.sep M C24.sep > G"),
        ("C8.sep M C16.sep > G", "C12.sep M C16.sep > G"),
        ("C8.valid M C16 > G", "C8.valid C8 M C16 > G"),
        ("C8 M C16.valid > F8", "C12 M C16.valid > F8"),
        ("C8.sigmoid M3.s1 C16 > F8", "C12.sigmoid M3.s1 C16 > F8"),
        ("C8.he M C16.glorot > G", "C8.glorot M C16.glorot > G"),
        ("C8 M C16 > F32-16", "C8 M C24 > F32-16"),
        ("C8 M C16 > F0", "C8 M C24 > F0"),
    ],
)
def test_the_function_is_kept_in_a_rich_space(parent: str, child: str) -> None:
    old = parent_of(parent)
    torch.testing.assert_close(answers(child_of(child, old)), answers(network_of(old.genome)))
