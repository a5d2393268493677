"""Validation parts that come with the data: used as such, nothing of them in training, classes and copies told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loading import fingerprint, load, write_csv
from scenes import scene
from sentences import sentences

from neuralfinder.data import Divided, from_arrays
from neuralfinder.data.groups import grouped
from neuralfinder.data.splits import limited, split
from neuralfinder.errors import InputError


def rows(*parts: np.ndarray) -> list[list[int]]:
    return [sorted(part.tolist()) for part in parts]


@given(
    st.lists(st.integers(3, 30), min_size=2, max_size=5),
    st.integers(1, 20),
    st.integers(0, 20),
    st.integers(0, 2**40),
)
def test_it_is_used_as_it_is(counts, held, tested, seed):
    labels = np.concatenate([np.repeat(np.arange(len(counts)), counts), np.zeros(held + tested, dtype=int)])
    place = np.arange(len(labels)) - sum(counts)
    given_validation, given_test = (place >= 0) & (place < held), place >= held
    result = split(labels, given_test, seed, given_validation=given_validation)
    assert rows(result.validation) == rows(np.flatnonzero(given_validation))
    assert sorted(np.concatenate([result.train, result.validation, result.test]).tolist()) == [*range(len(labels))]
    if tested:
        assert rows(result.test) == rows(np.flatnonzero(given_test))
    else:
        assert set(result.test.tolist()) < set(np.flatnonzero(place < 0).tolist())
        assert set(labels[result.test]) == set(range(len(counts)))


def test_without_one_nothing_is_otherwise():
    labels = np.random.default_rng(0).integers(0, 3, 90)
    none = np.zeros(90, dtype=bool)
    first, second = split(labels, none, 5), split(labels, none, 5, given_validation=none)
    for part in ("train", "validation", "test"):
        np.testing.assert_array_equal(getattr(first, part), getattr(second, part))


def pixels(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 8, 8), dtype=np.uint8)


@pytest.mark.parametrize("whole", [False, True])
def test_copies_of_its_samples_are_left_out_of_training_and_told(whole):
    X, y = pixels(40), np.arange(40) % 2
    held, test = pixels(12, 1), pixels(12, 2)
    held[0], held[1], test[0] = X[0], test[5], X[3]  # in training, in the test part; a test picture in training
    data = from_arrays(X, y, X_test=test, y_test=y[:12], validation=(held, y[:12]))
    if whole:
        data = grouped(data, [f"person {row // 2}" for row in range(40)])
    found = Divided.of(data, 0)
    used = set(np.concatenate([found.split.train, found.split.validation, found.split.test]).tolist())
    assert used == {*range(64)} - ({0, 1, 2, 3} if whole else {0, 3}) - {41}
    assert found.split.validation.size == 11
    told = {
        finding.text: finding.names for finding in found.raw.findings if finding.kind == "exact copies across parts"
    }
    (first, names), (second, more) = told.items()
    assert "given test pictures and are left out of training and validation" in first
    assert names == ("row 3 = row 0 of the test part", "row 1 of the validation part = row 5 of the test part")
    assert "1 pictures are exact copies of given validation pictures and are left out of training" in second
    assert more == ("row 0 = row 0 of the validation part",)


def test_classes_that_it_lacks_are_told_and_strange_ones_refused():
    X, y = pixels(30), np.arange(30) % 3
    data = Divided.of(from_arrays(X, y, validation=(pixels(4, 1), [0, 0, 1, 1])), 0).raw
    assert {f.names for f in data.findings if f.kind == "untested class"} == {("2",)}
    assert "The validation part has no picture of 1 classes" in " ".join(data.notes)
    with pytest.raises(
        InputError, match="y_validation is a test part with classes|classes that the training part lacks"
    ):
        from_arrays(X, y, validation=(pixels(4, 1), [0, 0, 1, 7]))
    with pytest.raises(InputError, match="y_validation is missing"):
        from_arrays(X, y, validation=(pixels(4, 1), None))
    with pytest.raises(InputError, match=r"X_validation is float64 pictures.*as in X"):
        from_arrays(X, y, validation=(pixels(4, 1) / 255, [0, 0, 1, 1]))


def test_a_limit_leaves_it_whole():
    X, y = pixels(60), np.arange(60) % 2
    data = limited(from_arrays(X, y, X_test=pixels(4, 2), y_test=y[:4], validation=(pixels(6, 1), y[:6])), 20)
    assert (data.free.sum(), data.held.sum(), data.given_test.sum()) == (20, 6, 4)
    assert "beside the validation or test part are used, as asked" in " ".join(data.notes)


@pytest.mark.parametrize("tested", [False, True])
def test_folders_of_texts_and_arrays_have_it_too(tmp_path, tested):
    for part, count in (("train", 40), ("dev", 12), *([("test", 16)] if tested else [])):
        for number, (text, label) in enumerate(zip(*sentences(count), strict=True)):
            (tmp_path / "set" / part / label).mkdir(parents=True, exist_ok=True)
            (tmp_path / "set" / part / label / f"{number}.txt").write_text(f"{text} {part}", encoding="utf-8")
    data = load(tmp_path / "set")
    assert (data.free.sum(), data.held.sum(), data.given_test.sum()) == (40, 12, 16 * tested)
    assert data.fingerprint == fingerprint(tmp_path / "set")
    parts = Divided.of(data, 0).split
    assert rows(parts.validation) == rows(np.flatnonzero(data.held))
    more = {"x_test": pixels(4, 2), "y_test": [0, 1, 0, 1]} if tested else {}
    np.savez(
        tmp_path / "a.npz", x_train=pixels(20), y_train=np.arange(20) % 2, x_val=pixels(6, 1), y_val=[0, 1] * 3, **more
    )
    data = load(tmp_path / "a.npz")
    assert (data.free.sum(), data.held.sum(), data.given_test.sum()) == (20, 6, 4 * tested)
    assert data.name_of(21) == "row 1 of the validation part"


def test_a_part_given_beside_it_is_the_test_part(tmp_path):
    for part, count in (("set/train", 12), ("set/val", 6), ("more", 6)):
        for number in range(count):
            home = tmp_path / part / ("day", "night")[number % 2]
            home.mkdir(parents=True, exist_ok=True)
            scene(number, (10, 8)).save(home / f"{number}.png")
    data = load(tmp_path / "set", test=tmp_path / "more")
    assert (data.free.sum(), data.held.sum(), data.given_test.sum()) == (12, 6, 6)
    assert "val is the validation part, by which networks are chosen." in " ".join(data.notes)


@pytest.mark.parametrize(
    ("column", "cells", "sizes"),
    [
        ("split", ("train", "valid", "test"), (16, 4, 4)),
        ("Set", ("TRAIN", "Val", "Val"), (16, 8, 0)),
        ("partition", ("training", "testing", "testing"), (16, 0, 8)),
        ("split", ("train", "other", "test"), (24, 0, 0)),
        ("kind", ("train", "valid", "test"), (24, 0, 0)),
    ],
)
def test_a_column_may_tell_the_parts(tmp_path, column, cells, sizes):
    told = [cells[max(0, row % 6 - 3)] for row in range(24)]
    table = [(f"text {row} of some", "ab"[row % 2], told[row]) for row in range(24)]
    data = load(write_csv(tmp_path / "a.csv", table, ("text", "label", column)))
    assert (data.free.sum(), data.held.sum(), data.given_test.sum()) == sizes
    assert ("tells the parts" in " ".join(data.notes)) == (sizes[0] < 24)
    assert ("parts and of others, and was not looked at: other." in " ".join(data.notes)) == ("other" in cells)
    for row, name in enumerate(data.names):  # rows moved together with their labels
        number = int(name.removeprefix("row "))
        assert data.samples[row] == table[number][0]
        assert data.classes[data.labels[row]] == table[number][1]
    with_test = load(tmp_path / "a.csv", test=tmp_path / "a.csv")
    assert (with_test.held.sum(), with_test.given_test.sum()) == (0, 24)
