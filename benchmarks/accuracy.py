"""Test accuracy and wall time of whole searches, one process each.

    python benchmarks/accuracy.py [DATA] [--test PATH] --minutes 2 --seeds 0 1 2 [--preset fast] [--out FILE]

DATA and PATH are what `neuralfinder search` takes; without them, the bundled digits. Prints one row a seed and
their mean and standard deviation, and writes the rows as JSON lines to FILE.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from neuralfinder.search.record import Record
from neuralfinder.show.report import improvements


def search(data: str | None, seed: int, options: list[str], kept: Path | None = None) -> dict[str, Any]:
    """One search in a fresh process.

    Args:
        data: what `neuralfinder search` takes.
        seed: of the search.
        options: further words of the command.
        kept: the run folder, empty or missing; a temporary one when not given.

    Returns:
        The content of its `result.json`, with `wall_seconds` and `improvements`, see `report.improvements`.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = kept or Path(temporary)
        command = [sys.executable, "-m", "neuralfinder", "search", *([data] if data else [])]
        started = time.monotonic()
        words = [*command, "--seed", str(seed), "--run", str(folder), "--quiet", *options]
        subprocess.run(words, check=True)  # noqa: S603 - our own command
        seconds = time.monotonic() - started
        result = json.loads((folder / "result.json").read_text())
        with Record(folder / "run.sqlite", readonly=True) as record:
            return {**result, "wall_seconds": seconds, "improvements": improvements(record)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?")
    parser.add_argument("--test")
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    options = ["--minutes", str(chosen.minutes), "--preset", chosen.preset]
    options += ["--test", chosen.test] if chosen.test else []
    rows = [search(chosen.data, seed, options) for seed in chosen.seeds]
    print(
        f"{'seed':>4} {'test':>8} {'validation':>10} {'linear':>8} {'by hand':>8} {'trained':>8} {'seconds':>8}  genome"
    )
    for row in rows:
        others = [row["baselines"][name] for name in ("logistic regression", "small network")]
        linear, by_hand = (f"{other['test_accuracy']:.2%}" if other else "-" for other in others)
        print(
            f"{row['seed']:>4} {row['test_accuracy']:>8.2%} {row['validation_accuracy']:>10.2%} {linear:>8} "
            f"{by_hand:>8} {row['candidates']['trained']:>8} {row['wall_seconds']:>8.1f}  {row['genome']}"
        )
    tests = [row["test_accuracy"] for row in rows]
    spread = statistics.stdev(tests) if len(tests) > 1 else 0.0
    versions = ", ".join(f"{name} {version}" for name, version in rows[0]["versions"].items())
    print(f"test {statistics.mean(tests):.2%} +- {spread:.2%}, n = {len(tests)}; {rows[0]['device']}; {versions}")
    if chosen.out:
        chosen.out.write_text("".join(json.dumps(row) + "\n" for row in rows))


if __name__ == "__main__":
    main()
