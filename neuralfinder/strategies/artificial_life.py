"""Artificial life: the evolution of the 2017 text in a two-dimensional world.

Letters and steps follow the text "NeuralFinder" of 2017, section 2.2.3: s1 is the main life, s2 the auxiliary life,
L1 and L2 the two worst lives near s1, r the ratio by which a score must be better. Every setting's default is the
published value, or the reading of it that `docs/seed-2017.md` gives.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import Any

from neuralfinder.errors import InputError, check_range
from neuralfinder.genome import Genome
from neuralfinder.seeds import Seeds
from neuralfinder.space import Space
from neuralfinder.strategies.base import Proposal, Strategy
from neuralfinder.types import Fidelity, Result
from neuralfinder.variation import cross, mutate, replicate
from neuralfinder.world import Cell, Life, World

Birth = tuple[str, Genome, tuple[str, ...]]
"""Operator, genome and the keys of the parents."""

Rounds = Generator[list[Birth], list[Life], None]
"""Yields what is to be scored, is sent the lives in the same order."""


def better(x: float, y: float, r: float, measure: str = "accuracy") -> bool:
    """Whether score `x` beats score `y` by more than the ratio `r`.

    Section 2.2.3, end: x > y and (x - y) / y > r. With `measure="error"` the gain counts relative to the error left:
    (x - y) / (1 - y) > r. Scores are 0..1.
    """
    base = y if measure == "accuracy" else 1 - y
    return x > y and (base <= 0 or (x - y) / base > r)


class ArtificialLife(Strategy):
    """The world of 2017.

    Args:
        space: what is legal.
        seeds: the run's seeds.
        fidelity: how much training every candidate gets.
        size: side L of the world.
        rounds: rounds of evolution after the world is settled.
        window: odd side d of the neighbourhood.
        boundary: `torus` or `clip`.
        r: ratio by which the better must be better, 0 or more.
        r_end: ratio in the last round, reached linearly; the same as `r` when not given.
        measure: `accuracy` or `error`, see `better`.
        repair: `none`, or `drop` to delete surplus pools of children instead of losing these.
        reevaluate: trainings whose mean is the score of a genome, 1 or more.
        mutation_points: positions that one mutation draws.
        resample_pool: mutate convolutions only, so that no mutation is empty.
        only_if_worse: mutants replace L1 and L2 only where the child they come from is better.
    """

    def __init__(  # noqa: PLR0913 - every open point of the 2017 text is a setting
        self,
        space: Space,
        seeds: Seeds,
        fidelity: Fidelity,
        *,
        size: int = 7,
        rounds: int = 150,
        window: int = 3,
        boundary: str = "torus",
        r: float = 0.02,
        r_end: float | None = None,
        measure: str = "accuracy",
        repair: str = "none",
        reevaluate: int = 1,
        mutation_points: int = 1,
        resample_pool: bool = False,
        only_if_worse: bool = False,
    ) -> None:
        super().__init__(space, seeds, fidelity)
        for name, given, known in (("measure", measure, ("accuracy", "error")), ("repair", repair, ("none", "drop"))):
            if given not in known:
                raise InputError(name, given=repr(given), expected=" or ".join(known), mend="choose one of them")
        check_range("r", min(r, r if r_end is None else r_end), 0)
        for name, count in (("rounds", rounds), ("reevaluate", reevaluate), ("mutation_points", mutation_points)):
            check_range(name, count, 0 if name == "rounds" else 1)
        self.world = World(size, window, boundary)
        self.rounds, self.round = rounds, 0
        self.r, self.r_end = r, r if r_end is None else r_end
        self.measure, self.repair, self.reevaluate = measure, repair, reevaluate
        self.mutation_points, self.resample_pool, self.only_if_worse = mutation_points, resample_pool, only_if_worse
        self._rng = seeds.stream("artificial-life")
        self._story = self._evolve()
        self._over = False
        self._births: list[Birth] = []
        self._queue: list[Proposal] = []
        self._answers: dict[int, list[Result]] = {}
        self._advance(first=True)

    def view(self) -> dict[str, Any]:
        """`round`, `rounds` and the `world` as rows of lives."""
        return {"round": self.round, "rounds": self.rounds, "world": self.world.snapshot()}

    def living(self) -> set[str]:
        """The lives in the world and those about to be born."""
        return {life.genome.key for life in self.world.lives()} | {genome.key for _, genome, _ in self._births}

    def _evolve(self) -> Rounds:
        """The whole life of the world, top to bottom."""
        world, space, rng = self.world, self.space, self._rng

        # step 1: settle the world
        founders = space.founders(len(world.cells), rng)
        lives = yield [("init", genome, ()) for genome in founders]
        for cell, life in zip(world.cells, lives, strict=True):
            world[cell] = life

        while self.round < self.rounds:
            self.round += 1
            # step 2.1: the main life s1 and an auxiliary life s2 near it
            main: Cell = world.cells[int(rng.integers(len(world.cells)))]
            near = world.neighbours(main)
            auxiliary: Cell = near[int(rng.integers(len(near)))]
            s1, s2 = world[main], world[auxiliary]

            # steps 2.2 and 2.3: self copy and crossover
            parents = (s1.genome.key, s2.genome.key)
            children: list[Birth] = [("copy", self._mend(replicate(s1.genome)), parents[:1])]
            crossed = cross(s1.genome, s2.genome, space, rng, known=self._known_keys)
            children += [("cross", self._mend(child), parents) for child in crossed]
            lives = yield children

            # step 2.4: the best child against s1, then against s2; ties go to the cheaper, then to the first
            best = max(lives, key=lambda life: (life.score, -life.macs))
            if not self._better(best, s1):
                self._note_round(main, auxiliary, "kept", best, [])
                continue
            world[main] = best
            displaced = [main]
            if self._better(best, s2):
                world[auxiliary] = best
                displaced.append(auxiliary)

            # step 2.5: mutants of the best child replace the two worst others near s1, ties at random
            others = [cell for cell in near if cell != auxiliary]
            others = [others[i] for i in rng.permutation(len(others))]
            worst = sorted(others, key=lambda cell: world[cell].score)[:2]
            if self.only_if_worse:
                worst = [cell for cell in worst if self._better(best, world[cell])]
            mutants = [
                mutate(best.genome, space, rng, self.mutation_points, self.resample_pool) for _ in range(len(worst))
            ]
            lives = yield [("mutate", mutant, (best.genome.key,)) for mutant in mutants]
            for cell, life in zip(worst, lives, strict=True):
                world[cell] = life
            self._note_round(main, auxiliary, "displaced", best, displaced + worst)

    def _better(self, x: Life, y: Life) -> bool:
        done = (self.round - 1) / max(1, self.rounds - 1)
        return better(x.score, y.score, self.r + (self.r_end - self.r) * done, self.measure)

    def _mend(self, genome: Genome) -> Genome:
        return self.space.mend(genome) if self.repair == "drop" else genome

    def _note_round(self, main: Cell, auxiliary: Cell, outcome: str, best: Life, changed: list[Cell]) -> None:
        self._note(
            "round",
            round=self.round,
            main=main,
            auxiliary=auxiliary,
            outcome=outcome,
            best=best.genome.key,
            changed=[{"cell": cell, "genome": self.world[cell].genome.key} for cell in changed],
        )

    # The evolution above is a generator; the three methods below feed it.

    def _propose(self, n: int) -> list[Proposal]:
        while not self._queue and not self._over and self._answered():
            self._advance()
        proposals, self._queue = self._queue[:n], self._queue[n:]
        return proposals

    def _learn(self, proposal: Proposal, result: Result) -> None:
        self._answers[proposal.slot].append(result)

    def _answered(self) -> bool:
        return all(len(results) == self.reevaluate for results in self._answers.values())

    def _advance(self, first: bool = False) -> None:
        """Let the evolution run on to its next births, handing it the lives it waits for."""
        lives = [self._life(birth, self._answers[slot]) for slot, birth in enumerate(self._births)]
        try:
            self._births = next(self._story) if first else self._story.send(lives)
        except StopIteration:
            self._births, self._over = [], True
        self._answers = {slot: [] for slot in range(len(self._births))}
        self._queue = [
            Proposal(genome, operator, parents, repeat, slot)
            for slot, (operator, genome, parents) in enumerate(self._births)
            for repeat in range(self.reevaluate)
        ]

    def _life(self, birth: Birth, results: list[Result]) -> Life:
        """A life scores the mean of its trainings, in whatever order these ended; one that failed scores 0."""
        operator, genome, _ = birth
        scores = [result.score or 0.0 for result in results]
        return Life(genome, math.fsum(scores) / len(scores), self.space.cost(genome).macs, operator)
