"""The claims of 2017: pairs cost the same, intervals cover what they should, effects are found where they are."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections import Counter
from functools import cache
from pathlib import Path

import claims_digits
import claims_structure
import claims_world
import numpy as np
import pytest
from claims_structure import (
    Beside,
    Estimate,
    Net,
    as_accurate,
    beside,
    deeper,
    longest,
    macro_nets,
    regular,
    shortcuts,
    whole,
)
from claims_world import CHAINS, Chains, Grid, LayerByLayer, Run, Runs, Simulations, epsilon, strategy_of, watched

from neuralfinder.networks.genome import Choice, Genome, parse
from neuralfinder.networks.tabular import Row, Table
from neuralfinder.seeds import Seeds
from neuralfinder.types import Candidate, Fidelity

# intervals


def test_an_interval_is_students():
    """Differences -2, -3 and -4: mean -3, standard deviation 1, t with 2 degrees of freedom 4.3027."""
    found = Estimate.of([-2, -3, -4])
    assert (found.mean, found.n, found.told) == (-3, 3, True)
    assert found.half == pytest.approx(4.3027 / math.sqrt(3), rel=1e-4)
    assert not Estimate.of([-1, 2, 3]).told
    assert math.isnan(Estimate.of([1]).half)
    assert not Estimate.of([1]).told


def test_what_is_nearly_the_same_counts_once():
    again = Estimate.of([1, 1, 1, 1, 2, 3], "aaaabc")
    assert again == Estimate.of([1, 2, 3])


def test_nineteen_of_twenty_intervals_cover_the_truth():
    rng = np.random.default_rng(0)
    missed = [Estimate.of(rng.normal(0, 1, 6)).told for _ in range(400)]
    assert 0.02 < np.mean(missed) < 0.09


# pairs


def net(accuracy: float, macs: float, parameters: float = 1.0, **other) -> Net:
    return Net(accuracy, (accuracy,), (macs, parameters), **{"depth": 4, "regular": False, **other})


def test_pairs_cost_the_same_and_are_of_one_kind():
    one = net(92, 100, regular=True, kind="a")
    others = [
        one,
        net(90, 104, kind="a"),
        net(91, 96, kind="a"),
        net(10, 106, kind="a"),
        net(10, 94, kind="a"),
        net(10, 100, 1.2, kind="a"),
        net(10, 100, kind="b"),
        net(10, 100, kind="a", depth=9),
    ]
    (pair,) = beside([one], others, (0.05, 0.1), lambda _, other: other.depth < 9, fewest=1)
    assert [other.accuracy for other in pair.others] == [90, 91]
    assert pair.gap == pytest.approx(1.5)
    assert beside([one], others, (0.05, 0.1), lambda _, other: other.depth < 9, fewest=3) == []


def test_the_best_of_many_is_not_best_by_luck():
    """Chosen by the first training, compared by the others: equal networks differ by nothing on average."""
    rng = np.random.default_rng(1)

    def lucky(is_regular: bool) -> Net:
        seen = tuple(rng.normal(92, 1, 3))
        return Net(float(np.mean(seen)), seen, (1.0, 1.0), 4, is_regular)

    pairs = [beside([lucky(True)], [lucky(False) for _ in range(40)], (0.1, 0.1))[0] for _ in range(200)]
    assert not Estimate.of(pair.best_other for pair in pairs).told
    assert np.mean([max(o.accuracy for o in pair.others) - pair.one.accuracy for pair in pairs]) > 1


@cache
def of_three_blocks() -> list[tuple[Genome, list[int]]]:
    genomes = Table("made", 3, 8, {}, (2, 3, 3)).genomes()
    return [(genome, [gene.value for gene in genome.genes if isinstance(gene, Choice)]) for genome in genomes]


def macro(effect: float, seed: int, depth_effect: float = 0.0) -> Table:
    """A made table of three blocks: accuracy grows with cost, by `effect` for blocks that are alike, and has noise."""
    rng, rows = np.random.default_rng(seed), {}
    for genome, values in of_three_blocks():
        macs = 10 + sum((0, 3, 7)[value] for value in values) + rng.uniform(0, 0.5)
        blocks = [tuple(v for v in values[a:b] if v) for a, b in ((0, 2), (2, 5), (5, 8))]
        truth = 80 + 3 * math.log(macs) + effect * claims_structure.alike(blocks, (2, 3, 3))
        truth += depth_effect * sum(value > 0 for value in values)
        seen = truth + rng.normal(0, 0.2, 3)
        rows[genome.key] = Row(tuple(seen / 100), float(seen.mean() / 100), int(1e4 * macs), int(1e6 * macs))
    return Table("made", 3, 8, rows, (2, 3, 3))


@pytest.mark.thorough
def test_what_regular_blocks_bring_is_found_and_only_that():
    def gap(effect: float, seed: int) -> Estimate:
        nets = macro_nets(macro(effect, seed))
        pairs = beside([n for n in nets if n.regular], [n for n in nets if not n.regular], claims_structure.NEAR)
        return Estimate.of(pair.gap for pair in pairs)

    better, worse = gap(1.0, 0), gap(-1.0, 1)
    assert better.told
    assert better.mean == pytest.approx(1, abs=better.half + 0.05)
    assert worse.told
    assert worse.mean < 0
    assert sum(gap(0.0, seed).told for seed in range(4)) <= 1


@pytest.mark.thorough
def test_what_depth_brings_is_found_and_only_that():
    def pairs(effect: float, seed: int) -> list[Beside]:
        nets = macro_nets(macro(0.0, seed, effect))
        return beside(nets, nets, (0.01, 0.1), lambda one, other: other.depth > one.depth)

    def gap(found: list[Beside]) -> Estimate:
        return Estimate.of((-pair.gap for pair in found), (pair.one.group for pair in found))

    found = pairs(0.5, 0)
    layers = [np.mean([other.depth for other in pair.others]) - pair.one.depth for pair in found]
    more = Estimate.of(layers, (pair.one.group for pair in found)).mean
    assert gap(found).told
    assert gap(found).mean == pytest.approx(0.5 * more, abs=0.2)
    assert sum(gap(pairs(0.0, seed)).told for seed in range(4)) <= 1


def test_as_accurate_are_those_within_a_tenth_of_a_point():
    nets = [net(92.0, 9, regular=True), net(92.09, 1), net(91.92, 1), net(92.0, 1), net(92.2, 1)]
    (pair,) = as_accurate(nets)
    assert [other.accuracy for other in pair.others] == [92.09, 91.92, 92.0]


@pytest.mark.parametrize(
    ("blocks", "are"),
    [
        ([(1, 2), (1, 2, 2), (1, 2, 2)], True),
        ([(1,), (1,), (1,)], True),
        ([(1, 2), (1, 2), (1, 2)], True),
        ([(1,), (1, 2), (1, 2)], False),
        ([(1, 1), (1, 1), (2, 2)], False),
        ([(1, 2), (1, 2, 2), (1, 2)], False),
    ],
)
def test_blocks_are_alike_as_far_as_there_is_room(blocks, are):
    assert claims_structure.alike(blocks, (2, 3, 3)) is are


@pytest.mark.parametrize(
    ("key", "is_regular"),
    [
        ("C8 C8 M C16 C16 > G", True),
        ("C8.bn C8.bn C16.bn.s2 C16.bn > G", True),
        ("C8 C8 M C16 > G", False),
        ("C8 C9 M C16 C16 > G", False),
        ("C8 C8 C8 > G", None),
        ("C8 M C16 > G", None),
    ],
)
def test_regular_chains(key, is_regular):
    assert regular(parse(key)) is is_regular


# cells: operations are none, skip, 1x1, 3x3, pool


@pytest.mark.parametrize(
    ("cell", "depth", "is_whole"),
    [
        ((3, 0, 3, 0, 0, 3), 3, True),
        ((3, 1, 3, 3, 0, 3), 3, True),
        ((0, 0, 0, 3, 0, 0), 1, True),
        ((3, 0, 0, 3, 0, 0), 1, False),  # leads nowhere
        ((0, 0, 3, 3, 0, 0), 1, False),  # comes from nowhere
        ((1, 0, 4, 0, 0, 2), 1, True),
        ((0, 0, 0, 0, 0, 0), None, False),
        ((3, 0, 3, 0, 0, 0), None, False),
    ],
)
def test_depth_of_cells(cell, depth, is_whole):
    assert longest(cell) == depth
    assert whole(cell) is is_whole


@pytest.mark.thorough
def test_skips_past_convolutions_are_found_and_no_others():
    rng = np.random.default_rng(0)
    every = list(itertools.product(range(5), repeat=6))
    worth = {
        cell: 50 + 3 * sum(op in (2, 3) for op in cell) + 2 * (cell[3] == 1) + rng.normal(0, 0.1) for cell in every
    }
    found = list(shortcuts(worth))
    straight = [one for one in found if one.operations == (0, 0, 0, 3, 3, 3)]
    assert {one.passed for one in straight} == {2, 3}
    assert sorted(round(one.gain) for one in straight) == [0, 0, 2]
    assert len({(one.operations, one.gain) for one in found}) == len(found)
    for one in found:
        assert 1 <= one.passed <= one.depth <= 3
    nothing = Estimate.of((one.gain for one in found if round(one.gain) == 0), None)
    assert abs(nothing.mean) < 0.02


@pytest.mark.thorough
def test_deeper_arrangements_of_the_same_operations():
    every = list(itertools.product(range(5), repeat=6))
    by_depth = {cell: 10.0 * (longest(cell) or 0) + sum(cell) for cell in every}
    found = deeper(by_depth)
    assert set(found) == {(0, 1), (1, 2), (1, 3), (2, 3)} - {(0, 1)}
    assert all(gain == pytest.approx(10 * (high - low)) for (low, high), gains in found.items() for gain in gains)
    by_operations = {cell: float(sum(cell)) for cell in every}
    assert all(gain == pytest.approx(0) for gains in deeper(by_operations).values() for gain in gains)


# digits


@pytest.mark.thorough
def test_trainings_beside_each_other_cost_the_same():
    asked = list(claims_digits.asked())
    assert len(set(asked)) == len(asked)

    def cost(one):
        return claims_digits.SPACE.cost(parse(one.genome))

    for one in asked:
        if one.claim == "depth":
            assert cost(one).macs == pytest.approx(claims_digits.MACS, rel=0.03)
            assert parse(one.genome).convolutions == one.unit
            assert (".add" in one.genome, ".bn" in one.genome) == (one.skips, one.norm)
    twins = [one for one in asked if one.claim == "irregular"]
    for one, other in zip(twins[::2], twins[1::2], strict=True):
        assert (one.unit, one.seed, one.regular, other.regular) == (other.unit, other.seed, True, False)
        assert regular(parse(one.genome)) is True
        assert regular(parse(other.genome)) is False
        assert parse(one.genome).convolutions == parse(other.genome).convolutions
        assert one.genome.count("M") == other.genome.count("M")
        assert cost(other).macs == pytest.approx(cost(one).macs, rel=claims_digits.MACS_NEAR)
        assert cost(other).parameters == pytest.approx(cost(one).parameters, rel=claims_digits.PARAMETERS_NEAR)


def test_what_is_trained_is_not_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    some = [claims_digits.Asked("depth", 2, True, True, False, f"C{n}.bn M C{n}.bn > G", 0) for n in (4, 5, 6)]
    made = []

    def quick(one, prepared):
        made.append(one)
        return None if one == some[1] else 1000

    monkeypatch.setattr(claims_digits, "asked", lambda: iter(some))
    monkeypatch.setattr(claims_digits, "right", quick)
    monkeypatch.setattr(claims_digits, "_prepared", lambda: None)
    claims_digits.train(tmp_path / "rows")
    whole_file = (tmp_path / "rows").read_text().splitlines()
    (tmp_path / "rows").write_text("\n".join(whole_file[:2]) + "\n")
    claims_digits.train(tmp_path / "rows")
    assert made == [*some, some[2]]
    assert list(claims_digits.read(tmp_path / "rows").values()) == [1000 / 1030, 0.1, 1000 / 1030]


# the world


def small(spread: float) -> Table:
    """One training of each network, without noise: 0.9 and up to `spread` more. Some genomes make the same network."""
    rows = {
        genome.key: Row((accuracy,), accuracy)
        for genome in Table("", 3, 5, {}, (2, 3)).genomes()
        for accuracy in [0.9 + spread * sum(gene.value for gene in genome.genes if isinstance(gene, Choice)) / 10]
    }
    return Table("small", 3, 5, rows, (2, 3))


def of_world(name: str, table: Table, seed: int = 0) -> Run:
    return watched(strategy_of(name, table, Seeds(seed), 100), table, table.best)


def test_a_rule_of_two_percent_freezes_what_lies_closer_together():
    close, far = small(0.017), small(0.09)
    frozen = of_world("as published", close)
    assert frozen.changed.sum() == 0
    assert frozen.refused.sum() > 20
    assert max(of_world("as published", close, seed).lost for seed in range(5)) > 0  # the best was trained, and refused
    free = of_world("r = 0", close)
    assert free.changed.sum() > 20
    assert free.refused.sum() == 0
    assert free.lost == 0
    assert free.regrets[-1] == 0
    assert of_world("as published", far).changed.sum() > 5
    assert of_world("r falls to 0", close).changed[:5].sum() == 0
    assert of_world("r falls to 0", close).changed.sum() > 5


@pytest.mark.parametrize("name", ["r = 0", "dealt out anew", "the whole world", "r = 0, dealt out anew"])
def test_what_is_seen_of_the_world_is_what_it_is(name):
    table = small(0.05)
    strategy = strategy_of(name, table, Seeds(3), 100)
    grid, rounds = Grid(table), 0
    while candidates := strategy.ask(1):
        rounds += len(list(grid.follow(strategy.notes)))
        results = [table.answer(candidate) for candidate in candidates]
        strategy.tell(results)
        grid.scores |= {c.genome.key: r.worth for c, r in zip(candidates, results, strict=True)}
    rounds += len(list(grid.follow(strategy.notes)))
    assert rounds == claims_world.ROUNDS
    assert grid.keys == {cell: table.canonical(strategy.world[cell].genome).key for cell in strategy.world.cells}


def test_dealing_out_anew_moves_lives_and_changes_none():
    table = small(0.0)  # nobody is better: nothing else happens
    strategy = strategy_of("dealt out anew", table, Seeds(0), 100)
    places = []
    grid = Grid(table)
    while candidates := strategy.ask(1):
        list(grid.follow(strategy.notes))
        strategy.tell([table.answer(candidate) for candidate in candidates])
        if len(grid.keys) == 49:
            places.append(dict(grid.keys))
    assert places[0] != places[-1]
    assert Counter(places[0].values()) == Counter(places[-1].values())


def test_epsilon_falls_as_in_the_paper():
    assert [epsilon(n / 2700) for n in (0, 1499, 1500, 1600, 2549, 2550, 2700, 9999)] == [
        1.0, 1.0, 0.9, 0.8, 0.2, 0.1, 0.1, 0.1,
    ]  # fmt: skip


def test_the_agent_learns_which_operations_are_good():
    table = small(0.09)
    agent = LayerByLayer(table, Seeds(0), Fidelity(1), 100)
    asked: list[Candidate] = []
    while len(asked) < 100:
        (candidate,) = agent.ask(1)
        agent.tell([table.answer(candidate)])
        asked.append(candidate)
    worth = [table.rows[candidate.genome.key].judged for candidate in asked]
    assert np.mean(worth[-30:]) > np.mean(worth[:50]) + 0.01


def test_cells_without_skips_keep_what_they_are_worth():
    rows = {
        genome.key: Row(
            (0.5,), sum((i + 1) * g.value for i, g in enumerate(genome.genes) if isinstance(g, Choice)) / 99
        )
        for genome in Table("", 5, 2, {}).genomes()
    }
    fewer = claims_world.without_skips(Table("t", 5, 2, rows))
    assert (fewer.choices, len(fewer.rows)) == (4, 16)
    assert fewer.rows[Genome((Choice(1), Choice(3))).key] == rows[Genome((Choice(2), Choice(4))).key]
    assert fewer.rows[Genome((Choice(0), Choice(0))).key] == rows[Genome((Choice(0), Choice(0))).key]


def test_the_published_best_is_the_best_of_the_made_up_chains():
    best = claims_world.PUBLISHED_BEST
    assert CHAINS.infeasible(best) is None
    assert CHAINS.accuracy(best) == pytest.approx(0.927)
    nearly = parse(best.key.replace("C32 ", "C64 "))
    assert 0.9 < CHAINS.accuracy(nearly) < 0.927
    assert 0.6 < CHAINS.accuracy(parse("C128 > F512")) < 0.7
    assert isinstance(CHAINS, Chains)
    scores = [CHAINS.answer(Candidate(0, best, "", (), seed, Fidelity(1))).score for seed in range(200)]
    assert np.std(scores) == pytest.approx(claims_world.NOISE, rel=0.2)
    assert scores[0] == CHAINS.answer(Candidate(9, best, "", (), 0, Fidelity(1))).score


def test_searches_that_are_done_stay_where_they_were():
    one = Run(np.array([3.0, 1.0]), np.array([90.0]), 1.0, *(np.zeros(2),) * 3, 0.0)
    other = dataclasses.replace(one, regrets=np.array([4.0, 2.0, 0.5]), top=np.arange(20.0))
    runs = Runs.of([one, other])
    assert runs.trainings.tolist() == [2, 3]
    assert [runs.regret(after).tolist() for after in (1, 3, 99)] == [[3, 4], [1, 0.5], [1, 0.5]]
    assert np.isnan(runs.top[0, 1:]).all()
    assert runs.top[1].tolist() == list(range(20))


def test_kept_searches_are_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = []

    def quick(folder, name, method, seed, most):
        made.append((method, seed, most))
        trained = 5 + seed if method == "as published" else most
        return Run(np.arange(trained, 0, -1.0), np.ones(3), 1.0, *(np.zeros(4),) * 3, 0.0)

    monkeypatch.setattr(claims_world, "run", quick)
    simulations = Simulations(tmp_path, tmp_path / "kept", 2)
    first = simulations.runs("macro", "random")
    assert first.trainings.tolist() == [5, 6]  # as many as the world had, seed by seed
    assert len(made) == 4
    again = simulations.runs("macro", "random")
    assert len(made) == 4
    np.testing.assert_array_equal(first.regrets, again.regrets)
    assert dataclasses.replace(simulations, seeds=3).runs("macro", "random").trainings.tolist() == [5, 6, 7]
