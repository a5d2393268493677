"""A model as files of OpenVINO, for the processors of Intel and others, by way of ONNX."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from neuralfinder.errors import InputError, lacking
from neuralfinder.training.build import bag_of
from neuralfinder.training.export import onnx
from neuralfinder.training.model import Model

FILES = "model.xml", "model.bin"

OPENED = """
import json, openvino
def opened(folder):
    core = openvino.Core()
    program = core.read_model(folder / "model.xml")
    # some processors would compute in 16 bits unless they are asked not to
    answer = core.compile_model(program, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return json.loads(program.get_rt_info("classes").astype(str)), lambda samples: answer(samples)[0], None
"""
"""How a stranger opens the files, see `forms.Form`."""


def write(model: Model, folder: Path) -> Path:
    """Write `model.xml` and `model.bin`; what comes in and out is as in `onnx.write`.

    Raises:
        InputError: the packages that write it are not there, or a bag of n-grams, whose keys have 64 bits.
    """
    if bag_of(model.network):
        raise InputError(
            "openvino", given=f"a network with a bag of n-grams ({model.genome.key})",
            expected="one without: OpenVINO computes whole numbers in 32 bits, and n-grams are looked up by 64",
            mend="export another form",
        )  # fmt: skip
    try:
        import openvino
    except ImportError as error:
        raise lacking("openvino", "its writer", "openvino", "export another form") from error
    path = folder / FILES[0]
    with tempfile.TemporaryDirectory() as scratch:
        program = openvino.Core().read_model(onnx.write(model, Path(scratch)))
        program.set_rt_info(json.dumps(model.classes), "classes")
        openvino.save_model(program, path, compress_to_fp16=False)
    return path
