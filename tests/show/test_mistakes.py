"""What the winner had wrong, in lines and rows, and runs that are found again."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from neuralfinder import InputError
from neuralfinder.cli import cli
from neuralfinder.plain import counted
from neuralfinder.search.events import Answered
from neuralfinder.search.record import Record
from neuralfinder.show.mistakes import answered, confusion_lines, mistakes

ROW = {"name": "a.png", "label": "cat", "answer": "dog", "confidence": 0.987654}

RUN = {"data": "toys", "fingerprint": "f", "settings": {"seed": 0}, "address": {}, "version": "0"}


def test_pairs_come_by_their_number():
    found = Answered(("cat", "dog", "owl"), ((5, 3, 0), (1, 4, 0), (0, 0, 2)), ())
    assert confusion_lines(found) == [
        "confused  3 of 8 'cat' were taken for 'dog'",
        "confused  1 of 5 'dog' was taken for 'cat'",
    ]
    assert confusion_lines(Answered(("cat",), ((2,),), ())) == [
        "confused  none: all of the test part was answered rightly"
    ]


def test_mistakes_are_those_with_a_picture_and_those_known_by_name():
    found = Answered(("cat", "dog"), ((1, 1), (1, 1)), (ROW,), (("b.png", 1, 0, 0.6),))
    assert [tuple(row.values()) for row in mistakes(found)] == [
        ("a.png", "cat", "dog", "0.9877"),
        ("b.png", "dog", "cat", "0.6000"),
    ]


def test_a_run_that_goes_on_has_no_mistakes_yet(tmp_path):
    with Record(tmp_path / "run.sqlite") as record, pytest.raises(InputError, match="neuralfinder resume"):
        answered(record)


def test_one_and_many():
    assert [counted(n, "network") for n in (0, 1, 1200)] == ["0 networks", "1 network", "1,200 networks"]
    assert counted(2, "class", "classes") == "2 classes"


def test_runs_are_listed_whatever_their_state(tmp_path):
    for name in ("begun", "deep/er", "spoilt"):
        (tmp_path / name).mkdir(parents=True)
        with Record(tmp_path / name / "run.sqlite") as record:
            record.append("run", [RUN])
    (tmp_path / "spoilt" / "run.sqlite").write_bytes(b"no record")
    (tmp_path / "else").mkdir()
    outcome = CliRunner().invoke(cli, ["runs", str(tmp_path)])
    lines = {line.split()[0].removeprefix(f"{tmp_path}/"): line for line in outcome.output.splitlines()[1:]}
    assert lines.keys() == {"begun", "deep/er", "spoilt"}
    assert "toys" in lines["begun"]
    assert "not finished" in lines["deep/er"]
    assert "cannot be read" in lines["spoilt"]
    nowhere = CliRunner().invoke(cli, ["runs", str(tmp_path / "nowhere")])
    assert "nowhere is not there" in str(nowhere.exception)
