"""Network in network: Lin, Chen & Yan, 2014, as in the authors' file for CIFAR-10 (mavenlin/cuda-convnet)."""

from __future__ import annotations

from torch import nn

from neuralfinder.comparison.references.blocks import chain, conv
from neuralfinder.types import Shape


def nin(shape: Shape, classes: int) -> nn.Module:
    """Three convolutions, each followed by two of 1x1; the mean over the last map's channels are the classes."""

    def pool() -> list[nn.Module]:
        return [nn.MaxPool2d(3, 2, ceil_mode=True), nn.Dropout(0.5)]

    layers: list[nn.Module] = [
        *(conv(shape.channels, 192, 5), nn.ReLU(), conv(192, 160, 1), nn.ReLU(), conv(160, 96, 1), nn.ReLU(), *pool()),
        *(conv(96, 192, 5), nn.ReLU(), conv(192, 192, 1), nn.ReLU(), conv(192, 192, 1), nn.ReLU(), *pool()),
        *(conv(192, 192), nn.ReLU(), conv(192, 192, 1), nn.ReLU()),
    ]
    return chain(layers, conv(192, classes, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
