"""One thread where others want the cores, all where they do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from neuralfinder.training.machine import share_cores
from neuralfinder.training.threads import AGAIN_SECONDS, THREADS, Threads, settle, side_by_side


class Machine:
    """A clock that steps move on, and the number of threads that torch was told."""

    def __init__(self, seconds: Callable[[int, float], float]) -> None:
        self.now, self.count, self.seconds = 100.0, 2, seconds
        self.threads = Threads(2)
        self.history: list[int] = []

    def train(self, steps: int) -> list[int]:
        self.threads.begin()
        counts = []
        for _ in range(steps):
            self.threads.step()
            counts.append(self.count)
            self.now += self.seconds(self.count, self.now)
        return counts


@pytest.fixture
def machine_of(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Machine]]:
    def make(seconds: Callable[[int, float], float]) -> Machine:
        machine = Machine(seconds)
        monkeypatch.setattr("neuralfinder.training.threads.time.perf_counter", lambda: machine.now)
        monkeypatch.setattr("torch.set_num_threads", lambda count: setattr(machine, "count", count))
        return machine

    return make


@pytest.mark.parametrize("one", [0.5, 1.0, 1.4, 2.0])
def test_on_a_quiet_machine_all_threads_compute_after_the_same_steps(machine_of, one: float) -> None:
    """Also where a small network is a little faster with one: equal seeds are to give equal weights."""
    machine = machine_of(lambda count, _: 0.02 * (one if count == 1 else 0.7))
    counts = [machine.train(200) for _ in range(3)]
    assert counts[0] == counts[1] == counts[2]
    assert counts[0][8:] == [2] * 192


def test_where_others_want_the_cores_one_thread_computes(machine_of) -> None:
    machine = machine_of(lambda count, _: 0.03 if count == 1 else 0.6)
    began = machine.now
    counts = [count for _ in range(20) for count in machine.train(50)]
    assert counts.count(2) <= 2 + (machine.now - began) / AGAIN_SECONDS
    assert machine.now - began < 1000 * 0.03 * 1.1


def test_it_notices_when_they_come_and_when_they_go(machine_of) -> None:
    machine = machine_of(lambda count, now: 0.6 if 110 < now < 150 and count == 2 else 0.03 if count == 1 else 0.02)
    moments = []
    machine.threads.begin()
    while machine.now < 180:
        machine.threads.step()
        moments.append((machine.now, machine.count))
        machine.now += machine.seconds(machine.count, machine.now)
    assert {count for now, count in moments if 101 < now < 110} == {2}
    assert sum(count == 1 for now, count in moments if 112 < now < 150) > 0.9 * sum(
        112 < now < 150 for now, _ in moments
    )
    assert {count for now, count in moments if now > 150 + AGAIN_SECONDS + 1} == {2}


def test_steps_of_another_kind_last_otherwise_whoever_wants_the_cores(machine_of) -> None:
    """Those on large pictures take four times as long as those on small ones before."""
    machine = machine_of(lambda count, now: (0.1 if count == 1 else 0.06) * (4 if now > 110 else 1))
    machine.threads.begin()
    moments = []
    while machine.now < 150:
        machine.threads.step(machine.now < 110)
        moments.append((machine.now, machine.count))
        machine.now += machine.seconds(machine.count, machine.now)
    assert {count for now, count in moments if 101 < now < 110} == {2}
    assert {count for now, count in moments if now > 115} == {2}


def test_who_shares_the_cores_never_tries_more_than_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    told = list[int]()
    monkeypatch.setattr(THREADS, "most", 8)
    monkeypatch.setattr("neuralfinder.training.machine.keep_memory", lambda: None)
    monkeypatch.setattr("torch.set_num_threads", told.append)
    share_cores(3)
    assert (THREADS.most, told) == (2, [2])


def test_one_core_is_left_alone(machine_of) -> None:
    machine = machine_of(lambda *_: 0.1)
    machine.threads = Threads(1)
    machine.count = 1
    assert set(machine.train(30)) == {1}


def test_the_first_step_of_an_epoch_and_what_is_done_between_do_not_count(machine_of) -> None:
    steps = iter(range(10**6))
    machine = machine_of(lambda count, _: 0.5 if next(steps) % 20 == 19 else 0.02)
    assert machine.train(300)[8:] == [2] * 292


@pytest.mark.parametrize(("all_of_them", "chosen"), [(0.2, 2), (0.9, 1), (30.0, 1)])
def test_who_answers_has_all_threads_only_where_they_are_clearly_faster(
    machine_of, monkeypatch: pytest.MonkeyPatch, all_of_them: float, chosen: int
) -> None:
    machine = machine_of(lambda count, _: all_of_them if count == 2 else 1.0)
    monkeypatch.setattr("torch.get_num_threads", lambda: 2)

    def work() -> None:
        machine.now += machine.seconds(machine.count, machine.now)

    assert settle(work) == machine.count == chosen


@pytest.mark.parametrize(
    ("seconds", "best"),
    [(lambda threads: 0.02, 4), (lambda threads: 0.04 / threads, 1), (lambda threads: 0.04 / min(threads, 2), 2)],
    ids=["threads bring nothing", "each brings as much", "two of four bring something"],
)
def test_trainings_side_by_side_are_as_many_as_do_most(machine_of, monkeypatch, seconds, best):
    machine = machine_of(lambda count, now: seconds(count))
    machine.count = 4
    monkeypatch.setattr("torch.get_num_threads", lambda: machine.count)

    def step() -> None:
        machine.now += machine.seconds(machine.count, machine.now)

    assert side_by_side(step) == best
    assert machine.count == 4
