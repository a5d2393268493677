"""A small server for the page: read-only, on the loopback address, for those who have the address with its token."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from neuralfinder.errors import InputError
from neuralfinder.search.record import Record
from neuralfinder.show.page.document import LIVE_POLICY, live_page, script, style
from neuralfinder.show.page.story import Story

LOOK_EVERY = 0.5
"""Seconds between two looks at the record."""

ALIVE_EVERY = 15.0
"""Seconds of silence after which a comment tells browser and server that the other is there."""

HEADERS = {
    "Content-Security-Policy": LIVE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def new_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(16)


def application(folder: Path, token: str, hosts: Sequence[str]) -> ASGIApp:
    """The page about the run in `folder`.

    Args:
        folder: the run folder.
        token: the first part of every path; empty for none.
        hosts: values of the header `Host` that are answered, as `127.0.0.1:8517`: else another site could have a
            browser ask by a name of its own that leads here.
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
    return _Guard(Starlette(routes=routes), token, hosts)


def serve(folder: Path, port: int, token: str, say: Callable[[str], None]) -> None:
    """Serve until interrupted; says the address.

    Raises:
        InputError: the port is taken.
        RunFolderError: no record there.
    """
    Record(folder / "run.sqlite", readonly=True).close()
    own = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        own.bind(("127.0.0.1", port))
    except OSError as error:
        raise InputError(
            "port", given=f"{port} ({error.strerror})", expected="a free one", mend="give another --port"
        ) from error
    port = own.getsockname()[1]
    app = application(folder, token, [f"{name}:{port}" for name in ("127.0.0.1", "localhost")])
    say(f"http://127.0.0.1:{port}/{token + '/' if token else ''}")
    config = uvicorn.Config(app, log_level="warning", server_header=False, timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[own])


class _Guard:
    """Refuses whoever comes by a wrong name, from another page, without the token or to do more than read."""

    def __init__(self, app: ASGIApp, token: str, hosts: Sequence[str]) -> None:
        self.app, self.token, self.hosts = app, token, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self.app)(scope, receive, with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("this server only shows\n", 405)
        if headers.get("host") not in self.hosts:
            return PlainTextResponse("not known by this name\n", 421)
        if headers.get("origin") not in (None, *(f"http://{host}" for host in self.hosts)):
            return PlainTextResponse("not for other pages\n", 403)
        given = scope["path"].split("/")[1]
        if self.token and not secrets.compare_digest(given.encode(), self.token.encode()):
            return PlainTextResponse("the address lacks its token\n", 403)
        return None


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
    with Record(path, readonly=True) as record:
        for event in record.events(after):
            story.add(event)
            number = event.number
    if number == after:
        return number, ""
    return number, json.dumps({**story.news(), "whole": after == 0}, ensure_ascii=False, allow_nan=False)
