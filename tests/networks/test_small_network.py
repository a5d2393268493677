"""The small network made by hand."""

from __future__ import annotations

from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.portfolio import small_network
from neuralfinder.types import Shape


def test_small_network_is_legal_everywhere() -> None:
    for side in (1, 2, 3, 8, 32, 64):
        space = ChainSpace(Shape(1, side, side), 3)
        assert space.infeasible(small_network(space)) in (None, "infeasible:cap")
