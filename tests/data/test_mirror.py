"""Whether pictures may be mirrored."""

from __future__ import annotations

import numpy as np

from neuralfinder.data.mirror import mirroring_harmless


def test_mirroring_is_harmless_for_symmetric_tasks_and_not_for_arrows() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 600)
    noise = rng.normal(0, 0.3, (600, 1, 8, 8))
    bright = noise + labels[:, None, None, None]
    arrows = noise.copy()
    arrows[labels == 0, :, :, :4] += 1
    arrows[labels == 1, :, :, 4:] += 1
    assert mirroring_harmless(bright, labels, rng)[0]
    assert not mirroring_harmless(arrows, labels, rng)[0]
    assert not mirroring_harmless(noise, labels, rng)[0]  # nothing learned, nothing known
