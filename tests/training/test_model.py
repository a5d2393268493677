"""A model answers about samples in every form, and is kept and found by a path in every form."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from setups import model_of

from neuralfinder import InputError, Model, NeuralFinder
from neuralfinder.data import source_of
from neuralfinder.data.inputs import inputs_of
from neuralfinder.data.tokens import Tokens
from neuralfinder.networks.genome import parse
from neuralfinder.seeds import torch_seed
from neuralfinder.training.batches import Scaling
from neuralfinder.training.build import build
from neuralfinder.types import FITS, Shape

TEXTS = ["a ship at sea", "an oak in the wood", "waves", "leaves and moss", "salt"]


@pytest.fixture(scope="module")
def model():
    """Of grey pictures, 5 high and 4 wide; nobody trained it."""
    return model_of(Shape(1, 5, 4), Scaling((128.0,), (60.0,)))


@pytest.fixture(scope="module")
def reader():
    """Of texts."""
    tokens = Tokens.learn(TEXTS)
    return model_of(tokens.shape(Shape(1, 1, tokens.length)), tokens, (0, 1))


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).integers(0, 256, (6, 5, 4), dtype=np.uint8)


class Numbered(torch.utils.data.Dataset):
    """Counts round, as many of torch's data sets do: there is no `IndexError` to end on."""

    def __init__(self, samples, labelled=True):
        self.samples, self.labelled, self.asked = samples, labelled, 0

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, row):
        self.asked += 1
        assert self.asked <= 10 * len(self), "it is read past its end"
        sample = self.samples[row % len(self.samples)]
        return (sample, row % 2) if self.labelled else sample


class Streamed(torch.utils.data.IterableDataset):
    def __init__(self, samples):
        self.samples = samples

    def __iter__(self):
        return ((sample, row % 2) for row, sample in enumerate(self.samples))


class Endless(torch.utils.data.Dataset):
    """No length, and an item for every number."""

    def __getitem__(self, row):
        assert row < 1000, "it is read without end"
        return np.zeros((5, 4), np.uint8), row % 2


# every form of samples


def forms_of_pictures(pictures, folder):
    files = []
    for row, picture in enumerate(pictures):
        files.append(folder / f"{row}.png")
        Image.fromarray(picture).save(files[-1])
    (folder / "a.csv").write_text("\n".join(["path", *(file.name for file in files)]), encoding="utf-8")
    np.savez(folder / "a.npz", X=pictures)
    return {
        "list": pictures.tolist(),
        "channels last": pictures[..., np.newaxis],
        "channels first": pictures[:, np.newaxis],
        "tensor": torch.from_numpy(pictures),
        "list of arrays": list(pictures),
        "list of Pillow's": [Image.fromarray(picture) for picture in pictures],
        "folder": folder,
        "folder as a text": str(folder),
        "paths": files,
        "paths as texts": [str(file) for file in files],
        "array of paths": np.array([str(file) for file in files]),
        "table": folder / "a.csv",
        "arrays in a file": str(folder / "a.npz"),
        "torch": torch.utils.data.TensorDataset(torch.from_numpy(pictures), torch.zeros(len(pictures))),
        "torch without labels": Numbered(pictures, labelled=False),
        "torch, counting on": Numbered(pictures),
        "torch, one after the other": Streamed(pictures),
        "part of one of torch's": torch.utils.data.Subset(Numbered(pictures), range(6)),
        "torch, of paths": Numbered([str(file) for file in files]),
        "generator": (picture for picture in pictures),
    }


def test_pictures_in_every_form_get_the_same_answers(model, pictures, tmp_path):
    expected = model.predict_proba(pictures)
    assert expected.shape == (6, 2)
    assert len(np.unique(expected)) > 6
    for name, form in forms_of_pictures(pictures, tmp_path).items():
        np.testing.assert_allclose(model.predict_proba(form), expected, atol=1e-6, err_msg=name)


def test_a_data_set_is_read_in_blocks(model, pictures, monkeypatch):
    expected = model.predict_proba(pictures)
    monkeypatch.setattr("neuralfinder.data.inputs.AT_ONCE", 4)
    data = Numbered(pictures)
    blocks = inputs_of(data, model.shape)
    assert len(next(blocks)) == 4
    assert data.asked == 4
    for some in (Numbered(pictures), Numbered(pictures[:4]), Numbered(pictures[:1])):
        np.testing.assert_allclose(model.predict_proba(some), expected[: len(some)], atol=1e-6)
    with pytest.raises(InputError, match="X is empty"):
        model.predict(Numbered(pictures[:0]))


def test_data_frames_of_paths_and_of_texts(model, reader, pictures, tmp_path):
    pandas = pytest.importorskip("pandas")
    forms_of_pictures(pictures, tmp_path)
    files = [str(tmp_path / f"{row}.png") for row in range(6)]
    expected = model.predict_proba(pictures)
    for frame in (pandas.DataFrame({"path": files, "label": 0, "n": range(6)}), pandas.DataFrame({"x": files})):
        np.testing.assert_allclose(model.predict_proba(frame), expected, atol=1e-6)
    np.testing.assert_allclose(model.predict_proba(pandas.Series(files)), expected, atol=1e-6)
    expected = reader.predict_proba(TEXTS)
    for frame in (pandas.DataFrame({"id": range(5), "text": TEXTS, "label": 1}), pandas.DataFrame({3: TEXTS})):
        np.testing.assert_array_equal(reader.predict_proba(frame), expected)
    whole = pandas.DataFrame({"text": TEXTS * 4, "label": ["sea", "wood", "sea", "wood", "sea"] * 4})
    data = source_of(whole["text"], labels=whole["label"]).load()
    assert (list(data.samples), data.classes) == (TEXTS * 4, ("sea", "wood"))
    with pytest.raises(
        InputError, match=r"columns 'a', 'b'; expected one column of texts.*; give the column alone, as in X"
    ):
        reader.predict(pandas.DataFrame({"a": TEXTS, "b": TEXTS}))
    with pytest.raises(InputError, match="float in row 1; expected texts"):
        reader.predict(pandas.DataFrame({"text": ["a", None]}))
    with pytest.raises(InputError, match=r"X is of shape \(6, 20\); expected"):
        model.predict(pandas.DataFrame(pictures.reshape(6, 20)))


def test_pictures_of_the_library_datasets(model, pictures):
    datasets = pytest.importorskip("datasets")
    rows = {"image": [Image.fromarray(picture) for picture in pictures]}
    data = datasets.Dataset.from_dict(rows, features=datasets.Features({"image": datasets.Image()}))
    np.testing.assert_allclose(model.predict_proba(data), model.predict_proba(pictures), atol=1e-6)
    with pytest.raises(InputError, match="X is of parts train; expected one data set"):
        model.predict(datasets.DatasetDict(train=data))


@pytest.mark.parametrize("fit", FITS)
def test_how_files_are_brought_to_the_shape_is_kept(model, tmp_path, fit):
    dataclasses.replace(model, fit=fit).save(tmp_path)
    assert Model.load(tmp_path).fit == fit


def test_a_single_sample_is_one_row(model, reader, pictures, tmp_path):
    Image.fromarray(pictures[2]).save(tmp_path / "a.png")
    expected = model.predict_proba(pictures)[2:3]
    for single in (pictures[2], Image.fromarray(pictures[2]), tmp_path / "a.png", str(tmp_path / "a.png")):
        np.testing.assert_allclose(model.predict_proba(single), expected, atol=1e-6)
    np.testing.assert_allclose(reader.predict_proba(TEXTS[1]), reader.predict_proba(TEXTS)[1:2], atol=1e-6)


def test_texts_in_every_form_get_the_same_answers(reader, tmp_path):
    expected = reader.predict_proba(TEXTS)
    assert expected.shape == (5, 2)
    for row, text in enumerate(TEXTS):
        (tmp_path / f"{row}.txt").write_text(text, encoding="utf-8")
    (tmp_path / "a.jsonl").write_text("\n".join(f'{{"text": "{text}"}}' for text in TEXTS), encoding="utf-8")
    forms = {
        "tuple": tuple(TEXTS),
        "array": np.array(TEXTS),
        "objects": np.array(TEXTS, dtype=object),
        "folder": tmp_path,
        "files": [tmp_path / f"{row}.txt" for row in range(5)],
        "table": tmp_path / "a.jsonl",
        "torch": Numbered(TEXTS),
        "one after the other": Streamed(TEXTS),
    }
    for name, form in forms.items():
        np.testing.assert_allclose(reader.predict_proba(form), expected, atol=1e-6, err_msg=name)


def test_many_texts_are_answered_in_blocks(reader, monkeypatch):
    expected = reader.predict_proba(TEXTS)
    monkeypatch.setattr("neuralfinder.training.model.TEXTS_AT_ONCE", 2)
    np.testing.assert_allclose(reader.predict_proba(TEXTS), expected, atol=1e-6)


def test_texts_of_the_library_datasets(reader):
    datasets = pytest.importorskip("datasets")
    data = datasets.Dataset.from_dict({"sentence": TEXTS, "more": [0] * 5})
    np.testing.assert_allclose(reader.predict_proba(data), reader.predict_proba(TEXTS), atol=1e-6)


def test_answers_are_the_user_s_labels(model, reader, pictures):
    answers = model.predict(pictures)
    assert answers.tolist() == [model.classes[place] for place in model.predict_proba(pictures).argmax(1)]
    assert {type(answer) for answer in answers.tolist()} == {str}
    assert {type(answer) for answer in reader.predict(TEXTS).tolist()} == {int}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (np.zeros((2, 9, 4)), r"of shape \(2, 9, 4\); expected"),
        ([], "empty"),
        ("no-such-file.png", "no-such-file.png is unreadable: no such file"),
        (["no-such-file.png"], "no-such-file.png is unreadable: no such file"),
        ([Path("a.png"), np.zeros((5, 4))], "X is paths and a ndarray; expected paths alone"),
        (Endless(), "X is a Endless without a length; expected one with `__len__` or `__iter__`"),
        (None, "X is of type object"),
    ],
)
def test_what_is_no_picture_is_refused(model, given, words):
    with pytest.raises(InputError, match=words):
        model.predict(given)


@pytest.mark.parametrize("given", [np.zeros((2, 5, 4)), [], [1, 2], Path("no-such-file.txt"), Numbered([1, 2])])
def test_what_is_no_text_is_refused(reader, given):
    with pytest.raises(InputError, match="expected"):
        reader.predict(given)


# the estimator says the same, and learns from the same


@pytest.mark.usefixtures("quick_machine")
def test_the_estimator_answers_as_its_model_does(tmp_path):
    rng = np.random.default_rng(0)
    y = np.arange(30) % 2
    X = (rng.integers(0, 100, (30, 5, 4)) + 100 * y[:, None, None]).astype(np.uint8)
    finder = NeuralFinder(candidates=1, epochs=1, finalists=1, final_epochs=1, verbose=0, run=str(tmp_path / "run"))
    finder.fit(X, y)
    loaded = Model.load(str(tmp_path / "run"))
    for form in (X, X[0], list(X), Numbered(X), torch.from_numpy(X)):
        np.testing.assert_allclose(loaded.predict_proba(form), finder.predict_proba(form), atol=1e-6)
        assert loaded.predict(form).tolist() == finder.predict(form).tolist()


@pytest.mark.thorough
@pytest.mark.usefixtures("quick_machine")
@pytest.mark.parametrize("form", [Numbered, Streamed])
def test_fit_reads_a_data_set_by_its_own_rules(form):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (24, 5, 4), dtype=np.uint8)
    options = {"candidates": 1, "epochs": 1, "finalists": 1, "final_epochs": 1, "experience": "off", "verbose": 0}
    from_pairs = NeuralFinder(**options).fit(form(X))
    from_arrays = NeuralFinder(**options).fit(X, np.arange(24) % 2)
    np.testing.assert_array_equal(from_pairs.predict_proba(X), from_arrays.predict_proba(X))


def test_fit_refuses_a_data_set_without_end():
    with pytest.raises(InputError, match="a Endless without a length"):
        NeuralFinder(candidates=1, verbose=0).fit(Endless())

    class Liar(Streamed):
        def __len__(self):
            return 3

    with pytest.raises(InputError, match="a Liar that gives more than the 3 items of its length"):
        NeuralFinder(candidates=1, verbose=0).fit(Liar(np.zeros((9, 5, 4), np.uint8)))


@pytest.mark.usefixtures("quick_machine")
def test_fit_takes_a_path_as_a_text_and_homes_are_written_out(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    rng = np.random.default_rng(0)
    for row in range(24):
        file = tmp_path / "photos" / ("day", "night")[row % 2] / f"{row}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (5, 4), dtype=np.uint8)).save(file)
    finder = NeuralFinder(candidates=1, epochs=1, finalists=1, final_epochs=1, verbose=0, run="~/runs/photos")
    finder.fit(f"{tmp_path}/photos/")
    assert finder.classes_.tolist() == ["day", "night"]
    assert (tmp_path / "runs" / "photos" / "model" / "model.safetensors").exists()
    assert not Path("~").exists()
    assert len(finder.predict("~/photos")) == 24
    for run in ("~/runs/photos", tmp_path / "runs" / "photos", str(tmp_path / "runs" / "photos" / "model")):
        assert Model.load(run).genome == finder.model_.genome
    with pytest.raises(InputError, match="labels is a list for a folder"):
        finder.fit("~/photos", [1, 2])


def test_a_model_is_written_and_read_by_text_and_path(model, pictures, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    model.save("~/one")
    model.save(str(tmp_path / "two"))
    for folder in ("~/two", Path("~/one"), str(tmp_path / "one")):
        np.testing.assert_array_equal(Model.load(folder).predict_proba(pictures), model.predict_proba(pictures))
    with pytest.raises(InputError, match="three is no model"):
        Model.load("~/three")


def test_a_model_of_the_first_format_looks_at_pictures_as_large_as_they_are(tmp_path):
    shape, genome = Shape(1, 96, 72), parse("@96 C8 > G")
    with torch_seed(0):
        state = build(genome, shape, 2).state_dict()
    model = Model.of(genome, state, shape, Scaling((128.0,), (60.0,)), ("day", "night"))
    model.save(tmp_path)
    paper = tmp_path / "preprocessing.json"
    old = json.loads(paper.read_text())
    assert "@96 C8" in old["genome"]
    del old["temperature"]
    paper.write_text(json.dumps({**old, "format": 1, "genome": old["genome"].replace("@96 C8", "C8")}))
    pictures = np.random.default_rng(0).integers(0, 256, (3, 96, 72), dtype=np.uint8)
    loaded = Model.load(tmp_path)
    assert loaded.genome == genome
    assert loaded.temperature == 1
    np.testing.assert_array_equal(loaded.predict_proba(pictures), model.predict_proba(pictures))


# the depth of its pictures


@pytest.mark.parametrize("span", [(0, 157), (30_000, 30_157)])
def test_the_range_of_16_bit_grey_is_kept(model, tmp_path, span):
    low, high = span
    shades = np.arange(20).reshape(5, 4) * (high - low) // 19
    Image.fromarray((low + shades).astype(np.uint16)).save(tmp_path / "deep.png")
    Image.fromarray(shades.astype(np.uint8)).save(tmp_path / "flat.png")
    deep = dataclasses.replace(model, span=span)
    deep.save(tmp_path / "model")
    loaded = Model.load(tmp_path / "model")
    assert loaded.span == span
    scaled = (shades * 255 / (high - low)).round().astype(np.uint8)
    np.testing.assert_array_equal(loaded.predict_proba(tmp_path / "deep.png"), model.predict_proba(scaled))
    with pytest.raises(InputError, match=f"8 bits where training had 16-bit grey of {low} to {high}"):
        loaded.predict(tmp_path / "flat.png")


def test_a_model_of_the_fourth_format_has_all_of_the_range(model, tmp_path):
    model.save(tmp_path)
    paper = tmp_path / "preprocessing.json"
    old = json.loads(paper.read_text())
    del old["span"]
    paper.write_text(json.dumps({**old, "format": 4}))
    loaded = Model.load(tmp_path)
    assert loaded.span == (0, 65_535)
    Image.fromarray(np.full((5, 4), 25_700, dtype=np.uint16)).save(tmp_path / "x.png")
    seen = np.full((5, 4), 100, dtype=np.uint8)
    np.testing.assert_array_equal(loaded.predict_proba(tmp_path / "x.png"), model.predict_proba(seen))


# the temperature of its probabilities


@pytest.mark.parametrize("temperature", [0.05, 0.7, 3.0, 20.0])
def test_the_temperature_changes_probabilities_and_no_label(model, reader, pictures, temperature):
    for own, samples in ((model, pictures), (reader, TEXTS)):
        other = dataclasses.replace(own, temperature=temperature)
        expected = own.predict_proba(samples).astype(np.float64) ** (1 / temperature)
        expected /= expected.sum(1, keepdims=True)
        np.testing.assert_allclose(other.predict_proba(samples), expected, atol=1e-4)
        assert other.predict(samples).tolist() == own.predict(samples).tolist()


def test_labels_are_those_of_the_logits_where_probabilities_cannot_tell(model, pictures, monkeypatch):
    """Two logits that are one number once they are divided."""
    close = torch.tensor([[1.0, float(np.nextafter(np.float32(1), np.float32(2)))]])
    monkeypatch.setattr("neuralfinder.training.model.predict_logits", lambda *_, **__: close)
    hot = dataclasses.replace(model, temperature=20.0)
    assert hot.predict_proba(pictures[0])[0].tolist() == [0.5, 0.5]
    assert hot.predict(pictures[0]).tolist() == ["night"]


def test_the_temperature_is_kept(model, pictures, tmp_path):
    warm = dataclasses.replace(model, temperature=1.7)
    warm.save(tmp_path)
    loaded = Model.load(tmp_path)
    assert loaded.temperature == 1.7
    np.testing.assert_array_equal(loaded.predict_proba(pictures), warm.predict_proba(pictures))


def test_a_model_of_the_third_format_has_none(model, pictures, tmp_path):
    model.save(tmp_path)
    paper = tmp_path / "preprocessing.json"
    old = json.loads(paper.read_text())
    del old["temperature"]
    paper.write_text(json.dumps({**old, "format": 3}))
    np.testing.assert_array_equal(Model.load(tmp_path).predict_proba(pictures), model.predict_proba(pictures))


@pytest.mark.parametrize("temperature", [0, -1.0, float("nan"), float("inf"), None, "warm"])
def test_a_spoilt_temperature_is_refused(model, tmp_path, temperature):
    model.save(tmp_path)
    paper = tmp_path / "preprocessing.json"
    paper.write_text(json.dumps({**json.loads(paper.read_text()), "temperature": temperature}))
    with pytest.raises(InputError, match="no whole model"):
        Model.load(tmp_path)


@pytest.mark.thorough
def test_a_single_sample_takes_little_more_than_its_network(model, reader, pictures):
    """5 ms at most, of which a machine with other work may take a few; the least of many is what it needs."""

    def least(answer):
        times = []
        for _ in range(100):
            began = time.perf_counter()
            answer()
            times.append(time.perf_counter() - began)
        return min(times)

    prepared = model.preparation.apply(torch.from_numpy(pictures[:1, np.newaxis]))
    with torch.no_grad():
        alone = least(lambda: model.network(prepared))
    assert least(lambda: model.predict(pictures[0])) - alone < 0.005
    assert least(lambda: reader.predict(TEXTS[0])) < 0.02
