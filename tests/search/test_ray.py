"""Many hands: Ray keeps the executor's contract, loses no candidate, and changes no result."""

from __future__ import annotations

import copy
import errno
import math
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, wait
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import ray
from ray.cluster_utils import Cluster

from neuralfinder.errors import InputError, MachineError
from neuralfinder.search.archive import read_trainings
from neuralfinder.search.executors import Executor
from neuralfinder.search.loop import Limits, Progress, replay, search
from neuralfinder.search.ray_executor import RayExecutor, ray_workers
from neuralfinder.search.record import Record
from neuralfinder.seeds import Seeds
from neuralfinder.strategies import Random
from neuralfinder.testing import TOY, ExecutorContract
from neuralfinder.training.clock import Clock
from neuralfinder.types import Candidate, Fidelity, Result

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.thorough]  # warnings are Ray's own


@pytest.fixture(scope="module", autouse=True)
def local() -> Iterator[None]:
    """One start of Ray for the whole module."""
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import the tests
    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False, logging_level="error")
    yield
    ray.shutdown()


class TestRay(ExecutorContract):
    def make(self) -> AbstractContextManager[Executor]:
        @contextmanager
        def begun() -> Iterator[Executor]:
            with ray_workers(2, None, cuda=False) as (executor, slots):
                assert slots == 2
                yield executor

        return begun()


def candidate(id_: int = 0) -> Candidate:
    return Candidate(id_, TOY.target, "init", (), id_, Fidelity(1))


def sleep(candidate: Candidate) -> Result:
    time.sleep(60)
    return TOY.answer(candidate)


def test_stopped_calls_are_cancelled():
    with ray_workers(2, None, cuda=False) as (executor, _):
        futures = [executor.submit(sleep, candidate(n)) for n in range(3)]
        time.sleep(1)
        executor.stop()
        done, pending = wait(futures, timeout=30)
    assert not pending
    assert all(isinstance(future.exception(), CancelledError) for future in done)


class Big:
    """A function that carries data, and counts how often it was unpacked in this process."""

    unpacked = 0

    def __init__(self) -> None:
        self.data = bytes(10**7)

    def __setstate__(self, state: dict[str, bytes]) -> None:
        self.__dict__.update(state)
        Big.unpacked += 1

    def __call__(self, candidate: Candidate) -> Result:
        return Result(candidate.id, min(1.0, Big.unpacked / 100))


def test_data_are_unpacked_once_in_a_worker():
    with ray_workers(1, None, cuda=False) as (executor, _):
        big = Big()
        scores = [executor.submit(big, candidate(n)).result(timeout=60).score for n in range(8)]
    assert scores == [0.01] * 8


def test_a_clock_keeps_its_deadline_in_another_process():
    clock = copy.copy(Clock(time.monotonic() + 50))  # goes the way of pickling
    assert clock.left() == pytest.approx(50, abs=0.5)
    assert not clock.cancelled.is_set()
    assert copy.copy(Clock()).deadline == math.inf


def die(candidate: Candidate) -> Result:
    import os

    os._exit(1)


def dies_sometimes(candidate: Candidate) -> Result:
    if candidate.id == 3:
        die(candidate)
    return TOY.answer(candidate)


def progress() -> Progress:
    return Progress(Random(TOY.space, Seeds(0), Fidelity(1)))


def test_a_worker_that_dies_each_time_is_one_failure(tmp_path: Path):
    with ray_workers(2, None, cuda=False) as (executor, slots), Record(tmp_path / "run.sqlite") as record:
        for _ in search(progress(), executor, dies_sometimes, record, Limits(8), slots):
            pass
        trainings = read_trainings(record.events())
    failures = {candidate.id: result.failure for candidate, result in trainings if result and result.failure}
    assert failures == {3: "lost worker"}
    assert len(trainings) == 8
    assert all(result for _, result in trainings)


def cannot_prepare() -> None:
    die(candidate())


class Unknown:
    """A function that no worker can load, as where a package is not installed."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return __import__, ("no_such_package",)

    def __call__(self, candidate: Candidate) -> Result:
        return TOY.answer(candidate)


def full_disk(candidate: Candidate) -> Result:
    if candidate.id == 5:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return TOY.answer(candidate)


@pytest.mark.parametrize(
    ("fn", "prepare", "words"),
    [
        (Unknown(), None, "cannot begin .*no_such_package.*install"),
        pytest.param(TOY.answer, cannot_prepare, "see to the cluster", marks=pytest.mark.slow),
        (full_disk, None, "No space left"),
    ],
)
def test_what_fails_before_a_network_is_trained_ends_the_run_and_it_goes_on(tmp_path: Path, fn, prepare, words):
    with Record(tmp_path / "run.sqlite") as record:
        with (
            pytest.raises(OSError, match=words),
            ray_workers(1, None, cuda=False, prepare=prepare) as (executor, slots),
        ):
            for _ in search(progress(), executor, fn, record, Limits(8), slots):
                pass
        assert not [result for _, result in read_trainings(record.events()) if result and result.failure]
        again = progress()
        replay(again, record.events())
        with ray_workers(1, None, cuda=False) as (executor, slots):
            for _ in search(again, executor, TOY.answer, record, Limits(8), slots):
                pass
        trainings = read_trainings(record.events())
    assert len(trainings) == 8
    assert all(result and result.score is not None for _, result in trainings)


def test_a_cluster_whose_workers_are_all_taken_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("neuralfinder.search.ray_executor.START_SECONDS", 3.0)
    taken = ray.remote(num_cpus=4)(sleep).remote(candidate())
    time.sleep(1)
    try:
        with (
            ray_workers(2, None, cuda=False) as (executor, _),
            pytest.raises(MachineError, match="began no worker within 3 s; 0 of 4 CPUs are free"),
        ):
            executor.submit(TOY.answer, candidate())
    finally:
        ray.cancel(taken, force=True)


def test_results_do_not_depend_on_who_trained(tmp_path: Path):
    """Random search: the same candidates and scores in process and on two workers."""
    found = []
    for workers in (1, 2):
        with (
            ray_workers(workers, None, cuda=False) as (executor, slots),
            Record(tmp_path / f"{workers}.sqlite") as record,
        ):
            for _ in search(progress(), executor, TOY.answer, record, Limits(30), slots):
                pass
            trainings = read_trainings(record.events())
        found.append({c.genome.key: (c.seed, r and r.score) for c, r in trainings})
    assert found[0] == found[1]
    assert len(found[0]) == 30


@pytest.mark.thorough
@pytest.mark.parametrize("address", [pytest.param("127.0.0.1:1", marks=pytest.mark.slow), "no-such-host.invalid:6379"])
def test_no_cluster_at_an_address_is_an_error_at_once(address):
    ray.shutdown()
    started = time.monotonic()
    with pytest.raises(InputError, match=f"ray is '{address}'.*ray start"), ray_workers(2, address, cuda=False):
        pass
    assert time.monotonic() - started < 10
    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False, logging_level="error")


def test_a_card_that_is_not_there_is_an_error():
    with pytest.raises(InputError, match="card"), ray_workers(2, None, cuda=True):
        pass


def instant(candidate: Candidate) -> Result:
    time.sleep(0.02)
    return TOY.answer(candidate)


@pytest.mark.slow
def test_a_node_killed_half_way_loses_no_candidate(tmp_path: Path):
    """Two nodes, 200 candidates; one node is taken away when half of them are done."""
    ray.shutdown()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    other = cluster.add_node(num_cpus=2)
    cluster.wait_for_nodes()
    ray.init(address=cluster.address, log_to_driver=False)
    try:
        with Record(tmp_path / "run.sqlite") as record:
            executor, running = RayExecutor(1, 0.0), progress()
            for now in search(running, executor, instant, record, Limits(200), 4):
                if other and now.strategy.counts["trained"] >= 100:
                    cluster.remove_node(other)
                    other = None
            trainings = read_trainings(record.events())
        assert other is None
        assert len(trainings) == 200
        assert all(result is not None for _, result in trainings)
        assert all(result.failure in (None, "lost worker") for _, result in trainings if result)
        assert sum(result.failure is None for _, result in trainings if result) >= 190
    finally:
        ray.shutdown()
        cluster.shutdown()
        ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False, logging_level="error")
