"""What a notebook shows, and the run as a value; a stub stands for IPython, which need not be installed."""

from __future__ import annotations

import json
import re
import sys
import time
import types
from html.parser import HTMLParser

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from setups import model_of
from synthetic import made_events
from test_estimator import bars, tiny

import neuralfinder.show.notebook
from neuralfinder import Model, NeuralFinder, Run
from neuralfinder.cli import cli
from neuralfinder.errors import InputError, RunFolderError
from neuralfinder.job.status import Status
from neuralfinder.networks.cost import Rates
from neuralfinder.networks.drawing import STYLE, card, drawing
from neuralfinder.networks.genome import Genome, parse
from neuralfinder.search.events import understood
from neuralfinder.search.record import Record
from neuralfinder.show.notebook import NotebookView, run_card, status_card, view
from neuralfinder.training.batches import Scaling
from neuralfinder.types import Shape


class Reader(HTMLParser):
    """What a card says and is made of; elements have to be closed in their order."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.said = [], [], []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.append((tag, dict(attrs)))

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1] != "style":
            self.said.append(data)

    def count(self, tag):
        return sum(each == tag for each, _ in self.tags)


class Notebook:
    """A stub of IPython in a kernel: what was displayed, each with all its updates."""

    def __init__(self):
        self.kernel, self.execution_count, self.shown = object(), 7, []

    def display(self, both, *, raw, display_id):
        assert raw
        assert display_id is True
        self.shown.append([both])
        return types.SimpleNamespace(update=lambda both, raw: self.shown[-1].append(both))


@pytest.fixture
def notebook(monkeypatch):
    one = Notebook()
    ipython, display = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    ipython.get_ipython, display.display, ipython.display = lambda: one, one.display, display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.setattr(neuralfinder.show.notebook, "EVERY", 0.02)
    return one


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A finder fitted in a temporary folder, and its data."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("neuralfinder.job.run.measure", lambda *_: Rates(1e-3, 1e-4, 1e-9, 1e-9))
        X, y = bars()
        return tiny(candidates=12, world_size=3, experience="off").fit(X, np.array(["<b>a</b>", "b & c", "猫"])[y]), X


def said_by(page):
    return " ".join(Reader(page).said)


# cards


def test_the_card_of_a_run_begins_with_the_verdict_and_says_what_the_terminal_says(found):
    finder, _ = found
    page, result = finder.run_._repr_html_(), finder.result_
    assert Reader(page).said[0] == result["verdict"]
    said = said_by(page)
    for each in (
        *result["cautions"],
        result["genome"],
        f"{result['test_accuracy']:.2%} (95 % interval",
        "majority class",
    ):
        assert each in said
    assert "run" not in [tag for tag, _ in Reader(page).tags]
    assert finder._repr_html_().startswith(page)
    assert finder._repr_mimebundle_()["text/html"].startswith(page)


def test_the_card_draws_the_world_at_the_end_each_life_by_its_score(found):
    finder, _ = found
    page = finder.run_._repr_html_()
    titles = re.findall(r"<title>(.*?)</title>", page)
    scores = {row["genome"]: row["short_score"] for row in finder.run_.rows(100)}
    assert len(titles) == 9
    told = dict(title.replace("&gt;", ">").rsplit(": ", 1) for title in titles)
    assert told.items() <= {genome: f"short score {score:.2%}" for genome, score in scores.items()}.items()
    low, high = (f"{end([scores[genome] for genome in told]):.2%}" for end in (min, max))
    assert f"A world of 3 x 3 cells with 9 networks, the brighter the better: short scores from {low} to {high}" in page


def test_a_card_has_no_script_loads_nothing_and_takes_the_inks_around_it(found):
    finder, _ = found
    for page in (finder.run_._repr_html_(), finder.model_._repr_html_()):
        reader = Reader(page)
        assert reader.count("script") == 0
        assert not [
            name for _, attrs in reader.tags for name in attrs if name.startswith("on") or name in ("src", "href")
        ]
        assert len(page) < 60_000
    assert not re.findall(r"(?<!-)color: (?!inherit)|background|url|@import", STYLE)


def test_of_texts_in_a_card_nothing_is_markup():
    bad = '</svg><script>alert("1")</script>&\x1b[2J'
    page = card(bad, [bad], [(bad, bad)], drawing(parse("C8 > G")), bad)
    reader = Reader(page)
    assert reader.count("script") == 0
    assert sum('<script>alert("1")</script>' in each for each in reader.said) == 5
    assert "\x1b" not in page
    status = Status()
    status.recent.append(bad)
    assert Reader(status_card(status, bad)).count("script") == 0
    model = model_of(Shape(1, 5, 4), Scaling((128.0,), (60.0,)), (bad, "<b>"))
    assert Reader(model._repr_html_()).count("script") == 0
    assert "&lt;b&gt;" in model._repr_html_()


@given(st.from_type(Genome))
def test_every_genome_can_be_drawn_within_its_box(genome):
    for tag, attrs in Reader(drawing(genome, 100, 60)).tags:
        if tag == "rect":
            left, top, wide, tall = (float(attrs[name]) for name in ("x", "y", "width", "height"))
            assert min(left, top, wide, tall) >= -0.06
            assert left + wide <= 100.1
            assert top + tall <= 60.1


def test_a_network_of_more_filters_is_drawn_wider_and_a_skip_as_an_arc():
    narrow, wide = (Reader(drawing(parse(text))).tags[1][1]["width"] for text in ("C8 M C8 > G", "C256 M C8 > G"))
    assert float(narrow) < float(wide)
    assert Reader(drawing(parse("C8 C8.add1 C8.add1+2 > G"))).count("path") == 3


def test_the_card_of_a_run_that_goes_on_says_how_far_it_is():
    events = list(understood(made_events(60)))
    page = run_card(events, None)
    assert said_by(page).startswith("Not finished: 60 networks trained so far.")
    assert "A world of 7 x 7 cells with 49 networks" in page
    assert "1 network trained so far" in run_card(list(understood(made_events(1))), None)


# while it goes on


def test_a_fit_shows_where_it_stands_and_ends_as_the_card(notebook, monkeypatch, capsys):
    monkeypatch.setattr("neuralfinder.job.run.measure", lambda *_: Rates(1e-3, 1e-4, 1e-9, 1e-9))
    finder = tiny(candidates=12, world_size=3, experience="off", verbose=1).fit(*bars())
    (updates,) = notebook.shown
    pages = [both["text/html"] for both in updates]
    assert pages[-1] == finder.run_._repr_html_()
    assert updates[-1]["text/plain"] == finder.result_["verdict"]
    going = [said_by(page) for page in pages[:-1]]
    assert going[0].startswith("Starting ...")
    searching = [said for said in going if said.startswith("Searching ...")]
    assert searching
    assert re.search(
        r"candidates \d+ of 12 done, 0 failed, \d+ .*best \d+\.\d\d% on validation in short", searching[-1]
    )
    assert "A world of 3 x 3 cells" in searching[-1]
    assert any("\n" not in both["text/plain"] and " searching " in both["text/plain"] for both in updates)
    assert "60 pictures of 3 classes" in capsys.readouterr().out
    # the card stands in this cell already, and in the next one it does not
    assert 'class="neuralfinder"' not in finder._repr_html_()
    notebook.execution_count += 1
    assert pages[-1] in finder._repr_html_()


def test_time_left_is_shown_where_there_is_a_limit(monkeypatch):
    status = Status(started=1000.0, budget_seconds=120.0)
    monkeypatch.setattr(time, "monotonic", lambda: 1062.0)
    assert "time 62 s, 58 s left" in said_by(status_card(status))


def test_a_fit_that_fails_says_so_in_the_place_of_where_it_stood(notebook):
    status = Status()
    status.enter("searching")
    with pytest.raises(KeyboardInterrupt), view(status):
        raise KeyboardInterrupt
    (updates,) = notebook.shown
    assert said_by(updates[-1]["text/html"]).startswith("Stopped while searching: KeyboardInterrupt")
    assert updates[-1]["text/plain"] == "Stopped while searching: KeyboardInterrupt"


def test_nothing_is_displayed_when_quiet_or_where_there_is_no_kernel(notebook, monkeypatch):
    assert isinstance(view(Status()), NotebookView)
    assert not isinstance(view(Status(), quiet=True), NotebookView)
    del notebook.kernel  # IPython on a terminal
    assert not isinstance(view(Status()), NotebookView)
    monkeypatch.delitem(sys.modules, "IPython")
    assert not isinstance(view(Status()), NotebookView)


def test_a_kernel_that_takes_no_more_does_not_end_the_run(notebook, monkeypatch):
    def gone(*_, **__):
        raise ConnectionError

    monkeypatch.setattr(sys.modules["IPython.display"], "display", gone)
    status = Status()
    with view(status):
        status.enter("searching")
    assert notebook.shown == []


def test_what_does_not_change_is_not_sent_again(notebook, monkeypatch):
    monkeypatch.setattr(time, "monotonic", lambda: 5.0)
    shown = NotebookView(Status(started=0.0))
    for _ in range(3):
        shown.draw([])
    assert [len(updates) for updates in notebook.shown] == [1]


# the run as a value


def call(*words):
    outcome = CliRunner().invoke(cli, [*map(str, words)], catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    return outcome.output


def test_the_leaderboard_has_the_columns_and_figures_of_top(found, tmp_path, monkeypatch):
    pandas = pytest.importorskip("pandas")
    finder, _ = found
    folder, board = finder.save(tmp_path / "run"), finder.leaderboard_
    assert isinstance(board, pandas.DataFrame)
    shown = json.loads(call("top", folder, "--format", "json"))
    assert list(board) == list(shown[0])
    for name, column in board.items():
        told = [each if isinstance(each, list) or not pandas.isna(each) else None for each in column]
        assert told == [row[name] for row in shown]
    assert len(finder.run_.leaderboard(3)) == 3
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert finder.leaderboard_ == shown == finder.run_.rows()


def test_a_finder_is_saved_and_loaded_and_answers_the_same(found, tmp_path):
    finder, X = found
    folder = finder.save(str(tmp_path / "a" / "b"))
    twin = NeuralFinder.load(folder)
    np.testing.assert_array_equal(twin.predict_proba(X), finder.predict_proba(X))
    np.testing.assert_array_equal(Model.load(folder).predict(X), finder.predict(X))
    assert (twin.run_, twin.result_) == (finder.run_, finder.result_)
    assert (twin.run_.folder, finder.run_.folder) == (folder, None)
    assert twin.classes_.tolist() == finder.classes_.tolist() == ["<b>a</b>", "b & c", "猫"]
    assert {**twin.get_params(), "verbose": 0} == finder.get_params()
    assert json.loads((folder / "result.json").read_text(encoding="utf-8")) == finder.result_
    files = {path.name for path in folder.rglob("*") if path.is_file()}
    assert files - {"run.sqlite-wal", "run.sqlite-shm"} == {  # which SQLite keeps for readers
        "run.sqlite", "result.json", "model.safetensors", "preprocessing.json", "network.py", "README.md"
    }  # fmt: skip
    assert type("Own", (NeuralFinder,), {}).load(folder).__class__.__name__ == "Own"


def test_what_is_saved_is_a_run_for_the_command_line(found, tmp_path):
    finder, _ = found
    folder = finder.save(tmp_path / "run")
    assert f"verdict   {finder.result_['verdict']}" in call("show", folder)
    finder.save(folder)  # again, and as it was
    with Record(folder / "run.sqlite", readonly=True) as record:
        assert len(list(record.read())) == len(list(finder.run_.events()))
    again = Run.load(folder)
    assert [(event.number, event.time) for event in again.events()] == [
        (event.number, event.time) for event in finder.run_.events()
    ]


def test_another_run_is_not_written_over(found, tmp_path):
    finder, _ = found
    with Record(tmp_path / "run.sqlite") as record:
        record.take(made_events(3))
    with pytest.raises(
        RunFolderError, match=r"a folder with another run; expected a new one, or that of this run; name"
    ):
        finder.save(tmp_path)
    assert len(list(Run.load(tmp_path).events())) == 8
    assert not (tmp_path / "model").exists()


def test_load_says_what_lacks(tmp_path):
    with pytest.raises(RunFolderError, match="a folder without a record; expected a run folder"):
        NeuralFinder.load(tmp_path)
    with Record(tmp_path / "run.sqlite") as record:
        record.take(made_events(3))
    with pytest.raises(InputError, match="no model; expected a folder with model.safetensors"):
        NeuralFinder.load(tmp_path)
    assert Run.load(tmp_path).result is None


def test_the_page_is_written_where_it_is_asked_for_or_found_again(found, tmp_path, monkeypatch):
    finder, _ = found
    monkeypatch.chdir(tmp_path)
    assert finder.report().name == "neuralfinder-report.html"
    path = finder.report(tmp_path / "a.html")
    assert path.read_text(encoding="utf-8") == (tmp_path / "neuralfinder-report.html").read_text(encoding="utf-8")
    folder = finder.save("kept")
    assert NeuralFinder.load(folder).report() == folder / "report.html"
    call("report", folder, "--out", "b.html")
    assert (tmp_path / "b.html").read_text(encoding="utf-8") == path.read_text(encoding="utf-8")


def test_a_run_of_the_command_line_is_loaded_with_its_settings(finished):
    folder, events = finished
    finder = NeuralFinder.load(str(folder))
    assert (finder.candidates, finder.share, finder.world_size, finder.minutes) == (30, 0.1, 3, None)
    assert [event.number for event in finder.run_.events()] == [event.number for event in events]
    digits = np.zeros((2, 8, 8), np.uint8)
    np.testing.assert_array_equal(finder.predict(digits), Model.load(folder).predict(digits))
