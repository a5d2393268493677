"""Squeeze and excitation: channels are weighted by what the whole map shows.

Hu, Shen & Sun, "Squeeze-and-excitation networks", CVPR 2018, section 3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from neuralfinder.networks.genome import Layer
from neuralfinder.types import Shape

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class Squeeze(Layer):
    """The mean of each channel, two dense layers with a narrow middle, and a factor for each channel, 0..1.

    Attributes:
        reduction: channels for each one in the middle, r in the paper, 1 to 99.
    """

    reduction: int = 16

    form: ClassVar[str] = "SE<reduction>"
    meaning: ClassVar[str] = "squeeze and excitation: channels weighted by what the whole map shows"

    def __str__(self) -> str:
        return f"SE{self.reduction}"

    @classmethod
    def read(cls, word: str) -> Squeeze | None:
        """`SE1` to `SE99`."""
        found = re.fullmatch(r"SE([1-9]\d?)", word)
        return cls(int(found[1])) if found else None

    def middle(self, before: Shape) -> int:
        """Units between the two dense layers."""
        return max(1, before.channels // self.reduction)

    def parameters(self, before: Shape) -> int:
        """Two matrices and their biases."""
        return 2 * before.channels * self.middle(before) + self.middle(before) + before.channels

    def macs(self, before: Shape) -> int:
        """Two matrices, and a product for each number of the map."""
        return 2 * before.channels * self.middle(before) + before.channels * before.height * before.width

    def module(self, before: Shape) -> nn.Module:
        """The layer, from torch."""
        from neuralfinder_example.modules import SqueezeExcitation

        return SqueezeExcitation(before.channels, self.middle(before))
