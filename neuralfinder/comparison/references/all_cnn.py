"""All-CNN-C: Springenberg, Dosovitskiy, Brox & Riedmiller, "Striving for simplicity", 2015, table 1."""

from __future__ import annotations

from torch import nn

from neuralfinder.comparison.references.blocks import chain, conv
from neuralfinder.types import Shape


def all_cnn_c(shape: Shape, classes: int) -> nn.Module:
    """Nine convolutions, two of them with stride in place of pools; the seventh has no border."""
    layers: list[nn.Module] = [
        nn.Dropout(0.2),
        *(conv(shape.channels, 96), nn.ReLU(), conv(96, 96), nn.ReLU(), conv(96, 96, stride=2), nn.ReLU()),
        nn.Dropout(0.5),
        *(conv(96, 192), nn.ReLU(), conv(192, 192), nn.ReLU(), conv(192, 192, stride=2), nn.ReLU()),
        nn.Dropout(0.5),
        *(conv(192, 192, border=0), nn.ReLU(), conv(192, 192, 1), nn.ReLU()),
    ]
    return chain(layers, conv(192, classes, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
