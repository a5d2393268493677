"""One temperature, from samples whose true probabilities are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from neuralfinder.job.calibration import (
    BINS,
    calibration,
    calibration_error,
    fit_temperature,
    reliability,
    surprise,
)


def answered(n, sureness=1.0, classes=5, seed=0):
    """Labels drawn from the softmax of logits, and these times `sureness`: right ones, were it 1."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (n, classes))
    labels = (softmax(logits, axis=1).cumsum(1) < rng.random((n, 1))).sum(1)
    return labels, (sureness * logits).astype(np.float32)


@pytest.mark.parametrize("sureness", [0.3, 1.0, 4.0])
def test_the_temperature_is_found_by_which_a_network_is_too_sure_of_itself(sureness):
    labels, logits = answered(5000, sureness)
    assert fit_temperature(labels, logits) == pytest.approx(sureness, rel=0.05)


@pytest.mark.parametrize("sureness", [0.3, 4.0])
def test_probabilities_of_others_are_mended_and_no_answer_changes(sureness):
    temperature = fit_temperature(*answered(500, sureness))
    labels, logits = answered(3000, sureness, seed=1)
    found = calibration(labels, logits, temperature)
    assert found["bins"] == BINS
    assert found["error_before"] > 0.1
    assert found["error_after"] < 0.03
    np.testing.assert_array_equal((logits / temperature).argmax(1), logits.argmax(1))


@pytest.mark.parametrize("margin", [4.0, 8.0, 30.0, 300.0])
def test_few_samples_all_right_leave_the_temperature_near_1(margin):
    labels = np.arange(40) % 5
    assert 0.6 < fit_temperature(labels, margin * np.eye(5)[labels]) <= 1.001


def test_few_samples_all_wrong_leave_it_finite():
    labels = np.arange(40) % 5
    assert 1 < fit_temperature(labels, 30 * np.eye(5)[(labels + 1) % 5]) < 20


def test_a_single_sample_says_little():
    assert fit_temperature(np.array([0]), np.array([[3.0, 0.0]])) == pytest.approx(1, abs=0.1)


@given(n=st.integers(1, 60), classes=st.integers(2, 6), sureness=st.floats(0.01, 50), seed=st.integers(0, 99))
def test_the_temperature_is_never_worse_than_none_where_it_was_fitted(n, classes, sureness, seed):
    labels, logits = answered(n, sureness, classes, seed)
    temperature = fit_temperature(labels, logits)
    assert 0.05 <= temperature <= 20
    assert surprise(labels, logits / temperature) <= surprise(labels, logits) + 1e-4


def test_the_calibration_error_by_hand():
    """Two bins: of 0.3 sure one of two is right; of 0.8 sure one of three."""
    shares = np.array([[0.3, 0.28, 0.22, 0.2]] * 2 + [[0.8, 0.1, 0.05, 0.05]] * 3)
    labels = np.array([0, 1, 0, 1, 1])
    expected = (2 * abs(0.5 - 0.3) + 3 * abs(1 / 3 - 0.8)) / 5
    assert calibration_error(reliability(labels, np.log(shares), 2)) == pytest.approx(expected)
    whole = abs(2 / 5 - (2 * 0.3 + 3 * 0.8) / 5)
    assert calibration_error(reliability(labels, np.log(shares), 1)) == pytest.approx(whole)


def test_full_certainty_is_in_the_last_bin():
    rows = reliability(np.array([0, 1]), np.array([[2000.0, 0.0], [2000.0, 0.0]]), 15)
    assert rows == [*[(0, 0.0, 0.0)] * 14, (2, 1.0, 0.5)]
    assert calibration_error(rows) == pytest.approx(0.5)


def test_few_answers_have_few_bins():
    assert [calibration(*answered(n), 1.0)["bins"] for n in (1, 40, 299, 300, 5000)] == [1, 2, 14, 15, 15]


@given(n=st.integers(1, 60), bins=st.integers(1, 15), seed=st.integers(0, 99))
def test_rows_of_bins_are_all_answers_and_lie_where_they_belong(n, bins, seed):
    labels, logits = answered(n, seed=seed)
    rows = reliability(labels, logits, bins)
    assert sum(count for count, _, _ in rows) == n
    right = (logits.argmax(1) == labels).sum()
    assert sum(count * share for count, _, share in rows) == pytest.approx(right)
    for place, (count, sure, _) in enumerate(rows):
        assert not count or place / bins - 1e-9 <= sure <= (place + 1) / bins + 1e-9
