"""Connections to a small server: how many there are, and how long one waits for who is at their other end."""

from __future__ import annotations

import asyncio
from typing import cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0
"""Within which the head of a request has come: as it is no more than a packet or two, this is a slow network's time."""

IDLE_SECONDS = 5
"""How long a connection is kept between two requests: a page asks for its parts at once."""

TAKE_SECONDS = 30.0
"""Within which what is sent is taken: as long as a body may be on its way in the other direction."""

MOST_CONNECTIONS = 128
"""At a time: twice as many as are answered, and half of the files that a process may have open where that is least."""

BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Connection(H11Protocol):
    """One of uvicorn's, which by itself waits for ever: for a head, and for a reader.

    Everything that waits for the other end has a timer here, or in who reads the body.
    """

    _head: asyncio.TimerHandle | None = None
    _taken: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the base
        """Begin to wait for a first head; who comes too many is told so and goes."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(0)  # so that writing pauses wherever something has not been taken
        if len(self.connections) > MOST_CONNECTIONS:
            transport.write(BUSY)
            transport.close()
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        super().connection_lost(exc)
        for timer in (self._head, self._taken):
            if timer:
                timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Go on waiting, where this was no whole head."""
        if not self.transport.is_closing():
            super().data_received(data)
            self._await_head()

    def _await_head(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            if self._head:
                self._head.cancel()
            self._head = None
        elif self._head is None:
            self._head = self.loop.call_later(HEAD_SECONDS, self.timeout_keep_alive_handler)

    def on_response_complete(self) -> None:
        """Between two requests uvicorn's own timer runs, until something comes."""
        super().on_response_complete()
        if self._head and self.timeout_keep_alive_task:
            self._head.cancel()
            self._head = None

    def send_400_response(self, msg: str) -> None:
        """Say so to who sends something else than HTTP, where no answer is under way already."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        self.transport.close()

    def pause_writing(self) -> None:
        """Give the reader so long."""
        super().pause_writing()
        self._taken = self.loop.call_later(TAKE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """All was taken."""
        super().resume_writing()
        if self._taken:
            self._taken.cancel()
            self._taken = None

    def shutdown(self) -> None:
        """At the end of the server answers are sent, and streams, which have no end, are cut."""
        super().shutdown()
        if self.cycle is not None and self.cycle.response_started and not self.flow.write_paused:
            self.transport.close()
        else:  # before uvicorn ends the task, and says that as if something had failed
            self.loop.call_later(0.9 * cast(int, self.config.timeout_graceful_shutdown), self.transport.abort)
