"""Texts that are longer than a network reads at once: their pieces, training on any, and answers by all of them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from setups import setup_of_texts

from neuralfinder.data.tokens import PIECE, PIECES, Tokens
from neuralfinder.job.figures import with_views
from neuralfinder.networks.genome import parse
from neuralfinder.seeds import torch_seed
from neuralfinder.training.augmentation import Augmentation, piece
from neuralfinder.training.batches import Views
from neuralfinder.training.model import Model
from neuralfinder.training.recipes import MOST_VIEWS, RECIPES
from neuralfinder.training.train import PLAIN, score, train
from neuralfinder.types import Fidelity, Shape

ALL_PIECES = Views(pieces=True)


def told_late(count: int, words: int = 700, seed: int = 0) -> tuple[list[str], list[str]]:
    """Texts of so many words in whose last quarter alone there are some that tell the class."""
    rng = np.random.default_rng(seed)
    others = [f"w{n}" for n in range(50)]
    texts, labels = [], []
    for row in range(count):
        own = rng.choice(others, words).tolist()
        label = ("sea", "wood")[row % 2]
        for place in rng.integers(3 * words // 4, words, 25):
            own[place] = {"sea": "wave", "wood": "fern"}[label]
        texts.append(" ".join(own))
        labels.append(label)
    return texts, labels


@pytest.mark.thorough
def test_what_is_told_late_in_a_long_text_is_learned_and_answered() -> None:
    setup = setup_of_texts(*told_late(160))
    assert setup.long
    setup = dataclasses.replace(setup, recipe=RECIPES["text-final"])
    genome = parse("C32 > G")
    model, found = trained(setup, genome)
    assert found == 1.0
    assert model.views == ALL_PIECES
    assert score(model.network, setup.validation, setup) < 0.75  # the first piece knows nothing
    _, told = trained(setup.of(parse("C32 > G | anywhere0")), genome)
    assert told < 0.75


def trained(setup, genome):
    from neuralfinder.training.build import build

    with torch_seed(0):
        network = build(genome, setup.shape, setup.classes)
        training = train(network, setup, Fidelity(8), 0)
    model = Model.of(genome, training.state, setup.shape, setup.preparation, ("sea", "wood"))
    return with_views(setup, model, 0)[:2]


def test_a_model_reads_all_pieces_of_what_it_is_asked(tmp_path) -> None:
    setup = dataclasses.replace(setup_of_texts(*told_late(160)), recipe=RECIPES["text-final"])
    model, _ = trained(setup, parse("C32 > G"))
    texts, labels = told_late(20, seed=1)
    short = ["wave " * 200, "fern " * 200]
    for own in (model, (model.save(tmp_path), Model.load(tmp_path))[1]):
        assert own.predict(texts).tolist() == labels
        assert own.predict([*short, texts[0]]).tolist() == ["sea", "wood", labels[0]]
        np.testing.assert_allclose(own.predict_proba(texts[:1]), own.predict_proba([*texts, *short])[:1], atol=1e-5)


def test_short_texts_have_one_look() -> None:
    setup = setup_of_texts(["sea wave", "wood fern"] * 40, ["sea", "wood"] * 40, "text-final")
    assert not setup.long
    assert setup.several() == PLAIN


def test_pieces_are_chosen_among_those_that_a_text_has() -> None:
    lines = torch.zeros(3, 4, 2, 5, dtype=torch.int32)
    for row, own in enumerate((4, 2, 0)):
        for number in range(own):
            lines[row, number] = 10 * row + number + 1
    first, last = (piece(lines, torch.full((3,), place))[:, 0, 0, 0].tolist() for place in (0.0, 0.999))
    assert first == [1, 11, 0]
    assert last == [4, 12, 0]
    seen = [view[:, 0, 0, 0].tolist() for view in ALL_PIECES.of(lines)]
    assert seen == [[1, 11, 0], [2, 11, 0], [3, 12, 0], [4, 12, 0]]
    assert PIECES <= MOST_VIEWS


def test_training_reads_any_piece_alike_often() -> None:
    changes = Augmentation(anywhere=True).draw(Shape(3, 2, 8), torch.zeros(3000, dtype=torch.bool), generator())
    lines = torch.arange(1, 4, dtype=torch.int32).view(1, 3, 1, 1).expand(3000, 3, 2, 8)
    chosen = changes.apply(lines, slice(0, 3000), Tokens("", 8, 4))
    counts = torch.bincount(chosen[:, 0, 0, 0].long())[1:].tolist()
    assert min(counts) > 900
    assert Augmentation().draw(Shape(3, 2, 8), torch.zeros(1), generator()).place is None


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("words", [600, 5000])
def test_pieces_are_the_whole_text_or_lie_evenly_in_it(words: int) -> None:
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice([f"w{n}" for n in range(300)], words)) for _ in range(20)]
    tokens = Tokens.learn(texts)
    assert (tokens.length, tokens.pieces) == (PIECE, min(PIECES, -(-words // PIECE)))
    lines, cut = tokens.encode(texts)
    letters = [bytes((own[own > 0] - 1).astype(np.uint8)).decode().strip() for own in lines[0, :, 1]]
    if words == 600:
        assert tokens.decode(lines[0]) == texts[0] == " ".join(letters)
        assert not cut
    else:
        assert cut == list(range(20))
        places = [texts[0].index(own) for own in letters]
        assert places[0] == 0
        assert places[-1] + len(letters[-1]) == len(texts[0])
        np.testing.assert_allclose(np.diff(places), np.diff(places).mean(), rtol=0.02)
