"""Local search on a task whose neighbours are known."""

from __future__ import annotations

import numpy as np
import pytest

from neuralfinder.errors import InputError
from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.genome import Choice, Genome, parse
from neuralfinder.networks.tabular import Row, Table
from neuralfinder.networks.variation import one_change
from neuralfinder.seeds import Seeds
from neuralfinder.strategies import LocalSearch, Random
from neuralfinder.testing import TOY, drive, solve
from neuralfinder.types import Fidelity, Result, Shape

HILL = Table("hill", 4, 4, {})
"""256 genomes; a test gives the scores."""


def height(candidate):
    return Result(candidate.id, sum(gene.value for gene in candidate.genome.genes) / 12)


def test_neighbours_on_a_table_differ_in_one_place():
    genome = Genome(tuple(map(Choice, (0, 1, 2, 3))))
    near = one_change(genome, HILL)
    assert len(near) == len(set(near)) == 12
    assert all(sum(a != b for a, b in zip(genome.genes, other.genes, strict=True)) == 1 for other in near)


def test_neighbours_of_networks_are_legal_and_one_step_away():
    space = ChainSpace(Shape(1, 8, 8), 10, filters=(16, 32, 64))
    near = {genome.key for genome in one_change(parse("C32 M"), space)}
    assert near == {"C16 M", "C64 M", "C32", "C32 C32 M", "C32 M M"}


@pytest.mark.parametrize("improvement", ["first", "best"])
def test_it_climbs_a_single_hill_and_begins_anew_on_its_top(improvement):
    strategy = LocalSearch(HILL, Seeds(3), Fidelity(1), improvement=improvement)
    asked = drive(strategy, height, 120)
    scores = [height(candidate).score for candidate in asked]
    starts = [place for place, candidate in enumerate(asked) if candidate.operator == "start"]
    assert max(scores) == 1.0
    assert len(starts) > 1
    assert scores.index(1.0) < starts[1] or 1.0 in scores[starts[1] :]


def test_the_best_neighbour_is_gone_to_only_when_all_are_scored():
    strategy = LocalSearch(HILL, Seeds(0), Fidelity(1), improvement="best")
    (start,) = strategy.ask(1)
    strategy.tell([Result(start.id, 0.0)])
    near = strategy.ask(12)
    assert len(near) == 12
    strategy.tell([Result(candidate.id, 0.1 + candidate.id / 100) for candidate in near[:-1]])
    assert strategy.ask(1) == []
    strategy.tell([Result(near[-1].id, 0.0)])
    (then,) = strategy.ask(1)
    assert then.parents == (near[-2].genome.key,)


def test_the_first_better_one_is_gone_to_at_once():
    strategy = LocalSearch(HILL, Seeds(0), Fidelity(1))
    (start,) = strategy.ask(1)
    strategy.tell([Result(start.id, 0.5)])
    first, second = strategy.ask(2)
    strategy.tell([Result(first.id, 0.4)])
    strategy.tell([Result(second.id, 0.6)])
    assert strategy.view()["here"] == second.genome.key


def test_it_beats_random_search_on_the_toy_task():
    ours = [solve(LocalSearch(TOY.space, Seeds(seed), Fidelity(1)), TOY, 80)[-1] for seed in range(10)]
    random = [solve(Random(TOY.space, Seeds(seed), Fidelity(1)), TOY, 80)[-1] for seed in range(10)]
    assert np.mean(ours) > np.mean(random) + 0.1


def test_all_of_a_small_table_is_found_and_then_it_is_done():
    rows = {genome.key: Row((0.5,), 0.5) for genome in Table("small", 2, 3, {}).genomes()}
    table = Table("small", 2, 3, rows)
    assert len(drive(LocalSearch(table, Seeds(0), Fidelity(1)), table.answer, 50)) == 8


def test_another_word_is_refused():
    with pytest.raises(InputError, match=r"improvement is 'worst'; expected first or best"):
        LocalSearch(HILL, Seeds(0), Fidelity(1), improvement="worst")
