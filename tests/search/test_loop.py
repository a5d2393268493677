"""The loop and its replay, on the toy task: instant answers instead of training."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import time
from concurrent.futures import CancelledError, Future
from pathlib import Path

import pytest

import neuralfinder
from neuralfinder.errors import LostWorkerError, MachineError, RunFolderError
from neuralfinder.search.archive import read_archive, read_trainings
from neuralfinder.search.early_stopping import EarlyStopping
from neuralfinder.search.events import (
    KINDS,
    Ablated,
    Answered,
    Asked,
    Begun,
    DataRead,
    Evaluated,
    Finished,
    FullyTrained,
    Planned,
    Removal,
    Stopped,
    understood,
)
from neuralfinder.search.executors import in_process
from neuralfinder.search.loop import COPIES, Limits, Progress, replay, search
from neuralfinder.search.record import Record
from neuralfinder.seeds import Seeds
from neuralfinder.strategies import ArtificialLife, NasRl, Random
from neuralfinder.strategies.base import Proposal, Strategy
from neuralfinder.testing import TOY
from neuralfinder.types import BEHIND, RUNGS, Candidate, Fidelity, Result


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


def limits(candidates=None, work=math.inf, deadline=math.inf, interrupted=lambda: False):
    return Limits(candidates, lambda _: work, lambda _: deadline, interrupted)


def one_second(candidate):
    return 1.0


def fresh(strategy, predict=one_second):
    return Progress(strategy, predict, inherit=True, early_stopping=EarlyStopping())


def run(record, strategy=None, limit=None, evaluate=TOY.answer, executor=None, slots=1, predict=one_second):
    """Replay what the record has and search on."""
    progress = fresh(strategy or life(), predict)
    limit = limit or limits(candidates=12)
    replay(progress, record.events())
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
    return [(c, r and (r.score, r.failure)) for c, r in read_trainings(record.events())]


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
    assert told == [(c.id, TOY.score(c.genome)) for c, _ in read_trainings(record.events())]
    assert progress.strategy.counts["trained"] == len(told) == 12
    assert kinds(record) == ["asked", "result"] * 12 + ["stop"]


def test_candidates_limit(record):
    progress = run(record, limit=limits(candidates=5))
    assert (progress.asked, progress.open, len(outcome(record))) == (5, {}, 5)
    assert stop_reason(record) == "all candidates trained"


def test_work_limit_counts_predicted_seconds(record):
    progress = run(record, limit=limits(work=10.0), predict=lambda candidate: 3.0)
    assert (progress.asked, progress.work) == (4, 12.0)  # 9 is not yet 10
    assert stop_reason(record) == "planned work done"


def test_the_work_limit_may_follow_what_was_found(record):
    def rising(candidate):
        return Result(candidate.id, 0.1 * candidate.id)

    def work(progress):
        leaders = progress.archive.best(1)
        return 0.0 if leaders and leaders[0].score > 0.45 else 10.0

    assert run(record, limit=Limits(work=work), evaluate=rising).asked == 6
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


@pytest.mark.parametrize("error", [LostWorkerError("gone"), ValueError("two\nlines"), KeyError("x")])
def test_an_evaluation_that_raises_costs_one_candidate_not_the_run(record, error):
    def evaluate(candidate):
        if candidate.id == 2:
            raise error
        return TOY.answer(candidate)

    progress = run(record, evaluate=evaluate)
    failed = [r for _, r in read_trainings(record.events()) if r.failure]
    assert [(r.id, r.score, r.failure) for r in failed] == [
        (2, None, "lost worker" if isinstance(error, LostWorkerError) else "error")
    ]
    assert failed[0].detail == f"{type(error).__name__}: {str(error).replace(chr(10), ' ')}"
    assert (progress.strategy.counts["trained"], progress.strategy.counts["failed"]) == (11, 1)
    assert stop_reason(record) == "all candidates trained"
    # and the failure replays like any other result
    again = fresh(life())
    replay(again, record.events())
    assert again.strategy.view() == progress.strategy.view()


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        PermissionError(13, "Permission denied"),
        BrokenPipeError(32, "Broken pipe"),
        MachineError("the card failed"),
    ],
)
def test_a_fault_of_the_machine_is_no_candidate_s_and_the_search_goes_on_after_it(record, tmp_path, error):
    faults = [error]

    def evaluate(candidate):
        if candidate.id == 2 and faults:
            raise faults.pop()
        return TOY.answer(candidate)

    with pytest.raises(type(error)):
        run(record, evaluate=evaluate)
    assert record.last("stop") is None
    assert not [r for _, r in read_trainings(record.events()) if r and r.failure]
    progress = fresh(life())
    replay(progress, record.events())
    for _ in search(progress, Instant(), evaluate, record, limits(candidates=12)):
        pass
    with Record(tmp_path / "other.sqlite") as other:
        run(other)
        assert outcome(record) == outcome(other)


def judged(candidate):
    """An evaluation that is stopped below its bars, as a real one is."""
    score = TOY.score(candidate.genome)
    rungs = []
    for share, bar in zip(RUNGS, candidate.bars, strict=bool(candidate.bars)):
        rungs.append(share * score)
        if rungs[-1] < bar:
            return Result(candidate.id, None, rungs=tuple(rungs), done=share, ended=BEHIND)
    return Result(candidate.id, score, rungs=tuple(rungs), ended="complete")


def test_children_inherit_from_parents_whose_weights_are_kept(record):
    """A disk that holds what is needed, and no more, always has the parents' weights."""
    disk = set()

    def evaluate(candidate):
        assert set(candidate.inherits) <= disk
        disk.add(candidate.id)
        return Result(candidate.id, TOY.score(candidate.genome), parameters=1000)

    progress = Progress(life(), one_second, inherit=True, leaders=lambda archive: archive.best(2))
    for _ in search(progress, Instant(), evaluate, record, limits(candidates=80)):
        disk &= progress.needed()
        assert len(disk) <= 9 + 5 + 2 + 1  # the world, the births, the leaders, the one in training
    heirs = [c for c, _ in read_trainings(record.events()) if c.parents]
    assert all(c.inherits for c in heirs)
    ids = {c.genome.key: c.id for c, _ in read_trainings(record.events())}
    assert all({ids[key] for key in c.parents} == set(c.inherits) for c in heirs)


def test_weights_stay_below_the_cap(record, monkeypatch):
    monkeypatch.setattr("neuralfinder.search.loop.WEIGHTS_CAP", 3 * COPIES * 4 * 1000)
    progress = Progress(life(), one_second, inherit=True, leaders=lambda archive: archive.best(2))

    def evaluate(candidate):
        return Result(candidate.id, TOY.score(candidate.genome), parameters=1000)

    for _ in search(progress, Instant(), evaluate, record, limits(candidates=40)):
        assert len(progress.stored) <= 3
    best = {entry.candidates[0].id for entry in progress.archive.best(2)}
    assert best <= progress.stored.keys()


@pytest.mark.parametrize(("seconds", "pace", "trained"), [(1.1, 1, 40), (0.4, 1.25**-4, 98), (3.0, 1.25**5, 14)])
def test_a_wrong_prediction_is_corrected(record, seconds, pace, trained):
    def evaluate(candidate):
        return dataclasses.replace(TOY.answer(candidate), seconds=seconds)

    progress = Progress(Random(TOY.space, Seeds(0), Fidelity(1)), one_second)
    for _ in search(progress, Instant(), evaluate, record, limits(work=40.0)):
        pass
    assert progress.tally.pace == pytest.approx(pace)
    assert progress.asked == trained
    again = Progress(Random(TOY.space, Seeds(0), Fidelity(1)), one_second)
    replay(again, record.events())
    assert again.tally.pace == progress.tally.pace


def test_time_saved_by_stopping_early_goes_to_others(record):
    progress = Progress(Random(TOY.space, Seeds(0), Fidelity(1)), one_second, early_stopping=EarlyStopping())
    for _ in search(progress, Instant(), judged, record, limits(work=60.0)):
        pass
    results = [r for _, r in read_trainings(record.events())]
    stopped = [r for r in results if r.stopped]
    assert len(stopped) > 10
    assert progress.work == pytest.approx(sum(r.done for r in results))
    assert len(results) > 70


def test_who_has_a_score_is_not_stopped_when_it_is_confirmed(record):
    """The half of a score would count as much as a whole one: the best networks, which are confirmed, would be lost."""
    strategy = ArtificialLife(TOY.space, Seeds(0), Fidelity(1), size=3, rounds=None, children=2, confirm=True)
    progress = Progress(strategy, one_second, early_stopping=EarlyStopping())
    for _ in search(progress, Instant(), judged, record, limits(candidates=80)):
        pass
    scored, confirmed = set(), 0
    for candidate, result in read_trainings(record.events()):
        if candidate.genome in scored:
            assert candidate.bars == ()
            assert result.score == TOY.score(candidate.genome)
            confirmed += 1
        scored |= {candidate.genome} if result.score is not None else set()
    assert confirmed >= 2
    best = progress.archive.best(1)[0]
    assert best.score == TOY.score(best.genome) == max(map(TOY.score, scored))


def test_a_strategy_that_learns_from_values_gets_whole_trainings_alone(record):
    strategy = NasRl(TOY.space, Seeds(0), Fidelity(1), batch=4)
    progress = Progress(strategy, one_second, early_stopping=EarlyStopping())
    for _ in search(progress, Instant(), judged, record, limits(candidates=20)):
        pass
    trainings = read_trainings(record.events())
    assert all(candidate.bars == () and result.score is not None for candidate, result in trainings)


@pytest.mark.parametrize("make", [life, lambda: Random(TOY.space, Seeds(0), Fidelity(1))])
def test_a_kill_after_any_event_changes_nothing(tmp_path, make):
    """Each prefix of the record, continued, ends with the same candidates, scores, work and order."""

    def evaluate(candidate):
        return Result(candidate.id, None, "diverged", done=0.5) if candidate.id % 5 == 4 else judged(candidate)

    with Record(tmp_path / "whole.sqlite") as record:
        whole = run(record, make(), limits(candidates=20), evaluate)
        lines, expected = list(record.read()), outcome(record)
    assert len(expected) == 20
    for kept in range(len(lines)):
        with Record(tmp_path / f"{kept}.sqlite") as record:
            for line in lines[:kept]:
                record.append(line.kind, [line.data])
            progress = run(record, make(), limits(candidates=20), evaluate)
            assert outcome(record) == expected
            assert [(e.kind, e.data) for e in record.read()] == [(e.kind, e.data) for e in lines]
        assert (progress.asked, progress.work) == (whole.asked, whole.work)
        assert progress.strategy.counts == whole.strategy.counts
        assert progress.strategy.view() == whole.strategy.view()
        assert [e.genome for e in progress.archive.best(99)] == [e.genome for e in whole.archive.best(99)]


def test_unfinished_candidates_are_trained_again_before_anything_else(record):
    run(record, limit=limits(candidates=6))
    events = [event for event in record.events() if not isinstance(event, Stopped)]
    assert isinstance(events[-1], Evaluated)
    trained = []

    def evaluate(candidate):
        trained.append(candidate.id)
        return TOY.answer(candidate)

    progress = fresh(life())
    replay(progress, events[:-1])
    assert list(progress.open) == [5]
    for _ in search(progress, Instant(), evaluate, record, limits(candidates=8)):
        pass
    assert trained == [5, 6, 7]


def test_replay_refuses_proposals_that_have_changed(record):
    run(record)
    events = list(record.events())
    with pytest.raises(RunFolderError, match=r"event 1 of the record is another proposal.*begin a new run"):
        replay(fresh(life(seed=1)), events)
    [candidate] = events[6].candidates
    changed = dataclasses.replace(candidate, seed=candidate.seed + 1)
    events[6] = dataclasses.replace(events[6], candidates=(changed,))
    with pytest.raises(RunFolderError, match=r"event 7 of the record.*version that began the run"):
        replay(fresh(life()), events)


def test_events_that_lack_something_are_spoilt(record):
    run(record, limit=limits(candidates=2))
    events = list(record.read())
    for place in (0, 1):
        data = json.loads(json.dumps(events[place].data))
        row = data["candidates"][0] if place == 0 else data
        del row["seed" if place == 0 else "curve"]
        spoilt = [*events[:place], dataclasses.replace(events[place], data=data), *events[place + 1 :]]
        with pytest.raises(RunFolderError, match=rf"event {place + 1} of the record is spoilt.*restore the record"):
            read_trainings(understood(spoilt))


def test_events_of_another_version_are_refused(record):
    record.append("stop", [{"reason": "", "slots": 1, "colour": "red"}])
    with pytest.raises(RunFolderError, match=r"event 1 of the record is spoilt .*'colour'.*an event `stop`"):
        list(record.events())
    record.append("song", [{}])
    with pytest.raises(RunFolderError, match=r"event 2 of the record is of kind `song`; expected run, data, plan"):
        list(record.events(1))


@pytest.mark.parametrize(
    "event",
    [
        Begun("toys", "f", {"seed": 0}, {}, "1"),
        DataRead({"samples": 3}),
        Planned({"search": {"candidates": 3}}),
        Asked(2, (Candidate(0, TOY.target, "init", ("C16",), 7, Fidelity(2, 0.5), rate=0.5, bars=(0.1, 0.2)),), ()),
        Evaluated(Result(0, 0.5, curve=(0.1, 0.5), milliseconds=(1.0, 2.0))),
        Stopped("interrupted", 2),
        FullyTrained("final-0", "C16", 1.5, "f", Result(-1, None, "diverged")),
        Answered(("a", "b"), ((1, 0), (0, 1)), ({"name": "x"},)),
        Answered(("a",), ((1,),), (), (("x", 0, 0, 0.5),), ({"name": "y"},), ((500, 1, 1),)),
        Finished({"status": "done"}),
        Ablated((Removal(None, "", "C16", 0.5), Removal(0, "C16", "", None, "no time left"))),
    ],
    ids=lambda event: event.kind,
)
def test_every_event_is_read_as_it_was_written(record, event):
    record.write(event, event)
    assert list(record.events()) == [event, event]
    last = record.latest(type(event))
    assert (last, last.number) == (event, 2)


def test_what_older_versions_did_not_write_has_its_default(record):
    record.append("answers", [{"classes": ["a"], "confusion": [[1]], "mistakes": []}])
    assert list(record.events()) == [Answered(("a",), ((1,),), ())]


def test_the_names_of_kinds_stand_in_one_place():
    """Nobody else compares or writes the kind of an event as text."""
    package = Path(neuralfinder.__file__).parent
    kinds = "|".join(KINDS)
    spoken = re.compile(rf"""(\.kind [!=]= |\.last\(|\.append\()["'](?:{kinds})["']""")
    others = [path for path in package.rglob("*.py") if path.name != "events.py"]
    assert [(path.name, hit) for path in others for hit in spoken.findall(path.read_text("utf-8"))] == []


def test_replay_of_nothing_is_the_beginning():
    progress = fresh(life())
    replay(progress, [Begun("", "", {}, {}, ""), Planned({})])
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

    executor, yields, progress = in_process(), 0, fresh(life())
    for _ in search(progress, executor, slowly, record, limits(candidates=1)):
        yields += 1
    executor.shutdown()
    assert yields >= 3


@pytest.mark.parametrize("seconds", [0.0, 0.3])
def test_time_given_back_is_used_however_long_a_training_takes(record, seconds):
    """A training that crosses the limit and is stopped early makes room for others, seen in flight or not."""

    def behind(candidate):
        time.sleep(seconds)
        return Result(candidate.id, None, rungs=(0.1,), done=0.25, ended=BEHIND)

    with in_process() as executor:
        progress = run(record, limit=limits(work=1.0), evaluate=behind, executor=executor)
    assert progress.strategy.counts["trained"] == 4


def test_the_archive_of_a_record_ranks_by_score_then_cost(record):
    progress = run(record, limit=limits(candidates=20))
    ranked = read_archive(record.events()).best(99)
    assert [e.genome for e in ranked] == [e.genome for e in progress.archive.best(99)]
    scores = [TOY.score(entry.genome) for entry in ranked]
    assert scores == sorted(scores, reverse=True)
    assert len({entry.genome.key for entry in ranked}) == len(ranked)
