"""Plain models as networks of the space are as good as they are by other means."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from setups import setup_of_digits, setup_of_texts
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from neuralfinder.data.splits import split
from neuralfinder.job.baselines import fit_linear
from neuralfinder.networks.genome import parse
from neuralfinder.training.build import build
from neuralfinder.training.recipes import RECIPES
from neuralfinder.training.train import Setup, train
from neuralfinder.types import Fidelity


def trained(text: str, setup: Setup, epochs: int) -> float:
    torch.manual_seed(0)
    network = build(parse(text), setup.shape, setup.classes, setup.recipe.initialisation)
    score = train(network, setup, Fidelity(epochs, 1.0), 0).score
    assert score is not None
    return score


@pytest.mark.thorough
def test_a_linear_network_is_as_good_as_logistic_regression() -> None:
    recipe = dataclasses.replace(RECIPES["fast"], batch_size=32, shift=0.0, flip=False)
    setup = setup_of_digits(recipe, count=1200)
    linear = fit_linear(setup.train, 10, setup.preparation, 30, np.random.default_rng(0))  # type: ignore[arg-type]
    assert linear is not None
    reached = np.mean(linear.logits(setup.validation).argmax(1) == setup.validation.labels.numpy())
    assert trained("I > F0", setup, 15) > reached - 0.02
    assert trained("I > F256", setup, 15) > reached


@pytest.mark.thorough
def test_a_bag_is_as_good_as_word_counts() -> None:
    """Which of two words of many comes, and which pair of the same words: mean and maximum of words see no pairs."""
    draws = np.random.default_rng(0)
    texts, labels = [], []
    for _ in range(600):
        words = [f"w{number}" for number in draws.integers(0, 60, 8)]
        label = int(draws.integers(3))
        place = int(draws.integers(0, 8))
        words[place:place] = (["left", "right"], ["right", "left"], ["up", "down"])[label]
        texts.append(" ".join(words))
        labels.append(label)
    setup = setup_of_texts(texts, labels)
    rows = split(np.array(labels), np.zeros(len(labels), dtype=bool), 0)
    words = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10))
    known, asked = ([texts[row] for row in own] for own in (rows.train, rows.validation))
    reached = words.fit(known, np.array(labels)[rows.train]).score(asked, np.array(labels)[rows.validation])
    bag = trained("I > G.bag12", setup, 1)
    assert bag > reached - 0.03
    assert bag > trained("I > G", setup, 8) + 0.1
