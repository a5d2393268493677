"""The page about a result in a real browser: verdict, classes, thresholds, mistakes."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from chromium import needs_chromium, opened, text
from synthetic import made_events

from neuralfinder.search.events import understood
from neuralfinder.show.page.document import offline_page
from neuralfinder.show.page.standing import standing
from neuralfinder.show.page.story import OF_METRIC, told
from neuralfinder.show.report import as_csv
from neuralfinder.training.metrics import METRICS

pytestmark = [pytest.mark.thorough, needs_chromium]

NONE = "\N{EN DASH}"
"""What the page writes where there is no number."""


def test_the_first_screen_is_the_verdict_and_the_figure_beside_its_rivals(browser, report):
    path, story = report
    done = story["finished"]
    with opened(browser, path.as_uri()) as page:
        assert page.locator("main > section:visible").first.get_attribute("id") == "verdict"
        assert text(page, "#verdict .sentence") == done["verdict"]
        assert page.locator("#verdict .cautions li").all_inner_texts() == done["cautions"]
        assert text(page, "#verdict .answer strong") == f"{done['test_accuracy']:.2%}"
        for end in done["test_interval"]:
            assert f"{end:.2%}" in text(page, "#verdict .answer")
        figure = page.locator("#verdict .dots").bounding_box()
        assert figure["y"] + figure["height"] < 900
        rows = page.locator("#verdict .dots li")
        assert [row.split("\n")[-1] for row in rows.all_inner_texts()] == [
            f"{row['score']:.2%}" if "score" in row else NONE for row in story["standing"]
        ]
        track = page.locator("#verdict .dots .under .track").bounding_box()
        scale = page.locator("#verdict .label").all()
        ends = [(float(each.inner_text().strip("%")) / 100, each.bounding_box()) for each in (scale[0], scale[-1])]
        (low, left), (high, right) = [(share, box["x"] + box["width"] / 2) for share, box in ends]
        assert track["x"] - 1 <= left < right <= track["x"] + track["width"] + 1
        for row, told in zip(rows.all(), story["standing"], strict=True):
            spot, whisker = row.locator(".spot"), row.locator(".whisker")
            if "score" not in told:
                assert spot.count() == whisker.count() == 0
                continue
            box, line = spot.bounding_box(), whisker.bounding_box()
            places = (box["x"] + box["width"] / 2, line["x"], line["x"] + line["width"])
            shares = [low + (place - left) / (right - left) * (high - low) for place in places]
            assert shares == pytest.approx([told["score"], *told["interval"]], abs=0.006)


def test_by_another_metric_its_figure_is_the_first_and_scores_are_of_it(browser, report, tmp_path):
    _, story = report
    lives, done = story["lives"], story["finished"]
    once = {genome for genome, count in Counter(life["genome"] for life in lives).items() if count == 1}
    score = max(life["score"] for life in lives if "score" in life and life["genome"] in once)
    figures = {
        "metric": "log-loss", "test_log_loss": 0.21, "test_log_loss_interval": [0.13, 0.34],
        "validation_log_loss": 0.2,
        "baselines": {"majority class": {**done["baselines"]["majority class"], "test_log_loss": 2.3}},
    }  # fmt: skip
    made = {"finished": {**done, **figures}, "standing": standing({**done, **figures})}
    metric = {name: getattr(METRICS["log-loss"], name) for name in OF_METRIC}
    path = tmp_path / "report.html"
    path.write_text(offline_page({**story, **made, "metric": metric}), encoding="utf-8")
    with opened(browser, path.as_uri()) as page:
        answer = text(page, "#verdict .answer")
        assert answer.split()[:2] == ["0.2100", "log-loss"]
        assert "95% interval 0.1300 to 0.3400" in answer
        assert f"Accuracy: {done['test_accuracy']:.2%}" in answer
        rows = page.locator("#verdict .dots li").all_inner_texts()
        assert [row.split("\n")[-1] for row in rows] == ["0.2100", "2.3000"]
        board = text(page, "#networks-body")
        assert "Scores are log-loss" in board
        assert f"{-math.log(score):.4f}" in board
        assert not re.search(r"\d%", board)
        assert "the validation log-loss after a short training" in text(page, "#legend")


def test_some_right_and_some_wrong_answers_are_shown(browser, report):
    path, story = report
    answers = story["answers"]
    with opened(browser, path.as_uri()) as page:
        right, wrong = page.locator("#verdict .samples").all()
        for shown, told in ((right, answers["rightly"]), (wrong, answers["mistakes"])):
            pictures = shown.locator("img").evaluate_all("all => all.map(each => each.src)")
            assert pictures == [each["picture"] for each in told[: len(pictures)]]
            assert len(pictures) == min(6, len(told))
        assert all(each["label"] == each["answer"] for each in answers["rightly"])


def shares(cells):
    return [float(cell.strip("%")) for cell in cells if cell != NONE]


def test_the_table_of_classes_is_sorted_by_its_heads_and_has_what_the_record_has(browser, report):
    path, story = report
    confusion = np.array(story["answers"]["confusion"])
    with opened(browser, path.as_uri()) as page:
        table = page.locator("table.sortable")

        def column(place):
            return table.locator(f"tbody td:nth-child({place})").all_inner_texts()

        recall = np.diag(confusion) / confusion.sum(1)
        precision = np.diag(confusion) / np.maximum(confusion.sum(0), 1)
        found = dict(zip(column(1), zip(column(2), column(3), column(4), strict=True), strict=True))
        for place, name in enumerate(story["answers"]["classes"]):
            given = f"{precision[place]:.1%}" if confusion[:, place].sum() else NONE
            assert found[name] == (str(confusion[place].sum()), given, f"{recall[place]:.1%}")
        assert shares(column(4)) == sorted(shares(column(4)))
        table.get_by_role("button", name="recall").click()
        assert shares(column(4)) == sorted(shares(column(4)), reverse=True)
        assert table.locator("[aria-sort=descending]").inner_text().strip() == "recall"
        table.get_by_role("button", name="class", exact=True).focus()
        page.keyboard.press("Enter")
        assert column(1) == sorted(column(1))
        page.keyboard.press("Enter")
        assert column(1) == sorted(column(1), reverse=True)
        assert page.evaluate("document.activeElement.textContent") == "class"


def test_the_threshold_says_what_is_answered_and_how_much_of_it_is_right(browser, report):
    path, story = report
    rows, done = story["answers"]["sure"], story["finished"]
    with opened(browser, path.as_uri()) as page:
        slider = page.locator("#least")
        slider.focus()
        page.keyboard.press("Home")
        assert f"100.0% answered, {done['test_accuracy']:.2%} of them right" in text(page, "#classes .said")
        for _ in range(7):
            page.keyboard.press("PageUp")
        least = int(slider.input_value())
        assert 300 < least <= 1000
        left = [row for row in rows if row[0] >= least]
        count, right = sum(row[1] for row in left), sum(row[2] for row in left)
        said = " ".join(text(page, "#classes .said").split())
        assert 0 < count < done["data"]["test"]
        assert f"{count / done['data']['test']:.1%} answered, {right / count:.2%} of them right" in said
        others = done["data"]["test"] - count
        wrong = sum(row[1] - row[2] for row in rows) - (count - right)
        assert f"the other {others} are “not sure”, {wrong} of which it would have got wrong" in said
        assert f"--threshold {least / 1000:g}" in text(page, "#classes")
        page.keyboard.press("End")
        assert "“not sure”" in text(page, "#classes .said")


def test_probabilities_are_held_against_what_came_true(browser, report):
    path, story = report
    done = story["finished"]
    with opened(browser, path.as_uri()) as page:
        counts = [int(each.split()[0]) for each in page.locator("#classes .dots .value").all_inner_texts()]
        assert sum(counts) == done["data"]["test"]
        assert f"{done['calibration']['error_after']:.2%} apart" in text(page, "#classes .dots")


def exported(page):
    with page.expect_download() as download:
        page.click("#export")
    assert download.value.suggested_filename.endswith(".csv")
    return Path(download.value.path()).read_text(encoding="utf-8")


def test_mistakes_are_filtered_by_pair_and_exported(browser, report):
    path, story = report
    answers = story["answers"]
    confusion = np.array(answers["confusion"])
    others = [
        {"name": name, "label": answers["classes"][label], "answer": answers["classes"][answer], "confidence": sure}
        for name, label, answer, sure in answers["others"]
    ]
    every = [*answers["mistakes"], *others]
    with opened(browser, path.as_uri()) as page:
        rows = list(csv.DictReader(io.StringIO(exported(page))))
        assert [(row["name"], row["label"], row["answer"]) for row in rows] == [
            (each["name"], each["label"], each["answer"]) for each in every
        ]
        assert [float(row["probability"]) for row in rows] == pytest.approx(
            [each["confidence"] for each in every], 1e-4
        )
        assert len(rows) == confusion.sum() - np.trace(confusion)
        button = page.locator("table.matrix button").first
        count, words = int(button.inner_text()), button.get_attribute("aria-label")
        button.click()
        label, answer = re.match(r"(.*) answered as (.*): \d+; show them", words).groups()
        rows = list(csv.DictReader(io.StringIO(exported(page))))
        assert [(row["label"], row["answer"]) for row in rows] == [(label, answer)] * count
        assert page.locator("#mistakes .samples li").count() == min(
            count, sum((each["label"], each["answer"]) == (label, answer) for each in answers["mistakes"])
        )
        page.select_option("#pair", "")
        assert len(exported(page).splitlines()) == len(every) + 1


DANGEROUS = ("=1+1", "+a", "-5", "-x", "@cmd", "\tx", 'a,"b"\nc', "a\rb", "ümläut 猫", "1e3", "", "it's")


def test_what_is_exported_is_as_harmless_as_what_commands_write(browser, report, tmp_path):
    _, story = report
    classes = ["=cat()", "-1"]
    mistakes = [
        {"name": name, "label": classes[place % 2], "answer": classes[1 - place % 2], "confidence": 0.75, "text": "x"}
        for place, name in enumerate(DANGEROUS)
    ]
    every = {"classes": classes, "confusion": [[3, 6], [6, 3]], "mistakes": mistakes, "others": []}
    rows = [{**row, "probability": row["confidence"]} for row in mistakes]
    with opened(browser, edited(story, tmp_path, **every)) as page:
        assert exported(page) == as_csv(("name", "label", "answer", "probability"), rows) + "\n"


@pytest.mark.parametrize("width", [400, 1280, 2560, 3840])
def test_the_width_is_used_and_nothing_is_cut(browser, report, width):
    path, _ = report
    with opened(browser, path.as_uri(), width) as page:
        for section in ("verdict", "classes", "mistakes"):
            room = page.locator(f"#{section}").bounding_box()
            parts = page.locator(f"#{section} :is(.pane, .samples, .sentence)").all()
            reach = max(box["x"] + box["width"] for box in (part.bounding_box() for part in parts))
            assert reach > room["x"] + 0.9 * room["width"], section
            assert reach <= room["x"] + room["width"] + 1, section
        cut = page.evaluate(
            """() => [...document.querySelectorAll("#verdict *, #classes *, #mistakes *")].filter((each) =>
                each.checkVisibility() && !each.closest("svg, .scroll, .track")
                && each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).display !== "inline")
                .map((each) => each.outerHTML.slice(0, 200))"""
        )
        assert not cut
        letters = page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)")
        assert letters >= max(15, width / 180)


def test_on_paper_there_is_the_result_and_nothing_to_press(browser, report):
    path, story = report
    with opened(browser, path.as_uri()) as page:
        page.emulate_media(media="print")
        assert page.locator("#verdict .sentence").is_visible()
        assert not page.locator("#theme, #export, #play, #least").locator("visible=true").count()
        tables = page.locator(".scroll").evaluate_all("all => all.map(each => each.scrollHeight - each.clientHeight)")
        assert max(tables) <= 1
        assert text(page, "#verdict .sentence") == story["finished"]["verdict"]


def edited(story, tmp_path, **answers):
    """A file about the same run with other answers."""
    changed = json.loads(json.dumps(story))
    changed["answers"] |= answers
    path = tmp_path / "edited.html"
    path.write_text(offline_page(changed), encoding="utf-8")
    return path.as_uri()


def test_a_run_without_a_mistake_says_so(browser, report, tmp_path):
    _, story = report
    every = {"classes": ["a", "b"], "confusion": [[5, 0], [0, 7]], "mistakes": [], "others": []}
    with opened(browser, edited(story, tmp_path, **every)) as page:
        assert "None: all 12 test pictures were answered rightly." in text(page, "#mistakes")
        assert "None of the test part." in text(page, "#verdict")
        assert page.locator("#export").count() == 0


def test_very_many_mistakes_are_counted_and_exported_though_not_all_are_drawn(browser, report, tmp_path):
    _, story = report
    others = [[f"file {place}.png", place % 2, 1 - place % 2, 0.5 - place / 10_000] for place in range(1000)]
    every = {"classes": ["a", "b"], "confusion": [[0, 600], [600, 0]], "mistakes": [], "others": others}
    with opened(browser, edited(story, tmp_path, **every)) as page:
        assert "1,200 of 1,200 test pictures" in text(page, "#mistakes")
        assert "the 1,000 surest" in text(page, "#mistakes")
        assert page.locator("#mistakes tbody tr").count() == 300
        assert len(exported(page).splitlines()) == 1001


def test_before_the_end_there_is_no_result_and_no_way_to_it(browser, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(offline_page(told(understood(made_events(60)))), encoding="utf-8")
    with opened(browser, path.as_uri()) as page:
        for section in ("verdict", "classes", "mistakes"):
            assert not page.locator(f"#{section}").is_visible()
            assert not page.locator(f"nav a[href='#{section}']").is_visible()
        assert page.locator("nav a[href='#world']").is_visible()
