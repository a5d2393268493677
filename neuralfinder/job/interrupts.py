"""Ctrl-C, once and twice."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Interrupts:
    """Ctrl-C: once calls `answer` and sets `first`, twice sets `second` and raises `KeyboardInterrupt`."""

    def __init__(self, answer: Callable[[], None]) -> None:
        self.first, self.second = threading.Event(), threading.Event()
        self._answer = answer

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Handle the signal within the block; outside the main thread nothing is changed."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, self._handle)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def stop(self) -> None:
        """Tell whatever still trains to stop."""
        self.first.set()
        self.second.set()

    def _handle(self, *_: object) -> None:
        if self.first.is_set():
            self.second.set()
            raise KeyboardInterrupt
        self.first.set()
        self._answer()
