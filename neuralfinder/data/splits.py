"""Which samples are for training, validation and test."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from neuralfinder.data.dataset import Dataset
from neuralfinder.errors import InputError, some
from neuralfinder.seeds import Seeds

Rows = npt.NDArray[np.int64]

LARGE = 10_000
"""Pictures beside the test part from which a tenth is enough for validation: 45,000 and 5,000 of CIFAR-10."""


@dataclass(frozen=True, eq=False)
class Split:
    """Row indices (int64, shuffled) of the three parts: disjoint, and together all rows."""

    train: Rows
    validation: Rows
    test: Rows


def split(
    labels: npt.NDArray[Any],
    given_test: npt.NDArray[Any],
    seed: int,
    validation: float | None = None,
    test: float = 0.2,
) -> Split:
    """Split rows into three parts, each with every class in its share.

    Depends on nothing but the arguments: labels that differ in name only are split alike.

    Args:
        labels: `(n,)` class indices, 0 or larger.
        given_test: `(n,)` bool, the rows of a test part that came with the data; if any, they are the test part.
        seed: the run's seed.
        validation: share of the rows beside the test part, 0 < validation < 1; by default 0.1 of 10,000 rows and
            more, 0.2 of fewer.
        test: share of all rows for the test part where none came, 0 < test < 1.

    Raises:
        InputError: a share out of range, unequal lengths, or a class with too few rows for one in each part.
    """
    labels, given_test = np.asarray(labels, dtype=np.int64), np.asarray(given_test, dtype=bool)
    for what, share in (("validation", validation), ("test", test)):
        if share is not None and not 0 < share < 1:
            raise InputError(what, given=share, expected="a share between 0 and 1, both excluded", mend="change it")
    _check_rows(labels, given_test)
    rest, test_rows = np.flatnonzero(~given_test), np.flatnonzero(given_test)
    seeds = Seeds(seed)
    if not len(test_rows):
        rest, test_rows = _divide(rest, labels, test, seeds, "test", left=2)
    if validation is None:
        validation = 0.1 if len(rest) >= LARGE else 0.2
    train, validation_rows = _divide(rest, labels, validation, seeds, "validation", left=1)
    parts = {"train": train, "validation": validation_rows, "test": test_rows}
    return Split(**{part: seeds.stream("split", "shuffle", part).permutation(rows) for part, rows in parts.items()})


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
    return dataclasses.replace(
        data,
        samples=data.samples[rows],
        labels=data.labels[rows],
        given_test=data.given_test[rows],
        fingerprint=f"{data.fingerprint}-{count}",
        notes=(*data.notes, f"{count:,} of {len(rest):,} {data.kind}s beside the test part are used, as asked."),
    )


def _check_rows(labels: Rows, given_test: npt.NDArray[np.bool_]) -> None:
    if labels.shape != given_test.shape or labels.ndim != 1:
        raise InputError(
            "labels and given_test",
            given=f"of shapes {labels.shape} and {given_test.shape}",
            expected="two arrays of shape (n,)",
            mend="give one entry per picture to both",
        )
    least = 2 if given_test.any() else 3
    present, counts = np.unique(labels[~given_test], return_counts=True)
    few = [f"{count} of class {label}" for label, count in zip(present, counts, strict=True) if count < least]
    if few or not len(present):
        raise InputError(
            "labels",
            given=f"too few: {some(few) if few else 'no row beside the test part'}",
            expected=f"at least {least} rows of each class beside a given test part",
            mend="add pictures or leave the class out",
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
    stay, go = [], []
    for label, count in zip(present.tolist(), _quotas(counts, share, left).tolist(), strict=True):
        state = seeds.number("split", part, label) % 2**32
        kept, taken = train_test_split(rows[labels[rows] == label], test_size=count, random_state=state)
        stay.append(kept)
        go.append(taken)
    return np.concatenate(stay), np.concatenate(go)


def _quotas(counts: npt.NDArray[np.int64], share: float, left: int) -> npt.NDArray[np.int64]:
    """Rows that each class gives: its share rounded down or up, so that the sum is the share of all rows.

    At least 1, and at most what leaves `left` of the class.

    Args:
        counts: `(k,)` rows of each class, all larger than `left`.
        share: between 0 and 1.
        left: rows of each class that must stay, 1 or more.
    """
    exact = counts * share
    quotas: npt.NDArray[np.int64] = np.clip(np.floor(exact), 1, counts - left).astype(np.int64)
    lacking = round(float(exact.sum())) - int(quotas.sum())
    largest_remainder_first = np.argsort(quotas - exact, kind="stable")
    willing = [i for i in largest_remainder_first if quotas[i] < min(exact[i], counts[i] - left)]
    quotas[willing[: max(lacking, 0)]] += 1
    return quotas
