"""The class that is written does what the network does, for every kind of gene."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from neuralfinder.errors import InputError
from neuralfinder.networks.cost import shapes
from neuralfinder.networks.genome import Conv, DenseHead, Genome, PoolHead, parse
from neuralfinder.training.bag import Bag
from neuralfinder.training.build import Network, build
from neuralfinder.training.export.layers import class_source
from neuralfinder.types import Shape

SHAPES = [Shape(1, 8, 8), Shape(3, 13, 9), Shape(2, 1, 9), Shape(4, 1, 16, vocabulary=10)]


def written(network: Network, seen: Shape, classes: int) -> nn.Module:
    """The network of the class that is written, with the weights of the one given."""
    names = {"nn": nn, "torch": torch, "F": F, "Tensor": Tensor, "Bag": Bag}
    exec(class_source(network, seen, classes), names)  # noqa: S102 - what is tested
    made: nn.Module = names["Network"]()
    states = zip(made.state_dict().values(), network.state_dict().values(), strict=True)
    for own, theirs in states:
        own.copy_(theirs)
    return made.eval()


def filled(network: Network) -> Network:
    """The network with numbers that no layer starts with."""
    with torch.no_grad():
        for tensor in network.state_dict().values():
            if tensor.is_floating_point():
                tensor.uniform_(0.1, 0.9)
        for parameter in network.parameters():
            parameter.uniform_(-0.5, 0.5)
    return network.eval()


KINDS = (
    "C4.bn M C6.k5.s2.bn.leaky A C5.k3x7.elu.g2 > F7-4", "C4.sep.gelu M3 C4.silu.add1+2 C3.tanh.cat2 > G.d50",
    "C4.valid.sigmoid.s4 > F5", "C3 M C4 I.in1+2+4 M5.s1 > F0", "C4.linear I.bn.relu.add1 I.cat2 D25 A3.s1 > GM",
    "C3.bn M M C5.k1.add3 > G.lin", "> G", "> F0", "I > GM", "3x C3.bn M C4.add1 > G.lin",
)  # fmt: skip
"""Every kind of gene, ending and head."""


@pytest.mark.thorough
@settings(max_examples=150)
@given(st.from_type(Genome), st.sampled_from(SHAPES), st.booleans())
def test_logits_are_those_of_the_network(genome: Genome, shape: Shape, pixels: bool) -> None:
    drawn = smaller(genome, pixels and not shape.vocabulary)
    assume(drawn is not None and all(min(after.height, after.width) > 0 for after in shapes(drawn, shape)))
    check(drawn, shape)


@pytest.mark.parametrize("text", KINDS)
@pytest.mark.parametrize("shape", [Shape(3, 16, 13), Shape(4, 1, 16, vocabulary=10)], ids=str)
def test_each_kind_of_gene_is_written(text: str, shape: Shape) -> None:
    genome = parse(text)
    check(parse(genome.alone.key.removesuffix(".lin")) if shape.vocabulary else genome, shape)


@torch.no_grad()
def check(genome: Genome, shape: Shape) -> None:
    """The class that is written gives the logits of the network."""
    network = filled(build(genome, shape, 3))
    if shape.vocabulary:
        lines = torch.randint(10, (2, 1, 2, 20))
        samples, expected = lines[:, 0, 0, :16], network.alone(lines)
    else:
        samples = torch.rand(2, shape.channels, shape.height, shape.width)
        expected = network(samples)
    torch.testing.assert_close(written(network, shape, 3)(samples), expected, rtol=1e-4, atol=1e-5)


def smaller(genome: Genome, pixels: bool) -> Genome | None:
    """A genome that can be built, of few filters."""
    genes = [
        dataclasses.replace(gene, filters=1 + gene.filters % 6) if isinstance(gene, Conv) else gene
        for gene in genome.genes[:6]
    ]
    if any(str(gene).isdigit() for gene in genes):
        return None  # rows of a table
    head = genome.head
    if isinstance(head, DenseHead):
        head = DenseHead(head.units % 7, head.second % 5 if head.units % 7 else 0)
    elif isinstance(head, PoolHead):
        head = dataclasses.replace(head, pixels=pixels)
    return Genome(tuple(genes), head, genome.recipe)


def test_what_is_written_can_be_read() -> None:
    network = build(parse("C8.k5.s2.bn M C16.sep.silu.add2 > GM.d50"), Shape(3, 33, 21), 10)
    lines = [line.strip() for line in class_source(network, Shape(3, 33, 21), 10).splitlines()]
    assert "self.conv_0 = nn.Conv2d(3, 8, 5, stride=2, padding=2, bias=False)" in lines
    assert "self.depth_2 = nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False)" in lines
    assert "x = self.conv_0(x)  # 8 x 17 x 11" in lines
    assert "x = x + F.pad(F.adaptive_max_pool2d(after_relu_0, (8, 5)), (0, 0, 0, 0, 0, 8))" in lines
    assert "x = x.amax((2, 3))  # 16" in lines


def test_a_layer_of_a_package_has_no_source() -> None:
    network = build(parse("C4 > G"), Shape(1, 8, 8), 2)
    setattr(network, "0_relu", nn.Softsign())
    with pytest.raises(InputError, match="Softsign"):
        class_source(network, Shape(1, 8, 8), 2)
