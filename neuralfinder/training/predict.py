"""A model's answers about files, a row for each sample."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neuralfinder.data.inputs import inputs_at
from neuralfinder.data.tables import NO_COLUMNS, Columns
from neuralfinder.training.model import Model


def predictions(model: Model, inputs: Sequence[str | Path], columns: Columns = NO_COLUMNS) -> list[dict[str, Any]]:
    """One row (`input`, `label`, `probability`, `probabilities` by class) for each sample, in order.

    Args:
        model: a trained model.
        inputs: paths of samples, as `inputs_at` reads them.
        columns: of tables.

    Raises:
        InputError: an input that is not there, unreadable, or without samples.
    """
    rows = []
    for path in inputs:
        found = inputs_at(path, model.shape, columns, model.fit)
        shares = model.probabilities(found.samples)
        rows += [_row(name, own, model.classes) for name, own in zip(found.names, shares, strict=True)]
    return rows


def _row(name: str, shares: np.ndarray, classes: tuple[Any, ...]) -> dict[str, Any]:
    return {"input": name, **answer(shares, classes)}


def answer(shares: np.ndarray, classes: tuple[Any, ...]) -> dict[str, Any]:
    """`label`, `probability` and `probabilities` by class of one sample, from its probabilities `(classes,)`."""
    best = int(shares.argmax())
    return {
        "label": classes[best],
        "probability": float(shares[best]),
        "probabilities": {str(label): float(share) for label, share in zip(classes, shares, strict=True)},
    }
