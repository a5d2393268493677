"""The promise of the minutes: within 110 % of them, or 20 seconds more, and a model always comes back."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest


def pictures(path: Path, count: int) -> Path:
    """Coloured pictures of ten classes that differ in where they are bright, as a `.npz` file."""
    rng = np.random.default_rng(0)
    y = np.arange(count) % 10
    X = rng.integers(0, 200, (count, 32, 32, 3), dtype=np.uint8)
    for label in range(10):
        X[y == label, 3 * label : 3 * label + 4, 8:24] += 40
    np.savez(path, X=X, y=y)
    return path


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("seconds", "count"),
    [(10, 200), (10, 5_000), (10, 50_000), (60, 200), (60, 50_000), (300, 5_000)],
)
def test_a_search_ends_in_time_with_a_model(seconds: int, count: int, tmp_path: Path) -> None:
    data = pictures(tmp_path / "data.npz", count)
    command = [sys.executable, "-m", "neuralfinder", "search", str(data), "--minutes", str(seconds / 60), "--quiet"]
    started = time.monotonic()
    subprocess.run([*command, "--run", str(tmp_path / "run")], check=True, cwd=tmp_path)
    wall = time.monotonic() - started
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    figures = f"{wall:.1f} s, {result['candidates']['trained']} networks, test {result['test_accuracy']:.2%}"
    print(f"{seconds} s, {count} pictures: {figures}")  # noqa: T201 - `pytest -s` shows them
    assert wall <= max(1.1 * seconds, seconds + 20)
    assert (tmp_path / "run" / "model" / "model.safetensors").exists()
    assert result["test_accuracy"] > 0.3 or seconds == 10
