"""The help of every command, what the shell completes, and lines on a terminal."""

from __future__ import annotations

import os
import re
import shlex

import click
import pytest
from click.shell_completion import ShellComplete
from test_cli import call

from neuralfinder import cli
from neuralfinder.cli import program


def test_help_is_in_groups_with_examples():
    outcome = call("search", "--help")
    titles = ["The search:", "Data:", "Limits:", "Numbers of the plan, for experts:", "Where to, and what is printed:"]
    places = [outcome.out.index(title) for title in [*titles, "Examples:"]]
    assert places == sorted(places)
    assert places[1] < outcome.out.index("--test") < places[2] < outcome.out.index("--max-parameters") < places[3]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("search --strategy aging", "aging-evolution"), ("search --preset seed", "seed-2017"),
        ("search --set early", "early_stop="), ("top runs/ph", "runs/photos"), ("show runs/", "runs/photos"),
        ("predict runs/p", "runs/photos"), ("top old", "old"),
        ("search --from runs/l", "runs/letters"),
    ],
)  # fmt: skip
def test_names_are_completed(words, offered, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("photos", "letters"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "run.sqlite").touch()
    words = words.split()
    completion = ShellComplete(cli.cli, {}, "neuralfinder", "_NEURALFINDER_COMPLETE")
    assert offered in [item.value for item in completion.get_completions(words[:-1], words[-1])]


@pytest.mark.parametrize("name", [*cli.cli.commands, ""])
def test_every_help_has_examples_that_parse(name):
    out = call(*([name] if name else []), "--help").out
    examples = out[out.index("Examples:") :].splitlines()[1:]
    assert examples
    for line in examples:
        command, *words = shlex.split(line)[1:]
        words = words[: next((n for n, word in enumerate(words) if word in (">", "hand-written", "one", "two")), None)]
        with click.Context(cli.cli) as context:
            cli.cli.commands[command].make_context(command, words, parent=context)


def test_all_commands_are_in_a_group():
    assert sorted(name for names in program.GROUPS.values() for name in names) == sorted(cli.cli.commands)
    assert not re.search(r"[a-z,] ?\.\.\.$", call("--help").out, re.MULTILINE)


@pytest.mark.parametrize("width", [20, 40, 80])
def test_on_a_terminal_no_word_is_broken(width, monkeypatch):
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((width, 24)))
    words = "verdict   The network found is right about 98.33% of 359 pictures that it never saw, a 3x3 one."
    lines = program.wrapped(words, 10)
    assert " ".join(" ".join(lines).split()) == " ".join(words.split())
    assert all(len(line) <= width for line in lines)
    assert all(line.startswith(" " * 10) for line in lines[1:])
