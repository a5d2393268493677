"""Records that lie: every command that reads one says so in a line, in time, and no page is made of them."""

from __future__ import annotations

import json
import os
import sqlite3
import time

import pytest
from click.testing import CliRunner
from show.synthetic import made_events

from neuralfinder.cli import cli
from neuralfinder.errors import InputError, RunFolderError
from neuralfinder.job.past_runs import chosen_experience
from neuralfinder.job.settings import Settings
from neuralfinder.search.record import FORMAT, TABLE, Record
from neuralfinder.show.page.server import _tell
from neuralfinder.show.page.story import Story

COMMANDS = (["top"], ["show"], ["show", "0"], ["report"], ["resume"], ["export", "--to", "code"])


@pytest.fixture
def folder(tmp_path):
    """A run that nobody made: two lines that begin it, a question, its result, and so on."""
    with Record(tmp_path / "run.sqlite") as record:
        for line in made_events(3):
            record.append(line.kind, [line.data])
    return tmp_path


def base_of(folder, script):
    base = sqlite3.connect(folder / "run.sqlite")
    base.executescript(script)
    base.commit()
    base.close()


def put(folder, number, change):
    """Other data in the place of a line's: what a function makes of them, or text as it is."""
    base = sqlite3.connect(folder / "run.sqlite")
    (data,) = base.execute("SELECT data FROM events WHERE number = ?", (number,)).fetchone()
    if callable(change):
        values = json.loads(data)
        change(values)
        change = json.dumps(values)
    base.execute("UPDATE events SET data = ? WHERE number = ?", (change, number))
    base.commit()
    base.close()


def unreadable_for_the_page(folder):
    """Once it is no record any more that may just be being made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("neuralfinder.show.page.server.BEGINNING", -1.0)
        with pytest.raises(RunFolderError):
            _tell(Story(), folder / "run.sqlite", 0)


def refused(folder, commands=COMMANDS):
    for name, *rest in commands:
        began = time.monotonic()
        outcome = CliRunner().invoke(cli, [name, str(folder), *rest])
        assert isinstance(outcome.exception, InputError), (name, outcome.output, outcome.exc_info)
        assert len(str(outcome.exception)) < 5000
        assert time.monotonic() - began < 10
        assert not (folder / "report.html").exists()
    unreadable_for_the_page(folder)


def test_what_is_not_spoilt_is_read(folder):
    for name, *rest in COMMANDS[:4]:
        assert CliRunner().invoke(cli, [name, str(folder), *rest]).exit_code == 0


@pytest.mark.parametrize(
    "script",
    [
        "ALTER TABLE events RENAME TO others; CREATE VIEW events AS SELECT * FROM others;",
        "DROP TABLE events; CREATE VIEW events AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) "
        "SELECT x number, 0.0 time, 'run' kind, '{}' data FROM n;",
        "CREATE TRIGGER more AFTER INSERT ON events BEGIN INSERT INTO events (kind) VALUES ('x'); END;",
        "CREATE TABLE more (x);",
        "DROP TABLE events; CREATE TABLE events (number, time, kind, data);",
        "DROP TABLE events;",
        "DROP TABLE events; CREATE VIRTUAL TABLE events USING fts5(number, time, kind, data);",
    ],
)
def test_bases_with_more_or_less_than_the_table(folder, script):
    base_of(folder, script)
    refused(folder)
    for readonly in (True, False):
        with pytest.raises(RunFolderError, match="none of our events, or more than these"):
            Record(folder / "run.sqlite", readonly=readonly)


def test_what_sqlite_adds_itself_is_no_lie(folder):
    base_of(folder, "ANALYZE;")
    with Record(folder / "run.sqlite", readonly=True) as record:
        assert len(list(record.events())) == 8


@pytest.mark.parametrize(
    "content",
    ["[" * 100_000, '{"a":' * 50_000, "", "{", "[]", "1", "null", '{"data": NaN}', '{"data": 1, "data": 2}',
     '{"n": 1e999}', "{" + '"n": ' + "9" * 5000 + "}"],
)  # fmt: skip
@pytest.mark.parametrize("number", [1, 3])
def test_data_that_are_none(folder, content, number):
    put(folder, number, content)
    refused(folder, COMMANDS if number == 1 else COMMANDS[:4])


@pytest.mark.parametrize("cell", ["time = 'x'", "time = 1e999", "time = NULL", "kind = NULL", "kind = x'ff'",
                                  "data = NULL", "data = x'ff'", "kind = 'stranger'", "data = 3"])  # fmt: skip
def test_cells_of_other_types(folder, cell):
    base_of(folder, f"UPDATE events SET {cell} WHERE number = 3")  # noqa: S608 - our own words
    refused(folder, COMMANDS[:4])


@pytest.mark.parametrize(
    "change",
    [
        lambda row: row.update(genome=" ".join(["C8"] * 300_000)),
        lambda row: row.update(genome="C8 " * 5000),
        lambda row: row.update(genome=None),
        lambda row: row.update(genome="C" + "9" * 5000),
        lambda row: row.update(id="0"),
        lambda row: row.update(id=True),
        lambda row: row.update(id=10**30),
        lambda row: row.update(parents="C8"),
        lambda row: row.update(parents=[1]),
        lambda row: row.update(epochs=1.5),
        lambda row: row.update(bars=[None]),
        lambda row: row.pop("seed"),
        lambda row: row.update(more=1),
    ],
)
def test_candidates(folder, change):
    put(folder, 3, lambda event: change(event["candidates"][0]))
    refused(folder, COMMANDS[:4])


@pytest.mark.parametrize(
    "values",
    [{"id": 99}, {"score": "0.5"}, {"score": True}, {"curve": 1}, {"curve": [[]]}, {"parameters": 10**30},
     {"macs": None}, {"seconds": "x"}, {"failure": "diverged"}, {"milliseconds": {}}, {"half": 1}, {"more": 1}],
)  # fmt: skip
def test_results(folder, values):
    put(folder, 4, lambda result: result.update(values))
    unreadable_for_the_page(folder)
    refused(folder, [] if values == {"id": 99} else COMMANDS[:4])


@pytest.mark.parametrize(
    "values", [{"task": None}, {"task": {"shape": [1, 2, 3], "classes": 2}}, {"task": {"shape": {}, "classes": "x"}}]
)
def test_plans(folder, values):
    put(folder, 2, lambda plan: plan.update(values))
    refused(folder, [["show", "0"], ["report"]])


@pytest.mark.parametrize("values", [{"settings": {"no such": 1}}, {"settings": []}, {"address": {"kind": []}},
                                    {"address": {"other": 1}}, {"data": 1}])  # fmt: skip
def test_beginnings(folder, values):
    put(folder, 1, lambda began: began.update({"address": {"kind": "bundled", "name": "digits"}, **values}))
    outcome = CliRunner().invoke(cli, ["resume", str(folder)])
    assert isinstance(outcome.exception, InputError), outcome.exc_info


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero"), lambda p: p.touch()])
@pytest.mark.parametrize("name", ["run.sqlite", "run.sqlite-wal", "run.sqlite-shm"])
def test_what_is_no_file(folder, make, name):
    (folder / name).unlink(missing_ok=True)
    make(folder / name)
    if (folder / name).is_file() and name != "run.sqlite":
        return  # an empty one is what SQLite leaves itself
    refused(folder)


def test_experience_of_what_lies(folder):
    for content in (
        "[" * 100_000,
        '{"tasks": [[1, [1, 2, 3], "x"]], "genomes": [], "rows": [[0, 5, 1, 1]]}',
        "[]",
        "3",
    ):
        file = folder / "experience.json"
        file.write_text(content)
        with pytest.raises(InputError, match="experience"):
            chosen_experience(Settings(experience=str(file)))
    base_of(folder, "UPDATE events SET kind = 'finished' WHERE number = 4")
    put(folder, 2, lambda plan: plan.update(training={"batch_size": "x"}))
    with pytest.raises(RunFolderError, match="values that no run writes"):
        chosen_experience(Settings(experience=str(folder)))


def test_the_table_is_the_one_that_a_writer_makes(tmp_path):
    Record(tmp_path / "run.sqlite").close()
    base = sqlite3.connect(tmp_path / "run.sqlite")
    assert base.execute("SELECT sql FROM sqlite_master").fetchall() == [(TABLE,)]
    assert base.execute("PRAGMA user_version").fetchone() == (FORMAT,)
    base.close()
