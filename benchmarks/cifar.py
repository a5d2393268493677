"""Accuracy on CIFAR-10 against time, by strategy: whole searches, in the same space and with the same recipes.

    python benchmarks/cifar.py CIFAR [--minutes 2 5 10 20] [--strategies artificial-life random] [--seeds 0] [--out F]
        [--runs DIR]

CIFAR is a folder with `train/` and `test/` and a sub-folder per class, or what else `neuralfinder search` takes. Each
search is a process of its own; its row is added to F as a line of JSON, and a search whose row is there already is
not repeated: hours of searches can be made in parts. With DIR the run folders are kept there. Prints for every budget
and strategy the test accuracy of search and network by hand, and the networks trained.
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


if __name__ == "__main__":
    main()
