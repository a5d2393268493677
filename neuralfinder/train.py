"""The training loop, top to bottom."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everybody knows it by

from neuralfinder.data.batches import Augmentation, Part, Scaling, plain_batches, training_batches
from neuralfinder.recipes import Recipe
from neuralfinder.types import Fidelity

EVALUATION_BATCH = 256
"""Samples per forward pass without gradients: large enough for speed, small enough for the processor's cache."""


class Cancelled(CancelledError):  # noqa: N818 - no error, a request
    """Training was told to stop and left nothing behind."""


class Diverged(Exception):  # noqa: N818 - a result, not a mistake
    """The loss is no longer a number."""


@dataclass(frozen=True, slots=True)
class Clock:
    """When training must end: `deadline` in seconds of `time.monotonic`, and a flag another thread may set."""

    deadline: float = math.inf
    cancelled: threading.Event = field(default_factory=threading.Event)

    def left(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - time.monotonic()

    def until(self, deadline: float) -> Clock:
        """The same flag with an earlier deadline."""
        return Clock(min(self.deadline, deadline), self.cancelled)


@dataclass(frozen=True, slots=True)
class Setup:
    """All that trainings of one task share: data on the device, scaling, recipe, `bf16` and the clock."""

    train: Part
    validation: Part
    classes: int
    scaling: Scaling
    recipe: Recipe
    batch_size: int
    flip: bool = False
    bf16: bool = False
    clock: Clock = field(default_factory=Clock)

    @property
    def device(self) -> torch.device:
        """Where the data live and the networks are trained."""
        return self.train.labels.device

    def steps(self, share: float = 1.0) -> int:
        """Steps of one epoch over `share` of the training part, 1 or more; a last partial batch waits its turn."""
        return max(1, int(len(self.train) * share) // self.batch_size)


@dataclass(frozen=True, slots=True)
class Training:
    """What training left.

    Attributes:
        score: validation accuracy of the weights kept, 0..1.
        curve: validation accuracy at each measured epoch.
        state: the weights, on the CPU, contiguous.
        epochs: epochs begun.
        ended: `complete`, `patience`, `chance`, `deadline`, or `diverged` after something had been measured.
    """

    score: float
    curve: tuple[float, ...]
    state: dict[str, Tensor]
    epochs: int
    ended: str


def train(network: nn.Module, setup: Setup, fidelity: Fidelity, seed: int) -> Training:
    """Train `network` in place and measure it on the validation part.

    On pace, the learning rate depends on the share of steps done alone, so equal seeds give equal weights. When the
    deadline is nearer than the steps left need, the schedule is run through in the steps there is time for.

    Args:
        network: pictures `(n, channels, height, width)` -> logits `(n, classes)`.
        setup: data, recipe and clock.
        fidelity: epochs and share of the data; each epoch draws its share anew.
        seed: of the order of samples and the augmentation. Dropout draws from torch's global generator.

    Raises:
        Diverged: the loss became NaN or infinite before anything was measured.
        Cancelled: the clock's flag was set.
    """
    steps = setup.steps(fidelity.share)
    generator = torch.Generator().manual_seed(seed)
    network.to(setup.device)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks the keyword
    optimizer = _optimizer(network, setup.recipe)
    pace = Pace(fidelity.epochs * steps, setup.clock, evaluation_steps=len(setup.validation) / setup.batch_size / 3)
    judge = _Judge(setup, fidelity.epochs, network)
    ended: str | None = None
    epoch = 0

    while ended is None:
        epoch += 1
        loss = _train_epoch(network, optimizer, setup, steps, generator, pace)
        if not math.isfinite(loss):
            if not judge.curve:
                raise Diverged(f"the loss is {loss} in epoch {epoch}")
            ended = "diverged"
        else:
            if _is_measured(epoch, fidelity.epochs, setup.recipe.measures) or pace.over:
                judge.measure(network)
            ended = judge.verdict(epoch, pace)

    network.load_state_dict(judge.state)
    return Training(judge.score, tuple(judge.curve), judge.state, epoch, ended)


def _train_epoch(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    setup: Setup,
    steps: int,
    generator: torch.Generator,
    pace: Pace,
) -> float:
    """One pass over the training part or its share; returns the sum of the losses."""
    recipe = setup.recipe
    augmentation = Augmentation(recipe.shift, recipe.rotation, recipe.flip and setup.flip)
    network.train()
    loss_sum = torch.zeros((), device=setup.device)
    for pictures, labels in training_batches(
        setup.train, setup.batch_size, steps, augmentation, setup.scaling, generator
    ):
        if setup.clock.cancelled.is_set():
            raise Cancelled
        if pace.over:
            break
        for group in optimizer.param_groups:
            group["lr"] = _learning_rate(recipe, pace)
        with torch.autocast(setup.device.type, torch.bfloat16, enabled=setup.bf16):
            logits = network(pictures)
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=recipe.label_smoothing)
        if recipe.class_l2:
            loss = loss + recipe.class_l2 * network.get_parameter("head.weight").square().sum()
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        loss_sum += loss.detach()
        pace.step()
    return float(loss_sum)


class _Judge:
    """Keeps the curve, the score and the weights that go with it, and says when to stop."""

    def __init__(self, setup: Setup, epochs: int, network: nn.Module) -> None:
        self.curve: list[float] = []
        self.score, self.state = 0.0, _snapshot(network)
        self._setup, self._epochs = setup, epochs
        self._chance = _majority_share(setup.validation.labels, setup.classes)
        self._since_best = 0

    def measure(self, network: nn.Module) -> None:
        """Measure the network as it is now."""
        measured = accuracy(network, self._setup.validation, self._setup)
        improved = measured > max(self.curve, default=-1.0)
        self.curve.append(measured)
        self._since_best = 0 if improved else self._since_best + 1
        if improved or self._setup.recipe.score == "last":
            self.score, self.state = measured, _snapshot(network)

    def verdict(self, epoch: int, pace: Pace) -> str | None:
        """Why training ends after this epoch, `None` when it goes on."""
        recipe = self._setup.recipe
        if epoch == self._epochs:
            return "complete"
        if pace.over:
            return "deadline"
        if recipe.patience is not None and self._since_best >= recipe.patience:
            return "patience"
        if recipe.chance_epochs is not None and epoch >= recipe.chance_epochs and max(self.curve) <= self._chance:
            return "chance"
        return None


class Pace:
    """How far a training is, from 0 to 1, and whether there is time for another step.

    Args:
        steps: steps planned.
        clock: gives the deadline.
        evaluation_steps: how many steps the last measurement takes as long as.
    """

    def __init__(self, steps: int, clock: Clock, evaluation_steps: float) -> None:
        self.done, self.progress = 0, 0.0
        self._steps, self._clock, self._evaluation_steps = steps, clock, evaluation_steps
        self._started = time.monotonic()
        self._left = steps

    @property
    def over(self) -> bool:
        """Whether the last step is done."""
        return self._left <= 0

    def step(self) -> None:
        """Count one step; look at the clock."""
        self.progress += (1 - self.progress) / self._left
        self.done += 1
        self._left = self._steps - self.done
        if math.isfinite(self._clock.deadline):
            each = (time.monotonic() - self._started) / self.done
            self._left = min(self._left, max(0, int(self._clock.left() / each - self._evaluation_steps)))


def accuracy(network: nn.Module, part: Part, setup: Setup) -> float:
    """Share of the part's pictures whose most likely class is right."""
    right = predict_logits(network, part, setup.scaling, setup.bf16).argmax(1) == part.labels
    return int(right.sum()) / len(part)


def predict_logits(network: nn.Module, part: Part, scaling: Scaling, bf16: bool = False) -> Tensor:
    """Logits `(n, classes)` float32 of all pictures of the part, in order."""
    return torch.cat(list(_logits(network, part, scaling, bf16)))


@torch.no_grad()
def _logits(network: nn.Module, part: Part, scaling: Scaling, bf16: bool) -> Iterator[Tensor]:
    network.eval()
    for pictures in plain_batches(part, EVALUATION_BATCH, scaling):
        with torch.autocast(pictures.device.type, torch.bfloat16, enabled=bf16):
            logits = network(pictures)
        yield logits.float()


def _optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Nesterov SGD; kernels and matrices decay, biases and normalisation do not."""
    decayed = [p for p in network.parameters() if p.ndim > 1]
    free = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": free, "weight_decay": 0.0}]
    return torch.optim.SGD(
        [group for group in groups if group["params"]], lr=recipe.learning_rate, momentum=recipe.momentum, nesterov=True
    )


def _learning_rate(recipe: Recipe, pace: Pace) -> float:
    if recipe.schedule == "inverse-time":
        return recipe.learning_rate / (1 + recipe.decay * pace.done)
    rise = 0.2
    return recipe.learning_rate * min(pace.progress / rise, (1 - pace.progress) / (1 - rise)) + 1e-5


def _is_measured(epoch: int, epochs: int, measures: int | None) -> bool:
    """Whether this epoch (from 1) is one of `measures` evenly spread ones; the last always is."""
    return measures is None or epoch * measures // epochs > (epoch - 1) * measures // epochs


def _majority_share(labels: Tensor, classes: int) -> float:
    return float(torch.bincount(labels, minlength=classes).max()) / len(labels)


def _snapshot(network: nn.Module) -> dict[str, Tensor]:
    return {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in network.state_dict().items()
    }


def step_seconds(network: nn.Module, setup: Setup, seconds: float) -> float:
    """Median seconds of one training step, from at most 30 steps in about `seconds` after two for warming up."""
    network.to(setup.device)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks the keyword
    optimizer = _optimizer(network, setup.recipe)
    generator = torch.Generator().manual_seed(0)
    times: list[float] = []
    until = time.monotonic() + seconds
    while len(times) < 5 or (len(times) < 32 and time.monotonic() < until):
        started = time.perf_counter()
        _train_epoch(network, optimizer, setup, 1, generator, Pace(1, setup.clock, 0))
        times.append(time.perf_counter() - started)
    return sorted(times[2:])[len(times[2:]) // 2]
