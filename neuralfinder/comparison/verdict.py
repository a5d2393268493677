"""What a comparison's rows say: a table, a plot, a verdict in words, and `methods.md`."""

from __future__ import annotations

import math
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

import numpy as np

import neuralfinder
from neuralfinder.comparison.compare import Comparison, Row
from neuralfinder.comparison.published import ERROR_TABLES, PROTOCOL, STRATEGY_ERRORS
from neuralfinder.comparison.references import REFERENCES
from neuralfinder.job.presets import PRESETS
from neuralfinder.show.report import as_table
from neuralfinder.strategies import STRATEGIES
from neuralfinder.training.metrics import LEVEL
from neuralfinder.training.recipes import RECIPES

WORLD, CHANCE = "artificial-life", "random"


@dataclass(frozen=True, slots=True)
class Method:
    """The rows of one method that did not fail, and how many did."""

    name: str
    rows: tuple[Row, ...]
    failed: int

    @property
    def searches(self) -> bool:
        """Whether it is a strategy."""
        return self.name in STRATEGIES

    @property
    def accuracy(self) -> float:
        """Mean test accuracy over the seeds."""
        return float(mean(row["test_accuracy"] for row in self.rows))


@dataclass(frozen=True, slots=True)
class Difference:
    """By how much one method is better than another: the mean over the seeds that both have, and its uncertainty.

    `margin` is half the 95 % interval: of the paired differences by Student's t, but at least what the number of test
    pictures leaves open; NaN without a common seed.
    """

    better: str
    worse: str
    gain: float
    margin: float

    @property
    def beyond_noise(self) -> bool:
        """Whether the interval excludes zero."""
        return self.gain > self.margin


def by_method(rows: Sequence[Row]) -> list[Method]:
    """The methods in the order of their first rows."""
    names = list(dict.fromkeys(row["method"] for row in rows))
    own = {name: [row for row in rows if row["method"] == name] for name in names}
    good = {name: tuple(row for row in own[name] if not row.get("failure")) for name in names}
    return [Method(name, good[name], len(own[name]) - len(good[name])) for name in names]


def difference(one: Method, other: Method, test_pictures: int) -> Difference:
    """The better of two methods, and by how much; paired over seeds."""
    if one.accuracy < other.accuracy:
        one, other = other, one
    there = {row["seed"]: row["test_accuracy"] for row in other.rows}
    pairs = [(row["test_accuracy"], there[row["seed"]]) for row in one.rows if row["seed"] in there]
    if not pairs:
        return Difference(one.name, other.name, one.accuracy - other.accuracy, math.nan)
    gains = [x - y for x, y in pairs]
    from scipy.stats import norm, t

    # two networks on the same pictures: at most as uncertain as on different ones
    variance = mean(x * (1 - x) + y * (1 - y) for x, y in pairs) / test_pictures
    margin = float(norm.ppf(0.5 + LEVEL / 2)) * math.sqrt(variance / len(pairs))
    if len(gains) > 1:
        margin = max(margin, float(t.ppf(0.5 + LEVEL / 2, len(gains) - 1)) * stdev(gains) / math.sqrt(len(gains)))
    return Difference(one.name, other.name, mean(gains), margin)


def table(rows: Sequence[Row], published: bool) -> str:
    """One line a method, the best mean first; with `published` the literature's figures in columns of their own."""
    columns = ["method", "n", "test", "+-", "best", "parameters", "networks", "epochs", "seconds"]
    if published:
        columns += ["| published error", "parameters", "source"]
    methods = by_method(rows)
    lines = [[*_cells(method), *(_published(method.name) if published else [])] for method in _ranked(methods)]
    lines += [[method.name, "failed", *[""] * (len(columns) - 2)] for method in methods if not method.rows]
    left = (0, len(columns) - 1) if published else (0,)
    return as_table(columns, lines, left=left)


def _ranked(methods: Sequence[Method]) -> list[Method]:
    return sorted((method for method in methods if method.rows), key=lambda method: -method.accuracy)


def _cells(method: Method) -> list[str]:
    tests = [row["test_accuracy"] for row in method.rows]
    trained = mean(row.get("trained", 1) for row in method.rows)
    return [
        method.name,
        str(len(tests)) + (f" ({method.failed} failed)" if method.failed else ""),
        f"{mean(tests):.2%}",
        f"{stdev(tests):.2%}" if len(tests) > 1 else "-",
        f"{max(tests):.2%}",
        f"{mean(row['parameters'] for row in method.rows):,.0f}",
        f"{trained:.0f}" if method.searches else "-",
        f"{mean(row['epochs'] for row in method.rows):.1f}",
        f"{mean(row['seconds'] for row in method.rows):.0f}",
    ]


def _published(name: str) -> list[str]:
    if name in STRATEGY_ERRORS:
        error, parameters, source = STRATEGY_ERRORS[name]
        return [f"| {error:.2f} %", parameters, source]
    reference = REFERENCES.get(name)
    if reference is None or reference.error is None:
        return ["| -", "-", "-"]
    size = f"{reference.parameters / 1e6:.1f} M" if reference.parameters else "-"
    return [f"| {reference.error:.2f} %", size, reference.source]


def literature() -> str:
    """The three tables of the 2017 text, and why they cannot be compared number by number with ours."""
    parts = [PROTOCOL]
    for number, one in enumerate(ERROR_TABLES, start=1):
        lines = as_table(one.columns, [list(row) for row in one.rows], left=(0,))
        parts.append(f"Published table {number}. {one.title}\n{one.source}\n\n{lines}")
    return "\n\n".join(parts)


def verdict(rows: Sequence[Row]) -> list[str]:
    """What can be said, in sentences: which differences exceed the noise, and whether searching was worth it."""
    methods = by_method(rows)
    ranked = _ranked(methods)
    lines = [f"{method.name} failed with {method.failed} seeds." for method in methods if method.failed]
    if not ranked:
        return [*lines, "No method ended well: there is nothing to compare."]
    best, others = ranked[0], ranked[1:]
    lines.append(f"Best: {best.name}, {best.accuracy:.2%} test, mean of {len(best.rows)}.")
    test_pictures = best.rows[0]["task"]["test"]
    pairs = [difference(best, other, test_pictures) for other in others]
    clear = [pair for pair in pairs if pair.beyond_noise]
    if clear:
        lines.append(f"Better than these by more than the noise: {'; '.join(map(_against, clear))}.")
    if rest := [pair for pair in pairs if not pair.beyond_noise]:
        lines.append(f"Not told apart from: {'; '.join(map(_against, rest))}.")
    if len(best.rows) < 3:
        lines.append(f"With n = {len(best.rows)} only large differences can be told; more --seeds tell smaller ones.")
    named = {method.name: method for method in ranked}
    if CHANCE in named:
        for method in ranked:
            if method.searches and method.name != CHANCE:
                lines.append(f"{method.name} against random search: {_outcome(method, named[CHANCE], test_pictures)}.")
    searched = next((method for method in ranked if method.searches), None)
    by_hand = next((method for method in ranked if not method.searches), None)
    if searched and by_hand:
        outcome = _outcome(searched, by_hand, test_pictures)
        lines.append(f"Searching ({searched.name}) against the best hand-made network ({by_hand.name}): {outcome}.")
    return lines


def _against(pair: Difference) -> str:
    return f"{pair.worse} (by {100 * pair.gain:.2f} +- {100 * pair.margin:.2f} points)"


def _outcome(method: Method, other: Method, test_pictures: int) -> str:
    pair = difference(method, other, test_pictures)
    points = f"{100 * pair.gain:.2f} +- {100 * pair.margin:.2f} points"
    if not pair.beyond_noise:
        return f"no difference beyond the noise ({points}, {pair.better} ahead)"
    return f"{'better' if pair.better == method.name else 'worse'} by {points}"


def draw(rows: Sequence[Row], path: Path) -> None:
    """Best validation accuracy so far against seconds: the mean over seeds, and from the worst to the best as a band.

    Raises:
        ImportError: matplotlib is not installed.
    """
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axis = plt.subplots(figsize=(8, 5), layout="constrained")
    ranked = _ranked(by_method(rows))
    end = max((row["seconds"] for method in ranked for row in method.rows), default=1.0)
    seconds = np.linspace(0, end, 400)
    for place, method in enumerate(ranked):
        curves = np.array([_curve(row["improvements"], seconds) for row in method.rows])
        whole = ~np.isnan(curves).any(axis=0)
        color, line = f"C{place % 10}", "-" if method.searches else "--"
        axis.plot(seconds[whole], curves[:, whole].mean(axis=0), label=method.name, color=color, linestyle=line)
        low, high = curves[:, whole].min(axis=0), curves[:, whole].max(axis=0)
        axis.fill_between(seconds[whole], low, high, color=color, alpha=0.15, linewidth=0)
    axis.set(xlabel="seconds", ylabel="best validation accuracy so far", xlim=(0, end))
    axis.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8, title="searches -, by hand - -", loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _curve(improvements: Sequence[Sequence[float]], seconds: np.ndarray) -> np.ndarray:
    """The best so far at each moment, `(n,)`; NaN before the first."""
    moments, scores = np.array(improvements, dtype=float).reshape(-1, 2).T
    places = np.searchsorted(moments, seconds, side="right")
    return np.concatenate([[math.nan], scores])[places]


TUNING = (
    "no method was tuned within this comparison. What the program brings was chosen before, on these data "
    "(docs/LOG.md): the recipes for pictures on CIFAR-10 and the bundled digits; the recipe for texts by "
    "cross-validation on the training questions of TREC, with its test questions looked at beside, and on the bundled "
    "docstrings; the settings of `artificial-life` on CIFAR-10, the digits, NAS-Bench-Macro and NAS-Bench-201, where "
    "`aging-evolution` has the better of two lengths of its queue. The other settings are those of the papers, but for "
    "what docstrings say. Where the data of this comparison are among those named, whatever they are called here, what "
    "was chosen on them may look better than it is."
)
"""What was tuned on what. Whether the data of a comparison are among these, whoever gave them knows."""


def methods_page(comparison: Comparison, rows: Sequence[Row]) -> str:
    """How everything was done, after the checklists of Li & Talwalkar (2019) and Lindauer & Hutter (2020)."""
    task = next(row["task"] for row in rows if not row.get("failure"))
    settings = comparison.settings
    preset = PRESETS[settings.preset]
    random = [score for row in rows if row["method"] == CHANCE for score in row.get("scores", ())]
    sampling = (
        f"{mean(random):.2%} +- {stdev(random):.2%} validation accuracy (n = {len(random)})"
        if len(random) > 1
        else "not measured: `random` is not among the methods"
    )
    versions = f"NeuralFinder {neuralfinder.__version__}, Python {platform.python_version()}, torch {task['torch']}"
    lines = [
        "# Methods",
        "",
        f"- **Data**: {task['name']}, {task['notes']}",
        f"- **Split**: {task['train']:,} training, {task['validation']:,} validation, {task['test']:,} test pictures "
        f"of {task['shape']}, {task['classes']} classes, by the seed of the row. Search, choice and stopping see "
        "training and validation part; the test part is looked at once a row, at its end.",
        f"- **Methods**: {', '.join(comparison.methods)}",
        f"- **Seeds**: {', '.join(map(str, comparison.seeds))}, of split, search, first weights and order of pictures",
        f"- **Budget**: {settings.minutes:g} minutes of wall clock for each row, from when the data are in memory; "
        "search, final training, baselines and tests included",
        f"- **Spaces**: preset `{settings.preset}` for the strategies that take any; `metaqnn`, `nas-rl` and "
        "`large-scale-evolution` have those of their papers, within the same caps",
        f"- **Recipe of candidates** `{preset.recipe}`: {RECIPES[preset.recipe]}",
        f"- **Recipe of finalists and hand-made networks** `{preset.final}`: {RECIPES[preset.final]}",
        f"- **Hardware**: {task['device']}; one method after the other, each in a process of its own",
        f"- **Versions**: {versions}",
        f"- **Random sampling** (the mean network of the space): {sampling}",
        f"- **Tuning**: {TUNING}",
        "",
        "## Results",
        "",
        "```",
        table(rows, published=True),
        "```",
        "",
        *[f"- {line}" for line in verdict(rows)],
        "",
        PROTOCOL,
    ]
    enlarged = sorted({f"{r['method']} ({r['enlarged']})" for r in rows if r.get("enlarged")})
    if enlarged:
        lines += ["", f"Pictures were scaled up for {', '.join(enlarged)}: the shorter side these networks need."]
    slower = sorted({f"{r['method']}, seed {r['seed']} (x {r['rate']:g})" for r in rows if r.get("rate", 1) != 1})
    if slower:
        lines += ["", f"Trained at a lower learning rate, having not learned at the recipe's: {'; '.join(slower)}."]
    return "\n".join(lines) + "\n"
