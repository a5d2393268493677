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
from starlette.types import ASGIApp, Receive, Scope, Send

from neuralfinder.plain import as_json
from neuralfinder.search.record import Record, as_written
from neuralfinder.show.gate import Guard, Hosts, refuse_in_text, run
from neuralfinder.show.page.document import LIVE_POLICY, live_page, script, style
from neuralfinder.show.page.story import Story

LOOK_EVERY = 0.5
"""Seconds between two looks at the record."""

ALIVE_EVERY = 15.0
"""Seconds of silence after which a comment tells browser and server that the other is there."""

MOST_STREAMS = 16
"""Pages that are told what is new at a time: each has the whole story in this process's memory, and looks itself."""


class Stream(StreamingResponse):
    """What is new, as it happens, for one of those who listen."""

    media_type = "text/event-stream"

    def __init__(self, news: AsyncIterator[str], listeners: set[Stream]) -> None:
        super().__init__(news)
        self._listeners = listeners

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Be counted meanwhile."""
        self._listeners.add(self)
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._listeners.discard(self)


def application(folder: Path, token: str, hosts: Hosts) -> ASGIApp:
    """The page about the run in `folder`.

    Args:
        folder: the run folder.
        token: the first part of every path; empty for none.
        hosts: names that are answered.
    """
    record, listeners = folder / "run.sqlite", set[Stream]()

    def page(_: Request) -> Response:
        return HTMLResponse(live_page())

    def looks(_: Request) -> Response:
        return Response(style(), media_type="text/css")

    def does(_: Request) -> Response:
        return Response(script(), media_type="text/javascript")

    async def news(request: Request) -> Response:
        if request.method == "HEAD":  # a stream would never end
            return Response(media_type=Stream.media_type)
        if len(listeners) >= MOST_STREAMS:
            return refuse_in_text("too many pages are open; close one", 503)
        return Stream(_news(record, request), listeners)

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
