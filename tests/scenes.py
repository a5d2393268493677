"""Pictures for tests."""

from __future__ import annotations

import numpy as np
from PIL import Image


def scene(seed: int, size: tuple[int, int] = (40, 30)) -> Image.Image:
    """A colourful picture of some waves, smooth enough for JPEG; another for each seed."""
    rng = np.random.default_rng(seed)
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    channels = []
    for _ in range(3):
        a, b, c = rng.uniform(0.1, 0.6, 3)
        channels.append(127 + 60 * np.sin(a * x + b * y + seed) + 60 * np.cos(c * x - a * y))
    return Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8))
