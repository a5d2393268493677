"""Zip files, of which nothing is believed: what they claim is looked at before a byte of theirs is written or kept."""

from __future__ import annotations

import shutil
import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path, PurePosixPath

from neuralfinder.data.files import content_type, is_hidden, no_file
from neuralfinder.data.mapped import KEPT, memory_bytes
from neuralfinder.errors import OF_THE_MACHINE, InputError, MachineError

EXPECTED = "a zip file of a folder of pictures or texts"

RATIO = 200
"""Times the size of the archive that all its files may have together: pictures have hardly more than it, texts tenfold,
and what is made to fill a disk has millions of times that."""

OF_DISK = 1 / 2
"""Share of what is free on the disk that may be unpacked."""

MOST_FILES = 2_000_000
"""Files of an archive: as many as data sets of pictures have at most."""

ENCRYPTED = 1
"""The bit of an entry's flags that says so."""

UTF_8 = 0x800
"""The bit that says that its name is in UTF-8; the archiver of macOS leaves it out."""

METHODS = frozenset([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive: its path within, and the archive's entry for it."""

    name: PurePosixPath
    entry: zipfile.ZipInfo


@contextmanager
def opened(path: Path) -> Iterator[tuple[zipfile.ZipFile, list[Member]]]:
    """An archive and its files, sorted by name; whatever is wrong with it in the block is an `InputError`.

    Raises:
        InputError: no zip file; a file in it that is encrypted, packed in an unusual way, a link, outside the folder
            that it is unpacked to, there twice, or spoilt; or more and larger files than `MOST_FILES` and `RATIO` let.
    """
    try:
        if reason := no_file(path):
            raise OSError(0, reason)
        with zipfile.ZipFile(path) as archive:
            yield archive, _members(path, archive)
    except (InputError, MachineError):
        raise
    except OSError as error:
        if error.errno in OF_THE_MACHINE:
            raise
        raise _refused(path, f"unreadable ({error.strerror or error})", "look whether it is a whole zip file") from None
    except Exception as error:  # spoilt archives fail with errors of nearly any type
        words = " ".join(str(error).split())[:200] or type(error).__name__
        raise _refused(path, f"unreadable ({words})", "make it again") from None


def unpack(path: Path, folder: Path) -> int:
    """Write the files of an archive into a new folder, and give their number; it is there when all are.

    Raises:
        InputError: as `opened`, or they take more than `OF_DISK`.
        MachineError: it cannot be written there.
    """
    part = folder.with_name(f"{folder.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        with opened(path) as (archive, members):
            size, free = sum(member.entry.file_size for member in members), shutil.disk_usage(part).free
            if size > OF_DISK * free:
                raise InputError(
                    str(path), given=f"{size:,} bytes large when unpacked",
                    expected=f"at most half of the {free:,} bytes that are free in {part.parent}",
                    mend="free space there, or unpack it elsewhere and give the folder",
                )  # fmt: skip
            for member in members:
                target = part.joinpath(*member.name.parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member.entry) as packed, target.open("xb") as file:
                    shutil.copyfileobj(packed, file)
        part.rename(folder)
    except MachineError:
        raise
    except OSError as error:
        raise MachineError.of(error, part) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return len(members)


def contents(path: Path, suffixes: frozenset[str]) -> list[tuple[str, Callable[[], bytes]]]:
    """The names of an archive's visible files with one of these suffixes, and what reads each.

    Raises:
        InputError: as `opened`; what reads a file does where it is spoilt, or takes more than `mapped.KEPT` of memory.
    """
    with opened(path) as (_, members):
        seen = [member for member in members if not any(map(is_hidden, member.name.parts))]
    archive = zipfile.ZipFile(path)  # closed when nothing is left that reads of it
    wanted = (member for member in seen if member.name.suffix.lower() in suffixes)
    return [(name, partial(_content, archive, member, name)) for member in wanted if (name := f"{path}/{member.name}")]


def _content(archive: zipfile.ZipFile, member: Member, name: str) -> bytes:
    size, most = member.entry.file_size, int(memory_bytes() * KEPT)
    if size > most:
        raise InputError(name, given=f"of {size:,} bytes", expected=f"at most {most:,}", mend="leave it out")
    try:
        return archive.read(member.entry)
    except Exception as error:  # as in `opened`
        raise InputError(name, given=f"unreadable ({error})", expected=EXPECTED, mend="make it again") from None


def _members(path: Path, archive: zipfile.ZipFile) -> list[Member]:
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if len(entries) > MOST_FILES:
        raise _refused(path, f"of {len(entries):,} files", f"give at most {MOST_FILES:,} files")
    members = sorted((_member(path, entry) for entry in entries), key=lambda member: member.name.parts)
    size, packed = sum(entry.file_size for entry in entries), path.stat().st_size
    if size > RATIO * packed:
        raise _refused(
            path, f"{packed:,} bytes that claim to become {size:,}",
            f"if they are meant, unpack it and give the folder; more than {RATIO} times the size is refused",
        )  # fmt: skip
    names = {member.name for member in members}
    for one, other in pairwise(members):
        if one.name == other.name:
            raise _refused(path, f"with {str(one.name)!r} twice", "leave one of them out")
    if inside := next((member.name for member in members if names & {*member.name.parents}), None):
        raise _refused(path, f"with {str(inside)!r} below a file of the name of its folder", "rename it")
    return members


def _member(path: Path, entry: zipfile.ZipInfo) -> Member:
    given = entry.filename
    if not entry.flag_bits & UTF_8:
        with suppress(UnicodeError):  # else it is as it says
            given = given.encode("cp437").decode("utf-8")
    name = PurePosixPath(given.replace("\\", "/"))
    parts = name.parts
    if not parts or name.is_absolute() or ".." in parts or parts[0].endswith(":") or "\0" in given:
        raise _refused(path, f"with a file that would lie elsewhere ({given!r})", "make it of a folder's own files")
    if entry.flag_bits & ENCRYPTED:
        raise _refused(path, f"encrypted ({given!r})", "unpack it with its password and give the folder")
    if entry.compress_type not in METHODS:
        raise _refused(path, f"packed by method {entry.compress_type} ({given!r})", "unpack it and give the folder")
    mode = entry.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise _refused(path, f"with {str(name)!r}, {content_type(mode)}", "pack files alone")
    return Member(name, entry)


def _refused(path: Path, given: str, mend: str) -> InputError:
    return InputError(str(path), given=given, expected=EXPECTED, mend=mend)
