"""What is timed to know a machine can be built in any space."""

from __future__ import annotations

import pytest

from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.genome import AvgPool, MaxPool, Pool
from neuralfinder.training.build import build
from neuralfinder.training.machine import _probes
from neuralfinder.types import Shape


@pytest.mark.parametrize("side", [1, 8, 32])
@pytest.mark.parametrize("pools", [(MaxPool(),), (MaxPool(5, 3),), (AvgPool(3, 1),), ()])
def test_probes_can_be_built_and_differ(pools: tuple[Pool, ...], side: int):
    space = ChainSpace(Shape(3, side, side), 10, kernels=(5,), borders=("valid",), pools=pools)
    probes = _probes(space)
    for genome in probes:
        build(genome, space.shape, space.classes)
    assert len({space.cost(genome).macs for genome in probes}) >= 5
