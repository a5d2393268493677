"""The command line: outcomes, refusals with exit code 2 and a mend, and never a traceback."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neuralfinder import cli
from neuralfinder.networks.forms import from_seed
from neuralfinder.search.record import Record
from neuralfinder.types import Result

FEW = ("--candidates", "2", "--epochs", "1", "--final-epochs", "1", "--finalists", "1")
SMALL = (*FEW, "--set", "max_macs=1000000")


@pytest.fixture(autouse=True, scope="module")
def _own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


class Outcome:
    """Exit code and what was written; nothing that ends here may be a traceback."""

    def __init__(self, code, out, err):
        assert "Traceback" not in out + err
        self.code, self.out, self.err = code, out, err

    def refused(self, *texts):
        """Exit code 2 and one line that has these texts."""
        assert self.code == 2, self.out + self.err
        for text in texts:
            assert text in self.err
        return self


def _call(arguments):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["neuralfinder", *map(str, arguments)])
        patch.setattr("neuralfinder.cli.searching.STARTED", time.monotonic())
        out, err = io.StringIO(), io.StringIO()
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        with pytest.raises(SystemExit) as left:
            cli.main()
    return Outcome(left.value.code or 0, out.getvalue(), err.getvalue())


def call(*arguments):
    """The command in this process, where torch is loaded already."""
    return _call(arguments)


def pictures(root, counts=(("cat", 8), ("dog", 8)), size=(8, 8)):
    """A folder of classes that differ in brightness."""
    rng = np.random.default_rng(0)
    for place, (name, count) in enumerate(counts):
        (root / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            pixels = rng.integers(0, 60, (*size, 3)) + 150 * (place % 2)
            Image.fromarray(pixels.astype(np.uint8)).save(root / name / f"{i}.png")
    return root


@pytest.fixture(scope="module")
def digits_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "digits"
    outcome = _call(["search", *SMALL, "--candidates", 5, "--run", folder])
    assert outcome.code == 0, outcome.err
    return folder, outcome


@pytest.fixture(scope="module")
def pets_run(tmp_path_factory):
    """A run on a folder of pictures; returns data and run folder."""
    root = tmp_path_factory.mktemp("pets")
    data = pictures(root / "pets", (("cat", 10), ("chien", 10), ("猫", 10)))
    assert _call(["search", data, *SMALL, "--run", root / "run", "--quiet"]).code == 0
    return data, root / "run"


# what a run prints and leaves


def test_a_search_prints_plan_and_outcome(digits_run):
    folder, outcome = digits_run
    lines = outcome.out.splitlines()
    assert lines[0] == f"NeuralFinder 1.0.0: digits, seed 0, preset fast, into {folder}"
    starts = [line.split()[0] for line in lines]
    assert [s for s in starts if s in ("data", "search", "world", "finish", "verdict", "test", "work", "files")] == [
        "data", "search", "world", "finish", "verdict", "test", "work", "files",
    ]  # fmt: skip
    assert "5 candidates trained (0 stopped early), 0 failed" in outcome.out
    assert "\x1b" not in outcome.out
    assert "\r" not in outcome.out
    assert outcome.out.endswith("\n")
    assert outcome.err == ""
    result = json.loads((folder / "result.json").read_text())
    assert f"test      {result['test_accuracy']:.2%}" in outcome.out
    assert f"verdict   {result['verdict']}\n" in outcome.out
    assert re.search(rf"^(found|by hand) +{re.escape(result['genome'])}$", outcome.out, re.MULTILINE)


def test_quiet_prints_nothing_but_the_outcome(digits_run):
    outcome = call("search", *SMALL, "--candidates", 5, "--run", digits_run[0], "--quiet")
    assert outcome.code == 0
    assert outcome.out.startswith("verdict   ")


def test_top_in_four_forms(digits_run):
    folder, _ = digits_run
    rows = json.loads(call("top", folder, "--format", "json").out)
    assert [row["rank"] for row in rows] == [1, 2, 3, 4, 5]
    assert sorted(row["id"] for row in rows) == [0, 1, 2, 3, 4]
    scores = [row["validation_accuracy"] for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert all(0.05 < score <= 1 for score in scores)

    table = list(csv.DictReader(io.StringIO(call("top", folder, "--format", "csv").out)))
    rows = [{**row, "parents": " ".join(map(str, row["parents"]))} for row in rows]
    assert [{k: "" if v is None else str(v) for k, v in row.items()} for row in rows] == table

    seeds = [from_seed(line) for line in call("top", folder, "--format", "seed").out.splitlines()]
    assert [(genome.key, name) for genome, name, _ in seeds] == [(row["genome"], row["name"]) for row in rows]
    assert [score for _, _, score in seeds] == pytest.approx(scores, abs=1e-6)

    lines = call("top", folder).out.splitlines()
    assert lines[0].split("  ")[-1] == "genome"
    assert "short score  full training" in lines[0]
    assert [line.replace(", winner", "").split()[:3] for line in lines[1 : len(rows) + 1]] == [
        [str(row["rank"]), row["name"], f"{row['validation_accuracy']:.2%}"] for row in rows
    ]


def test_top_counts(digits_run):
    folder, _ = digits_run
    everything = call("top", folder, "--format", "csv").out.splitlines()
    assert call("top", folder, "--format", "csv", "--count", 2).out.splitlines() == everything[:3]
    assert call("top", folder, "--format", "csv", "--count", 999).out.splitlines() == everything
    call("top", folder, "--count", 0).refused("0 is not in the range", "--count")
    call("top", folder, "--format", "xml").refused("'xml'", "table", "seed")


def test_show_says_what_a_run_found(digits_run):
    folder, outcome = digits_run
    shown = call("show", folder).out
    assert shown.startswith("data      digits\nsettings  candidates 5, metric accuracy, preset fast, seed 0")
    for line in outcome.out.splitlines()[-8:-1]:
        assert line in shown


def test_show_a_candidate(digits_run):
    folder, _ = digits_run
    best = json.loads(call("top", folder, "--format", "json").out)[0]
    lines = call("show", folder, best["id"]).out.splitlines()
    assert lines[0] == f"candidate {best['id']}, init"
    assert lines[1] == f"genome    {best['genome']}"
    assert lines[2].startswith(f"score     {best['validation_accuracy']:.2%} on validation after ")
    assert lines[3] == f"curve     {best['validation_accuracy']:.1%}"
    assert lines[4].split() == ["layers", "picture", "1x8x8"]
    assert f"cost      {best['parameters']:,} parameters" in "\n".join(lines)
    for id_ in ("5", "-1", "99999999999999999999"):
        call("show", folder, "--", id_).refused(f"candidate is {id_}", "(0 to 4)", "neuralfinder top")
    call("show", folder, "best").refused("candidate is best", "a name such as init-1")
    assert call("show", folder, best["name"]).out == call("show", folder, best["id"]).out


@pytest.mark.parametrize("what", ["strategies", "presets", "recipes", "genes", "datasets", "settings"])
def test_lists(what):
    lines = call("list", what).out.splitlines()
    known = {
        "recipes": "text-final",
        "strategies": "artificial-life",
        "presets": "fast",
        "genes": "M",
        "datasets": "digits",
        "settings": "r",
    }
    assert (
        lines[0].split() == ["name", "owner", "values", "default", "meaning"]
        if what == "settings"
        else ["name", "meaning"]
    )
    assert known[what] in [line.split()[0] for line in lines[1:]]
    assert all(line.split()[1:] for line in lines)


def test_list_of_what_is_not_there():
    call("list", "planets").refused("'planets'", "strategies")


# predict


def test_predict_on_files_in_three_forms(pets_run):
    data, run = pets_run
    files = [data / "cat" / "0.png", data / "猫" / "3.png"]
    rows = json.loads(call("predict", run, *files, "--format", "json").out)
    assert [row["input"] for row in rows] == [str(file) for file in files]
    for row in rows:
        assert list(row["probabilities"]) == ["cat", "chien", "猫"]
        assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert row["probability"] == max(row["probabilities"].values()) == row["probabilities"][row["label"]]
    table = list(csv.DictReader(io.StringIO(call("predict", run, *files, "--format", "csv").out)))
    assert [row["label"] for row in table] == [row["label"] for row in rows]
    assert [float(row["probability"]) for row in table] == [row["probability"] for row in rows]
    lines = call("predict", run, *files).out.splitlines()
    assert [line.split() for line in lines] == [
        ["input", "label", "probability"],
        *[[row["input"], row["label"], f"{row['probability']:.2%}"] for row in rows],
    ]


def test_predict_on_a_folder_takes_pictures_in_order(pets_run, tmp_path):
    data, run = pets_run
    (tmp_path / ".hidden").mkdir()
    shutil.copy(data / "cat" / "0.png", tmp_path / "b.PNG")
    shutil.copy(data / "cat" / "1.png", tmp_path / "a.png")
    shutil.copy(data / "cat" / "1.png", tmp_path / ".hidden" / "c.png")
    (tmp_path / "._a.png").write_bytes(b"what macOS leaves on memory sticks")
    (tmp_path / "notes.txt").write_text("no picture")
    rows = json.loads(call("predict", run / "model", tmp_path, "--format", "json").out)
    assert [row["input"] for row in rows] == [str(tmp_path / "a.png"), str(tmp_path / "b.PNG")]
    (alone,) = json.loads(call("predict", run, data / "cat" / "1.png", "--format", "json").out)
    assert rows[0]["probabilities"] == pytest.approx(alone["probabilities"], abs=1e-6)


def test_predict_on_npz(digits_run, tmp_path):
    run, _ = digits_run
    from sklearn.datasets import load_digits

    grey = np.round(load_digits().images * 255 / 16).astype(np.uint8)
    np.savez(tmp_path / "some.npz", X=grey[:300])
    rows = json.loads(call("predict", run, tmp_path / "some.npz", "--format", "json").out)
    assert [row["input"] for row in rows][::299] == [f"{tmp_path}/some.npz[0]", f"{tmp_path}/some.npz[299]"]
    assert {type(row["label"]) for row in rows} == {int}
    right = np.mean([row["label"] == label for row, label in zip(rows, load_digits().target, strict=False)])
    assert right > 0.5
    np.savez(tmp_path / "one.NPZ", X=grey[0])  # numpy appends .npz
    (one,) = json.loads(call("predict", run, tmp_path / "one.NPZ.npz", "--format", "json").out)
    assert one["label"] == rows[0]["label"]


def test_predict_refuses_what_it_cannot_read(digits_run, pets_run, tmp_path):
    run, _ = digits_run
    empty = tmp_path / "empty"
    empty.mkdir()
    call("predict", run).refused("Missing argument 'INPUT...'")
    call("predict", run, tmp_path / "no.png").refused("no.png is unreadable: no such file", "leave it out")
    call("predict", run, tmp_path / "no.npz").refused("no.npz is unreadable: no such file")
    call("predict", run, empty).refused("a folder without pictures", "name another")
    (tmp_path / "text.png").write_text("text")
    call("predict", run, tmp_path / "text.png").refused("text.png is unreadable: not a picture", "replace it")
    for content in (b"", b"PK\x03\x04 and no more", b"text"):
        (tmp_path / "bad.npz").write_bytes(content)
        call("predict", run, tmp_path / "bad.npz").refused("bad.npz is unreadable", "numpy.savez")
    np.savez(tmp_path / "y.npz", y=np.zeros(3))
    call("predict", run, tmp_path / "y.npz").refused(
        "y.npz is a file with y; expected a .npz file with X", "rename the arrays"
    )
    np.savez(tmp_path / "none.npz")
    call("predict", run, tmp_path / "none.npz").refused("a file with nothing; expected a .npz file with X")
    np.savez(tmp_path / "object.npz", X=np.array([{}, []], dtype=object))
    call("predict", run, tmp_path / "object.npz").refused("object.npz is unreadable", "not of Python objects")
    np.savez(tmp_path / "wide.npz", X=np.zeros((2, 9, 9)))
    call("predict", run, tmp_path / "wide.npz").refused("of shape (2, 9, 9)", "(n, 8, 8)", "resize")
    np.savez(tmp_path / "nan.npz", X=np.full((2, 8, 8), np.nan))
    call("predict", run, tmp_path / "nan.npz").refused("NaN", "rows 0, 1", "finite")
    np.savez(tmp_path / "nothing.npz", X=np.zeros((0, 8, 8)))
    call("predict", run, tmp_path / "nothing.npz").refused("empty, of shape (0, 8, 8)")


def test_predict_answers_the_others_where_some_are_bad(pets_run, tmp_path):
    data, run = pets_run
    files = sorted((data / "cat").iterdir())
    bad = tmp_path / "bad.png"
    bad.write_text("text")
    outcome = call("predict", run, *files[:2], bad, tmp_path / "gone.png", files[2], "--format", "csv")
    assert outcome.code == 2
    assert outcome.err == (
        f"neuralfinder: 2 of 5 could not be answered, the first: {bad} is unreadable: not a picture; "
        "expected a picture file; replace it or leave it out\n"
    )
    rows = list(csv.DictReader(io.StringIO(outcome.out)))
    assert [row["input"] for row in rows] == [*map(str, files[:2]), str(bad), f"{tmp_path}/gone.png", str(files[2])]
    assert [bool(row["error"]) for row in rows] == [bool(not row["label"]) for row in rows] == [0, 0, 1, 1, 0]


def test_predict_takes_a_list_of_paths(pets_run, monkeypatch):
    data, run = pets_run
    files = sorted((data / "猫").iterdir())[:3]
    for listed in (f"{files[1]}\n\n{files[2]}\r\n", f"{files[1]}\0{files[2]}\0"):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(listed.encode()), "ascii"))
        rows = list(csv.DictReader(io.StringIO(call("predict", run, files[0], "-", "--format", "csv").out)))
        assert [row["input"] for row in rows] == [str(file) for file in files]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\n"), "ascii"))
    call("predict", run, "-").refused("- is without a path; expected a list on standard input, one a line")
    assert "standard input, one path a line" in call("predict", "--help").out


def test_predict_writes_a_file_in_the_form_of_its_name(pets_run, tmp_path):
    data, run = pets_run
    expected = call("predict", run, data, "--format", "jsonl", "--top", 2, "--threshold", 0.9)
    rows = [json.loads(line) for line in expected.out.splitlines()]
    assert {row["sure"] for row in rows} == {row["probability"] >= 0.9 for row in rows}
    assert all(row["label"] == (row["top"][0]["label"] if row["sure"] else "not sure") for row in rows)
    for name in ("a.jsonl", "a.CSV", "a.json", "a.parquet", "a.txt"):
        outcome = call("predict", run, data, "--out", tmp_path / name, "--top", 2, "--threshold", 0.9)
        assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    assert (tmp_path / "a.jsonl").read_text(encoding="utf-8") == expected.out
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == rows
    table = list(csv.DictReader(io.StringIO((tmp_path / "a.CSV").read_text(encoding="utf-8"))))
    assert [row["label_2"] for row in table] == [row["top"][1]["label"] for row in rows]
    assert (tmp_path / "a.txt").read_text(encoding="utf-8").startswith("input ")
    parquet = pytest.importorskip("pyarrow.parquet").read_table(tmp_path / "a.parquet").to_pylist()
    assert [row["probability_2"] for row in parquet] == [row["top"][1]["probability"] for row in rows]
    call("predict", run, data, "--format", "parquet").refused("without --out", "name it")
    call("predict", run, data, "--top", 0).refused("--top")
    call("predict", run, data, "--threshold", 1.5).refused("--threshold")
    call("predict", run, data, "--threshold", "nan").refused("threshold is nan; expected a number between 0 and 1")
    assert "label_3,probability_3,error" in call("predict", run, data, "--format", "csv", "--top", 99).out


def copied(run, tmp_path):
    shutil.copytree(run, tmp_path / "copy")
    return tmp_path / "copy"


def test_predict_refuses_a_folder_without_model(digits_run, tmp_path):
    x = tmp_path / "x.npz"
    np.savez(x, X=np.zeros((1, 8, 8)))
    call("predict", tmp_path, x).refused("is no model", "model.safetensors and preprocessing.json", "name the model")
    call("predict", tmp_path / "nowhere", x).refused("is no model")
    call("predict", x, x).refused("is no model")
    for piece in ("model.safetensors", "preprocessing.json"):
        run = copied(digits_run[0], tmp_path / piece)
        (run / "model" / piece).unlink()
        call("predict", run, x).refused("is no model", piece)


@pytest.mark.parametrize(
    ("piece", "content"),
    [
        ("model.safetensors", b""),
        ("model.safetensors", b"\x08\0\0\0\0\0\0\0{}      "),
        ("preprocessing.json", b""),
        ("preprocessing.json", b"[]"),
        ("preprocessing.json", b"\xff\xfe"),
        ("preprocessing.json", b'{"format": 1}'),
        ("preprocessing.json", b'{"format": "1"}'),
    ],
)
def test_predict_refuses_a_spoilt_model(digits_run, tmp_path, piece, content):
    x = tmp_path / "x.npz"
    np.savez(x, X=np.zeros((1, 8, 8)))
    run = copied(digits_run[0], tmp_path)
    (run / "model" / piece).write_bytes(content)
    call("predict", run, x).refused(str(run / "model"))


def test_predict_refuses_weights_of_another_network(digits_run, pets_run, tmp_path):
    x = tmp_path / "x.npz"
    np.savez(x, X=np.zeros((1, 8, 8)))
    run = copied(digits_run[0], tmp_path)
    shutil.copy(pets_run[1] / "model" / "model.safetensors", run / "model")
    call("predict", run, x).refused(str(run / "model"))


def test_predict_refuses_a_newer_model(digits_run, tmp_path):
    run = copied(digits_run[0], tmp_path)
    paper = run / "model" / "preprocessing.json"
    paper.write_text(paper.read_text().replace('"format": 6', '"format": 7'))
    call("predict", run, run / "x.png").refused("format 7; expected 6 or older", "update")


def test_a_home_is_written_out_wherever_a_path_stands(digits_run, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(digits_run[0].parent))
    name = digits_run[0].name
    for place in (f"~/{name}", f"~/{name}/"):
        assert call("top", place, "--format", "seed").out == call("top", digits_run[0], "--format", "seed").out
    call("report", f"~/{name}", f"--out=~/{tmp_path.name}.html")
    assert (digits_run[0].parent / f"{tmp_path.name}.html").exists()
    call("top", "~nobody-of-that-name/run").refused("~nobody-of-that-name")


# resuming and refusing


def test_a_finished_run_answers_at_once(digits_run):
    folder, first = digits_run
    before = (folder / "run.sqlite").read_bytes(), (folder / "result.json").stat().st_mtime_ns
    for command in (["search", *SMALL, "--candidates", 5, "--run", folder], ["resume", folder]):
        started = time.perf_counter()
        again = call(*command)
        assert time.perf_counter() - started < 1
        assert again.code == 0
        assert f"{folder} is finished; this is what came of it" in again.out
        assert again.out.splitlines()[-8:] == first.out.splitlines()[-8:]
    assert ((folder / "run.sqlite").read_bytes(), (folder / "result.json").stat().st_mtime_ns) == before


def test_a_run_folder_belongs_to_its_settings(digits_run, tmp_path):
    folder, _ = digits_run
    same = ("search", *SMALL, "--candidates", "5", "--run", folder)
    mend = "neuralfinder resume"
    call(*same, "--seed", 1).refused("a run with seed 0; expected seed 1", "--run", mend)
    call(*same, "--candidates", 6).refused("a run with candidates 5; expected candidates 6", mend)
    call(*same, "--metric", "macro-f1").refused("a run with metric accuracy; expected metric macro-f1", mend)
    call(*same, "--minutes", 5).refused("a run with minutes None; expected minutes 5.0", mend)
    call(*same, "--set", "boundary=clip").refused("options {'max_macs': 1000000};", "boundary", mend)
    call("search", pictures(tmp_path / "pets"), *same[1:]).refused("a run on other data (digits)", "same data")


def test_the_size_of_pictures_is_a_setting_of_the_run(pets_run):
    data, run = pets_run
    outcome = call("search", data, *SMALL, "--run", run, "--image-size", 16)
    outcome.refused("image_size None; expected image_size 16", "neuralfinder resume")


def test_data_that_have_changed_are_other_data(tmp_path):
    data, run = pictures(tmp_path / "pets"), tmp_path / "run"
    assert call("search", data, *SMALL, "--run", run, "--quiet").code == 0
    shutil.copy(data / "cat" / "0.png", data / "cat" / "new.png")
    call("search", data, *SMALL, "--run", run).refused(f"other data ({data})", "same data")
    call("resume", run).refused("other data")
    shutil.rmtree(data)
    call("resume", run).refused(f"'{data}', which does not exist")


def test_data_mended_before_there_was_a_plan_begin_the_run_again(tmp_path):
    """The advice of an error about the data can be followed and the same command given again."""
    data, run = pictures(tmp_path / "pets"), tmp_path / "run"
    for i in range(5):
        (data / "cat" / f"{i}.png").write_bytes(b"")
    command = ("search", data, *SMALL, "--run", run, "--quiet")
    call(*command).refused("class 'cat'", "unreadable in 5 of 8", "replace these files")
    pictures(data)
    assert call(*command).code == 0
    assert call("resume", run).code == 0
    assert "data      " + str(data) in call("show", run).out


@pytest.mark.thorough
def test_a_device_mended_before_there_was_a_plan_begins_the_run_again(tmp_path):
    command = ("search", *SMALL, "--run", tmp_path / "run", "--quiet")
    call(*command, "--device", "tpu").refused("device is 'tpu'", "use auto")
    call(*command, "--device", "mps").refused("device is 'mps'", "expected auto, cpu, cuda or cuda:N")
    call(*command, "--device", "cuda:99").refused("device is 'cuda:99'", "use auto or cpu")
    assert call(*command, "--device", "cpu").code == 0
    assert "device cpu" in call("show", tmp_path / "run").out


@pytest.mark.thorough
def test_a_setting_mended_before_there_was_a_plan_begins_the_run_again(tmp_path):
    command = ("search", *SMALL, "--run", tmp_path / "run", "--quiet")
    call(*command, "--set", "window=4").refused("window is 4", "odd")
    assert call(*command).code == 0


@pytest.mark.thorough
def test_two_processes_do_not_share_a_folder(tmp_path):
    from filelock import FileLock

    run = tmp_path / "run"
    run.mkdir()
    with FileLock(run / ".lock"):
        outcome = call("search", *SMALL, "--run", run)
    outcome.refused("in use by another process", "wait for the other to end, or give another --run")
    assert call("search", *SMALL, "--run", run, "--quiet").code == 0


def test_nothing_could_be_trained(tmp_path, monkeypatch):
    from neuralfinder.job import run, trainer

    def evaluate(candidate, setup, store, name=None, **_):
        return Result(candidate.id, None, "diverged", "the loss is nan in epoch 1")

    monkeypatch.setattr(run, "evaluate", evaluate)
    monkeypatch.setattr(trainer, "evaluate", evaluate)
    command = ("search", *SMALL, "--run", tmp_path / "run")
    outcome = call(*command)
    assert outcome.code == 3
    assert "no network could be trained: " in outcome.err
    assert "`neuralfinder top RUN --all` lists them" in outcome.err
    assert "failed    2 x diverged" in call("show", tmp_path / "run").out
    assert "failed    diverged: the loss is nan" in call("show", tmp_path / "run", 1).out
    assert call("top", tmp_path / "run", "--format", "json").out == "[]\n"
    assert call(*command).code == 3
    assert not (tmp_path / "run" / "result.json").exists()


def test_a_mistake_of_ours_costs_a_candidate_not_the_run(tmp_path, monkeypatch):
    from neuralfinder.job import run
    from neuralfinder.training.evaluate import evaluate

    def sometimes(candidate, setup, store, **how):
        if candidate.id == 0:
            raise ZeroDivisionError("division by zero")
        return evaluate(candidate, setup, store, **how)

    monkeypatch.setattr(run, "evaluate", sometimes)
    assert call("search", *SMALL, "--run", tmp_path / "run", "--quiet").code == 0
    assert "failed    1 x error" in call("show", tmp_path / "run").out
    assert "failed    error: ZeroDivisionError: division by zero" in call("show", tmp_path / "run", 0).out


# bad data


def npz(path, X, y):
    np.savez(path, X=X, y=y)
    return path


X20, Y20 = np.random.default_rng(0).random((20, 8, 8)), np.arange(20) % 2
WITH_NAN = np.where(np.arange(20)[:, None, None] == 3, np.nan, X20)

BAD_DATA = {
    "no such path": (lambda p: p / "pest", ["pest", "does not exist", "did you mean", "pets"]),
    "a file of no kind": (lambda p: p / "text.doc", ["text.doc", "a file; expected a folder"]),
    "an empty folder": (lambda p: p / "empty", ["without any picture", "one sub-folder per class"]),
    "no class folders": (lambda p: p / "pets" / "cat", ["8 pictures but no class folders", "one sub-folder per class"]),
    "one class": (lambda p: pictures(p / "one", (("cat", 8),)), ["one class only ('cat')", "another class"]),
    "two of a class": (lambda p: pictures(p / "few", (("cat", 2), ("dog", 2))), ["2 of each class", "at least 3"]),
    "all different": (lambda p: npz(p / "a.npz", X20, np.arange(20)), ["a different label for each of the 20"]),
    "one label": (lambda p: npz(p / "a.npz", X20, np.zeros(20, int)), ["of one class only (0)"]),
    "NaN": (lambda p: npz(p / "a.npz", WITH_NAN, Y20), ["X is NaN", "row 3", "leave them out"]),
    "lengths": (lambda p: npz(p / "a.npz", X20, Y20[:19]), ["20 pictures and 19 labels", "same rows"]),
    "no y": (lambda p: np.savez(p / "a.npz", X=X20) or p / "a.npz", ["a file with X; expected", "rename"]),
    "no zip": (lambda p: (p / "a.npz").write_bytes(b"text") and p / "a.npz", ["unreadable", "numpy.savez"]),
    "an empty text": (lambda p: "", ["data is an empty text"]),
    "a very long name": (lambda p: p / ("x" * 300), ["neuralfinder: "]),
    "a name with a line break": (lambda p: p / "a\nb", ["does not exist"]),
    "digits that are a folder": (lambda p: "./digits", ["does not exist", "the plain text 'digits'"]),
}


@pytest.mark.parametrize("kind", sorted(BAD_DATA))
def test_bad_data_are_refused_before_anything_is_made(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    pictures(tmp_path / "pets")
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.doc").write_text("a,b")
    make, texts = BAD_DATA[kind]
    call("search", make(tmp_path), *SMALL, "--quiet").refused(*texts)
    assert call("search", make(tmp_path), *SMALL, "--run", tmp_path / "run", "--quiet").code == 2
    assert not (tmp_path / "run" / "model").exists()


def test_spoilt_pictures_are_named_counted_and_left_out(tmp_path):
    data = pictures(tmp_path / "pets", (("cat", 12), ("dog", 12)))
    (data / "cat" / "0.png").write_bytes(b"")
    (data / "cat" / "1.png").write_bytes((data / "cat" / "1.png").read_bytes()[:80])
    (data / "dog" / "2.png").write_text("no picture at all")
    (data / "dog" / ".DS_Store").write_bytes(b"\0")
    (data / "dog" / "readme.txt").write_text("dogs")
    outcome = call("search", data, *SMALL, "--run", tmp_path / "run")
    assert outcome.code == 0
    assert "3 unreadable pictures were left out: cat/0.png (an empty file), cat/1.png (" in outcome.out
    assert "dog/2.png (not a picture)" in outcome.out
    assert "1 hidden, 1 without a picture's suffix" in outcome.out
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert sum(result["data"][part] for part in ("train", "validation", "test")) == 21


@pytest.mark.slow
def test_names_that_are_no_utf8(tmp_path):
    """A class and a folder named in Latin-1, as old archives unpack."""
    name = os.fsdecode(b"caf\xe9")
    data = pictures(tmp_path / name, ((name, 8), ("dog", 8)))
    script = "import sys; from neuralfinder.cli import main; main()"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "ascii"}

    def python(*arguments):
        command = [sys.executable, "-c", script, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, env=environment, cwd=tmp_path, check=False)
        return Outcome(done.returncode, done.stdout.decode("ascii"), done.stderr.decode("ascii"))

    outcome = python("search", data, *SMALL)
    assert outcome.code == 0, outcome.err
    (run,) = (tmp_path / "runs").iterdir()
    assert "caf\\udce9" in outcome.out
    assert python("show", run).out.startswith("data ")
    assert "caf\\udce9" in python("predict", run, data / name).out


# bad settings


@pytest.fixture
def settings_of(monkeypatch):
    """The settings a command would search with, or its refusal."""

    def of(*arguments):
        seen = []
        monkeypatch.setattr("neuralfinder.cli.searching._search", lambda *given: seen.append(given[1]))
        outcome = call("search", *arguments)
        return seen[0] if seen else outcome.refused()

    return of


def test_there_is_a_limit_of_time_unless_another_is_given(settings_of):
    assert settings_of().minutes == 5
    assert settings_of("--candidates", "3").minutes is None
    assert settings_of("--preset", "seed-2017").minutes is None


def test_settings_are_listed_with_meaning_values_and_default():
    rows = [re.split(r" {2,}", line) for line in call("list", "settings").out.splitlines()]
    assert rows[0] == ["name", "owner", "values", "default", "meaning"]
    lines = {(row[0], row[1]): row[2:] for row in rows[1:]}
    on, r, share = lines["early_stop", "run"], lines["r", "strategy artificial-life"], lines["share", "plan"]
    assert on[:2] == ["on or off", "fast: on; rich: on; seed-2017: off"]
    assert lines["alphabet", "space"][1] == "fast: fast; rich: fast; seed-2017: 2017"
    assert r == ["a number at least 0", "fast: 0; rich: 0; seed-2017: 0.02",
                 "ratio by which the better must be better, 0 or more"]  # fmt: skip
    assert share == ["a number more than 0, at most 1", "the plan's", "share of the training part that each pass sees"]
    assert lines["kernels", "space"][0] == "some of 1, 3, 5, 7"
    assert {
        ("population", "strategy aging-evolution"),
        ("population", "strategy large-scale-evolution"),
    } <= lines.keys()


LEAST = {
    "--candidates": 1, "--epochs": 1, "--finalists": 1, "--final-epochs": 1, "--world-size": 3, "--rounds": 0,
    "--batch-size": 2, "--retrain": 0, "--seed": 0,
}  # fmt: skip


@pytest.mark.parametrize("option", sorted(LEAST))
def test_whole_numbers_have_a_least_value(settings_of, option):
    least, name = LEAST[option], option.strip("-").replace("-", "_")
    assert getattr(settings_of(option, str(least)), name) == least
    for given in (least - 1, -5):
        refusal = settings_of(option, str(given))
        assert f"{name} is {given}; expected a whole number" in refusal.err
    for given in ("1.5", "nan", "inf", "many", "", "1e3"):
        assert f"'{given}' is not a valid integer" in settings_of(option, given).err


@pytest.mark.parametrize("given", ["0", "-1", "nan", "inf", "-inf", "1e308"])
def test_minutes_out_of_range(settings_of, given):
    assert f"minutes is {float(given)}; expected " in settings_of("--minutes", given).err


@pytest.mark.parametrize("given", ["0", "-0.5", "nan", "inf", "1.01", "1e308"])
def test_share_out_of_range(settings_of, given):
    assert f"share is {float(given)}; expected a number more than 0, at most 1" in settings_of("--share", given).err


@pytest.mark.parametrize("option", sorted(LEAST.keys() - {"--seed"}))
@pytest.mark.parametrize("given", ["1000000000", "9" * 30])
def test_huge_numbers_are_refused(settings_of, option, given):
    """A world of that side would not fit into the memory of any machine."""
    name = option.strip("-").replace("-", "_")
    assert f"{name} is {given}; expected a whole number between {LEAST[option]} and " in settings_of(option, given).err


@pytest.mark.thorough
def test_any_seed_is_a_seed(tmp_path):
    assert call("search", *SMALL, "--seed", "9" * 30, "--run", tmp_path / "run", "--quiet").code == 0
    assert json.loads((tmp_path / "run" / "result.json").read_text())["seed"] == int("9" * 30)


def test_unknown_names_suggest_the_nearest(settings_of):
    refused = settings_of
    assert "preset is 'fasst'" in refused("--preset", "fasst").err
    assert "did you mean 'fast'?" in refused("--preset", "fasst").err
    assert "did you mean 'artificial-life'?" in refused("--strategy", "artificial_life").err
    assert "did you mean 'boundary'?" in refused("--set", "boundery=clip").err
    assert "expected NAME=VALUE; as in --set boundary=clip" in refused("--set", "boundary").err
    assert "r is 'much'; expected a number at least 0" in refused("--set", "r=much").err
    assert "No such option" in refused("--candidate", "5").err
    assert "choose one of these" in refused("--preset", "zzzz").err


BAD_OPTIONS = [
    ("boundary=cilp", ["boundary", "torus"]),
    ("window=4", ["window", "odd"]),
    ("window=-3", ["window"]),
    ("window=99", ["world size is 3; expected a number at least 99"]),
    ("r=-1", ["r is -1"]),
    ("r=nan", ["r is 'nan'"]),
    ("r_end=nan", ["r_end is 'nan'"]),
    ("reevaluate=0", ["reevaluate is 0"]),
    ("mutation_points=0", ["mutation_points is 0"]),
    ("measure=loss", ["measure is 'loss'"]),
    ("repair=yes", ["repair is 'yes'"]),
    ("alphabet=greek", ["alphabet is 'greek'"]),
    ("max_genes=-1", ["max_genes is -1; expected a whole number at least 1"]),
    ("max_convolutions=0", ["max_convolutions is 0", "at least 1"]),
    ("max_parameters=1", ["the space is empty", "raise the caps"]),
    ("max_parameters=nan", ["max_parameters"]),
    ("max_macs=1", ["the space is empty", "raise the caps"]),
]


@pytest.mark.parametrize(("option", "texts"), BAD_OPTIONS)
def test_settings_out_of_range(tmp_path, option, texts):
    call("search", *FEW, "--set", option, "--run", tmp_path / "run").refused(*texts)


@pytest.mark.parametrize("size", ["0", "-8", "3", "100000"])
def test_sizes_of_pictures_out_of_range(tmp_path, size):
    data = pictures(tmp_path / "pets")
    call("search", data, *SMALL, "--image-size", size, "--run", tmp_path / "run").refused(f"image_size is {size}")


def test_what_does_not_go_with_the_digits(tmp_path):
    call("search", *SMALL, "--test", tmp_path, "--run", tmp_path / "run").refused(
        "for a bundled data set", "leave it out"
    )
    call("search", *SMALL, "--test", "", "--run", tmp_path / "run").refused("test is")
    call("search", *SMALL, "--image-size", "16", "--run", tmp_path / "run").refused(
        "image_size is 16 for a bundled data set"
    )


@pytest.mark.thorough
def test_very_little_time_still_gives_a_model_and_a_warning(tmp_path):
    started = time.perf_counter()
    outcome = call("search", "--minutes", "0.0001", "--run", tmp_path / "run")
    assert time.perf_counter() - started < 20
    assert outcome.code == 0, outcome.err
    assert "warning   this is very little time" in outcome.out
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["warnings"]
    assert result["budget_seconds"] == pytest.approx(0.006)
    assert 0 <= result["test_accuracy"] <= 1
    assert call("predict", tmp_path / "run", pictures(tmp_path / "pets") / "cat").code == 0


# bad folders


def test_a_run_path_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file", tmp_path / "file" / "run"):
        call("search", *SMALL, "--run", path).refused(f"{path} is no usable folder", "give another --run")
    for command in ("top", "show", "resume"):
        call(command, tmp_path / "file").refused("a folder without a record", "run.sqlite")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_that_cannot_be_written_to():
    call("search", *SMALL, "--run", "/proc/run").refused("/proc/run is no usable folder", "give another --run")


@pytest.mark.parametrize("command", [["top"], ["show"], ["show", "0"], ["resume"]])
def test_folders_without_a_run(tmp_path, command):
    first, *rest = command
    call(first, tmp_path / "nowhere", *rest).refused("a folder without a record", "name one with run.sqlite")
    call(first, tmp_path, *rest).refused("a folder without a record")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "run.sqlite").write_bytes(b"")
    call(first, tmp_path, *rest).refused("no usable record")
    (tmp_path / "run.sqlite").unlink()
    Record(tmp_path / "run.sqlite").close()
    if command in (["show"], ["resume"]):
        call(first, tmp_path, *rest).refused("the record is empty", "give the `search` command again")
    elif rest:
        call(first, tmp_path, *rest).refused("none yet")


@pytest.mark.parametrize("command", [["top"], ["show"], ["show", "0"], ["resume"], ["search", *SMALL, "--run"]])
def test_a_spoilt_record(digits_run, tmp_path, command):
    first, *rest = command
    run = copied(digits_run[0], tmp_path)
    whole = (run / "run.sqlite").read_bytes()
    arguments = [*command, run] if first == "search" else [first, run, *rest]
    (run / "run.sqlite").write_bytes(b"spoilt" * 2000)
    call(*arguments).refused(f"{run}/run.sqlite is no usable record", "restore it, or name another run folder")
    (run / "run.sqlite").write_bytes(whole[:4096])
    call(*arguments).refused(f"{run}/run.sqlite is no usable record")
    assert (run / "run.sqlite").read_bytes()[:4096] == whole[:4096]


@pytest.mark.thorough
def test_a_deleted_record_begins_again(digits_run, tmp_path):
    run = copied(digits_run[0], tmp_path)
    (run / "run.sqlite").unlink()
    call("top", run).refused("a folder without a record")
    outcome = call("search", *SMALL, "--run", run)
    assert outcome.code == 0
    assert "2 candidates trained" in outcome.out


def test_a_finished_run_without_its_model_makes_it_again(digits_run, tmp_path):
    run = copied(digits_run[0], tmp_path)
    before = {path.name: path.read_bytes() for path in (run / "model").iterdir()}
    record = (run / "run.sqlite").read_bytes()
    shutil.rmtree(run / "model")
    outcome = call("resume", run)
    assert outcome.code == 0, outcome.err
    assert "model is gone; it is made again from the weights" in outcome.out
    assert {path.name: path.read_bytes() for path in (run / "model").iterdir()} == before
    assert (run / "run.sqlite").read_bytes() == record
    shutil.rmtree(run / "model")
    shutil.rmtree(run / "weights")
    call("resume", run).refused("without its model and without the weights", "delete the folder and search again")


@pytest.mark.thorough
def test_the_default_folder_is_found_again_by_the_same_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call("search", *SMALL, "--quiet").code == 0
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("digits-")
    assert f"{Path('runs') / folder.name} is finished" in call("search", *SMALL).out
    seen = []
    monkeypatch.setattr("neuralfinder.cli.searching._search", lambda *given: seen.append(given[2]))
    (tmp_path / "digits").mkdir()
    for more in ((), ("--seed", "1"), ("--set", "r=0.1"), (str(tmp_path / "digits"),)):
        call("search", *SMALL, *more)
    assert [path.name == folder.name for path in seen] == [True, False, False, False]


# the script itself


def test_help_of_every_command_is_whole():
    for command in cli.cli.commands:
        outcome = call(command, "--help")
        assert outcome.code == 0
        assert outcome.out.startswith("Usage: ")
    call("serch").refused("No such command 'serch'")
    call("search", "a", "b").refused("unexpected extra argument")


@pytest.mark.slow
def test_a_reader_that_leaves_gets_no_traceback(digits_run):
    script = "import sys; from neuralfinder.cli import main; main()"
    arguments = ["search", *SMALL, "--candidates", "5", "--run", str(digits_run[0])]
    process = subprocess.Popen(
        [sys.executable, "-c", script, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline().startswith("NeuralFinder")
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    process.wait(30)
