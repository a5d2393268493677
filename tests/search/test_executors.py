"""Every executor keeps the contract; processes share data, die alone, stop at once and leave no orphan."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, wait
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from neuralfinder.errors import MachineError
from neuralfinder.search.archive import read_trainings
from neuralfinder.search.executors import Executor, in_process
from neuralfinder.search.loop import Limits, Progress, search
from neuralfinder.search.process_executor import ProcessExecutor, processes
from neuralfinder.search.record import Record
from neuralfinder.seeds import Seeds
from neuralfinder.strategies import Random
from neuralfinder.testing import TOY, ExecutorContract
from neuralfinder.types import Candidate, Fidelity, Result


class TestInProcess(ExecutorContract):
    def make(self) -> AbstractContextManager[Executor]:
        return in_process()


class TestProcesses(ExecutorContract):
    def make(self) -> AbstractContextManager[Executor]:
        return processes(2)


@pytest.fixture
def two() -> Iterator[ProcessExecutor]:
    with processes(2) as executor:
        yield executor


def process_of(wait: float) -> int:
    time.sleep(wait)
    return os.getpid()


@pytest.mark.thorough
def test_calls_run_beside_each_other_in_other_processes(two: ProcessExecutor):
    pids = {future.result(timeout=60) for future in [two.submit(process_of, 0.5) for _ in range(2)]}
    assert len(pids) == 2
    assert os.getpid() not in pids


class Carrier:
    """A function that counts how often it was unpacked in this process."""

    unpacked = 0

    def __setstate__(self, state: object) -> None:
        Carrier.unpacked += 1

    def __getstate__(self) -> int:
        return 1  # without a state there would be nothing to set

    def __call__(self) -> tuple[int, int]:
        time.sleep(0.2)
        return os.getpid(), Carrier.unpacked


def test_what_a_call_carries_goes_to_a_process_once(two: ProcessExecutor):
    for times, carrier in enumerate((Carrier(), Carrier()), 1):
        answers = {future.result(timeout=60) for future in [two.submit(carrier) for _ in range(4)]}
        assert len({pid for pid, _ in answers}) == 2
        assert {unpacked for _, unpacked in answers} == {times}


def die(status: int) -> None:
    if status < 0:
        os.kill(os.getpid(), -status)
    os._exit(status)


@pytest.mark.thorough
@pytest.mark.parametrize(("status", "failure"), [(3, "lost worker"), (-signal.SIGKILL, "out of memory")])
def test_a_process_that_dies_costs_its_candidate_and_no_other(tmp_path: Path, status: int, failure: str):
    progress = Progress(Random(TOY.space, Seeds(0), Fidelity(1)))
    with processes(2) as executor, Record(tmp_path / "run.sqlite") as record:
        for _ in search(progress, executor, DiesAtThree(status), record, Limits(8), 2):
            pass
        trainings = read_trainings(record.events())
    assert {candidate.id: result.failure for candidate, result in trainings if result and result.failure} == {
        3: failure
    }
    assert len(trainings) == 8
    assert all(result for _, result in trainings)


class DiesAtThree:
    def __init__(self, status: int) -> None:
        self.status = status

    def __call__(self, candidate: Candidate, /) -> Result:
        if candidate.id == 3:
            die(self.status)
        return TOY.answer(candidate)


@pytest.mark.thorough
def test_stopped_calls_are_cancelled_and_others_may_follow(two: ProcessExecutor):
    futures = [two.submit(process_of, 60) for _ in range(3)]
    time.sleep(0.3)
    two.stop()
    _, pending = wait(futures, timeout=10)
    assert not pending
    for future in futures:
        with pytest.raises(CancelledError):
            future.result()
    assert two.submit(process_of, 0).result(timeout=60) != os.getpid()


@pytest.mark.thorough
def test_a_process_that_dies_once_costs_nothing(two: ProcessExecutor, tmp_path: Path):
    assert two.submit(die_once, tmp_path / "died").result(timeout=120) == "alive"


def die_once(mark: Path) -> str:
    if mark.exists():
        return "alive"
    mark.touch()
    os._exit(1)


@pytest.mark.thorough
def test_processes_that_cannot_begin_are_no_candidate_s():
    with processes(1, partial(die, 3)) as executor, pytest.raises(MachineError, match="no process can train"):
        executor.submit(process_of, 0).result(timeout=120)


class Unreadable:
    """What a call carries by the name of a file that is gone."""

    def __reduce__(self) -> tuple[type[Path], tuple[()]]:
        return open, ("/no/such/file",)  # type: ignore[return-value]

    def __call__(self) -> None: ...


def test_what_a_process_cannot_unpack_is_the_machine_s_and_ends_no_process(two: ProcessExecutor):
    with pytest.raises(FileNotFoundError):
        two.submit(Unreadable()).result(timeout=60)
    assert two.submit(process_of, 0).result(timeout=60) != os.getpid()


class OddError(Exception):
    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def raise_odd() -> None:
    raise OddError(1, 2)


def test_an_error_that_cannot_be_sent_is_told_in_words(two: ProcessExecutor):
    with pytest.raises(RuntimeError, match="OddError: 1 and 2"):
        two.submit(raise_odd).result(timeout=60)


PARENT = """
import os, time
from neuralfinder.search.process_executor import processes
if __name__ == "__main__":
    with processes(2) as executor:
        print(*[executor.submit(os.getpid).result() for _ in range(2)], flush=True)
        for _ in range(2):
            executor.submit(time.sleep, 60)
        time.sleep(60)
"""


UNGUARDED = """
from math import sqrt
from neuralfinder.search.process_executor import processes

print("begun")
with processes(1, script=False) as executor:
    print(executor.submit(sqrt, 4.0).result())
"""


def test_processes_without_the_script_need_no_guard_in_it(tmp_path: Path):
    """Whoever fits a finder on several cores need not know that it has processes."""
    (tmp_path / "script.py").write_text(UNGUARDED, "utf-8")
    done = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["begun", "2.0"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes as Linux shows them")
def test_a_killed_caller_leaves_no_process():
    caller = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE)
    assert caller.stdout
    pids = set(map(int, caller.stdout.readline().split()))
    time.sleep(0.3)
    caller.kill()
    caller.wait()
    caller.stdout.close()
    until = time.monotonic() + 10
    while (left := {pid for pid in pids if alive(pid)}) and time.monotonic() < until:
        time.sleep(0.05)
    assert pids
    assert not left


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
