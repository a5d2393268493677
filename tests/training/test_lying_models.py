"""Model folders that lie: each is refused at once, in an error that names the file and the mend; none answers NaN."""

from __future__ import annotations

import json
import os
import time

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from setups import model_of

from neuralfinder import InputError, Model
from neuralfinder.data.tokens import Tokens
from neuralfinder.training.batches import Scaling
from neuralfinder.training.model_files import PAPER, TOKENIZER, WEIGHTS
from neuralfinder.types import Shape

TEXTS = ["a ship at sea", "an oak in the wood", "waves", "leaves and moss", "salt"]

MEND = "take them from the run again"


@pytest.fixture
def of_pictures(tmp_path):
    """A folder with a model of grey pictures, 5 high and 4 wide."""
    model_of(Shape(1, 5, 4), Scaling((128.0,), (60.0,))).save(tmp_path)
    return tmp_path


@pytest.fixture
def of_texts(tmp_path):
    tokens = Tokens.learn(TEXTS)
    model_of(tokens.shape(Shape(1, 1, tokens.length)), tokens, (0, 1)).save(tmp_path)
    return tmp_path


def refused(folder, name):
    began = time.monotonic()
    with pytest.raises(InputError, match=MEND) as caught:
        Model.load(folder)
    assert str(caught.value).startswith(f"{name} of {folder} is no whole model (")
    assert len(str(caught.value)) < 5000
    assert "\n" not in str(caught.value)
    assert time.monotonic() - began < 5


def changed(folder, **values):
    """The paper with other values, and without what would tell of it."""
    form = json.loads((folder / PAPER).read_text())
    form.pop("sha256", None)
    (folder / PAPER).write_text(json.dumps({**form, **values}))


@pytest.mark.parametrize(
    "shape",
    [
        [1, -5, 4, 0], [0, 5, 4, 0], [1, 10**9, 10**9, 0], [10**30, 5, 4, 0], [True, 5, 4, 0], [1.0, 5, 4, 0],
        [1, 5], [1, 5, 4, 0, 0], None, "1x5x4", [1, 5, 4, -1], [1, 5, 4, 10], [[1], 5, 4, 0], [1, 2**31, 1, 0],
    ],
)  # fmt: skip
def test_shapes(of_pictures, shape):
    changed(of_pictures, shape=shape)
    refused(of_pictures, PAPER)


@pytest.mark.parametrize("name", ["mean", "std"])
@pytest.mark.parametrize("given", [[], [1.0, 2.0], [float("nan")], [float("inf")], [True], ["1"], 1.0, None, [1e300]])
def test_statistics(of_pictures, name, given):
    changed(of_pictures, **{name: given})
    refused(of_pictures, PAPER)


@pytest.mark.parametrize("given", [[0.0], [-1.0], [1e-300]])
def test_deviations_that_nothing_can_be_divided_by(of_pictures, given):
    changed(of_pictures, std=given)
    refused(of_pictures, PAPER)


@pytest.mark.parametrize(
    "genome",
    [
        None, 3, [], "", "C8 nonsense > G", "C8 " * 300_000 + "> G", "C8 " * 5000 + "> G", "C999999999999 > G",
        f"C{'9' * 5000} > G", "C99999999 C99999999 > G", "C8 > F99999999", "C8 M M M M M > G", "7 > G", "C8 > G.bag24",
        "@9999 C8 > G",
    ],
)  # fmt: skip
def test_genomes(of_pictures, genome):
    changed(of_pictures, genome=genome)
    with pytest.raises(InputError, match=MEND) as caught:
        Model.load(of_pictures)
    assert str(of_pictures) in str(caught.value)
    assert len(str(caught.value)) < 5000


@pytest.mark.parametrize(
    "classes",
    [[], ["day"] * 2, ["day"], ["a", "b", "c"], [["day"], ["night"]], [1, True], ["1", 1], None, "ab", [None, None],
     [{}, {}], {"day": 0, "night": 1}],
)  # fmt: skip
def test_classes(of_pictures, classes):
    changed(of_pictures, classes=classes)
    refused(of_pictures, WEIGHTS if classes in (["day"], ["a", "b", "c"]) else PAPER)


@pytest.mark.parametrize(
    "values",
    [
        {"views": {"mirror": 1}}, {"views": {"mirror": "no"}}, {"views": []}, {"views": {"other": True}},
        {"views": {"pieces": True}}, {"temperature": True}, {"temperature": 1e-300}, {"temperature": "1"},
        {"span": 1}, {"span": [0]}, {"span": [5, 5]}, {"span": [-1, 9]}, {"span": [0, 70_000]}, {"span": [True, 9]},
        {"temperature": []}, {"fit": ["pad"]}, {"fit": 1}, {"dtype": "object"}, {"format": None}, {"format": True},
        {"format": 1e1}, {"sha256": 1},
    ],
)  # fmt: skip
def test_other_values(of_pictures, values):
    changed(of_pictures, **values)
    refused(of_pictures, PAPER)


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000, '{"format":' * 20_000, '{"format": 4, "format": 3}', "NaN", "[]", "4", "", "null", "\x00",
        '{"format": ' + "9" * 10_000 + "}",
    ],
)  # fmt: skip
def test_papers_that_are_none(of_pictures, content):
    (of_pictures / PAPER).write_text(content)
    refused(of_pictures, PAPER)


@pytest.mark.parametrize("name", [PAPER, WEIGHTS, TOKENIZER])
def test_what_is_no_file(of_texts, name):
    (of_texts / name).unlink()
    for make in (os.mkfifo, os.mkdir):
        make(of_texts / name)
        refused(of_texts, name)
        (of_texts / name).unlink() if (of_texts / name).is_fifo() else (of_texts / name).rmdir()
    (of_texts / name).symlink_to("/dev/zero")
    refused(of_texts, name)


def test_files_without_end(of_pictures):
    for name in (WEIGHTS, PAPER):
        with (of_pictures / name).open("r+b") as file:
            file.truncate(1 << 40)
        refused(of_pictures, name)


def respoilt(folder, change):
    state = load_file(folder / WEIGHTS)
    save_file(change(state), folder / WEIGHTS)
    changed(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda state: {name: tensor * float("nan") for name, tensor in state.items()},
        lambda state: {name: tensor / 0 for name, tensor in state.items()},
        lambda state: {name: tensor.half() for name, tensor in state.items()},
        lambda state: {name: tensor.double() for name, tensor in state.items()},
        lambda state: {name: tensor[:1].clone() for name, tensor in state.items()},
        lambda state: {f"{name}2": tensor for name, tensor in state.items()},
        lambda state: {**state, "more": torch.zeros(9)},
        lambda state: {name: tensor * 3e38 for name, tensor in state.items()},
    ],
)
def test_weights(of_pictures, change):
    respoilt(of_pictures, change)
    refused(of_pictures, WEIGHTS)


def test_weights_of_another_model_of_the_same_network(of_pictures, tmp_path):
    """Nothing but the content tells them from each other, and the classes may be others."""
    save_file({name: tensor + 1 for name, tensor in load_file(of_pictures / WEIGHTS).items()}, of_pictures / WEIGHTS)
    with pytest.raises(InputError, match=f"{WEIGHTS} of .* that of another model"):
        Model.load(of_pictures)


def test_truncated_weights_of_a_model_without_hashes(of_pictures):
    changed(of_pictures)
    whole = (of_pictures / WEIGHTS).read_bytes()
    for kept in (0, 7, 50, len(whole) // 2, len(whole) - 1):
        (of_pictures / WEIGHTS).write_bytes(whole[:kept])
        refused(of_pictures, WEIGHTS)


def retold(folder, change):
    tokenizer = json.loads((folder / TOKENIZER).read_text("utf-8"))
    change(tokenizer)
    (folder / TOKENIZER).write_text(json.dumps(tokenizer), encoding="utf-8")
    changed(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.update(padding={"strategy": {"Fixed": 10**9}, "direction": "Right", "pad_to_multiple_of": None,
                                    "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"}),
        lambda t: t.update(normalizer={"type": "Prepend", "prepend": "x" * 10**6}),
        lambda t: t.update(normalizer=None),
        lambda t: t.update(pre_tokenizer={"type": "Whitespace"}),
        lambda t: t["model"].update(dropout=0.5),
        lambda t: t["model"]["vocab"].update({"more": len(t["model"]["vocab"])}),
        lambda t: t["model"]["vocab"].update({list(t["model"]["vocab"])[-1]: 10**6}),
        lambda t: t["model"]["merges"].append(["no", "such"]),
        lambda t: t.update(model={"type": "WordLevel", "vocab": {"[PAD]": 0}, "unk_token": "[PAD]"}),
        lambda t: t.clear(),
    ],
)  # fmt: skip
def test_tokenizers(of_texts, change):
    retold(of_texts, change)
    refused(of_texts, TOKENIZER)


@pytest.mark.parametrize("pieces", [0, -1, 10**9, True, "1", None])
def test_pieces(of_texts, pieces):
    changed(of_texts, pieces=pieces)
    with pytest.raises(InputError, match=MEND):
        Model.load(of_texts)


def test_vocabularies_beyond_the_tokenizer(of_texts):
    shape = json.loads((of_texts / PAPER).read_text())["shape"]
    for vocabulary in (shape[3] - 1, shape[3] + 1, 10**15):
        changed(of_texts, shape=[*shape[:3], vocabulary])
        with pytest.raises(InputError, match=MEND):
            Model.load(of_texts)
        changed(of_texts, shape=shape)


def test_no_class_is_answered_where_the_answer_is_no_number():
    model = model_of(Shape(1, 5, 4), Scaling((128.0,), (60.0,), dtype="float32"))
    with torch.no_grad():
        for tensor in model.network.parameters():
            tensor.mul_(1e38)
    pictures = np.linspace(0, 255, 40, dtype=np.float32).reshape(2, 5, 4)
    for answer in (model.predict, model.predict_proba):
        with pytest.raises(InputError, match="no number for 2 of 2 samples"):
            answer(pictures)
