"""The linear model of n-grams beside networks for texts: what counts in it, and what it learns."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from sentences import sentences
from setups import setup_of_texts
from torch import nn

from neuralfinder.job.figures import SAYS, say_of, with_say
from neuralfinder.networks.genome import parse
from neuralfinder.seeds import torch_seed
from neuralfinder.training.bag import AT_ONCE, STRENGTHS, Bag, Bags, answers_of, naive_bayes
from neuralfinder.training.build import bag_of, build
from neuralfinder.training.model import Predictor
from neuralfinder.training.train import Setup, predict_logits, score, train
from neuralfinder.types import Fidelity

GENOME = parse("C8 > GM.bag12")


def lines(tokens: Sequence[int], letters: Sequence[int] = ()) -> torch.Tensor:
    """One text, a zero after the longer of both."""
    width = max(len(tokens), len(letters)) + 1
    return torch.tensor([[[*line, *[0] * (width - len(line))] for line in (tokens, letters)]])[None]


def random_bag(bits: int = 14) -> Bag:
    torch.manual_seed(0)
    bag = Bag(bits, 3)
    nn.init.normal_(bag.weight)
    return bag.eval()


def test_tokens_and_pairs_count_in_any_order_and_padding_does_not() -> None:
    bag = random_bag()
    torch.testing.assert_close(bag(lines([5, 7, 9, 0, 0])), bag(lines([5, 7, 9])))
    assert not torch.allclose(bag(lines([5, 7])), bag(lines([7, 5])))  # other pairs
    torch.testing.assert_close(bag(lines([3, 0, 4])), bag(lines([4, 0, 3])))  # no pair across padding
    assert not bag(lines([0, 0])).any()


def test_letters_count_five_at_a_time_and_are_no_tokens() -> None:
    bag = random_bag()
    assert not torch.allclose(bag(lines([5])), bag(lines([], [5])))
    word = [4, 8, 15, 16, 23, 42]
    assert len(found(bag, [], word)) == 6 + 5 + 4 + 3 + 2
    assert len(found(bag, word, [])) == 6 + 5
    assert len(found(bag, [], word) & found(bag, [], [*word[1:], 7])) == 5 + 4 + 3 + 2 + 1


def found(bag: Bag, tokens: Sequence[int], letters: Sequence[int]) -> set[int]:
    """What counts of one text."""
    rows, times = bag.counts(lines(tokens, letters))
    return set(rows[times > 0].tolist())


def test_what_is_rare_counts_more_what_comes_again_a_little_more_and_a_text_always_as_much() -> None:
    bag = random_bag()
    one, other = (found(bag, [token], []).pop() for token in (1, 5))
    bag.met[one], bag.met[other] = 32, 1
    bag.texts.fill_(32)
    alone = [bag.weight[row] for row in (one, other)]
    torch.testing.assert_close(bag(lines([1]))[0], alone[0])
    torch.testing.assert_close(bag(lines([5]))[0], alone[1])
    twice, rare = 1 + math.log(2), 1 + math.log(33 / 2)
    both = (twice * alone[0] + rare * alone[1]) / math.hypot(twice, rare)
    torch.testing.assert_close(bag(lines([1, 0, 5, 0, 1]))[0], both)


def test_all_pieces_of_a_text_count() -> None:
    bag = random_bag()
    apart = torch.cat([lines([5, 7]), lines([9, 4])], dim=1)
    torch.testing.assert_close(bag(apart), bag(lines([5, 7, 0, 9, 4])))


@pytest.mark.parametrize("classes", [2, 3])
def test_it_learns_what_words_say_and_is_sure_of_it(classes: int) -> None:
    setup = told(classes)
    bag = Bag(12, setup.classes)
    fitted = setup.bags.of(12, setup)
    bag.take(fitted.state)
    right = answers_of(bag, setup.validation).softmax(1).gather(1, setup.validation.labels[:, None])
    assert right.min() > 1 / classes
    assert right.mean() > 0.7
    assert bag.met.max() <= bag.texts == len(setup.train)
    assert fitted.strength in STRENGTHS
    again = dataclasses.replace(setup, bags=Bags()).bags.of(12, setup)
    torch.testing.assert_close(again.state, fitted.state, rtol=0, atol=0)


def test_words_that_a_class_never_has_tell_of_it_though_each_is_rare(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    known = [rng.permutation(400)[:250] for _ in range(3)]
    labels = rng.integers(0, 3, 600).tolist()
    texts = [" ".join(f"w{word}q" for word in rng.choice(known[label], 8)) for label in labels]
    setup = setup_of_texts(texts, labels)

    def right(bags: Bags) -> float:
        bag = Bag(14, 3)
        bag.take(bags.of(14, setup).state)
        setup.validation.answers.clear()
        return float((answers_of(bag, setup.validation).argmax(1) == setup.validation.labels).float().mean())

    both = right(Bags())
    monkeypatch.setattr("neuralfinder.training.bag.FACTORS", ((1 / 8, 4.0), (0.0, 0.0)))
    assert both > right(Bags()) + 0.05


def test_a_class_without_a_text_is_as_unlikely_as_any_other() -> None:
    features = csr_matrix(np.array([[1.0, 0, 0], [0, 1, 0], [1, 1, 0]]))
    coefficients, intercepts = naive_bayes(features, np.array([0, 1, 0]), np.ones(3))
    assert np.isfinite(coefficients).all()
    assert (coefficients[2] == coefficients[:2].min(axis=0)).all()
    assert intercepts.argmin() == 2


def told(classes: int, count: int = 200) -> Setup:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, count).tolist()
    texts = [
        " ".join(rng.permutation([f"kind{label}", *rng.choice([f"w{n}" for n in range(30)], 5)])) for label in labels
    ]
    return setup_of_texts(texts, labels)


def test_where_time_is_short_it_is_fitted_to_fewer_texts() -> None:
    setup = told(2)
    bags = Bags(seconds=1e-6)
    assert bags.of(12, setup).state["texts"] == AT_ONCE < len(setup.train)


def test_what_was_chosen_holds_where_the_validation_part_is_learned_too() -> None:
    setup = told(3)
    whole = setup.whole()
    refitted, first = whole.bags.of(12, whole), setup.bags.of(12, setup)
    assert (refitted.strength, refitted.factors.tolist()) == (first.strength, first.factors.tolist())
    assert refitted.state["texts"] == len(setup.train) + len(setup.validation)


def test_classes_count_alike_where_they_are_weighted() -> None:
    texts, labels = sentences(120)
    setup = setup_of_texts(["dull words alone"] * 40 + texts, ["sea"] * 38 + ["wood"] * 2 + labels)
    balanced = dataclasses.replace(setup, weights=torch.tensor([0.1, 10.0]), bags=Bags())
    answers = []
    for own in (setup, balanced):
        bag = Bag(12, 2)
        bag.take(own.bags.of(12, own).state)
        answers.append(bag(torch.from_numpy(setup.preparation.encode(["dull words alone"])[0])).argmax().item())
    assert answers == [0, 1]


def test_training_gives_networks_the_task_s_bag_and_leaves_it_as_it_is() -> None:
    setup = told(3)
    with torch_seed(0):
        network = build(GENOME, setup.shape, setup.classes)
    training = train(network, setup, Fidelity(2), 0)
    bag = bag_of(network)
    assert bag is not None
    torch.testing.assert_close(bag.state, setup.bags.of(12, setup).state, rtol=0, atol=0)
    assert not [name for name in training.state if name.startswith("bag")]  # it is kept once, not for each candidate
    part = setup.validation
    both = predict_logits(network, part, setup.preparation).softmax(1)
    alone = network.alone(part.pictures).softmax(1)
    torch.testing.assert_close(both, (alone + bag(part.pictures).softmax(1)) / 2)
    torch.testing.assert_close(network(part.pictures).softmax(1), both)
    assert score(network, part, setup) == training.score


def test_answers_are_kept_beside_a_part_until_the_bag_is_another() -> None:
    setup, bag = told(2), Bag(12, 2)
    nothing = answers_of(bag, setup.validation)
    bag.take(setup.bags.of(12, setup).state)
    assert not torch.equal(answers_of(bag, setup.validation), nothing)
    assert answers_of(bag, setup.validation) is answers_of(bag, setup.validation)


def loud(setup: Setup, bag: bool) -> Predictor:
    """Layers that have learned nothing and are sure of it, with or without a bag that is right and less sure."""
    with torch_seed(0):
        network = build(GENOME if bag else parse("C8 > GM"), setup.shape, setup.classes).eval()
    network.get_parameter("head.weight").data *= 100
    if own := bag_of(network):
        state = setup.bags.of(12, setup).state
        own.take({**state, "weight": state["weight"] / 5, "bias": state["bias"] / 5})
    return Predictor(network=network, preparation=setup.preparation)


def test_layers_that_know_less_than_the_bag_have_less_say() -> None:
    setup = told(3)
    model = loud(setup, bag=True)
    say = say_of(setup, model)
    labels = setup.validation.labels.numpy()
    right = {each: float((with_say(model, each).logits(setup.validation).argmax(1) == labels).mean()) for each in SAYS}
    assert right[say] == max(right.values()) > right[SAYS[0]] + 0.2
    bag = bag_of(model.network)
    assert bag is not None
    quiet = with_say(model, 0.0).logits(setup.validation).argmax(1)
    assert quiet.tolist() == answers_of(bag, setup.validation).argmax(1).tolist()


def test_layers_without_a_bag_have_all_the_say() -> None:
    setup = told(3)
    model = loud(setup, bag=False)
    assert say_of(setup, model) == SAYS[0]
    assert with_say(model, SAYS[0]) is model
