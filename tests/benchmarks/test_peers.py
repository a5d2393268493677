"""Peers: what becomes of one that answers, breaks, hangs or wants the network; what they get, and the plain script."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

import numpy as np
import peer_models
import peers
import pytest
import suite
from loading import load, write_csv

from neuralfinder.comparison.compare import Row
from neuralfinder.data import Divided, source_of
from neuralfinder.data.splits import limited
from neuralfinder.job.settings import Settings
from neuralfinder.networks.cost import cost
from neuralfinder.networks.genome import parse

MADE = """
import os, subprocess, sys, time, urllib.request
sys.path.insert(0, {benchmarks!r})
import numpy as np
import peer_models

def nearest(task):
    samples, labels = task.all_but_test
    flat, rows = (peer_models.pixels(some).astype(float) for some in (task.test, samples))
    distances = (flat**2).sum(1)[:, None] - 2 * flat @ rows.T + (rows**2).sum(1)
    task.told = dict(model="nearest", seed=task.seed)
    return labels[distances.argmin(1)]

def first_word(task):
    return np.array([text.startswith("good") for text in task.test]).astype(int)

def broken(task):
    raise ValueError("seven is too many")

def silent(task):
    os._exit(3)

def short(task):
    return np.zeros(3, int)

def online(task):
    urllib.request.urlopen("http://example.org")

def endless(task):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (task.folder / "child").write_text(str(child.pid))
    time.sleep(600)

peer_models.PEERS |= dict(nearest=nearest, first_word=first_word, broken=broken, silent=silent, short=short,
    online=online, endless=endless)
peer_models.main(sys.argv[1], peer_models.Path(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def digits():
    return Divided.of(limited(load("digits"), 400), 0)


@pytest.fixture
def row_of(tmp_path, monkeypatch):
    """The row of a made peer, which runs in this environment."""
    script = tmp_path / "made.py"
    script.write_text(MADE.format(benchmarks=str(Path(peers.__file__).parent)))
    monkeypatch.setattr(peers, "MODELS", script)

    def row(name: str, data: Divided, seconds: float = 60.0) -> Row:
        monkeypatch.setitem(peers.PEERS, name, ("json",))
        return peers.measure({name: Path(sys.executable)}, name, data, Settings(minutes=seconds / 60, seed=7), tmp_path)

    return row


# rows


def test_answers_become_a_row(row_of, digits):
    row = row_of("nearest", digits)
    assert row["test_accuracy"] > 0.9
    assert 0 < row["seconds"] < 60
    assert row["told"] == {"model": "nearest", "seed": 7}
    assert row["versions"]["numpy"] == np.__version__
    assert "failure" not in row


def test_texts_come_as_they_are(row_of, tmp_path):
    lines = [(f"{'good' if i % 2 else 'bad'} \u2013 {i} \U0001f600", str(i % 2)) for i in range(60)]
    data = source_of(str(write_csv(tmp_path / "texts.csv", lines))).load(tmp_path)
    assert row_of("first_word", Divided.of(data, 0, together=False))["test_accuracy"] == 1.0


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("broken", "exit code 1: ValueError: seven is too many"),
        ("silent", "exit code 3: it said nothing"),
        ("short", "answers of shape (3,) to 80 samples"),
        ("online", "no network here"),
    ],
)
def test_a_crash_becomes_a_row(row_of, digits, name, why):
    row = row_of(name, digits)
    assert why in row["failure"]
    assert row["versions"]
    assert "test_accuracy" not in row


def test_who_goes_on_is_stopped_with_all_that_it_began(row_of, digits, tmp_path):
    row = row_of("endless", digits, seconds=1.0)
    assert row["failure"] == "stopped after 2 s, 2 times its time"
    assert 2 <= row["seconds"] < 30
    child = Path("/proc", (tmp_path / "child").read_text(), "stat")
    end = time.monotonic() + 10
    while child.exists() and child.read_text().split()[2] != "Z" and time.monotonic() < end:
        time.sleep(0.05)
    assert not child.exists() or child.read_text().split()[2] == "Z"


def test_the_labels_of_the_test_part_stay_here(digits, tmp_path):
    peers.hand_over("optuna-script", digits, Settings(minutes=1), tmp_path)
    with np.load(tmp_path / "data.npz") as data:
        assert {*data} == {"train", "validation", "test", "train_labels", "validation_labels"}
        rows = digits.split.validation
        assert (data["validation"][..., 0] == digits.raw.samples[rows, 0]).all()
        assert (data["validation_labels"] == digits.raw.labels[rows]).all()


# tables


def test_who_cannot_be_installed_is_listed_with_the_reason(tmp_path, monkeypatch, capsys):
    def environment(name, folder):
        if name == "flaml":
            raise peers.NotInstalledError("no wheel for this machine")
        return Path(sys.executable)

    def row(job, runs, measure):
        made = {"suite": job.task.name, "minutes": job.minutes, "seed": job.seed, "method": job.method, "seconds": 9.0}
        return made | ({"failure": "too slow"} if job.seed else {"test_accuracy": 0.5, "task": {"test": 100}})

    monkeypatch.setattr(peers, "environment", environment)
    monkeypatch.setattr(suite, "row_of", row)
    rows = tmp_path / "rows.jsonl"
    peers.main([str(rows), "--minutes", "1", "--seeds", "0", "1", "--methods", "flaml", "autogluon", "linear"])
    assert {row["method"] for row in suite.read(rows).values()} == {"autogluon", "linear"}
    said = capsys.readouterr().out
    assert "flaml could not be installed: no wheel for this machine" in said
    assert "autogluon failed 1 x on digits: too slow" in said
    assert re.search(r"autogluon +9 \(1\) +9 \(1\) +4 +2", said)


def test_peers_are_pinned():
    assert peers.PEERS.keys() == peer_models.PEERS.keys()
    for name in peers.PEERS:
        lines = (peers.PINNED / f"{name}.txt").read_text().splitlines()
        assert lines
        assert all(re.fullmatch(r"#.*|[\w.-]+==[\w.]+", line) for line in lines)


@pytest.mark.slow
def test_an_environment_is_made_once_or_there_is_a_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(peers, "PINNED", tmp_path)
    (tmp_path / "good.txt").write_text("")
    python = peers.environment("good", tmp_path / "made")
    was = python.lstat().st_mtime_ns
    assert peers.environment("good", tmp_path / "made").lstat().st_mtime_ns == was
    (tmp_path / "bad.txt").write_text("./nowhere-1.0-py3-none-any.whl\n")
    with pytest.raises(peers.NotInstalledError, match="nowhere"):
        peers.environment("bad", tmp_path / "made")


# what peers are given


def test_large_pictures_are_means_of_blocks():
    pictures = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 2)).astype(np.uint8)
    means = pictures.reshape(3, 32, 2, 32, 2, 2).mean((2, 4))
    assert peer_models.pixels(pictures) == pytest.approx(means.reshape(3, -1), abs=1e-3)
    small = pictures[:, :32, :20]
    assert (peer_models.pixels(small) == small.reshape(3, -1)).all()


def test_the_plain_script_draws_from_our_space(digits):
    """As many parameters as ours have of the same layers; skips have none."""
    space = peers.space_of(digits, Settings())
    shape, classes = digits.coded.shape, len(digits.coded.classes)
    task = peer_models.Task("picture", classes, 1, 0, Path(), *[np.zeros(0)] * 5, space=space)
    plain = {"kernel": 3, "activation": "relu", "skip": 0, "pool": False}
    layers = [{**plain, "filter": 16, "pool": True}, {**plain, "filter": 48}, {**plain, "filter": 32, "skip": 2}]
    network = peer_models.network(layers, task, shape.channels, None)
    wanted = cost(parse("C16.bn M C48.bn C32.bn.add2 > G"), shape, classes).parameters
    assert sum(parameter.numel() for parameter in network.parameters()) == wanted
    [samples] = peer_models.scaled(digits.raw.samples[:5].transpose(0, 2, 3, 1))
    assert peer_models.answered(network, samples).shape == (5,)


def test_words_are_numbered_by_the_training_part():
    train, test = peer_models.numbered(np.array(["a cat, a dog", "The dog, a cat."]), np.array(["dog mouse"]))
    assert train.tolist() == [[2, 3, 4, 2, 5], [1, 5, 4, 2, 3]]
    assert test.tolist() == [[5, 1, 0, 0, 0]]
