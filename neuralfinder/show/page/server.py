"""A small server for the page: read-only, on the loopback address, for those who have the address with its token."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from neuralfinder.plain import as_json
from neuralfinder.search.record import Record, as_written
from neuralfinder.show.gate import Guard, Hosts, run
from neuralfinder.show.page.document import LIVE_POLICY, live_page, script, style
from neuralfinder.show.page.story import Story

LOOK_EVERY = 0.5
"""Seconds between two looks at the record."""

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
    """Serve until interrupted; says the address.

    Raises:
        InputError: the port is taken.
        RunFolderError: no record there.
    """
    Record(folder / "run.sqlite", readonly=True).close()
    run(lambda hosts: application(folder, token, hosts), "127.0.0.1", port, token, say)


async def _news(path: Path, request: Request) -> AsyncIterator[str]:
    """The whole story as an event, then what is new as it happens."""
    story, number, silent = Story(), 0, 0.0
    while not await request.is_disconnected():
        last, news = await run_in_threadpool(_tell, story, path, number)
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
    with Record(path, readonly=True) as record, as_written(path.parent):
        for event in record.events(after):
            story.add(event)
            number = event.number
        if number == after:
            return number, ""
        return number, as_json({**story.news(), "whole": after == 0})
