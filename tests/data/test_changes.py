"""Which changes of pictures are harmless."""

from __future__ import annotations

import numpy as np

from neuralfinder.data.changes import harmless_changes

SHIFT = 0.0625


def test_mirroring_is_harmless_for_symmetric_tasks_and_not_for_arrows() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 600)
    noise = rng.normal(0, 0.3, (600, 1, 8, 8))
    bright = noise + labels[:, None, None, None]
    arrows = noise.copy()
    arrows[labels == 0, :, :, :4] += 1
    arrows[labels == 1, :, :, 4:] += 1
    assert harmless_changes(bright, labels, SHIFT, rng).mirror
    assert not harmless_changes(arrows, labels, SHIFT, rng).mirror
    nothing_known = harmless_changes(noise, labels, SHIFT, rng)
    assert not nothing_known.mirror
    assert nothing_known.shift


def test_shifts_harm_where_the_row_is_the_meaning_and_not_where_a_shape_is() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 1200)
    rows, blobs = rng.normal(0, 0.3, (2, 1200, 1, 16, 16))
    places = np.array([7, 8, 9, 10])[labels]
    rows[np.arange(1200), 0, places] += 2
    for sample, label in enumerate(labels):
        blobs[sample, 0, 5 : 7 + 2 * label, 5:11] += 2
    assert not harmless_changes(rows, labels, SHIFT, rng).shift
    assert harmless_changes(blobs, labels, SHIFT, rng).shift


def test_too_few_pictures_tell_nothing() -> None:
    pictures = np.zeros((30, 1, 8, 8), np.uint8)
    harmless = harmless_changes(pictures, np.arange(30) % 2, SHIFT, np.random.default_rng(0))
    assert (harmless.mirror, harmless.shift) == (False, True)
    assert "too few" in str(harmless)
