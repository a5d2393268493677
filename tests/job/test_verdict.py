"""The verdict on made results of each kind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from neuralfinder.job.figures import compared, judged
from neuralfinder.job.verdict import interval, is_noise, judgement, not_yet
from neuralfinder.training.metrics import METRICS

FOUND, BY_HAND = "C64.bn > G", "C32.bn > G"


def counts(wins, losses, samples, right):
    """A rival of a winner that answers so many samples rightly."""
    own = right - wins + losses
    return {"test_accuracy": own / samples, "only_winner_right": wins, "only_this_right": losses}


def judge(
    confusion,
    majority,
    linear,
    by_hand=None,
    *,
    pretrained=None,
    genome=FOUND,
    vocabulary=0,
    classes="abcdefghijklmno",
    **others,
):
    """The verdict on made answers: what a rival has and the winner has not is given as (wins, losses)."""
    confusion = np.array(confusion)
    labels, answers = (np.repeat(places, confusion.ravel()) for places in np.indices(confusion.shape).reshape(2, -1))
    size, right = len(labels), int(np.trace(confusion))
    small = {"genome": BY_HAND, "epochs": 1.5, "validation_accuracy": 0.5}
    baselines = {
        "majority class": counts(*majority, size, right),
        "logistic regression": linear and {**counts(*linear, size, right), "samples": 1000},
        "small network": {**small, **(counts(*by_hand, size, right) if by_hand else {})},
    }
    if pretrained:
        baselines["pre-trained network"] = {"name": "resnet-18", **counts(*pretrained, size, right)}
    result = {
        **judged(labels, answers),
        "genome": genome,
        "validation_accuracy": 0.95,
        "baselines": baselines,
        "candidates": {"trained": 12, "failed": 0},
        "seconds": {"search": 5.0, "finish": 3.0, "total": 20.0},
        "data": {"test": size, "train": 800, "validation": 200, "shape": {"vocabulary": vocabulary}},
        "refit": True,
        "interrupted": False,
        **others,
    }
    found = judgement(result, classes[: len(confusion)], confusion.tolist())
    assert found.keys() == {"verdict", "cautions"}
    return found["verdict"], found["cautions"]


GOOD = [[95, 5], [5, 95]]
"""190 of 200 are right."""


def test_a_network_that_is_better_than_all_that_is_plainer():
    verdict, cautions = judge(GOOD, majority=(95, 5), linear=(30, 10), by_hand=(20, 2))
    assert verdict == (
        "The network found is right about 95.00% of 200 pictures that it never saw, better than logistic regression on "
        "pixels (85.00%) by more than noise."
    )
    assert cautions == []


def test_several_networks_that_answer_together_are_a_team():
    verdict, _ = judge(GOOD, majority=(95, 5), linear=(30, 10), copies=3)
    assert verdict.startswith("The team of 3 networks found is right about 95.00% of 200 pictures")


def test_a_table_of_word_counts_that_is_better():
    """38 of 200 against 165."""
    verdict, _ = judge([[19, 81], [81, 19]], majority=(10, 72), linear=(3, 130), vocabulary=900)
    assert verdict == (
        "A table of word counts is better than the network found (82.50% against 19.00% of 200 texts that neither ever "
        "saw): use that, or give more minutes."
    )


@pytest.mark.parametrize(("losses", "told"), [(14, "either will do"), (1, "by more than noise")])
def test_a_plainer_model_within_noise_will_do(losses, told):
    verdict, _ = judge(GOOD, majority=(95, 5), linear=(15, losses))
    assert told in verdict
    assert ("is not told apart" in verdict) == (losses == 14)


def test_a_winner_no_better_than_the_commonest_class():
    answers = [[60, 40], [45, 55]]
    assert judge(answers, majority=(55, 40), linear=(50, 30))[0] == (
        "Do not use it: the network found is right about 57.50% of 200 pictures that it never saw, no better than "
        "always answering the commonest class (50.00%); give more minutes or more samples."
    )
    assert "worse than always answering the commonest class" in judge(answers, majority=(20, 60), linear=(50, 30))[0]
    assert "better than always answering the commonest class (50.00%) by more" in judge(GOOD, (95, 5), None)[0]


def test_of_two_that_are_plainer_the_better_is_named():
    verdict, _ = judge(GOOD, majority=(30, 10), linear=(95, 5))
    assert "better than always answering the commonest class (85.00%)" in verdict


def test_a_rival_that_was_not_run_or_had_fewer_samples_is_said():
    assert "logistic regression on pixels was not run" in judge(GOOD, majority=(95, 5), linear=None)[1][0]
    data = {"test": 200, "train": 9000, "validation": 1000, "shape": {"vocabulary": 0}}
    assert "(85.00%, fitted to 1,000 of 10,000 samples)" in judge(GOOD, (95, 5), (30, 10), data=data)[0]


@pytest.mark.parametrize(
    ("by_hand", "told"),
    [
        ((8, 6), ["That searching was worth it is not shown: the small network by hand had 94.00% after 1.5 epochs."]),
        ((0, 8), ["The small network by hand is better: it had 99.00% after 1.5 epochs."]),
        ((20, 4), []),
        (None, []),
    ],
)
def test_what_the_search_was_worth_is_judged_by_the_network_by_hand(by_hand, told):
    assert judge(GOOD, majority=(95, 5), linear=(30, 10), by_hand=by_hand)[1] == told


@pytest.mark.parametrize(("samples", "reached", "told"), [(80, 0.4, True), (80, 0.99, False), (800, 0.4, False)])
def test_few_samples_choose_among_networks_that_are_not_close(samples, reached, told):
    few = {"test": 200, "train": 320, "validation": samples, "shape": {"vocabulary": 0}}
    known = {"data": few, "validation_accuracy": reached}
    cautions = judge(GOOD, (95, 5), (30, 10), (20, 2), **known)[1]
    said = (
        "It was chosen by 80 validation pictures, which do not tell 40% from 30% or 51%: networks that are as close "
        "are in no order, and more samples would help to choose."
    )
    assert cautions == ([said] if told else [])
    alone = {"trained": 1, "failed": 0}
    assert judge(GOOD, (95, 5), (30, 10), (20, 2), candidates=alone, **known)[1] == []


def test_where_nothing_was_trained_nothing_was_found():
    none = {"genome": BY_HAND, "candidates": {"trained": 0, "failed": 0}}
    verdict, cautions = judge(GOOD, (95, 5), (30, 10), **none)
    assert verdict.startswith("The network by hand is right about 95.00%")
    assert cautions == [
        "No search took place: reading and measuring took 12 of 20 seconds, finishing 3; give more minutes."
    ]
    assert "ended before its first network" in judge(GOOD, (95, 5), (30, 10), **none, interrupted=True)[1][0]
    failed = {**none, "candidates": {"trained": 0, "failed": 7}}
    assert "7 failed" in judge(GOOD, (95, 5), (30, 10), **failed)[1][0]
    for text in (verdict, *cautions):
        assert "found" not in text


def test_a_winner_by_hand_of_a_search():
    verdict, cautions = judge(GOOD, (95, 5), (30, 10), by_hand=(0, 0), genome=BY_HAND)
    assert verdict.startswith("The network by hand")
    assert cautions == ["Of 12 networks that were trained none was better than the one by hand."]
    one = {"trained": 1, "failed": 0}
    _, cautions = judge(GOOD, (95, 5), (30, 10), by_hand=(0, 0), genome=BY_HAND, candidates=one)
    assert cautions == ["The one network trained was no better than the one by hand."]


def test_classes_that_are_never_answered_never_recognised_and_never_asked():
    confusion = [[60, 0, 3, 0], [12, 0, 0, 0], [40, 0, 0, 0], [0, 0, 0, 0]]
    names = ("plain", "dent", "scratch\n", "rare")
    _, cautions = judge(confusion, majority=(0, 0), linear=None, classes=names)
    assert cautions[-3:] == [
        "Class 'dent' is never answered (12 of 115 test pictures): do not use it where that matters.",
        "Class 'scratch\\n' is never recognised (40 of 115 test pictures): do not use it where that matters.",
        "Class 'rare' is not in the test part: nothing is known there.",
    ]


@pytest.mark.parametrize(
    ("confusion", "told"),
    [
        ([[50, 0], [0, 0]], "50 pictures of 1 of 2 classes that"),
        ([[40, 0, 0], [0, 9, 1], [0, 0, 0]], "of 2 of 3 classes"),
        ([[40, 0], [1, 9]], "50 pictures that it never saw"),
    ],
)
def test_figures_on_a_part_that_lacks_classes_say_so_in_the_verdict(confusion, told):
    verdict, _ = judge(confusion, majority=(30, 0), linear=(20, 0))
    assert told in verdict


def test_of_many_classes_some_are_named():
    many = np.zeros((15, 15), int)
    many[:, 0] = 20
    caution = judge(many, majority=(0, 0), linear=None)[1][-1]
    assert caution.startswith("Classes 'b', 'c', 'd',")
    assert "'k' and 4 more are never answered (280 of 300 test pictures)" in caution


@pytest.mark.parametrize(("common", "told"), [(200, True), (130, False)])
def test_mostly_one_class(common, told):
    _, cautions = judge([[common, 0], [25, 225 - common]], majority=(25, 0), linear=(30, 2))
    balanced = (1 + (225 - common) / (250 - common)) / 2
    said = (
        f"{common} of 250 test pictures are one class: look at balanced accuracy, {balanced:.2%}, which counts all "
        "classes alike; a search with --metric balanced-accuracy looks for that."
    )
    assert (said in cautions) == told


def test_a_test_part_too_small_to_tell():
    verdict, cautions = judge([[6, 0], [2, 4]], majority=(4, 0), linear=(1, 0))
    assert verdict.startswith("Do not use it")
    assert cautions == [
        "The test part is too small to tell: of pictures like its 12 the network may be right about anything from "
        "55% to 95%."
    ]


def test_both_always_right_are_not_told_apart():
    assert "either will do" in judge([[50, 0], [0, 50]], majority=(50, 0), linear=(0, 0))[0]


def test_a_search_that_goes_on_has_no_accuracy_yet():
    assert "80.00% on the validation part after a short training" in not_yet(0.8)["verdict"]


# other metrics


def judge_by(name, own, majority, linear, interval=(0.7, 0.85), confusion=GOOD):
    """The verdict on made figures: what the majority and the linear model have, and their p-values."""
    key = f"test_{name.replace('-', '_')}"
    confusion = np.array(confusion)
    labels, answers = (np.repeat(places, confusion.ravel()) for places in np.indices(confusion.shape).reshape(2, -1))
    rivals = {
        title: {"test_accuracy": 0.5, "only_winner_right": 0, "only_this_right": 0, key: told, "p_value": p}
        for title, (told, p) in (("majority class", majority), ("logistic regression", linear))
    }
    result = {
        **judged(labels, answers),
        "metric": name,
        key: own,
        f"{key}_interval": list(interval),
        "validation_accuracy": 0.95,
        "genome": FOUND,
        "baselines": {**rivals, "small network": None},
        "candidates": {"trained": 12, "failed": 0},
        "data": {"test": len(labels), "train": 800, "validation": 200, "shape": {"vocabulary": 0}},
        "refit": False,
        "interrupted": False,
        "seconds": {},
    }
    found = judgement(result, "ab", confusion.tolist())
    return found["verdict"], found["cautions"]


def test_the_verdict_by_macro_f1_says_what_that_is():
    verdict, cautions = judge_by("macro-f1", 0.81, (0.33, 0.001), (0.7, 0.01))
    assert verdict == (
        "The network found has a macro F1 of 0.8100 on 200 pictures that it never saw, better than logistic regression "
        "on pixels (0.7000) by more than noise."
    )
    assert cautions[0].startswith("Macro F1 falls both where samples of a class are missed")
    assert len(cautions) == 1


def test_of_log_loss_less_is_better():
    chance = (0.69, 0.001)
    assert "log-loss of 0.4200 on 200" in judge_by("log-loss", 0.42, chance, (0.6, 0.01), (0.35, 0.5))[0]
    assert judge_by("log-loss", 0.42, chance, (0.3, 0.01), (0.35, 0.5))[0] == (
        "Logistic regression on pixels is better than the network found (log-loss 0.3000 against 0.4200 on 200 "
        "pictures that neither ever saw): use that, or give more minutes."
    )
    assert judge_by("log-loss", 0.8, chance, (0.9, 0.5), (0.7, 0.9))[0] == (
        "Do not use it: the network found has a log-loss of 0.8000 on 200 pictures that it never saw, worse than "
        "knowing the classes' shares alone (0.6900); give more minutes or more samples."
    )


def test_noise_by_another_metric_is_that_of_the_same_answers_exchanged():
    assert "is not told apart from" in judge_by("roc-auc", 0.9, (0.5, 0.001), (0.88, 0.2))[0]
    assert (
        "no better than always answering the commonest class (50.00%)"
        in (judge_by("balanced-accuracy", 0.55, (0.5, 0.2), (0.4, 0.3))[0])
    )


def test_a_wide_interval_and_a_dead_class_by_another_metric():
    _, cautions = judge_by("roc-auc", 0.8, (0.5, 0.001), (0.6, 0.01), (0.55, 0.95), [[190, 0], [10, 0]])
    assert cautions[1:] == [
        "The test part is too small to tell: of pictures like its 200 the network may have a ROC AUC of anything from "
        "0.5500 to 0.9500.",
        "Class 'b' is never answered (10 of 200 test pictures): do not use it where that matters.",
    ]


def test_a_search_by_another_metric_that_goes_on_has_none_yet():
    told = not_yet(np.exp(-0.42), METRICS["log-loss"])["verdict"]
    assert "has a log-loss of 0.4200 on the validation part after a short training, which is no log-loss to" in told


# noise


@pytest.mark.parametrize(
    ("wins", "losses", "noise"),
    [
        (0, 0, True),
        (5, 0, True),  # 2 / 2**5 = 0.0625
        (6, 0, False),  # 2 / 2**6 = 0.03125
        (8, 1, False),  # 20 / 2**9 = 0.039
        (7, 1, True),  # 18 / 2**8 = 0.070
        (150, 86, False),  # approval of a prime minister asked twice: Agresti 2002, "Categorical Data Analysis", 10.1
        (110, 100, True),
    ],
)
def test_the_exact_test_of_mcnemar(wins, losses, noise):
    assert is_noise(wins, losses) == is_noise(losses, wins) == noise


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 30))
def test_a_larger_lead_is_never_noise_where_a_smaller_is_not(wins, losses, more):
    if wins >= losses and not is_noise(wins, losses):
        assert not is_noise(wins + more, losses)


@given(st.lists(st.tuples(*[st.integers(0, 2)] * 3), min_size=1, max_size=30))
def test_what_only_one_of_two_answers_rightly_is_the_difference_of_their_accuracies(rows):
    labels, winners, answers = np.array(rows).T
    found = compared(labels, winners, answers)
    gap = (winners == labels).mean() - found["test_accuracy"]
    assert found["only_winner_right"] - found["only_this_right"] == pytest.approx(gap * len(rows))
    assert found["only_winner_right"] + found["only_this_right"] <= len(rows)


@pytest.mark.parametrize(
    ("pretrained", "said"),
    [
        ((1, 10), "The pre-trained network resnet-18 is better: 99.50% with a linear head"),
        ((4, 5), "is as good, and better where it is trained further: 95.50%"),
        ((30, 2), None),
    ],
)
def test_a_pretrained_network_that_is_not_behind_is_told_of(pretrained, said):
    _, cautions = judge(GOOD, majority=(95, 5), linear=(30, 10), by_hand=(20, 2), pretrained=pretrained)
    assert any(said in line for line in cautions) if said else cautions == []


@given(st.integers(1, 5000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_the_interval_is_that_of_wilson(counts):
    expected = binomtest(*counts).proportion_ci(0.95, method="wilson")
    assert interval(*counts) == pytest.approx((expected.low, expected.high), abs=1e-12)
