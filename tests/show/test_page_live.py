"""The live page in a real browser: from before a run's first second to after its last."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from chromium import needs_chromium, opened, text
from serving import address_of, served, write
from synthetic import made_events

from neuralfinder.job.status import FILE
from neuralfinder.search.record import Record
from neuralfinder.show import report as reports

pytestmark = [pytest.mark.thorough, needs_chromium]


def says(page, words, within=2.0):
    """Wait until the page says so, for no longer than a reader would take a blank page for a broken one."""
    started = time.monotonic()
    while words not in text(page, "#now"):
        assert time.monotonic() - started < within, text(page, "#now")
        page.wait_for_timeout(50)


@contextmanager
def before_its_story(browser, address):
    """A page that has no story to be ready with yet."""
    context = browser.new_context()
    page = context.new_page()
    troubles = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    try:
        page.goto(address)
        yield page
        assert not troubles
    finally:
        context.close()


def until(events, kind):
    """How many events there are before the first of a kind."""
    return [event.kind for event in events].index(kind)


def test_a_page_waits_for_its_run_and_says_what_happens_before_the_first_network(browser, finished, tmp_path):
    _, events = finished
    data, plan, result, stop = (until(events, kind) for kind in ("data", "plan", "result", "stop"))
    folder = tmp_path / "later"
    with before_its_story(browser, address_of(folder)) as page:
        says(page, f"There is no run in {folder} yet.")
        folder.mkdir()
        with Record(folder / "run.sqlite") as record:
            write(record, events[:data])
            says(page, "Reading the data.", 3)
            assert "Reading the data." in text(page, "#life")
            write(record, events[data:plan])
            says(page, "Measuring how fast this machine trains.")
            write(record, events[plan:result])
            says(page, "Training the first network.")
            assert "Training the first network." in text(page, "#networks-body")
            write(record, events[result:stop])
            says(page, "30 of 30 networks are trained")


def test_finishing_tells_epoch_accuracy_and_time_left_and_ends_with_the_result(browser, finished, tmp_path):
    _, events = finished
    end = until(events, "finished")
    result = events[end].data
    training = {
        "name": "final-0-0",
        "genome": result["genome"],
        "epoch": 3.0,
        "epochs": 9.0,
        "validation_accuracy": 0.875,
    }
    said = {"time": time.time(), "phase": "finishing", "training": training, "elapsed": 30.0, "left": 50.0}
    (tmp_path / FILE).write_text(json.dumps(said))
    with served(tmp_path, events[:end]) as (address, record), opened(browser, address) as page:
        says(page, "Epoch 3.0 of 9.0, validation accuracy 87.50%. At most")
        (tmp_path / FILE).unlink()
        write(record, events[end:])
        page.wait_for_selector("#now", state="hidden", timeout=3000)
        assert f"{result['test_accuracy']:.2%}" in text(page, "main")
        page.wait_for_selector("#networks-body tr.won", timeout=4000)


def test_a_page_about_a_stopped_run_says_so(browser, tmp_path):
    events = list(made_events(60))
    with served(tmp_path, events) as (address, _), opened(browser, address) as page:
        page.evaluate("Date.now = ((real) => () => real() + 40_000)(Date.now)")
        says(page, "Nothing was heard of the run for")


def test_the_live_page_grows_without_reload(browser, tmp_path):
    events = list(made_events(120))
    with served(tmp_path, events[:100]) as (address, record), opened(browser, address) as page:
        before = {file.name for file in tmp_path.iterdir()}
        page.evaluate("window.mark = 'still the same page'")
        moments = int(page.get_attribute("body", "data-moments"))
        write(record, events[100:])
        started = time.monotonic()
        while int(page.get_attribute("body", "data-moments")) <= moments:
            assert time.monotonic() - started < 10
            page.wait_for_timeout(100)
        assert page.evaluate("window.mark") == "still the same page"
        assert page.locator("#events li").count() > 20
        assert {file.name for file in tmp_path.iterdir()} <= before | {"run.sqlite-shm", "run.sqlite-wal"}


@pytest.mark.slow
def test_a_long_search_stays_fluid(browser, tmp_path):
    """While a hundred answers a second come to a record of 100,000 events, the page is never stuck for long."""
    events = list(made_events(51_000))
    with served(tmp_path, events[:100_000]) as (address, record), opened(browser, address) as page:
        page.evaluate(
            """() => {
                window.longest = 0;
                new PerformanceObserver((list) => {
                    for (const task of list.getEntries()) window.longest = Math.max(window.longest, task.duration);
                }).observe({ type: "longtask" });
            }"""
        )
        moments = int(page.get_attribute("body", "data-moments"))
        for start in range(100_000, 102_000, 200):
            write(record, events[start : start + 200])
            page.wait_for_timeout(1000)
        page.click("#play")
        page.wait_for_timeout(3000)
        assert int(page.get_attribute("body", "data-moments")) > moments + 500
        assert page.evaluate("window.longest") < 500


WATCH = """() => {
    const since = new Map();
    window.longest = {};
    const seen = "img, svg, canvas, progress, input, select, button";
    const blank = (box) => !box.innerText.trim() && !box.querySelector(seen);
    window.watch = setInterval(() => {
        for (const box of document.querySelectorAll("main section, main [id], main .pane, main .charts > *")) {
            const { width, height } = box.getBoundingClientRect();
            const name = box.id || `${box.closest("[id]").id} ${box.className}`;
            if (box.matches(seen) || width < 40 || height < 40 || !blank(box)) { since.delete(box); continue; }
            if (!since.has(box)) since.set(box, performance.now());
            const lasted = performance.now() - since.get(box);
            window.longest[name] = Math.max(window.longest[name] ?? 0, lasted);
        }
    }, 100);
}"""
"""Notes for how many milliseconds at most each box of the page that is higher than a line had nothing in it."""

SMALL = ("--candidates", "9", "--epochs", "1", "--finalists", "1", "--final-epochs", "20", "--set", "max_macs=500000")
SEARCH = ("search", "digits", *SMALL, "--world-size", "3", "--seed", "0", "--quiet")


def test_a_search_is_followed_from_before_its_first_second_to_its_end(browser, tmp_path, monkeypatch):
    """No box is blank for longer than two seconds, and the last figures are those of all else that tells of the run."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder, states = tmp_path / "run", []
    with before_its_story(browser, address_of(folder)) as page:
        says(page, "There is no run in")
        page.evaluate(WATCH)
        command = [sys.executable, "-m", "neuralfinder", *SEARCH, "--run", str(folder)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as search:
            try:
                while search.poll() is None:
                    state = page.evaluate("document.querySelector('#headline dd')?.innerText")
                    if state and state not in states:
                        states.append(state)
                    page.wait_for_timeout(50)
            finally:
                search.kill()
        assert search.returncode == 0
        page.wait_for_selector("#now", state="hidden", timeout=3000)
        page.wait_for_selector("#networks-body tr.won", timeout=4000)
        assert states[:4] == ["beginning", "searching", "finishing", "finished"][: len(states)]
        assert {"beginning", "searching", "finishing"} <= set(states)
        longest = page.evaluate("window.longest")
        assert not {name: lasted for name, lasted in longest.items() if lasted > 2000}

        result = json.loads((folder / "result.json").read_text())
        with Record(folder / "run.sqlite", readonly=True) as record:
            lines = json.loads(reports.top(record, 1000, "json"))
        assert text(page, "#verdict .sentence") == result["verdict"]
        assert text(page, "#verdict .answer strong") == f"{result['test_accuracy']:.2%}"
        [won] = page.locator("#networks-body tr.won").evaluate_all(
            "rows => rows.map(row => [...row.cells].map(cell => cell.innerText))"
        )
        [line] = [line for line in lines if line["winner"]]
        assert won[1].splitlines()[0] == line["genome"] == result["genome"]
        assert won[0] == str(line["rank"])
        assert won[2].startswith(f"{line['short_score']:.2%}")
        assert won[3:5] == [f"{result['validation_accuracy']:.2%}", f"{result['test_accuracy']:.2%}"]
        assert f"trained {sum(line['status'] != 'failed' for line in lines)}" in " ".join(
            text(page, "#headline").split()
        )
        minutes, left = divmod(int(result["seconds"]["total"]), 60)
        assert f"{minutes:02}:{left:02}" in text(page, "#headline")
