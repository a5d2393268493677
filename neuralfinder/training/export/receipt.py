"""The proof that an exported file answers as the model does: tried in a fresh process that has not this package."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuralfinder.data.dataset import Array
from neuralfinder.data.tokens import Tokens
from neuralfinder.plain import as_json
from neuralfinder.training.export.forms import FORMS, Form
from neuralfinder.training.model import Model
from neuralfinder.training.model_files import WEIGHTS

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

FILE = "receipt.json"

TOLERANCE = 1e-4
"""Largest difference of probabilities that is rounding: other runtimes add in another order."""

BLOCKS = (1, 7, 64)
"""Samples that are answered at once; all are answered in each of these ways."""

TIMED = (1, 64)
"""Samples at once of which the time is told."""

PROCESS = """
import json, sys, time
from pathlib import Path
import numpy as np
sys.modules["neuralfinder"] = None  # whoever asks for the package fails
{opened}
home, folder, blocks, timed = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]), json.loads(sys.argv[4])
classes, answer, read = opened(folder)
samples, given = np.load(home / "samples.npy"), json.loads((home / "given.json").read_text(encoding="utf-8"))
own = read(given) if read and given else samples
shares = [np.concatenate([answer(own[row : row + size]) for row in range(0, len(own), size)]) for size in blocks]
milliseconds = {{}}
for count in timed:
    some, times = own[np.arange(count) % len(own)], []
    for _ in range(6):
        began = time.perf_counter()
        answer(some)
        times.append(time.perf_counter() - began)
    milliseconds[count] = 1000 * sorted(times[1:])[2] / count
names = "torch", "numpy", "onnxruntime", "openvino", "PIL", "tokenizers", "safetensors"
versions = {{name: sys.modules[name].__version__ for name in names if hasattr(sys.modules.get(name), "__version__")}}
np.save(home / "shares.npy", np.stack(shares))
told = {{"classes": list(classes), "milliseconds": milliseconds, "versions": versions}}
(home / "told.json").write_text(json.dumps(told), encoding="utf-8")
"""


@dataclass(frozen=True, eq=False)
class Probe:
    """Samples that are tried.

    Attributes:
        samples: pictures `(n, channels, height, width)` as they were read, or texts `(n,)`.
        files: what each picture was read from, a path or a file's content; empty for pictures that came as arrays.
        kinds: odd kinds of files that are among them.
    """

    samples: Array
    files: tuple[str | bytes, ...] = ()
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the trial of one exported file came to.

    Attributes:
        form: of `FORMS`.
        file: that was tried, its `sha256` and `bytes`; of several, one after the other.
        against: the model's file of weights, by its hash.
        samples: how many were tried, in blocks of `BLOCKS` samples each.
        kinds: odd kinds of files among them.
        same: how many of them have the same class in each way.
        difference: largest one between probabilities, 0..1.
        milliseconds: for a sample, by how many were answered at once.
        versions: of what answered, by package.
        failure: why the file does not answer as the model does; empty when it does.
    """

    form: str
    file: str
    sha256: str
    bytes: int
    against: str
    samples: int
    kinds: tuple[str, ...]
    same: int
    difference: float
    milliseconds: Mapping[str, float]
    versions: Mapping[str, str]
    failure: str = ""

    @property
    def said(self) -> str:
        """In a line."""
        what = f"{self.file} ({self.bytes / 1e6:.3g} MB)"
        if self.failure:
            return f"{what}: DOES NOT AGREE with the model: {self.failure}"
        alone, together = (f"{ms:.2g} ms" for ms in self.milliseconds.values())
        odd = f", {', '.join(self.kinds)} among them" if self.kinds else ""
        return (
            f"{what}: agrees on {self.same} of {self.samples} samples{odd}, without this package; "
            f"probabilities differ by {self.difference:.0e} at most; "
            f"a sample takes {alone}, {together} among {TIMED[1]}"
        )


def tried(model: Model, form: str, folder: Path, probe: Probe) -> Receipt:
    """Answer the probe by the exported file, in a process of its own, and compare with the model's answers.

    Args:
        model: that was exported.
        form: one of `FORMS`.
        folder: where its files lie.
        probe: one sample or more.
    """
    written = FORMS[form]
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        np.save(home / "samples.npy", _lines(model, probe), allow_pickle=False)
        (home / "given.json").write_text(json.dumps(_given(probe, home)), encoding="utf-8")
        arguments = [str(home), str(folder.absolute()), json.dumps(BLOCKS), json.dumps(TIMED)]
        script = PROCESS.format(opened=written.opened)
        command = [sys.executable, "-I", "-B", "-W", "ignore", "-c", script, *arguments]
        done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)  # noqa: S603 - our own
        if done.returncode:
            reason = next(iter(reversed(done.stderr.strip().splitlines())), f"exit code {done.returncode}")
            return _receipt(form, written, folder, probe, failure=reason)
        shares, told = np.load(home / "shares.npy"), json.loads((home / "told.json").read_text(encoding="utf-8"))
    return _compared(_receipt(form, written, folder, probe), model, probe, shares, told)


def write(trials: Sequence[DataclassInstance], folder: Path) -> Path:
    """Write `receipt.json`: an object for each file that was tried."""
    path = folder / FILE
    path.write_text(as_json([asdict(each) for each in trials], indent=1), encoding="utf-8")
    return path


def _compared(empty: Receipt, model: Model, probe: Probe, shares: Array, told: Mapping[str, Any]) -> Receipt:
    expected = model.probabilities(probe.samples)
    wanted = json.loads(json.dumps(list(model.classes)))
    failure = "" if told["classes"] == wanted else f"its classes are {told['classes']}, those of the model {wanted}"
    difference, same = 1.0, 0
    if shares.shape[1:] != expected.shape:
        failure = failure or f"its answers are of shape {shares.shape[1:]}, those of the model {expected.shape}"
    else:
        difference = float(np.abs(shares - expected).max())
        # two classes that are equally likely but for rounding may change places
        chosen = np.take_along_axis(np.broadcast_to(expected, shares.shape), shares.argmax(2)[..., None], 2)[..., 0]
        same = int((chosen >= expected.max(1) - 2 * TOLERANCE).all(0).sum())
        if not difference <= TOLERANCE or same < len(expected):
            failure = failure or (
                f"{same} of {len(expected)} samples have the same class, probabilities differ by up to {difference:.2g}"
            )
    return Receipt(
        **{
            **asdict(empty), "same": same, "difference": difference, "milliseconds": told["milliseconds"],
            "versions": told["versions"], "failure": failure,
        }
    )  # fmt: skip


def _receipt(form: str, written: Form, folder: Path, probe: Probe, failure: str = "") -> Receipt:
    content = b"".join((folder / file).read_bytes() for file in written.files)
    return Receipt(
        form=form, file=" and ".join(written.files), sha256=_hash(content), bytes=len(content),
        against=_hash((folder / WEIGHTS).read_bytes()), samples=len(probe.samples), kinds=probe.kinds, same=0,
        difference=1.0, milliseconds={}, versions={}, failure=failure,
    )  # fmt: skip


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _lines(model: Model, probe: Probe) -> Array:
    """Samples as the exported forms take them."""
    if isinstance(model.preparation, Tokens):
        return model.preparation.encode(probe.samples.tolist())[0]
    return probe.samples


def _given(probe: Probe, home: Path) -> list[str]:
    """What a form that reads files or texts itself reads: paths, with contents put into files, or texts."""
    if probe.samples.dtype.kind == "O":
        return [str(text) for text in probe.samples]
    paths = list[str]()
    for row, file in enumerate(probe.files):
        path = home / f"{row}" if isinstance(file, bytes) else Path(file).absolute()
        if isinstance(file, bytes):
            path.write_bytes(file)
        paths.append(str(path))
    return paths
