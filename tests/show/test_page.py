"""The page in a real browser: the distribution's Chromium, driven by Playwright."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from chromium import in_the_way, needs_chromium, opened, text
from synthetic import made_events

from neuralfinder.search.events import understood
from neuralfinder.show.page.document import offline_page
from neuralfinder.show.page.story import told
from neuralfinder.types import Line

pytestmark = [pytest.mark.thorough, needs_chromium]

HOSTILE = "<script>alert(1)</script>"
NAMES = {"cat": HOSTILE, "dog": "Größe \"quoted\" 'too'", "owl": "猫 🦉"}


def test_the_file_shows_the_numbers_of_the_record_without_a_network(browser, report):
    path, story = report
    with opened(browser, path.as_uri()) as page:
        done = story["finished"]
        assert done["genome"] in text(page, "#winner")
        assert f"{done['parameters']:,}" in text(page, "#winner")
        assert page.locator("#grid .cell").count() == 9
        assert story["data"]["findings"][0]["text"] in text(page, "#data")
        assert text(page, "#family ol").splitlines() == story["account"]
        assert "trained 30" in " ".join(text(page, "#headline").split())


def test_the_film_goes_to_the_first_moment_and_back(browser, report):
    path, _ = report
    with opened(browser, path.as_uri()) as page:

        def world():
            return page.locator("#grid .cell").evaluate_all(
                "cells => cells.map(cell => cell.getAttribute('aria-label'))"
            )

        last = world()
        assert not any("nobody" in label for label in last)
        slider = page.locator("#moment")
        slider.focus()
        page.keyboard.press("Home")
        assert sum("nobody" not in label for label in world()) <= 1  # who is trained first may settle at once
        assert "step 1 of" in text(page, "#when")
        page.keyboard.press("End")
        assert world() == last
        page.click("#back")
        page.click("#next")
        assert world() == last
        page.select_option("#speed", "60")
        page.click("#play")
        page.wait_for_selector("#play:text-is('Play')", timeout=20_000)
        assert world() == last


def test_cells_are_chosen_by_mouse_and_keyboard(browser, report):
    path, story = report
    keys = {number: key for number, key, _ in story["genomes"]}
    with opened(browser, path.as_uri()) as page:
        cell = page.locator("#grid .cell").nth(4)
        cell.click()
        genome = re.search(r": (.*), ", cell.get_attribute("aria-label")).group(1)
        assert genome in keys.values()
        assert genome in text(page, "#life")
        assert cell.get_attribute("aria-selected") == "true"
        page.locator("#grid .cell").first.focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        assert genome in text(page, "#family-body")


def test_no_figure_stands_where_there_is_none(browser, tmp_path):
    """A child that was stopped early has no score; a last training no curve, for it has learned what is measured."""
    *before, asked, result = made_events(60)
    stopped = {**result.data, "score": None, "ended": "behind", "rungs": [0.3], "curve": []}
    [trained] = next(line for line in before if line.kind == "asked").data["candidates"]
    row = {**asked.data["candidates"][0], "parents": [trained["genome"]]}
    changed = [{"cell": (0, 0), "genome": row["genome"]}]
    place = {"main": (0, 0), "auxiliary": (0, 1), "best": row["genome"], "changed": changed}
    note = {"kind": "round", "round": 59, "outcome": "displaced", **place}
    events = [*before, Line(asked.number, asked.time, "asked", {"n": 1, "candidates": [row], "notes": [note]})]
    events.append(Line(result.number, result.time, "result", stopped))
    for name in ("final-0-0", "last"):
        full = {**result.data, "id": -1, "curve": [0.5, 0.6]}
        data = {"name": name, "genome": row["genome"], "epochs": 3.0, "weights": None, "result": full}
        events.append(Line(events[-1].number + 1, events[-1].time + 1, "final", data))
    path = tmp_path / "report.html"
    path.write_text(offline_page(told(understood(events))), encoding="utf-8")
    with opened(browser, path.as_uri()) as page:
        page.locator("#moment").focus()
        for key in ("End", *["ArrowLeft"] * 4):
            page.keyboard.press(key)
            assert "NaN" not in text(page, "body")
        page.keyboard.press("End")
        page.locator("#grid .cell").first.click()
        assert row["genome"] in text(page, "#life")
        assert "training final-0-0" in text(page, "#life")
        assert "training last" not in text(page, "#life")


def test_names_of_classes_and_files_do_no_harm(browser, report, tmp_path):
    _, story = report
    hostile = json.loads(json.dumps(story))
    hostile["data"]["classes"] = [{"label": name, "given": 9, "given_test": 2} for name in NAMES.values()]
    hostile["data"]["findings"] = [
        {
            "kind": "x",
            "text": f"1 {HOSTILE}",
            "count": 1,
            "names": ['it\'s "a" <img src=x onerror=alert(2)>.png'],
            "change": "",
        }
    ]
    hostile["answers"] = {
        "classes": list(NAMES.values()), "confusion": [[3, 0, 1], [0, 4, 0], [0, 0, 4]],
        "rightly": [], "others": [[f"<b>{HOSTILE}", 0, 1, 0.4]], "sure": [[900, 12, 11]],
        "mistakes": [{"name": "a\"b'<c>.png", "label": HOSTILE, "answer": "猫 🦉", "confidence": 0.9, "text": HOSTILE}],
    }  # fmt: skip
    hostile["run"]["data"] = "<script>alert(1)<script>"
    path = tmp_path / "hostile.html"
    path.write_text(offline_page(hostile), encoding="utf-8")
    with opened(browser, path.as_uri()) as page:
        shown = text(page, "body")
        for name in NAMES.values():
            assert name in shown
        assert "a\"b'<c>.png" in shown
        assert page.locator("script").count() == 2
        assert page.locator("img[src=x]").count() == 0


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (400, "light"),
        (1280, "dark"),
        (3840, "light"),
        *[pytest.param(*each, marks=pytest.mark.slow) for each in ((400, "dark"), (1280, "light"), (3840, "dark"))],
        *[pytest.param(2560, scheme, marks=pytest.mark.slow) for scheme in ("light", "dark")],
    ],
)
def test_nothing_serious_stands_in_anybody_s_way(browser, report, width, scheme):
    path, _ = report
    # axe is put into the page, which its own policy would not allow
    with opened(browser, path.as_uri(), width, color_scheme=scheme, bypass_csp=True, reduced_motion="reduce") as page:
        assert not in_the_way(page)


def test_a_thousand_candidates_are_painted_fast(browser, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(offline_page(told(understood(made_events(1000)))), encoding="utf-8")
    assert path.stat().st_size < 6e6
    with opened(browser, path.as_uri()) as page:
        entries = page.evaluate("performance.getEntriesByType('paint').map(entry => entry.startTime)")
        assert min(entries) < 2000


@pytest.mark.slow
def test_a_hundred_thousand_candidates_are_painted(browser, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(offline_page(told(understood(made_events(100_000)))), encoding="utf-8")
    started = time.monotonic()
    with opened(browser, path.as_uri()) as page:
        assert time.monotonic() - started < 5
        assert "lives are left out" in text(page, "#search")
    assert Path(path).stat().st_size < 6e6
