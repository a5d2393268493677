"""The picture of the rooms shows the imports as they are."""

from __future__ import annotations

import re

import architecture
from test_imports import GROUND, ROOMS


def test_the_picture_shows_the_arrows_as_they_are():
    """How broad they are may lag behind."""
    drawn = re.findall(r'data-arrow="(\w+) (\w+)"', architecture.PICTURE.read_text(encoding="utf-8"))
    pairs = {
        pair for pair in architecture.arrows() if architecture.FACES not in pair and architecture.GROUND not in pair
    }
    assert set(drawn) == pairs, "run `python docs/architecture.py`, and look at it"


def test_every_room_and_every_arrow_is_drawn():
    counts = {("job", "networks"): 2, ("job", "data"): 12, ("show", "job"): 1}
    counts |= {(room, architecture.GROUND): 1 for room in ROOMS}
    counts |= {(architecture.FACES, room): 1 for room in ROOMS if room != "testing"}
    picture = architecture.picture(counts)
    titles = re.findall(r'font-size="15"[^>]*>([^<]*)<', picture)
    assert sorted(titles) == sorted([*ROOMS, "__main__, cli, estimator", ", ".join(sorted(GROUND))])
    assert sorted(re.findall(r'stroke-width="([\d.]+)"/><path', picture)) == ["1.2", "1.2", "5.0"]
    assert "import from every room but testing" in picture


def test_all_arrows_lead_down():
    """Those of imports within functions, too."""
    order = [architecture.GROUND, *ROOMS, architecture.FACES]
    assert not [(upper, lower) for upper, lower in architecture.arrows() if order.index(upper) < order.index(lower)]
