"""The way into a small server: its address, and who is let in. What the page about a run and the models share."""

from __future__ import annotations

import ipaddress
import re
import secrets
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress

import uvicorn
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from neuralfinder.errors import InputError
from neuralfinder.show.connections import IDLE_SECONDS, Connection

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Of every answer, beside the policy of what a page may load."""

Hosts = Sequence[str] | None
"""Values of the header `Host` that are answered, as `127.0.0.1:8517`: else another site could have a browser ask by a
name of its own that leads here. `None` answers to any, for who can be reached by names that it cannot know."""

Refuse = Callable[[str, int], Response]
"""Makes an answer of the reason of a refusal and its status."""


def new_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(16)


def check_token(token: str) -> str:
    """A token that was given, if it can stand in a path and is not guessed soon.

    Raises:
        InputError: other letters, or too few.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]{16,}", token):
        raise InputError(
            "the token", given="too short, or with other letters", expected="16 or more of A-Z, a-z, 0-9, - and _",
            mend="make one by `python -c 'import secrets; print(secrets.token_urlsafe())'`",
        )  # fmt: skip
    return token


def refuse_in_text(reason: str, status: int) -> Response:
    """A refusal as a line of text."""
    return PlainTextResponse(f"{reason}\n", status)


class Guard:
    """Refuses whoever comes by a wrong name, from another page, without the token or to do what is not offered.

    Args:
        app: answers those who are let in.
        token: the first part of every path; empty for none.
        hosts: names that are answered.
        policy: what a page from here may load, the header `Content-Security-Policy`.
        methods: what is offered, and what is said to who asks for more.
        refuse: makes the answers to those who are not let in.
    """

    def __init__(
        self,
        app: ASGIApp,
        token: str,
        hosts: Hosts,
        policy: str,
        methods: tuple[Sequence[str], str] = (("GET", "HEAD"), "this server only shows"),
        refuse: Refuse = refuse_in_text,
    ) -> None:
        self.app, self.token, self.hosts, self.methods, self.refuse = app, token, hosts, methods, refuse
        self.headers = {**HEADERS, "Content-Security-Policy": policy}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or let the application answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self.headers)
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self.app)(scope, receive, with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        offered, otherwise = self.methods
        if scope["method"] not in offered:
            refusal = self.refuse(otherwise, 405)
            refusal.headers["Allow"] = ", ".join(offered)
            return refusal
        if not scope["path"].startswith("/"):
            return self.refuse("not asked for as a path that begins with /", 400)
        host, origin = headers.get("host", ""), headers.get("origin")
        if self.hosts is not None and host not in self.hosts:
            return self.refuse("not known by this name", 421)
        if origin is not None and origin.partition("://")[2] not in (host, *(self.hosts or ())):
            return self.refuse("not for other pages", 403)
        given = scope["path"].split("/")[1]
        if self.token and not secrets.compare_digest(given.encode(), self.token.encode()):
            return self.refuse("the address lacks its token", 403)
        return None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server at this address.

    Args:
        host: a name or an address.

    Raises:
        InputError: no address of this name.
    """
    return ipaddress.ip_address(_address(host, 0)[1][0].partition("%")[0]).is_loopback


def run(
    make: Callable[[Hosts], ASGIApp],
    host: str,
    port: int,
    token: str,
    say: Callable[[str], None],
    grace: int = 1,
) -> None:
    """Serve until Ctrl-C or SIGTERM; says the address.

    Args:
        make: makes what answers, of the names that are answered.
        host: a name or an address of this machine. On the loopback address only its usual names are answered.
        port: 0 takes a free one.
        token: the first part of every path; empty for none.
        say: is told the address, as soon as it can be connected to.
        grace: seconds that those who are being answered have at the end.

    Raises:
        InputError: no such address here, or the port is taken.
    """
    own = _listening(host, port)
    port = own.getsockname()[1]
    names = ("127.0.0.1", "localhost", "[::1]") if is_loopback(host) else None
    app = make(names and [f"{name}:{port}" for name in names])
    say(f"http://{f'[{host}]' if ':' in host else host}:{port}/{token + '/' if token else ''}")
    config = uvicorn.Config(
        app, http=Connection, ws="none", proxy_headers=False, server_header=False, log_level="error",
        timeout_keep_alive=IDLE_SECONDS, timeout_graceful_shutdown=grace,
    )  # fmt: skip
    with own, suppress(KeyboardInterrupt):  # raised again by uvicorn after its end
        uvicorn.Server(config).run(sockets=[own])


def _listening(host: str, port: int) -> socket.socket:
    family, address = _address(host, port)
    # named TCP, or asyncio leaves TCP_NODELAY off and the end of each answer waits 40 ms for an acknowledgement
    own = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        own.bind(address)
    except OSError as error:
        own.close()
        raise InputError(
            "port", given=f"{port} at {host} ({error.strerror})", expected="a free one", mend="give another --port"
        ) from error
    own.listen()
    return own


def _address(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise InputError(
            "host", given=f"{host!r} ({error})", expected="an address of this machine", mend="give another --host"
        ) from error
    return family, (str(address[0]), int(address[1]))
