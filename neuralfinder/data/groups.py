"""Groups that the user gave: samples of one person, part or recording, all of which lie in one part of the data."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from neuralfinder.data.dataset import Dataset
from neuralfinder.data.findings import Finding
from neuralfinder.data.labels import is_missing
from neuralfinder.errors import InputError


def grouped(data: Dataset, groups: Sequence[Any]) -> Dataset:
    """The data set with its groups.

    Args:
        data: as loaded.
        groups: of its first samples; those of the rest stand alone. Equal as text is the same group, a missing or
            empty one is none.

    Raises:
        InputError: no sample has a group.
    """
    names = np.full(len(data.labels), None, dtype=object)
    names[: len(groups)] = [None if is_missing(group) or str(group) == "" else str(group) for group in groups]
    alone = tuple(data.name_of(row) for row in range(len(groups)) if names[row] is None)
    if len(alone) == len(groups):
        raise InputError(
            "the group", given=f"missing for all {len(groups):,} {data.kind}s", expected="one for most of them",
            mend="name another column or level, or leave groups out",
        )  # fmt: skip
    text = f"{len(alone)} {data.kind}s have no group and stand alone"
    findings = (Finding("no group", text, alone, "Give them one if they belong to others."),) if alone else ()
    return replace(data, given_groups=names, findings=(*data.findings, *findings))


def with_groups(data: Dataset, given: Any) -> Dataset:
    """A data set in memory with its groups, which are part of its identity.

    Args:
        data: the data set.
        given: `(n,)` groups of the samples beside the test part, of any type.

    Raises:
        InputError: of another shape, or none at all.
    """
    groups, count = np.asarray(given, dtype=object), int((~data.given_test).sum())
    if groups.shape != (count,):
        raise InputError(
            "groups", given=f"of shape {groups.shape}", expected=f"({count},), a group for each {data.kind} of X",
            mend="check that both come from the same rows",
        )  # fmt: skip
    whole = grouped(data, groups.tolist())
    digest = hashlib.blake2b(f"{data.fingerprint} groups".encode(), digest_size=16)
    for name in whole.given_groups if whole.given_groups is not None else ():
        digest.update(f"{name is None} {len(name or '')} {name}".encode(errors="surrogatepass"))
    return replace(whole, fingerprint=digest.hexdigest())
