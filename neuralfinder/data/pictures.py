"""One picture file -> an array. The same conversions for training and for predicting."""

from __future__ import annotations

import base64
import functools
import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from neuralfinder.data.files import FORMATS, no_file
from neuralfinder.errors import InputError
from neuralfinder.types import FITS, Shape

PIXEL_LIMIT = 100_000_000
"""Pixels of the largest picture that is opened: a few kilobytes can claim to be terabytes."""

GREY_MODES = frozenset({"1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "I;16N"})

ORIENTATION = 0x0112

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What mends each value of the EXIF orientation."""

FRAMES, TURNED = "with several frames (first one used)", "turned by EXIF"
TRANSPARENT = "transparent (put on white, or what is as light on black)"
DEEP, DEEP_COLOUR, BILEVEL = "16-bit grey", "16-bit colour", "1-bit"
PALETTE, GREY, COLOUR = "palette", "8-bit grey", "colour"

SMALL = 96 * 96
"""Pixels of a picture that people are shown as it is, to the last of them."""

LIGHT = 240
"""Grey value from which all that is drawn on white is hardly seen."""


Encoded = str | Path | bytes
"""A picture file: its path, or its content."""


class UnreadableError(Exception):
    """A picture file that cannot be used; the text is the reason."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself before it is decoded.

    Attributes:
        height, width: as seen upright.
        grey: whether it has no colour.
        kinds: those it is of.
        format: name of its decoder.
    """

    height: int
    width: int
    grey: bool
    kinds: tuple[str, ...]
    format: str


@contextmanager
def no_warnings() -> Iterator[None]:
    """Silence warnings in a block: Pillow warns once per odd file, and we count and report those ourselves.

    The filters belong to the process, so this stands round a whole pass in the main thread, not in its workers.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def read_header(path: Encoded) -> Header:
    """Look at a picture file without decoding it.

    Args:
        path: the file, or its content.

    Raises:
        UnreadableError: with the reason.
    """
    with _open(path) as picture:
        turn = _orientation(picture)
        width, height = picture.size
        # Pillow gives the size of TIFF files as turned already.
        if turn >= 5 and picture.format != "TIFF":
            width, height = height, width
        kinds = [
            DEEP if picture.mode.startswith("I") else "",
            DEEP_COLOUR if picture.mode.startswith("RGB") and ";16" in str(getattr(picture, "tile", ())[:1]) else "",
            BILEVEL if picture.mode == "1" else "",
            PALETTE if picture.mode in ("P", "PA") else "",
            GREY if picture.mode in ("L", "LA") else "",
            picture.mode if picture.mode in ("CMYK", "YCbCr", "LAB", "HSV") else "",
            TRANSPARENT if _transparent(picture) else "",
            TURNED if turn in TURNS else "",
            FRAMES if getattr(picture, "is_animated", False) else "",
        ]
        kinds = [kind for kind in kinds if kind]
        return Header(height, width, picture.mode in GREY_MODES, tuple(kinds), _format(picture))


def decode(path: Encoded, shape: Shape, fit: str = FITS[0]) -> npt.NDArray[np.uint8]:
    """Decode one picture file.

    Upright by its EXIF orientation, 16-bit grey scaled to 8 bit, transparency put on white, or on black where white
    would hide what is drawn, the first of several frames, then resized to the shape by a Lanczos filter.

    Args:
        path: the file, or its content.
        shape: of the result, 1 or 3 channels.
        fit: one of `FITS`.

    Returns:
        `(channels, height, width)` uint8, 0..255.

    Raises:
        UnreadableError: with the reason.
    """
    size = (shape.width, shape.height)
    with _open(path) as picture:
        if picture.format == "JPEG" and picture.size != size:
            # Decoding at a half, quarter or eighth is several times faster; twice the size is left for the filter.
            picture.draft(None, (2 * max(size), 2 * max(size)))
        picture.load()
        turn = _orientation(picture)
        upright = _to_mode(picture, "L" if shape.channels == 1 else "RGB")
        if turn in TURNS:
            upright = upright.transpose(TURNS[turn])
        pixels = np.asarray(_resized(upright, size, fit))
    if pixels.shape[:2] != (shape.height, shape.width):
        pixels = _padded(pixels, shape)
    return pixels[np.newaxis] if shape.channels == 1 else pixels.transpose(2, 0, 1)


def _resized(picture: Image.Image, size: tuple[int, int], fit: str) -> Image.Image:
    """Of this width and height; to be padded of one of them, if it has other proportions."""
    if picture.size == size:
        return picture
    if fit == "crop":
        return ImageOps.fit(picture, size, Image.Resampling.LANCZOS)
    if fit == "pad":
        return ImageOps.contain(picture, size, Image.Resampling.LANCZOS)
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _padded(pixels: npt.NDArray[np.uint8], shape: Shape) -> npt.NDArray[np.uint8]:
    """`(height, width[, channels])` in the middle of a picture of this shape, its outermost pixels drawn out."""
    missing = [side - own for side, own in zip((shape.height, shape.width), pixels.shape[:2], strict=True)]
    around = [(some // 2, some - some // 2) for some in missing]
    return np.pad(pixels, [*around, (0, 0)][: pixels.ndim], mode="edge")


def read_pictures(paths: Sequence[Encoded], shape: Shape, fit: str = FITS[0]) -> npt.NDArray[np.uint8]:
    """Picture files to predict on, converted as in training.

    Args:
        paths: n files, or their contents.
        shape: of the pictures the network was trained on, 1 or 3 channels.
        fit: one of `FITS`, as then.

    Returns:
        `(n, channels, height, width)` uint8, 0..255.

    Raises:
        InputError: names the first file that is unreadable, with the reason; or a shape of other channels.
    """
    check_takes_files(shape)
    pictures = np.empty((len(paths), shape.channels, shape.height, shape.width), dtype=np.uint8)
    with no_warnings():
        for row, path in enumerate(paths):
            pictures[row] = read_picture(path, shape, fit, f"picture {row}" if isinstance(path, bytes) else "")
    return pictures


def read_picture(path: Encoded, shape: Shape, fit: str = FITS[0], name: str = "") -> npt.NDArray[np.uint8]:
    """One of them, `(channels, height, width)`, with its `name` for messages where it is not its path.

    Raises:
        InputError: as `read_pictures`.
    """
    check_takes_files(shape)
    try:
        return decode(path, shape, fit)
    except UnreadableError as error:
        raise InputError(
            name or str(path),
            given=f"unreadable: {error}",
            expected="a picture file",
            mend="replace it or leave it out",
        ) from None


def check_takes_files(shape: Shape) -> None:
    """Raise `InputError` unless picture files can be brought to this shape."""
    if shape.channels not in (1, 3):
        raise InputError(
            "the network's input",
            given=f"of {shape.channels} channels",
            expected="1 or 3 channels for picture files",
            mend="give arrays instead of files",
        )


@contextmanager
def _open(path: Encoded) -> Iterator[Image.Image]:
    """An opened picture that can be used; whatever goes wrong in the block is an `UnreadableError`."""
    try:
        if reason := "" if isinstance(path, bytes) else no_file(path):
            raise UnreadableError(reason)
        with Image.open(io.BytesIO(path) if isinstance(path, bytes) else path, formats=_decoders()) as picture:
            if picture.width * picture.height > PIXEL_LIMIT:
                raise UnreadableError(f"{picture.width} x {picture.height} is beyond {PIXEL_LIMIT:,} pixels")
            if picture.mode == "F":
                raise UnreadableError("floating-point pixels, whose range is unknown; save it with 8 or 16 bits")
            yield picture
    except UnreadableError:
        raise
    except FileNotFoundError:
        raise UnreadableError("no such file") from None
    except UnidentifiedImageError:
        raise UnreadableError(_unidentified(path)) from None
    except Image.DecompressionBombError:
        raise UnreadableError(f"beyond {PIXEL_LIMIT:,} pixels") from None
    except Exception as error:  # decoders meet broken bytes with errors of nearly any type
        raise UnreadableError(" ".join(str(error).split()) or type(error).__name__) from None


@functools.cache
def _decoders() -> tuple[str, ...]:
    """Those of `FORMATS` that this Pillow has."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _unidentified(path: Encoded) -> str:
    size = len(path) if isinstance(path, bytes) else Path(path).stat().st_size
    return "not a picture" if size else "an empty file"


def _format(picture: Image.Image) -> str:
    """The decoder's name; a camera's JPEG with more than one picture in it calls itself MPO."""
    return "JPEG" if picture.format == "MPO" else str(picture.format)


def _orientation(picture: Image.Image) -> int:
    """The EXIF orientation, 1..8; 1 where there is none or it cannot be read, for the picture itself may be whole."""
    # Asking a PNG without it would decode the picture.
    told = {"exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp"} & picture.info.keys()
    if not told and picture.format != "TIFF":
        return 1
    try:
        value = int(picture.getexif().get(ORIENTATION, 1))
    except Exception:  # as in `_open`
        return 1
    return value if value in TURNS else 1


def _transparent(picture: Image.Image) -> bool:
    return picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info


def _to_mode(picture: Image.Image, mode: str) -> Image.Image:
    """A loaded picture as `L` or `RGB`."""
    if picture.mode.startswith("I"):
        picture = _from_16_bit(picture)
    elif _transparent(picture):
        coloured = picture.convert("RGBA")
        on_white, on_black = (
            Image.alpha_composite(Image.new("RGBA", coloured.size, ground), coloured).convert("RGB")
            for ground in ("white", "black")
        )
        hidden = int(np.asarray(on_white.convert("L")).min()) >= LIGHT
        picture = on_black if hidden and on_black.getbbox() else on_white
    return picture if picture.mode == mode else picture.convert(mode)


def _from_16_bit(picture: Image.Image) -> Image.Image:
    """0..65535 to 0..255, rounded. Pillow's own conversion cuts everything above 255 off."""
    values = np.asarray(picture).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise UnreadableError("integer pixels beyond 16 bits; save it with 8 or 16 bits")
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))


def as_address(picture: npt.NDArray[np.generic], largest: int = 96) -> str:
    """A picture `(channels, height, width)` as a `data:` address, no side longer than `largest` pixels.

    It is a PNG, or a JPEG where it has more than `SMALL` pixels, which a PNG would make ten times as long.
    Floats are scaled to their own range; of other than 1 or 3 channels the mean is shown.
    """
    values = picture if picture.shape[0] in (1, 3) else picture.mean(axis=0, keepdims=True)
    if values.dtype != np.uint8:
        low, high = float(values.min()), float(values.max())
        values = ((values.astype(np.float64) - low) * (255 / (high - low) if high > low else 0)).astype(np.uint8)
    image = Image.fromarray(values[0] if len(values) == 1 else np.moveaxis(values, 0, -1))
    if max(image.size) > largest:
        image.thumbnail((largest, largest))
    file = io.BytesIO()
    form = "PNG" if image.width * image.height <= SMALL else "JPEG"
    image.save(file, form, quality=80)
    return f"data:image/{form.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"
