"""The data doctor: what else there is to know about loaded data. It changes no sample and no label."""

from __future__ import annotations

import dataclasses
import unicodedata
from collections import Counter, defaultdict
from typing import Any

import numpy as np
import numpy.typing as npt

from neuralfinder.data.copies import Firsts, exact_copies, flat_pictures, joined, near_copies, same_group
from neuralfinder.data.dataset import Dataset
from neuralfinder.data.findings import Finding, present
from neuralfinder.data.labels import least_of_a_class
from neuralfinder.data.splits import TEST, Split, usual_validation

UNEVEN = 5
"""How many times larger than the smallest the largest class is before that is said."""

LOOKED_AT = 2_000, 500
"""Texts, and characters of each, whose scripts are counted."""

OTHER_SIZE = 0.25
"""How far, as a share of its wanted size, a part of whole groups is from that size before it is said."""

TOGETHER_OFF = "--set duplicates_together=off takes them as they come."


def examined(data: Dataset, together: bool = True) -> Dataset:
    """The data set with the groups of what belongs on one side of a split, and with what was found.

    Args:
        data: as loaded, texts not yet tokenized; comes back as it is when it has been examined.
        together: whether copies stay together; groups that the user gave do in any case.
    """
    if data.groups is not None:
        return data
    exact = exact_copies(data)
    near = near_copies(data, exact)
    alone, given = np.arange(len(data.labels)), same_group(data)
    copies = exact if near is None else near
    groups = copies if data.given_groups is None else joined(copies, given)
    enough = max(_different(data, groups).values(), default=0) >= least_of_a_class(data.given_test, data.held)
    apart = "" if together and enough else "for too few would be left" if together else "as asked"
    groups = given if apart else groups
    findings = present(
        [
            *_copies(data, exact, alone, "exact copies", apart),
            *([_untold(data)] if near is None else _copies(data, near, exact, "near copies", apart)),
            _contradictions(data, exact),
            *([_few(data, groups)] if data.given_groups is None else _groups(data, given, groups)),
            *_untested(data),
            _uneven(data),
            _alike_names(data),
            _sorted(data),
            *(_of_texts(data) if data.is_text else [_flat(data)]),
        ]
    )
    return dataclasses.replace(data, groups=groups, findings=(*data.findings, *findings))


def with_parts(data: Dataset, parts: Split) -> Dataset:
    """The data set with what there is to say of how its groups and copies were parted."""
    kept = tuple(finding for finding in data.findings if finding.kind not in OF_PARTS)
    lacking = None if data.given_groups is None else _lacking(data, parts)  # of copies `_few` tells it
    together = len(np.unique(np.asarray(data.groups))) < len(data.labels)
    findings = present([_sizes(data, parts) if together else None, lacking])
    return dataclasses.replace(data, findings=(*kept, *findings))


def report(data: Dataset) -> dict[str, Any]:
    """Examined data as plain values: `name`, `kind`, `samples`, `classes` with their counts, and `findings`."""
    parts = {"given": ~data.given_test, "given_test": data.given_test}
    return {
        "name": data.name,
        "kind": data.kind,
        "samples": len(data.labels),
        "classes": [
            {"label": label, **{part: int((rows & (data.labels == index)).sum()) for part, rows in parts.items()}}
            for index, label in enumerate(data.classes)
        ],
        "fingerprint": data.fingerprint,
        "findings": [finding.plain() for finding in data.findings],
    }


def _copies(data: Dataset, firsts: Firsts, known: Firsts, what: str, apart: str) -> list[Finding | None]:
    """Rows that are copies by `firsts` and not by `known`: within a part, and of given samples in parts before theirs.

    `apart` is why copies may come apart, or empty.
    """
    part = data.held + 2 * data.given_test  # 0, 1 and 2: the later one keeps its rows
    found: list[Finding | None] = []
    change = "" if apart else TOGETHER_OFF
    alone = np.ones(len(firsts), dtype=bool)  # without a copy in a later part
    for place, name, before in ((2, "test", data.held.any()), (1, "validation", False)):
        inside = part == place
        row_of = dict(zip(firsts[inside].tolist(), np.flatnonzero(inside).tolist(), strict=True))
        there, known_there = np.isin(firsts, firsts[inside]), np.isin(known, known[inside])
        across = np.flatnonzero((part < place) & there & ~known_there & alone).tolist()
        alone &= ~((part < place) & there)
        crossing = tuple(f"{data.name_of(row)} = {data.name_of(row_of[int(firsts[row])])}" for row in across)
        others = "training and validation" if before else "training"
        fate = f"stay in {others}, {apart}" if apart else f"are left out of {others}"
        text = f"{len(crossing)} {data.kind}s are {what} of given {name} {data.kind}s and {fate}"
        found.append(Finding(f"{what} across parts", text, crossing, change) if crossing else None)
    within = np.flatnonzero((firsts != known) & (part == part[firsts]) & alone).tolist()
    pairs = tuple(f"{data.name_of(row)} = {data.name_of(int(firsts[row]))}" for row in within)
    side = f"may be on both sides of a split, {apart}" if apart else "stay on one side of every split"
    text = f"{len(pairs)} {data.kind}s are {what} of others and {side}"
    return [Finding(what, text, pairs, change) if pairs else None, *found]


OF_PARTS = "sizes of parts", "classes in parts"
"""Kinds of findings that depend on how the data were parted."""


def _groups(data: Dataset, given: Firsts, groups: npt.NDArray[np.int64]) -> list[Finding | None]:
    """How many groups the user gave, those that copies join, and training samples of those in the test part."""
    names, came = np.asarray(data.given_groups, dtype=object), ~data.free
    sizes = Counter(name for name in names.tolist() if name is not None)
    largest, most = sizes.most_common(1)[0]
    of_group = dict(zip(given.tolist(), names.tolist(), strict=True))  # by first row
    together = defaultdict(set)
    for first, group in zip(given.tolist(), groups.tolist(), strict=True):
        if of_group[first] is not None:
            together[group].add(of_group[first])
    linked = tuple(" = ".join(sorted(each)) for each in together.values() if len(each) > 1)
    out = np.flatnonzero(~came & np.isin(groups, groups[came]))
    left_out = Counter(name for name in names[out].tolist() if name is not None)
    shared = tuple(f"{name} ({count})" for name, count in sorted(left_out.items()))
    count, which = sum(left_out.values()), "validation or test" if data.held.any() else "test"
    return [
        Finding(
            "groups", f"The {data.kind}s are of {len(sizes)} groups, the largest {largest!r} with {most:,} of"
            f" {len(names):,}; all of a group lie in one part",
        ),
        Finding(
            "groups with copies", f"{len(linked)} times several groups have copies of the same {data.kind}, and lie in"
            " one part together", linked, TOGETHER_OFF,
        ) if linked else None,
        Finding(
            "groups across parts", f"{count:,} training {data.kind}s are of {len(shared)} groups of which, or of whose"
            f" copies, there are given {which} {data.kind}s, and are left out of training", shared,
            f"Take these groups out of the {which} part to train on them.",
        ) if shared else None,
    ]  # fmt: skip


def _sizes(data: Dataset, parts: Split) -> Finding | None:
    """Parts that are clearly larger or smaller than without groups."""
    drawn = _drawn(data)
    used = len(parts.train) + len(parts.validation) + len(parts.test)
    rest = used - len(parts.test)
    free = used if "validation" in drawn else used - len(parts.validation)
    wanted = {"validation": usual_validation(rest) * rest, "test": TEST * free}
    wanted = {part: wanted[part] for part in drawn}
    had = {"validation": len(parts.validation), "test": len(parts.test)}
    off = [part for part, size in wanted.items() if abs(had[part] - size) > max(1, OTHER_SIZE * size)]
    names = tuple(f"{part} {had[part]:,} in the place of {wanted[part]:,.0f}" for part in off)
    what = "Copies that stay together" if data.given_groups is None else "Groups"
    text = f"{what} are too large, or their classes too few, for {len(names)} parts to have the wanted size"
    change = TOGETHER_OFF if data.given_groups is None else "Smaller or more groups would mend that."
    return Finding("sizes of parts", text, names, change) if names else None


def _lacking(data: Dataset, parts: Split) -> Finding | None:
    """Classes that a part lacks, since they are in too few groups, or in groups that are needed elsewhere."""
    drawn = {part: getattr(parts, part) for part in _drawn(data)}
    used = np.concatenate([parts.train, *drawn.values()])
    names = []
    for index, label in enumerate(data.classes):
        absent = [part for part, rows in drawn.items() if not (data.labels[rows] == index).any()]
        if absent:
            own = used[data.labels[used] == index]
            count = len(np.unique(np.asarray(data.groups)[own]))
            where = f"its {len(own):,} {data.kind}s are in {count} group{'s' * (count != 1)}"
            names.append(f"{label} (not in {' nor '.join(absent)}: {where})")
    text = f"{len(names)} classes are not in every part, since a group lies in one part as a whole"
    change = "Add samples of them in other groups, for nothing says how well these classes are learned there."
    return Finding("classes in parts", text, tuple(names), change) if names else None


def _drawn(data: Dataset) -> tuple[str, ...]:
    """The parts that did not come, and so are drawn."""
    came = {"validation": data.held, "test": data.given_test}
    return tuple(part for part, rows in came.items() if not rows.any())


def _untold(data: Dataset) -> Finding:
    return Finding("near copies", f"The {data.kind}s are too many, or too alike, to look for near copies")


def _contradictions(data: Dataset, exact: Firsts) -> Finding | None:
    rows = np.flatnonzero(data.labels != data.labels[exact]).tolist()
    names = tuple(f"{_labelled(data, row)} = {_labelled(data, int(exact[row]))}" for row in rows)
    text = f"{len(names)} {data.kind}s are exact copies of others with another label, and keep theirs"
    return Finding("contradictions", text, names, "Mend the wrong labels.") if names else None


def _labelled(data: Dataset, row: int) -> str:
    return f"{data.name_of(row)} ({data.classes[data.labels[row]]})"


def _few(data: Dataset, groups: npt.NDArray[np.int64]) -> Finding | None:
    least, counts = least_of_a_class(data.given_test, data.held), _different(data, groups)
    names = tuple(f"{label} ({counts[index]})" for index, label in enumerate(data.classes) if counts[index] < least)
    parts = " or ".join(f"the {part}" for part in _drawn(data) or ("training",))
    text = f"{len(names)} classes have fewer than {least} different {data.kind}s, and none in {parts} part"
    change = "Add some, for nothing says how well these classes are learned."
    return Finding("few", text, names, change) if names else None


def _different(data: Dataset, groups: npt.NDArray[np.int64]) -> Counter[int]:
    """How many different samples there are of each class beside given parts."""
    kept = data.free
    pairs = set(zip(data.labels[kept].tolist(), groups[kept].tolist(), strict=True))
    return Counter(label for label, _ in pairs)


def _untested(data: Dataset) -> list[Finding | None]:
    """Classes that a given part lacks, where that was not told when its files were found."""
    found: list[Finding | None] = []
    for part, rows in (("validation", data.held), ("test", data.given_test)):
        there = data.labels[rows] if rows.any() else data.labels
        names = tuple(repr(label) for index, label in enumerate(data.classes) if index not in there)
        text = f"The {part} part has no {data.kind} of {len(names)} classes, of which its figures say nothing"
        found.append(Finding("untested class", text, names) if names else None)
    return [] if any(finding.kind == "untested class" for finding in data.findings) else found


def _uneven(data: Dataset) -> Finding | None:
    counts = np.bincount(data.labels[data.free], minlength=len(data.classes))
    most, least = int(counts.argmax()), int(counts.argmin())
    if counts[most] < UNEVEN * counts[least]:
        return None
    text = (
        f"The classes are uneven, from {counts[least]} of {data.classes[least]!r} to {counts[most]:,} of"
        f" {data.classes[most]!r}; balanced accuracy counts them alike"
    )
    change = "--metric balanced-accuracy counts them alike, in training too; --set class_weights=on there alone."
    return Finding("uneven", text, change=change)


def _alike_names(data: Dataset) -> Finding | None:
    groups = defaultdict(list)
    for label in data.classes:
        groups[_bare_label(label)].append(repr(label))
    names = tuple(" and ".join(labels) for labels in groups.values() if len(labels) > 1)
    text = f"{len(names)} groups of classes differ in spelling alone and stay apart"
    return Finding("class names", text, names, "Spell them alike if they are the same.") if names else None


def _bare_label(label: object) -> object:
    """The same for labels that mean the same number or word."""
    text = unicodedata.normalize("NFKC", str(label)).strip().casefold()
    try:
        return float(text)
    except ValueError:
        return " ".join(text.replace("_", " ").replace("-", " ").split())


def _sorted(data: Dataset) -> Finding | None:
    rest = data.labels[data.free]
    text = "The rows are in order of class; they are shuffled before they are split"
    in_files = any("/" in name for name in data.names[:1])
    return Finding("order", text) if not in_files and (np.diff(rest) >= 0).all() else None


def _flat(data: Dataset) -> Finding | None:
    names = tuple(data.name_of(int(row)) for row in np.flatnonzero(flat_pictures(data.samples)))
    text = f"{len(names)} pictures are blank, of a single colour, and stay"
    return Finding("blank", text, names, "Take them away if that is not meant.") if names else None


def _of_texts(data: Dataset) -> list[Finding | None]:
    lengths = np.array([len(text) for text in data.samples])
    low, middle, high = lengths.min(), int(np.median(lengths)), lengths.max()
    texts, characters = LOOKED_AT
    step = max(1, len(data.samples) // texts)
    counts = Counter(
        script for text in data.samples[::step] for c in text[:characters] if (script := _script(c)) is not None
    )
    shares = [(script, count / counts.total()) for script, count in counts.most_common()]
    listed = ", ".join(f"{script} {max(share, 0.001):.1%}" for script, share in shares[:8])
    return [
        Finding("lengths", f"Texts have {low:,} to {high:,} characters, half of them at most {middle:,}"),
        Finding("scripts", f"Scripts of the letters: {listed}") if listed else None,
    ]


def _script(character: str) -> str | None:
    """The script of a letter, `emoji` for a symbol that stands for a thing, `None` for anything else."""
    category = unicodedata.category(character)
    if category == "So":
        return "emoji"
    return unicodedata.name(character, "UNKNOWN").split()[0].capitalize() if category[0] == "L" else None
