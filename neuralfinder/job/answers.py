"""What a network answered on the test part: what it takes for what, how sure it was, what it had right and wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy.special import softmax

from neuralfinder.data.dataset import Dataset
from neuralfinder.data.pictures import as_address

MISTAKES, RIGHT = 48, 12
"""Wrong answers, and right ones, whose samples are kept for people to look at."""

MOST_LISTED = 10_000
"""Further wrong answers that are kept by name alone: a list that a person goes through, some 40 bytes each."""

STEPS = 1000
"""Probabilities are counted in steps of a thousandth: as many rows at most, whatever the number of samples."""

MOST_SHOWN = 500
"""Characters of a text that people are shown."""

Answer = dict[str, Any]


def told_apart(labels: np.ndarray, logits: np.ndarray) -> dict[str, Any]:
    """What was taken for what, and how surely.

    Args:
        labels: `(n,)` class indices.
        logits: `(n, classes)`, divided by the temperature: their softmax is the confidence.

    Returns:
        * `confusion`: counts with a row for each true class and a column for each answer.
        * `mistakes`: the most confident, each with `row`, `label`, `answer` and `confidence`, 0..1.
        * `others`: the mistakes after these, in the same form.
        * `rightly`: some that are right, one of each class as far as it goes.
        * `sure`: rows `[thousandths, answers, right]`, the least probability first: how many answers had a probability
          of so many thousandths, cut off, and how many of them are right.
    """
    answers = logits.argmax(1)
    confusion = np.zeros((logits.shape[1],) * 2, dtype=np.int64)
    np.add.at(confusion, (labels, answers), 1)
    shares = softmax(logits.astype(np.float64), axis=1).max(1)
    right = answers == labels

    def told(rows: Sequence[int]) -> list[Answer]:
        return [
            {"row": row, "label": int(labels[row]), "answer": int(answers[row]), "confidence": float(shares[row])}
            for row in rows
        ]

    wrong = np.flatnonzero(~right)
    wrong = wrong[np.argsort(-shares[wrong], kind="stable")][: MISTAKES + MOST_LISTED]
    steps = np.minimum((shares * STEPS).astype(np.int64), STEPS)
    there, true = np.bincount(steps, minlength=STEPS + 1), np.bincount(steps[right], minlength=STEPS + 1)
    return {
        "confusion": confusion.tolist(),
        "mistakes": told(wrong[:MISTAKES].tolist()),
        "others": told(wrong[MISTAKES:].tolist()),
        "rightly": told([*_in_turn(labels, np.flatnonzero(right))][:RIGHT]),
        "sure": [[int(step), int(there[step]), int(true[step])] for step in np.flatnonzero(there)],
    }


def _in_turn(labels: np.ndarray, rows: np.ndarray) -> Iterator[int]:
    """The rows, the first of each class before the second of any."""
    before = np.zeros(len(rows), dtype=np.int64)
    for label in np.unique(labels[rows]):
        own = labels[rows] == label
        before[own] = np.arange(own.sum())
    return iter(rows[np.lexsort((labels[rows], before))].tolist())


def for_people(found: dict[str, Any], data: Dataset, rows: np.ndarray) -> dict[str, Any]:
    """The same with names: of classes and of samples, and with what these look like.

    Args:
        found: from `told_apart`; `others` become rows `[name, label, answer, confidence]`, classes by their index.
        data: the data set.
        rows: of the test part, in the order in which it was answered.
    """
    classes = [str(label) for label in data.classes]

    def shown(answer: Answer) -> Answer:
        row = int(rows[answer["row"]])
        named = {"label": classes[answer["label"]], "answer": classes[answer["answer"]]}
        return {"name": data.name_of(row), **named, "confidence": answer["confidence"], **_looks(data, row)}

    return {
        "classes": classes,
        "confusion": found["confusion"],
        "mistakes": [*map(shown, found["mistakes"])],
        "others": [
            [data.name_of(int(rows[each["row"]])), each["label"], each["answer"], round(each["confidence"], 4)]
            for each in found["others"]
        ],
        "rightly": [*map(shown, found["rightly"])],
        "sure": found["sure"],
    }


def _looks(data: Dataset, row: int) -> dict[str, str]:
    if data.tokens:
        return {"text": data.tokens.decode(data.samples[row])[:MOST_SHOWN]}
    return {"picture": as_address(data.samples[row])}
