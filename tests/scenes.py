"""Pictures for tests."""

from __future__ import annotations

from pathlib import Path

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


def pictures_of(root: Path, count: int = 12) -> list[tuple[str, str]]:
    """Picture files, and rows of a table of their paths and classes."""
    (root / "files").mkdir(parents=True)
    rows = []
    for number in range(count):
        scene(number, (12, 10)).save(root / "files" / f"{number:02}.png")
        rows.append((f"files/{number:02}.png", ("day", "night")[number % 2]))
    return rows
