"""What is printed: nothing in names, classes and texts moves a cursor, adds a line, or is run by a spreadsheet."""

from __future__ import annotations

import ast
import csv
import io
import json
import logging
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rich.console import Console
from setups import model_of

import neuralfinder
from neuralfinder.cli import cli, main
from neuralfinder.errors import InputError
from neuralfinder.job.status import Status
from neuralfinder.plain import as_json, cell, from_json, printable
from neuralfinder.plugins import Registry
from neuralfinder.show.page.document import offline_page
from neuralfinder.show.predictions import columns_of, write
from neuralfinder.show.report import as_csv, as_table
from neuralfinder.show.terminal import picture
from neuralfinder.training.batches import Scaling
from neuralfinder.types import Shape

HOSTILE = "a\x1b[2J\x1b]0;title\x07\r\nb\u2028c\x85d\u202ee\x9b1m\udce9"
"""Clears a terminal, names its window, begins lines, turns the order of letters, and is half a character."""


def harmless(text):
    assert all(letter.isprintable() or letter == "\n" for letter in text), ascii(text)
    text.encode()


@given(st.text())
def test_what_is_printable_is_one_line_and_what_was_so_is_as_it_was(text):
    shown = printable(text)
    harmless(shown)
    assert len(shown.splitlines()) <= 1
    assert shown == text or not text.isprintable()


@given(
    st.recursive(
        st.text() | st.floats() | st.integers() | st.booleans() | st.none(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=6,
    )
)
def test_json_is_valid_in_one_line_and_says_the_same(values):
    text = as_json(values)
    assert len(text.splitlines()) == 1
    harmless(text)
    assert from_json(text) == json.loads(json.dumps(values), parse_constant=lambda _: None)


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-cmd|' /C calc'!A0", "@SUM(A1)", "\t=1", "\r=1", "-", "=", "-1-1"])
def test_formulas_are_no_formulas(text):
    shown = text.replace("\r", "\\r")
    assert cell(text) == f"'{shown}"
    (row,) = csv.DictReader(io.StringIO(as_csv(["a"], [{"a": text}])))
    assert row["a"] == f"'{shown}"


@pytest.mark.parametrize("value", [-0.5, "-0.5", "-1e-05", "+3", -3, "a=b", "", "C8 > G", None, True, "1-1"])
def test_numbers_and_other_texts_stay(value):
    assert cell(value) == value


@pytest.mark.parametrize("form", ["table", "csv", "json", "jsonl"])
def test_predictions_on_a_terminal(form):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    rows = [{"input": HOSTILE, "label": HOSTILE, "probability": 0.5, "probabilities": {HOSTILE: 0.5}},
            {"input": HOSTILE, "error": HOSTILE}]  # fmt: skip
    out = Terminal()
    write([rows], form, columns_of(None, False), out, (HOSTILE,))
    harmless(out.getvalue())
    if form == "jsonl":
        assert [json.loads(line) for line in out.getvalue().splitlines()] == rows
    if form == "table":
        assert len(out.getvalue().splitlines()) == 3


def test_tables_lines_and_the_live_picture():
    assert len(as_table(["name"], [[HOSTILE], ["b"]]).splitlines()) == 3
    status = Status(best=0.5, best_genome=HOSTILE)
    status.say(HOSTILE)
    status.recent.append(HOSTILE)
    (line,) = status.lines
    harmless(line)
    console = Console(file=io.StringIO(), force_terminal=False, width=500)
    console.print(picture(status))
    harmless(console.file.getvalue())


def test_a_page_has_them_as_text():
    page = offline_page({"data": {"name": HOSTILE}})
    page.encode()
    assert "\x1b" not in page


def test_errors_are_one_line(monkeypatch, capsys):
    def failing(**_):
        raise InputError(HOSTILE, given=HOSTILE, expected="x", mend="y")

    monkeypatch.setattr("neuralfinder.cli.program.cli", failing)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    harmless(said)


def test_logs_are_one_line(monkeypatch, caplog):
    class Entry:
        name, value, dist = HOSTILE, "x", None

        def load(self):
            raise ImportError(HOSTILE)

    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: [Entry()])
    with caplog.at_level(logging.WARNING):
        assert not Registry("things", {}, bool, "a thing").foreign
    harmless(caplog.messages[0])


def test_names_of_files_and_classes_in_commands(tmp_path):
    classes = (f"day{HOSTILE}", "night\udce9")
    model_of(Shape(1, 5, 4), Scaling((128.0,), (60.0,)), classes).save(tmp_path / "model")
    pictures = [tmp_path / "=1\x1b[2J\n.png", tmp_path / "b\x9b.png"]
    for file in pictures:
        Image.fromarray(np.zeros((5, 4), np.uint8)).save(file)
    for form in ("table", "json", "jsonl"):
        outcome = CliRunner().invoke(cli, ["predict", str(tmp_path / "model"), *map(str, pictures), "--format", form])
        assert outcome.exit_code == 0, outcome.exc_info
        harmless(outcome.output)
    outcome = CliRunner().invoke(cli, ["predict", str(tmp_path / "model"), *map(str, pictures), "--format", "csv"])
    assert outcome.exit_code == 0, outcome.exc_info


def test_there_is_one_way_to_the_terminal():
    """`click.echo` and `print` are called where what is said has been made harmless."""
    found = set()
    for path in Path(neuralfinder.__file__).parent.rglob("*.py"):
        if "testing" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                words = {ast.unparse(each.func) for each in ast.walk(node) if isinstance(each, ast.Call)}
                found |= {f"{path.stem}.{node.name}" for word in words & {"print", "click.echo", "click.secho"}}
    assert found == {"listeners.say"}
