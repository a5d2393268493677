"""Where data come from, a file for each kind of source: what a user names becomes one of these once, at the face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from neuralfinder.data.files import PICTURES, TABLES, existing, no_file
from neuralfinder.data.sources import npz
from neuralfinder.data.sources.base import OnDisk, Source
from neuralfinder.data.sources.bundled import Bundled
from neuralfinder.data.sources.folder import Folder
from neuralfinder.data.sources.hub import Hub
from neuralfinder.data.sources.in_memory import InMemory
from neuralfinder.data.sources.table import Table
from neuralfinder.data.sources.zipped import Zipped
from neuralfinder.errors import InputError, unknown_name
from neuralfinder.plugins import Registry

SOURCES = Registry(
    "sources",
    {source.kind: source for source in (Bundled, Hub, Folder, Zipped, npz.Npz, Table, InMemory)},
    lambda found: isinstance(found, type) and issubclass(found, Source),
    "a class derived from data.Source",
)
"""By kind, in the order in which they are asked whether they take what a user names: `InMemory` takes all but names and
paths, so sources of packages, which are asked last and whose entry point has the name of their `kind`, take such."""

USES = {
    "test": "no test part, for it has its own or a fifth of it becomes it",
    "image_size": "a setting of files of pictures only",
    "image_fit": "a setting of files of pictures only",
    "text": "a column of a table only",
    "image": "a column of a table only",
    "target": "a column of a table only",
    "group": "a column of a table, or a level of a folder, only; `groups` beside samples in memory",
    "label_from_name": "a setting of folders only",
    "groups": "groups beside samples in memory only; `group` names a column or a level",
    "labels": "labels beside samples in memory only",
    "test_labels": "labels beside samples in memory only",
}
"""What is expected where something is set that this kind of source has no use for."""


PACKED = (".7z", ".bz2", ".gz", ".rar", ".tar", ".tgz", ".xz", ".zst")
"""Suffixes of files that hold others."""


def source_of(given: Any, **options: Any) -> Source:
    """The source that a user means.

    Args:
        given: the name of a bundled data set, or of one of the Hub; the path of a folder, zip file, table or `.npz`
            file; or samples in memory. A source is itself.
        **options: what is set beside it, fields of its class (`test`, `image_size`, `text`, ...); `None` is not set.

    Raises:
        InputError: nothing there, something else than data, or an option that has no use there.
    """
    chosen = {name: value for name, value in options.items() if value is not None}
    if isinstance(given, Source):
        _check_uses(type(given), chosen, ())
        return given
    for source in SOURCES.values():
        if source.takes(given):
            first, *others = (field.name for field in fields(source) if field.init)
            _check_uses(source, chosen, others)
            return source(**{first: given, **chosen})
    path = existing(given, "data")
    packed = "unpack it and give the folder, or make a zip file of it"
    mends = {".npy": "write X and y into one file with numpy.savez", **dict.fromkeys(PACKED, packed)}
    raise InputError(
        "data", given=f"{str(path)!r}, {no_file(path) or 'a file'}",
        expected=f"a folder with {PICTURES.layout}, a zip file of one, a table ({', '.join(sorted(TABLES))}), or "
        f"{npz.EXPECTED}",
        mend=mends.get(path.suffix.lower(), "save it so, or give the folder that holds the pictures"),
    )  # fmt: skip


def source_at(address: Mapping[str, Any]) -> Source:
    """The source whose `Source.address` this is.

    Raises:
        InputError: it was in memory and is gone, no such kind is known, or nothing is there any more.
    """
    if not address:
        raise InputError("the data", given="arrays of a program", expected="data in files", mend="call fit again")
    own = dict(address)
    kind = own.pop("kind")
    if kind not in SOURCES:
        raise unknown_name("the kind of the data", kind, SOURCES)
    return SOURCES[kind](**own)


def _check_uses(source: type[Source], chosen: Mapping[str, Any], known: Any) -> None:
    for name, value in chosen.items():
        if name not in known:
            shown = repr(value) if isinstance(value, (str, int)) else f"a {type(value).__name__}"
            raise InputError(
                name, given=f"{shown} for {source.what}", expected=USES.get(name, "nothing of that name"),
                mend="leave it out",
            )  # fmt: skip


__all__ = ["SOURCES", "OnDisk", "Source", "source_at", "source_of"]
