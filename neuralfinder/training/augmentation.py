"""Random changes of training samples, as whole tensors: pictures shifted, turned, mirrored, lit, blotted and mixed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name everybody knows it by

from neuralfinder.types import Shape

if TYPE_CHECKING:
    from neuralfinder.training.batches import Preparation


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Random changes of training pictures, and the piece of a long text that is read.

    Attributes:
        shift: largest shift, as a share of the side.
        rotation: largest turn in degrees, either way.
        flip: mirror left to right: half of the pictures at random in the first epoch, the other half in the next, and
            so on by turns, so that two epochs always show both (alternating flip, Jordan 2024, "94 % on CIFAR-10 in
            3.29 seconds on a single GPU", section 3.6).
        cutout: side of a square blotted out somewhere, as a share of the picture's side (DeVries & Taylor 2017).
        zoom: how much closer, at most: of each picture a part with sides of 1 - zoom to 1 times its own is seen, at its
            full size (as in Szegedy et al. 2015, section 6, but for the proportions, which stay).
        colour: how much contrast, and the light of each channel, differ at most: as a share, and in deviations.
        anywhere: of texts any piece is read, not the first one.
    """

    shift: float = 0.0
    rotation: float = 0.0
    flip: bool = False
    cutout: float = 0.0
    zoom: float = 0.0
    colour: float = 0.0
    anywhere: bool = False

    def draw(self, shape: Shape, mirror: Tensor, generator: torch.Generator) -> Changes:
        """What happens to each of `(n,)` samples of `shape`; `mirror` says which are mirrored if `flip` is on."""
        count, sides = len(mirror), (shape.height, shape.width)
        turn = None
        if self.rotation or self.zoom:
            turn = _turns(count, shape, self.rotation, self.shift, self.zoom, generator)
        crop = hole = None
        if self.shift and turn is None:
            reach = [min(max(1, round(self.shift * side)), side - 1) for side in sides]
            crop = Spots.draw(count, reach, [(0, 2 * most) for most in reach], generator)
        if self.cutout:
            size = [min(max(1, round(self.cutout * side)), side) for side in sides]
            limits = [(1 - length, side - 1) for length, side in zip(size, sides, strict=True)]
            hole = Spots.draw(count, size, limits, generator)
        light = None
        if self.colour:
            light = self.colour * (2 * torch.rand(count, 1 + shape.channels, 1, 1, generator=generator) - 1)
        place = torch.rand(count, generator=generator) if self.anywhere and shape.channels > 1 else None
        return Changes(crop, turn, mirror if self.flip else None, hole, light, place)


@dataclass(frozen=True, slots=True)
class Spots:
    """One spot in each of n pictures: first row and column `(n,)`, and how many `(rows, columns)` it means."""

    row: Tensor
    column: Tensor
    size: tuple[int, int]

    @classmethod
    def draw(
        cls, count: int, size: Sequence[int], limits: Sequence[tuple[int, int]], generator: torch.Generator
    ) -> Spots:
        """Spots whose row and column lie within `limits`, both ends included."""
        row, column = (torch.randint(low, high + 1, (count,), generator=generator) for low, high in limits)
        return cls(row, column, (size[0], size[1]))

    def to(self, device: torch.device) -> Spots:
        """The same on a device."""
        return Spots(self.row.to(device), self.column.to(device), self.size)


@dataclass(frozen=True, slots=True)
class Changes:
    """What happens to each of n samples, drawn beforehand.

    Attributes:
        crop: where the window begins in the picture padded by `size` on each side, a reflection.
        turn: `(n, 2, 3)` affine maps from output to input coordinates, -1..1; the nearest pixel fills the edge.
        mirror: `(n,)` whether the picture is mirrored left to right, after that.
        hole: what is blotted out at last; part of it may lie outside the picture.
        light: `(n, 1 + channels, 1, 1)` what is added to 1 for a factor on the contrast, and to each channel.
        place: `(n,)` which piece of a text is read, see `piece`.
    """

    crop: Spots | None = None
    turn: Tensor | None = None
    mirror: Tensor | None = None
    hole: Spots | None = None
    light: Tensor | None = None
    place: Tensor | None = None

    def to(self, device: torch.device) -> Changes:
        """The same on a device."""
        crop, hole = (spots and spots.to(device) for spots in (self.crop, self.hole))
        others = (self.turn, self.mirror, self.light, self.place)
        turn, mirror, light, place = (None if each is None else each.to(device) for each in others)
        return Changes(crop, turn, mirror, hole, light, place)

    def apply(self, pictures: Tensor, of: slice, preparation: Preparation) -> Tensor:
        """Change and scale `(k, channels, height, width)` pictures by the k changes at `of`; a hole is the mean.

        Of texts `(k, pieces, 2, width)` one piece each.
        """
        if self.place is not None:
            pictures = piece(pictures, self.place[of])
        if self.turn is not None:
            grid = F.affine_grid(self.turn[of], list(pictures.shape), align_corners=False)
            pictures = F.grid_sample(pictures.float(), grid, "bilinear", "border", align_corners=False)
        if self.crop is not None or self.mirror is not None:
            pictures = _moved(pictures, self.crop, self.mirror, of)
        pictures = preparation.apply(pictures)
        if self.light is not None:
            pictures = torch.addcmul(self.light[of, 1:], pictures, 1 + self.light[of, :1])
        if self.hole is not None:
            pictures = _blot(pictures, self.hole.size, self.hole.row[of], self.hole.column[of])
        return pictures


def piece(lines: Tensor, place: Tensor) -> Tensor:
    """Of texts `(n, pieces, 2, width)` one piece each, `(n, 1, 2, width)`: `place` `(n,)` goes from 0 to below 1."""
    own = (lines[:, :, 0, 0] > 0).sum(1).clamp(min=1)
    return lines[torch.arange(lines.shape[0], device=lines.device), (place * own).long()][:, None]


def mixing(
    batches: Iterator[tuple[Tensor, Tensor]], share: float, classes: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches, by chance so many of them `mixed`."""
    for pictures, labels in batches:
        mix = float(torch.rand((), generator=generator)) < share
        yield mixed(pictures, labels, classes, generator) if mix else (pictures, labels)


def mixed(pictures: Tensor, labels: Tensor, classes: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A rectangle of each picture is that of another one of the batch, and its share of the area is of its label.

    CutMix (Yun et al. 2019, section 3.1): the share is uniform and, as the place, the same for all of the batch; less
    where the rectangle would reach over the edge.

    Args:
        pictures: `(n, channels, height, width)`.
        labels: `(n,)`.
        classes: number of classes.
        generator: draws.

    Returns:
        The pictures, and `(n, classes)` how much each is of each class.
    """
    _, _, height, width = pictures.shape
    share, down, right = torch.rand(3, generator=generator).tolist()
    half = math.sqrt(share) / 2
    top, bottom = (round(height * min(1.0, max(0.0, down + edge))) for edge in (-half, half))
    left, end = (round(width * min(1.0, max(0.0, right + edge))) for edge in (-half, half))
    other = torch.randperm(len(pictures), generator=generator).to(pictures.device)
    pictures = pictures.clone(memory_format=torch.preserve_format)
    pictures[:, :, top:bottom, left:end] = pictures[other, :, top:bottom, left:end]
    part = (bottom - top) * (end - left) / (height * width)
    own, others = (F.one_hot(each, classes).float() for each in (labels, labels[other]))
    return pictures, (1 - part) * own + part * others


def _moved(pictures: Tensor, crop: Spots | None, mirror: Tensor | None, of: slice) -> Tensor:
    """Shifted by whole pixels, so that a reflection comes in, then mirrored: each number is looked up once."""
    count, channels, height, width = pictures.shape
    rows, columns = (torch.arange(side, device=pictures.device).expand(count, side) for side in (height, width))
    if crop is not None:
        rows = _reflected(rows + (crop.row[of] - crop.size[0])[:, None], height)
        columns = _reflected(columns + (crop.column[of] - crop.size[1])[:, None], width)
    if mirror is not None:
        columns = torch.where(mirror[of][:, None], columns.flip(1), columns)
    places = (rows[:, :, None] * width + columns[:, None, :]).flatten(1)[:, None].expand(count, channels, -1)
    return pictures.flatten(2).gather(2, places).view_as(pictures)


def _reflected(line: Tensor, side: int) -> Tensor:
    """Places on a line of this length; what is beyond an end goes back from it."""
    line = line.abs()
    return torch.where(line < side, line, 2 * (side - 1) - line)


def _blot(pictures: Tensor, size: tuple[int, int], top: Tensor, left: Tensor) -> Tensor:
    """Set a rectangle of `size` in each picture to 0."""
    inside = []
    for first, length, side in zip((top, left), size, pictures.shape[2:], strict=True):
        line = torch.arange(side, device=pictures.device)
        inside.append((first[:, None] <= line) & (line < first[:, None] + length))
    return pictures.masked_fill(inside[0][:, None, :, None] & inside[1][:, None, None, :], 0)


def _turns(count: int, shape: Shape, rotation: float, shift: float, zoom: float, generator: torch.Generator) -> Tensor:
    """Maps that turn by up to `rotation` degrees, shift by up to `shift` of each side, and come closer by up to `zoom`.

    What is closer lies anywhere in the picture.
    """
    draw = torch.rand(count, 3, generator=generator) * 2 - 1
    angle = draw[:, 0] * (rotation * torch.pi / 180)
    scale = 1 - zoom * torch.rand(count, generator=generator) if zoom else torch.ones(count)
    cos, sin = scale * angle.cos(), scale * angle.sin()
    maps = torch.zeros(count, 2, 3)
    # grid_sample counts each side from -1 to 1, so a share of the side counts double and angles need the aspect
    aspect, reach = shape.height / shape.width, 2 * shift + 1 - scale
    maps[:, 0, 0], maps[:, 0, 1], maps[:, 0, 2] = cos, -sin * aspect, draw[:, 1] * reach
    maps[:, 1, 0], maps[:, 1, 1], maps[:, 1, 2] = sin / aspect, cos, draw[:, 2] * reach
    return maps
