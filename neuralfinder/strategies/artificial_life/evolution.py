"""Artificial life: the evolution of the 2017 text in a two-dimensional world.

Letters and steps follow the text "NeuralFinder" of 2017, section 2.2.3: s1 is the main life, s2 the auxiliary life,
L1 and L2 the two worst lives near s1, r the ratio by which a score must be better. Every setting's default is the
published value, or the reading of it that `docs/seed-2017.md` gives; what goes beyond the text is off by default.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, ClassVar

import numpy as np

from neuralfinder.errors import InputError, check_range
from neuralfinder.networks.chains import of_networks
from neuralfinder.networks.expectation import Expectation
from neuralfinder.networks.genome import Genome
from neuralfinder.networks.space import Space
from neuralfinder.networks.variation import cross, distance, mutate, replicate
from neuralfinder.seeds import Seeds
from neuralfinder.strategies.artificial_life.breeding import Birth, Breeder
from neuralfinder.strategies.artificial_life.world import BOUNDARIES, Cell, Life, World
from neuralfinder.strategies.base import Proposal, Strategy, led_by
from neuralfinder.types import Allowed, Fidelity, Range, Result, worth_of

Rounds = Generator[list[Birth], list[Life], None]
"""Yields what is to be scored, is sent the lives in the same order."""


BLIND = 16
"""Founders that are drawn before foresight has a say in the others: twice what it needs to predict at all
(`surrogate.LEAST`), so that it does not follow the first few, and a third of the published world."""

MOST_IDLE = 100
"""How often in a row evolution may go on without a birth, which is twice a round, before nothing new can be born."""


@dataclass(slots=True)
class Scene:
    """What happens round one main life in a round: its births, and what then takes the places of others."""

    main: Cell
    auxiliary: Cell
    births: list[Birth]
    lives: list[Life] = field(default_factory=list)
    best: Life | None = None
    displaced: tuple[Cell, ...] = ()
    cells: tuple[Cell, ...] = ()
    newcomers: tuple[Birth, ...] = ()


def better(x: float, y: float, r: float, measure: str = "accuracy") -> bool:
    """Whether score `x` beats score `y` by more than the ratio `r`.

    Section 2.2.3, end: x > y and (x - y) / y > r. With `measure="error"` the gain counts relative to the error left:
    (x - y) / (1 - y) > r. Scores are 0..1.
    """
    base = y if measure == "accuracy" else 1 - y
    return x > y and (base <= 0 or (x - y) / base > r)


def _best_place(lives: Sequence[Life]) -> int:
    """Of the best life; ties go to the cheaper, then to the first."""
    return max(range(len(lives)), key=lambda place: (lives[place].worth, -lives[place].macs))


class ArtificialLife(Strategy):
    """The world of 2017, and what has been added to it.

    Args:
        space: what is legal.
        seeds: the run's seeds.
        fidelity: how much training every candidate gets.
        size: side L of the world.
        rounds: rounds of evolution after the world is settled; `None` for no limit.
        window: odd side d of the neighbourhood.
        boundary: `torus` or `clip`.
        r: ratio by which the better must be better, 0 or more.
        r_end: ratio in the last round, reached linearly, so it needs `rounds`; the same as `r` when not given.
        measure: `accuracy` or `error`, see `better`.
        noise: standard errors of a difference by which the better must be better besides, 0 or more.
        validation: pictures of the validation part, from which the standard error follows; 0 when not known.
        repair: `none`, or `drop` to leave out what cannot stay in children instead of losing these.
        reevaluate: trainings whose mean is the score of a genome, 1 or more.
        mutation_points: positions that one mutation draws.
        resample_pool: mutate convolutions only, so that no mutation is empty.
        only_if_worse: mutants replace L1 and L2 only where the child they come from is better.
        selection: how much the better are preferred as main lives: the best is drawn `exp(selection)` times as often
            as the worst; 0 draws all alike.
        mains: main lives at once, with windows that do not overlap: as many as fit beside each other, `size // window`
            in each direction, at most.
        children: births in a round of one main life, by operators that have paid (`Breeder`); 0 breeds the published
            five.
        foresight: possible births looked at for each that is trained, 0 for none; needs `children`.
        optimism: standard deviations that foresight adds to what it expects of a possible birth.
        explore: probability that a possible birth is taken at random instead.
        confirm: whether a child that would be the best of the world is scored again, and counts with the mean: the
            best of many is mostly lucky.
        renewal: rounds as main life without success after which a newcomer takes the place of a life that is not the
            best; 0 lets all stay.
        expectation: what experience of other tasks lets one expect of networks: it chooses half of the first founders,
            and foresight begins with it; `None` for none.
        ancestors: legal genomes that are the first founders of all.
    """

    ranges: ClassVar[Mapping[str, Allowed]] = {
        "window": Range(3), "boundary": BOUNDARIES, "r": Range(0), "r_end": Range(0), "measure": ("accuracy", "error"),
        "noise": Range(0), "repair": ("none", "drop"), "reevaluate": Range(1), "mutation_points": Range(1),
        "selection": Range(0), "mains": Range(1), "children": Range(0), "foresight": Range(0), "explore": Range(0, 1),
        "renewal": Range(0),
    }  # fmt: skip

    def __init__(  # noqa: PLR0913 - every open point of the 2017 text is a setting
        self,
        space: Space,
        seeds: Seeds,
        fidelity: Fidelity,
        *,
        size: int = 7,
        rounds: int | None = 150,
        window: int = 3,
        boundary: str = "torus",
        r: float = 0.02,
        r_end: float | None = None,
        measure: str = "accuracy",
        noise: float = 0.0,
        validation: int = 0,
        repair: str = "none",
        reevaluate: int = 1,
        mutation_points: int = 1,
        resample_pool: bool = False,
        only_if_worse: bool = False,
        selection: float = 0.0,
        mains: int = 1,
        children: int = 0,
        foresight: int = 0,
        optimism: float = 1.0,
        explore: float = 0.1,
        confirm: bool = False,
        renewal: int = 0,
        expectation: Expectation | None = None,
        ancestors: Sequence[Genome] = (),
    ) -> None:
        super().__init__(space, seeds, fidelity)
        self.check(
            window=window, boundary=boundary, r=r, r_end=r_end, measure=measure, noise=noise, repair=repair,
            reevaluate=reevaluate, mutation_points=mutation_points, selection=selection, mains=mains, children=children,
            foresight=foresight, explore=explore, renewal=renewal,
        )  # fmt: skip
        check_range("rounds", rounds or 0, 0)
        check_range("validation", validation, 0)
        if rounds is None and r_end is not None:
            raise InputError("r_end", given=f"{r_end} without rounds", expected="a number of rounds to reach it in",
                             mend="give --rounds too")  # fmt: skip
        if foresight and not children:
            raise InputError("foresight", given=f"{foresight} without children", expected="children above 0",
                             mend="set children=2 too")  # fmt: skip
        self.world = World(size, window, boundary)
        if mains > (most := self.world.most_apart):
            room = f"at most {most} in a world of {size} x {size} cells with windows of {window} x {window}"
            raise InputError("mains", given=mains, expected=room, mend="make the world larger, or take fewer")
        self.rounds, self.round = rounds, 0
        self.r, self.r_end = r, r if r_end is None else r_end
        self.measure, self.noise, self.validation = measure, noise, validation
        self.repair, self.reevaluate = repair, reevaluate
        self.mutation_points, self.resample_pool, self.only_if_worse = mutation_points, resample_pool, only_if_worse
        self.selection, self.mains, self.children, self.renewal = selection, mains, children, renewal
        self.foresight, self.confirm = foresight, confirm
        self._rng = seeds.stream("artificial-life")
        self._expectation, self._ancestors = expectation, ancestors
        chooses = foresight, optimism, explore, expectation, self.infeasible
        self._breeder = Breeder(space, self._rng, *chooses) if children else None
        self._unmoved: Counter[Cell] = Counter()
        self._repeats = [0.0, 0.0]
        self._learned_from: set[tuple[str, int]] = set()
        self._confirmed: set[Genome] = set()
        self._story = self._evolve()
        self._over = False
        self._births: list[Birth] = []
        self._queue: list[Proposal] = []
        self._answers: dict[int, list[Result]] = {}
        self._advance(first=True)

    def view(self) -> dict[str, Any]:
        """`round`, `rounds`, the `world` as rows of lives, its `diversity`, and how often `operators` are drawn."""
        return {
            "round": self.round,
            "rounds": self.rounds,
            "world": self.world.snapshot(),
            "diversity": self.diversity(),
            "operators": self._breeder.shares if self._breeder else {},
        }

    def diversity(self) -> dict[str, float]:
        """How different the lives are: share of genomes that are `distinct`, mean edit `distance` to the best."""
        lives = self.world.lives()
        if not lives:
            return {"distinct": 0.0, "distance": 0.0}
        best = max(lives, key=lambda life: life.worth)
        counts = Counter(life.genome for life in lives)
        away = sum(count * distance(genome, best.genome) for genome, count in counts.items())
        return {"distinct": len(counts) / len(lives), "distance": away / len(lives)}

    def living(self) -> set[str]:
        """The lives in the world and those about to be born."""
        return {life.genome.key for life in self.world.lives()} | {birth.genome.key for birth in self._births}

    def _evolve(self) -> Rounds:
        """The whole life of the world, top to bottom."""
        world = self.world
        yield from self._settle()
        while self.rounds is None or self.round < self.rounds:
            self.round += 1
            # steps 2.1 to 2.3: main lives and what is born of them
            scenes = [self._scene(main) for main in self._choose_mains()]
            lives = iter((yield [birth for scene in scenes for birth in scene.births]))
            for scene in scenes:
                scene.lives = list(islice(lives, len(scene.births)))
            yield from self._confirm(scenes)
            # step 2.4: the best child against s1, then against s2
            for scene in scenes:
                self._compare(scene)
            # step 2.5: mutants of the best child replace the two worst others near s1
            lives = iter((yield [birth for scene in scenes for birth in self._newcomers(scene)]))
            for scene in scenes:
                for cell, life in zip(scene.cells, islice(lives, len(scene.newcomers)), strict=False):
                    world[cell] = life
                    self._unmoved[cell] = 0
                self._note_round(scene)

    def _settle(self) -> Rounds:
        """Step 1: founders for all cells; with foresight those after the first are chosen by it."""
        world = self.world
        blind = min(BLIND, len(world.cells)) if self.foresight else len(world.cells)
        births = [Birth("init", genome) for genome in led_by(self._ancestors, self._first_founders(blind))]
        cells = iter(world.cells)
        while births:
            lives = yield births
            settled = list(islice(cells, len(lives)))
            for cell, life in zip(settled, lives, strict=True):
                world[cell] = life
            self._note("settled", changed=self._changed(settled))
            left = min(self.mains, len(world.cells) - len(world))
            births = self._breeder.newcomers(left, self._known_keys) if self._breeder and left else []
            births = [birth._replace(operator="init") for birth in births]
        rest = list(cells)  # the space is used up
        for cell in rest:
            world[cell] = world.lives()[int(self._rng.integers(len(world)))]
        if rest:
            self._note("settled", changed=self._changed(rest))

    def _first_founders(self, n: int) -> list[Genome]:
        if self._expectation is None:
            return self.space.founders(n, self._rng)
        return self._expectation.founders(of_networks(self.space, "artificial-life"), n, self._rng)

    def _choose_mains(self) -> list[Cell]:
        """Main lives whose windows do not overlap: one anywhere, the others a whole number of windows away from it.

        Were each anywhere its window leaves the others whole, gaps narrower than a window would often leave room for
        fewer than `mains`.
        """
        mains = [self._draw(self.world.cells)]
        if self.mains > 1:
            free = [cell for cell in self.world.apart(mains[0]) if cell != mains[0]]
            while len(mains) < self.mains:
                mains.append(self._draw(free))
                free.remove(mains[-1])
        return mains

    def _draw(self, cells: Sequence[Cell]) -> Cell:
        """One of these cells, those of better lives with a larger probability where there is `selection`."""
        if not self.selection:
            return cells[int(self._rng.integers(len(cells)))]
        ranks = np.argsort(np.argsort([self.world[cell].worth for cell in cells], kind="stable"), kind="stable")
        weights = np.exp(self.selection * ranks / max(1, len(cells) - 1))
        return cells[int(self._rng.choice(len(cells), p=weights / weights.sum()))]

    def _scene(self, main: Cell) -> Scene:
        """Steps 2.1 to 2.3: an auxiliary life near the main life, self copy and crossover."""
        near = self.world.neighbours(main)
        auxiliary = near[int(self._rng.integers(len(near)))]
        s1, s2 = self.world[main], self.world[auxiliary]
        if self._breeder:
            known = self._known_keys
            return Scene(main, auxiliary, self._breeder.children(s1.genome, s2.genome, self.children, known))
        parents = (s1.genome.key, s2.genome.key)
        births: list[Birth] = []
        if not self.space.fixed_length:
            births.append(Birth("copy", self._mend(replicate(s1.genome)), parents[:1]))
        crossed = cross(s1.genome, s2.genome, self.space, self._rng, known=self._known_keys)
        births += [Birth("cross", self._mend(child), parents) for child in crossed]
        return Scene(main, auxiliary, births)

    def _confirm(self, scenes: list[Scene]) -> Rounds:
        """Score again the best child of a scene while it is new and its score better than that of all lives."""
        record = max(0.0, *(life.worth for life in self.world.lives()))
        while self.confirm:
            best = [(scene, _best_place(scene.lives)) for scene in scenes if scene.lives]
            fresh = [
                (scene, place)
                for scene, place in best
                if scene.lives[place].worth > record and scene.births[place].genome not in self._confirmed
            ]
            if not fresh:
                break
            births = [scene.births[place] for scene, place in fresh]
            self._confirmed |= {birth.genome for birth in births}
            again = yield [birth._replace(repeat=self.reevaluate) for birth in births]
            for (scene, place), life in zip(fresh, again, strict=True):
                if life.worth >= 0:  # else there is no second score
                    mean = (scene.lives[place].worth + life.worth) / 2
                    scene.lives[place] = replace(scene.lives[place], worth=mean)

    def _compare(self, scene: Scene) -> None:
        """Step 2.4: the best child takes the place of s1, and of s2, if it is better; ties go to the cheaper."""
        world, lives = self.world, scene.lives
        s1, s2 = world[scene.main], world[scene.auxiliary]
        if self._breeder:
            for life in lives:
                self._breeder.reward(life.origin, life.worth > s1.worth)
        scene.best = lives[_best_place(lives)] if lives else None
        if scene.best is None or not self._better(scene.best, s1):
            self._unmoved[scene.main] += 1
            return
        displaced = [scene.main, scene.auxiliary] if self._better(scene.best, s2) else [scene.main]
        for cell in displaced:
            world[cell] = scene.best
            self._unmoved[cell] = 0
        scene.displaced = tuple(displaced)

    def _newcomers(self, scene: Scene) -> tuple[Birth, ...]:
        """Step 2.5: mutants of the best child for the two worst others, ties at random; or the renewal of the main."""
        if scene.displaced and scene.best:
            others = [cell for cell in self.world.neighbours(scene.main) if cell != scene.auxiliary]
            others = [others[i] for i in self._rng.permutation(len(others))]
            worst = sorted(others, key=lambda cell: self.world[cell].worth)[:2]
            if self.only_if_worse:
                worst = [cell for cell in worst if self._better(scene.best, self.world[cell])]
            scene.cells, scene.newcomers = tuple(worst), tuple(self._mutants(scene.best.genome, len(worst)))
        elif self.renewal and self._unmoved[scene.main] >= self.renewal and not self._is_best(scene.main):
            sample = self._breeder.newcomers(1, self._known_keys) if self._breeder else self._founder()
            scene.cells, scene.newcomers = (scene.main,), tuple(sample)
        return scene.newcomers

    def _mutants(self, genome: Genome, n: int) -> list[Birth]:
        if self._breeder:
            return self._breeder.mutants(genome, n, self._known_keys) if n else []
        mutants = [mutate(genome, self.space, self._rng, self.mutation_points, self.resample_pool) for _ in range(n)]
        return [Birth("mutate", mutant, (genome.key,)) for mutant in mutants]

    def _founder(self) -> list[Birth]:
        return [Birth("newcomer", self.space.newcomer(self._rng))]

    def _is_best(self, cell: Cell) -> bool:
        return self.world[cell].worth >= max(life.worth for life in self.world.lives())

    def _better(self, x: Life, y: Life) -> bool:
        done = (self.round - 1) / max(1, self.rounds - 1) if self.rounds else 0.0
        ratio = self.r + (self.r_end - self.r) * done
        if not better(x.worth, y.worth, ratio, self.measure):
            return False
        return not self.noise or x.worth - y.worth > self.noise * self._standard_error(x.worth, y.worth)

    def _standard_error(self, *scores: float) -> float:
        """Of the difference of two scores: from the size of the validation part and the spread of repeats.

        What has no score (below 0) is behind by more than chance: nothing is added for it.
        """
        count, squares = self._repeats
        spread = squares / count if count else 0.0
        sampling = [max(0.0, score * (1 - score)) / self.validation if self.validation else 0.0 for score in scores]
        return math.sqrt(sum(sampling) + 2 * spread / self.reevaluate)

    def _mend(self, genome: Genome) -> Genome:
        return self.space.mend(genome) if self.repair == "drop" else genome

    def _note_round(self, scene: Scene) -> None:
        changed = dict.fromkeys((*scene.displaced, *scene.cells))
        self._note(
            "round",
            round=self.round,
            main=scene.main,
            auxiliary=scene.auxiliary,
            outcome="displaced" if scene.displaced else "renewed" if scene.newcomers else "kept",
            best=scene.best and scene.best.genome.key,
            changed=self._changed(changed),
        )

    def _changed(self, cells: Iterable[Cell]) -> list[dict[str, Any]]:
        return [{"cell": cell, "genome": self.world[cell].genome.key} for cell in cells]

    # The evolution above is a generator; the three methods below feed it.

    def _propose(self, n: int) -> list[Proposal]:
        idle = 0
        while not self._queue and not self._over and self._answered() and idle < MOST_IDLE:
            self._advance()
            idle += not self._births
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
        if self._breeder:
            self.notes += self._breeder.notes
            self._breeder.notes = []
        self._answers = {slot: [] for slot in range(len(self._births))}
        self._queue = [
            Proposal(birth.genome, birth.operator, birth.parents, birth.repeat + again, slot)
            for slot, birth in enumerate(self._births)
            for again in range(self.reevaluate)
        ]

    def _life(self, birth: Birth, results: list[Result]) -> Life:
        """A life is worth the mean score of its trainings, in whatever order these ended, or the best without one."""
        genome = birth.genome
        worth = worth_of(results)
        if all(result.failure is None for result in results):
            if scores := [result.score for result in results if result.score is not None]:
                self._repeats[0] += len(scores) - 1
                self._repeats[1] += math.fsum((score - worth) ** 2 for score in scores)
            if self._breeder and (genome.key, birth.repeat) not in self._learned_from:
                self._learned_from.add((genome.key, birth.repeat))
                self._breeder.learn(genome, worth)
        return Life(genome, worth, self.space.cost(genome).macs, birth.operator)
