"""Accuracy on CIFAR-10 against time: whole searches, and no search at all.

    python benchmarks/cifar.py CIFAR [--minutes 2 5 10 20] [--seeds 0] [--out FILE]

CIFAR is a folder with `train/` and `test/` and a sub-folder per class, or what else `neuralfinder search` takes. Each
search is a process of its own. Prints test accuracy (search, baselines by hand), networks trained and seconds for
every budget and seed, and writes the rows as JSON lines to FILE.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from pathlib import Path

from accuracy import search


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--minutes", type=float, nargs="+", default=[2, 5, 10, 20])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    lines = []
    print(f"{'minutes':>7} {'n':>2} {'test':>8} {'spread':>7} {'by hand':>8} {'trained':>8} {'seconds':>8}  genomes")
    for minutes in chosen.minutes:
        rows = [search(chosen.data, seed, ["--minutes", str(minutes)]) for seed in chosen.seeds]
        lines += [json.dumps({"minutes": minutes, **row}) for row in rows]
        tests = [row["test_accuracy"] for row in rows]
        others = [row["baselines"]["small network"] for row in rows]
        by_hand = [other["test_accuracy"] for other in others if other] or [math.nan]
        spread = statistics.stdev(tests) if len(tests) > 1 else 0.0
        trained = statistics.mean(row["candidates"]["trained"] for row in rows)
        seconds = statistics.mean(row["wall_seconds"] for row in rows)
        print(
            f"{minutes:>7g} {len(rows):>2} {statistics.mean(tests):>8.2%} {spread:>7.2%} "
            f"{statistics.mean(by_hand):>8.2%} {trained:>8.1f} {seconds:>8.1f}  {'; '.join(r['genome'] for r in rows)}",
            flush=True,
        )
        if chosen.out:
            chosen.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
