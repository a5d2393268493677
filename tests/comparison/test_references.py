"""Networks by hand: counts of their papers, one training step, and what is special about each family."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from neuralfinder.comparison.references import REFERENCES, build_reference
from neuralfinder.comparison.references.fractalnet import Fractal
from neuralfinder.comparison.references.highway import Highway
from neuralfinder.comparison.references.metaqnn import count
from neuralfinder.comparison.references.resnet import Shortcut
from neuralfinder.errors import InputError
from neuralfinder.training.optimizers import Optimizer, normed_kernels
from neuralfinder.training.recipes import RECIPES
from neuralfinder.types import Shape

CIFAR = Shape(3, 32, 32)

HEAVY = ("fractalnet-20", "vgg-19", "wrn-16-8", "wrn-28-10", "wrn-40-4", "metaqnn-1", "maxout", "googlenet-3x3")

DEEP = ("resnet-56", "resnet-110", "preact-resnet-164")
"""Of which shallower ones of their kind are there."""


def all_but(some):
    """All networks, these not in a quick suite."""
    return [pytest.param(name, marks=[pytest.mark.slow] if name in some else []) for name in REFERENCES]


def empty(name, shape=CIFAR, classes=10):
    """The network without numbers."""
    with torch.device("meta"):
        return build_reference(name, shape, classes)


def answer(network, shape, n=2, device="meta"):
    return network(torch.rand(n, shape.channels, shape.height, shape.width, device=device))


@pytest.mark.parametrize("name", REFERENCES)
def test_parameters_are_those_published(name):
    reference = REFERENCES[name]
    counted = sum(p.numel() for p in empty(name).parameters())
    if reference.parameters is not None:
        assert counted == reference.parameters
    else:
        assert name.startswith("metaqnn") or (name, counted) == ("maxout", 16_247_830)


def test_parameters_of_metaqnn_as_the_paper_counts_them():
    assert [count(number) for number in range(5)] == [11_263_754, 2_193_354, 2_456_586, 1_126_154, 1_617_930]


@pytest.mark.thorough
@pytest.mark.parametrize("name", all_but(DEEP))
@pytest.mark.parametrize("shape", [Shape(1, 40, 36), Shape(2, 64, 33)], ids=str)
def test_other_sizes_channels_and_classes(name, shape):
    network = empty(name, shape, 7)
    assert answer(network, shape).shape == (2, 7)
    assert isinstance(network.head, nn.Linear | nn.Conv2d)


@pytest.mark.thorough
@pytest.mark.parametrize("name", all_but(DEEP))
def test_the_smallest_picture(name):
    side = REFERENCES[name].smallest
    assert answer(empty(name, Shape(3, side, side)), Shape(3, side, side)).shape == (2, 10)
    with pytest.raises(InputError, match=rf"{name} is pictures of 32x{side - 1}; expected sides of at least {side}"):
        build_reference(name, Shape(3, 32, side - 1), 10)


@pytest.mark.thorough
@pytest.mark.parametrize("name", all_but((*HEAVY, *DEEP)))
def test_one_training_step(name):
    """With the recipe's optimiser; a network that computes nothing of the picture would have no gradients."""
    torch.manual_seed(0)
    network = build_reference(name, CIFAR, 10)
    before = {key: value.detach().clone() for key, value in network.named_parameters()}
    assert float(sum(value.abs().sum() for key, value in before.items() if key.endswith("bias"))) == (
        2 * sum(m.gate.out_channels for m in network.modules() if isinstance(m, Highway))
    )
    optimizer = Optimizer(network, RECIPES["fast"])
    logits = answer(network, CIFAR, 2, "cpu")
    assert logits.shape == (2, 10)
    torch.autograd.backward(cross_entropy(logits, torch.tensor([3, 7])))
    optimizer.step(0.01)
    after = dict(network.named_parameters())
    assert all(bool(torch.isfinite(value).all()) for value in after.values())
    changed = [key for key, value in after.items() if key.endswith("weight") and not torch.equal(value, before[key])]
    possible = [key for key in before if key.endswith("weight")]
    assert len(changed) >= (0.3 if name == "fractalnet-20" else 0.95) * len(possible)


@pytest.mark.parametrize("name", REFERENCES)
def test_kernels_before_a_normalisation_are_found(name):
    """All of normalised networks but the first of the pre-activated, whose sum is normalised; none where there is no
    normalisation."""
    network = empty(name)
    norms = sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    kernels = normed_kernels(network)
    assert len(kernels) == norms if not name.startswith(("preact", "wrn", "dense")) else len(kernels) > 0.4 * norms
    assert all(kernel.ndim == 4 for kernel in kernels)


@torch.no_grad()
def test_highway_layers_carry_at_first():
    network = build_reference("highway-19", Shape(3, 8, 8), 10)
    layer = next(module for module in network.modules() if isinstance(module, Highway))
    maps = torch.rand(1, 32, 8, 8)
    gate = torch.sigmoid(layer.gate(maps))
    assert float(gate.mean()) < 0.3
    expected = gate * torch.relu(layer.transform(maps)) + (1 - gate) * maps
    assert torch.allclose(layer(maps), expected)


def test_shortcuts_of_kind_a_have_no_weights():
    maps = torch.rand(2, 16, 5, 7)
    passed = Shortcut(16, 2)(maps)
    assert passed.shape == (2, 32, 3, 4)
    assert torch.equal(passed[:, :16], maps[:, :, ::2, ::2])
    assert not passed[:, 16:].any()
    assert not [*Shortcut(16, 2).parameters()]


def test_depths_are_those_of_the_names():
    """Convolutions and dense layers on the longest way, shortcuts with weights left out."""
    for name in ("resnet-20", "resnet-110", "preact-resnet-164", "densenet-40-12", "densenet-bc-100-12"):
        layers = [
            n for n, m in empty(name).named_modules() if isinstance(m, nn.Conv2d | nn.Linear) and "short" not in n
        ]
        assert str(len(layers)) in name
    network = empty("wrn-28-10")
    layers = [n for n, m in network.named_modules() if isinstance(m, nn.Conv2d | nn.Linear) and "short" not in n]
    assert len(layers) + 2 == 28  # the paper counts two of the shortcuts with weights


@torch.no_grad()
def test_a_fractal_joins_its_columns_and_can_do_with_one():
    torch.manual_seed(0)
    block = Fractal(3, 4).eval()
    assert [len(column) for column in block.columns] == [4, 2, 1]
    maps = torch.rand(1, 3, 6, 6)
    short, middle, long = (block.columns[2], block.columns[1], block.columns[0])
    half = (long[1](long[0](maps)) + middle[0](maps)) / 2
    expected = (long[3](long[2](half)) + middle[1](half) + short[0](maps)) / 3
    assert torch.allclose(block(maps), expected, atol=1e-6)
    block.only = 1
    assert torch.allclose(block(maps), middle[1](middle[0](maps)), atol=1e-6)
    block.only = 2
    assert torch.allclose(block(maps), short[0](maps), atol=1e-6)


def test_a_fractal_drops_paths_in_training_only_and_never_all():
    torch.manual_seed(0)
    block = Fractal(1, 2)
    kept = []
    for _ in range(400):
        outputs = [torch.full((1, 1), 2.0**place) for place in range(3)]
        kept.append(float(block._join(outputs)) * 7)
    assert len({round(k, 3) for k in kept}) == 7  # every set but the empty one
    assert sum(k == pytest.approx(49 / 3) for k in kept) / 400 == pytest.approx(0.85**3, abs=0.08)
    block.eval()
    assert float(block._join([torch.ones(1, 1), torch.zeros(1, 1)])) == 0.5


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(InputError, match=r"reference network is 'resnet-50'; .*did you mean 'resnet-"):
        build_reference("resnet-50", CIFAR, 10)


def test_registry():
    assert next(iter(REFERENCES)) == "lenet-5"
    for name, reference in REFERENCES.items():
        assert reference.name == name
        assert reference.error is None or 3 < reference.error < 30
        assert len(reference.summary) < 80
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        empty("googlenet")
