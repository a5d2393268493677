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

T = TypeVar("T")

RETRIES = 2
"""Further tries of a candidate whose worker or node was lost; one that ends each of its workers is a failure."""

KNOCK_SECONDS = 5.0
"""How long the head of a cluster may take to take a connection."""


class RayExecutor:
    """Runs each call as one Ray task.

    Args:
        cpus, gpus: what one task takes; a share of a card lets several tasks use it at once.
        prepare: called once in each worker, before its first call.
    """

    def __init__(self, cpus: int, gpus: float, prepare: Callable[[], None] | None = None) -> None:
        self._call = ray.remote(_call).options(
            num_cpus=cpus, num_gpus=gpus, max_retries=RETRIES, scheduling_strategy="SPREAD"
        )
        self._prepare = prepare
        self._stored: tuple[object, ray.ObjectRef[Any]] | None = None
        self._running: dict[Future[Any], ray.ObjectRef[Any]] = {}

    def submit(self, fn: Callable[..., T], /, *args: Any) -> Future[T]:
        """Start one call; what `fn` carries is sent to Ray's store the first time."""
        if self._stored is None or self._stored[0] is not fn:
            try:
                self._stored = fn, ray.put((self._prepare, fn))
            except RayError as error:
                raise MachineError(f"Ray cannot store the data ({_first_line(error)}); see to the cluster") from error
        # within a list the reference stays one, so that the worker reads it once and not for every call
        reference = self._call.remote([self._stored[1]], *args)
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        self._running[future] = reference
        reference.future().add_done_callback(partial(self._settle, future))
        return future

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
            future.set_result(done.result())
        except (TaskCancelledError, KeyboardInterrupt):
            future.set_exception(CancelledError())
        except OutOfMemoryError as error:
            future.set_exception(MemoryError(_first_line(error)))
        except WorkerCrashedError as error:
            future.set_exception(LostWorkerError(f"lost {1 + RETRIES} times: {_first_line(error)}"))
        except RayTaskError as error:
            future.set_exception(error.cause if isinstance(error.cause, Exception) else error)
        except RayError as error:  # nodes, their disks and what lay on them
            future.set_exception(MachineError(f"Ray lost a candidate ({_first_line(error)}); see to the cluster"))
        except BaseException as error:
            future.set_exception(error)


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _nodes() -> list[dict[str, Any]]:
    return ray.nodes()  # type: ignore[no-untyped-call, no-any-return]


def _call(references: list[ray.ObjectRef[Any]], *args: Any) -> Any:
    return _read(references[0])(*args)


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
        except (ConnectionError, TimeoutError, ValueError, socket.gaierror) as error:
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
