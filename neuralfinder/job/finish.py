"""From the search's best to the winner: full training, choice by validation, and the one look at the test part."""

from __future__ import annotations

import dataclasses
import math
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
from scipy.optimize import brentq
from scipy.special import log_softmax
from scipy.stats import binomtest

from neuralfinder.errors import NothingTrainedError
from neuralfinder.job.answers import told_apart
from neuralfinder.job.baselines import Linear, WordCounts, fit_linear, fit_words, majority
from neuralfinder.job.plan import (
    BASELINE_SHARE,
    LINEAR_SECONDS,
    PATIENCE,
    SAFETY,
    Plan,
    Task,
    predict_seconds,
    retraining,
)
from neuralfinder.job.status import Status
from neuralfinder.networks.chains import ChainSpace, small_network
from neuralfinder.networks.cost import cost
from neuralfinder.networks.genome import Genome
from neuralfinder.search.archive import Archive, Entry, plain_result
from neuralfinder.search.executors import Executor, compute, outcome
from neuralfinder.search.loop import HEARTBEAT
from neuralfinder.search.record import Record
from neuralfinder.seeds import Seeds
from neuralfinder.training.batches import Part, Scaling, Views
from neuralfinder.training.evaluate import evaluate
from neuralfinder.training.model import Model, Predictor
from neuralfinder.training.train import Setup
from neuralfinder.training.weights import WeightStore
from neuralfinder.types import Candidate, Fidelity, Result

P = TypeVar("P", bound=Predictor)

GAVE_ALL = ("patience", "chance")
"""Ends of a training that more epochs would not have changed."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What every station of a run works with; the setup's clock ends the run.

    `make_whole` makes the setup of trainings on training and validation part. With `inherit` finalists go on from the
    weights that won them their place. Trainings are expected to take `pace` times what the plan predicts, all together
    `seconds`, if there is a limit. A network measured to take more than `max_milliseconds` for one picture cannot win.
    """

    plan: Plan
    setup: Setup
    make_whole: Callable[[], Setup]
    space: ChainSpace
    store: WeightStore
    record: Record
    executor: Executor
    seeds: Seeds
    status: Status
    inherit: bool = False
    pace: float = 1.0
    seconds: float = math.inf
    max_milliseconds: float | None = None

    @property
    def retraining(self) -> float:
        """How long the retrainings take, in trainings of a finalist."""
        return retraining(self.plan.retrain, len(self.setup.train), len(self.setup.validation))

    def fits(self, entry: Entry) -> bool:
        """Whether the network was measured to keep the limit; `True` where nothing was measured."""
        return self.max_milliseconds is None or not entry.milliseconds > self.max_milliseconds


@dataclass(frozen=True, slots=True)
class Trained:
    """A network with weights in the store under `name`, trained for `epochs` (fractions of an epoch count).

    `ended` says why training ended, as in `Training.ended`.
    """

    name: str
    genome: Genome
    score: float
    macs: int
    epochs: float
    curve: tuple[float, ...]
    ended: str

    @classmethod
    def of(cls, name: str, genome: Genome, score: float, planned_epochs: float, result: Result) -> Trained:
        """What a successful training of so many planned epochs left."""
        return cls(name, genome, score, result.macs, planned_epochs * result.done, result.curve, result.ended)


def finish(
    bench: Bench, archive: Archive, classes: tuple[Any, ...], open_test: Callable[[bool], Part]
) -> tuple[Model, dict[str, Any]]:
    """Everything after the search.

    Args:
        bench: plan, data, store, record and executor.
        archive: what the search found; may be empty.
        classes: labels as the user gave them.
        open_test: gives the test part, as the search's networks take it or, where it is told so, as those trained on
            training and validation part do; called after everything is decided.

    Returns:
        The winner and the figures about it for `result.json`.

    Raises:
        NothingTrainedError: neither a candidate nor the hand-made network could be trained.
    """
    entries = archive.best(bench.plan.finalists, bench.fits)
    if slow := len(archive) - len(archive.best(len(archive), bench.fits)):
        bench.status.say(f"{slow} networks took more than {bench.max_milliseconds:g} ms a sample and cannot win")
    deadline = bench.setup.clock.deadline - bench.plan.measuring_seconds
    setup = dataclasses.replace(bench.setup, clock=bench.setup.clock.until(deadline))
    trainer = dataclasses.replace(bench, setup=setup)
    bench.status.enter("finishing", len(entries) + 2)
    rivals = _train_finalists(trainer, entries)

    hand_made = small_network(bench.space)
    if bench.setup.recipe.views and not bench.plan.baseline_views:
        bench.status.say("the network by hand is tested with one view of each picture: several would take too long")
    share = 1 / (1 + bench.retraining)
    baseline = _train(trainer, "baseline", hand_made, _baseline_epochs(bench, hand_made, rivals), share=share)
    rivals = rivals or ([baseline] if baseline else [])
    if not rivals:
        raise NothingTrainedError("no network could be trained; `neuralfinder show RUN` lists the reasons")
    winner = min(rivals, key=lambda trained: (-trained.score, trained.macs))
    bench.status.progress(len(entries) + 1, len(entries) + 2)
    linear = compute(bench.executor, _linear, bench)
    whole = compute(bench.executor, bench.make_whole) if bench.plan.retrain else bench.setup
    retrained = _retrain(trainer, winner, whole)
    figures_of = partial(_measure, bench, classes, winner, baseline, linear, retrained, whole)
    model, figures = compute(bench.executor, figures_of, open_test)
    bench.status.progress(len(entries) + 2, len(entries) + 2)
    return model, figures


def _measure(
    bench: Bench,
    classes: tuple[Any, ...],
    winner: Trained,
    baseline: Trained | None,
    linear: Linear | WordCounts | None,
    retrained: list[Trained],
    whole: Setup,
    open_test: Callable[[bool], Part],
) -> tuple[Model, dict[str, Any]]:
    """The winner as a model, and the figures about it and all that it is compared with."""
    setup = bench.setup
    model, measured = with_views(setup, _load(bench.store, setup, classes, winner), setup.recipe.views)
    by_hand, by_hand_measured = (
        with_views(setup, _load(bench.store, setup, classes, baseline), bench.plan.baseline_views)
        if baseline
        else (None, None)
    )
    again = [dataclasses.replace(_load(bench.store, whole, classes, each), views=model.views) for each in retrained]
    refit = setup.recipe.refit and bool(again)
    if refit:
        model = again[0]
    test = open_test(False)
    whole_test = open_test(True) if again and whole.preparation != setup.preparation else test
    labels = test.labels.cpu().numpy()
    logits = model.logits(whole_test if refit else test, setup.bf16)
    answers = logits.argmax(1)
    guess = np.full_like(labels, majority(setup.train.labels.cpu().numpy(), len(classes)))
    size = cost(winner.genome, model.shape, len(classes))
    figures = {
        "validation_accuracy": measured,
        **judged(labels, answers),
        "answers": told_apart(labels, logits),
        "parameters": size.parameters,
        "macs": size.macs,
        "genome": winner.genome.key,
        "epochs": winner.epochs,
        "curve": list(winner.curve),
        "views": dataclasses.asdict(model.views),
        "baselines": {
            "majority class": {"test_accuracy": _accuracy(labels, guess)},
            "logistic regression": linear
            and {"test_accuracy": _accuracy(labels, linear.predict(test)), "samples": linear.samples},
            "small network": baseline
            and by_hand
            and {
                "test_accuracy": _accuracy(labels, by_hand.answers(test, setup.bf16)),
                "validation_accuracy": by_hand_measured,
                "genome": baseline.genome.key,
                "epochs": baseline.epochs,
                "views": dataclasses.asdict(by_hand.views),
            },
        },
        "refit": refit,
        "retrained": [_accuracy(labels, each.answers(whole_test, setup.bf16)) for each in again],
    }
    return model, figures


def _train_finalists(bench: Bench, entries: list[Entry]) -> list[Trained]:
    """Those that may win: every entry trained fully, or as the search left it where that was a full training."""
    searched = [_searched(entry) for entry in entries if bench.store.path(str(entry.candidates[0].id)).exists()]
    rivals: list[Trained] = []
    most = _longest_final(bench, entries)
    others = _time_of_others(bench, entries, most)
    for place, entry in enumerate(entries):
        epochs = _epochs_within(bench, entry.genome, most, bench.plan.final_epochs)
        as_found = _searched(entry)
        if _gains(as_found, epochs):
            own = _final_seconds(bench, entry, most)
            left = sum(_final_seconds(bench, each, most) for each in entries[place:]) + others
            share = min(PATIENCE * own / left, 1 - others / left)
            heir = (entry.candidates[0].id,) if bench.inherit else ()
            trained = _train(bench, f"final-{place}", entry.genome, epochs, share=share, inherits=heir)
            rivals += [trained] if trained else []
        elif as_found in searched:
            rivals.append(as_found)
        bench.status.progress(place + 1, len(entries) + 2)
    # the search's best score is the luckiest of many: it wins only where full training fell clearly behind it
    noise = 2 * (0.25 / len(bench.setup.validation)) ** 0.5
    if not rivals or max(r.score for r in rivals) < max((s.score for s in searched), default=0.0) - noise:
        rivals += searched
    return rivals


def _searched(entry: Entry) -> Trained:
    """The network as the search left it."""
    candidate, result = entry.candidates[0], entry.results[0]
    planned = candidate.fidelity.epochs * candidate.fidelity.share
    return Trained.of(str(candidate.id), entry.genome, entry.score, planned, result)


def _gains(found: Trained, epochs: float) -> bool:
    """Whether a training of so many epochs may be better than what the search left."""
    return epochs > found.epochs and found.ended not in GAVE_ALL


def seconds_needed(bench: Bench, entries: Sequence[Entry], most: float = math.inf) -> float:
    """Predicted seconds of all trainings of the finish with these finalists, of which each gets `most` at most."""
    return sum(_final_seconds(bench, entry, most) for entry in entries) + _time_of_others(bench, entries, most)


def _final_seconds(bench: Bench, entry: Entry, most: float) -> float:
    epochs = bench.plan.final_epochs
    return min(most, _seconds(bench, entry.genome, epochs)) if _gains(_searched(entry), epochs) else 0.0


def _time_of_others(bench: Bench, entries: Sequence[Entry], most: float) -> float:
    """Predicted seconds of network by hand and retrainings at most, whoever of the finalists wins."""
    shares = {entry.genome: bench.retraining + _baseline_share(bench, entry.genome) for entry in entries}
    epochs = bench.plan.final_epochs
    return max((share * min(most, _seconds(bench, genome, epochs)) for genome, share in shares.items()), default=0.0)


def _longest_final(bench: Bench, entries: Sequence[Entry]) -> float:
    """Seconds for each finalist at most, so that all trainings fill the time: large ones get what small ones leave.

    What lacks so little that the time kept in reserve has it is given in full; an epoch there is time for in any case.
    """
    least = sum(_seconds(bench, entry.genome, 1) for entry in entries)
    wanted, given = seconds_needed(bench, entries), max(least, bench.seconds)
    if wanted <= given / SAFETY:
        return math.inf
    return float(brentq(lambda most: seconds_needed(bench, entries, most) - given, 0.0, wanted))


def _baseline_share(bench: Bench, genome: Genome) -> float:
    """How long the network by hand is trained as a share of the time of `genome`: for as many epochs at most."""
    return min(BASELINE_SHARE, _seconds(bench, small_network(bench.space), 1) / _seconds(bench, genome, 1))


def _baseline_epochs(bench: Bench, genome: Genome, rivals: list[Trained]) -> float:
    """As many epochs as the best rival had, or what `BASELINE_SHARE` of its time allows; 1 without rivals."""
    if not rivals:
        return 1
    best = min(rivals, key=lambda trained: (-trained.score, trained.macs))
    most = max(1, round(best.epochs))
    return _epochs_within(bench, genome, BASELINE_SHARE * _seconds(bench, best.genome, most), most)


def _epochs_within(bench: Bench, genome: Genome, seconds: float, most: int) -> float:
    """The most epochs of `genome`, from 1 to `most`, that are predicted to take at most `seconds`, in tenths."""
    tenths = bisect_right(range(10, 10 * most + 1), seconds, key=lambda tenth: _seconds(bench, genome, tenth / 10))
    return max(10, 9 + tenths) / 10


def _seconds(bench: Bench, genome: Genome, epochs: float) -> float:
    setup = bench.setup
    task = Task(len(setup.train), len(setup.validation), 0, bench.space.shape, setup.classes)
    size = bench.space.cost(genome)
    return bench.pace * predict_seconds(bench.plan, size, task, Fidelity.of(epochs), setup.recipe.measures)


def _train(
    bench: Bench,
    name: str,
    genome: Genome,
    epochs: float,
    *,
    share: float,
    setup: Setup | None = None,
    inherits: tuple[int, ...] = (),
) -> Trained | None:
    """Train a network in at most this share of the time left; `None` when it fails. A recorded training is reused."""
    before = [e.data for e in bench.record.read() if e.kind == "final" and e.data["name"] == name]
    if before and (before[0]["result"]["failure"] or bench.store.path(name).exists()):
        result = plain_result(before[0]["result"])
    else:
        setup = setup or bench.setup
        clock = setup.clock.until(time.monotonic() + share * max(0.0, setup.clock.left()))
        setup = dataclasses.replace(setup, clock=clock)
        seed = bench.seeds.number("final", name, genome.key)
        candidate = Candidate(-1, genome, "final", (), seed, Fidelity.of(epochs), inherits=inherits)
        future = bench.executor.submit(partial(evaluate, setup=setup, store=bench.store, name=name), candidate)
        while not future.done():
            wait([future], timeout=HEARTBEAT)
        result = outcome(candidate.id, future)
        row = {"name": name, "genome": genome.key, "epochs": epochs, "result": dataclasses.asdict(result)}
        bench.record.append("final", [row])
    if result.score is None:
        bench.status.say(f"{name} {genome.key} failed: {result.failure}: {result.detail}")
        return None
    return Trained.of(name, genome, result.score, epochs, result)


def _retrain(bench: Bench, winner: Trained, whole: Setup) -> list[Trained]:
    """Fresh trainings of the winner on training and validation part, for as long as its best score took."""
    recipe = bench.setup.recipe
    unguarded = dataclasses.replace(recipe, patience=None, chance_epochs=None, score="last")
    whole = dataclasses.replace(whole, recipe=unguarded, clock=bench.setup.clock)
    keeps_best = recipe.score == "best" and winner.curve
    epochs = 1 + int(np.argmax(winner.curve)) if keeps_best else max(1, round(winner.epochs))
    count = bench.plan.retrain
    again = [
        trained
        for n in range(count)
        if (trained := _train(bench, f"retrain-{n}", winner.genome, epochs, share=1 / (count - n), setup=whole))
    ]
    uncut = [trained for trained in again if trained.ended != "deadline"]
    if cut := len(again) - len(uncut):
        bench.status.say(f"{cut} of {count} retrainings were cut short by the clock and are not counted")
    return uncut


def _linear(bench: Bench) -> Linear | WordCounts | None:
    setup = bench.setup
    if not isinstance(setup.preparation, Scaling):
        return fit_words(setup.train)
    seconds = min(LINEAR_SECONDS, 0.3 * max(0.0, setup.clock.left()))
    return fit_linear(setup.train, setup.classes, setup.preparation, seconds, bench.seeds.stream("linear"))


def _load(store: WeightStore, setup: Setup, classes: tuple[Any, ...], trained: Trained) -> Model:
    parent = store.load(trained.name)
    if parent is None:
        raise NothingTrainedError(f"the weights {store.path(trained.name)} are gone; delete the run and begin again")
    return Model.of(trained.genome, parent.state, setup.shape, setup.preparation, classes)


def with_views(setup: Setup, model: P, views: bool) -> tuple[P, float]:
    """The model with test-time averaging where that helps on the validation part, and its accuracy there.

    Without `views` there is no averaging. Of equally accurate ones the likelier is taken: few pictures often cannot
    tell two models apart by their errors.
    """
    models = [model]
    if views:
        models.append(dataclasses.replace(model, views=Views(mirror=setup.flip, shift=setup.recipe.shift > 0)))
    labels = setup.validation.labels.cpu().numpy()
    scores = []
    for each in models:
        logits = each.logits(setup.validation, setup.bf16)
        likelihood = log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean()
        scores.append((_accuracy(labels, logits.argmax(1)), float(likelihood)))
    best = max(range(len(models)), key=scores.__getitem__)
    return models[best], scores[best][0]


def judged(labels: np.ndarray, answers: np.ndarray) -> dict[str, Any]:
    """Accuracy on the test part with its 95 % interval (Wilson), and the mean of the classes' accuracies."""
    right = int((answers == labels).sum())
    interval = binomtest(right, len(labels)).proportion_ci(0.95, method="wilson")
    return {
        "test_accuracy": right / len(labels),
        "test_interval": [float(interval.low), float(interval.high)],
        "test_balanced_accuracy": _balanced(labels, answers),
    }


def _accuracy(labels: np.ndarray, answers: np.ndarray) -> float:
    return float((labels == answers).mean())


def _balanced(labels: np.ndarray, answers: np.ndarray) -> float:
    """The mean, over the classes that occur in `labels`, of the share answered rightly."""
    return float(np.mean([(answers[labels == label] == label).mean() for label in np.unique(labels)]))
