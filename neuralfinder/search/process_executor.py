"""Candidates trained by several processes of this machine, beside each other.

Each process answers one call at a time and ends by itself where the caller is gone, however that ended. What a call
carries is sent to a process once; large data should be carried as files that all map (`training.batches.Part`).
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from queue import SimpleQueue
from typing import Any, TypeVar

from neuralfinder.errors import LostWorkerError

T = TypeVar("T")

KILLED = -9
"""Exit code of a process that was killed from outside: by the system, whose memory is full, as no one else does it."""

SPAWN = multiprocessing.get_context("spawn")
"""A fork would copy locks that threads of torch hold."""


class ProcessExecutor:
    """Runs each call in one of `count` processes, which start at once and import while the caller does other things.

    Args:
        count: calls at once, 1 or more.
        prepare: called once in each process, before its first call.
    """

    def __init__(self, count: int, prepare: Callable[[], None] | None = None) -> None:
        self._prepare = prepare
        self._lock = threading.Lock()
        self._workers = [_Worker(prepare) for _ in range(count)]
        self._idle: SimpleQueue[_Worker] = SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="worker")
        self._open: set[Future[Any]] = set()
        self._stops = 0
        self._closed = False

    def submit(self, fn: Callable[..., T], /, *args: Any) -> Future[T]:
        """Start one call; `fn` is sent to a process only when it is another than that of its last call.

        The future raises what the call raised; `MemoryError` where the system killed the process, `LostWorkerError`
        where it ended otherwise, `CancelledError` after `stop`.
        """
        with self._lock:
            future = self._threads.submit(self._call, self._stops, fn, args)
            self._open.add(future)
        future.add_done_callback(self._open.discard)
        return future

    def stop(self) -> None:
        """End all calls that are not done; their futures raise `CancelledError`. Others may be submitted afterwards."""
        with self._lock:
            self._stops += 1
            for future in list(self._open):
                future.cancel()  # those that wait for a process
            for worker in self._workers:
                worker.stop()

    def close(self) -> None:
        """Stop, and end the processes."""
        self._closed = True
        self.stop()
        self._threads.shutdown()
        for worker in self._workers:
            worker.end()

    def _call(self, stops: int, fn: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        worker = self._idle.get()
        try:
            with self._lock:
                if stops != self._stops:
                    raise CancelledError
                worker.busy = True
            return worker.call(fn, args)
        finally:
            with self._lock:
                worker.busy = False
                if worker.gone and not self._closed:
                    worker.end()
                    self._workers.remove(worker)
                    worker = _Worker(self._prepare)
                    self._workers.append(worker)
            self._idle.put(worker)


@contextmanager
def processes(count: int, prepare: Callable[[], None] | None = None) -> Iterator[ProcessExecutor]:
    """A `ProcessExecutor` for as long as the block."""
    executor = ProcessExecutor(count, prepare)
    try:
        yield executor
    finally:
        executor.close()


class _Worker:
    """One process, seen from the caller. `busy` is the executor's, under its lock."""

    def __init__(self, prepare: Callable[[], None] | None) -> None:
        self.busy = self._stopped = self._lost = False
        self._known: object = None
        self._here, there = SPAWN.Pipe()
        self._process = SPAWN.Process(target=_serve, args=(there, prepare), daemon=True)
        with _deaf():
            self._process.start()
        there.close()

    def call(self, fn: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """What the function answers.

        Raises:
            Exception: what it raised, or why there is no answer.
        """
        try:
            self._here.send((None if self._known is fn else fn, args))
            self._known = fn
            failed, answer = self._here.recv()
        except (OSError, EOFError) as error:
            self._lost = True
            raise self._end_of_it() from error
        if failed:
            raise answer
        return answer

    def stop(self) -> None:
        """End the process if it computes: a request would be read only when an operation has ended."""
        if self.busy:
            self._stopped = True
            self._process.kill()

    @property
    def gone(self) -> bool:
        """Whether there is no process that could take another call."""
        return self._stopped or self._lost

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self._process.close()
        self._here.close()

    def _end_of_it(self) -> BaseException:
        self._process.join()
        if self._stopped:
            return CancelledError()
        if self._process.exitcode == KILLED:
            return MemoryError("the system killed the process that trained it, as it does when memory is full")
        return LostWorkerError(f"its process ended with exit code {self._process.exitcode}")


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes that start within the block do not hear Ctrl-C, which is the caller's to answer."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(calls: Connection, prepare: Callable[[], None] | None) -> None:
    """Answer calls until they end; the whole life of a process."""
    threading.Thread(target=_end_with_the_caller, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if prepare:
        prepare()
    known: Callable[..., Any] | None = None
    while True:
        try:
            fn, args = calls.recv()
        except EOFError:
            return
        known = known if fn is None else fn
        try:
            calls.send((False, known(*args)))  # type: ignore[misc]  # the first call brings one
        except Exception as error:
            calls.send((True, error if _comes_back(error) else RuntimeError(f"{type(error).__name__}: {error}")))


def _comes_back(error: Exception) -> bool:
    """Whether the caller can make the error again: it could not where `args` are not what it was made of."""
    try:
        reduced = error.__reduce__()
        reduced[0](*reduced[1])  # type: ignore[operator]
    except Exception:
        return False
    return True


def _end_with_the_caller() -> None:
    """Whatever is being computed: nobody waits for it."""
    if caller := multiprocessing.parent_process():
        wait([caller.sentinel])
        os._exit(1)
