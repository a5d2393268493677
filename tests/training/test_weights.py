"""Weights on disk."""

from __future__ import annotations

from pathlib import Path

import torch

from neuralfinder.networks.genome import parse
from neuralfinder.training.weights import WeightStore


def test_weights_are_swept_but_for_those_kept(tmp_path: Path) -> None:
    store = WeightStore(tmp_path)
    for name in "abc":
        store.save(name, parse("C2"), {"w": torch.ones(2, 3, 4, 4).to(memory_format=torch.channels_last)})
    store.sweep({"b"})
    assert [path.name for path in tmp_path.iterdir()] == ["b.safetensors"]
    assert store.load("a") is None
    state = store.load("b").state
    assert state is not None
    assert torch.equal(state["w"], torch.ones(2, 3, 4, 4))
