"""The contract of strategies notices what it is for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.genome import Genome
from neuralfinder.seeds import Seeds
from neuralfinder.strategies import AgingEvolution, Random, Strategy
from neuralfinder.strategies.base import Proposal
from neuralfinder.testing import TOY, StrategyContract
from neuralfinder.types import Candidate, Fidelity, Result


class Seedless(Random):
    def __init__(self, space: ChainSpace, seeds: Seeds, fidelity: Fidelity) -> None:
        super().__init__(space, seeds, fidelity)
        self._rng = np.random.default_rng(0)


class Hashing(Random):
    def _propose(self, n: int) -> list[Proposal]:
        return [max(super(Hashing, self)._propose(9), key=lambda p: hash(p.genome.key)) for _ in range(n)]


class Greedy(Random):
    def ask(self, n: int) -> list[Candidate]:
        return super().ask(n + 1)


class Deaf(Random):
    def tell(self, results: Sequence[Result]) -> None:
        super().tell([result for result in results if result.id in self._pending])


class Nervous(Random):
    def _learn(self, proposal: Proposal, result: Result) -> None:
        if result.score is None:
            self._propose = lambda n: []


class Unteachable(Random):
    def _beyond_memory(self, genome: Genome) -> str | None:
        return None


class Mixing(AgingEvolution):
    def _learn(self, proposal: Proposal, result: Result) -> None:
        self._queue.append((proposal.genome, result.rungs[-1] if result.stopped else result.worth))


class Secretive(Random):
    def view(self) -> dict[str, Any]:
        return {"rng": self._rng}


@pytest.mark.parametrize(
    ("strategy", "test", "match"),
    [
        (Seedless, "test_another_seed_gives_other_proposals", "two seeds gave the same genomes"),
        (Greedy, "test_ask_keeps_to_its_number_and_counts_ids", r"ask\(1\) returned 2"),
        (Deaf, "test_a_result_out_of_place_is_refused", "which is not pending, was accepted"),
        (Nervous, "test_failures_do_not_stop_it", "4 candidates, then nothing; expected 40"),
        (Unteachable, "test_memory_is_learned_from_failures", "parameters asked; .* did not fit"),
        (Mixing, "test_what_was_stopped_early_counts_by_its_rank_alone", "was taken for a score"),
        (Secretive, "test_what_is_shown_and_noted_is_plain", "not JSON serializable"),
    ],
)
def test_the_contract_fails_a_bad_strategy(strategy, test, match):
    suite = StrategyContract()
    suite.make = lambda seed: strategy(TOY.space, Seeds(seed), Fidelity(1))
    with pytest.raises((AssertionError, TypeError), match=match):
        getattr(suite, test)()


class HashingContract(StrategyContract):
    def make(self, seed: int) -> Strategy:
        return Hashing(TOY.space, Seeds(seed), Fidelity(1))


def test_the_contract_notices_the_order_of_hashes():
    with pytest.raises(AssertionError, match="a process with another PYTHONHASHSEED gave other proposals"):
        HashingContract().test_a_fresh_process_gives_the_same_proposals()
