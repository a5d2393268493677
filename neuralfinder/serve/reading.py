"""The body of a request -> samples. Whatever is too large, too slow or something else is refused in words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.types import Message, Receive

from neuralfinder.data.dataset import Array
from neuralfinder.data.files import TEXTS, Kind
from neuralfinder.data.pictures import PIXEL_LIMIT, UnreadableError, decode, read_header
from neuralfinder.errors import InputError
from neuralfinder.types import Shape

FORM = "multipart/form-data"

LINGER_SECONDS = 2.0
"""How long who was refused while sending may go on sending into nothing: a connection closed at once would take the
reason of the refusal with it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may take.

    Attributes:
        picture_bytes: of a body with pictures: some photographs as a telephone takes them.
        text_bytes: of a body with texts: some seconds' work for a tokenizer, whatever the script.
        samples: of one request: no more than a forward pass (`batching.MOST`).
        pixels: of all its pictures together: as many as one may have, so that many are not worse than one.
        seconds: within which the whole body is there.
        waiting: requests that are read, decoded or answered at a time; they hold up to as many bodies in memory.
    """

    picture_bytes: int = 16 * 2**20
    text_bytes: int = 2**20
    samples: int = 256
    pixels: int = PIXEL_LIMIT
    seconds: float = 30.0
    waiting: int = 64

    def bytes_of(self, kind: Kind) -> int:
        """Of a body with samples of this kind."""
        return self.text_bytes if kind == TEXTS else self.picture_bytes


LIMITS = Limits()


class RefusedError(InputError):
    """A request that is not answered.

    Args:
        status: of the answer.
        what, given, expected, mend: as for every `InputError`.
    """

    def __init__(self, status: int, what: str, *, given: object, expected: str, mend: str) -> None:
        super().__init__(what, given=given, expected=expected, mend=mend)
        self.status = status


class Body:
    """Messages of a body as they come, counted and timed.

    Args:
        receive: gives them.
        most: bytes.
        seconds: until the last one.

    Attributes:
        unread: whether more is to come.
    """

    def __init__(self, receive: Receive, most: int, seconds: float) -> None:
        self._receive, self._most, self._seconds = receive, most, seconds
        self._left = most
        self._until = asyncio.get_running_loop().time() + seconds
        self.unread = True

    async def receive(self) -> Message:
        """The next message.

        Raises:
            RefusedError: too many bytes, or too late.
        """
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            raise RefusedError(
                408, "the body", given="not whole in time", expected=f"all of it within {self._seconds:g} seconds",
                mend="send it faster, or in several requests",
            ) from None  # fmt: skip
        self.unread = message.get("more_body", False)
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise self.too_large()
        return message

    def check_length(self, told: str | None) -> None:
        """Raise `RefusedError` if its header says that it is too long."""
        if told is not None and int(told) > self._most:
            raise self.too_large()

    def too_large(self) -> RefusedError:
        """What is said then."""
        return RefusedError(
            413, "the body", given="too large", expected=f"at most {self._most:,} bytes",
            mend="send its samples in several requests",
        )  # fmt: skip

    async def linger(self) -> None:
        """Let the sender send on into nothing for a moment."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while self.unread:
                    self.unread = (await self._receive()).get("more_body", False)


async def given_in(request: Request, kind: Kind, limits: Limits) -> Sequence[object]:
    """What the body of a request gives as samples, in order: bytes of files, str, or whatever JSON has instead.

    Args:
        request: its body is read within limits already.
        kind: of the samples that are asked for.
        limits: for their number.

    Raises:
        RefusedError: another type of content, a body that is not of its type, no sample or too many.
    """
    told = request.headers.get("content-type", "")
    type_, options = parse_options_header(told)
    charset = options.get(b"charset", b"utf-8").lower()
    match type_.decode("latin-1"), kind == TEXTS:
        case ("multipart/form-data", _):
            given = await _parts(request, limits.samples, limits.bytes_of(kind))
        case ("application/json", True):
            given = _texts(await request.body())
        case ("text/plain", True) if charset in (b"utf-8", b"us-ascii"):
            given = [await request.body()]
        case (name, False) if name.startswith("image/") or name == "application/octet-stream":
            given = [await request.body()]
        case _:
            raise _of_another_type(told, kind)
    if not given:
        raise RefusedError(400, "the body", given="without samples", expected="at least one", mend="add one")
    if len(given) > limits.samples:
        raise _too_many(limits.samples)
    return given


def _of_another_type(given: str, kind: Kind) -> RefusedError:
    texts = f"{FORM}, text/plain in UTF-8, or application/json"
    return RefusedError(
        415, "the content type", given=repr(given) if given else "missing",
        expected=texts if kind == TEXTS else f"{FORM}, image/... or application/octet-stream",
        mend=f"this model takes {kind.name}s; give the header Content-Type",
    )  # fmt: skip


def _too_many(most: int) -> RefusedError:
    return RefusedError(
        413, "the number of samples", given="too large", expected=f"at most {most} a request",
        mend="send them in several requests",
    )  # fmt: skip


def _unreadable(why: str) -> RefusedError:
    return _spoilt(f"a form that cannot be read ({why})", "parts between boundaries")


async def _parts(request: Request, most: int, size: int) -> list[object]:
    """Files and fields of a form in their order; those of the same name too."""
    parser = MultiPartParser(request.headers, request.stream(), max_files=most, max_fields=most, max_part_size=size)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        if error.message.startswith("Too many"):
            raise _too_many(most) from None
        raise _unreadable(error.message) from None
    except FormParserError as error:  # which newer versions of starlette raise as the other
        raise _unreadable(str(error)) from None
    try:
        parts = [part for _, part in form.multi_items()]
        return [await part.read() if isinstance(part, UploadFile) else part for part in parts]
    finally:
        await form.close()


def _texts(body: bytes) -> list[Any]:
    expected = '{"texts": ["...", "..."]}'
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _spoilt(f"no JSON ({error})", expected) from None
    if not isinstance(said, dict) or said.keys() != {"texts"} or not isinstance(said["texts"], list):
        raise _spoilt("JSON of another form", expected)
    return said["texts"]


def _spoilt(given: str, expected: str) -> RefusedError:
    return RefusedError(400, "the body", given=given, expected=expected, mend="check how it is made")


Sample = Array | str | UnreadableError
"""One picture `(channels, height, width)` uint8, or one text; or why there is none."""


def samples_of(
    given: Sequence[object], shape: Shape, fit: str, pixels: int, span: tuple[int, int] | None = None
) -> list[Sample]:
    """Decode what was given, each by itself.

    Args:
        given: as from `given_in`.
        shape: of what the network was trained on.
        fit: how pictures are brought to it, one of `types.FITS`.
        pixels: of all pictures together.
        span: what 16-bit grey is scaled by, see `data.pictures.decode`.

    Returns:
        A sample, or why there is none, for each.
    """
    samples = list[Sample]()
    for one in given:
        try:
            if shape.vocabulary:
                samples.append(_text(one))
            else:
                picture, taken = _picture(one, pixels, shape=shape, fit=fit, span=span)
                pixels -= taken
                samples.append(picture)
        except UnreadableError as error:
            samples.append(error)
    return samples


def _text(given: object) -> str:
    if isinstance(given, bytes):
        try:
            return given.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise UnreadableError("no UTF-8") from None
    if not isinstance(given, str):
        raise UnreadableError(f"{json.dumps(given)[:40]} where a text was expected")
    return given


def _picture(given: object, most: int, **how: Any) -> tuple[Array, int]:
    """The picture, as `decode` is told, and how many pixels it had, at most so many."""
    if not isinstance(given, bytes):
        raise UnreadableError("a text where a picture file was expected")
    header = read_header(given)
    pixels = header.height * header.width
    if pixels > most:
        raise UnreadableError(f"{pixels:,} pixels; of this request's there are {most:,} left")
    return decode(given, **how), pixels
