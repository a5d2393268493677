"""Data sets that need no download."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from neuralfinder.data.arrays import from_arrays
from neuralfinder.data.dataset import Dataset
from neuralfinder.data.findings import Finding
from neuralfinder.data.reading import OnProgress
from neuralfinder.data.sources.base import Source
from neuralfinder.data.sources.clocks import clocks
from neuralfinder.data.sources.docstrings import docstrings
from neuralfinder.errors import unknown_name

CLOCKS, DIGITS, DOCSTRINGS = "clocks", "digits", "docstrings"

_DIGITS_FINGERPRINT = hashlib.blake2b(DIGITS.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Bundled(Source):
    """A data set that is there, by its name; a folder of such a name is meant by `./digits`, or by a `Path`."""

    name: str

    kind = "bundled"
    what = "a bundled data set"

    def __post_init__(self) -> None:
        """Refuse an unknown name, as an old record may have.

        Raises:
            InputError: names the nearest that is known.
        """
        if self.name not in self.names():
            raise unknown_name("the data set", self.name, self.names())

    @classmethod
    def takes(cls, given: object) -> bool:
        """One of the names, as a plain text."""
        return isinstance(given, str) and given in cls.names()

    @classmethod
    def names(cls) -> Mapping[str, str]:
        """The names and their meanings."""
        return {
            CLOCKS: "3,600 drawn clocks of 40x40 pixels: which hour do they show?",
            DIGITS: "1,797 hand-written digits of 8x8 pixels that come with scikit-learn",
            DOCSTRINGS: "texts: which installed library does a docstring come from?",
        }

    def fingerprint(self) -> str:
        """Of the digits by their name alone, for they are always the same; of the others by the samples."""
        return _DIGITS_FINGERPRINT if self.name == DIGITS else _read(self.name).fingerprint

    def load(self, scratch: Path | None = None, progress: OnProgress | None = None) -> Dataset:
        """Read what the libraries hold, or draw it."""
        data = _read(self.name)
        unused = f"The folder '{self.name}' here is not used"
        hidden = Finding("ignored", unused, change=f"Write './{self.name}' for it.")
        return replace(data, findings=(*data.findings, hidden)) if Path(self.name).is_dir() else data


@functools.cache
def _read(name: str) -> Dataset:
    """Read once: a run asks for the fingerprint and then for the data."""
    return {CLOCKS: _clocks, DIGITS: _digits, DOCSTRINGS: _docstrings}[name]()


def _docstrings() -> Dataset:
    return docstrings(DOCSTRINGS)


def _clocks() -> Dataset:
    pictures, hours = clocks()
    data = from_arrays(pictures, hours, name=CLOCKS)
    origin = Finding("origin", "The clocks are drawn, the same each time by the same versions of Pillow and numpy")
    return replace(data, findings=(*data.findings, origin))


def _digits() -> Dataset:
    from sklearn.datasets import load_digits  # here, for importing it takes a second

    bunch = load_digits()
    # Scaled like picture files, so that a network for the digits can be tried on files.
    data = from_arrays(np.round(bunch.images * (255 / 16)).astype(np.uint8), bunch.target, name=DIGITS)
    origin = Finding("origin", "The digits are those bundled with scikit-learn, scaled from 0..16 to 0..255")
    return replace(data, fingerprint=_DIGITS_FINGERPRINT, findings=(*data.findings, origin))
