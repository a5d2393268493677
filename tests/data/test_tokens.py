"""Texts as lines of token numbers."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sentences import sentences

from neuralfinder.data import tokens as tokens_module
from neuralfinder.data.splits import split
from neuralfinder.data.texts import from_texts
from neuralfinder.data.tokens import Tokens, _stretches, tokenized


@pytest.mark.parametrize(
    "texts",
    [
        ["the cat sat", "the dog ran"],
        ["\u6211\u7231\u5317\u4eac", "\u5317\u4eac\u5f88\u5927"],
        ["\u6771\u4eac\u306b\u884c\u304d\u307e\u3057\u305f"],
        ["\u0645\u0631\u062d\u0628\u0627 \u0628\u0643"],
        ["\U0001f600 fine \U0001f680\U0001f680"],
        ["", "  "],
    ],
)
def test_any_language_is_encoded_and_nothing_is_unknown(texts):
    tokens = Tokens.learn(texts)
    lines, cut = tokens.encode([*texts, "never seen \u00e9\u4e16\U0001f44d"])
    assert not cut or tokens.length < 30
    assert lines.max() < tokens.vocabulary
    assert (lines[-1, 0, 0] > 0).any()


def test_words_that_come_again_are_tokens_and_characters_where_no_space_parts_words():
    others = itertools.product(["red", "green", "blue", "grey", "gold"], repeat=2)
    tokens = Tokens.learn([f"{one} renowned \u6211\u7231\u5317\u4eac {other}" for one, other in others])
    lines, _ = tokens.encode(["renowned", "\u5317\u4eac"])
    assert (lines[:, 0, 0] > 0).sum(1).tolist() == [1, 2]


def test_letters_are_bytes_with_a_space_around_each_word():
    texts = [" caf\u0065\u0301  au\tlait", ""]
    lines, cut = Tokens.learn(texts).encode(texts)
    letters = [bytes(line[line > 0].astype(np.uint8) - 1).decode() for line in lines[:, 0, 1]]
    assert letters == [" caf\u00e9 au lait ", "  "]
    assert not cut


def test_a_text_with_more_letters_than_are_kept_is_cut():
    texts = ["short", "much longer"]
    lines, cut = Tokens.learn(texts, 16).encode(texts, 8)
    assert lines.shape == (2, 1, 2, 16)
    assert cut == [1]
    assert (lines[:, 0, 1] > 0).sum(1).tolist() == [7, 8]


def taken(tokens: Tokens, texts: list[str]) -> float:
    return (tokens.encode(texts)[0][:, 0, 0] > 0).sum() / len(texts)


def test_new_words_take_as_many_tokens_as_known_ones():
    """With a token for each word of the training part, new words consist of what training has hardly seen."""
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abcdefgh"), 8)) for _ in range(2_000)]
    tokens = Tokens.learn(words[:1_500])
    assert tokens.vocabulary < 1_000
    assert 2 < taken(tokens, words[1_500:]) < 1.1 * taken(tokens, words[:1_500])


def test_a_vocabulary_grows_with_the_texts_there_are():
    def learned(count: int) -> Tokens:
        rng = np.random.default_rng(0)
        words = ["".join(rng.choice(list("abcdefgh"), 6)) for _ in range(300)]
        return Tokens.learn([" ".join(rng.choice(words, 12)) for _ in range(count)])

    few, many = learned(20), learned(2_000)
    assert few.vocabulary < many.vocabulary
    assert many.encode(["never"])[0].max() > 0


@settings(max_examples=20)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=8), st.randoms())
def test_equal_texts_in_any_order_give_equal_tokens(texts, random):
    again = list(texts)
    random.shuffle(again)
    assert Tokens.learn(texts) == Tokens.learn(again)


def test_the_vocabulary_knows_the_training_part_alone():
    texts, labels = sentences(60)
    data = from_texts(texts, labels)
    parts = split(data.labels, data.given_test, 0)
    changed = list(texts)
    for row in (*parts.validation, *parts.test):
        changed[row] = "zyzzyva"
    one, other = (tokenized(from_texts(own, labels), parts.train) for own in (texts, changed))
    assert one.tokens == other.tokens


def test_a_line_is_as_long_as_nearly_all_texts_need():
    texts = ["one two"] * 200 + ["many " * 3000]
    tokens = Tokens.learn(texts)
    assert (tokens.length, tokens.pieces) == (8, 1)
    assert tokens.encode(texts)[1] == [200]


def test_halves_of_characters_are_read_as_the_sign_for_none_and_counted():
    texts = ["a half \ud83d and more", "whole \U0001f600", "none", "\udc00 the other half"] * 5
    data = from_texts(texts, [0, 1, 1, 0] * 5)
    coded = tokenized(data, np.arange(16))
    note = next(finding for finding in coded.findings if finding.kind == "surrogates")
    assert note.text.startswith("10 texts have halves of characters")
    lines, _ = coded.tokens.encode(["a half \ud83d and more"])
    np.testing.assert_array_equal(lines, coded.tokens.encode(["a half \ufffd and more"])[0])
    assert not np.array_equal(coded.samples[1], coded.samples[0])


def without_spaces(count, letters, seed=0, alphabet="abcdefghijklmnopqrstuvwxyz"):
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice([*alphabet], letters)) for _ in range(count)]


def test_of_words_without_an_end_some_stretches_are_learned_from_in_any_order(monkeypatch):
    monkeypatch.setattr(tokens_module, "LEARNED_FROM", 20_000)
    texts = [*(f"see {word} there" for word in without_spaces(8, 30_000)), "plain words"]
    some = _stretches(texts)
    assert 20_000 * 0.9 < sum(map(len, some)) < 20_000 * 1.2
    assert all(text.startswith("see ") and text.endswith(" there") for text in some if text != "plain words")
    assert sorted(some) == sorted(_stretches(texts[::-1]))
    whole = [*without_spaces(30, 100), "plain words"]
    assert _stretches(whole) == whole


def test_words_without_an_end_are_learned_as_their_parts_are():
    """A token is at most 24 bytes, and what is at the seams of so many letters is hardly any of them."""
    long = "".join(without_spaces(400, 6, alphabet="acgt"))
    learned = Tokens.learn([long, long[::-1]])
    lines, _ = learned.encode([long[:200]])
    assert "".join(learned.read_as(lines[0])).strip() == long[:200]
    assert not [text for text in learned.read_as(lines[0])[1:] if text.startswith(" ")]


@pytest.mark.slow
def test_texts_without_a_space_take_time_as_they_have_letters():
    """40 texts of 100,000 letters: at most 60 seconds of computing, and half as many of half as much."""
    seconds = []
    for letters in (50_000, 100_000):
        texts = without_spaces(40, letters)
        began = time.process_time()
        tokens = Tokens.learn(texts)
        tokens.encode(texts)
        seconds.append(time.process_time() - began)
        assert tokens.vocabulary > 500
    assert seconds[1] < 60
    assert seconds[1] < 3 * seconds[0]
