"""A small server for the page: read-only, on the loopback address, for those who have the address with its token."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from neuralfinder.errors import RunFolderError
from neuralfinder.job.status import FILE
from neuralfinder.plain import as_json
from neuralfinder.search.record import Record, as_written
from neuralfinder.show.gate import Guard, Hosts, run
from neuralfinder.show.page.document import LIVE_POLICY, live_page, script, style
from neuralfinder.show.page.story import Story

LOOK_EVERY = 0.5
"""Seconds between two looks at the record."""

BEGINNING = 5.0
"""Seconds for which a file that is not a record yet may be one that is being made."""

ALIVE_EVERY = 15.0
"""Seconds of silence after which a comment tells browser and server that the other is there."""


def application(folder: Path, token: str, hosts: Hosts) -> ASGIApp:
    """The page about the run in `folder`.

    Args:
        folder: the run folder.
        token: the first part of every path; empty for none.
        hosts: names that are answered.
    """
    record = folder / "run.sqlite"

    def page(_: Request) -> Response:
        return HTMLResponse(live_page())

    def looks(_: Request) -> Response:
        return Response(style(), media_type="text/css")

    def does(_: Request) -> Response:
        return Response(script(), media_type="text/javascript")

    def news(request: Request) -> Response:
        return StreamingResponse(_news(record, request), media_type="text/event-stream")

    root = f"/{token}" if token else ""
    routes = [
        Route(f"{root}{path}", endpoint, methods=["GET"])
        for path, endpoint in (("/", page), ("/page.css", looks), ("/page.js", does), ("/news", news))
    ]
    return Guard(Starlette(routes=routes), token, hosts, LIVE_POLICY)


def serve(folder: Path, port: int, token: str, say: Callable[[str], None]) -> None:
    """Serve until interrupted; says the address, and where no run is there yet that the page waits for it.

    Raises:
        InputError: the port is taken.
        RunFolderError: what is there is no record.
    """
    record = folder / "run.sqlite"
    if folder.exists() and not (folder / ".lock").exists():  # a folder of something else
        Record(record, readonly=True).close()
    if not record.exists():
        say(f"no run in {folder} yet: the page waits for it")
    elif not _is_coming(record):
        Record(record, readonly=True).close()
    run(lambda hosts: application(folder, token, hosts), "127.0.0.1", port, token, say)


async def _news(path: Path, request: Request) -> AsyncIterator[str]:
    """The whole story as an event, then what is new as it happens; as events of another kind what the run is doing."""
    story, number, silent, did = Story(), 0, 0.0, "null"
    while not await request.is_disconnected():
        last, news = await run_in_threadpool(_tell, story, path, number)
        if (doing := _doing(path)) != did:
            did = doing
            yield f"event: doing\ndata: {doing}\n\n"
        if news:
            number, silent = last, 0.0
            yield f"id: {number}\ndata: {news}\n\n"
        elif silent >= ALIVE_EVERY:
            silent = 0.0
            yield ": here\n\n"
        await asyncio.sleep(LOOK_EVERY)
        silent += LOOK_EVERY


def _tell(story: Story, path: Path, after: int) -> tuple[int, str]:
    """Add the events that came after this number; returns the number of the last, and what is new as JSON."""
    number = after
    if _is_coming(path):
        return number, ""
    with Record(path, readonly=True) as record, as_written(path.parent):
        for event in record.events(after):
            story.add(event)
            number = event.number
        if number == after:
            return number, ""
        return number, as_json({**story.news(), "whole": after == 0})


def _is_coming(path: Path) -> bool:
    """Whether there is no record yet, or one that is being made at this moment."""
    try:
        age = time.time() - path.stat().st_mtime
        if age < BEGINNING:
            Record(path, readonly=True).close()
    except (FileNotFoundError, RunFolderError):
        return True
    return False


def _doing(path: Path) -> str:
    """What the run says that it is doing, as JSON on one line: see `Status.keep`; or that there is no run yet."""
    if not path.exists():
        return as_json({"phase": "waiting", "folder": str(path.parent)})
    try:
        said = json.loads((path.parent / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "null"
    return as_json(said)
