"""Many requests, few forward passes, each its own answer."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuralfinder.serve.batching import Batcher


def doubled(samples):
    return 2 * samples


async def together(batcher, requests):
    async with batcher.working():
        return await asyncio.gather(*map(batcher.probabilities, requests), return_exceptions=True)


@settings(max_examples=30)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=20), st.integers(1, 30))
def test_each_request_gets_its_own_rows(sizes, most):
    seen = []

    def answer(samples):
        seen.append(len(samples))
        return doubled(samples)

    starts = np.cumsum([0, *sizes])
    requests = [np.arange(start, start + size)[:, None] for start, size in zip(starts, sizes, strict=False)]
    batcher = Batcher(answer, gather=0.001, most=most)
    answers = asyncio.run(together(batcher, requests))
    for request, own in zip(requests, answers, strict=True):
        assert own.tolist() == (2 * request).tolist()
    assert sum(seen) == sum(sizes)
    assert max(seen) < most + max(sizes)
    assert batcher.passes == len(seen) <= -(-sum(sizes) // most)


def test_who_comes_while_others_are_answered_goes_together():
    sizes, go = [], threading.Event()

    def answer(samples):
        sizes.append(len(samples))
        go.wait(5)
        return doubled(samples)

    async def ask():
        batcher = Batcher(answer, gather=0)
        async with batcher.working():
            first = asyncio.create_task(batcher.probabilities(np.zeros((1, 1))))
            while not sizes:
                await asyncio.sleep(0.01)
            others = [asyncio.create_task(batcher.probabilities(np.full((1, 1), row))) for row in range(5)]
            await asyncio.sleep(0.01)
            go.set()
            return await asyncio.gather(first, *others)

    answers = asyncio.run(ask())
    assert sizes == [1, 5]
    assert [float(own[0, 0]) for own in answers] == [0, 0, 2, 4, 6, 8]


def test_all_is_computed_in_one_thread():
    threads = set()

    def answer(samples):
        threads.add(threading.current_thread().name)
        return samples

    async def ask():
        batcher = Batcher(answer, gather=0)
        async with batcher.working(lambda: answer(0)):
            for _ in range(5):
                await batcher.probabilities(np.zeros((1, 1)))

    asyncio.run(ask())
    assert len(threads) == 1
    assert threading.current_thread().name not in threads


def test_a_request_that_fails_takes_no_other_with_it():
    def answer(samples):
        if 3 in samples:
            raise ValueError("three")
        return doubled(samples)

    requests = [np.array([[row]]) for row in range(5)]
    answers = asyncio.run(together(Batcher(answer), requests))
    assert isinstance(answers.pop(3), ValueError)
    assert [int(own[0, 0]) for own in answers] == [0, 2, 4, 8]


def test_who_leaves_does_not_hold_the_others_up():
    async def ask():
        batcher = Batcher(doubled, gather=0.01)
        async with batcher.working():
            gone = asyncio.create_task(batcher.probabilities(np.zeros((1, 1))))
            stays = asyncio.create_task(batcher.probabilities(np.ones((1, 1))))
            await asyncio.sleep(0)
            gone.cancel()
            with pytest.raises(asyncio.CancelledError):
                await gone
            return await stays

    assert asyncio.run(ask()).tolist() == [[2]]
