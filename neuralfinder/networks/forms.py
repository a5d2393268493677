"""Other forms of a genome than its short text, each equal to it.

* JSON: ``{"genes": [{"kind": "conv", "filters": 32}, ...], "head": {"kind": "dense", "units": 512}}``,
  ``"copies": 2`` where two networks answer together, ``"side": 96`` where it looks at another side than usual, and
  ``"recipe": {"shift": 0.0}`` where training is otherwise than the task's;
* the tuple list of 2017: ``(name, "0.927000", [("conv", [("nb_filter", 32)]), ("maxp", [("pool_size", 2)])])``;
* to be read only, the text in which normalisation and activation are genes of their own.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from neuralfinder.errors import InputError
from neuralfinder.networks.genome import (
    ACTIVATIONS,
    EXPECTED,
    MOST_COPIES,
    MOST_SIDE,
    PUBLISHED_HEAD,
    AvgPool,
    Choice,
    Conv,
    DenseHead,
    Dropout,
    Gene,
    Genome,
    Head,
    Identity,
    MaxPool,
    PoolHead,
    parse_gene,
    parse_head,
)
from neuralfinder.networks.recipe_genes import RecipeGene

_KINDS: dict[str, type[Gene]] = {
    "conv": Conv,
    "identity": Identity,
    "maxpool": MaxPool,
    "avgpool": AvgPool,
    "dropout": Dropout,
    "choice": Choice,
}
"""Names in JSON."""

_SEED_KINDS: dict[str, tuple[type[Gene], dict[str, str]]] = {
    "conv": (
        Conv,
        {"filters": "nb_filter", "norm": "batch_norm", "border": "border_mode", "initialisation": "init"},
    ),
    "identity": (Identity, {"norm": "batch_norm"}),
    "maxp": (MaxPool, {"size": "pool_size", "stride": "strides"}),
    "avgp": (AvgPool, {"size": "pool_size", "stride": "strides"}),
    "dropout": (Dropout, {}),
    "choice": (Choice, {}),
}
"""Names in the tuples of 2017, and the names of attributes that differ there: Keras 1's, where it had them."""


LAYER = "layer"
"""Name of a gene that a package brings: its text says all."""


def _attributes(gene: Gene) -> dict[str, Any]:
    """The first attribute, and all others that are not as usual."""
    first, *others = dataclasses.fields(gene)
    unusual = [entry for entry in others if getattr(gene, entry.name) != entry.default]
    values = {entry.name: getattr(gene, entry.name) for entry in (first, *unusual)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _gene_of(kind: type[Gene], attributes: Mapping[str, Any], where: object) -> Gene:
    """The gene with these attributes, checked by writing and reading its text."""
    try:
        values: Any = {name: tuple(v) if isinstance(v, list) else v for name, v in attributes.items()}
        gene = kind(**values)
        read = parse_gene(str(gene), str(gene))
        if read == gene and all(
            type(getattr(read, entry.name)) is type(getattr(gene, entry.name)) for entry in dataclasses.fields(gene)
        ):
            return gene
    except (TypeError, InputError):
        pass
    raise InputError("gene", given=where, expected=EXPECTED, mend="see forms.py")


def to_json(genome: Genome) -> dict[str, Any]:
    """The JSON form: plain dictionaries, lists, strings and numbers."""
    names = {kind: name for name, kind in _KINDS.items()}
    genes = [
        {"kind": names[type(gene)], **_attributes(gene)} if type(gene) in names else {"kind": LAYER, "text": str(gene)}
        for gene in genome.genes
    ]
    recipe = {"recipe": {gene.name: gene.value for gene in genome.recipe}} if genome.recipe else {}
    side = {"side": genome.side} if genome.side else {}
    copies = {"copies": genome.copies} if genome.copies > 1 else {}
    return {**copies, **side, "genes": genes, "head": _head_to_json(genome.head), **recipe}


def _head_to_json(head: Head) -> dict[str, Any]:
    match head:
        case DenseHead(units, second):
            return {"kind": "dense", "units": units, **({"second": second} if second else {})}
        case PoolHead():
            return {"kind": "pool", **{name: value for name, value in dataclasses.asdict(head).items() if value}}


def from_json(form: Mapping[str, Any]) -> Genome:
    """Read the JSON form; `from_json(to_json(genome)) == genome`.

    Raises:
        InputError: a gene, head or recipe gene of unknown kind.
    """
    recipe = tuple(RecipeGene(name, value) for name, value in form.get("recipe", {}).items())
    side = _number("side", form.get("side", 0), range(MOST_SIDE + 1), form)
    copies = _number("copies", form.get("copies", 1), range(1, MOST_COPIES + 1), form)
    genes: list[Gene] = []
    for gene in form["genes"]:
        if gene.get("kind") == LAYER and isinstance(text := gene.get("text"), str):
            genes.append(parse_gene(text, text))
            continue
        kind = _KINDS.get(gene.get("kind"))
        if kind is None:
            raise InputError("gene", given=gene, expected=f"a kind of {', '.join(_KINDS)}", mend="see forms.py")
        genes.append(_gene_of(kind, {name: value for name, value in gene.items() if name != "kind"}, gene))
    match form["head"]:
        case {"kind": "dense", "units": int(units), **rest} if isinstance(second := rest.get("second", 0), int):
            return Genome(tuple(genes), DenseHead(units, second), recipe, side, copies)
        case {"kind": "pool", **rest} if (head := _pool_head(rest)) is not None:
            return Genome(tuple(genes), head, recipe, side, copies)
        case head:
            raise InputError("head", given=head, expected="kind dense or pool", mend="see forms.py")


def _number(name: str, number: object, allowed: range, where: object) -> int:
    """A number that this attribute of a genome may be."""
    if type(number) is int and number in allowed:
        return number
    raise InputError(
        name, given=where, expected=f"a whole number of {allowed[0]} to {allowed[-1]}", mend="see forms.py"
    )


def _pool_head(attributes: Mapping[Any, Any]) -> PoolHead | None:
    """The head with these attributes, checked by writing and reading its text; `None` for none."""
    try:
        head = PoolHead(**attributes)
        return head if parse_head(str(head), str(head)) == head else None
    except (TypeError, InputError):
        return None


SeedTuple = tuple[str, str, list[tuple[str, list[tuple[str, Any]]]]]


def to_seed(genome: Genome, name: str, score: float) -> SeedTuple:
    """The tuple list of 2017: `name` is `<origin>-<n>`, the score a string with six decimals.

    What 2017 did not know is appended in the same shape: ``("batch_norm", True)``, ``("kernel", 5)`` and so on of a
    convolution, further kinds of layers, a first ``("copies", ...)`` where there are several,
    a ``("side", ...)`` where it is not the usual one, a ``("head", ...)``
    where the head is not the published one, and a last ``("recipe", ...)`` where training is otherwise than the task's.
    """
    names = {kind: (name, renamed) for name, (kind, renamed) in _SEED_KINDS.items()}
    layers: list[tuple[str, list[tuple[str, Any]]]] = []
    for gene in genome.genes:
        if type(gene) not in names:
            layers.append((LAYER, [("text", str(gene))]))
            continue
        name_there, renamed = names[type(gene)]
        layers.append((name_there, [(renamed.get(k, k), value) for k, value in _attributes(gene).items()]))
    if genome.side:
        layers.insert(0, ("side", [("pixels", genome.side)]))
    if genome.copies > 1:
        layers.insert(0, ("copies", [("number", genome.copies)]))
    if genome.head != PUBLISHED_HEAD:
        layers.append(("head", [("text", str(genome.head))]))
    if genome.recipe:
        layers.append(("recipe", [(gene.name, gene.value) for gene in genome.recipe]))
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
    head: Head = PUBLISHED_HEAD
    recipe: tuple[RecipeGene, ...] = ()
    side, copies = 0, 1
    for kind, pairs in layers:
        given: dict[str, Any] = dict(pairs)
        if kind == "head" and isinstance(given.get("text"), str):
            head = parse_head(given["text"], given["text"])
        elif kind == "recipe":
            recipe = tuple(RecipeGene(*pair) for pair in pairs)
        elif kind == "side":
            side = _number("side", given.get("pixels"), range(MOST_SIDE + 1), (kind, pairs))
        elif kind == "copies":
            copies = _number("copies", given.get("number"), range(1, MOST_COPIES + 1), (kind, pairs))
        elif kind == LAYER and isinstance(given.get("text"), str):
            genes.append(parse_gene(given["text"], given["text"]))
        elif kind in _SEED_KINDS:
            type_, renamed = _SEED_KINDS[kind]
            back = {there: here for here, there in renamed.items()}
            genes.append(_gene_of(type_, {back.get(name, name): value for name, value in given.items()}, (kind, pairs)))
        else:
            raise InputError(
                "layer", given=(kind, pairs), expected=f"one of {', '.join(_SEED_KINDS)}", mend="see forms.py"
            )
    return Genome(tuple(genes), head, recipe, side, copies), str(name), score


def parse_ideal(text: str) -> Genome:
    """Read the text in which normalisation and activation are genes of their own, section 2.1 of the 2017 text.

    There a convolution is linear; `B` and a word of `ACTIVATIONS` right behind it become its attributes.

    Raises:
        InputError: a `B` or an activation that does not follow a convolution so.
    """
    body, arrow, tail = text.partition(">")
    genes: list[Gene] = []
    for word in body.split():
        last = genes[-1] if genes else None
        if word == "B" and isinstance(last, Conv) and not last.norm and last.activation == "linear":
            genes[-1] = dataclasses.replace(last, norm=True)
        elif word in ACTIVATIONS and isinstance(last, Conv) and last.activation == "linear":
            genes[-1] = dataclasses.replace(last, activation=word)
        elif word == "B" or word in ACTIVATIONS:
            raise InputError(
                f"gene in {text!r}", given=f"{word!r} after {last}", expected="B, then an activation, after a conv",
                mend="move it there",
            )  # fmt: skip
        else:
            gene = parse_gene(word, text)
            genes.append(dataclasses.replace(gene, activation="linear") if isinstance(gene, Conv) else gene)
    return Genome(tuple(genes), parse_head(tail.strip(), text)) if arrow else Genome(tuple(genes))
