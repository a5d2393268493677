"""Networks of maxout units.

The convolutional network of Goodfellow et al., "Maxout networks", 2013, after the authors' file `cifar10.yaml` in
lisa-lab/pylearn2; and FitNet-4 of Romero et al., "FitNets: hints for thin deep nets", 2015, after the file
`cifar10_fitnet19_all` of adri-romsor/FitNets, which was trained with hints of the former, here without. The number of
parameters of the first is no check: 16,247,830 with pools that round up, as here and in the file, 11,927,830 with pools
that round down, and about 9 million are quoted.
"""

from __future__ import annotations

from torch import nn

from neuralfinder.comparison.references.blocks import Maxout, chain, conv, numbers
from neuralfinder.types import Shape


def maxout(shape: Shape, classes: int) -> nn.Module:
    """Three convolutions of two pieces, pooled, and 500 dense units of five."""
    layers: list[nn.Module] = [
        *(nn.Dropout(0.2), conv(shape.channels, 2 * 96, 8, border=4), Maxout(2), nn.MaxPool2d(4, 2, ceil_mode=True)),
        *(nn.Dropout(0.5), conv(96, 2 * 192, 8, border=3), Maxout(2), nn.MaxPool2d(4, 2, ceil_mode=True)),
        *(nn.Dropout(0.5), conv(192, 2 * 192, 5, border=3), Maxout(2), nn.MaxPool2d(2, 2, ceil_mode=True)),
    ]
    return _dense(layers, shape, classes)


def fitnet4(shape: Shape, classes: int) -> nn.Module:
    """Seventeen thin convolutions of two pieces in three blocks, and 500 dense units of five."""
    layers, inputs = list[nn.Module](), shape.channels
    blocks = ((32, 32, 32, 48, 48), (80,) * 6, (128,) * 6)
    for number, widths in enumerate(blocks):
        for width in widths:
            layers += [conv(inputs, 2 * width), Maxout(2)]
            inputs = width
        layers.append(nn.MaxPool2d(2) if number < 2 else nn.AdaptiveMaxPool2d(1))
    return _dense(layers, shape, classes)


def _dense(layers: list[nn.Module], shape: Shape, classes: int) -> nn.Module:
    layers = [*layers, nn.Dropout(0.5), nn.Flatten()]
    return chain([*layers, nn.Linear(numbers(layers, shape), 5 * 500), Maxout(5)], nn.Linear(500, classes))
