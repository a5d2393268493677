"""The winner leaves the run, is tried on its data, and works where neither run nor data are."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from runs import searched

from neuralfinder.cli import cli
from neuralfinder.cli.program import EXIT_RECEIPT
from neuralfinder.data.pictures import PALETTE, TRANSPARENT
from neuralfinder.job.handing_over import TRIED
from neuralfinder.training.export import receipt
from neuralfinder.training.model import Model

TINY = ("--candidates", "1", "--epochs", "1", "--set", "max_macs=1000000")


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    """A finished run on pictures of mixed sizes and kinds; the folder has data, run and what was exported."""
    root, rng = tmp_path_factory.mktemp("pets"), np.random.default_rng(0)
    for label, bright in (("cat", 0), ("chien |é", 120)):
        (root / "data" / label).mkdir(parents=True)
        for number in range(30):
            pixels = rng.integers(0, 120, (12 + number % 4, 14, 3)) + bright
            picture = Image.fromarray(pixels.astype(np.uint8))
            if number == 3:
                picture.putalpha(100)
            (picture.quantize(16) if number == 5 else picture).save(root / "data" / label / f"{number}.png")
    searched(root / "run", *TINY, str(root / "data"))
    outcome = CliRunner().invoke(cli, ["export", str(root / "run"), "--out", str(root / "out")])
    assert outcome.exit_code == 0, outcome.output
    return root, outcome.output


def test_a_search_leaves_source_and_card_beside_the_weights(pets):
    root, _ = pets
    files = {path.name for path in (root / "run" / "model").iterdir()}
    assert files == {"README.md", "model.safetensors", "network.py", "preprocessing.json"}


def test_one_of_each_odd_kind_is_tried(pets):
    root, printed = pets
    (trial,) = json.loads((root / "out" / receipt.FILE).read_text())
    assert {PALETTE, TRANSPARENT} <= {*trial["kinds"]}
    assert trial["same"] == trial["samples"] >= min(TRIED, 48)  # of 60, 12 are the test part
    assert trial["difference"] <= receipt.TOLERANCE
    assert f"agrees on {trial['same']} of {trial['samples']} samples" in printed
    assert PALETTE in printed


@pytest.mark.thorough
def test_it_works_where_neither_run_nor_data_are(pets, tmp_path):
    root, _ = pets
    shutil.copytree(root / "out", tmp_path / "there")
    file = shutil.copy(root / "data" / "cat" / "5.png", tmp_path / "new.png")
    command = [sys.executable, "-I", "-B", str(tmp_path / "there" / "network.py"), str(file)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split("\t")[1] == Model.load(root / "run").predict(file)[0]


@pytest.mark.thorough
def test_what_fails_is_said_aloud(pets, tmp_path, monkeypatch):
    root, _ = pets
    monkeypatch.setattr("neuralfinder.training.export.receipt.TOLERANCE", 0.0)
    monkeypatch.setattr("neuralfinder.training.model.Model.probabilities", lambda *_: np.full((50, 2), 0.5))
    outcome = CliRunner().invoke(cli, ["export", str(root / "run"), "--out", str(tmp_path)])
    assert outcome.exit_code == EXIT_RECEIPT
    assert "DOES NOT AGREE" in outcome.output
    assert (tmp_path / "network.py").exists()


def test_without_data_there_is_no_receipt_and_it_says_so(pets, tmp_path):
    root, _ = pets
    shutil.copytree(root / "run", tmp_path / "run")
    outcome = CliRunner().invoke(cli, ["export", str(tmp_path / "run"), "--no-receipt"])
    assert outcome.exit_code == 0, outcome.output
    assert "nothing was tried" in outcome.output
    assert not (tmp_path / "run" / "export" / receipt.FILE).exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--to", "caffe"], "code"), (["--quantize", "int8"], "--to onnx"), (["--to", ""], "code")],
)
def test_what_cannot_be_is_refused_in_words(pets, tmp_path, words, said):
    outcome = CliRunner().invoke(cli, ["export", str(pets[0] / "run"), "--out", str(tmp_path / "none"), *words])
    assert outcome.exit_code != 0
    assert said in str(outcome.exception)
    assert not (tmp_path / "none").exists()


@pytest.mark.thorough
def test_whole_numbers_are_measured_beside_the_others(pets, tmp_path):
    pytest.importorskip("onnxruntime")
    words = ["export", str(pets[0] / "run"), "--out", str(tmp_path), "--to", "onnx", "--quantize", "int8"]
    outcome = CliRunner().invoke(cli, words)
    assert outcome.exit_code == 0, outcome.output
    *_, trial = json.loads((tmp_path / receipt.FILE).read_text())
    assert (tmp_path / trial["file"]).stat().st_size == trial["bytes"][1] < trial["bytes"][0]
    assert trial["samples"] == json.loads((pets[0] / "run" / "result.json").read_text())["data"]["validation"]
    assert all(0 <= accuracy <= 1 for accuracy in trial["accuracy"])
    assert "accuracy on" in outcome.output
