"""Presets: named bundles of space, strategy and training recipe; and the user's settings."""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from neuralfinder.errors import InputError, check_range, unknown_name
from neuralfinder.networks.chains import ALPHABETS, ChainSpace
from neuralfinder.networks.cost import BYTES_EACH, Rates
from neuralfinder.networks.genome import AvgPool, DenseHead, MaxPool, PoolHead
from neuralfinder.networks.space import Space
from neuralfinder.seeds import Seeds
from neuralfinder.strategies import STRATEGIES, ArtificialLife, Strategy
from neuralfinder.training.recipes import RECIPES, Recipe
from neuralfinder.types import Fidelity, Shape


@dataclass(frozen=True, slots=True)
class Preset:
    """One way of searching.

    Attributes:
        summary: one line for people.
        recipe: name of the training recipe of candidates.
        final: name of the recipe of finalists and of the network by hand.
        text_recipe, text_final: the same for texts.
        text_space: settings of the space that are others for texts.
        space: settings of the space other than the task's shape and classes.
        life: settings of the strategy `artificial-life`.
        planned: whether the plan decides fidelity, caps and world size; if not, everything is as published.
        inherit: whether children start from the weights of their parents.
        early_stop: whether a training clearly behind earlier ones is stopped.
        duplicates_together: whether copies of a sample stay on one side of every split.
        class_weights: whether all classes count alike in training and in scores, however many samples they have.
        retrain: how many retrainings of the winner on training and validation part are reported beside it.
    """

    summary: str
    recipe: str
    final: str
    space: Mapping[str, Any]
    life: Mapping[str, Any]
    planned: bool
    inherit: bool
    early_stop: bool
    duplicates_together: bool = True
    class_weights: bool = False
    retrain: int = 0
    text_recipe: str = "text"
    text_final: str = "text-final"
    text_space: Mapping[str, Any] = field(default_factory=dict)

    def recipes(self, shape: Shape) -> tuple[Recipe, Recipe]:
        """The recipes of candidates and of finalists, for samples of this shape."""
        names = (self.text_recipe, self.text_final) if shape.vocabulary else (self.recipe, self.final)
        return RECIPES[names[0]], RECIPES[names[1]]


_FAST = Preset(
    summary="a world with foresight, a space that fits the time, a modern training recipe",
    recipe="fast",
    final="final",
    space={
        "filters": ALPHABETS["fast"],
        "norm": True,
        "head": PoolHead(),
        "founders_are": "chain",
        "max_convolutions": 16,
    },
    life={
        "r": 0.0,
        "repair": "drop",
        "resample_pool": True,
        "selection": 3.0,
        "children": 2,
        "foresight": 50,
        "confirm": True,
        "renewal": 5,
    },
    planned=True,
    inherit=False,
    early_stop=True,
    text_space={
        "norm": False,
        "head": PoolHead(largest=True, dropout=50),
        "founders_are": "layer",
        "kernels": (1, 3, 5, 7),
        "activations": ("relu", "gelu", "silu"),
        "longest_skip": 2,
    },
)

PRESETS: dict[str, Preset] = {
    "fast": _FAST,
    "rich": dataclasses.replace(
        _FAST,
        summary="as fast, with other kernels, strides, activations, groups, skips, pools and dropout",
        space={
            **_FAST.space,
            "kernels": (1, 3, 5),
            "strides": (1, 2),
            "activations": ("relu", "leaky", "gelu", "silu"),
            "groups": (1, 2, 4),
            "separable": True,
            "longest_skip": 3,
            "pools": (MaxPool(), AvgPool(), MaxPool(3)),
            "dropouts": (10, 25),
        },
    ),
    "seed-2017": Preset(
        summary="the algorithm and the training of the 2017 text, as published",
        recipe="seed-2017",
        final="seed-2017",
        # the text trains every founder: a convolution of 512 filters and its head are 268 million numbers at 32x32
        space={
            "filters": ALPHABETS["2017"],
            "head": DenseHead(512),
            "founders_are": "single",
            "max_parameters": 300_000_000,
        },
        life={},
        planned=False,
        inherit=False,
        early_stop=False,
        retrain=3,
        text_recipe="seed-2017",
        text_final="seed-2017",
    ),
}


DEFAULT_MINUTES = 5.0

MOST_MINUTES = 1_000_000

SWITCHES = ("inherit", "early_stop", "duplicates_together", "class_weights")
"""Settings of the search itself, beside those of strategy and space."""

LIMITS = ("max_size_mb", "max_latency_ms")
"""Limits that are turned into caps of the space: megabytes of weights, milliseconds of one forward pass."""

OF_THE_PLAN = ("size", "rounds", "validation", "candidates")
"""Arguments of strategies that are no settings: the plan gives them to those that take them."""

NOT_MEASURED = Rates()

WEIGHTS_SHARE = 0.99
"""Share of the file of a model that is parameters; a margin for what norms keep beside them, and for the header."""

BOOLEANS = {"true": True, "on": True, "false": False, "off": False}

RANGES: dict[str, tuple[float, float]] = {
    "candidates": (1, 10_000_000),
    "seed": (0, math.inf),
    "epochs": (1, 1_000_000),
    "finalists": (1, 10_000),
    "final_epochs": (1, 1_000_000),
    "world_size": (3, 1000),
    "rounds": (0, 10_000_000),
    "batch_size": (2, 1_000_000),
    "retrain": (0, 10_000),
    "workers": (1, 1_000_000),
}
"""Least and most of each setting that is a count."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user may decide; `None` leaves it to the plan.

    Attributes:
        minutes: wall-clock budget, final training included; more than 0.
        candidates: trainings after which the search ends, 1 or more.
        preset: name of a preset.
        strategy: name of a strategy; the preset's world when not given.
        seed: root of all randomness, 0 or larger.
        epochs, share: fidelity of candidates.
        finalists, final_epochs: how many are trained fully, and for how long at most.
        world_size, rounds: of the world.
        batch_size: samples per training step.
        retrain: retrainings of the winner on training and validation part, for the report.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        workers: candidates trained at once, through Ray when more than 1.
        ray: address of a Ray cluster that trains the candidates, `auto` to find it.
        options: further settings of strategy and space by name, such as `boundary` or `max_parameters`.
    """

    minutes: float | None = None
    candidates: int | None = None
    preset: str = "fast"
    strategy: str | None = None
    seed: int = 0
    epochs: int | None = None
    share: float | None = None
    finalists: int | None = None
    final_epochs: int | None = None
    world_size: int | None = None
    rounds: int | None = None
    batch_size: int | None = None
    retrain: int | None = None
    device: str = "auto"
    workers: int | None = None
    ray: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check names and ranges.

        Raises:
            InputError: an unknown name or a number out of range.
        """
        if self.preset not in PRESETS:
            raise unknown_name("preset", self.preset, PRESETS)
        if self.strategy is not None and self.strategy not in STRATEGIES:
            raise unknown_name("strategy", self.strategy, STRATEGIES)
        for name, (low, high) in RANGES.items():
            if (given := getattr(self, name)) is not None:
                check_range(name, given, low, high)
        if self.minutes is not None and not 0 < self.minutes <= MOST_MINUTES:
            raise InputError(
                "minutes",
                given=self.minutes,
                expected=f"more than 0, at most {MOST_MINUTES:,}",
                mend="give some minutes, such as 10",
            )
        if self.share is not None and not 0 < self.share <= 1:
            raise InputError(
                "share", given=self.share, expected="more than 0, at most 1", mend="1 trains on everything"
            )
        self._check_options()

    def _check_options(self) -> None:
        for name, value in self.options.items():
            if name not in option_defaults():
                raise unknown_name("setting", name, option_defaults())
            if isinstance(value, float) and not math.isfinite(value):
                raise InputError(name, given=value, expected="a finite number", mend="change it")
            if name in LIMITS and not value > 0:
                raise InputError(name, given=value, expected="more than 0", mend="change it, or leave it out")

    def switch(self, name: str) -> bool:
        """Whether one of `SWITCHES` is on: as set, or else as the preset has it."""
        return bool(self.options.get(name, getattr(PRESETS[self.preset], name)))

    def limit(self, name: str) -> float | None:
        """A limit of `LIMITS`, `None` when there is none."""
        return self.options.get(name)

    def plain(self) -> dict[str, Any]:
        """All settings as plain values for the record."""
        return {**dataclasses.asdict(self), "options": dict(self.options)}


def default_minutes(preset: str, candidates: int | None) -> float | None:
    """The budget when none is given; none beside a number of candidates, or for what is done as published."""
    return DEFAULT_MINUTES if candidates is None and (preset not in PRESETS or PRESETS[preset].planned) else None


def option_defaults() -> dict[str, Any]:
    """Names of `Settings.options` with their published defaults; `alphabet` is one of `ALPHABETS`."""
    of_strategies = {name: value for kind in STRATEGIES.values() for name, value in _own_settings(kind).items()}
    caps = ("pool_first", "max_convolutions", "max_genes", "max_parameters", "max_macs")
    space = {entry.name: entry.default for entry in dataclasses.fields(ChainSpace) if entry.name in caps}
    others = {**dict.fromkeys(LIMITS), **dict.fromkeys(SWITCHES, False), "alphabet": "2017"}
    return {**of_strategies, **space, **others}


def _own_settings(kind: type[Strategy]) -> dict[str, Any]:
    """The settings that a strategy alone has, and their defaults; those of `Settings` itself are not among them."""
    return {
        name: parameter.default
        for name, parameter in inspect.signature(kind).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name not in OF_THE_PLAN
    }


def option_values(preset: str) -> dict[str, Any]:
    """Names of `Settings.options` with their values in a preset."""
    chosen = PRESETS[preset]
    values = {**chosen.life, **chosen.space, **{name: getattr(chosen, name) for name in SWITCHES}}
    values["alphabet"] = next(name for name, filters in ALPHABETS.items() if filters == chosen.space["filters"])
    return {name: values.get(name, default) for name, default in option_defaults().items()}


def read_option(text: str) -> tuple[str, Any]:
    """Read `NAME=VALUE`; the value gets the type of the setting's default.

    Raises:
        InputError: no `=`, an unknown name, or a value of the wrong type.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise InputError("--set", given=repr(text), expected="NAME=VALUE", mend="as in --set boundary=clip")
    known = option_defaults()
    if name not in known:
        raise unknown_name("setting", name, known)
    kind = float if known[name] is None else type(known[name])
    try:
        return name, BOOLEANS[value.lower()] if kind is bool else kind(value)
    except (ValueError, KeyError) as error:
        raise InputError(
            f"setting {name}", given=repr(value), expected=f"a {kind.__name__}", mend="change it"
        ) from error


def make_space(
    settings: Settings,
    shape: Shape,
    classes: int,
    rates: Rates,
    max_step_seconds: float,
    forward: Rates = NOT_MEASURED,
) -> ChainSpace:
    """The space of a preset for a task, with the user's options and limits and the plan's cap."""
    preset = PRESETS[settings.preset]
    chosen = {**preset.space, **(preset.text_space if shape.vocabulary else {})}
    fields = {entry.name for entry in dataclasses.fields(ChainSpace)}
    chosen |= {name: value for name, value in settings.options.items() if name in fields}
    if (alphabet := settings.options.get("alphabet")) is not None:
        if alphabet not in ALPHABETS:
            raise unknown_name("alphabet", alphabet, ALPHABETS)
        chosen["filters"] = ALPHABETS[alphabet]
    if megabytes := settings.limit("max_size_mb"):
        chosen["max_parameters"] = min(
            chosen.get("max_parameters", math.inf), int(WEIGHTS_SHARE * megabytes * 1e6 / BYTES_EACH)
        )
    if milliseconds := settings.limit("max_latency_ms"):
        chosen["max_forward_seconds"] = milliseconds / 1000
    return ChainSpace(shape, classes, rates=rates, max_step_seconds=max_step_seconds, forward=forward, **chosen)


def make_strategy(
    settings: Settings,
    space: Space,
    fidelity: Fidelity,
    world_size: int,
    rounds: int | None,
    validation: int = 0,
    candidates: int = 100,
) -> Strategy:
    """The strategy of a run.

    Args:
        settings: name and settings of the strategy.
        space: what is legal.
        fidelity: how much training every candidate gets.
        world_size: side of the world.
        rounds: of evolution, `None` without a limit.
        validation: size of the validation part, 0 when not known.
        candidates: trainings there is time for, about.

    Raises:
        InputError: a setting of another strategy.
    """
    seeds = Seeds(settings.seed)
    name = settings.strategy or "artificial-life"
    kind = STRATEGIES[name]
    others = {entry.name for entry in dataclasses.fields(ChainSpace)} | {"alphabet", *SWITCHES, *LIMITS}
    chosen = {option: value for option, value in settings.options.items() if option not in others}
    if strange := chosen.keys() - _own_settings(kind):
        raise InputError(
            f"setting {min(strange)}", given=f"used with strategy {name}", expected="one that it has",
            mend="leave it out, or choose another --strategy",
        )  # fmt: skip
    if kind is ArtificialLife:
        chosen = {**PRESETS[settings.preset].life, **chosen}
    of_the_plan = dict(zip(OF_THE_PLAN, (world_size, rounds, validation, candidates), strict=True))
    taken = inspect.signature(kind).parameters
    planned = {name: value for name, value in of_the_plan.items() if name in taken}
    return kind(space, seeds, fidelity, **planned, **chosen)
