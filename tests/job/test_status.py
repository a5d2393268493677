"""What other processes may know of what a run does."""

from __future__ import annotations

import json

import numpy as np
import pytest
from setups import setup_of_digits

from neuralfinder.data import from_arrays, source_of
from neuralfinder.job.run import run
from neuralfinder.job.settings import Settings
from neuralfinder.job.status import FILE, KEEP_EVERY, Status
from neuralfinder.networks.genome import parse
from neuralfinder.training.evaluate import evaluate
from neuralfinder.training.weights import WeightStore
from neuralfinder.types import Candidate, Fidelity


def kept(folder):
    return json.loads((folder / FILE).read_text())


def test_what_is_going_on_is_written_down_and_no_more_often_than_needed(tmp_path, monkeypatch):
    now = 100.0
    monkeypatch.setattr("neuralfinder.job.status.time.monotonic", lambda: now)
    status = Status(started=90.0, budget_seconds=60, file=tmp_path / FILE)
    status.enter("reading")
    status.progress(3, 10)
    assert (kept(tmp_path)["phase"], kept(tmp_path)["done"]) == ("reading", 0)
    now += KEEP_EVERY
    status.progress(4, 10)
    assert (kept(tmp_path)["done"], kept(tmp_path)["total"]) == (4, 10)
    assert kept(tmp_path)["elapsed"] == pytest.approx(10 + KEEP_EVERY)
    assert kept(tmp_path)["left"] == pytest.approx(50 - KEEP_EVERY)
    status.enter("finishing", 3)
    status.train("final-0-0", "C8 > G", 1.0, 4.0, 0.5)
    now += KEEP_EVERY
    status.keep()
    wanted = {"name": "final-0-0", "genome": "C8 > G", "epoch": 1.0, "epochs": 4.0, "accuracy": 0.5}
    assert kept(tmp_path)["training"] == wanted
    status.enter("done")
    assert kept(tmp_path)["training"] == {}


def test_a_folder_that_cannot_be_written_to_harms_nobody(tmp_path):
    Status(file=tmp_path / "gone" / FILE).enter("reading")
    assert not (tmp_path / "gone").exists()


def test_a_training_tells_each_epoch(tmp_path):
    heard = []
    candidate = Candidate(0, parse("C8.bn M > G"), "init", (), 1, Fidelity(3))
    result = evaluate(candidate, setup_of_digits(), WeightStore(tmp_path), told=lambda *said: heard.append(said))
    assert [(epoch, epochs) for epoch, epochs, _ in heard] == [(1, 3), (2, 3), (3, 3)]
    assert heard[-1][2] == result.curve[-1]


def test_a_run_tells_how_far_its_finish_is_and_leaves_no_such_file(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(Status, "keep", lambda self: seen.append((self.file, self.phase, dict(self.training))))
    rng, y = np.random.default_rng(0), np.arange(90) % 2
    data = from_arrays((rng.integers(0, 150, (90, 8, 8)) + 90 * y[:, None, None]).astype(np.uint8), y, "toy")
    settings = Settings(candidates=2, epochs=1, final_epochs=6, finalists=1, world_size=3, seed=0)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / FILE).write_text("{}")  # of a process that was killed
    run(source_of(data), settings, tmp_path / "run", Status())
    phases = list(dict.fromkeys(phase for _, phase, _ in seen))
    assert phases == ["reading", "measuring", "searching", "finishing", "done"]
    assert {file for file, *_ in seen} == {tmp_path / "run" / FILE}
    trained = [training for _, phase, training in seen if phase == "finishing" and training]
    assert trained
    assert all(0 <= training["epoch"] <= training["epochs"] for training in trained)
    assert not (tmp_path / "run" / FILE).exists()
