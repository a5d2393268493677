"""Tabu search: walk on from the best of some neighbours, even downhill, and never back to where one has been.

Glover, "Tabu search - part I", ORSA Journal on Computing 1(3), 1989.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import ClassVar

from neuralfinder.networks.genome import Genome
from neuralfinder.networks.space import Space
from neuralfinder.networks.variation import vary
from neuralfinder.seeds import Seeds
from neuralfinder.strategies import Strategy
from neuralfinder.strategies.base import Proposal
from neuralfinder.types import Allowed, Fidelity, Range, Result


class TabuSearch(Strategy):
    """Walks from network to network and remembers where it was.

    Args:
        space: what is legal.
        seeds: the run's seeds.
        fidelity: how much training every candidate gets.
        neighbours: networks one step away of which the best is where it goes, 1 or more.
        tenure: networks to which it does not go again, 1 or more: the last ones where it was.
    """

    ranges: ClassVar[Mapping[str, Allowed]] = {"neighbours": Range(1), "tenure": Range(1)}

    def __init__(
        self, space: Space, seeds: Seeds, fidelity: Fidelity, *, neighbours: int = 4, tenure: int = 20
    ) -> None:
        super().__init__(space, seeds, fidelity)
        self.check(neighbours=neighbours, tenure=tenure)
        self.neighbours = neighbours
        self._rng = seeds.stream("tabu-search")
        self._tabu: deque[str] = deque(maxlen=tenure)
        self._here: Genome | None = None
        self._queue: list[Proposal] = []
        self._out = 0
        self._scored: list[tuple[float, Genome]] = []

    def _propose(self, n: int) -> list[Proposal]:
        if not self._queue and not self._out:
            self._step()
        proposals, self._queue = self._queue[:n], self._queue[n:]
        self._out += len(proposals)
        return proposals

    def _learn(self, proposal: Proposal, result: Result) -> None:
        self._out -= 1
        self._scored.append((result.worth, proposal.genome))

    def _step(self) -> None:
        """Go to the best of the neighbours, and propose those of the new place."""
        if self._scored:
            # the key decides between equal scores: results may come in any order
            _, self._here = max(self._scored, key=lambda pair: (pair[0], pair[1].key))
            self._tabu.append(self._here.key)
            self._scored = []
        if self._here is None:
            self._queue = [Proposal(self.space.sample(self._rng), "init")]
            return
        steps = {}
        for _ in range(10 * self.neighbours):
            operator, genome = vary(self._here, self.space, self._rng)
            genome = self.space.canonical(genome)
            if genome.key not in self._tabu and len(steps) < self.neighbours:
                steps[genome.key] = Proposal(genome, operator, (self._here.key,))
        self._queue = list(steps.values()) or [Proposal(self.space.sample(self._rng), "restart")]
