"""The figures of a run: the winner, and all that it is compared with, measured on the test part."""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np

from neuralfinder.job.answers import told_apart
from neuralfinder.job.baselines import Linear, NGrams, prior
from neuralfinder.job.calibration import calibration, fit_temperature, surprise
from neuralfinder.job.pretrained import Probe
from neuralfinder.job.trainer import Trained
from neuralfinder.job.verdict import BY_HAND, LINEAR, MAJORITY, PRETRAINED, interval
from neuralfinder.networks.cost import cost
from neuralfinder.training.batches import Part
from neuralfinder.training.build import bag_of, together
from neuralfinder.training.metrics import ACCURACY, Metric
from neuralfinder.training.model import Model, Predictor
from neuralfinder.training.recipes import COUNTS_OF_VIEWS
from neuralfinder.training.train import HALF, PLAIN, Setup, logits_apart
from neuralfinder.training.weights import WeightStore

P = TypeVar("P", bound=Predictor)

SAYS = 1.0, 0.5, 0.25, 0.125
"""What the logits of layers beside a bag of n-grams may be multiplied by: the answer is the mean of both their
probabilities, and layers that have learned for a short time had more say in it than they should. Single words, two
minutes on a slow core: 87.2 % with all of it, 88.1 for the bag alone (docs/LOG.md)."""

Against = Callable[[np.ndarray], dict[str, Any]]
"""Logits `(n, classes)` on the test part -> figures beside those of the winner."""


@dataclass(frozen=True, slots=True)
class Samples:
    """The data as the finish takes them.

    Attributes:
        classes: labels as the user gave them.
        test: how many the test part has.
        open_test: gives the test part; called after everything is decided.
    """

    classes: tuple[Any, ...]
    test: int
    open_test: Callable[[], Part]


@dataclass(frozen=True, slots=True)
class Decided:
    """What the finish came to, before the test part is looked at.

    Attributes:
        winner: the network chosen, as it was then.
        last: the same after its last training, `None` where there was none.
        by_hand: the network by hand as it left the race, `None` where its training failed.
        beside: the winner when it had been trained for as long as that, as far as it gained.
        linear: logistic regression, `None` where there was no time for it.
        retrained: trainings of the winner on training and validation part.
        whole: the setup of these, and of `last` where the recipe has a refit.
        probe: the pre-trained network that the user named; `None` for none.
    """

    winner: Trained
    last: Trained | None
    by_hand: Trained | None
    beside: Trained | None
    linear: Linear | NGrams | None
    retrained: list[Trained]
    whole: Setup
    probe: Probe | None = None


def measure(decided: Decided, store: WeightStore, setup: Setup, samples: Samples) -> tuple[Model, dict[str, Any]]:
    """The winner as a model, and the figures about it and all that it is compared with.

    Args:
        decided: what the finish came to.
        store: has the weights.
        setup: of trainings on the training part.
        samples: the data.

    Raises:
        MachineError: weights are gone, or spoilt, since they were written.
    """
    winner, last, whole, classes = decided.winner, decided.last, decided.whole, samples.classes
    refit = setup.recipe.refit and last is not None

    def load(trained: Trained, setup: Setup = setup) -> Model:
        return _load(store, setup, classes, trained)

    # what has learned from the validation part cannot be judged by it: say, views and temperature are those of the
    # network chosen
    model = load(winner if refit or last is None else last)
    say = say_of(setup, model)
    model, measured, known = with_views(setup.of(winner.genome), with_say(model, say), samples.test)
    judging, metric = setup.validation.labels.cpu().numpy(), setup.metric
    model = dataclasses.replace(model, temperature=fit_temperature(judging, known))
    if refit and last:
        own = dataclasses.replace(model.views, half=last.half)
        model = dataclasses.replace(with_say(load(last, whole), say), views=own, temperature=model.temperature)
    test = samples.open_test()
    labels = test.labels.cpu().numpy()
    began = time.monotonic()
    logits = model.logits(test, setup.bf16)
    took = (time.monotonic() - began) / model.views.count
    guess = np.broadcast_to(prior(setup.train.labels.cpu().numpy(), len(classes)), logits.shape)
    size, linear = cost(winner.genome, model.shape, len(classes)), decided.linear
    by = model.temperature if metric.probable else 1.0  # probabilities are judged as the model gives them
    took *= 1 + len(judging) / len(labels) if metric.probable else 1.0
    against = partial(beside, metric, labels, logits / by)

    def look(model: Model) -> dict[str, Any]:
        found = model.logits(test, setup.bf16)
        if metric.probable:
            found = found / fit_temperature(judging, model.logits(setup.validation, setup.bf16))
        return against(found)

    probed = _probed(decided.probe, against)  # first, in the time kept for it
    figures = {
        "validation_accuracy": ACCURACY.score(judging, known),
        **judged(labels, logits.argmax(1)),
        **judged_by(metric, measured, labels, logits / by),
        "calibration": calibration(labels, logits, model.temperature),
        "answers": told_apart(labels, logits / model.temperature),
        "parameters": size.parameters,
        "macs": size.macs,
        "genome": winner.genome.alone.key,
        "copies": winner.genome.copies,
        "epochs": (last or winner).epochs,
        "curve": list((winner if refit else last or winner).curve),
        "views": dataclasses.asdict(model.views),
        "baselines": {
            MAJORITY: against(guess),
            LINEAR: linear and {**against(linear.logits(test)), "samples": linear.samples},
            BY_HAND: _by_hand(decided, load, setup, look, took),
            **probed,
        },
        "refit": refit,
        "retrained": [
            metric.told(metric.score(labels, with_say(load(each, whole), say).logits(test, setup.bf16) / by))
            for each in decided.retrained
        ],
    }
    return model, figures


def _probed(probe: Probe | None, against: Against) -> dict[str, Any]:
    """The pre-trained network beside the winner on the test part; nothing where none is named."""
    if probe is None:
        return {}
    figures, logits = probe.judged()
    return {PRETRAINED: figures if logits is None else {**figures, **against(logits)}}


def _by_hand(
    decided: Decided,
    load: Callable[[Trained], Model],
    setup: Setup,
    look: Callable[[Model], dict[str, Any]],
    seconds: float,
) -> dict[str, Any] | None:
    """Figures of the network by hand, and of the winner when it had been trained for as long.

    Those on the test part, with one view each, only where the clock leaves time for them: a `look` at the winner takes
    so many seconds. `None` where there is no network by hand.
    """
    by_hand, beside = decided.by_hand, decided.beside
    if by_hand is None:
        return None
    looks = (max(1.0, by_hand.macs / max(1, decided.winner.macs)) + (beside is not None)) * seconds
    known = looks <= setup.clock.left()

    def of(trained: Trained) -> dict[str, Any]:
        reached = {setup.metric.key("validation"): setup.metric.told(trained.score)}
        return {"epochs": trained.epochs, **reached, **(look(load(trained)) if known else {})}

    figures: dict[str, Any] = {"genome": by_hand.genome.key, **of(by_hand)}
    return {**figures, "winner_then": of(beside)} if beside else figures


def _load(store: WeightStore, setup: Setup, classes: tuple[Any, ...], trained: Trained) -> Model:
    views = HALF if trained.half else PLAIN
    state = {**store.needed(trained.name).state, **setup.bags.beside(trained.genome, setup)}
    return Model.of(trained.genome, state, setup.shape, setup.preparation, classes, views)


def say_of(setup: Setup, model: Predictor) -> float:
    """Which of `SAYS` is best on the validation part, of equals the largest; all where there is no bag of n-grams."""
    if bag_of(model.network) is None:
        return SAYS[0]
    part = setup.validation
    network = copy.deepcopy(model.network).to(part.labels.device)
    layers, bag = logits_apart(network, part, model.preparation, setup.bf16, model.views)
    labels = part.labels.cpu().numpy()
    return max(SAYS, key=lambda say: setup.metric.score(labels, together(say * layers, bag).cpu().numpy()))


def with_say(model: P, say: float) -> P:
    """The model, its layers with so much say beside its bag of n-grams."""
    if say == SAYS[0]:
        return model
    network = copy.deepcopy(model.network)
    for name in ("weight", "bias"):
        network.get_parameter(f"head.{name}").data *= say
    return dataclasses.replace(model, network=network)


VIEWS_MARGIN = 1.25
"""How much longer than the first look tells the others may take: nobody stops them, and what is written comes after. A
guess."""


def with_views(setup: Setup, model: P, test: int) -> tuple[P, float, np.ndarray]:
    """The model with test-time averaging where that helps on the validation part, its score and its logits there.

    There are as many views as the clock leaves time for, here and at so many samples of the `test` part; how long one
    takes is seen at the first look. Of equally good ones the likelier is taken: few pictures often
    cannot tell two models apart by their errors.
    """
    labels = setup.validation.labels.cpu().numpy()

    def judge(model: P) -> tuple[tuple[float, float], np.ndarray]:
        logits = model.logits(setup.validation, setup.bf16)
        return (setup.metric.score(labels, logits), -surprise(labels, logits)), logits

    began = time.monotonic()
    plain, logits = judge(model)
    each = (time.monotonic() - began) / len(labels)
    kinds = [setup.several(count) for count in (COUNTS_OF_VIEWS if setup.recipe.views else ())]
    left = setup.clock.left() / VIEWS_MARGIN
    views = next((views for views in kinds if views.count * each * (len(labels) + test) <= left), PLAIN)
    several = dataclasses.replace(model, views=dataclasses.replace(views, half=model.views.half))
    if several.views == model.views:
        return model, plain[0], logits
    averaged, others = judge(several)
    return (several, averaged[0], others) if averaged > plain else (model, plain[0], logits)


def judged(labels: np.ndarray, answers: np.ndarray) -> dict[str, Any]:
    """Accuracy on the test part with its 95 % interval, and the mean of the classes' accuracies."""
    right = int((answers == labels).sum())
    return {
        "test_accuracy": right / len(labels),
        "test_interval": [*interval(right, len(labels))],
        "test_balanced_accuracy": _balanced(labels, answers),
    }


def judged_by(metric: Metric, validation: float, labels: np.ndarray, logits: np.ndarray) -> dict[str, Any]:
    """The figures of a metric other than accuracy, which is there in any case; with its interval on the test part.

    Args:
        metric: the run's.
        validation: its score on the validation part.
        labels: `(n,)` class indices of the test part.
        logits: `(n, classes)`.
    """
    if metric == ACCURACY:
        return {}
    test, interval = metric.score(labels, logits), metric.interval(labels, logits)
    return {
        "metric": metric.name,
        metric.key("validation"): metric.told(validation),
        metric.key("test"): metric.told(test),
        f"{metric.key('test')}_interval": sorted(map(metric.told, interval)),
    }


def beside(metric: Metric, labels: np.ndarray, winners: np.ndarray, logits: np.ndarray) -> dict[str, Any]:
    """What the winner is compared with, by accuracy and by the metric.

    Args:
        metric: the run's.
        labels: `(n,)` class indices.
        winners: logits `(n, classes)` of the winner.
        logits: those of the other.
    """
    right = compared(labels, winners.argmax(1), logits.argmax(1))
    if metric == ACCURACY:
        return right
    reached = metric.told(metric.score(labels, logits))
    return {**right, metric.key("test"): reached, "p_value": metric.p_value(labels, winners, logits)}


def compared(labels: np.ndarray, winners: np.ndarray, answers: np.ndarray) -> dict[str, Any]:
    """Accuracy of what the winner is compared with, and how many samples only one of the two answers rightly.

    Args:
        labels: `(n,)` class indices.
        winners: `(n,)` answers of the winner.
        answers: `(n,)` of the other.
    """
    own, other = winners == labels, answers == labels
    return {
        "test_accuracy": _accuracy(labels, answers),
        "only_winner_right": int((own & ~other).sum()),
        "only_this_right": int((other & ~own).sum()),
    }


def _accuracy(labels: np.ndarray, answers: np.ndarray) -> float:
    return float((labels == answers).mean())


def _balanced(labels: np.ndarray, answers: np.ndarray) -> float:
    """The mean, over the classes that occur in `labels`, of the share answered rightly."""
    return float(np.mean([(answers[labels == label] == label).mean() for label in np.unique(labels)]))
