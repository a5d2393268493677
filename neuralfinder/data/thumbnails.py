"""Small versions of many pictures, for what looks at all of them."""

from __future__ import annotations

import numpy as np

from neuralfinder.data.dataset import Array


def thumbnails(pictures: Array, side: int, chunk: int = 1024) -> Array:
    """Means over blocks of pixels, so that no side is longer than `side`; edges that fill no block are cut.

    Args:
        pictures: `(n, channels, height, width)`, a memory map perhaps.
        side: pixels.
        chunk: pictures in memory at once.

    Returns:
        `(n, channels, height, width)` float64 of at most `side` by `side`.
    """
    count, channels, height, width = pictures.shape
    down, right = -(-height // side), -(-width // side)
    tall, wide = height // down, width // right
    small = np.empty((count, channels, tall, wide), dtype=np.float64)
    for start in range(0, count, chunk):
        some = pictures[start : start + chunk, :, : tall * down, : wide * right]
        blocks = some.reshape(len(some), channels, tall, down, wide, right)
        small[start : start + chunk] = blocks.mean(axis=(3, 5), dtype=np.float64)
    return small
