"""From the data, the minutes and the measured machine to the plan."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from neuralfinder.job.factories import make_space
from neuralfinder.job.forecast import MOST_FINALISTS, SAFETY, last_looks, retrained_share, winners_share
from neuralfinder.job.plan import (
    FinishStage,
    LooksStage,
    Plan,
    SearchStage,
    Speed,
    Task,
    TrainingStage,
    WorldStage,
)
from neuralfinder.job.presets import PRESETS
from neuralfinder.job.settings import Settings
from neuralfinder.networks.genome import Genome
from neuralfinder.networks.portfolio import small_network
from neuralfinder.seeds import Seeds
from neuralfinder.training.clock import AROUND_SECONDS, steps_beside, steps_of_epoch
from neuralfinder.training.recipes import Recipe
from neuralfinder.types import RUNGS, Fidelity

# the largest network

SHORTEST_FINAL, SHORTEST_STEPS = 8, 480
"""Epochs, and steps where an epoch of few data has few, that the largest allowed network must have time for in its
final training. On the table of our own space the best network in a time has 1 to 12 epochs and 64 to 250 steps there,
10 to 40 epochs of some hundred pictures; which of those allowed are founders is left to experience, which counts their
fewer steps. Twice as many epochs shut out what was best of CIFAR-10 in a minute; with 144 steps networks of digits grew
so large that one run in three ended at 98.6 instead of 99.4 % (docs/LOG.md)."""

LEAST_CAP = 3
"""The largest network takes this many times the smallest at least: some must be legal however little time there is."""

TYPICAL = 16
"""Founders whose mean the plan is made for; where few networks are small enough, each takes some hundred draws, and 64
took 8 s (docs/LOG.md)."""

GROWTH = 1.3
"""How much larger than their founders candidates are on average. A guess: children grow wider and deeper."""

# shares of the time

WINNERS_SHARE = 0.75
"""Share of the time that who wins trains for, as long as more training gains: half of a training costs 4 points where
time is short (better half of the networks, mean over 13 tasks; docs/LOG.md)."""

FINISH_SHARE = 0.7
"""Share of the time that a race of several may take: the search has the rest for finding something better."""

LEADING = 1.5
"""How much larger than typical the winner is planned. A margin: the more it is, the less the search has, and it gets
the time back where small networks lead."""

LOOKING_SHARE = 0.25
"""Share of the time that is kept for the last looks and the logistic regression at most. A margin for minutes that are
few for so much data: the trainings get the rest in any case."""

SEARCH_BY_CLOCK, FINISH_BY_CLOCK, LOOKS_BY_CLOCK = 0.6, 0.35, 0.05
"""Shares of the time where the clock alone ends the search: presets as published know no plan. A guess; whoever runs
one gives it hours or no limit."""

# the candidates

CANDIDATE_SHARE, SCARCE_SHARE = 1 / 12, 1 / 24
"""How long a candidate is trained, as a share of what the winner will have, where that is all that it gains from, and
where it is less. Where experience proposes them, the best of three or four that had a twenty-fourth comes closer to the
best of all than that of as many with an eighth, in time for half to two full trainings; in time for four an eighth is
better (10 tasks of pictures; `benchmarks/judgement.py begin`, docs/LOG.md). A twelfth leaves evolution some more lives:
a guess."""

LEAST_STEPS = 48
"""Steps of a candidate at least where the winner has all that it gains from: after fewer nearly all are at chance. Of
trainings of 256 steps those of 16 rank nothing on half of the tasks, those of 32 something on all but two
(docs/LOG.md)."""

FEWEST_STEPS, FEWEST = 16, 3
"""Steps of a candidate at least where time is scarce, and where else fewer than so many candidates would be trained:
what they do not tell, experience does."""

ENOUGH_STEPS = 144
"""Steps of a candidate that are enough whatever share of the data they see: the recipe's least passes, found on some
thousand samples, would of a hundred thousand take all the minutes for one candidate."""

LEAST_RUNG = 16
"""Steps by the first rung at least, for a training to be stopped there: after fewer nearly all are at chance, and a
look takes as long as three to six steps."""

MOST_CANDIDATES = 400
"""Candidates at most; more time makes their trainings longer. A guess."""

SMALLEST_SIDE, LARGEST_SIDE = 3, 7
"""Of the world: less has no neighbourhood, and the largest is the published one."""

SETTLERS = 0.7
"""Share of the candidates that a world is as large as: most settle it, and evolution needs some rounds beside them to
be better than chance. A guess."""

PUBLISHED_ROUNDS, BIRTHS = 150, 5
"""Rounds of the published world, and candidates of each: as the text of 2017 has them."""

TIMES_LONGER = 3
"""How much longer than a candidate's a full training is where no minutes are given."""


FEWEST_EPOCHS = 3
"""Epochs of a winner below which a user is warned."""

TOO_SHORT = "this is very little time for so much data: expect a weak network, or give more minutes"


def batch_size_for(train: int, recipe: Recipe, given: int | None) -> int:
    """The recipe's batch, or less so that an epoch has 12 steps or more: a power of two, 16 or more."""
    if given is not None:
        return min(given, train)
    fitting = 1 << max(0, math.floor(math.log2(max(1, train / 12))))
    return min(recipe.batch_size, max(16, fitting), train)


def make_plan(
    task: Task, settings: Settings, training: TrainingStage, speed: Speed, seconds: float | None, rival: float = 0.0
) -> Plan:
    """Plan a run.

    Args:
        task: the data.
        settings: what the user decided; it always wins.
        training: what all trainings share; its batch from `batch_size_for`.
        speed: the measured machine at this batch size.
        seconds: wall time left for search and finish; `None` without a limit.
        rival: seconds of these that a pre-trained network has; the rest is planned as if that were all.

    Raises:
        InputError: no network keeps the user's limits.
    """
    draft = _Draft(task, settings, training, speed)
    seconds = None if seconds is None else seconds - rival
    timed = PRESETS[settings.preset].planned
    plan = draft.timed(seconds) if timed and seconds is not None else draft.published(seconds)
    return dataclasses.replace(plan, looks=LooksStage(plan.looks.seconds + rival, rival)) if rival else plan


class _Draft:
    """The arithmetic behind `make_plan`."""

    def __init__(self, task: Task, settings: Settings, training: TrainingStage, speed: Speed) -> None:
        self.task, self.settings, self.training, self.speed = task, settings, training, speed
        self.space = make_space(settings, task.shape, task.classes, speed.rates, math.inf, speed.forward, training)
        self.by_hand = small_network(self.space)
        self.preset = PRESETS[settings.preset]
        self.recipe, self.final = self.settings.recipes(task.shape)
        self.steps = steps_of_epoch(task.train, 1.0, training.batch_size)
        self.retrainings = self.preset.retrain if settings.retrain is None else settings.retrain

    def published(self, seconds: float | None) -> Plan:
        """Numbers of the recipe, no caps; the clock alone ends the search when `seconds` are given."""
        s, planned = self.settings, self.preset.planned
        epochs = s.epochs or self.recipe.epochs
        side = s.world_size or (_side(s.candidates) if planned and s.candidates is not None else LARGEST_SIDE)
        rounds = PUBLISHED_ROUNDS if s.rounds is None else s.rounds
        full = s.final_epochs or (min(self.final.longest, TIMES_LONGER * epochs) if planned else epochs)
        candidates = s.candidates or side**2 + BIRTHS * rounds
        fidelity, fixed = Fidelity(epochs, s.share or 1.0), s.candidates is not None
        by_clock = seconds and seconds * SEARCH_BY_CLOCK
        search = SearchStage(candidates, fixed, fidelity, by_clock, early_stop=self._early_stop(fidelity))
        finalists = s.finalists or (MOST_FINALISTS if planned else 1)
        finish = FinishStage(
            finalists, full, seconds and seconds * FINISH_BY_CLOCK, self.retrainings, not planned or bool(s.finalists)
        )
        looks = LooksStage(seconds * LOOKS_BY_CLOCK if seconds else 0.0)
        return self._plan(search, WorldStage(side, rounds), finish, looks)

    def timed(self, seconds: float) -> Plan:
        """Numbers that fit into `seconds`."""
        s = self.settings
        again = retrained_share(self.retrainings, self.task)
        share = 1 / (1 / winners_share(2) + again)
        cap, typical = self._step_cap(WINNERS_SHARE * seconds * share)
        looks = LooksStage(self._looks(LEADING * typical, seconds))
        left = seconds - looks.seconds

        longest = s.final_epochs or self.final.longest
        epoch = self.steps * typical / SAFETY
        gaining = LEADING * longest * epoch  # seconds of training from which a winner may gain
        trainings = 1 / winners_share(1 + (s.finalists or MOST_FINALISTS)) + again
        if s.finalists or trainings * gaining <= FINISH_SHARE * left:
            finalists, finish_seconds = s.finalists or MOST_FINALISTS, min(WINNERS_SHARE * left, trainings * gaining)
        else:
            finalists, finish_seconds = 1, min(WINNERS_SHARE / winners_share(2) * left, gaining / share)
        finish_seconds = max(0.0, finish_seconds)
        alone = self.task.shape.vocabulary or self.retrainings or not self.final.goes_on
        copies = 1 if alone else s.copies
        finish = FinishStage(finalists, longest, finish_seconds, self.retrainings, bool(s.finalists), copies)
        winners = min(longest, finish_seconds / (1 / winners_share(1 + finalists) + again) / epoch)

        search = self._search(winners, max(0.0, left - finish_seconds), typical, cap)
        world = WorldStage(s.world_size or _side(search.candidates), s.rounds)
        work = SAFETY * ((search.seconds or 0.0) + finish_seconds)
        plan = self._plan(search, world, finish, looks, work)
        if self._is_short(plan, self.steps * typical):
            plan = dataclasses.replace(plan, warnings=(TOO_SHORT,))
        return plan

    def _plan(
        self, search: SearchStage, world: WorldStage, finish: FinishStage, looks: LooksStage, work: float | None = None
    ) -> Plan:
        budget = self.settings.minutes and self.settings.minutes * 60
        return Plan(self.task, self.speed, self.training, search, world, finish, looks, budget, work)

    def _search(self, winners: float, seconds: float, typical: float, cap: float) -> SearchStage:
        """As many candidates as fit into `seconds`, each trained for a share of the `winners` epochs, or longer."""
        s = self.settings
        fidelity = self._fidelity(winners, seconds, typical)
        early_stop = self._early_stop(fidelity)
        each = (fidelity.passes * self.steps + self._beside(early_stop)) * typical + AROUND_SECONDS
        candidates = s.candidates or max(1, int(SAFETY * seconds / each))
        return SearchStage(candidates, s.candidates is not None, fidelity, seconds, cap, early_stop)

    def _early_stop(self, fidelity: Fidelity) -> bool:
        """Whether a training that is clearly behind is stopped: where it is long enough for that to be seen."""
        return self.settings.switch("early_stop") and RUNGS[0] * fidelity.passes * self.steps >= LEAST_RUNG

    def _beside(self, early_stop: bool = False) -> float:
        """Steps that last as long as what a candidate's training does beside them."""
        return steps_beside(self.task.validation, self.training.batch_size, 1, len(RUNGS) if early_stop else 0)

    def _fidelity(self, winners: float, seconds: float, typical: float) -> Fidelity:
        """Epochs and share of a candidate: a share of the winner's, or what each of many or of few has time for."""
        s = self.settings

        def affordable(candidates: int) -> float:
            each = SAFETY * seconds / (s.candidates or candidates) - AROUND_SECONDS
            return (each / typical - self._beside()) / self.steps

        scarce = winners < (s.final_epochs or self.final.longest)
        usual = 0.0 if scarce else min(LEAST_STEPS / self.steps, affordable(FEWEST))
        least = max(self._least_passes, FEWEST_STEPS / self.steps, usual)
        part = SCARCE_SHARE if scarce else CANDIDATE_SHARE
        passes = max(least, part * winners, affordable(MOST_CANDIDATES))
        passes = min(passes, max(winners / 2, self._least_passes))
        epochs = s.epochs or max(1, int(passes))
        share = math.floor(100 * passes / epochs) / 100  # no more than there is time for
        return Fidelity(epochs, s.share or min(1.0, max(self._least_passes, share)))

    @property
    def _least_passes(self) -> float:
        """Passes of a candidate at least, whatever the time."""
        return min(self.recipe.least, ENOUGH_STEPS / self.steps)

    def _is_short(self, plan: Plan, epoch: float) -> bool:
        """Whether there is time for fewer than two candidates of a typical network, or for none to be trained well."""
        return plan.search.candidates < 2 or (plan.finish.seconds or 0.0) < FEWEST_EPOCHS * epoch

    def _step_cap(self, final_seconds: float) -> tuple[float, float]:
        """The cap on a training step, and the mean step of candidates under it; both in seconds."""
        cap = SAFETY * final_seconds / max(min(SHORTEST_FINAL, self.final.longest) * self.steps, SHORTEST_STEPS)
        cap = max(cap, LEAST_CAP * self._step(self.space.smallest()))
        capped = dataclasses.replace(self.space, max_step_seconds=cap)
        founders = [self._step(genome) for genome in capped.founders(TYPICAL, Seeds(0).stream("plan"))]
        return cap, min(cap, GROWTH * float(np.mean(founders)))

    def _step(self, genome: Genome) -> float:
        return self.speed.rates.step_seconds(self.space.cost(genome))

    def _looks(self, step: float, seconds: float) -> float:
        """Seconds kept for the last looks at a network of such a step, and for the logistic regression."""
        looks = last_looks(step, self._step(self.by_hand), self.task, self.training, self.final.views, seconds)
        return min(LOOKING_SHARE * seconds, looks)


def _side(candidates: int) -> int:
    """The side of a world for so many candidates."""
    return min(LARGEST_SIDE, max(SMALLEST_SIDE, round(math.sqrt(SETTLERS * candidates))))
