"""Ctrl-C, once and twice, and the system's requests to end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

REQUESTS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""What the system sends to end a program: a service that is stopped, a terminal that is closed."""


class Interrupts:
    """Ctrl-C: once calls `answer` and sets `first`, twice sets `second` and raises `KeyboardInterrupt`.

    A request of the system is as Ctrl-C once, however often it comes: some come in twos, and whoever has waited long
    enough sends what nobody can answer.
    """

    def __init__(self, answer: Callable[[], None]) -> None:
        self.first, self.second = threading.Event(), threading.Event()
        self._answer = answer

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Handle the signals within the block; outside the main thread nothing is changed.

        A request that this process was begun to ignore, as by `nohup`, stays ignored.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        with ExitStack() as stack:
            for number in (signal.SIGINT, *REQUESTS):
                if number == signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN:
                    stack.callback(signal.signal, number, signal.signal(number, self._handle))
            yield

    def stop(self) -> None:
        """Tell whatever still trains to stop."""
        self.first.set()
        self.second.set()

    def _handle(self, number: int, _: object) -> None:
        if not self.first.is_set():
            self.first.set()
            self._answer()
        elif number == signal.SIGINT:
            self.second.set()
            raise KeyboardInterrupt
