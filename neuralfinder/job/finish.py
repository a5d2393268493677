"""From the search's best to the winner: full training, choice by validation, and the one look at the test part."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from neuralfinder.errors import NothingTrainedError
from neuralfinder.job.baselines import Linear, NGrams, fit_linear
from neuralfinder.job.figures import Decided, Samples, measure
from neuralfinder.job.forecast import Forecast, linear_seconds, noise, winners_share
from neuralfinder.job.pretrained import Probe, Rival
from neuralfinder.job.race import AS_FOUND, GAVE_ALL, Entrant, best_first, last_trainings, race
from neuralfinder.job.trainer import Trained, Trainer
from neuralfinder.networks.genome import Conv, Genome
from neuralfinder.plain import counted
from neuralfinder.search.archive import Archive, Entry
from neuralfinder.search.events import Evaluated, FullyTrained
from neuralfinder.search.executors import compute
from neuralfinder.search.record import Record
from neuralfinder.seeds import Seeds
from neuralfinder.training.batches import Scaling
from neuralfinder.training.clock import Clock
from neuralfinder.training.model import Model
from neuralfinder.training.train import Setup
from neuralfinder.training.weights import WeightStore

RACING = 1 / 3
"""Several run only where the winner has this share of the epochs that it may gain from."""

ALIKE = 1.0
"""By how many doublings of widths, all layers together, networks differ that are taken for the same one in a race. A
guess: in a search of CIFAR-10 its three leaders differed by 0.4 and 0.6 (docs/LOG.md)."""


def finish(
    trainer: Trainer,
    forecast: Forecast,
    setup: Setup,
    samples: Samples,
    archive: Archive,
    inherit: bool = False,
    rival: Rival | None = None,
) -> tuple[Model, dict[str, Any]]:
    """Everything after the search.

    Args:
        trainer: where networks are trained and written down.
        forecast: what there is time for.
        setup: of full trainings; its clock ends the run.
        samples: the data.
        archive: what the search found; may be empty.
        inherit: whether finalists go on from the weights that won them their place.
        rival: the pre-trained network that the user named.

    Returns:
        The winner and the figures about it for `result.json`.

    Raises:
        NothingTrainedError: neither a candidate nor the hand-made network could be trained within the user's limits.
    """
    plan, status, executor = forecast.plan, trainer.status, trainer.executor
    leaders = forecast.leaders(archive)
    if slow := len(archive) - len(forecast.leaders(archive, len(archive))):
        status.say(f"{counted(slow, 'network')} took more than {_limit(forecast)} ms a sample and cannot win")
    status.enter("finishing", 1)
    training = dataclasses.replace(setup, clock=forecast.clock_of_trainings(setup.clock))
    whole = compute(executor, training.whole)
    known = whole if setup.recipe.refit else setup  # what the winner learns from
    if not isinstance(setup.preparation, Scaling):
        compute(executor, NGrams.of, known)  # now, so that no training waits for the bag of all texts
    by_hand = _entrant("by-hand", forecast.by_hand, archive, trainer.store)
    retraining = 0.0 if forecast.left == math.inf else forecast.left - forecast.for_race().left
    forecast = forecast.for_race()
    entrants, reserves = _entrants(trainer.store, forecast, leaders, archive, by_hand)
    if setup.recipe.goes_on:
        standing, forecast = race(trainer, forecast, training, entrants, reserves)
        first, winner = _within_limits(standing, forecast, trainer.record)
        first, winner = _together(trainer, forecast, first, winner, training)
        looking = forecast.last_looks(winner.genome, winner.of_batch)
        clock = setup.clock.until(setup.clock.deadline - looking - plan.looks.rival)
        last_setup = dataclasses.replace(whole if setup.recipe.refit else training, clock=clock)
        share = forecast.left / (forecast.left + retraining) if 0 < forecast.left < math.inf else 1.0
        last = _last(trainer, forecast, last_setup, training, first, winner, share)
    else:
        standing = _train_each(trainer, forecast, training, entrants, inherit)
        first, winner = _within_limits(standing, forecast, trainer.record)
        last, looking = None, plan.looks.seconds - plan.looks.rival
    probe = compute(executor, _probe, rival, forecast, setup, looking, trainer) if rival else None
    linear = compute(executor, _linear, known, setup.clock, trainer.seeds)
    retrained = _retrain(trainer, plan.finish.retrainings, winner, whole)
    by_hand = next((each for each in standing if each.genome == forecast.by_hand), by_hand)
    decided = Decided(winner, last, by_hand.trained, first.beside(by_hand), linear, retrained, whole, probe)
    if probe:  # has its time for the test part, whatever the others' looks take
        setup = dataclasses.replace(setup, clock=setup.clock.until(setup.clock.deadline - probe.seconds))
    status.enter("finishing")
    model, figures = compute(executor, measure, decided, trainer.store, setup, samples)
    return model, figures


def _last(
    trainer: Trainer, forecast: Forecast, setup: Setup, judging: Setup, first: Entrant, winner: Trained, share: float
) -> Trained | None:
    """The winner after its last training, as `last_trainings`; `None` where that failed or was too short."""
    lasts = last_trainings(trainer, forecast, setup, first, share)
    last = lasts[0] if len(lasts) == 1 else _joined(trainer, TEAM_LAST, lasts, judging)
    # clearly worse than before, and where it has learned from these very samples: it was too short
    if last and last.score < winner.score - noise(winner.score, forecast.validation):
        after, before = map(setup.metric.words, (last.score, winner.score))
        trainer.status.say(
            f"the last training is not taken: {setup.metric.title} {after} on the validation part, {before} before"
        )
        return None
    return last


WORSE_TOGETHER = 0.5
"""By how many times two standard errors a team has to be worse than its first member to be left. Who had somewhat less
training catches up in the last one: on CIFAR-10 one that had seen large pictures for four epochs had 70.9 %, its mate
75.2 after five, both together 74.7; after as much training 75.2, 75.4 and together 76.6 in another search."""


def _together(
    trainer: Trainer, forecast: Forecast, first: Entrant, winner: Trained, setup: Setup
) -> tuple[Entrant, Trained]:
    """The winner with its mates as one network, unless it is better without them on the validation part."""
    together = _joined(trainer, TEAM, [winner, *first.mates], setup) if first.mates else None
    if together is None:
        return first, winner
    count, alone, joined = together.genome.copies, *map(setup.metric.words, (winner.score, together.score))
    if together.score < winner.score - WORSE_TOGETHER * noise(winner.score, forecast.validation):
        trainer.status.say(f"the winner is alone: {alone}, {count} networks of its kind together {joined}")
        return dataclasses.replace(first, mates=()), winner
    trainer.status.say(f"{count} networks of the winner's kind answer together: {joined}, one alone {alone}")
    return first, together


def _joined(trainer: Trainer, name: str, members: Sequence[Trained | None], setup: Setup) -> Trained | None:
    """Networks of one kind as one; `None` where a training failed."""
    trained = [each for each in members if each]
    return trainer.join(name, trained, setup) if len(trained) == len(members) else None


TEAM, TEAM_LAST = "team", "team-last"
"""Names of the winner with its mates, before their last trainings and after them."""


def _limit(forecast: Forecast) -> str:
    """Milliseconds that a sample may take."""
    return f"{1000 * forecast.space.max_forward_seconds:g}"


def _why_none(record: Record) -> str:
    """Why nothing could be trained, the commonest reason first, each with what was said of it first."""
    answers = [event.result for event in record.events() if isinstance(event, Evaluated | FullyTrained)]
    kinds, details = Counter(result.failure for result in answers), dict[str | None, str]()
    for result in answers:
        details.setdefault(result.failure, result.detail)
    return "; ".join(
        f"{count} x {kind}{f' ({details[kind]})' if details[kind] else ''}"
        for kind, count in kinds.most_common()
        if kind
    )


def _within_limits(standing: Sequence[Entrant], forecast: Forecast, record: Record) -> tuple[Entrant, Trained]:
    """The best that keeps the limit of milliseconds, as it was measured last, and its training."""
    trained = [(entrant, entrant.trained) for entrant in standing if entrant.trained]
    if not trained:
        why = _why_none(record) or "no reason was recorded"
        raise NothingTrainedError(f"no network could be trained: {why}; `neuralfinder top RUN --all` lists them")
    if fitting := [pair for pair in trained if not forecast.is_slow(pair[1].milliseconds)]:
        return fitting[0]
    fastest = min((each for _, each in trained), key=lambda each: each.milliseconds)
    raise NothingTrainedError(
        f"the fastest network trained is {fastest.genome.key}, which takes {fastest.milliseconds:g} ms a sample; "
        f"expected {_limit(forecast)} ms at most; allow more, or give the search more minutes"
    )


def _entrant(name: str, genome: Genome, archive: Archive, store: WeightStore) -> Entrant:
    """A network as the search left it, where it was among its candidates and its weights are kept."""
    found = archive.find(genome.key)
    before = Trained.as_found(found) if found else None
    return Entrant(name, genome, {AS_FOUND: before} if before and store.path(before.name).exists() else {})


def _entrants(
    store: WeightStore, forecast: Forecast, leaders: Sequence[Entry], archive: Archive, by_hand: Entrant
) -> tuple[list[Entrant], list[Entrant]]:
    """The search's leaders, and where trainings can go on the network by hand while it is not clearly behind.

    In reserve are those leaders that there is no time for while the first one still gains; and where there is not time
    for all of them to gain all they can, those that are nearly a better one.

    By hand only where the search trained it too: one that had less training says nothing beside the others.
    """
    entrants = [_entrant(f"final-{place}", leader.genome, archive, store) for place, leader in enumerate(leaders)]
    if not leaders:
        return [by_hand], []
    found = archive.find(by_hand.genome.key)
    if found and not forecast.fits(found):
        found = None
    seen = [(each.genome, each.score, each.candidates[0].fidelity.passes) for each in (leaders[0], found) if each]
    behind = found is None or not all(forecast.close(seen))
    longest, seconds = forecast.plan.finish.epochs, winners_share(len(entrants) + 1) * forecast.left
    reserves = list[Entrant]()
    if forecast.full(leaders[0].genome, RACING * longest) > seconds:
        entrants, reserves = entrants[:1], entrants[1:]  # what they get is taken from a winner that still gains much
    elif forecast.spare(leaders[0].genome) < len(entrants) and not forecast.plan.finish.fixed:
        entrants, reserves = unlike(entrants)
    known = any(entrant.genome == by_hand.genome for entrant in entrants)
    if not known and not behind and forecast.final.goes_on:
        entrants.append(by_hand)
    return entrants, [each for each in reserves if each.genome != entrants[-1].genome]


def unlike(entrants: Sequence[Entrant]) -> tuple[list[Entrant], list[Entrant]]:
    """Those that differ from all better ones, and the others."""
    first, others = list[Entrant](), list[Entrant]()
    for entrant in entrants:
        alike = any(_are_alike(entrant.genome, better.genome) for better in first)
        (others if alike else first).append(entrant)
    return first, others


def _are_alike(one: Genome, other: Genome) -> bool:
    """Whether all layers have the same widths, or nearly: what is gained by the better one costs more to find out."""
    bare, widths = zip(*map(_apart, (one, other)), strict=True)
    return bare[0] == bare[1] and sum(abs(math.log2(a / b)) for a, b in zip(*widths, strict=True)) <= ALIKE


def _apart(genome: Genome) -> tuple[Genome, list[int]]:
    """The genome without widths, and these."""
    genes = [dataclasses.replace(gene, filters=1) if isinstance(gene, Conv) else gene for gene in genome.genes]
    widths = [gene.filters for gene in genome.genes if isinstance(gene, Conv)]
    return dataclasses.replace(genome, genes=tuple(genes)), widths


def _train_each(
    trainer: Trainer, forecast: Forecast, setup: Setup, entrants: Sequence[Entrant], inherit: bool
) -> list[Entrant]:
    """Best first, each trained fully from the start, or as the search left it where that was a full training."""
    full, found = list[Entrant](), list[Entrant]()
    for place, entrant in enumerate(entrants):
        before, share = entrant.trained, 1 / (len(entrants) - place)
        seconds, longest = forecast.left / len(entrants), forecast.plan.finish.epochs
        epochs = forecast.epochs_within(entrant.genome, seconds, longest, setup.recipe)
        found += [entrant] if before and trainer.store.path(before.name).exists() else []
        if before is None or (epochs > before.epochs and before.ended not in GAVE_ALL):
            heir = (int(before.name),) if before and inherit else ()
            trained = trainer.train(entrant.name, entrant.genome, epochs, setup, share, heir)
            full += [dataclasses.replace(entrant, rounds={**entrant.rounds, 0: trained})] if trained else []
        elif entrant in found:
            full.append(entrant)
        trainer.status.progress(place + 1, len(entrants) + 2)
    # the search's best score is the luckiest of many: it wins only where full training fell clearly behind it
    best = max((each.trained.score for each in found if each.trained), default=0.0)
    if not any(each.trained and each.trained.score >= best - noise(best, forecast.validation) for each in full):
        full += found
    return best_first(forecast, full) or [entrants[0]]


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
        trainer.status.say(f"{cut} of {counted(count, 'retraining')}: cut short by the clock and not counted")
    return uncut


def _probe(rival: Rival, forecast: Forecast, setup: Setup, looking: float, trainer: Trainer) -> Probe:
    """The pre-trained network with what was fitted to it in the time that the plan keeps, `looking` left to others."""
    plan, clock = forecast.plan, setup.clock
    seconds = math.inf if plan.budget_seconds is None else min(plan.looks.rival, clock.left() - looking)
    rng, balanced = trainer.seeds.stream("pretrained"), setup.weights is not None
    probe = rival.fit(seconds, clock, setup.recipe.refit, rng, setup.metric, balanced)
    if why := probe.figures.get("why"):
        trainer.status.say(f"pre-trained {rival.backbone.name} is left out: {why}")
    return probe


def _linear(setup: Setup, clock: Clock, seeds: Seeds) -> Linear | NGrams | None:
    """A plain model that has learned from what the winner has."""
    if not isinstance(setup.preparation, Scaling):
        return NGrams.of(setup)
    rng, balanced = seeds.stream("linear"), setup.weights is not None
    return fit_linear(setup.train, setup.classes, setup.preparation, linear_seconds(clock), rng, balanced=balanced)
