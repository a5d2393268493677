"""Highway networks: Srivastava, Greff & Schmidhuber, "Training very deep networks", 2015.

With 19 layers, after `cifar10-19layers` of flukeskywalker/highway-networks, whose last layers have 100 outputs in place
of as many as there are classes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neuralfinder.comparison.references.blocks import chain, conv
from neuralfinder.types import Shape

GATE_BIAS = -2.0
"""At the beginning nearly everything is carried (section 2.3 of the paper)."""


class Highway(nn.Module):
    """A transformed map where the gate is open, the map itself where it is closed (equation 3)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.transform, self.gate = conv(channels, channels), conv(channels, channels)

    def forward(self, maps: Tensor) -> Tensor:
        """`(n, c, h, w)` -> the same shape."""
        open_ = torch.sigmoid(self.gate(maps))
        return open_ * torch.relu(self.transform(maps)) + (1 - open_) * maps


def highway19(shape: Shape, classes: int) -> nn.Module:
    """Three blocks of 32, 80 and 128 channels, of four, five and five highway layers."""
    layers, inputs = list[nn.Module](), shape.channels
    for width, depth in ((32, 4), (80, 5), (128, 5)):
        layers += [nn.Dropout(0.2), conv(inputs, width), nn.ReLU(), *(Highway(width) for _ in range(depth))]
        layers += [nn.MaxPool2d(2)] if width < 128 else []
        inputs = width
    last = [conv(inputs, classes, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2)]
    return chain([*layers, *last], nn.Linear(classes, classes))


def close_gates(network: nn.Module) -> None:
    """Set the biases of all gates; networks without gates stay as they are."""
    for module in network.modules():
        if isinstance(module, Highway):
            nn.init.constant_(module.gate.bias, GATE_BIAS)  # type: ignore[arg-type]
