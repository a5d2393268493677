"""Which picture or text files lie in a folder, and of which class they are. Nothing is opened here."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from neuralfinder.data.files import PICTURES, TEXTS, Kind, SampleFile
from neuralfinder.data.findings import Finding, present
from neuralfinder.errors import InputError, some

PARTS = {
    "train": ("train", "training"),
    "test": ("test", "testing"),
    "validation": ("val", "valid", "validation", "validate", "dev", "development", "eval", "evaluation", "holdout"),
}
"""What the folders of parts are called in small letters."""

FILLERS = frozenset(["data", "images", "imgs", "pictures", "photos", "texts", "samples", "split", "part"])
"""Words beside such a name that say nothing."""


@dataclass(frozen=True)
class ClassFolders:
    """The files of a folder with one sub-folder per class, sorted, and what was ignored."""

    root: Path
    files: tuple[SampleFile, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Found:
    """The files of a data set, all of a kind: the training part, and the test part where one came."""

    kind: Kind
    train: ClassFolders
    test: ClassFolders | None
    findings: tuple[Finding, ...]

    @property
    def files(self) -> list[SampleFile]:
        """Of both parts, the test part last."""
        return [*self.train.files, *(self.test.files if self.test else ())]

    @property
    def remarks(self) -> tuple[Finding, ...]:
        """What is to be said of the folder and its parts."""
        return (*self.findings, *self.train.findings, *(self.test.findings if self.test else ()))

    def fingerprint(self) -> str:
        """Identity by relative paths and sizes of all files: cheap, and the same wherever the folder lies."""
        digest = hashlib.blake2b(b"folder", digest_size=16)
        for name, part in (("train", self.train), ("test", self.test)):
            for file in part.files if part else ():
                # A path cannot hold a zero byte, so no two lists of files give the same text.
                line = f"{name}\0{file.relative}\0{file.size}\0"
                digest.update(line.encode(errors="surrogateescape"))
        return digest.hexdigest()


def kind_of(source: Path) -> Kind:
    """Texts where text files lie in two folders or more and no picture does; else pictures."""
    homes: set[str] = set()
    for home, folders, names in os.walk(source):
        folders[:] = [name for name in folders if not _hidden(name)]
        suffixes = {Path(name).suffix.lower() for name in names if not _hidden(name)}
        if suffixes & PICTURES.suffixes:
            return PICTURES
        if suffixes & TEXTS.suffixes:
            homes.add(home)
    return TEXTS if len(homes) > 1 else PICTURES


def find(source: Path, test: Path | None = None, kind: Kind = PICTURES) -> Found:
    """Find the files of a data set.

    A folder whose sub-folders are called as in `PARTS` has parts: `train` and `test`, or else `train` and `val`. Files
    lie in a class folder at any depth. Names of classes that are composed in different ways are one class. Hidden files
    and folders, files without the kind's suffix and links to folders inside class folders are ignored; class folders
    themselves may be links.

    Args:
        source: a folder.
        test: a second folder with the test part.
        kind: of files.

    Raises:
        InputError: no files, no class folders, one class, a class in the test part only, or two test parts.
    """
    parts, findings = _parts(source, kind)
    if parts and test:
        raise InputError(
            "test",
            given=f"{str(test)!r} beside the folder {str(parts[1])!r}",
            expected="one test part",
            mend=f"give {str(parts[0])!r} as the data, or leave out the second test part",
        )
    if parts:
        source, test = parts
    train, tested = _scan(source, kind), _scan(test, kind) if test else None
    labels = sorted({file.label for file in train.files})
    if len(labels) < 2:
        raise InputError(
            str(source),
            given=f"a folder with one class only ({labels[0]!r})",
            expected=f"{kind.layout}, at least 2 classes",
            mend=f"add a sub-folder of {kind.name}s of another class",
        )
    if tested:
        findings += _compare(labels, tested, kind)
    within = _parts_within(train.files)
    return Found(kind, train, tested, present([*findings, within]))


def _compare(labels: list[str], tested: ClassFolders, kind: Kind) -> tuple[Finding, ...]:
    """Classes without a test sample; classes of the test part alone are an error."""
    there = {file.label for file in tested.files}
    strange = sorted(there - set(labels))
    if strange:
        raise InputError(
            str(tested.root),
            given=f"a test part with classes that the training part lacks: {some(map(repr, strange))}",
            expected=f"classes among {some(map(repr, labels))}",
            mend=f"add training {kind.name}s of them or take these folders away",
        )
    untested = tuple(repr(label) for label in labels if label not in there)
    return (Finding("untested class", f"The test part has no {kind.name} of", untested),) if untested else ()


def _entries(folder: Path | str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except PermissionError:
        raise InputError(
            str(folder), given="not readable for you", expected="a readable folder", mend="change its permissions"
        ) from None


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _folders(folder: Path) -> list[os.DirEntry[str]]:
    """The visible sub-folders, without links that lead back to the folder or one above it."""
    home = Path(os.path.realpath(folder))
    loops = {home, *home.parents}
    seen = [entry for entry in _entries(folder) if not _hidden(entry.name) and _is_folder(entry)]
    return [entry for entry in seen if not entry.is_symlink() or Path(os.path.realpath(entry.path)) not in loops]


def role_of(name: str) -> str | None:
    """`train`, `test` or `validation` where a folder's name says that it is such a part, as `Training_set` does."""
    words = [word.removesuffix("set") for word in re.findall(r"[a-z]+", name.lower())]
    telling = [word for word in words if word and word not in FILLERS]
    return next((role for role, names in PARTS.items() if len(telling) == 1 and telling[0] in names), None)


def _parts(source: Path, kind: Kind) -> tuple[tuple[Path, Path] | None, tuple[Finding, ...]]:
    """The folders of training and test part where `source` has them, and what else lies beside them.

    The test part is the validation part where no other has class folders.

    Raises:
        InputError: parts alone, but not these; parts without class folders; a part twice.
    """
    folders = [Path(entry.path) for entry in _folders(source)]
    roles = {path: role for path in folders if (role := role_of(path.name))}
    labelled = {path: role for path, role in roles.items() if _folders(path)}
    names = ", ".join(sorted(path.name for path in roles))
    several = "train" in roles.values() and len(set(roles.values())) > 1
    if not several:
        if roles and ((len(roles) == len(folders) and labelled) or len(roles) > 1):
            raise InputError(
                str(source), given=f"a folder of parts ({names})", expected=kind.layout,
                mend="name the parts train and test, or give the folder inside it as the data and another with test=",
            )  # fmt: skip
        return None, ()
    train = [path for path, role in labelled.items() if role == "train"]
    held = "test" if "test" in labelled.values() else "validation"
    tests = [path for path, role in labelled.items() if role == held]
    if len(train) != 1 or len(tests) != 1:
        twice = len(train) > 1 or len(tests) > 1
        alone = f"give {str(train[0])!r} as the data" if len(train) == 1 else "one sub-folder per class in each of them"
        raise InputError(
            str(source), expected=kind.layout, mend=alone,
            given=f"a folder of parts ({names}), {'one of them twice' if twice else 'without class folders'}",
        )  # fmt: skip
    used, others = (train[0], tests[0]), tuple(path.name for path in folders if path not in (train[0], tests[0]))
    beside = f"Folders beside {used[0].name} and {used[1].name} were ignored"
    only = f"{used[1].name} is the test part, for no other has class folders; a validation part is drawn from the rest"
    findings = (
        Finding("ignored", beside, others) if others else None,
        Finding("parts", only, change="Give another folder with --test.") if held != "test" else None,
    )
    return used, present(findings)


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


def _walk(folder: str, relative: str, label: str, ignored: list[tuple[str, str]], kind: Kind) -> Iterator[SampleFile]:
    """The files of a class folder at any depth; what is passed over goes to `ignored`, with the reason."""
    for entry in _entries(folder):
        name = f"{relative}/{entry.name}"
        if _hidden(entry.name):
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


def _size(entry: os.DirEntry[str]) -> int:
    """Size in bytes, -1 for a broken link, which `pictures` will report as unreadable."""
    try:
        return entry.stat().st_size
    except OSError:
        return -1


def _scan(root: Path, kind: Kind) -> ClassFolders:
    entries = _entries(root)
    ignored = [(entry.name, "hidden") for entry in entries if _hidden(entry.name)]
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
    loose = sorted(name for name in others if not _hidden(name))
    own = [name for name in loose if Path(name).suffix.lower() in kind.suffixes]
    if not files:
        suffixes = Counter(Path(name).suffix.lower() for name in (*loose, *(name for name, _ in ignored)))
        there = some(f"{suffix} ({count})" for suffix, count in suffixes.most_common() if suffix)
        lacking = f"without any {kind.name}" + (f", but with files of other suffixes: {there}" if there else "")
        raise InputError(
            str(root),
            given=f"a folder with {len(own)} {kind.name}s but no class folders" if own else lacking,
            expected=kind.layout,
            mend=f"move the {kind.name}s into one sub-folder per class",
        )
    reasons = Counter(reason for _, reason in ignored)
    listed = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    findings = (
        Finding(
            "ignored",
            f"{len(ignored)} files or folders in {root.name} were ignored, {listed}",
            tuple(name for name, _ in ignored),
        )
        if ignored
        else None,
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
