"""What a type checker tells a user: `users_file.py` has every public name, and `mypy --strict` finds nothing in it."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
from test_examples import offered

import neuralfinder
import neuralfinder.testing

USER = Path(__file__).with_name("users_file.py")


def test_the_users_file_has_every_public_name():
    named = set(re.findall(r"\w+", USER.read_text("utf-8")))
    assert {*neuralfinder.__all__, *neuralfinder.testing.__all__} <= named
    methods = {name.partition(".")[2] for name in offered() if name.startswith(("Model.", "NeuralFinder.", "Run."))}
    assert methods - named == set()


def test_the_package_says_that_it_is_typed():
    assert files(neuralfinder).joinpath("py.typed").is_file()


@pytest.mark.slow
def test_mypy_finds_nothing_in_the_users_file(tmp_path):
    """Without our configuration, as a user runs it; what is in the package itself is checked elsewhere."""
    words = ["--strict", "--config-file=", "--follow-imports=silent", "--cache-dir", str(tmp_path), str(USER)]
    done = subprocess.run([sys.executable, "-m", "mypy", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
