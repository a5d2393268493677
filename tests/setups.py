"""What trainings share, for tests."""

from __future__ import annotations

import torch

from neuralfinder.data.splits import split
from neuralfinder.data.texts import from_texts
from neuralfinder.data.tokens import tokenized
from neuralfinder.training.batches import Part
from neuralfinder.training.recipes import RECIPES
from neuralfinder.training.train import Setup


def setup_of_texts(texts, labels, recipe="text"):
    data = from_texts(texts, labels)
    parts = split(data.labels, data.given_test, 0)
    data = tokenized(data, parts.train)
    own = (Part.of(data.samples, data.labels, rows, torch.device("cpu")) for rows in (parts.train, parts.validation))
    return Setup(*own, len(data.classes), data.tokens, RECIPES[recipe], 16)
