"""The ten things of docs/how-to.md: each is done as it stands there, on one small run, and does what is said."""

from __future__ import annotations

import contextlib
import csv
import importlib
import io
import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from neuralfinder.cli import cli
from neuralfinder.types import Result

PAGE = (Path(__file__).parent.parent / "docs" / "how-to.md").read_text(encoding="utf-8")

SMALL = (
    "--candidates", "4", "--epochs", "1", "--final-epochs", "1", "--finalists", "1", "--world-size", "3",
    "--set", "max_macs=1000000",
)  # fmt: skip
"""What a search here has beside its own words."""

CLASSES = ("bird", "cat", "dog")

HOW = {title: rest for title, _, rest in (part.partition("\n") for part in PAGE.split("\n## ")[1:])}


def picture(label, rng):
    return Image.fromarray((rng.integers(0, 120, (12, 12, 3)) + 60 * label).astype(np.uint8))


def call(words):
    done = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with pictures, some of them in the wrong place, and a run about them in which a network failed."""
    folder, rng = tmp_path_factory.mktemp("home"), np.random.default_rng(0)
    for number in range(120):
        label = number % 3
        place = folder / "photos" / CLASSES[(label + (number % 5 == 0)) % 3]
        place.mkdir(parents=True, exist_ok=True)
        picture(label, rng).save(place / f"{number}.png")
    (folder / "more").mkdir()
    for number in range(4):
        picture(number % 3, rng).save(folder / "more" / f"{number}.png")
    picture(1, rng).resize((40, 30)).save(folder / "new.jpg")
    real = importlib.import_module("neuralfinder.job.run").evaluate

    def failing(candidate, setup, store, **how):
        if candidate.id == 1:
            return Result(1, None, "out of memory", "1,000 parameters: no room")
        return real(candidate, setup, store, **how)

    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(folder):
        patch.setenv("XDG_CACHE_HOME", str(folder))
        patch.setattr("neuralfinder.job.run.evaluate", failing)
        (words,) = commands(PAGE.split("\n## ")[0])
        call([*words, *SMALL])
        yield folder


def commands(text):
    lines = [line for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    return [shlex.split(line.removeprefix("$ neuralfinder"), comments=True) for line in lines]


def done(text):
    """What all commands of a text said, after one another, and then its Python."""
    said = [call([*words, *(SMALL if words[0] == "search" else ())]) for words in commands(text)]
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(code, "how-to", "exec"), {"open": closed})  # noqa: S102
        said.append(out.getvalue())
        printed = iter(out.getvalue().splitlines())
        for line in code.splitlines():
            if line.startswith("print("):
                one = next(printed)
                assert "  # " not in line or one == line.rpartition("  # ")[2]
    return said


def closed(path, **how):
    """A file that nobody closes, as in a short script."""
    return io.StringIO(Path(path).read_text(**how))


def test_there_are_ten():
    assert len(HOW) == 10


@pytest.mark.parametrize("title", HOW)
def test_three_steps_at_most(title):
    assert 1 <= len(commands(HOW[title])) + HOW[title].count("```python") <= 3


pytestmark = pytest.mark.thorough


def test_find_the_accuracy(home):
    shown, printed = done(HOW["Find the accuracy"])
    result = json.loads((home / "runs/photos/result.json").read_text())
    assert f"verdict   {result['verdict']}" in shown
    assert f"test      {result['test_accuracy']:.2%}" in shown
    assert printed.splitlines()[0] == result["verdict"]
    assert "rho" not in shown


def test_find_which_classes_are_confused(home):
    (shown,) = done(HOW["Find which classes are confused"])
    pairs = re.findall(r"^confused  (\d+) of (\d+) '(\w+)' w\w+ taken for '(\w+)'$", shown, re.MULTILINE)
    counts = [int(count) for count, *_ in pairs]
    assert counts == sorted(counts, reverse=True)
    result = json.loads((home / "runs/photos/result.json").read_text())
    tested = result["data"]["test"]
    assert sum(counts) == tested - round(result["test_accuracy"] * tested) > 0
    assert all(label != answer for *_, label, answer in pairs)


def test_export_the_mistakes(home):
    shown, printed = done(HOW["Export the mistakes"])
    rows = list(csv.DictReader(io.StringIO((home / "wrong.csv").read_text(encoding="utf-8"))))
    assert f"mistakes  {len(rows)} rows in wrong.csv" in shown
    assert [*rows[0]] == ["name", "label", "answer", "probability"]
    assert all((home / "photos" / row["name"]).exists() or row["name"] for row in rows)
    assert all(row["label"] != row["answer"] for row in rows)
    sure = [float(row["probability"]) for row in rows]
    assert sure == sorted(sure, reverse=True)
    assert printed.startswith(rows[0]["name"])


def test_load_the_model_in_python_and_predict_an_array(home):
    done(HOW["Load the model in Python and predict an array"])


def test_see_why_a_network_failed(home):
    listed, shown = done(HOW["See why a network failed"])
    assert re.search(r"^init-2 +failed +.*out of memory: 1,000 parameters: no room$", listed, re.MULTILINE)
    assert "failed    out of memory: 1,000 parameters: no room" in shown
    assert "1 failed (1 x out of memory); --all lists them" in call(["top", "runs/photos"])
    rows = json.loads(call(["top", "runs/photos", "--all", "--format", "json"]))
    assert [(row["id"], row["status"], row["rank"]) for row in rows if row["reason"]] == [(1, "failed", None)]
    assert all(row["seconds"] > 0 for row in rows if row["status"] == "trained")
    lines = list(csv.DictReader(io.StringIO(call(["top", "runs/photos", "--all", "--format", "csv"]))))
    assert [line["status"] for line in lines] == [row["status"] for row in rows]


def test_compare_two_networks(home):
    (shown,) = done(HOW["Compare two networks"])
    assert re.split(r" {2,}", shown.splitlines()[0].replace(", winner", "").strip()) == ["init-1", "init-3"]
    rows = {row["name"]: row for row in json.loads(call(["top", "runs/photos", "--format", "json"]))}
    (score,) = [line for line in shown.splitlines() if line.startswith("short score")]
    assert score.split()[2:] == [f"{rows[name]['short_score']:.2%}" for name in ("init-1", "init-3")]


def test_change_the_time(home):
    done(HOW["Change the time"])
    for name in ("longer", "on"):
        assert json.loads((home / f"runs/{name}/result.json").read_text())["budget_seconds"] == 1200


def test_limit_the_size(home):
    done(HOW["Limit the size"])
    assert json.loads((home / "runs/small/result.json").read_text())["parameters"] <= 20_000


def test_find_the_run_again(home):
    listed, resumed = done(HOW["Find the run again"])
    result = json.loads((home / "runs/photos/result.json").read_text())
    (line,) = [line for line in listed.splitlines() if line.startswith("runs/photos ")]
    assert "finished" in line
    assert f" {result['test_accuracy']:.2%} " in line
    assert result["verdict"] in resumed


def test_make_it_answer_not_sure(home):
    answered, printed = done(HOW['Make it answer "not sure"'])
    assert len(re.findall(r"^more/\d\.png", answered, re.MULTILINE)) == 4
    assert printed == "4\n"
