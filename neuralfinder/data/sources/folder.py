"""Folders with one sub-folder of pictures or texts for each class."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from neuralfinder.data import reading, texts
from neuralfinder.data.dataset import Dataset
from neuralfinder.data.files import TEXTS
from neuralfinder.data.folders import Found, find, kind_of
from neuralfinder.data.sources.base import OnDisk, check_no_picture_settings


@dataclass(frozen=True)
class Folder(OnDisk):
    """A folder with one sub-folder of pictures, or of text files, per class, or with `train/` and `test/` of such.

    Attributes:
        path: the folder.
        test: a second one, the test part.
        image_size: side in pixels, 4..2048, of the square that pictures are resized to.
        image_fit: how pictures of other proportions are brought to one shape, one of `FITS`.
    """

    image_size: int | None = None
    image_fit: str | None = None

    kind = "folder"
    what = "a folder"

    @classmethod
    def is_such(cls, path: Path) -> bool:
        """Any folder."""
        return path.is_dir()

    def fingerprint(self) -> str:
        """By relative paths and sizes of the files."""
        return self._found().fingerprint()

    def load(self, scratch: Path | None = None, progress: reading.OnProgress | None = None) -> Dataset:
        """Find the files and read them."""
        found = self._found()
        if found.kind == TEXTS:
            check_no_picture_settings(self.image_size, self.image_fit)
            return texts.from_folder(self.path.name, found)
        reader = partial(
            reading.read_files, image_size=self.image_size, fit=self.image_fit, scratch=scratch, progress=progress
        )
        return reading.from_folder(self.path.name, found, reader)

    def _found(self) -> Found:
        return find(self.path, self.test, kind_of(self.path))
