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
from neuralfinder.data.sources.docstrings import docstrings
from neuralfinder.errors import unknown_name

DIGITS, DOCSTRINGS = "digits", "docstrings"


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
            DIGITS: "1,797 hand-written digits of 8x8 pixels that come with scikit-learn",
            DOCSTRINGS: "texts: which installed library does a docstring come from?",
        }

    def fingerprint(self) -> str:
        """Of the digits by their name alone, for they are always the same; of the docstrings by the texts."""
        if self.name == DOCSTRINGS:
            return _docstrings().fingerprint
        return hashlib.blake2b(DIGITS.encode(), digest_size=16).hexdigest()

    def load(self, scratch: Path | None = None, progress: OnProgress | None = None) -> Dataset:
        """Read what the libraries hold."""
        return _docstrings() if self.name == DOCSTRINGS else replace(_digits(), fingerprint=self.fingerprint())


@functools.cache
def _docstrings() -> Dataset:
    """Read once: a run asks for the fingerprint and then for the data."""
    return docstrings(DOCSTRINGS)


def _digits() -> Dataset:
    from sklearn.datasets import load_digits  # here, for importing it takes a second

    bunch = load_digits()
    # Scaled like picture files, so that a network for the digits can be tried on files.
    data = from_arrays(np.round(bunch.images * (255 / 16)).astype(np.uint8), bunch.target, name=DIGITS)
    origin = Finding("origin", "The digits are those bundled with scikit-learn, scaled from 0..16 to 0..255")
    hidden = Finding("ignored", "The folder 'digits' here is not used", change="Write './digits' for it.")
    return replace(data, findings=(*data.findings, origin, *([hidden] if Path(DIGITS).is_dir() else [])))
