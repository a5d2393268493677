"""What the winner takes for what."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuralfinder.job.answers import MISTAKES, MOST_LISTED, RIGHT, told_apart
from neuralfinder.plain import as_json


def test_what_was_taken_for_what_and_the_surest_mistakes_first():
    logits = np.array([[9.0, 0.0], [0.0, 1.0], [5.0, 0.0], [0.0, 3.0]])
    found = told_apart(np.array([0, 0, 1, 1]), logits)
    assert found["confusion"] == [[1, 1], [1, 1]]
    assert [(each["row"], each["label"], each["answer"]) for each in found["mistakes"]] == [(2, 1, 0), (1, 0, 1)]
    assert found["mistakes"][0]["confidence"] == pytest.approx(1 / (1 + np.exp(-5)))
    assert found["others"] == []


@pytest.fixture(scope="module")
def many():
    """Labels and logits of 10,000 samples, half of them answered wrongly."""
    rng = np.random.default_rng(0)
    labels = rng.integers(10, size=10_000)
    logits = rng.normal(0, 2, (10_000, 10))
    logits[np.arange(10_000), labels] += 2.5
    return labels, logits


def test_right_answers_are_of_each_class_in_turn(many):
    labels, logits = many
    shown = told_apart(labels, logits)["rightly"]
    assert [each["label"] for each in shown] == [*range(10), 0, 1]
    assert len(shown) == RIGHT
    assert all(each["answer"] == each["label"] == labels[each["row"]] for each in shown)


def test_every_mistake_is_told_once_and_what_is_told_of_many_is_small(many):
    labels, logits = many
    found = told_apart(labels, logits)
    wrong = [*found["mistakes"], *found["others"]]
    assert len(found["mistakes"]) == MISTAKES
    assert sorted(each["row"] for each in wrong) == np.flatnonzero(logits.argmax(1) != labels).tolist()
    assert [each["confidence"] for each in wrong] == sorted((each["confidence"] for each in wrong), reverse=True)
    assert len(as_json(found["sure"])) < 14_000


def test_of_very_many_mistakes_the_surest_are_told(monkeypatch, many):
    labels, logits = many
    every = told_apart(labels, logits)
    monkeypatch.setattr("neuralfinder.job.answers.MOST_LISTED", 100)
    assert told_apart(labels, logits)["others"] == every["others"][:100]
    assert MOST_LISTED > 100


@given(n=st.integers(1, 40), seed=st.integers(0, 999), threshold=st.integers(0, 1000))
def test_what_a_threshold_leaves_follows_from_the_counts(n, seed, threshold):
    rng = np.random.default_rng(seed)
    labels, logits = rng.integers(3, size=n), rng.normal(0, 3, (n, 3))
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    left = shares.max(1) >= threshold / 1000
    rows = [row for row in told_apart(labels, logits)["sure"] if row[0] >= threshold]
    assert sum(count for _, count, _ in rows) == left.sum()
    assert sum(right for _, _, right in rows) == (left & (shares.argmax(1) == labels)).sum()
