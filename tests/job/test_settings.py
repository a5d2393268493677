"""One table of settings: what reads it agrees with it, every value is checked, and each reaches what it is of."""

from __future__ import annotations

import dataclasses
import inspect
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuralfinder
from neuralfinder.cli.searching import search
from neuralfinder.errors import InputError
from neuralfinder.estimator import NeuralFinder
from neuralfinder.job.factories import make_space, make_strategy
from neuralfinder.job.presets import PRESETS
from neuralfinder.job.settings import (
    CAPS,
    COUNT,
    DATA,
    OF_THE_PLAN,
    OWN,
    OWNERS,
    RUN,
    Settings,
    as_text,
    once,
    read_options,
    table,
)
from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.cost import Rates
from neuralfinder.networks.genome import AvgPool, DenseHead, MaxPool, PoolHead
from neuralfinder.strategies import STRATEGIES, ArtificialLife
from neuralfinder.training.recipes import RECIPES
from neuralfinder.types import Fidelity, Range, Result, Shape

ROOT = Path(neuralfinder.__file__).parent.parent
PICTURES = Shape(3, 32, 32)


def space_of(**options: Any) -> ChainSpace:
    return make_space(Settings(options=options), PICTURES, 10, Rates(), math.inf)


# what reads the table agrees with it


def test_every_setting_says_what_it_is():
    rows = table()
    assert len({(row.name, row.owner) for row in rows}) == len(rows)
    for row in rows:
        assert row.owner in OWNERS or row.owner.removeprefix("strategy ") in STRATEGIES
        assert row.meaning, row.name
        assert not row.meaning.endswith("."), row.name
        assert "\n" not in row.meaning
        assert row.expected
        assert row.default is not None or row.unset, row.name


def test_all_keywords_of_strategies_and_attributes_of_the_space_are_settings():
    names = {(row.name, row.owner) for row in table()}
    for name, strategy in STRATEGIES.items():
        own = inspect.signature(strategy).parameters.values()
        words = {p.name for p in own if p.kind is p.KEYWORD_ONLY} - {*OF_THE_PLAN, "expectation", "ancestors"}
        assert {(word, f"strategy {name}") for word in words} <= names
        assert set(strategy.ranges) <= words
    known = {name for name, owner in names if owner in ("space", "caps")}
    given = {
        "shape", "classes", "usual_recipe", "rates", "forward", "max_step_seconds", "max_forward_seconds",
        "side", "max_bytes", "_alternatives", "_at",
    }  # fmt: skip
    assert {entry.name for entry in dataclasses.fields(ChainSpace)} - given <= known


def test_the_defaults_of_settings_are_legal():
    for row in table():
        if row.default is not None:
            assert row.read(row.default) == row.default
            assert row.read(as_text(row.default)) == row.default


def test_presets_set_what_there_is_to_legal_values():
    rows = {row.name: row for row in table() if row.owner in (*OWNERS, "strategy artificial-life")}
    for preset in PRESETS.values():
        for name, value in {**preset.values, **preset.for_texts, **preset.life}.items():
            if value is not None:
                rows[name].read(value)


def test_run_and_plan_are_the_attributes_of_settings():
    own = {entry.name: entry.default for entry in dataclasses.fields(Settings)} | {"options": None}
    with_options = {row.name: row.default for row in RUN if row.option}
    assert own == {**with_options, "options": None}


def test_options_of_the_command_line_are_those_of_the_table():
    flags = {option.opts[0] for option in search.params if option.param_type_name == "option"}
    assert {row.flagged for row in OWN if row.option} == flags - {
        "--test", "--run", "--set", "--quiet", "--json",
    }  # fmt: skip


def test_signature_and_docstring_of_the_estimator_agree_with_the_table():
    parameters = dict(inspect.signature(NeuralFinder).parameters)
    rows = [row for row in OWN if row.option]
    assert list(parameters) == [*(row.name for row in rows), "options", "run", "verbose", "callbacks"]
    kinds = {"a whole number": "int", "a number": "float", COUNT.name: "int | str"}
    entries = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", inspect.getdoc(NeuralFinder) or "", re.M)
    said = {name: " ".join(text.split()) for name, text in entries}
    for row in rows:
        assert parameters[row.name].default == row.default
        optional = " | None" if row.default is None else ""
        assert parameters[row.name].annotation == kinds.get(row.kind.name, "str") + optional
        assert said[row.name] == row.described
    assert NeuralFinder().get_params() == {name: parameter.default for name, parameter in parameters.items()}


def test_the_page_about_settings_is_made_of_the_table():
    done = subprocess.run([sys.executable, ROOT / "docs" / "settings.py"], capture_output=True, text=True, check=True)
    assert done.stdout == (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")


# what is given is read or refused


NUMBERS = [row for row in table() if isinstance(row.allowed, Range) and not row.kind.many]


@given(st.sampled_from(NUMBERS), st.integers(-10, 10_000) | st.floats())
def test_a_number_is_in_its_range_or_refused(row, number):
    try:
        value = row.read(number)
    except InputError as error:
        assert not (isinstance(number, int) and number in row.allowed)
        assert f"expected {row.expected}" in str(error)
    else:
        assert value == number
        assert value in row.allowed
        assert row.read(str(number)) == value


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"kernels": "1,4"}, r"kernels is 4; expected 1 or 3 or 5 or 7"),
        ({"kernels": "3,x"}, r"kernels is '3,x'; expected some of 1, 3, 5, 7; change it"),
        ({"activations": "relu,rely"}, r"activations is 'rely'; expected relu or leaky"),
        ({"pools": "M,C16"}, r"pools is 'M,C16'; expected pools such as M,A3"),
        ({"head": "H3"}, r"head is 'H3'; expected a head such as G or F512"),
        ({"longest_skip": "-1"}, r"longest_skip is -1; expected a whole number between 0 and 100"),
        ({"dropouts": "10,100"}, r"dropouts is 100; expected .* between 1 and 99"),
        ({"founders_are": "alone"}, r"founders_are is 'alone'; expected single or chain or layer"),
        ({"norm": "maybe"}, r"norm is 'maybe'; expected on or off"),
        ({"recipe": "fsat"}, r"recipe is 'fsat'.*did you mean 'fast'"),
        ({"image_size": 16}, r"setting image_size is among other settings; .* --image-size 16"),
        ({"alphabet": "s21", "filters": "16,32"}, r"alphabet is set beside filters"),
        ({"neighbours": 4}, r"setting neighbours is used with strategy artificial-life; .* --strategy hill-climbing"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        Settings(options=options)


def test_a_convolution_needs_one_of_everything():
    with pytest.raises(InputError, match="kernels is none; expected one or more"):
        space_of(kernels="none")


def test_filter_counts_ascend():
    with pytest.raises(InputError, match="filters is .*; expected some counts, ascending"):
        space_of(filters="64,32")


def test_names_and_values_are_read_from_text():
    assert read_options(["boundary=clip", "pools=M,A3", "ray=a=b"]) == {
        "boundary": "clip",
        "pools": "M,A3",
        "ray": "a=b",
    }
    with pytest.raises(InputError, match="expected NAME=VALUE"):
        read_options(["boundary"])
    with pytest.raises(InputError, match="setting r is set twice"):
        read_options(["r=1", "r=2"])
    with pytest.raises(InputError, match="setting epochs is set twice"):
        once({"epochs": 3, "seed": None}, {"epochs": "4"})
    assert once({"epochs": 3, "seed": None}, {"seed": "4"}) == {"epochs": 3, "seed": "4"}


def test_equal_settings_in_other_forms_are_equal():
    """A run is resumed by the same settings, in whatever form they are given."""
    text = Settings.of({"candidates": "5", "kernels": "1,3", "norm": "off", "head": "G.d50", "max_parameters": "100"})
    value = Settings.of(
        {"candidates": np.int64(5), "kernels": [1, 3], "norm": False, "head": "G.d50", "max_parameters": np.int32(100)}
    )
    assert text == value == Settings(**value.plain())
    assert type(value.candidates) is int


# each reaches what it is of


def test_all_settings_of_the_space_reach_it():
    space = space_of(
        filters="8,16", norm="off", kernels="1,3", strides="1,2", activations="relu,gelu", groups="1,2", separable="on",
        longest_skip="3", pools="M,A3", dropouts="10,25", head="F128", founders_are="single", pool_first="on",
        max_convolutions="5", max_genes="9", max_parameters="1000000", max_macs="2000000",
        borders="same,valid", initialisations="he", heads="G,F64",
    )  # fmt: skip
    assert (space.filters, space.norm, space.kernels, space.strides) == ((8, 16), False, (1, 3), (1, 2))
    assert (space.activations, space.groups, space.separable) == (("relu", "gelu"), (1, 2), True)
    assert (space.longest_skip, space.pools, space.dropouts) == (3, (MaxPool(), AvgPool(3)), (10, 25))
    assert (space.borders, space.initialisations) == (("same", "valid"), ("he",))
    assert space.heads == (PoolHead(), DenseHead(64))
    assert (space.head, space.founders_are, space.pool_first) == (DenseHead(128), "single", True)
    assert (space.max_convolutions, space.max_genes) == (5, 9)
    assert (space.max_parameters, space.max_macs) == (1_000_000, 2_000_000)
    assert space_of(dropouts="none").dropouts == ()


def test_recipes_are_settings():
    assert Settings().recipes(PICTURES) == (RECIPES["fast"], RECIPES["final"])
    assert Settings().recipes(Shape(16, 1, 24, 50)) == (RECIPES["text"], RECIPES["text-final"])
    chosen = Settings(options={"recipe": "seed-2017", "final": "fast"})
    assert chosen.recipes(PICTURES) == (RECIPES["seed-2017"], RECIPES["fast"])


def test_the_world_of_2017_with_skips():
    """It proposes skips, and is the world of 2017 otherwise."""
    settings = Settings.of({"preset": "seed-2017", "seed": 3, "longest_skip": "3"})
    space = make_space(settings, PICTURES, 10, Rates(), math.inf)
    published = make_space(Settings(preset="seed-2017"), PICTURES, 10, Rates(), math.inf)
    assert dataclasses.replace(space, longest_skip=0) == published
    strategy = make_strategy(settings, space, Fidelity(1), 5, 40)
    assert isinstance(strategy, ArtificialLife)
    assert (strategy.r, strategy.children, strategy.selection) == (0.02, 0, 0.0)
    asked = []
    while len(asked) < 60 and (candidates := strategy.ask(1)):
        asked += candidates
        strategy.tell([Result(c.id, 0.1 + 0.01 * c.id) for c in candidates])
    assert any(gene.skips for c in asked for gene in c.genome.genes if hasattr(gene, "skips"))


@pytest.mark.thorough
def test_2017_and_skips_runs_in_small(tmp_path):
    finder = NeuralFinder(
        candidates=12, preset="seed-2017", world_size=3, rounds=2, epochs=1, retrain=0, run=tmp_path, verbose=0,
        options={"longest_skip": 3, "filters": (4, 8), "head": "F16", "mutation_points": 3},
    )  # fmt: skip
    rng = np.random.default_rng(0)
    y = np.arange(80) % 2
    X = (rng.integers(0, 100, (80, 8, 8)) + 100 * y[:, None, None]).astype(np.uint8)
    finder.fit(X, y)
    assert finder.result_["preset"] == "seed-2017"
    assert finder.result_["candidates"]["trained"] > 0
    assert finder.result_["genome"].endswith("> F16")


def test_owners_are_told_apart():
    assert {row.owner for row in RUN} == {"run", "plan"}
    assert {row.owner for row in CAPS} == {"caps"}
    assert {row.owner for row in DATA} == {"data"}
