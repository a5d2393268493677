"""Tries what strangers try at the doors of `dashboard` and `serve`: `python docs/doors.py RUN` prints a table.

It is part of docs/security.md; a test makes it again, with all waiting times a fraction as long, and compares.
RUN is a finished run on pictures. Both servers are processes of their own, asked as anybody can ask them.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from neuralfinder.serve.reading import LIMITS
from neuralfinder.show.connections import HEAD_SECONDS, IDLE_SECONDS, MOST_CONNECTIONS, TAKE_SECONDS
from neuralfinder.show.page.server import MOST_STREAMS

SERVERS = ("dashboard", "serve")

SLACK = 8.0
"""Seconds by which a busy machine may be late."""

SCALED = """
import dataclasses, sys
from neuralfinder.serve import reading, server
from neuralfinder.show import connections, gate
scale = float(sys.argv.pop(1))
connections.HEAD_SECONDS *= scale
connections.TAKE_SECONDS *= scale
gate.IDLE_SECONDS *= scale
server.Service.__init__.__defaults__ = (dataclasses.replace(reading.LIMITS, seconds=scale * reading.LIMITS.seconds),)
from neuralfinder.cli import main
main()
"""
"""The command line, in a house where time runs faster."""


@dataclass(frozen=True)
class Door:
    """A server to knock at.

    Attributes:
        name: of the command.
        host, port: where it listens.
        root: the path with the token.
        scale: its waiting times as a share of the real ones.
    """

    name: str
    host: str
    port: int
    root: str
    scale: float

    def head(
        self, target: str, *lines: str, method: str = "GET", version: str = "1.1", host: str | None = None
    ) -> bytes:
        """A request without a body; an empty `host` leaves that line out."""
        host = f"{self.host}:{self.port}" if host is None else host
        named = [f"Host: {host}"] if host else []
        return "\r\n".join([f"{method} {target} HTTP/{version}", *named, *lines, "", ""]).encode("latin-1")

    @contextmanager
    def open(self, small: bool = False) -> Iterator[socket.socket]:
        """A connection; one that can hold little where it is to be small."""
        with socket.socket() as own:
            own.settimeout(self.scale * TAKE_SECONDS + 2 * SLACK)
            if small:
                own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            own.connect((self.host, self.port))
            yield own

    def ask(self, sent: bytes) -> str:
        """The status that a request gets, or that there is none."""
        with self.open() as own:
            own.sendall(sent)
            return status_of(own.recv(65536))

    def works(self) -> str:
        """Whether who may come is answered."""
        return self.ask(self.head(self.root))

    def ended(self, own: socket.socket, after: float) -> str:
        """When the server ends a connection; `after` is when it should."""
        began = time.monotonic()
        try:
            while own.recv(65536):
                pass
        except ConnectionResetError:
            pass
        except TimeoutError:
            return "kept"
        took = time.monotonic() - began
        least = 0.8 * self.scale * after
        return (
            f"closed after {after:g} s" if least <= took <= self.scale * after + SLACK else f"closed after {took:.1f} s"
        )


def status_of(answer: bytes) -> str:
    """The three digits of an answer."""
    found = re.match(rb"HTTP/1\.1 (\d{3})", answer)
    return found.group(1).decode() if found else "no answer"


Attempt = Callable[[Door], str]


def once(make: Callable[[Door], bytes]) -> Attempt:
    """One request, and its status."""
    return lambda door: door.ask(make(door))


def method(name: str, target: str = "") -> Attempt:
    """A request by a method."""
    return once(lambda door: door.head(target or door.root, "Content-Length: 0", method=name))


def silent(door: Door) -> str:
    """A connection on which nothing comes."""
    with door.open() as own:
        return door.ended(own, HEAD_SECONDS)


def dribbling(door: Door) -> str:
    """A head a byte at a time."""
    with door.open() as own:
        own.settimeout(0.05 * door.scale * HEAD_SECONDS)
        began, sent = time.monotonic(), 0
        head = door.head(door.root, "X-Long: " + "x" * 1000)
        while time.monotonic() - began < door.scale * HEAD_SECONDS + SLACK:
            try:
                own.sendall(head[sent : sent + 1])
                sent += 1
                if not own.recv(1):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        took = time.monotonic() - began
    on_time = 0.8 * door.scale * HEAD_SECONDS <= took < door.scale * HEAD_SECONDS + SLACK
    return f"closed after {HEAD_SECONDS:g} s" if on_time else f"{took:.1f} s"


def idle(door: Door) -> str:
    """A connection that is kept after an answer."""
    with door.open() as own:
        own.sendall(door.head(door.root, method="HEAD"))
        answered = status_of(own.recv(65536))
        return f"{answered}, {door.ended(own, IDLE_SECONDS)}"


def unsent_body(door: Door) -> str:
    """The beginning of a body alone, where bodies are asked for."""
    target, name = (f"{door.root}predict", "POST") if door.name == "serve" else (door.root, "GET")
    with door.open() as own:
        own.sendall(door.head(target, "Content-Type: image/png", "Content-Length: 1000", method=name) + b"some")
        began = time.monotonic()
        answered = status_of(own.recv(65536))
        late = time.monotonic() - began >= 0.8 * door.scale * LIMITS.seconds
    return f"{answered} after {LIMITS.seconds:g} s" if late else f"{answered} at once"


def untaken(door: Door) -> str:
    """Many answers, none of which is taken."""
    with door.open(small=True) as own:
        own.settimeout(0.05 * door.scale * TAKE_SECONDS)
        began, request = time.monotonic(), door.head(door.root)
        while (took := time.monotonic() - began) < door.scale * TAKE_SECONDS + 2 * SLACK:
            try:
                own.sendall(request)
            except TimeoutError:  # the server reads no further request while it waits
                continue
            except OSError:
                on_time = took >= 0.8 * door.scale * TAKE_SECONDS
                return f"closed after {TAKE_SECONDS:g} s" if on_time else f"closed after {took:.1f} s"
    return "kept"


def bad_chunk(door: Door) -> str:
    """A body that turns into something else after its answer has begun."""
    with door.open() as own:
        own.sendall(door.head(f"{door.root}elsewhere", "Transfer-Encoding: chunked", "Content-Type: image/png"))
        answered = status_of(own.recv(65536))
        own.sendall(b"no length\r\n")
        return f"{answered}, {door.ended(own, 0)}"


def crowd(door: Door) -> str:
    """More silent connections than there may be, and somebody who comes then and when they have gone."""
    most = MOST_CONNECTIONS + 72
    with ExitStack() as stack:
        all_ = [stack.enter_context(door.open()) for _ in range(most)]
        during = door.works()
        gone = sum(_is_refused(own) for own in all_)
        door.ended(all_[0], HEAD_SECONDS)
    time.sleep(0.2)
    return f"{most - gone} of {most} kept; one more: {during}, later: {door.works()}"


def _is_refused(own: socket.socket) -> bool:
    own.settimeout(0.01)
    try:
        return status_of(own.recv(100)) == "503"
    except TimeoutError:
        return False


def listeners(door: Door) -> str:
    """More streams than there may be."""
    if door.name == "serve":
        return "no streams"
    with ExitStack() as stack:
        came = []
        for _ in range(MOST_STREAMS + 1):
            own = stack.enter_context(door.open())
            own.sendall(door.head(f"{door.root}news"))
            came.append(status_of(own.recv(65536)))
    return f"{came.count('200')} streams; one more: {came[-1]}"


ATTEMPTS: dict[str, Attempt] = {
    "the page, by its address": once(lambda door: door.head(door.root)),
    "without the token": once(lambda door: door.head("/")),
    "another token": once(lambda door: door.head("/" + "x" * 22 + "/")),
    "part of the token": once(lambda door: door.head(door.root[:-3] + "/")),
    "another name as `Host`": once(lambda door: door.head(door.root, host="evil.example")),
    "no `Host`": once(lambda door: door.head(door.root, host="")),
    "no `Host`, HTTP/1.0": once(lambda door: door.head(door.root, host="", version="1.0")),
    "two of `Host`": once(lambda door: door.head(door.root, "Host: evil.example")),
    "from another page (`Origin`)": once(lambda door: door.head(door.root, "Origin: http://evil.example")),
    "from a file (`Origin: null`)": once(lambda door: door.head(door.root, "Origin: null")),
    "a path that is not there": once(lambda door: door.head(f"{door.root}run.sqlite")),
    "a path with `..`": once(lambda door: door.head(f"{door.root}../run.sqlite")),
    "a path with `%2e%2e%2f`": once(lambda door: door.head(f"{door.root}%2e%2e%2frun.sqlite")),
    "`GET *`": method("GET", "*"),
    "`OPTIONS *`": method("OPTIONS", "*"),
    "a whole address as the path": once(lambda door: door.head(f"http://{door.host}:{door.port}{door.root}")),
    "`CONNECT evil.example:443`": method("CONNECT", "evil.example:443"),
    "`PUT`": method("PUT"),
    "`DELETE`": method("DELETE"),
    "`TRACE`": method("TRACE"),
    "a method that nobody knows": method("BREW"),
    "`POST` to the page": method("POST"),
    "a web socket": once(
        lambda door: door.head(
            door.root,
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: eA==",
        )
    ),
    "something else than HTTP": once(lambda _: b"\x16\x03\x01\x02\x00 no HTTP\r\n\r\n"),
    "a head of 1,000,000 bytes": once(lambda door: door.head(door.root, "X-Long: " + "x" * 1_000_000)),
    "`Content-Length: -1`": once(lambda door: door.head(door.root, "Content-Length: -1")),
    "two lengths": once(lambda door: door.head(door.root, "Content-Length: 1", "Content-Length: 2")),
    "a body that turns into something else": bad_chunk,
    "nothing at all": silent,
    "a head, a byte at a time": dribbling,
    "nothing after an answer": idle,
    "a body that does not come": unsent_body,
    "a reader who takes nothing": untaken,
    f"{MOST_CONNECTIONS + 72} silent connections": crowd,
    "more listeners than places": listeners,
    "the page, after all this": once(lambda door: door.head(door.root)),
}
"""What is tried, in this order: no attempt leaves anything behind."""


@contextmanager
def opened(name: str, run: Path, scale: float) -> Iterator[tuple[Door, subprocess.Popen[str]]]:
    """A server in a process of its own."""
    words = [sys.executable, "-c", SCALED, str(scale), name, str(run), "--port", "0"]
    environment = {**os.environ, "NEURALFINDER_TOKEN": ""}
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True, env=environment) as process:  # noqa: S603
        try:
            where = urlsplit(process.stdout.readline().strip())  # type: ignore[union-attr]  # it is a pipe
            yield Door(name, where.hostname or "", where.port or 0, where.path, scale), process
        finally:
            process.kill()


def tried(name: str, run: Path, scale: float = 1.0) -> dict[str, str]:
    """What came of all attempts at one server."""
    with opened(name, run, scale) as (door, process):
        came = {what: attempt(door) for what, attempt in ATTEMPTS.items()}
        with ExitStack() as stack:
            if name == "dashboard":  # a page is open at the end
                own = stack.enter_context(door.open())
                own.sendall(door.head(f"{door.root}news"))
                own.recv(100)
            process.send_signal(signal.SIGINT)
            code = process.wait(30)
        said = process.stderr.read() if process.stderr else ""
    came["Ctrl-C"] = f"ends with {code}"
    came["on its own output meanwhile"] = said.strip().splitlines()[-1] if said else "nothing"
    return came


def table(run: Path, scale: float = 1.0) -> Iterator[str]:
    """The lines of the table."""
    with ThreadPoolExecutor(len(SERVERS)) as threads:
        came = [*threads.map(lambda name: tried(name, run, scale), SERVERS)]
    yield "| tried | `dashboard` | `serve` |"
    yield "|---|---|---|"
    for what in came[0]:
        yield f"| {what} | {came[0][what]} | {came[1][what]} |"


if __name__ == "__main__":
    sys.stdout.write("\n".join(table(Path(sys.argv[1]))) + "\n")
