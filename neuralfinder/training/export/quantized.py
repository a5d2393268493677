"""An ONNX file in whole numbers of 8 bits: a quarter of the size, and what that costs in accuracy."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuralfinder.data.dataset import Array
from neuralfinder.errors import lacking
from neuralfinder.training.clock import PASSES_TOGETHER, seconds_each
from neuralfinder.training.export import onnx
from neuralfinder.training.export.program import quiet
from neuralfinder.training.export.receipt import TIMED

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

FILE = "model-int8.onnx"

CALIBRATED = 512
"""Samples by which the range of each map is found, at most: of images some hundred are enough (Jacob et al. 2018)."""

AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Quantized:
    """The file, and what it is beside the one that it was made from, each as (before, after).

    Attributes:
        file: in whole numbers.
        bytes: sizes of the files.
        samples: of the validation part, all of them.
        accuracy: on these, 0..1.
        milliseconds: for a sample, by how many were answered at once.
    """

    file: str
    bytes: tuple[int, int]
    samples: int
    accuracy: tuple[float, float]
    milliseconds: dict[str, tuple[float, float]]

    @property
    def said(self) -> str:
        """In a line."""
        times = "; ".join(
            f"{before:.2g} -> {after:.2g} ms a sample, {count} at once"
            for count, (before, after) in self.milliseconds.items()
        )
        (before, after), (whole, small) = self.accuracy, self.bytes
        return (
            f"{self.file}: {whole / 1e6:.3g} -> {small / 1e6:.3g} MB, accuracy on {self.samples:,} samples of the "
            f"validation part {before:.2%} -> {after:.2%}, {times}"
        )


def quantize(folder: Path, known: Array, samples: Array, labels: np.ndarray) -> Quantized:
    """Write `model-int8.onnx` beside `model.onnx` (Jacob et al. 2018, by ONNX Runtime), and measure both.

    Args:
        folder: has the file in 32-bit numbers.
        known: samples of the training part as the file takes them, by whose maps the ranges are found.
        samples: `(n, ...)` of the validation part, likewise.
        labels: `(n,)` their class indices.

    Raises:
        InputError: the packages that do it are not there.
    """
    try:
        from onnxruntime import quantization
        from onnxruntime.quantization.shape_inference import quant_pre_process
    except ImportError as error:
        raise lacking("quantize", "ONNX Runtime", "onnx", "export without it") from error
    before, after = folder / onnx.FILE, folder / FILE
    name = _opened(before).get_inputs()[0].name
    blocks = iter([{name: block} for block in _blocks(known[:CALIBRATED])])

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]  # ships no annotations
        def get_next(self) -> Any:
            return next(blocks, None)

    with tempfile.TemporaryDirectory() as scratch, quiet(), _silent():
        simpler = Path(scratch) / onnx.FILE
        quant_pre_process(str(before), str(simpler), skip_symbolic_shape=True)
        quantization.quantize_static(str(simpler), str(after), Reader(), per_channel=True)
    accuracies, times = [], []
    for path in (before, after):
        session = _opened(path)
        answers = np.concatenate([session.run(None, {name: block})[0].argmax(1) for block in _blocks(samples)])
        accuracies.append(float((answers == labels).mean()))
        times.append([_milliseconds(session, name, samples, count) for count in TIMED])
    milliseconds = {str(count): (first, second) for count, first, second in zip(TIMED, *times, strict=True)}
    sizes = before.stat().st_size, after.stat().st_size
    return Quantized(FILE, sizes, len(samples), (accuracies[0], accuracies[1]), milliseconds)


def _opened(path: Path) -> InferenceSession:
    import onnxruntime

    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def _blocks(samples: Array) -> Iterator[Array]:
    for start in range(0, len(samples), AT_ONCE):
        yield samples[start : start + AT_ONCE]


def _milliseconds(session: InferenceSession, name: str, samples: Array, count: int) -> float:
    some = samples[np.arange(count) % len(samples)]
    return 1000 * seconds_each(lambda: session.run(None, {name: some}), PASSES_TOGETHER, warm_up=1) / count


@contextmanager
def _silent() -> Iterator[None]:
    """Without the warnings that ONNX Runtime's tools send to the root of all logs."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
