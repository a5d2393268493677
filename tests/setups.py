"""What trainings share, for tests, and a model."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from sklearn.datasets import load_digits

from neuralfinder.data.splits import split
from neuralfinder.data.texts import from_texts
from neuralfinder.data.tokens import tokenized
from neuralfinder.networks.genome import parse
from neuralfinder.seeds import torch_seed
from neuralfinder.training.batches import Part, Scaling
from neuralfinder.training.build import build
from neuralfinder.training.clock import Clock
from neuralfinder.training.model import Model
from neuralfinder.training.recipes import RECIPES, Recipe
from neuralfinder.training.train import Setup


def setup_of_texts(texts, labels, recipe="text"):
    """Of texts and their labels, divided and coded."""
    data = from_texts(texts, labels)
    parts = split(data.labels, data.given_test, 0)
    data = tokenized(data, parts.train)
    own = (Part.of(data.samples, data.labels, rows, torch.device("cpu")) for rows in (parts.train, parts.validation))
    return Setup(*own, len(data.classes), data.tokens, RECIPES[recipe], 16, long=data.tokens.pieces > 1)


def setup_of_digits(recipe: Recipe | None = None, clock: Clock | None = None, count: int = 600) -> Setup:
    """Of so many digits for training and 300 for validation, always the same."""
    digits = load_digits()
    pictures, labels = digits.images[:, None].astype(np.uint8), digits.target.astype(np.int64)
    rows = np.random.default_rng(0).permutation(len(labels))
    parts = [Part.of(pictures, labels, some, torch.device("cpu")) for some in (rows[:count], rows[-300:])]
    recipe = recipe or dataclasses.replace(RECIPES["fast"], batch_size=32)
    return Setup(*parts, 10, Scaling.of(parts[0]), recipe, recipe.batch_size, clock=clock or Clock())


def model_of(shape, preparation, classes=("day", "night")):
    """A small one that nobody trained."""
    genome = parse("C8 > G")
    with torch_seed(0):
        state = build(genome, shape, len(classes)).state_dict()
    return Model.of(genome, state, shape, preparation, classes)
