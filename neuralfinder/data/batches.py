"""Pictures on the device, in batches: normalised, shifted, turned and mirrored as whole tensors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name everybody knows it by

from neuralfinder.types import Shape


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the data.

    Attributes:
        pictures: `(m, channels, height, width)`, uint8 or float32: the part's own on the training device, or, when
            `rows` are given, those of all parts in a memory map.
        labels: `(n,)` int64 on the training device.
        rows: `(n,)` the part's rows in `pictures`, or `None` for all.
    """

    pictures: Tensor
    labels: Tensor
    rows: Tensor | None = None

    @classmethod
    def of(cls, pictures: np.ndarray, labels: np.ndarray, rows: np.ndarray, device: torch.device) -> Part:
        """The part with these rows of all pictures and labels. Arrays move to the device, memory maps stay on disk."""
        own_labels = torch.as_tensor(labels[rows], device=device)
        if isinstance(pictures, np.memmap):
            return cls(torch.from_numpy(pictures), own_labels, torch.from_numpy(rows))
        return cls(torch.as_tensor(pictures[rows], device=device), own_labels)

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

    def subset(self, index: Tensor) -> Part:
        """The part that consists of the pictures at positions `(k,)`."""
        labels = self.labels[index.to(self.labels.device)]
        if self.rows is None:
            return Part(self.take(index), labels)
        return Part(self.pictures, labels, self.rows[index])

    def joined(self, other: Part) -> Part:
        """This part and another of the same data, one after the other."""
        labels = torch.cat([self.labels, other.labels])
        if self.rows is None or other.rows is None:
            return Part(torch.cat([self.pictures, other.pictures]), labels)
        return Part(self.pictures, labels, torch.cat([self.rows, other.rows]))

    def on_cpu(self) -> Part:
        """The same part in main memory."""
        return Part(self.pictures.cpu(), self.labels.cpu(), self.rows)

    def chunks(self, size: int) -> Iterator[Tensor]:
        """All pictures in order, at most `size` at a time."""
        for start in range(0, len(self), size):
            yield self.take(torch.arange(start, min(start + size, len(self))))


@dataclass(frozen=True, slots=True)
class Scaling:
    """Per-channel z-scores; statistics of the training part only. `mean` and `std` have one number a channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, part: Part) -> Scaling:
        """Statistics of a part, in double precision; a constant channel gets deviation 1."""
        total = torch.zeros(part.shape.channels, dtype=torch.float64)
        squares = total.clone()
        for pictures in part.chunks(4096):
            exact = pictures.cpu().double()
            total += exact.sum((0, 2, 3))
            squares += exact.square().sum((0, 2, 3))
        count = len(part) * part.shape.height * part.shape.width
        mean = total / count
        std = (squares / count - mean.square()).clamp(min=0).sqrt()
        varies = std > (1e-6 * mean.abs()).clamp(min=1e-30)  # below is rounding, or too small to divide by in float32
        return cls(tuple(mean.tolist()), tuple(torch.where(varies, std, 1.0).tolist()))

    def apply(self, pictures: Tensor) -> Tensor:
        """`(n, channels, height, width)` of any type -> float32 z-scores in channels-last memory."""
        mean = torch.tensor(self.mean, dtype=torch.float32, device=pictures.device).view(1, -1, 1, 1)
        std = torch.tensor(self.std, dtype=torch.float32, device=pictures.device).view(1, -1, 1, 1)
        return ((pictures.float() - mean) / std).contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Random changes of training pictures: `shift` as a share of the side, `rotation` in degrees, `flip` left-right."""

    shift: float = 0.0
    rotation: float = 0.0
    flip: bool = False

    def apply(self, pictures: Tensor, generator: torch.Generator) -> Tensor:
        """Change each picture of `(n, channels, height, width)` on its own, the batch as one tensor."""
        if self.rotation:
            pictures = _turn_and_shift(pictures, self.rotation, self.shift, generator)
        elif self.shift:
            pictures = _crop(pictures, self.shift, generator)
        if self.flip:
            mirror = torch.rand(len(pictures), 1, 1, 1, generator=generator) < 0.5
            pictures = torch.where(mirror.to(pictures.device), pictures.flip(3), pictures)
        return pictures


def training_batches(
    part: Part, batch_size: int, steps: int, augmentation: Augmentation, scaling: Scaling, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """`steps` batches of at most `batch_size`, in a fresh random order, no sample twice; the rest of it waits.

    Yields pictures `(n, channels, height, width)` float32 channels-last, and labels `(n,)`.
    """
    order = torch.randperm(len(part), generator=generator)
    for step in range(steps):
        rows = order[step * batch_size : (step + 1) * batch_size]
        pictures = augmentation.apply(part.take(rows), generator)
        yield scaling.apply(pictures), part.labels[rows.to(part.labels.device)]


def plain_batches(part: Part, batch_size: int, scaling: Scaling) -> Iterator[Tensor]:
    """All pictures in order, scaled and unchanged otherwise."""
    for pictures in part.chunks(batch_size):
        yield scaling.apply(pictures)


def _crop(pictures: Tensor, shift: float, generator: torch.Generator) -> Tensor:
    """Shift by whole pixels, up to `shift` of each side and at least one; what comes in is a reflection."""
    count, _, height, width = pictures.shape
    tall, wide = max(1, round(shift * height)), max(1, round(shift * width))
    tall, wide = min(tall, height - 1), min(wide, width - 1)
    padded = F.pad(pictures.float(), (wide, wide, tall, tall), mode="reflect").to(pictures.dtype)
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # (n, c, 2 tall + 1, 2 wide + 1, height, width)
    down = torch.randint(0, 2 * tall + 1, (count,), generator=generator).to(pictures.device)
    right = torch.randint(0, 2 * wide + 1, (count,), generator=generator).to(pictures.device)
    return windows[torch.arange(count, device=pictures.device), :, down, right]


def _turn_and_shift(pictures: Tensor, rotation: float, shift: float, generator: torch.Generator) -> Tensor:
    """Turn by up to `rotation` degrees and shift by up to `shift` of each side; the nearest pixel fills the edge."""
    count, _, height, width = pictures.shape
    draw = torch.rand(count, 3, generator=generator) * 2 - 1
    angle = draw[:, 0] * (rotation * torch.pi / 180)
    cos, sin = angle.cos(), angle.sin()
    theta = torch.zeros(count, 2, 3)
    # grid_sample counts each side from -1 to 1, so a share of the side counts double and angles need the aspect
    theta[:, 0, 0], theta[:, 0, 1], theta[:, 0, 2] = cos, -sin * (height / width), draw[:, 1] * 2 * shift
    theta[:, 1, 0], theta[:, 1, 1], theta[:, 1, 2] = sin * (width / height), cos, draw[:, 2] * 2 * shift
    grid = F.affine_grid(theta.to(pictures.device), list(pictures.shape), align_corners=False)
    return F.grid_sample(pictures.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)
