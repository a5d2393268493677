"""The contract of sources, held by every one of them and by one that a package could bring; and what becomes which."""

from __future__ import annotations

import csv
import json
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scenes import scene

from neuralfinder.data import from_arrays, source_at, source_of
from neuralfinder.data.sources import SOURCES, Source
from neuralfinder.data.sources.bundled import Bundled
from neuralfinder.data.sources.folder import Folder
from neuralfinder.data.sources.hub import Hub
from neuralfinder.data.sources.in_memory import InMemory
from neuralfinder.data.sources.npz import Npz
from neuralfinder.data.sources.table import Table
from neuralfinder.errors import InputError
from neuralfinder.testing import SourceContract

LETTERS = "abcdefghijkl"


def arrays(other=False):
    rng = np.random.default_rng(int(other))
    return rng.integers(0, 256, (12, 6, 5), dtype=np.uint8), np.array(["day", "night"] * 6)


def words(other=False):
    return [f"{letter} {'other ' * other}word" for letter in LETTERS], ["sea", "wood"] * 6


def pictures(folder: Path, other=False) -> Path:
    """Six pictures of each of two classes; another has another size in bytes, which is what tells folders apart."""
    for number in range(12):
        home = folder / ("day", "night")[number % 2]
        home.mkdir(parents=True, exist_ok=True)
        scene(number, (10, 8 + 2 * other)).save(home / f"{number}.png")
    return folder


def texts(folder: Path, other=False) -> Path:
    for letter, text, label in zip(LETTERS, *words(other), strict=True):
        (folder / label).mkdir(parents=True, exist_ok=True)
        (folder / label / f"{letter}.txt").write_text(text, encoding="utf-8")
    return folder


def table(path: Path, rows, header=("text", "label")) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


class TestFolderOfPictures(SourceContract):
    def make(self, folder, other=False):
        return source_of(pictures(folder / "set", other), image_size=8)

    def broken(self, folder):
        one = folder / "one" / "class"
        one.mkdir(parents=True)
        scene(0).save(one / "a.png")
        spoilt = pictures(folder / "spoilt")
        for file in (spoilt / "day").iterdir():
            file.write_bytes(b"no picture")
        file = table(folder / "a.csv", zip(*words(), strict=True))
        return [
            lambda: source_of(folder / "none"),
            lambda: source_of(""),
            lambda: source_of(spoilt, test=folder / "none"),
            lambda: source_of(spoilt, test=file),
            lambda: source_of(spoilt, text="review"),
            lambda: source_of(spoilt, test_labels=[1]),
            lambda: source_of(folder / "one").fingerprint(),
            lambda: source_of(folder / "one").load(),
            lambda: source_of(spoilt).load(),
            lambda: source_of(spoilt, image_size=1).load(),
            lambda: source_at({"kind": "folder", "path": str(folder / "none")}),
        ]


class TestFolderOfTexts(SourceContract):
    def make(self, folder, other=False):
        return source_of(str(texts(folder / "set", other)), test=texts(folder / "test"))

    def broken(self, folder):
        own = texts(folder / "set")
        return [lambda: source_of(own, image_size=8).load()]


class TestZipOfPictures(SourceContract):
    def make(self, folder, other=False):
        return source_of(shutil.make_archive(str(folder / "set"), "zip", pictures(folder / "set", other)), image_size=8)

    def broken(self, folder):
        (folder / "a.zip").write_text("text")
        whole = shutil.make_archive(str(folder / "set"), "zip", pictures(folder / "set"))
        return [
            lambda: source_of(folder / "a.zip").fingerprint(),
            lambda: source_of(folder / "a.zip").load(),
            lambda: source_of(whole, test=folder / "set"),
            lambda: source_of(whole, text="review"),
        ]


class TestFolderOfNames(SourceContract):
    def make(self, folder, other=False):
        for file in sorted(pictures(folder / "set", other).rglob("*.png")):
            file.rename(folder / "set" / f"{file.parent.name}_{file.name}")
        return source_of(folder / "set", label_from_name="{class}_*")

    def broken(self, folder):
        own = pictures(folder / "set")
        return [
            lambda: source_of(own, label_from_name="cat_*"),
            lambda: source_of(own, label_from_name="{class}_*").load(),
        ]


class TestTableOfTexts(SourceContract):
    def make(self, folder, other=False):
        rows = zip(*words(other), strict=True)
        return source_of(table(folder / "a.csv", rows, ("what", "kind")), text="what", target="kind")

    def broken(self, folder):
        own = table(folder / "a.csv", zip(*words(), strict=True))
        (folder / "b.tsv").write_bytes(b"text\tlabel\n\xff\xfe\t1\n")
        return [
            lambda: source_of(folder / "none.csv"),
            lambda: source_of(own, test=folder),
            lambda: source_of(own, text="none").load(),
            lambda: source_of(own, image_size=8).load(),
            lambda: source_of(folder / "b.tsv").load(),
        ]


class TestTableOfPictures(SourceContract):
    def make(self, folder, other=False):
        files = sorted(pictures(folder / "set", other).rglob("*.png"))
        rows = [(file.relative_to(folder), file.parent.name) for file in files]
        # other content: another order, for the pictures' own bytes are not looked at
        return source_of(table(folder / "a.csv", rows[::-1] if other else rows, ("path", "label")))


class TestArraysInAFile(SourceContract):
    def make(self, folder, other=False):
        X, y = arrays(other)
        np.savez(folder / "a.npz", X=X, y=y)
        np.savez_compressed(folder / "b.npz", X=X[:4], y=y[:4])
        return source_of(folder / "a.npz", test=folder / "b.npz")

    def broken(self, folder):
        X, y = arrays()
        np.savez(folder / "a.npz", X=X, y=y, X_test=X, y_test=y)
        np.savez(folder / "keys.npz", images=X)
        (folder / "text.npz").write_text("text")
        return [
            lambda: source_of(folder / "a.npz", image_size=8),
            lambda: source_of(folder / "a.npz", labels=y),
            lambda: source_of(folder / "a.npz", test=folder / "a.npz").load(),
            lambda: source_of(folder / "keys.npz").fingerprint(),
            lambda: source_of(folder / "text.npz").fingerprint(),
            lambda: source_of(folder / "text.npz").load(),
        ]


class TestDigits(SourceContract):
    def make(self, folder, other=False):
        return source_of("docstrings" if other else "digits")

    def broken(self, folder):
        return [
            lambda: source_of("digits", test=folder),
            lambda: source_of("digits", image_size=8),
            lambda: source_of("digits", nonsense=8),
            lambda: source_at({"kind": "bundled", "name": "digit"}),
            lambda: source_at({"kind": "no such", "name": "digits"}),
        ]


class TestHub(SourceContract):
    def make(self, folder, other=False):
        datasets = pytest.importorskip("datasets")
        home = Path(os.environ["HF_DATASETS_CACHE"]).parent / ("other" if other else "set")
        home.mkdir(exist_ok=True)
        samples, labels = words(other)
        datasets.Dataset.from_dict({"review": samples, "stars": labels}).to_parquet(home / "train.parquet")
        return source_of(f"hf:{home}", text="review", target="stars")

    @pytest.fixture(autouse=True)
    def _own_cache(self, tmp_path_factory, monkeypatch):
        monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path_factory.mktemp("hub") / "cache"))

    def broken(self, folder):
        return [
            lambda: source_of("mnist", test=folder),
            lambda: source_of(f"hf:{folder}/none").load(),
            lambda: source_of("hf:nobody/nothing", labels=[1]),
        ]


class TestArrays(SourceContract):
    def make(self, folder, other=False):
        X, y = arrays(other)
        return source_of(X, labels=y, test=X[:3], test_labels=y[:3])

    def broken(self, folder):
        X, y = arrays()
        return [
            lambda: source_of(X),
            lambda: source_of(X, labels=y[1:]),
            lambda: source_of(X, labels=y, test=X),
            lambda: source_of(X, labels=y, image_size=8),
            lambda: source_of(None),
            lambda: source_of(source_of(X, labels=y), labels=y),
        ]


class TestTextsInMemory(SourceContract):
    def make(self, folder, other=False):
        samples, labels = words(other)
        return source_of(samples, labels=labels)


class TestPairs(SourceContract):
    def make(self, folder, other=False):
        return source_of(list_of_pairs(other))


class TestADataSetAsItIs(SourceContract):
    def make(self, folder, other=False):
        return source_of(from_arrays(*arrays(other)))


def list_of_pairs(other=False):
    X, y = arrays(other)
    return torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy((y == "day").astype(np.int64)))


@dataclass(frozen=True)
class Noise(Source):
    """What a package could bring: `noise:SEED`."""

    name: str
    side: int | None = None

    kind = "noise"
    what = "noise"

    @classmethod
    def takes(cls, given):
        return isinstance(given, str) and given.startswith("noise:")

    def fingerprint(self):
        return f"{self.name} {self.side}"

    def load(self, scratch=None, progress=None):
        side = self.side or 4
        rng = np.random.default_rng(int(self.name.partition(":")[2]))
        data = from_arrays(rng.random((12, side, side)), np.arange(12) % 2, self.name)
        return replace(data, fingerprint=self.fingerprint())


class TestABroughtSource(SourceContract):
    @pytest.fixture(autouse=True)
    def _registered(self, monkeypatch):
        monkeypatch.setitem(SOURCES.own, "noise", Noise)

    def make(self, folder, other=False):
        return source_of("noise:1" if other else "noise:0", side=6)

    def broken(self, folder):
        return [lambda: source_of("noise:1", image_size=6)]


# the contract itself


class Careless(Noise):
    """Its fingerprint is that of no content."""

    def fingerprint(self):
        return str(id(self))


class Forgetful(Noise):
    """Its address lacks a field."""

    @property
    def address(self):
        return {"kind": self.kind, "name": self.name}


class Fresh(Noise):
    """Other samples at each load."""

    def load(self, scratch=None, progress=None):
        data = super().load()
        return replace(data, samples=np.random.default_rng().random(data.samples.shape).astype(np.float32))


@pytest.mark.parametrize(
    ("bad", "test"),
    [
        (Careless, "test_the_identity_is_that_of_the_content"),
        (Forgetful, "test_it_is_made_again_from_its_address"),
        (Fresh, "test_loading_twice_gives_the_same"),
    ],
)
def test_the_contract_finds_a_bad_source(bad, test, tmp_path, monkeypatch):
    monkeypatch.setitem(SOURCES.own, "noise", bad)

    class Suite(SourceContract):
        def make(self, folder, other=False):
            return bad("noise:1" if other else "noise:0", 6)

    with pytest.raises(AssertionError):
        getattr(Suite(), test)(tmp_path)


# what becomes which


def test_what_a_user_names_becomes_a_source_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pictures(tmp_path / "digits")
    table(tmp_path / "a.csv", zip(*words(), strict=True))
    np.savez(tmp_path / "a.npz", X=arrays()[0], y=arrays()[1])
    (tmp_path / "b.csv").mkdir()
    for given, kind in (
        ("digits", Bundled), ("./digits", Folder), (Path("digits"), Folder), ("a.csv", Table), ("a.npz", Npz),
        ("b.csv", Folder), ("cifar10", Hub), ("hf:any/thing", Hub), (list_of_pairs(), InMemory),
    ):  # fmt: skip
        source = source_of(given)
        assert type(source) is kind
        assert source_of(source) is source


def test_a_source_is_found_from_elsewhere(tmp_path, monkeypatch):
    pictures(tmp_path / "set")
    monkeypatch.chdir(tmp_path)
    source = source_of("set/")
    (tmp_path / "away").mkdir()
    monkeypatch.chdir(tmp_path / "away")
    assert source.address == {"kind": "folder", "path": os.path.realpath(tmp_path / "set")}
    assert source_at(json.loads(json.dumps(source.address))).load().fingerprint == source.fingerprint()


def test_a_home_is_written_out(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    pictures(tmp_path / "set")
    assert source_of("~/set").address["path"] == os.path.realpath(tmp_path / "set")
    monkeypatch.chdir(tmp_path)
    pictures(tmp_path / "~nobody-of-that-name")
    assert source_of("~nobody-of-that-name").load().classes == ("day", "night")


def test_an_option_without_use_is_refused_and_says_for_what_it_is(tmp_path):
    pictures(tmp_path / "set")
    with pytest.raises(InputError, match=r"text is 'review' for a folder; expected a column of a table only"):
        source_of(tmp_path / "set", text="review")
    with pytest.raises(InputError, match=r"labels is a ndarray for a folder"):
        source_of(tmp_path / "set", labels=arrays()[1])
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(InputError, match=r"a.txt', a file; expected a folder with"):
        source_of(tmp_path / "a.txt")
