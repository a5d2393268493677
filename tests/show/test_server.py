"""The live page's server."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient
from synthetic import made_events

from neuralfinder.cli import cli
from neuralfinder.job.status import FILE
from neuralfinder.search.record import Record
from neuralfinder.show.gate import new_token
from neuralfinder.show.page.document import live_page, script
from neuralfinder.show.page.server import _news, application

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
    assert client.get("/secret/page.js").text == script()
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
    answer = client.request(method, "/secret/")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


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


def test_who_comes_before_the_run_is_told_to_wait_and_then_what_it_does(tmp_path):
    folder = tmp_path / "later"

    async def connected():
        return False

    async def listen():
        stream = _news(folder / "run.sqlite", SimpleNamespace(is_disconnected=connected))
        yield await anext(stream)
        folder.mkdir()
        with Record(folder / "run.sqlite") as record:
            begun = next(made_events(1))
            record.append(begun.kind, [begun.data])
        (folder / FILE).write_text('{"phase": "reading",\n "done": 3}')
        yield await anext(stream)
        yield await anext(stream)
        (folder / FILE).write_text("half a f")
        yield await anext(stream)
        await stream.aclose()

    async def heard():
        return [event async for event in listen()]

    waiting, reading, story, nothing = asyncio.run(heard())
    assert waiting.startswith("event: doing\n")
    assert json.loads(waiting.split("data: ")[1]) == {"phase": "waiting", "folder": str(folder)}
    assert json.loads(reading.split("data: ")[1]) == {"phase": "reading", "done": 3}
    assert json.loads(story.split("data: ")[1])["run"]["data"] == "made"
    assert json.loads(nothing.split("data: ")[1]) is None


def test_a_folder_without_a_record_is_refused(tmp_path):
    for command in ("dashboard", "report"):
        outcome = CliRunner().invoke(cli, [command, str(tmp_path)])
        assert "without a record" in str(outcome.exception)
