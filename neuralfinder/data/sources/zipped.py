"""Zip files of folders."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from neuralfinder.data import reading
from neuralfinder.data.archives import opened, unpack
from neuralfinder.data.dataset import Dataset
from neuralfinder.data.files import is_hidden
from neuralfinder.data.findings import Finding
from neuralfinder.data.sources.folder import Folder
from neuralfinder.errors import InputError

UNPACKED = "unpacked"
"""Folder within that for large pictures, in which the files lie."""


@dataclass(frozen=True)
class Zipped(Folder):
    """A zip file of such a folder, or of one in which that folder lies alone.

    Attributes:
        path: the file.
        test: a second one, the test part.
    """

    kind = "zip"
    what = "a zip file"

    @classmethod
    def is_such(cls, path: Path) -> bool:
        """A file with this suffix."""
        return path.suffix.lower() == ".zip" and not path.is_dir()

    def fingerprint(self) -> str:
        """From the directories of the files, which hold the name, size and check sum of each file."""
        lines = _lines(self.path, "data") + (_lines(self.test, "test") if self.test else [])
        return hashlib.blake2b("\0".join(["zip", *lines]).encode(errors="surrogateescape"), digest_size=16).hexdigest()

    def load(self, scratch: Path | None = None, progress: reading.OnProgress | None = None) -> Dataset:
        """Unpack the files, unless that is done, and read them as a folder's."""
        home = (scratch or Path(tempfile.mkdtemp(prefix="neuralfinder-"))) / UNPACKED / self.fingerprint()
        given = {"data": self.path, **({"test": self.test} if self.test else {})}
        inner = {role: self._inner(path, home / role) for role, path in given.items()}
        own = {name: getattr(self, name) for name in ("image_size", "image_fit", "group", "label_from_name")}
        try:
            data = Folder(inner["data"], inner.get("test"), **own).load(scratch, progress)
        except InputError as error:
            error.args = (_as_packed(str(error), {str(home / role): str(path) for role, path in given.items()}),)
            raise
        lies = inner["data"].relative_to(home / "data").as_posix()
        where = "" if lies == "." else f"; those of the folder {lies} in it were taken"
        told = Finding("unpacked", f"{self.path.name} was unpacked for the time of reading and training{where}")
        return replace(data, name=self.path.stem, fingerprint=self.fingerprint(), findings=(*data.findings, told))

    def _inner(self, path: Path, home: Path) -> Path:
        """The unpacked folder; the one in it that has the classes, where no file or other folder lies beside that."""
        if not home.exists():
            unpack(path, home)
        while True:
            seen = [entry for entry in home.iterdir() if not is_hidden(entry.name)]
            alone = seen[0] if len(seen) == 1 and seen[0].is_dir() else None
            if alone is None or not (self.label_from_name or any(entry.is_dir() for entry in alone.iterdir())):
                return home
            home = alone


def _as_packed(text: str, names: dict[str, str]) -> str:
    """What is said of unpacked folders, said of the files that they are of."""
    for folder, path in names.items():
        text = text.replace(folder, path)
    return text.replace("give the table", "unpack it, and give the table")


def _lines(path: Path, part: str) -> list[str]:
    with opened(path) as (_, members):
        return [f"{part} {member.name} {member.entry.CRC} {member.entry.file_size}" for member in members]
