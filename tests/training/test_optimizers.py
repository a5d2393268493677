"""Muon: updates are orthogonal, whatever the gradient's scale and condition."""

from __future__ import annotations

import copy
import dataclasses
import subprocess
import sys
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from neuralfinder.training.optimizers import ADAM_BETAS, Optimizer, adam, muon, orthogonal
from neuralfinder.training.recipes import RECIPES


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("shape", [(20, 50), (50, 20), (32, 32), (1, 9)])
def test_singular_values_come_near_one_and_directions_stay(shape: tuple[int, int], dtype: torch.dtype) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 1e-3
    result = orthogonal(matrix, 5, dtype)
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    values = torch.linalg.svdvals(result)
    assert 0.6 < float(values.min()) <= float(values.max()) < 1.3
    # in the basis of the matrix the result is diagonal: only lengths have changed
    inside = left.T @ result @ right.T
    assert float((inside - inside.diag().diag()).abs().max()) < 0.05


def test_a_weak_direction_learns_as_fast_as_a_strong_one() -> None:
    kernel = nn.Parameter(torch.eye(2).view(2, 2, 1, 1))
    kernel.grad = torch.diag(torch.tensor([10.0, 2.0])).view(2, 2, 1, 1)
    with torch.no_grad():
        muon([kernel], [{}], 0.1, steps=5)
    moved = (torch.eye(2) - kernel.detach().view(2, 2)).diag()
    assert float(moved[0] / moved[1]) == pytest.approx(1, abs=0.5)
    assert moved.tolist() == pytest.approx([0.1, 0.1], abs=0.04)


def test_kernels_keep_rows_of_mean_length_one_and_their_layout() -> None:
    kernel = nn.Parameter((5 * torch.randn(8, 4, 3, 3)).to(memory_format=torch.channels_last))
    kernel.grad = torch.randn_like(kernel)
    with torch.no_grad():
        muon([kernel], [{}], 0.0)
    assert float(kernel.detach().norm()) == pytest.approx(8**0.5, rel=1e-5)
    assert kernel.is_contiguous(memory_format=torch.channels_last)


def test_a_copy_of_network_and_optimiser_goes_on_as_the_original_would() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(2, 4, 3, bias=False), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 3))
    optimizer, samples = Optimizer(network, RECIPES["fast"]), torch.randn(8, 2, 4, 4)

    def step(network: nn.Module, optimizer: Optimizer) -> None:
        network(samples).square().mean().backward()
        optimizer.step(0.5)

    step(network, optimizer)
    before = copy.deepcopy(network.state_dict())
    twin, its_optimizer = copy.deepcopy((network, optimizer))
    step(twin, its_optimizer)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    step(network, optimizer)
    assert all(torch.equal(twin.state_dict()[name], value) for name, value in network.state_dict().items())
    assert not torch.equal(before["0.weight"], network.state_dict()["0.weight"])


@pytest.mark.parametrize("words", ["fast", "text"])
def test_the_rest_is_updated_as_torch_does(words: str) -> None:
    torch.manual_seed(0)
    recipe = dataclasses.replace(RECIPES[words], kernel_rate=0.0)
    network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2), nn.Linear(2, 2))
    network[2].requires_grad_(requires_grad=False)  # no gradient, no update
    twin, samples = copy.deepcopy(network), torch.randn(8, 3)
    ours = Optimizer(network, recipe)
    weights, biases = ([p for p in twin.parameters() if p.ndim == ndim and p.requires_grad] for ndim in (2, 1))
    groups = [{"params": weights, "weight_decay": recipe.weight_decay}, {"params": biases, "weight_decay": 0.0}]
    theirs = (
        torch.optim.AdamW(groups, recipe.learning_rate, betas=ADAM_BETAS)
        if recipe.optimizer == "adam"
        else torch.optim.SGD(groups, recipe.learning_rate, momentum=recipe.momentum, nesterov=True)
    )
    for turn in range(4):
        for each in (network, twin):
            each(samples).square().mean().backward()
        if turn == 2:  # what is stored goes on as what was not
            again = Optimizer(network, recipe)
            again.load(ours.state())
            ours = again
        ours.step(1.0)
        theirs.step()
        theirs.zero_grad()
        for mine, right in zip(network.parameters(), twin.parameters(), strict=True):
            torch.testing.assert_close(mine, right)


def lookups(rows: Sequence[int], *, dense: bool) -> Tensor:
    """A table after steps in each of which one row is looked up, its gradient the same each time."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Embedding(4, 3, sparse=True))
    optimizer, table = Optimizer(network, dataclasses.replace(RECIPES["text"], weight_decay=0.0)), network[0].weight
    start, slope = table.detach().clone(), torch.tensor([1.0, -2.0, 0.5])
    states: list[dict[str, Tensor]] = [{}]
    for row in rows:
        (network(torch.tensor([row])) * slope).sum().backward()
        if dense:
            table.grad = table.grad.to_dense()
            with torch.no_grad():
                adam([table], states, RECIPES["text"].learning_rate, weight_decay=0.0)
            table.grad = None
        else:
            optimizer.step(1.0)
    return table.detach() - start


def test_rows_that_nobody_looks_up_wait():
    moved = lookups([1, 2, 1, 1], dense=False)
    assert (moved[[0, 3]] == 0).all()
    assert (moved[[1, 2]] != 0).all()


@pytest.mark.parametrize("every", [1, 5, 40])
def test_rows_move_as_far_as_adam_lets_them_go(every: int):
    """A row that is looked up in each fifth step, say, and all the others in which another one is."""
    turns = [0 if turn % every == 0 else 1 for turn in range(400)]
    ours, theirs = (lookups([*turns, *[2] * 100], dense=dense)[0] for dense in (False, True))
    torch.testing.assert_close(ours, theirs, rtol=0.2, atol=0)


def test_rows_decay_for_as_long_as_they_wait():
    network, slope = nn.Sequential(nn.Embedding(2, 1, sparse=True)), 0.0
    nn.init.ones_(network[0].weight)
    recipe = dataclasses.replace(RECIPES["text"], weight_decay=0.1)
    optimizer = Optimizer(network, recipe)
    for row in (1, 1, 1, 0):
        (network(torch.tensor([row])) * slope).sum().backward()
        optimizer.step(1.0)
    decayed = (1 - 0.1 * recipe.learning_rate) ** torch.tensor([[4.0], [3.0]])
    torch.testing.assert_close(network[0].weight.detach(), decayed)


@pytest.mark.thorough
def test_neither_training_nor_loading_loads_what_compiles_networks() -> None:
    """It takes two seconds of a minute; torch wants it for classes of optimisers, and for random numbers on `meta`."""
    code = """
import sys, torch
from torch import Tensor, nn
from neuralfinder.networks.genome import parse
from neuralfinder.training.build import bag_of, build
from neuralfinder.training.model import Model
from neuralfinder.training.optimizers import Optimizer
from neuralfinder.training.recipes import RECIPES
from neuralfinder.types import Shape
for recipe in RECIPES.values():
    network = nn.Sequential(nn.Conv2d(1, 2, 1, bias=False), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 2))
    network(torch.randn(4, 1, 1, 1)).sum().backward()
    Optimizer(network, recipe).step(1.0)
for genome, shape in (("C8.bn M > F16", Shape(3, 8, 8)), ("C8 > GM.bag4", Shape(4, 1, 9, 50))):
    network = build(parse(genome), shape, 3)
    bag = bag_of(network)
    state = network.state_dict() | ({f"bag.{name}": own for name, own in bag.state.items()} if bag else {})
    Model.of(parse(genome), state, shape, None, ("a", "b", "c"))
assert "torch._dynamo" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
