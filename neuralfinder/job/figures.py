"""The figures of a run: the winner, and all that it is compared with, measured on the test part."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from scipy.special import log_softmax
from scipy.stats import binomtest

from neuralfinder.errors import NothingTrainedError
from neuralfinder.job.answers import told_apart
from neuralfinder.job.baselines import Linear, WordCounts, majority
from neuralfinder.job.trainer import Trained
from neuralfinder.networks.cost import cost
from neuralfinder.training.batches import Part, Views
from neuralfinder.training.model import Model, Predictor
from neuralfinder.training.train import Setup
from neuralfinder.training.weights import WeightStore

P = TypeVar("P", bound=Predictor)


@dataclass(frozen=True, slots=True)
class Samples:
    """The data as the finish takes them.

    Attributes:
        classes: labels as the user gave them.
        make_whole: gives the setup of trainings on training and validation part that belongs to one on the training
            part alone.
        open_test: gives the test part, as the search's networks take it or, where it is told so, as those trained on
            training and validation part do; called after everything is decided.
    """

    classes: tuple[Any, ...]
    make_whole: Callable[[Setup], Setup]
    open_test: Callable[[bool], Part]


@dataclass(frozen=True, slots=True)
class Decided:
    """What the finish came to, before the test part is looked at.

    Attributes:
        winner: the best network.
        baseline: the network by hand, `None` where its training failed.
        linear: logistic regression, `None` where there was no time for it.
        retrained: trainings of the winner on training and validation part.
        whole: the setup of these.
    """

    winner: Trained
    baseline: Trained | None
    linear: Linear | WordCounts | None
    retrained: list[Trained]
    whole: Setup


def measure(
    decided: Decided, store: WeightStore, setup: Setup, samples: Samples, baseline_views: bool
) -> tuple[Model, dict[str, Any]]:
    """The winner as a model, and the figures about it and all that it is compared with.

    Args:
        decided: what the finish came to.
        store: has the weights.
        setup: of trainings on the training part.
        samples: the data.
        baseline_views: whether the network by hand may answer with several views.

    Raises:
        NothingTrainedError: the weights are gone.
    """
    winner, baseline, whole = decided.winner, decided.baseline, decided.whole

    def load(trained: Trained, setup: Setup = setup) -> Model:
        return _load(store, setup, samples.classes, trained)

    model, measured = with_views(setup.of(winner.genome), load(winner), setup.recipe.views)
    by_hand, by_hand_measured = with_views(setup, load(baseline), baseline_views) if baseline else (None, None)
    again = [dataclasses.replace(load(each, whole), views=model.views) for each in decided.retrained]
    refit = setup.recipe.refit and bool(again)
    if refit:
        model = again[0]
    test = samples.open_test(False)
    whole_test = samples.open_test(True) if again and whole.preparation != setup.preparation else test
    labels = test.labels.cpu().numpy()
    logits = model.logits(whole_test if refit else test, setup.bf16)
    guess = np.full_like(labels, majority(setup.train.labels.cpu().numpy(), len(samples.classes)))
    size, linear = cost(winner.genome, model.shape, len(samples.classes)), decided.linear
    figures = {
        "validation_accuracy": measured,
        **judged(labels, logits.argmax(1)),
        "answers": told_apart(labels, logits),
        "parameters": size.parameters,
        "macs": size.macs,
        "genome": winner.genome.key,
        "epochs": winner.epochs,
        "curve": list(winner.curve),
        "views": dataclasses.asdict(model.views),
        "baselines": {
            "majority class": {"test_accuracy": _accuracy(labels, guess)},
            "logistic regression": linear
            and {"test_accuracy": _accuracy(labels, linear.predict(test)), "samples": linear.samples},
            "small network": baseline
            and by_hand
            and {
                "test_accuracy": _accuracy(labels, by_hand.answers(test, setup.bf16)),
                "validation_accuracy": by_hand_measured,
                "genome": baseline.genome.key,
                "epochs": baseline.epochs,
                "views": dataclasses.asdict(by_hand.views),
            },
        },
        "refit": refit,
        "retrained": [_accuracy(labels, each.answers(whole_test, setup.bf16)) for each in again],
    }
    return model, figures


def _load(store: WeightStore, setup: Setup, classes: tuple[Any, ...], trained: Trained) -> Model:
    parent = store.load(trained.name)
    if parent is None:
        raise NothingTrainedError(f"the weights {store.path(trained.name)} are gone; delete the run and begin again")
    return Model.of(trained.genome, parent.state, setup.shape, setup.preparation, classes)


def with_views(setup: Setup, model: P, views: bool) -> tuple[P, float]:
    """The model with test-time averaging where that helps on the validation part, and its accuracy there.

    Without `views` there is no averaging; moved and mirrored ones are looked at where the recipe trains on such. Of
    equally accurate ones the likelier is taken: few pictures often cannot tell two models apart by their errors.
    """
    models = [model]
    if views:
        recipe = setup.recipe
        views_of = Views(mirror=setup.flip and recipe.flip, shift=recipe.shift > 0)
        models.append(dataclasses.replace(model, views=views_of))
    labels = setup.validation.labels.cpu().numpy()
    scores = []
    for each in models:
        logits = each.logits(setup.validation, setup.bf16)
        likelihood = log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean()
        scores.append((_accuracy(labels, logits.argmax(1)), float(likelihood)))
    best = max(range(len(models)), key=scores.__getitem__)
    return models[best], scores[best][0]


def judged(labels: np.ndarray, answers: np.ndarray) -> dict[str, Any]:
    """Accuracy on the test part with its 95 % interval (Wilson), and the mean of the classes' accuracies."""
    right = int((answers == labels).sum())
    interval = binomtest(right, len(labels)).proportion_ci(0.95, method="wilson")
    return {
        "test_accuracy": right / len(labels),
        "test_interval": [float(interval.low), float(interval.high)],
        "test_balanced_accuracy": _balanced(labels, answers),
    }


def _accuracy(labels: np.ndarray, answers: np.ndarray) -> float:
    return float((labels == answers).mean())


def _balanced(labels: np.ndarray, answers: np.ndarray) -> float:
    """The mean, over the classes that occur in `labels`, of the share answered rightly."""
    return float(np.mean([(answers[labels == label] == label).mean() for label in np.unique(labels)]))
