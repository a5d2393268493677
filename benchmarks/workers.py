"""Many hands: throughput of Ray against one process, and how busy workers are, with candidates that only wait.

    pip install -e '.[ray]'
    python benchmarks/workers.py [--candidates 400] [--sleep 0.5] [--workers 2 8] [--out FILE]

First candidates that are answered at once, in process and through Ray: the time of the way there and back. Then
candidates that sleep: efficiency is the time they would need at best, shared among the workers, over the time the
search took. Workers are logical: sleeping needs no core.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import sys
import tempfile
import time
from concurrent.futures import wait
from functools import partial
from pathlib import Path
from typing import Any

import ray

from neuralfinder.search.executors import Executor, in_process
from neuralfinder.search.loop import Limits, Progress, search
from neuralfinder.search.ray_executor import ray_workers
from neuralfinder.search.record import Record
from neuralfinder.seeds import Seeds
from neuralfinder.strategies import Random
from neuralfinder.testing import TOY
from neuralfinder.types import Candidate, Fidelity, Result


def answer(candidate: Candidate, seconds: float) -> Result:
    time.sleep(seconds)
    return TOY.answer(candidate)


def measure(executor: Executor, slots: int, candidates: int, seconds: float) -> float:
    """Seconds of a search of so many candidates, each of which sleeps for so long."""
    evaluate = partial(answer, seconds=seconds)
    progress = Progress(Random(TOY.space, Seeds(0), Fidelity(1)))
    first = [Candidate(number, TOY.target, "init", (), 0, Fidelity(1)) for number in range(slots)]
    wait([executor.submit(partial(answer, seconds=1.0), candidate) for candidate in first])  # workers start with them
    with tempfile.TemporaryDirectory() as folder, Record(Path(folder) / "run.sqlite") as record:
        started = time.perf_counter()
        for _ in search(progress, executor, evaluate, record, Limits(candidates), slots):
            pass
        return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=400)
    parser.add_argument("--sleep", type=float, default=0.5)
    parser.add_argument("--workers", type=int, nargs="+", default=[2, 8])
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    rows: list[dict[str, Any]] = []
    with in_process() as executor:
        seconds = measure(executor, 1, chosen.candidates, 0.0)
    rows.append(
        {
            "where": "in process",
            "workers": 1,
            "sleep": 0.0,
            "seconds": seconds,
            "each_ms": 1000 * seconds / chosen.candidates,
        }
    )
    for sleep in (0.0, chosen.sleep):
        for workers in chosen.workers:
            count = chosen.candidates if not sleep else 10 * workers
            with ray_workers(workers, None, cuda=False) as (executor_, slots):
                seconds = measure(executor_, slots, count, sleep)
            row = {
                "where": "Ray",
                "workers": workers,
                "sleep": sleep,
                "seconds": seconds,
                "each_ms": 1000 * seconds / count,
            }
            rows.append({**row, "efficiency": count * sleep / workers / seconds} if sleep else row)
    print(f"{'where':>10} {'workers':>7} {'sleep s':>7} {'seconds':>8} {'ms each':>8} {'efficiency':>10}")
    for row in rows:
        cells = (
            f"{row['where']:>10} {row['workers']:>7} {row['sleep']:>7g} {row['seconds']:>8.2f} {row['each_ms']:>8.2f}"
        )
        print(f"{cells} {row.get('efficiency', math.nan):>10.3f}")
    print(f"{platform.machine()}, python {platform.python_version()}, ray {ray.__version__}")
    if chosen.out:
        chosen.out.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
