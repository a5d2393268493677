"""A convolution that small maps train faster on a processor."""

from __future__ import annotations

import itertools
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F  # noqa: N812 - the name everybody knows it by
from torch.nn.grad import conv2d_input

PIXELS = 16
"""Of an output map: up to so many the gradient of a kernel is faster in bf16 as one product of matrices. The pass
backward is 1.4 to 3.2 times as fast at 4 x 4 pixels and 1.7 to 5.8 times at 2 x 2; on larger maps torch's way is mostly
the faster one, and in float32 everywhere but at 2 x 2 (`benchmarks/kernel_gradients.py`, docs/LOG.md)."""

CHANNELS = 64
"""Of the input: with fewer the copies cost more than the product saves."""


class Convolution(nn.Conv2d):
    """A convolution that is trained in the faster of two ways; both compute the same."""

    def forward(self, maps: Tensor) -> Tensor:
        """`(n, c, h, w)` -> `(n, outputs, H, W)`."""
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else maps.dtype
        bf16 = maps.is_cpu and dtype == torch.bfloat16
        if not (self.training and bf16 and self.groups == 1 and self.in_channels >= CHANNELS):
            return super().forward(maps)
        stride, border = self.stride[0], (int(self.padding[0]), int(self.padding[1]))
        sides = [maps.shape[2 + n] + 2 * border[n] - self.kernel_size[n] for n in (0, 1)]
        if math.prod(side // stride + 1 for side in sides) > PIXELS:
            return super().forward(maps)
        found = unfolded(maps.to(dtype), self.weight.to(dtype), stride, border)
        return found if self.bias is None else found + self.bias.to(dtype)[:, None, None]


def unfolded(maps: Tensor, kernel: Tensor, stride: int, border: tuple[int, int]) -> Tensor:
    """A convolution whose kernel's gradient is the product of the outputs' with all windows of the inputs.

    The windows are copied out, side by side ("unrolled": Chellapilla, Puri & Simard 2006).

    Args:
        maps: `(n, c, h, w)`.
        kernel: `(outputs, c, height, width)` of the same type.
        stride: of both directions.
        border: rows and columns of zeros on each side.

    Returns:
        `(n, outputs, H, W)`.
    """
    found: Tensor = _Unfolded.apply(maps, kernel, stride, border)  # type: ignore[no-untyped-call]
    return found


class _Unfolded(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, kernel: Tensor, stride: int, border: tuple[int, int]) -> Tensor:
        ctx.save_for_backward(maps, kernel)
        ctx.stride, ctx.border = stride, border
        return F.conv2d(maps, kernel, None, stride, border)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, None, None]:
        (maps, kernel), stride, (rows, columns) = ctx.saved_tensors, ctx.stride, ctx.border
        (gradient,), (outputs, channels, *sides) = gradients, kernel.shape
        to_maps = None
        if ctx.needs_input_grad[0]:
            to_maps = conv2d_input(maps.shape, kernel, gradient, stride, ctx.border)  # type: ignore[no-untyped-call]
        last = F.pad(maps.permute(0, 2, 3, 1), (0, 0, columns, columns, rows, rows))
        height, width = (stride * side for side in gradient.shape[2:])
        windows = [
            last[:, row : row + height : stride, column : column + width : stride]
            for row, column in itertools.product(*map(range, sides))
        ]
        beside = torch.cat(windows, -1).view(-1, math.prod(sides) * channels)
        product = gradient.permute(0, 2, 3, 1).reshape(-1, outputs).T @ beside
        return to_maps, product.view(outputs, *sides, channels).permute(0, 3, 1, 2), None, None
