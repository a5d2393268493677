"""What a release consists of agrees with itself; `make release-check` builds it and tries it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import neuralfinder
from neuralfinder.cli import cli

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def lines(name: str, word: str) -> list[str]:
    """What follows a word at the beginning of a file's lines."""
    return re.findall(rf"^{word} +(.*)$", (ROOT / name).read_text("utf-8"), re.MULTILINE)


def test_the_version_is_one():
    versions = {PROJECT["project"]["version"], neuralfinder.__version__, *lines("CITATION.cff", "version:")}
    assert len(versions) == 1


def test_the_licence_is_one():
    assert lines("CITATION.cff", "license:") == [PROJECT["project"]["license"]]


def test_the_sdist_names_what_is_there_and_tests_need():
    """A pattern that fits nothing is passed over in silence."""
    named = PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert all((ROOT / name.removeprefix("/")).exists() for name in named)
    assert {f"/{name}" for name in PROJECT["tool"]["pytest"]["ini_options"]["pythonpath"]} <= {*named}


def test_the_image_is_given_what_it_copies_and_no_more():
    copied = {name for line in lines("Dockerfile", "COPY") for name in line.split()[:-1]}
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line[0] == "!"}
    assert copied == let_through
    assert all((ROOT / name).exists() for name in copied)
    assert {PROJECT["project"]["readme"], *PROJECT["project"]["license-files"]} <= copied  # else it cannot be built


def test_the_image_opens_the_door_that_serve_listens_at():
    (port,) = (option.default for option in cli.commands["serve"].params if option.name == "port")
    assert lines("Dockerfile", "EXPOSE") == [str(port)]
    assert f":{port}/" in lines("Dockerfile", "HEALTHCHECK")[0]
    assert f":{port}:{port} " in (ROOT / "docs" / "serving.md").read_text("utf-8")
