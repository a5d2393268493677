"""The archive: every distinct genome ever scored, best first. The world is not the archive."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from neuralfinder.networks.genome import Genome
from neuralfinder.search.events import Asked, Begun, Evaluated, Event, Finished, FullyTrained
from neuralfinder.training.metrics import ACCURACY, Metric, metric_of
from neuralfinder.types import Candidate, Result, score_of


@dataclass(slots=True)
class Entry:
    """A genome with the candidates and results of those of its trainings that have a score, one or more."""

    genome: Genome
    candidates: list[Candidate] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)

    @property
    def score(self) -> float:
        """Mean validation score of its trainings, 0..1."""
        return score_of(result.score for result in self.results) or 0.0

    @property
    def milliseconds(self) -> float:
        """Of one forward pass of one picture, the least that was measured; NaN where nobody did."""
        return min((result.milliseconds[0] for result in self.results if result.milliseconds), default=math.nan)

    @property
    def price(self) -> tuple[float, ...]:
        """What it costs to have: parameters and, where measured, milliseconds."""
        return self.results[0].parameters, 0.0 if math.isnan(self.milliseconds) else self.milliseconds

    @property
    def name(self) -> str:
        """`<operator>-<n>`, n counting candidates from 1, as in the list of 2017."""
        return f"{self.candidates[0].operator}-{self.candidates[0].id + 1}"


class Archive:
    """Grows with every result; ties go to the network with fewer multiply-adds, then to the earlier one."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._ranks: list[tuple[float, int, int, str]] = []

    def add(self, candidate: Candidate, result: Result) -> None:
        """Take in one result; what has no score, failed or stopped early, is not archived."""
        if result.score is None:
            return
        key = candidate.genome.key
        if key in self._entries:
            del self._ranks[bisect_left(self._ranks, self._rank(key))]
        entry = self._entries.setdefault(key, Entry(candidate.genome))
        entry.candidates.append(candidate)
        entry.results.append(result)
        insort(self._ranks, self._rank(key))

    def _rank(self, key: str) -> tuple[float, int, int, str]:
        entry = self._entries[key]
        return -entry.score, entry.results[0].macs, entry.candidates[0].id, key

    def find(self, key: str) -> Entry | None:
        """The entry of the genome with this key, `None` when it was never scored."""
        return self._entries.get(key)

    def best(self, count: int, fits: Callable[[Entry], bool] = lambda _: True) -> list[Entry]:
        """The `count` best entries that fit, fewer when there are not so many."""
        entries = (self._entries[key] for *_, key in self._ranks)
        return list(islice(filter(fits, entries), count))

    def front(self) -> list[Entry]:
        """The Pareto front of score, parameters and milliseconds a picture: what no other beats in all; best first."""
        front: list[Entry] = []
        for entry in sorted(self._entries.values(), key=lambda entry: (-entry.score, *entry.price)):
            if not any(all(x <= y for x, y in zip(other.price, entry.price, strict=True)) for other in front):
                front.append(entry)
        return front

    def __len__(self) -> int:
        return len(self._entries)


def read_trainings(events: Iterable[Event]) -> list[tuple[Candidate, Result | None]]:
    """The candidates of a record in the order asked, each with its result or `None` while there is none."""
    candidates: dict[int, Candidate] = {}
    results: dict[int, Result] = {}
    for event in events:
        match event:
            case Asked():
                candidates |= {candidate.id: candidate for candidate in event.candidates}
            case Evaluated():
                results[event.result.id] = event.result
    return [(candidate, results.get(id_)) for id_, candidate in candidates.items()]


Trainings = Sequence[tuple[Candidate, Result | None]]
"""Candidates in the order asked, each with its result or `None` while there is none."""


def by_genome(trainings: Trainings) -> dict[str, list[Result]]:
    """The results of each genome that was trained, failures left out."""
    found = defaultdict[str, list[Result]](list)
    for candidate, result in trainings:
        if result and result.failure is None:
            found[candidate.genome.key].append(result)
    return dict(found)


def scores_by_genome(trainings: Trainings) -> dict[str, float]:
    """The score of each genome that has one."""
    scores = {key: score_of(result.score for result in results) for key, results in by_genome(trainings).items()}
    return {key: score for key, score in scores.items() if score is not None}


def read_archive(events: Iterable[Event]) -> Archive:
    """The archive as a record has it."""
    archive = Archive()
    for candidate, result in read_trainings(events):
        if result is not None:
            archive.add(candidate, result)
    return archive


def top_columns(metric: Metric = ACCURACY) -> tuple[str, ...]:
    """Of the `leaderboard`."""
    return "rank", "id", "name", metric.key("validation"), "parameters", "macs", "genome"


@dataclass(frozen=True, slots=True)
class Later:
    """What came of networks after the search.

    Attributes:
        full: the metric on the validation part of each genome that was trained on in the finish, as it was judged there
            last.
        winner: the key of the winner's genome, empty before the end.
        test: the metric of the winner on the test part, `None` before the end.
        metric: what the run was about.
    """

    full: Mapping[str, float]
    winner: str = ""
    test: float | None = None
    metric: Metric = ACCURACY

    @property
    def columns(self) -> tuple[str, ...]:
        """What a row has beside `top_columns`."""
        return "short_score", "full_training", self.metric.key("test"), "winner"

    @classmethod
    def of(cls, events: Iterable[Event]) -> Later:
        """As a record has it."""
        full: dict[str, float] = {}
        metric = ACCURACY
        for event in events:
            match event:
                case Begun():
                    metric = metric_of(event.settings)
                case FullyTrained() if event.in_race and event.result.score is not None:
                    full[event.genome] = metric.told(event.result.score)
                case Finished(outcome):
                    winner, (validation, test) = outcome["genome"], map(metric.key, ("validation", "test"))
                    return cls({**full, winner: outcome[validation]}, winner, outcome[test], metric)
        return cls(full, metric=metric)

    def told(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row of the `leaderboard` with `columns` too: a short score is no figure that one may expect."""
        genome = row["genome"]
        own = genome == self.winner
        later = (row[self.metric.key("validation")], self.full.get(genome), self.test if own else None, own)
        return {**row, **dict(zip(self.columns, later, strict=True))}


def leaderboard(entries: Sequence[Entry], metric: Metric = ACCURACY) -> list[dict[str, Any]]:
    """Entries as plain rows with `top_columns`; the metric, as people know it, is that of the search."""
    return [
        {
            "rank": rank,
            "id": entry.candidates[0].id,
            "name": entry.name,
            metric.key("validation"): metric.told(entry.score),
            "parameters": entry.results[0].parameters,
            "macs": entry.results[0].macs,
            "genome": entry.genome.key,
        }
        for rank, entry in enumerate(entries, start=1)
    ]


def pareto_front(archive: Archive, metric: Metric = ACCURACY) -> list[dict[str, Any]]:
    """The Pareto front as rows like `leaderboard`'s and `milliseconds`, `None` where nobody measured them."""
    entries = archive.front()
    times = [None if math.isnan(entry.milliseconds) else entry.milliseconds for entry in entries]
    return [{**row, "milliseconds": time} for row, time in zip(leaderboard(entries, metric), times, strict=True)]
