"""What policies of a search would come to on the table of our own space.

    python benchmarks/own_policies.py [--table FILE] [--task NAME ...] [--recipes] [--seeds 200] [--at 1 2 4 8 16]

Policies search with time accounted - every step of every training, and a fall before every look - in networks that are
drawn anew for each seed; printed is how far, in points of accuracy, what they hand over is from the best of the table.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from own_networks import BY_HAND
from own_space import FALL
from own_table import FILE, OwnSpace, Point, Training, read


@dataclass(frozen=True, slots=True)
class Policy:
    """How a search spends its time.

    Attributes:
        rungs: shares of a full training at which networks are compared, ascending.
        promoted: share of them that goes on from each rung, 0..1; at least `finalists` do.
        finalists: networks that come to the last rung at least.
        starts: networks that are begun at most; `None` for as many as there is time for.
        kept: share of the time in which nothing new is begun, 0..1.
        continued: whether a network goes on from where it stopped, or begins anew.
        look: one of `LOOKS`, at all rungs but the last, where a fall decides.
        by_hand: whether the network by hand is begun first and goes on from every rung.
    """

    rungs: tuple[float, ...] = (1.0,)
    promoted: float = 0.5
    finalists: int = 1
    starts: int | None = None
    kept: float = 0.0
    continued: bool = True
    look: str = "fall"
    by_hand: bool = False


LOOKS: dict[str, Callable[[Point], float | None]] = {
    "fall": lambda point: point.seen,
    "averaged": lambda point: point.averaged,
    "raw": lambda point: point.raw,
}
"""How a trunk may be judged on its way: a copy whose rate falls, its averaged weights, or as it is."""


class Pool:
    """Networks of a task that searches draw from, as arrays: not numbers where a training had diverged.

    Attributes:
        task: of the table.
        shares: of a full training, ascending.
        step_seconds: `(n,)`.
        looks: by name `(n, shares)`, accuracies on the samples seen.
        judged: `(n, shares)`.
        by_hand: the place of the network by hand, `None` where it is not among them.
    """

    def __init__(self, trainings: Sequence[Training], task: Mapping[str, Any], shares: Sequence[float]) -> None:
        self.task, self.shares = task, list(shares)
        self.step_seconds = np.array([training.step_seconds for training in trainings])
        points = [[training.at(share) for share in shares] for training in trainings]

        def array(read: Callable[[Point], float | None]) -> np.ndarray:
            return np.array([[read(point) if point else None for point in row] for row in points], dtype=float)

        self.looks = {name: array(look) for name, look in LOOKS.items()}
        self.judged = array(lambda point: point.judged)
        self.by_hand = next((i for i, training in enumerate(trainings) if training.genome in BY_HAND), None)

    @property
    def unit(self) -> float:
        """Seconds of one core of a full training of the median network, its fall included."""
        return float(np.median(self.step_seconds)) * steps_to(1.0, 0.0, self.task, fall=True)

    @property
    def best(self) -> float:
        """The highest judged accuracy after a full training."""
        return float(np.nanmax(self.judged[:, self.shares.index(1.0)]))


def steps_to(share: float, before: float, task: Mapping[str, Any], fall: bool) -> float:
    """Training steps from one share of a full training to a later one, a look included.

    A look without gradients at so many samples takes as long as training steps for a third of them.
    """
    return task["steps"] * (share - before + (FALL * share if fall else 0)) + task["seen"] / task["batch"] / 3


def handed_over(policy: Policy, pool: Pool, budget: float, rng: np.random.Generator) -> tuple[float | None, float]:
    """Judged accuracy of what a search hands over, `None` for nothing, and the seconds of one core that it took.

    That is the best by the last look at the highest rung that any network came to; where there is no time for another
    rung, or for the first, the first in line goes on to the last point that there is time for.
    """
    alive, spent, result = rng.permutation(len(pool.step_seconds)), 0.0, None
    if policy.by_hand and pool.by_hand is not None:
        alive = np.array([pool.by_hand, *alive[alive != pool.by_hand]])
    alive = alive[: policy.starts]
    for place, share in enumerate(policy.rungs):
        last, column = share == policy.rungs[-1], pool.shares.index(share)
        before = policy.rungs[place - 1] if place and policy.continued else 0.0
        costs = pool.step_seconds[alive] * steps_to(share, before, pool.task, last or policy.look == "fall")
        limit = budget if place else budget * (1 - policy.kept)
        first = alive[0]
        if place == 0:  # a search does not begin with what it has no time for
            alive, costs = alive[costs <= limit], costs[costs <= limit]
        trained = int(np.searchsorted(np.cumsum(costs), limit - spent, side="right"))
        if not trained:
            judged, seconds = _as_far_as_possible(pool, first, before, share, budget - spent)
            return (result if judged is None else judged), spent + seconds
        alive, spent = alive[:trained], spent + float(costs[:trained].sum())
        scores = pool.looks["fall" if last else policy.look][alive, column]
        alive, scores = alive[~np.isnan(scores)], scores[~np.isnan(scores)]
        if not len(alive):
            break
        alive = alive[np.argsort(-scores, kind="stable")]
        result = float(pool.judged[alive[0], column])
        goes_on = max(policy.finalists, math.ceil(policy.promoted * len(alive)))
        kept = alive[goes_on:][alive[goes_on:] == pool.by_hand] if policy.by_hand else alive[:0]
        alive = np.concatenate([alive[:goes_on], kept])
    return result, spent


def _as_far_as_possible(
    pool: Pool, network: int, before: float, share: float, left: float
) -> tuple[float | None, float]:
    """Judged accuracy of a network trained on from one share to the last point before another, and the seconds."""
    for column, point in reversed([*enumerate(pool.shares)]):
        seconds = float(pool.step_seconds[network]) * steps_to(point, before, pool.task, fall=True)
        if before < point < share and seconds <= left:
            judged = float(pool.judged[network, column])
            return (None if math.isnan(judged) else judged), seconds
    return None, 0.0


POLICIES: dict[str, Policy] = {
    "one, as it comes": Policy(starts=1),
    "the one by hand": Policy(starts=1, by_hand=True),
    "all fully": Policy(),
    "1/4, best goes on": Policy((0.25, 1.0), promoted=0.0, kept=0.3),
    "1/16, best goes on": Policy((1 / 16, 1.0), promoted=0.0, kept=0.3),
    "1/16, best begins anew": Policy((1 / 16, 1.0), promoted=0.0, kept=0.3, continued=False),
    "1/16, best 3 go on": Policy((1 / 16, 1.0), promoted=0.0, finalists=3, kept=0.5),
    "thirds from 1/16": Policy((1 / 16, 0.25, 1.0), promoted=1 / 3, kept=0.6),
    "halves from 1/16": Policy((1 / 16, 1 / 8, 0.25, 0.5, 1.0), promoted=0.5, kept=0.7),
    "halves, averaged": Policy((1 / 16, 1 / 8, 0.25, 0.5, 1.0), promoted=0.5, kept=0.7, look="averaged"),
    "halves, raw": Policy((1 / 16, 1 / 8, 0.25, 0.5, 1.0), promoted=0.5, kept=0.7, look="raw"),
    "halves, by hand among them": Policy((1 / 16, 1 / 8, 0.25, 0.5, 1.0), promoted=0.5, kept=0.7, by_hand=True),
}


def simulate(
    space: OwnSpace,
    policies: Mapping[str, Policy],
    tasks: Sequence[str],
    at: Sequence[float],
    seeds: int,
    recipes: bool = False,
) -> dict[str, dict[float, np.ndarray]]:
    """Regret in points, `(tasks, seeds)`, by policy and budget; where nothing came out, that of the commonest class.

    Args:
        space: the table.
        policies: by name.
        tasks: names.
        at: budgets in full trainings of the task's median network, its fall included.
        seeds: searches of each kind.
        recipes: whether they also draw how to train, among the recipes there are, or train as usual.
    """
    found: dict[str, dict[float, np.ndarray]] = {name: {} for name in policies}
    pools = [Pool(space.trunks(task, recipes), space.tasks[task], space.shares) for task in tasks]
    for name, policy in policies.items():
        for budget in at:
            found[name][budget] = np.array(
                [[_regret(policy, pool, budget * pool.unit, seed) for seed in range(seeds)] for pool in pools]
            )
    return found


def _regret(policy: Policy, pool: Pool, budget: float, seed: int) -> float:
    judged, _ = handed_over(policy, pool, budget, np.random.default_rng(seed))
    return 100 * (pool.best - (1 / pool.task["classes"] if judged is None else judged))


def print_simulation(space: OwnSpace, tasks: Sequence[str], at: Sequence[float], seeds: int, recipes: bool) -> None:
    started = time.process_time()
    counts = ", ".join(f"{task} {len(space.trunks(task, recipes))}" for task in tasks)
    print(f"regret in points, mean of {seeds} seeds x {len(tasks)} tasks [quartiles over both]; networks: {counts}")
    print("time, in full trainings of the median network:" + "".join(f"{budget:>20g}" for budget in at))
    for name, by_budget in simulate(space, POLICIES, tasks, at, seeds, recipes).items():
        cells = []
        for regrets in by_budget.values():
            low, high = np.quantile(regrets, [0.25, 0.75])
            cells.append(f"{regrets.mean():.2f} [{low:.1f} {high:.1f}]")
        print(f"{name:<46}" + "".join(f"{cell:>20}" for cell in cells))
    print(f"{time.process_time() - started:.0f} s of one core")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, default=FILE)
    parser.add_argument("--task", nargs="+")
    parser.add_argument("--recipes", action="store_true", help="draw the recipe, too, among those there are")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--at", type=float, nargs="+", default=[0.5, 1, 2, 4, 8, 16])
    chosen = parser.parse_args()
    space = read(chosen.table)
    print_simulation(space, chosen.task or [*space.tasks], chosen.at, chosen.seeds, chosen.recipes)


if __name__ == "__main__":
    main()
