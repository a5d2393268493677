"""Large-scale evolution: the eleven mutations, tournaments round the set-point, and what is inherited."""

from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np
import pytest

from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.genome import parse
from neuralfinder.seeds import Seeds
from neuralfinder.strategies import LargeScaleEvolution
from neuralfinder.strategies.large_scale_evolution import MUTATIONS, Dna, Vertex, identity
from neuralfinder.testing import TOY, drive
from neuralfinder.types import Fidelity, Result, Shape

SPACE = ChainSpace(Shape(3, 16, 16), 10, norm=True)

DNA = Dna(
    3, (Vertex(0), Vertex(1, 16.0, active=True), Vertex(2), Vertex(3, 32.0, stride=1.0)), frozenset({(0, 2), (1, 3)})
)


def mutated(name, dna=DNA, count=2000):
    rng = np.random.default_rng(0)
    return [MUTATIONS[name](dna, rng) for _ in range(count)]


def test_a_graph_becomes_a_genome():
    assert DNA.genome() == parse("I C16.bn I.add2 C32.s2.linear.add2 > G")
    assert Dna().genome() == parse("I > G")
    odd = Dna(3, (Vertex(0), Vertex(1, 7.6, height=0.4, width=1.6, stride=0.6)))
    assert odd.genome() == parse("I C8.k1x5.s2.linear > G")


def test_there_are_the_papers_eleven_mutations_and_all_are_drawn_alike():
    strategy = LargeScaleEvolution(SPACE, Seeds(0), Fidelity(1))
    names = Counter(strategy._mutated(DNA)[0] for _ in range(4400))
    assert len(MUTATIONS) == 11
    assert set(names) == set(MUTATIONS)
    chi2 = sum((count - 400) ** 2 / 400 for count in names.values())
    assert chi2 < 23.2  # 99 % of ten degrees of freedom


def test_learning_rate_is_halved_to_doubled():
    rates = np.log2([dna.rate for dna in mutated("alter-learning-rate")])
    assert -1 <= rates.min() < -0.95
    assert 0.95 < rates.max() <= 1
    assert abs(rates.mean()) < 0.05


def test_channels_are_halved_to_doubled_and_small_changes_add_up():
    channels = [
        (dna.backbone[1].channels / 16, dna.backbone[3].channels / 32) for dna in mutated("alter-number-of-channels")
    ]
    changed = np.array([one if two == 1 else two for one, two in channels])
    assert 0.5 <= changed.min() < 0.52
    assert 1.96 < changed.max() <= 2
    assert changed.mean() == pytest.approx(1.25, abs=0.03)
    assert {one == 1 for one, _ in channels} == {True, False}


def test_inserted_convolutions_keep_the_channels_and_have_stride_1_or_2_and_an_end_at_random():
    found = Counter()
    for dna in mutated("insert-convolution"):
        ((place, vertex),) = [(p, v) for p, v in enumerate(dna.backbone) if v.name == 4]
        assert place > 0
        assert vertex.channels == (3.0, 16.0, 16.0, 32.0)[place - 1]
        assert (vertex.height, vertex.width) == (1.0, 1.0)
        found[place, vertex.stride, vertex.active] += 1
    assert len(found) == 16
    assert min(found.values()) > 80


def test_strides_are_powers_of_two_and_one_step_away():
    steps = Counter((dna.backbone[1].stride, dna.backbone[3].stride) for dna in mutated("alter-stride"))
    assert set(steps) == {(1.0, 1.0), (0.0, 2.0), (0.0, 0.0)}


def test_kernels_stay_odd_and_one_side_changes():
    for dna in mutated("filter-size", count=300):
        genes = dna.genome().genes
        assert {gene.kernel for gene in genes if hasattr(gene, "kernel")} <= {1, 3, 5, 7}
        changed = [(v.height != 1) + (v.width != 1) for v in dna.backbone]
        assert sum(changed) == 1


def test_removed_convolutions_take_their_skips_along():
    kept = {dna.genome().key for dna in mutated("remove-convolution", count=50)}
    assert kept == {"I I.add1 C32.s2.linear > G", "I C16.bn I.add2 > G"}


def test_skips_lead_onward_and_are_added_and_removed_one_at_a_time():
    added = {frozenset(dna.skips - DNA.skips) for dna in mutated("add-skip", count=200)}
    assert added == {frozenset({skip}) for skip in [(0, 1), (0, 3), (1, 2), (2, 3)]}
    assert {dna.skips for dna in mutated("remove-skip", count=50)} == {frozenset({(0, 2)}), frozenset({(1, 3)})}
    full = dataclasses.replace(DNA, skips=frozenset((a, b) for a in range(4) for b in range(a + 1, 4)))
    assert set(mutated("add-skip", full, 10)) == {None}


def test_what_is_not_there_cannot_be_changed():
    for name in (
        "remove-convolution",
        "alter-stride",
        "alter-number-of-channels",
        "filter-size",
        "remove-skip",
        "add-skip",
    ):
        assert set(mutated(name, Dna(), 3)) == {None}
    assert MUTATIONS["identity"] is MUTATIONS["reset-weights"] is identity


def test_the_population_stays_round_its_set_point_and_grows_better():
    strategy = LargeScaleEvolution(SPACE, Seeds(0), Fidelity(1), population=10)

    def depth(candidate):
        return Result(candidate.id, candidate.genome.convolutions / 20, parameters=1)

    sizes, best = [], []
    for _ in range(200):
        drive(strategy, depth, 1)
        view = strategy.view()["population"]
        sizes.append(len(view))
        best.append(max(fitness for _, fitness in view))
    assert sizes[:9] == list(range(1, 10))
    assert set(sizes[12:]) == {10}
    assert best[-1] > 0.2
    assert max(best) == best[-1] or max(best) - best[-1] <= 0.05


def test_children_start_from_their_parent_and_only_a_reset_does_not():
    strategy = LargeScaleEvolution(TOY.space, Seeds(1), Fidelity(1), population=6)
    asked = drive(strategy, TOY.answer, 150)
    by_id = {candidate.id: candidate for candidate in asked}
    for candidate in asked:
        if candidate.operator in ("init", "reset-weights"):
            assert candidate.inherits == ()
        else:
            (training,) = candidate.inherits
            assert candidate.parents == (by_id[training].genome.key,)
    assert {candidate.operator for candidate in asked} == {"init", *MUTATIONS}
    assert {candidate.rate for candidate in asked} != {1.0}
    assert set(strategy.heirlooms()) <= set(by_id)
    assert len(strategy.heirlooms()) == len(strategy.view()["population"])
