"""Optuna driving our training over our space, as a user would script it; a method of `suite.py`.

Optuna proposes networks within the limits that the plan of a search has, by TPE (Bergstra et al. 2011). Each is
trained as a candidate is and reports at our rungs, where `HyperbandPruner` (Li et al. 2018) may end it. When the
search's share of the minutes is over, the best is trained by the recipe of finalists with all that is left, and
tested, as any network by hand.
"""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import optuna

from neuralfinder.comparison.by_hand import Bench, of_genome, train_and_test
from neuralfinder.data import Divided
from neuralfinder.errors import NothingTrainedError
from neuralfinder.job.plan import Speed, TrainingStage
from neuralfinder.job.planner import make_plan
from neuralfinder.job.settings import Settings
from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.genome import Gene, Genome
from neuralfinder.networks.sampling import LONGEST_DRAW
from neuralfinder.search.executors import compute, in_process
from neuralfinder.seeds import Seeds
from neuralfinder.training.evaluate import evaluate
from neuralfinder.training.machine import keep_memory
from neuralfinder.training.weights import WeightStore
from neuralfinder.types import RUNGS, Candidate

QUARTERS = 4
"""Resource of a whole training as Hyperband counts it: `RUNGS` are the first and the second quarter."""


class Bar(float):
    """The bar at a rung, which asks the pruner: a score is below it when the pruner says so."""

    def __new__(cls, trial: optuna.Trial, quarter: int) -> Bar:
        """It has no height of its own."""
        bar = super().__new__(cls, 0.0)
        bar.trial, bar.quarter = trial, quarter
        return bar

    def __gt__(self, score: float) -> bool:
        """Python asks the right side of `score < bar` first, as its class derives from that of the left one."""
        self.trial.report(score, self.quarter)
        return self.trial.should_prune()


def proposed(trial: optuna.Trial, space: ChainSpace) -> Genome:
    """A network of up to `LONGEST_DRAW` convolutions: for each its width, whether a pool follows, and what else the
    space lets differ."""
    genes: list[Gene] = []
    for place in range(trial.suggest_int("convolutions", 1, min(LONGEST_DRAW, space.max_convolutions))):
        conv = space.conv(trial.suggest_categorical(f"filters {place}", space.filters))
        for name, values in (("kernel", space.kernels), ("activation", space.activations), ("stride", space.strides)):
            if len(values) > 1:
                conv = dataclasses.replace(conv, **{name: trial.suggest_categorical(f"{name} {place}", values)})
        if space.longest_skip and (back := trial.suggest_int(f"skip {place}", 0, space.longest_skip)):
            conv = dataclasses.replace(conv, skips=(back,))
        genes.append(conv)
        if space.usual_pool and trial.suggest_categorical(f"pool {place}", (False, True)):
            genes += space.usual_pool
    return space.canonical(space.mend(Genome(tuple(genes), space.head)))


def search(bench: Bench, folder: Path) -> tuple[Genome, int]:
    """The best network that Optuna finds in the search's share of the minutes, and how many it trained.

    Raises:
        NothingTrainedError: none was trained to its end.
    """
    settings, setup = bench.settings, bench.setup
    setup = dataclasses.replace(setup, recipe=settings.recipes(bench.task.shape)[0])
    speed = Speed(bench.rates(setup.recipe))
    training = TrainingStage.of(setup)
    plan = make_plan(bench.task, settings, training, speed, max(0.0, setup.clock.left()))
    space = bench.space(speed.rates, plan.search.max_step_seconds)
    end = time.monotonic() + (plan.search.seconds or 0.0)
    setup = dataclasses.replace(setup, clock=setup.clock.until(end))
    store, seeds, known = WeightStore(folder / "weights"), Seeds(settings.seed), dict[str, tuple[Genome, float]]()
    trained = 0

    def objective(trial: optuna.Trial) -> float:
        nonlocal trained
        genome = proposed(trial, space)
        if space.infeasible(genome):
            raise optuna.TrialPruned
        if genome.key in known:
            return known[genome.key][1]
        bars = tuple(Bar(trial, round(QUARTERS * rung)) for rung in RUNGS)
        seed = seeds.number("optuna", genome.key)
        candidate = Candidate(trial.number, genome, "optuna", (), seed, plan.search.fidelity, bars=bars)
        result = evaluate(candidate, setup, store)
        store.path(str(trial.number)).unlink(missing_ok=True)  # the best is trained afresh
        trained += 1
        if result.score is None or result.ended == "deadline":
            raise optuna.TrialPruned
        known[genome.key] = genome, result.score
        return result.score

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=settings.seed),
        pruner=optuna.pruners.HyperbandPruner(min_resource=1, max_resource=QUARTERS, reduction_factor=2),
    )
    study.optimize(objective, timeout=max(0.0, end - time.monotonic()))
    if not known:
        raise NothingTrainedError("Optuna had no time to train a network to its end; give more minutes")
    return max(known.values(), key=lambda pair: pair[1])[0], trained


def by_optuna(data: Divided, settings: Settings, folder: Path) -> dict[str, Any]:
    """The figures of a row, as `comparison.by_hand.measure_by_hand` has them, and how many were `trained`."""
    keep_memory()
    with in_process() as executor:
        return compute(executor, _measure, data, settings, folder)


def _measure(data: Divided, settings: Settings, folder: Path) -> dict[str, Any]:
    bench = Bench.of(data, settings)
    genome, trained = search(bench, folder)
    return {**train_and_test("optuna", of_genome(genome, bench), bench), "trained": trained}
