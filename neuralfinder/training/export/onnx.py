"""A model as an ONNX file, for ONNX Runtime and all that reads this form."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

import neuralfinder
from neuralfinder.errors import lacking
from neuralfinder.training.batches import Scaling
from neuralfinder.training.export.program import Program, quiet, traced
from neuralfinder.training.model import Model

if TYPE_CHECKING:
    from onnx import ModelProto

FILE = "model.onnx"

OPENED = """
import json, onnxruntime
def opened(folder):
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
    name = session.get_inputs()[0].name
    return classes, lambda samples: session.run(None, {name: samples})[0], None
"""
"""How a stranger opens the file, see `forms.Form`."""


def write(model: Model, folder: Path) -> Path:
    """Write `model.onnx`: samples as they were read -> probabilities, any number of them at once.

    The input is `pictures` `(n, channels, height, width)` of the type of training, or `lines` `(n, pieces, 2, width)`
    int32: tokens, and bytes of the text plus 1, see `data.tokens.lines_of`. Genome, classes and sizes are in the file.

    Raises:
        InputError: the packages that write it are not there.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401 - torch asks for it when it is too late to say so in words
    except ImportError as error:
        raise lacking("onnx", "its writer", "onnx", "export another form") from error
    pictures = isinstance(model.preparation, Scaling)
    with quiet(), _without_log():
        graph = traced(Program(model), model)
        program = torch.onnx.export(
            graph, input_names=["pictures" if pictures else "lines"], output_names=["probabilities"], dynamo=True,
            verbose=False, custom_translation_table={torch.ops.aten.adaptive_max_pool2d.default: _adaptive_max_pool},
        )  # fmt: skip
    assert program is not None  # noqa: S101 - what the annotation of torch leaves open
    written: ModelProto = program.model_proto
    about = {
        "genome": model.genome.key, "classes": json.dumps(model.classes), "shape": str(model.shape),
        "written by": f"NeuralFinder {neuralfinder.__version__}",
    }  # fmt: skip
    onnx.helper.set_model_props(written, about)
    path = folder / FILE
    onnx.save(written, path)
    return path


@contextmanager
def _without_log() -> Iterator[None]:
    """Without what the exporter has to say of packages that are not there."""
    log = logging.getLogger("torch.onnx")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def _adaptive_max_pool(maps: Any, size: Sequence[int]) -> tuple[Any, Any]:
    """Maxima over windows of rows, then of columns, that a map of this size consists of; they may overlap."""
    from onnxscript import opset18 as op

    sides = [int(side) for side in maps.shape[2:]]  # now: what comes out of an operation does not know its shape yet
    for axis, have, wanted in zip((2, 3), sides, size, strict=True):
        windows = [range(place * have // wanted, -(-(place + 1) * have // wanted)) for place in range(wanted)]
        longest = max(map(len, windows))
        # windows of one length: the last row of a shorter one comes again, which changes no maximum
        taken = [[window[min(step, len(window) - 1)] for step in range(longest)] for window in windows]
        rows: Any = op.Constant(value=_tensor(taken))
        within: Any = op.Constant(value_ints=[axis + 1])
        maps = op.ReduceMax(op.Gather(maps, rows, axis=axis), within, keepdims=0)
    return maps, maps


def _tensor(values: Sequence[Sequence[int]]) -> Any:
    import numpy as np
    import onnx

    return onnx.numpy_helper.from_array(np.asarray(values, dtype=np.int64))
