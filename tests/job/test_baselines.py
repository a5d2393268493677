"""What the winner must beat."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sentences import sentences
from setups import setup_of_digits, setup_of_texts

from neuralfinder.job.baselines import NGrams, fit_linear
from neuralfinder.job.factories import make_space
from neuralfinder.job.settings import Settings
from neuralfinder.networks.cost import Rates
from neuralfinder.networks.genome import PoolHead
from neuralfinder.networks.portfolio import bag_bits, portfolio
from neuralfinder.training.batches import Part
from neuralfinder.types import Shape


def test_n_grams_are_a_fair_rival() -> None:
    setup = setup_of_texts(*sentences(200))
    grams = NGrams.of(setup)
    assert grams.samples == len(setup.train)
    assert (grams.logits(setup.validation).argmax(1) == setup.validation.labels.numpy()).mean() > 0.9


@pytest.mark.parametrize(("classes", "bits"), [(2, 18), (64, 18), (65, 17), (1000, 14)])
def test_bags_of_many_classes_have_fewer_rows_and_are_within_the_limits(classes: int, bits: int) -> None:
    assert bag_bits(classes) == bits
    space = make_space(Settings(), Shape(256, 1, 32, 3000), classes, Rates(), math.inf)
    bags = [genome.head.bag for genome in portfolio(space) if isinstance(genome.head, PoolHead) and genome.head.bag]
    assert bags == [bits, bits]


def test_linear_baseline_fits_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neuralfinder.job.baselines.memory_bytes", lambda: 8 * 4 * 64 * 300)
    setup = setup_of_digits()
    linear = fit_linear(setup.train, 10, setup.preparation, 60, np.random.default_rng(0))
    assert linear is not None
    assert linear.samples == 300


def test_linear_baseline_equals_scikit_learn() -> None:
    setup = setup_of_digits(count=800)
    linear = fit_linear(setup.train, 10, setup.preparation, 60, np.random.default_rng(0))
    assert linear is not None
    assert linear.samples == 800
    accuracy = (linear.logits(setup.validation).argmax(1) == setup.validation.labels.numpy()).mean()
    assert 0.85 < accuracy < 1
    assert fit_linear(setup.train, 10, setup.preparation, 1e-6, np.random.default_rng(0)) is None


def test_linear_baseline_of_two_classes() -> None:
    setup = setup_of_digits()
    labels = (setup.train.labels >= 5).long()
    two = Part(setup.train.pictures, labels)
    linear = fit_linear(two, 2, setup.preparation, 60, np.random.default_rng(0))
    assert linear is not None
    assert (linear.logits(two).argmax(1) == labels.numpy()).mean() > 0.85
