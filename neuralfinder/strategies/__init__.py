"""The strategies, by name."""

from __future__ import annotations

from neuralfinder.strategies.aging_evolution import AgingEvolution
from neuralfinder.strategies.artificial_life.evolution import ArtificialLife
from neuralfinder.strategies.base import Strategy
from neuralfinder.strategies.hill_climbing import HillClimbing
from neuralfinder.strategies.large_scale_evolution import LargeScaleEvolution
from neuralfinder.strategies.local_search import LocalSearch
from neuralfinder.strategies.metaqnn import MetaQNN
from neuralfinder.strategies.nas_rl import NasRl
from neuralfinder.strategies.random import Random

STRATEGIES: dict[str, type[Strategy]] = {
    "aging-evolution": AgingEvolution,
    "artificial-life": ArtificialLife,
    "hill-climbing": HillClimbing,
    "large-scale-evolution": LargeScaleEvolution,
    "local-search": LocalSearch,
    "metaqnn": MetaQNN,
    "nas-rl": NasRl,
    "random": Random,
}

__all__ = [
    "STRATEGIES",
    "AgingEvolution",
    "ArtificialLife",
    "HillClimbing",
    "LargeScaleEvolution",
    "LocalSearch",
    "MetaQNN",
    "NasRl",
    "Random",
    "Strategy",
]
