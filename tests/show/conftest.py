"""A run that all tests of what is shown look at."""

from __future__ import annotations

import pytest
from runs import made_once, searched

from neuralfinder.search.events import understood
from neuralfinder.search.record import Record
from neuralfinder.show.page.document import offline_page
from neuralfinder.show.page.story import told


@pytest.fixture(scope="session")
def finished(tmp_path_factory, worker_id):
    """A run folder, and its events."""
    options = ("--candidates", "30", "--epochs", "1", "--share", "0.1", "--world-size", "3", "--set", "max_macs=500000")
    folder = made_once("story", lambda home: searched(home, *options), tmp_path_factory, worker_id)
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
