"""Muon: updates are orthogonal, whatever the gradient's scale and condition."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from neuralfinder.training.optimizers import Muon, Optimizer, orthogonal
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
    Muon([kernel], lr=0.1, steps=5).step()
    moved = (torch.eye(2) - kernel.detach().view(2, 2)).diag()
    assert float(moved[0] / moved[1]) == pytest.approx(1, abs=0.5)
    assert moved.tolist() == pytest.approx([0.1, 0.1], abs=0.04)


def test_kernels_keep_rows_of_mean_length_one_and_their_layout() -> None:
    kernel = nn.Parameter((5 * torch.randn(8, 4, 3, 3)).to(memory_format=torch.channels_last))
    frozen = nn.Parameter(torch.ones(2, 2))
    muon = Muon([kernel, frozen], lr=0.0)
    kernel.grad = torch.randn_like(kernel)
    muon.step()
    assert float(kernel.detach().norm()) == pytest.approx(8**0.5, rel=1e-5)
    assert kernel.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(frozen.detach(), torch.ones(2, 2))  # no gradient, no update


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
