"""Artificial life: the rounds of the 2017 text, case by case, and what its settings change."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from neuralfinder.errors import InputError
from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.genome import Genome, parse
from neuralfinder.networks.variation import cross, distance
from neuralfinder.seeds import Seeds
from neuralfinder.strategies import ArtificialLife
from neuralfinder.strategies.artificial_life.evolution import better
from neuralfinder.testing import TOY, drive
from neuralfinder.types import Candidate, Fidelity, Result, Shape

CHAINS = dataclasses.replace(TOY.space, filters=(16, 24, 32, 48, 64, 96, 128), founders_are="chain")
"""The toy task's space with founders that are hardly ever the same."""


@pytest.mark.parametrize(
    ("x", "y", "wins"),
    [
        (0.8253, 0.8252, False),  # the text's own example
        (0.927, 0.908, True),  # 2.09 %
        (0.927, 0.909, False),  # 1.98 %
        (0.908, 0.927, False),
        (0.5, 0.5, False),
        (0.001, 0.0, True),
        (0.0, 0.0, False),
        (1.0, 1.0, False),
    ],
)
def test_better_by_accuracy(x, y, wins):
    assert better(x, y, 0.02) is wins


@pytest.mark.parametrize(
    ("x", "y", "r", "wins"),
    [
        (0.92, 0.9, 0.19, True),  # error 0.10 -> 0.08: a fifth of it
        (0.92, 0.9, 0.21, False),
        (0.8253, 0.8252, 0.02, False),
        (0.9, 0.92, 0.0, False),
        (1.0, 0.999, 0.5, True),
        (1.0, 1.0, 0.0, False),
    ],
)
def test_better_by_error(x, y, r, wins):
    assert better(x, y, r, "error") is wins


def test_better_with_r_zero_is_greater():
    assert better(0.5000001, 0.5, 0.0)
    assert not better(0.5, 0.5, 0.0)


def test_a_gain_of_exactly_r_is_not_enough():
    """Numbers that binary fractions hold exactly."""
    assert not better(0.75, 0.5, 0.5)
    assert not better(0.75, 0.5, 0.5, "error")
    assert better(0.75, 0.5, 0.499)


# Section 2.2.3, step by step. On a 3x3 torus all cells are neighbours, so the eight others are the neighbourhood.

DOUBLES = [f"C{f} C{f}" for f in (16, 32, 64, 96, 128, 192, 224, 256, 512)]
"""Founders whose children of round 1 are never founders themselves."""

SINGLES = [f"C{f}" for f in (16, 32, 64, 96, 128, 192, 224, 256, 512)]


class Settled(ChainSpace):
    """A space whose worlds begin with given lives, row by row."""

    lives: Sequence[str] = ()

    def founders(self, n: int, rng: np.random.Generator) -> list[Genome]:
        return [parse(text) for text in self.lives]


@dataclass
class Scene:
    """A 3x3 world after its founders were scored, in its first rounds; `asked` are the births of the last ask."""

    strategy: ArtificialLife
    asked: list[Candidate]

    @property
    def keys(self) -> list[str]:
        return [candidate.genome.key for candidate in self.asked]

    @property
    def rounds(self) -> list[dict[str, Any]]:
        return [note for note in self.strategy.notes if note["kind"] == "round"]

    def cells(self) -> dict[tuple[int, int], tuple[str, float]]:
        world = self.strategy.world
        return {cell: (world[cell].genome.key, world[cell].worth) for cell in world.cells}

    def tell(self, score: Callable[[Candidate], float | None]) -> None:
        """Score the births and ask for the next."""
        failures = {None: "diverged"}
        self.strategy.tell([Result(c.id, s, failures.get(s)) for c in self.asked for s in [score(c)]])
        self.asked = self.strategy.ask(100)


def begin(founders: Sequence[str], seed: int = 0, side: int = 64, **settings: Any) -> ArtificialLife:
    """A 3x3 world that begins with these lives, on pictures of `side`, without caps on size, good for one round."""
    space = type("Space", (Settled,), {"lives": founders})(
        Shape(3, side, side), 10, max_parameters=10**12, max_macs=10**15
    )
    return ArtificialLife(space, Seeds(seed), Fidelity(1), **{"size": 3, "rounds": 1, **settings})


def settle(
    founders: Sequence[str], scores: Sequence[float | None], seed: int = 0, side: int = 64, **settings: Any
) -> Scene:
    """Score distinct founders and enter round 1."""
    strategy = begin(founders, seed, side, **settings)
    scene = Scene(strategy, strategy.ask(1000))
    given = dict(zip(founders, scores, strict=True))
    scene.tell(lambda candidate: given[candidate.genome.key])
    return scene


def actors(founders: Sequence[str], seed: int) -> tuple[int, int]:
    """Numbers of the cells of s1 and s2 in round 1: the founders' scores play no part in the draw."""
    scene = settle(founders, [0.5] * 9, seed)
    crossed = next(candidate for candidate in scene.asked if candidate.operator == "cross")
    return founders.index(crossed.parents[0]), founders.index(crossed.parents[1])


CELLS = [(row, column) for row in range(3) for column in range(3)]
MAIN, AUX = actors(DOUBLES, 0)


def scores_with(main: float, aux: float, others: Sequence[float]) -> list[float]:
    """Founders' scores: given ones for s1 and s2, the rest in order."""
    rest = iter(others)
    return [main if i == MAIN else aux if i == AUX else next(rest) for i in range(9)]


def other_cells() -> list[tuple[int, int]]:
    return [CELLS[i] for i in range(9) if i not in (MAIN, AUX)]


def test_main_and_auxiliary_differ_and_every_pair_occurs():
    pairs = {actors(DOUBLES, seed) for seed in range(400)}
    assert all(main != aux for main, aux in pairs)
    assert len(pairs) > 0.95 * 72


def test_children_of_a_round_are_a_self_copy_and_the_splices():
    scene = settle(DOUBLES, [0.5] * 9)
    a, b = DOUBLES[MAIN], DOUBLES[AUX]
    a1, b1 = a.split()[0], b.split()[0]
    assert (scene.asked[0].operator, scene.asked[0].genome.key) == ("copy", f"{a} {a}")
    assert scene.asked[0].parents == (a,)
    assert {candidate.operator for candidate in scene.asked[1:]} == {"cross"}
    assert {candidate.parents for candidate in scene.asked[1:]} == {(a, b)}
    by_cut = {  # (i, j): A1+B2, A1+B1, B1+A1, B1+A2; (2, 0) leaves the last empty
        (1, 0): [f"{a1} {b}", a1, a1],
        (1, 1): [f"{a1} {b1}", f"{b1} {a1}"],
        (2, 1): [f"{a} {b1}", f"{b1} {a}", b1],
    }
    assert sorted(set(scene.keys[1:])) in [sorted(set(keys)) for keys in by_cut.values()]


def test_case_a_equal_within_r_changes_nothing():
    scene = settle(DOUBLES, scores_with(0.5, 0.5, [0.5] * 7))
    before = scene.cells()
    scene.tell(lambda candidate: 0.5 * 1.0199)
    assert scene.cells() == before
    assert scene.asked == []
    (note,) = scene.rounds
    assert (note["round"], note["outcome"], note["changed"]) == (1, "kept", [])
    assert (note["main"], note["auxiliary"]) == (CELLS[MAIN], CELLS[AUX])


def test_case_b_better_than_s1_but_not_than_s2():
    """s1 0.3, s2 0.7, the child 0.71 is within r of s2; L1 and L2 are the two worst others."""
    others = [0.6, 0.2, 0.9, 0.5, 0.1, 0.8, 0.4]
    scene = settle(DOUBLES, scores_with(0.3, 0.7, others))
    before, copy = scene.cells(), scene.asked[0]
    scene.tell(lambda candidate: 0.71 if candidate == copy else 0.05)
    best = copy.genome
    assert {candidate.operator for candidate in scene.asked} == {"mutate"}
    assert {candidate.parents for candidate in scene.asked} == {(best.key,)}
    assert all(distance(candidate.genome, best) == 1 for candidate in scene.asked)
    assert len(scene.asked) == 2
    first, second = scene.keys
    scene.tell(lambda candidate: 0.011 if candidate.genome.key == first else 0.012)
    cells = other_cells()
    worst, next_worst = cells[others.index(0.1)], cells[others.index(0.2)]
    expected = {
        **before,
        CELLS[MAIN]: (best.key, 0.71),
        worst: (first, 0.011),
        next_worst: (second, 0.012),
    }
    assert scene.cells() == expected
    (note,) = scene.rounds
    assert note["outcome"] == "displaced"
    assert note["best"] == best.key
    assert note["changed"] == [
        {"cell": CELLS[MAIN], "genome": best.key},
        {"cell": worst, "genome": first},
        {"cell": next_worst, "genome": second},
    ]


def test_case_c_better_than_both():
    others = [0.6, 0.2, 0.9, 0.5, 0.1, 0.8, 0.4]
    scene = settle(DOUBLES, scores_with(0.3, 0.7, others))
    before, copy = scene.cells(), scene.asked[0]
    scene.tell(lambda candidate: 0.75 if candidate == copy else 0.05)
    first, second = scene.keys
    scene.tell(lambda candidate: 0.5)
    cells = other_cells()
    assert scene.cells() == {
        **before,
        CELLS[MAIN]: (copy.genome.key, 0.75),
        CELLS[AUX]: (copy.genome.key, 0.75),
        cells[others.index(0.1)]: (first, 0.5),
        cells[others.index(0.2)]: (second, 0.5),
    }
    assert [change["cell"] for change in scene.rounds[0]["changed"]][:2] == [CELLS[MAIN], CELLS[AUX]]


def test_s1_and_s2_are_never_l1_or_l2():
    """s2 is by far the worst life and is not displaced as such; in case b it would even survive."""
    scene = settle(DOUBLES, scores_with(0.3, 0.01, [0.9] * 7), r=0.5)
    copy = scene.asked[0]
    scene.tell(lambda candidate: 0.5 if candidate == copy else 0.0)
    scene.tell(lambda candidate: 0.99)
    cells = scene.cells()
    assert cells[CELLS[MAIN]] == cells[CELLS[AUX]] == (copy.genome.key, 0.5)
    assert sorted(cells[cell][1] for cell in other_cells()) == [0.9] * 5 + [0.99] * 2


def test_worst_lives_are_replaced_even_by_worse_mutants():
    """A-17 as written: unconditional."""
    scene = settle(DOUBLES, scores_with(0.3, 0.9, [0.9] * 7))
    scene.tell(lambda candidate: 0.35 if candidate.operator == "copy" else 0.0)
    assert len(scene.asked) == 2
    scene.tell(lambda candidate: 0.0)
    assert sorted(score for _, score in scene.cells().values()) == [0.0] * 2 + [0.35] + [0.9] * 6


def test_only_if_worse_spares_what_the_child_does_not_beat():
    scene = settle(DOUBLES, scores_with(0.3, 0.9, [0.9] * 7), only_if_worse=True)
    before, copy = scene.cells(), scene.asked[0]
    scene.tell(lambda candidate: 0.35 if candidate == copy else 0.0)
    assert scene.asked == []
    assert scene.cells() == {**before, CELLS[MAIN]: (copy.genome.key, 0.35)}

    others = [0.9, 0.2, 0.9, 0.9, 0.345, 0.9, 0.9]
    scene = settle(DOUBLES, scores_with(0.3, 0.9, others), only_if_worse=True)
    copy = scene.asked[0]
    scene.tell(lambda candidate: 0.35 if candidate == copy else 0.0)
    (mutant,) = scene.keys
    scene.tell(lambda candidate: 0.7)
    assert scene.cells()[other_cells()[1]] == (mutant, 0.7)
    assert scene.cells()[other_cells()[4]][1] == 0.345


def test_ties_among_the_worst_are_broken_at_random():
    """Every place of the neighbourhood is chosen now and then, not always the first two."""
    places: set[int] = set()
    for seed in range(60):
        scene = settle(DOUBLES, [0.3] * 9, seed)
        scene.tell(lambda candidate: 0.9)
        scene.tell(lambda candidate: 0.8)
        note = scene.rounds[0]
        chosen = [change["cell"] for change in note["changed"]][2:]
        assert not {*chosen} & {note["main"], note["auxiliary"]}
        places.update(scene.strategy.world.neighbours(note["main"]).index(cell) for cell in chosen)
    assert places == set(range(8))


def test_l1_and_l2_lie_in_the_window():
    """On a 5x5 world the worst life of all is out of reach of most rounds."""
    founders = [f"C{f}" for f in range(1, 26)]
    for seed in range(20):
        strategy = begin(founders, seed, size=5)
        scene = Scene(strategy, strategy.ask(100))
        scene.tell(lambda candidate: 0.001 * candidate.genome.genes[0].filters)
        scores = {cell: strategy.world[cell].worth for cell in strategy.world.cells}
        scene.tell(lambda candidate: 0.9)
        scene.tell(lambda candidate: 0.8)
        note = scene.rounds[0]
        near = [cell for cell in strategy.world.neighbours(note["main"]) if cell != note["auxiliary"]]
        worst = sorted(near, key=scores.__getitem__)[:2]
        assert [change["cell"] for change in note["changed"]] == [note["main"], note["auxiliary"], *worst]


def test_ties_of_children_go_to_fewer_macs():
    scene = settle(DOUBLES, [0.5] * 9)
    children = {candidate.genome.key: candidate.genome for candidate in scene.asked}
    scene.tell(lambda candidate: 0.9)
    best = scene.strategy.world[CELLS[MAIN]].genome.key
    macs = {key: scene.strategy.space.cost(genome).macs for key, genome in children.items()}
    cheapest = [key for key, needs in macs.items() if needs == min(macs.values())]
    assert best == cheapest[0]
    assert best != next(iter(macs)), "the cheapest was also the first: choose another seed"


def test_a_known_child_is_not_trained_again():
    """A-8: of two single genes, the children are aa, a, ab, ba and b; a and b live already."""
    main, aux = actors(SINGLES, 0)
    a, b = SINGLES[main], SINGLES[aux]
    scene = settle(SINGLES, [0.5] * 9)
    assert scene.keys == [f"{a} {a}", f"{a} {b}", f"{b} {a}"]
    assert [note["genome"] for note in scene.strategy.notes if note["kind"] == "cached"] == [a, b]
    assert scene.strategy.counts["cached"] == 2


def test_crossover_is_told_what_is_known(monkeypatch):
    """Cuts that give nothing new are drawn again, see `cross`."""
    seen: list[set[str]] = []

    def spy(a, b, space, rng, known):
        seen.append(set(known))
        return cross(a, b, space, rng, known)

    monkeypatch.setattr("neuralfinder.strategies.artificial_life.evolution.cross", spy)
    scene = settle(DOUBLES, [0.5] * 9, rounds=2)
    children = scene.keys
    scene.tell(lambda candidate: 0.1)
    assert seen == [set(DOUBLES), {*DOUBLES, *children}]


def test_a_known_child_competes_with_its_score():
    """s2 is a child of itself and s1; when it is the best child, s1 becomes a copy of it (case b)."""
    main, aux = actors(SINGLES, 0)
    scores = [0.5] * 9
    scores[aux] = 0.8
    scene = settle(SINGLES, scores)
    scene.tell(lambda candidate: 0.1)
    assert scene.cells()[CELLS[main]] == scene.cells()[CELLS[aux]] == (SINGLES[aux], 0.8)
    # Mutants of a single gene are single genes, all of which live already.
    assert scene.asked == []
    assert scene.rounds[0]["changed"][0]["cell"] == CELLS[main]
    assert len(scene.rounds[0]["changed"]) == 3


def test_duplicate_founders_share_one_training():
    founders = ["C16"] * 5 + ["C16 M"] * 4
    strategy = begin(founders, rounds=0)
    asked = strategy.ask(100)
    assert [candidate.genome.key for candidate in asked] == ["C16", "C16 M"]
    assert strategy.counts == {"requested": 9, "trained": 0, "failed": 0, "cached": 7, "infeasible": 0}
    strategy.tell([Result(1, 0.75), Result(0, 0.25)])
    assert strategy.ask(100) == []
    shown = [(life["genome"], life["score"], life["origin"]) for row in strategy.view()["world"] for life in row]
    assert shown == [("C16", 0.25, "init")] * 5 + [("C16 M", 0.75, "init")] * 4


def test_a_mutation_that_hits_a_pool_is_a_copy_without_training():
    """A-19. The best child has convolutions and pools, so that some seed gives one real mutant and one copy."""
    founders = [f"{single} M" for single in SINGLES]
    kinds = set()
    for seed in range(12):
        scene = settle(founders, [0.5] * 9, seed)
        copy = scene.asked[0]
        scene.tell(lambda candidate, copy=copy: 0.9 if candidate == copy else 0.1)
        kept = [n for n in scene.strategy.notes if n["kind"] == "cached" and n["operator"] == "mutate"]
        copies = sum(note["genome"] == copy.genome.key for note in kept)
        kinds.add(copies)
        trained = len(scene.asked)
        scene.tell(lambda candidate: 0.2)
        lives = [life for life in scene.cells().values() if life[0] == copy.genome.key]
        assert lives == [(copy.genome.key, 0.9)] * (2 + copies)
        assert copies + trained <= 2
    assert kinds == {0, 1, 2}


def test_resampled_mutations_always_change_the_child():
    founders = [f"{single} M" for single in SINGLES]
    for seed in range(12):
        scene = settle(founders, [0.5] * 9, seed, resample_pool=True)
        copy = scene.asked[0]
        scene.tell(lambda candidate, copy=copy: 0.9 if candidate == copy else 0.1)
        assert scene.asked
        assert copy.genome.key not in scene.keys
        assert all(distance(candidate.genome, copy.genome) == 1 for candidate in scene.asked)


def test_two_mutation_points_change_two_genes():
    scene = settle(DOUBLES, [0.5] * 9, mutation_points=2)
    copy = scene.asked[0]
    scene.tell(lambda candidate: 0.9 if candidate == copy else 0.1)
    changed = [
        sum(x != y for x, y in zip(candidate.genome.genes, copy.genome.genes, strict=True)) for candidate in scene.asked
    ]
    assert changed == [2, 2]


def test_reevaluation_averages_and_trains_with_other_seeds():
    strategy = begin(DOUBLES, rounds=0, reevaluate=3)
    asked = strategy.ask(5) + strategy.ask(100)
    assert [(c.genome.key, c.repeat) for c in asked] == [(key, k) for key in DOUBLES for k in range(3)]
    assert len({candidate.seed for candidate in asked}) == 27
    scores: list[float | None] = [0.25, None, 0.5]
    strategy.tell([Result(c.id, scores[c.repeat], None if c.repeat != 1 else "diverged") for c in reversed(asked)])
    assert strategy.ask(1) == []
    assert {life["score"] for row in strategy.view()["world"] for life in row} == {0.375}  # what failed has no score


def test_the_mean_of_repeats_does_not_depend_on_their_order():
    shown = []
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        strategy = begin(["C16"] * 9, rounds=0, reevaluate=3)
        asked = strategy.ask(100)
        strategy.tell([Result(asked[i].id, (0.1, 0.2, 0.3)[i]) for i in order])
        strategy.ask(1)
        shown.append(strategy.view())
    assert shown[0] == shown[1] == shown[2]


def test_infeasible_children_score_nothing_and_are_noted():
    """A-10: at 4x4 only two pools fit; the self copy of C M M has four."""
    founders = [f"{single} M M" for single in SINGLES]
    scene = settle(founders, [0.5] * 9, side=4)
    noted = [note for note in scene.strategy.notes if note["kind"] == "infeasible:pool"]
    assert scene.strategy.counts["infeasible"] == len(noted) >= 1
    assert noted[0]["operator"] == "copy"
    assert noted[0]["genome"].split().count("M") == 4
    assert noted[0]["parents"][0] in founders
    assert all(candidate.genome.pools <= 2 for candidate in scene.asked)
    scene.tell(lambda candidate: 0.4)
    assert {score for _, score in scene.cells().values()} == {0.5}
    assert [note["outcome"] for note in scene.rounds] == ["kept"]


def test_repair_drops_the_surplus_pools_instead():
    founders = [f"{single} M M" for single in SINGLES]
    scene = settle(founders, [0.5] * 9, side=4, repair="drop")
    single = scene.asked[0].parents[0].split()[0]
    assert (scene.asked[0].operator, scene.asked[0].genome.key) == ("copy", f"{single} M M {single}")
    assert scene.strategy.counts["infeasible"] == 0


def test_failed_lives_have_no_score_and_are_displaced_by_anything():
    scores: list[float | None] = list(scores_with(0.5, 0.5, [0.5] * 7))
    scores[MAIN] = None
    scene = settle(DOUBLES, scores)
    assert scene.cells()[CELLS[MAIN]] == (DOUBLES[MAIN], -1.0)
    scene.tell(lambda candidate: 0.001 if candidate.operator == "copy" else None)
    assert scene.cells()[CELLS[MAIN]] == (f"{DOUBLES[MAIN]} {DOUBLES[MAIN]}", 0.001)
    assert scene.strategy.counts["failed"] > 1


@pytest.mark.parametrize(("r_end", "outcomes"), [(None, ["kept"] * 3), (0.0, ["kept", "kept", "displaced"])])
def test_r_falls_linearly_to_its_end(r_end, outcomes):
    """All lives score 0.5, all children 0.525: 5 % better. r is 0.2, 0.1, 0 over three rounds."""
    scene = settle(DOUBLES, [0.5] * 9, rounds=3, r=0.2, r_end=r_end)
    seen = list(scene.rounds)
    while scene.asked:
        scene.tell(lambda candidate: 0.525)
        seen += scene.rounds
    assert [note["outcome"] for note in seen] == outcomes
    assert [note["round"] for note in seen] == [1, 2, 3]


def test_error_measure_compares_what_is_left_to_gain():
    """0.9 -> 0.91 is 1.1 % better in accuracy but takes a tenth of the error away."""
    for measure, outcome in (("accuracy", "kept"), ("error", "displaced")):
        scene = settle(DOUBLES, [0.9] * 9, measure=measure)
        scene.tell(lambda candidate: 0.91)
        if outcome == "displaced":
            scene.tell(lambda candidate: 0.5)
        assert [note["outcome"] for note in scene.rounds] == [outcome]


def test_a_kept_round_counts_and_the_story_ends():
    """A-35: 12 rounds without a displacement are 12 rounds."""
    scene = settle(DOUBLES, [0.5] * 9, rounds=12)
    seen = list(scene.rounds)
    while scene.asked:
        scene.tell(lambda candidate: 0.1)
        seen += scene.rounds
    assert [note["round"] for note in seen] == list(range(1, 13))
    assert {note["outcome"] for note in seen} == {"kept"}
    assert not scene.strategy.pending
    assert scene.strategy.ask(5) == []
    assert scene.strategy.view()["round"] == 12


def test_main_life_is_uniform_over_cells():
    scene = settle(DOUBLES, [0.5] * 9, rounds=900)
    seen = list(scene.rounds)
    while scene.asked:
        scene.tell(lambda candidate: 0.1)
        seen += scene.rounds
    counts = {cell: sum(note["main"] == cell for note in seen) for cell in CELLS}
    assert sum(counts.values()) == 900
    assert max(abs(n - 100) for n in counts.values()) < 4 * 100**0.5


def test_one_gene_everywhere_can_only_be_stacked():
    """Degenerate setting: with one filter count and no pools the evolution is a climb in depth up to the cap."""
    space = type("Space", (Settled,), {"lives": ["C16"] * 9})(Shape(3, 8, 8), 10, filters=(16,))
    strategy = ArtificialLife(space, Seeds(0), Fidelity(1), size=3, rounds=200, r=0.0)
    drive(strategy, lambda candidate: Result(candidate.id, len(candidate.genome) / 100), 100)
    lives = [life for row in strategy.view()["world"] for life in row]
    assert {(life["genome"], life["score"]) for life in lives} == {(" ".join(["C16"] * 20), 0.2)}
    assert strategy.counts["infeasible"] > 0


@pytest.mark.parametrize("children", [0, 2])
def test_a_world_without_a_last_round_ends_when_nothing_new_can_be_born(children):
    """Of at most 20 layers with one filter count there are 20 networks; all are found, and then there is an end."""
    space = ChainSpace(Shape(1, 1, 1), 2, filters=(16,))
    strategy = ArtificialLife(space, Seeds(0), Fidelity(1), size=3, rounds=None, children=children)
    asked = drive(strategy, lambda candidate: Result(candidate.id, len(candidate.genome) / 100), 50)
    assert sorted(len(candidate.genome) for candidate in asked) == list(range(1, 21))
    assert strategy.view()["rounds"] is None


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"rounds": None, "r_end": 0.1}, r"r_end is 0.1 without rounds; expected a number of rounds to reach it in"),
        ({"measure": "loss"}, r"measure is 'loss'; expected accuracy or error; choose one of them"),
        ({"repair": "yes"}, r"repair is 'yes'; expected none or drop; choose one of them"),
        ({"r": -0.1}, r"r is -0.1; expected a number at least 0; change it"),
        ({"r_end": -0.5}, r"r_end is -0.5; expected a number at least 0; change it"),
        ({"rounds": -1}, r"rounds is -1; expected a number at least 0; change it"),
        ({"reevaluate": 0}, r"reevaluate is 0; expected a number at least 1; change it"),
        ({"mutation_points": 0}, r"mutation_points is 0; expected a number at least 1; change it"),
        ({"size": 2}, r"world size is 2; expected a number at least 3; change it"),
    ],
)
def test_impossible_settings_are_refused(settings, match):
    with pytest.raises(InputError, match=match):
        ArtificialLife(TOY.space, Seeds(0), Fidelity(1), **{"size": 4, "rounds": 1000, **settings})


# The base class
