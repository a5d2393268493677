"""Breeding: children by operators that have paid, of which only the promising are trained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container
from typing import Any, NamedTuple

import numpy as np

from neuralfinder.networks.expectation import Expectation
from neuralfinder.networks.genome import Genome
from neuralfinder.networks.space import Space
from neuralfinder.networks.variation import OPERATORS, cross, replicate
from neuralfinder.strategies.artificial_life.surrogate import MOST, Surrogate


class Birth(NamedTuple):
    """What is to be scored: the operator, the genome, the keys of its parents, and how often it was scored before."""

    operator: str
    genome: Genome
    parents: tuple[str, ...] = ()
    repeat: int = 0


TRIES = 5
"""Draws for each birth wanted; after that there are fewer. Most draws are new and legal; where few are, the space round
these lives is used up, and looking longer would cost every birth of the rest of the search."""

SECOND_STEP = 0.5
"""How often a small step is followed by another: one alone cannot cross a valley, such as a pool that moves when both
its old and its new place are needed on the way."""


class Breeder:
    """Breeds from lives by operators, each drawn as often as it has paid.

    Args:
        space: what is legal.
        rng: the generator.
        possible: how many possible births are looked at for each one that is trained; 0 trains what is drawn.
        optimism: how many standard deviations are added to what is expected of a possible birth: the kappa of the upper
            confidence bound (Srinivas et al. 2010).
        explore: probability that one is taken at random instead, as in epsilon-greedy choice: the surrogate learns
            nothing of what it always thinks little of.
        expectation: what experience of other tasks lets one expect; `None` for none.
        infeasible: why a network is not to be born, `None` for one that may; by default what the space says.

    Attributes:
        tried, paid: births by operator, and those of them that were better than the main life.
        notes: what was expected of the births chosen last: plain values for the record.
    """

    def __init__(
        self,
        space: Space,
        rng: np.random.Generator,
        possible: int,
        optimism: float,
        explore: float,
        expectation: Expectation | None = None,
        infeasible: Callable[[Genome], str | None] | None = None,
    ) -> None:
        self.space, self._rng, self._infeasible = space, rng, infeasible or space.infeasible
        self._possible, self._optimism, self._explore = possible, optimism, explore
        self._surrogate = Surrogate(space, expectation)
        whole = ("cross", "newcomer") if space.fixed_length else ("copy", "cross", "newcomer")
        self.tried: Counter[str] = Counter(dict.fromkeys((*whole, *space.operators), 0))
        self.paid: Counter[str] = Counter(dict.fromkeys(self.tried, 0))
        self.notes: list[dict[str, Any]] = []

    def learn(self, genome: Genome, worth: float) -> None:
        """Take in what a trained network is worth."""
        if self._possible:
            self._surrogate.learn(genome, worth)

    def reward(self, operator: str, paid: bool) -> None:
        """Count a birth of an operator and whether it was better than the main life."""
        self.tried[operator] += 1
        self.paid[operator] += paid

    @property
    def shares(self) -> dict[str, float]:
        """How often each operator is drawn: as often as it is expected to pay, by Laplace's rule of succession."""
        rates = {name: (self.paid[name] + 1) / (self.tried[name] + 2) for name in self.tried}
        return {name: rate / sum(rates.values()) for name, rate in rates.items()}

    def children(self, a: Genome, b: Genome, n: int, known: Container[str]) -> list[Birth]:
        """At most `n` children of main life `a` and auxiliary life `b` that are legal and not `known` keys."""
        shares = self.shares  # of before this round: rewards come when its births are trained
        names, weights = list(shares), list(shares.values())

        def child() -> Birth:
            name = names[int(self._rng.choice(len(names), p=weights))]
            if name == "copy":
                return Birth(name, replicate(a), (a.key,))
            if name == "newcomer":
                return Birth(name, self.space.sample(self._rng))
            if name == "cross":
                crossed = cross(a, b, self.space, self._rng)
                one = crossed[int(self._rng.integers(len(crossed)))] if crossed else a
                return Birth(name, one, (a.key, b.key))
            return Birth(name, self._stepped(OPERATORS[name](a, self.space, self._rng)), (a.key,))

        return self._chosen(child, n, known)

    def mutants(self, genome: Genome, n: int, known: Container[str]) -> list[Birth]:
        """At most `n` legal genomes one or two small steps away that are not `known` keys."""
        return self._chosen(lambda: Birth("mutate", self._stepped(self._step(genome)), (genome.key,)), n, known)

    def newcomers(self, n: int, known: Container[str]) -> list[Birth]:
        """At most `n` founders that are not `known` keys; other draws where the founders are used up."""
        founders = self._chosen(lambda: Birth("newcomer", self.space.newcomer(self._rng)), n, known)
        return founders or self._chosen(lambda: Birth("newcomer", self.space.sample(self._rng)), n, known)

    def _stepped(self, genome: Genome) -> Genome:
        return self._step(genome) if genome.genes and self._rng.random() < SECOND_STEP else genome

    def _step(self, genome: Genome) -> Genome:
        return OPERATORS[str(self._rng.choice(self.space.operators))](genome, self.space, self._rng)

    @property
    def looks(self) -> int:
        """Possible births looked at for each that is trained: fewer once more are known than foresight learns from.

        With the square of the number known, so that all the thinking of a search, however long, takes bounded time;
        evolution has had its time by then.
        """
        if not self._surrogate.ready:
            return 1
        return max(1, round(self._possible * (MOST / max(MOST, self._surrogate.count)) ** 2))

    def _chosen(self, breed: Callable[[], Birth], n: int, known: Container[str]) -> list[Birth]:
        looks = self.looks
        wanted = n * looks
        pool: dict[str, Birth] = {}
        for _ in range(TRIES * wanted):
            birth = breed()
            # mended whatever the setting `repair`: what would die at birth would be drawn for nothing
            genome = self.space.canonical(self.space.mend(birth.genome))
            if genome.key not in known and self._infeasible(genome) is None:
                pool.setdefault(genome.key, birth._replace(genome=genome))
                if len(pool) == wanted:
                    break
        births = list(pool.values())
        return self._promising(births, n) if looks > 1 and births else births

    def _promising(self, births: list[Birth], n: int) -> list[Birth]:
        mean, spread = self._surrogate.predict([birth.genome for birth in births])
        # a stable sort: equal births keep the order of the draws on every machine
        order = [int(place) for place in np.argsort(-(mean + self._optimism * spread), kind="stable")]
        chosen: list[int] = []
        while order and len(chosen) < n:
            place = int(self._rng.integers(len(order))) if self._rng.random() < self._explore else 0
            chosen.append(order.pop(place))
        for place in chosen:
            key = births[place].genome.key
            expected = {"mean": round(float(mean[place]), 3), "spread": round(float(spread[place]), 3)}
            self.notes.append({"kind": "foresight", "genome": key, **expected})
        return [births[place] for place in chosen]
