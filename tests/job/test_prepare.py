"""What trainings share."""

from __future__ import annotations

import numpy as np
from sentences import sentences

from neuralfinder.data import Divided
from neuralfinder.data.texts import from_texts
from neuralfinder.job.prepare import grown
from neuralfinder.job.settings import Settings


def test_retrainings_know_the_words_of_the_validation_part_too():
    texts, labels = sentences(60)
    texts = [f"{text} w{row}w" for row, text in enumerate(texts)]
    raw = from_texts(texts, labels)
    divided = Divided.of(raw, 0)
    data, parts = divided.coded, divided.split
    whole = grown(divided, Settings()).whole
    assert whole.shape.width == data.shape.width

    def pieces(form, row):
        return np.count_nonzero(form.samples[row]) - np.count_nonzero(form.tokens.encode([sentences(60)[0][row]])[0])

    assert {(pieces(data, row) == 1, pieces(whole, row) == 1) for row in parts.train} == {(True, True)}
    assert {(pieces(data, row) == 1, pieces(whole, row) == 1) for row in parts.validation} == {(False, True)}
    assert {(pieces(data, row) == 1, pieces(whole, row) == 1) for row in parts.test} == {(False, False)}
    for limit in ({"max_parameters": 10**6}, {"max_size_mb": 4.0}):
        assert grown(divided, Settings(options=limit)).whole is data
