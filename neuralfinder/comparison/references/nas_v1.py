"""The network of Zoph & Le, "Neural architecture search with reinforcement learning", 2017, figure 7.

Fifteen convolutions, each over several earlier layers side by side. The figure names sizes; the inputs were read from
its curves, which the number of parameters confirms: 4.2 million with the mean over the map before the classes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neuralfinder.types import Shape

LAYERS = (
    (3, 3, 36, (0,)),
    (3, 3, 48, (1,)),
    (3, 3, 36, (1, 2)),
    (5, 5, 36, (1, 2, 3)),
    (3, 7, 48, (3, 4)),
    (7, 7, 48, (2, 3, 4, 5)),
    (7, 7, 48, (2, 3, 4, 5, 6)),
    (7, 3, 36, (1, 6, 7)),
    (7, 1, 36, (1, 5, 6, 8)),
    (7, 7, 36, (1, 3, 4, 5, 6, 7, 8, 9)),
    (5, 7, 36, (1, 2, 5, 6, 7, 8, 9, 10)),
    (7, 7, 48, (1, 2, 3, 4, 6, 11)),
    (7, 5, 48, (1, 3, 6, 7, 8, 9, 10, 11, 12)),
    (7, 5, 48, (3, 7, 12, 13)),
    (7, 5, 48, (2, 7, 11, 12, 13, 14)),
)
"""Height and width of the kernel, filters, and which layers come in; 0 is the picture."""


class NasV1(nn.Module):
    """Convolution, normalisation and ReLU in every layer; all maps have the picture's size."""

    def __init__(self, shape: Shape, classes: int) -> None:
        super().__init__()
        channels = [shape.channels, *(filters for _, _, filters, _ in LAYERS)]
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(sum(channels[i] for i in inputs), filters, (high, wide), padding=(high // 2, wide // 2)),
                nn.BatchNorm2d(filters),
                nn.ReLU(),
            )
            for high, wide, filters, inputs in LAYERS
        )
        self.head = nn.Linear(channels[-1], classes)

    def forward(self, pictures: Tensor) -> Tensor:
        """`(n, channels, height, width)` -> `(n, classes)`."""
        maps = [pictures]
        for layer, (_, _, _, inputs) in zip(self.layers, LAYERS, strict=True):
            maps.append(layer(torch.cat([maps[i] for i in inputs], dim=1)))
        logits: Tensor = self.head(maps[-1].mean((2, 3)))
        return logits
