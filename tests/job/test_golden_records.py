"""Whole records of seeded runs, event by event: what must not change when code only moves.

The scores of a training depend on the last bits of sums, which other processors and versions of torch round otherwise;
the golden files say where they were written, and elsewhere the tests are skipped. After a change that is meant to
alter runs::

    PYTHONPATH=.:tests OMP_NUM_THREADS=1 python tests/job/test_golden_records.py
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import torch
from runs import searched

from neuralfinder.networks.cost import Rates

GOLDEN = Path(__file__).parent.parent / "golden" / "records"

RUNS = {
    "fast": ["--candidates", "24", "--epochs", "1", "--final-epochs", "2", "--world-size", "3", "--seed", "3",
             "--set", "max_macs=4000000"],
    "seed-2017": ["--preset", "seed-2017", "--candidates", "10", "--epochs", "1", "--world-size", "3",
                  "--seed", "3", "--set", "max_macs=2000000", "--retrain", "1"],
}  # fmt: skip

CHANGING = {
    "seconds", "milliseconds", "versions", "version", "device", "pareto", "settings", "address", "fingerprint",
    "picture", "weights",
}  # fmt: skip
"""Keys of values that time, machine and release decide, or that stand for what was given."""


def where() -> dict[str, str]:
    """What decides the last digits of sums: processors of one capability differ in bf16, and so do hosts of one."""
    paper = Path("/proc/cpuinfo")
    lines = (line.split(":", 1) for line in paper.read_text().splitlines() if ":" in line) if paper.exists() else ()
    known = {name.strip(): value.strip() for name, value in lines}
    processor = " ".join(known.get(name, "") for name in ("vendor_id", "cpu family", "model"))
    bf16 = " ".join(sorted(flag for flag in known.get("flags", "").split() if flag.endswith("bf16")))
    capability = torch.backends.cpu.get_cpu_capability()
    return {"torch": torch.__version__, "cpu": capability, "processor": processor, "bf16": bf16}


def stable(value: Any) -> Any:
    """A value without what changes from run to run, numbers to five digits."""
    if isinstance(value, dict):
        return {name: stable(each) for name, each in value.items() if name not in CHANGING}
    if isinstance(value, list):
        return [stable(each) for each in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def events(name: str, folder: Path) -> list[list[Any]]:
    """Kind and stable data of each event of a run; of plan and experience the kind alone, others pin them."""
    searched(folder, *RUNS[name])
    rows = sqlite3.connect(folder / "run.sqlite").execute("SELECT kind, data FROM events ORDER BY number")
    return [[kind, {} if kind in ("plan", "experience") else stable(json.loads(data))] for kind, data in rows]


@pytest.mark.thorough
@pytest.mark.parametrize("name", RUNS)
def test_a_seeded_run_leaves_the_golden_record(name, tmp_path, quick_machine):
    golden = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    if golden["where"] != where():
        pytest.skip(f"the golden record was written with {golden['where']}")
    found = events(name, tmp_path)
    for place, (event, expected) in enumerate(zip(found, golden["events"], strict=False)):
        assert event == expected, f"event {place + 1}"
    assert len(found) == len(golden["events"])


if __name__ == "__main__":
    import tempfile

    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as scratch:
        patch.setattr("neuralfinder.job.run.measure", lambda *_: Rates(1e-3, 1e-4, 1e-9, 1e-9))
        for each in RUNS:
            rows = ",\n".join(json.dumps(event) for event in events(each, Path(scratch) / each))
            text = f'{{"where": {json.dumps(where())}, "events": [\n{rows}\n]}}\n'
            (GOLDEN / f"{each}.json").write_text(text, "utf-8")
