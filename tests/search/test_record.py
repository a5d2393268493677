"""The record: whole events in order, whatever happens to the process, and a clear word on what is no record."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuralfinder.errors import MachineError, RunFolderError
from neuralfinder.search.record import FORMAT, Record


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.sqlite"


def test_events_come_back_in_order_with_numbers_and_times(path):
    with Record(path) as record:
        assert record.append("run", [{"seed": 0}]) == 1
        assert record.append("result", [{"id": 0}, {"id": 1}]) == 3
        assert record.append("result", []) == 3
        events = list(record.read())
    assert [(e.number, e.kind, e.data) for e in events] == [
        (1, "run", {"seed": 0}),
        (2, "result", {"id": 0}),
        (3, "result", {"id": 1}),
    ]
    assert 0 <= events[2].time - events[0].time < 60
    assert events[0].time > 1.7e9  # seconds since 1970


def test_read_after_and_last(path):
    with Record(path) as record:
        record.append("a", [{"n": n} for n in range(3)])
        record.append("b", [{"n": 9}])
        assert [event.number for event in record.read(after=2)] == [3, 4]
        assert list(record.read(after=4)) == []
        assert record.last("a").data == {"n": 2}
        assert record.last("c") is None


def test_events_outlive_the_writer(path):
    with Record(path) as record:
        record.append("a", [{"n": 1}])
    with Record(path) as record:
        record.append("a", [{"n": 2}])
        assert [event.data["n"] for event in record.read()] == [1, 2]


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A writer and a reader of one record."""
    path = tmp_path_factory.mktemp("record") / "run.sqlite"
    with Record(path) as writer, Record(path, readonly=True) as reader:
        yield writer, reader


@settings(max_examples=50)
@given(rows=st.lists(st.dictionaries(st.text(), PLAIN, max_size=3), max_size=3), kind=st.text(max_size=20))
def test_plain_rows_come_back_equal(both, rows, kind):
    writer, reader = both
    before = writer.append(kind, [])
    assert writer.append(kind, rows) == before + len(rows)
    assert [(event.kind, event.data) for event in reader.read(after=before)] == [(kind, row) for row in rows]


def test_names_that_are_no_utf8_come_back_equal(path):
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    with Record(path) as record:
        record.append("run", [{"data": name, "猫": "\x00\u2028"}])
        assert record.last("run").data == {"data": name, "猫": "\x00\u2028"}


def test_rows_that_json_cannot_hold_leave_nothing_behind(path):
    with Record(path) as record:
        with pytest.raises(ValueError, match="not JSON compliant"):
            record.append("a", [{"n": 1}, {"n": float("nan")}])
        assert list(record.read()) == []


def test_a_half_written_transaction_is_not_seen(path):
    """A process is killed between the rows of one append."""
    script = """
import os, signal, sys
from pathlib import Path
from neuralfinder.search.record import Record
record = Record(Path(sys.argv[1]))
record.append("whole", [{"n": 1}, {"n": 2}])
rows = [(0.0, "half", "{}")] * 100_000
def killing():
    yield from rows
    os.kill(os.getpid(), signal.SIGKILL)
with record._base:
    record._base.executemany("INSERT INTO events (time, kind, data) VALUES (?, ?, ?)", killing())
"""
    killed = subprocess.run([sys.executable, "-c", script, path], check=False)
    assert killed.returncode == -9
    with Record(path, readonly=True) as record:
        assert [event.data["n"] for event in record.read()] == [1, 2]
    with Record(path) as record:
        assert record.append("more", [{}]) == 3


def test_readers_follow_a_writer_at_work(path):
    with Record(path) as writer, Record(path, readonly=True) as reader:
        seen = 0
        for n in range(5):
            writer.append("a", [{"n": n}, {"n": -n}])
            fresh = list(reader.read(after=seen))
            assert [event.data["n"] for event in fresh] == [n, -n]
            seen = fresh[-1].number


def test_a_writer_does_not_wait_for_a_reader_in_the_middle(path):
    with Record(path) as writer, Record(path, readonly=True) as reader:
        writer.append("a", [{"n": n} for n in range(3)])
        reading = reader.read()
        assert next(reading).data == {"n": 0}
        writer.append("a", [{"n": 3}])
        assert [event.data["n"] for event in reading] == [1, 2]


def test_a_finished_record_is_read_where_nobody_may_write(path, monkeypatch):
    """SQLite keeps two files beside a record that others may write to; a read-only disk has no room for them."""
    with Record(path) as record:
        record.append("a", [{"n": 1}])
    monkeypatch.setattr(os, "access", lambda *_: False)
    with Record(path, readonly=True) as record:
        assert record.last("a").data == {"n": 1}
        assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_readers_cannot_write(path):
    Record(path).close()
    with Record(path, readonly=True) as record, pytest.raises(RunFolderError, match="readonly"):
        record.append("a", [{}])


def test_a_record_of_a_newer_format_is_refused(path):
    Record(path).close()
    base = sqlite3.connect(path)
    base.execute(f"PRAGMA user_version={FORMAT + 1}")
    base.close()
    for readonly in (True, False):
        with pytest.raises(RunFolderError, match=rf"format {FORMAT + 1}; expected format {FORMAT} .*update"):
            Record(path, readonly=readonly)


@pytest.mark.parametrize("readonly", [True, False])
@pytest.mark.parametrize("content", [b"this is a text, not a base" * 100, b"SQLite format 3\0" + bytes(4000)])
def test_what_is_no_sqlite_file_is_refused_and_left_alone(path, content, readonly):
    path.write_bytes(content)
    with pytest.raises(RunFolderError, match="no usable record.*expected an SQLite file.*another run folder"):
        Record(path, readonly=readonly)
    assert path.read_bytes() == content


def test_a_base_of_another_program_is_refused_and_left_alone(path):
    base = sqlite3.connect(path)
    base.execute("CREATE TABLE cookies (name TEXT)")
    base.close()
    before = path.read_bytes()
    for readonly in (True, False):
        with pytest.raises(RunFolderError, match=r"none of our events.*another run folder"):
            Record(path, readonly=readonly)
    assert path.read_bytes() == before


def test_a_folder_without_record_is_refused_and_left_alone(tmp_path):
    with pytest.raises(RunFolderError, match=rf"{tmp_path} is a folder without a record; .*run\.sqlite"):
        Record(tmp_path / "run.sqlite", readonly=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("readonly", [True, False])
def test_a_folder_in_the_records_place_is_refused(path, readonly):
    path.mkdir()
    with pytest.raises(RunFolderError, match="no usable record.*another run folder"):
        Record(path, readonly=readonly)


def test_a_record_that_is_cut_off_says_so(path):
    with Record(path) as record:
        record.append("a", [{"text": "x" * 3000} for _ in range(50)])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RunFolderError, match="malformed.*restore it"), Record(path, readonly=True) as record:
        list(record.read())


def test_an_event_that_is_no_json_says_so(path):
    with Record(path) as record:
        record.append("a", [{}])
    base = sqlite3.connect(path)
    base.execute("UPDATE events SET data = '{'")
    base.commit()
    base.close()
    with Record(path, readonly=True) as record:
        with pytest.raises(RunFolderError, match="no usable record.*restore it"):
            list(record.read())
        with pytest.raises(RunFolderError, match="no usable record.*restore it"):
            record.last("a")


def test_paths_with_signs_that_addresses_use(tmp_path):
    path = tmp_path / "50% of #1? &mode=ro 猫" / "run.sqlite"
    path.parent.mkdir()
    with Record(path) as record:
        record.append("a", [{"n": 1}])
    assert path.exists()
    with Record(path, readonly=True) as record:
        assert record.last("a").data == {"n": 1}


def test_a_full_disk_is_the_machine_s_and_leaves_the_record_whole(path):
    with Record(path) as record:
        record.append("a", [{"n": 1}])
        [pages] = record._base.execute("PRAGMA page_count").fetchone()
        record._base.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(MachineError, match=f"full.*free space in {path.parent}"):
            record.append("a", [{"n": n, "text": "x" * 100} for n in range(1000)])
        record._base.execute("PRAGMA max_page_count = 100000")
        assert record.append("a", [{"n": 2}]) == 2


@pytest.mark.parametrize("other", [False, True])
def test_a_record_that_is_deleted_while_it_is_written_is_noticed(path, other):
    with Record(path) as record:
        path.rename(path.with_name("elsewhere"))
        if other:
            path.touch()
        with pytest.raises(MachineError, match=str(path)):
            record.append("a", [{"n": 1}])
