"""What the winner must beat."""

from __future__ import annotations

import numpy as np
import pytest
from sentences import sentences
from setups import setup_of_digits, setup_of_texts

from neuralfinder.job.baselines import NGrams, fit_linear
from neuralfinder.training.batches import Part


def test_n_grams_are_a_fair_rival() -> None:
    setup = setup_of_texts(*sentences(200))
    grams = NGrams.of(setup)
    assert grams.samples == len(setup.train)
    assert (grams.predict(setup.validation) == setup.validation.labels.numpy()).mean() > 0.9


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
    accuracy = (linear.predict(setup.validation) == setup.validation.labels.numpy()).mean()
    assert 0.85 < accuracy < 1
    assert fit_linear(setup.train, 10, setup.preparation, 1e-6, np.random.default_rng(0)) is None


def test_linear_baseline_of_two_classes() -> None:
    setup = setup_of_digits()
    labels = (setup.train.labels >= 5).long()
    two = Part(setup.train.pictures, labels)
    linear = fit_linear(two, 2, setup.preparation, 60, np.random.default_rng(0))
    assert linear is not None
    assert (linear.predict(two) == labels.numpy()).mean() > 0.85
