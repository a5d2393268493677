"""What the winner takes for what."""

from __future__ import annotations

import numpy as np
import pytest

from neuralfinder.job.answers import told_apart


def test_what_was_taken_for_what_and_the_surest_mistakes_first():
    logits = np.array([[9.0, 0.0], [0.0, 1.0], [5.0, 0.0], [0.0, 3.0]])
    found = told_apart(np.array([0, 0, 1, 1]), logits)
    assert found["confusion"] == [[1, 1], [1, 1]]
    assert [(each["row"], each["label"], each["answer"]) for each in found["mistakes"]] == [(2, 1, 0), (1, 0, 1)]
    assert found["mistakes"][0]["confidence"] == pytest.approx(1 / (1 + np.exp(-5)))
