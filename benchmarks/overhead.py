"""Time of everything but training, per candidate: strategy, journal, archive, judgement, loop; and resume.

    python benchmarks/overhead.py [--candidates 1000 10000 100000] [--out FILE]

Candidates are answered at once with a made-up score. Prints one row a size and writes the rows as JSON to FILE.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import resource
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any

from neuralfinder.job.factories import make_space, make_strategy
from neuralfinder.job.settings import Settings
from neuralfinder.networks.cost import Rates
from neuralfinder.search.early_stopping import EarlyStopping
from neuralfinder.search.executors import in_process
from neuralfinder.search.loop import Limits, Progress, replay, search
from neuralfinder.search.record import Record
from neuralfinder.types import Candidate, Fidelity, Result, Shape


def answer(candidate: Candidate) -> Result:
    """A score that depends on the genome alone, with a curve as long as a real one."""
    score = 0.5 + 0.4 * zlib.crc32(candidate.genome.key.encode()) / 2**32
    return Result(candidate.id, score, curve=(score,) * 3, rungs=(score / 2, score), parameters=1_000_000)


def fresh(count: int) -> Progress:
    """The search of the preset `fast` on pictures like CIFAR-10's, with rounds enough for `count` candidates."""
    settings = Settings(seed=0)
    space = make_space(settings, Shape(3, 32, 32), 10, Rates(), math.inf)
    strategy = make_strategy(settings, space, Fidelity(1), world_size=9, rounds=count)
    return Progress(strategy, inherit=True, early_stopping=EarlyStopping(), leaders=lambda archive: archive.best(3))


def measure(count: int) -> dict[str, Any]:
    """One search of `count` candidates and its resume."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.sqlite"
        started = time.perf_counter()
        executor = in_process()
        progress = fresh(count)
        with Record(path) as record:
            for _ in search(progress, executor, answer, record, Limits(count)):
                pass
        seconds = time.perf_counter() - started
        executor.shutdown()

        started = time.perf_counter()
        again = fresh(count)
        with Record(path) as record:
            replay(again, record.events())
        resume = time.perf_counter() - started
        if again.strategy.view() != progress.strategy.view():
            raise AssertionError("the resumed search is another")
        return {
            "candidates": count,
            "milliseconds_each": 1000 * seconds / count,
            "seconds": seconds,
            "resume_seconds": resume,
            "record_bytes_each": path.stat().st_size / count,
            "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    print(f"{'candidates':>10} {'ms each':>8} {'seconds':>8} {'resume s':>9} {'bytes each':>11} {'memory MiB':>11}")
    rows = []
    for count in chosen.candidates:
        rows.append(row := measure(count))
        print(
            f"{count:>10,} {row['milliseconds_each']:>8.3f} {row['seconds']:>8.1f} {row['resume_seconds']:>9.1f} "
            f"{row['record_bytes_each']:>11.0f} {row['peak_memory_mib']:>11.0f}"
        )
    print(f"{platform.machine()}, Python {platform.python_version()}")
    if chosen.out:
        chosen.out.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
