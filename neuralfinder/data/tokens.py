"""Texts -> lines of token numbers, by sub-words learned from what is trained on, and lines of letters below them."""

from __future__ import annotations

import itertools
import json
import math
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from neuralfinder.data.dataset import Array, Dataset
from neuralfinder.data.findings import Finding
from neuralfinder.data.mapped import fits
from neuralfinder.plain import from_json
from neuralfinder.types import Shape

if TYPE_CHECKING:
    from tokenizers import Tokenizer

T = TypeVar("T")

VOCABULARY = 30_000
"""Tokens that are learned at most, the commonest first."""

CARRIES_OVER = 1.05
"""How many times as many tokens a text may take that they were not learned from. With more tokens whole texts are what
training sees, and pieces of them what comes after it. Of vocabularies with a ratio of 1.01, 1.05, 1.14 and 1.19 that of
1.05 was the best on questions and on docstrings; on words 1.00 to 1.03 were level and 1.72 much worse (docs/LOG.md)."""

HELD_OUT, MEASURED = 10, 4 << 20
"""One of so many different texts tells what carries over, of so many bytes of them at most: some seconds of work."""

FINER = 1.25
"""Ratio of two vocabularies that are told apart."""

EMBEDDING = 256
"""Numbers that a token becomes."""

LENGTHS = 8, 512
"""Least and most tokens of a line, and the least is also the step."""

KEPT_WHOLE = 0.99
"""Share of the training texts that a line is long enough for, where `LENGTHS` allow it."""

PIECE, PIECES = 256, 6
"""Tokens of a piece, and pieces of a text at most, where lines of `LENGTHS` are too short for many. One piece is read
at once, so a step takes as long as for short texts; six are as many looks as pictures have."""

MANY = 0.05
"""Share of the training texts: few that are long are cut, for reading in pieces costs where the beginning tells."""

MOST_LETTERS = 2048
"""Bytes of a line that are kept beside its tokens, for a bag of n-grams, which takes as long as they are many: four for
each token of the longest line."""

LONGEST_TOKEN = 24
"""Bytes of a token at most: what is longer is not a word."""

LONG, STRETCH, LEARNED_FROM = 128, 1024, 1 << 19
"""Letters of a word from which it is one that no space ends, such as a genome or data in base 64. Learning takes as
long as such words have letters, times those that are learned from at once: `LONG`. Where they have more than
`LEARNED_FROM` in all, stretches spread evenly over them are learned from: some seconds of work."""

PADDING = "[PAD]"

WITHOUT_SPACES = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
"""Scripts whose words no space parts: each character is a piece of its own, and kernels see words."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Byte-pair encoding (Sennrich et al. 2016) over the bytes of words, so that nothing is unknown.

    There are as many tokens as carry over: new texts consist of what training sees often.

    Attributes:
        text: the tokenizer as JSON of the library `tokenizers`.
        length: tokens of a line: shorter texts are filled up with token 0.
        vocabulary: different tokens.
        pieces: of a text at most, a line each: one after the other, spread evenly over a text that is longer than that.
    """

    text: str
    length: int
    vocabulary: int
    pieces: int = 1

    @classmethod
    def learn(cls, texts: Sequence[str], length: int | None = None) -> Tokens:
        """Learn the vocabulary, and unless it is given the length; equal texts in any order give equal tokens."""
        texts = [_whole(text) for text in texts]
        some = _stretches(texts)
        tokenizer, pieces = _learned(some, _carrying_over(some)), 1
        if length is None:
            counts, longest = _counts(tokenizer, texts), LENGTHS[1]
            length = _long_enough(counts)
            if sum(count > longest for count in counts) > MANY * len(counts):
                length, pieces = PIECE, min(PIECES, -(-length // PIECE))
            length = min(length, longest)
        return cls(tokenizer.to_str(), length, tokenizer.get_vocab_size(), pieces)

    @classmethod
    def read(cls, text: str, length: int, pieces: int, vocabulary: int) -> Tokens:
        """The tokens of a file that was written from `text`.

        Raises:
            ValueError: no tokenizer, none as `learn` makes them but for what was learned, or of another vocabulary.
        """
        if not 1 <= pieces <= PIECES:
            raise ValueError(f"{pieces} pieces of a text; expected 1 to {PIECES}")
        try:
            given = from_json(text)
            tokenizer = _tokenizer(text)
            numbers = sorted(tokenizer.get_vocab().values())
            # as the library writes it now: an older one wrote the same in other words
            alike = _without_learned(from_json(tokenizer.to_str())) == _without_learned(from_json(_blank()))
        except Exception as error:  # the library raises nothing more special
            raise ValueError(f"no tokenizer: {error}") from error
        if not alike or not isinstance(given, dict):
            raise ValueError("a tokenizer of another kind, which would make other tokens of a text")
        if numbers != list(range(vocabulary)):
            raise ValueError(f"a tokenizer of {len(numbers):,} tokens; the network knows {vocabulary:,}")
        return cls(text, length, vocabulary, pieces)

    def encode(self, texts: Sequence[str], most_letters: int = MOST_LETTERS) -> tuple[Array, list[int]]:
        """Two lines for each piece of each text, `(n, pieces, 2, width)` int32, and which texts are not there in full.

        See `lines_of`.
        """
        return lines_of(_tokenizer(self.text), texts, self.length, self.pieces, most_letters)

    def decode(self, lines: Array) -> str:
        """The text of lines `(pieces, 2, width)`, as far as its tokens were not cut, with one space between words."""
        from tokenizers import decoders

        known, tokens = _tokenizer(self.text), lines[:, 0].flatten().tolist()
        return str(decoders.ByteLevel().decode([known.id_to_token(token) or "" for token in tokens if token])).strip()

    def read_as(self, lines: Array) -> list[str]:
        """The tokens of lines `(pieces, 2, width)`, each as its text; parts of a character as one."""
        from tokenizers import decoders

        known, letters = _tokenizer(self.text), decoders.ByteLevel()
        texts, part = list[str](), list[str]()
        for token in lines[:, 0].flatten().tolist():
            part += [known.id_to_token(token) or ""] if token else []
            text = str(letters.decode(part))
            if part and not text.endswith("\N{REPLACEMENT CHARACTER}"):
                texts.append(text)
                part = []
        return texts + [str(letters.decode(part))] * bool(part)

    def apply(self, lines: T) -> T:
        """Lines are what the network takes."""
        return lines

    def shape(self, _: Shape) -> Shape:
        """Of one text, for the network."""
        return Shape(EMBEDDING, 1, self.length, self.vocabulary)


def lines_of(
    tokenizer: Tokenizer, texts: Sequence[str], length: int, pieces: int, most_letters: int
) -> tuple[npt.NDArray[np.int32], list[int]]:
    """Two lines for each piece of each text, and which texts are not there in full.

    The first has the tokens, `length` at most, the second has the letters: bytes of the text in UTF-8 plus 1, a space
    before and after each word. What is left of both is 0, and so are pieces that a text does not have. They are as wide
    as the longest one, and `length`. Halves of characters, which no file can hold, are read as U+FFFD.

    Returns:
        `(n, pieces, 2, width)`, and places in `texts`.
    """
    texts = [_whole(text) for text in texts]
    taken, cut = [], []
    for row, line in enumerate(tokenizer.encode_batch(texts)):
        whole = len(line.ids) <= length * pieces
        for piece, start in enumerate(_starts(len(line.ids), length, pieces)):
            ids, text = line.ids[start : start + length], texts[row]
            if pieces > 1 and ids:
                text = text[line.offsets[start][0] : line.offsets[start + len(ids) - 1][1]]
            letters = _letters(text)
            whole = whole and len(letters) <= most_letters
            taken.append((row, piece, ids, letters[:most_letters]))
        cut += [] if whole else [row]
    width = max([length, *(len(letters) for *_, letters in taken)])
    lines = np.zeros((len(texts), pieces, 2, width), dtype=np.int32)
    for row, piece, ids, letters in taken:
        lines[row, piece, 0, : len(ids)] = ids
        lines[row, piece, 1, : len(letters)] = np.frombuffer(letters, np.uint8).astype(np.int32) + 1
    return lines, cut


def _starts(count: int, length: int, pieces: int) -> list[int]:
    """Where the pieces of a text of so many tokens begin."""
    if count > length * pieces > length:
        return [round(start) for start in np.linspace(0, count - length, pieces)]
    return [*range(0, max(1, min(count, length * pieces)), length)]


def tokenized(data: Dataset, rows: Array, length: int | None = None) -> Dataset:
    """Texts as lines of tokens learned from some rows alone; pictures as they are.

    Args:
        data: a data set.
        rows: what is trained on.
        length: of a line; without one, long enough for nearly all of these texts.
    """
    if not data.is_text:
        return data
    learned_from = [_whole(data.samples[row]) for row in rows]
    tokens = Tokens.learn(learned_from, length)
    letters = min(MOST_LETTERS, _long_enough([len(_letters(text)) for text in learned_from]))
    while tokens.pieces > 1 and not fits((len(data.samples), tokens.pieces, 2, letters, np.int32().itemsize)):
        tokens = replace(tokens, pieces=tokens.pieces - 1)
    lines, cut = tokens.encode(data.samples.tolist(), letters)
    line = f"{tokens.length} tokens and {letters:,} letters"
    read = f"a text is read as a line of {line} at most"
    if tokens.pieces > 1:
        read = f"a text is read in {tokens.pieces} pieces of {line} at most"
    known = f"{tokens.vocabulary:,} tokens were learned from the training part, as many as carry over to new texts"
    findings = [Finding("tokens", f"{known}; {read}")]
    if halves := tuple(data.name_of(row) for row, text in enumerate(data.samples) if _whole(text) != text):
        text = f"{len(halves):,} texts have halves of characters (lone surrogates), which are read as U+FFFD"
        findings.append(Finding("surrogates", text, halves))
    if cut:
        names = tuple(data.name_of(row) for row in cut)
        kept = "pieces spread evenly over each are read" if tokens.pieces > 1 else f"were truncated to {line}"
        findings.append(Finding("truncated", f"{len(cut):,} of {len(lines):,} texts are longer and {kept}", names))
    return replace(data, samples=lines, tokens=tokens, findings=(*data.findings, *findings))


def _long_enough(counts: Sequence[int]) -> int:
    """The length that nearly all of these have at most."""
    least = LENGTHS[0]
    wanted = int(np.quantile(counts, KEPT_WHOLE, method="higher")) if counts else least
    return max(least, -(-wanted // least) * least)


def _whole(text: str) -> str:
    """The text with U+FFFD for each half of a character."""
    return re.sub("[\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", text)


def _letters(text: str) -> bytes:
    """Its bytes, with a space before and after each word."""
    return f" {' '.join(unicodedata.normalize('NFC', text).split())} ".encode()


def _learned(texts: Sequence[str], vocabulary: int) -> Tokenizer:
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    words = [
        pre_tokenizers.Whitespace(),
        pre_tokenizers.Split(Regex(WITHOUT_SPACES), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False),
    ]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [*words, pre_tokenizers.Split(Regex(f".{{1,{LONG}}}"), "isolated")]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=1,
        show_progress=False,
        special_tokens=[PADDING],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        max_token_length=LONGEST_TOKEN,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(words)
    return tokenizer


def _stretches(texts: Sequence[str]) -> Sequence[str]:
    """The texts, with stretches in the place of long words where these have more letters than are learned from."""
    long = re.compile(rf"\w{{{LONG},}}|[^\w\s]{{{LONG},}}")
    letters = sum(len(word[0]) for text in texts for word in long.finditer(text))
    step, places = -(-letters // LEARNED_FROM), itertools.count()
    if step <= 1:
        return texts

    def some(word: re.Match[str]) -> str:
        starts = range(0, len(word[0]), STRETCH)
        return " ".join(word[0][start : start + STRETCH] for start in starts if next(places) % step == 0)

    return [long.sub(some, text) for text in sorted(texts)]


def _carrying_over(texts: Sequence[str]) -> int:
    """The largest vocabulary by which texts that it was not learned from take hardly more tokens than those it was.

    Compared by tokens a byte, since texts are of different lengths.
    """
    different = sorted(set(texts))
    different = different[:: max(1, -(-sum(map(len, different)) // MEASURED))]
    new, known = different[::HELD_OUT], [text for place, text in enumerate(different) if place % HELD_OUT]
    whole = _learned(known, VOCABULARY)
    learned, bytes_ = json.loads(whole.to_str()), [sum(map(len, map(str.encode, some))) for some in (new, known)]
    fewest = len(learned["model"]["vocab"]) - len(learned["model"]["merges"])
    steps = math.log(whole.get_vocab_size() / fewest, FINER)
    sizes = [*(round(fewest * FINER**step) for step in range(math.ceil(steps))), whole.get_vocab_size()]

    def longer(size: int) -> float:
        coarse = _first_tokens(learned, size)
        taken = [sum(_counts(coarse, some)) for some in (new, known)]
        return taken[0] * bytes_[1] / max(1, taken[1] * bytes_[0])

    return sizes[max(1, bisect_right(sizes, CARRIES_OVER, key=longer)) - 1]


def _first_tokens(learned: dict[str, Any], size: int) -> Tokenizer:
    """The tokenizer as it was when it had learned so many tokens, from the JSON of a larger one."""
    from tokenizers import Tokenizer

    model = learned["model"]
    known = {token: number for token, number in model["vocab"].items() if number < size}
    merges = [*takewhile(lambda pair: "".join(pair) in known, model["merges"])]
    return Tokenizer.from_str(json.dumps({**learned, "model": {**model, "vocab": known, "merges": merges}}))


def _counts(tokenizer: Tokenizer, texts: Sequence[str]) -> list[int]:
    """How many tokens each text takes."""
    return [len(line.ids) for line in tokenizer.encode_batch(list(texts))]


def _without_learned(tokenizer: dict[str, Any]) -> dict[str, Any]:
    """The JSON of a tokenizer but for its tokens."""
    return {**tokenizer, "model": {**tokenizer["model"], "vocab": {}, "merges": []}}


@cache
def _blank() -> str:
    """A tokenizer that has learned nothing."""
    return str(_learned([], 0).to_str())


@lru_cache(maxsize=4)
def _tokenizer(text: str) -> Tokenizer:
    from tokenizers import Tokenizer

    return Tokenizer.from_str(text)
