"""Files of samples: what they are called, where they lie, and which could not be read."""

from __future__ import annotations

import codecs
import difflib
import io
import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neuralfinder.data.findings import Finding
from neuralfinder.errors import InputError, some

FORMATS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "GIF": (".gif",),
    "BMP": (".bmp",),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "AVIF": (".avif",),
    "HEIF": (".heic", ".heif"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
}
"""Pillow's decoders that may see a file, whatever its suffix, and what their files are called, as far as it has them;
that of HEIF is the library pillow-heif's. Its other decoders are old, rare or start other programs."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of sample: what it is called, and the suffixes of its files."""

    name: str
    suffixes: frozenset[str]

    @property
    def layout(self) -> str:
        """How a folder of such files has to look."""
        return f"one sub-folder of {self.name}s per class, or train/ and test/ with such sub-folders"


NOT_FILES = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a link",
}
"""What else may lie at a path; to open some of them waits for ever, and some never end."""

TEXT_LIMIT = 100_000_000
"""Bytes of the largest text file that is read: a hundred large books."""

PIECE = 1 << 24
"""Bytes that are read at once."""

MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""First bytes of a text that tell its encoding; those of UTF-32 begin as those of UTF-16 do, so they come first."""

PICTURES = Kind("picture", frozenset(suffix for suffixes in FORMATS.values() for suffix in suffixes))
TEXTS = Kind("text", frozenset([".txt"]))


TABLES = frozenset([".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"])
"""Suffixes of tables of samples."""


def suffixes(names: Iterable[str]) -> str:
    """The suffixes that files have, with how often, the commonest first; empty where they have none."""
    counts = Counter(Path(name).suffix.lower() for name in names)
    return some(f"{suffix} ({count})" for suffix, count in counts.most_common() if suffix)


@dataclass(frozen=True, slots=True)
class SampleFile:
    """A picture or text file.

    Attributes:
        path: where it lies.
        relative: its name for people, the path within its part.
        label: its class.
        size: in bytes.
        content: of a file that lies nowhere by itself.
    """

    path: str
    relative: str
    label: str
    size: int
    content: bytes | None = None

    @property
    def source(self) -> str | bytes:
        """What to open."""
        return self.path if self.content is None else self.content


def as_path(given: str | Path) -> Path:
    """The path, a home at its beginning written out; a `~` that is nobody's home is the name of a file."""
    try:
        return Path(given).expanduser()
    except RuntimeError:
        return Path(given)


def is_address(given: str | Path) -> bool:
    """Whether it is one such as `https://...`, and no path."""
    return bool(re.match(r"[A-Za-z][\w+.-]*://", str(given)))


def check_no_address(given: str | Path, what: str) -> None:
    """Refuse what lies somewhere else: nothing here opens a connection.

    Raises:
        InputError: an address.
    """
    if is_address(given):
        raise InputError(
            what, given=f"the address {str(given)!r}", expected="a path", mend="download it, and give that"
        )


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is passed over, as what systems leave behind is."""
    return name.startswith(".") or name == "__MACOSX"


def content_type(mode: int) -> str:
    """What else than a file lies there, by its mode."""
    return NOT_FILES.get(stat.S_IFMT(mode), "something else")


def no_file(path: str | Path) -> str:
    """Why what is at a path cannot be read as a file, empty where it can.

    Raises:
        OSError: nothing is there, or it may not be looked at.
    """
    mode = os.stat(path).st_mode  # noqa: PTH116 - half as long as by `Path`, for every picture
    return "" if stat.S_ISREG(mode) else f"not a regular file but {content_type(mode)}"


def content_of(path: Path, limit: int = TEXT_LIMIT) -> bytes:
    """The content of a file, of so many bytes at most.

    Raises:
        OSError: no regular file, a larger one, or an unreadable one.
    """
    if reason := no_file(path):
        raise OSError(0, reason)
    content, there = bytearray(), path.stat().st_size
    with path.open("rb") as file:
        while there <= limit and (piece := file.read(PIECE)):  # to ask for all that may be there takes memory for it
            content += piece
            there = len(content)
    if there > limit:
        raise OSError(0, f"larger than {limit:,} bytes")
    return bytes(content)


def text_of(path: Path) -> str:
    """The text of a file in UTF-8, or in what its first bytes say.

    Raises:
        OSError: as `content_of`.
        UnicodeError: in another encoding.
    """
    return text_in_bytes(content_of(path))


def text_in_bytes(content: bytes) -> str:
    """The text of a file with this content.

    Raises:
        UnicodeError: neither in UTF-8 nor in what its first bytes say.
    """
    return io.TextIOWrapper(io.BytesIO(content), encoding_of(content) or "utf-8").read()


def encoding_of(content: bytes) -> str:
    """The encoding that the first bytes tell, empty where they tell none."""
    return next((encoding for mark, encoding in MARKS.items() if content.startswith(mark)), "")


def existing(source: str | Path, what: str) -> Path:
    """The path of something that exists.

    Args:
        source: a path.
        what: the argument's name, for messages.

    Raises:
        InputError: nothing is there; names the nearest name that is. Or an address.
    """
    if not str(source):
        raise InputError(what, given="an empty text", expected="a path that exists", mend="give a path")
    check_no_address(source, what)
    path = as_path(source)
    if path.exists():
        return path
    missing, above = path, path.parent
    while not above.is_dir() and above != above.parent:
        missing, above = above, above.parent
    near = difflib.get_close_matches(missing.name, _names(above), n=1)
    mend = f"did you mean {str(above / near[0])!r}?" if near else f"check the spelling; {str(missing)!r} is not there"
    if path.name == "digits":
        mend = f"{mend}; the bundled digits are the plain text 'digits'"
    raise InputError(what, given=f"{str(path)!r}, which does not exist", expected="a path that exists", mend=mend)


def _names(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in folder.iterdir()]
    except OSError:  # no folder, or none that may be looked into: then there is no name to propose
        return []


def check_half_readable(
    files: Sequence[SampleFile], in_test: npt.NDArray[np.bool_], failures: dict[int, str], what: str = "pictures"
) -> None:
    """Refuse files of which more than half of a class, in one part, is unreadable.

    Args:
        files: all files.
        in_test: `(len(files),)` whether each belongs to the test part.
        failures: places of the unreadable ones, and the reasons.
        what: what the files are.

    Raises:
        InputError: names the class and some files.
    """
    groups = [(bool(tested), file.label) for file, tested in zip(files, in_test, strict=True)]
    counts, broken = Counter(groups), Counter(groups[place] for place in failures)
    for group, count in broken.items():
        if 2 * count > counts[group]:
            places = sorted(place for place in failures if groups[place] == group)
            raise InputError(
                f"class {group[1]!r}{' of the test part' if group[0] else ''}",
                given=f"unreadable in {count} of {counts[group]} {what}: {some(_named(files, failures, places))}",
                expected="at least half of each class readable",
                mend="replace these files or take them away",
            )


def _named(files: Sequence[SampleFile], failures: dict[int, str], places: Iterable[int]) -> Iterator[str]:
    return (f"{files[place].relative} ({failures[place]})" for place in places)


def left_out(files: Sequence[SampleFile], failures: dict[int, str], what: str = "pictures") -> Finding | None:
    """The files that were left out, `None` when none was."""
    names = tuple(_named(files, failures, sorted(failures)))
    text = f"{len(names)} unreadable {what} were left out"
    return Finding("unreadable", text, names, "Replace them, or take them away.") if names else None
