"""Networks built from genomes are what the genome and its cost say."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from neuralfinder.build import build
from neuralfinder.cost import cost
from neuralfinder.genome import PUBLISHED_BEST, Conv, DenseHead, Genome, MaxPool, PoolHead, parse
from neuralfinder.seeds import torch_seed
from neuralfinder.types import Shape

GENES = st.one_of(
    st.builds(Conv, filters=st.sampled_from([1, 3, 8]), norm=st.booleans()),
    st.just(MaxPool()),
)
GENOMES = st.builds(
    Genome,
    st.lists(GENES, min_size=1, max_size=6).map(tuple),
    st.one_of(st.builds(DenseHead, units=st.sampled_from([4, 16])), st.just(PoolHead())),
)


@settings(max_examples=60, deadline=None)
@given(GENOMES, st.sampled_from([Shape(1, 8, 8), Shape(3, 9, 13)]), st.integers(2, 5))
def test_counted_parameters_are_built_parameters(genome: Genome, shape: Shape, classes: int) -> None:
    if genome.pools > 3:
        return
    network = build(genome, shape, classes)
    assert sum(p.numel() for p in network.parameters()) == cost(genome, shape, classes).parameters
    assert network.eval()(torch.zeros(2, shape.channels, shape.height, shape.width)).shape == (2, classes)


def test_published_best_has_its_published_size() -> None:
    network = build(PUBLISHED_BEST, Shape(3, 32, 32), 10)
    assert sum(p.numel() for p in network.parameters()) == 2_447_242


def test_layers_come_in_the_order_of_2017() -> None:
    network = build(parse("C4 M"), Shape(1, 8, 8), 3)
    kinds = [type(layer) for layer in network]
    assert kinds == [nn.Conv2d, nn.MaxPool2d, nn.ReLU, nn.Flatten, nn.Linear, nn.ReLU, nn.Dropout, nn.Linear]
    assert network.get_submodule("dropout").p == 0.5
    assert network.get_submodule("dense").in_features == 4 * 4 * 4


def test_glorot_uniform_has_its_limit_and_zero_biases() -> None:
    with torch_seed(0):
        network = build(parse("C64 C64"), Shape(3, 8, 8), 10, "glorot")
    weight = network.get_parameter("1_conv.weight").detach()
    limit = (6 / (9 * 64 + 9 * 64)) ** 0.5  # Glorot & Bengio 2010, equation 16
    assert float(weight.abs().max()) == pytest.approx(limit, rel=0.01)
    assert not network.get_parameter("1_conv.bias").any()


def test_he_normal_has_its_deviation() -> None:
    with torch_seed(0):
        network = build(parse("C64 C64"), Shape(3, 8, 8), 10, "he")
    deviation = float(network.get_parameter("1_conv.weight").detach().std())
    assert deviation == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.02)  # He et al. 2015, equation 10


def test_macs_are_what_the_hooks_count() -> None:
    genome, shape = parse("C5 C7.bn M C3 > F9"), Shape(2, 9, 11)
    network, counted = build(genome, shape, 4).eval(), [0]

    def count(module: nn.Module, _: object, out: torch.Tensor) -> None:
        weight = module.weight
        counted[0] += weight[0].numel() * out[0].numel()

    for module in network:
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(count)
    network(torch.zeros(1, 2, 9, 11))
    assert counted[0] == cost(genome, shape, 4).macs
