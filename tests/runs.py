"""Small runs for tests."""

from __future__ import annotations

import shutil

import pytest
from click.testing import CliRunner
from filelock import FileLock

from neuralfinder.cli import cli


def searched(folder, *options):
    """A finished search on the digits in `folder`, with one finalist trained for one epoch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder.parent))
        words = ["search", "--finalists", "1", "--final-epochs", "1", "--quiet", "--run", str(folder), *options]
        outcome = CliRunner().invoke(cli, words)
    assert outcome.exit_code == 0, outcome.output
    return folder


def made_once(name, make, tmp_path_factory, worker_id):
    """A folder of this process with what `make` puts into one, which it does once for all processes that test."""
    own = tmp_path_factory.getbasetemp()
    home = own if worker_id == "master" else own.parent
    with FileLock(home / f"{name}.lock"):
        if not (home / name).exists():
            make(home / f"{name}.part")
            (home / f"{name}.part").rename(home / name)
    return shutil.copytree(home / name, tmp_path_factory.mktemp(name) / "run")
