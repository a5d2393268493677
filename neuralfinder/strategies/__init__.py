"""The strategies, by name."""

from __future__ import annotations

from neuralfinder.strategies.aging_evolution import AgingEvolution
from neuralfinder.strategies.artificial_life import ArtificialLife
from neuralfinder.strategies.base import Strategy
from neuralfinder.strategies.random import Random

STRATEGIES: dict[str, type[Strategy]] = {
    "aging-evolution": AgingEvolution,
    "artificial-life": ArtificialLife,
    "random": Random,
}

__all__ = ["STRATEGIES", "AgingEvolution", "ArtificialLife", "Random", "Strategy"]
