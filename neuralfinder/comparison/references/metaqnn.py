"""The five networks of Baker, Gupta, Naik & Raskar, "Designing neural network architectures using RL", 2017, table A2.

The counts that the paper rounds, 11.26, 2.2, 2.46, 1.13 and 1.62 million, are those of maps of ceil((s - f) / l) after
a pool of side f and stride l, which is smaller than what a pool gives; networks that run have floor((s - f) / l) + 1,
and more parameters in the layer after the last map. So the counts are no check of these networks, but of `count`.
"""

from __future__ import annotations

import itertools
import re

from torch import nn

from neuralfinder.comparison.references.blocks import chain, conv, numbers
from neuralfinder.types import Shape

NETWORKS = (
    "C512,5 C256,3 C256,5 C256,3 P5,3 C512,3 C512,5 P2,2",
    "C128,1 C512,3 C64,1 C128,3 P2,2 C256,3 P2,2 C512,3 P3,2",
    "C128,3 C128,1 C512,5 P2,2 C128,3 P2,2 C64,3 C64,5",
    "C256,3 C256,3 P5,3 C256,1 C128,3 P2,2 C128,3",
    "C64,3 C128,3 P5,3 C256,3 P3,2 F512 F128",
)
"""C(filters, side), P(side, stride), F(units), from the best down."""


def metaqnn(shape: Shape, classes: int, network: int) -> nn.Module:
    """One of `NETWORKS`; after every second layer dropout, the i-th of n with probability i / (2n) (section 4)."""
    layers, words = list[nn.Module](), _words(NETWORKS[network])
    inputs, dropouts = shape.channels, len(words) // 2
    for place, (kind, first, second) in enumerate(words, start=1):
        if kind == "C":
            layers += [conv(inputs, first, second), nn.ReLU()]
            inputs = first
        elif kind == "P":
            layers.append(nn.MaxPool2d(first, second))
        else:
            inputs = inputs if any(isinstance(layer, nn.Flatten) for layer in layers) else 0
            layers += [] if inputs else [nn.Flatten()]
            layers += [nn.Linear(inputs or numbers(layers, shape), first), nn.ReLU()]
            inputs = first
        if place % 2 == 0:
            layers.append(nn.Dropout(place / 2 / (2 * dropouts)))
    if words[-1][0] != "F":
        layers.append(nn.Flatten())
        inputs = numbers(layers, shape)
    return chain(layers, nn.Linear(inputs, classes))


def count(network: int) -> int:
    """Parameters of one of `NETWORKS` for 32x32 in three channels and ten classes, as the paper counts them."""
    words, total, channels, side = _words(NETWORKS[network]), 0, 3, 32
    for kind, first, second in words:
        if kind == "C":
            total += first * (channels * second**2 + 1)
            channels = first
        elif kind == "P":
            side = -(-(side - first) // second)
    dense = [channels * side**2, *(first for kind, first, _ in words if kind == "F"), 10]
    return total + sum((wide + 1) * units for wide, units in itertools.pairwise(dense))


def _words(text: str) -> list[tuple[str, int, int]]:
    found = re.findall(r"([CPF])(\d+),?(\d*)", text)
    return [(kind, int(first), int(second or 0)) for kind, first, second in found]
