"""What became of every network that was asked for, those without a score too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from neuralfinder.search.archive import Trainings
from neuralfinder.types import Candidate, Result

COLUMNS = ("parents", "status", "reason", "seconds")
"""Of the leaderboard, beside its own."""

FAILED, STOPPED, TRAINED, RUNNING = "failed", "stopped early", "trained", "in training"


def name_of(candidate: Candidate) -> str:
    """As in the leaderboard, `<operator>-<n>`, n counting candidates from 1."""
    return f"{candidate.operator}-{candidate.id + 1}"


@dataclass(slots=True)
class Fate:
    """Of one genome: its trainings in order, each with its result or `None` while there is none."""

    trainings: list[tuple[Candidate, Result | None]] = field(default_factory=list)

    @property
    def first(self) -> Candidate:
        """The candidate by which it is known."""
        return self.trainings[0][0]

    @property
    def results(self) -> list[Result]:
        """Those that there are."""
        return [result for _, result in self.trainings if result]

    @property
    def status(self) -> str:
        """In a word or two."""
        if any(result.score is not None for result in self.results):
            return TRAINED
        if not self.results:
            return RUNNING
        return FAILED if self.results[-1].failure else STOPPED

    @property
    def reason(self) -> str:
        """Why it has no score; empty where it has one."""
        if self.status == FAILED:
            last = self.results[-1]
            return ": ".join(filter(None, (last.failure, last.detail)))
        return "clearly behind others after a part of its training" if self.status == STOPPED else ""


@dataclass(frozen=True, slots=True)
class Fates:
    """Of all genomes of a record, by their keys, in the order asked."""

    own: Mapping[str, Fate]

    @classmethod
    def of(cls, trainings: Trainings) -> Fates:
        """As a record has them."""
        own: dict[str, Fate] = {}
        for candidate, result in trainings:
            own.setdefault(candidate.genome.key, Fate()).trainings.append((candidate, result))
        return cls(own)

    def parents(self, key: str) -> list[Candidate]:
        """Those of a genome, as far as they were candidates themselves."""
        return [self.own[parent].first for parent in dict.fromkeys(self.own[key].first.parents) if parent in self.own]

    def told(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row of the leaderboard with `COLUMNS` too; parents are ids, seconds those of all of its trainings."""
        fate, parents = self.own[row["genome"]], [parent.id for parent in self.parents(row["genome"])]
        seconds = round(sum(result.seconds for result in fate.results), 2)
        return {**row, "parents": parents, "status": fate.status, "reason": fate.reason, "seconds": seconds}

    def without_score(self, columns: Sequence[str]) -> list[dict[str, Any]]:
        """Rows of those that are in no leaderboard, in the order asked; of `columns` they have what is known."""
        rows = []
        for key, fate in self.own.items():
            if fate.status != TRAINED:
                sizes = {
                    name: getattr(fate.results[-1], name) or None for name in ("parameters", "macs") if fate.results
                }
                about = {"id": fate.first.id, "name": name_of(fate.first), "genome": key, **sizes}
                rows.append(self.told({**dict.fromkeys(columns), **about}))
        return rows

    def named(self, ids: Sequence[int]) -> str:
        """Candidates by their names."""
        names = {fate.first.id: name_of(fate.first) for fate in self.own.values()}
        return ", ".join(names[id_] for id_ in ids)

    def counted(self) -> Iterator[str]:
        """How many have no score, by reason, as a sentence; nothing where all have one."""
        counts = Counter(fate.status for fate in self.own.values())
        kinds = Counter(fate.results[-1].failure for fate in self.own.values() if fate.status == FAILED)
        why = ", ".join(f"{count} x {kind}" for kind, count in kinds.most_common())
        told = [
            f"{counts[status]} {status}{f' ({why})' if status == FAILED else ''}"
            for status in (FAILED, STOPPED, RUNNING)
            if counts[status]
        ]
        if told:
            yield f"without a score: {', '.join(told)}; --all lists them"
