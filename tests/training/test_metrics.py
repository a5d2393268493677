"""Metrics: their values are scikit-learn's, their intervals cover, and chance is not taken for a difference."""

from __future__ import annotations

import dataclasses
import time
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import binomtest
from setups import setup_of_digits
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss, roc_auc_score

from neuralfinder.networks.genome import parse
from neuralfinder.seeds import torch_seed
from neuralfinder.training.build import build
from neuralfinder.training.metrics import ACCURACY, METRICS, Metric, metric_of
from neuralfinder.training.train import class_weights, predict_logits, score, train
from neuralfinder.types import METRICS as NAMES
from neuralfinder.types import Fidelity, Shape

OTHERS = [name for name in NAMES if name != "accuracy"]


@st.composite
def answered(draw):
    """Labels of 2 to 4 classes, some of which may not occur, and logits, some of them equal."""
    classes, count = draw(st.integers(2, 4)), draw(st.integers(1, 25))
    labels = draw(st.lists(st.integers(0, classes - 1), min_size=count, max_size=count))
    row = st.lists(st.integers(-6, 6), min_size=classes, max_size=classes)
    logits = draw(st.lists(row, min_size=count, max_size=count))
    return np.array(labels), np.array(logits, dtype=np.float32) / 2


def of_scikit_learn(name, labels, logits):
    shares, answers, classes = softmax(logits.astype(float), axis=1), logits.argmax(1), np.arange(logits.shape[1])
    if name == "roc-auc":
        there = np.unique(labels)
        if len(there) == len(classes) > 2:
            return roc_auc_score(labels, shares, multi_class="ovr", labels=classes)
        own = there if len(classes) > 2 else [1]
        return 0.5 if len(there) == 1 else np.mean([roc_auc_score(labels == each, shares[:, each]) for each in own])
    return {
        "accuracy": (answers == labels).mean(),
        "balanced-accuracy": balanced_accuracy_score(labels, answers),
        "macro-f1": f1_score(labels, answers, average="macro", zero_division=0),
        "log-loss": log_loss(labels, shares, labels=classes),
    }[name]


@pytest.mark.parametrize("name", NAMES)
@given(case=answered())
def test_values_are_those_of_scikit_learn(name, case):
    metric = METRICS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes that do not occur
        expected = of_scikit_learn(name, *case)
    found = metric.score(*case)
    assert metric.told(found) == pytest.approx(expected, abs=1e-9)
    low, high = metric.interval(*case)
    assert 0 <= low <= found + 1e-12
    assert found <= high + 1e-12 <= 1 + 1e-9
    assert low < high
    assert metric.p_value(*case, case[1]) == 1.0


def test_names_and_figures():
    assert tuple(METRICS) == NAMES
    assert metric_of({}) is ACCURACY
    assert metric_of({"metric": "roc-auc"}).key("test") == "test_roc_auc"
    for metric in METRICS.values():
        assert metric.score_of(metric.told(0.3)) == pytest.approx(0.3)
        assert metric.meaning.startswith(metric.title[0].upper() + metric.title[1:])
    assert METRICS["log-loss"].words(np.exp(-0.42)) == "0.4200"
    assert METRICS["balanced-accuracy"].words(0.5) == "50.00%"
    assert METRICS["macro-f1"].words(0.81) == "0.8100"


def drawn(rng, count, shift=1.0, classes=(0.95, 0.05)):
    """Labels in these shares, exactly, and logits of a classifier that is far from sure."""
    sizes = np.round(np.array(classes) * count).astype(int)
    labels = np.repeat(np.arange(len(classes)), sizes)
    return labels, rng.normal(size=(len(labels), len(classes))) + shift * np.eye(len(classes))[labels]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("classes", "shift"), [((0.95, 0.05), 1.0), ((0.6, 0.3, 0.1), 1.5), ((0.95, 0.05), 3.5)])
def test_nineteen_of_twenty_intervals_cover(name, classes, shift):
    metric, rng = METRICS[name], np.random.default_rng(1)
    truth = metric.score(*drawn(rng, 200_000, shift, classes))
    covered = [
        low <= truth <= high for low, high in (metric.interval(*drawn(rng, 200, shift, classes)) for _ in range(200))
    ]
    assert np.mean(covered) >= 0.9


@pytest.mark.parametrize("name", NAMES)
def test_two_as_good_as_each_other_are_seldom_told_apart(name):
    metric, rng = METRICS[name], np.random.default_rng(2)
    found = []
    for _ in range(150):
        labels, one = drawn(rng, 120)
        found.append(metric.p_value(labels, one, drawn(rng, 120)[1]))
    assert np.mean(np.array(found) < 0.05) <= 0.08
    labels, logits = drawn(rng, 400)
    assert metric.p_value(labels, logits + 1.5 * np.eye(2)[labels], logits) < 0.05


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (3, 0), (5, 2), (8, 1), (30, 12), (20, 20)])
def test_for_accuracy_it_is_the_test_of_mcnemar(wins, losses):
    labels = np.zeros(100, int)
    one, other = np.tile([1.0, 0.0], (100, 1)), np.tile([1.0, 0.0], (100, 1))
    other[:wins] = one[wins : wins + losses] = [0.0, 1.0]
    exact = binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    found = ACCURACY.p_value(labels, one, other)
    assert found == pytest.approx(exact, rel=0.5)
    assert (found < 0.05) == (exact < 0.05)
    assert ACCURACY.p_value(labels, other, one) == ACCURACY.p_value(labels, one, other)


@pytest.mark.parametrize("name", ["balanced-accuracy", "macro-f1"])
def test_all_three_samples_of_a_rare_class_say_little(name):
    """However much they weigh: three of three is no more than chance does in a quarter of the cases."""
    labels = np.array([0] * 97 + [1] * 3)
    right, blind = np.eye(2)[labels], np.tile([1.0, 0.0], (100, 1))
    metric = METRICS[name]
    assert metric.score(labels, right) == 1
    assert 0.7 < metric.interval(labels, right)[0] < 0.8
    assert metric.samples(labels) < 12
    assert metric.p_value(labels, right, blind) > 0.15


def test_logits_that_are_no_numbers_are_worth_nothing():
    logits = np.full((3, 2), np.nan)
    assert METRICS["log-loss"].score(np.array([0, 1, 1]), logits) == 0.0
    assert METRICS["roc-auc"].score(np.array([0, 1, 1]), logits) <= 0.5
    assert METRICS["log-loss"].told(0.0) < 40


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_of_5000_answers_takes_some_milliseconds(name):
    metric, rng = METRICS[name], np.random.default_rng(0)
    labels = rng.integers(0, 10, 5000)
    logits = rng.normal(size=(5000, 10)).astype(np.float32)
    seconds = []
    for _ in range(5):
        began = time.thread_time()
        metric.score(labels, logits)
        seconds.append(time.thread_time() - began)
    assert min(seconds) < 0.04


# networks


@pytest.mark.parametrize("name", OTHERS)
def test_a_training_is_judged_by_the_metric(name):
    setup = dataclasses.replace(setup_of_digits(), metric=METRICS[name])
    with torch_seed(0):
        network = build(parse("C8.bn M C16.bn > G"), Shape(1, 8, 8), 10)
    training = train(network, setup, Fidelity(2), 0, bars=(0.0, 0.0))
    labels = setup.validation.labels.numpy()
    logits = predict_logits(network, setup.validation, setup.preparation).numpy()
    assert training.score == training.curve[-1] == METRICS[name].score(labels, logits)
    assert len(training.rungs) == 2
    assert training.score != score(network, setup.validation, dataclasses.replace(setup, metric=ACCURACY))


@pytest.mark.parametrize(
    ("name", "chance"),
    [("accuracy", 0.9), ("balanced-accuracy", 0.5), ("macro-f1", 0.9 / 1.9), ("log-loss", 0.722467), ("roc-auc", 0.5)],
)
def test_chance_is_what_the_classes_shares_alone_give(name, chance):
    from neuralfinder.training.train import chance as score_of_chance

    setup = setup_of_digits()
    labels = torch.tensor([0] * 270 + [1] * 30)
    part = dataclasses.replace(setup.validation, labels=labels)
    setup = dataclasses.replace(setup, validation=part, classes=2, metric=METRICS[name])
    assert score_of_chance(setup) == pytest.approx(chance)
    if name == "accuracy":
        weighted = dataclasses.replace(setup, weights=class_weights(labels, 2))
        assert score_of_chance(weighted) == pytest.approx(0.5)


def answers(labels, found, false):
    """Logits of who finds so many of 25 of the rare class, and takes so many others for it."""
    rare, common = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    logits = np.tile([1.0, 0.0], (len(labels), 1))
    logits[[*rare[:found], *common[:false]]] = [0.0, 1.0]
    return logits


@pytest.mark.parametrize(("name", "winner"), [("accuracy", 0), ("balanced-accuracy", 2), ("macro-f1", 1)])
def test_what_is_best_depends_on_the_metric(name, winner):
    """Of 500, 25 are rare: ignored, partly found, or found with many others."""
    labels = np.array([0] * 475 + [1] * 25)
    metric: Metric = METRICS[name]
    scores = [metric.score(labels, answers(labels, *each)) for each in ((0, 0), (12, 15), (23, 90))]
    assert int(np.argmax(scores)) == winner
