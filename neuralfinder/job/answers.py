"""What a network answered on the test part: what it takes for what, and its most confident mistakes."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import log_softmax

from neuralfinder.data.dataset import Dataset
from neuralfinder.data.pictures import as_address

MISTAKES = 24
"""Wrong answers that are kept for people to look at."""

MOST_SHOWN = 500
"""Characters of a text that people are shown."""


def told_apart(labels: np.ndarray, logits: np.ndarray) -> dict[str, Any]:
    """What was taken for what.

    Args:
        labels: `(n,)` class indices.
        logits: `(n, classes)`, divided by the temperature: their softmax is the confidence.

    Returns:
        `confusion`, counts with a row for each true class and a column for each answer, and the most confident
        `mistakes` with their `row`, `label`, `answer` and `confidence`, 0..1.
    """
    answers = logits.argmax(1)
    confusion = np.zeros((logits.shape[1],) * 2, dtype=np.int64)
    np.add.at(confusion, (labels, answers), 1)
    wrong = np.flatnonzero(answers != labels)
    sure = np.exp(log_softmax(logits[wrong], axis=1)).max(1)
    worst = [(int(wrong[place]), float(sure[place])) for place in np.argsort(-sure, kind="stable")[:MISTAKES]]
    mistakes = [
        {"row": row, "label": int(labels[row]), "answer": int(answers[row]), "confidence": sure} for row, sure in worst
    ]
    return {"confusion": confusion.tolist(), "mistakes": mistakes}


def for_people(found: dict[str, Any], data: Dataset, rows: np.ndarray) -> dict[str, Any]:
    """The same with names: of classes and of samples, and with what these look like.

    Args:
        found: from `told_apart`.
        data: the data set.
        rows: of the test part, in the order in which it was answered.
    """
    classes = [str(label) for label in data.classes]
    mistakes = [
        {
            "name": data.name_of(int(rows[mistake["row"]])),
            "label": classes[mistake["label"]],
            "answer": classes[mistake["answer"]],
            "confidence": mistake["confidence"],
            **_looks(data, int(rows[mistake["row"]])),
        }
        for mistake in found["mistakes"]
    ]
    return {"classes": classes, "confusion": found["confusion"], "mistakes": mistakes}


def _looks(data: Dataset, row: int) -> dict[str, str]:
    if data.tokens:
        return {"text": data.tokens.decode(data.samples[row])[:MOST_SHOWN]}
    return {"picture": as_address(data.samples[row])}
