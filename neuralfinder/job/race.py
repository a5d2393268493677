"""The race of the finalists: all train on from where the search left them, and the worse half leaves after each round.

Successive halving (Jamieson & Talwalkar 2016, algorithm 1) in which nothing begins anew: what was trained to choose the
winner is part of the winner's training.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from neuralfinder.job.forecast import (
    LAST_SHARE,
    LEAST_LAST,
    PATIENCE,
    SLACK,
    Forecast,
    Seen,
    first_round,
    noise,
    rounds,
)
from neuralfinder.job.team import LEAST_GROWTH, Turns, beside, copies, mates
from neuralfinder.job.trainer import Asked, Trained, Trainer
from neuralfinder.networks.genome import Genome
from neuralfinder.training.train import Setup, chance

AS_FOUND = -1
"""The round of what an entrant comes with."""

GAVE_ALL = ("patience", "chance")
"""Ends of a training that more epochs would not have changed."""

PIECES = 4
"""In how many pieces the last one of a race trains at most, each as long as all before it. Between them it is seen
whether it has begun to learn by heart: without, a search of eight thousand tiles handed over 35.0 % after five minutes,
where two rules of thumb had 38.8 and 40.0 (docs/LOG.md). A piece that would be much shorter tells nothing and is none:
see `LEAST_GROWTH`."""

WORSE = 1.0
"""By how many times two standard errors it is worse then. Who goes back sooner loses more by chance than it gains: on
the table of our own space 0.35 points at half of that, on ten tasks of pictures (`benchmarks/judgement.py back`)."""

ONCE_MORE = 2 * PIECES
"""The round of who goes on for want of others, above those of all pieces before."""

TOGETHER = 2 * ONCE_MORE
"""The round in which the last one trains beside others of its kind."""

MOST_EPOCHS = 10_000.0
"""More than anybody has time for."""

LEAST_PIECE = 1.0
"""Seconds of such a piece at least: it costs a look, and weights are written."""


@dataclass(frozen=True, slots=True)
class Entrant:
    """A network in the race.

    Attributes:
        name: there.
        genome: its own.
        rounds: its training so far after each round in which it trained, but for one that made it clearly worse.
        beyond: its training after such a round, as if it learned by heart from then on; `None` where there was none.
        copies: how many of its kind, with it, are to share the time that it would have.
        mates: the others, trained as long as it was.
        together: whether it and they are to train on beside each other.
    """

    name: str
    genome: Genome
    rounds: dict[int, Trained] = field(default_factory=dict)
    beyond: Trained | None = None
    copies: int = 1
    mates: tuple[Trained, ...] = ()
    together: bool = False

    @property
    def past_best(self) -> bool:
        """Whether it went back, to where it was best."""
        return self.beyond is not None

    def to_train(self, at_once: int) -> Turns:
        """Those of its kind that train on, at most so many at once: without it where it is past its best."""
        return Turns(max(1, self.copies - self.past_best), at_once)

    @property
    def trained(self) -> Trained | None:
        """As it is now; `None` when it has not begun, or always failed."""
        return next(reversed(self.rounds.values()), None)

    @property
    def epochs(self) -> float:
        """Trained so far."""
        return self.trained.epochs if self.trained else 0.0

    def beside(self, other: Entrant) -> Trained | None:
        """This network as it was when the other trained last: both had had the same seconds, as far as they gain.

        `None` where only one of them was trained by the search.
        """
        if (AS_FOUND in self.rounds) != (AS_FOUND in other.rounds):
            return None
        last = max(other.rounds, default=AS_FOUND)
        return next((trained for number, trained in reversed(self.rounds.items()) if number <= last), None)


def race(
    trainer: Trainer, forecast: Forecast, setup: Setup, entrants: Sequence[Entrant], reserves: Sequence[Entrant] = ()
) -> tuple[list[Entrant], Forecast]:
    """Train until one is left, and that one on: in a round all get equal seconds, for these are what is scarce.

    Args:
        trainer: where they are trained and written down.
        forecast: what there is time for.
        setup: of full trainings, on the training part; its clock ends the race.
        entrants: one or more.
        reserves: who runs, one after the other, while the last one has learned all it can and there is time.

    Returns:
        All of them, best first, as they were when they left; and what there is time for then: the last training.
    """
    running, gone, left = list(entrants), list[Entrant](), 1.0
    setup = replace(setup, recipe=replace(setup.recipe, measures=1))
    first = first_round(len(entrants), min(forecast.spare(entrant.genome) for entrant in entrants))
    plan = rounds(len(entrants), first)
    done, trainings = 0, 1 + sum(count for count, _ in plan)
    for number, (count, share) in enumerate(plan):
        alone, done = count == 1, done + count
        if not alone and len(running) == 1:
            continue  # the others were clearly behind before
        seconds, left = forecast.left * share / left, left - count * share
        cap = 1 - LAST_SHARE if alone else 1.0  # of the clock: what is slower than planned leaves the last its share
        epochs = forecast.plan.finish.epochs * (1 - LAST_SHARE if alone else first * 2 ** (number + 1))
        for place, entrant in enumerate(running):
            trainer.status.progress(done - count + place, trainings)
            train_on = _in_pieces if alone else _go_on
            running[place], forecast = train_on(trainer, forecast, setup, entrant, number, (seconds, epochs, cap))
        trainer.status.progress(done, trainings)
        running = best_first(forecast, running)
        half = [each for each in running[: (len(running) + 1) // 2] if each.trained]
        close = forecast.close(_seen(half)) if half else []
        kept = [entrant for entrant, may_win in zip(half, close, strict=True) if may_win] or running[:1]
        gone, running = running[len(kept) :] + gone, kept
    forecast = _past_best(trainer, forecast, setup, running, gone, reserves)
    running[0], forecast = _with_mates(trainer, forecast, setup, running[0])
    return running + gone, forecast


def _with_mates(trainer: Trainer, forecast: Forecast, setup: Setup, best: Entrant) -> tuple[Entrant, Forecast]:
    """The last one in the race with others of its kind, where it is to have such; and the time after that."""
    before = best.trained
    if before is None or best.copies == 1:
        return best, forecast
    if not best.together:
        others, forecast = mates(trainer, forecast, setup, before, best.copies)
        return replace(best, mates=tuple(others)), forecast
    goes_on = None if best.past_best else f"{best.name}-{TOGETHER}"
    longest = before.epochs if best.past_best else (1 - LAST_SHARE) * forecast.plan.finish.epochs
    trained, others, forecast = beside(
        trainer, forecast, setup, before, best.to_train(trainer.at_once), longest, goes_on
    )
    if not _is_worse(forecast, trained, before):
        best = replace(best, rounds={**best.rounds, TOGETHER: trained})
    return replace(best, mates=tuple(others)), forecast


def _past_best(
    trainer: Trainer,
    forecast: Forecast,
    setup: Setup,
    running: list[Entrant],
    gone: list[Entrant],
    reserves: Sequence[Entrant],
) -> Forecast:
    """While the one that is `running` has learned all it can: the reserves, then itself after all; the time after that.

    Whoever is better takes its place, and the others are `gone`. Time is left for others of its kind.
    """
    for reserve in reserves:
        if not running[0].past_best or not (most := _time_for(forecast, setup, running[0], reserve)):
            break
        own, forecast = _in_pieces(trainer, forecast, setup, reserve, 0, most)
        # what one is worth that is past its best is seen, not expected
        if own.trained and running[0].trained and own.trained.score > running[0].trained.score:
            running.insert(0, own)
        else:
            gone.insert(0, own)
    best, beyond = running[0], running[0].beyond
    if best.trained and beyond and (most := _time_for(forecast, setup, best, best)):
        # it may have been chance, and there is nobody else: on from there, so that nothing of it was in vain
        again = replace(best, rounds={**best.rounds, ONCE_MORE: beyond}, beyond=None)
        again, forecast = _in_pieces(trainer, forecast, setup, again, ONCE_MORE + 1, most)
        if again.trained and again.trained is not beyond and not _is_worse(forecast, again.trained, best.trained):
            running[0] = again
    return forecast


def _time_for(forecast: Forecast, setup: Setup, winner: Entrant, other: Entrant) -> tuple[float, float, float] | None:
    """What another may have, as in `_go_on`, before others of this one's kind and the last trainings of them all.

    Or what itself may have, which shares with these what it gets. `None` for less than an epoch.
    """
    others = 0 if other is winner else winner.copies - 1
    epochs = max(0.1, (others + (1 + others) * LEAST_LAST) * winner.epochs)
    least = forecast.seconds(winner.genome, epochs, setup.recipe)
    seconds = min((1 - LAST_SHARE) * forecast.left, forecast.left - least)
    if seconds < forecast.seconds(other.genome, 1.0, setup.recipe):
        return None
    return seconds, (1 - LAST_SHARE) * forecast.plan.finish.epochs, 1 - LAST_SHARE


def best_first(forecast: Forecast, entrants: Sequence[Entrant]) -> list[Entrant]:
    """By what they will be worth, as far as one can expect, then fewer multiply-adds.

    What was measured to be too slow comes after them, and what has no accuracy is last.
    """
    known = [entrant for entrant in entrants if entrant.trained]
    worths = forecast.worths(_seen(known))
    sizes = [(forecast.is_slow(each.milliseconds), each.macs) for entrant in known if (each := entrant.trained)]
    order = sorted(range(len(known)), key=lambda place: (sizes[place][0], -worths[place], sizes[place][1]))
    return [known[place] for place in order] + [entrant for entrant in entrants if not entrant.trained]


def _seen(entrants: Sequence[Entrant]) -> list[Seen]:
    """Those that were trained, as they are now; one that is past its best has had what made it worse, too."""
    known = [(entrant, each) for entrant in entrants if (each := entrant.trained)]
    return [(each.genome, each.score, (entrant.beyond or each).epochs) for entrant, each in known]


def _go_on(
    trainer: Trainer, forecast: Forecast, setup: Setup, entrant: Entrant, number: int, most: tuple[float, float, float]
) -> tuple[Entrant, Forecast]:
    """The entrant after at most so many seconds more, with at most so many epochs in all; and the time after that.

    The third of `most` is the share of the clock that it may take.

    As it was where that failed, or would gain nothing.
    """
    seconds, longest, cap = most
    before, genome = entrant.trained, entrant.genome
    if longest - entrant.epochs < 0.1 or entrant.past_best or (before and before.ended in GAVE_ALL):
        return entrant, forecast
    epochs = forecast.epochs_within(genome, seconds, longest - entrant.epochs, setup.recipe)
    # not so long that the others have nothing
    share = min(cap, PATIENCE * seconds / forecast.left) if forecast.left > 0 else cap
    name, predicted = f"{entrant.name}-{number}", forecast.seconds(genome, epochs, setup.recipe)
    setup = replace(setup, in_all=forecast.in_all(genome, entrant.copies))
    trained = trainer.train(name, genome, epochs, setup, share, goes_on=before, falls=False)
    if trained is None:
        return entrant, forecast.plus(predicted, forecast.pace * predicted)
    known = forecast.plus(predicted, trained.seconds)
    if before and _is_worse(known, trained, before):
        now, then = map(setup.metric.words, (trained.score, before.score))
        trainer.status.say(
            f"{name} has begun to learn by heart ({now} on the validation part, {then} before): it goes back"
        )
        return replace(entrant, beyond=trained), known
    return replace(entrant, rounds={**entrant.rounds, number: trained}), known


def _is_worse(forecast: Forecast, trained: Trained, before: Trained) -> bool:
    """Whether more training has made a network clearly worse; small pictures and large ones are not comparable."""
    margin = WORSE * noise(before.score, forecast.validation)
    return trained.half == before.half and trained.score < before.score - margin


def _in_pieces(
    trainer: Trainer, forecast: Forecast, setup: Setup, entrant: Entrant, number: int, most: tuple[float, float, float]
) -> tuple[Entrant, Forecast]:
    """As `_go_on`, with looks at it in between, from which it goes back where it has become worse."""
    seconds, longest, cap = most
    kept = forecast.left - seconds if seconds < math.inf else 0.0
    affordable = entrant.epochs + forecast.epochs_within(entrant.genome, seconds, MOST_EPOCHS, setup.recipe)
    whole = min(longest, affordable)
    reached, ends = entrant.epochs, list[float]()
    for end in (whole / 2**piece for piece in reversed(range(1, PIECES))):
        if (
            end >= LEAST_GROWTH * reached
            and forecast.seconds(entrant.genome, end - reached, setup.recipe) >= LEAST_PIECE
        ):
            ends.append(end)
            reached = end
    for piece, end in enumerate([*ends, longest]):
        entrant = _shared(trainer, forecast, setup, entrant, affordable, longest)
        done, left = 0.0 if entrant.past_best else entrant.epochs, affordable - entrant.epochs
        if entrant.to_train(trainer.at_once).pays(done, left):
            return replace(entrant, together=True), forecast
        most = forecast.left - kept, min(end, affordable / entrant.copies) if entrant.copies > 1 else end, cap
        entrant, forecast = _go_on(trainer, forecast, setup, entrant, number + piece, most)
    return _shared(trainer, forecast, setup, entrant, affordable, longest), forecast


def _shared(
    trainer: Trainer, forecast: Forecast, setup: Setup, entrant: Entrant, affordable: float, longest: float
) -> Entrant:
    """The entrant with as many of its kind to share the time with as are better together, see `copies`.

    Small pictures end earlier then, so that never fewer are taken than were before.
    """
    looks = list(entrant.rounds.values())
    if not looks:
        return entrant
    best = copies(
        forecast, looks, affordable, longest, chance(setup), past_best=entrant.past_best, at_once=trainer.at_once
    )
    count = max(entrant.copies, best)
    if count > entrant.copies:
        trainer.status.say(f"{entrant.name} gains less by more training than by others of its kind: {count} of them")
    return replace(entrant, copies=count)


def last_trainings(
    trainer: Trainer, forecast: Forecast, setup: Setup, winner: Entrant, share: float
) -> list[Trained | None]:
    """The winner and its mates trained until their rates are zero, for this share of the time on the clock together.

    `setup` may have more samples than the race had; pictures have their full size. `None` for one that failed.
    """
    rest = 0.0 if winner.past_best else forecast.plan.finish.epochs - winner.epochs
    wanted = max(LEAST_LAST * winner.epochs, rest)
    longer, setup = len(setup.train) / forecast.plan.task.train, replace(setup, in_all=0.0)
    timed = setup.clock.left() < math.inf
    done, members = list[Trained | None](), [winner.trained, *winner.mates]
    turns = Turns(len(members), trainer.at_once)
    if timed and turns.at_once > 1:
        seconds = max(SLACK * share * setup.clock.left() / turns.taken, 0.0)
        epochs = forecast.epochs_within(winner.genome, seconds / longer, wanted, setup.recipe)
        asked = [Asked(_last(place), winner.genome, epochs, member) for place, member in enumerate(members)]
        return trainer.train_beside(asked, turns.at_once, setup, share)
    for place, member in enumerate(members):
        own = share / (len(members) - place)
        seconds = max(SLACK * own * setup.clock.left(), 0.0) if timed else forecast.left / len(members)
        epochs = forecast.epochs_within(winner.genome, seconds / longer, wanted, setup.recipe)
        done.append(trainer.train(_last(place), winner.genome, epochs, setup, own, goes_on=member))
    return done


def _last(place: int) -> str:
    """The name of the last training of the winner, the first, or of one of its mates."""
    return f"mate-{place}-last" if place else "last"
