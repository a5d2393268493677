from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuralfinder.errors import InputError
from neuralfinder.networks.genome import parse
from neuralfinder.strategies.artificial_life.world import Life, World


def test_torus_neighbours_of_a_corner():
    expected = [(6, 6), (6, 0), (6, 1), (0, 6), (0, 1), (1, 6), (1, 0), (1, 1)]
    assert World(7).neighbours((0, 0)) == expected


def test_clipped_neighbours():
    world = World(7, boundary="clip")
    assert world.neighbours((0, 0)) == [(0, 1), (1, 0), (1, 1)]
    assert world.neighbours((0, 3)) == [(0, 2), (0, 4), (1, 2), (1, 3), (1, 4)]
    assert len(world.neighbours((3, 3))) == 8
    assert World(2, boundary="clip").neighbours((1, 1)) == [(0, 0), (0, 1), (1, 0)]


@given(half=st.integers(1, 3), extra=st.integers(0, 4), boundary=st.sampled_from(("torus", "clip")))
def test_neighbours_are_symmetric_and_of_the_right_number(half: int, extra: int, boundary: str):
    window = 2 * half + 1
    world = World(window + extra, window, boundary)
    around = {cell: world.neighbours(cell) for cell in world.cells}
    for cell, near in around.items():
        assert cell not in near
        assert len(set(near)) == len(near)
        assert all(cell in around[other] for other in near)
        assert all(max(abs(cell[0] - r), abs(cell[1] - c)) <= half for r, c in near) or boundary == "torus"
    most = window**2 - 1
    sizes = {len(near) for near in around.values()}
    assert sizes == {most} if boundary == "torus" else min(sizes) == (half + 1) ** 2 - 1


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"size": 7, "window": 4}, r"window is 4; expected an odd number, 3 or more; use 3"),
        ({"size": 7, "window": 1}, r"window is 1; expected an odd number"),
        ({"size": 4, "window": 5}, r"world size is 4; expected a number at least 5; change it"),
        ({"size": 2}, r"world size is 2; expected a number at least 3"),
        ({"size": 1, "boundary": "clip"}, r"world size is 1; expected a number at least 2"),
        ({"size": 7, "boundary": "sphere"}, r"boundary is 'sphere'; expected torus or clip; choose"),
    ],
)
def test_impossible_worlds_are_refused(arguments, match):
    with pytest.raises(InputError, match=match):
        World(**arguments)


def test_snapshot_shows_lives_and_empty_cells_in_place():
    world = World(2, boundary="clip")
    world[1, 0] = Life(parse("C16 M"), 0.5, 7, "cross")
    shown = world.snapshot()
    assert shown == [[None, None], [{"genome": "C16 M", "score": 0.5, "origin": "cross"}, None]]
    assert json.loads(json.dumps(shown)) == shown
    assert len(world) == 1
    assert world[1, 0].macs == 7
