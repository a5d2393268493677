"""What the world has beyond the text of 2017: off by default, and each addition does what it says."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neuralfinder.errors import InputError
from neuralfinder.job.factories import make_space, make_strategy
from neuralfinder.job.presets import PRESETS
from neuralfinder.job.settings import Settings
from neuralfinder.networks.cost import Rates
from neuralfinder.networks.genome import parse
from neuralfinder.seeds import Seeds
from neuralfinder.strategies import ArtificialLife, Strategy
from neuralfinder.strategies.artificial_life.evolution import BLIND
from neuralfinder.strategies.artificial_life.world import Cell, Life
from neuralfinder.testing import TOY, StrategyContract, drive, solve
from neuralfinder.types import Candidate, Fidelity, Result, Shape

RICH: dict[str, Any] = {
    "r": 0.0, "repair": "drop", "resample_pool": True, "noise": 0.5, "validation": 1000, "reevaluate": 2,
    "selection": 2.0, "mains": 3, "children": 2, "foresight": 8, "explore": 0.2, "renewal": 3, "confirm": True,
}  # fmt: skip
"""Every addition at once."""


CHAINS = dataclasses.replace(TOY.space, filters=(16, 24, 32, 48, 64, 96, 128), founders_are="chain")
"""The toy task's space with founders that are hardly ever the same."""


def rich(seed: int = 0, **settings: Any) -> ArtificialLife:
    return ArtificialLife(TOY.space, Seeds(seed), Fidelity(1), **{"size": 7, "rounds": 1000, **settings})


class TestRicherWorld(StrategyContract):
    def make(self, seed: int) -> Strategy:
        return rich(seed, **RICH)


def test_without_additions_it_is_the_published_world_for_300_asks():
    """The golden file was written by the implementation of the text alone, under a cap of 30 million parameters."""
    settings = Settings(preset="seed-2017", seed=2017, options={"max_parameters": 30_000_000})
    space = make_space(settings, Shape(3, 32, 32), 10, Rates(), math.inf)
    strategy = make_strategy(settings, space, Fidelity(1), 7, 150)
    asks = []
    for _ in range(300):
        candidates = strategy.ask(2)
        asks.append(" ; ".join(f"{candidate.operator} {candidate.genome.key}" for candidate in candidates))
        scores = {c.id: 0.4 + 0.5 * zlib.crc32(c.genome.key.encode()) / 2**32 for c in candidates}
        strategy.tell([Result(id_, score) for id_, score in scores.items()])
    assert asks == json.loads((Path(__file__).parent.parent / "golden" / "asks" / "seed-2017.json").read_text("utf-8"))
    assert strategy.round == 150


def test_every_founder_of_2017_is_trained_on_pictures_of_32x32():
    space = make_space(Settings(preset="seed-2017"), Shape(3, 32, 32), 10, Rates(), math.inf)
    strategy = make_strategy(Settings(preset="seed-2017"), space, Fidelity(1), 7, 150)
    asked = drive(strategy, lambda candidate: Result(candidate.id, 0.1), 18)
    assert {candidate.operator for candidate in asked[:15]} == {"init"}
    assert strategy.counts["infeasible"] == 0
    everyone = {f"C{filters}{pool}" for filters in space.filters for pool in ("", " M")}
    assert {key for key in everyone if space.infeasible(parse(key))} == set()


def rounds(strategy: ArtificialLife, n: int) -> list[dict[str, Any]]:
    """The notes of rounds of the first `n` candidates."""
    notes: list[dict[str, Any]] = []
    for _ in range(n):
        candidates = strategy.ask(1)
        notes += [note for note in strategy.notes if note["kind"] == "round"]
        strategy.tell([TOY.answer(candidate) for candidate in candidates])
    return notes


def test_main_lives_of_one_round_have_windows_apart():
    strategy = rich(mains=4, size=9)
    notes = rounds(strategy, 400)
    by_round = [list(group) for _, group in itertools.groupby(notes, key=lambda note: note["round"])]
    assert len(by_round) > 10
    assert {len(group) for group in by_round[:-1]} == {4}
    for group in by_round:
        windows = [{note["main"], *strategy.world.neighbours(note["main"])} for note in group]
        assert all(a.isdisjoint(b) for a, b in itertools.combinations(windows, 2))


@pytest.mark.parametrize(
    ("size", "window", "most"), [(3, 3, 1), (5, 3, 1), (7, 3, 4), (9, 3, 9), (10, 5, 4), (11, 3, 9)]
)
@pytest.mark.parametrize("boundary", ["torus", "clip"])
def test_all_main_lives_that_are_promised_always_fit(size, window, most, boundary):
    strategy = rich(mains=most, size=size, window=window, boundary=boundary)
    world = strategy.world
    for place, cell in enumerate(world.cells):
        world[cell] = Life(parse(f"C{place + 1}"), 0.001 * place, 0, "init")
    chosen = Counter[Cell]()
    for _ in range(300):
        mains = strategy._choose_mains()
        windows = [{main, *world.neighbours(main)} for main in mains]
        assert len(mains) == most
        assert all(a.isdisjoint(b) for a, b in itertools.combinations(windows, 2))
        chosen.update(mains)
    assert len(chosen) > 0.8 * len(world.cells)  # none is left out


def test_more_main_lives_than_fit_are_refused():
    with pytest.raises(
        InputError, match="mains is 5; expected at most 4 in a world of 7 x 7 cells with windows of 3 x 3"
    ):
        rich(mains=5, size=7)


def test_main_lives_are_chosen_by_rank():
    """The best is drawn exp(selection) times as often as the worst, and all alike without."""
    for selection in (0.0, 2.0):
        strategy = rich(selection=selection, size=3)
        for place, cell in enumerate(strategy.world.cells):
            strategy.world[cell] = Life(parse(f"C{place + 1}"), 0.1 * place, 0, "init")
        drawn = Counter(strategy._choose_mains()[0] for _ in range(6000))
        worst, best = drawn[strategy.world.cells[0]], drawn[strategy.world.cells[-1]]
        assert best / worst == pytest.approx(math.exp(selection), rel=0.2)


def test_a_difference_within_the_noise_displaces_nobody():
    """Two scores of 1,000 pictures near 0.9 differ by chance by sqrt(2 * 0.9 * 0.1 / 1000) = 0.0134."""
    strategy = rich(r=0.0, noise=2.0, validation=1000)
    low = Life(parse("C16"), 0.900, 0, "init")
    for score, better in ((0.920, False), (0.930, True)):
        assert strategy._better(Life(parse("C32"), score, 0, "copy"), low) is better


def test_the_spread_of_repeated_trainings_is_noise():
    rng = np.random.default_rng(0)
    strategy = rich(r=0.0, noise=1.0, reevaluate=3)
    drive(strategy, lambda c: Result(c.id, TOY.score(c.genome) / 2 + rng.normal(0, 0.03)), 300)
    # the standard error of a difference of means of three trainings
    assert strategy._standard_error(0.5, 0.5) == pytest.approx(0.03 * math.sqrt(2 / 3), rel=0.1)


def test_stagnant_cells_are_renewed_but_the_best_stays():
    """Scores so that no child is ever better: after each two rounds as main life a newcomer moves in."""
    seen: dict[str, float] = {}

    def falling(candidate: Candidate) -> Result:
        seen[candidate.genome.key] = 0.9 / (1 + len(seen))
        return Result(candidate.id, seen[candidate.genome.key])

    strategy = rich(renewal=2, size=3, foresight=0, children=1)
    asked = drive(strategy, falling, 200)
    first = asked[0].genome.key
    newcomers = [candidate for candidate in asked if candidate.operator == "newcomer" and not candidate.parents]
    assert len(newcomers) > 20
    assert first in strategy.living()
    still = rich(renewal=0, size=3, foresight=0, children=1)
    seen.clear()
    drive(still, falling, 200)
    founders = {candidate.genome.key for candidate in asked if candidate.operator == "init"}
    assert founders <= still.living()
    assert not founders <= strategy.living()


@pytest.mark.slow
def test_founders_after_the_first_are_foreseen():
    """The later half of a world's founders is better than the first; with foresight alone."""

    def gain(**settings: Any) -> float:
        gains = []
        for seed in range(10):
            strategy = ArtificialLife(CHAINS, Seeds(seed), Fidelity(1), size=6, **settings)
            founders = [c for c in drive(strategy, TOY.answer, 36) if c.operator == "init"]
            scores = [TOY.score(c.genome) for c in founders]
            gains.append(np.mean(scores[BLIND:]) - np.mean(scores[:BLIND]))
        return float(np.mean(gains))

    settings = {"children": 2, "repair": "drop"}
    assert gain(**settings, foresight=30) > 0.03 + gain(**settings)


@pytest.mark.slow
def test_a_richer_world_is_better_than_the_published_one():
    """Mean best score on the toy task after 80 candidates, 8 seeds each."""
    life = dict(PRESETS["fast"].life)

    def best(**settings: Any) -> float:
        return float(np.mean([solve(rich(seed, size=4, **settings), TOY, 80)[-1] for seed in range(8)]))

    assert best(**life) > 0.1 + best()


def test_a_new_best_is_scored_again_and_counts_with_the_mean():
    """A life that was lucky once: 0.9 at first, 0.3 the second time."""
    strategy = rich(confirm=True, children=1, size=3)
    founders = strategy.ask(100)
    strategy.tell([Result(c.id, 0.5) for c in founders])
    (lucky,) = strategy.ask(1)
    strategy.tell([Result(lucky.id, 0.9)])
    (again,) = strategy.ask(1)
    assert (again.genome, again.repeat) == (lucky.genome, 1)
    assert again.seed != lucky.seed
    strategy.tell([Result(again.id, 0.3)])
    strategy.ask(1)
    scores = {life.genome.key: life.worth for life in strategy.world.lives()}
    assert scores[lucky.genome.key] == pytest.approx(0.6)


def test_only_what_would_be_the_best_is_scored_again():
    strategy = rich(confirm=True, children=2, size=3)
    asked = drive(strategy, TOY.answer, 200)
    assert {candidate.repeat for candidate in asked} == {0, 1}
    repeated = [candidate for candidate in asked if candidate.repeat]
    scores = [TOY.score(candidate.genome) for candidate in repeated]
    assert scores == sorted(scores)  # each is a new best of the world
    assert len(set(scores)) == len(scores) < 20
    founders = [TOY.score(candidate.genome) for candidate in asked if candidate.operator == "init"]
    assert scores[0] > max(founders)
    assert scores[-1] == max(TOY.score(candidate.genome) for candidate in asked)


def test_diversity_is_measured():
    strategy = rich(size=3)
    assert strategy.view()["diversity"] == {"distinct": 0.0, "distance": 0.0}
    genomes = ["C16", "C16", "C32", "C16 M", "C64 C32 M", "C16", "C16", "C16", "C16"]
    for place, (cell, text) in enumerate(zip(strategy.world.cells, genomes, strict=True)):
        strategy.world[cell] = Life(parse(text), 1 - 0.1 * place, 0, "init")
    assert strategy.view()["diversity"] == pytest.approx({"distinct": 4 / 9, "distance": (1 + 1 + 3) / 9})


def test_expectations_are_recorded_beside_the_candidates():
    """Predicted against real: a note for each birth that foresight chose, with its genome."""
    strategy = rich(children=2, foresight=10)
    notes: list[dict[str, Any]] = []
    scored: dict[str, float] = {}
    for _ in range(150):
        candidates = strategy.ask(1)
        notes += [note for note in strategy.notes if note["kind"] == "foresight"]
        scored |= {candidate.genome.key: TOY.score(candidate.genome) for candidate in candidates}
        strategy.tell([TOY.answer(candidate) for candidate in candidates])
    assert len(notes) > 50
    pairs = [(note["mean"], scored[note["genome"]]) for note in notes if note["genome"] in scored]
    assert len(pairs) > 0.9 * len(notes)
    assert np.corrcoef(*zip(*pairs, strict=True))[0, 1] > 0.3


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"foresight": 10}, "children"),
        ({"mains": 0}, "mains"),
        ({"selection": -1.0}, "selection"),
        ({"explore": 1.5, "children": 1}, "explore"),
        ({"renewal": -1}, "renewal"),
        ({"noise": -0.1}, "noise"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], match: str):
    with pytest.raises(InputError, match=match):
        rich(**settings)
