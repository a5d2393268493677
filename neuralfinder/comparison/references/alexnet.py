"""AlexNet: Krizhevsky, Sutskever & Hinton, 2012, in the form for CIFAR of bearpaw/pytorch-classification."""

from __future__ import annotations

from torch import nn

from neuralfinder.comparison.references.blocks import chain, conv, numbers
from neuralfinder.types import Shape


def alexnet(shape: Shape, classes: int) -> nn.Module:
    """Five convolutions, three pools, one dense layer; 32x32 becomes 1x1."""
    layers: list[nn.Module] = [
        *(conv(shape.channels, 64, 11, 4), nn.ReLU(), nn.MaxPool2d(2)),
        *(conv(64, 192, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(conv(192, 384), nn.ReLU(), conv(384, 256), nn.ReLU(), conv(256, 256), nn.ReLU(), nn.MaxPool2d(2)),
        nn.Flatten(),
    ]
    return chain(layers, nn.Linear(numbers(layers, shape), classes))
