"""A finished model over HTTP: samples in, labels and probabilities out."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from importlib import metadata, resources
from pathlib import Path
from typing import cast

import numpy as np
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

import neuralfinder
from neuralfinder.data.dataset import Array
from neuralfinder.data.files import TEXTS
from neuralfinder.data.inputs import kind_for
from neuralfinder.data.pictures import UnreadableError, check_takes_files, no_warnings
from neuralfinder.data.texts import as_texts
from neuralfinder.errors import InputError
from neuralfinder.plain import as_json
from neuralfinder.serve.batching import Batcher
from neuralfinder.serve.reading import LIMITS, Body, Limits, RefusedError, Sample, given_in, samples_of
from neuralfinder.show.gate import Guard, Hosts, is_loopback, run
from neuralfinder.show.page.document import hash_of, style
from neuralfinder.training.model import Model
from neuralfinder.training.predict import answer
from neuralfinder.training.threads import settle

DECODERS = min(2, os.cpu_count() or 1)
"""Threads that decode: a transparent picture of the largest size takes two gigabytes in each, for a moment."""

GRACE_SECONDS = 10
"""How long requests that are there at the end may take: a full queue, but not the slowest sender."""

RETRY_SECONDS = 1
"""After which who came too many is to try again: a full queue is answered by then, mostly."""

TYPICAL = 16
"""Samples of the passes that decide how many threads compute: as many as come together on a busy day."""


class JSON(Response):
    """Anything as JSON; halves of characters, as in names of folders that are no UTF-8, are written out."""

    media_type = "application/json"

    def render(self, content: object) -> bytes:
        """The bytes."""
        return as_json(content).encode()


def refuse(reason: str, status: int) -> Response:
    """A refusal as an object with the reason."""
    return JSON({"error": reason}, status)


class Refusal(JSON):
    """The answer to who may still be sending: it goes out at once, and the connection ends."""

    def __init__(self, error: RefusedError, body: Body) -> None:
        super().__init__({"error": str(error)}, error.status)
        self._refused = body
        if body.unread:
            self.headers["Connection"] = "close"
        if error.status == 503:
            self.headers["Retry-After"] = str(RETRY_SECONDS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, then take what is still sent."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        await self._refused.linger()
        await send({"type": "http.response.body", "body": b""})


class Service:
    """One model that answers requests.

    Args:
        model: it.
        limits: of a request, and of how many there are at a time.
    """

    def __init__(self, model: Model, limits: Limits = LIMITS) -> None:
        if not model.shape.vocabulary:
            check_takes_files(model.shape)
        self.model, self.limits, self.kind = model, limits, kind_for(model.shape)
        self.batcher = Batcher(model.probabilities)
        self.waiting = 0
        self._decoders = ThreadPoolExecutor(DECODERS, "decoder")

    @asynccontextmanager
    async def working(self, _: object = None) -> AsyncIterator[None]:
        """It answers within the block."""
        shape = self.model.shape
        typical: Array = np.zeros((TYPICAL, shape.channels, shape.height, shape.width), np.uint8)
        if self.kind == TEXTS:
            typical = as_texts(["some words"] * TYPICAL)
        with no_warnings(), self._decoders:
            async with self.batcher.working(lambda: settle(lambda: self.model.probabilities(typical))):
                yield

    async def predict(self, request: Request) -> Response:
        """An object for each sample in order: `label`, `probability`, `probabilities`, or `error`."""
        body = Body(request.receive, self.limits.bytes_of(self.kind), self.limits.seconds)
        try:
            with self._place():
                body.check_length(request.headers.get("content-length"))
                given = await given_in(Request(request.scope, body.receive), self.kind, self.limits)
                samples = await asyncio.get_running_loop().run_in_executor(
                    self._decoders,
                    samples_of,
                    given,
                    self.model.shape,
                    self.model.fit,
                    self.limits.pixels,
                    self.model.span,
                )
                return JSON(await self._answers(samples))
        except RefusedError as error:
            return Refusal(error, body)
        except ClientDisconnect:
            return refuse("gone before the body was whole", 400)  # nobody hears it

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self.waiting >= self.limits.waiting:
            raise RefusedError(
                503, "the server", given="busy", expected=f"at most {self.limits.waiting} requests at a time",
                mend=f"try again after {RETRY_SECONDS} s",
            )  # fmt: skip
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1

    async def _answers(self, samples: list[Sample]) -> list[dict[str, object]]:
        good = [sample for sample in samples if not isinstance(sample, UnreadableError)]
        shares = iter(())
        if good:
            together = as_texts(good) if self.kind == TEXTS else np.stack(good)
            shares = iter(await self.batcher.probabilities(together))
        return [
            {"error": str(sample)} if isinstance(sample, UnreadableError) else answer(next(shares), self.model.classes)
            for sample in samples
        ]

    async def health(self, _: Request) -> Response:
        """That it is there, and how many are waiting."""
        return JSON({"status": "ok", "waiting": self.waiting})

    async def version(self, _: Request) -> Response:
        """What answers here, and what it is to be asked."""
        return JSON(
            {
                "neuralfinder": neuralfinder.__version__,
                "torch": metadata.version("torch"),
                "genome": self.model.genome.key,
                "classes": self.model.classes,
                "shape": asdict(self.model.shape),
                "takes": f"{self.kind.name}s",
            }
        )


def application(service: Service, token: str, hosts: Hosts) -> ASGIApp:
    """What a service answers to whom.

    Args:
        service: it.
        token: the first part of every path; empty for none.
        hosts: names that are answered.
    """
    html = (resources.files("neuralfinder.serve") / "page.html").read_text(encoding="utf-8")
    looks, does = (hash_of(html.split(f"<{tag}>")[1].split(f"</{tag}>")[0]) for tag in ("style", "script"))
    policy = (
        f"default-src 'none'; script-src {does}; style-src 'self' {looks}; img-src blob: data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )

    async def page(_: Request) -> Response:
        return HTMLResponse(html)

    async def style_of_pages(_: Request) -> Response:
        return Response(style(), media_type="text/css")

    root = f"/{token}" if token else ""
    endpoints = (("/", page), ("/page.css", style_of_pages), ("/health", service.health), ("/version", service.version))
    routes = [Route(f"{root}{path}", endpoint, methods=["GET"]) for path, endpoint in endpoints]
    routes.append(Route(f"{root}/predict", service.predict, methods=["POST"]))
    app = Starlette(
        routes=routes,
        lifespan=service.working,
        exception_handlers={HTTPException: _not_offered, Exception: _failed},
    )
    return Guard(app, token, hosts, policy, (("GET", "HEAD", "POST"), "not offered"), refuse)


def _not_offered(_: Request, error: Exception) -> Response:
    known = cast(HTTPException, error)  # the handler of these alone
    answer = refuse("nothing here" if known.status_code == 404 else "not offered in this way", known.status_code)
    answer.headers.update(known.headers or {})
    return answer


def _failed(_: Request, error: Exception) -> Response:
    return refuse(f"the server failed at this ({type(error).__name__}); its own output says more", 500)


def serve(folder: Path, host: str, port: int, token: str, say: Callable[[str], None]) -> None:
    """Serve the model of a run until Ctrl-C or SIGTERM; says the address. What is there at the end is answered.

    Args:
        folder: a run folder or a model folder.
        host: a name or an address of this machine.
        port: 0 takes a free one.
        token: the first part of every path; empty for none.
        say: is told the address.

    Raises:
        InputError: no model there, or one that takes no files; the port is taken; no token on an address that others
            can reach.
    """
    if not token and not is_loopback(host):
        raise InputError(
            "--no-token", given=f"given with --host {host}", expected="a token where other machines can connect",
            mend="leave one of the two out; a token of your own comes from NEURALFINDER_TOKEN",
        )  # fmt: skip
    service = Service(Model.load(folder))
    run(lambda hosts: application(service, token, hosts), host, port, token, say, GRACE_SECONDS)
