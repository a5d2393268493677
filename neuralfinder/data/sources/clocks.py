"""A picture data set that is drawn, so that it needs no download: which hour does a clock show?

Turned or mirrored a clock shows another hour, light and colours mean nothing, and the hour is told by two hands
together: what serves for most pictures does not serve here.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

COUNT = 3600
"""Pictures, of twelve hours in turn."""

SIDE = 40
"""Of a picture, in pixels."""

LARGER = 3
"""How much larger it is drawn than kept, so that lines are smooth."""

CONTRAST = 70
"""Least difference in mean lightness between the face and what is drawn on it, of 255."""

SEED = 1
"""Of all that is drawn."""


def clocks() -> tuple[np.ndarray, np.ndarray]:
    """Colour pictures `(COUNT, SIDE, SIDE, 3)` of bytes, and the hours `(COUNT,)` that they show, 1 to 12 in turn."""
    rng = np.random.default_rng(SEED)
    hours = np.arange(COUNT) % 12 + 1
    return np.stack([clock(hour + rng.random(), rng) for hour in hours]), hours


def clock(hours: float, rng: np.random.Generator) -> np.ndarray:
    """A picture `(SIDE, SIDE, 3)` of a clock at this time in hours: anywhere, of any size, in any colours and light."""
    whole = SIDE * LARGER
    radius = whole * rng.uniform(0.28, 0.46)
    middle = whole / 2 + rng.uniform(-1, 1, 2) * (whole / 2 - radius)
    wall, face, marks, hands = _colours(rng)
    picture = Image.new("RGB", (whole, whole), wall)
    draw = ImageDraw.Draw(picture)
    box = [*(middle - radius), *(middle + radius)]
    if rng.random() < 0.5:
        draw.ellipse(box, fill=face, outline=marks, width=int(whole * rng.uniform(0.005, 0.03)))
    else:
        draw.rounded_rectangle(box, radius * rng.uniform(0.05, 0.5), fill=face, outline=marks, width=2)

    def ray(turn: float, first: float, last: float, width: float, colour: tuple[int, int, int]) -> None:
        """A line from one share of the radius to another; `turn` counts full turns from the top, clockwise."""
        way = radius * np.array([math.sin(2 * math.pi * turn), -math.cos(2 * math.pi * turn)])
        draw.line([*(middle + first * way), *(middle + last * way)], fill=colour, width=max(1, round(width * radius)))

    for mark in range(0, 12, int(rng.choice([1, 3, 12]))):
        ray(mark / 12, 0.8, 0.92, rng.uniform(0.02, 0.06), marks)
    ray(hours / 12, -0.1, rng.uniform(0.42, 0.56), rng.uniform(0.08, 0.14), hands)
    ray(hours % 1, -0.15, rng.uniform(0.72, 0.86), rng.uniform(0.04, 0.08), hands)
    if rng.random() < 0.5:  # a hand for the seconds says nothing about the hour
        ray(rng.random(), -0.2, 0.85, 0.02, marks)
    picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.0, 0.02) * whole / 2))
    kept = np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float64)
    down, right = rng.uniform(-0.4, 0.4, 2)
    slope = np.linspace(-1, 1, SIDE)
    light = 1 + down * slope[:, None] + right * slope
    noisy = kept * light[..., None] + rng.normal(0, rng.uniform(0, 20), kept.shape)
    return np.asarray(noisy.round().clip(0, 255), dtype=np.uint8)


def _colours(rng: np.random.Generator) -> list[tuple[int, int, int]]:
    """Of wall, face, marks and hands; the last two differ from the face clearly in lightness."""
    _, face, marks, hands = colours = rng.uniform(0, 255, (4, 3))
    for own in (marks, hands):
        if abs(own.mean() - face.mean()) < CONTRAST:
            own += 128 if face.mean() < 128 else -128  # noqa: PLW2901 - a row of the array
    return [(red, green, blue) for red, green, blue in colours.clip(0, 255).astype(int).tolist()]
