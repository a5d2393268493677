"""Live pages for tests."""

from __future__ import annotations

import itertools
import threading
import time
from contextlib import contextmanager

from neuralfinder.search.record import Record
from neuralfinder.show.page.server import serve


def write(record, events):
    """Append events; neighbours of a kind together."""
    for kind, some in itertools.groupby(events, key=lambda event: event.kind):
        record.append(kind, [event.data for event in some])


def address_of(folder):
    """Of the live page about a run folder, which need not be there yet."""
    said: list[str] = []
    threading.Thread(target=serve, args=(folder, 0, "secret", said.append), daemon=True).start()
    while not said or not said[-1].startswith("http"):
        time.sleep(0.05)
    return said[-1]


@contextmanager
def served(folder, events):
    """Address of the live page about these events, and the record to go on with."""
    with Record(folder / "run.sqlite") as record:
        write(record, events)
        yield address_of(folder), record
