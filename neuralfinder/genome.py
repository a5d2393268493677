"""The genome: an ordered sequence of genes (layers) and a head, in three equal forms.

* short text, which is also the key and the identity of a network: ``C32 C192 M > G`` (see `parse`);
* JSON: ``{"genes": [{"kind": "conv", "filters": 32}, ...], "head": {"kind": "dense", "units": 512}}``;
* the tuple list of 2017: ``(name, "0.927000", [("conv", [("nb_filter", 32)]), ("maxp", [("pool_size", 2)])])``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from neuralfinder.errors import InputError


@dataclass(frozen=True, slots=True)
class Conv:
    """3x3 convolution, stride 1, zero padding 1, then ReLU; with `norm`, batch normalisation between the two.

    A pool that follows directly comes before normalisation and ReLU.
    """

    filters: int
    norm: bool = False

    def __str__(self) -> str:
        return f"C{self.filters}.bn" if self.norm else f"C{self.filters}"


@dataclass(frozen=True, slots=True)
class MaxPool:
    """2x2 maximum, stride 2, odd last rows and columns dropped."""

    def __str__(self) -> str:
        return "M"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the numbered operations of a tabular benchmark, which knows its networks by such numbers alone."""

    value: int

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True, slots=True)
class DenseHead:
    """Flatten, linear to `units`, ReLU, dropout 0.5, linear to the classes: the head of 2017."""

    units: int = 512

    def __str__(self) -> str:
        return f"F{self.units}"


@dataclass(frozen=True, slots=True)
class PoolHead:
    """Mean over the map, linear to the classes."""

    def __str__(self) -> str:
        return "G"


Gene = Conv | MaxPool | Choice
Head = DenseHead | PoolHead

GENES: dict[str, tuple[type[Gene] | type[Head], str]] = {
    "C<filters>": (Conv, "3x3 convolution and ReLU, `filters` outputs; `.bn` adds batch normalisation before ReLU"),
    "M": (MaxPool, "2x2 max-pooling, stride 2"),
    "<value>": (Choice, "operation of a tabular benchmark by its number; cannot be built"),
    "> F<units>": (DenseHead, "head: flatten, dense, ReLU, dropout 0.5, classes (F512 when none is written)"),
    "> G": (PoolHead, "head: mean over the map, classes"),
}
"""Text form -> (type, meaning): what `neuralfinder list genes` shows."""

_PUBLISHED_HEAD = DenseHead(512)


@dataclass(frozen=True, slots=True)
class Genome:
    """A network's blueprint: genes in order and a head.

    Attributes:
        genes: the layers.
        head: what follows them.
        key: the short text: identity of the network and key of every cache. Equal genomes have equal keys.
    """

    genes: tuple[Gene, ...]
    head: Head = _PUBLISHED_HEAD
    key: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Write the key once: it is asked for more often than anything else."""
        body = " ".join(str(gene) for gene in self.genes)
        object.__setattr__(self, "key", body if self.head == _PUBLISHED_HEAD else f"{body} > {self.head}")

    def __str__(self) -> str:
        return self.key

    def __len__(self) -> int:
        return len(self.genes)

    @property
    def convolutions(self) -> int:
        """Number of convolution genes."""
        return sum(isinstance(gene, Conv) for gene in self.genes)

    @property
    def pools(self) -> int:
        """Number of pooling genes."""
        return sum(isinstance(gene, MaxPool) for gene in self.genes)


def parse(text: str) -> Genome:
    """Read the short text; `parse(genome.key) == genome`.

    Raises:
        InputError: a word that is no gene or head.
    """
    body, arrow, tail = text.partition(">")
    genes = tuple(_parse_gene(word, text) for word in body.split())
    return Genome(genes, _parse_head(tail.strip(), text)) if arrow else Genome(genes)


def _parse_gene(word: str, text: str) -> Gene:
    if word == "M":
        return MaxPool()
    if found := re.fullmatch(r"C([1-9]\d*)(\.bn)?", word):
        return Conv(int(found[1]), norm=found[2] is not None)
    if re.fullmatch(r"0|[1-9]\d*", word):
        return Choice(int(word))
    raise InputError(
        f"gene in {text!r}",
        given=repr(word),
        expected="C<filters>, C<filters>.bn, M or a number",
        mend="as in 'C32 C64 M > G'",
    )


def _parse_head(word: str, text: str) -> Head:
    if word == "G":
        return PoolHead()
    if found := re.fullmatch(r"F([1-9]\d*)", word):
        return DenseHead(int(found[1]))
    raise InputError(f"head of {text!r}", given=repr(word), expected="F<units> or G", mend="as in 'C32 C64 M > G'")


def to_json(genome: Genome) -> dict[str, Any]:
    """The JSON form: plain dictionaries, lists, strings and numbers."""
    genes: list[dict[str, Any]] = []
    for gene in genome.genes:
        match gene:
            case Conv(filters, norm):
                genes.append({"kind": "conv", "filters": filters, **({"norm": "batch"} if norm else {})})
            case MaxPool():
                genes.append({"kind": "maxpool", "size": 2})
            case Choice(value):
                genes.append({"kind": "choice", "value": value})
    match genome.head:
        case DenseHead(units):
            return {"genes": genes, "head": {"kind": "dense", "units": units}}
        case PoolHead():
            return {"genes": genes, "head": {"kind": "pool"}}


def from_json(form: Mapping[str, Any]) -> Genome:
    """Read the JSON form; `from_json(to_json(genome)) == genome`.

    Raises:
        InputError: a gene or head of unknown kind.
    """
    genes: list[Gene] = []
    for gene in form["genes"]:
        match gene:
            case {"kind": "conv", "filters": int(filters), **rest} if filters > 0 and rest in ({}, {"norm": "batch"}):
                genes.append(Conv(filters, norm=bool(rest)))
            case {"kind": "maxpool", "size": 2}:
                genes.append(MaxPool())
            case {"kind": "choice", "value": int(value)} if value >= 0:
                genes.append(Choice(value))
            case _:
                raise InputError(
                    "gene", given=gene, expected="a conv, a maxpool of size 2 or a choice", mend="see genome.py"
                )
    match form["head"]:
        case {"kind": "dense", "units": int(units)}:
            return Genome(tuple(genes), DenseHead(units))
        case {"kind": "pool"}:
            return Genome(tuple(genes), PoolHead())
        case head:
            raise InputError("head", given=head, expected="kind dense or pool", mend="see genome.py")


SeedTuple = tuple[str, str, list[tuple[str, list[tuple[str, Any]]]]]


def to_seed(genome: Genome, name: str, score: float) -> SeedTuple:
    """The tuple list of 2017: `name` is `<origin>-<n>`, the score a string with six decimals.

    What 2017 did not know is appended in the same shape: ``("batch_norm", True)`` of a convolution, and a last
    ``("head", ...)`` where the head is not the published one.
    """
    layers: list[tuple[str, list[tuple[str, Any]]]] = []
    for gene in genome.genes:
        match gene:
            case Conv(filters, norm):
                layers.append(("conv", [("nb_filter", filters)] + ([("batch_norm", True)] if norm else [])))
            case MaxPool():
                layers.append(("maxp", [("pool_size", 2)]))
            case Choice(value):
                layers.append(("choice", [("value", value)]))
    if genome.head != _PUBLISHED_HEAD:
        layers.append(("head", [("text", str(genome.head))]))
    return (name, f"{score:.6f}", layers)


def from_seed(form: str | Sequence[Any]) -> tuple[Genome, str, float]:
    """Read the tuple list of 2017, as a tuple or as its text; returns genome, name and score.

    Raises:
        InputError: text that is no literal tuple, or a layer of unknown type.
    """
    try:
        name, score, layers = tuple(ast.literal_eval(form.strip()) if isinstance(form, str) else form)
        score = float(score)
    except (ValueError, SyntaxError, TypeError) as error:
        raise InputError("seed tuple", given=form, expected="(name, score, layers)", mend=str(error)) from error
    genes: list[Gene] = []
    head: Head = _PUBLISHED_HEAD
    for kind, pairs in layers:
        match kind, dict(pairs):
            case "conv", {"nb_filter": int(filters), **rest} if filters > 0 and rest in ({}, {"batch_norm": True}):
                genes.append(Conv(filters, norm=bool(rest)))
            case "maxp", {"pool_size": 2}:
                genes.append(MaxPool())
            case "choice", {"value": int(value)} if value >= 0:
                genes.append(Choice(value))
            case "head", {"text": str(text)}:
                head = _parse_head(text, text)
            case _:
                raise InputError(
                    "layer",
                    given=(kind, pairs),
                    expected="'conv' with nb_filter or 'maxp' with pool_size 2",
                    mend="see genome.py",
                )
    return Genome(tuple(genes), head), str(name), score


PUBLISHED_BEST = parse("C32 C192 C192 M C128 C192 M C128 C192 C192 M C128 C192 M")
"""The best network of the 2017 text: 92.70 % on CIFAR-10."""
