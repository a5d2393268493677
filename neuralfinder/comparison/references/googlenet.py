"""GoogLeNet: Szegedy et al., "Going deeper with convolutions", 2015, table 1.

In the form for CIFAR: one convolution of 3x3 as the stem, normalisation after every convolution, no auxiliary heads.
The convolutions' biases, void before a normalisation, are counted as in kuangliu/pytorch-cifar, which has two
convolutions of 3x3 where the paper has one of 5x5.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neuralfinder.comparison.references.blocks import chain, mean_head, normed
from neuralfinder.types import Shape

MODULES = (
    (64, 96, 128, 16, 32, 32),
    (128, 128, 192, 32, 96, 64),
    None,
    (192, 96, 208, 16, 48, 64),
    (160, 112, 224, 24, 64, 64),
    (128, 128, 256, 24, 64, 64),
    (112, 144, 288, 32, 64, 64),
    (256, 160, 320, 32, 128, 128),
    None,
    (256, 160, 320, 32, 128, 128),
    (384, 192, 384, 48, 128, 128),
)
"""Filters of 1x1; before 3x3, and of 3x3; before 5x5, and of 5x5; after the pool. `None` is a pool between modules."""


class Inception(nn.Module):
    """Four ways side by side."""

    def __init__(self, inputs: int, widths: tuple[int, ...], two: bool) -> None:
        super().__init__()
        one, before_3, three, before_5, five, after_pool = widths
        last = normed(before_5, five, 3 if two else 5, bias=True)
        last += normed(five, five, 3, bias=True) if two else []
        self.ways = nn.ModuleList(
            nn.Sequential(*layers)
            for layers in (
                normed(inputs, one, 1, bias=True),
                [*normed(inputs, before_3, 1, bias=True), *normed(before_3, three, 3, bias=True)],
                [*normed(inputs, before_5, 1, bias=True), *last],
                [nn.MaxPool2d(3, 1, 1), *normed(inputs, after_pool, 1, bias=True)],
            )
        )
        self.outputs = one + three + five + after_pool

    def forward(self, maps: Tensor) -> Tensor:
        """`(n, inputs, h, w)` -> `(n, outputs, h, w)`."""
        return torch.cat([way(maps) for way in self.ways], dim=1)


def googlenet(shape: Shape, classes: int, two: bool = False) -> nn.Module:
    """Nine modules in three groups; `two` convolutions of 3x3 for each of 5x5, if so."""
    layers: list[nn.Module] = normed(shape.channels, 192, bias=True)
    inputs = 192
    for widths in MODULES:
        if widths is None:
            layers.append(nn.MaxPool2d(3, 2, 1))
        else:
            module = Inception(inputs, widths, two)
            layers.append(module)
            inputs = module.outputs
    mean, head = mean_head(inputs, classes)
    return chain([*layers, *mean], head)
