"""Residual networks for CIFAR.

He, Zhang, Ren & Sun, "Deep residual learning for image recognition", 2016, section 4.2, shortcuts of kind A; the same
authors' "Identity mappings in deep residual networks", 2016, with normalisation and ReLU before the convolutions, in
plain blocks or bottlenecks; Zagoruyko & Komodakis, "Wide residual networks", 2016, table 1.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everybody knows it by

from neuralfinder.comparison.references.blocks import chain, mean_head
from neuralfinder.types import Shape


def bare(inputs: int, filters: int, side: int = 3, stride: int = 1) -> nn.Conv2d:
    """A convolution without bias."""
    return nn.Conv2d(inputs, filters, side, stride, side // 2, bias=False)


class Shortcut(nn.Module):
    """Kind A: every so manyth pixel, and zeros for the channels that are new."""

    def __init__(self, more: int, stride: int) -> None:
        super().__init__()
        self.more, self.stride = more, stride

    def forward(self, maps: Tensor) -> Tensor:
        """`(n, c, h, w)` -> `(n, c + more, ceil(h / stride), ceil(w / stride))`."""
        return F.pad(maps[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))


class Block(nn.Module):
    """Two convolutions beside a shortcut, ReLU after the sum."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.way = nn.Sequential(
            *(bare(inputs, width, stride=stride), nn.BatchNorm2d(width), nn.ReLU()),
            *(bare(width, width), nn.BatchNorm2d(width)),
        )
        self.shortcut = Shortcut(width - inputs, stride)

    def forward(self, maps: Tensor) -> Tensor:
        """`(n, inputs, h, w)` -> `(n, width, h / stride, w / stride)`."""
        return F.relu(self.way(maps) + self.shortcut(maps))


class Before(nn.Module):
    """Normalisation and ReLU before every convolution, and nothing after the sum.

    Args:
        inputs, outputs: channels.
        sizes: sides of the kernels in order, each with its filters.
        stride: of the first kernel of 3x3.
        project: whether a shortcut to another number of channels has weights; it takes the normalised map then.
    """

    def __init__(self, inputs: int, outputs: int, sizes: Sequence[tuple[int, int]], stride: int, project: bool) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU())
        layers, before, left = list[nn.Module](), inputs, stride
        for place, (side, filters) in enumerate(sizes):
            layers += [nn.BatchNorm2d(before), nn.ReLU()] if place else []
            layers.append(bare(before, filters, side, left if side == 3 else 1))
            before, left = filters, 1 if side == 3 else left
        self.way = nn.Sequential(*layers)
        self.projects = project and inputs != outputs
        self.shortcut = bare(inputs, outputs, 1, stride) if self.projects else Shortcut(outputs - inputs, stride)

    def forward(self, maps: Tensor) -> Tensor:
        """`(n, inputs, h, w)` -> `(n, outputs, h / stride, w / stride)`."""
        normed = self.first(maps)
        sum_: Tensor = self.way(normed) + self.shortcut(normed if self.projects else maps)
        return sum_


def resnet(shape: Shape, classes: int, depth: int) -> nn.Module:
    """6n + 2 layers: three stages of n blocks, of 16, 32 and 64 channels."""
    layers: list[nn.Module] = [bare(shape.channels, 16), nn.BatchNorm2d(16), nn.ReLU()]
    inputs = 16
    for width in (16, 32, 64):
        for place in range((depth - 2) // 6):
            layers.append(Block(inputs, width, 2 if width > 16 and not place else 1))
            inputs = width
    mean, head = mean_head(inputs, classes)
    return chain([*layers, *mean], head)


def preact_resnet(shape: Shape, classes: int, depth: int) -> nn.Module:
    """The same stages; from 164 layers on of bottlenecks of 1x1, 3x3, 1x1 with four times the channels."""
    if depth < 164:
        return _stages(shape, classes, (depth - 2) // 6, [((3, w), (3, w)) for w in (16, 32, 64)], project=False)
    sizes = [((1, w), (3, w), (1, 4 * w)) for w in (16, 32, 64)]
    return _stages(shape, classes, (depth - 2) // 9, sizes, project=True)


def wide_resnet(shape: Shape, classes: int, depth: int, times: int) -> nn.Module:
    """6n + 4 layers of `times` as many channels, shortcuts with weights where their number changes."""
    sizes = [((3, times * w), (3, times * w)) for w in (16, 32, 64)]
    return _stages(shape, classes, (depth - 4) // 6, sizes, project=True)


def _stages(
    shape: Shape, classes: int, depth: int, sizes: Sequence[Sequence[tuple[int, int]]], project: bool
) -> nn.Module:
    layers, inputs = list[nn.Module]([bare(shape.channels, 16)]), 16
    for stage, kernels in enumerate(sizes):
        outputs = kernels[-1][1]
        for place in range(depth):
            layers.append(Before(inputs, outputs, kernels, 2 if stage and not place else 1, project))
            inputs = outputs
    mean, head = mean_head(inputs, classes)
    return chain([*layers, nn.BatchNorm2d(inputs), nn.ReLU(), *mean], head)
