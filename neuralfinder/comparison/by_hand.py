"""A network by hand, by rule or by its genome, trained as finalists are, within the same minutes."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everybody knows it by

from neuralfinder.comparison.references import REFERENCES, build_reference
from neuralfinder.comparison.terms import Terms
from neuralfinder.data import Divided
from neuralfinder.errors import InputError, NothingTrainedError
from neuralfinder.job.baselines import majority
from neuralfinder.job.factories import NOT_MEASURED, make_space
from neuralfinder.job.figures import judged, say_of, with_say, with_views
from neuralfinder.job.forecast import (
    FORWARD_SHARE,
    LAST_SHARE,
    LEAST_LAST,
    SLACK,
    WRITING_SECONDS,
    measuring_seconds,
    views_fit,
)
from neuralfinder.job.plan import Task, TrainingStage
from neuralfinder.job.prepare import make_setup, open_test
from neuralfinder.job.settings import DEFAULT_MINUTES, Settings
from neuralfinder.job.status import Status
from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.cost import Rates, cost, shapes
from neuralfinder.networks.genome import Genome, parse
from neuralfinder.networks.rules import RULES
from neuralfinder.search.executors import compute, in_process
from neuralfinder.seeds import Seeds, torch_seed
from neuralfinder.training.build import build
from neuralfinder.training.clock import Clock
from neuralfinder.training.machine import find_device, keep_memory, measure
from neuralfinder.training.memory import check_memory
from neuralfinder.training.model import Predictor
from neuralfinder.training.recipes import COUNTS_OF_VIEWS, Recipe
from neuralfinder.training.train import (
    EVALUATION_BATCH,
    HALF,
    PLAIN,
    Diverged,
    Setup,
    forward_seconds,
    step_seconds,
    train,
)
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


@dataclass(frozen=True, slots=True)
class Bench:
    """What one network is trained and tested with.

    Attributes:
        data: divided as for a search with this seed.
        settings: minutes, preset and seed.
        setup: of full trainings; its clock ends everything.
        device: where the test part goes.
        began: when the minutes began, in seconds of `time.monotonic`.
    """

    data: Divided
    settings: Settings
    setup: Setup
    device: torch.device
    began: float

    @classmethod
    def of(cls, data: Divided, settings: Settings) -> Bench:
        """The minutes of the settings begin now."""
        began = time.monotonic()
        device = find_device(settings.device)
        setup = make_setup(data, settings, device, Status())
        recipe = settings.recipes(data.coded.shape)[1]
        clock = Clock(began + 60 * (settings.minutes or DEFAULT_MINUTES) - WRITING_SECONDS)
        return cls(data, settings, dataclasses.replace(setup, recipe=recipe, clock=clock), device, began)

    @property
    def task(self) -> Task:
        """What plans and rules know of the data."""
        parts, coded = self.data.split, self.data.coded
        counts = len(parts.train), len(parts.validation), len(parts.test)
        return Task(*counts, coded.shape, len(coded.classes))

    def rates(self, recipe: Recipe) -> Rates:
        """How fast this machine trains with this recipe."""
        space, setup = self.space(), dataclasses.replace(self.setup, recipe=recipe)
        return measure(setup, space, measuring_seconds(self.setup.clock.left()))

    def space(self, rates: Rates = NOT_MEASURED, max_step_seconds: float = math.inf) -> ChainSpace:
        """The space of the preset for these data."""
        task, training = self.task, TrainingStage.of(self.setup)
        return make_space(self.settings, task.shape, task.classes, rates, max_step_seconds, training=training)


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A network to be trained.

    Attributes:
        build: shape of a sample -> network.
        genome: what it is made of, where it has one.
        enlarged: the side that pictures are scaled up to, `None` for as they are.
    """

    build: Callable[[Shape], nn.Module]
    genome: Genome | None = None
    enlarged: int | None = None


def measure_by_hand(method: str, data: Divided, settings: Settings) -> dict[str, Any]:
    """Train one network for the settings' minutes, from now, and test it.

    The data are divided as for a search with this seed; the recipe is that of finalists. The number of epochs follows
    from the time, less what testing takes, and is at most that of finalists. A network that diverges, or knows no more
    than the commonest class after half of its training, begins again at a lower rate.

    Args:
        method: name of a hand-made network or a rule of thumb, or a genome.
        data: loaded and divided.
        settings: minutes, preset and whatever else all methods share.

    Returns:
        Figures as in a search's `result.json`: accuracies, `parameters`, `epochs`, `seconds`, `improvements`, the
        `genome` where there is one, and `enlarged`, the side that pictures were scaled up to, or `None`.

    Raises:
        InputError: it cannot take such data.
        NothingTrainedError: it does not learn at any of the rates, or does not fit into memory.
    """
    keep_memory()
    with in_process() as executor:
        return compute(executor, _measure, method, data, settings)


def _measure(method: str, data: Divided, settings: Settings) -> dict[str, Any]:
    bench = Bench.of(data, settings)
    return train_and_test(method, _blueprint(method, bench), bench)


def _blueprint(method: str, bench: Bench) -> Blueprint:
    shape, classes = bench.task.shape, bench.task.classes
    if method in REFERENCES:
        if shape.vocabulary:
            raise InputError(
                method,
                given="used on texts",
                expected="pictures",
                mend="compare strategies, rules and genomes on texts",
            )
        smallest = REFERENCES[method].smallest
        side = smallest if min(shape.height, shape.width) < smallest else None
        return Blueprint(partial(_build, method, classes, side), enlarged=side)
    return of_genome(_by_rule(method, bench) if method in RULES else parse(method), bench)


def _by_rule(method: str, bench: Bench) -> Genome:
    recipe = bench.setup.recipe
    rates = bench.rates(recipe)
    left = bench.setup.clock.left()
    terms = Terms(bench.task, bench.space(), recipe, bench.setup.batch_size, rates, left)
    return RULES[method].genome(terms.space, terms.fits)


def of_genome(genome: Genome, bench: Bench) -> Blueprint:
    """A genome as it is trained.

    Raises:
        InputError: nothing is left of the samples on their way through it.
        NothingTrainedError: there is less memory than training needs.
    """
    shape, classes = bench.task.shape, bench.task.classes
    if any(min(after.height, after.width) < 1 for after in shapes(genome, shape)):
        raise InputError(
            genome.key, given=f"used on samples of {shape}", expected="fewer pools, strides or kernels without border",
            mend="leave some out",
        )  # fmt: skip
    try:
        check_memory(cost(genome, shape, classes), bench.setup.batch_size, bench.device)
    except MemoryError as error:
        raise NothingTrainedError(f"{genome.key}: {error}") from error
    usual = bench.setup.recipe.initialisation
    return Blueprint(lambda shape: build(genome, shape, classes, usual), genome)


def train_and_test(method: str, blueprint: Blueprint, bench: Bench) -> dict[str, Any]:
    """Train one network for the time that the bench has left, and test it: see `measure_by_hand`."""
    setup, parts, data = bench.setup, bench.data.split, bench.data
    setup = setup.of(blueprint.genome)
    recipe, seed = setup.recipe, Seeds(bench.settings.seed).number("reference", method)
    looks = len(parts.validation) + len(parts.test)
    for rate in (1.0, *SLOWER):
        slower = dataclasses.replace(setup, recipe=recipe.times(rate))
        try:
            figures = _train(blueprint.build, slower, looks, seed)
        except Diverged:
            continue
        if figures:
            break
    else:
        raise NothingTrainedError(f"{method} is at chance after half of its training, at three learning rates")
    predictor, whole, epochs, improvements = figures
    say = say_of(setup, predictor)
    predictor, validation, _ = with_views(setup, with_say(predictor, say), len(parts.test))
    test = open_test(data, bench.device)
    if whole is not None:
        predictor = dataclasses.replace(with_say(whole, say), views=dataclasses.replace(predictor.views, half=False))
    return {
        **judged(test.labels.cpu().numpy(), predictor.answers(test, setup.bf16)),
        "validation_accuracy": validation,
        "parameters": _parameters(blueprint.genome, predictor.network, setup),
        "genome": blueprint.genome and blueprint.genome.key,
        "epochs": epochs,
        "rate": rate,
        "enlarged": blueprint.enlarged,
        "seconds": time.monotonic() - bench.began,
        "improvements": [(round(moment - bench.began, 1), score) for moment, score in improvements],
    }


def _parameters(genome: Genome | None, network: nn.Module, setup: Setup) -> int:
    if genome:
        return cost(genome, setup.shape, setup.classes).parameters
    return sum(parameter.numel() for parameter in network.parameters())


def _build(name: str, classes: int, side: int | None, shape: Shape) -> nn.Module:
    if side is None:
        return build_reference(name, shape, classes)
    scale = side / min(shape.height, shape.width)
    large = Shape(shape.channels, round(scale * shape.height), round(scale * shape.width))
    return Enlarged(build_reference(name, large, classes), side)


def _train(
    build: Callable[[Shape], nn.Module], setup: Setup, looks: int, seed: int
) -> tuple[Predictor, Predictor | None, float, list[tuple[float, float]]] | None:
    """The trained network, one of training and validation part, epochs, and improvements.

    The second is the same after its last training, on training and validation part, as the winner of a search has it;
    `None` where the recipe has none. Improvements are moments and accuracies on validation.

    `None` in all for one that was stopped because it knew no more than the commonest class. Time for so many `looks` at
    a picture is left, and for several views of each where these take little of it. Looks in training are taken to lie
    evenly in its time.

    Raises:
        Diverged: as `train`.
    """
    with torch_seed(seed):
        network = build(setup.shape)
        measuring = measuring_seconds(setup.clock.left())
        each = step_seconds(network, setup, (1 - FORWARD_SHARE) * measuring)
        testing = forward_seconds(network, setup, EVALUATION_BATCH, 2, FORWARD_SHARE * measuring)
        testing *= looks / EVALUATION_BATCH
        counts = COUNTS_OF_VIEWS if setup.recipe.views else ()
        views = next((count for count in counts if views_fit(count * testing, setup.clock.left())), 1)
        testing *= setup.several(views).count
        setup = dataclasses.replace(setup, clock=setup.clock.until(setup.clock.deadline - testing))
        last = LAST_SHARE if setup.recipe.refit else 0.0
        # more than there seems to be time for: the clock ends it, and nothing is left over where steps are faster
        fitting, least = max(0.0, setup.clock.left()) / each / setup.steps(), 1 / setup.steps()
        longest, expected = (max(least, min(setup.recipe.longest, most)) for most in (SLACK * fitting, fitting))
        setup = dataclasses.replace(setup, in_all=expected)
        network, began = build(setup.shape), time.monotonic()
        first = dataclasses.replace(setup, clock=setup.clock.until(began + (1 - last) * setup.clock.left()))
        fidelity = Fidelity.of((1 - last) * longest)
        training = train(network, first, fidelity, seed, [*[0.0] * (len(RUNGS) - 1), _chance(setup)], falls=not last)
        epochs, took = (1 - last) * longest * training.done, time.monotonic() - began
        if training.ended == BEHIND:
            return None
        refitted = None
        if last:
            wanted = max(LEAST_LAST * epochs, longest - epochs)
            whole = build(setup.shape)
            full = dataclasses.replace(setup.whole(), in_all=0.0)
            again = train(whole, full, Fidelity.of(wanted), seed + 1, trunk=training.trunk)
            refitted = Predictor(network=whole.cpu().eval(), preparation=setup.preparation)
            epochs += wanted * again.done
    curve = training.curve
    improvements = [
        (began + took * (place + 1) / len(curve), score)
        for place, score in enumerate(curve)
        if score > max(curve[:place], default=-1.0)
    ]
    return (
        Predictor(network=network.cpu().eval(), preparation=setup.preparation, views=HALF if training.half else PLAIN),
        refitted,
        epochs,
        improvements,
    )


def _chance(setup: Setup) -> float:
    """The accuracy on a rung that always answering the commonest class exceeds in one case of forty."""
    labels = setup.validation.labels.cpu().numpy()
    share = float((labels == majority(labels, setup.classes)).mean())
    return share + 2 * math.sqrt(share * (1 - share) / min(len(labels), RUNG_SAMPLES))
