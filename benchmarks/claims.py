"""Statements of the text of 2017, tested again on networks whose accuracies are known, and by small trainings.

    python benchmarks/claims.py TABLES [--only CLAIM ...] [--seeds 100] [--kept FOLDER] [--images FOLDER] [--train]

TABLES is the folder of `benchmarks/tabular.py`; the table of our own space is `benchmarks/own_space.json.gz`. Prints
what each experiment says, and draws a figure for each claim: `docs/claims.md` has them in words. Searches on tables
take tenths of a second, and are thousands: `--kept` keeps them, so that another command goes on where one was ended.
Small trainings on digits are in `benchmarks/claims.jsonl`; `--train` makes those that are missing there, first.

Differences are in points of accuracy, with half of their 95 % interval by Student's t.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import claims_digits
import numpy as np
import own_table
import tabular
from claims_digits import Asked
from claims_structure import (
    NEAR,
    OWN_NEAR,
    Beside,
    Estimate,
    as_accurate,
    beside,
    cells,
    deeper,
    macro_nets,
    own_nets,
    shortcuts,
)
from claims_world import LANDSCAPES, MOST_TOP, ON_CHAINS, ROUNDS, WITHOUT_SKIPS, Runs, Simulations

DIGITS = Path(__file__).with_name("claims.jsonl")

IMAGES = Path(__file__).parents[1] / "docs" / "images"

NAMES = {"macro": "NAS-Bench-Macro", "cifar10": "201: CIFAR-10", "cifar100": "201: CIFAR-100",
         "imagenet": "201: ImageNet16-120", "chains": "made-up chains"}  # fmt: skip

CELLS = ("cifar10", "cifar100", "imagenet")
"""NAS-Bench-201."""


@dataclass(frozen=True)
class Sources:
    """Where experiments have their data from, and where figures go to."""

    tables: Path
    digits: dict[Asked, float]
    simulations: Simulations
    images: Path
    on: Sequence[str]

    def without_chains(self) -> Sources:
        return dataclasses.replace(self, on=[name for name in self.on if name != "chains"])

    def figure(self, panels: int, width: float = 3.2) -> tuple[Any, Any]:
        import matplotlib as mpl

        mpl.use("agg")
        from matplotlib import pyplot as plt

        plt.rcParams.update({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False})
        figure, axes = plt.subplots(1, panels, figsize=(width * panels, 2.8), squeeze=False, layout="constrained")
        return figure, axes[0]

    def save(self, figure: Any, claim: str) -> None:
        from matplotlib import pyplot as plt

        figure.savefig(self.images / f"claim-{claim}.png", dpi=100)
        plt.close(figure)


# Structure


def irregular(sources: Sources) -> None:
    nets = macro_nets(tabular.read(sources.tables, "macro"))
    regular, others = [net for net in nets if net.regular], [net for net in nets if not net.regular]
    pairs = beside(regular, others, NEAR)
    print(f"NAS-Bench-Macro: {len(regular)} regular networks, {len(others)} irregular ones")
    print("  regular minus the mean of irregular ones of its cost:", Estimate.of(pair.gap for pair in pairs))
    rank = Estimate.of(np.mean([o.accuracy < pair.one.accuracy for o in pair.others]) for pair in pairs)
    print("  share of those that it is better than:", rank)
    print("  best of those, chosen by one training, minus regular:", Estimate.of(pair.best_other for pair in pairs))
    equals = as_accurate(nets)
    layers = Estimate.of(pair.one.depth - np.mean([other.depth for other in pair.others]) for pair in equals)
    print("  layers that a regular one has more than irregular ones as accurate:", layers)
    best = sorted(nets, key=lambda net: -net.accuracy)
    for count in (20, 100, len(nets)):
        print(f"  regular among the best {count}: {100 * np.mean([bool(n.regular) for n in best[:count]]):.1f} %")
    own = own_nets(own_table.read())
    _print_own(beside([n for n in own if n.regular], [n for n in own if n.regular is False], OWN_NEAR, fewest=1),
               "regular minus irregular")  # fmt: skip
    units = defaultdict(list)
    for one, accuracy in sources.digits.items():
        if one.claim == "irregular" and one.regular:
            twins = [a for o, a in sources.digits.items() if (o.claim, o.unit, o.seed, o.regular) == (
                "irregular", one.unit, one.seed, False)]  # fmt: skip
            units[one.unit] += [100 * (accuracy - twin) for twin in twins]
    gaps = {unit: float(np.mean(some)) for unit, some in units.items() if some}
    print("digits: regular minus irregular twins of its cost:", Estimate.of(gaps.values()),
          f"of {sum(map(len, units.values()))} pairs")  # fmt: skip
    figure, (left, right) = sources.figure(2, 3.8)
    left.scatter([n.costs[0] / 1e6 for n in others], [n.accuracy for n in others], s=3, c="0.75", label="irregular")
    left.scatter([n.costs[0] / 1e6 for n in regular], [n.accuracy for n in regular], s=18, c="C3", label="regular")
    left.set(xlabel="million multiply-adds", ylabel="accuracy, %", title="NAS-Bench-Macro")
    left.legend(loc="lower right")
    left.set_ylim(85, None)
    rows = {
        "Macro: regular - mean of irregular": Estimate.of(pair.gap for pair in pairs),
        "Macro: best irregular - regular": Estimate.of(pair.best_other for pair in pairs),
        "digits: regular - irregular": Estimate.of(gaps.values()),
    }
    _intervals(right, rows)
    sources.save(figure, "irregular")


def depth(sources: Sources) -> None:
    nets = macro_nets(tabular.read(sources.tables, "macro"))
    print("deeper minus shallower, at equal cost")
    by_step = {}
    for step in (1, 2, 3):
        pairs = beside(nets, nets, NEAR, lambda one, other, step=step: other.depth >= one.depth + step)  # type: ignore[misc]
        by_step[step] = _grouped(pairs, -1)
        print(f"  NAS-Bench-Macro, {step} or more layers deeper:", by_step[step], f"of {len(pairs)} networks")
    found = {data: deeper(cells(tabular.read(sources.tables, data))) for data in CELLS}
    rows = {f"Macro, {step}+ layers deeper": each for step, each in by_step.items()}
    for data, steps in found.items():
        for (low, high), gains in steps.items():
            print(f"  {NAMES[data]}, same operations, {low} -> {high} convolutions in a row:", Estimate.of(gains))
    own = own_nets(own_table.read())
    _print_own(beside(own, own, OWN_NEAR, lambda one, other: other.depth >= 1.5 * one.depth, fewest=1),
               "shallower minus deeper by half or more")  # fmt: skip
    accuracies = _digits_by_depth(sources.digits)
    for (norm, skips), by_depth in accuracies.items():
        for layers, values in by_depth.items():
            shallow = accuracies[norm, False].get(claims_digits.DEPTHS[0], {})
            gap = Estimate.of(100 * (a - shallow[seed]) for seed, a in values.items() if seed in shallow)
            print(f"  digits, {_words(norm, skips)}, {layers} layers: {100 * np.mean([*values.values()]):.1f} %;",
                  f"minus {claims_digits.DEPTHS[0]} layers: {gap}")  # fmt: skip
    figure, (left, middle, right) = sources.figure(3)
    _intervals(left, rows)
    left.set_title("NAS-Bench-Macro: deeper - shallower")
    _steps(middle, {NAMES[data]: {f"{low} to {high}": Estimate.of(gains) for (low, high), gains in steps.items()}
                    for data, steps in found.items()})  # fmt: skip
    middle.set(title="201: the same operations, deeper", xlabel="convolutions in a row", ylabel="gain, points")
    for (norm, skips), by_depth in accuracies.items():
        means = [100 * np.mean([*values.values()]) for values in by_depth.values()]
        right.plot([*by_depth], means, marker="o", markersize=3, linestyle="-" if skips else "--",
                   color="C0" if norm else "C1", label=_words(norm, skips))  # fmt: skip
    right.set(xscale="log", xlabel="layers, of equal cost together", ylabel="accuracy, %", title="digits")
    right.set_xticks(claims_digits.DEPTHS, map(str, claims_digits.DEPTHS))
    right.minorticks_off()
    right.legend()
    sources.save(figure, "depth")


def skips(sources: Sources) -> None:
    print("with a skip minus without, nothing else changed, at no cost")
    shown: dict[str, dict[str, Estimate]] = {}
    for data in CELLS:
        known = cells(tabular.read(sources.tables, data))
        found = list(shortcuts(known))
        every = Estimate.of((one.gain for one in found), (one.operations for one in found))
        better = np.mean([one.gain > 0 for one in found])
        print(f"  {NAMES[data]}: {every} sets of operations, {len(found)} cells, of which {100 * better:.0f} % gain")
        shown[NAMES[data]] = {}
        for passed in (1, 2, 3):
            own = [one for one in found if one.passed == passed]
            estimate = Estimate.of((one.gain for one in own), (one.operations for one in own))
            shown[NAMES[data]][str(passed)] = estimate
            print(f"    past {passed} convolutions: {estimate}, {len(own)} cells,",
                  f"{100 * np.mean([one.gain > 0 for one in own]):.0f} % gain")  # fmt: skip
        best = sorted(known, key=lambda cell: -known[cell])
        without = max(accuracy for cell, accuracy in known.items() if 1 not in cell)
        print(f"    best {known[best[0]]:.2f}, best without skips {without:.2f};",
              f"of the best 100 {sum(1 in cell for cell in best[:100])} have one")  # fmt: skip
        if data in sources.on:
            with_, without_ = (sources.simulations.runs(name, "as published") for name in (data, data + WITHOUT_SKIPS))
            gap = Estimate.of(with_.top[:, 0] - without_.top[:, 0])
            print(f"    the world of 2017, {ROUNDS} rounds, with skips in its space minus without: {gap} seeds")
    own_ = own_nets(own_table.read())
    pairs = beside([n for n in own_ if n.skips], [n for n in own_ if not n.skips], OWN_NEAR,
                   lambda one, other: one.depth <= 2 * other.depth <= 4 * one.depth, fewest=1)  # fmt: skip
    _print_own(pairs, "with skips minus without")
    accuracies = _digits_by_depth(sources.digits)
    gains: dict[str, dict[str, Estimate]] = {}
    for norm in (True, False):
        for layers, values in accuracies[norm, True].items():
            plain = accuracies[norm, False][layers]
            gap = Estimate.of(100 * (a - plain[seed]) for seed, a in values.items() if seed in plain)
            gains.setdefault(_words(norm, False).split(",")[0], {})[str(layers)] = gap
            print(f"  digits, {_words(norm, True)} minus without, {layers} layers: {gap}")
    figure, (left, right) = sources.figure(2, 3.8)
    _steps(left, shown)
    left.set(title="NAS-Bench-201: a skip more", xlabel="convolutions that it passes", ylabel="gain, points")
    _steps(right, gains)
    right.set(title="digits: skips past every layer", xlabel="layers", ylabel="gain, points")
    sources.save(figure, "skips")


def _grouped(pairs: Sequence[Beside], sign: int = 1) -> Estimate:
    return Estimate.of((sign * pair.gap for pair in pairs), (pair.one.group for pair in pairs))


def _print_own(pairs: Sequence[Beside], what: str) -> None:
    gaps = [pair.gap for pair in pairs]
    needed = (2 * np.std(gaps, ddof=1) / 0.5) ** 2
    print(f"own table, {what}: {_grouped(pairs)} tasks, {len(pairs)} pairs; for +- 0.5 some {needed:.0f} pairs")


def _digits_by_depth(digits: dict[Asked, float]) -> dict[tuple[bool, bool], dict[int, dict[int, float]]]:
    """Accuracies by norm and skips, depth and seed."""
    found: dict[tuple[bool, bool], dict[int, dict[int, float]]] = {
        (norm, skips): {} for norm in (True, False) for skips in (False, True)
    }
    for one, accuracy in digits.items():
        if one.claim == "depth":
            found[one.norm, one.skips].setdefault(one.unit, {})[one.seed] = accuracy
    return found


def _words(norm: bool, skips: bool) -> str:
    return f"{'with' if norm else 'without'} norm, {'with' if skips else 'no'} skips"


# Searches


def lists(sources: Sources) -> None:
    methods = ("as published", "r = 0", "MetaQNN's agent", "aging evolution", "random")
    names = sources.without_chains().on
    figure, axes = sources.figure(len(names), 2.8)
    print(f"how far the mean of the list's best k is from the table's best, points, k = 1, 5, 10, {MOST_TOP}")
    for axis, name in zip(axes, names, strict=True):
        runs = {method: sources.simulations.runs(name, method) for method in methods}
        short = {method: _short_of(sources, name, each) for method, each in runs.items()}
        print(f"{NAMES[name]}, {runs['as published'].trainings.mean():.0f} trainings (mean)")
        for method, each in runs.items():
            gaps = [short[method][:, k - 1] - short["as published"][:, k - 1] for k in (1, 5, 10, MOST_TOP)]
            cells_ = "  ".join(f"{short[method][:, k - 1].mean():5.2f}" for k in (1, 5, 10, MOST_TOP))
            behind = "  ".join(str(Estimate.of(gap)) for gap in gaps) if method != methods[0] else ""
            print(f"  {method:16} {cells_}  {each.apart.mean():.1f} genes apart; behind the first: {behind}")
            axis.plot(range(1, MOST_TOP + 1), short[method].mean(axis=0), label=method)
        axis.set(title=NAMES[name], xlabel="k, the list's length", ylim=(0, None))
    axes[0].set_ylabel("mean of the best k: behind the best, points")
    axes[-1].legend(loc="upper left", fontsize=6)
    sources.save(figure, "lists")


def _short_of(sources: Sources, name: str, runs: Runs) -> np.ndarray:
    """How far the mean of the best k is from the table's best, `(seeds, MOST_TOP)`."""
    best = 100 * tabular.read(sources.tables, name).best
    means: np.ndarray = np.cumsum(runs.top, axis=1) / np.arange(1, MOST_TOP + 1)
    return best - means


def rule(sources: Sources) -> None:
    methods = ("as published", "r = 0.5 %", "r = 0", "r falls to 0", "2 % of the error")
    _print_worlds(sources, methods)
    figure, axes = sources.figure(1 + len(sources.on), 2.6)
    for method in methods:
        changed = sources.simulations.runs(sources.on[0], method).changed.mean(axis=0)
        axes[0].plot(np.arange(5, ROUNDS - 4), 100 * np.convolve(changed, np.ones(10) / 10, "valid"), label=method)
    axes[0].set(title=NAMES[sources.on[0]], xlabel="round", ylabel="rounds that change anything, %", ylim=(0, 100))
    axes[0].legend(fontsize=6)
    _regrets(sources, axes[1:], methods)
    sources.save(figure, "rule")


def neighbourhood(sources: Sources) -> None:
    methods = ("as published", "the whole world", "dealt out anew")
    zeros = ("r = 0", "r = 0, the whole world", "r = 0, dealt out anew")
    sources = sources.without_chains()
    _print_worlds(sources, methods)
    _print_worlds(sources, zeros)
    figure, axes = sources.figure(1 + len(sources.on), 2.6)
    for style, some in (("-", methods), (":", zeros)):
        for place, method in enumerate(some):
            distinct = sources.simulations.runs(sources.on[0], method).distinct.mean(axis=0)
            axes[0].plot(range(1, ROUNDS + 1), 100 * distinct, style, color=f"C{place}", label=method)
        _regrets(sources, axes[1:], some, style)
    axes[0].set(title=NAMES[sources.on[0]], xlabel="round", ylabel="different networks in the world, %", ylim=(0, None))
    axes[0].legend(fontsize=6)
    sources.save(figure, "neighbourhood")


def choice(sources: Sources) -> None:
    methods = ("as published", "the better more often")
    sources = sources.without_chains()
    _print_worlds(sources, methods)
    figure, axes = sources.figure(len(sources.on), 2.6)
    _regrets(sources, axes, methods)
    axes[-1].legend(fontsize=6)
    sources.save(figure, "choice")


AT = 50, 100, 200


def _known(name: str, methods: Sequence[str]) -> list[str]:
    """Those that are run there."""
    return [method for method in methods if name != "chains" or method in ON_CHAINS]


def _print_worlds(sources: Sources, methods: Sequence[str]) -> None:
    counts = ", ".join(map(str, AT))
    print(f"mean regret in points after {counts} trainings and {ROUNDS} rounds; differences to the first")
    for name in sources.on:
        own = _known(name, methods)
        if len(own) < 2:
            continue
        print(NAMES[name])
        first = sources.simulations.runs(name, methods[0])
        for method in own:
            runs = sources.simulations.runs(name, method)
            regrets = "  ".join(f"{runs.regret(count).mean():.3f}" for count in (*AT, 10**9))
            third = ROUNDS // 3
            changed = [100 * runs.changed[:, at : at + third].mean() for at in (0, third, 2 * third)]
            gaps = [Estimate.of(runs.regret(count) - first.regret(count)) for count in (100, 200, 10**9)]
            print(
                f"  {method:22} {regrets} of {runs.trainings.mean():.0f} trainings;",
                "  ".join(map(str, gaps)) if method != methods[0] else "",
                f"rounds that change anything, by thirds: {', '.join(f'{share:.0f}' for share in changed)} %;",
                f"better child refused in the last third: {100 * runs.refused[:, -third:].mean():.0f} %;",
                f"different at the end {100 * runs.distinct[:, -1].mean():.0f} %;",
                f"best life behind the best known by {Estimate.of(runs.lost)}",
            )


def _regrets(sources: Sources, axes: Sequence[Any], methods: Sequence[str], style: str = "-") -> None:
    for axis, name in zip(axes, sources.on, strict=True):
        for place, method in enumerate(methods):
            if method not in _known(name, methods):
                continue
            runs = sources.simulations.runs(name, method)
            until = int(np.median(runs.trainings))
            curve = runs.regrets.mean(axis=0)[:until]
            first = AT[0]
            axis.plot(range(first, len(curve) + 1), curve[first - 1 :], style, color=f"C{place}", label=method)
        axis.set(title=NAMES[name], xlabel="networks trained", yscale="log")
        if axis is axes[0]:
            axis.set_ylabel("mean regret, points")


# Drawing


def _intervals(axis: Any, rows: dict[str, Estimate]) -> None:
    for place, (name, estimate) in enumerate(rows.items()):
        axis.errorbar(estimate.mean, -place, xerr=estimate.half, fmt="o", color="C0", capsize=2)
        axis.text(0.02, -place + 0.12, name, transform=axis.get_yaxis_transform())
    axis.axvline(0, color="0.6", linewidth=0.8)
    axis.set(yticks=[], xlabel="points, 95 % interval", ylim=(-len(rows) + 0.6, 0.5))


def _steps(axis: Any, groups: dict[str, dict[str, Estimate]]) -> None:
    ticks = list(dict.fromkeys(step for steps in groups.values() for step in steps))
    for place, (name, steps) in enumerate(groups.items()):
        at = [ticks.index(step) + 0.15 * (place - (len(groups) - 1) / 2) for step in steps]
        means, halves = ([getattr(e, part) for e in steps.values()] for part in ("mean", "half"))
        axis.errorbar(at, means, yerr=halves, fmt="o", markersize=4, capsize=2, color=f"C{place}", label=name)
    axis.axhline(0, color="0.6", linewidth=0.8)
    axis.set_xticks(range(len(ticks)), ticks)
    axis.legend()


CLAIMS: dict[str, Callable[[Sources], None]] = {
    "irregular": irregular,
    "depth": depth,
    "lists": lists,
    "skips": skips,
    "rule": rule,
    "neighbourhood": neighbourhood,
    "choice": choice,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", type=Path)
    parser.add_argument("--only", nargs="+", choices=CLAIMS, default=list(CLAIMS))
    parser.add_argument("--on", nargs="+", choices=LANDSCAPES, default=list(LANDSCAPES), help="what searches run on")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--kept", type=Path, help="a folder for searches, which are then not made again")
    parser.add_argument("--images", type=Path, default=IMAGES)
    parser.add_argument("--rows", type=Path, default=DIGITS, help="the file of the small trainings")
    parser.add_argument("--train", action="store_true", help="make those of them that are missing")
    chosen = parser.parse_args()
    if chosen.on == ["chains"]:
        parser.error("--on is chains alone, expected a table, too: most experiments are not made on chains")
    if chosen.train:
        claims_digits.train(chosen.rows)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        simulations = Simulations(chosen.tables, chosen.kept, chosen.seeds, partial(pool.map, chunksize=5))
        sources = Sources(chosen.tables, claims_digits.read(chosen.rows), simulations, chosen.images, chosen.on)
        for name in chosen.only:
            print(f"\n# {name}", flush=True)
            CLAIMS[name](sources)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
