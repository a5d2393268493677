"""Which picture or text files lie in a folder, and of which class they are. Nothing is opened here."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from neuralfinder.data.files import PICTURES, TABLES, TEXTS, Kind, SampleFile, is_hidden, suffixes
from neuralfinder.data.findings import Finding, present
from neuralfinder.data.labels import Sizes
from neuralfinder.data.named import CLASS, Pattern
from neuralfinder.data.parts import TEST, TRAIN, VALIDATION, role_of, roles_of, tell
from neuralfinder.errors import InputError, some


@dataclass(frozen=True)
class ClassFolders:
    """The files of a folder with one sub-folder per class, sorted, and what was ignored."""

    root: Path
    files: tuple[SampleFile, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Found:
    """The files of a data set, all of a kind: the training part, and the others that came, in the order of `Sizes`."""

    kind: Kind
    parts: dict[str, ClassFolders]
    findings: tuple[Finding, ...]

    @property
    def train(self) -> ClassFolders:
        """The training part."""
        return self.parts[TRAIN]

    @property
    def sizes(self) -> Sizes:
        """Files of each part."""
        return Sizes(*(len(self.parts[role].files) if role in self.parts else 0 for role in (TRAIN, VALIDATION, TEST)))

    @property
    def files(self) -> list[SampleFile]:
        """Of all parts."""
        return [file for part in self.parts.values() for file in part.files]

    @property
    def remarks(self) -> tuple[Finding, ...]:
        """What is to be said of the folder and its parts."""
        return (*self.findings, *(finding for part in self.parts.values() for finding in part.findings))

    def fingerprint(self) -> str:
        """Identity by relative paths and sizes of all files: cheap, and the same wherever the folder lies."""
        digest = hashlib.blake2b(b"folder", digest_size=16)
        for name, part in self.parts.items():
            for file in part.files:
                # A path cannot hold a zero byte, so no two lists of files give the same text.
                line = f"{name}\0{file.relative}\0{file.size}\0"
                digest.update(line.encode(errors="surrogateescape"))
        return digest.hexdigest()


def kind_of(source: Path, pattern: Pattern | None = None) -> Kind:
    """Texts where no picture lies, and text files in two folders or more, or in one where names tell classes."""
    homes: set[str] = set()
    for home, folders, names in os.walk(source):
        folders[:] = [name for name in folders if not is_hidden(name)]
        there = {Path(name).suffix.lower() for name in names if not is_hidden(name)}
        if there & PICTURES.suffixes:
            return PICTURES
        if there & TEXTS.suffixes:
            homes.add(home)
    return TEXTS if len(homes) > (1 if pattern is None else 0) else PICTURES


def find(source: Path, test: Path | None = None, kind: Kind = PICTURES, pattern: Pattern | None = None) -> Found:
    """Find the files of a data set.

    A folder whose sub-folders are called as in `parts` has such parts: `train`, and `val` or `test` or both. Files lie
    in a class folder at any depth. Names of classes that are composed in different ways are one class. Hidden files and
    folders, files without the kind's suffix and links to folders inside class folders are ignored; class folders
    themselves may be links.

    Args:
        source: a folder.
        test: a second folder with the test part.
        kind: of files.
        pattern: how the names of files tell their class, in the place of class folders.

    Raises:
        InputError: no files, no class folders, one class, a class that the training part lacks, two test parts, or
            names of files that do not tell a class.
    """
    folders, findings = _parts(source, kind, flat=pattern is not None)
    if test and TEST in folders:
        raise InputError(
            "test",
            given=f"{str(test)!r} beside the folder {str(folders[TEST])!r}",
            expected="one test part",
            mend=f"give {str(folders[TRAIN])!r} as the data, or leave out the second test part",
        )
    wanted = {TRAIN: source, **folders, **({TEST: test} if test else {})}
    found = {role: _scan(wanted[role], kind, pattern) for role in (TRAIN, VALIDATION, TEST) if role in wanted}
    train = found[TRAIN]
    labels = sorted({file.label for file in train.files})
    if len(labels) < 2:
        raise _one_class(train.root, labels[0], kind, deeper=pattern is None)
    if VALIDATION in folders:
        findings += (_validation(folders, TEST in found),)
    for role, part in found.items():
        findings += _compare(labels, part, kind, role)
    within = None if pattern else _parts_within(train.files) or _alike_within(train.files)
    return Found(kind, found, present([*findings, within]))


def _one_class(root: Path, label: str, kind: Kind, *, deeper: bool) -> InputError:
    inner = root / label
    below = f"give {str(inner)!r} as the data if its sub-folders are the classes, or "
    mend = _or_table(root) + (below if deeper and inner.is_dir() and _folders(inner) else "")
    return InputError(
        str(root), given=f"a folder with one class only ({label!r})", expected=f"{kind.layout}, at least 2 classes",
        mend=f"{mend}add a sub-folder of {kind.name}s of another class",
    )  # fmt: skip


def _or_table(root: Path) -> str:
    """The mend where tables lie beside the files, which may tell more of these."""
    tables = [entry.path for entry in _entries(root) if Path(entry.name).suffix.lower() in TABLES and entry.is_file()]
    return f"give the table {tables[0]!r} as the data, or " if tables else ""


def _validation(folders: dict[str, Path], tested: bool) -> Finding:
    name = folders[VALIDATION].name
    drawn = "" if tested else f"; a part of {folders[TRAIN].name} becomes the test part, for none came"
    change = "" if tested else f"To be judged by {name}, give {folders[TRAIN].name} as the data and it with --test."
    return Finding("parts", f"{name} is the validation part, by which networks are chosen{drawn}", change=change)


def _compare(labels: list[str], part: ClassFolders, kind: Kind, role: str) -> tuple[Finding, ...]:
    """Classes that a part lacks; classes that the training part lacks are an error."""
    there = {file.label for file in part.files}
    strange = sorted(there - set(labels))
    if strange:
        raise InputError(
            str(part.root),
            given=f"a {role} part with classes that the training part lacks: {some(map(repr, strange))}",
            expected=f"classes among {some(map(repr, labels))}",
            mend=f"add training {kind.name}s of them or take these folders away",
        )
    lacking = tuple(repr(label) for label in labels if label not in there)
    return (Finding("untested class", f"The {role} part has no {kind.name} of", lacking),) if lacking else ()


def _entries(folder: Path | str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except PermissionError:
        raise InputError(
            str(folder), given="not readable for you", expected="a readable folder", mend="change its permissions"
        ) from None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _folders(folder: Path) -> list[os.DirEntry[str]]:
    """The visible sub-folders, without links that lead back to the folder or one above it."""
    home = Path(os.path.realpath(folder))
    loops = {home, *home.parents}
    seen = [entry for entry in _entries(folder) if not is_hidden(entry.name) and _is_folder(entry)]
    return [entry for entry in seen if not entry.is_symlink() or Path(os.path.realpath(entry.path)) not in loops]


def _parts(source: Path, kind: Kind, *, flat: bool) -> tuple[dict[str, Path], tuple[Finding, ...]]:
    """The folders of parts where `source` has them, the training part among them, and what is to be said of others.

    Args:
        source: the folder.
        kind: of files.
        flat: whether parts have no class folders.

    Raises:
        InputError: parts alone, but not these; parts without class folders; a part twice.
    """
    folders = [Path(entry.path) for entry in _folders(source)]
    known = roles_of([path.name for path in folders])
    roles = {path: known[path.name] for path in folders if path.name in known}
    labelled = {path: role for path, role in roles.items() if flat or _folders(path)}
    several = TRAIN in roles.values() and len(set(roles.values())) > 1
    alone = roles and labelled and len(roles) == len(folders)
    unclear = len(folders) > len(roles) and tell([path.name for path in folders])
    names = ", ".join(sorted(path.name for path in (folders if unclear else roles)))
    if unclear or not several:
        if alone or unclear or len(roles) > 1:
            raise InputError(
                str(source), given=f"a folder of parts ({names})", expected=kind.layout,
                mend="name the parts train and test, or give the folder inside it as the data and another with test=",
            )  # fmt: skip
        text = f"{names} is called as a part is, and was taken as a class, for there is no other part"
        change = "Give the folder inside it as the data, and another with --test, if that is not so."
        return {}, (Finding("parts", text, change=change),) if roles else ()
    used: dict[str, Path] = {}
    for path, role in labelled.items():
        if role in used:
            raise _no_parts(source, f"{names}), one of them twice", used.get(TRAIN), kind)
        used[role] = path
    if TRAIN not in used or len(used) < 2:
        raise _no_parts(source, f"{names}), without class folders", used.get(TRAIN), kind)
    others = tuple(path.name for path in folders if path not in used.values())
    own = " and ".join(used[role].name for role in (TRAIN, VALIDATION, TEST) if role in used)
    return used, (Finding("ignored", f"Folders beside {own} were ignored", others),) if others else ()


def _no_parts(source: Path, given: str, train: Path | None, kind: Kind) -> InputError:
    mend = f"give {str(train)!r} as the data" if train else "one sub-folder per class in each of them"
    flat = ", or tell how names of files begin with their class, as in --label-from-name '{class}_*'"
    return InputError(
        str(source), given=f"a folder of parts ({given}", expected=kind.layout, mend=f"{mend}{'' if train else flat}"
    )


def _parts_within(files: Sequence[SampleFile]) -> Finding | None:
    """Parts that lie below the class folders, which are taken together."""
    below: dict[str, set[str]] = {file.label: set() for file in files}
    for file in files:
        _, folder, *rest = file.relative.split("/")
        if rest and role_of(folder):
            below[file.label].add(folder)
    if not all(len(folders) > 1 for folders in below.values()):
        return None
    names = tuple(sorted(set.union(*below.values())))
    text = "The class folders hold parts, whose files were taken together"
    return Finding("parts", text, names, "Put parts above classes, as in train/cat and test/cat, to keep them apart.")


def _alike_within(files: Sequence[SampleFile]) -> Finding | None:
    """Class folders all of which have the same sub-folders, which may be the classes."""
    below: dict[str, set[str]] = {file.label: set() for file in files}
    for file in files:
        _, *folders, _ = file.relative.split("/")
        below[file.label].add(folders[0] if folders else "")
    same = below[files[0].label]
    if len(same) < 2 or "" in same or any(folders != same for folders in below.values()):
        return None
    text = f"All of {some(sorted(below))} have the same sub-folders, and were taken as the classes themselves"
    change = (
        "If these are the classes, and not persons or views, put them above, or give one folder with --test another."
    )
    return Finding("parts", text, tuple(sorted(same)), change)


def _walk(folder: str, relative: str, label: str, ignored: list[tuple[str, str]], kind: Kind) -> Iterator[SampleFile]:
    """The files of a class folder at any depth; what is passed over goes to `ignored`, with the reason."""
    for entry in _entries(folder):
        name = f"{relative}/{entry.name}"
        if is_hidden(entry.name):
            ignored.append((name, "hidden"))
        elif entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path, name, label, ignored, kind)
        elif _is_folder(entry):
            # Not followed: such a link may lead round in a circle, or into another class.
            ignored.append((name, "links to folders"))
        elif Path(entry.name).suffix.lower() not in kind.suffixes:
            ignored.append((name, f"without a {kind.name}'s suffix"))
        else:
            yield SampleFile(entry.path, name, label, _size(entry))


def _scan_names(root: Path, kind: Kind, pattern: Pattern) -> ClassFolders:
    """The files at any depth of a folder, of the classes that their names tell."""
    ignored: list[tuple[str, str]] = []
    files: list[SampleFile] = []
    untold = []
    for file in _walk(str(root), "", "", ignored, kind):
        label = pattern.label_of(file.relative.rpartition("/")[2])
        untold += [] if label else [file.relative[1:]]
        files.append(replace(file, relative=file.relative[1:], label=unicodedata.normalize("NFC", label or "")))
    if untold:
        raise InputError(
            str(root), given=f"with {len(untold)} of {len(files)} {kind.name}s whose names do not fit: {some(untold)}",
            expected=f"names as {pattern.text!r} says", mend="give another --label-from-name, or take them away",
        )  # fmt: skip
    if not files:
        raise _empty(root, kind, [name[1:] for name, _ in ignored], 0)
    told = Finding("class names", f"Names of files in {root.name} tell their classes, by {pattern.text!r}")
    return ClassFolders(root, tuple(files), present([told, _ignored(root, [(name[1:], why) for name, why in ignored])]))


def _ignored(root: Path, ignored: Sequence[tuple[str, str]]) -> Finding | None:
    reasons = Counter(reason for _, reason in ignored)
    listed = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    text = f"{len(ignored)} files or folders in {root.name} were ignored, {listed}"
    return Finding("ignored", text, tuple(name for name, _ in ignored)) if ignored else None


def _empty(root: Path, kind: Kind, names: Sequence[str], own: int) -> InputError:
    """What is wrong with a folder without class folders, with `own` files of the kind and others of these names."""
    there = suffixes(names)
    lacking = f"without any {kind.name}" + (f", but with files of other suffixes: {there}" if there else "")
    mend = f"move the {kind.name}s into one sub-folder per class"
    mend += f", or tell how their names begin with their class, as in --label-from-name '{CLASS}_*'" if own else ""
    return InputError(
        str(root),
        given=f"a folder with {own} {kind.name}s but no class folders" if own else lacking,
        expected=kind.layout,
        mend=_or_table(root) + mend,
    )


def _size(entry: os.DirEntry[str]) -> int:
    """Size in bytes, -1 for a broken link, which `pictures` will report as unreadable."""
    try:
        return entry.stat().st_size
    except OSError:
        return -1


def _scan(root: Path, kind: Kind, pattern: Pattern | None) -> ClassFolders:
    if pattern is not None:
        return _scan_names(root, kind, pattern)
    entries = _entries(root)
    ignored = [(entry.name, "hidden") for entry in entries if is_hidden(entry.name)]
    files: list[SampleFile] = []
    empty = []
    folders = _folders(root)
    spelt = defaultdict(list)
    for folder in folders:
        before = len(files)
        label = unicodedata.normalize("NFC", folder.name)
        spelt[label].append(folder.name)
        files += _walk(folder.path, folder.name, label, ignored, kind)
        if len(files) == before:
            empty.append(folder.name)
    others = {entry.name for entry in entries} - {folder.name for folder in folders}
    loose = sorted(name for name in others if not is_hidden(name))
    own = [name for name in loose if Path(name).suffix.lower() in kind.suffixes]
    if not files:
        raise _empty(root, kind, [*loose, *(name for name, _ in ignored)], len(own))
    findings = (
        _ignored(root, ignored),
        Finding("class names", f"Folders of {root.name} whose names are composed in different ways are one class", same)
        if (same := tuple(label for label, names in spelt.items() if len(names) > 1))
        else None,
        Finding("ignored", f"{len(empty)} sub-folders of {root.name} without {kind.name}s were ignored", tuple(empty))
        if empty
        else None,
        Finding(
            "ignored",
            f"{len(loose)} entries of {root.name} that are no class folders were ignored",
            tuple(loose),
            f"Move a {kind.name} into the folder of its class to use it.",
        )
        if loose
        else None,
    )
    return ClassFolders(root, tuple(files), present(findings))
