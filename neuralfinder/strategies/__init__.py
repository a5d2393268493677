"""What proposes networks and learns from results.

    base                    what all share: ids, seeds, pending candidates, the cache
    artificial_life         the world of 2017, and what has been added to it: the default
    aging_evolution, hill_climbing, large_scale_evolution, local_search, metaqnn, nas_rl, random
                            one file an algorithm, written from its paper; controller: what nas_rl writes with

A strategy answers `ask` with candidates and takes results by `tell`. It knows a `Space` and nothing of data, training
or time, and has no saved state: the same asks and tells from the same seed make the same strategy. Start with `random`.
"""

from __future__ import annotations

from neuralfinder.plugins import Registry
from neuralfinder.strategies.aging_evolution import AgingEvolution
from neuralfinder.strategies.artificial_life.evolution import ArtificialLife
from neuralfinder.strategies.base import Strategy
from neuralfinder.strategies.hill_climbing import HillClimbing
from neuralfinder.strategies.large_scale_evolution import LargeScaleEvolution
from neuralfinder.strategies.local_search import LocalSearch
from neuralfinder.strategies.metaqnn import MetaQNN
from neuralfinder.strategies.nas_rl import NasRl
from neuralfinder.strategies.random import Random

_OWN: dict[str, type[Strategy]] = {
    "aging-evolution": AgingEvolution,
    "artificial-life": ArtificialLife,
    "hill-climbing": HillClimbing,
    "large-scale-evolution": LargeScaleEvolution,
    "local-search": LocalSearch,
    "metaqnn": MetaQNN,
    "nas-rl": NasRl,
    "random": Random,
}

STRATEGIES = Registry(
    "strategies",
    _OWN,
    lambda found: isinstance(found, type) and issubclass(found, Strategy),
    "a class derived from strategies.Strategy",
)

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
