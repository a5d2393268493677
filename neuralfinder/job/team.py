"""The winner's minutes shared out: one network trained for all of them, or several of its kind that answer together.

Networks of one kind that begin with other weights are wrong about other samples, and the mean of their probabilities is
wrong less often than each (Hansen & Salamon 1990; Lakshminarayanan, Pritzel & Blundell 2017). Where twice as much
training brings less than that, a second network has the time: small tasks are learned by heart long before the end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from neuralfinder.job.forecast import GAIN, LAST_SHARE, PATIENCE, SLACK, Forecast, noise
from neuralfinder.job.trainer import Asked, Trained, Trainer
from neuralfinder.networks.expectation import log_odds
from neuralfinder.networks.genome import Genome
from neuralfinder.training.clock import steps_of_epoch
from neuralfinder.training.train import Setup

FADING, STEPS, PASSES = 0.4, (0.1, 100.0, 0.8), (0.07, 6.0, 1.5)
"""What a doubling of a training brings, in log-odds: so much of what the doubling before it brought; and the first of
each three after as many steps, or passes over the data, as the second says, falling by the third as a power: the larger
of both. Steps as in the better half of our own table (700 doublings of 13 tasks, `benchmarks/own_summary.py`); passes
as CIFAR-10 has it beyond that, where a doubling brought 0.19 after 6 passes, 0.05 after 12 (docs/LOG.md)."""

USUAL = 0.5, 0.4, 0.2
"""What a doubling brings of which nothing is known: the first after one pass, falling by the second as a power; the
third is its standard deviation. In that table it is 0.58 after one to two passes, 0.34 after two to four, 0.28 after
four to eight, 0.14 after more."""

HALF_TELLS = 100.0
"""Samples at most that what small pictures brought counts for, since large ones may bring more: `C16.bn C24.bn M ...`
went from 71.8 to 73.6 % of CIFAR-10 on half the side, and then to 80.3 on all of it; on tiles no doubling brought
anything on either side. So many are as sure as what is usual: a guess between the two."""

LEAST_GROWTH = 1.5
"""How many times as long a training has to be for its score to say what more of it brings."""

LEAST_PASSES = 3.0
"""Over the data, before which nothing tells what more of them bring: a search of tiles took four networks of 0.4 passes
each, all at chance, for one had had 28.1 % before it had 25.9."""

LEAST_MATE = 0.5
"""Of the winner's epochs, that there has to be time for, lest half-trained networks spoil its answers."""

BESIDE = 0.7
"""How much longer each training takes where several are at once on all cores, as a power of their number: for two
trainings on two cores 1.6. Measured 1.35, 1.53 and 1.6 (25, 62 and 97 million multiply-adds; docs/LOG.md); the clock
ends what is slower, and what is faster has more epochs."""

LAST = LAST_SHARE / (1 - LAST_SHARE)
"""How long the last training of a network takes, in trainings before it."""


@dataclass(frozen=True, slots=True)
class Turns:
    """How so many trainings of one kind share the cores.

    Attributes:
        count: of trainings, 1 or more.
        most: of them at once, 1 or more; fewer where that takes less time.
    """

    count: int
    most: int

    @property
    def at_once(self) -> int:
        """How many are beside each other, 1 for one after the other."""
        several = min(self.count, self.most)
        return several if self._taken(several) < self.count else 1

    @property
    def taken(self) -> float:
        """What they take together, in trainings of one alone."""
        return self._taken(self.at_once)

    def each(self, done: float, left: float) -> float:
        """Epochs of each where one of them has so many and there is time for so many more of one alone.

        One after the other all have as many; beside each other who is ahead stays so, and these are the others'.
        """
        return max((done + left) / self.count, left / self.taken)

    def pays(self, done: float, left: float) -> bool:
        """Whether they train longer beside each other than one after the other, see `each`."""
        return self.at_once > 1 and left / self.taken >= (done + left) / self.count

    def _taken(self, at_once: int) -> float:
        return math.ceil(self.count / at_once) * float(at_once**BESIDE)


def copies(
    forecast: Forecast,
    looks: Sequence[Trained],
    affordable: float,
    longest: float,
    chance: float,
    *,
    past_best: bool,
    at_once: int = 1,
) -> int:
    """How many networks of a kind to share the time among, so that they are best together; 1 for one alone.

    Args:
        forecast: what there is time for.
        looks: the network so far, after longer and longer trainings; one or more.
        affordable: epochs that there is time for before last trainings, if it is to be alone.
        longest: how many one network may have of them.
        chance: the score of who knows nothing.
        past_best: whether more training made it worse.
        at_once: how many may be trained beside each other.
    """
    now, genome = looks[-1], looks[-1].genome
    before = [each for each in looks if each.half == now.half and LEAST_GROWTH * each.epochs <= now.epochs]
    awake = now.epochs >= LEAST_PASSES and now.score > chance + noise(chance, forecast.validation)
    if not awake or not forecast.gains_by_another(now.score):
        return 1
    samples = min(HALF_TELLS, forecast.validation) if now.half else forecast.validation
    small = forecast.final.with_genes(genome.recipe).small
    brought = 0.0 if past_best else brought_by(before[-1] if before else None, now, samples)
    steps = steps_of_epoch(forecast.plan.task.train, 1.0, forecast.plan.training.batch_size)

    def each(count: int) -> float:
        return Turns(count, at_once).each(now.epochs, affordable - now.epochs)

    def gain(count: int) -> float:
        doublings = 0.0 if past_best else math.log2(max(1.0, min(longest, each(count)) / now.epochs))
        return coming(brought, now.epochs, steps, doublings) + GAIN * (2 - 2 / count)

    def may_be(count: int) -> bool:
        """Whether so many keep the user's limits, and have their share of large pictures, which begin earlier then."""
        in_all = forecast.in_all(genome, affordable / each(count))
        late = now.half and in_all is not None and now.epochs > small * in_all
        return not late and _fits(forecast, genome, now.milliseconds, count)

    most = forecast.plan.finish.copies
    counts = (n for n in range(1, most + 1) if n == 1 or each(n) >= now.epochs * (1 - TOLERANCE / n))
    return max(filter(may_be, counts), key=gain, default=1)


def coming(brought: float, passes: float, steps: float, doublings: float) -> float:
    """Log-odds of a right answer that more training is expected to bring.

    Args:
        brought: what the last doubling brought.
        passes: over the data so far.
        steps: of each.
        doublings: of them that are to come, 0 or more; of a part of one a part.
    """
    gain = 0.0
    while doublings > 0:
        known = (STEPS, steps * passes), (PASSES, passes)
        brought = FADING * brought + max(usual * (done / at) ** -power for (usual, at, power), done in known)
        gain, passes, doublings = gain + min(1.0, doublings) * brought, 2 * passes, doublings - 1
    return gain


def brought_by(before: Trained | None, now: Trained, samples: float) -> float:
    """Log-odds that the last doubling of the training brought; 0 at least.

    The mean of what is seen and of what is usual, each weighted by how sure it is: few samples see little. What is
    usual alone where nothing `before` can be compared.
    """
    usual, power, spread = USUAL
    expected = usual * math.pow(now.epochs / 2, -power)
    if before is None:
        return expected
    first, second = log_odds([before.score, now.score], samples)
    seen = float(second - first) / math.log2(now.epochs / before.epochs)
    doubt = 1 / max(1.0, samples * now.score * (1 - now.score))
    known = (seen / doubt + expected / spread**2) / (1 / doubt + 1 / spread**2)
    return max(0.0, float(known))


TOLERANCE = 0.1
"""Of a network: epochs are whole tenths, and what was trained is seldom an exact part of the whole."""


def _fits(forecast: Forecast, genome: Genome, milliseconds: float, count: int) -> bool:
    """Whether so many networks keep the user's limits together."""
    space = replace(forecast.space, max_step_seconds=math.inf)
    return space.keeps_caps(replace(genome, copies=count)) and not forecast.is_slow(count * milliseconds)


def mates(
    trainer: Trainer, forecast: Forecast, setup: Setup, winner: Trained, count: int
) -> tuple[list[Trained], Forecast]:
    """Other networks of the winner's kind, each trained as long as it was; and the time after that.

    Args:
        trainer: where they are trained and written down.
        forecast: what there is time for.
        setup: of full trainings, on the training part.
        winner: as it left the race.
        count: how many there are to be with it.

    Returns:
        As many as there was time for and did not fail.
    """
    found, genome, setup = list[Trained](), winner.genome, _of_team(forecast, setup, winner.genome, float(count))
    for number in range(1, count):
        seconds = forecast.left / (count - number + count * LAST)
        epochs = forecast.epochs_within(genome, seconds, winner.epochs, setup.recipe)
        if epochs < LEAST_MATE * winner.epochs:
            break
        share, predicted = min(1.0, PATIENCE * seconds / forecast.left), forecast.seconds(genome, epochs, setup.recipe)
        trained = trainer.train(_name(number), genome, epochs, setup, share, falls=False)
        forecast = forecast.plus(predicted, trained.seconds if trained else forecast.pace * predicted)
        found += [trained] if trained and _is_mate(trained, winner) else []
    return found, forecast


def beside(
    trainer: Trainer,
    forecast: Forecast,
    setup: Setup,
    winner: Trained,
    turns: Turns,
    longest: float,
    goes_on: str | None = None,
) -> tuple[Trained, list[Trained], Forecast]:
    """Others of the winner's kind, trained beside each other; and the time after that.

    All have equal time, less what their last trainings need. The clock ends them: how much slower they are beside each
    other is known only then.

    Args:
        trainer: where they are trained and written down.
        forecast: what there is time for.
        setup: of full trainings, on the training part; with a deadline.
        winner: as it is now.
        turns: how many are to be trained.
        longest: epochs of each at most.
        goes_on: the name of the training in which the winner trains on as one of them, `None` where it does not.

    Returns:
        The winner, as it was where it has no training or that failed; and as many others as did not fail.
    """
    genome, setup = winner.genome, _of_team(forecast, setup, winner.genome, turns.taken)
    share = 1 - LAST_SHARE
    seconds = share * forecast.left
    expected, epochs = (
        forecast.epochs_within(genome, slack * seconds / turns.taken, longest, setup.recipe) for slack in (1, SLACK)
    )
    if setup.in_all is not None:  # those that begin now have their share of large pictures as well
        setup = replace(setup, in_all=min(setup.in_all, expected / share))
    more = max(0.1, min(epochs, longest - winner.epochs))
    asked = [Asked(goes_on, genome, more, winner)] if goes_on else []
    asked += [Asked(_name(number), genome, epochs) for number in range(1, 1 + turns.count - len(asked))]
    done = trainer.train_beside(asked, turns.at_once, setup, share, falls=False)
    waves = math.ceil(turns.count / turns.at_once)
    took = min(seconds, waves * max((each.seconds for each in done if each), default=seconds))
    first = done.pop(0) or winner if goes_on else winner
    return first, [each for each in done if each and _is_mate(each, first)], forecast.plus(took, took)


def _of_team(forecast: Forecast, setup: Setup, genome: Genome, taken: float) -> Setup:
    """The setup of trainings that take so many times as long as one alone."""
    recipe = replace(setup.recipe, measures=1)
    return replace(setup, in_all=forecast.in_all(genome, taken), recipe=recipe)


def _name(number: int) -> str:
    return f"mate-{number}"


def _is_mate(trained: Trained, winner: Trained) -> bool:
    """Whether a network was trained so long that it does not spoil the winner's answers."""
    return trained.half == winner.half and trained.epochs >= LEAST_MATE * winner.epochs
