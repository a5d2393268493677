"""Genomes and rules of thumb as methods: what they come to, that more minutes make none smaller, and the clock."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loading import load

from neuralfinder.comparison.by_hand import measure_by_hand
from neuralfinder.comparison.compare import _folder_of, known_methods, method_of
from neuralfinder.comparison.terms import PARAMETERS_EACH, Terms
from neuralfinder.data import Divided, source_of
from neuralfinder.data.splits import limited
from neuralfinder.errors import InputError
from neuralfinder.job.factories import make_space
from neuralfinder.job.plan import Task
from neuralfinder.job.settings import Settings
from neuralfinder.networks.cost import Rates
from neuralfinder.networks.genome import parse
from neuralfinder.networks.rules import RULES, WIDTHS
from neuralfinder.training.recipes import RECIPES
from neuralfinder.types import Shape

RATES = Rates(step=0.002, layer=1e-4, mac=1e-8, activation=1e-8)
CIFAR = Shape(3, 32, 32)
TEXT = Shape(64, 1, 40, 2000)


def terms(shape=CIFAR, train=8000, seconds=300.0, classes=10, preset="fast"):
    settings = Settings(preset=preset)
    recipe = settings.recipes(shape)[1]
    space = make_space(settings, shape, classes, Rates(), float("inf"))
    task = Task(train, max(20, train // 5), max(20, train // 4), shape, classes)
    return Terms(task, space, recipe, recipe.batch_size, RATES, seconds)


def width(rule, given_terms):
    return RULES[rule].genome(given_terms.space, given_terms.fits).genes[0].filters


@pytest.mark.parametrize("rule", RULES)
@given(
    shape=st.sampled_from([CIFAR, TEXT, Shape(1, 8, 8), Shape(1, 24, 24), Shape(3, 70, 50)]),
    train=st.integers(40, 100_000),
    minutes=st.floats(0.1, 60),
    times=st.floats(1, 10),
)
def test_more_minutes_or_a_faster_machine_make_no_network_smaller(rule, shape, train, minutes, times):
    few = terms(shape, train, 60 * minutes)
    many = dataclasses.replace(few, seconds=times * few.seconds)
    fast = dataclasses.replace(few, rates=Rates(*(rate / times for rate in dataclasses.astuple(RATES))))
    small = few.space.cost(RULES[rule].genome(few.space, few.fits)).macs
    assert few.space.cost(RULES[rule].genome(many.space, many.fits)).macs >= small
    assert few.space.cost(RULES[rule].genome(fast.space, fast.fits)).macs >= small


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("shape", [CIFAR, TEXT], ids=["pictures", "texts"])
def test_time_and_samples_limit_the_width(rule, shape):
    assert width(rule, terms(shape, seconds=0.0)) == WIDTHS[0]
    assert width(rule, terms(shape, seconds=20)) < width(rule, terms(shape, seconds=2000))
    count = 40 if shape.vocabulary else 300
    few = terms(shape, train=count, seconds=1e6)
    assert width(rule, few) < width(rule, terms(shape, train=50_000, seconds=1e6))
    learned = few.space.cost(RULES[rule].genome(few.space, few.fits)).parameters - shape.vocabulary * shape.channels
    assert learned <= PARAMETERS_EACH * count


@pytest.mark.parametrize(
    ("rule", "shape", "begins"),
    [
        ("chain-by-rule", CIFAR, "C32.bn M C64.bn C64.bn M C128.bn C128.bn M C256.bn C256.bn > G"),
        ("residual-by-rule", CIFAR, "C32.bn M C64.bn C64.bn C64.bn.add2 M C128.bn C128.bn C128.bn.add2"),
        ("wide-by-rule", CIFAR, "C32.bn M C64.bn M C128.bn > G"),
        ("chain-by-rule", TEXT, "C32 > GM.d50"),
        ("residual-by-rule", TEXT, "C32 C32 C32.add2 > GM.d50"),
        ("wide-by-rule", TEXT, "C32.k1 > GM.d50"),
    ],
)
def test_the_forms_are_as_said(rule, shape, begins):
    form = RULES[rule].texts if shape.vocabulary else RULES[rule].pictures
    given_terms = terms(shape)
    key = str(parse(" ".join(map(str, form(given_terms.space, 32))) + f" > {given_terms.space.head}"))
    assert key.startswith(begins)


@pytest.mark.parametrize("preset", ["fast", "seed-2017"])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("shape", [Shape(1, 4, 4), Shape(2, 1, 9), Shape(3, 300, 17), TEXT], ids=str)
def test_whatever_the_shape_there_is_a_network(rule, shape, preset):
    from torch import zeros

    from neuralfinder.training.build import build

    given_terms = terms(shape, train=100, seconds=5.0, classes=3, preset=preset)
    genome = RULES[rule].genome(given_terms.space, given_terms.fits)
    network, seen = build(genome, shape, 3).eval(), genome.seen(shape)
    sample = zeros(2, 1, 1, shape.width) if shape.vocabulary else zeros(2, seen.channels, seen.height, seen.width)
    assert network(sample).shape == (2, 3)


def test_a_recipe_that_gains_little_by_more_epochs_lets_networks_be_larger():
    short = terms(seconds=300)
    shorter = dataclasses.replace(short, recipe=dataclasses.replace(RECIPES["final"], longest=4))
    assert width("chain-by-rule", shorter) > width("chain-by-rule", short)


# as methods


def test_methods_are_names_or_genomes():
    assert method_of("resnet-20") == "resnet-20"
    assert method_of("chain-by-rule") == "chain-by-rule"
    assert method_of("C32.bn  M C64.bn>G") == "C32.bn M C64.bn > G"
    assert method_of("C32 > F512") == "C32"
    with pytest.raises(InputError, match=r"did you mean 'chain-by-rule'"):
        method_of("chain-by-rul")
    with pytest.raises(InputError, match=r"gene in 'Resnet'"):
        method_of("Resnet")
    assert len(set(known_methods())) == len(known_methods())
    assert "," not in "".join(known_methods())


def test_every_genome_has_a_folder_of_its_own_with_a_plain_name():
    names = {_folder_of(method, 0) for method in ("C32 > G", "C32 M > G", "C32.bn", "random", "resnet-20")}
    assert len(names) == 5
    assert not any(set(name) & set("> /\\:*") for name in names)


@pytest.fixture(scope="module")
def digits():
    return Divided.of(limited(load("digits"), 400), 0)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "method",
    [
        "C16.bn M C32.bn > G",
        *[pytest.param(rule, marks=[pytest.mark.slow] if n else []) for n, rule in enumerate(RULES)],
    ],
)
def test_each_learns_within_its_minutes(digits, method):
    began = time.monotonic()
    figures = measure_by_hand(method, digits, Settings(minutes=0.1))
    assert time.monotonic() - began < 6 + 20
    assert figures["test_accuracy"] > 0.5
    assert figures["improvements"][-1][1] > 0.5
    assert parse(figures["genome"]).key == figures["genome"]
    assert figures["enlarged"] is None


@pytest.mark.thorough
@pytest.mark.parametrize("method", ["C32.k3 > GM.d50", *RULES])
def test_texts_too_and_trained_again_on_both_parts(tmp_path, method):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 200)
    lines = [f"{'good' if label else 'bad'} thing number {rng.integers(9)},{label}" for label in y]
    (tmp_path / "texts.csv").write_text("text,label\n" + "\n".join(lines) + "\n")
    data = Divided.of(source_of(str(tmp_path / "texts.csv")).load(tmp_path), 0, together=False)
    figures = measure_by_hand(method, data, Settings(minutes=0.1))
    assert figures["test_accuracy"] > 0.9


def test_what_cannot_be_says_so(digits, tmp_path):
    with pytest.raises(InputError, match=r"used on samples of .*; expected fewer pools"):
        measure_by_hand("C8 M M M M M > G", digits, Settings(minutes=0.1))
    (tmp_path / "texts.csv").write_text("text,label\n" + "".join(f"word{i} and {i % 2},{i % 2}\n" for i in range(60)))
    texts = Divided.of(source_of(str(tmp_path / "texts.csv")).load(tmp_path), 0)
    with pytest.raises(InputError, match=r"resnet-20 is used on texts; expected pictures"):
        measure_by_hand("resnet-20", texts, Settings(minutes=0.1))
