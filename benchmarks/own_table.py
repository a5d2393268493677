"""The table of our own space: its file, and what is in it as a space that may be searched.

    python benchmarks/own_table.py pack ROWS ... [--beside FILE] [--out benchmarks/own_space.json.gz]

`pack` makes the small file from the lines that `benchmarks/own_space.py train` wrote, whose docstring says what a row
is; with `--beside`, all that another small file has comes too, but for tasks that have changed.
`benchmarks/own_summary.py` says what is in it, `benchmarks/own_policies.py` lets policies search in it.
"""

from __future__ import annotations

import argparse
import dataclasses
import gzip
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from own_space import read_lines

from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.genome import Genome, parse
from neuralfinder.networks.tabular import Row
from neuralfinder.seeds import Seeds
from neuralfinder.types import Candidate, Result, Shape

FILE = Path(__file__).with_name("own_space.json.gz")


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
            `mirror`, which is whether pictures are mirrored as usual, and `longer` as in `own_space.Sizes`.
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
            key: Row(tuple(p.seen for p in some), mean(p.judged for p in some), sizes[key].parameters, sizes[key].macs)
            for key, some in points.items()
        }
        return Known(Shape(*self.tasks[task]["shape"]), self.tasks[task]["classes"], rows=rows)


def mean(values: Iterable[float]) -> float:
    return float(np.mean([*values]))


FEWEST = 5
"""Networks below which a rank correlation says nothing."""


def rank_agreement(pairs: Sequence[tuple[float, float]]) -> float:
    """Spearman's rank correlation; not a number for fewer than 4 pairs or where one side is constant."""
    from scipy.stats import spearmanr

    a, b = np.array(pairs).reshape(-1, 2).T
    return float(spearmanr(a, b).statistic) if len(a) > 3 and np.ptp(a) > 0 and np.ptp(b) > 0 else math.nan


# The file


OF_A_ROW = [entry.name for entry in dataclasses.fields(Training) if entry.name not in ("points", "drawn")]


def pack(paths: Sequence[Path], about: Mapping[str, str]) -> dict[str, Any]:
    """The lines of such files as one object; of equal trainings the first counts.

    Raises:
        SystemExit: a file that is not there, or a task that is not the same in two runs.
    """
    runs: list[dict[str, Any]] = []
    tasks: dict[str, dict[str, Any]] = {}
    rows: dict[tuple[Any, ...], list[Any]] = {}
    genomes: dict[str, int] = {}
    for path in paths:
        if not path.exists():
            raise SystemExit(f"{path}: not there")
        for line in read_lines(path):
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
        chosen = named["genome"] in form["runs"][named["run"]].get("first", ())
        trainings.append(Training(**named, drawn=not (chosen or sizes.get("longer"))))
    return OwnSpace(form["tasks"], form["runs"], tuple(trainings))


def _point(values: Sequence[Any], sizes: Mapping[str, Any]) -> Point:
    share, raw, averaged, seen, judged, loss = values
    right = [None if count is None else count / sizes["seen"] for count in (raw, averaged, seen)]
    return Point(share, right[0], right[1], right[2] or 0.0, judged / sizes["judging"], loss)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("pack")
    command.add_argument("rows", type=Path, nargs="+")
    command.add_argument("--beside", type=Path, help="a small file that is kept, but for tasks that have changed")
    command.add_argument("--out", type=Path, default=FILE)
    chosen = parser.parse_args()
    from own_tasks import MADE

    form = pack(chosen.rows, {name: about for name, (about, _) in MADE.items()})
    form = joined(form, unpacked(chosen.beside)) if chosen.beside else form
    write(form, chosen.out)
    print(f"{chosen.out}: {len(form['rows'])} trainings, {chosen.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
