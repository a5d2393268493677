"""Expectation: how good networks will be on a task, by trainings on other tasks and by what was seen of them so far.

Which network is better than which is much the same from task to task, so that networks can be ranked before any is
trained ("predict many, train few"). A Gaussian process (Rasmussen & Williams, "Gaussian processes for machine
learning", 2006, chapter 2) on a few plain features expects the normal score of a network's rank among all trainings of
its task, after as many steps as there is time for: a large network gets fewer. It has a term that all tasks share, one
that like tasks share, and one for what a single training had of its own. Its numbers were chosen by leaving out one
task of the table after the other (`benchmarks/experience.py check`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import cycle, islice, zip_longest
from typing import NamedTuple

import numpy as np

from neuralfinder.networks import sampling
from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.cost import cost, shapes
from neuralfinder.networks.genome import (
    USUAL_SIDE,
    Conv,
    DenseHead,
    Genome,
    Identity,
    PoolHead,
    halvings,
    parse,
)
from neuralfinder.networks.portfolio import portfolio, small_network
from neuralfinder.networks.recipe_genes import KINDS, Kind, RecipeGene
from neuralfinder.types import Shape

DRAWN = 64
"""Founders that are drawn to choose from, at least. More would be better, but where few networks are small enough each
takes some hundred draws, and 64 take two seconds."""

DRAWN_EACH = 3
"""Founders that are drawn for each one wanted, at least: so the last chosen are still better than most."""

OPTIMISM = 1.0
"""Standard deviations added to what is expected of a founder (Srinivas et al. 2010), so that those chosen differ. Of
0 to 1 none chose better in the table."""

SHARED, ALIKE, TRAINING, TASK, NOISE = 0.5, 0.3, 0.2, 0.1, 0.1
"""Variances of the normal score: of what all tasks share, of what like ones share, of one training whenever it is
looked at, of a task, and of a look. The rank of the trainings of a task has variance 1."""

LEVEL = 4.0
"""Variance of a task's term where none of its networks was drawn: ranks among chosen ones tell which is better, and
nothing of how good they are among all."""

UNKNOWN = ("zoom", "colour", "mix", "small", "anywhere")
"""Recipe genes that are no feature: few or no rows have them, so that whatever has one would be expected to be in the
middle (docs/LOG.md)."""

SIZES = slice(0, 3)
"""Those of `features_of` that have no end: steps, multiply-adds, parameters."""

WEIGHTS = 0.02, 0.2
"""What a normal score that is expected weighs beside the log-odds of an accuracy after a whole training, for pictures
and for texts; more the less was trained. Texts' is the middle of what is fitted to which of two networks is better in
the end, with task and network left out of the experience (`benchmarks/judgement.py pairs`)."""

GAINS = 0.8, 0.0
"""Log-odds for a normal score by which experience expects a network to gain yet. After equal seconds a small network of
pictures has had more steps than a large one, and is ahead of it for a while: a race that does not count on what is to
come ends with small ones. With it the best of four good networks after a twenty-fourth of the time is 1.2 instead of
1.5 points behind the best there is (12 tasks; 0.5 instead of 1.5 in the two whose trainings are the longest); of texts
it brings nothing (4 tasks; docs/LOG.md)."""

LEAST_SHARE = 1 / 16
"""Of a training, for which that was fitted: beyond it experience would weigh more than it was seen to be worth."""

SMOOTHING = 2
"""Added to right and wrong answers (Agresti & Coull 1998): of few samples one wrong answer says little."""

LENGTH, TASK_LENGTH = 3.0, 1.0
"""How far apart features of networks, and of tasks, are for expectations to have little to do with each other."""


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of a task.

    Attributes:
        samples: it has for training.
        shape: of one.
        classes: 2 or more.
    """

    samples: int
    shape: Shape
    classes: int

    def seen(self, genome: Genome) -> Past:
        """The task as this network sees it."""
        return replace(self, shape=genome.seen(self.shape))

    @property
    def features(self) -> list[float]:
        """Numbers by which tasks are compared: two of the first three differ by 1 where one is four times the other."""
        side = max(self.shape.height, self.shape.width)
        sizes = [math.log2(count) / 2 for count in (self.samples, self.classes, side)]
        return [*sizes, float(self.shape.line), float(self.shape.channels == 1)]


@dataclass(frozen=True, slots=True)
class Row:
    """One look at a training.

    Attributes:
        task: its place among the tasks.
        genome: key.
        steps: of training so far, above 0.
        accuracy: on samples not trained on, 0..1; that of chance for a training that diverged.
        drawn: whether its network was drawn as all are; one of somebody's choice has no part in what a rank is, where
            any was drawn.
    """

    task: int
    genome: str
    steps: int
    accuracy: float
    drawn: bool = True


BEYOND, FADING = 0.15, 0.5
"""Normal scores that a doubling of the steps brings beyond those of all rows, and what each one more brings of the one
before it. In the better half of the table's longest trainings doublings brought 0.74, 0.87, 0.6, 0.3 (to 2,048 steps)
and 1.03, 0.77, 0.27, 0.29 (to 1,024); as if each brought as much, small networks were preferred that have time for many
(docs/LOG.md)."""


SMALLER = 0.5
"""Normal scores that half of the usual side costs, of which no row tells: more than the steps seem to bring that it
leaves time for. So experience prefers no small pictures; with 32 instead of 64 pixels tiles had 36.6 to 41.1 % in a
minute (five searches), with 64 41.5 to 43.0 % (three networks by rule, one search; docs/LOG.md)."""


UNMOVED = 0.1
"""Log-odds that a network loses by each doubling of its training beside others where it is trained without the random
shifts, or the mirroring, that the data allow: what is learned by heart is learned sooner, and ends sooner. Where
shifts are allowed, trainings of the table without them were 0.21 better after a sixteenth and 0.17 worse in the end (8
tasks, 23 pairs; docs/LOG.md)."""

SPARED = RecipeGene("shift", 0), RecipeGene("mirror", 0)
"""What such networks have; there are no such genes where the data do not allow it. A linear model of pixels beside a
network is as if it had one more: in the table it is 0.14 ahead after a sixteenth and 0.04 behind in the end (23 pairs,
7 tasks), and it gains 0.3 points of CIFAR-10 by six views where others gain 2 (docs/LOG.md)."""


class Expectation:
    """What experience lets one expect of networks on a task.

    Args:
        tasks: that rows are of.
        rows: trainings on other tasks, some.
        task: the new one.
        steps: how many steps of training a network can have on it.
        shifts: whether its pictures are usually shifted.
    """

    def __init__(
        self,
        tasks: Sequence[Past],
        rows: Sequence[Row],
        task: Past,
        steps: Callable[[Genome], float],
        *,
        shifts: bool = False,
    ) -> None:
        self._tasks, self._rows, self._task, self._steps, self._shifts = tasks, rows, task, steps, shifts
        self._known: dict[tuple[str, float], float] = {}

    def predict(self, genomes: Sequence[Genome]) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation `(n,)` of the normal score of each network among all networks and lengths.

        0 is the middle, 1 is better than 84 %; only differences between networks mean anything.
        """
        mean, covariance = self._joint(genomes)
        return mean, np.sqrt(np.diag(covariance) + TRAINING)

    def mean(self, genomes: Sequence[Genome]) -> np.ndarray:
        """The mean of `predict` alone `(n,)`, for a tenth of the time."""
        return self._mean(genomes, self._given(genomes))

    def worths(
        self, genomes: Sequence[Genome], scores: Sequence[float], steps: Sequence[float], samples: float
    ) -> np.ndarray:
        """How good networks will be in the end `(n,)`: log-odds of what was seen, and what is expected.

        Experience decides what little training does not tell, and less the more was trained.

        Args:
            genomes: the networks.
            scores: of theirs so far, 0..1.
            steps: of training by then.
            samples: that scores were measured on.
        """
        kind, given = bool(self._task.shape.vocabulary), self._given(genomes)
        known = [*zip(genomes, steps, given, strict=True)]
        expected = np.array([self._alone(genome, most) for genome, _, most in known])
        gains = expected - [self._alone(genome, min(had, most)) for genome, had, most in known]
        share = min(1.0, max(LEAST_SHARE, min(steps) / max(given)))
        seen = log_odds(scores, samples) + math.log2(share) * self._losses(genomes)
        worths: np.ndarray = seen + WEIGHTS[kind] / share * expected + GAINS[kind] * gains
        return worths

    def _alone(self, genome: Genome, steps: float) -> float:
        """The mean after so many steps; alone, so that it is the same whatever networks are asked about beside it."""
        key = genome.key, steps
        if key not in self._known:
            self._known[key] = float(self._mean([genome], [steps])[0])
        return self._known[key]

    def founders(self, space: ChainSpace, n: int, rng: np.random.Generator) -> list[Genome]:
        """The `n` genomes a world begins with: by turns the best of many and one made by hand, later ones as drawn.

        Where there is time for one alone, it is the best. Those by hand are the space's `portfolio`, in its order and
        of the widths that are expected to be best, where it is `plain`; one that is among the best comes as such. As
        drawn are some since what held on small tasks need not hold on a large one. There are doubles where the space
        has too few.

        Args:
            space: draws them.
            n: 1 or more.
            rng: the generator.
        """
        by_hand = portfolio(space, self.best)[:n] if space.plain else [small_network(space)]
        drawn = sampling.founders(space, max(DRAWN, DRAWN_EACH * n), rng, by_hand)
        legal = [genome for genome in map(space.canonical, [*by_hand, *drawn]) if space.infeasible(genome) is None]
        pool = list(dict.fromkeys(legal))
        best = [pool[place] for place in self.ranked(pool, (n + 1) // 2)]
        others = [genome for genome in pool[len(by_hand) :] if genome not in best]
        turns = zip_longest([*best, *others], by_hand)
        in_turn = dict.fromkeys(genome for turn in turns for genome in turn if genome is not None)
        return [*islice(cycle(in_turn), n)]

    def best(self, genomes: Sequence[Genome]) -> Genome:
        """The one of these, some, that is expected to be best; of equals the first."""
        return genomes[int(np.argmax(self.mean(genomes).round(6)))]

    def ranked(self, genomes: Sequence[Genome], n: int) -> list[int]:
        """The places of at most `n` of these, in the order in which to train them.

        One after the other is the one with the highest upper confidence bound, given that those before it turn out as
        expected (Desautels, Krause & Burdick 2014, GP-BUCB): deviations of those like a chosen one shrink.
        """
        mean, covariance = self._joint(genomes)
        chosen: list[int] = []
        while len(chosen) < min(n, len(mean)):
            bound = mean + OPTIMISM * np.sqrt(np.diag(covariance).clip(min=0.0))
            bound[chosen] = -np.inf
            place = int(np.argmax(bound.round(6)))  # rounded: ties are so on every machine
            column = covariance[:, place].copy()
            covariance -= np.outer(column, column) / (column[place] + TRAINING + NOISE)
            chosen.append(place)
        return chosen

    def _joint(self, genomes: Sequence[Genome]) -> tuple[np.ndarray, np.ndarray]:
        """Mean `(n,)` and covariance `(n, n)` of what these networks are, whatever the luck of a training."""
        from scipy.linalg import solve_triangular

        steps = self._given(genomes)
        here = self._seen(genomes, steps)
        explained = solve_triangular(self._learned.factor, _kernel(here, self._learned.rows).T, lower=True)
        return self._mean(genomes, steps), _kernel(here, here) - explained.T @ explained

    def _given(self, genomes: Sequence[Genome]) -> list[float]:
        """Steps that each has in the end."""
        return [self._steps(genome) for genome in genomes]

    def _mean(self, genomes: Sequence[Genome], steps: Sequence[float]) -> np.ndarray:
        """What is expected `(n,)` after so many steps of each."""
        covariances = _kernel(self._seen(genomes, steps), self._learned.rows)
        mean: np.ndarray = covariances @ self._learned.weights + self._trend(genomes, steps)
        return mean

    def _seen(self, genomes: Sequence[Genome], steps: Sequence[float]) -> _Seen:
        """Networks on the new task; those longer trained, or larger, than all rows count as the most there are.

        What lies far beyond the rows would else be expected to be in the middle, worse than all good networks in them;
        what longer training brings is `_trend`.
        """
        here = _Seen.of([(genome, self._task, own) for genome, own in zip(genomes, steps, strict=True)])
        most = self._learned.rows.networks[:, SIZES].max(0)
        here.networks[:, SIZES] = here.networks[:, SIZES].clip(max=most)
        return here

    def _trend(self, genomes: Sequence[Genome], steps: Sequence[float]) -> np.ndarray:
        """What is expected `(n,)` of more steps than all rows have, and of smaller pictures than usual, as none has."""
        most, shape = max(row.steps for row in self._rows), self._task.shape
        doublings: np.ndarray = np.log2([max(1.0, own / most) for own in steps])
        usual = shape.at(USUAL_SIDE)
        halvings = np.log2([max(1.0, usual.width / genome.seen(shape).width) for genome in genomes])
        brought = BEYOND * (1 - FADING**doublings) / (1 - FADING)
        trend: np.ndarray = brought - self._losses(genomes) * doublings - SMALLER * halvings
        return trend

    def _losses(self, genomes: Sequence[Genome]) -> np.ndarray:
        """What each network `(n,)` loses beside others by a doubling of its training."""
        by_heart = [
            sum(gene in SPARED for gene in genome.recipe)
            + (self._shifts and isinstance(genome.head, PoolHead) and genome.head.pixels)
            for genome in genomes
        ]
        return UNMOVED * np.array(by_heart)

    @cached_property
    def _learned(self) -> _Learned:
        return _learn(tuple(self._tasks), tuple(self._rows))


class _Seen(NamedTuple):
    """Trainings as the Gaussian process sees them: features `(n, f)` of their networks and `(n, t)` of their tasks."""

    networks: np.ndarray
    tasks: np.ndarray

    @classmethod
    def of(cls, trainings: Sequence[tuple[Genome, Past, float]]) -> _Seen:
        networks = np.array([features_of(*each) for each in trainings])
        return cls(networks, np.array([task.seen(genome).features for genome, task, _ in trainings]))


class _Learned(NamedTuple):
    """The rows, the Cholesky factor of their covariance, and its inverse times their scores."""

    rows: _Seen
    factor: np.ndarray
    weights: np.ndarray


@lru_cache(maxsize=2)
def _learn(tasks: tuple[Past, ...], rows: tuple[Row, ...]) -> _Learned:
    """Half a second for the experience that the package ships: once for all searches of a process."""
    from scipy.linalg import cho_solve

    places = np.array([row.task for row in rows])
    genomes = np.unique([row.genome for row in rows], return_inverse=True)[1]
    accuracies, scores, levels = np.array([row.accuracy for row in rows]), np.empty(len(rows)), np.empty(len(rows))
    drawn = np.array([row.drawn for row in rows])
    for place in np.unique(places):
        own = places == place
        scores[own], levels[own] = normal_scores(accuracies[own], drawn[own]), TASK if drawn[own].any() else LEVEL
    seen = _Seen.of([(parse(row.genome), tasks[row.task], row.steps) for row in rows])
    same = places[:, None] == places
    covariance = _kernel(seen, seen) + NOISE * np.eye(len(places))
    covariance += levels * same + TRAINING * (same & (genomes[:, None] == genomes))
    factor = np.linalg.cholesky(covariance)
    return _Learned(seen, factor, cho_solve((factor, True), scores))


def log_odds(accuracies: Sequence[float] | np.ndarray, samples: float) -> np.ndarray:
    """Smoothed log-odds `(n,)` of accuracies on so many samples: one wrong answer in few says little."""
    right = np.asarray(accuracies) * samples
    odds: np.ndarray = np.log((right + SMOOTHING) / (samples - right + SMOOTHING))
    return odds


def normal_scores(values: Sequence[float] | np.ndarray, drawn: np.ndarray | None = None) -> np.ndarray:
    """Normal scores (van der Waerden) `(n,)` of the ranks of values: 0 for the middle one, whatever the distances.

    Args:
        values: any numbers `(n,)`.
        drawn: `(n,)` booleans: which values have ranks, all of them by default and where none has. The others lie on
            straight lines between these; beyond the best one, on that from the middle one to it.
    """
    from scipy.special import ndtri
    from scipy.stats import rankdata

    values = np.asarray(values, dtype=float)
    ranked = np.full(len(values), True) if drawn is None or not drawn.any() else drawn
    known, others = values[ranked], values[~ranked]
    scores = np.empty(len(values))
    scores[ranked] = ndtri((rankdata(known) - 0.5) / len(known))
    if len(others):
        order = np.argsort(known)
        xs, ys = known[order], scores[ranked][order]
        middle = len(xs) // 2
        slope = (ys[-1] - ys[middle]) / max(xs[-1] - xs[middle], 1e-6)
        scores[~ranked] = np.interp(others, xs, ys) + slope * (others - xs[-1]).clip(min=0.0)
    return scores


def features_of(genome: Genome, task: Past, steps: float) -> list[float]:
    """Numbers by which networks are compared, each scaled so that a difference of 1 matters a little.

    Logarithms to base 2: of steps, multiply-adds, parameters, depth, width and side of the last map, and the field of
    view; shares of the convolutions with what is not usual; the kind of head; what is trained otherwise than usual.
    """
    size = cost(genome, task.shape, task.classes)
    last = shapes(genome, task.shape)[-1] if genome.genes else task.shape
    convolutions = [gene for gene in genome.genes if isinstance(gene, Conv)]
    count, head = max(1, len(convolutions)), genome.head
    field, jump = 1, 1
    for gene in genome.genes:
        field += (getattr(gene, "kernel", getattr(gene, "size", 1)) - 1) * jump
        jump *= getattr(gene, "stride", 1)
    return [
        0.6 * math.log2(1 + steps),
        math.log2(1 + size.macs) / 3,
        math.log2(1 + size.parameters) / 3,
        math.log2(1 + len(convolutions)),
        math.log2(max(1, last.channels)) / 2,
        math.log2(max(1, last.height, last.width)) / 2,
        math.log2(field) / 2,
        sum(isinstance(gene, Conv | Identity) and gene.norm for gene in genome.genes) / count,
        sum(bool(gene.skips) for gene in convolutions) / count,
        sum(gene.separable for gene in convolutions) / count,
        sum(gene.activation != "relu" for gene in convolutions) / count,
        sum(halvings(gene) for gene in genome.genes if not isinstance(gene, Conv)) / 2,
        2.0 * (not convolutions),
        2.0 * (field == 1 and bool(convolutions)),
        2.0 * isinstance(head, DenseHead),
        float(isinstance(head, DenseHead) and head.units > 0),
        float(isinstance(head, PoolHead) and head.largest),
        float(isinstance(head, PoolHead) and head.dropout > 0),
        float(isinstance(head, PoolHead) and head.bag > 0),
        float(isinstance(head, PoolHead) and head.pixels),
        *_recipe(genome),
    ]


def _recipe(genome: Genome) -> list[float]:
    """A number for each recipe gene there is, 0 for as usual: five times a factor's decimal logarithm, -1 off, 1 on.

    Five, so that both a lower and a higher rate can be worse than the usual one.
    """
    values = {gene.name: gene.value for gene in genome.recipe}

    def number(name: str, kind: Kind) -> float:
        if name not in values:
            return 0.0
        if kind.factor and values[name]:
            return 5 * math.log10(values[name])
        return 1.0 if values[name] else -1.0

    return [number(name, kind) for name, kind in KINDS.items() if name not in UNKNOWN]


def _kernel(a: _Seen, b: _Seen) -> np.ndarray:
    """Covariances `(n, m)` of what trainings are expected to be."""
    alike = SHARED + ALIKE * np.exp(-_squares(a.tasks, b.tasks) / (2 * TASK_LENGTH**2))
    covariances: np.ndarray = alike * np.exp(-_squares(a.networks, b.networks) / (2 * LENGTH**2))
    return covariances


def _squares(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Squared distances `(n, m)`."""
    squares: np.ndarray = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    return squares.clip(min=0.0)
