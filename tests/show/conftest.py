"""A run that all tests of what is shown look at."""

from __future__ import annotations

import pytest
from runs import searched

from neuralfinder.search.record import Record


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A run folder, and its events."""
    folder = tmp_path_factory.mktemp("story") / "run"
    searched(folder, "--candidates", "30", "--epochs", "1", "--share", "0.1", "--world-size", "3")
    with Record(folder / "run.sqlite", readonly=True) as record:
        return folder, list(record.read())
