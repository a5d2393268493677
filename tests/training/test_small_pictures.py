"""Trainings that begin with pictures of half the side."""

from __future__ import annotations

import dataclasses
from itertools import groupby
from pathlib import Path

import pytest
import torch
from setups import setup_of_digits

from neuralfinder.networks.genome import parse
from neuralfinder.training.build import build
from neuralfinder.training.evaluate import evaluate
from neuralfinder.training.train import HALF, PLAIN, SMALL_STEPS, Setup, Training, score, train
from neuralfinder.training.trunk import Trunk
from neuralfinder.training.weights import WeightStore
from neuralfinder.types import Candidate, Fidelity, Shape

GENOME = parse("C8.bn M C16.bn > G | small0.4")
SETUP = setup_of_digits().of(GENOME)
STEPS = SETUP.steps()


def watched(
    setup: Setup, epochs: int, trunk: Trunk | None = None, **how: bool
) -> tuple[Training, list[tuple[int, int]]]:
    """What a training left, and heights of the pictures that it took steps with: how many of each, in turn."""
    heights = list[int]()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build(GENOME, Shape(1, 8, 8), 10)

    def note(_: torch.nn.Module, inputs: tuple[torch.Tensor]) -> None:
        if torch.is_grad_enabled():
            heights.append(inputs[0].shape[2])

    network.register_forward_pre_hook(note)
    training = train(network, setup, Fidelity(epochs), 0, trunk=trunk, **how)
    return training, [(height, len([*run])) for height, run in groupby(heights)]


def test_small_ones_come_first_and_several_of_their_steps_count_as_one():
    training, heights = watched(SETUP, 5)
    small = round(0.4 * 5 * STEPS)
    assert heights == [(4, SMALL_STEPS * small), (8, 5 * STEPS - small)]
    assert training.done == 1.0
    assert not training.half


def test_what_is_the_first_part_of_a_long_training_has_small_ones_alone_and_is_judged_by_them():
    setup = dataclasses.replace(SETUP, in_all=5.0)
    first, heights = watched(setup, 1, falls=False)
    assert heights == [(4, SMALL_STEPS * STEPS)]
    assert first.half
    network = build(GENOME, Shape(1, 8, 8), 10)
    network.load_state_dict(first.state)
    assert first.score == score(network, setup.validation, setup, HALF) > 0.4
    assert score(network, setup.validation, setup, PLAIN) != first.score

    then, heights = watched(setup, 3, first.trunk, falls=False)
    small = round(0.4 * 5 * STEPS) - STEPS
    assert heights == [(4, SMALL_STEPS * small), (8, 3 * STEPS - small)]
    assert (first.trunk.steps, then.trunk.steps, then.half) == (STEPS, 4 * STEPS, False)

    _, heights = watched(dataclasses.replace(setup, in_all=0.0), 1, first.trunk)
    assert heights == [(8, STEPS)]


def test_a_training_in_parts_learns_as_much_as_one_in_a_piece():
    whole, _ = watched(dataclasses.replace(SETUP, in_all=6.0), 6)
    setup = dataclasses.replace(SETUP, in_all=6.0)
    trunk = None
    for _ in range(6):
        part, _ = watched(setup, 1, trunk, falls=False)
        trunk = part.trunk
    assert part.score == pytest.approx(whole.score, abs=0.04)
    assert whole.score > 0.8


def test_the_result_says_that_its_accuracy_is_of_small_pictures(tmp_path: Path):
    candidate = Candidate(1, GENOME, "init", (), 0, Fidelity(1))
    for in_all, half in ((4.0, True), (None, False)):
        setup = dataclasses.replace(setup_of_digits(), in_all=in_all)
        result = evaluate(candidate, setup, WeightStore(tmp_path))
        assert (result.failure, result.half) == (None, half)
