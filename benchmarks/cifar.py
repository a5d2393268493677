"""Accuracy on CIFAR-10 against time, by strategy: whole searches, in the same space and with the same recipes.

    python benchmarks/cifar.py CIFAR [--minutes 2 5 10 20] [--strategies artificial-life random] [--seeds 0] [--out F]
        [--runs DIR]

CIFAR is a folder with `train/` and `test/` and a sub-folder per class, or what else `neuralfinder search` takes. Each
search is a process of its own; its row is added to F as a line of JSON, and a search whose row is there already is
not repeated: hours of searches can be made in parts. With DIR the run folders are kept there. Prints for every budget
and strategy the test accuracy of search and network by hand, and the networks trained; then the best validation
accuracy so far against time, where the full training of the winner makes the last rise.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import statistics
from pathlib import Path
from typing import Any

from accuracy import search

SHARES = (0.05, 0.1, 0.15, 0.2, 0.25, 1.0)
"""Of the budget, when the best validation accuracy so far is looked at."""


def line(minutes: float, strategy: str, rows: list[dict[str, Any]]) -> str:
    """One line of the table: the mean of some seeds."""
    tests = [row["test_accuracy"] for row in rows]
    others = [row["baselines"]["small network"] for row in rows]
    by_hand = [other["test_accuracy"] for other in others if other] or [math.nan]
    spread = statistics.stdev(tests) if len(tests) > 1 else 0.0
    trained = statistics.mean(row["candidates"]["trained"] for row in rows)
    seconds = statistics.mean(row["wall_seconds"] for row in rows)
    return (
        f"{minutes:>7g} {strategy:<16} {len(rows):>2} {statistics.mean(tests):>8.2%} {spread:>7.2%} "
        f"{statistics.mean(by_hand):>8.2%} {trained:>8.1f} {seconds:>8.1f}  {'; '.join(row['genome'] for row in rows)}"
    )


def best_so_far(minutes: float, strategy: str, rows: list[dict[str, Any]]) -> str:
    """One line of the second table: the mean, over the seeds, of the best validation accuracy at each of `SHARES`."""
    cells = []
    for share in SHARES:
        until = share * 60 * minutes
        bests = [max((score for at, score in row["improvements"] if at <= until), default=math.nan) for row in rows]
        cells.append(f"{statistics.mean(bests):>8.2%}")
    return f"{minutes:>7g} {strategy:<16} {len(rows):>2} {' '.join(cells)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--minutes", type=float, nargs="+", default=[2, 5, 10, 20])
    parser.add_argument("--strategies", nargs="+", default=["artificial-life"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--runs", type=Path)
    chosen = parser.parse_args()
    known: dict[tuple[float, str, int], dict[str, Any]] = {}
    if chosen.out and chosen.out.exists():
        for text in chosen.out.read_text().splitlines():
            row = json.loads(text)
            known[row["minutes"], row["strategy"], row["seed"]] = row
    print(
        f"{'minutes':>7} {'strategy':<16} {'n':>2} {'test':>8} {'spread':>7} {'by hand':>8} {'trained':>8} "
        f"{'seconds':>8}  genomes"
    )
    curves = []
    for minutes, strategy in itertools.product(chosen.minutes, chosen.strategies):
        rows = []
        for seed in chosen.seeds:
            asked = (minutes, strategy, seed)
            if asked not in known:
                kept = chosen.runs and chosen.runs / f"{strategy}-{minutes:g}-{seed}"
                found = search(chosen.data, seed, ["--minutes", str(minutes), "--strategy", strategy], kept)
                known[asked] = {**found, "minutes": minutes, "strategy": strategy}
                if chosen.out:
                    with chosen.out.open("a") as out:
                        out.write(json.dumps(known[asked]) + "\n")
            rows.append(known[asked])
        print(line(minutes, strategy, rows), flush=True)
        curves.append(best_so_far(minutes, strategy, rows))
    print("best validation accuracy so far, by share of the budget")
    print(f"{'minutes':>7} {'strategy':<16} {'n':>2} {' '.join(f'{share:>8.0%}' for share in SHARES)}")
    print("\n".join(curves))


if __name__ == "__main__":
    main()
