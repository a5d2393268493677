"""Very many pictures, and large ones: read once, in bounded memory, and searched in the minutes asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

CLASSES = 10

SEARCH = """
import json, sys, threading, time
from pathlib import Path

memory, data, run = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
import neuralfinder.data.mapped
neuralfinder.data.mapped.memory_bytes = lambda: memory
peak, done = 0, False

def watch():
    global peak
    while not done:
        own = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
        peak = max(peak, 1024 * int(own.split()[1]))
        time.sleep(0.05)

from neuralfinder.cli import cli
thread = threading.Thread(target=watch)
thread.start()
began = time.monotonic()
cli(["search", data, "--minutes", sys.argv[4], "--quiet", "--run", str(run)], standalone_mode=False)
done = True
thread.join()
print(json.dumps({"peak": peak, "seconds": time.monotonic() - began}))
"""


def draw(folder: Path, side: int, rows: range) -> None:
    """JPEG files of these numbers: noise under stripes whose distance is the class."""
    for row in rows:
        rng = np.random.default_rng(row)
        label = row % CLASSES
        stripes = 50 * np.sin(np.arange(side) * (label + 2) * 12 / side + rng.uniform(0, 6))
        picture = np.clip(128 + stripes[:, None, None] + rng.normal(0, 40, (side, side, 3)), 0, 255)
        home = folder / f"class{label}" / f"{row // 1000}"
        home.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture.astype(np.uint8)).save(home / f"{row}.jpg", quality=80)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("count", "side"), [(200_000, 64), (20_000, 224)])
@pytest.mark.parametrize("memory", [4, 24])
def test_many_pictures_are_searched_in_the_minutes_asked_for(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, count: int, side: int, memory: int
) -> None:
    folder = tmp_path_factory.getbasetemp() / f"many-{side}"
    if not folder.exists():
        parts = [range(start, min(start + 2000, count)) for start in range(0, count, 2000)]
        with ProcessPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(partial(draw, folder, side), parts))
    minutes = 6.0
    done = subprocess.run(
        [sys.executable, "-c", SEARCH, str(memory << 30), str(folder), str(tmp_path / "run"), str(minutes)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    took = json.loads(done.stdout.splitlines()[-1])
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    told = {name: result[name] for name in ("test_accuracy", "genome", "seconds", "candidates")}
    sys.stdout.write(f"{took} {told}\n")
    assert took["peak"] < memory << 30
    assert took["seconds"] < 60 * minutes + 5
    assert result["candidates"]["trained"] >= 1
    assert result["test_accuracy"] > 5 / CLASSES
