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
class Scaling:
    """Per-channel z-scores; statistics of the training part only. `mean` and `std` have one number a channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, pictures: np.ndarray) -> Scaling:
        """Statistics of `(n, channels, height, width)`; a constant channel gets deviation 1."""
        axes = (0, 2, 3)
        mean = pictures.mean(axis=axes, dtype=np.float64)
        std = pictures.std(axis=axes, dtype=np.float64)
        return cls(tuple(mean.tolist()), tuple(np.where(std > 0, std, 1.0).tolist()))

    def apply(self, pictures: Tensor) -> Tensor:
        """`(n, channels, height, width)` of any type -> float32 z-scores in channels-last memory."""
        mean = torch.tensor(self.mean, device=pictures.device).view(1, -1, 1, 1)
        std = torch.tensor(self.std, device=pictures.device).view(1, -1, 1, 1)
        scaled = (pictures.float() - mean.float()) / std.float()
        return scaled.contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the data on the device: `pictures` `(n, channels, height, width)` as given, `labels` `(n,)`."""

    pictures: Tensor
    labels: Tensor

    @classmethod
    def of(cls, pictures: np.ndarray, labels: np.ndarray, device: torch.device) -> Part:
        """Move arrays to the device; uint8 stays uint8."""
        return cls(
            torch.as_tensor(np.ascontiguousarray(pictures), device=device), torch.as_tensor(labels, device=device)
        )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> Shape:
        """Shape of one picture."""
        channels, height, width = self.pictures.shape[1:]
        return Shape(channels, height, width)


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
    order = torch.randperm(len(part), generator=generator).to(part.labels.device)
    for step in range(steps):
        rows = order[step * batch_size : (step + 1) * batch_size]
        pictures = augmentation.apply(part.pictures[rows], generator)
        yield scaling.apply(pictures), part.labels[rows]


def plain_batches(part: Part, batch_size: int, scaling: Scaling) -> Iterator[Tensor]:
    """All pictures in order, scaled and unchanged otherwise."""
    for start in range(0, len(part), batch_size):
        yield scaling.apply(part.pictures[start : start + batch_size])


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
