"""Random search: every candidate is drawn from the space, whatever came before.

The yardstick of Li & Talwalkar, "Random search and reproducibility for neural architecture search", UAI 2019.
"""

from __future__ import annotations

from neuralfinder.networks.space import Space
from neuralfinder.seeds import Seeds
from neuralfinder.strategies.base import Proposal, Strategy
from neuralfinder.types import Fidelity, Result


class Random(Strategy):
    """Independent draws of `Space.sample`."""

    def __init__(self, space: Space, seeds: Seeds, fidelity: Fidelity) -> None:
        super().__init__(space, seeds, fidelity)
        self._rng = seeds.stream("random")

    def _propose(self, n: int) -> list[Proposal]:
        return [Proposal(self.space.sample(self._rng), "random") for _ in range(n)]

    def _learn(self, proposal: Proposal, result: Result) -> None:
        """Nothing is learned."""
