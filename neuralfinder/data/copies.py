"""Which samples are copies of others, exactly or nearly, and which belong together for that or another reason."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Hashable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from neuralfinder.data.dataset import Array, Dataset
from neuralfinder.data.thumbnails import thumbnails

Firsts = npt.NDArray[np.int64]
"""`(n,)` for each row the first row that is the same."""

SIDE = 8
"""Of the small pictures that are compared with all others."""

ALIKE_SMALL, ALIKE = 0.995, 0.98
"""Correlations of small and of whole pictures from which they are near copies: what compressing them again leaves."""

LEAST_PIXELS = 16
"""Of small pictures that are compared: fewer correlate by chance."""

FLAT = 0.01
"""Contrast of a picture, as a share of that of all pictures, below which nothing is to be compared."""

MOST_PAIRS = 20
"""Pairs of like pictures for each picture beyond which all are too alike to speak of copies."""

MOST_COMPARED = 200_000
"""Pictures beyond which looking for near copies would take minutes."""


def exact_copies(data: Dataset) -> Firsts:
    """Rows with the same content; empty texts and pictures of a single value are copies of none."""
    if data.is_text:
        return _firsts(text if text.strip() else None for text in data.samples)
    flat = flat_pictures(data.samples)
    contents = (
        hashlib.blake2b(np.ascontiguousarray(picture).data, digest_size=16).digest() for picture in data.samples
    )
    return _firsts(None if plain else content for content, plain in zip(contents, flat, strict=True))


def near_copies(data: Dataset, exact: Firsts) -> Firsts | None:
    """Rows that are the same but for letter case and punctuation, or for what compressing a picture again changes.

    Pictures are compared by correlation, of small versions with all others and then as a whole, so that light and
    contrast do not count.

    Args:
        data: texts, or pictures.
        exact: exact copies, which stay together.

    Returns:
        `None` where pictures are too many, or all of them too alike, to tell.
    """
    if data.is_text:
        return joined(exact, _firsts(_bare(text) or None for text in data.samples))
    found = _like_pictures(data.samples, np.flatnonzero(exact == np.arange(len(exact))))
    return None if found is None else _connected(len(exact), [found, _links(exact)])


def same_group(data: Dataset) -> Firsts:
    """Rows of the same group that the user gave; those that stand alone are the same as nothing."""
    return np.arange(len(data.labels)) if data.given_groups is None else _firsts(data.given_groups)


def joined(*ways: Firsts) -> Firsts:
    """Rows that are the same in one of these ways, or by a chain of them."""
    return _connected(len(ways[0]), [_links(firsts) for firsts in ways])


def _links(firsts: Firsts) -> npt.NDArray[np.int64]:
    return np.stack([np.arange(len(firsts)), firsts], axis=1)


def _connected(count: int, links: Sequence[npt.NDArray[np.int64]]) -> Firsts:
    """Rows that pairs `(m, 2)` of rows connect."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    one, two = np.concatenate(links).T
    graph = coo_matrix((np.ones(len(one), dtype=bool), (one, two)), shape=(count, count))
    _, component = connected_components(graph, directed=False)
    return _firsts(component.tolist())


def flat_pictures(pictures: Array, chunk: int = 4096) -> npt.NDArray[np.bool_]:
    """`(n,)` whether all values of a picture are the same."""
    flat = np.empty(len(pictures), dtype=bool)
    for start in range(0, len(pictures), chunk):
        some = pictures[start : start + chunk].reshape(len(pictures[start : start + chunk]), -1)
        flat[start : start + chunk] = some.max(axis=1) == some.min(axis=1)
    return flat


def _firsts(contents: Iterable[Hashable | None]) -> Firsts:
    """`None` is the same as nothing."""
    seen: dict[Hashable, int] = {}
    return np.array(
        [row if content is None else seen.setdefault(content, row) for row, content in enumerate(contents)],
        dtype=np.int64,
    )


def _bare(text: str) -> str:
    """Letters and figures alone, in small letters."""
    return re.sub(r"[\W_]+", " ", unicodedata.normalize("NFKC", text).casefold()).strip()


def _like_pictures(pictures: Array, rows: Firsts) -> npt.NDArray[np.int64] | None:
    """Pairs `(m, 2)` of rows that correlate; `None` where they are too many to tell."""
    if len(rows) > MOST_COMPARED:
        return None
    small = thumbnails(pictures, SIDE).mean(axis=1).reshape(len(pictures), -1)[rows]
    if small.shape[1] < LEAST_PIXELS:
        return np.empty((0, 2), dtype=np.int64)
    small -= small.mean(axis=1, keepdims=True)
    contrast = np.linalg.norm(small, axis=1)
    seen = np.flatnonzero(contrast > FLAT * np.sqrt(np.mean(contrast**2)) + 1e-12)
    if len(seen) < 2:
        return np.empty((0, 2), dtype=np.int64)
    close = _close(small[seen] / contrast[seen, np.newaxis])
    if close is None:
        return None
    pairs = np.sort(rows[seen[close]], axis=1)
    alike = [_correlation(pictures[one], pictures[two]) >= ALIKE for one, two in pairs]
    return np.asarray(pairs[np.array(alike, dtype=bool)], dtype=np.int64).reshape(-1, 2)


def _close(unit: Array, chunk: int = 256) -> Firsts | None:
    """Pairs `(m, 2)` of rows of length 1 whose product is `ALIKE_SMALL` or more; `None` where they are too many.

    In order of what varies most, for close rows are close in that as well: most pairs need not be looked at.
    """
    along = unit @ np.linalg.eigh(unit.T @ unit)[1][:, -1]
    order = np.argsort(along, kind="stable")
    sorted_rows, along = unit[order].astype(np.float32), along[order]
    radius = np.sqrt(2 - 2 * ALIKE_SMALL)  # of rows of length 1: distance^2 = 2 - 2 * product
    found, count = [np.empty((0, 2), dtype=np.int64)], 0
    for start in range(0, len(unit), chunk):
        block = sorted_rows[start : start + chunk]
        far = np.searchsorted(along, along[start + len(block) - 1] + radius, side="right")
        products = block @ sorted_rows[start:far].T
        one, two = np.nonzero(np.triu(products >= ALIKE_SMALL, k=1))
        count += len(one)
        if count > MOST_PAIRS * len(unit):
            return None
        found.append(order[start + np.stack([one, two], axis=1)])
    return np.concatenate(found)


def _correlation(one: Array, two: Array) -> float:
    flat = np.stack([one.ravel(), two.ravel()]).astype(np.float64)
    return float(np.asarray(np.corrcoef(flat))[0, 1])
