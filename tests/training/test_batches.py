"""Batches: whole-tensor augmentation does to each picture what it says, and nothing else."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from neuralfinder.training.augmentation import Augmentation, mixed
from neuralfinder.training.batches import Part, Scaling, Views, plain_batches, training_batches
from neuralfinder.types import Shape

CPU = torch.device("cpu")


def part_of(pictures: np.ndarray, labels: np.ndarray | None = None) -> Part:
    labels = np.arange(len(pictures)) if labels is None else labels
    return Part.of(pictures, labels, np.arange(len(pictures)), CPU)


def test_scaling_gives_zero_mean_and_unit_deviation_per_channel() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (500, 3, 5, 7)).astype(np.uint8)
    pictures[:, 1] //= 4
    scaling = Scaling.of(part_of(pictures))
    assert scaling.mean == pytest.approx(pictures.mean((0, 2, 3)), rel=1e-6)
    assert scaling.std == pytest.approx(pictures.std((0, 2, 3)), rel=1e-6)
    scaled = scaling.apply(torch.from_numpy(pictures))
    assert scaled.mean((0, 2, 3)).numpy() == pytest.approx(np.zeros(3), abs=1e-5)
    assert scaled.std((0, 2, 3), correction=0).numpy() == pytest.approx(np.ones(3), rel=1e-5)


def test_constant_channel_is_left_at_zero() -> None:
    scaling = Scaling.of(part_of(np.full((4, 1, 3, 3), 7, np.uint8)))
    assert not scaling.apply(torch.full((1, 1, 3, 3), 7)).any()


def changed(augmentation: Augmentation, pictures: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """The pictures after one epoch's changes, mirrored where a coin says so."""
    generator = torch.Generator().manual_seed(seed)
    _, channels, height, width = pictures.shape
    mirror = torch.rand(len(pictures), generator=generator) < 0.5
    changes = augmentation.draw(Shape(channels, height, width), mirror, generator)
    return changes.apply(pictures, slice(0, len(pictures)), Scaling((0.0,) * channels, (1.0,) * channels))


def test_epoch_visits_each_picture_at_most_once_and_differs_from_the_next() -> None:
    part = part_of(np.zeros((50, 1, 2, 2), np.uint8))
    batches = training_batches(part, 8, 6, 2, Augmentation(), Scaling((0.0,), (1.0,)), torch.Generator().manual_seed(0))
    labels = torch.cat([y for _, y in batches])
    epochs = labels[:48], labels[48:]
    assert all(len(set(epoch.tolist())) == 48 for epoch in epochs)
    assert epochs[0].tolist() != epochs[1].tolist()


def test_crop_shifts_whole_pictures_within_the_limit() -> None:
    base = torch.arange(100.0).reshape(1, 1, 10, 10).repeat(400, 1, 1, 1)
    shifted = changed(Augmentation(shift=0.2), base)
    padded = torch.nn.functional.pad(base[:1], (2, 2, 2, 2), mode="reflect")[0, 0]
    windows = {tuple(padded[r : r + 10, c : c + 10].flatten().tolist()) for r in range(5) for c in range(5)}
    seen = {tuple(picture.flatten().tolist()) for picture in shifted}
    assert seen == windows  # all 25 shifts by up to 2 pixels occur, and only these


def test_cutout_blots_out_one_square_that_may_reach_over_the_edge() -> None:
    blotted = changed(Augmentation(cutout=0.4), torch.ones(2000, 2, 5, 10))
    holes = {tuple(map(tuple, (picture[0] == 0).nonzero().tolist())) for picture in blotted}
    expected = {
        tuple((r, c) for r in range(max(0, top), min(5, top + 2)) for c in range(max(0, left), min(10, left + 4)))
        for top in range(-1, 5)
        for left in range(-3, 10)
    }
    assert holes == expected
    assert torch.equal(blotted[:, 0], blotted[:, 1])


def test_flip_mirrors_about_half() -> None:
    base = torch.arange(6).reshape(1, 1, 2, 3).repeat(1000, 1, 1, 1)
    flipped = changed(Augmentation(flip=True), base)
    mirrored = (flipped == base.flip(3)).flatten(1).all(1)
    same = (flipped == base).flatten(1).all(1)
    assert bool((mirrored ^ same).all())
    assert 440 < int(mirrored.sum()) < 560


def test_two_epochs_show_each_picture_and_its_mirror_image() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (64, 1, 3, 5)).astype(np.uint8)
    part = part_of(pictures)
    generator = torch.Generator().manual_seed(0)
    seen: dict[int, list[torch.Tensor]] = {}
    for batch, labels in training_batches(part, 16, 4, 4, Augmentation(flip=True), Scaling((0.0,), (1.0,)), generator):
        for picture, label in zip(batch, labels.tolist(), strict=True):
            seen.setdefault(label, []).append(picture)
    assert all(torch.equal(a, c) and torch.equal(b, d) and torch.equal(a, b.flip(2)) for a, b, c, d in seen.values())
    assert 16 < sum(torch.equal(a.byte(), part.pictures[label]) for label, (a, *_) in seen.items()) < 48


def test_turn_and_shift_moves_a_dot_by_no_more_than_the_limit() -> None:
    base = torch.zeros(300, 1, 41, 41)
    base[:, :, 20, 20] = 1
    moved = changed(Augmentation(shift=0.1, rotation=1e-6), base)
    rows, columns = torch.arange(41.0), torch.arange(41.0)
    mass = moved.sum((1, 2, 3))
    down = (moved.sum((1, 3)) * rows).sum(1) / mass - 20
    right = (moved.sum((1, 2)) * columns).sum(1) / mass - 20
    for distance in (down, right):
        assert float(distance.abs().max()) <= 4.1 + 1e-3  # a tenth of 41 pixels
        assert float(distance.abs().max()) > 3.5


@pytest.mark.parametrize(("height", "width"), [(41, 41), (41, 81)])
def test_turn_keeps_distances_from_the_centre(height: int, width: int) -> None:
    base = torch.zeros(200, 1, height, width)
    base[:, :, height // 2, width // 2 + 15] = 1
    turned = changed(Augmentation(rotation=15), base, seed=1)
    mass = turned.sum((1, 2, 3))
    down = (turned.sum((1, 3)) * torch.arange(float(height))).sum(1) / mass - height // 2
    right = (turned.sum((1, 2)) * torch.arange(float(width))).sum(1) / mass - width // 2
    radius = (down.square() + right.square()).sqrt()
    assert radius.numpy() == pytest.approx(np.full(200, 15.0), abs=0.5)
    largest = float(torch.atan2(down, right).abs().max()) * 180 / np.pi
    assert 13.5 < largest < 15.5


def test_memory_map_gives_the_same_batches_as_an_array(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neuralfinder.training.batches.BLOCK", 2000)  # some blocks of some batches
    pictures = np.random.default_rng(0).integers(0, 256, (60, 3, 6, 6)).astype(np.uint8)
    mapped = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.uint8, pictures.shape)
    mapped[:] = pictures
    rows, labels = np.random.default_rng(1).permutation(60)[:40], np.arange(60) % 5
    both = [Part.of(source, labels, rows, CPU) for source in (pictures, mapped)]
    assert [part.rows is None for part in both] == [True, False]
    scaling = [Scaling.of(part) for part in both]
    assert scaling[0] == scaling[1]
    first, second = (torch.cat(list(plain_batches(part, 7, scaling[0]))) for part in both)
    assert torch.equal(first, second)
    assert torch.equal(both[0].labels, both[1].labels)
    order = torch.from_numpy(np.random.default_rng(2).permutation(40))
    for size in (3, 7, 40):
        first, second = (list(part.batches(order, size)) for part in both)
        assert [len(batch) for batch in first] == [len(batch) for batch in second]
        assert torch.equal(torch.cat(first), torch.cat(second))
    joined = both[1].joined(both[1].subset(torch.tensor([3])))
    assert torch.equal(joined.take(torch.tensor([40])), both[0].pictures[3:4])


def test_pictures_that_would_fill_a_card_stay_in_main_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures, labels, rows = np.zeros((8, 1, 2, 2), np.uint8), np.zeros(8, np.int64), np.arange(4)
    for memory, stays in ((64.0, False), (63.0, True)):
        monkeypatch.setattr("neuralfinder.training.batches.device_memory", lambda _, memory=memory: memory)
        part = Part.of(pictures, labels, rows, CPU)
        assert (part.rows is not None) == stays
        assert part.take(torch.tensor([3])).shape == (1, 1, 2, 2)


@pytest.mark.parametrize(("mirror", "shift", "count"), [(0, 0, 1), (1, 0, 2), (0, 1, 3), (1, 1, 6)])
def test_views_are_the_picture_its_mirror_image_and_its_neighbours(mirror: int, shift: int, count: int) -> None:
    pictures = torch.arange(2 * 3 * 4 * 5.0).view(2, 3, 4, 5)
    views = list(Views(bool(mirror), bool(shift)).of(pictures))
    assert len(views) == count
    assert torch.equal(views[0], pictures)
    if mirror:
        assert all(torch.equal(a.flip(3), b) for a, b in zip(views[::2], views[1::2], strict=True))
    if shift:
        down, up = views[1 + mirror], views[2 * (1 + mirror)]
        assert torch.equal(down[:, :, 1:, 1:], pictures[:, :, :-1, :-1])
        assert torch.equal(up[:, :, :-1, :-1], pictures[:, :, 1:, 1:])


def test_pictures_of_one_pixel_have_no_neighbours() -> None:
    assert len(list(Views(shift=True).of(torch.zeros(2, 1, 1, 1)))) == 1


@pytest.mark.parametrize("filed", [False, True])
@pytest.mark.parametrize("rows", [False, True])
def test_a_part_is_the_same_in_another_process(tmp_path: Path, filed: bool, rows: bool) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (6, 1, 3, 4)).astype(np.uint8)
    if rows:
        np.save(tmp_path / "all.npy", pictures)
        pictures = np.load(tmp_path / "all.npy", mmap_mode="c")
    part = Part.of(pictures, np.arange(6), np.array([4, 1, 5]), CPU)
    there = copy.copy(part.filed(tmp_path / "part.npy") if filed else part)  # goes the way of pickling
    assert torch.equal(there.take(torch.arange(3)), part.take(torch.arange(3)))
    assert torch.equal(there.labels, part.labels)
    assert (there.rows is None) is not rows
    assert (tmp_path / "part.npy").exists() is (filed and not rows)  # a memory map is in a file already


def test_of_a_subset_the_file_is_not_taken(tmp_path: Path) -> None:
    part = part_of(np.arange(6, dtype=np.uint8).reshape(6, 1, 1, 1)).filed(tmp_path / "part.npy")
    for smaller in (part.first(2), part.subset(torch.tensor([0, 1]))):
        assert copy.copy(smaller).pictures.flatten().tolist() == [0, 1]


def test_what_is_closer_is_a_part_of_the_picture_at_its_full_size() -> None:
    line = torch.linspace(0, 1, 64).reshape(1, 1, 1, 64).repeat(400, 1, 64, 1)
    seen = changed(Augmentation(zoom=0.5), line)
    ends = torch.stack([seen[:, 0, 32, 2], seen[:, 0, 32, -3]])
    widths = (ends[1] - ends[0]) / (line[0, 0, 0, -3] - line[0, 0, 0, 2])
    assert 0.5 <= float(widths.min()) < 0.53
    assert 0.97 < float(widths.max()) <= 1.0001
    assert float(ends[0].min()) < 0.05
    assert float(ends[1].max()) > 0.95
    closest = widths < 0.6
    assert float(ends[0][closest].max() - ends[0][closest].min()) > 0.3  # anywhere in the picture


def test_contrast_and_light_of_each_channel_differ_within_bounds() -> None:
    base = torch.tensor([-1.0, 1.0]).reshape(1, 1, 1, 2).repeat(2000, 3, 1, 1)
    lit = changed(Augmentation(colour=0.25), base)
    contrast, light = (lit[..., 1] - lit[..., 0]) / 2, lit.mean((2, 3))
    torch.testing.assert_close(contrast[:, 0], contrast[:, 2])
    for values, middle in ((contrast, 1.0), (light, 0.0)):
        assert middle - 0.25 <= float(values.min()) < middle - 0.24
        assert middle + 0.24 < float(values.max()) <= middle + 0.25001
    assert abs(float(torch.corrcoef(light.T)[0, 1])) < 0.1


@given(st.integers(2, 9), st.integers(2, 9), st.floats(0.05, 0.9), st.integers(0, 99))
def test_shifted_and_mirrored_is_a_window_of_the_reflected_picture(height, width, shift, seed) -> None:
    base = torch.rand(6, 2, height, width, generator=torch.Generator().manual_seed(seed))
    generator = torch.Generator().manual_seed(seed)
    mirror = torch.rand(6, generator=generator) < 0.5
    changes = Augmentation(shift=shift, flip=True).draw(Shape(2, height, width), mirror, generator)
    moved = changes.apply(base[1:5], slice(1, 5), Scaling((0.0, 0.0), (1.0, 1.0)))
    tall, wide = changes.crop.size
    framed = torch.nn.functional.pad(base, (wide, wide, tall, tall), mode="reflect")
    for place in range(1, 5):
        top, left = int(changes.crop.row[place]), int(changes.crop.column[place])
        window = framed[place, :, top : top + height, left : left + width]
        assert torch.equal(moved[place - 1], window.flip(2) if mirror[place] else window)


def test_of_mixed_pictures_each_has_as_much_of_a_label_as_of_its_picture() -> None:
    generator, labels = torch.Generator().manual_seed(0), torch.arange(6)
    pictures = torch.arange(6.0).reshape(6, 1, 1, 1).repeat(1, 2, 20, 30)
    shares = []
    for _ in range(200):
        mixed_ones, targets = mixed(pictures, labels, 6, generator)
        assert torch.equal(mixed_ones[:, 0], mixed_ones[:, 1])
        counts = torch.stack([(mixed_ones[:, 0] == label).float().mean((1, 2)) for label in range(6)], dim=1)
        torch.testing.assert_close(targets, counts)
        shares.append(float(targets.diagonal().min()))
    assert min(shares) < 0.2
    assert max(shares) > 0.95
    assert torch.equal(pictures[:, 0, 0, 0], labels.float())  # what was given is as it was
