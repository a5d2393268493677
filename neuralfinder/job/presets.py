"""Presets: named bundles of space, strategy and training recipe."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from neuralfinder.networks.chains import ALPHABETS
from neuralfinder.networks.genome import AvgPool, DenseHead, MaxPool, PoolHead
from neuralfinder.networks.recipe_genes import ALL
from neuralfinder.plugins import Registry
from neuralfinder.types import Shape


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
        class_weights: whether all classes count alike in training, as the setting has it; `None` as the metric asks.
        experience: what is known of networks on other tasks, as the setting has it.
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
    class_weights: bool | None = None
    experience: str = "off"
    retrain: int = 0
    text_recipe: str = "text"
    text_final: str = "text-final"
    text_space: Mapping[str, Any] = field(default_factory=dict)

    def recipes(self, shape: Shape) -> tuple[str, str]:
        """Names of the recipes of candidates and of finalists, for samples of this shape."""
        return (self.text_recipe, self.text_final) if shape.vocabulary else (self.recipe, self.final)

    @property
    def values(self) -> dict[str, Any]:
        """What it sets, other than of the strategy, by the name of the setting."""
        own = (
            "inherit", "early_stop", "duplicates_together", "class_weights", "experience", "retrain", "recipe", "final"
        )  # fmt: skip
        alphabet = next((name for name, filters in ALPHABETS.items() if filters == self.space.get("filters")), None)
        space = {name: value for name, value in self.space.items() if name != "filters" or alphabet is None}
        return {**space, **{name: getattr(self, name) for name in own}, "alphabet": alphabet}

    @property
    def for_texts(self) -> dict[str, Any]:
        """What it sets otherwise for texts."""
        return {**self.text_space, "recipe": self.text_recipe, "final": self.text_final}


_FAST = Preset(
    summary="a world with foresight, a space that fits the time, a modern training recipe",
    recipe="fast",
    final="final",
    space={
        "filters": ALPHABETS["fast"],
        "norm": True,
        "head": PoolHead(),
        "heads": (PoolHead(largest=True), PoolHead(pixels=True), DenseHead(0), DenseHead(256)),
        "plain": True,
        "founders_are": "chain",
        "max_convolutions": 16,
        "recipe_genes": (ALL,),
        "sides": (32, 48, 64, 96, 128, 160, 224),
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
    experience="default",
    text_space={
        "norm": False,
        "head": PoolHead(largest=True, dropout=50),
        "heads": (PoolHead(), PoolHead(bag=18), PoolHead(largest=True, dropout=50, bag=18)),
        "founders_are": "layer",
        "kernels": (1, 3, 5, 7),
        "activations": ("relu", "gelu", "silu"),
        "longest_skip": 2,
    },
)

_OWN = {
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

PRESETS = Registry("presets", _OWN, lambda found: isinstance(found, Preset), "a job.presets.Preset")
