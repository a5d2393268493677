"""The page about a run: its story, the file, the server, the figures."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import hashlib
import json
import re
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from runs import searched
from starlette.testclient import TestClient

from neuralfinder.cli import cli
from neuralfinder.job.plan import Plan
from neuralfinder.job.presets import Settings, make_space, make_strategy
from neuralfinder.networks.genome import parse
from neuralfinder.search.archive import read_trainings
from neuralfinder.search.early_stopping import EarlyStopping
from neuralfinder.search.loop import Progress, replay
from neuralfinder.search.record import Record
from neuralfinder.show.lineage import in_words, line_of
from neuralfinder.show.page.document import live_page, offline_page, part
from neuralfinder.show.page.server import _news, application, new_token
from neuralfinder.show.page.story import MOST_LIVES, Story, told
from neuralfinder.types import Candidate, Event, Fidelity, Result, Shape


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run folder, and its events."""
    folder = tmp_path_factory.mktemp("story") / "run"
    searched(folder, "--candidates", "30", "--epochs", "1", "--share", "0.1", "--world-size", "3")
    with Record(folder / "run.sqlite", readonly=True) as record:
        return folder, list(record.read())


def made_events(count, seed=0):
    """A synthetic run: founders of a world of 7 x 7, then children that displace others at random."""
    rng = np.random.default_rng(seed)
    task = {
        "shape": {"channels": 3, "height": 32, "width": 32},
        "classes": 10,
        "train": 900,
        "validation": 90,
        "test": 9,
    }
    plan = {"task": task, "world_size": 7, "candidates": count, "candidates_fixed": True, "finalists": 1}
    run = {"data": "made", "settings": {"seed": 0}, "version": "0"}
    number, keys = 0, [f"C{8 * n}.bn M C{8 * n + 8} > G" for n in range(1, 400)]
    for kind, data in (("run", run), ("plan", {**plan, "search_seconds": None, "budget_seconds": None})):
        number += 1
        yield Event(number, float(number), kind, data)
    for id_ in range(count):
        key = keys[int(rng.integers(len(keys)))]
        notes = []
        if id_ == 49:
            notes = [{"kind": "settled", "changed": [{"cell": (i // 7, i % 7), "genome": keys[i]} for i in range(49)]}]
        elif id_ > 49 and id_ % 3 == 0:
            cell = tuple(rng.integers(7, size=2).tolist())
            notes = [
                {
                    "kind": "round",
                    "round": id_,
                    "main": cell,
                    "auxiliary": cell,
                    "outcome": "displaced",
                    "best": key,
                    "changed": [{"cell": cell, "genome": key}],
                }
            ]
        parents = [keys[int(rng.integers(len(keys)))]] if id_ > 49 else []
        row = {
            "id": id_,
            "genome": key,
            "operator": "mutate" if parents else "init",
            "parents": parents,
            "seed": id_,
            "epochs": 1,
            "share": 1.0,
            "repeat": 0,
            "inherits": [],
            "bars": [],
        }
        score = float(0.9 - rng.exponential(0.05) - 0.3 / (1 + id_ / 20))
        result = {
            "id": id_,
            "score": score,
            "failure": None,
            "detail": "",
            "curve": [score],
            "rungs": [],
            "done": 1.0,
            "ended": "complete",
            "seconds": 1.0,
            "parameters": int(rng.integers(1e3, 1e6)),
            "macs": 10_000,
            "milliseconds": [],
        }
        for kind, data in (("asked", {"n": 1, "candidates": [row], "notes": notes}), ("result", result)):
            number += 1
            yield Event(number, float(number), kind, data)


# the story


def test_the_story_has_every_candidate_with_its_result(finished):
    _, events = finished
    story = told(events)
    keys = {number: key for number, key, _ in story["genomes"]}
    lives = {life["id"]: life for life in story["lives"]}
    trainings = read_trainings(events)
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


def test_the_film_ends_with_the_world_of_the_replayed_strategy(finished):
    _, events = finished
    story = told(events)
    keys = {number: key for number, key, _ in story["genomes"]}
    cells = {}
    for scene in story["scenes"]:
        for row, column, number in scene["cells"]:
            cells[row, column] = keys[number]
    values = dict(next(event.data for event in events if event.kind == "plan"))
    task, began = values.pop("task"), next(event.data for event in events if event.kind == "run")
    plan = Plan.read({name: value for name, value in values.items() if name not in ("flip", "bf16")})
    settings = Settings(**began["settings"])
    space = make_space(
        settings, Shape(**task["shape"]), task["classes"], plan.rates, plan.max_step_seconds, plan.forward
    )
    strategy = make_strategy(
        settings, space, plan.fidelity, plan.world_size, plan.rounds, task["validation"], plan.candidates
    )
    replay(Progress(strategy, early_stopping=EarlyStopping()), events)
    world = strategy.view()["world"]
    assert {(r, c): life["genome"] for r, row in enumerate(world) for c, life in enumerate(row) if life} == cells
    assert len(cells) == 9


def test_news_piece_by_piece_are_the_whole_story(finished):
    _, events = finished
    whole, story = told(events), Story()
    lives, scenes, finals, genomes, single = {}, [], [], [], {}
    for event in events:
        story.add(event)
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


def test_totals_count_what_is_not_told_and_a_score_of_nothing_is_a_score(finished):
    _, events = finished
    results = [event for event in events if event.kind == "result"]
    nothing = Event(0, results[0].time, "result", {**results[0].data, "score": 0.0})
    lost = Event(0, results[1].time, "result", {**results[1].data, "score": None, "failure": "diverged"})
    story = told([nothing if event is results[0] else lost if event is results[1] else event for event in events])
    assert story["lives"][0]["score"] == 0.0
    seconds = sum(event.data["seconds"] for event in results)
    assert story["totals"] == {"trained": 29, "failed": 1, "seconds": pytest.approx(seconds)}


def test_what_comes_later_does_not_stretch_the_time(finished):
    _, events = finished
    early = dataclasses.replace(next(event for event in events if event.kind == "run"), time=events[0].time - 1000)
    late = Event(events[-1].number + 1, events[-1].time + 90_000, "ablation", {"rows": []})
    story = told([early, *events, late])
    assert story["now"] == told(events)["now"]
    assert story["ablation"] == {"rows": []}


def test_a_winner_that_the_search_did_not_train_is_told(finished):
    _, events = finished
    *others, last = events
    assert last.kind == "finished"
    by_hand = Event(last.number, last.time, "finished", {**last.data, "genome": "C32.bn M C64.bn > G"})
    assert "C32.bn M C64.bn > G" in [key for _, key, _ in told([*others, by_hand])["genomes"]]


@pytest.mark.thorough
def test_a_hundred_thousand_candidates_come_as_a_selection():
    events = list(made_events(100_000))
    started = time.monotonic()
    story = told(events)
    page = offline_page(story)
    assert time.monotonic() - started < 30
    assert len(story["lives"]) <= MOST_LIVES
    assert story["left_out"] == [100_000 - len(story["lives"]), 100_000]
    best = max(event.data["score"] for event in events if event.kind == "result")
    assert max(life["score"] for life in story["lives"]) == best
    assert len(page) < 6e6
    numbers = {number for number, *_ in story["genomes"]}
    assert {number for scene in story["scenes"] for *_, number in scene["cells"]} <= numbers


# lines of descent


def training(id_, key, parents=(), score=0.5, operator="mutate", inherits=()):
    candidate = Candidate(id_, parse(key), operator, tuple(parents), 0, Fidelity(1), inherits=inherits)
    return candidate, Result(id_, score) if score is not None else Result(id_, None, "diverged")


def test_a_line_goes_through_the_better_parent_and_gains_add_up():
    a, b, c, d = "C8 > G", "C16 > G", "C24 > G", "C32 > G"
    trainings = [
        training(0, a, score=0.4, operator="init"),
        training(1, b, score=0.5, operator="init"),
        training(2, c, (a, b), 0.6, "cross"),
        training(3, d, (c,), 0.55, inherits=(2,)),
        training(4, a, (d,), 0.45),  # proposed again: no child of its own children
    ]
    line = line_of(d, trainings)
    assert [step.id for step in line] == [1, 2, 3]
    assert [step.gain for step in line] == [None, pytest.approx(0.1), pytest.approx(-0.05)]
    assert in_words(line) == [
        "It began with C16 > G (init, candidate 1): 50.00%.",
        "Then cross made C24 > G (candidate 2): 60.00%, +10.00 points.",
        "Then mutate with a parent's weights made C32 > G (candidate 3): 55.00%, -5.00 points.",
    ]
    assert line_of("C99 > G", trainings) == []
    assert [step.id for step in line_of(a, trainings)] == [0]


# the file


def test_the_file_lets_nothing_else_in(finished):
    _, events = finished
    page = offline_page(told(events))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page).group(1)
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        inside = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL).group(1)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{rule} 'sha256-{digest}'" in policy
    addresses = set(re.findall(r"https?://[^\s\"'`]+", page)) - {"http://www.w3.org/2000/svg"}
    assert not addresses


def test_no_text_of_the_data_becomes_part_of_the_page():
    hostile = "</script><script>alert(1)</script><!-- \"quoted\" 'too'"
    page = offline_page({"now": 0, "data": {"name": hostile}, "script": "<!--style--><!--script-->"})
    assert page.count("<script") == 2
    assert page.count("alert(1)") == 1
    story = re.search(r'id="story">(.*?)</script>', page, re.DOTALL).group(1)
    assert json.loads(story)["data"]["name"] == hostile


def test_the_report_needs_no_torch_and_no_search_to_have_ended(finished, tmp_path):
    folder, events = finished
    with Record(tmp_path / "run.sqlite") as record:
        for event in events[:20]:
            record.append(event.kind, [event.data])
    code = (
        "import sys; sys.modules['torch'] = None; sys.modules['sklearn'] = None\n"
        "from neuralfinder.cli import main\n"
        "sys.argv = ['neuralfinder', 'report', sys.argv[1], '--out', sys.argv[2]]\n"
        "main()"
    )
    for source in (folder, tmp_path):
        out = tmp_path / "page.html"
        done = subprocess.run([sys.executable, "-c", code, source, out], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert out.read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.thorough
def test_figures_are_written(finished, tmp_path):
    folder, _ = finished
    outcome = CliRunner().invoke(
        cli, ["report", str(folder), "--out", str(tmp_path / "a.html"), "--figures", str(tmp_path / "f")]
    )
    assert outcome.exit_code == 0, outcome.output
    names = {path.name for path in (tmp_path / "f").iterdir()}
    assert {"progress.svg", "progress.png", "pareto.svg", "pareto.png"} <= names
    assert set(map(str, (tmp_path / "f").iterdir())) < set(outcome.output.split())


# the server


HOST = "127.0.0.1:8517"


@pytest.fixture
def client(finished):
    return TestClient(application(finished[0], "secret", [HOST]), base_url=f"http://{HOST}")


def test_the_page_and_its_parts_are_served(client):
    page = client.get("/secret/")
    assert page.status_code == 200
    assert page.text == live_page()
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    assert client.get("/secret/page.js").text == part("page.js")
    assert client.get("/secret/page.css").headers["content-type"].startswith("text/css")


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", {}, 403),
        ("/secre/", {}, 403),
        ("/secret2/page.js", {}, 403),
        ("/secret/", {"host": "evil.example"}, 421),
        ("/secret/", {"host": "127.0.0.1"}, 421),
        ("/secret/news", {"origin": "http://evil.example"}, 403),
        ("/secret/page.css", {"origin": "null"}, 403),
        ("/secret/run.sqlite", {}, 404),
        ("/secret/../run.sqlite", {}, 403),
        ("/secret/%2e%2e/run.sqlite", {}, 404),
    ],
)
def test_strangers_are_refused(client, path, headers, status):
    assert client.get(path, headers=headers).status_code == status


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_but_reading_is_allowed(client, method):
    assert client.request(method, "/secret/").status_code == 405


def test_without_a_token_the_page_is_at_the_root(finished):
    client = TestClient(application(finished[0], "", [HOST]), base_url=f"http://{HOST}")
    assert client.get("/").status_code == 200
    assert client.get("/", headers={"host": "evil.example"}).status_code == 421
    assert len({new_token() for _ in range(100)}) == 100


def test_news_come_as_they_happen_and_nothing_is_written(finished, tmp_path):
    _, events = finished
    path = tmp_path / "run.sqlite"

    async def connected():
        return False

    async def listen():
        stream = _news(path, SimpleNamespace(is_disconnected=connected))
        first = await anext(stream)
        before = path.read_bytes()
        with Record(path) as record:
            record.append(events[20].kind, [events[20].data])
        second = await anext(stream)
        await stream.aclose()
        return first, second, before

    with Record(path) as record:
        for event in events[:20]:
            record.append(event.kind, [event.data])
    before = path.read_bytes()
    first, second, seen = asyncio.run(listen())
    assert seen == before
    first, second = (json.loads(text.split("data: ")[1]) for text in (first, second))
    assert first["whole"]
    assert not second["whole"]
    assert "run" in first
    assert "run" not in second


def test_a_folder_without_a_record_is_refused(tmp_path):
    for command in ("dashboard", "report"):
        outcome = CliRunner().invoke(cli, [command, str(tmp_path)])
        assert "without a record" in str(outcome.exception)


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
