"""MetaQNN: table 1, the update by hand, the schedule, dropout, restarts, and the published networks."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from neuralfinder.comparison.references.metaqnn import NETWORKS, count
from neuralfinder.errors import InputError
from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.genome import Conv, MaxPool, PoolHead, parse
from neuralfinder.seeds import Seeds
from neuralfinder.strategies import MetaQNN, Random
from neuralfinder.strategies.metaqnn import END, KERNELS, State, actions, after, bin_of
from neuralfinder.testing import TOY, ToyTask, drive, solve
from neuralfinder.types import Fidelity, Result, Shape

CIFAR = ChainSpace(Shape(3, 32, 32), 10, norm=True)


def agent(seed=0, space=CIFAR, **settings):
    return MetaQNN(space, Seeds(seed), Fidelity(1), **{"candidates": 100, **settings})


def kinds(state, deepest=18):
    return {kind for kind, *_ in actions(state, deepest)}


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (State(), {"end", "conv", "gap"}),
        (State("conv", 3, 64, 3), {"end", "conv", "gap", "pool"}),
        (State("conv", 3, 64, 3, bin=4), {"end", "conv", "gap", "pool", "dense"}),
        (State("conv", 3, 64, 3, bin=1), {"end", "gap", "dense"}),
        (State("pool", 3, 2, 2), {"end", "conv", "gap"}),
        (State("pool", 3, 2, 2, bin=4), {"end", "conv", "gap", "dense"}),
        (State("dense", 3, 256, bin=4, dense=1), {"end", "dense"}),
        (State("dense", 4, 256, bin=4, dense=2), {"end"}),
        (State("gap", 4), {"end"}),
        (State("conv", 18, 64, 3), {"end"}),
        (State("end", 5), set()),
    ],
)
def test_what_may_follow_what(state, expected):
    """Table 1 of the paper."""
    assert kinds(state) == expected


def test_kernels_and_pools_are_smaller_than_the_bin_of_the_map():
    def sizes(kind, bin_):
        return {(size if kind == "pool" else kernel) for k, size, kernel in actions(State("conv", 1, 64, 3, bin_), 18)
                if k == kind}  # fmt: skip

    assert [sizes("conv", bin_) for bin_ in (8, 4, 1)] == [{1, 3, 5}, {1, 3}, set()]
    assert [sizes("pool", bin_) for bin_ in (8, 4, 1)] == [{5, 3, 2}, {3, 2}, set()]
    assert [bin_of(side) for side in (32, 8, 7, 4, 3, 0)] == [8, 8, 4, 4, 1, 1]
    assert KERNELS == (1, 3, 5)


def test_a_second_dense_layer_is_no_larger():
    assert [size for kind, size, _ in actions(State("dense", 3, 256, bin=4, dense=1), 18) if kind == "dense"] == [
        256,
        128,
    ]


def walk_of(strategy, text):
    """The walk of a published network, each step legal."""
    state, steps = State(), []
    for word in text.split():
        kind, numbers = word[0], tuple(int(number) for number in word[1:].split(","))
        action = {"C": ("conv", *numbers), "P": ("pool", *numbers), "F": ("dense", *numbers, 0)}[kind]
        assert action in actions(state, 18), (word, state)
        steps.append((state, action))
        state = after(state, action, strategy._side(tuple(steps)))
    assert END in actions(state, 18)
    return (*steps, (state, END))


@pytest.mark.parametrize(("text", "published"), [(text, count(n)) for n, text in enumerate(NETWORKS)])
def test_published_networks_are_walks_and_have_their_parameters(text, published):
    """The counts are those of a map of ceil((s - f) / l) after a pool; ours is larger."""
    strategy = agent(space=dataclasses.replace(CIFAR, norm=False))
    genome = strategy.genome(walk_of(strategy, text))
    side = 32
    for word in text.split():
        if word[0] == "P":
            size, stride = (int(number) for number in word[1:].split(","))
            side = -(-(side - size) // stride)
    channels = [gene.filters for gene in genome.genes if hasattr(gene, "filters")][-1]
    ours = strategy._side(walk_of(strategy, text))
    units = genome.head.units or 10
    parameters = strategy.networks.cost(genome).parameters
    assert parameters - (ours**2 - side**2) * channels * units == published


def test_texts_have_many_networks():
    """A line of tokens is one row high and as good for convolutions and pools as a square map is."""
    text = ChainSpace(Shape(64, 1, 24, 1000), 3, kernels=(1, 3, 5, 7), head=PoolHead(largest=True))
    strategy = agent(space=text, candidates=40, restarts=0)
    rewards = np.random.default_rng(0)
    asked = drive(strategy, lambda candidate: Result(candidate.id, rewards.random()), 40)
    assert len({candidate.genome for candidate in asked}) == 40
    genes = [gene for candidate in asked for gene in candidate.genome.genes]
    assert {gene.kernel for gene in genes if isinstance(gene, Conv)} == {1, 3, 5}
    assert {MaxPool(), MaxPool(3), MaxPool(5, 3)} <= set(genes)
    assert strategy._side(walk_of(strategy, "C64,3 P2,2 C64,3 P3,2")) == 6


def test_dropout_after_every_two_layers_grows_to_a_half():
    """Section 5: the i-th of n has probability i / 2n."""
    strategy = agent()
    walk = walk_of(strategy, "C64,3 C64,3 P2,2 C64,3 C128,3 P2,2 C64,1")
    assert strategy.genome(walk).key == "C64.bn C64.bn D17 M C64.bn D33 C128.bn M D50 C64.k1.bn > F0"


def test_one_walk_is_learned_from_by_hand():
    """Equation 3 and the replay of the code: from the last layer to the first, alpha 0.01, Q begins at 0.5."""
    strategy = agent(replay=0)
    walk = walk_of(strategy, "C64,3 P2,2")
    strategy._update(walk, 0.9)
    values = [strategy.q[step] for step in walk]
    assert values == pytest.approx([0.5 + 0.01 * (v - 0.5) for v in (0.50004, 0.504, 0.9)])
    assert strategy.q[State(), END] == 0.5


def test_epsilon_falls_as_in_the_paper():
    """Table 2, shrunk from 2,700 networks to 100."""
    strategy = agent()

    def epsilon(trained):
        strategy._trained = set(map(str, range(trained)))
        return strategy.epsilon

    assert [epsilon(n) for n in (0, 55, 56, 60, 67, 99, 500)] == [1.0, 1.0, 0.9, 0.8, 0.6, 0.1, 0.1]


def test_a_network_at_chance_is_trained_again_more_slowly():
    strategy = agent()
    (first,) = strategy.ask(1)
    rates = [first.rate]
    strategy.tell([Result(first.id, 0.1)])
    for _ in range(4):
        (again,) = strategy.ask(1)
        assert again.genome == first.genome
        rates.append(again.rate)
        strategy.tell([Result(again.id, None, "diverged")])
    assert rates == pytest.approx([1, 0.4, 0.16, 0.064, 0.0256])
    (other,) = strategy.ask(1)
    assert other.genome != first.genome
    assert strategy._memory == [(strategy._memory[0][0], 0.1)]


def test_a_sharp_agent_takes_what_it_knows_to_be_good():
    strategy = agent(candidates=1)
    strategy._trained = {"one", "two"}
    walk = walk_of(strategy, "C64,3 P2,2 C512,1")
    for _ in range(2000):
        strategy._update(walk, 1.0)
    found = sum(strategy._walk() == walk for _ in range(200))
    assert found > 60  # 0.9 of the choices are the best ones, of four


TASK = ToyTask(dataclasses.replace(CIFAR, shape=Shape(1, 8, 8)), parse("C64 C256.k1 D25 M C128 D50 > F0"))
"""A network of its space at the size of the digits."""


@pytest.mark.thorough
def test_mean_accuracy_rises_as_epsilon_falls():
    """As in figure 3 of the paper, for networks that are the better the more of their kernels are 3x3."""

    def accuracy(candidate):
        kernels = [gene.kernel for gene in candidate.genome.genes if isinstance(gene, Conv)]
        return 0.3 + 0.6 * kernels.count(3) / max(3, len(kernels))

    first, last = [], []
    for seed in range(3):
        strategy = agent(seed, TASK.space, candidates=150)
        scores = [accuracy(c) for c in drive(strategy, lambda c: Result(c.id, accuracy(c)), 150)]
        first.append(np.mean(scores[:60]))
        last.append(np.mean(scores[-25:]))
    assert min(np.array(last) - np.array(first)) > 0.05


@pytest.mark.slow
def test_it_finds_better_networks_than_random_search():
    best = [solve(agent(seed, TASK.space, restarts=0), TASK, 100)[-1] for seed in range(10)]
    random = [
        solve(Random(agent(seed, TASK.space).space, Seeds(seed), Fidelity(1)), TASK, 100)[-1] for seed in range(10)
    ]
    assert np.mean(best) > np.mean(random)


def test_it_needs_layers():
    from neuralfinder.networks.tabular import Table

    table = Table("t", 3, 2, {})
    with pytest.raises(InputError, match=r"strategy metaqnn is used on a space without layers"):
        MetaQNN(table, Seeds(0), Fidelity(1))
    assert isinstance(MetaQNN(TOY.space, Seeds(0), Fidelity(1)).networks, ChainSpace)
