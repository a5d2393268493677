"""Contracts, golden files and the 2017 evolution step by step.

The golden files pin the first 20 proposals of every strategy. After a change that is meant to alter proposals::

    PYTHONPATH=. python tests/strategies/test_strategies.py
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from neuralfinder.errors import CallOrderError, InputError
from neuralfinder.job.factories import make_strategy
from neuralfinder.job.settings import Settings
from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.expectation import Expectation
from neuralfinder.networks.experience import Experience
from neuralfinder.networks.genome import PoolHead, parse
from neuralfinder.networks.portfolio import small_network
from neuralfinder.search.events import candidate_row
from neuralfinder.seeds import Seeds
from neuralfinder.strategies import STRATEGIES, AgingEvolution, ArtificialLife, Random, Strategy
from neuralfinder.strategies.base import Proposal
from neuralfinder.testing import TOY, StrategyContract, drive, solve
from neuralfinder.types import Fidelity, Result, Shape

GOLDEN = Path(__file__).parent.parent / "golden"

# Settings for the toy task: small enough that 20 proposals go beyond the founders.
SETTINGS: dict[str, dict[str, Any]] = {
    "aging-evolution": {"population": 8, "sample": 3},
    "artificial-life": {"size": 4, "rounds": 1000},
    "hill-climbing": {},
    "large-scale-evolution": {"population": 5},
    "local-search": {},
    "metaqnn": {"candidates": 100},
    "nas-rl": {"candidates": 100, "batch": 4},
    "random": {},
}

CHAINS = dataclasses.replace(TOY.space, filters=(16, 24, 32, 48, 64, 96, 128), founders_are="chain")
"""The toy task's space with founders that are hardly ever the same."""


def make(name: str, seed: int, **settings: Any) -> Strategy:
    return STRATEGIES[name](TOY.space, Seeds(seed), Fidelity(1), **{**SETTINGS[name], **settings})


@functools.cache
def expected() -> Expectation:
    """What the package's experience lets one expect on the toy task."""
    found = Experience.shipped().expectation(1000, TOY.space.shape, TOY.space.classes, lambda _: 200)
    assert found is not None
    return found


@pytest.mark.thorough
class TestArtificialLifeWithExperience(StrategyContract):
    def make(self, seed: int) -> Strategy:
        return make("artificial-life", seed, children=2, foresight=5, expectation=expected())


class TestAgingEvolutionWithExperience(StrategyContract):
    def make(self, seed: int) -> Strategy:
        return make("aging-evolution", seed, expectation=expected())


@pytest.mark.parametrize("name", ["artificial-life", "aging-evolution"])
def test_experience_chooses_half_of_the_first_founders(name):
    count = {"artificial-life": 16, "aging-evolution": 8}[name]
    strategy = STRATEGIES[name](CHAINS, Seeds(0), Fidelity(1), **SETTINGS[name], expectation=expected())
    asked = [candidate.genome for candidate in strategy.ask(count)]
    found = expected().mean(asked)
    assert asked[0] == small_network(CHAINS)
    assert found[1 : count // 2].mean() > found[count // 2 :].mean()


class TestArtificialLife(StrategyContract):
    def make(self, seed: int) -> Strategy:
        return make("artificial-life", seed)


class TestArtificialLifeWithEverySettingChanged(StrategyContract):
    def make(self, seed: int) -> Strategy:
        return ArtificialLife(
            TOY.space,
            Seeds(seed),
            Fidelity(1),
            size=6,
            rounds=1000,
            window=5,
            boundary="clip",
            r=0.1,
            r_end=0.0,
            measure="error",
            repair="drop",
            reevaluate=2,
            mutation_points=2,
            resample_pool=True,
            only_if_worse=True,
        )


class TestAgingEvolution(StrategyContract):
    def make(self, seed: int) -> Strategy:
        return AgingEvolution(CHAINS, Seeds(seed), Fidelity(1), population=8, sample=3)


class TestRandom(StrategyContract):
    def make(self, seed: int) -> Strategy:
        return make("random", seed)


class TestLocalSearch(StrategyContract):
    def make(self, seed: int) -> Strategy:
        return make("local-search", seed)


class TestLocalSearchForTheBest(StrategyContract):
    def make(self, seed: int) -> Strategy:
        return make("local-search", seed, improvement="best")


class TestHillClimbing(StrategyContract):
    def make(self, seed: int) -> Strategy:
        return make("hill-climbing", seed)


class TestLargeScaleEvolution(StrategyContract):
    def make(self, seed: int) -> Strategy:
        return make("large-scale-evolution", seed)


@pytest.mark.thorough
class TestMetaQNN(StrategyContract):
    def make(self, seed: int) -> Strategy:
        return make("metaqnn", seed, replay=10)


@pytest.mark.thorough
class TestNasRl(StrategyContract):
    def make(self, seed: int) -> Strategy:
        return make("nas-rl", seed, candidates=1000, batch=25)


def test_every_strategy_has_a_contract_and_a_golden_file():
    suites = [suite for suite in StrategyContract.__subclasses__() if suite.__name__.startswith("Test")]
    contracted = {type(suite().make(0)) for suite in suites}
    assert contracted == set(STRATEGIES.values())
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(STRATEGIES)
    assert set(SETTINGS) == set(STRATEGIES)


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_is_built_with_required_arguments_only(name):
    strategy = STRATEGIES[name](ChainSpace(Shape(3, 32, 32), 10), Seeds(0), Fidelity(1))
    assert strategy.ask(1)[0].fidelity == Fidelity(1)


# Golden files


def first_proposals(name: str) -> list[dict[str, Any]]:
    return [candidate_row(candidate) for candidate in drive(make(name, 0), TOY.answer, 20, batch=3)]


@pytest.mark.parametrize("name", STRATEGIES)
def test_first_proposals_equal_the_golden_file(name):
    assert first_proposals(name) == json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))


@given(st.floats(1e-6, 1.0), st.integers(2, 8), st.integers(0, 99))
@settings(max_examples=5)
@pytest.mark.thorough
@pytest.mark.parametrize("name", STRATEGIES)
def test_accuracies_on_rungs_are_never_mixed_with_scores(name, size, every, seed):
    """Whatever they are: with smaller ones in the same order a strategy proposes the same."""
    high, low = (drive(make(name, seed), TOY.stopping(each, every), 40, batch=3) for each in (1.0, size))
    assert high == low


def test_artificial_life_beats_random_at_equal_budget():
    """Mann-Whitney over seeds 0-9, 200 trained candidates each, one-sided p < 0.01."""
    lives = [solve(make("artificial-life", seed, size=5), TOY, 200) for seed in range(10)]
    draws = [solve(make("random", seed), TOY, 200) for seed in range(10)]
    assert {len(curve) for curve in lives + draws} == {200}
    assert mannwhitneyu([c[-1] for c in lives], [c[-1] for c in draws], alternative="greater").pvalue < 0.01


def test_a_small_world_finds_the_known_optimum():
    """Mostly: a world that has become uniform mutates no more, which is the 2017 algorithm's nature."""
    found = 0
    for seed in range(10):
        strategy = make("artificial-life", seed, size=5)
        curve = solve(strategy, TOY, 400)
        best = max(life["score"] for row in strategy.view()["world"] for life in row)
        assert best == curve[-1], "the best genome did not stay in the world"
        found += best == 1
    assert found >= 5


def test_more_workers_do_not_change_the_evolution():
    """Births of one step are independent: asking for them one by one or together gives the same candidates."""
    one, many = make("artificial-life", 0), make("artificial-life", 0)
    assert drive(one, TOY.answer, 60, batch=1) == drive(many, TOY.answer, 60, batch=7)
    assert one.view() == many.view()


def test_asking_for_nothing_is_refused():
    with pytest.raises(InputError, match=r"n is 0; expected a number at least 1; change it"):
        make("random", 0).ask(0)


def test_an_unknown_result_lists_what_is_pending():
    strategy = make("random", 0)
    strategy.ask(2)
    with pytest.raises(CallOrderError, match=r"result 7 is for no pending candidate; expected one of \[0, 1\]; tell"):
        strategy.tell([Result(7, 0.5)])
    with pytest.raises(CallOrderError, match=r"expected one of none"):
        strategy.tell([Result(0, 0.5), Result(1, 0.5), Result(1, 0.5)])


def test_an_exhausted_space_ends_with_a_note():
    """One filter count, no pools, at most 12 layers: 12 networks are all there are."""
    space = ChainSpace(Shape(1, 1, 1), 2, filters=(16,))
    strategy = Random(space, Seeds(0), Fidelity(1))
    asked = drive(strategy, TOY.answer, 50, batch=4)
    assert sorted(len(candidate.genome) for candidate in asked) == list(range(1, 13))
    assert strategy.notes[-1]["kind"] == "exhausted"


@pytest.mark.parametrize(
    ("later", "allowed"),
    [
        ("C32 C16 M M", False),  # a few activations more than what failed
        ("C16 C16 M C16 M", True),  # fewer of both
        ("C16 M M C128 C256", True),  # more parameters than what failed, yet as many have fitted; smaller maps
        ("C16 M M M C512 C256", True),  # more parameters than anything that has fitted: they are no suspect
        ("C16 C16 C16 M M", False),  # the maps that failed, pooled once more
    ],
)
def test_memory_limits_are_learned_per_measure(later, allowed):
    """A wide map fails although it has few parameters: what is to blame are its activations."""
    check_memory(["C16 M M C256 C128", "C16 M M M"], "C16 C16 C16 M", later, allowed)


@pytest.mark.parametrize(
    ("later", "allowed"),
    [
        ("C16 M C16", False),  # equal parameters, smaller maps
        ("C16 M C32", False),
        ("C16", True),
    ],
)
def test_as_large_as_what_failed_is_too_large(later, allowed):
    """Nothing has fitted, so both measures are suspects; strictly less is asked."""
    check_memory([], "C16 C16 M", later, allowed)


def test_a_measure_in_which_as_much_has_fitted_is_no_suspect():
    """What failed has the parameters of what fitted, and larger maps; more parameters on smaller maps stay legal."""
    check_memory(["C16 M C16"], "C16 C16 M", "C16 M C32", allowed=True)


def check_memory(fits: list[str], fails: str, later: str, allowed: bool) -> None:
    class Script(Random):
        lines = iter([*fits, fails, later])

        def _propose(self, n: int) -> list[Proposal]:
            return [Proposal(parse(f"{line} > G"), "script") for line in islice(self.lines, n)]

    strategy = Script(ChainSpace(Shape(3, 32, 32), 10, head=PoolHead()), Seeds(0), Fidelity(1))
    fit = strategy.ask(len(fits)) if fits else []
    strategy.tell([Result(candidate.id, 0.5) for candidate in fit])
    (failed,) = strategy.ask(1)
    strategy.tell([Result(failed.id, None, "out of memory")])
    asked = strategy.ask(1)
    assert [candidate.genome.key for candidate in asked] == ([f"{later} > G"] if allowed else [])
    assert [note["kind"] for note in strategy.notes] == ([] if allowed else ["infeasible:memory"])


# Aging evolution


def test_the_oldest_dies_however_good_and_the_best_of_the_drawn_is_the_parent():
    strategy = AgingEvolution(CHAINS, Seeds(0), Fidelity(1), population=3, sample=100)
    founders = strategy.ask(3)
    assert [candidate.operator for candidate in founders] == ["init"] * 3
    strategy.tell([Result(c.id, score) for c, score in zip(founders, (0.9, 0.2, 0.1), strict=True)])
    (child,) = strategy.ask(1)
    assert child.parents == (founders[0].genome.key,)
    strategy.tell([Result(child.id, 0.5)])
    assert strategy.living() == {founders[1].genome.key, founders[2].genome.key, child.genome.key}
    (grandchild,) = strategy.ask(1)
    assert grandchild.parents == (child.genome.key,)
    strategy.tell([Result(grandchild.id, None, "diverged")])
    assert grandchild.genome.key not in strategy.living()


def test_where_no_founder_could_be_trained_others_are_drawn():
    strategy = make("aging-evolution", 0, population=2)
    founders = strategy.ask(2)
    assert strategy.ask(1) == []
    strategy.tell([Result(candidate.id, None, "diverged") for candidate in founders])
    (other,) = strategy.ask(1)
    assert (other.operator, other.parents) == ("init", ())


def test_with_a_sample_of_one_parents_are_drawn_uniformly():
    strategy = make("aging-evolution", 0, population=4, sample=1)
    drive(strategy, TOY.answer, 4)
    queue = [key for key, _ in strategy.view()["population"]]
    parents = Counter(candidate.parents[0] for candidate in strategy.ask(400))
    assert parents.keys() == set(queue)
    assert max(parents.values()) < 3 * min(parents.values())


def test_aging_evolution_is_better_than_random_search_on_the_toy_task():
    found = {
        name: [solve(STRATEGIES[name](TOY.space, Seeds(seed), Fidelity(1)), TOY, 150)[-1] for seed in range(10)]
        for name in ("aging-evolution", "random")
    }
    assert np.mean(found["aging-evolution"]) > np.mean(found["random"]) + 0.1


def test_a_setting_of_another_strategy_is_refused():
    with pytest.raises(InputError, match="setting window is used with strategy random"):
        make_strategy(Settings(strategy="random", options={"window": 5}), TOY.space, Fidelity(1), 3, 3)
    options = {"population": 7, "inherit": True, "max_macs": 10**9}
    strategy = make_strategy(Settings(strategy="aging-evolution", options=options), TOY.space, Fidelity(1), 3, 3)
    strategy.ask(50)
    assert strategy.counts["requested"] == 7


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for strategy_name in STRATEGIES:
        lines = ",\n ".join(json.dumps(proposal) for proposal in first_proposals(strategy_name))
        (GOLDEN / f"{strategy_name}.json").write_text(f"[{lines}]\n", "utf-8")
