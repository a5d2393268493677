"""Small runs for tests."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from neuralfinder.cli import cli


def searched(folder, *options):
    """A finished search on the digits in `folder`, with one finalist trained for one epoch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder.parent))
        words = ["search", "--finalists", "1", "--final-epochs", "1", "--quiet", "--run", str(folder), *options]
        outcome = CliRunner().invoke(cli, words)
    assert outcome.exit_code == 0, outcome.output
    return folder
