"""Regret against evaluations on tabular benchmarks: strategies, with and without foresight, and Optuna's TPE.

    pip install -e '.[bench]'
    python benchmarks/tabular.py TABLES [--seeds 200] [--evaluations 200] [--only NAME ...] [--out FILE] [--plot FILE]

TABLES is a folder with `nas-bench-macro-cifar10.json` (the file of xiusu/NAS-Bench-Macro) and `nas-bench-201.csv`
(columns cellstr, cifar10-val, cifar10-test, and the same of cifar100 and imagenet; percent). A strategy sees one
validation accuracy of a network for each training. Regret is how much better, in points, the best network of the table
is judged than the one that has been seen best so far, with the mean of its trainings: NAS-Bench-Macro judges by the
mean of three trainings, NAS-Bench-201 by the test accuracy. Prints the mean and the quartiles over the seeds; writes
all means to FILE, draws them to another.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from pathlib import Path

import numpy as np

from neuralfinder.job.presets import PRESETS
from neuralfinder.networks.genome import Choice, Genome
from neuralfinder.networks.tabular import Table, read_macro, read_nasbench201
from neuralfinder.search.archive import Archive
from neuralfinder.seeds import Seeds
from neuralfinder.strategies import AgingEvolution, ArtificialLife, LocalSearch, Random, Strategy
from neuralfinder.types import Candidate, Fidelity

Make = Callable[[Table, Seeds], Strategy]

AT = (50, 100, 200, 400)
"""Evaluations whose regret is printed."""

TABLES: dict[str, Callable[[Path], Table]] = {
    "macro": lambda folder: read_macro(folder / "nas-bench-macro-cifar10.json"),
    **{
        data: lambda folder, data=data: read_nasbench201(folder / "nas-bench-201.csv", data)  # type: ignore[misc]
        for data in ("cifar10", "cifar100", "imagenet")
    },
}


def life(table: Table, seeds: Seeds, **settings: object) -> Strategy:
    return ArtificialLife(table, seeds, Fidelity(1), rounds=1_000_000, **settings)  # type: ignore[arg-type]


DEFAULT = {**PRESETS["fast"].life, "size": 4}

STRATEGIES: dict[str, Make] = {
    "random": lambda table, seeds: Random(table, seeds, Fidelity(1)),
    "aging 20/5": lambda table, seeds: AgingEvolution(table, seeds, Fidelity(1), population=20, sample=5),
    "aging 100/25": lambda table, seeds: AgingEvolution(table, seeds, Fidelity(1), population=100, sample=25),
    "local search": lambda table, seeds: LocalSearch(table, seeds, Fidelity(1)),
    "published": life,
    "published r=0": partial(life, r=0.0),
    "no foresight": partial(life, **{**DEFAULT, "foresight": 0}),
    "default": partial(life, **DEFAULT),
}


def by_strategy(make: Make, table: Table, seed: int, evaluations: int) -> list[Candidate]:
    """The first candidates of a strategy; fewer when it is done."""
    strategy = make(table, Seeds(seed))
    asked: list[Candidate] = []
    while len(asked) < evaluations and (candidates := strategy.ask(1)):
        strategy.tell([table.answer(candidate) for candidate in candidates])
        asked += candidates
    return asked


def by_tpe(table: Table, seed: int, evaluations: int) -> list[Candidate]:
    """What Optuna's TPE asks for, each network counted once as the strategies' cache does."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    asked: dict[str, Candidate] = {}
    for _ in range(5 * evaluations):
        trial = study.ask()
        values = [trial.suggest_categorical(str(place), range(table.choices)) for place in range(table.places)]
        genome = table.canonical(Genome(tuple(Choice(value) for value in values)))
        number = Seeds(seed).number("candidate", genome.key, 0)
        candidate = asked.setdefault(genome.key, Candidate(len(asked), genome, "tpe", (), number, Fidelity(1)))
        study.tell(trial, table.answer(candidate).score)
        if len(asked) == evaluations:
            break
    return list(asked.values())


SEARCHES: dict[str, Callable[[Table, int, int], list[Candidate]]] = {
    **{name: partial(by_strategy, make) for name, make in STRATEGIES.items()},
    "Optuna TPE": by_tpe,
}


@cache
def read(folder: Path, name: str) -> Table:
    return TABLES[name](folder)


def regrets(folder: Path, name: str, search: str, evaluations: int, seed: int) -> np.ndarray:
    """Regret in points after each evaluation, `(evaluations,)`; a search that is done stays where it is."""
    table, archive, curve = read(folder, name), Archive(), list[float]()
    for candidate in SEARCHES[search](table, seed, evaluations):
        archive.add(candidate, table.answer(candidate))
        curve.append(100 * table.regret(archive.best(1)[0].genome))
    return np.array(curve + curve[-1:] * (evaluations - len(curve)))


def draw(means: dict[str, dict[str, list[float]]], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(means), figsize=(4.5 * len(means), 4), squeeze=False, layout="constrained")
    for axis, (table, curves) in zip(axes[0], means.items(), strict=True):
        for place, (name, curve) in enumerate(curves.items()):
            style = {"color": "black", "linewidth": 2.2} if name == "default" else {"color": f"C{place}"}
            axis.plot(range(1, len(curve) + 1), np.maximum(curve, 1e-3), label=name, **style)
        axis.set(title=table, xlabel="evaluations", yscale="log", xlim=(10, None))
    axes[0][0].set_ylabel("mean regret, points")
    axes[0][0].legend(fontsize=8)
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", type=Path)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--evaluations", type=int, default=200)
    parser.add_argument("--on", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--only", nargs="+", choices=SEARCHES, default=list(SEARCHES))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--plot", type=Path)
    chosen = parser.parse_args()
    at = [count for count in AT if count <= chosen.evaluations]
    means: dict[str, dict[str, list[float]]] = {}
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for table in chosen.on:
            print(f"{table}: mean [quartiles] regret in points after {', '.join(map(str, at))} evaluations")
            for name in chosen.only:
                started = time.perf_counter()
                one = partial(regrets, chosen.tables, table, name, chosen.evaluations)
                curves = np.array(list(pool.map(one, range(chosen.seeds), chunksize=5)))
                means.setdefault(table, {})[name] = curves.mean(axis=0).round(5).tolist()
                cells = []
                for count in at:
                    low, _, high = statistics.quantiles(curves[:, count - 1], n=4)
                    cells.append(f"{curves[:, count - 1].mean():6.3f} [{low:.2f} {high:.2f}]")
                print(f"  {name:14} {'  '.join(cells)}  {time.perf_counter() - started:5.0f} s", flush=True)
    if chosen.out:
        chosen.out.write_text(json.dumps({"seeds": chosen.seeds, "means": means}))
    if chosen.plot:
        draw(means, chosen.plot)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
