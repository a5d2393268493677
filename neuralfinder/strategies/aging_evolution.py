"""Aging evolution: the oldest dies, whatever its worth.

Real, Aggarwal, Huang & Le, "Regularized evolution for image classifier architecture search", AAAI 2019, algorithm 1:
a queue of P models; S of them are drawn, the best of these is mutated, the child joins the queue, the oldest leaves it.
Here the first P are the space's founders, so that strategies on one space begin alike, a mutation is one step of
`variation.vary`, and a draw from the space takes the place of a founder that failed, or of a child after P failures.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from neuralfinder.networks.chains import of_networks
from neuralfinder.networks.expectation import Expectation
from neuralfinder.networks.genome import Genome
from neuralfinder.networks.space import Space
from neuralfinder.networks.variation import vary
from neuralfinder.seeds import Seeds
from neuralfinder.strategies.base import Proposal, Strategy, led_by
from neuralfinder.types import Allowed, Fidelity, Range, Result


class AgingEvolution(Strategy):
    """A queue in which the best of a few drawn is mutated and the oldest dies.

    Args:
        space: what is legal.
        seeds: the run's seeds.
        fidelity: how much training every candidate gets.
        population: P, length of the queue, 1 or more.
        sample: S, how many are drawn with replacement, 1 or more.
        expectation: what experience of other tasks lets one expect of networks: it chooses half of the founders;
            `None` for none.
        ancestors: legal genomes that are the first founders of all.
    """

    ranges: ClassVar[Mapping[str, Allowed]] = {"population": Range(1), "sample": Range(1)}

    def __init__(
        self,
        space: Space,
        seeds: Seeds,
        fidelity: Fidelity,
        *,
        population: int = 20,
        sample: int = 5,
        expectation: Expectation | None = None,
        ancestors: Sequence[Genome] = (),
    ) -> None:
        super().__init__(space, seeds, fidelity)
        self.check(population=population, sample=sample)
        self.sample = sample
        self._rng = seeds.stream("aging-evolution")
        if expectation is None:
            founders = space.founders(population, self._rng)
        else:
            founders = expectation.founders(of_networks(space, "aging-evolution"), population, self._rng)
        self._founders = deque(led_by(ancestors, founders))
        self._queue: deque[tuple[Genome, float]] = deque(maxlen=population)
        self._failed_in_a_row = 0

    def view(self) -> dict[str, Any]:
        """The `population`, oldest first, as genome keys and worths."""
        return {"population": [(genome.key, worth) for genome, worth in self._queue]}

    def living(self) -> set[str]:
        """The queue."""
        return {genome.key for genome, _ in self._queue}

    def _propose(self, n: int) -> list[Proposal]:
        full = len(self._queue) == self._queue.maxlen
        stuck = self._failed_in_a_row >= len(self._queue)
        if not self._founders and not self.pending and (stuck or not full):
            self._founders.append(self.space.sample(self._rng))
        founders = [Proposal(self._founders.popleft(), "init") for _ in range(min(n, len(self._founders)))]
        return founders or [self._child() for _ in range(n if full else 0)]

    def _child(self) -> Proposal:
        drawn = [self._queue[int(place)] for place in self._rng.integers(len(self._queue), size=self.sample)]
        parent, _ = max(drawn, key=lambda life: life[1])
        operator, child = vary(parent, self.space, self._rng)
        return Proposal(child, operator, (parent.key,))

    def _learn(self, proposal: Proposal, result: Result) -> None:
        """What failed does not join."""
        self._failed_in_a_row = 0 if result.failure is None else self._failed_in_a_row + 1
        if result.failure is None:
            self._queue.append((proposal.genome, result.worth))
