"""What people see: lines, the world and the live picture of a fixed status."""

from __future__ import annotations

import io
import json
import re
import time

import pytest
from rich.console import Console

from neuralfinder.job.status import Status
from neuralfinder.search.record import Record
from neuralfinder.show.terminal import (
    SCALE,
    EventView,
    LiveView,
    PlainView,
    View,
    bar,
    picture,
    progress_line,
    sparkline,
    view,
    world,
)
from neuralfinder.training.metrics import METRICS

COUNTS = {"requested": 14, "trained": 7, "failed": 2, "cached": 3, "infeasible": 2}


@pytest.fixture
def searching(monkeypatch):
    """A status 62 seconds into a search of 2 minutes."""
    status = Status(started=1000.0, budget_seconds=120.0)
    monkeypatch.setattr(time, "monotonic", lambda: 1062.0)
    status.enter("searching")
    status.counts, status.aim, status.about = COUNTS, 40, True
    status.best, status.best_genome = 0.98765, "C32.bn M C64.bn > G"
    cell = {"genome": "C32", "score": 0.5, "origin": "init"}
    status.view = {"round": 3, "rounds": 40, "world": [[cell, {**cell, "score": 1.0}], [None, {**cell, "score": 0.0}]]}
    return status


def drawn(status, width=100):
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(picture(status, width))
    return console.file.getvalue()


def test_the_line_of_a_search_says_where_it_stands(searching):
    assert progress_line(searching) == (
        "    62 s  searching  9 of about 40 done, 2 failed, 3 proposed again  best 98.77% in short training  58 s left"
    )


def test_the_line_of_a_fixed_number_of_candidates_without_budget(searching):
    searching.about, searching.budget_seconds = False, None
    assert progress_line(searching).endswith("9 of 40 done, 2 failed, 3 proposed again  best 98.77% in short training")


def test_rounds_are_counted_with_and_without_a_last_one(searching):
    assert "3 of at most 40" in drawn(searching)
    searching.view = {**searching.view, "rounds": None}
    assert "of at most" not in drawn(searching)
    assert "round" in drawn(searching)


def test_more_candidates_than_aimed_at_are_no_part_of_fewer(searching):
    searching.aim = 8
    assert "  9 done, 2 failed, 3 proposed again  " in progress_line(searching)


def test_the_line_of_reading_counts_pictures(monkeypatch):
    status = Status(started=0.0)
    monkeypatch.setattr(time, "monotonic", lambda: 3.4)
    status.enter("reading")
    assert progress_line(status) == "     3 s  reading"
    status.progress(12_000, 60_000)
    assert progress_line(status) == "     3 s  reading  12,000 of 60,000"
    status.enter("measuring")
    assert progress_line(status) == "     3 s  measuring"


def test_time_left_is_never_negative(searching, monkeypatch):
    monkeypatch.setattr(time, "monotonic", lambda: 1200.0)
    assert progress_line(searching).endswith("  0 s left")


def test_the_world_goes_from_dark_to_bright(searching):
    seen = world(searching.view)
    assert seen.plain == "████\n· ██\n"
    assert [span.style for span in seen.spans] == [SCALE[4], SCALE[7], "dim", SCALE[0]]


def test_a_world_of_equals_is_bright():
    seen = world({"world": [[{"score": 0.3}, {"score": 0.3}]]})
    assert [span.style for span in seen.spans] == [SCALE[-1]] * 2


def test_no_world_no_cells():
    assert world({}).plain == ""


def test_the_picture_has_the_world_beside_the_figures(searching):
    lines = [line.rstrip() for line in drawn(searching).splitlines()]
    assert lines == [
        "",
        "████   phase       searching",
        "· ██   time        62 s, 58 s left",
        "       candidates  9 of about 40 done, 2 failed, 3 proposed again",
        "       round       3 of at most 40",
        "       best        98.77% on validation in short training",
        "                   C32.bn M C64.bn > G",
    ]


def test_the_picture_without_a_world_starts_at_the_margin(monkeypatch):
    monkeypatch.setattr(time, "monotonic", lambda: 2.0)
    status = Status(started=0.0)
    status.enter("reading")
    status.progress(5, 10)
    assert [line.rstrip() for line in drawn(status).splitlines()] == ["", "phase  reading 5 of 10", "time   2 s"]


@pytest.mark.parametrize("width", [20, 40, 60, 80])
def test_the_picture_fits_a_narrow_terminal(searching, width):
    searching.best_genome = " ".join(["C128.bn"] * 20)
    lines = drawn(searching, width).splitlines()
    assert max(map(len, lines)) <= width
    whole = " ".join(drawn(searching, 1000).split())
    for word in " ".join(lines).split():
        assert word in whole.split() or word.endswith("…")


def test_where_there_is_little_room_the_world_stands_above_the_figures(searching):
    lines = [line.rstrip() for line in drawn(searching, 40).splitlines()]
    assert lines[1:5] == ["████", "· ██", "", "phase       searching"]


@pytest.fixture
def finishing(searching):
    searching.enter("finishing", 7)
    searching.progress(2, 7)
    return searching


@pytest.mark.parametrize(
    ("epoch", "epochs", "accuracy", "words"),
    [
        (0.0, 12.0, None, "epoch 1 of 12"),
        (3.0, 12.0, 0.9741, "epoch 4 of 12, 97.41% on validation"),
        (12.0, 12.0, 0.98, "epoch 12 of 12, 98.00% on validation"),
        (0.2, 0.4, None, "epoch 1 of 1"),
    ],
)
def test_finishing_says_how_far_it_is(finishing, epoch, epochs, accuracy, words):
    finishing.train("final-0-1", "C32 > G", epoch, epochs, accuracy)
    assert progress_line(finishing) == f"    62 s  finishing  2 of 7 trainings done  {words}  58 s left"
    shown = drawn(finishing)
    assert "phase       finishing 2 of 7 trainings done" in shown
    assert f"training    {words}\n" in re.sub(" +\n", "\n", shown)


def test_a_run_by_another_metric_tells_its_figures(searching):
    searching.metric = METRICS["macro-f1"]
    assert f"best macro F1 {searching.best:.4f} in short training" in progress_line(searching)
    searching.enter("finishing", 7)
    searching.train("final-0-1", "C32 > G", 3.0, 12.0, 0.9741)
    assert "epoch 4 of 12, macro F1 0.9741 on validation" in progress_line(searching)


def test_after_an_interrupt_the_time_left_is_that_of_the_end_expected(finishing):
    finishing.ends = 1062.0 + 23
    assert progress_line(finishing).endswith("  23 s left")
    finishing.ends = 1062.0 + 999
    assert progress_line(finishing).endswith("  58 s left")


def test_a_plain_view_writes_whole_lines(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    stream = io.StringIO()
    status = Status(started=0.0)
    plain = PlainView(status, stream)
    status.say("first", "second")
    plain.draw(plain._new_lines())
    assert stream.getvalue() == "first\nsecond\n"
    status.enter("searching")
    for now[0] in (4.9, 5.0, 9.9, 10.1):
        plain.draw(plain._new_lines())
    lines = stream.getvalue().splitlines()[2:]
    assert lines == ["     5 s  searching", "    10 s  searching"]
    status.enter("done")
    now[0] = 99.0
    plain.draw(plain._new_lines())
    assert len(stream.getvalue().splitlines()) == 4


def test_a_plain_view_shows_the_last_lines_at_the_end():
    stream = io.StringIO()
    status = Status()
    with PlainView(status, stream):
        status.say("one")
    assert stream.getvalue() == "one\n"


def test_no_name_of_a_file_moves_the_cursor():
    stream = io.StringIO()
    status = Status()
    with PlainView(status, stream):
        status.say("left out: \x1b[2J\r\né 猫.png")
    assert stream.getvalue() == "left out: \\x1b[2J\\r\\né 猫.png\n"


UNHEARD = [OSError(5, "Input/output error"), OSError(28, "No space left on device"), ValueError("closed")]


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        *[(kind, error) for kind in ("plain", "events", "live") for error in UNHEARD],
        ("plain", BrokenPipeError(32, "Broken pipe")),
    ],
)
def test_a_reader_that_leaves_does_not_end_the_run(tmp_path, error, kind):
    """`neuralfinder search | head -1`: the run goes on, unseen."""

    class Closed(io.StringIO):
        def write(self, text):
            raise error

    status, out = Status(), Closed()
    views = {
        "plain": lambda: PlainView(status, out),
        "events": lambda: EventView(status, out, tmp_path / "run.sqlite"),
        "live": lambda: LiveView(status, Console(file=out, force_terminal=True)),
    }
    with views[kind]():
        status.say("one")
        time.sleep(0.6)
        status.say("two")
        reached = True
    assert reached


def test_a_live_view_leaves_its_lines_and_takes_its_picture_away():
    console = Console(file=io.StringIO(), width=80, height=20, force_terminal=True)
    status = Status()
    with LiveView(status, console):
        status.say("[a line] with brackets")
        status.enter("searching")
        time.sleep(0.4)
    written = console.file.getvalue()
    assert "searching" in written
    assert written.count("[a line] with brackets") == 1
    # the last thing done is: cursor shown again, picture erased line by line
    assert "\x1b[?25h" in written
    assert re.search(r"(\x1b\[1A\x1b\[2K)+$", written)


def test_after_a_change_of_size_all_is_drawn_again():
    console = Console(file=io.StringIO(), width=80, height=20, force_terminal=True)
    status = Status()
    with LiveView(status, console):
        status.say("a line")
        time.sleep(0.6)
        console.width = 50
        time.sleep(0.6)
    _, _, after = console.file.getvalue().partition("\x1b[2J")
    assert after.startswith("\x1b[H")
    assert after.count("a line") == 1
    assert "phase" in after


def test_the_view_fits_the_output(capsys, monkeypatch):
    status = Status()
    assert type(view(status)) is PlainView
    assert type(view(status, quiet=True)) is View
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert type(view(status)) is LiveView


def test_a_quiet_view_is_silent(capsys):
    status = Status()
    with view(status, quiet=True):
        status.say("one")
    assert capsys.readouterr() == ("", "")


# the course of the best, and events for programs


def test_the_sparkline_rises_from_first_to_last():
    assert sparkline([0.1, 0.1, 0.2, 0.4]) == "▁▁▃█"
    assert sparkline([0.5, 0.5]) == "██"
    for count in (2, 39, 40, 41, 79, 1000):
        line = sparkline([place / count for place in range(count)])
        assert len(line) <= 41
        assert line[-1] == "█"
        assert list(line) == sorted(line)


def test_the_picture_has_the_course_and_what_happened_last(searching):
    searching.bests = [0.5, 0.625, 1.0]
    searching.recent.extend(
        ["init 50.00%  C8 > G", "cross 60.00%  C16 > G", "mutate diverged  C24 > G", "copy 90.00%  C32 > G"]
    )
    shown = drawn(searching)
    assert "▁▃█" in shown
    assert "init" not in shown
    assert shown.index("copy 90.00%") < shown.index("mutate diverged") < shown.index("cross 60.00%")


def test_events_are_json_objects_line_by_line(tmp_path):
    path, out, status = tmp_path / "run.sqlite", io.StringIO(), Status()
    with EventView(status, out, path):
        status.say("a line")
        with Record(path) as record:
            record.append("run", [{"data": "猫"}])
            record.append("asked", [{"n": 1}])
    rows = [json.loads(line) for line in out.getvalue().splitlines()]
    assert {"kind": "line", "text": "a line"} in rows
    events = [row for row in rows if row["kind"] != "line"]
    assert [(row["number"], row["kind"], row["data"]) for row in events] == [
        (1, "run", {"data": "猫"}),
        (2, "asked", {"n": 1}),
    ]


@pytest.mark.parametrize("shown", [True, False])
def test_a_bar_says_how_many_are_done_where_it_is_shown(shown):
    out = io.StringIO()
    with bar(Terminal(out), shown) as progress:
        progress(3, 40)
    assert ("3/40" in out.getvalue()) == shown


class Terminal:
    """Writes through, and says that it is a terminal."""

    def __init__(self, out):
        self.write, self.flush = out.write, out.flush

    def isatty(self):
        return True
