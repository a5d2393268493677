"""What earlier versions wrote is read, and says what it said then: docs/stability.md promises it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner

from neuralfinder import Model, Run
from neuralfinder.cli import cli
from neuralfinder.search import record
from neuralfinder.search.events import KINDS
from neuralfinder.training import model_files

HOME = Path(__file__).parent / "formats"
RUNS = sorted(path.parent for path in HOME.glob("*/*/run.sqlite"))
NEW = {"pictures": HOME / "new.npz", "texts": HOME / "new.csv"}


@pytest.fixture(params=RUNS, ids=lambda path: f"{path.parent.name}-{path.name}")
def kept(request) -> Path:
    return request.param


@pytest.fixture
def folder(kept, tmp_path) -> Path:
    """A copy: a reader may lay files beside a record."""
    return Path(shutil.copytree(kept, tmp_path / "run"))


def printed(*words: object) -> str:
    outcome = CliRunner().invoke(cli, [str(word) for word in words])
    assert outcome.exit_code == 0, (outcome.output, outcome.exception)
    return outcome.stdout


def read(path: Path):
    return json.loads(path.read_text("utf-8"))


def test_there_is_one_of_the_formats_of_today():
    today = HOME / f"record-{record.FORMAT}-model-{model_files.FORMAT}"
    assert {path.name for path in RUNS if path.parent == today} == {"pictures", "texts"}, "see tests/formats/make.py"


def test_the_numbers_of_the_formats_are_in_the_files(kept):
    formats = f"record-{record.FORMAT}-model-{read(kept / 'model/preprocessing.json')['format']}"
    assert kept.parent.name == formats
    with sqlite3.connect(f"file:{kept / 'run.sqlite'}?immutable=1", uri=True) as base:
        assert base.execute("PRAGMA user_version").fetchone() == (record.FORMAT,)


def test_top_has_the_same_rows(kept, folder):
    """There may be more in a row than there was, and not less."""
    rows, before = json.loads(printed("top", folder, "--format", "json")), read(kept / "top.json")
    assert len(rows) == len(before) > 3
    for row, old in zip(rows, before, strict=True):
        assert {name: row[name] for name in old} == old


def test_show_says_what_was_found(kept, folder):
    result, said = read(kept / "result.json"), printed("show", folder)
    assert result["genome"] in said
    assert f"{100 * result['test_accuracy']:.2f}%" in said
    assert Run.load(folder).result == result


def test_report_writes_the_page(kept, folder):
    printed("report", folder)
    page = (folder / "report.html").read_text("utf-8")
    assert all(row["genome"] in page.replace("\\u003e", ">") for row in read(kept / "top.json"))


def test_predict_answers_as_then(kept, folder):
    """To the rounding of other processors and versions of torch."""
    rows, before = (
        json.loads(printed("predict", folder, NEW[kept.name], "--format", "json")),
        read(kept / "answers.json"),
    )
    assert [row["label"] for row in rows] == [row["label"] for row in before]
    for row, old in zip(rows, before, strict=True):
        assert row.keys() >= old.keys()
        assert row["probabilities"] == pytest.approx(old["probabilities"], abs=1e-4)


def test_what_is_loaded_is_saved_in_the_format_of_today(kept, folder, tmp_path):
    Model.load(folder).save(tmp_path / "model")
    assert read(tmp_path / "model/preprocessing.json")["format"] == model_files.FORMAT
    assert Model.load(tmp_path / "model").genome == Model.load(kept).genome


def test_every_kind_of_event_that_a_run_writes_by_itself_is_among_them():
    """The others are of commands and settings that need more than a small run."""
    kinds = {event.kind for path in RUNS for event in Run.load(path).events()}
    assert set(KINDS) - kinds == {"ablation", "ancestors", "enough", "experience"}
