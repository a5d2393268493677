"""Pictures and labels that come as arrays."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from neuralfinder.data.dataset import Array, Dataset
from neuralfinder.data.findings import Finding, present
from neuralfinder.data.labels import check_classes, encode, encode_like, one_hot, rows_text
from neuralfinder.errors import InputError
from neuralfinder.types import Shape

SHAPES = "pictures `(n, h, w)`, `(n, h, w, c)` or `(n, c, h, w)` with 1 to 4 channels c"


FAR = 30
"""Root of the mean square of z-scores from which values are on another scale; of training data it is 1, and dark or
bright pictures are hardly beyond 10."""

SMALL = 1 / 10
"""Of training's values: where floats vary and reach less than this share, they are on another scale, as 0..1 is beside
0..255; blank pictures do not vary at all."""

LOOKED_AT = 256
"""Pictures whose values are looked at."""


class Values(NamedTuple):
    """What pictures were like in training: mean and deviation by channel, and their type."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    dtype: str


def from_arrays(
    X: object,
    y: object,
    name: str = "arrays",
    X_test: object = None,
    y_test: object = None,
    validation: tuple[object, object] | None = None,
) -> Dataset:
    """A data set from arrays, or from anything `numpy.asarray` turns into arrays.

    The channels of 4-D pictures are the axis, second or last, of length 1 or 3; else that of length 2 or 4. Where both
    axes would do, they are the last. uint8 is kept; bool, and integers within 0..255, become uint8; everything else
    becomes float32. Pictures that already have the final form are not copied.

    Args:
        X: pictures `(n, h, w)`, `(n, h, w, c)` or `(n, c, h, w)`; bool, integers or finite floats.
        y: labels `(n,)` or `(n, 1)` of one type (str, int, float, bool), or one-hot rows `(n, k)`, whose classes are
            the column indices 0..k-1.
        name: a name for people.
        X_test: pictures of a test part, shaped as `X`.
        y_test: their labels, with no class that `y` lacks.
        validation: pictures and labels of a validation part, as those of the test part.

    Raises:
        InputError: shapes, types, lengths, values or classes that cannot be used.
    """
    images, axis = _channels_first(_array(X, "X"), "X")
    encoded = encode(y)
    _check_lengths(images, encoded.indices, "X and y")
    labels, sizes, first = encoded.indices, [len(images)], images
    for what, own in (("validation", validation or (None, None)), ("test", (X_test, y_test))):
        if came := any(one is not None for one in own):
            more, more_labels = _part(what, *own, first, encoded.classes)
            images, labels = np.concatenate([images, more]), np.concatenate([labels, more_labels])
        sizes.append(len(more) if came else 0)
    given_test = np.arange(len(images)) >= sizes[0] + sizes[1]
    held = (np.arange(len(images)) >= sizes[0]) & ~given_test
    check_classes(labels, encoded.classes, given_test, "y", held)
    pixels, converted = _pixels(images, "X")
    shape = Shape(*pixels.shape[1:])
    findings = (
        Finding("samples", f"{len(pixels)} pictures of {len(encoded.classes)} classes, {shape}, {pixels.dtype}"),
        axis,
        converted,
        one_hot(encoded),
    )
    return Dataset(
        name=name,
        samples=pixels,
        labels=labels,
        classes=encoded.classes,
        given_test=given_test,
        fingerprint=content_fingerprint(pixels, labels, given_test, encoded.classes),
        findings=present(findings),
        given_validation=held if sizes[1] else None,
    )


def as_pictures(X: object, shape: Shape) -> Array:
    """Pictures to predict on, as `(n, channels, height, width)` uint8 or float32.

    Args:
        X: pictures `(n, h, w)`, `(n, h, w, c)` or `(n, c, h, w)`, or a single one `(h, w)`, `(h, w, c)` or
            `(c, h, w)`. `(n, h, w)` and `(h, w)` are for one channel. Values are taken as those of training.
        shape: of the pictures the network was trained on.

    Raises:
        InputError: another shape, another type, or values that are not finite.
    """
    array = _array(X, "X")
    c, h, w = shape.channels, shape.height, shape.width
    # Channels last stands before channels first, as `from_arrays` prefers it when both fit.
    if array.ndim == 4 and array.shape[1:] == (h, w, c):
        pictures = array.transpose(0, 3, 1, 2)
    elif array.ndim == 4 and array.shape[1:] == (c, h, w):
        pictures = array
    elif c == 1 and array.ndim >= 2 and array.shape[-2:] == (h, w) and array.ndim <= 3:
        pictures = array.reshape(-1, 1, h, w)
    elif array.shape == (h, w, c):
        pictures = array.transpose(2, 0, 1)[np.newaxis]
    elif array.shape == (c, h, w):
        pictures = array[np.newaxis]
    else:
        grey = f"({h}, {w}), (n, {h}, {w}), " if c == 1 else ""
        raise InputError(
            "X",
            given=f"of shape {array.shape}",
            expected=f"{grey}({h}, {w}, {c}), ({c}, {h}, {w}), (n, {h}, {w}, {c}) or (n, {c}, {h}, {w})",
            mend="resize the pictures to the size of training",
        )
    return _pixels(pictures, "X")[0]


def check_values(pictures: Array, seen: Values, what: str = "X", *, files: bool = False) -> None:
    """Raise `InputError` where pictures `(n, channels, height, width)` are on another scale than those of training.

    Bytes of files beside bytes are always taken; others that are 0 and 1 alone have lost what fractions they had.
    """
    both = pictures.dtype == np.uint8 and seen.dtype == "uint8"
    if both and files:
        return
    values = pictures[:: -(-len(pictures) // LOOKED_AT)].astype(np.float64) if len(pictures) else np.zeros((1, 1, 1, 1))
    mean, std = (np.array(numbers)[:, np.newaxis, np.newaxis] for numbers in (seen.mean, seen.std))
    low, high = float(values.min()), float(values.max())
    far = len(pictures) and np.sqrt(np.mean(((values - mean) / std) ** 2)) > FAR
    reach = max(abs(low), abs(high)) / (np.abs(mean) + 2 * std).max()
    may_be = pictures.dtype != np.uint8 or (both and high <= 1)
    small = may_be and 0 < values.std() < SMALL * std.max() and reach < SMALL
    if far or small:
        listed = ", ".join(f"{one:.4g} +- {deviation:.4g}" for one, deviation in zip(seen.mean, seen.std, strict=True))
        raise InputError(
            what, given=f"of values from {low:.4g} to {high:.4g} ({pictures.dtype})",
            expected=f"the scale of training, where mean and deviation were {listed} ({seen.dtype})",
            mend="scale them as then",
        )  # fmt: skip


def _array(X: object, what: str) -> Array:
    if hasattr(X, "toarray"):
        raise InputError(what, given="a sparse matrix", expected=SHAPES, mend="make it dense with .toarray()")
    try:
        array = np.asarray(X)
        if array.dtype.kind == "O":  # numbers, or pictures of one size, kept as Python objects
            array = np.asarray(array.tolist())
    except ValueError:
        raise InputError(
            what, given="a list of pictures of unequal size", expected=SHAPES, mend="resize them to one size"
        ) from None
    if array.dtype.kind not in "buif":
        raise InputError(
            what,
            given=f"of type {array.dtype}",
            expected="bool, integers or floats",
            mend="convert it to an array of numbers",
        )
    if array.size == 0:
        raise InputError(what, given=f"empty, of shape {array.shape}", expected=SHAPES, mend="give some pictures")
    return array


def _channels_first(array: Array, what: str) -> tuple[Array, Finding | None]:
    """`(n, c, h, w)` by the rule of `from_arrays`, and a choice that could have gone the other way."""
    if array.ndim == 3:
        return array[:, np.newaxis], None
    given = f"of shape {array.shape}"
    if array.ndim != 4:
        side = round(array[0].size ** 0.5) if array.ndim == 2 else 0
        square = side > 1 and side**2 == array[0].size
        mend = f"reshape it, perhaps to ({len(array)}, {side}, {side})" if square else "reshape it"
        raise InputError(what, given=given, expected=SHAPES, mend=mend)
    first, last = array.shape[1], array.shape[3]
    usual = (1, 3) if {first, last} & {1, 3} else (2, 4)
    if last in usual:
        choice = Finding("channels", f"The last axis of {array.shape} was taken as the channels")
        return array.transpose(0, 3, 1, 2), choice if first in usual else None
    if first in usual:
        return array, None
    raise InputError(what, given=given, expected=SHAPES, mend="move the channels to the second or last axis")


def _pixels(array: Array, what: str) -> tuple[Array, Finding | None]:
    """Pictures `(n, c, h, w)` as C-contiguous uint8 or float32, and the conversion where there was one."""
    kind, given = array.dtype.kind, str(array.dtype)
    if kind == "b" or (kind in "ui" and array.min() >= 0 and array.max() <= 255):
        pixels = np.ascontiguousarray(array, dtype=np.uint8)
    else:
        with np.errstate(over="ignore"):
            pixels = np.ascontiguousarray(array, dtype=np.float32)
        _check_finite(pixels, what)
    converted = Finding("converted", f"The pictures were converted from {given} to {pixels.dtype}")
    return pixels, None if pixels.dtype == array.dtype else converted


def _check_finite(pixels: Array, what: str) -> None:
    rows = np.flatnonzero(~np.isfinite(pixels).all(axis=(1, 2, 3))).tolist()
    if rows:
        raise InputError(
            what,
            given=f"NaN, infinite or beyond float32 in {rows_text(rows)}",
            expected="finite numbers",
            mend="mend these pictures or leave them out",
        )


def _check_lengths(images: Array, labels: Array, what: str) -> None:
    if len(images) != len(labels):
        raise InputError(
            what,
            given=f"of {len(images)} pictures and {len(labels)} labels",
            expected="as many labels as pictures",
            mend="check that both come from the same rows",
        )


def _part(
    part: str, X: object, y: object, images: Array, classes: tuple[object, ...]
) -> tuple[Array, npt.NDArray[np.int64]]:
    """A test or validation part beside the training part's pictures `(n, c, h, w)`."""
    pictures, answers = f"X_{part}", f"y_{part}"
    if X is None or y is None:
        lacking = pictures if X is None else answers
        raise InputError(
            lacking, given="missing", expected=f"{pictures} and {answers}, or neither", mend=f"give {lacking}"
        )
    more, _ = _channels_first(_array(X, pictures), pictures)
    # Integers beside floats are nearly always two scales, 0..255 and 0..1, which would spoil the test unseen.
    if more.shape[1:] != images.shape[1:] or (more.dtype.kind == "f") != (images.dtype.kind == "f"):
        raise InputError(
            pictures,
            given=f"{more.dtype} pictures of {Shape(*more.shape[1:])}",
            expected=f"{images.dtype} pictures of {Shape(*images.shape[1:])}, as in X",
            mend="prepare both parts in the same way",
        )
    labels = encode_like(y, classes, answers)
    _check_lengths(more, labels, f"{pictures} and {answers}")
    return more, labels


def content_fingerprint(pixels: Array, labels: Array, given_test: Array, classes: tuple[Any, ...]) -> str:
    """Identity of pictures in their final form, so that `(n, h, w)` and `(n, h, w, 1)` are the same data."""
    digest = hashlib.blake2b(f"arrays {pixels.dtype} {pixels.shape} {classes!r}".encode(), digest_size=16)
    for array in (pixels, labels, given_test):
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
