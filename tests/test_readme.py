"""What the README shows is true: its commands parse, its Python runs, its map names every room."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
from PIL import Image
from sentences import sentences
from test_imports import GROUND, ROOMS

from neuralfinder.cli import cli
from neuralfinder.training.export import code

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


PAGES = (
    "architecture", "data", "evidence", "exporting", "extending", "how-to", "python", "scaling", "security", "serving",
    "stability",
)  # fmt: skip


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands() -> list[list[str]]:
    lines = [line for block in blocks("console") for line in block.splitlines() if line.startswith("$ neuralfinder")]
    return [shlex.split(line.removeprefix("$ neuralfinder"), comments=True) for line in lines]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_commands_parse(words: list[str]) -> None:
    command = cli.commands[words[0]]
    with click.Context(cli) as context:
        command.make_context(words[0], words[1:], parent=context)


def test_map_names_every_room_in_its_order_and_nothing_else() -> None:
    tree = next(block for block in blocks("text") if "neuralfinder/" in block)
    named = re.findall(r"^  ((?:\w+(?:/|\.py) ?)+)", tree, re.MULTILINE)
    rooms, ground = [f"{room}/" for room in ROOMS], " ".join(f"{name}.py" for name in sorted(GROUND))
    assert [name.strip() for name in named] == [ground, *rooms, "estimator.py cli/"]
    inside = set(re.findall(r"\w+/", tree)) - {"neuralfinder/", "cli/", *rooms}
    assert inside == {f"{path.parent.name}/" for path in (ROOT / "neuralfinder").glob("*/*/__init__.py")}


def test_links_lead_somewhere() -> None:
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{name}.md" for name in PAGES)])
def test_files_that_are_named_are_there(page: str) -> None:
    folders = ("neuralfinder", "tests", "docs", "benchmarks", "examples")
    files = [path.as_posix() for folder in folders for path in (ROOT / folder).rglob("*")]
    found = re.findall(r"`([\w/]+\.(?:py|html|js))\b", (ROOT / page).read_text(encoding="utf-8"))
    named = [name for name in found if name != code.FILE]  # which a search leaves
    assert not [name for name in named if not any(file.endswith(f"/{name}") for file in files)]


@pytest.mark.slow
@pytest.mark.parametrize("code", blocks("python"))
def test_python_runs_as_shown(code: str, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    promised = [line.partition("  # ")[2] for line in code.splitlines() if line.startswith("print")]
    for words, line in zip(promised, done.stdout.splitlines()[-len(promised) :], strict=True):
        assert line == words or not re.match(r"[\d(]|True", words)  # a figure, or what it is in words


WAIT = 25.0
"""Seconds after which a search of ten minutes is asked to finish with what it has, as Ctrl-C does."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the README speaks of: photographs, reviews, arrays, new pictures."""
    home, rng = tmp_path_factory.mktemp("home"), np.random.default_rng(0)
    for number in range(150):
        place = home / ("photos/cat", "photos/dog", "photos/owl", "more")[number % 3 if number < 120 else 3]
        place.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 120, (24, 32, 3)) + 60 * (number % 3)
        Image.fromarray(pixels.astype(np.uint8)).save(place / f"{number}.jpg")
    shutil.make_archive(str(home / "photos"), "zip", home, "photos")
    shutil.copy(home / "more" / "120.jpg", home / "new.jpg")
    for name, count in (("reviews.csv", 240), ("held-out.csv", 60)):
        rows = [f"{text},{label}" for text, label in zip(*sentences(count), strict=True)]
        (home / name).write_text("\n".join(["review,stars", *rows, ""]))
    y = np.arange(120) % 2
    np.savez(home / "data.npz", X=(rng.random((120, 8, 8)) + y[:, None, None]).astype(np.float32), y=y)
    return home


def run(words: list[str], home: Path) -> str:
    """What a command said; one that goes on until it is interrupted is, and ends well all the same."""
    command = [str(Path(sys.executable).parent / "neuralfinder"), *words]
    environment = {**os.environ, "XDG_CACHE_HOME": str(home / "cache"), "COLUMNS": "200"}
    lasting = words[0] == "dashboard" or (words[0] == "search" and not {"1", "2"} & set(words))
    with subprocess.Popen(
        command, cwd=home, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            said, _ = process.communicate(timeout=WAIT if lasting else None)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            said, _ = process.communicate(timeout=200)
    assert process.returncode == 0, f"{shlex.join(words)}: {said}"
    return said


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_commands_do_what_is_said(home: Path) -> None:
    """All console blocks, word for word, in their order, in one folder."""
    said = {shlex.join(words): run(words, home) for words in commands()}
    assert set(said) == set(map(shlex.join, commands()))
    found = [text for words, text in said.items() if words.startswith("search") and "--json" not in words]
    assert all(re.search(r"^verdict   \S", text, re.MULTILINE) for text in found)
    assert all(re.search(r"^test +[\d.]+%", text, re.MULTILINE) for text in found)
    for line in said["search photos/ --json"].splitlines():
        assert json.loads(line)["kind"]
    assert "runs/photos" in said["runs"]
    assert "runs/reviews" in said["runs"]
    assert "winner" in said["top runs/photos"]
    assert "120 pictures" in said["check photos/"]
    answers = list(csv.DictReader(io.StringIO(said["predict runs/photos new.jpg more/ --format csv"])))
    assert len(answers) == 31
    assert {row["label"] for row in answers} <= {"cat", "dog", "owl"}
    assert (home / "cats" / "model.onnx").exists()
    assert (home / "cats" / "network.py").exists()
    assert (home / "runs" / "photos" / "report.html").exists()
    assert (home / "plots" / "progress.svg").exists()
    assert "http://127.0.0.1" in said["dashboard runs/photos"]


def shape_of(line: str) -> str:
    """What stands in a line of a result whatever network was found, and however good it is."""
    if line.startswith("found"):
        return "found"
    line = re.sub(r", fitted to [\d,]+ of [\d,]+ samples", "", line)  # as many as there was time for
    line = re.sub(
        "better than .* by more", "better than a rival by more", line
    )  # the best one, which is as good as chance
    return re.sub(r"\d+(?:[,.]\d+)*", "N", line)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_first_result_is_as_it_is_explained(home: Path) -> None:
    """What `make demo` ends with, but for its figures; those which no search changes are the same."""
    recipe = re.search(r"^demo:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe
    search, top = (shlex.split(line)[1:] for line in recipe[1].splitlines())
    said = run(search, home).splitlines()
    (shown,) = [block.splitlines() for block in blocks("text") if block.startswith("verdict")]
    told = [shape_of(line) for line in said]
    assert [line for line in map(shape_of, shown) if line not in told] == []
    assert "  against   8.33%  majority class" in said
    assert "of 720 pictures that it never saw" in next(line for line in said if line.startswith("verdict"))
    assert said[-1] == shown[-1]
    assert "winner" in run(top, home)
