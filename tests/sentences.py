"""Texts for tests."""

from __future__ import annotations

import numpy as np

SUBJECTS = {"sea": ["ship", "wave", "harbour", "sailor", "tide"], "wood": ["oak", "fern", "badger", "moss", "owl"]}


def sentences(count=120, seed=0):
    """Texts whose class is that of one word among others."""
    rng = np.random.default_rng(seed)
    others = [f"word{n}" for n in range(30)]
    texts, labels = [], []
    for row in range(count):
        label = ("sea", "wood")[row % 2]
        words = [*rng.choice(others, int(rng.integers(1, 8))), str(rng.choice(SUBJECTS[label]))]
        texts.append(" ".join(rng.permutation(words)))
        labels.append(label)
    return texts, labels
