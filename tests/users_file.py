"""A user's program with every public name: `mypy --strict` finds nothing in it, with the package's annotations alone.

It is read, never run. `assert_type` says that a name is annotated as what it is, and not as `Any`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Self, assert_type

import numpy as np

import neuralfinder
from neuralfinder import Genome, InputError, Model, NeuralFinder, NeuralFinderError, Run
from neuralfinder.comparison.references import Reference
from neuralfinder.data import Source
from neuralfinder.data.arrays import Values
from neuralfinder.networks.genome import Layer
from neuralfinder.networks.space import Space
from neuralfinder.search.events import Evaluated, Event, Finished
from neuralfinder.search.executors import Executor
from neuralfinder.seeds import Seeds
from neuralfinder.strategies import Strategy
from neuralfinder.strategies.base import Proposal
from neuralfinder.testing import (
    TOY,
    Answer,
    ExecutorContract,
    GeneContract,
    ReferenceContract,
    SourceContract,
    SpaceContract,
    StrategyContract,
    ToyTask,
    drive,
    solve,
)
from neuralfinder.training.batches import Part
from neuralfinder.types import Candidate, Fidelity, Result, Shape


def told(event: Event) -> None:
    """A callback of the search."""
    if isinstance(event, Evaluated):
        assert_type(event.result, Result)


def told_of(*things: object) -> None:
    """What is shown to somebody."""
    del things


def found(X: np.ndarray, y: Sequence[str], folder: Path) -> NeuralFinder:
    """Search, look, ask, keep."""
    finder = NeuralFinder(minutes=0.5, seed=0, run=folder, options={"early_stop": "off"}, callbacks=[told])
    assert_type(finder.fit(X, y), NeuralFinder)
    assert_type(finder.predict(X), np.ndarray)
    assert_type(finder.predict_proba(X), np.ndarray)
    assert_type(finder.score(X, y), float)
    assert_type(finder.result_, dict[str, Any])
    assert_type(finder.model_, Model)
    assert_type(finder.run_, Run)
    assert_type(finder.report(), Path)
    assert_type(finder.save(folder / "kept"), Path)
    told_of(finder.leaderboard_, finder.classes_, neuralfinder.__version__)
    return NeuralFinder.load(folder / "kept")


def asked(X: np.ndarray, folder: Path) -> list[str]:
    """The network alone."""
    model = Model.load(folder)
    assert_type(model.predict_proba(X), np.ndarray)
    assert_type(model.probabilities(X), np.ndarray)
    assert_type(model.shape, Shape)
    assert_type(model.genome, Genome)
    assert_type(model.temperature, float)
    assert_type(model.export(folder, to=["code", "onnx"]), list[Path])
    assert_type(Model.is_in(folder), bool)
    model.save(folder / "model")
    return [str(label) for label in model.predict(X)]


def asked_many(model: Model, part: Part) -> np.ndarray:
    """What is on a device already."""
    assert_type(model.seen, Values | None)
    assert_type(model.logits(part), np.ndarray)
    return model.answers(part)


def looked_at(folder: Path) -> Iterator[Event]:
    """The run alone."""
    run = Run.load(folder)
    assert_type(run.result, dict[str, Any] | None)
    assert_type(run.rows(5), list[dict[str, Any]])
    assert_type(run.latest(Finished), Finished | None)
    assert_type(run.report(folder / "page.html"), Path)
    run.save(folder / "kept")
    told_of(run.leaderboard(5), run.folder)
    yield from run.events()


def written(line: str) -> Genome:
    """A network in one line, and what is wrong with it."""
    try:
        genome = neuralfinder.parse(line)
    except InputError as error:
        raise SystemExit(str(error)) from error
    except NeuralFinderError:
        raise
    assert_type(genome.key, str)
    assert_type(genome.pools, int)
    return Genome(genome.genes, genome.head, genome.recipe, genome.side)


class First(Strategy):
    """A strategy of one's own."""

    def _propose(self, n: int) -> list[Proposal]:
        return [Proposal(self.space.sample(self.seeds.stream("first")), "first")][:n]

    def _learn(self, proposal: Proposal, result: Result) -> None:
        assert_type(proposal.genome, Genome)
        assert_type(result.score, float | None)


class TestFirst(StrategyContract):
    """And what it has to keep."""

    def make(self, seed: int) -> Strategy:
        strategy = First(TOY.space, Seeds(seed), Fidelity(1))
        assert_type(strategy.ask(2), list[Candidate])
        return strategy


class TestSpaceOfTheToy(SpaceContract):
    """A space."""

    def make(self) -> Space:
        return TOY.space


class TestGene(GeneContract):
    """A gene, which somebody wrote."""

    gene: Layer

    def make(self) -> Sequence[Layer]:
        return [self.gene]


class TestSource(SourceContract):
    """A source of data."""

    source: Callable[[Path], Source]

    def make(self, folder: Path, other: bool = False) -> Source:
        return type(self).source(folder / str(other))


class TestReference(ReferenceContract):
    """A network by hand."""

    reference: Reference

    def make(self) -> Reference:
        return self.reference


class TestExecutor(ExecutorContract):
    """What trains elsewhere."""

    executor: AbstractContextManager[Executor]

    def make(self) -> AbstractContextManager[Executor]:
        return self.executor


class Sorted(list[float]):
    """How good a strategy is."""

    @classmethod
    def of(cls, strategy: Strategy, task: ToyTask = TOY) -> Self:
        """On a task with a known optimum."""
        answer: Answer = task.answer
        assert_type(drive(strategy, answer, 5), list[Candidate])
        assert_type(task.score(neuralfinder.parse("C32 > G")), float)
        return cls(solve(strategy, task, 20))
