"""DenseNet: Huang, Liu, van der Maaten & Weinberger, "Densely connected convolutional networks", 2017, section 3."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neuralfinder.comparison.references.blocks import chain, mean_head
from neuralfinder.types import Shape


class Dense(nn.Module):
    """Puts what its layers make of a map beside the map."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.way = nn.Sequential(*layers)

    def forward(self, maps: Tensor) -> Tensor:
        """`(n, c, h, w)` -> `(n, c + growth, h, w)`."""
        return torch.cat([maps, self.way(maps)], dim=1)


def _normed(inputs: int, filters: int, side: int) -> list[nn.Module]:
    kernel = nn.Conv2d(inputs, filters, side, padding=side // 2, bias=False)
    return [nn.BatchNorm2d(inputs), nn.ReLU(), kernel]


GROWTH = 12


def densenet(shape: Shape, classes: int, depth: int) -> nn.Module:
    """Three blocks of (depth - 4) / 3 layers."""
    return _blocks(shape, classes, (depth - 4) // 3, compressed=False)


def densenet_bc(shape: Shape, classes: int, depth: int) -> nn.Module:
    """Half as many layers, for each has a bottleneck of 1x1; transitions to half of the channels."""
    return _blocks(shape, classes, (depth - 4) // 6, compressed=True)


def _blocks(shape: Shape, classes: int, depth: int, compressed: bool) -> nn.Module:
    inputs = 2 * GROWTH if compressed else 16
    layers: list[nn.Module] = [nn.Conv2d(shape.channels, inputs, 3, padding=1, bias=False)]
    for block in range(3):
        if block:
            outputs = inputs // 2 if compressed else inputs
            layers += [*_normed(inputs, outputs, 1), nn.AvgPool2d(2)]
            inputs = outputs
        for _ in range(depth):
            narrow = [*_normed(inputs, 4 * GROWTH, 1), *_normed(4 * GROWTH, GROWTH, 3)]
            layers.append(Dense(*(narrow if compressed else _normed(inputs, GROWTH, 3))))
            inputs += GROWTH
    mean, head = mean_head(inputs, classes)
    return chain([*layers, nn.BatchNorm2d(inputs), nn.ReLU(), *mean], head)
