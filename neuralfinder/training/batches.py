"""Samples on the device, in batches: pictures made smaller and normalised as whole tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name everybody knows it by

from neuralfinder.data.mapped import memory_bytes
from neuralfinder.data.tokens import Tokens
from neuralfinder.networks.genome import USUAL_SIDE
from neuralfinder.training.augmentation import Augmentation, piece
from neuralfinder.training.recipes import MOST_VIEWS
from neuralfinder.types import Shape

BLOCK = 1 << 26
"""Bytes of pictures read from a memory map, or looked at for statistics, at once."""


MOST_KEPT = 3
"""Sizes of a part that are kept beside it: those of the candidates trained last; to make one anew takes a second."""


def device_memory(device: torch.device) -> float:
    """Bytes of memory of a card; of a processor a quarter of the main memory, where the data are already."""
    if device.type == "cuda":
        return float(torch.cuda.get_device_properties(device).total_memory)
    return memory_bytes() / 4


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the data.

    Attributes:
        pictures: `(m, channels, height, width)`, uint8 or float32, or texts `(m, pieces, 2, width)` int32: its own
            on the training device, or, when `rows` are given, those of all parts in main memory or a memory map.
        labels: `(n,)` int64 on the training device.
        rows: `(n,)` the part's rows in `pictures`, or `None` for all.
        file: `.npy` file that holds `pictures` too, from which another process maps them; `None` for none.
        kept: the same pictures made smaller, by their shape; see `at`.
        answers: what is known of them, see `bag.answers_of`.
    """

    pictures: Tensor
    labels: Tensor
    rows: Tensor | None = None
    file: Path | None = None
    kept: dict[Shape, Part] = field(default_factory=dict, compare=False, repr=False)
    answers: dict[Any, Tensor] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, pictures: np.ndarray, labels: np.ndarray, rows: np.ndarray, device: torch.device) -> Part:
        """The part with these rows of all pictures and labels.

        Arrays move to the device when all parts fill at most half of its `device_memory`; else they stay in place, as
        memory maps do.
        """
        own_labels = torch.as_tensor(labels[rows], device=device)
        if isinstance(pictures, np.memmap) or pictures.nbytes > device_memory(device) / 2:
            file = Path(pictures.filename) if isinstance(pictures, np.memmap) and pictures.filename else None
            return cls(torch.from_numpy(pictures), own_labels, torch.from_numpy(rows), file)
        return cls(torch.as_tensor(pictures[rows], device=device), own_labels)

    def __reduce__(self) -> tuple[Callable[..., Part], tuple[Any, ...]]:
        """Goes to other processes as arrays, the pictures as the name of their file where they have one."""
        pictures = self.pictures.cpu().numpy() if self.file is None else None
        rows = None if self.rows is None else self.rows.cpu().numpy()
        return _part, (pictures, self.labels.cpu().numpy(), rows, self.labels.device, self.file)

    def filed(self, file: Path) -> Part:
        """The same part with its pictures in a `.npy` file, written unless they are in one already."""
        if self.file:
            return self
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, self.pictures.cpu().numpy(), allow_pickle=False)
        return replace(self, file=file.absolute())

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> Shape:
        """Shape of one picture."""
        channels, height, width = self.pictures.shape[1:]
        return Shape(channels, height, width)

    def take(self, index: Tensor) -> Tensor:
        """Pictures at positions `(k,)` of the part, on the training device."""
        index = index.to(self.pictures.device)
        rows = index if self.rows is None else self.rows[index]
        return self.pictures[rows].to(self.labels.device)

    def at(self, side: int) -> Part:
        """The part with pictures of which no side is longer than this, rounded; `MOST_KEPT` are kept."""
        smaller = self.shape.at(side)
        if smaller == self.shape:
            return self
        if smaller not in self.kept:
            while len(self.kept) >= MOST_KEPT:
                del self.kept[next(iter(self.kept))]
            picture = self.pictures[0].nbytes
            device = self.pictures.device if self.rows is None else torch.device("cpu")
            shape = (len(self), smaller.channels, smaller.height, smaller.width)
            pictures = torch.empty(shape, dtype=self.pictures.dtype, device=device)
            done = 0
            for some in self.chunks(max(1, BLOCK // (4 * picture))):
                made = made_smaller(some, side)
                pictures[done : done + len(some)] = made if made.dtype == pictures.dtype else made.round()
                done += len(some)
            rows = None if self.rows is None else torch.arange(len(self))
            self.kept[smaller] = Part(pictures, self.labels, rows)
        return self.kept[smaller]

    def subset(self, index: Tensor) -> Part:
        """The part that consists of the pictures at positions `(k,)`."""
        labels = self.labels[index.to(self.labels.device)]
        if self.rows is None:
            return Part(self.take(index), labels)
        return Part(self.pictures, labels, self.rows[index], self.file)

    def first(self, count: int) -> Part:
        """The part's first pictures, all when there are fewer."""
        rows = self.rows if self.rows is None else self.rows[:count]
        if rows is None:
            return Part(self.pictures[:count], self.labels[:count])
        return Part(self.pictures, self.labels[:count], rows, self.file)

    def joined(self, other: Part) -> Part:
        """This part and another of the same data, one after the other."""
        labels = torch.cat([self.labels, other.labels])
        if self.rows is None or other.rows is None:
            return Part(torch.cat([self.pictures, other.pictures]), labels)
        return Part(self.pictures, labels, torch.cat([self.rows, other.rows]), self.file)

    def batches(self, order: Tensor, size: int) -> Iterator[Tensor]:
        """Pictures at positions `(k,)` in that order, at most `size` at a time, on the training device.

        Of all parts' pictures they are read ahead in blocks of many batches, in the order of the file, in a thread.
        """
        if self.rows is None:
            order = order.to(self.pictures.device)
            for start in range(0, len(order), size):
                yield self.pictures[order[start : start + size]]
            return
        block = size * max(1, BLOCK // (size * self.pictures[0].nbytes))
        with ThreadPoolExecutor(1) as reader:
            ahead = reader.submit(self._read, order[:block])
            for start in range(0, len(order), block):
                pictures = ahead.result()
                ahead = reader.submit(self._read, order[start + block : start + 2 * block])
                for first in range(0, len(pictures), size):
                    yield pictures[first : first + size].to(self.labels.device)

    def _read(self, index: Tensor) -> Tensor:
        """Pictures at positions `(k,)`, read in the order of the file."""
        rows = index if self.rows is None else self.rows[index]
        rows, back = rows.sort()
        return self.pictures[rows][back.argsort()]

    def chunks(self, size: int) -> Iterator[Tensor]:
        """All pictures in order, at most `size` at a time."""
        for start in range(0, len(self), size):
            if self.rows is None:
                yield self.pictures[start : start + size]
            else:
                yield self.take(torch.arange(start, min(start + size, len(self))))


def _part(
    pictures: np.ndarray | None, labels: np.ndarray, rows: np.ndarray | None, device: torch.device, file: Path | None
) -> Part:
    """The part that `Part.__reduce__` took apart; what is in a file is in memory once for all processes."""
    if pictures is None:
        # copied where written to, which nobody does: torch warns of arrays that cannot be
        pictures = np.load(str(file), mmap_mode="c", allow_pickle=False)
    samples = torch.from_numpy(pictures)
    own_labels = torch.as_tensor(labels, device=device)
    if rows is None:
        kept = _kept_of(file, file.stat().st_mtime_ns) if file else {}
        return Part(samples.to(device), own_labels, file=file, kept=kept)
    return Part(samples, own_labels, torch.from_numpy(rows), file)


@lru_cache(maxsize=4)
def _kept_of(file: Path, modified: int) -> dict[Shape, Part]:
    """What is kept beside the part in a file: a process that trains one candidate after the other gets it each time."""
    return {}


@dataclass(frozen=True, slots=True)
class Scaling:
    """Larger pictures made smaller, then z-scores by channel; statistics of the training part only.

    `mean` and `std` have one number a channel; no side is longer than `side`, 0 for no limit; `dtype` is the type of
    the pictures, uint8 or float32.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    side: int = 0
    dtype: str = "uint8"

    def at(self, side: int) -> Scaling:
        """The same for a network with this `Genome.side`."""
        return replace(self, side=side or USUAL_SIDE)

    @classmethod
    def of(cls, part: Part) -> Scaling:
        """Statistics of a part, in double precision; a constant channel gets deviation 1."""
        total = torch.zeros(part.shape.channels, dtype=torch.float64)
        squares = total.clone()
        picture = total.element_size() * part.pictures[0].numel()
        for pictures in part.chunks(max(1, BLOCK // picture)):
            exact = pictures.cpu().double()
            total += exact.sum((0, 2, 3))
            squares += exact.square().sum((0, 2, 3))
        count = len(part) * part.shape.height * part.shape.width
        mean = total / count
        std = (squares / count - mean.square()).clamp(min=0).sqrt()
        varies = std > (1e-6 * mean.abs()).clamp(min=1e-30)  # below is rounding, or too small to divide by in float32
        dtype = str(part.pictures.dtype).removeprefix("torch.")
        return cls(tuple(mean.tolist()), tuple(torch.where(varies, std, 1.0).tolist()), dtype=dtype)

    def shape(self, picture: Shape) -> Shape:
        """Of one picture, for the network."""
        return picture.at(self.side) if self.side else picture

    def apply(self, pictures: Tensor) -> Tensor:
        """`(n, channels, height, width)` of any type -> float32 z-scores in channels-last memory."""
        mean, std = _on(pictures.device, self)
        return ((self.smaller(pictures).float() - mean) / std).contiguous(memory_format=torch.channels_last)

    def smaller(self, pictures: Tensor) -> Tensor:
        """`(n, channels, height, width)` of which no side is longer than `side`."""
        return made_smaller(pictures, self.side) if self.side else pictures


Preparation = Scaling | Tokens
"""What is done to samples before a network sees them, learned from the training part."""


@dataclass(frozen=True, slots=True)
class Views:
    """How often a trained network looks at a sample: the answer is the mean of its logits over all views.

    Attributes:
        mirror: also at the mirror image.
        shift: also at the picture moved by one pixel up and left, and down and right.
        half: at pictures of half the side.
        pieces: at all pieces of a text, not the first one alone; where it has fewer than there may be, at some again.
    """

    mirror: bool = False
    shift: bool = False
    half: bool = False
    pieces: bool = False

    @property
    def count(self) -> int:
        """How many there are, of pictures with more than one pixel; of texts at most."""
        return MOST_VIEWS if self.pieces else (1 + self.mirror) * (1 + 2 * self.shift)

    def of(self, pictures: Tensor) -> Iterator[Tensor]:
        """The views of `(n, channels, height, width)`, each of the same shape and layout; of texts each one piece."""
        if self.pieces:
            most = pictures.shape[1]
            for number in range(most):
                yield piece(pictures, torch.full(pictures.shape[:1], (number + 0.5) / most, device=pictures.device))
            return
        pictures = halved(pictures) if self.half else pictures
        moved = [pictures]
        _, _, height, width = pictures.shape
        if self.shift and min(height, width) > 1:
            padded = F.pad(pictures, (1, 1, 1, 1), mode="reflect")
            moved += [padded[:, :, start : start + height, start : start + width] for start in (0, 2)]
        for view in moved:
            yield view.contiguous(memory_format=torch.channels_last)
            if self.mirror:
                yield view.flip(3).contiguous(memory_format=torch.channels_last)


def training_batches(
    part: Part,
    batch_size: int,
    steps: int,
    epochs: int,
    augmentation: Augmentation,
    preparation: Preparation,
    generator: torch.Generator,
    half: bool = False,
) -> Iterator[tuple[Tensor, Tensor]]:
    """`steps` batches of at most `batch_size` in each of `epochs`, in a fresh random order: no sample twice an epoch.

    All that is random in an epoch is drawn at its beginning and taken to the device at once. With `half` the sides of
    the pictures are halved before they are changed.

    Yields pictures `(n, channels, height, width)` float32 channels-last, and labels `(n,)`.
    """
    device, shape = part.labels.device, part.shape.half if half else part.shape
    mirror = torch.rand(len(part), generator=generator) < 0.5
    for epoch in range(epochs):
        order = torch.randperm(len(part), generator=generator)[: steps * batch_size]
        changes = augmentation.draw(shape, mirror[order] ^ bool(epoch % 2), generator).to(device)
        labels = part.labels[order.to(device)]
        for step, pictures in enumerate(part.batches(order, batch_size)):
            of = slice(step * batch_size, step * batch_size + len(pictures))
            yield changes.apply(halved(pictures) if half else pictures, of, preparation), labels[of]


def halved(pictures: Tensor) -> Tensor:
    """`(n, channels, height, width)` of any type -> float32 of half the sides, rounded up: means of four pixels."""
    return F.avg_pool2d(pictures.float(), 2, ceil_mode=True)


def made_smaller(pictures: Tensor, side: int) -> Tensor:
    """Pictures `(n, channels, height, width)` of which no side is longer: float32 means of areas, or as they are."""
    shape = Shape(*pictures.shape[1:])
    smaller = shape.at(side)
    if smaller == shape:
        return pictures
    return F.interpolate(pictures.float(), size=(smaller.height, smaller.width), mode="area")


def plain_batches(part: Part, batch_size: int, preparation: Preparation) -> Iterator[Tensor]:
    """All samples in order, prepared and unchanged otherwise."""
    for samples in part.chunks(batch_size):
        yield preparation.apply(samples)


@lru_cache(maxsize=8)
def _on(device: torch.device, scaling: Scaling) -> tuple[Tensor, Tensor]:
    """Mean and deviation `(1, channels, 1, 1)` on a device: copied once, for a copy waits for the device."""
    mean, std = (torch.tensor(values, device=device).view(1, -1, 1, 1) for values in (scaling.mean, scaling.std))
    return mean, std
