"""Sources of data: data sets of torch and of the Hub, and what is bundled."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from loading import Pairs, fingerprint, load
from scenes import scene

from neuralfinder.data.pairs import from_pairs
from neuralfinder.data.sources.docstrings import LIBRARIES, docstrings
from neuralfinder.data.sources.hub import of_library
from neuralfinder.data.tables import Columns
from neuralfinder.errors import InputError
from neuralfinder.types import Shape


@pytest.mark.parametrize("form", ["tensors", "pillow", "texts"])
def test_torch_data_sets(form):
    if form == "tensors":
        items = [(torch.rand(3, 8, 8), torch.tensor(n % 2)) for n in range(12)]
    elif form == "pillow":
        items = [(scene(n, (9, 8)), n % 2) for n in range(12)]
    else:
        items = [(f"word {n}", n % 2) for n in range(12)]
    data = from_pairs(Pairs(items))
    assert data.classes == (0, 1)
    assert data.is_text == (form == "texts")
    if form == "pillow":
        assert data.shape == Shape(3, 8, 9)


def test_torch_data_sets_that_are_no_pairs_are_refused():
    with pytest.raises(InputError, match="item 0 is a Tensor; expected pairs"):
        from_pairs(Pairs([torch.rand(3, 8, 8)] * 6))
    with pytest.raises(InputError, match="unequal size"):
        from_pairs(Pairs([(scene(n, (9, 8 + n)), n % 2) for n in range(6)]))


def hub_pictures(count=12, hidden=False):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"img": datasets.Image(), "fine_label": datasets.ClassLabel(names=["day", "night"])})
    rows = {
        "img": [scene(n, (10, 8 + n % 3)) for n in range(count)],
        "fine_label": [-1 if hidden else n % 2 for n in range(count)],
    }
    return datasets.Dataset.from_dict(rows, features=features)


def test_pictures_of_the_library_datasets_with_class_names():
    datasets = pytest.importorskip("datasets")
    data = of_library(datasets.DatasetDict(train=hub_pictures(), test=hub_pictures(6)))
    assert data.classes == ("day", "night")
    assert data.given_test.sum() == 6
    assert data.shape == Shape(3, 9, 10)
    np.testing.assert_array_equal(data.samples[1], np.asarray(scene(1, (10, 9))).transpose(2, 0, 1))
    hidden = of_library(datasets.DatasetDict(train=hub_pictures(), test=hub_pictures(6, hidden=True)))
    assert not hidden.given_test.any()


def test_texts_of_the_library_datasets_and_its_files(tmp_path):
    datasets = pytest.importorskip("datasets")
    rows = {"review": [f"word {n}" for n in range(12)], "stars": [n % 2 for n in range(12)]}
    columns = Columns("review", "stars")
    data = of_library(datasets.Dataset.from_dict(rows), columns)
    assert data.classes == (0, 1)
    assert data.samples[3] == "word 3"
    (tmp_path / "set").mkdir()
    datasets.Dataset.from_dict(rows).to_parquet(tmp_path / "set" / "train.parquet")
    again = load(f"hf:{tmp_path / 'set'}", text="review", target="stars")
    assert again.samples.tolist() == data.samples.tolist()
    with pytest.raises(InputError, match="of parts a, b; expected one that is called train"):
        of_library({"a": datasets.Dataset.from_dict(rows), "b": datasets.Dataset.from_dict(rows)}, columns)


@pytest.mark.parametrize("name", ["cifar10", "hf:nobody/nothing"])
def test_without_a_network_a_named_set_is_a_clear_error(name, monkeypatch):
    datasets = pytest.importorskip("datasets")

    def unreachable(*_, **__):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    with pytest.raises(InputError, match=rf"{name} is not to be had \(no route to host\); expected .*network"):
        load(name)


@pytest.mark.thorough
def test_docstrings_are_there_and_always_the_same():
    data = docstrings("docstrings")
    assert data.classes == tuple(sorted(LIBRARIES))
    assert np.bincount(data.labels).min() > 100
    assert len(set(data.samples)) == len(data.samples)
    assert data.fingerprint == fingerprint("docstrings")
