"""The faster way to train small maps computes what torch's convolution does."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import patch

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everybody knows it by

from neuralfinder.training import convolution
from neuralfinder.training.convolution import Convolution, unfolded

sides = st.tuples(st.integers(1, 6), st.integers(1, 6))


def gradients(convolve: Callable[[Tensor], Tensor], maps: Tensor, *of: Tensor) -> list[Tensor]:
    """Output, and gradients of maps and others, of a sum whose terms all differ."""
    out = convolve(maps.requires_grad_())
    sum_ = (out * torch.arange(out.numel()).view(out.shape).cos()).sum()
    return [out, *torch.autograd.grad(sum_, [maps, *of])]


@given(
    maps=sides,
    kernel=sides,
    border=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    stride=st.integers(1, 3),
    counts=st.tuples(*3 * [st.integers(1, 4)]),
)
def test_it_computes_what_torch_does(maps, kernel, border, stride, counts):
    assume(all(side + 2 * around >= window for side, around, window in zip(maps, border, kernel, strict=True)))
    torch.manual_seed(0)
    samples, inputs, outputs = counts
    pictures = torch.randn(samples, inputs, *maps, dtype=torch.float64)
    weights = torch.randn(outputs, inputs, *kernel, dtype=torch.float64, requires_grad=True)
    ours = gradients(lambda given: unfolded(given, weights, stride, border), pictures, weights)
    theirs = gradients(lambda given: F.conv2d(given, weights, None, stride, border), pictures, weights)
    for mine, right in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, right)


@pytest.mark.parametrize(("bf16", "side", "taken"), [(True, 4, True), (True, 5, False), (False, 2, False)])
def test_it_is_taken_where_it_is_faster(bf16, side, taken):
    layer, maps = Convolution(64, 64, 3, padding=1), torch.randn(2, 64, side, side)
    with (
        patch.object(convolution, "unfolded", side_effect=unfolded) as way,
        torch.autocast("cpu", torch.bfloat16, enabled=bf16),
    ):
        layer(maps).float().sum().backward()
        assert way.called == taken
        way.reset_mock()
        layer.eval()(maps)
        assert not way.called  # there is no gradient to be had


@pytest.mark.parametrize("bias", [False, True])
def test_in_bf16_it_is_as_near_as_torchs_own(bias):
    torch.manual_seed(0)
    maps = torch.randn(64, 64, 4, 4)
    ours, theirs = (kind(64, 32, 3, padding=1, bias=bias) for kind in (Convolution, nn.Conv2d))
    ours.load_state_dict(theirs.state_dict())
    exact = gradients(theirs, maps, *theirs.parameters())
    with torch.autocast("cpu", torch.bfloat16):
        mine, torchs = (gradients(layer, maps, *layer.parameters()) for layer in (ours, theirs))
    for one, other, right in zip(mine, torchs, exact, strict=True):
        assert (one - right).norm() < 1.2 * (other - right).norm()
