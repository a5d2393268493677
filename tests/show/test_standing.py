"""The winner beside its rivals as the page draws them, on made results."""

from __future__ import annotations

import numpy as np
import pytest

from neuralfinder.show.page.standing import reliability, standing

RESULT = {
    "genome": "C64 > G", "test_accuracy": 0.9, "test_interval": [0.83, 0.94], "refit": False,
    "candidates": {"trained": 4},
    "data": {"train": 800, "validation": 50, "test": 100, "shape": {"vocabulary": 0}},
    "baselines": {
        "majority class": {"test_accuracy": 0.2},
        "logistic regression": None,
        "small network": {
            "genome": "C32 > G", "epochs": 1.0, "validation_accuracy": 0.8,
            "winner_then": {"validation_accuracy": 0.86},
        },
        "pre-trained network": {"name": "resnet", "why": "there was no time"},
    },
}  # fmt: skip


def test_the_winner_comes_first_and_rivals_by_what_they_reached():
    rows = standing(RESULT)
    assert [row["title"] for row in rows] == [
        "this network", "small network by hand", "always the commonest class", "logistic regression on pixels",
        "pre-trained network",
    ]  # fmt: skip
    assert [row.get("score") for row in rows] == [0.9, 0.8, 0.2, None, None]
    assert [row["terms"] for row in rows[3:]] == ["not run", "resnet: there was no time"]


def test_who_was_measured_on_the_validation_part_says_so_and_has_its_interval():
    small = standing(RESULT)[1]
    assert small["part"] == "validation"
    assert small["terms"].startswith("after 1 epoch on the validation part; the winner had 86.00% there")
    # Wilson's, of 40 of 50 and of 20 of 100
    assert small["interval"] == pytest.approx([0.6696, 0.8876], abs=1e-4)
    assert standing(RESULT)[2]["interval"] == pytest.approx([0.1334, 0.2888], abs=1e-4)


def test_by_another_metric_its_figures_are_compared_and_the_winner_has_an_interval():
    by_loss = {"metric": "log-loss", "test_log_loss": 0.2, "test_log_loss_interval": [0.1, 0.4]}
    majority = {"test_accuracy": 0.95, "test_log_loss": 0.7}
    rows = standing({**RESULT, **by_loss, "baselines": {"majority class": majority}})
    assert [row["score"] for row in rows] == pytest.approx(np.exp([-0.2, -0.7]))
    assert rows[0]["interval"] == pytest.approx(np.exp([-0.4, -0.1]))
    assert "interval" not in rows[1]


def test_a_winner_that_nobody_searched_for_says_so():
    assert standing({**RESULT, "genome": "C32 > G"})[0]["title"] == "this network, made by hand"


def test_of_texts_the_plain_model_is_a_table_of_words():
    data = {**RESULT["data"], "shape": {"vocabulary": 500}}
    assert "a table of word counts" in [row["title"] for row in standing({**RESULT, "data": data})]


def test_bins_without_answers_are_left_out_and_others_have_their_edges():
    rows = [[0, 0.0, 0.0], [10, 0.45, 0.5], [0, 0.0, 0.0], [30, 0.9, 0.8]]
    found = reliability({"calibration": {"reliability": rows}})
    assert [(row["from"], row["to"], row["count"]) for row in found] == [(0.25, 0.5, 10), (0.75, 1.0, 30)]
    assert all(row["interval"][0] < row["came"] < row["interval"][1] for row in found)
    assert reliability(RESULT) == []


def test_a_winner_of_several_networks_is_called_a_team():
    assert standing({**RESULT, "copies": 2})[0]["title"] == "this team of 2 networks"
