"""Experience: trainings on other tasks, as the package ships them and as finished runs leave them.

The file beside this module has the trainings of the table of our own space; `benchmarks/experience.py make` writes it.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neuralfinder.networks.expectation import Expectation, Past, Row
from neuralfinder.networks.genome import Genome
from neuralfinder.types import Shape

FILE = Path(__file__).with_name("experience.json")

MOST_ROWS = 1500
"""Trainings learned from at most, of all tasks alike: the time of learning grows with the cube of their number, and
this many take about a quarter of a second."""


@dataclass(frozen=True)
class Experience:
    """Trainings on other tasks.

    Attributes:
        tasks: these.
        rows: looks at trainings on them.
    """

    tasks: tuple[Past, ...] = ()
    rows: tuple[Row, ...] = ()

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Experience:
        """From plain values; `Experience.of(experience.plain()) == experience`."""
        tasks = tuple(Past(samples, Shape(*shape), classes) for samples, shape, classes in values["tasks"])
        keys = values["genomes"]
        return cls(tasks, tuple(Row(task, keys[place], *rest) for task, place, *rest in values["rows"]))

    @classmethod
    def shipped(cls) -> Experience:
        """That which comes with the package."""
        return cls.of(json.loads(FILE.read_text("utf-8")))

    def plain(self) -> dict[str, Any]:
        """Plain values, small: each genome once."""
        places: dict[str, int] = {}
        rows = [
            [r.task, places.setdefault(r.genome, len(places)), r.steps, r.accuracy, *([] if r.drawn else [False])]
            for r in self.rows
        ]
        tasks = [[t.samples, [t.shape.channels, t.shape.height, t.shape.width, t.shape.vocabulary], t.classes]
                 for t in self.tasks]  # fmt: skip
        return {"tasks": tasks, "genomes": [*places], "rows": rows}

    def __add__(self, other: Experience) -> Experience:
        """Both, as tasks of their own."""
        moved = (dataclasses.replace(row, task=row.task + len(self.tasks)) for row in other.rows)
        return Experience(self.tasks + other.tasks, (*self.rows, *moved))

    def expectation(
        self, samples: int, shape: Shape, classes: int, steps: Callable[[Genome], float], *, shifts: bool = False
    ) -> Expectation | None:
        """What to expect on a task; `None` where there is no experience of its kind, pictures or texts.

        Args:
            samples: it has for training.
            shape: of one.
            classes: of the task.
            steps: how many steps of training a network can have, above 0.
            shifts: whether its pictures are usually shifted.
        """
        text = bool(shape.vocabulary)
        rows = [row for row in self.rows if bool(self.tasks[row.task].shape.vocabulary) == text]
        if not rows:
            return None
        return Expectation(self.tasks, _fewer(rows), Past(samples, shape, classes), steps, shifts=shifts)


def _fewer(rows: Sequence[Row]) -> list[Row]:
    """`MOST_ROWS` at most, of each task an equal share, evenly from its best to its worst."""
    of_task: dict[int, list[Row]] = {}
    for row in rows:
        of_task.setdefault(row.task, []).append(row)
    kept: list[Row] = []
    left = MOST_ROWS
    for done, some in enumerate(sorted(of_task.values(), key=len)):
        share = min(len(some), left // (len(of_task) - done))
        ranked = sorted(some, key=lambda row: (row.accuracy, row.genome, row.steps))
        kept += [ranked[int(place)] for place in np.linspace(0, len(some) - 1, share).round()] if share else []
        left -= share
    return kept
