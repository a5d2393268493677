"""From settings to what a run searches in and by: the space and the strategy."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

from neuralfinder.job.plan import TrainingStage
from neuralfinder.job.presets import PRESETS
from neuralfinder.job.settings import OF_THE_PLAN, WORLD, Settings, of_strategy
from neuralfinder.networks.chains import ALPHABETS, ChainSpace
from neuralfinder.networks.cost import Rates
from neuralfinder.networks.genome import Head, PoolHead, parse_gene, parse_head
from neuralfinder.networks.portfolio import bag_bits
from neuralfinder.networks.recipe_genes import LEAST_LARGE
from neuralfinder.networks.space import Space
from neuralfinder.seeds import Seeds
from neuralfinder.strategies import STRATEGIES, ArtificialLife, Strategy
from neuralfinder.types import Fidelity, Shape

NOT_MEASURED = Rates()

USUAL = TrainingStage(batch_size=1, flip=True)
"""Pictures that may be mirrored and shifted."""


def make_space(
    settings: Settings,
    shape: Shape,
    classes: int,
    rates: Rates,
    max_step_seconds: float,
    forward: Rates = NOT_MEASURED,
    training: TrainingStage = USUAL,
) -> ChainSpace:
    """The space of a preset for a task, with the user's settings and caps and the plan's cap.

    `training` says whether pictures are mirrored and shifted, whether they are few, and texts long.
    """
    preset = PRESETS[settings.preset]
    chosen = {**preset.space, **(preset.text_space if shape.vocabulary else {})}
    chosen["heads"] = tuple(_with_rows(head, classes) for head in chosen.get("heads", ()))
    fields = {entry.name for entry in dataclasses.fields(ChainSpace)}
    chosen |= {name: _built(name, value) for name, value in settings.options.items() if name in fields}
    if (alphabet := settings.options.get("alphabet")) is not None:
        chosen["filters"] = ALPHABETS[alphabet]
    if megabytes := settings.cap("max_size_mb"):
        chosen["max_bytes"] = megabytes * 1e6
    if milliseconds := settings.cap("max_latency_ms"):
        chosen["max_forward_seconds"] = milliseconds / 1000
    recipe = settings.recipes(shape)[0]
    large = training.long or min(shape.height, shape.width) >= LEAST_LARGE
    chosen["usual_recipe"] = recipe.as_genes(
        bool(shape.vocabulary), training.flip, training.shifts, large, training.few
    )
    return ChainSpace(shape, classes, rates=rates, max_step_seconds=max_step_seconds, forward=forward, **chosen)


def _with_rows(head: Head, classes: int) -> Head:
    """The head, its bag of n-grams, if it has one, with rows for so many classes."""
    if isinstance(head, PoolHead) and head.bag:
        return dataclasses.replace(head, bag=min(head.bag, bag_bits(classes)))
    return head


def _built(name: str, value: Any) -> Any:
    """A setting of the space, whose genes and heads are kept as text."""
    if name == "head":
        return parse_head(value, value)
    if name == "heads":
        return tuple(parse_head(text, text) for text in value)
    return tuple(parse_gene(text, text) for text in value) if name in ("pools", "layers") else value


def has_founders(settings: Settings) -> bool:
    """Whether the strategy of a run begins with founders, so that it can be told some."""
    return "ancestors" in inspect.signature(STRATEGIES[settings.strategy or WORLD]).parameters


def make_strategy(
    settings: Settings,
    space: Space,
    fidelity: Fidelity,
    world_size: int,
    rounds: int | None,
    validation: int = 0,
    candidates: int = 100,
    **known: Any,
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
        **known: what is known before the search, for strategies that take it: `expectation`, what experience of other
            tasks lets one expect of networks, and `ancestors`, the first founders; `None` for nothing.
    """
    name = settings.strategy or WORLD
    kind = STRATEGIES[name]
    own = {setting.name for setting in of_strategy(name, kind)}
    chosen = {option: value for option, value in settings.options.items() if option in own}
    if kind is ArtificialLife:
        chosen = {**PRESETS[settings.preset].life, **chosen}
    of_the_plan = dict(zip(OF_THE_PLAN, (world_size, rounds, validation, candidates), strict=True))
    taken = inspect.signature(kind).parameters
    planned: dict[str, Any] = {name: value for name, value in of_the_plan.items() if name in taken}
    planned |= {name: value for name, value in known.items() if name in taken and value is not None}
    return kind(space, Seeds(settings.seed), fidelity, **planned, **chosen)
