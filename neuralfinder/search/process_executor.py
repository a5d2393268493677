"""Candidates trained by several processes of this machine, beside each other.

Each process answers one call at a time and ends by itself where the caller is gone, however that ended. What a call
carries is sent to a process once; large data should be carried as files that all map (`training.batches.Part`).
"""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from multiprocessing.connection import Connection, wait
from queue import SimpleQueue
from types import ModuleType
from typing import Any, TypeVar

from neuralfinder.errors import LostWorkerError, MachineError
from neuralfinder.search.executors import sendable

T = TypeVar("T")

KILLED = -9
"""Exit code of a process that was killed from outside: by the system, whose memory is full, as no one else does it."""

LOST_FILE = -getattr(signal, "SIGBUS", math.inf)
"""Exit code of a process that read a mapped file where there is none any more: on a full disk, or one that is gone."""

END_SECONDS = 10.0
"""How long a process that closed its pipe may take to end; one that lives on is as lost."""

RETRIES = 2
"""Further tries of a call whose process was lost; a network that ends each of them does so itself."""

SPAWN = multiprocessing.get_context("spawn")
"""A fork would copy locks that threads of torch hold."""


class ProcessExecutor:
    """Runs each call in one of `count` processes, which start at once and import while the caller does other things.

    Args:
        count: calls at once, 1 or more.
        prepare: called once in each process, before its first call.
        script: whether processes import the program's own script, so that calls may carry what it defines; then it has
            to guard what it does by `if __name__ == "__main__"`.
    """

    def __init__(self, count: int, prepare: Callable[[], None] | None = None, *, script: bool = True) -> None:
        self._prepare, self._script = prepare, script
        self._lock = threading.Lock()
        self._workers = [_Worker(prepare, script=script) for _ in range(count)]
        self._idle: SimpleQueue[_Worker] = SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="worker")
        self._open: set[Future[Any]] = set()
        self._stops = 0

    def submit(self, fn: Callable[..., T], /, *args: Any) -> Future[T]:
        """Start one call; `fn` is sent to a process only when it is another than that of its last call.

        The future raises what the call raised; `MemoryError` where the system killed the process, `LostWorkerError`
        where it ended otherwise at each of several tries, `MachineError` where processes end whatever they are called
        for, `CancelledError` after `stop`.
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
        self.stop()
        self._threads.shutdown()
        for worker in self._workers:
            worker.end()

    def _call(self, stops: int, fn: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        for _ in range(1 + RETRIES):
            try:
                return self._try(stops, fn, args)
            except LostWorkerError as error:
                lost = error
        try:
            self._try(stops, os.getpid, ())
        except LostWorkerError as error:
            raise MachineError(f"no process can train ({error}); see what ends them") from error
        raise LostWorkerError(f"{lost}, {1 + RETRIES} times")

    def _try(self, stops: int, fn: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        worker = self._idle.get()
        try:
            with self._lock:
                if stops != self._stops:
                    raise CancelledError
                if worker.gone:
                    gone, worker = worker, self._in_place_of(worker)
                    gone.end()
                worker.busy = True
            return worker.call(fn, args)
        finally:
            with self._lock:
                worker.busy = False
            self._idle.put(worker)

    def _in_place_of(self, gone: _Worker) -> _Worker:
        """A fresh one; where there can be none, all is as it was."""
        worker = _Worker(self._prepare, script=self._script)
        self._workers[self._workers.index(gone)] = worker
        return worker


@contextmanager
def processes(
    count: int, prepare: Callable[[], None] | None = None, *, script: bool = True
) -> Iterator[ProcessExecutor]:
    """A `ProcessExecutor` for as long as the block."""
    executor = ProcessExecutor(count, prepare, script=script)
    try:
        yield executor
    finally:
        executor.close()


class _Worker:
    """One process, seen from the caller. `busy` is the executor's, under its lock."""

    def __init__(self, prepare: Callable[[], None] | None, *, script: bool) -> None:
        self.busy = self._stopped = self._lost = False
        self._known: object = None
        self._here, there = SPAWN.Pipe()
        self._process = SPAWN.Process(target=_serve, args=(there, prepare), daemon=True)
        with _deaf(), nullcontext() if script else _without_script():
            self._process.start()
        there.close()

    def call(self, fn: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """What the function answers.

        Raises:
            Exception: what it raised, or why there is no answer.
        """
        try:
            self._here.send((None if self._known is fn else fn, args))
            failed, answer = self._here.recv()
            self._known = None if failed else fn  # what it could not unpack it does not know
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
        self._process.join(END_SECONDS)
        if self._stopped:
            return CancelledError()
        if self._process.exitcode == LOST_FILE:
            return MachineError("a file that a process has mapped is gone or cut off; see to the disk that has it")
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


@contextmanager
def _without_script() -> Iterator[None]:
    """Processes that start within the block do not import the program's own script."""
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


def _serve(calls: Connection, prepare: Callable[[], None] | None) -> None:
    """Answer calls until they end; the whole life of a process."""
    end_with_the_caller()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if prepare:
        prepare()
    known: Callable[..., Any] | None = None
    while True:
        try:
            fn, args = calls.recv()
        except EOFError:
            return
        except Exception as error:  # a file that it carries by name cannot be read, for one
            calls.send((True, sendable(error)))
            continue
        try:
            known = known if fn is None else fn
            calls.send((False, known(*args)))  # type: ignore[misc]  # the first call brings one
        except Exception as error:
            calls.send((True, sendable(error)))


def end_with_the_caller() -> None:
    """From now on this process ends at once when the one that started it has, whatever it computes: nobody waits."""

    def follow() -> None:
        if caller := multiprocessing.parent_process():
            wait([caller.sentinel])
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
