"""The winner of a finished run in other forms, tried on samples of the run's own data."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neuralfinder.data import Divided, Source
from neuralfinder.data.pictures import UnreadableError, no_warnings, read_header
from neuralfinder.data.reading import OnProgress
from neuralfinder.errors import InputError
from neuralfinder.job.prepare import divided
from neuralfinder.job.settings import Settings
from neuralfinder.training.export import receipt
from neuralfinder.training.export.forms import export
from neuralfinder.training.export.quantized import CALIBRATED, Quantized, quantize
from neuralfinder.training.export.receipt import Probe, Receipt
from neuralfinder.training.model import Model

TRIED = 50
"""Samples of the validation part that are tried: one in a hundred that answers otherwise is met with a chance of
0.4, one in ten with 0.995; and what would be wrong, such as another order of classes, is wrong with nearly all."""


@dataclass(frozen=True, slots=True)
class HandedOver:
    """Files that were written, and what their trials came to; no `receipts` where none was made."""

    files: tuple[Path, ...]
    receipts: tuple[Receipt, ...] = ()
    quantized: Quantized | None = None


def hand_over(
    run: Path,
    to: Sequence[str],
    folder: Path,
    data: tuple[Source, Settings] | None = None,
    progress: OnProgress | None = None,
    *,
    int8: bool = False,
) -> HandedOver:
    """Write the winner into a folder in some forms, and try each of them.

    Args:
        run: of a finished run, or the folder of a model.
        to: some of `export.forms.FORMS`.
        folder: to write into; made when missing.
        data: the run's own, and its settings, for the trials; `None` for no trial.
        progress: called while the data are read.
        int8: whether the ONNX file is written in whole numbers, too.

    Raises:
        InputError: no model there, an unknown form, one whose packages are not there, data that are gone, or whole
            numbers without data or without ONNX.
    """
    if int8 and (data is None or "onnx" not in to):
        raise InputError(
            "quantize", given="without data, or without the form onnx", expected="both",
            mend="--to onnx, and no --no-receipt",
        )  # fmt: skip
    model = Model.load(run)
    files = export(model, folder, to)
    if data is None:
        return HandedOver(tuple(files))
    with tempfile.TemporaryDirectory() as scratch:
        parts = divided(data[0].load(Path(scratch), progress), data[1])
        receipts = tuple(receipt.tried(model, form, folder, probe_of(parts)) for form in to)
        quantized = _quantized(parts, folder) if int8 else None
    if quantized is not None:
        files.append(folder / quantized.file)
    trials: list[Receipt | Quantized] = [*receipts, *([] if quantized is None else [quantized])]
    return HandedOver((*files, receipt.write(trials, folder)), receipts, quantized)


def _quantized(data: Divided, folder: Path) -> Quantized:
    samples, labels, rows = data.coded.samples, data.coded.labels, data.split.validation
    return quantize(folder, samples[data.split.train[:CALIBRATED]], samples[rows], labels[rows])


def probe_of(data: Divided) -> Probe:
    """Samples of the validation part, spread evenly over it, and one for each odd kind of file beside the test part.

    Where the validation part has too few, some of the training part are among them.
    """
    rows = data.split.validation
    taken = [int(row) for row in rows[np.linspace(0, len(rows) - 1, min(TRIED, len(rows))).round().astype(int)]]
    taken += data.split.train[: TRIED - len(taken)].tolist()
    odd = dict(_odd(data, [*taken, *rows.tolist(), *data.split.train.tolist()])) if data.raw.files else {}
    taken += [row for row in dict.fromkeys(odd.values()) if row not in taken]
    files = tuple(data.raw.files[row] for row in taken) if data.raw.files else ()
    return Probe(data.raw.samples[taken], files, tuple(sorted(odd)))


def _odd(data: Divided, rows: Sequence[int]) -> Iterator[tuple[str, int]]:
    """Odd kinds of files, and the first row of each."""
    seen: set[str] = set()
    with no_warnings():
        for row in rows:
            try:
                kinds = {*read_header(data.raw.files[row]).kinds} - seen
            except UnreadableError:
                continue  # gone since it was read
            seen |= kinds
            yield from ((kind, row) for kind in kinds)
