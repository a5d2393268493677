"""Whether pictures may be mirrored: letters and digits may not, most photographs may."""

from __future__ import annotations

import warnings

import numpy as np

from neuralfinder.data.thumbnails import thumbnails

MOST_PICTURES = 4000
LARGEST_SIDE = 16


def mirroring_harmless(pictures: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> tuple[bool, str]:
    """Ask a linear model, trained on half of the pictures, about the other half as it is and mirrored.

    Mirroring is harmless when the model knows something (clearly better than the commonest class) and knows it as
    well of mirrored pictures.

    Args:
        pictures: `(n, channels, height, width)` of the training part.
        labels: `(n,)`.
        rng: draws the pictures looked at, at most 4,000.

    Returns:
        The answer, and the reason in words.
    """
    from sklearn.linear_model import LogisticRegression

    rows = rng.permutation(len(pictures))[:MOST_PICTURES]
    half = len(rows) // 2
    targets = labels[rows]
    if half < 20 or len(np.unique(targets[:half])) < 2:
        return False, "too few pictures to tell whether mirroring is harmless"
    small = _standardised(thumbnails(pictures[rows], LARGEST_SIDE))
    flat, mirrored = small.reshape(len(rows), -1), small[..., ::-1].reshape(len(rows), -1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of no convergence, and of many classes with few pictures each
        model = LogisticRegression(C=0.01, max_iter=30).fit(flat[:half], targets[:half])
        straight = float(model.score(flat[half:], targets[half:]))
        turned = float(model.score(mirrored[half:], targets[half:]))
    chance = float(np.bincount(targets[half:]).max()) / (len(rows) - half)
    noise = 2 * np.sqrt(0.25 / (len(rows) - half))
    facts = f"a linear model reads {straight:.0%} of pictures right, mirrored {turned:.0%}"
    return bool(straight > chance + noise and turned > straight - noise), facts


def _standardised(values: np.ndarray) -> np.ndarray:
    """Mean 0 and deviation 1 over all values, float32; constant values become 0."""
    mean, spread = values.mean(), values.std()
    scaled = (values - mean) / (spread if spread > 1e-6 * abs(mean) else 1.0)
    return np.asarray(scaled, dtype=np.float32)
