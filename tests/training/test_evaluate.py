"""A candidate becomes a result, whatever happens."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from setups import setup_of_digits

from neuralfinder.errors import CallOrderError
from neuralfinder.networks.genome import parse
from neuralfinder.search.executors import in_process, outcome
from neuralfinder.training.build import build
from neuralfinder.training.evaluate import evaluate
from neuralfinder.training.train import (
    Diverged,
    score,
)
from neuralfinder.training.weights import WeightStore
from neuralfinder.types import Candidate, Fidelity, Shape

NETWORK = parse("C8.bn M C16.bn > G")


CANDIDATE = Candidate(7, NETWORK, "init", (), 11, Fidelity(1))


def test_weights_that_cannot_be_stored_are_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the tensors share memory")

    monkeypatch.setattr(WeightStore, "save", fail)
    with in_process() as executor:
        result = outcome(7, executor.submit(evaluate, CANDIDATE, setup_of_digits(), WeightStore(tmp_path)))
    assert (result.score, result.failure, result.curve) == (None, "error", ())


def test_a_child_starts_where_its_parent_stopped(tmp_path: Path) -> None:
    setup, store = setup_of_digits(), WeightStore(tmp_path)
    parent = evaluate(dataclasses.replace(CANDIDATE, fidelity=Fidelity(6)), setup, store)
    frozen = dataclasses.replace(setup, recipe=dataclasses.replace(setup.recipe, learning_rate=0.0, kernel_rate=1e-9))
    heir = dataclasses.replace(CANDIDATE, id=8, inherits=(7,), parents=(NETWORK.key,))
    orphan = dataclasses.replace(heir, inherits=(6, 7))
    assert evaluate(heir, frozen, store).score == pytest.approx(parent.score, abs=0.02)
    assert evaluate(orphan, frozen, store).detail == "weights of 1 of 2 parents were gone"


def test_evaluate_stores_the_weights_it_measured(tmp_path: Path) -> None:
    setup, store = setup_of_digits(), WeightStore(tmp_path)
    result = evaluate(CANDIDATE, setup, store)
    network = build(NETWORK, Shape(1, 8, 8), 10)
    network.load_state_dict(store.load("7").state)
    assert score(network, setup.validation, setup) == result.score
    assert (result.parameters, result.failure) == (sum(p.numel() for p in network.parameters()), None)


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), "out of memory"),
        (MemoryError(), "out of memory"),
        (OSError(12, "Cannot allocate memory"), "out of memory"),
        (torch.AcceleratorError("CUDA error: out of memory"), "out of memory"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"), "out of memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 1 TB"), "out of memory"),
        (RuntimeError("Given input size: (4x1x1). Calculated output size: (4x0x0)"), "impossible"),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied (8x4 and 8x10)"), "impossible"),
        (Diverged("the loss is nan in epoch 1", 0.1), "diverged"),
    ],
)
def test_failures_are_results(error: Exception, failure: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("neuralfinder.training.evaluate.train", fail)
    result = evaluate(CANDIDATE, setup_of_digits(), WeightStore(tmp_path))
    assert (result.score, result.failure) == (None, failure)
    assert failure == "diverged" or f"{result.parameters:,} parameters" in result.detail


@pytest.mark.parametrize(
    "error",
    [
        CallOrderError("a candidate was told twice"),
        RuntimeError("generator raised StopIteration"),
        RuntimeError("Error(s) in loading state_dict for Network: size mismatch for head.weight"),
        RuntimeError("Trying to backward through the graph a second time"),
    ],
)
def test_our_own_mistakes_are_not_the_network_s(
    error: RuntimeError, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("neuralfinder.training.evaluate.train", fail)
    with in_process() as executor:
        result = outcome(7, executor.submit(evaluate, CANDIDATE, setup_of_digits(), WeightStore(tmp_path)))
    assert result.failure == "error"
    assert str(error) in result.detail


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        PermissionError(13, "Permission denied"),
        RuntimeError("unable to write to file </torch_1>: No space left on device (28)"),
        torch.AcceleratorError("CUDA error: unspecified launch failure"),
    ],
)
def test_the_machine_s_faults_are_nobody_s_result(
    error: Exception, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("neuralfinder.training.evaluate.train", fail)
    with in_process() as executor, pytest.raises(OSError, match=r"space|denied|launch"):
        outcome(7, executor.submit(evaluate, CANDIDATE, setup_of_digits(), WeightStore(tmp_path)))


def test_channels_that_do_not_fit_are_the_network_s(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What torch really says about a layer that takes other maps than those it gets."""
    other = build(NETWORK, Shape(3, 8, 8), 10)
    monkeypatch.setattr("neuralfinder.training.evaluate.build", lambda *_: other)
    assert evaluate(CANDIDATE, setup_of_digits(), WeightStore(tmp_path)).failure == "impossible"


def test_too_many_pools_are_a_result(tmp_path: Path) -> None:
    candidate = dataclasses.replace(CANDIDATE, genome=parse("C4 M M M M > G"))
    assert evaluate(candidate, setup_of_digits(), WeightStore(tmp_path)).failure == "impossible"
