"""A run from data to model: its folder, interrupts, kills and resuming."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from neuralfinder.data import from_arrays, source_of
from neuralfinder.data.sources.in_memory import InMemory
from neuralfinder.errors import InputError, MachineError, RunFolderError
from neuralfinder.job.forecast import SAFETY
from neuralfinder.job.interrupts import Interrupts
from neuralfinder.job.run import _Run, run
from neuralfinder.job.settings import Settings
from neuralfinder.job.status import Status
from neuralfinder.job.workers import CANDIDATES
from neuralfinder.networks.cost import Rates, cost
from neuralfinder.networks.genome import parse
from neuralfinder.search.archive import Archive, read_trainings
from neuralfinder.search.events import FullyTrained, Stopped
from neuralfinder.search.record import Record
from neuralfinder.types import Candidate, Fidelity, Result

PROMISED = {
    "status", "validation_accuracy", "test_accuracy", "test_interval", "parameters", "candidates", "seconds",
    "verdict", "cautions", "budget_seconds", "genome", "seed", "preset", "strategy", "device", "versions", "baselines",
}  # fmt: skip
"""Keys of `result.json` that other programs may rely on: design.md, section 4."""


@pytest.fixture(autouse=True, scope="module")
def _own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def source(seed=0):
    """Two classes of 8x8 pictures, one brighter."""
    rng = np.random.default_rng(seed)
    y = np.arange(90) % 2
    data = from_arrays((rng.integers(0, 150, (90, 8, 8)) + 90 * y[:, None, None]).astype(np.uint8), y, "toy")
    return source_of(data)


SMALL = {
    "candidates": 4, "epochs": 1, "final_epochs": 2, "finalists": 1, "world_size": 3, "seed": 0,
    "options": {"max_macs": 10**6},
}  # fmt: skip


def small(**changes):
    return Settings(**{**SMALL, **changes})


def contents(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def outcome(folder):
    """What must not depend on kills: candidates, scores, winner, figures and weights."""
    with Record(folder / "run.sqlite", readonly=True) as record:
        trainings = [(c, r and (r.score, r.failure, r.curve)) for c, r in read_trainings(record.events())]
    result = json.loads((folder / "result.json").read_text())
    # not the hand-made network, whose share of the time depends on the measured speed of the machine
    figures = ("genome", "validation_accuracy", "test_accuracy", "curve", "parameters", "candidates")
    weights = hashlib.sha256((folder / "model" / "model.safetensors").read_bytes()).hexdigest()
    return trainings, {name: result[name] for name in figures}, weights


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "deep" / "run"
    status = Status()
    model, result = run(source(), small(), folder, status)
    return folder, model, result, status


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes on Linux alone")
def test_a_folder_whose_name_is_no_text_is_refused_at_once(tmp_path):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    with pytest.raises(RunFolderError, match="udce9' is a path that is not UTF-8.*give another --run"):
        run(source(), small(), folder, Status())
    assert not folder.exists()


def test_the_files_of_a_run(finished):
    folder, *_ = finished
    files = contents(folder)
    assert [file for file in files if not file.startswith("weights/")] == [
        ".lock",
        "model/model.safetensors",
        "model/network.py",
        "model/preprocessing.json",
        "result.json",
        "run.sqlite",
    ]
    with Record(folder / "run.sqlite", readonly=True) as record:
        *rounds, last = [event.data["name"] for event in record.read() if event.kind == "final"]
    assert last == "last"
    for name in rounds:
        assert {f"weights/{name}.safetensors", f"weights/{name}.trunk.safetensors"} <= {*files}
    assert "weights/last.safetensors" in files
    assert "weights/last.trunk.safetensors" not in files
    assert not [file for file in files if file.endswith(".part")]


def test_the_keys_of_the_result(finished):
    folder, _, result, _ = finished
    written = json.loads((folder / "result.json").read_text())
    assert written == json.loads(json.dumps(result))
    assert written.keys() >= PROMISED
    assert written["status"] == "done"
    assert written["interrupted"] is False
    assert written["candidates"].keys() >= {"requested", "trained", "failed", "cached"}
    assert written["candidates"]["trained"] == 4
    assert written["seconds"].keys() == {"search", "finish", "training", "training_predicted", "total"}
    assert 0 < written["seconds"]["search"] + written["seconds"]["finish"] <= written["seconds"]["total"]
    assert written["budget_seconds"] is None
    assert written["strategy"] == "artificial-life"
    low, high = written["test_interval"]
    assert 0 <= low <= written["test_accuracy"] <= high <= 1
    assert written["baselines"].keys() == {"majority class", "logistic regression", "small network"}


def test_the_record_is_in_order(finished):
    folder, _, result, _ = finished
    with Record(folder / "run.sqlite", readonly=True) as record:
        kinds = [event.kind for event in record.read()]
        assert record.last("finished").data == json.loads(json.dumps(result))
    assert kinds[:4] == ["run", "data", "experience", "plan"]
    assert kinds[4:12] == ["asked", "result"] * 4
    assert kinds[12:] == ["stop", *["final"] * (len(kinds) - 15), "answers", "finished"]


def test_the_model_returned_is_the_model_written(finished):
    from neuralfinder.training.model import Model

    folder, model, result, _ = finished
    pictures = np.random.default_rng(1).integers(0, 256, (5, 1, 8, 8)).astype(np.uint8)
    np.testing.assert_allclose(
        Model.load(folder).probabilities(pictures), model.probabilities(pictures), rtol=0, atol=1e-6
    )
    assert model.genome.key == result["genome"]


def test_the_status_ends_done(finished):
    *_, result, status = finished
    assert status.phase == "done"
    assert status.counts["trained"] == 4
    with Record(finished[0] / "run.sqlite", readonly=True) as record:
        scores = [event.data["score"] for event in record.read() if event.kind == "result"]
    assert status.best == max(scores)
    assert result["validation_accuracy"] <= 1


def test_a_finished_run_trains_nothing(finished, monkeypatch):
    folder, model, result, _ = finished
    monkeypatch.setattr("neuralfinder.job.run._Run", None)
    before = (folder / "run.sqlite").read_bytes()
    again, figures = run(source(), small(), folder, Status())
    assert figures == json.loads(json.dumps(result))
    assert again.genome == model.genome
    assert (folder / "run.sqlite").read_bytes() == before


def test_equal_seeds_give_equal_runs_and_others_do_not(finished, tmp_path):
    run(source(), small(), tmp_path / "same", Status())
    assert outcome(tmp_path / "same") == outcome(finished[0])
    run(source(), small(seed=1), tmp_path / "other", Status())
    assert outcome(tmp_path / "other")[0] != outcome(finished[0])[0]


class Killed(BaseException):
    """Stands in for the power plug."""


def killing(monkeypatch, name, at):
    """Let the `at`-th call of a method die before it does anything."""
    calls = []
    home, _, method = name.rpartition(".")
    module, _, kind = home.rpartition(".")
    owner = getattr(sys.modules[module], kind)
    real = getattr(owner, method)

    def dying(*args, **kwargs):
        calls.append(args)
        if len(calls) == at:
            raise Killed
        return real(*args, **kwargs)

    monkeypatch.setattr(owner, method, dying)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "at"),
    [
        *[("neuralfinder.search.record.Record.append", at) for at in (2, 3, 4, 9, 11, 12, 13, 14)],
        ("neuralfinder.training.model.Model.save", 1),
        ("neuralfinder.job.outcome.write", 1),
        ("neuralfinder.search.loop.Progress.tell", 2),
    ],
)
def test_a_death_at_any_station_changes_nothing(finished, tmp_path, name, at):
    folder = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        killing(patch, name, at)
        with pytest.raises(Killed):
            run(source(), small(), folder, Status())
    run(source(), small(), folder, Status())
    assert outcome(folder) == outcome(finished[0])


def full_at(patch, at):
    """Let the disk be full at the `at`-th write of a file or of the record; returns the writes so far."""
    calls, sync, append = [], os.fsync, Record.append

    def count():
        calls.append(1)
        return len(calls) == at

    def syncing(file):
        if count():
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(file)

    def appending(record, *what):
        if count():
            raise MachineError.of(OSError(errno.ENOSPC, "database or disk is full"), record._path)
        return append(record, *what)

    patch.setattr("os.fsync", syncing)
    patch.setattr(Record, "append", appending)
    return calls


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(3))
def test_a_disk_that_is_full_at_some_writes_changes_nothing(finished, tmp_path, seed):
    folder, rng, stopped, writes = tmp_path / "run", np.random.default_rng(seed), 0, 0
    for at in [*rng.integers(1, 40, 2), None]:
        with pytest.MonkeyPatch.context() as patch:
            calls = full_at(patch, at)
            try:
                run(source(), small(), folder, Status())
            except MachineError as error:
                assert f"free space in {folder}" in str(error)
                stopped += 1
        writes += len(calls)
        assert not list(folder.rglob("*.part"))
    assert stopped
    assert writes > 20
    assert outcome(folder) == outcome(finished[0])


@pytest.mark.parametrize("spoilt", ["final-0-[0-9].safetensors", "final-0-*.trunk.safetensors", "last.safetensors"])
def test_spoilt_weights_are_trained_again(finished, tmp_path, spoilt):
    folder = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        killing(patch, "neuralfinder.training.model.Model.save", 1)
        with pytest.raises(Killed):
            run(source(), small(), folder, Status())
    file = min((folder / "weights").glob(spoilt))
    file.write_bytes(b"")
    status = Status()
    run(source(), small(), folder, status)
    name = file.name.partition(".")[0]
    assert f"weights that are spoilt or another network's were deleted: {name}" in status.lines
    assert f"{name} is trained again: its weights are gone, spoilt or exchanged" in status.lines
    assert outcome(folder) == outcome(finished[0])


@pytest.mark.parametrize("gone", ["run.sqlite", "."])
def test_a_run_folder_that_is_deleted_ends_the_run_in_words(tmp_path, monkeypatch, gone):
    folder, real = tmp_path / "run", sys.modules["neuralfinder.job.run"].evaluate

    def deleting(candidate, setup, store, **how):
        result = real(candidate, setup, store, **how)
        if candidate.id == 1:
            shutil.rmtree(folder) if gone == "." else (folder / gone).unlink()
        return result

    monkeypatch.setattr("neuralfinder.job.run.evaluate", deleting)
    with pytest.raises(MachineError, match="run.sqlite cannot be used.*see to the disk or mount"):
        run(source(), small(), folder, Status())


def test_recorded_trainings_are_not_trained_again(finished, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        killing(patch, "neuralfinder.search.record.Record.append", 11)  # asked 3
        with pytest.raises(Killed):
            run(source(), small(), folder, Status())
    trained = []
    real = sys.modules["neuralfinder.job.run"].evaluate

    def watched(candidate, setup, store, **how):
        trained.append(candidate.id)
        return real(candidate, setup, store, **how)

    monkeypatch.setattr("neuralfinder.job.run.evaluate", watched)
    _, result = run(source(), small(), folder, Status())
    assert trained == [3]
    assert result["candidates"]["trained"] == 4


@pytest.mark.thorough
def test_the_sweep_keeps_the_weights_of_the_leaders(tmp_path):
    folder = tmp_path / "run"
    run(source(), small(candidates=9, finalists=2, experience="off"), folder, Status())
    with Record(folder / "run.sqlite", readonly=True) as record:
        from neuralfinder.search.archive import read_archive

        leaders = {str(entry.candidates[0].id) for entry in read_archive(record.events()).best(2)}
        trained = {event.name for event in record.events() if isinstance(event, FullyTrained)}
    kept = {path.stem for path in (folder / "weights").iterdir()}
    assert leaders | trained <= kept
    assert "last" in trained


@pytest.mark.thorough
def test_every_improvement_is_written(tmp_path, monkeypatch):
    written = []
    real = sys.modules["neuralfinder.job.outcome"].write

    def watched(folder, result):
        written.append(result)
        real(folder, result)

    monkeypatch.setattr("neuralfinder.job.outcome.write", watched)
    run(source(), small(candidates=9), tmp_path / "run", Status())
    *improvements, last = written
    assert last["status"] == "done"
    assert {row["status"] for row in improvements} == {"searching"}
    scores = [row["validation_accuracy"] for row in improvements]
    assert scores == sorted(set(scores))
    assert len(scores) >= 1


@pytest.mark.parametrize("small_lead", [True, False])
def test_the_search_gets_what_the_finish_of_its_leaders_does_not_need(tmp_path, monkeypatch, small_lead):
    reached = []

    class AtFinish(Exception):  # noqa: N818 - ends the run there
        pass

    def stop(trainer, forecast, setup, samples, archive, inherit, rival):
        reached.append((forecast, archive))
        raise AtFinish

    def scored(candidate, setup, store, **_):
        size = cost(candidate.genome, setup.shape, setup.classes).macs
        return Result(candidate.id, 1 / size if small_lead else 1 - 1 / size)

    monkeypatch.setattr("neuralfinder.job.run.measure", lambda *_: Rates(step=1e-3, mac=1e-8))
    monkeypatch.setattr("neuralfinder.job.run.evaluate", scored)
    monkeypatch.setattr("neuralfinder.job.run.finish", stop)
    epochs = 300 if small_lead else 1000
    with pytest.raises(AtFinish):
        run(
            source(),
            Settings(minutes=2, strategy="random", final_epochs=epochs, experience="off"),
            tmp_path / "run",
            Status(),
        )
    [(forecast, archive)] = reached
    plan = forecast.plan
    leaders = archive.best(plan.finish.finalists)
    wanted = max(forecast.finish(entry.genome) for entry in leaders)
    searched = plan.work - forecast.left
    candidate = searched / len(archive)
    if small_lead:
        assert searched > 1.3 * plan.search.seconds
        assert wanted - candidate < forecast.left < wanted + 5 * candidate
    else:
        assert searched == pytest.approx(SAFETY * plan.search.seconds, abs=5 * candidate)
        assert forecast.left == pytest.approx(SAFETY * plan.finish.seconds, abs=5 * candidate)
        assert wanted > forecast.left


def test_failures_are_counted_and_the_rest_wins(tmp_path, monkeypatch):
    real = sys.modules["neuralfinder.job.run"].evaluate

    def sometimes(candidate, setup, store, **how):
        if candidate.id % 2:
            return Result(candidate.id, None, "out of memory", "1,000 parameters: no room")
        return real(candidate, setup, store, **how)

    monkeypatch.setattr("neuralfinder.job.run.evaluate", sometimes)
    _, result = run(source(), small(), tmp_path / "run", Status())
    assert (result["candidates"]["trained"], result["candidates"]["failed"]) == (2, 2)
    assert 0 <= result["test_accuracy"] <= 1


def test_all_that_computes_does_so_in_one_thread(tmp_path, monkeypatch):
    """Two threads that use torch have two teams of helpers, which slow each other down."""
    threads = {}

    def watched(module, name):
        real = getattr(sys.modules[module], name)

        def called(*args, **kwargs):
            threads.setdefault(name, set()).add(threading.get_ident())
            return real(*args, **kwargs)

        monkeypatch.setattr(f"{module}.{name}", called)

    watched("neuralfinder.job.run", "measure")
    watched("neuralfinder.job.run", "evaluate")
    watched("neuralfinder.job.trainer", "evaluate")
    watched("neuralfinder.job.finish", "fit_linear")
    watched("neuralfinder.training.model", "predict_logits")
    run(source(), small(), tmp_path / "run", Status())
    assert threads.keys() == {"measure", "evaluate", "fit_linear", "predict_logits"}
    assert len(set.union(*threads.values())) == 1
    assert threading.get_ident() not in threads["measure"]


def test_pictures_left_by_a_kill_at_the_end_are_deleted(tmp_path):
    run(source(), small(), tmp_path / "run", Status())
    left = tmp_path / "run" / "images.npy"
    left.write_bytes(b"")
    run(source(), small(), tmp_path / "run", Status())
    assert not left.exists()


def test_the_first_interrupt_is_noted_and_the_second_raises():
    answers = []
    interrupts = Interrupts(lambda: answers.append("noted"))
    before = signal.getsignal(signal.SIGINT)
    with interrupts.watched():
        signal.raise_signal(signal.SIGINT)
        assert interrupts.first.is_set()
        assert not interrupts.second.is_set()
        assert answers == ["noted"]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert interrupts.second.is_set()
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_request_to_end_is_as_one_interrupt_however_often_it_comes(name):
    number, answers = getattr(signal, name), []
    interrupts, before = Interrupts(lambda: answers.append("noted")), signal.getsignal(number)
    with interrupts.watched():
        for _ in range(3):
            signal.raise_signal(number)
        assert (answers, interrupts.first.is_set(), interrupts.second.is_set()) == (["noted"], True, False)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(number) == before
    signal.signal(number, signal.SIG_IGN)
    try:
        with Interrupts(lambda: answers.append("heard")).watched():
            signal.raise_signal(number)
    finally:
        signal.signal(number, before)
    assert answers == ["noted"]


def test_an_interrupt_while_searching_finishes_with_the_best_so_far(tmp_path, monkeypatch):
    real = sys.modules["neuralfinder.job.run"].evaluate

    def interrupted(candidate, setup, store, **how):
        if candidate.id == 3:
            signal.raise_signal(signal.SIGINT)
        return real(candidate, setup, store, **how)

    monkeypatch.setattr("neuralfinder.job.run.evaluate", interrupted)
    status = Status()
    _, result = run(source(), small(candidates=500, epochs=3), tmp_path / "run", status)
    assert result["interrupted"] is True
    assert result["status"] == "done"
    assert 3 <= result["candidates"]["trained"] <= 5
    assert any(line.startswith("interrupted: finishing with the best so far") for line in status.lines)
    assert any(re.fullmatch(r"done in about \d+ s", line) for line in status.lines)
    with Record(tmp_path / "run" / "run.sqlite", readonly=True) as record:
        assert record.last("stop").data == {"reason": "interrupted", "slots": 1}


def slowly(monkeypatch, seconds, also=lambda: None):
    """Reading takes so long for each of 90 samples."""
    read, real = [], InMemory.load

    def load(self, scratch, progress):
        for done in range(90):
            read.append(done)
            time.sleep(seconds)
            also()
            progress(done, 90)
        return real(self, scratch, progress)

    monkeypatch.setattr(InMemory, "load", load)
    return read


def test_reading_that_takes_longer_than_the_minutes_ends_with_them(tmp_path, monkeypatch):
    began, read = time.monotonic(), slowly(monkeypatch, 0.1)
    with pytest.raises(InputError, match=r"minutes is 0.01, in which \d of 90 samples were read; .* which is 0\.\d"):
        run(source(), small(minutes=0.01, candidates=None, epochs=None), tmp_path / "run", Status())
    assert len(read) < 10
    assert time.monotonic() - began < 30


def test_an_interrupt_while_reading_leaves_at_once_and_the_run_can_be_called_again(finished, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        read = slowly(patch, 0.0, lambda: signal.raise_signal(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            run(source(), small(), tmp_path / "run", Status())
    assert read == [0]
    run(source(), small(), tmp_path / "run", Status())
    assert outcome(tmp_path / "run") == outcome(finished[0])


def test_a_second_interrupt_leaves_a_run_that_goes_on(finished, tmp_path, monkeypatch):
    real = sys.modules["neuralfinder.job.run"].evaluate
    seen = []

    def interrupted(candidate, setup, store, **how):
        seen.append(candidate.id)
        if candidate.id == 2 and seen.count(2) == 1:
            for _ in range(2):
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
                time.sleep(0.3)  # two signals at the same moment are one
        return real(candidate, setup, store, **how)

    monkeypatch.setattr("neuralfinder.job.run.evaluate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(source(), small(), tmp_path / "run", Status())
    assert not (tmp_path / "run" / "model").exists()
    run(source(), small(), tmp_path / "run", Status())
    assert outcome(tmp_path / "run") == outcome(finished[0])


# real processes

SCRIPT = "from neuralfinder.cli import main; main()"


def begin(folder, *arguments):
    """A search of the digits in a process of its own."""
    command = [sys.executable, "-c", SCRIPT, "search", *arguments, "--run", folder]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        start_new_session=True,
    )


def wait_for(folder, kind, count=1, seconds=60):
    """Wait until the record has so many events of a kind."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if (folder / "run.sqlite").exists():
            try:
                with Record(folder / "run.sqlite", readonly=True) as record:
                    if sum(event.kind == kind for event in record.read()) >= count:
                        return
            except ValueError:
                pass  # the record is being made
        time.sleep(0.02)
    raise AssertionError(f"no {count} events {kind} within {seconds} s")


@pytest.mark.slow
def test_ctrl_c_once_finishes_and_twice_leaves(tmp_path):
    arguments = ("--candidates", "300", "--epochs", "1", "--final-epochs", "2", "--finalists", "1")
    once = begin(tmp_path / "once", *arguments)
    wait_for(tmp_path / "once", "result", 2)
    once.send_signal(signal.SIGINT)
    said, _ = once.communicate(timeout=60)
    assert once.returncode == 0, said
    assert "interrupted: finishing with the best so far" in said
    result = json.loads((tmp_path / "once" / "result.json").read_text())
    assert result["interrupted"] is True
    assert result["candidates"]["trained"] >= 2
    assert (tmp_path / "once" / "model" / "model.safetensors").exists()

    few = ("--candidates", "12", *arguments[2:])
    twice = begin(tmp_path / "twice", *few)
    wait_for(tmp_path / "twice", "result", 2)
    twice.send_signal(signal.SIGINT)
    time.sleep(0.02)
    twice.send_signal(signal.SIGINT)
    said, _ = twice.communicate(timeout=60)
    assert twice.returncode == 130, said
    assert "goes on" in said
    assert "Traceback" not in said
    assert not (tmp_path / "twice" / "model").exists()
    again = begin(tmp_path / "twice", *few)
    said, _ = again.communicate(timeout=120)
    assert again.returncode == 0, said
    assert json.loads((tmp_path / "twice" / "result.json").read_text())["candidates"]["trained"] >= 2


@pytest.mark.slow
def test_ctrl_c_twice_while_torch_is_loaded(tmp_path):
    process = begin(tmp_path / "run", "--candidates", "2")
    time.sleep(0.6)
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.01)
    said, _ = process.communicate(timeout=60)
    assert process.returncode in (130, -signal.SIGINT), said  # the second may come when Python is leaving already
    assert "Traceback" not in said


FEW = (
    "--candidates", "2", "--epochs", "1", "--final-epochs", "1", "--finalists", "1", "--world-size", "3",
    "--set", "max_macs=200000",
)  # fmt: skip


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full device as Linux has it")
@pytest.mark.parametrize(
    "end",
    [
        pytest.param("| head -1", marks=pytest.mark.slow),
        pytest.param(">&- 2>&-", marks=pytest.mark.slow),
        pytest.param("> /dev/full 2> /dev/full", marks=pytest.mark.thorough),
    ],
)
def test_standard_output_that_nobody_takes_does_not_end_a_run(tmp_path, end):
    words = [sys.executable, "-c", SCRIPT, "search", *FEW, "--run", tmp_path / "run"]
    command = f"{shlex.join(map(str, words))} {end}"
    command = ["bash", "-c", f"set -o pipefail; {command}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((tmp_path / "run" / "result.json").read_text())["status"] == "done"
    with Record(tmp_path / "run" / "run.sqlite", readonly=True) as record:
        assert record.last("finished")


@pytest.mark.thorough
def test_files_that_may_not_grow_end_a_run_with_a_code_of_its_own_and_it_goes_on(tmp_path):
    resource = pytest.importorskip("resource")
    command = [sys.executable, "-c", SCRIPT, "search", *FEW, "--run", str(tmp_path / "run")]
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100, preexec_fn=limited)
    assert done.returncode == 5, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert str(tmp_path / "run") in done.stderr
    assert "goes on" in done.stderr
    assert subprocess.run(command, capture_output=True, check=False, timeout=100).returncode == 0
    assert json.loads((tmp_path / "run" / "result.json").read_text())["candidates"]["failed"] == 0


def kill_and_resume(folder, arguments, moments):
    """The same command, killed after each number of seconds, then left alone; returns how often it was killed."""
    killed = 0
    for moment in [*moments, None]:
        process = begin(folder, *arguments)
        try:
            said, _ = process.communicate(timeout=moment or 120)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            killed += 1
            continue
        assert process.returncode == 0, said
    return killed


KILLED = ("--candidates", "12", "--epochs", "1", "--final-epochs", "2", "--finalists", "2", "--world-size", "3")


def undisturbed(folder, *arguments):
    process = begin(folder, *arguments)
    started = time.monotonic()
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    return time.monotonic() - started


@pytest.mark.slow
def test_two_kills_change_nothing(tmp_path):
    seconds = undisturbed(tmp_path / "whole", *KILLED)
    assert kill_and_resume(tmp_path / "killed", KILLED, [0.6 * seconds, 0.8 * seconds]) >= 1
    assert outcome(tmp_path / "killed") == outcome(tmp_path / "whole")


@pytest.fixture
def one_thread():
    """Sums depend on the number of threads in their last digits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.thorough
def test_two_workers_find_what_one_does(tmp_path, one_thread):
    """Random search proposes the same in whatever order results come."""
    found = []
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        run(source(), small(strategy="random", world_size=None, workers=workers), folder, Status())
        with Record(folder / "run.sqlite", readonly=True) as record:
            trainings = read_trainings(record.events())
            assert record.latest(Stopped).slots == workers
        found.append({c.genome.key: (c.seed, r.score, r.curve, r.failure) for c, r in trainings})
        assert not (folder / "shared").exists()
    assert found[0] == found[1]
    assert len(found[0]) == SMALL["candidates"]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("does_most", "slots"),
    [pytest.param(1, 1, marks=pytest.mark.slow), (2, 2), pytest.param(8, 3, marks=pytest.mark.slow)],
)
def test_auto_takes_as_many_as_do_most_and_have_enough_to_do(tmp_path, monkeypatch, does_most, slots):
    monkeypatch.setattr("neuralfinder.job.workers.side_by_side", lambda step: step() or does_most)
    settings = small(strategy="random", world_size=None, workers="auto", candidates=3 * CANDIDATES)
    run(source(), settings, tmp_path, Status())
    with Record(tmp_path / "run.sqlite", readonly=True) as record:
        assert record.latest(Stopped).slots == slots


def test_the_best_shown_falls_with_its_mean_as_in_the_leaderboard():
    station = object.__new__(_Run)
    station.status, station.last = Status(), None
    archive, genome = Archive(), parse("C8 > G")
    seen = SimpleNamespace(strategy=SimpleNamespace(counts={}, view=dict), archive=archive, last=None)
    for id_, (score, best) in enumerate([(0.9, 0.9), (0.5, 0.7)]):
        archive.add(Candidate(id_, genome, "cross", (), id_, Fidelity(1), repeat=id_), Result(id_, score))
        assert station._show(seen)
        assert station.status.best == pytest.approx(best)
    assert not station._show(seen)
