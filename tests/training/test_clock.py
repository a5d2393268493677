"""Clocks that tick coarsely, and what training takes in its own steps."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.genome import PoolHead, parse
from neuralfinder.training.batches import Part, Scaling, Views
from neuralfinder.training.build import build
from neuralfinder.training.clock import Clock, Pace, seconds_each, steps_in_all, steps_of_epoch, usual
from neuralfinder.training.machine import measure, measure_forward
from neuralfinder.training.recipes import MOST_VIEWS, RECIPES
from neuralfinder.training.train import Setup, forward_seconds, step_seconds, train
from neuralfinder.types import Fidelity, Shape

TICK = 0.016
"""Seconds between two ticks of the clock of some systems."""


class Ticking:
    """A clock that moves on by `each` seconds a look and shows them in ticks."""

    def __init__(self, each: float, tick: float = TICK) -> None:
        self.now, self.each, self.tick = 1000.0, each, tick

    def __call__(self) -> float:
        self.now += self.each
        return self.tick * math.floor(self.now / self.tick)


@pytest.fixture
def coarse(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ticking]:
    """Every look at a clock takes a tenth of a millisecond, of which the clock shows whole ticks only."""
    clock = Ticking(1e-4)
    monkeypatch.setattr("time.perf_counter", clock)
    monkeypatch.setattr("time.monotonic", clock)
    yield clock
    monkeypatch.undo()


def setup_of(clock: Clock | None = None) -> Setup:
    rng = np.random.default_rng(0)
    pictures, labels = rng.integers(0, 255, (64, 1, 8, 8), dtype=np.uint8), np.arange(64, dtype=np.int64) % 2
    part = Part.of(pictures, labels, np.arange(64), torch.device("cpu"))
    recipe = dataclasses.replace(RECIPES["fast"], batch_size=8)
    return Setup(part, part, 2, Scaling.of(part), recipe, 8, clock=clock or Clock())


def test_a_training_does_not_divide_by_a_clock_that_has_not_moved(coarse: Ticking) -> None:
    network = build(parse("C4.bn > G"), Shape(1, 8, 8), 2)
    training = train(network, setup_of(Clock(coarse.now + 1e6)), Fidelity(2), 0)
    assert training.ended == "complete"


def test_a_training_ends_by_a_clock_that_does_not_move(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.monotonic", lambda: 1000.0)
    pace = Pace(100, Clock(1000.0), 0)
    pace.step()
    assert pace.over
    pace = Pace(100, Clock(1001.0), 0)
    for _ in range(100):
        assert not pace.over
        pace.step()
    assert pace.progress == pytest.approx(1)


def test_forward_passes_and_steps_take_time_by_a_coarse_clock(coarse: Ticking) -> None:
    network, setup = build(parse("C4.bn > G"), Shape(1, 8, 8), 2), setup_of()
    assert forward_seconds(network, setup, 1, 7) > 0
    assert step_seconds(network, setup, 1e-3) > 0


@pytest.mark.thorough
def test_rates_are_numbers_by_a_coarse_clock(
    coarse: Ticking, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    space = ChainSpace(Shape(1, 8, 8), 2, norm=True, head=PoolHead())
    for rates in (measure(setup_of(), space, 0.1), measure_forward(setup_of(), space)):
        numbers = dataclasses.astuple(rates)
        assert all(math.isfinite(number) and number >= 0 for number in numbers)
        assert sum(numbers) > 0


@pytest.mark.parametrize("each", [0.5e-3, 4e-3, 10e-3, 40e-3])
def test_coarse_ticks_give_about_the_time_it_takes(each: float, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Ticking(0.0)
    monkeypatch.setattr("time.perf_counter", clock)

    def act() -> None:
        clock.now += each

    found = seconds_each(act, most=64, seconds=10.0)
    assert found == pytest.approx(each, rel=0.5)


def test_a_busy_moment_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Ticking(0.0, 1e-9)
    takes = iter([9.0, 9.0, 50.0, 2.0, 50.0])
    monkeypatch.setattr("time.perf_counter", clock)

    def act() -> None:
        clock.now += next(takes)

    assert seconds_each(act, most=3, warm_up=2) == pytest.approx(2.0)


def test_a_machine_that_is_always_busy_is_not_taken_for_its_one_free_step() -> None:
    assert usual([1.0] + [5.0] * 20) == 5.0


@pytest.mark.parametrize(("each", "times"), [(10.0, 1), (2.0, 1), (1.0, 3), (0.1, 9)])
def test_timing_ends_by_its_ceiling(each: float, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is done once however long that takes; warming up has no time of its own."""
    clock, done = Ticking(0.0, 1e-9), []
    monkeypatch.setattr("time.perf_counter", clock)

    def act() -> None:
        done.append(each)
        clock.now += each

    assert seconds_each(act, most=6, seconds=3.5, warm_up=3) == pytest.approx(each)
    assert len(done) == times


def test_what_a_training_takes_beside_its_steps() -> None:
    """3 epochs of 10 steps; 3 looks at 60 samples, two at 60 on rungs, 3 passes of 8: a third of a step each."""
    assert steps_of_epoch(85, 1.0, 8) == 10
    expected = 30 + (3 * 60 + 2 * 60 + 3 * 8) / 8 / 3
    assert steps_in_all(85, 60, 8, Fidelity(3), None, 2) == pytest.approx(expected)
    assert steps_in_all(85, 60, 8, Fidelity(3), 1, 2) == pytest.approx(expected - 2 * 60 / 8 / 3)


def test_time_is_planned_for_as_many_views_as_there_are() -> None:
    pictures = torch.zeros(2, 3, 8, 8)
    assert len(list(Views(mirror=True, shift=True).of(pictures))) == MOST_VIEWS


def test_a_clock_keeps_its_flag_and_moves_its_end_forward_only() -> None:
    clock = Clock(time.monotonic() + 10)
    assert clock.until(clock.deadline + 5).deadline == clock.deadline
    assert clock.until(clock.deadline - 5).cancelled is clock.cancelled
