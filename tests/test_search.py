"""The loop and its replay, on the toy task: instant answers instead of training."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from concurrent.futures import CancelledError, Future

import pytest

from neuralfinder.archive import read_archive, read_trainings
from neuralfinder.errors import RunFolderError
from neuralfinder.executors import in_process
from neuralfinder.record import Record
from neuralfinder.search import Limits, Progress, replay, search
from neuralfinder.seeds import Seeds
from neuralfinder.strategies import ArtificialLife, Random
from neuralfinder.strategies.base import Proposal, Strategy
from neuralfinder.testing import TOY
from neuralfinder.types import Event, Fidelity, Result


class Instant:
    """An executor that answers at once, in this thread."""

    def submit(self, fn, candidate):
        future = Future()
        try:
            future.set_result(fn(candidate))
        except BaseException as error:  # as the standard library does
            future.set_exception(error)
        return future


def life(seed=0):
    return ArtificialLife(TOY.space, Seeds(seed), Fidelity(1), size=3, rounds=20)


def limits(candidates=None, work=None, deadline=math.inf, predict=lambda candidate: 1.0, interrupted=lambda: False):
    return Limits(candidates, work, deadline, predict, interrupted)


def run(record, strategy=None, limit=None, evaluate=TOY.answer, executor=None, slots=1):
    """Replay what the record has and search on."""
    progress, limit = Progress(strategy or life()), limit or limits(candidates=12)
    replay(progress, record.read(), limit.predict)
    for _ in search(progress, executor or Instant(), evaluate, record, limit, slots):
        pass
    return progress


@pytest.fixture
def record(tmp_path):
    with Record(tmp_path / "run.sqlite") as record:
        yield record


def kinds(record):
    return [event.kind for event in record.read()]


def outcome(record):
    """What a search found: candidates in the order asked, with scores."""
    return [(c, r and (r.score, r.failure)) for c, r in read_trainings(record.read())]


def stop_reason(record):
    return record.last("stop").data["reason"]


def test_the_record_is_written_before_the_strategy_is_told(record):
    told = []

    class Watched(ArtificialLife):
        def tell(self, results):
            last = record.last("result")
            told.append((last.data["id"], last.data["score"]))
            assert [result.id for result in results] == [last.data["id"]]
            super().tell(results)

    def evaluate(candidate):
        assert record.last("asked").data["candidates"][-1]["id"] == candidate.id
        return TOY.answer(candidate)

    progress = run(record, Watched(TOY.space, Seeds(0), Fidelity(1), size=3, rounds=20), evaluate=evaluate)
    assert told == [(c.id, TOY.score(c.genome)) for c, _ in read_trainings(record.read())]
    assert progress.strategy.counts["trained"] == len(told) == 12
    assert kinds(record) == ["asked", "result"] * 12 + ["stop"]


def test_candidates_limit(record):
    progress = run(record, limit=limits(candidates=5))
    assert (progress.asked, progress.open, len(outcome(record))) == (5, {}, 5)
    assert stop_reason(record) == "all candidates trained"


def test_work_limit_counts_predicted_seconds(record):
    progress = run(record, limit=limits(work=10.0, predict=lambda candidate: 3.0))
    assert (progress.asked, progress.work) == (4, 12.0)  # 9 is not yet 10
    assert stop_reason(record) == "planned work done"


def test_deadline_lets_the_running_training_end(record):
    def slowly(candidate):
        time.sleep(0.05)
        return TOY.answer(candidate)

    progress = run(record, limit=limits(deadline=time.monotonic() + 0.12), evaluate=slowly)
    assert 1 <= progress.asked <= 3
    assert progress.open == {}
    assert stop_reason(record) == "time is up"


def test_a_deadline_in_the_past_asks_nothing(record):
    run(record, limit=limits(deadline=time.monotonic() - 1))
    assert kinds(record) == ["stop"]


def test_an_interrupt_drops_the_training_that_was_told_to_stop(record):
    flags = []

    def evaluate(candidate):
        if candidate.id == 3:
            flags.append("stop")
            raise CancelledError
        return TOY.answer(candidate)

    progress = run(record, limit=limits(interrupted=lambda: bool(flags)), evaluate=evaluate)
    assert stop_reason(record) == "interrupted"
    assert [r is None for _, r in outcome(record)] == [False, False, False, True]
    assert list(progress.open) == [3]


def test_nothing_left_to_try(record):
    """A strategy that is done ends the search; what it settled without training is recorded."""

    class Two(Strategy):
        def _propose(self, n):
            return [Proposal(TOY.target, "init")] if self._asked == 0 or not self.counts["cached"] else []

        def _learn(self, proposal, result):
            pass

    strategy = Two(TOY.space, Seeds(0), Fidelity(1))
    run(record, strategy, limits(candidates=100))
    assert stop_reason(record) == "nothing left to try"
    assert len(outcome(record)) == 1
    assert [note["kind"] for note in record.last("asked").data["notes"]] == ["cached"]
    assert strategy.counts["cached"] == 1


def test_a_used_up_world_ends_the_search(record):
    strategy = ArtificialLife(TOY.space, Seeds(0), Fidelity(1), size=3, rounds=2)
    run(record, strategy, limits(candidates=1000))
    assert stop_reason(record) == "nothing left to try"
    assert strategy.round == 2


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("two\nlines"), KeyError("x")])
def test_an_evaluation_that_raises_costs_one_candidate_not_the_run(record, error):
    def evaluate(candidate):
        if candidate.id == 2:
            raise error
        return TOY.answer(candidate)

    progress = run(record, evaluate=evaluate)
    failed = [r for _, r in read_trainings(record.read()) if r.failure]
    assert [(r.id, r.score, r.failure) for r in failed] == [(2, None, "error")]
    assert failed[0].detail == f"{type(error).__name__}: {str(error).replace(chr(10), ' ')}"
    assert (progress.strategy.counts["trained"], progress.strategy.counts["failed"]) == (11, 1)
    assert stop_reason(record) == "all candidates trained"
    # and the failure replays like any other result
    again = Progress(life())
    replay(again, record.read(), lambda candidate: 1.0)
    assert again.strategy.view() == progress.strategy.view()


@pytest.mark.parametrize("make", [life, lambda: Random(TOY.space, Seeds(0), Fidelity(1))])
def test_a_kill_after_any_event_changes_nothing(tmp_path, make):
    """Each prefix of the record, continued, ends with the same candidates, scores, work and order."""

    def evaluate(candidate):
        return Result(candidate.id, None, "diverged") if candidate.id % 5 == 4 else TOY.answer(candidate)

    with Record(tmp_path / "whole.sqlite") as record:
        whole = run(record, make(), limits(candidates=20), evaluate)
        events, expected = list(record.read()), outcome(record)
    assert len(expected) == 20
    for kept in range(len(events)):
        with Record(tmp_path / f"{kept}.sqlite") as record:
            for event in events[:kept]:
                record.append(event.kind, [event.data])
            progress = run(record, make(), limits(candidates=20), evaluate)
            assert outcome(record) == expected
            assert [(e.kind, e.data) for e in record.read()] == [(e.kind, e.data) for e in events]
        assert (progress.asked, progress.work) == (whole.asked, whole.work)
        assert progress.strategy.counts == whole.strategy.counts
        assert progress.strategy.view() == whole.strategy.view()
        assert [e.genome for e in progress.archive.best(99)] == [e.genome for e in whole.archive.best(99)]


def test_unfinished_candidates_are_trained_again_before_anything_else(record):
    run(record, limit=limits(candidates=6))
    events = [event for event in record.read() if event.kind != "stop"]
    assert events[-1].kind == "result"
    trained = []

    def evaluate(candidate):
        trained.append(candidate.id)
        return TOY.answer(candidate)

    progress = Progress(life())
    replay(progress, events[:-1], lambda candidate: 1.0)
    assert list(progress.open) == [5]
    for _ in search(progress, Instant(), evaluate, record, limits(candidates=8)):
        pass
    assert trained == [5, 6, 7]


def test_replay_refuses_proposals_that_have_changed(record):
    run(record)
    events = list(record.read())
    with pytest.raises(RunFolderError, match=r"event 1 of the record is another proposal.*begin a new run"):
        replay(Progress(life(seed=1)), events, lambda candidate: 1.0)
    changed = json.loads(json.dumps(events[6].data))
    changed["candidates"][0]["seed"] += 1
    events[6] = dataclasses.replace(events[6], data=changed)
    with pytest.raises(RunFolderError, match=r"event 7 of the record.*version that began the run"):
        replay(Progress(life()), events, lambda candidate: 1.0)


def test_events_that_lack_something_are_spoilt(record):
    run(record, limit=limits(candidates=2))
    events = list(record.read())
    for place in (0, 1):
        data = json.loads(json.dumps(events[place].data))
        row = data["candidates"][0] if place == 0 else data
        del row["seed" if place == 0 else "curve"]
        spoilt = [*events[:place], dataclasses.replace(events[place], data=data), *events[place + 1 :]]
        with pytest.raises(RunFolderError, match=rf"event {place + 1} of the record is spoilt.*restore the record"):
            read_trainings(spoilt)


def test_replay_of_nothing_is_the_beginning():
    progress = Progress(life())
    replay(progress, [Event(1, 0.0, "run", {}), Event(2, 0.0, "plan", {})], lambda candidate: 1.0)
    assert (progress.asked, progress.open, len(progress.archive)) == (0, {}, 0)


def test_several_slots_are_filled_up_to_the_limit(record):
    progress = run(record, Random(TOY.space, Seeds(0), Fidelity(1)), limits(candidates=10), slots=4)
    asked = [event.data for event in record.read() if event.kind == "asked"]
    assert [len(event["candidates"]) for event in asked] == [4, 4, 2]
    assert progress.strategy.counts["trained"] == 10


def test_a_thread_of_its_own_gives_the_same_as_this_one(record, tmp_path):
    executor = in_process()
    run(record, executor=executor)
    executor.shutdown()
    with Record(tmp_path / "other.sqlite") as other:
        run(other)
        assert outcome(record) == outcome(other)


def test_search_yields_while_a_training_runs(record):
    """The loop looks at the clock and the keyboard several times a second."""

    def slowly(candidate):
        time.sleep(0.7)
        return TOY.answer(candidate)

    executor, yields, progress = in_process(), 0, Progress(life())
    for _ in search(progress, executor, slowly, record, limits(candidates=1)):
        yields += 1
    executor.shutdown()
    assert yields >= 3


def test_the_archive_of_a_record_ranks_by_score_then_cost(record):
    progress = run(record, limit=limits(candidates=20))
    ranked = read_archive(record.read()).best(99)
    assert [e.genome for e in ranked] == [e.genome for e in progress.archive.best(99)]
    scores = [TOY.score(entry.genome) for entry in ranked]
    assert scores == sorted(scores, reverse=True)
    assert len({entry.genome.key for entry in ranked}) == len(ranked)
