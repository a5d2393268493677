"""What the files of a model hold: written, and read as those of a stranger, of whom nothing is believed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from neuralfinder.data.pictures import WHOLE
from neuralfinder.data.tokens import EMBEDDING, Tokens
from neuralfinder.errors import InputError, check_allowed, some
from neuralfinder.networks.cost import BYTES_EACH, Cost, cost, file_bytes, shapes
from neuralfinder.networks.genome import Genome, parse
from neuralfinder.plain import checked, from_json, printable
from neuralfinder.training.batches import Preparation, Scaling, Views
from neuralfinder.training.inheritance import State
from neuralfinder.types import FITS, Range, Shape

FORMAT = 6
"""Of what is written. In the first one a network looked at pictures as large as they were, whatever its genome says; in
the second one texts had no pieces, and pictures were stretched; in the third one probabilities had no temperature; in
the fourth one 16-bit grey was scaled by all that 16 bits can hold; in the fifth one a model was one network."""

WEIGHTS, PAPER, TOKENIZER = "model.safetensors", "preprocessing.json", "tokenizer.json"
"""Names of the files of a model."""

MOST_BYTES = 1 << 26
"""Of the files beside the weights: those of a hundred thousand classes, or of `tokens.VOCABULARY`, take a tenth."""

MOST_NUMBERS, MOST_MACS = 1 << 30, 10**12
"""In the feature maps of a sample, and multiply-adds for it: gigabytes and seconds for one sample. A network that could
be trained here takes a hundredth at most."""

DIVIDES = Range(float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max))
"""What a float32 can be divided by."""

Content = Callable[[str, int], bytes]
"""The content of a model's file by its name: all of it, or more than the given number of bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What is saved of a model.

    Attributes:
        state: tensors by the names that the network has for them, and what it has beside them (`Bags.beside`).
        genome, shape, preparation, classes, views, fit, span, temperature: as of `Model`.
    """

    genome: Genome
    state: State
    shape: Shape
    preparation: Preparation
    classes: tuple[Any, ...]
    views: Views
    fit: str
    span: tuple[int, int] | None
    temperature: float


def files_of(saved: Saved) -> dict[str, bytes]:
    """The content of the files by name."""
    form = {
        "format": FORMAT,
        "genome": saved.genome.key,
        "shape": dataclasses.astuple(saved.shape),
        "classes": saved.classes,
        "views": dataclasses.asdict(saved.views),
        "temperature": saved.temperature,
    }
    files = {WEIGHTS: save(saved.state)}
    if isinstance(saved.preparation, Tokens):
        files[TOKENIZER] = saved.preparation.text.encode()
        form |= {"pieces": saved.preparation.pieces}
    else:
        scaling = saved.preparation
        form |= {
            "mean": scaling.mean,
            "std": scaling.std,
            "dtype": scaling.dtype,
            "fit": saved.fit,
            "span": saved.span,
        }
    form |= {"sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}}
    # ASCII: the name of a class may come from a folder that is no UTF-8
    return {**files, PAPER: json.dumps(form, indent=1, allow_nan=False).encode()}


def saved_in(content: Content, whence: str) -> Saved:
    """Read what `files_of` gives.

    Args:
        content: gives that of a file.
        whence: where the files are, for errors.

    Raises:
        InputError: what is no model, a spoilt one, or one of a newer format.
    """
    with whole(PAPER, whence):
        form = from_json(_within(content, PAPER, MOST_BYTES))
        if checked(form["format"], int, "format") > FORMAT:
            raise InputError(
                f"{PAPER} of {whence}", given=f"format {form['format']}", expected=f"{FORMAT} or older",
                mend="update NeuralFinder",
            )  # fmt: skip
        shape, classes = Shape(*checked(form["shape"], tuple[int, ...], "shape")), _classes(form["classes"])
        genome, views = parse(checked(form["genome"], str, "genome")), checked(form["views"], Views, "views")
        if form["format"] == 1 and shape != genome.seen(shape):
            genome = dataclasses.replace(genome, side=max(shape.height, shape.width))
        size = _possible(genome, shape, len(classes))
        _check_views(views, shape)
        fit = checked(form.get("fit", FITS[0]), str, "fit")
        span = _span(form.get("span", WHOLE))
        temperature = checked(form.get("temperature", 1.0), float, "temperature")
        check_allowed("fit", fit, FITS)
        if temperature not in DIVIDES:
            raise ValueError(f"temperature {temperature}")
        hashes = checked(form.get("sha256", {}), Mapping, "sha256")
        scaling = None if shape.vocabulary else _scaling(form, shape)
        pieces = checked(form.get("pieces", 1), int, "pieces")
    preparation: Preparation
    if scaling is None:
        with whole(TOKENIZER, whence):
            tokenizer = _within(content, TOKENIZER, MOST_BYTES, hashes)
            preparation = Tokens.read(tokenizer.decode(), shape.width, pieces, shape.vocabulary)
    else:
        preparation = scaling
    with whole(WEIGHTS, whence):
        weights = _within(content, WEIGHTS, 2 * file_bytes(genome, shape, len(classes)), hashes)
        if BYTES_EACH * (size.parameters - len(classes)) > len(weights):  # the first bags had no biases
            raise ValueError(f"{len(weights):,} bytes, too few for {size.parameters:,} parameters")
        state = load(weights)
        if form["format"] < 3 and "bag.weight" in state:
            state |= {"bag.weight": 180 * state["bag.weight"], "bag.bias": torch.zeros(len(classes))}
        if odd := [name for name, tensor in state.items() if not tensor.isfinite().all()]:
            raise ValueError(f"numbers in {some(odd)} are not finite")
    return Saved(
        genome=genome, state=state, shape=shape, preparation=preparation, classes=classes, views=views, fit=fit,
        span=span, temperature=temperature,
    )  # fmt: skip


@contextmanager
def whole(name: str, whence: str) -> Iterator[None]:
    """Whatever is wrong with what a file holds is an `InputError` that names it."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError, MemoryError, OSError,
            SafetensorError) as error:  # fmt: skip
        if isinstance(error, InputError) and "update NeuralFinder" in str(error):
            raise
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise InputError(
            f"{name} of {whence}", given=f"no whole model ({printable(reason)})",
            expected="model.safetensors and preprocessing.json of one network", mend="take them from the run again",
        ) from error  # fmt: skip


def _within(content: Content, name: str, most: int, hashes: Mapping[str, Any] = MappingProxyType({})) -> bytes:
    """The content of a file.

    Raises:
        ValueError: it is larger than it can be, or not the one that was written with the others.
    """
    found = content(name, most)
    if len(found) > most:
        raise ValueError(f"more than {most:,} bytes")
    if name in hashes and hashes[name] != hashlib.sha256(found).hexdigest():
        raise ValueError(f"spoilt, or that of another model than {PAPER} is of")
    return found


def _classes(given: object) -> tuple[Any, ...]:
    classes: tuple[Any, ...] = checked(given, tuple[Any, ...], "classes")
    if len({type(label) for label in classes}) != 1 or not isinstance(classes[0], str | int | float):
        raise ValueError("classes are not one or more texts or numbers of one type")
    if len(set(classes)) < len(classes):
        raise ValueError(f"class {next(label for label in classes if classes.count(label) > 1)!r} is there twice")
    return classes


def _possible(genome: Genome, shape: Shape, classes: int) -> Cost:
    """What the network costs.

    Raises:
        ValueError: samples of such a shape cannot be, the network cannot look at them, or would take too much for one.
    """
    if min(shape.channels, shape.height, shape.width) < 1 or shape.vocabulary < 0:
        raise ValueError(f"shape {dataclasses.astuple(shape)}, where numbers above 0 should be")
    if shape.vocabulary and (shape.channels, shape.height) != (EMBEDDING, 1):
        raise ValueError(f"shape {dataclasses.astuple(shape)}, which no texts have")
    if any(min(dataclasses.astuple(after)[:3]) < 1 for after in shapes(genome, shape)):
        raise ValueError(f"{genome.key} leaves nothing of {shape}")
    size = cost(genome, shape, classes)
    if max(shape.channels * shape.height * shape.width, size.activations) > MOST_NUMBERS or size.macs > MOST_MACS:
        raise ValueError(f"{genome.key} takes more for a sample of {shape} than any machine that could train it has")
    return size


def _check_views(views: Views, shape: Shape) -> None:
    of_pictures, of_texts = views.mirror or views.shift or views.half, views.pieces
    if of_pictures if shape.vocabulary else of_texts:
        raise ValueError(f"{views}, which is for {'pictures' if shape.vocabulary else 'texts'}")


def _scaling(form: Mapping[str, Any], shape: Shape) -> Scaling:
    """The statistics: a number a channel, as the network divides by them."""
    dtype = checked(form.get("dtype", "uint8"), str, "dtype")
    check_allowed("dtype", dtype, ("uint8", "float32"))
    mean, std = (checked(form[name], tuple[float, ...], name) for name in ("mean", "std"))
    if len(mean) != shape.channels or len(std) != shape.channels:
        raise ValueError(f"{len(mean)} means and {len(std)} deviations for {shape.channels} channels")
    if not all(abs(number) <= DIVIDES.high for number in mean) or not all(number in DIVIDES for number in std):
        raise ValueError(f"means {mean} or deviations {std}, which pictures are not")
    return Scaling(mean, std, dtype=dtype)


def _span(given: object) -> tuple[int, int] | None:
    """What 16-bit grey is scaled by; all of the range in a format that does not say."""
    if given is None:
        return None
    low, high = checked(given, tuple[int, int], "span")
    if not WHOLE[0] <= low < high <= WHOLE[1]:
        raise ValueError(f"span {low} to {high}, which 16 bits do not have")
    return low, high
