"""Which samples are for training, validation and test."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from neuralfinder.data.dataset import Dataset
from neuralfinder.data.findings import Finding
from neuralfinder.data.labels import least_of_a_class
from neuralfinder.errors import InputError
from neuralfinder.seeds import Seeds

Rows = npt.NDArray[np.int64]

LARGE = 10_000
"""Pictures beside the test part from which a tenth is enough for validation: 45,000 and 5,000 of CIFAR-10."""

TEST = 0.2
"""Share of all rows for the test part where none came."""

TRIES = 20
"""How often groups are drawn anew while a part lacks a class that it could have, or is not `NEAR` its share: both are
mostly a matter of a few groups, and so of a few draws."""

NEAR = 0.1
"""How far, relatively, the classes of a part may be from their shares before groups are drawn anew."""

SWEEPS = 3
"""Looks at each group at most: after the first, few change sides."""


@dataclass(frozen=True, eq=False)
class Split:
    """Row indices (int64, shuffled) of three disjoint parts, together all rows but copies of given test rows."""

    train: Rows
    validation: Rows
    test: Rows


def split(
    labels: npt.NDArray[Any],
    given_test: npt.NDArray[Any],
    seed: int,
    validation: float | None = None,
    test: float = TEST,
    groups: npt.NDArray[Any] | None = None,
    whole: bool = False,
    given_validation: npt.NDArray[Any] | None = None,
) -> Split:
    """Split rows into three parts, each with every class in its share.

    Depends on nothing but the arguments: labels that differ in name only are split alike. A class with a single row
    beside the parts that came is in the training part alone, one with two misses the test part.

    Args:
        labels: `(n,)` class indices, 0 or larger.
        given_test: `(n,)` bool, the rows of a test part that came with the data; if any, they are the test part.
        seed: the run's seed.
        validation: share of the rows beside the test part, 0 < validation < 1; by default 0.1 of 10,000 rows and
            more, 0.2 of fewer.
        test: share of all rows beside a given validation part for the test part where none came, 0 < test < 1.
        groups: `(n,)` rows with equal numbers go to the same part, and count as one row of the class of the first;
            where one is in a part that came with the data, the others are left out. By default each row is its own.
        whole: whether groups count as what they are, by all their rows and classes: persons, say, and not copies of
            one picture. Shares and classes are then kept as far as whole groups allow.
        given_validation: `(n,)` bool, the rows of a validation part that came with the data; if any, they are the
            validation part, but for copies of given test rows.

    Raises:
        InputError: a share out of range, unequal lengths, no class with a row for each part, or groups that cannot be
            parted without taking all of a class out of training.
    """
    labels, given_test = np.asarray(labels, dtype=np.int64), np.asarray(given_test, dtype=bool)
    for what, share in (("validation", validation), ("test", test)):
        if share is not None and not 0 < share < 1:
            raise InputError(what, given=share, expected="a share between 0 and 1, both excluded", mend="change it")
    held = np.zeros_like(given_test) if given_validation is None else np.asarray(given_validation, dtype=bool)
    given = given_test | held
    first = np.arange(len(labels)) if groups is None else _first_of_group(np.asarray(groups), given_test, held)
    _check_rows(labels, given_test, held, first, whole)
    test_rows = np.flatnonzero(given_test)
    validation_rows = np.flatnonzero(held & ~given_test[first])
    rest = np.flatnonzero((first == np.arange(len(labels))) & ~given)
    seeds = Seeds(seed)
    if whole:
        came = validation_rows, test_rows
        train, validation_rows, test_rows = _whole_groups(rest, came, labels, first, (validation, test), seeds)
    else:
        train = rest
        if not len(test_rows):
            train, test_rows = _divide(train, labels, test, seeds, "test", left=1 if len(validation_rows) else 2)
        if not len(validation_rows):
            share = validation or usual_validation(len(train))
            train, validation_rows = _divide(train, labels, share, seeds, "validation", left=1)
    parts = {"train": train, "validation": validation_rows, "test": test_rows}
    return Split(
        **{
            part: seeds.stream("split", "shuffle", part).permutation(_with_copies(rows, first, given))
            for part, rows in parts.items()
        }
    )


def usual_validation(rows: int) -> float:
    """The share for validation of so many rows beside the test part."""
    return 0.1 if rows >= LARGE else 0.2


def _first_of_group(groups: Rows, given_test: npt.NDArray[np.bool_], held: npt.NDArray[np.bool_]) -> Rows:
    """For each row the first of its group: one of the test part where there is one, or else of `held`."""
    order = np.lexsort((np.arange(len(groups)), ~held, ~given_test, groups))
    _, starts, inverse = np.unique(groups[order], return_index=True, return_inverse=True)
    first = np.empty(len(groups), dtype=np.int64)
    first[order] = order[starts[inverse]]
    return first


def _with_copies(rows: Rows, first: Rows, given: npt.NDArray[np.bool_]) -> Rows:
    """These rows and the rest of their groups; those of parts that came with the data have none."""
    if given[rows].any():
        return rows
    chosen = np.zeros(len(first), dtype=bool)
    chosen[rows] = True
    copies = np.flatnonzero(chosen[first] & ~chosen)
    return np.concatenate([rows, copies])


def limited(data: Dataset, count: int, seed: int = 0) -> Dataset:
    """At most `count` of the pictures beside the parts that came with the data, each class in its share.

    Args:
        data: what to take from; comes back as it is when it has no more.
        count: pictures to keep, 1 or more.
        seed: decides which.

    Raises:
        InputError: fewer than one of each class.
    """
    rest = np.flatnonzero(data.free)
    if count >= len(rest):
        return data
    if count < len(data.classes):
        raise InputError(
            "limit", given=count, expected=f"at least {len(data.classes)}, one {data.kind} a class", mend="raise it"
        )
    _, taken = _divide(rest, data.labels, count / len(rest), Seeds(seed), "limit", left=0)
    rows = np.sort(np.concatenate([taken, np.flatnonzero(~data.free)]))
    text = f"{count:,} of {len(rest):,} {data.kind}s beside the {_came(data.held)} are used, as asked"
    return dataclasses.replace(
        data,
        samples=data.samples[rows],
        labels=data.labels[rows],
        given_test=data.given_test[rows],
        fingerprint=f"{data.fingerprint}-{count}",
        findings=(*data.findings, Finding("limited", text)),
        names=tuple(data.name_in_part(row) for row in rows),
        files=tuple(data.files[row] for row in rows) if data.files else (),
        given_groups=None if data.given_groups is None else data.given_groups[rows],
        given_validation=None if data.given_validation is None else data.given_validation[rows],
        groups=None if data.groups is None else data.groups[rows],
    )


def half_of(data: Dataset, rows: Rows, seed: int) -> Rows:
    """Half of some rows, each class in its share and with a row at least; given groups stay whole.

    Args:
        data: examined.
        rows: `(m,)` of a part.
        seed: decides which.
    """
    seeds = Seeds(seed)
    if data.given_groups is None or data.groups is None:
        return _divide(rows, data.labels, 0.5, seeds, "half", left=0)[1]
    _, first, groups = np.unique(data.groups[rows], return_index=True, return_inverse=True)
    held = _held(np.arange(len(first)), data.labels[rows], groups)
    taken, _ = _drawn(held, 0.5, 0, seeds.stream("split", "half"))
    return rows[taken[groups]]


def _came(held: npt.NDArray[np.bool_]) -> str:
    return "validation or test part" if held.any() else "test part"


def _check_rows(
    labels: Rows, given_test: npt.NDArray[np.bool_], held: npt.NDArray[np.bool_], first: Rows, whole: bool
) -> None:
    if not labels.shape == given_test.shape == held.shape == first.shape or labels.ndim != 1:
        raise InputError(
            "labels, given_test and groups",
            given=f"of shapes {labels.shape}, {given_test.shape} and {first.shape}",
            expected="arrays of shape (n,)",
            mend="give one entry per picture to each",
        )
    least, given, came = least_of_a_class(given_test, held), given_test | held, _came(held)
    what, once = ("groups", "a group lies in one part") if whole else ("samples", "copies count once")
    if whole:  # each class of a group counts, and not that of its first row alone
        _, own = np.unique(np.stack([first, labels]), axis=1, return_index=True)
        rest = labels[own[~given[first[own]]]]
    else:
        rest = labels[(first == np.arange(len(labels))) & ~given]
    most = int(np.bincount(rest).max()) if len(rest) else 0
    if most < least:
        raise InputError(
            "the data",
            given=f"of {most} {what} of each class at most" if most else f"no row beside the {came}",
            expected=f"at least {least} of one class beside a given {came}; {once}",
            mend="add samples",
        )


def _divide(rows: Rows, labels: Rows, share: float, seeds: Seeds, part: str, left: int) -> tuple[Rows, Rows]:
    """Rows that stay, and rows of the new part.

    Class by class: `stratify=` refuses a part with fewer rows than classes, and may leave a small class without any.

    Args:
        rows: `(m,)` the rows to divide.
        labels: `(n,)` class indices of all rows.
        share: of `rows` for the part.
        seeds: the run's seeds.
        part: its name, which names the random stream.
        left: rows of each class that must stay.
    """
    from sklearn.model_selection import train_test_split  # here, for importing it takes a second

    present, counts = np.unique(labels[rows], return_counts=True)
    stay, go = [rows[:0]], [rows[:0]]
    for label, count in zip(present.tolist(), _quotas(counts, share, left).tolist(), strict=True):
        own = rows[labels[rows] == label]
        if count in (0, len(own)):  # scikit-learn makes no empty parts
            (go if count else stay).append(own)
            continue
        state = seeds.number("split", part, label) % 2**32
        kept, taken = train_test_split(own, test_size=count, random_state=state)
        stay.append(kept)
        go.append(taken)
    return np.concatenate(stay), np.concatenate(go)


def _whole_groups(
    units: Rows,
    came: tuple[Rows, Rows],
    labels: Rows,
    first: Rows,
    shares: tuple[float | None, float],
    seeds: Seeds,
) -> tuple[Rows, Rows, Rows]:
    """The three parts, by the first rows of groups, in which each class has its share as far as whole groups allow.

    Every class stays in training; so does one of a single group alone. Whether groups of several classes can be parted
    so that no part lacks one is a hard question in general (set splitting), so the best of a few draws is taken.

    Args:
        units: `(m,)` first rows of the groups beside parts that came with the data.
        came: `(v,)` and `(t,)` the rows of a validation and of a test part that came, if any.
        labels: `(n,)` class indices of all rows.
        first: `(n,)` the first row of each one's group.
        shares: of the rows beside the test part for validation, `None` for the usual one, and of all rows for the test
            part, where none came.
        seeds: the run's seeds.
    """
    held, (validation_rows, test_rows), (validation, test) = _held(units, labels, first), came, shares
    chosen, given = bool(len(validation_rows)), bool(len(test_rows))
    inside = np.isin(np.arange(len(labels)), np.concatenate(came))
    if lost := np.setdiff1d(labels[~inside], labels[np.isin(first, units)]).tolist():
        which = " or the ".join(name for name, there in (("validation", chosen), ("test", given)) if there)
        raise InputError(
            "the groups", given=f"such that {len(lost)} classes have no training sample outside the groups of the "
            f"{which} part", expected=f"groups of every class beside those of the {which} part",
            mend=f"take some groups out of the {which} part, or leave groups out",
        )  # fmt: skip
    nothing = np.zeros(len(units), dtype=bool), (0, 0.0)
    best, least = None, (math.inf, 0.0)
    for attempt in range(TRIES):
        rng = seeds.stream("split", "groups", attempt)
        tested, off_test = nothing if given else _drawn(held, test, 1 if chosen else 2, rng)
        rest = held[~tested]
        share = validation or usual_validation(int(rest.sum()))
        among_rest, off_validation = (nothing[0][~tested], nothing[1]) if chosen else _drawn(rest, share, 1, rng)
        validated = np.zeros(len(units), dtype=bool)
        validated[np.flatnonzero(~tested)[among_rest]] = True
        empty = not (chosen or validated.any()) or not (given or tested.any())
        lacking = math.inf if empty else off_test[0] + off_validation[0]
        off = lacking, max(off_test[1], off_validation[1])
        if off < least:
            least = off
            drawn = validation_rows if chosen else units[validated], test_rows if given else units[tested]
            best = units[~tested & ~validated], *drawn
        if least <= (0, NEAR):
            break
    if best is None:
        raise InputError(
            "the data", given=f"of {len(units)} groups, whose classes cannot be parted",
            expected="some classes with a group for each part; a group lies in one part",
            mend="name smaller groups, or add samples of others",
        )  # fmt: skip
    return best


def _held(units: Rows, labels: Rows, first: Rows) -> Rows:
    """`(units, classes)` rows of each class in each group."""
    inside = np.isin(first, units)
    held = np.zeros((len(units), int(labels.max()) + 1), dtype=np.int64)
    np.add.at(held, (np.searchsorted(units, first[inside]), labels[inside]), 1)
    return held


def _drawn(
    held: Rows, share: float, left: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.bool_], tuple[int, float]]:
    """`(units,)` which groups go to a part; how many classes it lacks, and how far its classes are from their shares.

    A class is lacking that is in more than `left` groups; the distance is the root of the mean square, relative.

    In random order each group goes, or comes back, where that brings a class that was lacking, or else brings the part
    nearer to its share of each class, by squared distances relative to that share. None goes whose class would be left
    in fewer than `left` groups.
    """
    there, taken = held > 0, np.zeros(len(held), dtype=bool)
    wanted = share * held.sum(axis=0)
    scale, spare = np.maximum(wanted, 1), there.sum(axis=0) - left  # groups of each class that may go
    rows, groups = np.zeros_like(wanted), np.zeros_like(spare)

    def badness(rows: npt.NDArray[Any], groups: Rows) -> tuple[int, float]:
        return int(((groups == 0) & (spare > 0)).sum()), float(((rows - wanted) ** 2 / scale).sum())

    now = badness(rows, groups)
    for _ in range(SWEEPS):
        before = now
        for unit in rng.permutation(len(held)).tolist():
            sign = -1 if taken[unit] else 1
            more_rows, more_groups = rows + sign * held[unit], groups + sign * there[unit]
            if sign > 0 and (there[unit] & (more_groups > spare)).any():
                continue
            then = badness(more_rows, more_groups)
            if then < now:
                rows, groups, now, taken[unit] = more_rows, more_groups, then, sign > 0
        if now == before:
            break
    lacking, squares = now
    return taken, (lacking, math.sqrt(squares / max(1.0, float(wanted.sum()))))


def _quotas(counts: npt.NDArray[np.int64], share: float, left: int) -> npt.NDArray[np.int64]:
    """Rows that each class gives: its share rounded down or up, so that the sum is the share of all rows.

    At least 1, unless that leaves fewer than `left` of the class.

    Args:
        counts: `(k,)` rows of each class.
        share: between 0 and 1.
        left: rows of each class that must stay, as far as it has them.
    """
    exact = counts * share
    most = np.maximum(counts - left, 0)
    quotas: npt.NDArray[np.int64] = np.minimum(np.maximum(np.floor(exact), 1), most).astype(np.int64)
    lacking = round(float(exact.sum())) - int(quotas.sum())
    largest_remainder_first = np.argsort(quotas - exact, kind="stable")
    willing = [i for i in largest_remainder_first if quotas[i] < min(exact[i], most[i])]
    quotas[willing[: max(lacking, 0)]] += 1
    return quotas
