"""The story of a run: what the page is told of a record."""

from __future__ import annotations

import dataclasses
import time
from collections import defaultdict

import numpy as np
import pytest
from synthetic import made_events

from neuralfinder.job.factories import make_space, make_strategy
from neuralfinder.job.past_runs import in_time
from neuralfinder.job.plan import Plan
from neuralfinder.job.settings import Settings
from neuralfinder.networks.experience import Experience
from neuralfinder.search.archive import read_archive, read_trainings
from neuralfinder.search.early_stopping import EarlyStopping
from neuralfinder.search.events import KINDS, Asked, understood
from neuralfinder.search.loop import Progress, replay
from neuralfinder.show.page import story as stories
from neuralfinder.show.page.document import offline_page
from neuralfinder.show.page.story import MOST_LIVES, Story
from neuralfinder.types import Line


def told(lines):
    return stories.told(understood(lines))


def test_the_story_has_every_candidate_with_its_result(finished):
    _, events = finished
    story = told(events)
    keys = {number: key for number, key, _ in story["genomes"]}
    lives = {life["id"]: life for life in story["lives"]}
    trainings = read_trainings(understood(events))
    assert len(lives) == len(trainings) == 30
    for candidate, result in trainings:
        life = lives[candidate.id]
        assert keys[life["genome"]] == candidate.genome.key
        assert [keys[parent] for parent in life["parents"]] == list(candidate.parents)
        assert life.get("score") == result.score
        assert 0 <= life["asked"] <= life["ended"] <= story["now"]
    assert story["finished"]["genome"] in keys.values()
    assert np.sum(story["answers"]["confusion"]) == story["finished"]["data"]["test"]
    assert story["answers"]["mistakes"][0]["picture"].startswith("data:image/png;base64,")
    assert story["standing"][0]["score"] == story["finished"]["test_accuracy"]
    assert sum(row["count"] for row in story["reliability"]) == story["finished"]["data"]["test"]
    assert sum(right for _, _, right in story["answers"]["sure"]) == np.trace(story["answers"]["confusion"])


def test_the_film_ends_with_the_world_after_the_last_whole_round(finished):
    """What a round that the end of the search cut short has displaced is not told."""
    _, events = finished
    story = told(events)
    keys = {number: key for number, key, _ in story["genomes"]}
    cells = {}
    for scene in story["scenes"]:
        for row, column, number in scene["cells"]:
            cells[row, column] = keys[number]
    kinds = ("run", "plan", "experience")
    began, planned, known = (next(event.data for event in events if event.kind == kind) for kind in kinds)
    settings, plan = Settings(**began["settings"]), Plan.read(planned)
    task, speed, search, world = plan.task, plan.speed, plan.search, plan.world
    space = make_space(
        settings, task.shape, task.classes, speed.rates, search.max_step_seconds, speed.forward, plan.training
    )
    strategy = make_strategy(
        settings, space, search.fidelity, world.side, world.rounds, task.validation, search.candidates,
        expectation=in_time(Experience.of(known), plan, space),
    )  # fmt: skip
    whole = [*understood(events)]
    while not (isinstance(whole[-1], Asked) and any(note["kind"] in ("settled", "round") for note in whole[-1].notes)):
        whole.pop()
    replay(Progress(strategy, early_stopping=EarlyStopping() if search.early_stop else None), whole)
    world = strategy.view()["world"]
    assert {(r, c): life["genome"] for r, row in enumerate(world) for c, life in enumerate(row) if life} == cells
    assert len(cells) == 9


def test_news_piece_by_piece_are_the_whole_story(finished):
    _, events = finished
    whole, story = told(events), Story()
    lives, scenes, finals, genomes, single = {}, [], [], [], {}
    for event in events:
        story.add(KINDS[event.kind].of(event))
        news = story.news()
        lives |= {life["id"]: life for life in news.pop("lives", ())}
        scenes += news.pop("scenes", [])
        finals += news.pop("finals", [])
        genomes += news.pop("genomes", [])
        single |= news
    assert list(lives.values()) == whole["lives"]
    assert (scenes, finals) == (whole["scenes"], whole["finals"])
    assert sorted(genomes) == sorted(whole["genomes"])
    assert single == {
        name: value for name, value in whole.items() if name not in ("lives", "scenes", "finals", "genomes")
    }


def test_who_is_trained_again_counts_once_in_the_calibration(finished):
    _, events = finished
    by_genome = defaultdict(list)
    for life in told(events)["lives"]:
        by_genome[life["genome"]].append(life)
    assert all(sum("expected" in life for life in lives) <= 1 for lives in by_genome.values())
    foreseen = [life for lives in by_genome.values() for life in lives if "expected" in life]
    assert all("beaten" in life for life in foreseen if "failure" not in life)
    assert foreseen


def test_totals_count_what_is_not_told_and_a_score_of_nothing_is_a_score(finished):
    _, events = finished
    results = [event for event in events if event.kind == "result"]
    whole = {**results[0].data, "ended": "complete"}
    nothing = Line(0, results[0].time, "result", {**whole, "score": 0.0})
    lost = Line(0, results[1].time, "result", {**results[1].data, "score": None, "failure": "diverged"})
    story = told([nothing if event is results[0] else lost if event is results[1] else event for event in events])
    assert story["lives"][0]["score"] == 0.0
    seconds = sum(event.data["seconds"] for event in results)
    assert story["totals"] == {"trained": 29, "failed": 1, "seconds": pytest.approx(seconds)}


def test_what_comes_later_does_not_stretch_the_time(finished):
    _, events = finished
    early = dataclasses.replace(next(event for event in events if event.kind == "run"), time=events[0].time - 1000)
    late = Line(events[-1].number + 1, events[-1].time + 90_000, "ablation", {"rows": []})
    story = told([early, *events, late])
    assert story["now"] == told(events)["now"]
    assert story["ablation"] == {"rows": []}


def test_the_stations_of_the_run_are_told_in_seconds_since_its_beginning(finished):
    _, events = finished
    story = told(events)
    [began] = [event.time for event in events if event.kind == "run"]
    assert story["began"] == began
    for kind in ("data", "plan", "stop", "finished"):
        [when] = [event.time for event in events if event.kind == kind]
        assert story["stages"][kind] == pytest.approx(when - began, abs=0.01)
    names = [event.data["name"] for event in events if event.kind == "final"]
    assert [final["in_race"] for final in story["finals"]] == [name != "last" for name in names]


def test_of_a_selection_the_best_are_told_with_all_their_lives(monkeypatch):
    monkeypatch.setattr(stories, "MOST_LIVES", 600)
    monkeypatch.setattr(stories, "BEST_TOLD", 50)
    events = list(made_events(2000))
    story = told(events)
    keys = {number: key for number, key, _ in story["genomes"]}
    scores = defaultdict(list)
    for life in story["lives"]:
        scores[keys[life["genome"]]].append(life["score"])
    for entry in read_archive(understood(events)).best(50):
        assert sorted(scores[entry.genome.key]) == sorted(result.score for result in entry.results)


def test_a_winner_that_the_search_did_not_train_is_told(finished):
    _, events = finished
    *others, last = events
    assert last.kind == "finished"
    by_hand = Line(last.number, last.time, "finished", {**last.data, "genome": "C32.bn M C64.bn > G"})
    assert "C32.bn M C64.bn > G" in [key for _, key, _ in told([*others, by_hand])["genomes"]]


@pytest.mark.parametrize("count", [pytest.param(100_000, marks=pytest.mark.slow), 8_000])
def test_many_candidates_come_as_a_selection(count):
    events = list(made_events(count))
    started = time.monotonic()
    story = told(events)
    page = offline_page(story)
    assert time.monotonic() - started < 30
    assert len(story["lives"]) <= MOST_LIVES
    assert story["left_out"] == [count - len(story["lives"]), count]
    best = max(event.data["score"] for event in events if event.kind == "result")
    assert max(life["score"] for life in story["lives"]) == best
    assert len(page) < 6e6
    numbers = {number for number, *_ in story["genomes"]}
    assert {number for scene in story["scenes"] for *_, number in scene["cells"]} <= numbers


def test_foresight_is_held_against_what_came_on_one_scale():
    """What is expected is the normal score of a rank among the networks before, so what came is a rank among them."""
    events = list(made_events(5))
    asked, answered = (next(e for e in reversed(events) if e.kind == kind) for kind in ("asked", "result"))
    key = asked.data["candidates"][0]["genome"]
    scores = sorted(e.data["score"] for e in events if e.kind == "result" and e is not answered)
    note = {"kind": "foresight", "genome": key, "mean": 1.0, "spread": 0.5}
    changed = [
        (asked, dataclasses.replace(asked, data={**asked.data, "notes": [*asked.data["notes"], note]})),
        (answered, dataclasses.replace(answered, data={**answered.data, "score": (scores[2] + scores[3]) / 2})),
    ]
    replaced = [next((new for old, new in changed if old is e), e) for e in events]
    lives = {life["id"]: life for life in told(replaced)["lives"]}
    life = lives[answered.data["id"]]
    assert life["expected"] == pytest.approx(0.8413, abs=1e-4)
    assert life["beaten"] == pytest.approx(3 / len(scores))
    assert not any("beaten" in other for id_, other in lives.items() if id_ != life["id"])
