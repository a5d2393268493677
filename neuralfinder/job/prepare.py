"""From loaded data to the parts, and to what all trainings on them share."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch

from neuralfinder.data import Dataset, Split, examined, split
from neuralfinder.data.mirror import MOST_PICTURES, mirroring_harmless
from neuralfinder.data.tokens import tokenized
from neuralfinder.job.plan import batch_size_for
from neuralfinder.job.presets import PRESETS, Settings
from neuralfinder.job.status import Status
from neuralfinder.seeds import Seeds
from neuralfinder.training.batches import Part, Preparation, Scaling
from neuralfinder.training.machine import has_bf16
from neuralfinder.training.train import Setup, class_weights


def divided(data: Dataset, settings: Settings) -> tuple[Dataset, Split]:
    """Loaded data, examined, and the parts."""
    data = examined(data, settings.switch("duplicates_together"))
    return data, split(data.labels, data.given_test, settings.seed, groups=data.groups)


def retokenized(raw: Dataset, data: Dataset, parts: Split, settings: Settings) -> Dataset:
    """Texts as lines of tokens of training and validation part; as in `data` where the network must not grow."""
    if not raw.is_text or settings.limit("max_size_mb") or "max_parameters" in settings.options:
        return data
    return tokenized(raw, np.concatenate([parts.train, parts.validation]), data.shape.width)


def part_for(forms: Sequence[Dataset], rows: np.ndarray, device: torch.device, preparation: Preparation) -> Part:
    """Some rows of that form of the data which this preparation takes."""
    data = next(data for data in forms if data.tokens in (None, preparation))
    return Part.of(data.samples, data.labels, rows, device)


def make_setup(data: Dataset, parts: Split, settings: Settings, device: torch.device, status: Status) -> Setup:
    """What all trainings on these data share, with the recipe of the search; the clock has no end yet."""
    train, validation = _parts(data, parts, device)
    recipe = PRESETS[settings.preset].recipes(data.shape)[0]
    batch_size = batch_size_for(len(train), recipe, settings.batch_size)
    flip = recipe.flip and _may_mirror(data, parts.train, settings, status)
    bf16 = recipe.mixed_precision and has_bf16(device)
    preparation = data.tokens or Scaling.of(train)
    weights = class_weights(train.labels, len(data.classes)) if settings.switch("class_weights") else None
    return Setup(train, validation, len(data.classes), preparation, recipe, batch_size, flip, bf16, weights)


def _parts(data: Dataset, parts: Split, device: torch.device) -> tuple[Part, Part]:
    """Training and validation part."""
    train, validation = (Part.of(data.samples, data.labels, rows, device) for rows in (parts.train, parts.validation))
    return train, validation


def make_whole(setup: Setup, data: Dataset, parts: Split) -> Setup:
    """What trainings on training and validation part share; texts come with the tokens of both, see `retokenized`."""
    if data.tokens is None or data.tokens == setup.preparation:
        return dataclasses.replace(setup, train=setup.train.joined(setup.validation))
    train, validation = _parts(data, parts, setup.device)
    return dataclasses.replace(setup, train=train.joined(validation), validation=validation, preparation=data.tokens)


def _may_mirror(data: Dataset, rows: np.ndarray, settings: Settings, status: Status) -> bool:
    rows = np.sort(rows[:MOST_PICTURES])
    allowed, why = mirroring_harmless(data.samples[rows], data.labels[rows], Seeds(settings.seed).stream("mirror"))
    status.say(f"mirroring {'on' if allowed else 'off'}: {why}")
    return allowed
