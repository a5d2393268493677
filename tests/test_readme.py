"""What the README shows is true: its commands parse, its Python runs, its map names every module."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from neuralfinder.cli import cli

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


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


def test_map_names_every_module_and_nothing_else() -> None:
    tree = next(block for block in blocks("text") if "neuralfinder/" in block)
    named = set(re.findall(r"(\w+(?:\.py|/))", tree))
    package = ROOT / "neuralfinder"
    modules = {path.name for path in package.rglob("*.py") if path.name not in ("__init__.py", "__main__.py")}
    missing = modules - named
    assert not missing
    known = {path.name for path in ROOT.rglob("*.py")} | {f"{path.name}/" for path in ROOT.rglob("*") if path.is_dir()}
    assert named <= known


@pytest.mark.slow
@pytest.mark.parametrize("code", blocks("python"))
def test_python_runs_as_shown(code: str, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
