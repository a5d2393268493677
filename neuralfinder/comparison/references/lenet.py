"""LeNet-5: LeCun, Bottou, Bengio & Haffner, "Gradient-based learning applied to document recognition", 1998.

As it is adapted to colour pictures of 32x32: ReLU for the scaled tanh, max-pools for the trained subsampling, all maps
connected, a linear head for the radial basis functions.
"""

from __future__ import annotations

from torch import nn

from neuralfinder.comparison.references.blocks import chain, conv, numbers
from neuralfinder.types import Shape


def lenet5(shape: Shape, classes: int) -> nn.Module:
    """Two convolutions of 5x5 without border, each pooled, and dense layers of 120 and 84."""
    layers: list[nn.Module] = [
        *(conv(shape.channels, 6, 5, border=0), nn.ReLU(), nn.MaxPool2d(2)),
        *(conv(6, 16, 5, border=0), nn.ReLU(), nn.MaxPool2d(2)),
        nn.Flatten(),
    ]
    wide = numbers(layers, shape)
    layers += [nn.Linear(wide, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU()]
    return chain(layers, nn.Linear(84, classes))
