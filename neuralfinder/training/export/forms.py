"""The forms in which a model can be handed over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from neuralfinder.errors import check_allowed
from neuralfinder.training.export import code, onnx, openvino, program
from neuralfinder.training.model import Model


@dataclass(frozen=True, slots=True)
class Form:
    """A form: the `files` that it is, beside those of the model, what writes it into a folder, and a line about it.

    `opened` is the source of a function of that name, of a folder, which gives what a stranger has of the files without
    this package: the classes, a function from samples as arrays to probabilities `(n, classes)`, and one that reads
    files or texts into such, `None` where the form cannot.
    """

    files: tuple[str, ...]
    write: Callable[[Model, Path], Path]
    opened: str
    meaning: str


FORMS = {
    "code": Form((code.FILE,), code.write, code.OPENED, "a file of Python to read, change and run, with torch"),
    "onnx": Form((onnx.FILE,), onnx.write, onnx.OPENED, "for ONNX Runtime and other languages (extra `onnx`)"),
    "pt2": Form((program.FILE,), program.write, program.OPENED, "a graph for torch.export.load, without source"),
    "openvino": Form(openvino.FILES, openvino.write, openvino.OPENED, "for OpenVINO (extra `openvino`)"),
}
"""By name."""


def export(model: Model, folder: Path, to: Sequence[str] = ("code",)) -> list[Path]:
    """Write the model and some forms of it into a folder, which can then be moved anywhere.

    Args:
        model: to be handed over.
        folder: made when missing; files of these names are replaced.
        to: some of `FORMS`.

    Returns:
        The files of these forms.

    Raises:
        InputError: an unknown form, one whose packages are not there, or a layer of a package, of which `code` has no
            source.
    """
    for name in to or ("",):
        check_allowed("to", name, tuple(FORMS))
    model.save(folder)
    return [FORMS[name].write(model, folder) for name in to]
