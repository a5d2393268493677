"""From loaded data to the parts, and to what all trainings on them share."""

from __future__ import annotations

import numpy as np
import torch

from neuralfinder.data import Dataset, Divided
from neuralfinder.data.mirror import MOST_PICTURES, mirroring_harmless
from neuralfinder.data.splits import Split
from neuralfinder.job.planner import batch_size_for
from neuralfinder.job.settings import Settings
from neuralfinder.job.status import Status
from neuralfinder.seeds import Seeds
from neuralfinder.training.batches import Part, Scaling
from neuralfinder.training.machine import has_bf16
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
    flip = recipe.flip and _may_mirror(coded, data.split.train, settings, status)
    bf16 = recipe.mixed_precision and has_bf16(device)
    preparation = coded.tokens or Scaling.of(train)
    weights = class_weights(train.labels, len(coded.classes)) if settings.switch("class_weights") else None
    return Setup(train, validation, len(coded.classes), preparation, recipe, batch_size, flip, bf16, weights)


def _parts(data: Dataset, parts: Split, device: torch.device) -> tuple[Part, Part]:
    """Training and validation part."""
    return _part(data, parts.train, device), _part(data, parts.validation, device)


def _part(data: Dataset, rows: np.ndarray, device: torch.device) -> Part:
    return Part.of(data.samples, data.labels, rows, device)


def _may_mirror(data: Dataset, rows: np.ndarray, settings: Settings, status: Status) -> bool:
    rows = np.sort(rows[:MOST_PICTURES])
    allowed, why = mirroring_harmless(data.samples[rows], data.labels[rows], Seeds(settings.seed).stream("mirror"))
    status.say(f"mirroring {'on' if allowed else 'off'}: {why}")
    return allowed
