"""What is in the table of our own space.

    python benchmarks/own_summary.py [--table FILE]

How precise accuracies are, do short trainings rank networks as long ones do, whether a network's rank on other tasks
tells its rank on this one, how many networks to begin where time is short, what a doubling of a training brings, what
other rates and no shifts do to which heads.
"""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from own_networks import BY_HAND
from own_policies import LOOKS, Pool
from own_table import FEWEST, FILE, Known, OwnSpace, Point, Training, mean, rank_agreement, read

from neuralfinder.networks.expectation import log_odds
from neuralfinder.networks.genome import DenseHead, Genome, PoolHead, parse
from neuralfinder.types import Shape


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
    _print_doublings(space)
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
        spread = f"{math.sqrt(mean(squares)):.1%} (n = {len(squares)})" if squares else "-"
        noise = math.sqrt(best * (1 - best) / sizes["seen"])
        curve = [mean(p.judged for t in _better(space, task) if (p := t.at(share))) for share in space.shares]
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
                (mean(rank[key] for rank in others if key in rank), own[key])
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
            blind.append(mean(_handed_over_of(table, keys, share) for keys in drawn))
        print(f"{count} for 1/{round(1 / share):<2} {100 * mean(known):6.1f}% {100 * mean(blind):6.1f}%")


def _print_doublings(space: OwnSpace) -> None:
    """By which `job/team.py` reckons; tiles are left out, whose networks learn nothing here."""
    print(
        "\nlog-odds of a right answer that a doubling brings, better half of each task but tiles, by what was before:"
    )
    gains: dict[str, dict[int, list[float]]] = {"steps": defaultdict(list), "passes": defaultdict(list)}
    for task, sizes in space.tasks.items():
        for training in _better(space, task) if task != "tiles" else ():
            points = [training.at(share) for share in space.shares]
            odds = [log_odds([point.judged], sizes["judging"])[0] if point else None for point in points]
            for share, first, second in zip(space.shares, odds, odds[1:], strict=False):
                if first is not None and second is not None:
                    steps = share * training.steps
                    gains["steps"][math.floor(math.log2(steps))].append(second - first)
                    passes = steps * sizes["batch"] / sizes["train"]
                    gains["passes"][math.floor(math.log2(passes))].append(second - first)
    for unit, found in gains.items():
        cells = (
            f"{2.0**power:g} to {2.0 ** (power + 1):g}: {mean(found[power]):.2f} ({len(found[power])})"
            for power in sorted(found)
        )
        print(f"{unit}: {', '.join(cells)}")


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
    parser.add_argument("--table", type=Path, default=FILE)
    print_summary(read(parser.parse_args().table))


if __name__ == "__main__":
    main()
