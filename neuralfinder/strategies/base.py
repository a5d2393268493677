"""What every strategy shares: ids, seeds, pending candidates, the cache, the caps learned from failures.

An algorithm is one file with `_propose` and `_learn`; its state is a function of the seed and of the order of asks
and tells, so replaying a record rebuilds it.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from neuralfinder.errors import CallOrderError, check_allowed, check_range
from neuralfinder.networks.cost import Cost
from neuralfinder.networks.genome import Genome
from neuralfinder.networks.space import Space
from neuralfinder.seeds import Seeds
from neuralfinder.types import OUT_OF_MEMORY, Allowed, Candidate, Fidelity, Result

MOST_SETTLED = 1000
"""An ask gives up after this many proposals in a row that needed no training: the space is used up."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A genome an algorithm wants scored.

    Attributes:
        repeat: counts trainings of the same genome; with it the same genome is another candidate.
        slot: the algorithm's own mark, handed back with the result.
        rate: learning rate as a multiple of the recipe's.
        inherits: trainings, by the id of their result, whose weights it starts from; empty leaves it to the run.
    """

    genome: Genome
    operator: str
    parents: tuple[str, ...] = ()
    repeat: int = 0
    slot: int = 0
    rate: float = 1.0
    inherits: tuple[int, ...] = ()


def led_by(ancestors: Sequence[Genome], founders: Sequence[Genome]) -> list[Genome]:
    """As many founders as there are, the ancestors first; they are the founders themselves where there is none."""
    return [*ancestors, *(founder for founder in founders if founder not in ancestors), *founders][: len(founders)]


class Strategy(ABC):
    """Proposes candidates and learns from results.

    What a strategy takes by keyword beyond these arguments are its settings: `--set NAME=VALUE` and `list settings`
    find them by its signature, what they mean in its docstring, section `Args`, and what they may be in `ranges`. Of
    keywords called `size`, `rounds`, `validation` and `candidates` the plan gives the values.

    Args:
        space: what is legal.
        seeds: the run's seeds; candidates get theirs from them, by genome and repeat.
        fidelity: how much training every candidate gets.

    Attributes:
        learns_from_values: whether it learns from how large scores are, and not only from which of two is larger. Then
            no training is stopped early, for such a one has no score; else a strategy may compare results by `worth`.
        ranges: what settings may be, by name.
        notes: what the last `ask` decided without training, in order: plain values for the record.
        counts: `requested` proposals and how they ended: `trained`, `failed`, `cached`, `infeasible`.
    """

    learns_from_values: ClassVar[bool] = False
    ranges: ClassVar[Mapping[str, Allowed]] = {}

    def __init__(self, space: Space, seeds: Seeds, fidelity: Fidelity) -> None:
        self.space, self.seeds, self.fidelity = space, seeds, fidelity
        self.notes: list[dict[str, Any]] = []
        self.counts: Counter[str] = Counter(requested=0, trained=0, failed=0, cached=0, infeasible=0)
        self._asked = 0
        self._pending: dict[int, Candidate] = {}
        self._waiting: defaultdict[tuple[str, int], list[Proposal]] = defaultdict(list)
        self._known: dict[tuple[str, int], Result] = {}
        self._known_keys: set[str] = set()
        self._fitted = Counter[str]()
        self._too_large: list[Cost] = []

    @classmethod
    def check(cls, **given: Any) -> None:
        """Raise `InputError` unless settings are within `ranges`."""
        for name, value in given.items():
            check_allowed(name, value, cls.ranges[name])

    def ask(self, n: int) -> list[Candidate]:
        """Up to `n` candidates to train now; none means: tell me pending results first, or I am done.

        Raises:
            InputError: `n` is below 1.
        """
        check_range("n", n, 1)
        self.notes = []
        candidates: list[Candidate] = []
        settled = 0
        while len(candidates) < n and settled < MOST_SETTLED:
            proposals = self._propose(n - len(candidates))
            if not proposals:
                break
            for proposal in proposals:
                candidate = self._admit(proposal)
                if candidate is None:
                    settled += 1
                else:
                    candidates.append(candidate)
                    settled = 0
        if settled >= MOST_SETTLED:
            self._note("exhausted", proposals=settled)
        return candidates

    def tell(self, results: Sequence[Result]) -> None:
        """Learn from results, in any order, each pending candidate once.

        Raises:
            CallOrderError: a result for a candidate that is not pending.
        """
        for result in results:
            candidate = self._pending.pop(result.id, None)
            if candidate is None:
                raise CallOrderError(
                    f"result {result.id} is for no pending candidate; expected one of "
                    f"{sorted(self._pending) or 'none'}; tell each asked candidate once"
                )
            self.counts["trained" if result.failure is None else "failed"] += 1
            size = self.space.cost(candidate.genome)
            if result.failure is None:
                self._fitted |= Counter(parameters=size.parameters, activations=size.activations)
            elif result.failure == OUT_OF_MEMORY:
                self._too_large.append(size)
            key = (candidate.genome.key, candidate.repeat)
            self._known[key] = result
            self._known_keys.add(candidate.genome.key)
            for proposal in self._waiting.pop(key):
                self._learn(proposal, result)

    def view(self) -> dict[str, Any]:
        """Plain values for eyes only: what there is to see of the algorithm's state."""
        return {}

    def living(self) -> set[str]:
        """Keys of the genomes that later proposals may have as parents; what no longer lives leaves no weights."""
        return set()

    def heirlooms(self) -> Sequence[int]:
        """Trainings, by the id of their result, from whose weights later proposals may start, in any case."""
        return ()

    @property
    def pending(self) -> bool:
        """Whether candidates are out that have not been told."""
        return bool(self._pending)

    @abstractmethod
    def _propose(self, n: int) -> list[Proposal]:
        """At most `n` proposals; none when results are needed first or the algorithm is done."""

    @abstractmethod
    def _learn(self, proposal: Proposal, result: Result) -> None:
        """Take in the result of a proposal; called once for each, cached and infeasible ones included."""

    def _admit(self, proposal: Proposal) -> Candidate | None:
        """Turn a proposal into a candidate, or settle it without training and return `None`."""
        proposal = dataclasses.replace(proposal, genome=self.space.canonical(proposal.genome))
        self.counts["requested"] += 1
        key = (proposal.genome.key, proposal.repeat)
        if key in self._waiting:
            self.counts["cached"] += 1
            self._note("cached", genome=proposal.genome.key, operator=proposal.operator)
            self._waiting[key].append(proposal)
            return None
        if known := self._known.get(key):
            self.counts["cached"] += 1
            self._note("cached", genome=proposal.genome.key, operator=proposal.operator)
            self._learn(proposal, known)
            return None
        if reason := self.infeasible(proposal.genome):
            self.counts["infeasible"] += 1
            self._note(reason, genome=proposal.genome.key, operator=proposal.operator, parents=proposal.parents)
            self._learn(proposal, Result(-1, None, reason))
            return None
        candidate = Candidate(
            id=self._asked,
            genome=proposal.genome,
            operator=proposal.operator,
            parents=proposal.parents,
            seed=self.seeds.number("candidate", *key),
            fidelity=self.fidelity,
            repeat=proposal.repeat,
            rate=proposal.rate,
            inherits=proposal.inherits,
        )
        self._asked += 1
        self._pending[candidate.id] = candidate
        self._waiting[key].append(proposal)
        return candidate

    def infeasible(self, genome: Genome) -> str | None:
        """Why it is not trained here, if so: the space's reasons, and what trainings told of this machine's memory."""
        return self.space.infeasible(genome) or self._beyond_memory(genome)

    def _beyond_memory(self, genome: Genome) -> str | None:
        """Refuse what is at least as large as something that ran out of memory.

        Parameters and activations are both suspects; a measure in which something as large has fitted is cleared.
        """
        size = self.space.cost(genome)
        for measure in ("parameters", "activations"):
            for cost in self._too_large:
                if self._fitted[measure] < getattr(cost, measure) <= getattr(size, measure):
                    return "infeasible:memory"
        return None

    def _note(self, kind: str, **data: Any) -> None:
        self.notes.append({"kind": kind, **data})
