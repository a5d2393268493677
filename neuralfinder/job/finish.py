"""From the search's best to the winner: full training, choice by validation, and the one look at the test part."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from neuralfinder.errors import NothingTrainedError
from neuralfinder.job.baselines import Linear, WordCounts, fit_linear, fit_words
from neuralfinder.job.figures import Decided, Samples, measure
from neuralfinder.job.forecast import Forecast, gains, linear_seconds
from neuralfinder.job.trainer import Trained, Trainer
from neuralfinder.search.archive import Archive, Entry
from neuralfinder.search.executors import compute
from neuralfinder.seeds import Seeds
from neuralfinder.training.batches import Scaling
from neuralfinder.training.model import Model
from neuralfinder.training.train import Setup


def finish(
    trainer: Trainer, forecast: Forecast, setup: Setup, samples: Samples, archive: Archive, inherit: bool = False
) -> tuple[Model, dict[str, Any]]:
    """Everything after the search.

    Args:
        trainer: where networks are trained and written down.
        forecast: what there is time for.
        setup: of full trainings; its clock ends the run.
        samples: the data.
        archive: what the search found; may be empty.
        inherit: whether finalists go on from the weights that won them their place.

    Returns:
        The winner and the figures about it for `result.json`.

    Raises:
        NothingTrainedError: neither a candidate nor the hand-made network could be trained within the user's limits.
    """
    plan, status, executor = forecast.plan, trainer.status, trainer.executor
    leaders = forecast.leaders(archive)
    if slow := len(archive) - len(forecast.leaders(archive, len(archive))):
        status.say(f"{slow} networks took more than {_limit(forecast)} ms a sample and cannot win")
    training = dataclasses.replace(setup, clock=forecast.clock_of_trainings(setup.clock))
    status.enter("finishing", len(leaders) + 2)
    rivals = _train_finalists(trainer, forecast, training, leaders, inherit)

    if setup.recipe.views and not plan.looks.baseline_views:
        status.say("the network by hand is tested with one view of each picture: several would take too long")
    best = _best(rivals)
    epochs = forecast.epochs_by_hand(best.genome, best.epochs) if best else 1
    baseline = trainer.train("baseline", forecast.by_hand, epochs, training, forecast.by_hand_share)
    winner = best or _within_limits(baseline, forecast)
    status.progress(len(leaders) + 1, len(leaders) + 2)
    linear = compute(executor, _linear, setup, trainer.seeds)
    whole = compute(executor, samples.make_whole, training) if plan.finish.retrainings else training
    retrained = _retrain(trainer, plan.finish.retrainings, winner, whole)
    decided = Decided(winner, baseline, linear, retrained, whole)
    model, figures = compute(executor, measure, decided, trainer.store, setup, samples, plan.looks.baseline_views)
    status.progress(len(leaders) + 2, len(leaders) + 2)
    return model, figures


def _limit(forecast: Forecast) -> str:
    """Milliseconds that a sample may take."""
    return f"{1000 * forecast.space.max_forward_seconds:g}"


def _best(rivals: Sequence[Trained]) -> Trained | None:
    """The most accurate on the validation part; of equals the one with fewer multiply-adds."""
    return min(rivals, key=lambda trained: (-trained.score, trained.macs), default=None)


def _within_limits(baseline: Trained | None, forecast: Forecast) -> Trained:
    """The network by hand, where there is nothing else to hand over."""
    if baseline is None:
        raise NothingTrainedError("no network could be trained; `neuralfinder show RUN` lists the reasons")
    if forecast.is_slow(baseline.milliseconds):
        raise NothingTrainedError(
            f"the only network trained is {baseline.genome.key}, which takes {baseline.milliseconds:g} ms a sample; "
            f"expected {_limit(forecast)} ms at most; allow more, or give the search more minutes"
        )
    return baseline


def _train_finalists(
    trainer: Trainer, forecast: Forecast, setup: Setup, leaders: list[Entry], inherit: bool
) -> list[Trained]:
    """Those that may win: every leader trained fully, or as the search left it where that was a full training."""
    store = trainer.store
    found = [Trained.as_found(leader) for leader in leaders]
    searched = [each for each in found if store.path(each.name).exists()]
    rivals: list[Trained] = []
    for place, (leader, given) in enumerate(zip(leaders, forecast.allot(leaders), strict=True)):
        if gains(leader, given.epochs):
            heir = (leader.candidates[0].id,) if inherit else ()
            trained = trainer.train(f"final-{place}", leader.genome, given.epochs, setup, given.share, heir)
            rivals += [trained] if trained else []
        elif found[place] in searched:
            rivals.append(found[place])
        trainer.status.progress(place + 1, len(leaders) + 2)
    # the search's best score is the luckiest of many: it wins only where full training fell clearly behind it
    noise = 2 * (0.25 / len(setup.validation)) ** 0.5
    if not rivals or max(r.score for r in rivals) < max((s.score for s in searched), default=0.0) - noise:
        rivals += searched
    return rivals


def _retrain(trainer: Trainer, count: int, winner: Trained, whole: Setup) -> list[Trained]:
    """Fresh trainings of the winner on training and validation part, for as long as its best score took."""
    recipe = whole.recipe
    unguarded = dataclasses.replace(recipe, patience=None, chance_epochs=None, score="last")
    whole = dataclasses.replace(whole, recipe=unguarded)
    keeps_best = recipe.score == "best" and winner.curve
    epochs = 1 + int(np.argmax(winner.curve)) if keeps_best else max(1, round(winner.epochs))
    again = [
        trained
        for n in range(count)
        if (trained := trainer.train(f"retrain-{n}", winner.genome, epochs, whole, 1 / (count - n)))
    ]
    uncut = [trained for trained in again if trained.ended != "deadline"]
    if cut := len(again) - len(uncut):
        trainer.status.say(f"{cut} of {count} retrainings were cut short by the clock and are not counted")
    return uncut


def _linear(setup: Setup, seeds: Seeds) -> Linear | WordCounts | None:
    seconds = linear_seconds(setup.clock)
    if not isinstance(setup.preparation, Scaling):
        return fit_words(setup.train, setup.classes, seconds)
    return fit_linear(setup.train, setup.classes, setup.preparation, seconds, seeds.stream("linear"))
