"""Networks built from genomes are what the genome and its cost say."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from neuralfinder.networks.cost import cost, pools_at_once, shapes, skip_sources
from neuralfinder.networks.genome import (
    ACTIVATIONS,
    INITIALISATIONS,
    JOINS,
    PUBLISHED_BEST,
    AvgPool,
    Conv,
    DenseHead,
    Dropout,
    Genome,
    Identity,
    MaxPool,
    PoolHead,
    parse,
)
from neuralfinder.seeds import torch_seed
from neuralfinder.training.build import build
from neuralfinder.training.convolution import Convolution
from neuralfinder.types import Shape

GENES = st.one_of(
    st.builds(
        Conv,
        filters=st.sampled_from([1, 3, 8]),
        norm=st.booleans(),
        kernel=st.sampled_from([1, 3, 5, 7]),
        stride=st.sampled_from([1, 1, 1, 2]),
        activation=st.sampled_from(ACTIVATIONS),
        groups=st.sampled_from([1, 2, 4]),
        separable=st.booleans(),
        wide=st.sampled_from([0, 0, 1, 5]),
        skips=st.sampled_from([(), (), (1,), (2,), (4,), (1, 3), (2, 3, 5)]),
        join=st.sampled_from(JOINS),
        border=st.sampled_from(["same", "same", "valid"]),
        initialisation=st.sampled_from(["", *INITIALISATIONS]),
    ),
    st.builds(
        Identity,
        norm=st.booleans(),
        activation=st.sampled_from(ACTIVATIONS),
        skips=st.sampled_from([(), (1,), (2,), (1, 2)]),
        join=st.sampled_from(JOINS),
    ),
    st.sampled_from([MaxPool(), MaxPool(3), AvgPool(), AvgPool(3), Dropout(25)]),
    st.builds(MaxPool, st.just(3), st.integers(1, 3)) | st.sampled_from([MaxPool(2, 1), MaxPool(5, 1), AvgPool(2, 1)]),
)
GENOMES = st.builds(
    Genome,
    st.lists(GENES, min_size=1, max_size=6).map(tuple),
    st.sampled_from([DenseHead(4), DenseHead(16), DenseHead(0), DenseHead(16, 4), PoolHead(), PoolHead(True, 50)]),
)


TEXT = Shape(4, 1, 16, vocabulary=10)


def survives(genome: Genome, shape: Shape) -> bool:
    """Whether something is left of the map."""
    return all(min(after.height, after.width) > 0 for after in shapes(genome, shape))


def sample(shape: Shape) -> torch.Tensor:
    """Two samples of a shape."""
    if shape.vocabulary:
        return torch.arange(4 * shape.width).view(2, 1, 2, -1) % shape.vocabulary
    return torch.zeros(2, shape.channels, shape.height, shape.width)


@settings(max_examples=60, deadline=None)
@given(GENOMES, st.sampled_from([Shape(1, 8, 8), Shape(3, 9, 13), TEXT, Shape(2, 1, 9)]), st.integers(2, 5))
def test_counted_parameters_are_built_parameters(genome: Genome, shape: Shape, classes: int) -> None:
    if not survives(genome, shape):
        return
    network = build(genome, shape, classes)
    assert sum(p.numel() for p in network.parameters()) == cost(genome, shape, classes).parameters
    assert network.eval()(sample(shape)).shape == (2, classes)


def test_on_a_line_kernels_and_pools_are_one_row_high() -> None:
    network = build(parse("C4.k5 M C6 M3 C5.k3x7 A3 C3.sep M5 > F0"), Shape(2, 1, 40), 3)
    kernels = [tuple(layer.kernel_size) for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    assert kernels == [(1, 5), (1, 3), (1, 7), (1, 3), (1, 1)]
    pools = [layer for layer in network.modules() if isinstance(layer, nn.MaxPool2d | nn.AvgPool2d)]
    assert [tuple(pool.kernel_size) for pool in pools] == [(1, 2), (1, 3), (1, 3), (1, 5)]
    # 40 -> 20 -> 10 -> 5 -> 1 columns
    assert network.get_parameter("head.weight").shape == (3, 3)


def test_a_text_is_looked_up_and_its_largest_answer_counts() -> None:
    network = build(parse("C3.linear > GM"), Shape(2, 1, 5, 7), 2).eval()
    tokens = torch.tensor([3, 6, 0, 0, 0])
    lines = torch.stack([torch.cat([tokens, torch.zeros(2)]), torch.arange(7)]).long()
    maps = network.get_parameter("words.weight")[tokens].T[None, :, None]
    kernel, bias = (network.get_parameter(f"0_conv.{name}") for name in ("weight", "bias"))
    expected = nn.functional.conv1d(maps[:, :, 0], kernel[:, :, 0], bias, padding=1).amax(2)
    torch.testing.assert_close(network(lines[None, None]), network.get_submodule("head")(expected))


def test_a_skip_from_the_sample_of_a_text_is_its_embedding() -> None:
    network = build(parse("C3 C3.in1+2 > GM"), Shape(2, 1, 5, 7), 2)
    assert network.get_parameter("1_conv.weight").shape == (3, 5, 1, 3)
    assert network(sample(Shape(2, 1, 5, 7))).shape == (2, 2)


def test_pools_of_five_take_every_third() -> None:
    network = build(parse("C2 M5 > F0"), Shape(1, 32, 29), 3)
    assert network.get_parameter("head.weight").shape == (3, 2 * 10 * 9)
    assert cost(parse("C2 M5 > F0"), Shape(1, 32, 29), 3).parameters == 2 * 9 + 2 + 3 * 180 + 3


def test_without_a_border_a_map_loses_what_no_kernel_fits_on() -> None:
    genome = parse("C2.valid C3.k5.valid.s2 C4.sep.valid > F0")
    assert [str(after) for after in shapes(genome, Shape(1, 12, 20))] == ["2x10x18", "3x3x7", "4x1x5"]
    network = build(genome, Shape(1, 12, 20), 3)
    assert network.get_parameter("head.weight").shape == (3, 4 * 1 * 5)
    assert network(torch.rand(2, 1, 12, 20)).shape == (2, 3)
    # on a line there is nothing above and below to lose
    assert str(shapes(genome, Shape(4, 1, 20, 9))[-1]) == "4x1x5"


def test_pools_take_steps_of_their_own() -> None:
    genome = parse("C2 M3.s1 M.s1 M5.s2 A3.s3 > F0")
    assert [after.width for after in shapes(genome, Shape(1, 16, 16))] == [16, 16, 15, 6, 2]
    pools = [module for module in build(genome, Shape(1, 16, 16), 3) if isinstance(module, nn.MaxPool2d | nn.AvgPool2d)]
    assert [(pool.kernel_size, pool.stride) for pool in pools] == [(3, 1), (2, 1), (5, 2), (3, 3)]


def test_a_gene_has_its_own_first_weights_and_others_those_of_the_recipe() -> None:
    genome = parse("C64.k5 C64.k5.glorot C64.k5.dirac C64.k5.he > G")
    with torch_seed(0):
        network = build(genome, Shape(64, 8, 8), 10, "he")
    deviations = [float(network.get_parameter(f"{place}_conv.weight").detach().std()) for place in (0, 1, 3)]
    he, glorot = (2 / (25 * 64)) ** 0.5, (2 / (2 * 25 * 64)) ** 0.5
    assert deviations == pytest.approx([he, glorot, he], rel=0.02)
    maps = torch.rand(1, 64, 8, 8)
    torch.testing.assert_close(network.get_submodule("2_conv")(maps), maps)


def test_sigmoid_is_an_activation() -> None:
    network = build(parse("C2.k1.sigmoid > F0"), Shape(1, 2, 2), 2)
    maps = torch.randn(1, 1, 2, 2)
    expected = 1 / (1 + torch.exp(-network[0](maps)))
    torch.testing.assert_close(network(maps), network.get_submodule("head")(expected.flatten(1)))


def test_inputs_come_side_by_side_and_the_picture_is_one_of_them() -> None:
    network = build(parse("C2 M C3 I.in1+2+4 > F0"), Shape(1, 4, 4), 2).eval()
    maps = torch.rand(1, 1, 4, 4)
    second = network[2](network[1](network[0](maps)))
    third = network.get_submodule("2_relu")(network.get_submodule("2_conv")(second))
    joined = torch.cat([nn.functional.pad(third, (0, 2, 0, 2)), nn.functional.pad(second, (0, 2, 0, 2)), maps], dim=1)
    assert torch.equal(network(maps), network.get_submodule("head")(joined.flatten(1)))


def test_an_identity_leaves_what_it_passes_on_as_it_was() -> None:
    network = build(parse("C2.linear I.relu I.in1+2 > F0"), Shape(1, 2, 2), 2)
    maps = torch.randn(3, 1, 2, 2)
    linear = network.get_submodule("0_conv")(maps)
    joined = torch.cat([linear.relu(), linear], dim=1)
    assert torch.equal(network(maps), network.get_submodule("head")(joined.flatten(1)))


def test_published_best_has_its_published_size() -> None:
    network = build(PUBLISHED_BEST, Shape(3, 32, 32), 10)
    assert sum(p.numel() for p in network.parameters()) == 2_447_242


def test_layers_come_in_the_order_of_2017() -> None:
    network = build(parse("C4 M"), Shape(1, 8, 8), 3)
    kinds = [type(layer) for layer in network]
    assert kinds == [Convolution, nn.MaxPool2d, nn.ReLU, nn.Flatten, nn.Linear, nn.ReLU, nn.Dropout, nn.Linear]
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


@settings(max_examples=60, deadline=None)
@given(GENOMES)
def test_shapes_and_multiply_adds_are_those_of_the_built_network(genome: Genome) -> None:
    """Every layer's output has the counted shape, kernels the counted multiply-adds."""
    shape = Shape(2, 11, 16)
    if not survives(genome, shape):
        return
    network, counted, maps = build(genome, shape, 3).eval(), [0], dict[str, tuple[int, ...]]()

    def look(name: str) -> Callable[[nn.Module, object, torch.Tensor], None]:
        def hook(module: nn.Module, _: object, out: torch.Tensor) -> None:
            maps[name] = tuple(out.shape[1:])
            if isinstance(module, nn.Conv2d | nn.Linear):
                area = out[0].numel() // len(module.weight)
                counted[0] += module.weight.numel() * area

        return hook

    for name, module in network.named_children():
        module.register_forward_hook(look(name))
    network(torch.zeros(1, 2, 11, 16))
    assert counted[0] == cost(genome, shape, 3).macs
    for place, after in enumerate(shapes(genome, shape)):
        own = [name for name in maps if name.startswith(f"{place}_")]
        if own and not pools_at_once(genome, place) and not pools_at_once(genome, place - 1):
            assert maps[own[-1]] == (after.channels, after.height, after.width)
    last = shapes(genome, shape)[-1]
    flat = last.channels if isinstance(genome.head, PoolHead) else last.channels * last.height * last.width
    assert maps["flatten"] == (flat,)


@settings(max_examples=40, deadline=None)
@given(GENOMES)
def test_every_network_learns_something_everywhere(genome: Genome) -> None:
    """Every parameter gets a gradient that is a number."""
    if not survives(genome, Shape(2, 16, 16)):
        return
    with torch_seed(0):
        network = build(genome, Shape(2, 16, 16), 3)
        loss = nn.functional.cross_entropy(network(torch.randn(8, 2, 16, 16)), torch.arange(8) % 3)
    loss.backward()
    heard = {len(genome) - 1}  # genes whose outputs somebody uses
    for place in reversed(range(len(genome))):
        if place in heard:
            others = set(skip_sources(genome, place))
            heard |= others if others and genome.genes[place].join == "in" else others | {place - 1}
    for name, parameter in network.named_parameters():
        if name.split("_")[0].isdigit() and int(name.split("_")[0]) not in heard:
            continue
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_a_skip_adds_what_came_before() -> None:
    """With kernels of zero the second convolution's output is the first one's, through ReLU."""
    network = build(parse("C4 C4.add1 > G"), Shape(1, 6, 6), 3).eval()
    nn.init.zeros_(network.get_parameter("1_conv.weight"))
    pictures = torch.randn(2, 1, 6, 6)
    first = network.get_submodule("0_relu")(network.get_submodule("0_conv")(pictures))
    assert torch.equal(network.get_submodule("1_skip")(torch.zeros_like(first), first), first)
    expected = network.get_submodule("head")(first.mean((2, 3)))
    assert torch.allclose(network(pictures), expected)


def test_a_skip_over_a_pool_is_pooled_and_filled_up() -> None:
    network = build(parse("C2 M C5.add2 > G"), Shape(1, 6, 6), 3).eval()
    first = torch.randn(1, 2, 6, 6)
    joined = network.get_submodule("2_skip")(torch.zeros(1, 5, 3, 3), first)
    assert torch.equal(joined[:, :2], nn.functional.max_pool2d(first, 2))
    assert not joined[:, 2:].any()


def test_a_skip_side_by_side_makes_the_map_wider() -> None:
    assert shapes(parse("C4 C8.cat1"), Shape(1, 6, 6))[-1] == Shape(12, 6, 6)
    network = build(parse("C4 C8.cat1 > G"), Shape(1, 6, 6), 3)
    assert network.get_submodule("head").in_features == 12


def test_a_skip_to_before_the_start_is_none() -> None:
    with torch_seed(0):
        network = build(parse("C4.add1 C4.add5 > G"), Shape(1, 6, 6), 3)
    with torch_seed(0):
        plain = build(parse("C4 C4 > G"), Shape(1, 6, 6), 3)
    pictures = torch.randn(2, 1, 6, 6)
    assert torch.equal(network(pictures), plain(pictures))


def test_a_map_that_a_skip_needs_is_not_pooled_before_its_activation() -> None:
    kinds = [name for name, _ in build(parse("C4.bn M C4.add2 > G"), Shape(1, 8, 8), 3).named_children()]
    assert kinds.index("0_relu") < kinds.index("1_pool")
    kinds = [name for name, _ in build(parse("C4.bn M C4.add1 > G"), Shape(1, 8, 8), 3).named_children()]
    assert kinds.index("1_pool") < kinds.index("0_norm")


def test_groups_are_as_many_as_divide() -> None:
    network = build(parse("C12.g8 C18.g8 > G"), Shape(4, 6, 6), 3)
    assert [network.get_submodule(name).groups for name in ("0_conv", "1_conv")] == [4, 2]


def lines(tokens: Sequence[int], letters: Sequence[int] = ()) -> torch.Tensor:
    """One text, a zero after the longer of both."""
    width = max(len(tokens), len(letters)) + 1
    return torch.tensor([[[*line, *[0] * (width - len(line))] for line in (tokens, letters)]])[None]


def test_a_bag_of_n_grams_is_built_beside_the_network_and_says_nothing_at_first() -> None:
    genome = parse("C8 > GM.bag8")
    network = build(genome, TEXT, 3).eval()
    learned = [*network.parameters(), network.get_buffer("bag.weight"), network.get_buffer("bag.bias")]
    assert sum(numbers.numel() for numbers in learned) == cost(genome, TEXT, 3).parameters
    alone = build(parse("C8 > GM"), TEXT, 3).eval()
    alone.load_state_dict({name: weight for name, weight in network.state_dict().items() if "bag" not in name})
    unsure = (alone(sample(TEXT)).softmax(1) + 1 / 3) / 2
    torch.testing.assert_close(network(sample(TEXT)).softmax(1), unsure)
    torch.testing.assert_close(network.train()(sample(TEXT)), alone(sample(TEXT)))  # it has no part in training


def test_a_linear_model_of_all_pixels_is_built_beside_the_network() -> None:
    genome, shape = parse("C8 M C8 > G.lin"), Shape(2, 6, 8)
    network = build(genome, shape, 3)
    assert sum(p.numel() for p in network.parameters()) == cost(genome, shape, 3).parameters
    assert cost(genome, shape, 3).macs == cost(parse("C8 M C8 > G"), shape, 3).macs + 2 * 6 * 8 * 3
    pictures = torch.randn(2, 2, 6, 8)
    apart = network(pictures)
    assert apart.shape == (2, 3, 2)
    assert not apart[:, :, 1].any()  # it says nothing at first
    nn.init.normal_(network.get_parameter("pixels.weight"))
    own = network(pictures)[:, :, 1]
    moved = network(pictures.roll(1, dims=3))[:, :, 1]
    assert not torch.allclose(own, moved)  # the place counts
    assert network(pictures[:, :, ::2, ::2]).shape == apart.shape  # smaller ones, too


def test_parts_answer_by_the_mean_of_their_probabilities() -> None:
    network = build(parse("C8 > G.lin"), Shape(1, 4, 4), 3)
    nn.init.normal_(network.get_parameter("pixels.weight"))
    pictures = torch.randn(5, 1, 4, 4)
    parts = network(pictures).softmax(1)
    torch.testing.assert_close(network.eval()(pictures).softmax(1), parts.mean(2))
