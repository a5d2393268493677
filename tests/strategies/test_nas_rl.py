"""Search with reinforcement learning: what the controller writes, what it learns, and the published network."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch

from neuralfinder.comparison.references.nas_v1 import LAYERS
from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.genome import Identity, parse
from neuralfinder.seeds import Seeds
from neuralfinder.strategies import NasRl
from neuralfinder.strategies.controller import Controller, Written
from neuralfinder.strategies.nas_rl import genome_of
from neuralfinder.types import Fidelity, Result, Shape

CIFAR = ChainSpace(Shape(3, 32, 32), 10, norm=True, max_macs=10**12)


def published():
    layers = [(height, width, filters) for height, width, filters, _ in LAYERS]
    return genome_of(layers, [[source - 1 for source in sources if source] for *_, sources in LAYERS])


def test_the_published_network_has_its_4_2_million_parameters():
    """Of the 4,202,266 some are biases of convolutions, which normalisation makes void and ours do not have."""
    genome = published()
    biases = sum(gene.filters for gene in genome.genes)
    assert len(genome) == 15
    assert CIFAR.cost(genome).parameters + biases == 4_202_266
    assert genome.key.startswith("C36.bn C48.bn C36.bn.in1+2 C36.k5.bn.in1+2+3 C48.k3x7.bn.in1+2 ")
    assert parse(genome.key) == genome


def test_layers_without_inputs_have_the_picture_and_loose_ends_come_together():
    genome = genome_of([(3, 3, 24), (3, 3, 36), (1, 5, 48)], [[], [], [0]])
    assert genome == parse("C24.bn C36.bn.in2 C48.k1x5.bn.in2 I.in1+2 > G")
    assert ChainSpace(Shape(3, 8, 8), 10).cost(genome).parameters == (
        24 * 27 + 48 + 36 * 27 + 72 + 48 * 24 * 5 + 96 + (36 + 48) * 10 + 10
    )
    assert not any(isinstance(gene, Identity) for gene in genome_of([(3, 3, 24)] * 2, [[], [0]]).genes)


def test_probabilities_of_all_networks_of_two_layers_sum_to_one():
    controller = Controller((2, 3), 7)
    total = 0.0
    for tokens in itertools.product(itertools.product(range(2), range(3)), repeat=2):
        for inputs in ((), (0,)):
            network = [Written(tokens[0], ()), Written(tokens[1], inputs)]
            total += math.exp(float(controller.log_probabilities([network]).detach()))
    assert total == pytest.approx(1)


def test_networks_come_as_often_as_their_probability_says():
    controller, rng = Controller((2,), 1), np.random.default_rng(0)
    for _ in range(300):  # far from even
        controller.learn([[Written((1,), ())]], [1.0])
    share = math.exp(float(controller.log_probabilities([[Written((1,), ())]]).detach()))
    drawn = np.mean([network[0].tokens == (1,) for network in controller.write(2000, 1, rng)])
    assert 0.6 < share < 0.999
    assert drawn == pytest.approx(share, abs=0.04)


def test_first_weights_are_small_and_no_global_generator_is_touched():
    before = torch.random.get_rng_state()
    controller = Controller((4, 4, 4), 0)
    assert torch.equal(torch.random.get_rng_state(), before)
    weights = torch.cat([weight.detach().flatten() for weight in controller.parameters()])
    assert 0.0799 < float(weights.abs().max()) <= 0.08
    assert abs(float(weights.mean())) < 0.001


def test_reward_is_the_cube_of_the_best_of_the_last_five_epochs():
    strategy = NasRl(CIFAR, Seeds(0), Fidelity(10), batch=2)
    (one,) = strategy.ask(1)
    strategy.tell([Result(one.id, 0.6, curve=(0.9, 0.5, 0.7, 0.6, 0.6, 0.6))])
    assert [reward for _, reward in strategy._rewarded] == [pytest.approx(0.343)]
    (two,) = strategy.ask(1)
    strategy.tell([Result(two.id, None, "diverged")])
    assert strategy.baseline == pytest.approx(0.95 * 0.343)  # began at the first reward, then 0.343 and 0
    assert strategy._rewarded == []


def test_depth_grows_from_6_to_20_over_the_trainings():
    strategy = NasRl(CIFAR, Seeds(0), Fidelity(1), candidates=80)
    depths = []
    for trained in range(0, 100, 10):
        strategy.counts["trained"] = trained
        depths.append(strategy.depth)
    assert depths == [6, 8, 10, 12, 14, 16, 18, 20, 20, 20]


@pytest.mark.thorough
def test_where_deep_networks_are_beyond_the_caps_shallower_ones_are_written():
    """Twenty layers have over 90,000 parameters each; the run's cap leaves room for a few."""
    space = dataclasses.replace(CIFAR, max_parameters=60_000)
    strategy = NasRl(space, Seeds(0), Fidelity(1), candidates=1)
    strategy.counts["trained"] = 1
    assert strategy.depth == 20
    asked = [candidate for _ in range(3) for candidate in strategy.ask(4)]
    assert len(asked) == 12
    assert strategy.depth < 6
    assert not any(note["kind"] == "exhausted" for note in strategy.notes)


@pytest.mark.slow
def test_what_is_rewarded_is_written_more_often():
    """Networks of wide layers have reward 1, others less: the controller learns to write them."""
    small = dataclasses.replace(CIFAR, shape=Shape(1, 8, 8))

    def share(strategy, count):
        wide = []
        for _ in range(count):
            for candidate in strategy.ask(8):
                filters = [gene.filters for gene in candidate.genome.genes if hasattr(gene, "filters")]
                wide.append(np.mean(filters) / 64)
                strategy.tell([Result(candidate.id, wide[-1])])
        return np.mean(wide[-80:])

    gains = []
    for seed in range(3):
        strategy = NasRl(small, Seeds(seed), Fidelity(1), candidates=100_000)
        gains.append(share(strategy, 150) - 0.672)
    assert np.mean(gains) > 0.03
