"""Which samples are for training, validation and test."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from neuralfinder.data.dataset import Dataset
from neuralfinder.data.findings import Finding
from neuralfinder.errors import InputError
from neuralfinder.seeds import Seeds

Rows = npt.NDArray[np.int64]

LARGE = 10_000
"""Pictures beside the test part from which a tenth is enough for validation: 45,000 and 5,000 of CIFAR-10."""


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
    test: float = 0.2,
    groups: npt.NDArray[Any] | None = None,
) -> Split:
    """Split rows into three parts, each with every class in its share.

    Depends on nothing but the arguments: labels that differ in name only are split alike. A class with a single row
    beside the test part is in the training part alone, one with two misses the test part.

    Args:
        labels: `(n,)` class indices, 0 or larger.
        given_test: `(n,)` bool, the rows of a test part that came with the data; if any, they are the test part.
        seed: the run's seed.
        validation: share of the rows beside the test part, 0 < validation < 1; by default 0.1 of 10,000 rows and
            more, 0.2 of fewer.
        test: share of all rows for the test part where none came, 0 < test < 1.
        groups: `(n,)` rows with equal numbers go to the same part, and count as one row of the class of the first;
            where one is in a test part that came with the data, the others are left out. By default each row is its
            own.

    Raises:
        InputError: a share out of range, unequal lengths, or no class with a row for each part.
    """
    labels, given_test = np.asarray(labels, dtype=np.int64), np.asarray(given_test, dtype=bool)
    for what, share in (("validation", validation), ("test", test)):
        if share is not None and not 0 < share < 1:
            raise InputError(what, given=share, expected="a share between 0 and 1, both excluded", mend="change it")
    first = np.arange(len(labels)) if groups is None else _first_of_group(np.asarray(groups), given_test)
    _check_rows(labels, given_test, first)
    test_rows = np.flatnonzero(given_test)
    rest = np.flatnonzero((first == np.arange(len(labels))) & ~given_test)
    seeds = Seeds(seed)
    if not len(test_rows):
        rest, test_rows = _divide(rest, labels, test, seeds, "test", left=2)
    if validation is None:
        validation = 0.1 if len(rest) >= LARGE else 0.2
    train, validation_rows = _divide(rest, labels, validation, seeds, "validation", left=1)
    parts = {"train": train, "validation": validation_rows, "test": test_rows}
    return Split(
        **{
            part: seeds.stream("split", "shuffle", part).permutation(_with_copies(rows, first, given_test))
            for part, rows in parts.items()
        }
    )


def least_of_a_class(given_test: npt.NDArray[np.bool_]) -> int:
    """Rows of a class that it takes to have one in each part."""
    return 2 if given_test.any() else 3


def _first_of_group(groups: Rows, given_test: npt.NDArray[np.bool_]) -> Rows:
    """For each row the first of its group; one of the test part that came with the data where there is one."""
    order = np.lexsort((np.arange(len(groups)), ~given_test, groups))
    _, starts, inverse = np.unique(groups[order], return_index=True, return_inverse=True)
    first = np.empty(len(groups), dtype=np.int64)
    first[order] = order[starts[inverse]]
    return first


def _with_copies(rows: Rows, first: Rows, given_test: npt.NDArray[np.bool_]) -> Rows:
    """These rows and the rest of their groups; those of a test part that came with the data have none."""
    if given_test[rows].any():
        return rows
    chosen = np.zeros(len(first), dtype=bool)
    chosen[rows] = True
    copies = np.flatnonzero(chosen[first] & ~chosen)
    return np.concatenate([rows, copies])


def limited(data: Dataset, count: int, seed: int = 0) -> Dataset:
    """At most `count` of the pictures beside the test part that came with the data, each class in its share.

    Args:
        data: what to take from; comes back as it is when it has no more.
        count: pictures to keep, 1 or more.
        seed: decides which.

    Raises:
        InputError: fewer than one of each class.
    """
    rest = np.flatnonzero(~data.given_test)
    if count >= len(rest):
        return data
    if count < len(data.classes):
        raise InputError(
            "limit", given=count, expected=f"at least {len(data.classes)}, one {data.kind} a class", mend="raise it"
        )
    _, taken = _divide(rest, data.labels, count / len(rest), Seeds(seed), "limit", left=0)
    rows = np.sort(np.concatenate([taken, np.flatnonzero(data.given_test)]))
    text = f"{count:,} of {len(rest):,} {data.kind}s beside the test part are used, as asked"
    return dataclasses.replace(
        data,
        samples=data.samples[rows],
        labels=data.labels[rows],
        given_test=data.given_test[rows],
        fingerprint=f"{data.fingerprint}-{count}",
        findings=(*data.findings, Finding("limited", text)),
        names=tuple(data.name_in_part(row) for row in rows),
        files=tuple(data.files[row] for row in rows) if data.files else (),
        groups=None if data.groups is None else data.groups[rows],
    )


def _check_rows(labels: Rows, given_test: npt.NDArray[np.bool_], first: Rows) -> None:
    if not labels.shape == given_test.shape == first.shape or labels.ndim != 1:
        raise InputError(
            "labels, given_test and groups",
            given=f"of shapes {labels.shape}, {given_test.shape} and {first.shape}",
            expected="arrays of shape (n,)",
            mend="give one entry per picture to each",
        )
    least = least_of_a_class(given_test)
    rest = labels[(first == np.arange(len(labels))) & ~given_test]
    most = int(np.bincount(rest).max()) if len(rest) else 0
    if most < least:
        raise InputError(
            "the data",
            given=f"of {most} samples of each class at most" if most else "no row beside the test part",
            expected=f"at least {least} of one class beside a given test part; copies count once",
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
