"""Settings of Hypothesis, how it draws genomes (tests ask for `Genome` by its type), and a machine not measured."""

from __future__ import annotations

import os

import pytest
import torch
from chromium import CHROMIUM
from hypothesis import settings
from hypothesis import strategies as st

from neuralfinder.networks.cost import Rates
from neuralfinder.networks.genome import (
    ACTIVATIONS,
    BORDERS,
    INITIALISATIONS,
    JOINS,
    AvgPool,
    Choice,
    Conv,
    DenseHead,
    Dropout,
    Gene,
    Genome,
    Head,
    Identity,
    MaxPool,
    PoolHead,
)
from neuralfinder.networks.recipe_genes import KINDS, RecipeGene

# As many tests at once as there are cores, each on one: the networks here are too small for two.
torch.set_num_threads(1)
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Derandomised: a failure in CI is the same failure at home.
settings.register_profile("neuralfinder", deadline=None, derandomize=True, database=None, max_examples=100)
settings.load_profile("neuralfinder")

st.register_type_strategy(
    Conv,
    st.builds(
        lambda skips, join, wide, **rest: Conv(
            skips=tuple(sorted(skips)),
            join=join if skips else "add",
            wide=0 if wide == rest["kernel"] else wide,
            **rest,
        ),
        filters=st.integers(1, 2048),
        norm=st.booleans(),
        kernel=st.sampled_from((1, 3, 5, 7)),
        wide=st.sampled_from((0, 1, 3, 5, 7)),
        stride=st.sampled_from((1, 2, 4)),
        activation=st.sampled_from(ACTIVATIONS),
        groups=st.integers(1, 64),
        separable=st.booleans(),
        skips=st.sets(st.integers(1, 9), max_size=3),
        join=st.sampled_from(JOINS),
        border=st.sampled_from(BORDERS),
        initialisation=st.sampled_from(("", *INITIALISATIONS)),
    ),
)
st.register_type_strategy(
    Identity,
    st.builds(
        lambda skips, join, **rest: Identity(skips=tuple(sorted(skips)), join=join if skips else "add", **rest),
        norm=st.booleans(),
        activation=st.sampled_from(ACTIVATIONS),
        skips=st.sets(st.integers(1, 9), max_size=3),
        join=st.sampled_from(JOINS),
    ),
)
for kind, sizes in ((MaxPool, (2, 3, 5)), (AvgPool, (2, 3))):
    pools = [kind(size, stride) for size in sizes for stride in range(1, size + 1)]
    st.register_type_strategy(kind, st.sampled_from(pools))
st.register_type_strategy(Dropout, st.builds(Dropout, st.integers(1, 99)))
st.register_type_strategy(Choice, st.builds(Choice, st.integers(0, 99)))
st.register_type_strategy(PoolHead, st.builds(PoolHead, st.booleans(), st.sampled_from((0, 25, 50))))
st.register_type_strategy(
    DenseHead,
    st.builds(DenseHead, st.sampled_from((1, 64, 512, 4096)), st.sampled_from((0, 16))) | st.just(DenseHead(0)),
)
RECIPE_GENES = [RecipeGene(name, value) for name, kind in KINDS.items() for value in kind.values]
st.register_type_strategy(
    Genome,
    st.builds(
        Genome,
        st.from_type(tuple[Gene, ...]),
        st.just(DenseHead(512)) | st.from_type(Head),
        st.lists(st.sampled_from(RECIPE_GENES), unique_by=lambda gene: gene.name, max_size=3).map(tuple),
        side=st.sampled_from((0, 0, 32, 128)),
        copies=st.sampled_from((1, 1, 1, 2, 9)),
    ),
)


@pytest.fixture(scope="module")
def browser():
    """A real one."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield one
        one.close()


@pytest.fixture
def quick_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No measuring of the machine."""
    monkeypatch.setattr("neuralfinder.job.run.measure", lambda *_: Rates(1e-3, 1e-4, 1e-9, 1e-9))


LONG = {"test_a_fresh_process_gives_the_same_proposals", "test_the_identity_is_that_of_the_content"}
"""Tests of contracts, which know no marks of ours, that take seconds."""

VARIANTS = {
    "TestAgingEvolutionWithExperience", "TestArtificialLifeWithEverySettingChanged", "TestLifeOnATable",
    "TestLocalSearchForTheBest",
}  # fmt: skip
"""Suites of strategies that have another suite too: one of them begins a fresh process in a quick suite."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what takes seconds beside its own code: tests of contracts, and those that look at a whole finished run."""
    for item in items:
        if item.name in LONG or "finished" in getattr(item, "fixturenames", ()):
            item.add_marker("thorough")
        if item.name == "test_a_fresh_process_gives_the_same_proposals" and item.parent.name in VARIANTS:
            item.add_marker("slow")
