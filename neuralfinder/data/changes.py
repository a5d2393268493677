"""Which changes of pictures leave their classes as they are: letters may not be mirrored, most photographs may."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from neuralfinder.data.thumbnails import thumbnails

MOST_PICTURES = 4000
"""Pictures looked at: half of them tell shares of 50 % to within 2 points."""

LARGEST_SIDE = 24
"""Of the small versions that are looked at, in pixels: rows of letters stay rows, and a model takes 0.1 s."""

SHIFTED_SIDE = 96
"""Of what is shifted and mirrored, in pixels: 4,000 larger pictures would be gigabytes, several times over."""

KEPT = 0.5
"""Share of what a linear model knows beyond the commonest class that it keeps, at least, where it learned from shifted
pictures and shifts are harmless: 0.69 to 1.0 for seven sets of digits, letters and photographs, 0.15 for words drawn as
a letter a row, where the place is the meaning (docs/LOG.md)."""


@dataclass(frozen=True, slots=True)
class Harmless:
    """Whether pictures may be mirrored, and shifted; `facts` are the reason in words."""

    mirror: bool
    shift: bool
    facts: str

    def __str__(self) -> str:
        words = {True: "on", False: "off"}
        return f"mirroring {words[self.mirror]}, shifts {words[self.shift]}: {self.facts}"


def harmless_changes(pictures: np.ndarray, labels: np.ndarray, shift: float, rng: np.random.Generator) -> Harmless:
    """Ask linear models, trained on half of the pictures, about the other half.

    Mirroring is harmless when the model knows something (clearly better than the commonest class) and knows it as
    well of mirrored pictures. Shifts are harmless unless one that learned from shifted pictures knows far less: what
    such models lose by a harmless shift, networks do not.

    Args:
        pictures: `(n, channels, height, width)` of the training part.
        labels: `(n,)`.
        shift: the largest, as a share of the side.
        rng: draws the pictures looked at, at most 4,000, and the shifts.
    """
    order = rng.permutation(len(pictures))[:MOST_PICTURES]
    learned, asked = order[: len(order) // 2], order[len(order) // 2 :]
    if len(learned) < 20 or len(np.unique(labels[learned])) < 2:
        return Harmless(False, True, "too few pictures to tell whether they are harmless")
    seen, new, answers = pictures[learned], pictures[asked], labels[asked]
    if max(pictures.shape[2:]) > SHIFTED_SIDE:
        seen, new = thumbnails(seen, SHIFTED_SIDE), thumbnails(new, SHIFTED_SIDE)
    read = _reader(seen, labels[learned])
    straight, mirrored = read(new, answers), read(new[..., ::-1], answers)
    moved = _reader(_shifted(seen, shift, rng), labels[learned])(new, answers)
    chance = float(np.bincount(answers).max()) / len(answers)
    noise = 2 * np.sqrt(0.25 / len(answers))
    knows = straight > chance + noise
    return Harmless(
        bool(knows and mirrored > straight - noise),
        not (knows and moved - chance < KEPT * (straight - chance)),
        f"a linear model reads {straight:.0%} of pictures right, mirrored {mirrored:.0%}, "
        f"and {moved:.0%} where it learned from shifted ones",
    )


def _reader(pictures: np.ndarray, labels: np.ndarray) -> Callable[[np.ndarray, np.ndarray], float]:
    """A linear model that has learned from small versions of these: pictures, labels -> accuracy on them."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    small = thumbnails(pictures, LARGEST_SIDE)
    mean, deviation = small.mean(), small.std()
    spread = deviation if deviation > 1e-6 * abs(mean) else 1.0  # constant values become 0

    def flat(small: np.ndarray) -> np.ndarray:
        return np.asarray((small - mean) / spread, dtype=np.float32).reshape(len(small), -1)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of no convergence, and of many classes with few pictures each
        with threadpool_limits(1, "blas"):  # two threads that wait for each other are slower than one
            model = LogisticRegression(C=0.01, max_iter=30).fit(flat(small), labels)
    return lambda others, answers: float(model.score(flat(thumbnails(others, LARGEST_SIDE)), answers))


def _shifted(pictures: np.ndarray, shift: float, rng: np.random.Generator) -> np.ndarray:
    """Each moved at random by up to `shift` of its sides, at least a pixel either way; zeros come in."""
    most = [max(1, round(shift * side)) for side in pictures.shape[2:]]
    framed = np.pad(pictures, ((0, 0), (0, 0), *((reach, reach) for reach in most)))
    windows = np.lib.stride_tricks.sliding_window_view(framed, pictures.shape[2:], (2, 3))
    rows, columns = (rng.integers(0, 2 * reach + 1, len(pictures)) for reach in most)
    moved: np.ndarray = windows[np.arange(len(pictures)), :, rows, columns]
    return moved
