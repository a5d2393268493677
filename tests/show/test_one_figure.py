"""All that one run shows has one figure for one thing, and begins with the verdict."""

from __future__ import annotations

import json
import re

import pytest
from chromium import needs_chromium, opened, text
from click.testing import CliRunner

from neuralfinder.cli import cli
from neuralfinder.search.events import understood
from neuralfinder.search.record import Record
from neuralfinder.show.page.story import told

SEARCH = ("search", "digits", "--candidates", "8", "--epochs", "1", "--world-size", "3", "--set", "max_macs=500000")
SHORT = ("--finalists", "1", "--final-epochs", "1")


def call(*words):
    outcome = CliRunner().invoke(cli, [*map(str, words)], catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    return outcome.output


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run, and what it printed, a progress line at every look."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setattr("neuralfinder.show.terminal.LINE_EVERY", 0.0)
        folder = tmp_path_factory.mktemp("figure") / "run"
        yield folder, call(*SEARCH, *SHORT, "--run", folder)


@pytest.mark.thorough
def test_one_figure_for_one_thing(run):
    folder, printed = run
    result = json.loads((folder / "result.json").read_text())
    assert next(iter(result)) == "verdict"
    test, validation = f"{result['test_accuracy']:.2%}", f"{result['validation_accuracy']:.2%}"

    shown = call("show", folder)
    for said in (printed, shown, call(*SEARCH, *SHORT, "--run", folder, "--quiet")):
        lines = said.splitlines()
        place = lines.index(f"verdict   {result['verdict']}")
        assert lines[place + 1 : place + 1 + len(result["cautions"])] == [
            " " * 10 + each for each in result["cautions"]
        ]
        (figures,) = [line for line in lines if line.startswith("test ")]
        assert figures.split()[1] == test
        assert figures.endswith(f"validation {validation}")
    assert f"{test} of {result['data']['test']} pictures" in result["verdict"]

    events = [json.loads(line) for line in call(*SEARCH, *SHORT, "--run", folder, "--json").splitlines()]
    (finished,) = [event["data"] for event in events if event["kind"] == "finished"]
    with Record(folder / "run.sqlite", readonly=True) as record:
        story = told(understood(record.read()))
    assert finished == story["finished"] == result

    rows = json.loads(call("top", folder, "--format", "json"))
    scores = {story_row["id"]: story_row["score"] for story_row in story["lives"]}
    assert [row["short_score"] for row in rows] == [scores[row["id"]] for row in rows]
    for row in rows:
        own = row["genome"] == result["genome"]
        assert row["winner"] == own
        assert row["test_accuracy"] == (result["test_accuracy"] if own else None)
        assert not own or row["full_training"] == result["validation_accuracy"]
    (winner,) = [line for line in call("top", folder).splitlines() if re.search(r"\bwinner\b", line)]
    assert re.search(rf" {validation} +{test} ", winner)

    best = re.findall(r"  best (\S+)(.*?)(?:  |$)", printed, re.MULTILINE)
    assert best, "no progress line with a score"
    assert {words for _, words in best} == {" in short training"}
    assert best[-1][0] == f"{rows[0]['short_score']:.2%}"

    card = (folder / "model" / "README.md").read_text()
    assert f"**{test}**" in card
    plain = re.sub(r"\\", "", card)
    assert plain.index(result["verdict"]) < plain.index("It is right about")
    assert all(each in plain for each in result["cautions"])


@pytest.mark.thorough
@needs_chromium
def test_the_page_and_the_plots_say_the_same(browser, run, tmp_path):
    folder, printed = run
    result = json.loads((folder / "result.json").read_text())
    (best, *others) = json.loads(call("top", folder, "--format", "json"))
    (winner,) = [row for row in (best, *others) if row["winner"]]
    test, validation = f"{result['test_accuracy']:.2%}", f"{result['validation_accuracy']:.2%}"
    assert f" {test} " in printed

    call("report", folder, "--out", tmp_path / "report.html", "--figures", tmp_path / "plots")
    with opened(browser, (tmp_path / "report.html").as_uri()) as page:
        assert text(page, "#verdict .sentence") == result["verdict"]
        assert page.locator("#verdict .cautions li").all_inner_texts() == result["cautions"]
        assert text(page, "#verdict .answer strong") == test
        own, *rivals = [row.splitlines() for row in page.locator("#verdict .dots li").all_inner_texts()]
        assert own[-1] == test
        against = re.findall(r"^  against +(\S+)  ", call("show", folder), re.MULTILINE)
        assert {row[-1] for row in rivals if row[-1].endswith("%")} == {each for each in against if each.endswith("%")}
        assert f"On the validation part, by which it was chosen, it had {validation}." in text(page, "#verdict")
        (row,) = page.locator("#networks-body tr.won").evaluate_all("rows => rows.map(row => row.innerText)")
        for figure in (winner["short_score"], winner["full_training"], winner["test_accuracy"]):
            assert f"{figure:.2%}" in row
        assert page.locator("#networks-body tbody tr").first.inner_text().startswith(f"{best['rank']}")

    plot = (tmp_path / "plots" / "progress.svg").read_text()
    assert f"<!-- best, {best['short_score']:.2%} in the end -->" in plot
