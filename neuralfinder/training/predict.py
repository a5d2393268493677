"""A model's answers about files, a row for each sample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neuralfinder.data.inputs import Block, blocks_at
from neuralfinder.data.reading import OnProgress
from neuralfinder.data.tables import NO_COLUMNS, Columns
from neuralfinder.training.model import Model

Row = dict[str, Any]

NOT_SURE = "not sure"
"""The label of an answer whose probability is below the threshold."""


def predictions(
    model: Model,
    inputs: Sequence[str | Path],
    columns: Columns = NO_COLUMNS,
    top: int | None = None,
    threshold: float | None = None,
    progress: OnProgress | None = None,
) -> Iterator[list[Row]]:
    """Rows about samples in order, those of a block at a time, as `blocks_at` reads them.

    Args:
        model: a trained model.
        inputs: paths of samples, as `blocks_at` reads them.
        columns: of tables.
        top: how many of the likeliest classes a row tells of, all when there are fewer.
        threshold: probability, 0..1, below which the label is `NOT_SURE`.
        progress: called with samples done and samples there are, as far as known, after each block.

    Yields:
        For each sample `input`, `label`, `probability`, with a threshold also `sure`, and `probabilities` by class or,
        with `top`, a list of as many with `label` and `probability` each, the likeliest first. For what cannot be read,
        `input` and `error`.
    """
    done = 0
    for block in blocks_at(inputs, model.shape, columns, model.fit, model.seen, model.span):
        yield [*_rows(block, model, top, threshold)]
        done += len(block.names)
        if progress:
            progress(done, block.expected)
        del block  # else it is kept while the next is read


def _rows(block: Block, model: Model, top: int | None, threshold: float | None) -> Iterator[Row]:
    """Of a block, in order."""
    shares = iter(model.probabilities(block.samples) if len(block.samples) else ())
    for place, name in enumerate(block.names):
        error = block.errors.get(place)
        about = {"error": str(error)} if error else answer(next(shares), model.classes, top, threshold)
        yield {"input": name, **about}


def answer(shares: np.ndarray, classes: tuple[Any, ...], top: int | None = None, threshold: float | None = None) -> Row:
    """The row about one sample but for its `input`, see `predictions`, from its probabilities `(classes,)`."""
    likeliest = (-shares).argsort(kind="stable")[: top or 1]
    best = [{"label": classes[place], "probability": float(shares[place])} for place in likeliest]
    row: Row = {**best[0]}
    if threshold is not None:
        row["sure"] = row["probability"] >= threshold
        row["label"] = row["label"] if row["sure"] else NOT_SURE
    if top:
        return {**row, "top": best}
    return {**row, "probabilities": {str(label): float(share) for label, share in zip(classes, shares, strict=True)}}
