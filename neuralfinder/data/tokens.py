"""Texts -> lines of token numbers, by sub-words learned from what is trained on."""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from neuralfinder.data.dataset import Array, Dataset
from neuralfinder.data.findings import Finding
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

HELD_OUT, MEASURED = 10, 20_000
"""One of so many different texts tells what carries over, of at most so many: a second of work."""

FINER = 1.25
"""Ratio of two vocabularies that are told apart."""

EMBEDDING = 256
"""Numbers that a token becomes."""

LENGTHS = 8, 512
"""Least and most tokens of a line, and the least is also the step."""

KEPT_WHOLE = 0.99
"""Share of the training texts that a line is long enough for, where `LENGTHS` allow it."""

LONGEST_TOKEN = 24
"""Bytes of a token at most: what is longer is not a word."""

PADDING = "[PAD]"

WITHOUT_SPACES = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
"""Scripts whose words no space parts: each character is a piece of its own, and kernels see words."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Byte-pair encoding (Sennrich et al. 2016) over the bytes of words, so that nothing is unknown.

    There are as many tokens as carry over: new texts consist of what training sees often.

    Attributes:
        text: the tokenizer as JSON of the library `tokenizers`.
        length: tokens of a line: longer texts are cut, shorter ones are filled up with token 0.
        vocabulary: different tokens.
    """

    text: str
    length: int
    vocabulary: int

    @classmethod
    def learn(cls, texts: Sequence[str], length: int | None = None) -> Tokens:
        """Learn the vocabulary, and the length unless it is given; equal texts in any order give equal tokens."""
        tokenizer = _learned(texts, _carrying_over(texts))
        if length is None:
            counts = _counts(tokenizer, texts)
            least, most = LENGTHS
            wanted = int(np.quantile(counts, KEPT_WHOLE, method="higher")) if counts else least
            length = min(most, max(least, -(-wanted // least) * least))
        return cls(tokenizer.to_str(), length, tokenizer.get_vocab_size())

    @classmethod
    def read(cls, text: str, length: int) -> Tokens:
        """The tokens of a file that was written from `text`.

        Raises:
            ValueError: no tokenizer.
        """
        try:
            json.loads(text)
            return cls(text, length, _tokenizer(text).get_vocab_size())
        except Exception as error:  # the library raises nothing more special
            raise ValueError(f"no tokenizer: {error}") from error

    def encode(self, texts: Sequence[str]) -> tuple[Array, list[int]]:
        """Lines `(n, 1, 1, length)` int32, and which texts were cut."""
        lines = np.zeros((len(texts), 1, 1, self.length), dtype=np.int32)
        cut = []
        for row, line in enumerate(_tokenizer(self.text).encode_batch(list(texts))):
            ids = line.ids[: self.length]
            lines[row, 0, 0, : len(ids)] = ids
            if len(line.ids) > self.length:
                cut.append(row)
        return lines, cut

    def decode(self, line: Sequence[int]) -> str:
        """The text that a line stands for, as far as it was not cut; spaces are those between words."""
        from tokenizers import decoders

        pieces = _tokenizer(self.text)
        return str(decoders.ByteLevel().decode([pieces.id_to_token(token) or "" for token in line if token])).strip()

    def apply(self, lines: T) -> T:
        """Lines are what the network takes."""
        return lines

    def shape(self, _: Shape) -> Shape:
        """Of one text, for the network."""
        return Shape(EMBEDDING, 1, self.length, self.vocabulary)


def tokenized(data: Dataset, rows: Array, length: int | None = None) -> Dataset:
    """Texts as lines of tokens learned from some rows alone; pictures as they are.

    Args:
        data: a data set.
        rows: what is trained on.
        length: of a line; without one, long enough for nearly all of these texts.
    """
    if not data.is_text:
        return data
    tokens = Tokens.learn([data.samples[row] for row in rows], length)
    lines, cut = tokens.encode(data.samples.tolist())
    findings = [
        Finding(
            "tokens",
            f"{tokens.vocabulary:,} tokens were learned from the training part; a text is a line of {tokens.length}",
        )
    ]
    if cut:
        names = tuple(data.name_of(row) for row in cut)
        text = f"{len(cut):,} of {len(lines):,} texts are longer and were truncated to {tokens.length} tokens"
        findings.append(Finding("truncated", text, names))
    return replace(data, samples=lines, tokens=tokens, findings=(*data.findings, *findings))


def _learned(texts: Sequence[str], vocabulary: int) -> Tokenizer:
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Whitespace(),
            pre_tokenizers.Split(Regex(WITHOUT_SPACES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False),
        ]
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
    return tokenizer


def _carrying_over(texts: Sequence[str]) -> int:
    """The largest vocabulary by which texts that it was not learned from take hardly more tokens than those it was.

    Compared by tokens a byte, since texts are of different lengths.
    """
    different = sorted(set(texts))
    different = different[:: -(-len(different) // MEASURED)]
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


@lru_cache(maxsize=4)
def _tokenizer(text: str) -> Tokenizer:
    from tokenizers import Tokenizer

    return Tokenizer.from_str(text)
