"""The drawn clocks: equal each time, all hours as often, and hands that point where they should."""

from __future__ import annotations

import numpy as np
import pytest

from neuralfinder.data.sources import clocks, source_of


def test_all_hours_come_as_often_and_no_two_pictures_are_equal(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(clocks, "COUNT", 48)
    pictures, hours = clocks.clocks()
    assert pictures.shape == (48, clocks.SIDE, clocks.SIDE, 3)
    assert pictures.dtype == np.uint8
    assert np.bincount(hours).tolist() == [0, *[4] * 12]
    assert len(np.unique(pictures.reshape(48, -1), axis=0)) == 48
    assert (clocks.clocks()[0] == pictures).all()


@pytest.mark.parametrize("hour", [3, 6, 9, 12])
def test_the_hands_point_to_the_hour_and_to_the_minutes(hour: int):
    """Of many clocks of one time only what tells it stays: hands that lie across, or stand upright."""

    def mean(hours: float) -> np.ndarray:
        rng = np.random.default_rng(0)  # the same walls, faces and places at every time
        return np.mean([clocks.clock(hours, rng).astype(float) for _ in range(200)], axis=0)

    here, opposite = mean(hour + 0.02), mean((hour + 6) % 12 + 0.02)
    changed = np.abs(here - opposite).mean(axis=2)
    middle = clocks.SIDE / 2
    rows, columns = np.indices(changed.shape) + 0.5 - middle
    across, down = (changed * np.abs(columns)).sum(), (changed * np.abs(rows)).sum()
    assert (across > 1.3 * down) if hour in (3, 9) else (down > 1.3 * across)


def test_they_are_a_bundled_data_set(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(clocks, "COUNT", 240)
    data = source_of("clocks").load()
    assert data.samples.shape == (clocks.COUNT, 3, clocks.SIDE, clocks.SIDE)
    assert len(data.classes) == 12
    assert data.fingerprint == source_of("clocks").fingerprint()
