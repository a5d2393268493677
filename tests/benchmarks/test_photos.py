"""The made photographs: each class has its share of the test part, and the same pictures come again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import photos
import pytest
from loading import load


def made(folder: Path) -> dict[str, bytes]:
    photos.write(photos.scratches(np.random.default_rng(0)), folder, np.random.default_rng(1))
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.png")}


def test_made_metal_is_hurt_in_four_uneven_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos, "HURT", {name: count // 60 for name, count in photos.HURT.items()})
    first = made(tmp_path / "once")
    assert first == made(tmp_path / "again")
    data = load(tmp_path / "once")
    counts = {data.classes[label]: [0, 0] for label in data.labels}
    for label, tested in zip(data.labels, data.given_test, strict=True):
        counts[data.classes[label]][int(tested)] += 1
    assert counts == {"unhurt": [6, 2], "scratch": [4, 1], "dent": [3, 1], "stain": [3, 0]}
    assert data.shape.height < data.shape.width
