"""Models that travel by the user's own pickling: bytes of safetensors and plain values, and the same answers."""

from __future__ import annotations

import copy
import io
import pickle  # noqa: TID251 - users pickle what they have
import pickletools
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from neuralfinder import InputError, Model
from neuralfinder.data.tokens import Tokens
from neuralfinder.networks.genome import parse
from neuralfinder.seeds import torch_seed
from neuralfinder.training.bag import BAG, Bag
from neuralfinder.training.batches import Scaling, Views
from neuralfinder.training.build import build
from neuralfinder.types import Shape

TEXTS = ["a ship at sea", "an oak in the wood", "waves", "leaves and moss", "salt"]


def model_of(text: str, shape: Shape, preparation: Any, classes: tuple[Any, ...] = ("day", "night")) -> Model:
    genome = parse(text)
    with torch_seed(0):
        state = dict(build(genome, shape, len(classes)).state_dict())
        if bits := getattr(genome.head, "bag", 0):
            bag = Bag(bits, len(classes))
            bag.weight.normal_()
            state |= {f"{BAG}.{name}": tensor for name, tensor in bag.state.items()}
    return Model.of(genome, state, shape, preparation, classes, Views(shift=not shape.vocabulary))


def joblibbed(model: Model) -> Any:
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


def pickled(model: Model) -> Any:
    return pickle.loads(pickle.dumps(model))  # noqa: S301 - our own bytes


def saved(model: Model, folder: Path) -> Model:
    model.save(folder)
    return Model.load(folder)


@pytest.fixture(scope="module")
def models() -> dict[str, tuple[Model, Any]]:
    """Of every kind, and what they are asked about."""
    tokens = Tokens.learn(TEXTS)
    line = tokens.shape(Shape(1, 1, tokens.length))
    pictures = np.random.default_rng(0).integers(0, 256, (6, 12, 9), dtype=np.uint8)
    grey, scaling = Shape(1, 12, 9), Scaling((128.0,), (60.0,))
    return {
        "pictures": (model_of("C8.bn M C16.bn > G", grey, scaling, (0.5, 1.5, -2.0)), pictures),
        "pixels beside": (model_of("C8 > G.lin", grey, scaling, (True, False)), pictures),
        "texts": (model_of("C8 > GM", line, tokens, (3, -1)), TEXTS),
        "bag": (model_of("C8 > GM.bag8", line, tokens), TEXTS),
    }


@pytest.mark.parametrize("kind", ["pictures", "pixels beside", "texts", "bag"])
def test_copies_answer_the_same_to_the_bit(kind: str, models: dict[str, tuple[Model, Any]], tmp_path: Path) -> None:
    model, samples = models[kind]
    expected = model.predict_proba(samples)
    assert len(np.unique(expected)) > len(expected)
    for twin in (pickled(model), joblibbed(model), copy.deepcopy(model), copy.copy(model), saved(model, tmp_path)):
        np.testing.assert_array_equal(twin.predict_proba(samples), expected)
        assert (twin.genome, twin.shape, twin.classes) == (model.genome, model.shape, model.classes)
        assert list(map(type, twin.classes)) == list(map(type, model.classes))
        assert (twin.preparation, twin.views, twin.fit) == (model.preparation, model.views, model.fit)
        assert all(a is not b for a, b in zip(twin.network.parameters(), model.network.parameters(), strict=True))


def test_a_pickle_holds_one_function_of_ours_and_plain_values(models: dict[str, tuple[Model, Any]]) -> None:
    for model, _ in models.values():
        steps = list(pickletools.genops(pickle.dumps(model, protocol=4)))
        assert sum(step.name in ("STACK_GLOBAL", "GLOBAL") for step, *_ in steps) == 1
        words = {str(argument) for step, argument, _ in steps if "UNICODE" in step.name}
        assert words >= {"neuralfinder.training.model", "_model", "model.safetensors", "preprocessing.json"}
        assert words - {"neuralfinder.training.model", "_model", "tokenizer.json"} == {
            "model.safetensors", "preprocessing.json",
        }  # fmt: skip


def test_a_folder_holds_what_a_pickle_does(models: dict[str, tuple[Model, Any]], tmp_path: Path) -> None:
    for kind, (model, _) in models.items():
        model.save(tmp_path / kind)
        _, (files,) = model.__reduce__()
        assert {path.name: path.read_bytes() for path in (tmp_path / kind).iterdir()} == files


def test_a_spoilt_pickle_is_refused_in_words(models: dict[str, tuple[Model, Any]]) -> None:
    read, (files,) = models["pictures"][0].__reduce__()
    for name in files:
        with pytest.raises(InputError, match="no whole model"):
            read({**files, name: files[name][: len(files[name]) // 2]})
        with pytest.raises(InputError, match="no whole model"):
            read({key: content for key, content in files.items() if key != name})
