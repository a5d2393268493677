"""Limits of users hold for all that may be handed over: the network by hand, founders, and what is proposed."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from neuralfinder import Model
from neuralfinder.data import source_of
from neuralfinder.errors import InputError
from neuralfinder.job.factories import make_space, make_strategy
from neuralfinder.job.plan import Speed, Task, TrainingStage
from neuralfinder.job.planner import make_plan
from neuralfinder.job.run import run
from neuralfinder.job.settings import Settings
from neuralfinder.job.status import Status
from neuralfinder.networks.cost import Rates, cost, file_bytes
from neuralfinder.networks.genome import Choice, Genome, parse
from neuralfinder.networks.portfolio import small_network
from neuralfinder.training.bag import BAG
from neuralfinder.training.build import bag_of, build
from neuralfinder.types import Shape

FORWARD, RATES = Rates(step=1e-5, mac=1e-8), Rates(step=1e-4, mac=1e-9)

PICTURES = st.builds(Shape, st.sampled_from((1, 3)), st.sampled_from((1, 5, 8, 32)), st.sampled_from((2, 8, 32)))
TEXTS = st.builds(lambda words, length: Shape(256, 1, length, words), st.integers(2, 400), st.sampled_from((8, 64)))


def powers(least: float, most: float) -> st.SearchStrategy[float]:
    """Numbers as likely between 1 and 10 as between 100 and 1,000."""
    return st.floats(math.log(least), math.log(most)).map(math.exp)


LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "max_parameters": powers(10, 1e6).map(round),
        "max_size_mb": powers(1e-4, 10.0),
        "max_latency_ms": powers(0.01, 100.0),
    },
)


def weights(genome: Genome, shape: Shape, classes: int) -> bytes:
    """The file of weights that a model has, with a bag where it has one."""
    network = build(genome, shape, classes)
    state = network.state_dict()
    if bag := bag_of(network):
        state |= {f"{BAG}.{name}": tensor for name, tensor in bag.state.items()}
    return save({name: tensor.contiguous() for name, tensor in state.items()})


def holds(genome: Genome, shape: Shape, classes: int, limits: dict[str, float]) -> bool:
    """Whether a network keeps the limits, looked at as it is built."""
    network = build(genome, shape, classes)
    trained = sum(weight.numel() for weight in network.parameters())
    return (
        trained <= limits.get("max_parameters", math.inf)
        and len(weights(genome, shape, classes)) <= 1e6 * limits.get("max_size_mb", math.inf)
        and 1000 * FORWARD.step_seconds(cost(genome, shape, classes)) <= limits.get("max_latency_ms", math.inf)
    )


@settings(max_examples=16)
@given(
    shape=PICTURES | TEXTS,
    classes=st.integers(2, 12),
    preset=st.sampled_from(("fast", "rich", "seed-2017")),
    seconds=st.sampled_from((None, 20.0)),
    limits=LIMITS,
)
@pytest.mark.thorough
def test_all_that_may_be_handed_over_keeps_the_limits_or_the_run_is_refused(
    shape: Shape, classes: int, preset: str, seconds: float | None, limits: dict[str, float]
) -> None:
    given = Settings(preset=preset, candidates=2, options=limits)
    task, training = Task(300, 60, 60, shape, classes), TrainingStage(16)
    try:
        plan = make_plan(task, given, training, Speed(RATES, FORWARD), seconds)
    except InputError as error:
        assert "the space is empty (the least network" in str(error)
        assert "at most" in str(error)
        return
    cap = plan.search.max_step_seconds
    space = make_space(given, shape, classes, RATES, cap, FORWARD, training)
    founders = space.founders(6, np.random.default_rng(0)) if space.plain else []
    strategy = make_strategy(given, space, plan.search.fidelity, plan.world.side, plan.world.rounds)
    proposed = [candidate.genome for candidate in strategy.ask(6)]
    free = dataclasses.replace(space, max_parameters=10**9, max_bytes=math.inf, max_forward_seconds=math.inf)
    for genome in {small_network(space), *founders, *proposed}:
        assert holds(genome, shape, classes, limits), genome.key
        assert free.infeasible(genome) is None


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("C32.bn M C64.bn M C128.bn > G", Shape(1, 8, 8)),
        ("C16.sep.bn C16.sep I.bn C16.bn.g2 > F256-16", Shape(3, 32, 32)),
        ("C512.bn C512.k7.bn M C512.bn > G.lin", Shape(3, 32, 32)),
        ("I > F0", Shape(3, 224, 224)),
        ("C128 > GM.d50.bag18", Shape(256, 1, 24, 1000)),
        ("I > GM.d50.bag10", Shape(256, 1, 24, 1000)),
    ],
)
def test_a_file_of_weights_is_as_large_as_said_or_a_little_smaller(text: str, shape: Shape) -> None:
    genome = parse(text)
    size, said = len(weights(genome, shape, 3)), file_bytes(genome, shape, 3)
    assert 0.99 * said - 500 < size <= said


@pytest.mark.thorough
@given(genome=st.from_type(Genome), shape=st.sampled_from((Shape(2, 16, 20), Shape(6, 1, 40, 9))))
def test_no_file_of_weights_is_larger_than_said(genome: Genome, shape: Shape) -> None:
    assume(genome.copies == 1 or not shape.vocabulary)
    said = file_bytes(genome, shape, 4)
    space = make_space(Settings(), shape, 4, Rates(), math.inf)
    assume(said < 10**6 and genome.genes and not any(isinstance(gene, Choice) for gene in genome.genes))
    if space._vanishes(genome) is None:  # what can be built
        assert len(weights(genome, shape, 4)) <= said


@pytest.mark.parametrize(
    "limits",
    [
        pytest.param({"max_parameters": 3000}, marks=pytest.mark.slow),
        pytest.param({"max_size_mb": 0.02}, marks=pytest.mark.thorough),
    ],
    ids=str,
)
def test_the_model_handed_over_keeps_the_limit(limits: dict[str, float], tmp_path: Path) -> None:
    given = Settings(minutes=0.06, options=limits)
    model, result = run(source_of("digits"), given, tmp_path, Status())
    for each in (model, Model.load(tmp_path)):
        trained = sum(weight.numel() for weight in each.network.parameters())
        assert trained == result["parameters"] <= limits.get("max_parameters", math.inf)
    size = (tmp_path / "model" / "model.safetensors").stat().st_size
    assert size <= 1e6 * limits.get("max_size_mb", math.inf)
    assert result["baselines"]["small network"]["genome"]
