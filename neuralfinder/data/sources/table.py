"""Tables of texts, or of paths of pictures, and labels."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from neuralfinder.data import reading, texts
from neuralfinder.data.dataset import Dataset
from neuralfinder.data.files import TABLES, TEXTS
from neuralfinder.data.sources.base import OnDisk, check_no_picture_settings
from neuralfinder.data.tables import Columns, Rows, read_rows


@dataclass(frozen=True)
class Table(OnDisk):
    """A table (`.csv`, `.tsv`, `.jsonl`, `.parquet`) with a column of samples and one of labels.

    Attributes:
        path: the file.
        test: a second one, the test part.
        image_size: side in pixels, 4..2048, of the square that pictures are resized to.
        image_fit: how pictures of other proportions are brought to one shape, one of `FITS`.
        text: the column of texts; found by its name when not given, as are the others.
        image: the column of paths of pictures.
        target: the column of labels.
        group: the column of groups, whose rows lie in one part of the data; none when not given.
    """

    image_size: int | None = None
    image_fit: str | None = None
    text: str | None = None
    image: str | None = None
    target: str | None = None
    group: str | None = None

    kind = "table"
    what = "a table"

    @classmethod
    def is_such(cls, path: Path) -> bool:
        """A file with a suffix of tables."""
        return path.suffix.lower() in TABLES and not path.is_dir()

    @property
    def columns(self) -> Columns:
        """Those that were named."""
        return Columns(self.text, self.target, self.image, self.group)

    def fingerprint(self) -> str:
        """By the bytes of the files and the columns of samples and labels named."""
        digest = hashlib.blake2b(repr(("table", self.columns)).encode(), digest_size=16)
        for file in filter(None, (self.path, self.test)):
            with file.open("rb") as content:
                digest.update(hashlib.file_digest(content, "blake2b").digest())
        return digest.hexdigest()

    def load(self, scratch: Path | None = None, progress: reading.OnProgress | None = None) -> Dataset:
        """Read the rows, and the pictures whose paths they hold."""
        rows = read_rows(self.path, self.test, self.columns)
        return replace(self._of(rows, scratch, progress), fingerprint=self.fingerprint())

    def _of(self, rows: Rows, scratch: Path | None, progress: reading.OnProgress | None) -> Dataset:
        if rows.kind == TEXTS:
            check_no_picture_settings(self.image_size, self.image_fit)
            return texts.from_rows(self.path.stem, rows, str(self.path), str(self.test))
        reader = partial(
            reading.read_files, image_size=self.image_size, fit=self.image_fit, scratch=scratch, progress=progress
        )
        homes = self.path.parent, (self.test or self.path).parent
        return reading.from_rows(self.path.stem, rows, homes, reader, str(self.path))
