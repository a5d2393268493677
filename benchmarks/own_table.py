"""The table of our own space as a space, and what policies of a search would come to on it.

    python benchmarks/own_table.py pack ROWS ... [--beside FILE] [--out benchmarks/own_space.json.gz]
    python benchmarks/own_table.py summary [--table FILE]
    python benchmarks/own_table.py simulate [--table FILE] [--task NAME ...] [--recipes] [--seeds 200] [--at 1 2 4 8 16]

`pack` makes the small file from the lines that `benchmarks/own_space.py train` wrote, whose docstring says what a row
is; with `--beside`, all that another small file has comes too, but for tasks that have changed. `summary` says what is
in it: how precise accuracies are, do short trainings rank networks as long ones do, what other rates and no shifts do
to which heads. `simulate` lets policies search with time accounted - every step of every training, and a fall before
every look - in networks that are drawn anew for each seed, and prints how far, in points of accuracy, what they hand
over is from the best of the table.
"""

from __future__ import annotations

import argparse
import dataclasses
import gzip
import json
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.genome import DenseHead, Genome, PoolHead, parse
from neuralfinder.networks.tabular import Row
from neuralfinder.seeds import Seeds
from neuralfinder.types import Candidate, Result, Shape

FILE = Path(__file__).with_name("own_space.json.gz")

BY_HAND = "C32.bn M C64.bn C64.bn M C128.bn > G", "C128 > GM.d50"
"""The rule of thumb for pictures, and for texts."""


@dataclass(frozen=True, slots=True)
class Point:
    """What is known of a training after `share` of the steps of a full one; accuracies are 0..1.

    Attributes:
        raw, averaged: of a trunk as it is, and of its averaged weights, on the samples seen; `None` for one-cycle.
        seen, judged: after a fall of the rate, on the samples that a search sees, and on others, which judge.
        loss: mean training loss since the point before.
    """

    share: float
    raw: float | None
    averaged: float | None
    seen: float
    judged: float
    loss: float


@dataclass(frozen=True, slots=True)
class Training:
    """One training of the table; attributes as in `own_space.Job`, and what came of it.

    Attributes:
        step_seconds: seconds of one core that a step took.
        seconds: of one core and of the clock, measuring included.
        points: in order; fewer than planned for one that diverged.
        ended: `complete`, `diverged` or an error.
        run: number of the run that made it.
        drawn: whether the network is of the fair sample, not of somebody's choice.
    """

    task: str
    genome: str
    kind: str
    length: float
    rate: float
    shift: bool
    mirror: bool
    adversarial: bool
    small: float
    seed: int
    ended: str
    step_seconds: float
    steps: int
    parameters: int
    macs: int
    seconds: tuple[float, float]
    run: int
    points: tuple[Point, ...]
    drawn: bool = True

    @property
    def recipe(self) -> tuple[float, bool, bool, bool, float]:
        """All that was done otherwise than with other networks."""
        return self.rate, self.shift, self.mirror, self.adversarial, self.small

    def at(self, share: float) -> Point | None:
        """The point at this share; `None` for one that had diverged by then."""
        return next((point for point in self.points if point.share == share), None)


@dataclass(frozen=True, slots=True)
class Known(ChainSpace):
    """The networks of one task that have been trained, as a space: a search looks their accuracies up.

    Attributes:
        rows: by key; seen are all full trainings as usual, judged the mean of their judging accuracies.
    """

    rows: Mapping[str, Row] = field(default_factory=dict)

    def infeasible(self, genome: Genome) -> str | None:
        """`infeasible:unknown` for what is not in the table."""
        return None if genome.key in self.rows else "infeasible:unknown"

    def sample(self, rng: np.random.Generator) -> Genome:
        """Any of the networks."""
        return parse([*self.rows][int(rng.integers(len(self.rows)))])

    def founders(self, n: int, rng: np.random.Generator) -> list[Genome]:
        """Different networks, as far as there are."""
        keys = [*self.rows]
        return [parse(keys[place]) for place in [*rng.permutation(len(keys)), *rng.integers(len(keys), size=n)][:n]]

    def answer(self, candidate: Candidate) -> Result:
        """What training `candidate` gives: one of the accuracies seen, drawn by the candidate's seed."""
        row = self.rows[candidate.genome.key]
        seen = row.seen[int(Seeds(candidate.seed).stream("table").integers(len(row.seen)))]
        return Result(candidate.id, seen, parameters=row.parameters, macs=row.macs)

    def regret(self, genome: Genome) -> float:
        """How much better than this one the best network of the table is judged, 0..1."""
        return max(row.judged for row in self.rows.values()) - self.rows[genome.key].judged


@dataclass(frozen=True)
class OwnSpace:
    """The whole table.

    Attributes:
        tasks: name -> `about`, `shape`, `classes`, `train`, `seen`, `judging`, `steps`, `batch`, `fingerprint`, and
            `mirror`, which is whether pictures are mirrored as usual.
        runs: machine, versions and commit of each run that trained.
        trainings: all of them.
    """

    tasks: Mapping[str, Mapping[str, Any]]
    runs: Sequence[Mapping[str, Any]]
    trainings: Sequence[Training]

    @cached_property
    def shares(self) -> tuple[float, ...]:
        """Shares of the steps at which trunks were measured, ascending."""
        return tuple(sorted({point.share for training in self.trainings for point in training.points}))

    def is_usual(self, training: Training) -> bool:
        """Whether it was trained by the recipe as the package has it."""
        task = self.tasks[training.task]
        text = bool(Shape(*task["shape"]).vocabulary)
        return training.recipe == (1.0, not text, task["mirror"], text, 0.0)

    def usual(self, task: str, seed: int = 0, kind: str = "trunk", length: float = 1.0) -> dict[str, Training]:
        """The trainings of a task by the usual recipe, by the networks' keys."""
        return {
            t.genome: t
            for t in self.trainings
            if (t.task, t.seed, t.kind, t.length) == (task, seed, kind, length) and self.is_usual(t)
        }

    def trunks(self, task: str, recipes: bool) -> list[Training]:
        """The full trainings of a task with its first seed: by the usual recipe, or by all recipes there are."""
        if not recipes:
            return [*self.usual(task).values()]
        return [t for t in self.trainings if (t.task, t.kind, t.seed) == (task, "trunk", 0)]

    def known(self, task: str, share: float = 1.0) -> Known:
        """The networks of a task as a space, with their accuracies at a share of a full training."""
        points: dict[str, list[Point]] = defaultdict(list)
        sizes: dict[str, Training] = {}
        for seed in (0, 1):
            for key, training in self.usual(task, seed).items():
                sizes[key] = training
                if point := training.at(share):
                    points[key].append(point)
        rows = {
            key: Row(tuple(p.seen for p in some), _mean(p.judged for p in some), sizes[key].parameters, sizes[key].macs)
            for key, some in points.items()
        }
        return Known(Shape(*self.tasks[task]["shape"]), self.tasks[task]["classes"], rows=rows)


def _mean(values: Iterable[float]) -> float:
    return float(np.mean([*values]))


# The file


OF_A_ROW = [entry.name for entry in dataclasses.fields(Training) if entry.name not in ("points", "drawn")]


def pack(paths: Sequence[Path], about: Mapping[str, str]) -> dict[str, Any]:
    """The lines of such files as one object; of equal trainings the first counts.

    Raises:
        SystemExit: a task that is not the same in two runs.
    """
    runs: list[dict[str, Any]] = []
    tasks: dict[str, dict[str, Any]] = {}
    rows: dict[tuple[Any, ...], list[Any]] = {}
    genomes: dict[str, int] = {}
    for path in paths:
        for line in _lines(path):
            if "genome" not in line:
                for name, task in line.pop("tasks").items():
                    given = {"about": about.get(name, ""), **task}
                    if tasks.setdefault(name, given) != given:
                        raise SystemExit(f"{path}: the task {name} is another one than in an earlier run")
                if line not in runs:
                    runs.append(line)
                run = runs.index(line)
                continue
            line["run"], line["step_seconds"] = run, round(line.pop("step_ms") / 1000, 6)
            line["genome"] = genomes.setdefault(line["genome"], len(genomes))
            row = [line[name] for name in OF_A_ROW]
            rows.setdefault(tuple(row[: OF_A_ROW.index("ended")]), [*row, line["points"]])
    # small, and equal for equal rows
    used = {row[0] for row in rows.values()}
    return {
        "tasks": {name: task for name, task in tasks.items() if name in used},
        "runs": runs,
        "genomes": [*genomes],
        "columns": [*OF_A_ROW, "points"],
        "rows": [*rows.values()],
    }


def joined(form: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """A packed table, and what another one has beside it, but for tasks that are others of the same name here.

    Raises:
        SystemExit: their columns differ.
    """
    if form["columns"] != other["columns"]:
        raise SystemExit(f"columns are {other['columns']}, expected {form['columns']}: pack it with this version")
    task, genome, run = (form["columns"].index(name) for name in ("task", "genome", "run"))
    genomes = {key: number for number, key in enumerate(form["genomes"])}
    kept = {name: each for name, each in other["tasks"].items() if form["tasks"].get(name, each) == each}
    rows, own = [list(row) for row in other["rows"] if row[task] in kept], OF_A_ROW.index("ended")
    for row in rows:
        row[genome] = genomes.setdefault(other["genomes"][row[genome]], len(genomes))
        row[run] += len(form["runs"])
    known = {tuple(row[:own]) for row in form["rows"]}
    return {
        **form,
        "tasks": {**kept, **form["tasks"]},
        "runs": [*form["runs"], *other["runs"]],
        "genomes": [*genomes],
        "rows": [*(row for row in rows if tuple(row[:own]) not in known), *form["rows"]],
    }


def _lines(path: Path) -> Iterable[dict[str, Any]]:
    """The objects of a file of JSON lines but a last one that was cut by a kill."""
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue


def write(form: Mapping[str, Any], path: Path) -> None:
    """Write the small file; equal forms give equal bytes."""
    path.write_bytes(gzip.compress(json.dumps(form, separators=(",", ":")).encode(), 9, mtime=0))


def unpacked(path: Path) -> dict[str, Any]:
    """What `pack` made, from the small file."""
    form: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    return form


def read(path: Path = FILE) -> OwnSpace:
    """Read the small file."""
    form = unpacked(path)
    trainings = []
    for row in form["rows"]:
        named = dict(zip(form["columns"], row, strict=True))
        sizes = form["tasks"][named["task"]]
        named["genome"], named["seconds"] = form["genomes"][named["genome"]], tuple(named["seconds"])
        named["points"] = tuple(_point(values, sizes) for values in named["points"])
        trainings.append(Training(**named, drawn=named["genome"] not in form["runs"][named["run"]].get("first", ())))
    return OwnSpace(form["tasks"], form["runs"], tuple(trainings))


def _point(values: Sequence[Any], sizes: Mapping[str, Any]) -> Point:
    share, raw, averaged, seen, judged, loss = values
    right = [None if count is None else count / sizes["seen"] for count in (raw, averaged, seen)]
    return Point(share, right[0], right[1], right[2] or 0.0, judged / sizes["judging"], loss)


# Policies


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

FALL = 0.2
"""Steps of a fall, as a share of those before it."""


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


# What is in it


def rank_agreement(pairs: Sequence[tuple[float, float]]) -> float:
    """Spearman's rank correlation; not a number for fewer than 4 pairs or where one side is constant."""
    from scipy.stats import spearmanr

    a, b = np.array(pairs).reshape(-1, 2).T
    return float(spearmanr(a, b).statistic) if len(a) > 3 and np.ptp(a) > 0 and np.ptp(b) > 0 else math.nan


def agreements(space: OwnSpace, task: str, share: float, look: Callable[[Point], float | None]) -> tuple[float, int]:
    """How well a look at a share ranks what full trainings are judged, and of how many networks; diverged ones last."""
    pairs = []
    for training in space.usual(task).values():
        early, late = training.at(share), training.at(1.0)
        pairs.append(((look(early) or 0.0) if early else 0.0, late.judged if late else 0.0))
    return rank_agreement(pairs), len(pairs)


def print_summary(space: OwnSpace) -> None:
    print(f"{len(space.trainings)} trainings, {len({t.genome for t in space.trainings})} networks; ended:", end=" ")
    print({e: sum(t.ended == e for t in space.trainings) for e in sorted({t.ended for t in space.trainings})})
    for run in space.runs:
        print("run:", ", ".join(f"{name} {value}" for name, value in run.items()))
    _print_tasks(space)
    _print_agreement(space)
    _print_transfer(space)
    _print_few(space)
    _print_recipes(space)


def _print_tasks(space: OwnSpace) -> None:
    shares = ", ".join(f"1/{round(1 / share)}" for share in space.shares)
    print(
        "\ntask: networks; seconds of one core for a median full training; the best, and by hand; deviation of a seed,"
    )
    print(f"noise of what is seen; mean of the better half after falls at {shares}")
    for task, sizes in space.tasks.items():
        known = space.known(task)
        if not known.rows:
            continue
        key = max(known.rows, key=lambda key: known.rows[key].judged)
        best = known.rows[key].judged
        hand = next((f"{known.rows[k].judged:.1%}" for k in BY_HAND if k in known.rows), "-")
        squares = [(a.judged - b.judged) ** 2 / 2 for a, b in _twice(space, task)]
        spread = f"{math.sqrt(_mean(squares)):.1%} (n = {len(squares)})" if squares else "-"
        noise = math.sqrt(best * (1 - best) / sizes["seen"])
        curve = [_mean(p.judged for t in _better(space, task) if (p := t.at(share))) for share in space.shares]
        unit = Pool([*space.usual(task).values()], sizes, space.shares).unit
        print(f"{task:<11}{len(known.rows):>4} {unit:6.1f} s  {best:6.1%} ({key}), {hand}; ", end="")
        print(f"{spread}, {noise:.1%}; {' '.join(f'{value:.1%}' for value in curve)}")


def _twice(space: OwnSpace, task: str) -> list[tuple[Point, Point]]:
    """The ends of full trainings of the same network with two seeds."""
    first, again = space.usual(task), space.usual(task, seed=1)
    return [(a, b) for k in first if k in again and (a := first[k].at(1.0)) and (b := again[k].at(1.0))]


def _better(space: OwnSpace, task: str) -> list[Training]:
    """The half of the networks whose full trainings are judged the better ones: where it is decided."""
    full = [(late.judged, t) for t in space.usual(task).values() if (late := t.at(1.0))]
    full.sort(key=lambda pair: -pair[0])
    return [t for _, t in full[: (len(full) + 1) // 2]]


def _print_agreement(space: OwnSpace) -> None:
    shares = [share for share in space.shares if share < 1]
    print("\nSpearman of what is seen at a share with the judged full training: all networks / the better half of them")
    print(f"{'':<16}" + "".join(f"{f'at 1/{round(1 / share)}':>14}" for share in shares))
    for name, look in LOOKS.items():
        rows = []
        for task in space.tasks:
            all_of_them = [agreements(space, task, share, look) for share in shares]
            half = [_among_the_better(space, task, share, look) for share in shares]
            if all_of_them[0][1] >= FEWEST:
                rows.append([[rho for rho, _ in all_of_them], half])
                if name == "fall":
                    _print_cells(f"{task:<11}{all_of_them[0][1]:>4}", rows[-1])
        if rows:
            _print_cells(f"mean, {name}", np.nanmean(np.array(rows), axis=0))
    for length in shares:
        rhos = [pair for task in space.tasks if (pair := _one_cycles(space, task, length))[1] >= FEWEST]
        if rhos:
            rho, count = np.nanmean(rhos, axis=0)
            print(f"one-cycle of 1/{round(1 / length)} against a full one-cycle: ", end="")
            print(f"{rho:.2f} over {len(rhos)} tasks of {count:.1f} networks")

    for length in space.shares:
        gains = [gain for task in space.tasks for gain in _one_cycle_gains(space, task, length)]
        if gains:
            print(
                f"one-cycle of 1/{round(1 / length)} instead of trunk and fall: {np.mean(gains):+.1f} points, ", end=""
            )
            print(f"median {np.median(gains):+.1f}, n = {len(gains)}")


FEWEST = 5
"""Networks below which a rank correlation says nothing."""


def _print_cells(title: str, rows: Any) -> None:
    print(f"{title:<16}" + "".join(f"{f'{rho:.2f} /{half:5.2f}':>14}" for rho, half in zip(*rows, strict=True)))


def _one_cycles(space: OwnSpace, task: str, length: float) -> tuple[float, int]:
    """How well a short one-cycle training ranks what full ones are judged, and of how many networks."""
    full, short = space.usual(task, kind="one-cycle"), space.usual(task, kind="one-cycle", length=length)
    both = [(short[k].at(length), full[k].at(1.0)) for k in full if k in short]
    return rank_agreement([(a.seen if a else 0.0, b.judged if b else 0.0) for a, b in both]), len(both)


def _one_cycle_gains(space: OwnSpace, task: str, length: float) -> list[float]:
    """Points of judged accuracy that one-cycle trainings are ahead of trunks, whose falls are steps on top."""
    cycles, trunks = space.usual(task, kind="one-cycle", length=length), space.usual(task)
    both = [(cycles[k].at(length), trunks[k].at(length)) for k in cycles if k in trunks]
    return [100 * (a.judged - b.judged) for a, b in both if a and b]


def _among_the_better(space: OwnSpace, task: str, share: float, look: Callable[[Point], float | None]) -> float:
    ends = [(t.at(share), t.at(1.0)) for t in _better(space, task)]
    return rank_agreement([(look(early) or 0.0, late.judged) for early, late in ends if early and late])


def _print_transfer(space: OwnSpace) -> None:
    """Whether a network's rank on other tasks tells its rank on this one: all that experience could rest on."""
    print("\nSpearman of judged full trainings with the mean rank on the other tasks of the kind, same networks")
    for text in (False, True):
        kind = [task for task, sizes in space.tasks.items() if bool(Shape(*sizes["shape"]).vocabulary) == text]
        ranks = {task: _ranks(space.known(task)) for task in kind}
        for task, own in ranks.items():
            others = [ranks[other] for other in kind if other != task]
            pairs = [
                (_mean(rank[key] for rank in others if key in rank), own[key])
                for key in own
                if any(key in rank for rank in others)
            ]
            if len(pairs) >= FEWEST:
                print(f"{task:<11}{rank_agreement(pairs):6.2f} (n = {len(pairs)})")


FEW = ((1, 1.0), (2, 1 / 16), (3, 1 / 16), (4, 1 / 16), (6, 1 / 16), (2, 1 / 8), (4, 1 / 8))
"""How many networks are begun where time is short, and for which share of a full training each."""


def _print_few(space: OwnSpace) -> None:
    """How many to begin where the time is that of one full training: the best by averaged weights has the rest.

    Judged accuracy, log-linear in the share between the points; first come the networks with the highest mean deviation
    on the other tasks of the kind, or any.
    """
    print(
        "\nthe time of one full training, n networks begun, mean over tasks: those best on other tasks; any, 200 seeds"
    )
    tables = {task: _whole_trunks(space, task) for task in space.tasks}
    tables = {task: table for task, table in tables.items() if len(table) >= FEWEST}
    rng = np.random.default_rng(0)
    for count, share in FEW:
        known, blind = [], []
        for task, table in tables.items():
            prior = _expected(space, tables, task)
            known.append(_handed_over_of(table, sorted(table, key=prior.__getitem__, reverse=True)[:count], share))
            drawn = [rng.permutation(sorted(table))[:count] for _ in range(200)]
            blind.append(_mean(_handed_over_of(table, keys, share) for keys in drawn))
        print(f"{count} for 1/{round(1 / share):<2} {100 * _mean(known):6.1f}% {100 * _mean(blind):6.1f}%")


def _whole_trunks(space: OwnSpace, task: str) -> dict[str, Training]:
    """Trainings by genome that came to the end."""
    trained = space.usual(task)
    return {key: training for key, training in trained.items() if len(training.points) == len(space.shares)}


def _expected(space: OwnSpace, tables: Mapping[str, Mapping[str, Training]], task: str) -> dict[str, float]:
    """By genome the mean standardised accuracy on the other tasks of the kind, drawn to a little below the mean."""
    text = bool(Shape(*space.tasks[task]["shape"]).vocabulary)
    others = [o for o in tables if o != task and bool(Shape(*space.tasks[o]["shape"]).vocabulary) == text]
    known: dict[str, list[float]] = {key: [] for key in tables[task]}
    for other in others:
        judged = {key: training.points[-1].judged for key, training in tables[other].items()}
        middle, spread = np.mean([*judged.values()]), np.std([*judged.values()]) or 1.0
        for key in judged.keys() & known.keys():
            known[key].append((judged[key] - middle) / spread)
    return {key: sum(values) / (len(values) + 1) if values else -0.5 for key, values in known.items()}


def _handed_over_of(table: Mapping[str, Training], begun: Sequence[str], share: float) -> float:
    def seen(key: str) -> float:
        point = table[key].at(share)
        return -1.0 if point is None or point.averaged is None else point.averaged

    best = table[max(begun, key=seen)]
    rest = 1 - (len(begun) - 1) * share
    shares, judged = zip(*((point.share, point.judged) for point in best.points), strict=True)
    return float(np.interp(math.log2(max(rest, shares[0])), np.log2(shares), judged))


def _ranks(known: Known) -> dict[str, float]:
    """The share of the networks that each one is at least as good as."""
    values = np.array([row.judged for row in known.rows.values()])
    return {key: float((values <= row.judged).mean()) for key, row in known.rows.items()}


def _kind_of(genome: Genome) -> str:
    if not genome.convolutions:
        return "no convolution"
    head = {PoolHead: "pooled head", DenseHead: "flattened head"}[type(genome.head)]
    return f"{head}, {'normed' if '.bn' in genome.key else 'not normed'}"


def _print_recipes(space: OwnSpace) -> None:
    print("\nother recipes: judged accuracy against the usual one's, same network and seed, points (diverged: chance)")
    found: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    usual = {task: space.usual(task) for task in space.tasks}
    for training in space.trainings:
        base = usual[training.task].get(training.genome)
        if training.kind != "trunk" or training.seed or base is None or space.is_usual(training):
            continue
        chance = 1 / space.tasks[training.task]["classes"]
        ours, theirs = (point.judged if (point := t.at(1.0)) else chance for t in (training, base))
        changes = [f"rate x{training.rate:g}"] if training.rate != 1 else []
        changes += [
            f"{name} {'on' if getattr(training, name) else 'off'}"
            for name in ("shift", "mirror", "adversarial")
            if getattr(training, name) != getattr(base, name)
        ]
        found[training.task, ", ".join(changes), _kind_of(parse(training.genome))].append(100 * (ours - theirs))
    single = {k: v for k, v in found.items() if "," not in k[1]}
    for title, group in (("by kind of network", 2), ("by task", 0)):
        print(f"  one change, {title}:")
        pooled: dict[tuple[str, str], list[float]] = defaultdict(list)
        for parts, values in single.items():
            pooled[parts[1], parts[group]] += values
        for (change, name), values in sorted(pooled.items()):
            spread = f" +- {np.std(values, ddof=1):.1f}" if len(values) > 1 else ""
            print(f"    {change:<16} {name:<28} {np.mean(values):+7.1f}{spread} (n = {len(values)})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, dest="do")
    packing = commands.add_parser("pack")
    packing.add_argument("rows", type=Path, nargs="+")
    packing.add_argument("--beside", type=Path, help="a small file that is kept, but for tasks that have changed")
    packing.add_argument("--out", type=Path, default=FILE)
    for name in ("summary", "simulate"):
        command = commands.add_parser(name)
        command.add_argument("--table", type=Path, default=FILE)
    command.add_argument("--task", nargs="+")
    command.add_argument("--recipes", action="store_true", help="draw the recipe, too, among those there are")
    command.add_argument("--seeds", type=int, default=200)
    command.add_argument("--at", type=float, nargs="+", default=[0.5, 1, 2, 4, 8, 16])
    chosen = parser.parse_args()
    if chosen.do == "pack":
        from own_tasks import MADE

        form = pack(chosen.rows, {name: about for name, (about, _) in MADE.items()})
        form = joined(form, unpacked(chosen.beside)) if chosen.beside else form
        write(form, chosen.out)
        print(f"{chosen.out}: {len(form['rows'])} trainings, {chosen.out.stat().st_size:,} bytes")
    elif chosen.do == "summary":
        print_summary(read(chosen.table))
    else:
        space = read(chosen.table)
        print_simulation(space, chosen.task or [*space.tasks], chosen.at, chosen.seeds, chosen.recipes)


if __name__ == "__main__":
    main()
