"""Candidates trained by Ray: by several processes of this machine, on several cards, or on a cluster.

The only file that imports ray. The data are put into Ray's store once; a worker keeps them for its next candidate.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Any, TypeVar

import ray
from ray.exceptions import (
    OutOfMemoryError,
    RayError,
    RayTaskError,
    TaskCancelledError,
    WorkerCrashedError,
)

from neuralfinder.errors import InputError, LostWorkerError, MachineError
from neuralfinder.search.executors import sendable

T = TypeVar("T")

RETRIES = 2
"""Further tries of a candidate whose worker or node was lost; one that ends each of its workers is a failure."""

START_SECONDS = 120.0
"""How long the first worker may take to begin, from a slow disk as well."""

KNOCK_SECONDS = 5.0
"""How long the head of a cluster may take to take a connection."""


class RayExecutor:
    """Runs each call as one Ray task.

    Args:
        cpus, gpus: what one task takes; a share of a card lets several tasks use it at once.
        prepare: called in each worker, before the first call of each function.
    """

    def __init__(self, cpus: int, gpus: float, prepare: Callable[[], None] | None = None) -> None:
        self._call = ray.remote(_call).options(
            num_cpus=cpus, num_gpus=gpus, max_retries=RETRIES, scheduling_strategy="SPREAD"
        )
        self._prepare = prepare
        self._first: ray.ObjectRef[Any] | None = self._ask(os.getpid)
        self._stored: tuple[object, ray.ObjectRef[Any]] | None = None
        self._running: dict[Future[Any], ray.ObjectRef[Any]] = {}

    def submit(self, fn: Callable[..., T], /, *args: Any) -> Future[T]:
        """Start one call; what `fn` carries is sent to Ray's store the first time.

        The future raises what the call raised; `MemoryError` where the system killed the worker, `LostWorkerError`
        where it ended otherwise at each of several tries, `MachineError` where workers end whatever they are called
        for, or cannot begin, `CancelledError` after `stop`.

        Raises:
            MachineError: no worker has begun for `START_SECONDS`, or the data cannot be stored.
        """
        if self._first is not None:
            if not ray.wait([self._first], timeout=START_SECONDS)[0]:
                raise MachineError(
                    f"Ray began no worker within {START_SECONDS:g} s; {_free()}; wait for these, or see Ray's own logs"
                )
            self._first = None
        if self._stored is None or self._stored[0] is not fn:
            try:
                self._stored = fn, ray.put((self._prepare, fn))
            except RayError as error:
                raise MachineError(f"Ray cannot store the data ({_first_line(error)}); see to the cluster") from error
        # within a list the reference stays one, so that the worker reads it once and not for every call
        reference = self._call.remote([self._stored[1]], *args)
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        self._watch(future, reference, self._settle)
        return future

    def _ask(self, fn: Callable[[], Any]) -> ray.ObjectRef[Any]:
        """Start a call that carries nothing."""
        reference: ray.ObjectRef[Any] = self._call.remote([ray.put((self._prepare, fn))])
        return reference

    def _watch(self, future: Future[Any], reference: ray.ObjectRef[Any], settle: Callable[..., None]) -> None:
        self._running[future] = reference
        reference.future().add_done_callback(partial(settle, future))

    def stop(self) -> None:
        """End the workers of all calls that are not done; their futures raise `CancelledError`."""
        for future, reference in list(self._running.items()):
            if self._running.pop(future, None) is not None:
                ray.cancel(reference, force=True)  # a request alone is lost on a worker that is still importing
                future.set_exception(CancelledError())

    def _settle(self, future: Future[Any], done: Future[Any]) -> None:
        if self._running.pop(future, None) is None:  # stopped
            return
        try:
            failed, answer = done.result()
        except WorkerCrashedError as error:
            lost = LostWorkerError(f"lost {1 + RETRIES} times: {_first_line(error)}")
            self._watch(future, self._ask(os.getpid), partial(self._blame, lost))
        except BaseException as error:
            future.set_exception(_meaning(error))
        else:
            (future.set_exception if failed else future.set_result)(answer)

    def _blame(self, lost: LostWorkerError, future: Future[Any], done: Future[Any]) -> None:
        """The candidate, if a worker that does next to nothing answers."""
        if self._running.pop(future, None) is None:
            return
        error = done.exception()
        future.set_exception(lost if error is None else _meaning(error))


def _meaning(error: BaseException) -> BaseException:
    """What it means that Ray has no answer; what the call itself raised comes as one."""
    match error:
        case TaskCancelledError() | KeyboardInterrupt():
            return CancelledError()
        case OutOfMemoryError():
            return MemoryError(_first_line(error))
        case RayTaskError():
            cause = error.cause if isinstance(error.cause, Exception) else error
            words = f"{type(cause).__name__}: {_first_line(cause)}"
            return MachineError(f"a worker of Ray cannot begin ({words}); install the same there as here")
        case RayError():  # workers, nodes, their disks and what lay on them
            return MachineError(f"Ray lost a candidate ({_first_line(error)}); see to the cluster")
    return error


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _free() -> str:
    """What there is and what of it is free."""
    there, free = ray.cluster_resources(), ray.available_resources()  # type: ignore[no-untyped-call]
    return " and ".join(f"{free.get(name, 0):g} of {there.get(name, 0):g} {name}s are free" for name in ("CPU", "GPU"))


def _nodes() -> list[dict[str, Any]]:
    return ray.nodes()  # type: ignore[no-untyped-call, no-any-return]


def _call(references: list[ray.ObjectRef[Any]], *args: Any) -> tuple[bool, Any]:
    """Whether the call failed, and its answer or error: what is raised here is no candidate's."""
    fn = _read(references[0])
    try:
        return False, fn(*args)
    except Exception as error:
        return True, sendable(error)


@lru_cache(maxsize=1)
def _read(reference: ray.ObjectRef[Any]) -> Callable[..., Any]:
    prepare, fn = ray.get(reference)
    if prepare is not None:
        prepare()
    return fn  # type: ignore[no-any-return]


def _knock(address: str) -> None:
    """Raise an `OSError` where nothing listens at `HOST:PORT`: Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and "://" not in host:
        socket.create_connection((host, int(port)), KNOCK_SECONDS).close()


@contextmanager
def ray_workers(
    workers: int | None, address: str | None, cuda: bool, prepare: Callable[[], None] | None = None
) -> Iterator[tuple[RayExecutor, int]]:
    """Ray on this machine or at an address; gives the executor and how many calls it runs at once.

    Args:
        workers: calls at once; at an address by default one for each card, or for each node where there is none.
        address: of a running cluster, `auto` to find it; `None` starts Ray on this machine for as long as the block.
        cuda: whether calls need a card; where there are fewer cards than workers, they share them.
        prepare: see `RayExecutor`.

    Raises:
        InputError: no cluster answers at the address, or it has no card.
        MachineError: Ray cannot start here.
    """
    began = not ray.is_initialized()
    if began:
        quiet: dict[str, Any] = {"include_dashboard": False, "log_to_driver": False, "logging_level": "error"}
        try:
            if address is None:
                ray.init(num_cpus=max(workers or 1, os.cpu_count() or 1), **quiet)
            else:
                _knock(address)
                ray.init(address=address, **quiet)
        except Exception as error:  # Ray fails with errors of nearly any type
            if address is None:
                raise MachineError(
                    f"Ray cannot start on this machine ({_first_line(error)}); --workers without --ray needs no Ray"
                ) from error
            raise InputError(
                "ray", given=f"{address!r} ({_first_line(error)})", expected="the address of a running cluster",
                mend="start one with `ray start --head`, or leave --ray out",
            ) from error  # fmt: skip
    executor = None
    try:
        total = ray.cluster_resources()  # type: ignore[no-untyped-call]
        nodes = [node["Resources"].get("CPU", 0) for node in _nodes() if node["Alive"]]
        cards = total.get("GPU", 0) if cuda else 0
        if cuda and not cards:
            raise InputError("device", given="cuda", expected="a card that Ray knows of", mend="use --device cpu")
        count = workers or max(1, int(cards) if cuda else len(nodes))
        cpus = max(1, int(min(total.get("CPU", 1) // count, max(nodes, default=1))))
        executor = RayExecutor(cpus, min(1.0, cards / count), prepare)
        yield executor, count
    finally:
        if executor:
            executor.stop()
        if began:
            ray.shutdown()
