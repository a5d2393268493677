"""Samples of requests that come together go through the network together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np

from neuralfinder.data.dataset import Array

GATHER_SECONDS = 0.002
"""How long a request that comes to an idle server waits for others to go with: less than most forward passes take, and
longer than requests that were sent together come apart."""

MOST = 256
"""Samples of a forward pass, of which the last request may be beyond it: what comes later waits no longer than one such
pass, and larger ones gain nothing more a sample."""


@dataclass(frozen=True, eq=False)
class Job:
    """The samples of a request, and where their probabilities are waited for."""

    samples: Array
    done: asyncio.Future[Array]


class Batcher:
    """Answers many requests by few forward passes, one at a time, in one thread.

    Args:
        answer: samples `(n, ...)` -> probabilities `(n, classes)`; it is called in that thread alone.
        gather: seconds, `GATHER_SECONDS`.
        most: samples, `MOST`.

    Attributes:
        passes: calls of `answer` so far.
    """

    def __init__(self, answer: Callable[[Array], Array], gather: float = GATHER_SECONDS, most: int = MOST) -> None:
        self.answer, self.gather, self.most = answer, gather, most
        self.passes = 0
        self._queue: asyncio.Queue[Job] = asyncio.Queue()
        self._thread = ThreadPoolExecutor(1, "network")

    @asynccontextmanager
    async def working(self, first: Callable[[], object] = lambda: None) -> AsyncIterator[None]:
        """It answers within the block; `first` is called in its thread before."""
        await asyncio.get_running_loop().run_in_executor(self._thread, first)
        work = asyncio.create_task(self._work())
        try:
            yield
        finally:
            work.cancel()
            self._thread.shutdown()

    async def probabilities(self, samples: Array) -> Array:
        """Probabilities `(n, classes)` of the samples `(n, ...)` of one request.

        Raises:
            Exception: whatever `answer` raised at these samples.
        """
        job = Job(samples, asyncio.get_running_loop().create_future())
        self._queue.put_nowait(job)
        return await job.done

    async def _work(self) -> None:
        while True:
            await self._answer(await self._gathered())

    async def _gathered(self) -> list[Job]:
        jobs = [await self._queue.get()]
        if self._queue.empty():  # else some have gathered while others were answered
            await asyncio.sleep(self.gather)
        while not self._queue.empty() and sum(len(job.samples) for job in jobs) < self.most:
            jobs.append(self._queue.get_nowait())
        return jobs

    async def _answer(self, jobs: Sequence[Job]) -> None:
        together = np.concatenate([job.samples for job in jobs])
        self.passes += 1
        try:
            shares = await asyncio.get_running_loop().run_in_executor(self._thread, self.answer, together)
        except Exception as error:
            if len(jobs) > 1:  # who is not to blame gets an answer
                for job in jobs:
                    await self._answer([job])
            elif not jobs[0].done.done():
                jobs[0].done.set_exception(error)
            return
        ends = np.cumsum([len(job.samples) for job in jobs])
        for job, own in zip(jobs, np.split(shares, ends[:-1]), strict=True):
            if not job.done.done():  # cancelled, where nobody waits any more
                job.done.set_result(own)
