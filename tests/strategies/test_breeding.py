"""Foresight and breeding: what is expected is right, what pays is drawn more often, what is born is legal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, spearmanr

from neuralfinder.networks.expectation import Expectation
from neuralfinder.networks.genome import Genome, parse
from neuralfinder.strategies.artificial_life.breeding import Breeder
from neuralfinder.strategies.artificial_life.surrogate import LEAST, Surrogate
from neuralfinder.testing import TOY

SPACE = TOY.space


def draws(n: int, seed: int) -> list[Genome]:
    rng = np.random.default_rng(seed)
    return list({genome.key: genome for _ in range(n) if (genome := SPACE.sample(rng))}.values())


def trained(n: int, seed: int = 0) -> Surrogate:
    surrogate = Surrogate(SPACE)
    for genome in draws(n, seed):
        surrogate.learn(genome, TOY.score(genome))
    return surrogate


def breeder(possible: int = 0, optimism: float = 1.0, explore: float = 0.0, seed: int = 0) -> Breeder:
    return Breeder(SPACE, np.random.default_rng(seed), possible, optimism, explore)


def test_foresight_ranks_networks_it_has_not_seen():
    surrogate, others = trained(60), draws(200, seed=1)
    mean, spread = surrogate.predict(others)
    assert spearmanr(mean, [TOY.score(genome) for genome in others]).statistic > 0.6
    assert spread.shape == mean.shape == (len(others),)


def test_what_is_expected_is_calibrated():
    """Of the real normal scores, 80 to 99 % lie within two expected standard deviations."""
    known = np.sort([TOY.score(genome) for genome in draws(60, seed=0)])
    surrogate, others = trained(60), draws(200, seed=1)
    mean, spread = surrogate.predict(others)
    places = np.clip((np.searchsorted(known, [TOY.score(genome) for genome in others]) + 0.5) / len(known), 0.01, 0.99)
    inside = np.abs(norm.ppf(places) - mean) < 2 * spread
    assert 0.8 < inside.mean() <= 0.99


def test_it_is_surer_of_what_it_has_seen():
    surrogate = trained(60)
    _, seen = surrogate.predict(draws(60, seed=0))
    _, unseen = surrogate.predict(draws(60, seed=5))
    assert seen.mean() < 0.9 * unseen.mean()  # both contain the noise of a training


def test_it_waits_for_the_least_number_of_scores():
    surrogate = Surrogate(SPACE)
    for count, genome in enumerate(draws(50, seed=0)[:LEAST]):
        assert surrogate.ready == (count >= LEAST)
        surrogate.learn(genome, 0.5)
    assert surrogate.ready
    mean, _ = surrogate.predict(draws(5, seed=2))
    assert np.abs(mean).max() < 1e-6  # all alike


def test_one_that_learned_nothing_does_not_stretch_the_scale():
    plain, outlier = trained(40), trained(40)
    outlier.learn(parse("C128 C128 C128 C128 C128"), 0.0)
    others = draws(100, seed=3)
    assert spearmanr(plain.predict(others)[0], outlier.predict(others)[0]).statistic > 0.95


def test_all_operators_are_drawn_alike_until_one_pays():
    operators = breeder()
    assert len(set(operators.shares.values())) == 1
    for _ in range(20):
        operators.reward("cross", True)
        operators.reward("insert", False)
    shares = operators.shares
    assert shares["cross"] == pytest.approx(max(shares.values()))
    assert 0 < shares["insert"] == min(shares.values())
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["cross"] / shares["insert"] == pytest.approx(21 / 1)  # Laplace: 21/22 against 1/22


def test_shares_are_the_frequencies_of_births():
    operators = breeder()
    for _ in range(8):
        operators.reward("move", True)
        operators.reward("newcomer", False)
    a, b = parse("C16 C32 M C64 C128"), parse("C64 M C32 C16")
    names = [birth.operator for _ in range(400) for birth in operators.children(a, b, 1, ())]
    # a copy of a or a move may be illegal or known: compare two that nearly always succeed
    ratio = names.count("newcomer") / names.count("change")
    assert ratio == pytest.approx(operators.shares["newcomer"] / operators.shares["change"], rel=0.5)
    assert set(names) == set(operators.shares)


@pytest.mark.thorough
@given(seed=st.integers(0, 10_000), n=st.integers(1, 6), possible=st.sampled_from([0, 5]))
def test_births_are_legal_new_and_no_more_than_asked(seed: int, n: int, possible: int):
    bred = breeder(possible, explore=0.2, seed=seed)
    genomes = draws(12, seed)
    for genome in genomes:
        bred.learn(genome, TOY.score(genome))
    known = {genome.key for genome in genomes}
    for births in (
        bred.children(genomes[0], genomes[1], n, known),
        bred.mutants(genomes[2], n, known),
        bred.newcomers(n, known),
    ):
        keys = [birth.genome.key for birth in births]
        assert len(keys) <= n
        assert len(set(keys)) == len(keys)
        assert known.isdisjoint(keys)
        assert all(SPACE.infeasible(birth.genome) is None for birth in births)


def test_the_promising_are_chosen_and_what_was_expected_is_noted():
    bred, blind = breeder(possible=40), breeder()
    for genome in draws(60, seed=0):
        bred.learn(genome, TOY.score(genome))
    a, b = parse("C64 C16 M C16 C128"), parse("C16 M C64")
    chosen = [birth.genome for birth in bred.children(a, b, 10, ())]
    drawn = [birth.genome for birth in blind.children(a, b, 10, ())]
    assert np.mean([TOY.score(g) for g in chosen]) > 1.3 * np.mean([TOY.score(g) for g in drawn])
    assert [note["genome"] for note in bred.notes] == [genome.key for genome in chosen]
    means = [note["mean"] + note["spread"] for note in bred.notes]
    assert means == sorted(means, reverse=True)
    assert not blind.notes


def test_exploring_takes_others():
    a, b = parse("C64 C16 M C16 C128"), parse("C16 M C64")

    def keys(explore: float) -> list[str]:
        bred = breeder(possible=40, explore=explore)
        for genome in draws(60, seed=0):
            bred.learn(genome, TOY.score(genome))
        return [birth.genome.key for birth in bred.children(a, b, 10, ())]

    assert len(set(keys(1.0)) & set(keys(0.0))) < 5


class Believed(Expectation):
    """Expects of each genome what a function says."""

    def __init__(self, says: Callable[[Genome], float]) -> None:
        self._says = says

    def mean(self, genomes: Sequence[Genome]) -> np.ndarray:
        return np.array([self._says(genome) for genome in genomes])

    def predict(self, genomes: Sequence[Genome]) -> tuple[np.ndarray, np.ndarray]:
        return self.mean(genomes), np.full(len(genomes), 0.5)


def begun(says: Callable[[Genome], float], n: int) -> Surrogate:
    surrogate = Surrogate(SPACE, Believed(says))
    for genome in draws(n, seed=0):
        surrogate.learn(genome, TOY.score(genome))
    return surrogate


def agreement(surrogate: Surrogate, seed: int = 1) -> float:
    others = draws(200, seed)
    return float(spearmanr(surrogate.predict(others)[0], [TOY.score(genome) for genome in others]).statistic)


def test_experience_ranks_before_there_are_scores():
    surrogate, others = begun(TOY.score, 0), draws(50, seed=1)
    assert surrogate.ready
    assert surrogate.predict(others)[0] == pytest.approx([TOY.score(genome) for genome in others])


@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_experience_that_is_right_helps_while_scores_are_few_whatever_its_scale(scale: float):
    assert agreement(begun(lambda genome: scale * TOY.score(genome), 12)) > agreement(trained(12)) + 0.05


@pytest.mark.parametrize("says", [lambda genome: -TOY.score(genome), lambda _: 1.0], ids=["wrong", "no idea"])
def test_experience_that_is_wrong_is_forgotten(says: Callable[[Genome], float]):
    assert agreement(begun(says, 80)) > agreement(trained(80)) - 0.05


def test_children_are_ranked_by_experience_before_the_first_scores():
    blind = Breeder(SPACE, np.random.default_rng(0), 20, 0.0, 0.0)
    guided = Breeder(SPACE, np.random.default_rng(0), 20, 0.0, 0.0, Believed(TOY.score))
    a, b = draws(2, seed=3)
    drawn, chosen = (
        np.mean([TOY.score(birth.genome) for _ in range(10) for birth in each.children(a, b, 2, set())])
        for each in (blind, guided)
    )
    assert chosen > drawn + 0.05


def test_what_is_not_to_be_born_here_is_not_chosen_either():
    """Foresight would else propose the same large networks, round after round, that do not fit into memory."""
    most = 2 * SPACE.cost(SPACE.smallest()).parameters
    breeder = Breeder(
        SPACE, np.random.default_rng(0), 20, 1.0, 0.0,
        infeasible=lambda genome: None if SPACE.cost(genome).parameters < most else "infeasible:memory",
    )  # fmt: skip
    parent = SPACE.smallest()
    births = [birth for _ in range(20) for birth in breeder.children(parent, parent, 2, ())]
    assert births
    assert all(SPACE.cost(birth.genome).parameters < most for birth in births)
