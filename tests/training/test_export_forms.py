"""What is handed over answers as the model does, and a receipt says when it does not."""

from __future__ import annotations

import dataclasses
import importlib.util
import io
import itertools
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from neuralfinder.data.pictures import read_pictures
from neuralfinder.data.tokens import Tokens
from neuralfinder.errors import InputError
from neuralfinder.networks.genome import parse
from neuralfinder.training.bag import BAG
from neuralfinder.training.batches import Scaling, Views
from neuralfinder.training.build import Network, bag_of, build
from neuralfinder.training.export import receipt
from neuralfinder.training.export.forms import FORMS, export
from neuralfinder.training.export.receipt import Probe
from neuralfinder.training.model import Model
from neuralfinder.training.model_files import WEIGHTS
from neuralfinder.training.train import PLAIN
from neuralfinder.types import Shape

TEXTS = ["hello how are you", "the quick brown fox", "你好 世界 朋友", "是 的 na na na na na", "", "naïve café \ud800"]


def filled(network: Network) -> dict[str, torch.Tensor]:
    """Numbers that no layer starts with."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                low = 0.2 if "norm" in name else -0.3
                tensor.copy_(low + (0.8 if "norm" in name else 0.6) * torch.rand(tensor.shape, generator=generator))
    return network.state_dict()


def pictures(genome: str, shape: Shape, views: Views = PLAIN, fit: str = "stretch", dtype: str = "uint8") -> Model:
    parsed = parse(genome)
    state = filled(build(parsed, shape, 3))
    scaling = Scaling((120.0, 110.0, 100.0)[: shape.channels], (60.0, 50.0, 70.0)[: shape.channels], dtype=dtype)
    model = Model.of(parsed, state, shape, scaling, ("a", "b|c", "ü"), views)
    return dataclasses.replace(model, fit=fit, temperature=0.7)


def texts(genome: str, pieces: int = 1) -> Model:
    tokens = Tokens.learn(TEXTS, 8)
    tokens = Tokens(tokens.text, 8, tokens.vocabulary, pieces)
    parsed, shape = parse(genome), tokens.shape(Shape(1, 1, 1))
    network = build(parsed, shape, 2)
    state = filled(network)
    if bag := bag_of(network):
        generator = torch.Generator().manual_seed(2)
        numbers = {name: torch.rand(own.shape, generator=generator) for name, own in bag.state.items()}
        numbers |= {"met": (9 * numbers["met"]).floor(), "texts": torch.tensor(9.0)}
        numbers["weight"][-1] = 0
        state |= {f"{BAG}.{name}": own for name, own in numbers.items()}
    model = Model.of(parsed, state, shape, tokens, (False, True), Views(pieces=pieces > 1))
    return dataclasses.replace(model, temperature=1.6)


SEVERAL = Views(mirror=True, shift=True)
MODELS = {
    "grey": lambda: pictures("C4.bn M C8.bn > G", Shape(1, 28, 28)),
    "colour": lambda: pictures("C4.bn M C8.sep.add2 > G.lin", Shape(3, 40, 30), SEVERAL, "pad"),
    "large": lambda: pictures("@24 C4.s2.bn M C4.bn.add2 > F0", Shape(3, 90, 50), Views(mirror=True), "crop"),
    "half": lambda: pictures("C4.bn M C4 > GM", Shape(3, 15, 21), Views(shift=True, half=True)),
    "float": lambda: pictures("C4.bn > G", Shape(2, 7, 9), dtype="float32"),
    "team": lambda: pictures("2x C4.bn M C8 > G.lin", Shape(3, 15, 21), SEVERAL),
    "text": lambda: texts("C6 M C5.bn > GM.d50"),
    "bag": lambda: texts("I > G.bag9"),
    "long": lambda: texts("C6.k5.add1 > GM.d50.bag10", pieces=3),
}


def encoded(form: str, picture: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def odd_files() -> tuple[bytes, ...]:
    """Files of kinds that are read in ways of their own."""
    rng = np.random.default_rng(3)
    colour = Image.fromarray(rng.integers(0, 256, (33, 47, 3)).astype(np.uint8))
    alpha = Image.fromarray(rng.integers(0, 256, (20, 20, 4)).astype(np.uint8))
    deep = Image.fromarray(rng.integers(0, 65536, (25, 18)).astype(np.uint16))
    turned = Image.Exif()
    turned[0x0112] = 6
    return (
        encoded("JPEG", colour, exif=turned.tobytes()), encoded("PNG", alpha), encoded("PNG", deep),
        encoded("PNG", colour.quantize(8), transparency=0), encoded("GIF", colour), encoded("BMP", colour.convert("1")),
        encoded("JPEG", colour.convert("CMYK")), encoded("WEBP", colour),
    )  # fmt: skip


def probe_for(model: Model) -> Probe:
    if isinstance(model.preparation, Tokens):
        samples = np.empty(len(TEXTS), dtype=object)
        samples[:] = TEXTS
        return Probe(samples)
    shape = model.shape
    if shape.channels == 2:
        return Probe(np.random.default_rng(0).normal(110, 60, (9, 2, 7, 9)).astype(np.float32))
    files = odd_files()
    return Probe(read_pictures(files, shape, model.fit), files, ("turned",))


def opened(folder: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("network", folder / "network.py")
    assert spec
    assert spec.loader
    module = sys.modules["network"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", MODELS)
def test_source_answers_as_the_model(name: str, tmp_path: Path) -> None:
    model = MODELS[name]()
    export(model, tmp_path)
    network, probe = opened(tmp_path), probe_for(model)
    given = list(probe.files) or ([*probe.samples] if probe.samples.dtype.kind == "O" else None)
    samples = network.read(given) if given else probe.samples
    expected = model.probabilities(probe.samples)
    np.testing.assert_allclose(network.probabilities(samples), expected, atol=1e-5)
    assert model.classes == network.CLASSES
    if given:
        answers = network.predict(given)
        assert [label for label, _ in answers] == [model.classes[place] for place in expected.argmax(1)]
        assert [share for _, share in answers] == pytest.approx(expected.max(1), abs=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_source_is_whole_and_has_nothing_to_spare(name: str, tmp_path: Path) -> None:
    (path,) = export(MODELS[name](), tmp_path)
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select", "F,E9,I,B", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "import neuralfinder" not in path.read_text(encoding="utf-8")


def test_source_reads_16_bit_grey_by_the_range_of_training(tmp_path: Path) -> None:
    model = dataclasses.replace(MODELS["grey"](), span=(0, 157))
    export(model, tmp_path)
    deep = encoded("PNG", Image.fromarray(np.random.default_rng(0).integers(0, 158, (28, 28)).astype(np.uint16)))
    read = opened(tmp_path).read([deep])
    np.testing.assert_array_equal(read, read_pictures([deep], model.shape, span=(0, 157)))
    assert len(np.unique(read)) > 100


@pytest.mark.thorough
def test_the_file_is_a_command(tmp_path: Path) -> None:
    model = MODELS["colour"]()
    export(model, tmp_path / "made")
    shutil.move(tmp_path / "made", tmp_path / "elsewhere")
    file = tmp_path / "picture.jpg"
    file.write_bytes(odd_files()[0])
    command = [sys.executable, "-I", str(tmp_path / "elsewhere" / "network.py"), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, encoding="utf-8")
    named, label, share = done.stdout.strip().split("\t")
    expected = model.predict_proba(file)[0]
    assert (named, label) == (str(file), model.classes[expected.argmax()])
    assert float(share) == pytest.approx(expected.max(), abs=1e-4)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("float", "code"),
        ("text", "openvino"),
        ("large", "onnx"),
        ("long", "pt2"),
        *[
            pytest.param(*each, marks=pytest.mark.slow)
            for each in itertools.product(["large", "long"], FORMS)
            if each not in (("large", "onnx"), ("long", "pt2"))
        ],
    ],
)
def test_every_form_agrees_in_a_process_without_us(name: str, form: str, tmp_path: Path) -> None:
    for package in {"onnx": ["onnxruntime"], "openvino": ["onnxruntime", "openvino"]}.get(form, []):
        pytest.importorskip(package)
    model = MODELS[name]()
    if form == "openvino" and bag_of(model.network):
        with pytest.raises(InputError, match="64"):
            export(model, tmp_path, [form])
        return
    export(model, tmp_path, [form])
    found = receipt.tried(model, form, tmp_path, probe_for(model))
    assert not found.failure
    assert found.same == found.samples == len(probe_for(model).samples)
    assert found.difference <= receipt.TOLERANCE
    assert set(found.milliseconds) == {"1", "64"}
    assert "numpy" in found.versions
    receipt.write([found], tmp_path)
    assert json.loads((tmp_path / receipt.FILE).read_text())[0]["sha256"] == found.sha256


def flip(folder: Path) -> None:
    state = load_file(folder / WEIGHTS)
    state["head.weight"][0, 0] *= -1
    save_file(state, folder / WEIGHTS)


def drop(folder: Path) -> None:
    path = folder / "network.py"
    text = path.read_text(encoding="utf-8")
    assert "    x = (x - torch.tensor(MEAN)" in text
    path.write_text("".join(line for line in text.splitlines(True) if "torch.tensor(MEAN)" not in line), "utf-8")


def permute(folder: Path) -> None:
    path = folder / "network.py"
    text = path.read_text(encoding="utf-8")
    assert "('a', 'b|c', 'ü')" in text
    path.write_text(text.replace("('a', 'b|c', 'ü')", "('b|c', 'a', 'ü')"), "utf-8")


def lean(folder: Path) -> None:
    path = folder / "network.py"
    path.write_text(path.read_text(encoding="utf-8").replace("import torch\n", "import torch\nimport neuralfinder\n"))


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        pytest.param(flip, "differ by", id="a flipped weight"),
        pytest.param(drop, "differ by", id="a step left out"),
        pytest.param(permute, "its classes are", id="other classes"),
        pytest.param(lean, "neuralfinder", id="needs us"),
    ],
)
def test_a_receipt_says_what_is_wrong(spoil: object, said: str, tmp_path: Path) -> None:
    model = MODELS["grey"]()
    export(model, tmp_path)
    spoil(tmp_path)  # type: ignore[operator]
    found = receipt.tried(model, "code", tmp_path, probe_for(model))
    assert said in found.failure
    assert "DOES NOT AGREE" in found.said


def test_an_unknown_form_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="code"):
        export(MODELS["grey"](), tmp_path / "none", ["code", "caffe"])
    assert not (tmp_path / "none").exists()
