"""Spaces of tabular benchmarks: every network has been trained by others, and a search looks its accuracy up."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from neuralfinder.errors import InputError
from neuralfinder.networks.cost import Cost
from neuralfinder.networks.genome import Choice, Gene, Genome
from neuralfinder.networks.space import Space
from neuralfinder.seeds import Seeds
from neuralfinder.types import Candidate, Result


@dataclass(frozen=True, slots=True)
class Row:
    """What a table knows of a network; accuracies are 0..1.

    Attributes:
        seen: validation accuracies, one for each training: a search sees one of them.
        judged: the accuracy by which the search is judged.
        parameters, macs: 0 where the table does not tell.
    """

    seen: tuple[float, ...]
    judged: float
    parameters: int = 0
    macs: int = 0


@dataclass(frozen=True, eq=False)
class Table(Space):
    """All networks of a tabular benchmark.

    Attributes:
        name: for people.
        choices: number of operations that each place has.
        places: number of places.
        rows: by the key of the canonical genome.
        stages: numbers of places between which an operation 0 makes no difference where it stands, but in the first
            place of a stage; empty where every place counts.
    """

    fixed_length: ClassVar[bool] = True

    name: str
    choices: int
    places: int
    rows: Mapping[str, Row]
    stages: tuple[int, ...] = ()

    @property
    def operators(self) -> tuple[str, ...]:
        """What keeps the length."""
        return ("move", "change")

    def founders(self, n: int, rng: np.random.Generator) -> list[Genome]:
        """Independent draws."""
        return [self.sample(rng) for _ in range(n)]

    def sample(self, rng: np.random.Generator) -> Genome:
        """A uniform operation in every place."""
        return self.canonical(_genome(rng.integers(self.choices, size=self.places).tolist()))

    def infeasible(self, genome: Genome) -> str | None:
        """`infeasible:length` and `infeasible:gene`."""
        if len(genome) != self.places:
            return "infeasible:length"
        known = all(isinstance(gene, Choice) and gene.value < self.choices for gene in genome.genes)
        return None if known and not genome.recipe else "infeasible:gene"

    def cost(self, genome: Genome) -> Cost:
        """Parameters and multiply-adds as the table has them; zeros for what is not in it."""
        row = self.rows.get(self.canonical(genome).key, Row((), 0.0))
        return Cost(row.parameters, row.macs, 0, len(genome))

    def alternatives(self, gene: Gene) -> Sequence[Gene]:
        """All other operations."""
        return [other for value in range(self.choices) if (other := Choice(value)) != gene]

    def neighbours(self, gene: Gene) -> Sequence[Gene]:
        """All other operations: they have no order."""
        return self.alternatives(gene)

    def new_gene(self, rng: np.random.Generator) -> Gene:
        """A uniform operation."""
        return Choice(int(rng.integers(self.choices)))

    def features(self, genome: Genome) -> np.ndarray:
        """A one for the operation in each place, zeros for the others; and how often there is each.

        `((places + 1) * choices,)`
        """
        values = [gene.value for gene in self.canonical(genome).genes if isinstance(gene, Choice)]
        places = np.eye(self.choices)[values]
        return np.concatenate([places.ravel(), places.sum(axis=0)])

    def canonical(self, genome: Genome) -> Genome:
        """The genome with the operations 0 of each stage, but for its first place, moved to the stage's end."""
        if not self.stages or len(genome) != self.places:
            return genome
        genes: list[Gene] = []
        for size in self.stages:
            first, *rest = genome.genes[len(genes) : len(genes) + size]
            genes += [first, *sorted(rest, key=lambda gene: gene == Choice(0))]
        return Genome(tuple(genes), genome.head)

    def genomes(self) -> Iterator[Genome]:
        """All different networks."""
        every = (_genome(values) for values in itertools.product(range(self.choices), repeat=self.places))
        return (genome for genome in every if self.canonical(genome) == genome)

    def answer(self, candidate: Candidate) -> Result:
        """What training `candidate` gives: one of the accuracies seen, drawn by the candidate's seed."""
        row = self.rows[self.canonical(candidate.genome).key]
        seen = (
            row.seen[int(Seeds(candidate.seed).stream("table").integers(len(row.seen)))]
            if row.seen[1:]
            else row.seen[0]
        )
        return Result(candidate.id, seen, parameters=row.parameters, macs=row.macs)

    def regret(self, genome: Genome) -> float:
        """How much better than this one the best network of the table is judged, 0..1."""
        return self.best - self.rows[self.canonical(genome).key].judged

    @property
    def best(self) -> float:
        """The highest accuracy by which networks are judged."""
        return max(row.judged for row in self.rows.values())


def _genome(values: Sequence[int]) -> Genome:
    return Genome(tuple(Choice(value) for value in values))


def read_macro(path: Path) -> Table:
    """NAS-Bench-Macro: chains of 8 layers in stages of 2, 3 and 3; three trainings seen, their mean judges.

    Su et al., "Prioritized architecture sampling with Monte-Carlo tree search", CVPR 2021. Operation 0 is the identity.

    Args:
        path: the JSON file `nas-bench-macro_cifar10.json` of the repository xiusu/NAS-Bench-Macro.

    Raises:
        InputError: not such a file.
    """
    try:
        form = json.loads(path.read_text(encoding="utf-8"))
        rows = {
            _genome([int(digit) for digit in key]).key: Row(
                tuple(value / 100 for value in row["test_acc"]), row["mean_acc"] / 100, row["params"], row["flops"]
            )
            for key, row in form.items()
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unfit(path, error, "the JSON file of NAS-Bench-Macro") from error
    table = Table("nas-bench-macro", 3, 8, rows, stages=(2, 3, 3))
    kept = {
        key: row
        for key, row in rows.items()
        if (genome := _genome([int(v) for v in key.split()])) == table.canonical(genome)
    }
    return Table(table.name, 3, 8, kept, table.stages)


OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
"""NAS-Bench-201's, in the order of their numbers."""


def read_nasbench201(path: Path, data: str) -> Table:
    """NAS-Bench-201: cells of 6 edges with 5 operations, trained for 12 epochs; validation seen, test accuracy judges.

    Dong & Yang, "NAS-Bench-201", ICLR 2020.

    Args:
        path: a CSV file with the columns `cellstr`, `<data>-val` and `<data>-test`, percent.
        data: `cifar10`, `cifar100` or `imagenet` (ImageNet16-120).

    Raises:
        InputError: not such a file.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = {
                _cell(row["cellstr"]).key: Row((float(row[f"{data}-val"]) / 100,), float(row[f"{data}-test"]) / 100)
                for row in csv.DictReader(file)
            }
    except (OSError, ValueError, KeyError) as error:
        raise _unfit(path, error, f"a CSV file of NAS-Bench-201 with columns for {data}") from error
    return Table(f"nas-bench-201 {data}", len(OPERATIONS), 6, rows)


def _cell(text: str) -> Genome:
    """A cell `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|` as a genome: its operations in the order they are written."""
    words = (word for node in text.split("+") for word in node.strip("|").split("|"))
    return _genome([OPERATIONS.index(word.split("~")[0]) for word in words])


def _unfit(path: Path, error: Exception, expected: str) -> InputError:
    return InputError(str(path), given=f"{type(error).__name__}: {error}", expected=expected, mend="name another file")
