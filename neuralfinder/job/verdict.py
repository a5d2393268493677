"""What a run came to in words to act on: how good, on what, against what, and whether that is more than noise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from neuralfinder.training.metrics import ACCURACY, LEVEL, Metric, metric_of, wilson

WIDE = 0.2
"""Width of the interval of an accuracy from which the samples are too few to tell: ten points either way."""

MOSTLY = 2 / 3
"""Share of one class from which the accuracy says little: answering it always is right twice as often as wrong."""

MOST_NAMED = 10
"""Classes that are told by name."""

MAJORITY, LINEAR, BY_HAND = "majority class", "logistic regression", "small network"
PRETRAINED = "pre-trained network"
"""What a winner is compared with, by the names in `result.json`."""

Rival = Mapping[str, Any]


def judgement(result: Mapping[str, Any], classes: Sequence[str], confusion: Sequence[Sequence[int]]) -> dict[str, Any]:
    """The verdict about a finished run.

    Args:
        result: what `result.json` holds; its baselines have `only_winner_right` and `only_this_right`, where they were
            measured on the test part, and `p_value` where its metric is not accuracy.
        classes: their names.
        confusion: counts on the test part, a row for each true class and a column for each answer.

    Returns:
        `verdict`, one sentence, and `cautions`, the sentences that one has to know beside it.
    """
    return {
        "verdict": _sentence(result, confusion),
        "cautions": [
            *_about_metric(result), *_about_search(result), *_about_choice(result), *_about_rivals(result),
            *_about_test(result, confusion), *_about_classes(result, classes, confusion),
        ],
    }  # fmt: skip


def not_yet(score: float, metric: Metric = ACCURACY) -> dict[str, Any]:
    """The same about a run that still searches, whose best candidate has this score on the validation part, 0..1."""
    reached = metric.words(score) if metric == ACCURACY else f"a {metric.title} of {metric.words(score)}"
    sentence = (
        f"Not finished: the best so far has {reached} on the validation part after a short training, "
        f"which is no {metric.title} to expect; that is measured at the end."
    )
    return {"verdict": sentence, "cautions": []}


def is_by_hand(result: Mapping[str, Any]) -> bool:
    """Whether the winner is the network made by hand: no search, or none that found a better one."""
    return bool((result["baselines"].get(BY_HAND) or {}).get("genome") == result["genome"])


def noun(result: Mapping[str, Any]) -> str:
    """What the winner is: a network, or several that answer together; records of older versions have no such."""
    copies = result.get("copies", 1)
    return f"team of {copies} networks" if copies > 1 else "network"


def is_noise(wins: int, losses: int) -> bool:
    """Whether two that answered the same samples are not told apart: McNemar's test (1947) in its exact form.

    Who is right more often is decided by those samples alone that one of them answers rightly and the other does not:
    if both were as good, each would be as likely to be of the one kind as of the other.

    Args:
        wins: samples that the one alone answers rightly.
        losses: samples that the other alone answers rightly.
    """
    from scipy.stats import binomtest

    return wins == losses or bool(binomtest(wins, wins + losses).pvalue >= 1 - LEVEL)


def interval(right: int, of: int) -> tuple[float, float]:
    """The 95 % interval of an accuracy, 0..1: `right` of so many samples were answered rightly."""
    return wilson(right / of, of)


def fitted_to(rival: Rival, result: Mapping[str, Any]) -> str:
    """How many samples a rival has learned from, where the winner had more; empty elsewhere."""
    whole = result["data"]["train"] + (result["data"]["validation"] if result["refit"] else 0)
    some = rival.get("samples", whole)
    return f", fitted to {some:,} of {whole:,} samples" if some < whole else ""


def _sentence(result: Mapping[str, Any], confusion: Sequence[Sequence[int]]) -> str:
    """The network against the better of those that need no search."""
    there = sum(any(row) for row in confusion)
    some = f" of {there} of {len(confusion)} classes" if there < len(confusion) else ""
    metric, one = metric_of(result), f"{noun(result)} {'by hand' if is_by_hand(result) else 'found'}"
    samples, own = f"{result['data']['test']:,} {_kind(result)}{some}", _reached(result, metric)
    chance, linear = result["baselines"][MAJORITY], _measured(result, LINEAR)
    shares = metric == ACCURACY  # of samples: the others are figures about them
    of, name = ("of", "") if shares else ("on", f"{metric.title} ")
    right = f"is right about {own} of" if shares else f"has a {metric.title} of {own} on"
    right = f"{one} {right} {samples} that it never saw"
    blind = "knowing the classes' shares alone" if metric.probable else "always answering the commonest class"
    guess = f"{blind} ({_reached(chance, metric)})"
    plainer = linear if linear and _score(linear, metric) > _score(chance, metric) else None
    if plainer and _clear(plainer, result, better=True):
        title = _linear(result)
        return (
            f"{title[0].upper()}{title[1:]} is better than the {one} ({name}{_reached(plainer, metric)} against {own} "
            f"{of} {samples} that neither ever saw): use that, or give more minutes."
        )
    if not _clear(chance, result, better=False):
        level = "worse than" if _clear(chance, result, better=True) else "no better than"
        return f"Do not use it: the {right}, {level} {guess}; give more minutes or more samples."
    if plainer is None:
        return f"The {right}, better than {guess} by more than noise."
    reached = f"{_linear(result)} ({_reached(plainer, metric)}{fitted_to(plainer, result)})"
    if _clear(plainer, result, better=False):
        return f"The {right}, better than {reached} by more than noise."
    return f"The {right}, and is not told apart from {reached}: either will do."


def _about_metric(result: Mapping[str, Any]) -> Iterator[str]:
    """What the verdict's figure says, where it is none that everybody knows."""
    if (metric := metric_of(result)) != ACCURACY:
        yield metric.meaning


def _about_search(result: Mapping[str, Any]) -> Iterator[str]:
    counts, seconds = result["candidates"], result["seconds"]
    if counts["trained"]:
        if is_by_hand(result):
            many = counts["trained"] > 1
            found = f"Of {counts['trained']:,} networks that were trained none" if many else "The one network trained"
            yield f"{found} was {'' if many else 'no '}better than the one by hand."
    elif counts["failed"]:
        yield f"No network of the search could be trained, {counts['failed']:,} failed: `show` tells why."
    elif result["interrupted"]:
        yield "No search took place: it was ended before its first network."
    else:
        before = seconds["total"] - seconds["search"] - seconds["finish"]
        yield (
            f"No search took place: reading and measuring took {before:.0f} of {seconds['total']:.0f} seconds, "
            f"finishing {seconds['finish']:.0f}; give more minutes."
        )


def _about_choice(result: Mapping[str, Any]) -> Iterator[str]:
    """How little few samples say of who is better; folds would not say more in the same time (docs/LOG.md)."""
    samples, reached = result["data"]["validation"], result["validation_accuracy"]
    low, high = wilson(reached, samples)
    if result["candidates"]["trained"] > 1 and high - low > WIDE:
        yield (
            f"It was chosen by {samples:,} validation {_kind(result)}, which do not tell {reached:.0%} from {low:.0%} "
            f"or {high:.0%}: networks that are as close are in no order, and more samples would help to choose."
        )


def _about_rivals(result: Mapping[str, Any]) -> Iterator[str]:
    if _measured(result, LINEAR) is None:
        yield f"Whether something plainer would do is open: {_linear(result)} was not run."
    yield from _about_pretrained(result)
    by_hand = _measured(result, BY_HAND)
    if by_hand is None or is_by_hand(result) or _clear(by_hand, result, better=False):
        return
    reached = _reached(by_hand, metric_of(result))
    terms = f"{reached} after {by_hand['epochs']:.3g} epoch{'s' * (by_hand['epochs'] != 1)}"
    if _clear(by_hand, result, better=True):
        yield f"The small network by hand is better: it had {terms}."
    else:
        yield f"That searching was worth it is not shown: the small network by hand had {terms}."


def _about_pretrained(result: Mapping[str, Any]) -> Iterator[str]:
    """A frozen network with a linear head, which gains by being trained further: so as good is better."""
    rival = _measured(result, PRETRAINED)
    if rival is None or _clear(rival, result, better=False):
        return
    level = "better" if _clear(rival, result, better=True) else "as good, and better where it is trained further"
    reached = _reached(rival, metric_of(result))
    yield (
        f"The pre-trained network {rival['name']} is {level}: {reached} with a linear head alone "
        "where nothing else of it was trained. Use that, fine-tuned."
    )


def _about_test(result: Mapping[str, Any], confusion: Sequence[Sequence[int]]) -> Iterator[str]:
    metric, kind = metric_of(result), _kind(result)
    there = [sum(row) for row in confusion]
    low, high = result["test_interval" if metric == ACCURACY else f"{metric.key('test')}_interval"]
    if abs(metric.score_of(high) - metric.score_of(low)) > WIDE:
        right = f"be right about anything from {low:.0%} to {high:.0%}"
        other = f"have a {metric.title} of anything from {metric.text(low)} to {metric.text(high)}"
        yield (
            f"The test part is too small to tell: of {kind} like its {sum(there):,} the network may "
            f"{right if metric == ACCURACY else other}."
        )
    if metric == ACCURACY and max(there) > MOSTLY * sum(there):
        yield (
            f"{max(there):,} of {sum(there):,} test {kind} are one class: look at balanced accuracy, "
            f"{result['test_balanced_accuracy']:.2%}, which counts all classes alike; a search with --metric "
            "balanced-accuracy looks for that."
        )


def _about_classes(
    result: Mapping[str, Any], classes: Sequence[str], confusion: Sequence[Sequence[int]]
) -> Iterator[str]:
    there, given = [sum(row) for row in confusion], [sum(column) for column in zip(*confusion, strict=True)]
    right = [row[place] for place, row in enumerate(confusion)]
    every = range(len(classes))
    for what, which in (
        ("never answered", [place for place in every if there[place] and not given[place]]),
        ("never recognised", [place for place in every if there[place] and given[place] and not right[place]]),
        ("not in the test part: nothing is known there", [place for place in every if not there[place]]),
    ):
        if which:
            names = ", ".join(repr(str(classes[place])) for place in which[:MOST_NAMED])
            more = f" and {len(which) - MOST_NAMED:,} more" if len(which) > MOST_NAMED else ""
            subject = f"Class {names} is" if len(which) == 1 else f"Classes {names}{more} are"
            count = sum(there[place] for place in which)
            told = f" ({count:,} of {sum(there):,} test {_kind(result)}): do not use it where that matters"
            yield f"{subject} {what}{told if count else ''}."


def _measured(result: Mapping[str, Any], name: str) -> Rival | None:
    """A rival that was measured on the test part."""
    rival: Rival | None = result["baselines"].get(name)
    return rival if rival and "test_accuracy" in rival else None


def _clear(rival: Rival, result: Mapping[str, Any], *, better: bool) -> bool:
    """Whether a rival is better than the winner, or worse, by more than noise."""
    metric = metric_of(result)
    if metric != ACCURACY:
        return (_score(rival, metric) > _score(result, metric)) == better and rival["p_value"] < 1 - LEVEL
    wins, losses = rival["only_winner_right"], rival["only_this_right"]
    return (losses > wins) == better and not is_noise(wins, losses)


def _score(figures: Mapping[str, Any], metric: Metric) -> float:
    """What somebody has on the test part, more is better."""
    return metric.score_of(figures[metric.key("test")])


def _reached(figures: Mapping[str, Any], metric: Metric) -> str:
    """The same in words."""
    return metric.text(figures[metric.key("test")])


def _linear(result: Mapping[str, Any]) -> str:
    """What the linear model is for those who are told of it: on texts it is one of TF-IDF of n-grams."""
    return "a table of word counts" if _kind(result) == "texts" else "logistic regression on pixels"


def called(name: str, result: Mapping[str, Any]) -> str:
    """A rival of `result.json` in words that need no explanation."""
    words = {
        MAJORITY: "always the commonest class", LINEAR: _linear(result), BY_HAND: "small network by hand",
        PRETRAINED: "pre-trained network",
    }  # fmt: skip
    return words.get(name, name)


def _kind(result: Mapping[str, Any]) -> str:
    return "texts" if result["data"]["shape"]["vocabulary"] else "pictures"
