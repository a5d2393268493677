"""How fast a machine is said to be, however slow or busy it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from setups import setup_of_digits
from torch import Tensor, nn

from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.cost import Rates, cost
from neuralfinder.networks.genome import AvgPool, MaxPool, Pool
from neuralfinder.training import train
from neuralfinder.training.build import build
from neuralfinder.training.machine import _probes, _typical, measure
from neuralfinder.training.threads import SLOWED, Threads
from neuralfinder.training.train import Setup
from neuralfinder.types import Shape


@pytest.mark.thorough
@pytest.mark.parametrize("side", [1, 8, 32])
@pytest.mark.parametrize("pools", [(MaxPool(),), (MaxPool(5, 3),), (AvgPool(3, 1),), ()])
def test_probes_can_be_built_and_differ(pools: tuple[Pool, ...], side: int):
    space = ChainSpace(Shape(3, side, side), 10, kernels=(5,), borders=("valid",), pools=pools)
    probes = _probes(space)
    for genome in probes:
        build(genome, space.shape, space.classes)
    assert len({space.cost(genome).macs for genome in probes}) >= 5


SPACE = ChainSpace(Shape(1, 8, 8), 10)
SAMPLES = 32


class Machine:
    """A clock that only steps move, by what their networks cost at given rates; nothing is computed.

    `slow` says how many times slower the machine is at a moment.
    """

    def __init__(self, rates: Rates, slow: Callable[[float], float] = lambda _: 1.0) -> None:
        self.now, self.steps = 0.0, 0
        self._rates, self._slow = rates, slow
        self._networks = {
            sum(p.numel() for p in build(g, SPACE.shape, SPACE.classes).parameters()): g for g in _probes(SPACE)
        }

    def __call__(self) -> float:
        return self.now

    def gradients(self, network: nn.Module, _: Setup, samples: Tensor, __: Tensor) -> Tensor:
        """Of the loss, at no cost but time."""
        genome = self._networks[sum(p.numel() for p in network.parameters())]
        whole = self._rates.step_seconds(cost(genome, SPACE.shape, SPACE.classes))
        self.now += whole * len(samples) / SAMPLES * self._slow(self.now)
        self.steps += 1
        return samples.sum()


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Machine]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def start(*given: Any) -> Machine:
        machine = Machine(*given)
        monkeypatch.setattr(train, "gradients", machine.gradients)
        monkeypatch.setattr("time.perf_counter", machine)
        return machine

    return start


def predicted(rates: Rates) -> np.ndarray:
    """Seconds of a step of each probe."""
    return np.array([rates.step_seconds(cost(genome, SPACE.shape, SPACE.classes)) for genome in _probes(SPACE)])


def times(rates: Rates, factor: float) -> Rates:
    return Rates(*(factor * rate for rate in dataclasses.astuple(rates)))


QUICK = times(_typical(SAMPLES), 0.1)


def test_a_machine_of_known_rates_is_found_out(on: Callable[..., Machine]) -> None:
    on(QUICK)
    assert predicted(measure(setup_of_digits(), SPACE, 0.9)) == pytest.approx(predicted(QUICK))


def test_measuring_ends_by_its_ceiling(on: Callable[..., Machine]) -> None:
    """18 seconds leave 0.72 for it, but the smallest step takes two: it is done, and the others follow from it."""
    slow = times(QUICK, 2 / predicted(QUICK).min())
    machine = on(slow)
    found = measure(setup_of_digits(), SPACE, 0.72)
    assert machine.steps == 2
    assert machine.now == pytest.approx(2 * (1 + 2 / SAMPLES))
    assert predicted(found) == pytest.approx(predicted(slow), rel=0.01)


@pytest.mark.thorough
@pytest.mark.parametrize("seconds", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("factor", [1.0, 10.0, 100.0])
def test_what_was_not_measured_is_as_usual(seconds: float, factor: float, on: Callable[..., Machine]) -> None:
    """Where large networks have no turn their time follows from the small ones."""
    machine = on(times(QUICK, factor))
    found = measure(setup_of_digits(), SPACE, seconds)
    assert machine.now <= max(seconds, 1.1 * factor * predicted(QUICK).min()) + 1e-9
    assert predicted(found) == pytest.approx(factor * predicted(QUICK), rel=0.01)


def test_a_busy_second_is_not_believed(on: Callable[..., Machine]) -> None:
    on(QUICK, lambda now: 10.0 if now < 1 else 1.0)
    assert predicted(measure(setup_of_digits(), SPACE, 3.0)) == pytest.approx(predicted(QUICK), rel=0.05)


def test_a_machine_that_stays_busy_is_believed(on: Callable[..., Machine]) -> None:
    turns = iter(range(10**6))
    on(QUICK, lambda _: 1.0 if next(turns) % 11 == 0 else 4.0)
    assert predicted(measure(setup_of_digits(), SPACE, 3.0)) == pytest.approx(4 * predicted(QUICK), rel=0.05)


def test_steps_of_several_networks_do_not_look_like_a_busy_machine(
    on: Callable[..., Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dear network's steps take more than `SLOWED` times those of the first: all threads go on computing."""
    used: list[int] = []
    monkeypatch.setattr("torch.set_num_threads", used.append)
    threads = Threads(2)
    for module in ("machine", "train"):
        monkeypatch.setattr(f"neuralfinder.training.{module}.THREADS", threads)
    odd = dataclasses.replace(QUICK, mac=20 * QUICK.mac)
    assert predicted(odd).max() > 2 * SLOWED * predicted(odd).min()
    on(odd)
    measure(setup_of_digits(), SPACE, 3.0)
    assert used == [1, 2]


def test_what_was_not_measured_is_as_it_was_the_last_time(on: Callable[..., Machine]) -> None:
    """Another machine than the usual one, in its proportions too."""
    odd = dataclasses.replace(QUICK, mac=20 * QUICK.mac)
    on(odd)
    measure(setup_of_digits(), SPACE, 3.0)
    slow = times(odd, 2 / predicted(odd).min())
    machine = on(slow)
    # the first measurement keeps a little of what is usual
    assert predicted(measure(setup_of_digits(), SPACE, 0.3)) == pytest.approx(predicted(slow), rel=0.1)
    assert machine.steps == 2
