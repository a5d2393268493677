"""What of this package needs torch: it is imported when a network is built."""

from __future__ import annotations

from torch import Tensor, nn


class SqueezeExcitation(nn.Module):
    """Weights channels by what the whole map shows."""

    def __init__(self, channels: int, middle: int) -> None:
        super().__init__()
        self.narrow, self.wide = nn.Linear(channels, middle), nn.Linear(middle, channels)

    def forward(self, maps: Tensor) -> Tensor:
        """`(n, channels, height, width)` -> the same shape."""
        factors: Tensor = self.wide(self.narrow(maps.mean((2, 3))).relu()).sigmoid()
        return maps * factors[:, :, None, None]
