"""The card says what the record says."""

from __future__ import annotations

import json

import pytest

from neuralfinder.errors import RunFolderError
from neuralfinder.search.events import Answered, DataRead, Finished
from neuralfinder.search.record import Record
from neuralfinder.show.card import card, write_card

RESULT = {
    "genome": "C8.bn > G | shift0", "test_accuracy": 0.75, "test_interval": [0.5, 0.9], "test_balanced_accuracy": 0.7,
    "validation_accuracy": 0.8, "parameters": 1234, "macs": 5_000_000, "epochs": 3.25, "refit": True, "retrained": [],
    "baselines": {"majority class": {"test_accuracy": 0.5}, "logistic regression": None},
    "candidates": {"trained": 7}, "seconds": {"search": 12.0}, "seed": 4, "preset": "fast", "strategy": "random",
    "data": {"name": "my | <pets>", "train": 20, "validation": 5, "test": 32}, "device": "a machine",
    "versions": {"neuralfinder": "1.2", "torch": "9"}, "warnings": ["little time"],
    "calibration": {"temperature": 0.5, "error_before": 0.2, "error_after": 0.05, "bins": 4},
}  # fmt: skip


@pytest.fixture
def record(tmp_path):
    with Record(tmp_path / "run.sqlite") as made:
        yield made


def finish(record, classes=("cat", "d|og*", "fish"), confusion=((20, 2, 0), (3, 4, 0), (0, 3, 0))):
    counts = [{"label": label, "given": 40 + place, "given_test": 3} for place, label in enumerate(classes)]
    found = {"kind": "found", "text": "2 copies were <b>left out</b>", "count": 2, "names": [], "change": ""}
    record.write(DataRead({"kind": "picture", "name": "pets", "findings": [found], "classes": counts}))
    record.write(Answered(classes, confusion, ()))
    record.write(Finished(RESULT))
    return card(record)


def test_metadata_are_yaml_of_the_hub(record):
    _, head, _ = finish(record).split("---\n", 2)
    values = {name: json.loads(value) for name, value in (line.split(": ", 1) for line in head.splitlines())}
    assert values["pipeline_tag"] == "image-classification"
    (model,) = values["model-index"]
    assert model["results"][0]["metrics"][0]["value"] == 0.75
    assert model["results"][0]["dataset"]["name"] == "my | <pets>"


def test_figures_are_those_of_the_record(record):
    text = finish(record)
    for said in (
        "right about 75.00% of 32 pictures", "50.00% to 90.00%", "20 for training, 5 to choose by, 32 for the test",
        "trained 7 networks in 12 seconds", "3.25 passes", "Seed 4, preset fast, strategy random",
        "majority class | 50.00%", "logistic regression | not run", "`C8.bn > G | shift0`", "1,234 parameters",
        "5 million multiply-adds", "neuralfinder 1.2, torch 9", "little time", "off by 5.0% there", "by 20.0%",
        "training part and on what it was chosen by",
    ):  # fmt: skip
        assert said in text, said


def test_a_class_has_what_is_found_of_it_and_what_its_answers_are_worth(record):
    text = finish(record)
    assert "| cat | 43 | 22 | 90.9% | 87.0% |" in text
    assert r"| d\|og\* | 44 | 7 | 57.1% | 44.4% |" in text
    assert "| fish | 45 | 3 | 0.0% | none there |" in text
    assert text.index(r"3 of 7 of d\|og\* are taken for cat") < text.index(r"2 of 22 of cat are taken for d\|og\*")
    assert "Of 2 classes the test part has fewer than 20" in text


def test_words_of_others_are_words(record):
    text = finish(record, ("<script>", "a\nb", "[x](y)"))
    assert "<script>" not in text
    assert r"\<script\>" in text
    assert "| a b |" in text
    assert r"2 copies were \<b\>left out\</b\>" in text


def test_how_it_is_run_is_true(record):
    finish(record)
    assert "python network.py picture.jpg" in card(record)
    assert "network.py" not in card(record, code=False)


def test_of_an_unfinished_run_there_is_no_card(record, tmp_path):
    with pytest.raises(RunFolderError, match="not finished"):
        card(record)
    with pytest.raises(RunFolderError):
        write_card(tmp_path, tmp_path)
