"""The strategies, by name."""

from __future__ import annotations

from neuralfinder.strategies.artificial_life import ArtificialLife
from neuralfinder.strategies.base import Strategy
from neuralfinder.strategies.random import Random

STRATEGIES: dict[str, type[Strategy]] = {
    "artificial-life": ArtificialLife,
    "random": Random,
}

__all__ = ["STRATEGIES", "ArtificialLife", "Random", "Strategy"]
