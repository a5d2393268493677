"""Eighteen seconds: the clock is kept, the verdict says what came of it, and nothing is called found that is not."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SECONDS, LATE = 18, 6
"""Minutes given, in seconds, and how much later a busy machine may be."""


def searched(folder: Path, *words: str) -> tuple[subprocess.CompletedProcess[str], float]:
    command = ["-m", "neuralfinder", "search", *words, "--minutes", str(SECONDS / 60), "--run", "run", "--quiet"]
    began = time.monotonic()
    done = subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, text=True, check=False)
    return done, time.monotonic() - began


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """400 photographs of 320 x 240 in four classes, one of them rare and like another."""
    rng = np.random.default_rng(0)
    for name, tint, count in (("a", 0, 130), ("b", 1, 130), ("c", 2, 130), ("dent", 2, 10)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(count):
            pixels = rng.normal(128, 60, (240, 320, 3))
            pixels[..., tint] += 12
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(tmp_path / "photos" / name / f"{number}.jpg")
    return tmp_path


@pytest.mark.slow
def test_photographs_with_a_class_that_is_never_answered(photos: Path):
    done, took = searched(photos, "photos")
    assert done.returncode == 0, done.stderr
    assert took < SECONDS + LATE
    result = json.loads((photos / "run" / "result.json").read_text())
    assert done.stdout.startswith(f"verdict   {result['verdict']}")
    never = any("dent" in each and "never" in each for each in result["cautions"])
    assert never or result["test_balanced_accuracy"] > 0.75  # who answers three of the four only has no more
    assert ("found  " in done.stdout) == (result["genome"] != "C32.bn M C64.bn M C128.bn > G")


@pytest.mark.slow
def test_texts(tmp_path: Path):
    done, took = searched(tmp_path, "docstrings")
    assert done.returncode == 0, done.stderr
    assert took < SECONDS + LATE
    assert done.stdout.startswith("verdict ")


@pytest.mark.slow
def test_a_limit_that_no_network_keeps_is_said_at_once(tmp_path: Path):
    done, took = searched(tmp_path, "digits", "--max-parameters", "5")
    assert done.returncode == 2
    assert took < SECONDS
    assert "at most 5 are allowed" in done.stderr
    assert "raise the caps" in done.stderr
