"""One run, from data to model: the folder, the order of the stations, the clock and the keyboard."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

import neuralfinder
from neuralfinder.data import Divided, Source
from neuralfinder.data.doctor import report
from neuralfinder.data.samples import some_samples
from neuralfinder.data.sources.zipped import UNPACKED
from neuralfinder.errors import OF_THE_MACHINE, InputError, MachineError, RunFolderError
from neuralfinder.job import mending, outcome
from neuralfinder.job.answers import for_people
from neuralfinder.job.factories import make_space, make_strategy
from neuralfinder.job.figures import Samples
from neuralfinder.job.finish import finish
from neuralfinder.job.forecast import FORWARD_SHARE, WRITING_SECONDS, Forecast, clock_of_finish, measuring_seconds
from neuralfinder.job.interrupts import Interrupts
from neuralfinder.job.past_runs import ancestors, ancestry_lines, chosen_experience, earlier_run, expectation
from neuralfinder.job.plan import Plan, Speed, Task, TrainingStage, plan_lines
from neuralfinder.job.planner import make_plan
from neuralfinder.job.prepare import divided, make_setup, open_test
from neuralfinder.job.presets import PRESETS
from neuralfinder.job.pretrained import Rival
from neuralfinder.job.settings import OF_READING, Settings
from neuralfinder.job.status import FILE, Status
from neuralfinder.job.trainer import Processes, Trainer
from neuralfinder.job.verdict import judgement
from neuralfinder.job.workers import Ready, beside, most_beside, workers
from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.cost import Rates
from neuralfinder.networks.expectation import Expectation
from neuralfinder.networks.experience import Experience
from neuralfinder.networks.genome import PoolHead
from neuralfinder.search.early_stopping import EarlyStopping
from neuralfinder.search.events import (
    Answered,
    Begun,
    DataRead,
    Descended,
    Evaluated,
    Event,
    Experienced,
    Finished,
    FullyTrained,
    Planned,
    Stopped,
)
from neuralfinder.search.executors import Executor, compute, in_process
from neuralfinder.search.loop import Progress, replay, search
from neuralfinder.search.record import Record, as_written
from neuralfinder.seeds import Seeds
from neuralfinder.strategies import Strategy
from neuralfinder.training.clock import Clock
from neuralfinder.training.evaluate import evaluate
from neuralfinder.training.export import code
from neuralfinder.training.machine import describe, find_device, keep_memory, measure, measure_forward
from neuralfinder.training.model import Model
from neuralfinder.training.train import Setup
from neuralfinder.training.weights import WeightStore
from neuralfinder.types import Candidate, Result

INTERRUPTED = "interrupted: finishing with the best so far; Ctrl-C again leaves now, to be resumed"

SHARED = "shared"
"""Folder within the run's, for samples that several processes map."""

WHERE = ("workers", "ray")
"""Settings that may change from one part of a run to the next: results do not depend on who trains."""


def run(
    source: Source, settings: Settings, folder: Path, status: Status, tell: Callable[[Event], object] | None = None
) -> tuple[Model, dict[str, Any]]:
    """Begin, resume or just answer: the same call does what is left to do.

    Args:
        source: the data.
        settings: what the user decided.
        folder: the run folder; made when missing.
        status: for eyes.
        tell: called with each event that is written now, see `Record`; not with those of an earlier part of the run.

    Returns:
        The winner and the content of `result.json`.

    Raises:
        InputError: the data are unfit for training.
        RunFolderError: the folder belongs to another run, another process or a newer version.
        NothingTrainedError: no network could be trained.
        MachineError: the machine failed, see there; the run can be resumed.
        KeyboardInterrupt: the user asked twice to stop; the run can be resumed.
    """
    status.budget_seconds = settings.minutes and settings.minutes * 60
    try:
        str(folder.absolute()).encode()
    except UnicodeEncodeError as error:
        raise RunFolderError(
            ascii(str(folder)), given="a path that is not UTF-8", expected="one that is, or no weights can be written",
            mend="give another --run",
        ) from error  # fmt: skip
    lock = FileLock(folder / ".lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise RunFolderError(
            str(folder), given="in use by another process", expected="a run folder of its own for each process",
            mend="wait for the other to end, or give another --run",
        ) from error  # fmt: skip
    except OSError as error:
        if error.errno in OF_THE_MACHINE:
            raise MachineError.of(error, folder) from error
        raise RunFolderError(
            str(folder), given=f"no usable folder ({error.strerror})", expected="a folder that can be written to",
            mend="give another --run",
        ) from error  # fmt: skip
    try:
        with Record(folder / "run.sqlite", tell=tell) as record:
            with as_written(folder):
                _check_same_run(record, source, settings, folder)
            if (finished := record.latest(Finished)) and Model.is_in(folder):
                _delete_samples(folder)
                status.say(f"{folder} is finished; this is what came of it")
                status.enter("done")
                return Model.load(folder), dict(finished.outcome)
            status.file = folder / FILE
            return _Run(source, settings, folder, status, record).go()
    except OSError as error:
        raise MachineError.of(error, folder) from error
    finally:
        status.file = None
        (folder / FILE).unlink(missing_ok=True)
        lock.release()


class _Run:
    """The stations of a run that is not finished."""

    def __init__(self, source: Source, settings: Settings, folder: Path, status: Status, record: Record) -> None:
        self.source, self.settings, self.folder = source, settings, folder
        self.status, self.record = status, record
        self.preset = PRESETS[settings.preset]
        self.seeds = Seeds(settings.seed)
        self.store = WeightStore(folder.absolute() / "weights")
        status.metric = settings.by_metric
        self.last: tuple[Candidate, Result] | None = None
        self.interrupts = Interrupts(self._answer_interrupt)
        spent = {
            kind: sum(event.result.seconds for event in record.events() if isinstance(event, kind))
            for kind in (Evaluated, FullyTrained)
        }
        self.searched_before, self.finished_before = spent[Evaluated], spent[FullyTrained]

    def go(self) -> tuple[Model, dict[str, Any]]:
        """Read, measure, plan, search, finish, write."""
        status, settings = self.status, self.settings
        before = mending.whole_weights(self.record, self.store, status)
        keep_memory()
        device = find_device(settings.device)
        with (
            self.interrupts.watched(),
            self._computing() as executor,
            workers(settings, executor, device, self.interrupts, status.say) as ready,
            beside(self.interrupts) as several,
        ):
            status.enter("reading")
            data = divided(self.source.load(self.folder, self._read_so_far), settings)
            seen, parts = data.coded, data.split
            status.say(*seen.notes)
            if not self.record.latest(DataRead):
                self.record.write(DataRead({**report(seen), "shown": some_samples(data)}))
            task = Task(len(parts.train), len(parts.validation), len(parts.test), seen.shape, len(seen.classes))

            status.enter("measuring")
            setup = compute(executor, make_setup, data, settings, device, status)
            rival = self._rival(data, executor, device)
            plan, setup = self._plan(task, setup, executor, rival)
            status.aim, status.about = plan.search.candidates, not plan.search.fixed
            space = self._space(plan)
            with as_written(self.folder):
                expected = expectation(self.record, plan, space)
            forecast = Forecast(
                plan, space, *settings.recipes(task.shape), expected,
                samples=setup.metric.samples(setup.validation.labels.cpu().numpy()),
            )  # fmt: skip

            started = time.monotonic()
            progress = self._search(forecast, setup, ready)
            search_seconds = time.monotonic() - started + self.searched_before

            started = time.monotonic()
            stop = self.record.latest(Stopped)
            interrupted = self.interrupts.first.is_set() or (stop and stop.reason) == "interrupted"
            clock = clock_of_finish(Clock(setup.clock.deadline, self.interrupts.second), started)
            known = forecast.after(progress, stop.slots if stop else 1, interrupted)
            if interrupted:
                self._say_when_done(min(known.whole_finish(progress.archive), clock.left()))
            model, figures = finish(
                Trainer(
                    executor,
                    self.store,
                    self.record,
                    self.seeds,
                    status,
                    Processes(several, most_beside(settings, device, known), self.folder / SHARED),
                ),
                known,
                dataclasses.replace(setup, recipe=forecast.final, clock=clock),
                Samples(seen.classes, len(parts.test), partial(open_test, data, device)),
                progress.archive,
                settings.switch("inherit"),
                rival,
            )
            answered = Answered(**for_people(figures.pop("answers"), seen, parts.test))
            finish_seconds = time.monotonic() - started + self.finished_before
            model = dataclasses.replace(model, fit=seen.fit, span=seen.span)
            if before:
                return self._end(mending.as_it_was(model, before), dict(before.outcome))
            self.record.write(answered)
        result = outcome.done(
            settings,
            plan,
            progress,
            figures,
            data=(self.source.title, seen.notes),
            device=describe(device),
            seconds={
                "search": search_seconds,
                "finish": finish_seconds,
                "total": status.elapsed + self.searched_before + self.finished_before,
            },
            interrupted=interrupted,
        )
        result = {**judgement(result, answered.classes, answered.confusion), **result}
        return self._end(model, result)

    def _read_so_far(self, done: int, total: int) -> None:
        """Note it; the time may be over before there is anything to train on.

        Raises:
            InputError: it is.
        """
        self.status.progress(done, total)
        if self.status.left == 0:
            needed = self.status.elapsed * total / max(1, done) / 60
            raise InputError(
                "minutes", given=f"{self.settings.minutes:g}, in which {done:,} of {total:,} samples were read",
                expected=f"more than reading takes, which is {needed:.1f} or so",
                mend="give more, or fewer samples, or lay them on a faster disk",
            )  # fmt: skip

    def _answer_interrupt(self) -> None:
        if self.status.phase == "reading":
            raise KeyboardInterrupt  # there is nothing yet that could be finished
        self.status.say(INTERRUPTED)
        if self.status.phase == "finishing" and self.status.left is not None:
            self.status.say(f"done in at most {self.status.left:.0f} s")

    def _say_when_done(self, seconds: float) -> None:
        """Where the user is waiting for the end."""
        if math.isfinite(seconds):
            self.status.ends = time.monotonic() + seconds
            self.status.say(f"done in about {seconds:.0f} s")

    def _end(self, model: Model, result: dict[str, Any]) -> tuple[Model, dict[str, Any]]:
        """Write what a run leaves; it is finished when the record says so, which comes last."""
        self._save(model)
        outcome.write(self.folder, result)
        if not self.record.latest(Finished):
            self.record.write(Finished(result))
        _delete_samples(self.folder)
        self.status.enter("done")
        return model, result

    def _save(self, model: Model) -> None:
        """The model, and its network as source where there is one."""
        folder = self.folder / "model"
        model.save(folder)
        try:
            code.write(model, folder)
        except InputError as error:
            self.status.say(f"without {code.FILE}: {error}")

    @contextmanager
    def _computing(self) -> Iterator[Executor]:
        """Where all is computed; what still trains at the end is told to stop."""
        with in_process() as executor:
            try:
                yield executor
            finally:
                self.interrupts.stop()

    def _rival(self, data: Divided, executor: Executor, device: torch.device) -> Rival | None:
        """The pre-trained network that the user named."""
        if self.settings.pretrained is None:
            return None
        rival = compute(executor, Rival.of, self.settings.pretrained, data, device)
        self.status.say(*rival.backbone.notes)
        return rival

    def _plan(self, task: Task, setup: Setup, executor: Executor, rival: Rival | None) -> tuple[Plan, Setup]:
        """The recorded plan, or a new one after measuring the machine; and the setup that goes with it."""
        if recorded := self.record.latest(Planned):
            with as_written(self.folder):
                plan = Plan.read(recorded.plan)
        else:
            experience, earlier = chosen_experience(self.settings), earlier_run(self.settings, task)
            if experience and earlier:
                experience += earlier.experience
            plan = self._new_plan(task, setup, executor, rival)
            # before the plan, on which a run rests; nothing in the place of what a run that came no farther left
            if experience or self.record.latest(Experienced):
                self.record.write(Experienced((experience or Experience()).plain()))
            if earlier or self.record.latest(Descended):
                self.record.write(Descended(*((earlier.name, earlier.genomes) if earlier else ("", ()))))
            self.record.write(Planned(plan.plain()))
        self.status.say(
            *plan_lines(plan, with_world=self.settings.strategy in (None, "artificial-life")),
            *ancestry_lines(self.record, self._space(plan)),
        )
        deadline = math.inf
        if self.status.left is not None and not self.record.latest(Finished):
            spent = self.searched_before + self.finished_before
            deadline = time.monotonic() + self.status.left - WRITING_SECONDS - spent
        clock = Clock(deadline, self.interrupts.first)
        return plan, dataclasses.replace(setup, clock=clock, **dataclasses.asdict(plan.training))

    def _new_plan(self, task: Task, setup: Setup, executor: Executor, rival: Rival | None) -> Plan:
        left = self.status.left
        free = make_space(self.settings, task.shape, task.classes, Rates(), math.inf)
        free.smallest()  # refuses limits that leave no network before anything is fitted or measured
        limited = self.settings.cap("max_latency_ms") is not None
        for bits in {head.bag for head in free.heads if isinstance(head, PoolHead) and head.bag}:
            compute(executor, setup.bags.of, bits, setup)  # seconds of which no training's are to be made up
        share = FORWARD_SHARE if limited else 0.0
        measuring = None if left is None else measuring_seconds(left)
        rates = compute(executor, measure, setup, free, measuring and (1 - share) * measuring)
        forward = compute(executor, measure_forward, setup, free, share * (measuring or 0.5)) if limited else Rates()
        left = None if self.status.left is None else max(0.0, self.status.left - WRITING_SECONDS)
        training = TrainingStage.of(setup)
        kept = rival.seconds(left) if rival and left is not None else 0.0
        plan = make_plan(task, self.settings, training, Speed(rates, forward), left, kept)
        self._strategy(plan, free, task.validation)  # refuses settings that do not fit before the run rests on them
        return plan

    def _space(self, plan: Plan) -> ChainSpace:
        task, speed, cap = plan.task, plan.speed, plan.search.max_step_seconds
        return make_space(self.settings, task.shape, task.classes, speed.rates, cap, speed.forward, plan.training)

    def _strategy(
        self, plan: Plan, space: ChainSpace, validation: int, expectation: Expectation | None = None
    ) -> Strategy:
        search, world = plan.search, plan.world
        return make_strategy(
            self.settings, space, search.fidelity, world.side, world.rounds, validation, search.candidates,
            expectation=expectation, ancestors=ancestors(self.record, space),
        )  # fmt: skip

    def _search(self, forecast: Forecast, setup: Setup, ready: Ready) -> Progress:
        """Replay what is recorded and search on, unless the search has stopped already."""
        plan = forecast.plan
        progress = Progress(
            self._strategy(plan, forecast.space, round(forecast.validation), forecast.expectation),
            forecast.candidate,
            inherit=self.settings.switch("inherit"),
            early_stopping=EarlyStopping() if plan.search.early_stop and self.settings.switch("early_stop") else None,
            leaders=forecast.leaders,
            rival=forecast.by_hand.key,
        )
        with as_written(self.folder):
            replay(progress, self.record.events())
        self._show(progress)
        if self.record.latest(Stopped):
            return progress
        began = time.monotonic() - self.searched_before
        executor, slots = ready(setup, forecast)
        limits = forecast.limits(setup.clock, began, self.interrupts.first.is_set)
        clock, in_all = setup.clock.until(forecast.end_of_search(setup.clock, began)), forecast.in_all(forecast.by_hand)
        setup = dataclasses.replace(setup, clock=clock, in_all=in_all)
        self.status.enter("searching")
        if slots > 1 and self.settings.ray is None:
            setup = setup.filed(self.folder / SHARED)
        train_one = partial(evaluate, setup=setup, store=self.store, falls=False)
        for _ in search(progress, executor, train_one, self.record, limits, slots):
            self.store.sweep({str(id_) for id_ in progress.needed()})
            if self._show(progress):
                outcome.write(self.folder, outcome.so_far(self.settings, plan, progress))
        return progress

    def _show(self, progress: Progress) -> bool:
        """Bring the status up to date; says whether the best score has changed."""
        status = self.status
        status.counts, status.view = dict(progress.strategy.counts), progress.strategy.view()
        leader = next(iter(progress.archive.best(1)), None)
        if progress.last and progress.last is not self.last:
            self.last = progress.last
            candidate, answer = progress.last
            fate = status.metric.words(answer.score) if answer.score is not None else answer.failure or "stopped early"
            status.recent.append(f"{candidate.operator} {fate}  {candidate.genome.key}")
            status.bests += [leader.score] if leader else []
        if leader is None or leader.score == status.best:
            return False
        # lower than before where a second training did not confirm the first: the figure is the one that `top` shows
        status.best, status.best_genome = leader.score, leader.genome.key
        return True


def _delete_samples(folder: Path) -> None:
    """Delete the pictures that did not fit into memory, those that several processes shared, and unpacked files."""
    (folder / "images.npy").unlink(missing_ok=True)
    for name in (SHARED, UNPACKED):
        shutil.rmtree(folder / name, ignore_errors=True)


def _check_same_run(record: Record, source: Source, settings: Settings, folder: Path) -> None:
    """Begin a record, or refuse one of other data or settings.

    Before there is a plan nothing rests on data and settings: whoever mends them there begins again.
    """
    values = {
        "data": source.title,
        "fingerprint": source.fingerprint(),
        "settings": settings.plain(),
        "address": source.address,
        "version": neuralfinder.__version__,
    }
    wanted = Begun(**json.loads(json.dumps(values)))
    began = record.latest(Begun)
    if began is None or (began != wanted and record.latest(Planned) is None):
        record.write(wanted)
        return
    if began.fingerprint != wanted.fingerprint:
        raise RunFolderError(
            str(folder), given=f"a run on other data ({began.data})", expected=f"a run on {source.title} as it is",
            mend="give another --run, or the same data",
        )  # fmt: skip
    usual = Settings().plain()  # what an older version did not know was so
    asked, before = (
        {**usual, **each.settings, **{name: each.address.get(name) for name in OF_READING}} for each in (wanted, began)
    )
    for name, value in asked.items():
        if name not in WHERE and before.get(name) != value:
            raise RunFolderError(
                str(folder), given=f"a run with {name} {before.get(name)}", expected=f"{name} {value}",
                mend="give another --run, or continue the old one with `neuralfinder resume`",
            )  # fmt: skip
