"""For writers of plug-ins: contract suites, and a toy task.

    contracts   suites of tests that every strategy, space and executor must pass: a subclass supplies `make`
    networks    the same for genes and reference networks
    sources     the same for sources of data
    toy         a task with a known optimum, for strategies without training

A strategy of your own is tested by a few lines::

    class TestMine(StrategyContract):
        def make(self, seed: int) -> Strategy:
            return Mine(TOY.space, Seeds(seed), Fidelity(1))
"""

from neuralfinder.testing.contracts import ExecutorContract, SpaceContract, StrategyContract
from neuralfinder.testing.networks import GeneContract, ReferenceContract
from neuralfinder.testing.sources import SourceContract
from neuralfinder.testing.toy import TOY, Answer, ToyTask, drive, solve

__all__ = [
    "TOY",
    "Answer",
    "ExecutorContract",
    "GeneContract",
    "ReferenceContract",
    "SourceContract",
    "SpaceContract",
    "StrategyContract",
    "ToyTask",
    "drive",
    "solve",
]
