"""From loaded data to the parts, and to what all trainings on them share."""

from __future__ import annotations

import math

import numpy as np
import torch

from neuralfinder.data import Dataset, Divided
from neuralfinder.data.changes import MOST_PICTURES, Harmless, harmless_changes
from neuralfinder.data.splits import Split
from neuralfinder.job.planner import batch_size_for
from neuralfinder.job.presets import PRESETS
from neuralfinder.job.settings import Settings
from neuralfinder.job.status import Status
from neuralfinder.seeds import Seeds
from neuralfinder.training.bag import SHARE, Bags
from neuralfinder.training.batches import Part, Scaling
from neuralfinder.training.machine import has_bf16
from neuralfinder.training.recipes import FEW
from neuralfinder.training.train import Setup, class_weights


def divided(data: Dataset, settings: Settings) -> Divided:
    """Loaded data, examined and divided as the settings say."""
    return Divided.of(data, settings.seed, settings.switch("duplicates_together"))


def open_test(data: Divided, device: torch.device) -> Part:
    """The test part."""
    return _part(data.coded, data.split.test, device)


def make_setup(data: Divided, settings: Settings, device: torch.device, status: Status) -> Setup:
    """What all trainings on these data share, with the recipe of the search; the clock has no end yet."""
    coded = data.coded
    train, validation = _parts(coded, data.split, device)
    recipe = settings.recipes(coded.shape)[0]
    batch_size = batch_size_for(len(train), recipe, settings.batch_size)
    harmless = _harmless(coded, data.split.train, settings, status)
    bf16 = recipe.mixed_precision and has_bf16(device)
    preparation = coded.tokens or Scaling.of(train)
    few = len(train) + len(validation) <= FEW and not coded.tokens
    if few and harmless.shift and (recipe.few_colour or recipe.few_mix):
        status.say("pictures are few: trained with other light and colours, and parts of other pictures")
    weights = class_weights(train.labels, len(coded.classes)) if settings.weighted else None
    if settings.weighted and "class_weights" not in settings.options:
        status.say(
            "all classes count alike in training, however few samples they have; --set class_weights=off ends that"
        )
    return Setup(
        train, validation, len(coded.classes), preparation, recipe, batch_size, harmless.mirror, bf16, weights,
        shifts=harmless.shift, few=few, long=bool(coded.tokens and coded.tokens.pieces > 1),
        bags=Bags(math.inf if settings.minutes is None else SHARE * 60 * settings.minutes), metric=settings.by_metric,
    )  # fmt: skip


def _parts(data: Dataset, parts: Split, device: torch.device) -> tuple[Part, Part]:
    """Training and validation part."""
    return _part(data, parts.train, device), _part(data, parts.validation, device)


def training_part(data: Divided, rows: np.ndarray, device: torch.device) -> Part:
    """Some rows of the training part."""
    return _part(data.coded, rows, device)


def _part(data: Dataset, rows: np.ndarray, device: torch.device) -> Part:
    return Part.of(data.samples, data.labels, rows, device)


def _harmless(data: Dataset, rows: np.ndarray, settings: Settings, status: Status) -> Harmless:
    """Which changes of pictures are harmless; not asked where the recipe makes none, or is as published."""
    recipe = settings.recipes(data.shape)[0]
    if not recipe.flip and not (recipe.shift and PRESETS[settings.preset].planned):
        return Harmless(False, True, "")
    rows = np.sort(rows[:MOST_PICTURES])
    rng = Seeds(settings.seed).stream("mirror")
    harmless = harmless_changes(data.samples[rows], data.labels[rows], recipe.shift, rng)
    status.say(str(harmless))
    return harmless
