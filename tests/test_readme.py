"""What the README shows is true: its commands parse, its Python runs, its map names every room."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
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
    assert [name.strip() for name in named] == [ground, *rooms, "estimator.py cli.py"]
    inside = set(re.findall(r"\w+/", tree)) - {"neuralfinder/", *rooms}
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
