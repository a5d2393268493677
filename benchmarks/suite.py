"""Tasks x budgets x seeds x methods: whether searching pays, against whatever else one could do with the minutes.

    pip install -e '.[bench]'
    python benchmarks/suite.py ROWS [--task NAME=PATH[,test=PATH][,limit=N]]... [--minutes 1 5] [--seeds 0 1 2]
        [--methods artificial-life chain-by-rule "C32.bn M C64.bn > G" optuna linear ...] [--part I/N]
        [--out FILE] [--plot FILE] [--runs DIR] [--only-summary]

A task is what `neuralfinder search` takes, with `test`, `limit` (most samples beside the test part), `minutes` (its
own, in the place of the budgets), `experience` (of searches: a file that `experience.py make --without` wrote, where
the one shipped knows the task) and what names the columns of a table; no PATH has a comma. Without any the tasks are
those that come with the package. Methods are those of `neuralfinder list methods`, genomes, `optuna` (see
`optuna_search.py`) and `linear`: logistic regression, of texts on TF-IDF of words and letters.

Each row is measured in a process of its own and added to ROWS as a line of JSON; one that is there is not repeated, so
that hours can be made in parts. `--part` takes every Nth seed, task and budget with all methods: what is compared comes
from one machine. Prints for each budget the test accuracies, mean +- standard deviation (n) by task; the mean rank;
and how much better the first method is than each other one: by task the mean over common seeds +- half of the 95 %
interval (`comparison.verdict`), and the mean of the tasks. The plot is a critical-difference diagram (Demsar 2006).
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock
from scipy.stats import friedmanchisquare, rankdata, studentized_range

from neuralfinder.comparison.compare import Comparison, Measure, Row, figures, in_a_process, method_of
from neuralfinder.comparison.verdict import LEVEL, by_method, difference
from neuralfinder.data import Divided, source_of
from neuralfinder.job.settings import Settings
from neuralfinder.show.report import as_table

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

BUNDLED = ("digits=digits", "docstrings=docstrings")

METHODS = (
    "artificial-life", "random", "aging-evolution", "chain-by-rule", "residual-by-rule", "wide-by-rule", "optuna",
    "linear",
)  # fmt: skip

OWN = ("optuna", "linear")
"""Methods that are measured here."""


@dataclass(frozen=True)
class Task:
    """Data by name and path, `options` of reading them, the `limit` of samples, budgets and experience of its own."""

    name: str
    path: str
    options: tuple[tuple[str, str], ...] = ()
    limit: int | None = None
    minutes: float | None = None
    experience: str | None = None

    @classmethod
    def read(cls, text: str) -> Task:
        """`NAME=PATH,key=value,...`."""
        first, *others = text.split(",")
        name, equals, path = first.partition("=")
        pairs = [tuple(other.split("=", 1)) for other in others]
        if not (name and equals and path) or any(len(pair) != 2 for pair in pairs):
            raise argparse.ArgumentTypeError(f"{text!r}: expected NAME=PATH[,test=PATH][,limit=N]")
        chosen = dict(pairs)
        limit, minutes, known = (chosen.pop(own, None) for own in ("limit", "minutes", "experience"))
        try:
            return cls(name, path, tuple(chosen.items()), limit and int(limit), minutes and float(minutes), known)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error


@dataclass(frozen=True)
class Job:
    """One row that is wanted."""

    task: Task
    minutes: float
    seed: int
    method: str

    @property
    def key(self) -> tuple[str, float, int, str]:
        return self.task.name, self.minutes, self.seed, self.method


def jobs(
    tasks: Sequence[Task],
    budgets: Sequence[float],
    seeds: Sequence[int],
    methods: Sequence[str],
    part: tuple[int, int] = (1, 1),
) -> Iterator[Job]:
    """All rows of a part, seeds first: after each every method has been run equally often on every task."""
    wanted = [(s, t, m) for s in seeds for t in tasks for m in ([t.minutes] if t.minutes else budgets)]
    for seed, task, minutes in wanted[part[0] - 1 :: part[1]]:
        yield from (Job(task, float(minutes), seed, method) for method in methods)


def read(path: Path) -> dict[tuple[str, float, int, str], Row]:
    """The rows that are there; a last line that a kill cut short is measured again."""
    known: dict[tuple[str, float, int, str], Row] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        known[row["suite"], row["minutes"], row["seed"], row["method"]] = row
    return known


def add(path: Path, row: Row) -> None:
    """Add a row; other parts may do so at the same time."""
    with FileLock(f"{path}.lock"), path.open("a+b") as file:
        file.seek(0, 2)
        cut = file.tell() and (file.seek(-1, 2), file.read(1))[1] != b"\n"
        file.write((b"\n" if cut else b"") + json.dumps(row).encode() + b"\n")


def linear(data: Divided, settings: Settings) -> Row:
    """Logistic regression on pixels, or on TF-IDF as a practitioner would begin with, of all but the test part."""
    from neuralfinder.comparison.by_hand import Bench
    from neuralfinder.errors import NothingTrainedError
    from neuralfinder.job.baselines import fit_linear
    from neuralfinder.job.figures import judged
    from neuralfinder.job.prepare import open_test
    from neuralfinder.seeds import Seeds
    from neuralfinder.training.batches import Scaling

    began, bench = time.monotonic(), Bench.of(data, settings)
    setup, parts = bench.setup.whole(), data.split
    if isinstance(setup.preparation, Scaling):
        rng = Seeds(settings.seed).stream("linear")
        model = fit_linear(setup.train, setup.classes, setup.preparation, setup.clock.left(), rng)
        if model is None:
            raise NothingTrainedError("too little time or memory, or a class without samples")
        answers, samples = model.logits(open_test(data, bench.device)).argmax(1), model.samples
    else:
        rows = np.concatenate([parts.train, parts.validation])
        words = tf_idf().fit(data.raw.samples[rows], data.raw.labels[rows])
        answers, samples = words.predict(data.raw.samples[parts.test]), len(rows)
    return {
        **judged(data.coded.labels[parts.test], answers),
        "parameters": 0,
        "epochs": 0.0,
        "samples": samples,
        "seconds": time.monotonic() - began,
    }


def tf_idf() -> Pipeline:
    """Of words, pairs of them and letters within words, linear."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 5), sublinear_tf=True)
    return make_pipeline(make_union(words, letters), LogisticRegression(C=10, max_iter=100))


def measure(method: str, data: Divided, settings: Settings, folder: Path) -> Row:
    """The figures of a row, made in its process."""
    if method == "optuna":
        from optuna_search import by_optuna

        return by_optuna(data, settings, folder)
    return linear(data, settings) if method == "linear" else figures(method, data, settings, folder)


def row_of(job: Job, runs: Path, measure: Measure = measure) -> Row:
    """Measure one row in a process of its own."""
    source = source_of(job.task.path, **dict(job.task.options))
    settings = Settings(minutes=job.minutes, experience=job.task.experience)
    comparison = Comparison(source, job.task.limit, ("random",), (job.seed,), settings)
    folder = runs / f"{job.task.name}-{job.minutes:g}"
    row = in_a_process(comparison, job.method, job.seed, folder, measure)
    return {**row, "suite": job.task.name, "minutes": job.minutes}


@dataclass(frozen=True)
class Gain:
    """How much better the first method is than another, in accuracy, +- half of the 95 % interval."""

    gain: float
    margin: float

    def __str__(self) -> str:
        return f"{100 * self.gain:+.2f} +- {100 * self.margin:.2f}"


def gains(rows: Sequence[Row], first: str, other: str) -> dict[str, Gain]:
    """By task, where both have a common seed that did not fail."""
    found = {}
    for task in dict.fromkeys(row["suite"] for row in rows):
        own = [row for row in rows if row["suite"] == task and row["method"] in (first, other)]
        pair = {method.name: method for method in by_method(own) if method.rows}
        if len(pair) < 2:
            continue
        result = difference(pair[first], pair[other], own[0]["task"]["test"])
        if not math.isnan(result.margin):
            sign = 1 if result.better == first else -1
            found[task] = Gain(sign * result.gain, result.margin)
    return found


def together(by_task: dict[str, Gain]) -> Gain | None:
    """The mean of the tasks; its noise is that of independent ones."""
    if not by_task:
        return None
    margin = math.sqrt(sum(gain.margin**2 for gain in by_task.values())) / len(by_task)
    return Gain(mean(gain.gain for gain in by_task.values()), margin)


def ranks(rows: Sequence[Row], methods: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Tasks on which every method was measured, and ranks `(tasks, methods)`: 1 is best, equals share the mean.

    A row that failed counts as an accuracy of 0: who fails is not better for it.
    """
    tasks, matrix = [], []
    for task in dict.fromkeys(row["suite"] for row in rows):
        own = [[r for r in rows if r["suite"] == task and r["method"] == method] for method in methods]
        if all(own):
            tasks.append(task)
            matrix.append([-mean(row.get("test_accuracy", 0.0) for row in some) for some in own])
    return tasks, np.array([rankdata(line) for line in matrix]).reshape(len(tasks), len(methods))


def critical_difference(methods: int, tasks: int) -> float:
    """Nemenyi's: mean ranks further apart differ (Demsar 2006, section 3.2.2)."""
    q = studentized_range.ppf(LEVEL, methods, math.inf) / math.sqrt(2)
    return float(q * math.sqrt(methods * (methods + 1) / (6 * tasks)))


def friedman(matrix: np.ndarray) -> float | None:
    """Probability of such ranks where all methods are equal; `None` where there are too few."""
    if matrix.shape[0] < 2 or matrix.shape[1] < 3 or np.ptp(matrix) == 0:
        return None
    return float(friedmanchisquare(*matrix.T).pvalue)


def cell(rows: Sequence[Row]) -> str:
    good = [100 * row["test_accuracy"] for row in rows if not row.get("failure")]
    failed = f", {len(rows) - len(good)} failed" if len(rows) > len(good) else ""
    if not good:
        return "failed" if rows else "-"
    spread = f" +- {stdev(good):.2f}" if len(good) > 1 else ""
    return f"{mean(good):.2f}{spread} ({len(good)}{failed})"


def summary(rows: Sequence[Row], methods: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """Tables for people, and the same for programs, of the rows of one budget; the first method is compared."""
    names = list(dict.fromkeys(row["suite"] for row in rows))
    ranked, matrix = ranks(rows, methods)
    means = matrix.mean(axis=0).tolist() if ranked else [math.nan] * len(methods)
    lines = [
        [
            method,
            *[cell([r for r in rows if r["suite"] == task and r["method"] == method]) for task in names],
            f"{rank:.2f}",
        ]
        for method, rank in zip(methods, means, strict=True)
    ]
    text = as_table(["test accuracy, %", *names, "mean rank"], lines, left=(0,))
    first, *others = methods
    differences = {other: gains(rows, first, other) for other in others}
    lines = [
        [other, *[str(found.get(task, "-")) for task in names], str(together(found) or "-")]
        for other, found in differences.items()
    ]
    text += f"\n\n{as_table([f'{first} is better by, points', *names, 'mean'], lines, left=(0,))}\n"
    numbers: dict[str, Any] = {"tasks": names, "methods": list(methods), "ranked": ranked}
    if ranked:
        numbers |= {
            "mean_rank": dict(zip(methods, means, strict=True)),
            "friedman_p": friedman(matrix),
            "critical_difference": critical_difference(len(methods), len(ranked)) if len(methods) > 1 else None,
        }
        text += f"\nranks over {', '.join(ranked)}"
        if numbers["friedman_p"] is not None:
            text += (
                f"; Friedman p {numbers['friedman_p']:.3f}, critical difference {numbers['critical_difference']:.2f}"
            )
    if left := [name for name in names if name not in ranked]:
        text += f"\nnot in the ranks, for not all methods were measured there: {', '.join(left)}"
    numbers["cells"] = {
        task: {
            method: [r.get("test_accuracy") for r in rows if r["suite"] == task and r["method"] == method]
            for method in methods
        }
        for task in names
    }
    numbers["gains"] = {
        other: {task: [gain.gain, gain.margin] for task, gain in found.items()} for other, found in differences.items()
    }
    return text, numbers


def draw(numbers: dict[float, dict[str, Any]], path: Path) -> None:
    """A critical-difference diagram for each budget: bars join methods that are not told apart."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    shown = {minutes: own for minutes, own in numbers.items() if own.get("critical_difference")}
    if not shown:
        return
    figure, axes = plt.subplots(len(shown), 1, figsize=(8, 3.2 * len(shown)), squeeze=False, layout="constrained")
    for axis, (minutes, own) in zip(axes[:, 0], shown.items(), strict=True):
        ordered = sorted(own["mean_rank"].items(), key=lambda pair: pair[1])
        values, distance = [rank for _, rank in ordered], own["critical_difference"]
        for place, (name, rank) in enumerate(ordered):
            axis.plot([rank], [-place], "o", color="black")
            axis.annotate(f"{name}  {rank:.2f}", (rank, -place), (8, -3), textcoords="offset points", fontsize=8)
        reach = [max(p for p, value in enumerate(values) if value <= low + distance) for low in values]
        for place, last in enumerate(reach):
            if last > place and (place == 0 or last > reach[place - 1]):
                axis.plot([values[place], values[place]], [-place, -last], color="C0", linewidth=3, alpha=0.4)
        axis.set(
            title=f"{minutes:g} minutes, {len(own['ranked'])} tasks, critical difference {distance:.2f}",
            xlabel="mean rank", yticks=[], xlim=(1 - 0.2, len(values) + 0.2 + len(values) / 4),
        )  # fmt: skip
    figure.savefig(path, dpi=130)
    plt.close(figure)


def part_of(text: str) -> tuple[int, int]:
    """`I/N`."""
    place, _, count = text.partition("/")
    if not (place.isdigit() and count.isdigit() and 1 <= int(place) <= int(count)):
        raise argparse.ArgumentTypeError(f"{text!r}: expected I/N, as in 1/3")
    return int(place), int(count)


def parser(description: str, methods: Sequence[str]) -> argparse.ArgumentParser:
    """The arguments of a script that fills such a table, with its own description and methods."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path)
    parser.add_argument("--task", type=Task.read, action="append", dest="tasks")
    parser.add_argument("--minutes", type=float, nargs="+", default=[1.0, 5.0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--methods", nargs="+", default=list(methods))
    parser.add_argument("--part", type=part_of, default=(1, 1))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--runs", type=Path, help="keeps the run folders")
    parser.add_argument("--only-summary", action="store_true", help="of the rows that are there")
    return parser


def fill(chosen: argparse.Namespace, methods: Sequence[str], measure: Measure) -> list[Row]:
    """Measure what is wanted and not there, print and write what the rows say; gives those of the methods."""
    tasks = chosen.tasks or list(map(Task.read, BUNDLED))
    wanted = list(jobs(tasks, chosen.minutes, chosen.seeds, methods, chosen.part))
    known = read(chosen.rows)
    for job in [] if chosen.only_summary else wanted:
        if job.key not in known:
            with tempfile.TemporaryDirectory() as scratch:
                row = row_of(job, chosen.runs or Path(scratch), measure)
            known[job.key] = row
            add(chosen.rows, row)
            outcome = row.get("failure") or f"{row['test_accuracy']:.2%} in {row['seconds']:.0f} s"
            print(f"{job.task.name}, {job.minutes:g} minutes, seed {job.seed}, {job.method}: {outcome}", flush=True)
    own = [job.key for job in jobs(tasks, chosen.minutes, chosen.seeds, methods)]
    rows = [known[key] for key in own if key in known]
    numbers = {}
    for minutes in dict.fromkeys(row["minutes"] for row in rows):
        text, numbers[minutes] = summary([row for row in rows if row["minutes"] == minutes], methods)
        print(f"\n{minutes:g} minutes\n\n{text}")
    if chosen.out:
        chosen.out.write_text(json.dumps({f"{minutes:g}": own for minutes, own in numbers.items()}, indent=1))
    if chosen.plot:
        draw(numbers, chosen.plot)
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    chosen = parser(__doc__, METHODS).parse_args(arguments)
    fill(chosen, [name if name in OWN else method_of(name) for name in chosen.methods], measure)


if __name__ == "__main__":
    main()
