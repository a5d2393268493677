"""A run that all tests of what is shown look at."""

from __future__ import annotations

import pytest
from runs import searched

from neuralfinder.search.events import understood
from neuralfinder.search.record import Record
from neuralfinder.show.page.document import offline_page
from neuralfinder.show.page.story import told


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A run folder, and its events."""
    folder = tmp_path_factory.mktemp("story") / "run"
    searched(folder, "--candidates", "30", "--epochs", "1", "--share", "0.1", "--world-size", "3")
    with Record(folder / "run.sqlite", readonly=True) as record:
        return folder, list(record.read())


@pytest.fixture(scope="session")
def report(finished, tmp_path_factory):
    """The file about a run, and its story."""
    _, events = finished
    story = told(understood(events))
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(offline_page(story), encoding="utf-8")
    return path, story
