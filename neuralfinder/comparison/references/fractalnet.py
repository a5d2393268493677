"""FractalNet-20: Larsson, Maire & Shakhnarovich, "FractalNet", 2017, after gustavla/fractalnet.

Five blocks of three columns. The paper counts 38.6 million parameters; the published generator makes 33.7 million.
Dropout of 0 to 40 % stands at the end of each block. In training a join loses each of its inputs with probability 0.15,
but never all; for half of the batches a single column is left in all of the network.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neuralfinder.comparison.references.blocks import mean_head, normed
from neuralfinder.types import Shape

COLUMNS, DROP = 3, 0.15

WIDTHS, DROPOUTS = (64, 128, 256, 512, 512), (0.0, 0.1, 0.2, 0.3, 0.4)


class Fractal(nn.Module):
    """One block: column c has a convolution for every 2^c steps, and columns that end together are joined.

    `only` is the column that is left for this batch, or `None`.
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.steps = 2 ** (COLUMNS - 1)
        self.only: int | None = None
        self.columns = nn.ModuleList(
            nn.ModuleList(
                nn.Sequential(*normed(width if place else inputs, width)) for place in range(self.steps // 2**column)
            )
            for column in range(COLUMNS)
        )

    def forward(self, maps: Tensor) -> Tensor:
        """`(n, inputs, h, w)` -> `(n, width, h, w)`."""
        before = [maps] * COLUMNS
        for step in range(1, self.steps + 1):
            ending = [column for column in range(COLUMNS) if step % 2**column == 0]
            if self.only is not None:
                ending = [column for column in ending if column == self.only]
            outputs = [self.columns[column][step // 2**column - 1](before[column]) for column in ending]  # type: ignore[index]
            if outputs:
                joined = self._join(outputs)
                for column in ending:
                    before[column] = joined
        return before[self.only or 0]

    def _join(self, outputs: list[Tensor]) -> Tensor:
        if self.training and self.only is None and len(outputs) > 1:
            kept = torch.rand(len(outputs)) >= DROP
            kept[torch.randint(len(outputs), ())] |= not bool(kept.any())
            outputs = [output for output, keep in zip(outputs, kept.tolist(), strict=True) if keep]
        return torch.stack(outputs).mean(0)


class FractalNet(nn.Module):
    """Blocks, each ended by a pool and dropout, and a dense layer."""

    def __init__(self, shape: Shape, classes: int) -> None:
        super().__init__()
        layers, inputs = list[nn.Module](), shape.channels
        for width, dropout in zip(WIDTHS, DROPOUTS, strict=True):
            layers += [Fractal(inputs, width), nn.MaxPool2d(2), nn.Dropout(dropout)]
            inputs = width
        mean, self.head = mean_head(inputs, classes)
        self.body = nn.Sequential(*layers, *mean)

    def forward(self, pictures: Tensor) -> Tensor:
        """`(n, channels, height, width)` -> `(n, classes)`; chooses what this batch of a training goes through."""
        whole = not self.training or bool(torch.rand(()) < 0.5)
        only = None if whole else int(torch.randint(COLUMNS, ()))
        for block in self.body:
            if isinstance(block, Fractal):
                block.only = only
        logits: Tensor = self.head(self.body(pictures))
        return logits
