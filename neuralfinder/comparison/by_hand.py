"""A hand-made network trained as finalists are, within the same minutes."""

from __future__ import annotations

import dataclasses
import math
import time
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everybody knows it by

from neuralfinder.comparison.references import REFERENCES, build_reference
from neuralfinder.data import Divided
from neuralfinder.errors import InputError, NothingTrainedError
from neuralfinder.job.baselines import majority
from neuralfinder.job.figures import judged, with_views
from neuralfinder.job.forecast import SAFETY, WRITING_SECONDS, epochs_within, measuring_seconds, views_fit
from neuralfinder.job.prepare import make_setup, open_test
from neuralfinder.job.settings import Settings
from neuralfinder.job.status import Status
from neuralfinder.search.executors import compute, in_process
from neuralfinder.seeds import Seeds, torch_seed
from neuralfinder.training.clock import Clock, steps_in_all
from neuralfinder.training.machine import find_device, keep_memory
from neuralfinder.training.model import Predictor
from neuralfinder.training.recipes import MOST_VIEWS
from neuralfinder.training.train import EVALUATION_BATCH, Diverged, Setup, forward_seconds, step_seconds, train
from neuralfinder.types import BEHIND, RUNG_SAMPLES, RUNGS, Fidelity, Shape

SLOWER = 0.2, 0.04
"""Learning rates, as multiples of the recipe's, that are tried when a network does not learn at the recipe's own."""


class Enlarged(nn.Module):
    """A network that takes smaller pictures than it was made for: every picture is scaled up first."""

    def __init__(self, network: nn.Module, side: int) -> None:
        super().__init__()
        self.network, self.side = network, side

    def forward(self, pictures: Tensor) -> Tensor:
        """`(n, channels, height, width)` -> logits; the shorter side becomes `side`."""
        scale = self.side / min(pictures.shape[2:])
        size = [round(scale * length) for length in pictures.shape[2:]]
        logits: Tensor = self.network(F.interpolate(pictures, size=size, mode="bilinear", align_corners=False))
        return logits


def measure_reference(name: str, data: Divided, settings: Settings) -> dict[str, Any]:
    """Train the hand-made network `name` for the settings' minutes, from now, and test it.

    The data are divided as for a search with this seed; the recipe is that of finalists. The number of epochs follows
    from the time, less what testing takes, and is at most that of finalists. A network that diverges, or knows no more
    than the commonest class after a quarter or half of its training, begins again at a lower rate.

    Returns:
        Figures as in a search's `result.json`: accuracies, `parameters`, `epochs`, `seconds`, `improvements`, and
        `enlarged`, the side that pictures were scaled up to, or `None`.

    Raises:
        NothingTrainedError: it does not learn at any of the rates.
    """
    keep_memory()
    with in_process() as executor:
        return compute(executor, _measure, name, data, settings)


def _measure(name: str, data: Divided, settings: Settings) -> dict[str, Any]:
    started = time.monotonic()
    pictures, parts = data.coded, data.split
    if pictures.is_text:
        raise InputError(name, given="used on texts", expected="pictures", mend="compare strategies on texts")
    device = find_device(settings.device)
    setup = make_setup(data, settings, device, Status())
    deadline = started + 60 * (settings.minutes or 1.0) - WRITING_SECONDS
    recipe = settings.recipes(pictures.shape)[1]
    setup = dataclasses.replace(setup, recipe=recipe, clock=Clock(deadline))
    smallest = REFERENCES[name].smallest
    small = min(pictures.shape.height, pictures.shape.width) < smallest
    build = partial(_build, name, pictures.shape, len(pictures.classes), smallest if small else None)
    looks = len(parts.validation) + len(parts.test)
    for rate in (1.0, *SLOWER):
        slower = dataclasses.replace(setup, recipe=recipe.times(rate))
        try:
            figures = _train(build, slower, looks, Seeds(settings.seed).number("reference", name))
        except Diverged:
            continue
        if figures:
            break
    else:
        raise NothingTrainedError(f"{name} is at chance after a quarter of its training, at three learning rates")
    predictor, epochs, improvements, views = figures
    predictor, validation = with_views(setup, predictor, views)
    test = open_test(data, device, whole=False)
    return {
        **judged(test.labels.cpu().numpy(), predictor.answers(test, setup.bf16)),
        "validation_accuracy": validation,
        "parameters": sum(p.numel() for p in predictor.network.parameters()),
        "epochs": epochs,
        "rate": rate,
        "enlarged": smallest if small else None,
        "seconds": time.monotonic() - started,
        "improvements": [(round(moment - started, 1), score) for moment, score in improvements],
    }


def _build(name: str, shape: Shape, classes: int, side: int | None) -> nn.Module:
    if side is None:
        return build_reference(name, shape, classes)
    scale = side / min(shape.height, shape.width)
    large = Shape(shape.channels, round(scale * shape.height), round(scale * shape.width))
    return Enlarged(build_reference(name, large, classes), side)


def _train(
    build: partial[nn.Module], setup: Setup, looks: int, seed: int
) -> tuple[Predictor, float, list[tuple[float, float]], bool] | None:
    """The trained network, its epochs, for each improvement on validation the moment and the accuracy, and `views`.

    `None` for one that was stopped because it knew no more than the commonest class. Time for so many `looks` at a
    picture is left, and for several views of each where these take little of it. Looks in training are taken to lie
    evenly in its time.

    Raises:
        Diverged: as `train`.
    """
    with torch_seed(seed):
        network = build()
        each = step_seconds(network, setup, measuring_seconds(setup.clock.left()))
        testing = forward_seconds(network, setup, EVALUATION_BATCH, 2) * looks / EVALUATION_BATCH
        views = setup.recipe.views and views_fit(MOST_VIEWS * testing, setup.clock.left())
        testing *= MOST_VIEWS if views else 1
        setup = dataclasses.replace(setup, clock=setup.clock.until(setup.clock.deadline - testing))
        parts = len(setup.train), len(setup.validation)

        def seconds_of(epochs: float) -> float:
            """What a training of so many epochs takes."""
            fidelity, measures = Fidelity.of(epochs), setup.recipe.measures
            return each * steps_in_all(*parts, setup.batch_size, fidelity, measures, len(RUNGS))

        epochs = epochs_within(seconds_of, SAFETY * setup.clock.left(), setup.recipe.longest)
        network, began = build(), time.monotonic()
        training = train(network, setup, Fidelity.of(epochs), seed, [_chance(setup)] * len(RUNGS))
        took = time.monotonic() - began
    if training.ended == BEHIND:
        return None
    curve = training.curve
    improvements = [
        (began + took * (place + 1) / len(curve), score)
        for place, score in enumerate(curve)
        if score > max(curve[:place], default=-1.0)
    ]
    return (
        Predictor(network=network.cpu().eval(), preparation=setup.preparation),
        epochs * training.done,
        improvements,
        views,
    )


def _chance(setup: Setup) -> float:
    """The accuracy on a rung that always answering the commonest class exceeds in one case of forty."""
    labels = setup.validation.labels.cpu().numpy()
    share = float((labels == majority(labels, setup.classes)).mean())
    return share + 2 * math.sqrt(share * (1 - share) / min(len(labels), RUNG_SAMPLES))
