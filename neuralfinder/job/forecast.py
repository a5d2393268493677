"""What will take how long, and how long that leaves: every answer about the time of a run.

Predicted seconds are those of the measured machine: steps, and what lasts as long as so many, times the seconds of a
step of this network. They do not depend on how fast the machine is at the moment, so that equal seeds give equal
searches; what these really took corrects them by the coarse `pace`, and the clock guards what is left.
"""

from __future__ import annotations

import dataclasses
import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from neuralfinder.job.plan import Plan, Task, TrainingStage
from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.expectation import Expectation
from neuralfinder.networks.genome import Genome
from neuralfinder.networks.portfolio import small_network
from neuralfinder.search.archive import Archive, Entry
from neuralfinder.search.loop import Limits, Progress
from neuralfinder.training.clock import (
    AROUND_SECONDS,
    PASSES_OF_A_STEP,
    Clock,
    Tally,
    looking_steps,
    steps_in_all,
    steps_of_epoch,
)
from neuralfinder.training.recipes import COUNTS_OF_VIEWS, MOST_VIEWS, Recipe
from neuralfinder.types import Candidate, Fidelity

Seen = tuple[Genome, float, float]
"""A network, its accuracy on the validation part so far, 0..1, and the epochs that it had by then."""

SAFETY = 0.92
"""Share of a time that is planned with. The rest is a margin for what the prediction misses: real seconds of
candidates were mostly 0.9 to 1.3 of the predicted ones, those of whole searches 0.75 to 1.4 (docs/LOG.md)."""

PATIENCE = 1.25
"""How much longer than planned the search and each full training may take before the clock ends them: one step of the
pace, so that on pace the plan and not the clock ends them, and equal seeds give equal runs."""

SLACK = 2.5
"""Epochs planned for one there seems to be time for, where the clock ends a training: the last of a network. Its steps
may be faster than predicted, above all after a busy moment, and the schedule is run through whenever it ends."""

MOST_FINALISTS = 3
"""Finalists at most, beside the network by hand, and only where the winner still has time for all that it gains from:
else the best of the search runs against the network by hand alone. A guess."""

FIRST_ROUND = 1 / 16
"""How long an entrant trains in the first round of a race, as a share of what the winner will have; then each time
twice as long. On the table of our own space the best of two or three networks that experience proposes, chosen after
a sixteenth, ends ahead of the first of them with all the time, and of the best of more with less (docs/LOG.md)."""

LAST_ROUND = 0.5
"""How long those in the last round of several may train at most, as a share of what the winner gains from. Ranks after
half of a training are those after a whole one with a rho of 0.75 (13 tasks; docs/LOG.md)."""

LAST_SHARE = 0.3
"""Share of the time that the winner has alone for its last training, on all data; it is judged before. The rate falls
within the last fifth of all steps."""

LEAST_LAST = 0.25
"""Last training at least, as a share of the training before: the rate has to fall. That is within the last fifth of all
steps."""

GAIN = 0.12
"""Log-odds of a right answer that a second network of the winner's kind adds; `count` of them add `2 - 2 / count` times
as much, as means of `count` numbers vary. Measured 0.12 (CIFAR-10), 0.03 (tiles), 0.26 (language), 0.11 and 0.06 (two
sets of drawings; means of two pairs, docs/LOG.md)."""

LEAST_MORE = 1.0
"""Samples of the validation part that a second network is expected to put right, at least: else it is not worth what it
costs whoever runs it."""

TESTING_SHARE = 0.1
"""Share of the time that the last looks may take with several views of each picture; else there are fewer. Six views of
10,000 pictures took 27 of 120 s once (docs/LOG.md)."""

RIVALS_SHARE = 0.04
"""Share of the time that looks at the network by hand, and at the winner as it was then, may take on the test part;
else they have the validation part alone, where they have been looked at. On a slow machine they took 5 of 60 s."""

LOOKING_MARGIN = 1.6
"""How much longer than predicted the last looks may take: 7.2 s where 5.7 were predicted, 5.7 where 3.6 were, of 60
(CIFAR-10)."""

LINEAR_SECONDS, LINEAR_SHARE = 20.0, 0.3
"""Seconds of fitting logistic regression at most, and as a share of what is left then: a margin for the looks, which
come after it and have no clock."""

LINEAR_PLANNED = 0.02
"""Share of the time that is kept for it: it is there to be beaten."""

WRITING_SECONDS = 1.0
"""Kept of the budget for writing the model and leaving. A margin for slow disks."""

LEAST_FINISH_SECONDS = 2.0
"""What the finish has however late it is, so that a model always comes back. A guess: an epoch of few data."""

MEASURING_SHARE, LEAST_MEASURING, MOST_MEASURING = 0.04, 0.3, 3.0
"""How long the machine is measured, as a share of the time left, and in seconds. Rates of 1.5 s predicted networks
not seen mostly within 0.83 to 1.46 (docs/LOG.md); twice that for the load of other processes, and no more."""

FORWARD_SHARE = 0.2
"""Share of the time for measuring that forward passes have, where they are asked for: a step lasts as long as three."""


def measuring_seconds(left: float) -> float:
    """How long to measure the machine when so many seconds are left."""
    return min(MOST_MEASURING, max(LEAST_MEASURING, MEASURING_SHARE * left))


def views_fit(looking: float, left: float) -> bool:
    """Whether there is time for several views of each picture, which take `looking` of the seconds left."""
    return looking <= TESTING_SHARE * left


def last_looks(step: float, by_hand: float, task: Task, training: TrainingStage, views: bool, seconds: float) -> float:
    """Seconds of the last looks and of logistic regression, with as many views of each sample as there is time for.

    Args:
        step: seconds of a training step of the winner.
        by_hand: of one of the network by hand; beside it the winner is looked at as it was then, if there is time.
        task: counts of samples.
        training: what trainings share.
        views: whether several views are wanted, where samples have such; they have to be better than one, to be taken.
        seconds: of the run.
    """
    size = training.batch_size

    def looking(count: int) -> float:
        each = task.validation + task.test
        return LOOKING_MARGIN * step * looking_steps(count * each + (task.validation if count > 1 else 0), size)

    counts = (MOST_VIEWS,) if task.shape.vocabulary else COUNTS_OF_VIEWS
    wanted = counts if views and (training.long or not task.shape.vocabulary) else ()
    most = next((count for count in wanted if views_fit(looking(count), seconds)), 1)
    rivals = LOOKING_MARGIN * looking_steps(task.test, size) * (step + by_hand)
    linear = min(LINEAR_SECONDS, LINEAR_PLANNED * seconds)
    looks = looking(most) + linear
    return looks + (rivals if rivals <= RIVALS_SHARE * seconds else 0.0)


def linear_seconds(clock: Clock) -> float:
    """How long logistic regression may be fitted by this clock."""
    return min(LINEAR_SECONDS, LINEAR_SHARE * max(0.0, clock.left()))


def clock_of_finish(clock: Clock, now: float) -> Clock:
    """The clock of a finish that begins `now`: with the run's deadline, or later where that is too near."""
    return dataclasses.replace(clock, deadline=max(clock.deadline, now + LEAST_FINISH_SECONDS))


def retrained_share(count: int, task: Task) -> float:
    """How long so many retrainings take, in trainings of a finalist: they learn from the validation part too."""
    return count * (task.train + task.validation) / task.train


def noise(score: float, samples: float, log_odds: bool = False) -> float:
    """Two standard errors of an accuracy, or its log-odds, on so many samples: what is further off is clearly so."""
    variance = max(score * (1 - score), 1 / samples)
    return 2 / math.sqrt(variance * samples) if log_odds else 2 * math.sqrt(variance / samples)


def epochs_within(seconds_of: Callable[[float], float], seconds: float, most: float) -> float:
    """The most epochs, from 0.1 to `most` and in tenths, that take at most `seconds`.

    Args:
        seconds_of: what so many epochs take; it never falls.
        seconds: that there are.
        most: epochs.
    """
    tenths = bisect_right(range(1, round(10 * most) + 1), seconds, key=lambda tenth: seconds_of(tenth / 10))
    return max(1, tenths) / 10


def first_round(entrants: int, spare: float) -> float:
    """How long entrants train in the first round, as a share of what the winner gains from.

    `spare` says how many times that there is time for: what the winner does not need makes the rounds longer.
    """
    counts = _counts(entrants)
    others = sum((count - 1) * 2.0**number for number, count in enumerate(counts))
    if not others or spare == math.inf:
        return FIRST_ROUND
    return max(FIRST_ROUND, min((spare - 1) / others, LAST_ROUND / 2.0 ** (len(counts) - 1)))


def rounds(entrants: int, first: float = FIRST_ROUND) -> list[tuple[int, float]]:
    """Of a race: how many train in each round, and for which share of its time each; half of them go on.

    In the last round the winner trains alone; its last training has what is left then.
    """
    counts = _counts(entrants)
    parts = [first * 2**number for number in range(len(counts))]
    whole = 1 / (1 + sum((count - 1) * part for count, part in zip(counts, parts, strict=True)))
    field = [(count, whole * part) for count, part in zip(counts, parts, strict=True)]
    rest = 1 - sum(count * share for count, share in field)
    return [*field, (1, (1 - LAST_SHARE) * rest)]


def _counts(entrants: int) -> list[int]:
    """How many train in each round that several train in."""
    counts = []
    while entrants > 1:
        counts.append(entrants)
        entrants = (entrants + 1) // 2
    return counts


def winners_share(entrants: int) -> float:
    """Share of a race's time that its winner trains for."""
    field = rounds(entrants)
    return 1 - sum((count - 1) * share for count, share in field)


def winners_epochs(plan: Plan, space: ChainSpace, genome: Genome, taken: float = 1.0) -> float:
    """Epochs that a network trains for in all, should it win: as many as it gains from, or as there is time for.

    Each one takes so many times as long as measured, where the machine is slower or others of its kind train as well.
    """
    finish, steps = plan.finish, steps_of_epoch(plan.task.train, 1.0, plan.training.batch_size)
    epoch = steps * plan.speed.rates.step_seconds(space.cost(genome))
    if finish.seconds is None or not epoch:
        return finish.epochs
    return min(finish.epochs, SAFETY * winners_share(finish.finalists + 1) * finish.seconds / (taken * epoch))


@dataclass(frozen=True, slots=True)
class Forecast:
    """What takes how long, as far as it is known.

    Attributes:
        plan: the plan, with the data and the measured machine.
        space: what is legal; gives the cost of networks, the network by hand and the limit on milliseconds.
        recipe: of candidates.
        final: recipe of full trainings.
        expectation: what experience lets one expect of networks; `None` for nothing.
        tally: of the trainings so far; says at which pace they go.
        work: seconds for all trainings that `done` counts, and all that are to come.
        done: predicted seconds of trainings so far.
        samples: that scores are as sure of as accuracies on so many are, see `Metric.samples`; `None` where all of the
            validation part count.
    """

    plan: Plan
    space: ChainSpace
    recipe: Recipe
    final: Recipe
    expectation: Expectation | None = None
    tally: Tally = field(default_factory=Tally)
    work: float = math.inf
    done: float = 0.0
    samples: float | None = None

    @property
    def validation(self) -> float:
        """How many samples a score is measured on, as far as they count."""
        return self.plan.task.validation if self.samples is None else self.samples

    @property
    def pace(self) -> float:
        """Real seconds for each predicted one."""
        return self.tally.pace

    @property
    def left(self) -> float:
        """Seconds for all trainings to come."""
        return self.work - self.pace * self.done

    def plus(self, predicted: float, took: float) -> Forecast:
        """After one training more, predicted at pace to take so many seconds, and what it took."""
        predicted /= self.pace
        return dataclasses.replace(self, tally=self.tally.plus(predicted, took), done=self.done + predicted)

    # one training

    def candidate(self, candidate: Candidate) -> float:
        """Seconds of a candidate."""
        return self._seconds(candidate.genome, candidate.fidelity, self.recipe, len(candidate.bars))

    def full(self, genome: Genome, epochs: float) -> float:
        """Seconds of a full training of so many epochs."""
        return self.seconds(genome, epochs, self.final)

    def in_all(self, genome: Genome, taken: float = 1.0) -> float | None:
        """Epochs of all trainings of this network together, should it win; `None` where each is for itself.

        With others of its kind they take so many times as long.
        """
        return winners_epochs(self.plan, self.space, genome, taken * self.pace) if self.final.goes_on else None

    def seconds(self, genome: Genome, epochs: float, recipe: Recipe) -> float:
        """Seconds of a training of so many epochs by this recipe."""
        return self._seconds(genome, Fidelity.of(epochs), recipe)

    def epochs_within(self, genome: Genome, seconds: float, most: float, recipe: Recipe) -> float:
        """The most epochs of a training, from 0.1 to `most` and in tenths, that take at most `seconds`."""
        return epochs_within(lambda epochs: self.seconds(genome, epochs, recipe), seconds, most)

    def _seconds(self, genome: Genome, fidelity: Fidelity, recipe: Recipe, rungs: int = 0) -> float:
        task, batch_size = self.plan.task, self.plan.training.batch_size
        steps = steps_in_all(task.train, task.validation, batch_size, fidelity, recipe.measures, rungs)
        step = self.plan.speed.rates.step_seconds(self.space.cost(genome))
        return self.pace * (steps * step + AROUND_SECONDS)

    # the search

    def leaders(self, archive: Archive, count: int | None = None) -> list[Entry]:
        """The best `count` that may win, the finalists by default: those not measured to be beyond the limit."""
        entries = archive.best(len(archive), self.fits)
        worths = self.worths([(each.genome, each.score, each.candidates[0].fidelity.passes) for each in entries])
        order = sorted(range(len(entries)), key=lambda place: -worths[place])  # of equals the cheaper one stays ahead
        return [entries[place] for place in order[: self.finalists if count is None else count]]

    @property
    def finalists(self) -> int:
        """How many the search leaves to the finish, where not all of them need to run."""
        finish = self.plan.finish
        return finish.finalists if finish.fixed else max(finish.finalists, MOST_FINALISTS)

    def worths(self, seen: Sequence[Seen]) -> Sequence[float]:
        """How good networks will be in the end: as far as one can expect."""
        if self.expectation is None or not seen:
            return [score for _, score, _ in seen]
        genomes, scores, epochs = zip(*seen, strict=True)
        epoch = steps_of_epoch(self.plan.task.train, 1.0, self.plan.training.batch_size)
        steps = [epoch * each for each in epochs]
        found: list[float] = self.expectation.worths(genomes, scores, steps, self.validation).tolist()
        return found

    def close(self, seen: Sequence[Seen]) -> list[bool]:
        """Which of these may yet be the best in the end: those that are not clearly behind the first.

        Clearly is by more than noise of the validation part, in what they will be worth.
        """
        worths, score = self.worths(seen), seen[0][1]
        margin = noise(score, self.validation, log_odds=self.expectation is not None)
        return [worth >= worths[0] - margin for worth in worths]

    def fits(self, entry: Entry) -> bool:
        """Whether the network keeps the limit of milliseconds, as far as it was measured."""
        return not self.is_slow(entry.milliseconds)

    def is_slow(self, milliseconds: float) -> bool:
        """Whether a forward pass of one sample takes more than the user allows; not when it is NaN."""
        return milliseconds / 1000 > self.space.max_forward_seconds

    def limits(self, clock: Clock, began: float, interrupted: Callable[[], bool]) -> Limits:
        """When the search ends: by the work planned, or by the clock where none is.

        Args:
            clock: of the run.
            began: when the search began, or would have without a break, in seconds of `time.monotonic`.
            interrupted: whether the user asked to stop.
        """
        search, finish, all_work = self.plan.search, self.plan.finish, self.plan.work
        candidates = search.candidates if search.fixed else None
        if all_work is None or search.seconds is None or finish.seconds is None:
            end_of_search = self.end_of_search(clock, began)
            return Limits(candidates, deadline=lambda _: end_of_search, interrupted=interrupted)
        planned_search, planned_finish = SAFETY * search.seconds, SAFETY * finish.seconds

        def kept(progress: Progress) -> float:
            """Seconds for the finish of its leaders, as if all were as slow as the slowest: such may yet come."""
            leaders = self.leaders(progress.archive, finish.finalists)
            if len(leaders) < finish.finalists:
                return planned_finish
            at_pace = dataclasses.replace(self, tally=progress.tally)
            counts = [1 + self.gains_by_another(leader.score) for leader in leaders]
            each = (at_pace.finish(leader.genome, count) for leader, count in zip(leaders, counts, strict=True))
            return min(planned_finish, max(each))

        def work(progress: Progress) -> float:
            each = progress.work_at_pace / max(1, progress.asked)  # one more is asked while there is any left
            return max(planned_search, all_work - kept(progress) - each)

        def deadline(progress: Progress) -> float:
            return min(began + PATIENCE * work(progress), self.clock_of_trainings(clock).deadline - kept(progress))

        return Limits(candidates, work, deadline, interrupted)

    def end_of_search(self, clock: Clock, began: float) -> float:
        """When no training of the search goes on; in a plan by work late enough for all that may yet be asked."""
        if self.plan.search.seconds is None:
            return clock.deadline
        if self.plan.work is None:
            return min(clock.deadline, began + self.plan.search.seconds)
        return self.clock_of_trainings(clock).deadline

    # the finish

    def after(self, progress: Progress, slots: int, interrupted: bool) -> Forecast:
        """What is known after the search: the pace, and what is left; after an interruption no more than planned.

        `slots` is how many candidates the search trained at once.
        """
        planned = math.inf if self.plan.finish.seconds is None else SAFETY * self.plan.finish.seconds
        known = dataclasses.replace(self, tally=progress.tally, work=planned)
        if self.plan.work is None:
            return known
        searched = dataclasses.replace(known, work=self.plan.work, done=progress.work / slots)
        return dataclasses.replace(known, work=min(planned, searched.left)) if interrupted else searched

    def clock_of_trainings(self, clock: Clock) -> Clock:
        """The clock of what is trained: the run's, less what the last looks take."""
        return clock.until(clock.deadline - self.plan.looks.seconds)

    def spare(self, genome: Genome) -> float:
        """How many trainings as long as this network gains there is time for."""
        return self.left / max(AROUND_SECONDS, self.full(genome, self.plan.finish.epochs))

    def gains_by_another(self, score: float) -> bool:
        """Whether a second network of its kind is expected to put right what one with this score has wrong."""
        return self.plan.finish.copies > 1 and GAIN * score * (1 - score) * self.validation >= LEAST_MORE

    @property
    def by_hand(self) -> Genome:
        """The network by hand."""
        return small_network(self.space)

    def finish(self, genome: Genome, copies: int = 1) -> float:
        """Seconds of the finish that so many of a network need to be trained as long as it gains, should it win."""
        full = copies * self.full(genome, self.plan.finish.epochs)
        again = retrained_share(self.plan.finish.retrainings, self.plan.task)
        return full / winners_share(self.plan.finish.finalists + 1) + again * full

    def whole_finish(self, archive: Archive) -> float:
        """Seconds until the end, as far as one can tell: the finish of what leads now, and the last looks."""
        leader = next(iter(self.leaders(archive, 1)), None)
        return self.finish(leader.genome if leader else self.by_hand) + self.plan.looks.seconds

    def last_looks(self, genome: Genome, milliseconds: float = math.nan) -> float:
        """Seconds of the last looks should this network win, of which a batch was seen to take so many milliseconds."""
        plan, rates = self.plan, self.plan.speed.rates
        step, by_hand = (self.pace * rates.step_seconds(self.space.cost(each)) for each in (genome, self.by_hand))
        if milliseconds > 0:
            step = min(step, PASSES_OF_A_STEP * milliseconds / 1000)
        seconds = math.inf if plan.budget_seconds is None else plan.budget_seconds
        return last_looks(step, by_hand, plan.task, plan.training, self.final.views, seconds)

    def for_race(self) -> Forecast:
        """What there is time for without the retrainings after a race, which take as long as the winner trained."""
        again = retrained_share(self.plan.finish.retrainings, self.plan.task)
        racing = self.left / (1 + again * winners_share(self.plan.finish.finalists + 1))
        return dataclasses.replace(self, work=self.work - self.left + racing) if again else self
