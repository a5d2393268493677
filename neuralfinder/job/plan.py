"""The plan: from the data, the minutes and the measured machine to every number of a run."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from neuralfinder.job.presets import NOT_MEASURED, PRESETS, Settings, make_space
from neuralfinder.networks.chains import ChainSpace, small_network
from neuralfinder.networks.cost import Cost, Rates, looking_steps
from neuralfinder.seeds import Seeds
from neuralfinder.training.recipes import Recipe
from neuralfinder.types import RUNG_SAMPLES, RUNGS, Fidelity, Shape

SHORTEST_FINAL = 16
"""Epochs of final training that the largest allowed network must have time for. Twice the size for half of the epochs
is as good (docs/LOG.md); smaller networks leave time for more candidates."""

SHORTEST_STEPS = 720
"""Steps that it must have time for, where an epoch of few data has few: 40 epochs of the digits."""

FINISH_SHARE = 0.7
"""Share of the time that is kept for the finish at most; the search gets what the finish has no use for."""

BASELINE_SHARE = 0.25
"""How long the network by hand is trained at most, as a share of a finalist's time: it is small, so this is seldom less
than as many epochs."""

SAFETY = 0.92
"""Share of a time that is planned with; the rest absorbs what the prediction misses."""

PATIENCE = 1.25
"""How much longer than planned the search and each full training may take before the clock ends them: on pace, the plan
and not the clock ends them, so that equal seeds give equal runs."""

LINEAR_SECONDS = 20.0
"""Seconds of fitting logistic regression at most."""

VIEWS = 6
"""Looks at one picture of a network that averages at test time."""

TESTING_SHARE = 0.15
"""Share of the time that the last looks may take with several views of each picture; else networks by hand get one."""

LOOKING_SHARE = 0.25
"""Share of the time that is kept for the last looks and the logistic regression at most."""

TYPICAL = 16
"""Founders whose mean the plan is made for; where few networks are small enough, each takes some hundred draws."""

TIMED = 3
"""Forward passes of a whole batch after each training, which time the network."""

FIXED_SECONDS = 0.03
"""Seconds of a candidate that are not training steps: building, storing, journal."""


@dataclass(frozen=True, slots=True)
class Task:
    """What the plan needs to know of the data: counts of pictures in each part, shape and classes."""

    train: int
    validation: int
    test: int
    shape: Shape
    classes: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Every number of a run.

    Attributes:
        budget_seconds: wall time of the whole run, `None` without a limit.
        batch_size: samples per step.
        candidates: trainings aimed at; a limit only when `candidates_fixed`.
        epochs, share: fidelity of a candidate.
        search_seconds: wall time for the search, `None` without a limit. Where `training_seconds` are planned and the
            finish that its leaders need is shorter than planned, it goes on.
        training_seconds: predicted seconds of all trainings of search and finish together: the same in every run with
            this plan, however fast the machine happens to be. `None` where the clock alone ends the search.
        max_step_seconds: cap on the predicted seconds of one training step of a candidate.
        finalists: how many are trained fully.
        final_epochs: how long each is trained at most.
        finish_seconds: wall time for the trainings of the finish, `None` without a limit; what a search that ends
            early leaves comes on top.
        measuring_seconds: kept for the logistic regression and the last looks at validation and test part.
        world_size, rounds: of the world; `None` for as many rounds as there is time for.
        retrain: retrainings of the winner for the report.
        rates: speed of the machine in training.
        forward: its speed in a forward pass of one picture; zeros where no limit asks for it.
        baseline_views: whether the network by hand is tested with several views of each picture, as the winner is.
        warnings: what the user should know before the start.
    """

    budget_seconds: float | None
    batch_size: int
    candidates: int
    candidates_fixed: bool
    epochs: int
    share: float
    search_seconds: float | None
    training_seconds: float | None
    max_step_seconds: float
    finalists: int
    final_epochs: int
    finish_seconds: float | None
    measuring_seconds: float
    world_size: int
    rounds: int | None
    retrain: int
    rates: Rates
    forward: Rates = Rates()
    baseline_views: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def fidelity(self) -> Fidelity:
        """How much training a candidate gets."""
        return Fidelity(self.epochs, self.share)

    def plain(self) -> dict[str, Any]:
        """Plain values for the record; infinity is written as `None`."""
        values = dataclasses.asdict(self)
        return {**values, "max_step_seconds": None if math.isinf(self.max_step_seconds) else self.max_step_seconds}

    @classmethod
    def read(cls, values: dict[str, Any]) -> Plan:
        """The plan in a record; `Plan.read(plan.plain()) == plan`."""
        cap = math.inf if values["max_step_seconds"] is None else values["max_step_seconds"]
        return cls(
            **{
                **values,
                "max_step_seconds": cap,
                "rates": Rates(**values["rates"]),
                "forward": Rates(**values["forward"]),
                "warnings": tuple(values["warnings"]),
            }
        )


def batch_size_for(train: int, recipe: Recipe, given: int | None) -> int:
    """The recipe's batch, or less so that an epoch has 12 steps or more: a power of two, 16 or more."""
    if given is not None:
        return min(given, train)
    fitting = 1 << max(0, math.floor(math.log2(max(1, train / 12))))
    return min(recipe.batch_size, max(16, fitting), train)


def retraining(count: int, train: int, validation: int) -> float:
    """How long so many retrainings take, in trainings of a finalist: they learn from the validation part too."""
    return count * (train + validation) / train


def make_plan(
    task: Task,
    settings: Settings,
    recipe: Recipe,
    batch_size: int,
    rates: Rates,
    seconds: float | None,
    forward: Rates = NOT_MEASURED,
) -> Plan:
    """Plan a run.

    Args:
        task: the data.
        settings: what the user decided; it always wins.
        recipe: the training recipe.
        batch_size: from `batch_size_for`.
        rates: the measured machine at this batch size.
        seconds: wall time left for search and finish; `None` without a limit.
        forward: the measured machine in a forward pass of one picture.
    """
    draft = _Draft(task, settings, recipe, batch_size, rates, forward)
    if PRESETS[settings.preset].planned and seconds is not None:
        numbers = draft.timed(seconds)
    else:
        numbers = draft.published(seconds)
    budget = settings.minutes and settings.minutes * 60
    return Plan(budget_seconds=budget, batch_size=batch_size, rates=rates, forward=forward, **numbers)


class _Draft:
    """The arithmetic behind `make_plan`."""

    def __init__(
        self, task: Task, settings: Settings, recipe: Recipe, batch_size: int, rates: Rates, forward: Rates
    ) -> None:
        self.task, self.settings, self.recipe, self.rates = task, settings, recipe, rates
        self.space = make_space(settings, task.shape, task.classes, rates, math.inf, forward)
        self.preset = PRESETS[settings.preset]
        self.final = self.preset.recipes(task.shape)[1]
        self.batch_size = batch_size
        self.steps = max(1, task.train // batch_size)
        rungs = len(RUNGS) if settings.switch("early_stop") else 0
        self.measuring = _measuring_steps(task, 1, rungs, batch_size)
        self.retraining = retraining(self._retrain(), task.train, task.validation)

    def published(self, seconds: float | None) -> dict[str, Any]:
        """Numbers of the recipe, no caps; the clock alone ends the search when `seconds` are given."""
        s = self.settings
        epochs = s.epochs or self.recipe.epochs
        world_size = s.world_size or (7 if s.candidates is None else self._side(s.candidates))
        if not self.preset.planned:
            world_size = s.world_size or 7
        rounds = 150 if s.rounds is None else s.rounds
        final = s.final_epochs or (min(self.final.longest, 3 * epochs) if self.preset.planned else epochs)
        finalists = s.finalists or (3 if self.preset.planned else 1)
        return {
            "candidates": s.candidates or world_size**2 + 5 * rounds,
            "candidates_fixed": s.candidates is not None,
            "epochs": epochs,
            "share": s.share or 1.0,
            "search_seconds": seconds and seconds * 0.6,
            "training_seconds": None,
            "max_step_seconds": math.inf,
            "finalists": finalists,
            "final_epochs": final,
            "finish_seconds": seconds and seconds * 0.35,
            "measuring_seconds": seconds * 0.05 if seconds else 0.0,
            "baseline_views": self.final.views,
            "world_size": world_size,
            "rounds": rounds,
            "retrain": self._retrain(),
        }

    def timed(self, seconds: float) -> dict[str, Any]:
        """Numbers that fit into `seconds`."""
        s, warnings = self.settings, []
        cap, typical = self._step_cap(FINISH_SHARE * seconds / (1 + BASELINE_SHARE + self.retraining))
        looking, baseline_views = self._looking(cap, seconds)
        measuring_seconds = min(LOOKING_SHARE * seconds, looking + min(LINEAR_SECONDS, 0.02 * seconds))
        left = seconds - measuring_seconds
        useful = (s.final_epochs or self.final.longest) * self.steps * typical * 1.5 / SAFETY
        others = BASELINE_SHARE + self.retraining
        finalists = s.finalists or min(3, max(1, int(1.5 * FINISH_SHARE * left / useful - others)))
        shares = finalists + others
        finish_seconds = max(0.0, min(FINISH_SHARE * left, shares * useful))
        search_seconds = max(0.0, left - finish_seconds)

        aim = s.candidates or min(400, max(8, round(40 * math.sqrt(seconds / 60))))
        epochs, share = self._fidelity(SAFETY * search_seconds / aim, typical)
        each = (epochs * share * self.steps + self.measuring) * typical + FIXED_SECONDS
        candidates = s.candidates or max(1, int(SAFETY * search_seconds / each))
        epoch = self.steps * typical
        unsettled = s.candidates is None and candidates < 9  # cells of the smallest world
        if unsettled or epochs * share * epoch > search_seconds / 4 or finish_seconds < shares * epoch:
            warnings.append("this is very little time for so much data: expect a weak network, or give more minutes")
        world_size = s.world_size or self._side(candidates)
        return {
            "candidates": candidates,
            "candidates_fixed": s.candidates is not None,
            "epochs": epochs,
            "share": share,
            "search_seconds": search_seconds,
            "training_seconds": SAFETY * (search_seconds + finish_seconds),
            "max_step_seconds": cap,
            "finalists": finalists,
            "final_epochs": s.final_epochs or self.final.longest,
            "finish_seconds": finish_seconds,
            "measuring_seconds": measuring_seconds,
            "baseline_views": baseline_views,
            "world_size": world_size,
            "rounds": s.rounds,
            "retrain": self._retrain(),
            "warnings": tuple(warnings),
        }

    def _looking(self, cap: float, seconds: float) -> tuple[float, bool]:
        """Seconds of the last looks at validation and test part, and whether the network by hand has several views."""
        several = VIEWS if self.final.views else 1
        own = self.rates.step_seconds(self.space.cost(small_network(self.space)))
        if self._look(several) * (cap + own) <= TESTING_SHARE * seconds:
            return self._look(several) * (cap + own), self.final.views
        return self._look(several) * cap + self._look(1) * own, False

    def _look(self, views: int) -> float:
        """Training steps that last as long as a network's last looks: views have to be better than one, to be taken."""
        compared = self.task.validation * (1 + views if views > 1 else 1)
        return looking_steps(compared + self.task.test * views, self.batch_size)

    def _step_cap(self, final_seconds: float) -> tuple[float, float]:
        """The cap on a training step, and the mean step of the space's founders under it; both in seconds."""
        cap = SAFETY * final_seconds / max(min(SHORTEST_FINAL, self.final.longest) * self.steps, SHORTEST_STEPS)
        space = self.space
        smallest = self.rates.step_seconds(space.cost(space.smallest()))
        cap = max(cap, 3 * smallest)  # some networks must always be legal
        capped = self._founder_steps(dataclasses.replace(space, max_step_seconds=cap))
        return cap, min(cap, 1.3 * float(np.mean(capped)))  # children grow beyond their founders

    def _founder_steps(self, space: ChainSpace) -> list[float]:
        founders = space.founders(TYPICAL, Seeds(0).stream("plan"))
        return [self.rates.step_seconds(space.cost(genome)) for genome in founders]

    def _fidelity(self, seconds: float, typical_step: float) -> tuple[int, float]:
        """Epochs and share that a candidate has `seconds` for; from the recipe's `least` to half a final training."""
        affordable = (seconds - FIXED_SECONDS) / typical_step - self.measuring
        passes = max(self.recipe.least, affordable / self.steps)
        longest = (self.settings.final_epochs or self.final.longest) / 2
        epochs = self.settings.epochs or max(1, int(min(passes, longest)))
        share = self.settings.share or min(1.0, max(self.recipe.least, round(passes / epochs, 2)))
        return epochs, share

    def _side(self, candidates: int) -> int:
        """A world that most of few candidates settle: evolution needs some rounds to be better than chance."""
        return min(7, max(3, round(math.sqrt(0.7 * candidates))))

    def _retrain(self) -> int:
        wanted = self.preset.retrain if self.settings.retrain is None else self.settings.retrain
        return max(wanted, int(self.final.refit))


def predict_seconds(
    plan: Plan, size: Cost, task: Task, fidelity: Fidelity, measures: int | None, rungs: int = 0
) -> float:
    """Predicted seconds of one training.

    Args:
        plan: gives rates and batches.
        size: of the network.
        task: the data.
        fidelity: how much training.
        measures: looks at the validation part at most, `None` for one after each epoch.
        rungs: looks at its first samples for early early_stopping.
    """
    steps = fidelity.epochs * max(1, int(task.train * fidelity.share) // plan.batch_size)
    looks = fidelity.epochs if measures is None else min(measures, fidelity.epochs)
    measuring = _measuring_steps(task, looks, rungs, plan.batch_size)
    return (steps + measuring) * plan.rates.step_seconds(size) + FIXED_SECONDS


def _measuring_steps(task: Task, looks: int, rungs: int, batch_size: int) -> float:
    """Training steps that last as long as all looks at the validation part, and the timing of forward passes."""
    samples = looks * task.validation + rungs * min(RUNG_SAMPLES, task.validation)
    return looking_steps(samples + TIMED * batch_size, batch_size)


def in_words(plan: Plan, task: Task, settings: Settings) -> list[str]:
    """The plan as lines for people."""
    kind = "texts" if task.shape.vocabulary else "pictures"
    share = "all of" if plan.share == 1 else f"{plan.share:.0%} of"
    aim = f"{plan.candidates}" if plan.candidates_fixed else f"about {plan.candidates}"
    limit = f"; about {_time(plan.search_seconds)}" if plan.search_seconds else ""
    limit += ", more where small networks lead" if plan.training_seconds and not plan.candidates_fixed else ""
    lines = [
        f"data      {task.train:,} training, {task.validation:,} validation, {task.test:,} test {kind} "
        f"of {task.shape}, {task.classes} classes",
        f"search    {aim} candidates, {plan.epochs} epoch{'s' * (plan.epochs != 1)} each over {share} the training "
        f"part, batches of {plan.batch_size}{limit}",
    ]
    if settings.strategy in (None, "artificial-life"):
        rounds = "evolution" if plan.rounds is None else f"at most {plan.rounds} rounds of evolution"
        lines.append(f"world     {plan.world_size} x {plan.world_size} cells, {rounds}")
    if not math.isinf(plan.max_step_seconds):
        epoch = plan.max_step_seconds * max(1, task.train // plan.batch_size)
        lines.append(f"limit     networks up to {_time(epoch)} of training an epoch")
    within = f" within {_time(plan.finish_seconds)}" if plan.finish_seconds else ""
    lines.append(
        f"finish    the best {plan.finalists} trained for up to {plan.final_epochs} epochs{within}, baselines too; "
        "then the one look at the test part"
    )
    return lines + [f"warning   {warning}" for warning in plan.warnings]


def _time(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.1f} min"
