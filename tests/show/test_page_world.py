"""The page about a search in a real browser: the world's film, lines of descent, the leaderboard, live states."""

from __future__ import annotations

import json
import re

import pytest
from chromium import needs_chromium, opened, text
from synthetic import made_events

from neuralfinder.networks.genome import parse
from neuralfinder.search.archive import read_trainings
from neuralfinder.search.events import understood
from neuralfinder.search.record import Record
from neuralfinder.show import report as reports
from neuralfinder.show.lineage import line_of
from neuralfinder.show.page.document import offline_page
from neuralfinder.show.page.story import told

pytestmark = [pytest.mark.thorough, needs_chromium]

NONE = "\N{EN DASH}"
"""What the page writes where there is nothing."""

NAME, SHORT, FULL, TEST, PARAMETERS, MACS, SECONDS, BORN, STATUS = range(1, 10)
"""Columns of the leaderboard after the rank."""


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A page about 2,000 candidates, and its events."""
    events = list(understood(made_events(2000)))
    path = tmp_path_factory.mktemp("many") / "report.html"
    path.write_text(offline_page(told(events)), encoding="utf-8")
    return path, events


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """A page about 150 candidates."""
    path = tmp_path_factory.mktemp("few") / "report.html"
    path.write_text(offline_page(told(understood(made_events(150)))), encoding="utf-8")
    return path


def rows(page):
    """Cells of the rows of the leaderboard that are on the page."""
    return cells(page, "#networks-body")


def cells(page, table):
    """The words in each cell of each row of the body of a table."""
    return page.locator(f"{table} tbody tr").evaluate_all("all => all.map(row => [...row.cells].map(c => c.innerText))")


def labels(page, selector):
    """What those who do not see them are told of elements."""
    return page.locator(selector).evaluate_all("all => all.map(each => each.getAttribute('aria-label'))")


def genome_of(row):
    return row[NAME].splitlines()[0]


def flying(page):
    return page.locator(".above .flying").count()


def to_a_change(page):
    """Go to the step before one in which a life is displaced; returns the press of a button that shows it."""
    page.locator("#moment").focus()
    page.keyboard.press("End")
    while "displaced" not in text(page, "#events li:first-child"):
        page.click("#back")
    page.click("#back")
    return lambda: page.click("#next")


def test_the_leaderboard_says_what_top_says(browser, finished, report):
    folder, _ = finished
    with Record(folder / "run.sqlite", readonly=True) as record:
        wanted = json.loads(reports.top(record, 1000, "json"))
    result = json.loads((folder / "result.json").read_text())
    with opened(browser, report[0].as_uri()) as page:
        found = rows(page)
        for row, line in zip(found, wanted, strict=False):
            assert row[0] == str(line["rank"])
            assert genome_of(row) == line["genome"]
            assert line["name"] in row[NAME]
            assert row[SHORT].startswith(f"{line['short_score']:.2%}")
            assert row[FULL] == ("" if line["full_training"] is None else f"{line['full_training']:.2%}")
            assert row[TEST] == ("" if line["test_accuracy"] is None else f"{line['test_accuracy']:.2%}")
            assert row[PARAMETERS] == f"{line['parameters']:,}"
            assert (row[STATUS] == "winner") == line["winner"]
        [winner] = [row for row in found if row[STATUS] == "winner"]
        assert genome_of(winner) == result["genome"]
        assert winner[TEST] == f"{result['test_accuracy']:.2%}"
        assert winner[FULL] == f"{result['validation_accuracy']:.2%}"


def test_the_leaderboard_is_sorted_by_its_heads_with_the_keyboard_alone(browser, many):
    with opened(browser, many[0].as_uri()) as page:
        assert len(rows(page)) == 25
        page.locator("#networks-body th button", has_text="parameters").focus()
        for direction, order in (("ascending", 1), ("descending", -1)):
            page.keyboard.press("Enter")
            sizes = [order * int(row[PARAMETERS].replace(",", "")) for row in rows(page)]
            assert sizes == sorted(sizes)
            assert page.locator("#networks-body th[aria-sort]").get_attribute("aria-sort") == direction
            assert page.evaluate("document.activeElement.innerText").startswith("parameters")


def test_the_leaderboard_is_filtered_and_searched(browser, report):
    path, story = report
    with opened(browser, path.as_uri()) as page:
        everyone = rows(page)
        page.fill("#networks-text", "init")
        founders = rows(page)
        before = [row for row in everyone if "init" in row[NAME]]  # of the first page
        assert founders[: len(before)] == before
        assert all("init" in row[NAME] for row in founders)
        assert 0 < len(founders) < story["totals"]["trained"]
        page.fill("#networks-text", "")
        page.select_option("#networks-status", "winner")
        assert [genome_of(row) for row in rows(page)] == [story["finished"]["genome"]]
        page.fill("#networks-text", "no such network")
        assert rows(page) == []
        assert text(page, "#networks-count").startswith("0 of")


def test_thousands_of_networks_stay_quick(browser, many):
    with opened(browser, many[0].as_uri()) as page:
        first = rows(page)
        page.click("#page-after")
        assert [row[0] for row in rows(page)] == [str(rank) for rank in range(26, 51)]
        page.click("#page-first")
        assert rows(page) == first
        took = page.evaluate(
            """() => {
                const started = performance.now(), field = document.querySelector("#networks-text");
                for (const letter of ["C", "C8", "C80", "C8"]) {
                    field.value = letter;
                    field.dispatchEvent(new Event("input"));
                }
                return performance.now() - started;
            }"""
        )
        assert took < 1500


def test_two_networks_are_compared_layer_by_layer(browser, report):
    with opened(browser, report[0].as_uri()) as page:
        first, second = rows(page)[:2]
        for place in range(2):
            page.locator("#networks-body tbody input").nth(place).focus()
            page.keyboard.press("Space")
        table = [[cell.split("\n")[0] for cell in row] for row in cells(page, "#pair-layers")]
        for row, place in ((first, 1), (second, 2)):
            genome = parse(genome_of(row))
            there = [line[place] for line in table if line[place] != NONE]
            assert there == [*map(str, genome.genes), str(genome.head)]
        for _, one, other, relation in table:
            assert (relation == "the same") == (one == other)
        figures = {title: (one, other) for title, one, other, _ in cells(page, "#pair-facts")}
        assert figures["parameters"] == (first[PARAMETERS], second[PARAMETERS])
        assert figures["rank"] == ("1", "2")


def test_a_row_leads_to_the_cell_and_to_the_family(browser, report):
    path, story = report
    living = {tuple(cell): number for scene in story["scenes"] for *cell, number in scene["cells"]}
    keys = {number: key for number, key, _ in story["genomes"]}
    key = keys[next(iter(living.values()))]
    with opened(browser, path.as_uri()) as page:
        row = page.locator("#networks-body tbody tr", has=page.locator(f".genome:text-is('{key}')"))
        row.locator("button:text-is('world')").click()
        assert key in page.evaluate("document.activeElement.getAttribute('aria-label')")
        assert page.evaluate("document.activeElement.classList.contains('cell')")
        row.locator("button:text-is('family')").click()
        assert f"Ancestors of {key}" in text(page, "#family-body")


def test_lightness_says_how_good_a_network_is_and_hue_how_it_is_built(browser, many):
    """All networks here have as many layers: they differ in filters alone."""
    with opened(browser, many[0].as_uri()) as page:
        told = labels(page, ".cell")
        fills = page.locator(".cell .skin").evaluate_all("all => all.map(each => each.getAttribute('fill'))")
    looks = []
    for label, fill in zip(told, fills, strict=True):
        score = float(re.search(r"short score ([\d.]+)%", label).group(1))
        light, chroma, hue = map(float, re.match(r"oklch\((.*)\)", fill).group(1).split())
        looks.append((score, light, int(re.search(r"C(\d+)", label).group(1)), chroma if hue == 90 else -chroma))
        assert hue in (90, 270)
    for by, then in ((0, 1), (2, 3)):
        ordered = [look[then] for look in sorted(looks, key=lambda look: look[by])]
        assert ordered == sorted(ordered)
        assert ordered[0] < ordered[-1]


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_births_and_displacements_are_seen_to_happen(browser, few, motion):
    with opened(browser, few.as_uri(), reduced_motion=motion) as page:
        on = to_a_change(page)
        assert flying(page) == 0
        on()
        assert flying(page) == (0 if motion == "reduce" else 2)
        page.wait_for_timeout(1500)
        assert flying(page) == 0
        changed = page.locator(".cell.fresh")
        assert changed.count() == 1
        assert "short score" in changed.get_attribute("aria-label")


def test_the_line_of_descent_is_lit_on_demand(browser, finished, report):
    _, events = finished
    _, story = report
    line = [step.genome for step in line_of(story["finished"]["genome"], read_trainings(understood(events)))]
    keys = {number: key for number, key, _ in story["genomes"]}
    homes = {keys[number] for scene in story["scenes"] for *_, number in scene["cells"]} & set(line)
    with opened(browser, report[0].as_uri()) as page:
        if not line:
            assert page.locator("#descent").is_disabled()
            return
        assert page.locator(".cell.lit").count() == 0
        page.locator("#descent").focus()
        page.keyboard.press("Enter")
        assert page.get_attribute("#descent", "aria-pressed") == "true"
        for label in labels(page, ".cell.lit"):
            assert re.search(r": (.*), ", label).group(1) in line
        badges = page.locator(".badge-text").all_text_contents()
        assert sum(len(badge.split(", ")) for badge in badges) == len(homes)
        assert {label.split(", ")[0] for label in labels(page, "#family .node.lit")} == set(line)
        page.keyboard.press("Enter")
        assert page.locator(".cell.lit, .badge, #family .node.lit").count() == 0


def test_dots_of_a_chart_are_reached_by_keyboard(browser, report):
    with opened(browser, report[0].as_uri()) as page:
        chart = page.locator("#search [role=slider]").first
        chart.focus()
        page.keyboard.press("Home")
        first = chart.get_attribute("aria-valuetext")
        page.keyboard.press("ArrowRight")
        second = chart.get_attribute("aria-valuetext")
        assert first != second
        assert second in text(page, "#search figure:has([role=slider]) .tip")
        page.keyboard.press("Enter")
        assert re.search(r": (.*), ", second).group(1) in text(page, "#life .genome")


def test_the_seconds_of_the_run_are_those_of_the_result(browser, report):
    path, story = report
    seconds = story["finished"]["seconds"]
    with opened(browser, path.as_uri()) as page:
        names, took = (page.locator(f"#search .parts {tag}").all_inner_texts() for tag in ("dt", "dd"))
        parts = dict(zip(map(str.strip, names), took, strict=True))
        for name, of in (("searching", "search"), ("finishing", "finish")):
            shown, unit = re.match(r"([\d.]+) (s|min)", parts[name]).groups()
            share = 60 if unit == "min" else 1
            assert float(shown) == pytest.approx(seconds[of] / share, abs=0.51)
        minutes, left = divmod(int(seconds["total"]), 60)
        assert f"{minutes:02}:{left:02}" in text(page, "#headline")


def test_pictures_are_shown_at_the_size_at_which_the_winner_looks_at_them(browser, report, tmp_path):
    path, story = report
    with opened(browser, path.as_uri()) as page:
        sizes = page.locator("#data canvas").evaluate_all("all => all.map(each => [each.width, each.height])")
        assert sizes == [[8, 8]] * len(story["data"]["shown"])
        assert text(page, "#data").count("as it came: 8 x 8 pixels") == len(sizes)
    smaller = json.loads(json.dumps(story))
    [genome] = [row for row in smaller["genomes"] if row[1] == story["finished"]["genome"]]
    genome[2].insert(0, ["side", 0, "@4", [], "1x4x4", 0])
    path = tmp_path / "smaller.html"
    path.write_text(offline_page(smaller), encoding="utf-8")
    with opened(browser, path.as_uri()) as page:
        page.wait_for_timeout(300)
        full, small = page.evaluate(
            """async () => {
                const grey = (of) => {
                    const { data } = of.getContext("2d").getImageData(0, 0, of.width, of.height);
                    return [...data].filter((_, at) => at % 4 === 0);
                };
                const shown = document.querySelector("#data img"), canvas = document.createElement("canvas");
                await shown.decode(); canvas.width = shown.naturalWidth; canvas.height = shown.naturalHeight;
                canvas.getContext("2d").drawImage(shown, 0, 0);
                return [grey(canvas), grey(document.querySelector("#data canvas"))];
            }"""
        )
        assert "as it is looked at: 4 x 4 pixels" in text(page, "#data")
    for y in range(4):
        for x in range(4):
            area = [full[(2 * y + dy) * 8 + 2 * x + dx] for dy in range(2) for dx in range(2)]
            assert small[4 * y + x] == pytest.approx(sum(area) / 4, abs=0.6)
