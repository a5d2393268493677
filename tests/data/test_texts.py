"""Texts in folders, lists and arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from loading import Pairs, fingerprint, load
from scenes import pictures_of
from sentences import sentences

from neuralfinder.data.texts import as_texts, from_texts, is_texts
from neuralfinder.errors import InputError


def test_a_folder_of_text_files(tmp_path):
    texts, labels = sentences(12)
    for row, (text, label) in enumerate(zip(texts, labels, strict=True)):
        (tmp_path / "d" / label).mkdir(parents=True, exist_ok=True)
        (tmp_path / "d" / label / f"{row:02}.txt").write_text(text, encoding="utf-8")
    (tmp_path / "d" / "sea" / "spoilt.txt").write_bytes(b"\xff\xfe\xff")
    told = []
    data = load(tmp_path / "d", progress=lambda *how_far: told.append(how_far))
    assert told == [(0, 13)]
    assert data.samples.tolist() == texts[0::2] + texts[1::2]
    assert data.classes == ("sea", "wood")
    assert any(note.startswith("1 unreadable texts were left out: sea/spoilt.txt (no UTF-8).") for note in data.notes)
    assert data.fingerprint == fingerprint(tmp_path / "d")


@pytest.mark.parametrize("form", [list, tuple, np.array, lambda x: np.array(x, dtype=object)])
def test_lists_and_arrays_of_texts(form):
    texts, labels = sentences(12)
    assert is_texts(form(texts))
    assert from_texts(form(texts), form(labels)).samples.tolist() == texts


@pytest.mark.parametrize("X", [np.array([["a", "b"]]), np.zeros(3), [], [1, 2], "text"])
def test_what_are_no_texts(X):
    assert not is_texts(X)


def test_something_else_among_texts_is_told():
    with pytest.raises(InputError, match="NoneType in row 1; expected texts"):
        as_texts(["a", None])
    with pytest.raises(InputError, match="3 texts and 2 labels"):
        from_texts(["a", "b", "c"], [0, 1])


@pytest.mark.parametrize("form", [list, tuple, np.array, lambda x: np.array(x, dtype=object)[:, None]])
@pytest.mark.parametrize("path", [str, Path])
def test_h14_paths_of_pictures_in_memory_are_pictures(tmp_path, monkeypatch, form, path):
    monkeypatch.chdir(tmp_path)
    names, labels = zip(*pictures_of(tmp_path), strict=True)
    X = form([path(name) for name in names])
    data = load(X, labels=np.array(labels))
    assert not data.is_text
    assert data.classes == ("day", "night")
    assert "X is paths of pictures, such as files/00.png" in " ".join(data.notes)
    parts = load(X, labels=labels, test=X[:4], test_labels=labels[:4])
    assert parts.given_test.sum() == 4
    np.testing.assert_array_equal(parts.samples[:12], data.samples)
    assert load(Pairs(list(zip(names, labels, strict=True)))).fingerprint == data.fingerprint
    lost = load([*map(path, names), path("gone.png")], labels=[*labels, "day"])
    assert "gone.png (no such file)" in " ".join(lost.notes)
    with pytest.raises(InputError, match="12 paths and 11 labels"):
        load(X, labels=labels[:-1])


def test_names_of_text_files_are_no_texts():
    with pytest.raises(InputError, match="names of text files"):
        load([f"{n}.txt" for n in range(9)], labels=[0, 1, 2] * 3)
    assert load(["see a.png", *"bcdefgh"], labels=[0, 1] * 4).is_text
