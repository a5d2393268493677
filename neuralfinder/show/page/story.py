"""A record as plain values that the page draws: lives, the history of the world, figures, findings."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import islice
from statistics import NormalDist
from typing import Any

from neuralfinder.networks.cost import layer_parameters, shapes
from neuralfinder.networks.genome import AvgPool, Conv, Dropout, Gene, Genome, Identity, Layer, MaxPool, parse
from neuralfinder.search.archive import read_trainings
from neuralfinder.search.events import (
    LATER,
    Ablated,
    Answered,
    Asked,
    Begun,
    DataRead,
    Evaluated,
    Event,
    Finished,
    FullyTrained,
    Planned,
    Stopped,
)
from neuralfinder.show.lineage import account, line_of
from neuralfinder.show.page.standing import reliability, standing
from neuralfinder.training.metrics import ACCURACY, metric_of
from neuralfinder.types import Candidate, Result, Shape, score_of

MOST_LIVES = 6_000
"""Lives beyond which a page gets a selection: browsers draw so many at once."""

BEST_TOLD = 1_000
"""Best networks of which every life is told in any case, so that their ranks are those of the whole record."""

MOST_SCENES = 2_000
"""Changes of the world beyond which neighbouring ones are told as one."""

SINGLE = (Begun, DataRead, Planned, Stopped, Answered, Finished, Ablated)
"""Kinds of event of which the last one counts."""

OF_METRIC = ("name", "title", "meaning", "percent", "loss")
"""What the page knows of a metric."""


class Story:
    """Grows with every event; `news` gives what the page does not know yet.

    What `news` gives has these keys, each only where there is something new:

    * `genomes`: rows `[number, key, layers]`, by whose numbers the others refer to them; a layer is `[kind, filters,
      text, skips, shape after it, parameters]`.
    * `lives`: candidates that are new or have changed: `id`, `genome` and `parents` (numbers), `operator`, `asked` and
      `ended` in seconds since the beginning, `inherits`, what `Result` has, and, where foresight chose it, the shares
      of the networks before it that it was `expected` to beat and, once trained, has `beaten`.
    * `scenes`: changes of the world in order: `time`, `round`, `main`, `outcome`, `cells` as `[row, column, genome]`.
    * `finals`: full trainings, and whether each was `in_race`.
    * `run`, `data`, `plan`, `stop`, `answers`, `finished`, `ablation`: the last event of the kind.
    * `metric`: `name`, `title` and `meaning` of what scores are of, where that is not accuracy, and whether it is told
      in `percent` or as a `loss`, the negative logarithm of the score.
    * `account`: how the winner came about, in sentences.
    * `standing`, `reliability`: how good the winner is, and how far its probabilities come true, see `standing.py`.
    * `impossible`: counts of proposals that were never trained, by reason.
    * `left_out`: how many lives are not told, of how many.
    * `totals`: candidates `trained` and `failed`, and the `seconds` of both, those not told included.
    * `now`: seconds from the beginning to the last event of the run itself.
    * `began`: the beginning, in seconds since the epoch; `stages`: when each of `SINGLE` came, in seconds after it.
    """

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._began = 0.0
        self._now = 0.0
        self._shape: Shape | None = None
        self._classes = 0
        self._numbers: dict[str, int] = {}
        self._genomes: list[list[Any]] = []
        self._lives: dict[int, dict[str, Any]] = {}
        self._changed: dict[int, None] = {}
        self._scenes: list[dict[str, Any]] = []
        self._finals: list[dict[str, Any]] = []
        self._single: dict[str, Any] = {}
        self._stages: dict[str, float] = {}
        self._expected: dict[str, float] = {}
        self._worths: list[float] = []  # of the first training of each genome, sorted
        self._ranked: set[int] = set()
        self._impossible: dict[str, int] = {}
        self._totals: dict[str, float] = {"trained": 0, "failed": 0, "seconds": 0.0}

    def add(self, event: Event) -> None:
        """Take in the next event."""
        if isinstance(event, Begun):  # there may be several: the last one is what came of it
            self._began = event.time
            self._single |= _metric(event)
        if not isinstance(event, LATER):
            self._now = round(event.time - self._began, 2)
        if isinstance(event, SINGLE):
            self._single[event.kind] = event.plain()
            self._stages[event.kind] = round(event.time - self._began, 2)
        match event:
            case Planned(plan):
                self._shape = Shape(**plan["task"]["shape"])
                self._classes = plan["task"]["classes"]
            case Asked():
                self._events.append(event)
                for note in event.notes:
                    self._note(note)
                for candidate in event.candidates:
                    self._ask(candidate)
            case Evaluated(result):
                self._events.append(event)
                self._answer(result)
            case FullyTrained(name, genome, epochs):
                kept = {"name": name, "genome": genome, "epochs": epochs, "in_race": event.in_race}
                self._finals.append({**kept, **_short(event.result), "ended": self._now})

    def news(self) -> dict[str, Any]:
        """What is new since the last call; a long history comes as a selection."""
        scenes, self._scenes = _thinned(self._scenes), []
        changed, self._changed = list(self._changed), {}
        lives = self._selected(changed, scenes)
        news: dict[str, Any] = {"now": self._now, "totals": dict(self._totals)}
        if len(lives) < len(changed):
            news["left_out"] = [len(changed) - len(lives), len(changed)]
        news |= {"lives": [self._lives[id_] for id_ in lives]} if lives else {}
        news |= {"scenes": scenes} if scenes else {}
        news |= self._single
        if self._single:
            news |= {"began": self._began, "stages": dict(self._stages)}
        if self._finals:
            news["finals"], self._finals = self._finals, []
        if "finished" in self._single:
            result = self._single["finished"]
            news["account"] = account(line_of(result["genome"], read_trainings(self._events)), metric_of(result))
            news |= {"standing": standing(result), "reliability": reliability(result)}
        self._single = {}
        if self._impossible:
            news["impossible"] = self._impossible
        return self._with_genomes(news)

    def _note(self, note: Mapping[str, Any]) -> None:
        kind = note["kind"]
        if kind == "foresight":
            self._expected[note["genome"]] = NormalDist().cdf(note["mean"])  # from the normal score of its rank
        elif kind.startswith("infeasible"):
            self._impossible[kind] = self._impossible.get(kind, 0) + 1
        elif kind in ("settled", "round"):
            cells = [[*change["cell"], self._number(change["genome"])] for change in note["changed"]]
            scene = {"time": self._now, "cells": cells}
            if kind == "round":
                scene |= {"round": note["round"], "main": note["main"], "outcome": note["outcome"]}
            self._scenes.append(scene)

    def _ask(self, candidate: Candidate) -> None:
        id_, key = candidate.id, candidate.genome.key
        life = {
            "id": id_,
            "genome": self._number(key),
            "parents": [self._number(parent) for parent in candidate.parents],
            "operator": candidate.operator,
            "asked": self._now,
            "inherits": list(candidate.inherits),
        }
        # popped: who is trained again was expected once
        if (expected := self._expected.pop(key, None)) is not None:
            life["expected"] = round(expected, 5)
        self._lives[id_] = life
        self._changed[id_] = None

    def _answer(self, result: Result) -> None:
        self._totals["failed" if result.failure else "trained"] += 1
        self._totals["seconds"] += result.seconds
        life = self._lives[result.id]
        life |= {**_short(result), "ended": self._now}
        if not result.failure and life["genome"] not in self._ranked:
            self._ranked.add(life["genome"])
            worth, worths = result.worth, self._worths
            if "expected" in life and worths:
                ties = bisect_left(worths, worth) + bisect_right(worths, worth)
                life["beaten"] = round(ties / 2 / len(worths), 5)
            insort(worths, worth)
        self._changed[result.id] = None

    def _number(self, key: str) -> int:
        if key not in self._numbers:
            self._numbers[key] = len(self._numbers)
            self._genomes.append([key, layers(parse(key), self._shape, self._classes)])
        return self._numbers[key]

    def _selected(self, changed: list[int], scenes: list[dict[str, Any]]) -> list[int]:
        """All of them, or the best, the improvements, the winner, those seen in the world, and others evenly."""
        if len(changed) <= MOST_LIVES:
            return changed
        winner = self._numbers.get(self._single.get("finished", {}).get("genome"))
        seen = {number for scene in scenes for *_, number in scene["cells"]}
        best, kept = -1.0, set[int]()
        for id_ in changed:
            score = self._lives[id_].get("score")
            if (score is not None and score > best) or self._lives[id_]["genome"] == winner:
                best = max(best, score or 0.0)
                kept.add(id_)
        for chosen, most in ((self._foremost(), MOST_LIVES // 2), (seen, MOST_LIVES // 4)):
            kept |= {*islice((id_ for id_ in changed if self._lives[id_]["genome"] in chosen), most)}
        step = math.ceil(len(changed) / max(1, MOST_LIVES - len(kept)))
        return [id_ for place, id_ in enumerate(changed) if id_ in kept or place % step == 0]

    def _foremost(self) -> set[int]:
        """The genomes with the best scores."""
        found = defaultdict[int, list[float | None]](list)
        for life in self._lives.values():
            found[life["genome"]].append(life.get("score"))
        scores = {number: score for number, some in found.items() if (score := score_of(some)) is not None}
        return {*sorted(scores, key=lambda number: -scores[number])[:BEST_TOLD]}

    def _with_genomes(self, news: dict[str, Any]) -> dict[str, Any]:
        """The news with the genomes that they speak of and no others, numbered as the page knows them."""
        told = {number for life in news.get("lives", ()) for number in (life["genome"], *life["parents"])}
        told |= {number for scene in news.get("scenes", ()) for *_, number in scene["cells"]}
        if "finished" in news:
            told.add(self._number(news["finished"]["genome"]))
        fresh = sorted(number for number in told if self._genomes[number])
        if fresh:
            news["genomes"] = [[number, *self._genomes[number]] for number in fresh]
            for number in fresh:
                self._genomes[number] = []
        return news


def told(events: Iterable[Event]) -> dict[str, Any]:
    """The whole story of a record."""
    story = Story()
    for event in events:
        story.add(event)
    return story.news()


def layers(genome: Genome, shape: Shape | None, classes: int) -> list[list[Any]]:
    """Layers as the page draws them: `[kind, filters or units, text, skips, shape after it, parameters]`, head last.

    Where the network looks at less than there is, what it looks at comes first.
    """
    after = [*map(str, shapes(genome, shape)), ""] if shape else [""] * (len(genome.genes) + 1)
    counts = layer_parameters(genome, shape, classes) if shape else [0] * (len(genome.genes) + 1)
    rows = [*map(_layer, genome.genes), ["head", getattr(genome.head, "units", 0), str(genome.head), []]]
    drawn = [[*row, text, count] for row, text, count in zip(rows, after, counts, strict=True)]
    if shape is None or (seen := genome.seen(shape)) == shape:
        return drawn
    return [["side", 0, f"@{max(seen.height, seen.width)}", [], str(seen), 0], *drawn]


def _layer(gene: Gene) -> list[Any]:
    match gene:
        case Conv(filters):
            return ["conv", filters, str(gene), list(gene.skips)]
        case Identity():
            return ["identity", 0, str(gene), list(gene.skips)]
        case Dropout():
            return ["dropout", 0, str(gene), []]
        case MaxPool() | AvgPool():
            return ["pool", 0, str(gene), []]
        case Layer():
            return ["layer", 0, str(gene), []]
        case _:
            return ["choice", 0, str(gene), []]


def _metric(event: Begun) -> dict[str, Any]:
    """What scores are of, where that is not accuracy."""
    metric = metric_of(event.settings)
    return {} if metric == ACCURACY else {"metric": {name: getattr(metric, name) for name in OF_METRIC}}


def _short(result: Result) -> dict[str, Any]:
    """What the page shows of a result, numbers rounded; what is empty is left out."""
    kept = {
        "score": result.score,
        "failure": result.failure,
        "detail": result.detail,
        "curve": [round(point, 4) for point in result.curve],
        "done": round(result.done, 3),
        "why": result.ended,
        "seconds": round(result.seconds, 2),
        "parameters": result.parameters,
        "macs": result.macs,
        "milliseconds": [round(each, 3) for each in result.milliseconds],
    }
    return {
        name: value for name, value in kept.items() if value not in (None, "", [], 0) or (name, value) == ("score", 0)
    }


def _thinned(scenes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Neighbouring scenes as one where there are too many: the last change of a cell counts."""
    step = math.ceil(len(scenes) / MOST_SCENES)
    if step <= 1:
        return scenes
    merged = []
    for start in range(0, len(scenes), step):
        some = scenes[start : start + step]
        cells = {(row, column): number for scene in some for row, column, number in scene["cells"]}
        merged.append({**some[-1], "cells": [[*cell, number] for cell, number in cells.items()]})
    return merged
