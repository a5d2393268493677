"""The side at which a network looks: pictures are kept large once, and each genome has them as small as it says."""

from __future__ import annotations

import copy
import dataclasses
import json
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from neuralfinder import InputError, Model
from neuralfinder.job.factories import make_space
from neuralfinder.job.settings import Settings
from neuralfinder.networks.cost import Rates, cost, shapes
from neuralfinder.networks.forms import from_json, from_seed, to_json, to_seed
from neuralfinder.networks.genome import MOST_SIDE, Conv, Genome, MaxPool, PoolHead, parse
from neuralfinder.networks.portfolio import portfolio
from neuralfinder.networks.variation import cross, distance, look, one_change
from neuralfinder.seeds import torch_seed
from neuralfinder.training.batches import MOST_KEPT, Part, Scaling, made_smaller
from neuralfinder.training.build import build
from neuralfinder.training.recipes import RECIPES
from neuralfinder.training.train import Setup, train
from neuralfinder.types import Fidelity, Shape

PHOTO = Shape(3, 96, 128)
CPU = torch.device("cpu")


def space_of(shape=PHOTO, **options):
    return make_space(Settings(options=options), shape, 2, Rates(), float("inf"))


def striped(count=96, side=128):
    """Stripes of one pixel, upright (0) or lying (1): at half of the side every picture is of one grey."""
    labels = np.arange(count) % 2
    lines = np.indices((side, side)) % 2
    light = np.random.default_rng(0).integers(60, 120, (count, 1, 1, 1))
    return (light + 100 * lines[1 - labels][:, None]).astype(np.uint8), labels


def part_of(pictures, labels=None, rows=None):
    labels = np.zeros(len(pictures), np.int64) if labels is None else labels
    return Part.of(pictures, labels, np.arange(len(pictures)) if rows is None else rows, CPU)


# what a network sees


@pytest.mark.parametrize(
    ("text", "seen"),
    [("C8 > G", (48, 64)), ("@32 C8 > G", (24, 32)), ("@96 C8 > G", (72, 96)), ("@200 C8 > G", (96, 128))],
)
def test_a_genome_says_what_it_sees_and_costs_that(text, seen):
    genome = parse(text)
    assert genome.key == text
    assert (genome.seen(PHOTO).height, genome.seen(PHOTO).width) == seen
    assert shapes(genome, PHOTO)[0] == Shape(8, *seen)
    assert cost(genome, PHOTO, 2).macs == 27 * 8 * seen[0] * seen[1] + 8 * 2
    assert genome.seen(Shape(1, 28, 28)) == Shape(1, 28, 28).at(genome.side or 64)


@given(st.integers(1, MOST_SIDE))
def test_every_form_says_the_side(side):
    genome = Genome((Conv(8), MaxPool()), PoolHead(), side=side)
    assert parse(genome.key) == genome
    assert from_json(json.loads(json.dumps(to_json(genome)))) == genome
    assert from_seed(to_seed(genome, "init-1", 0.5))[0] == genome


@pytest.mark.parametrize("side", ["@0", "@-3", "@2049", "@9999999", "@x", "@1.5", "@"])
def test_what_is_no_side_is_refused(side):
    with pytest.raises(InputError, match=re.escape(side)):
        parse(f"{side} C8 > G")


@pytest.mark.parametrize("side", [-1, 2049, True, 1.5, "96", None])
def test_other_forms_refuse_it_too(side):
    form = to_json(parse("C8 > G"))
    with pytest.raises(InputError, match="a whole number of 0 to 2048"):
        from_json({**form, "side": side})
    with pytest.raises(InputError, match="a whole number of 0 to 2048"):
        from_seed(("init-1", "0.5", [("side", [("pixels", side)])]))


def test_smaller_ones_are_means_of_areas_rounded_and_kept():
    pictures = np.random.default_rng(0).integers(0, 256, (40, 3, 96, 128), dtype=np.uint8)
    part = part_of(pictures)
    half = part.at(64)
    means = pictures.reshape(40, 3, 48, 2, 64, 2).mean((3, 5))
    np.testing.assert_allclose(half.pictures.numpy(), means, atol=0.5)
    assert half.pictures.dtype == torch.uint8
    assert part.at(64) is half
    assert part.at(128) is part
    for side in (30, 40, 50, 60):
        assert part.at(side).shape == part.shape.at(side)
    assert len(part.kept) == MOST_KEPT


def test_of_pictures_in_a_file_those_of_the_part_are_made_smaller(tmp_path):
    pictures = np.random.default_rng(0).integers(0, 256, (20, 1, 40, 30), dtype=np.uint8)
    np.save(tmp_path / "images.npy", pictures)
    rows = np.array([3, 17, 5])
    mapped = part_of(np.load(tmp_path / "images.npy", mmap_mode="r+"), rows=rows)
    there = mapped.at(20)
    np.testing.assert_array_equal(there.pictures, part_of(pictures, rows=rows).at(20).pictures)
    np.testing.assert_array_equal(next(there.batches(torch.tensor([2, 0]), 2)), there.pictures[[2, 0]])


def test_another_process_keeps_them_for_its_next_candidate(tmp_path):
    part = part_of(np.random.default_rng(0).integers(0, 256, (20, 1, 40, 30), dtype=np.uint8))
    filed = part.filed(tmp_path / "part.npy")
    # as it goes there and back, see `Part.__reduce__`
    first, second = copy.deepcopy(filed), copy.deepcopy(filed)
    assert first.at(20) is second.at(20)
    np.testing.assert_array_equal(first.at(20).pictures, part.at(20).pictures)
    assert first.at(20).shape == part.at(20).shape
    other = part_of(np.zeros((20, 1, 40, 30), np.uint8)).filed(tmp_path / "other.npy")
    assert not copy.deepcopy(other).at(20).pictures.any()


def test_floats_stay_what_they_are():
    part = part_of(np.linspace(0, 1, 64, dtype=np.float32).reshape(1, 1, 8, 8))
    assert part.at(4).pictures[0, 0, 0, 0] == pytest.approx(part.pictures[0, 0, :2, :2].mean().item())


# what a network learns


@pytest.mark.parametrize(("text", "least", "most"), [("@128 C8.s2.bn > G", 0.95, 1.0), ("C8.bn > G", 0.0, 0.75)])
def test_what_is_finer_than_the_usual_side_is_learned_by_looking_closer(text, least, most, tmp_path):
    pictures, labels = striped()
    parts = [part_of(pictures, labels, rows) for rows in (np.arange(64), np.arange(64, 96))]
    recipe = dataclasses.replace(RECIPES["fast"], shift=0.0, flip=False)
    setup = Setup(*parts, 2, Scaling.of(parts[0]), recipe, 16)
    genome = parse(text)
    with torch_seed(0):
        network = build(genome, setup.shape, 2)
        training = train(network, setup.of(genome), Fidelity(8), 0)
    assert least <= training.score <= most
    model = Model.of(genome, training.state, setup.shape, setup.preparation, ("upright", "lying"))
    model.save(tmp_path)
    loaded = Model.load(tmp_path)
    answers = loaded.predict(pictures[64:])
    assert np.mean(answers == np.array(loaded.classes)[labels[64:]]) == pytest.approx(training.score)


def test_a_prepared_picture_is_not_made_smaller_twice():
    scaling = Scaling((0.0,), (1.0,)).at(48)
    small = made_smaller(torch.rand(2, 1, 96, 96), 48)
    torch.testing.assert_close(scaling.apply(small), small.contiguous(memory_format=torch.channels_last))


# where a network may look


def test_there_are_sides_where_pictures_are_large_and_the_preset_has_them():
    assert space_of().looks == (32, 48, 0, 96, 128)
    assert space_of(Shape(1, 300, 200)).looks == (32, 48, 0, 96, 128, 160, 224)
    assert space_of(Shape(1, 28, 28)).looks == (0,)
    assert space_of(sides=(100,)).looks == (100,)
    assert make_space(Settings(preset="seed-2017"), PHOTO, 2, Rates(), float("inf")).looks == (0,)
    text = Shape(64, 1, 200, 1000)
    assert space_of(text).looks == (0,)


def test_what_is_drawn_is_legal_at_its_side_and_all_sides_are_drawn():
    space, rng = space_of(), np.random.default_rng(0)
    drawn = [*space.founders(60, rng), *(space.sample(rng) for _ in range(60))]
    assert {genome.side for genome in drawn} == set(space.looks)
    assert all(space.infeasible(genome) is None for genome in drawn)
    assert len({len(space.features(genome)) for genome in drawn}) == 1
    only = space_of(sides=(96,))
    assert {genome.side for genome in [*only.founders(30, rng), *portfolio(only)]} == {96}
    assert only.smallest().side == 96


def test_made_by_hand_there_are_networks_for_each_larger_side():
    by_hand = portfolio(space_of())
    assert by_hand[0] == parse("C32.bn M C64.bn M C128.bn > G")
    closer = {genome.side: genome for genome in by_hand if genome.side}
    assert set(closer) == {96, 128}
    assert closer[128].genes[0].stride == 2
    usual = next(genome for genome in by_hand if genome.genes[1:] == closer[128].genes[1:] and not genome.side)
    assert cost(closer[128], PHOTO, 2).macs == cost(usual, PHOTO, 2).macs


def test_a_side_that_is_no_other_is_written_once():
    space = space_of()
    assert space.canonical(parse("@64 C8 > G")) == parse("C8 > G")
    for key in ("@32 C8 > G", "@48 C8 > G", "@96 C8 > G", "@128 C8 > G", "C8 > G"):
        assert space.canonical(parse(key)) == parse(key)
    assert space.canonical(parse("@300 C8 > G")) == parse("@128 C8 > G")
    small = space_of(Shape(1, 28, 28))
    assert small.canonical(parse("@96 C8 > G")) == parse("C8 > G")
    assert space.infeasible(parse("@97 C8 > G")) == "infeasible:side"
    assert space.mend(parse("@100 C8 > G")) == parse("@96 C8 > G")
    assert space.infeasible(parse("@32 C8 M M M M M > G")) == "infeasible:pool"
    assert space.infeasible(parse("@128 C8 M M M M M > G")) is None


def test_the_side_is_inherited_and_changes_by_small_steps():
    space, rng = space_of(), np.random.default_rng(0)
    genome = parse("@96 C8.bn M C16.bn > G")
    assert "look" in space.operators
    assert "look" not in space_of(Shape(1, 28, 28)).operators
    assert {look(genome, space, rng).side for _ in range(20)} == {0, 128}
    assert {other.side for other in one_change(genome, space)} == {96, 0, 128}
    assert distance(genome, dataclasses.replace(genome, side=0)) == 1
    children = [child for _ in range(20) for child in cross(genome, parse("C32.bn M C64.bn > G"), space, rng)]
    assert {child.side for child in children} == {0, 96}
