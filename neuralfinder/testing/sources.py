"""The contract of sources of data: a subclass supplies `make` and what may be wrong, and all tests come with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from neuralfinder.data import Dataset, Source, source_at
from neuralfinder.errors import InputError
from neuralfinder.testing.contracts import check


class SourceContract:
    """What every source keeps; a subclass named `Test...` supplies `make`, and `broken` where anything can be wrong.

    `tmp_path` is pytest's: a fresh folder for each test.
    """

    def make(self, folder: Path, other: bool = False) -> Source:
        """A source whose content, if it has files, is written into an empty folder: the same each time, or another."""
        raise NotImplementedError

    def broken(self, folder: Path) -> Sequence[Callable[[], object]]:
        """Calls in which something is wrong with what the user gives: nothing there, a spoilt file, one class."""
        return []

    def test_what_loads_is_a_data_set(self, tmp_path: Path) -> None:
        """As many labels as samples, places in sorted classes of plain values, and an identity."""
        data = self.make(tmp_path).load(tmp_path / "scratch")
        count = len(data.labels)
        check(len(data.samples) == len(data.given_test) == count > 0, "samples, labels and parts are not equally many")
        check(data.labels.dtype == np.int64 and data.given_test.dtype == bool, "labels or parts are of another type")
        places = set(data.labels.tolist())
        check(places == set(range(len(data.classes))), f"labels are {places} of {len(data.classes)} classes")
        check(list(data.classes) == sorted(data.classes), f"classes are {data.classes}; expected them sorted")
        plain = {type(label) for label in data.classes}
        check(len(plain) == 1 and plain <= {str, int, float, bool}, f"classes are of types {plain}")
        pictures = data.samples.ndim == 4 and str(data.samples.dtype) in ("uint8", "float32")
        texts = data.samples.ndim == 1 and all(isinstance(sample, str) for sample in data.samples)
        check(pictures or texts, f"samples are {data.samples.dtype} of shape {data.samples.shape}")
        check(not data.names or len(data.names) == count, f"{len(data.names)} names of {count} samples")
        check(all(map(str, data.findings)), "a finding says nothing")

    def test_the_identity_is_known_before_loading(self, tmp_path: Path) -> None:
        """`fingerprint` does not load, and gives what the loaded data set has."""
        source = self.make(tmp_path)
        with patch.object(type(source), "load", side_effect=AssertionError("`fingerprint` loads the data")):
            known = source.fingerprint()
        check(bool(known), "the fingerprint is empty")
        loaded = source.load(tmp_path / "scratch").fingerprint
        check(loaded == known, f"what was loaded has the fingerprint {loaded}; expected {known}")

    def test_the_identity_is_that_of_the_content(self, tmp_path: Path) -> None:
        """The same content elsewhere has the same, other content another."""
        folders = [tmp_path / name for name in ("one", "two", "three")]
        for folder in folders:
            folder.mkdir()
        one, two, three = (self.make(folder, folder is folders[2]) for folder in folders)
        check(one.fingerprint() == two.fingerprint(), "the same content has two fingerprints")
        check(one.fingerprint() != three.fingerprint(), "other content has the same fingerprint")

    def test_loading_twice_gives_the_same(self, tmp_path: Path) -> None:
        """Samples, labels and what is said about them."""
        source = self.make(tmp_path)
        _same(*(source.load(tmp_path / scratch) for scratch in ("first", "second")))

    def test_it_is_made_again_from_its_address(self, tmp_path: Path) -> None:
        """The address goes through JSON, as in the record; one that is empty cannot be made again."""
        source = self.make(tmp_path)
        address: dict[str, Any] = json.loads(json.dumps(source.address))
        if not address:
            _refused(lambda: source_at(address), "an empty address")
            return
        again = source_at(address)
        check(again == source and type(again) is type(source), f"{address} is read as {again!r}; expected {source!r}")
        check(again.address == source.address, "what was made again has another address")
        check(again.fingerprint() == source.fingerprint(), "what was made again has another fingerprint")
        _same(source.load(tmp_path / "first"), again.load(tmp_path / "second"))

    def test_it_has_a_name_for_people(self, tmp_path: Path) -> None:
        """A line of text."""
        source = self.make(tmp_path)
        for name in (source.title, str(source), source.load(tmp_path / "scratch").name):
            check(bool(name) and name.isprintable(), f"the name is {name!r}")

    def test_what_is_wrong_is_said(self, tmp_path: Path) -> None:
        """Every mistake is an `InputError` that says what was expected."""
        for place, call in enumerate(self.broken(tmp_path)):
            _refused(call, f"mistake {place}")


def _refused(call: Callable[[], object], what: str) -> None:
    try:
        call()
    except InputError as error:
        check("expected" in str(error), f"{what}: the message does not say what was expected: {error}")
    else:
        raise AssertionError(f"{what} was taken")


def _same(one: Dataset, other: Dataset) -> None:
    for name in ("samples", "labels", "given_test"):
        check(np.array_equal(getattr(one, name), getattr(other, name)), f"loading again gave other {name}")
    for name in ("name", "classes", "fingerprint", "findings", "names"):
        first, second = getattr(one, name), getattr(other, name)
        check(first == second, f"loading again gave {name} {second}; expected {first}")
