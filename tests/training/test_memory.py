"""What does not fit into memory is a result, before the system ends the process."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from neuralfinder.networks.cost import cost
from neuralfinder.networks.genome import parse
from neuralfinder.training import memory
from neuralfinder.training.batches import Part, Scaling
from neuralfinder.training.evaluate import evaluate
from neuralfinder.training.memory import CGROUPS, check_memory, free_bytes, training_bytes
from neuralfinder.training.recipes import RECIPES
from neuralfinder.training.train import Setup
from neuralfinder.training.weights import WeightStore
from neuralfinder.types import OUT_OF_MEMORY, Candidate, Fidelity, Shape

FOUNDER = cost(parse("C512"), Shape(3, 32, 32), 10)


def test_the_largest_founder_of_2017_takes_what_was_measured():
    """5.5 GB beside the program's own 0.3 GB, docs/LOG.md."""
    assert training_bytes(FOUNDER, 32) == pytest.approx(5.5e9, rel=0.05)


def test_what_does_not_fit_is_a_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pictures = np.random.default_rng(0).integers(256, size=(40, 1, 8, 8)).astype(np.uint8)
    part = Part.of(pictures, np.arange(40) % 2, np.arange(40), torch.device("cpu"))
    recipe = dataclasses.replace(RECIPES["seed-2017"], batch_size=8)
    setup, store = Setup(part, part, 2, Scaling.of(part), recipe, 8), WeightStore(tmp_path)
    candidate = Candidate(0, parse("C4"), "init", (), 1, Fidelity(1))
    needed = training_bytes(cost(candidate.genome, Shape(1, 8, 8), 2), 8)
    monkeypatch.setattr(memory, "free_bytes", lambda: needed - 1)
    refused = evaluate(candidate, setup, store)
    assert (refused.failure, refused.score, refused.parameters) == (OUT_OF_MEMORY, None, 132_650)
    assert refused.detail == "132,650 parameters: training needs about 0.0 GB of memory, 0.0 GB are free"
    monkeypatch.setattr(memory, "free_bytes", lambda: needed)
    assert evaluate(candidate, setup, store).failure is None


def test_cards_say_themselves_that_they_are_full(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(memory, "free_bytes", lambda: 0.0)
    check_memory(FOUNDER, 32, torch.device("cuda"))
    with pytest.raises(MemoryError, match=r"needs about 5\.4 GB of memory, 0\.0 GB are free"):
        check_memory(FOUNDER, 32, torch.device("cpu"))


@pytest.mark.parametrize("version", [0, 1], ids=["cgroup-2", "cgroup-1"])
def test_a_container_s_limit_counts_without_what_it_holds_of_files(
    version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    limit, use, details, files = CGROUPS[version]
    for name, text in ((limit, "6000\n"), (use, "5000\n"), (details, f"anon 1\n{files} 700\n")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(memory, "CONTAINER", tmp_path)
    assert free_bytes() == 1700
    (tmp_path / limit).write_text("max" if version == 0 else f"{2**63}")
    assert 1e6 < free_bytes() < math.inf or not Path("/proc/meminfo").exists()
