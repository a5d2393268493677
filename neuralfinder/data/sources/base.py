"""What every source of data keeps: an identity, a way to load, and a plain form for the record."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

from neuralfinder.data.dataset import Dataset
from neuralfinder.data.files import as_path, existing, no_file
from neuralfinder.data.reading import OnProgress
from neuralfinder.errors import InputError


@dataclass(frozen=True)
class Source(ABC):
    """Where labelled samples come from.

    A subclass is a frozen dataclass of plain values or paths: its first field is what the user names, the others are
    what may be set beside it, `None` where it is not. `testing.SourceContract` is what it has to keep.

    Attributes:
        kind: its name in the record.
        what: what it is, for messages.
    """

    kind: ClassVar[str]
    what: ClassVar[str]

    @classmethod
    @abstractmethod
    def takes(cls, given: object) -> bool:
        """Whether what the user names is such a source."""

    @classmethod
    def names(cls) -> Mapping[str, str]:
        """Names that such sources have, and what they mean; none where they are paths or objects."""
        return {}

    @property
    def title(self) -> str:
        """A name for people: what the user named."""
        return str(getattr(self, fields(self)[0].name))

    @abstractmethod
    def fingerprint(self) -> str:
        """The identity of the content, found without decoding samples: that of the data set which `load` gives.

        Raises:
            InputError: nothing there, or another layout.
        """

    @abstractmethod
    def load(self, scratch: Path | None = None, progress: OnProgress | None = None) -> Dataset:
        """Read all samples.

        Args:
            scratch: folder for `images.npy`, should the pictures not fit in memory.
            progress: called with samples done and samples in all, about every 0.1 seconds while decoding.

        Raises:
            InputError: nothing there, another layout, too few or unreadable samples.
        """

    @property
    def address(self) -> dict[str, Any]:
        """Plain values from which `source_at` makes it again; empty where nothing can."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        plain = {name: str(value) if isinstance(value, Path) else value for name, value in own.items()}
        return {"kind": self.kind, **{name: value for name, value in plain.items() if value is not None}}

    def __str__(self) -> str:
        return self.title


@dataclass(frozen=True)
class OnDisk(Source):
    """A file or folder, and another of the same kind that is the test part; both are kept as whole paths.

    Raises:
        InputError: nothing there, or a test part of another kind.
    """

    path: Path
    test: Path | None = None

    def __post_init__(self) -> None:
        """Look that all is there, and find it from wherever the run is resumed."""
        object.__setattr__(self, "path", _whole(self.path, "data"))
        if self.test is not None:
            test = _whole(self.test, "test")
            if not self.takes(test):
                raise InputError(
                    "test", given=repr(str(test)), expected=f"{self.what}, as the data are", mend="give the same kind"
                )
            object.__setattr__(self, "test", test)

    @classmethod
    def takes(cls, given: object) -> bool:
        """Whether this is such a path; an empty one is none."""
        return isinstance(given, (str, Path)) and bool(str(given)) and cls.is_such(as_path(given))

    @classmethod
    @abstractmethod
    def is_such(cls, path: Path) -> bool:
        """Whether there may be such a source at the path."""


def _whole(given: str | Path, what: str) -> Path:
    path = existing(given, what)
    if not path.is_dir() and (reason := no_file(path)):
        raise InputError(
            what, given=f"{str(path)!r}, {reason}", expected="a file or a folder", mend="save it as a file"
        )
    return Path(os.path.realpath(path))


def check_no_picture_settings(image_size: int | None, fit: str | None) -> None:
    """Raise where texts come with what is for pictures."""
    for name, given in (("image_size", image_size), ("image_fit", fit)):
        if given is not None:
            raise InputError(
                name, given=f"{given} for texts", expected="a setting of files of pictures only", mend="leave it out"
            )
