"""The training loop, top to bottom."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everybody knows it by

from neuralfinder.networks.genome import Genome
from neuralfinder.training.augmentation import Augmentation, mixing
from neuralfinder.training.bag import Bags, answers_of
from neuralfinder.training.batches import Part, Preparation, Scaling, Views, plain_batches, training_batches
from neuralfinder.training.build import Network, Words, bag_of, together
from neuralfinder.training.clock import TIMED_STEPS, Clock, Pace, looking_steps, seconds_each, steps_of_epoch
from neuralfinder.training.metrics import ACCURACY, TINY, Metric
from neuralfinder.training.optimizers import Optimizer, looked_up
from neuralfinder.training.recipes import MOST_VIEWS, Recipe
from neuralfinder.training.threads import THREADS
from neuralfinder.training.trunk import NORM_BATCHES, Average, Trunk
from neuralfinder.types import BEHIND, RUNG_SAMPLES, RUNGS, Fidelity, Shape

PLAIN, HALF = Views(), Views(half=True)
"""One look at each picture as it is, or at half its side."""

RISE, LEVEL, FALL = 16, 0.7, 0.2
"""Of a trunk: the steps in which its rate rises, the rate then as a share of the recipe's, and the share of all steps
in which it falls. Of CIFAR-10 (8,000 pictures, 12 epochs) 0.7 and 0.2 gave 78.7 %, a linear rise and fall over the
whole training 78.5 and 78.3, half the rate 75.6, a fall of 0.4 between 75.3 and 78.6 % (n = 1; docs/LOG.md)."""

SMALL_STEPS = 2
"""Steps on pictures of half the side that count as one: four times cheaper in multiply-adds, they take 0.32 to 0.53 of
the time of a step, for what is done to pictures and weights takes as long (4 networks, 3 sets; docs/LOG.md)."""

EVALUATION_BATCH = 256
"""Samples per forward pass without gradients: large enough for speed, small enough for the processor's cache."""


class Cancelled(CancelledError):  # noqa: N818 - no error, a request
    """Training was told to stop and left nothing behind."""


class Diverged(Exception):  # noqa: N818 - a result, not a mistake
    """The loss is no longer a number; `done` is the share of the training that was done."""

    def __init__(self, message: str, done: float) -> None:
        super().__init__(message)
        self.done = done


@dataclass(frozen=True, slots=True)
class Setup:
    """All that trainings of one task share: data on the device and their preparation, recipe, `bf16` and the clock.

    `flip` and `shifts` say whether pictures are mirrored, and usually shifted, where the recipe has it, `few` whether
    they are few, `long` whether texts are read in pieces.
    `weights` `(classes,)` float32 say how much a sample of each class counts; all the same when `None`. `in_all` is the
    epochs of a network's trainings together, of which a recipe's share `small` comes first; `None` where one is all.
    `bags` are the linear models that stand beside networks for texts; `metric` says how good answers are.
    """

    train: Part
    validation: Part
    classes: int
    preparation: Preparation
    recipe: Recipe
    batch_size: int
    flip: bool = False
    bf16: bool = False
    weights: Tensor | None = None
    clock: Clock = field(default_factory=Clock)
    shifts: bool = True
    few: bool = False
    long: bool = False
    in_all: float | None = None
    bags: Bags = field(default_factory=Bags)
    metric: Metric = ACCURACY

    @property
    def device(self) -> torch.device:
        """Where the data live and the networks are trained."""
        return self.train.labels.device

    @property
    def shape(self) -> Shape:
        """The shape of one sample, for the network."""
        return self.preparation.shape(self.train.shape)

    def several(self, most: int = MOST_VIEWS) -> Views:
        """What a finished network may look at: moved and mirrored pictures where it was trained on such.

        Where that is more than so many views, mirrored pictures alone, moved ones alone, or nothing else.
        """
        mirror, shift = self.flip and self.recipe.flip, self.recipe.shift > 0
        kinds = (Views(mirror, shift, pieces=self.long), Views(mirror), Views(shift=shift))
        return next((views for views in kinds if views.count <= most), PLAIN)

    def whole(self) -> Setup:
        """The same for trainings on training and validation part, which tells nothing about these any more."""
        bags = Bags(self.bags.seconds, first=self)
        return replace(self, train=self.train.joined(self.validation), bags=bags)

    def filed(self, folder: Path) -> Setup:
        """The same with the samples in files of this folder, so that several processes have them in memory once."""
        return replace(
            self,
            train=self.train.filed(folder / "train.npy"),
            validation=self.validation.filed(folder / "validation.npy"),
        )

    def of(self, genome: Genome | None) -> Setup:
        """The setup with the recipe that this genome, or a network without one, is trained by, and its pictures."""
        setup, genes = self.at(genome.side if genome else 0), genome.recipe if genome else ()
        return replace(setup, recipe=self.recipe.suited(self.shifts, self.few).with_genes(genes))

    def at(self, side: int) -> Setup:
        """The setup with larger pictures made smaller, as a network with this `Genome.side` looks at them."""
        if not isinstance(self.preparation, Scaling):
            return self
        preparation = self.preparation.at(side)
        train, validation = self.train.at(preparation.side), self.validation.at(preparation.side)
        return replace(self, train=train, validation=validation, preparation=preparation)

    def steps(self, share: float = 1.0) -> int:
        """Steps of one epoch over `share` of the training part, 1 or more; a last partial batch waits its turn."""
        return steps_of_epoch(len(self.train), share, self.batch_size)


Told = Callable[[float, float, float | None], object]
"""Is told epochs done, epochs planned, and the last score on the validation part, 0..1, `None` before the first."""


@dataclass(frozen=True, slots=True)
class Training:
    """What training left.

    Attributes:
        score: of the weights kept on the validation part, by the setup's metric, 0..1; `None` when stopped for being
            `behind`.
        curve: the score at each measured epoch.
        rungs: the score on the first pictures of the validation part at each of `RUNGS` that was reached.
        state: the weights, on the CPU, contiguous.
        done: share of the planned steps that were done, 0..1.
        ended: `complete`, `patience`, `chance`, `behind`, `deadline`, or `diverged` after something had been measured.
        trunk: from where it can go on, `None` where it cannot: its rate fell, or its recipe has another schedule.
        half: whether it ended, and was measured, on pictures of half the side.
    """

    score: float | None
    curve: tuple[float, ...]
    rungs: tuple[float, ...]
    state: dict[str, Tensor]
    done: float
    ended: str
    trunk: Trunk | None = None
    half: bool = False


def train(
    network: nn.Module,
    setup: Setup,
    fidelity: Fidelity,
    seed: int,
    bars: Sequence[float] = (),
    trunk: Trunk | None = None,
    *,
    falls: bool = True,
    told: Told | None = None,
) -> Training:
    """Train `network` in place and measure it on the validation part.

    On pace, the learning rate depends on the number of steps done alone, so equal seeds give equal weights. When the
    deadline is nearer than the steps left need, the schedule is run through in the steps there is time for.

    With a `trunk` schedule it is judged by averaged weights as long as its rate has not begun to fall. Where the recipe
    begins with small pictures, it is trained and judged on pictures of half the side until then; `SMALL_STEPS` of these
    steps count as one, so that epochs and steps are amounts of time.

    Args:
        network: pictures `(n, channels, height, width)`, or texts `(n, pieces, 2, width)`, -> logits `(n, classes)`.
        setup: data, recipe and clock.
        fidelity: epochs and share of the data; each epoch draws its share anew.
        seed: of the order of samples and the augmentation. Dropout draws from torch's global generator.
        bars: score below which training is stopped at each of `RUNGS`; empty looks at no rung.
        trunk: of a training of the same network and recipe, to go on from; `network` may have any weights then.
        falls: whether a rate that can be constant falls at the end: the last training of a network.
        told: is told how far it is, once an epoch.

    Raises:
        Diverged: the loss became NaN or infinite before anything was measured.
        Cancelled: the clock's flag was set.
    """
    steps = setup.steps(fidelity.share)
    generator = torch.Generator().manual_seed(seed)
    network.to(setup.device)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks the keyword
    optimizer = Optimizer(network, setup.recipe, setup.bf16)
    pace = Pace(fidelity.epochs * steps, setup.clock, looking_steps(len(setup.validation), setup.batch_size))
    before = trunk.steps if trunk else 0
    if trunk:
        network.load_state_dict(trunk.network)
        optimizer.load(trunk.optimizer)
    if bag := bag_of(network):
        bag.take({name: own.to(setup.device) for name, own in setup.bags.of(bag.bits, setup).state.items()})
    average = Average(network, trunk.mean if trunk else None) if setup.recipe.goes_on else None
    judge = _Judge(setup, network, steps, fidelity.epochs, bars, told)
    loss_sum = torch.zeros((), device=setup.device)
    in_all = pace.planned if setup.in_all is None else setup.in_all * setup.steps()
    grows = round(setup.recipe.small * in_all) - before  # here the pictures become large
    batches = {half: _batches(setup, steps, generator, half=half) for half in (True, False)}

    network.train()
    THREADS.begin()
    while not judge.ended:
        half = pace.done < grows
        for pictures, labels in islice(batches[half], SMALL_STEPS if half else 1):
            THREADS.step(half)
            if setup.clock.cancelled.is_set():
                raise Cancelled
            loss_sum += gradients(network, setup, pictures, labels)
            optimizer.step(rate_share(setup.recipe, pace, before, falls))
        pace.step()
        if average:
            average.add(network, before + pace.done)
        if judge.is_due(pace):
            falling = falls and _fall(pace, before) < 1
            judged = average.network(_norm_batches(setup, seed, half)) if average and not falling else network
            judge.look(judged, float(loss_sum), pace, half)
            network.train()
            THREADS.pause()

    going = _trunk(before + pace.done, network, average, optimizer) if average and not falls else None
    network.load_state_dict(judge.state)
    return Training(
        judge.score, tuple(judge.curve), tuple(judge.rungs), judge.state, pace.share, judge.ended, going, judge.half
    )


def _trunk(steps: int, network: nn.Module, average: Average, optimizer: Optimizer) -> Trunk:
    """Where a training stands after so many steps."""
    state = {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
    known = {name: tensor.detach().cpu() for name, tensor in optimizer.state().items()}
    return Trunk(steps, state, {name: tensor.cpu() for name, tensor in average.mean.items()}, known)


def _norm_batches(setup: Setup, seed: int, half: bool) -> Iterator[Tensor]:
    """Some batches as in training."""
    generator = torch.Generator().manual_seed(seed)
    steps = min(NORM_BATCHES, setup.steps())
    return (pictures for pictures, _ in islice(_batches(setup, steps, generator, half=half), steps))


def _batches(
    setup: Setup, steps: int, generator: torch.Generator, *, half: bool = False
) -> Iterator[tuple[Tensor, Tensor]]:
    """Epochs of so many steps, without end."""
    recipe = setup.recipe
    augmentation = Augmentation(
        recipe.shift, recipe.rotation, recipe.flip and setup.flip, recipe.cutout, recipe.zoom, recipe.colour,
        recipe.anywhere,
    )  # fmt: skip
    batches = training_batches(
        setup.train, setup.batch_size, steps, sys.maxsize, augmentation, setup.preparation, generator, half
    )
    return mixing(batches, recipe.mix, setup.classes, generator) if recipe.mix else batches


def gradients(network: nn.Module, setup: Setup, samples: Tensor, labels: Tensor) -> Tensor:
    """Add the gradients of the loss, and those where moved embeddings make it larger; returns the loss as it is."""
    loss = _loss(network, setup, samples, labels)
    torch.autograd.backward(loss)
    embedding = next((layer.weight for layer in network.children() if isinstance(layer, Words)), None)
    if setup.recipe.adversarial and embedding is not None and embedding.grad is not None:
        rows, steepest = looked_up(embedding)
        kept = embedding.detach()[rows]
        with torch.no_grad():
            embedding[rows] += steepest * (setup.recipe.adversarial / (steepest.norm() + 1e-12))
        torch.autograd.backward(_loss(network, setup, samples, labels))
        with torch.no_grad():
            embedding[rows] = kept
    return loss.detach()


def _loss(network: nn.Module, setup: Setup, pictures: Tensor, labels: Tensor) -> Tensor:
    recipe = setup.recipe
    with torch.autocast(setup.device.type, torch.bfloat16, enabled=setup.bf16):
        logits = network(pictures)
    # parts that learn by themselves have a loss each, as one that is alone would
    parts = logits.float().unbind(2) if logits.ndim > 2 else [logits.float()]
    losses = [F.cross_entropy(part, labels, setup.weights, label_smoothing=recipe.label_smoothing) for part in parts]
    loss = torch.stack(losses).sum()
    if recipe.class_l2:
        heads = [own for name, own in network.named_parameters() if name.endswith("head.weight")]
        loss = loss + recipe.class_l2 * torch.stack([head.square().sum() for head in heads]).sum()
    return loss


class _Judge:
    """Keeps the curve, the score and the weights that go with it, and says when to stop."""

    def __init__(
        self, setup: Setup, network: nn.Module, steps: int, epochs: int, bars: Sequence[float], told: Told | None
    ) -> None:
        self.curve: list[float] = []
        self.rungs: list[float] = []
        self.score: float | None = 0.0
        self.state, self.ended, self.half = dict[str, Tensor](), "", False
        self._setup, self._steps, self._epochs, self._told = setup, steps, epochs, told
        self._bars = [(rung * steps * epochs, bar) for rung, bar in zip(RUNGS, bars, strict=bool(bars))]
        self._chance = chance(setup)
        self._since_best = 0

    def is_due(self, pace: Pace) -> bool:
        """Whether something is to be done after this step."""
        return pace.over or pace.done % self._steps == 0 or self._is_on_rung(pace)

    def _is_on_rung(self, pace: Pace) -> bool:
        return bool(self._bars) and pace.done >= self._bars[0][0]

    def look(self, network: nn.Module, loss_sum: float, pace: Pace, half: bool) -> None:
        """Measure the network as it is now, as far as it is due, at half the side or not; `ended` says if it is all."""
        epoch, into = divmod(pace.done, self._steps)
        whole = into == 0 or pace.over
        if not math.isfinite(loss_sum):
            if not self.curve:
                raise Diverged(f"the loss is {loss_sum} in epoch {math.ceil(pace.done / self._steps)}", pace.share)
            self.ended = "diverged"
            return
        views = HALF if half else PLAIN
        if pace.over or (whole and _is_measured(epoch, self._epochs, self._setup.recipe.measures)):
            self._measure(network, views)
        if self._told and whole:
            self._told(pace.done / self._steps, pace.planned / self._steps, self.curve[-1] if self.curve else None)
        while self._is_on_rung(pace) and not pace.over and not self.ended:
            self._climb(network, self._bars.pop(0)[1], views)
        if whole and not self.ended:
            self.ended = self._verdict(epoch, pace)

    def _climb(self, network: nn.Module, bar: float, views: Views) -> None:
        self.rungs.append(score(network, self._setup.validation.first(RUNG_SAMPLES), self._setup, views))
        if self.rungs[-1] < bar:
            self.ended, self.score = BEHIND, None
            self._keep(network, views)

    def _measure(self, network: nn.Module, views: Views) -> None:
        measured = score(network, self._setup.validation, self._setup, views)
        improved = measured > max(self.curve, default=-1.0)
        self.curve.append(measured)
        self._since_best = 0 if improved else self._since_best + 1
        if improved or self._setup.recipe.score == "last":
            self.score = measured
            self._keep(network, views)

    def _keep(self, network: nn.Module, views: Views) -> None:
        """Keep the weights as they are now, in the place of those kept before: of large networks two would be many."""
        self.half = views.half
        for name, tensor in network.state_dict().items():
            if name in self.state:
                self.state[name].copy_(tensor)
            else:
                self.state[name] = tensor.detach().cpu().clone(memory_format=torch.contiguous_format)

    def _verdict(self, epoch: int, pace: Pace) -> str:
        recipe = self._setup.recipe
        if epoch == self._epochs:
            return "complete"
        if pace.over:
            return "deadline"
        if recipe.patience is not None and self._since_best >= recipe.patience:
            return "patience"
        if recipe.chance_epochs is not None and epoch >= recipe.chance_epochs and max(self.curve) <= self._chance:
            return "chance"
        return ""


def score(network: nn.Module, part: Part, setup: Setup, views: Views = PLAIN) -> float:
    """How good the network's answers about a part are by the setup's metric, 0..1.

    The accuracy is weighted as the setup has it; the other metrics count classes and samples as they are defined.
    """
    return _score(predict_logits(network, part, setup.preparation, setup.bf16, views), part.labels, setup)


def _score(logits: Tensor, labels: Tensor, setup: Setup) -> float:
    if setup.metric != ACCURACY:
        return setup.metric.score(labels.cpu().numpy(), logits.cpu().numpy())
    right = logits.argmax(1) == labels
    if setup.weights is None:
        return int(right.sum()) / len(labels)
    counts = setup.weights[labels]
    return float(counts[right].sum() / counts.sum())


def class_weights(labels: Tensor, classes: int) -> Tensor:
    """Weights `(classes,)` float32 that let all classes among the labels count alike; 1 on average over the labels."""
    counts = torch.bincount(labels, minlength=classes)
    present = counts > 0
    return torch.where(present, len(labels) / (present.sum() * counts.clamp(min=1)), 0).float()


def predict_logits(
    network: nn.Module, part: Part, preparation: Preparation, bf16: bool = False, views: Views = PLAIN
) -> Tensor:
    """Logits `(n, classes)` float32 of all samples of the part, in order, the mean over the views."""
    logits, *bag = logits_apart(network, part, preparation, bf16, views)
    return together(logits, *bag) if bag else logits


def logits_apart(
    network: nn.Module, part: Part, preparation: Preparation, bf16: bool = False, views: Views = PLAIN
) -> list[Tensor]:
    """The same of the layers and, where there is one, of the bag of n-grams beside them."""
    bag, alone = bag_of(network), network.alone if isinstance(network, Network) else network
    network.eval()
    logits = torch.cat(list(_logits(alone, part, preparation, bf16, views)))
    return [logits] if bag is None else [logits, answers_of(bag, part)]


@torch.no_grad()
def _logits(
    answer: Callable[[Tensor], Tensor], part: Part, preparation: Preparation, bf16: bool, views: Views
) -> Iterator[Tensor]:
    for pictures in plain_batches(part, EVALUATION_BATCH, preparation):
        with torch.autocast(pictures.device.type, torch.bfloat16, enabled=bf16):
            logits = [answer(view).float() for view in views.of(pictures)]
        yield torch.stack(logits).mean(0)


def rate_share(recipe: Recipe, pace: Pace, before: int = 0, falls: bool = True) -> float:
    """The learning rate of the next step as a share of the recipe's.

    A trunk rises for `RISE` steps or a quarter of what is planned, and is constant from there; one that falls does so
    within the last `FALL` of all its steps, those `before` this training included, also where the clock ends it.
    """
    if recipe.schedule == "inverse-time":
        return 1 / (1 + recipe.decay * pace.done)
    rise = (before + pace.done + 1) / max(1, min(RISE, (before + pace.planned) // 4))
    return LEVEL * min(1.0, rise, _fall(pace, before) if falls else 1.0)


def _fall(pace: Pace, before: int) -> float:
    """What the steps left are of those in which the rate falls to zero; 1 or more before."""
    return pace.left / (FALL * (before + pace.done + pace.left))


def _is_measured(epoch: int, epochs: int, measures: int | None) -> bool:
    """Whether this epoch (from 1) is one of `measures` evenly spread ones; the last always is."""
    return measures is None or epoch * measures // epochs > (epoch - 1) * measures // epochs


def chance(setup: Setup) -> float:
    """The score of who knows the classes' shares alone."""
    labels = setup.validation.labels
    shares = torch.bincount(labels, minlength=setup.classes) / len(labels)
    return _score(shares.clamp(min=TINY).log().expand(len(labels), -1), labels, setup)


def forward_seconds(network: nn.Module, setup: Setup, samples: int, passes: int, seconds: float = math.inf) -> float:
    """Usual seconds of a forward pass of so many samples, from at most so many passes after one for warming up.

    All together they take about `seconds` at most, but one is always done.
    """
    return seconds_each(forward_pass(network, setup, samples), passes, seconds, warm_up=1)


def step_seconds(network: nn.Module, setup: Setup, seconds: float) -> float:
    """Usual seconds of a training step, from one or more that take about `seconds` at most with the warming up."""
    return seconds_each(training_step(network, setup), TIMED_STEPS, seconds)


def forward_pass(network: nn.Module, setup: Setup, samples: int) -> Callable[[], None]:
    """One forward pass of so many samples, which returns when the device is done."""
    network.to(setup.device)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks the keyword
    pictures = next(iter(plain_batches(setup.train.first(samples), samples, setup.preparation)))

    @torch.no_grad()
    def look() -> None:
        network.eval()
        with torch.autocast(setup.device.type, torch.bfloat16, enabled=setup.bf16):
            float(network(pictures).sum())  # waits for the device

    return look


def training_step(network: nn.Module, setup: Setup) -> Callable[[], None]:
    """One training step with its batch, which returns when the device is done."""
    network.to(setup.device)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks the keyword
    optimizer, pace = Optimizer(network, setup.recipe, setup.bf16), Pace(TIMED_STEPS, Clock(), 0)
    batches = _batches(setup, setup.steps(), torch.Generator().manual_seed(0))

    def step() -> None:
        THREADS.step()
        network.train()
        pictures, labels = next(batches)
        loss = gradients(network, setup, pictures, labels)
        optimizer.step(rate_share(setup.recipe, pace, falls=False))
        float(loss)  # waits for the device

    return step
