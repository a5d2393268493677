"""Folders with one sub-folder of pictures or texts for each class."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from neuralfinder.data import reading, texts
from neuralfinder.data.dataset import Dataset
from neuralfinder.data.files import TEXTS
from neuralfinder.data.folders import Found, find, kind_of
from neuralfinder.data.groups import grouped
from neuralfinder.data.named import Pattern
from neuralfinder.data.sources.base import OnDisk, check_no_picture_settings
from neuralfinder.errors import InputError


@dataclass(frozen=True)
class Folder(OnDisk):
    """A folder with one sub-folder of pictures, or of text files, per class, or with `train/` and `test/` of such.

    Attributes:
        path: the folder.
        test: a second one, the test part.
        image_size: side in pixels, 4..2048, of the square that pictures are resized to.
        image_fit: how pictures of other proportions are brought to one shape, one of `FITS`.
        group: how many levels below the class folder those folders lie whose files are one group, in one part of the
            data: of `class/person/a.jpg` at level 1 the group is `person`, in whichever class. None when not given.
        label_from_name: how the names of files tell their class, see `named.Pattern`; that of their folder does where
            not given. Levels then count from the folder of all.

    Raises:
        InputError: a level that is no whole number of 1 or more, or a pattern that is none.
    """

    image_size: int | None = None
    image_fit: str | None = None
    group: int | str | None = None
    label_from_name: str | None = None

    kind = "folder"
    what = "a folder"

    def __post_init__(self) -> None:
        """Read the level."""
        OnDisk.__post_init__(self)
        if self.group is not None:
            object.__setattr__(self, "group", _level(self.group))
        self._pattern()

    @classmethod
    def is_such(cls, path: Path) -> bool:
        """Any folder."""
        return path.is_dir()

    def fingerprint(self) -> str:
        """By relative paths and sizes of the files."""
        return self._found().fingerprint()

    def load(self, scratch: Path | None = None, progress: reading.OnProgress | None = None) -> Dataset:
        """Find the files and read them."""
        data = self._loaded(scratch, progress)
        if self.group is None:
            return data
        below = "" if self.label_from_name is None else "/"
        return grouped(data, [_folder_at(below + name, int(self.group)) for name in data.names])

    def _loaded(self, scratch: Path | None, progress: reading.OnProgress | None) -> Dataset:
        found = self._found()
        if found.kind == TEXTS:
            check_no_picture_settings(self.image_size, self.image_fit)
            return texts.from_folder(self.path.name, found, progress)
        reader = partial(
            reading.read_files, image_size=self.image_size, fit=self.image_fit, scratch=scratch, progress=progress
        )
        return reading.from_folder(self.path.name, found, reader)

    def _found(self) -> Found:
        pattern = self._pattern()
        return find(self.path, self.test, kind_of(self.path, pattern), pattern)

    def _pattern(self) -> Pattern | None:
        return None if self.label_from_name is None else Pattern(self.label_from_name)


def _level(given: int | str) -> int:
    if not str(given).isdecimal() or int(given) < 1:
        raise InputError(
            "--group", given=repr(given), expected="for a folder a number of levels below the class folder, 1 or more",
            mend="give 1 for class/person/picture.jpg",
        )  # fmt: skip
    return int(given)


def _folder_at(name: str, level: int) -> str | None:
    """The folder at this level below the class of a file `class/.../file`; `None` for one that lies higher."""
    _, *folders, _ = name.split("/")
    return folders[level - 1] if len(folders) >= level else None
