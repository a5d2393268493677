"""Local search: from a random network to a better one beside it, and a new start where there is none.

White, Nolen & Savani, "Exploring the loss landscape in neural architecture search", UAI 2021, algorithm 1. There all
neighbours are scored and the best is gone to; going to the first better one needs fewer trainings.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar

from neuralfinder.networks.genome import Genome
from neuralfinder.networks.space import Space
from neuralfinder.networks.variation import one_change
from neuralfinder.seeds import Seeds
from neuralfinder.strategies.base import Proposal, Strategy
from neuralfinder.types import Allowed, Fidelity, Result


class LocalSearch(Strategy):
    """Climbs among networks that differ in one gene.

    Args:
        space: what is legal.
        seeds: the run's seeds.
        fidelity: how much training every candidate gets.
        improvement: `first` goes to a better neighbour at once, `best` to the best one when all are scored.
    """

    ranges: ClassVar[Mapping[str, Allowed]] = {"improvement": ("first", "best")}

    def __init__(self, space: Space, seeds: Seeds, fidelity: Fidelity, *, improvement: str = "first") -> None:
        super().__init__(space, seeds, fidelity)
        self.check(improvement=improvement)
        self.improvement = improvement
        self._rng = seeds.stream("local-search")
        self._here: Genome | None = None
        self._worth = -1.0
        self._better: tuple[float, Genome] | None = None
        self._near: deque[Genome] = deque()

    def view(self) -> dict[str, Any]:
        """Where it is: `here` and its `worth`, and how many neighbours are `left`."""
        return {"here": self._here and self._here.key, "worth": self._worth, "left": len(self._near)}

    def living(self) -> set[str]:
        """Where it is, and where it would go."""
        return {genome.key for genome in (self._here, self._better and self._better[1]) if genome}

    def _propose(self, n: int) -> list[Proposal]:
        if not self._near and not self.pending:
            if self._better:
                self._go(*self._better)
            else:
                self._here = None
        if self._here is None:
            return [] if self.pending else [Proposal(self.space.sample(self._rng), "start")]
        here = (self._here.key,)
        return [Proposal(self._near.popleft(), "neighbour", here) for _ in range(min(n, len(self._near)))]

    def _learn(self, proposal: Proposal, result: Result) -> None:
        if result.failure is not None:
            return
        if self._here is None or (self.improvement == "first" and result.worth > self._worth):
            self._go(result.worth, proposal.genome)
        elif result.worth > (self._better[0] if self._better else self._worth):
            self._better = (result.worth, proposal.genome)

    def _go(self, worth: float, genome: Genome) -> None:
        self._here, self._worth, self._better = genome, worth, None
        near = one_change(genome, self.space)
        self._near = deque(near[int(place)] for place in self._rng.permutation(len(near)))
