"""How much experience is worth beside what a short training shows, on the table of our own space.

    python benchmarks/judgement.py pairs [--table benchmarks/own_space.json.gz]
    python benchmarks/judgement.py begin [--table FILE]
    python benchmarks/judgement.py folds [--table FILE] [--times T ...]
    python benchmarks/judgement.py back [--table FILE]

`pairs` says of how many pairs of networks accuracy so far, what experience expects, and both together tell which one is
better in the end; what both weigh then, which the weights of `networks/expectation.py` are taken from; and how well
either ranks all networks of a task. Experience has neither the task nor the networks of the same fifth.

`begin` begins n networks, in the order in which experience of other tasks proposes them, each for a share of the time;
the one that is worth most then has the rest. It prints how far, in points of accuracy, that one ends behind the best
network of the table with all its training, where the time is that of some median full trainings. Between two looks at a
training its accuracy is linear in the logarithm of its length; before the first one it is that of the first.

`folds` does the same for tasks of pictures as if few samples were there for choosing: so many right answers as one
draws of them. A network is trained for its share of the time on one split, or is judged by the mean over folds, on each
of which it has had an equal part of that time; the training on the first fold is the one that goes on.

`back` has every training of pictures go back, for good, to where it was before a doubling that made it worse on the
samples seen by so many times two standard errors. It prints by task how many there are, their mean accuracy on the
samples that judge, and how many went back and were right to do so: at the end of a whole training they are worse.
"""

from __future__ import annotations

import argparse
import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from experience import as_trained, expectation_of, of_table
from own_table import FEWEST, FILE, OwnSpace, Point, Training, rank_agreement, read

from neuralfinder.job.forecast import MOST_FINALISTS, noise
from neuralfinder.job.planner import WINNERS_SHARE
from neuralfinder.networks.expectation import GAINS, WEIGHTS, log_odds
from neuralfinder.networks.experience import Experience
from neuralfinder.networks.genome import Genome, parse
from neuralfinder.types import Shape

TIMES = 0.5, 1, 2, 4
"""Median full trainings that there is time for."""

BEGUN = (1, 0), *itertools.product((2, 3, 4, 6), (1 / 24, 1 / 16, 1 / 8))
"""Networks begun, and the share of the time that each of them has before one is chosen."""

SAMPLES, PARTS = (40, 80, 160), (1, 2, 4)
"""Samples of a validation part, and folds."""

CHOSEN = *itertools.product((2, 4), (1 / 16, 1 / 8)), (2, 1 / 4)
"""Networks begun, and the share of the time that each of them has, all folds together."""

DRAWS = 400
"""Of right answers, for a mean."""

WORSE = 0.25, 0.5, 0.75, 1.0, 1.5, math.inf
"""Times two standard errors by which a training has to be worse to go back."""

FOLDS = 5
"""Of networks: what is expected of one is from experience that has neither its task nor its fold."""

MANY = 12
"""Networks of a task by which a rank correlation is told."""

ALIKE = 0.004
"""Networks whose accuracies differ by less are no pair: training one of them again differs by more."""


class Pairs:
    """Pairs of networks of which one at least is of the better half of its task, and what is known of each pair."""

    def __init__(self, space: OwnSpace) -> None:
        self.space = space
        keys = sorted({parse(training.genome).key for training in space.trainings})
        fold = dict(zip(keys, np.random.default_rng(0).permutation(len(keys)) % FOLDS, strict=True))
        self.tasks: dict[str, tuple[list[Training], np.ndarray]] = {}
        for name, task in space.tasks.items():
            trained = [t for t in space.trunks(name, recipes=True) if t.points and t.points[-1].share == 1]
            others, expected = of_table(space, [name]), np.zeros((len(trained), len(space.shares)))
            for number in range(FOLDS):
                own = [place for place, t in enumerate(trained) if fold[parse(t.genome).key] == number]
                rows = tuple(row for row in others.rows if fold[row.genome.partition(" |")[0]] != number)
                for column, share in enumerate(space.shares if own else ()):
                    steps = share * task["steps"]
                    known = expectation_of(Experience(others.tasks, rows), name, task, lambda _, steps=steps: steps)
                    expected[own, column] = known.mean([as_trained(space, trained[place]) for place in own])
            self.tasks[name] = trained, expected

    def at(self, share: float, texts: bool | None) -> tuple[np.ndarray, np.ndarray]:
        """Differences `(n, 2)`, better network first, in log-odds of what was seen and in what is expected; weights.

        All tasks weigh alike; `texts` takes those of one kind alone.
        """
        differences: list[tuple[float, float]] = []
        weights: list[float] = []
        for name, (trained, expected) in self.tasks.items():
            task = self.space.tasks[name]
            if texts is not None and bool(Shape(*task["shape"]).vocabulary) != texts:
                continue
            seen = [t.at(share) for t in trained]
            places = [place for place, point in enumerate(seen) if point]
            odds = log_odds([point.averaged or 0.0 if point else 0.0 for point in seen], task["seen"])
            judged = np.array([t.points[-1].judged for t in trained])
            own = []
            for a, b in itertools.permutations(places, 2):
                if judged[a] >= np.median(judged[places]) and judged[a] >= judged[b] + ALIKE:
                    own.append((odds[a] - odds[b], float(expected[a, -1] - expected[b, -1])))
            differences += own
            weights += [1 / len(own)] * len(own)
        return np.array(differences), np.array(weights) / sum(weights)

    def agreement(self, name: str) -> Iterator[tuple[float, float, float, float]]:
        """For each share: how accuracy then, and what a race goes by then, rank networks as they are in the end.

        The last is how far, in points, the best of the three that are worth most ends behind the best of all.
        """
        trained, expected = self.tasks[name]
        task = self.space.tasks[name]
        kind = bool(Shape(*task["shape"]).vocabulary)
        for column, share in enumerate(self.space.shares[:-1]):
            points = [t.at(share) for t in trained]
            places = [place for place, point in enumerate(points) if point]
            odds = log_odds([point.averaged or 0.0 for point in points if point], task["seen"])
            judged = np.array([trained[place].points[-1].judged for place in places])
            final, gains = expected[places, -1], expected[places, -1] - expected[places, column]
            worths = odds + WEIGHTS[kind] / share * final + GAINS[kind] * gains
            ranks = [rank_agreement(list(zip(known, judged, strict=True))) for known in (odds, worths)]
            chosen = np.argsort(-worths)[:MOST_FINALISTS]
            yield share, *ranks, 100 * float(judged.max() - judged[chosen].max())

    def noise(self, name: str) -> float:
        """Two standard errors, in points, of the accuracy of the best network."""
        trained, _ = self.tasks[name]
        best = max(t.points[-1].judged for t in trained)
        return 200 * math.sqrt(best * (1 - best) / self.space.tasks[name]["seen"])


def told(differences: np.ndarray, weights: np.ndarray) -> tuple[float, np.ndarray]:
    """Share of pairs that logistic regression on these differences `(n, k)` tells right, and its factors `(k,)`."""
    from scipy.optimize import minimize

    def unlikely(factors: np.ndarray) -> float:
        return float(weights @ np.logaddexp(0, -differences @ factors))

    factors: np.ndarray = minimize(unlikely, np.zeros(differences.shape[1])).x
    return float(weights @ (differences @ factors > 0)), factors


def print_pairs(space: OwnSpace) -> None:
    pairs = Pairs(space)
    print("pairs told right, %: by accuracy, by experience, by both; weight of experience in both, times the share")
    for kind, texts in (("all", None), ("pictures", False), ("texts", True)):
        for share in space.shares[:-1]:
            known, weights = pairs.at(share, texts)
            ways = [told(known[:, columns], weights) for columns in ([0], [1], [0, 1])]
            seen, expected = ways[2][1]
            ratio = expected / seen * share if seen > 0 else math.nan
            row = " ".join(f"{100 * right:5.1f}" for right, _ in ways)
            print(f"{kind:<9} {share:<6g} {len(known):>5} {row}   {ratio:.2f}")
    shares = [f"{share:g}" for share in space.shares[:-1]]
    print(f"\nSpearman's rho with the accuracy in the end, tasks of {MANY} networks or more, after this share of it:")
    print(
        f"of accuracy, of worth; points that the best of the {MOST_FINALISTS} worth most ends behind the best; noise\n"
    )
    print("| task | n |", " | ".join(shares), "| noise |\n|" + "---|" * (len(shares) + 3))
    for name, (trained, _) in pairs.tasks.items():
        if len(trained) >= MANY:
            cells = [f"{seen:.2f}, {worth:.2f}; {behind:.1f}" for _, seen, worth, behind in pairs.agreement(name)]
            print(f"| {name} | {len(trained)} |", " | ".join(cells), f"| {pairs.noise(name):.1f} |")


class Begun:
    """A task whose networks are begun and chosen as a search would, with experience of the other tasks."""

    def __init__(self, space: OwnSpace, name: str, times: float) -> None:
        task = space.tasks[name]
        self.task = task
        self.trained = [t for t in space.trunks(name, recipes=True) if t.points and t.points[-1].share == 1]
        self.genomes = [as_trained(space, training) for training in self.trained]
        self.full = np.array([t.step_seconds * task["steps"] for t in self.trained])
        self.seconds = times * float(np.median(self.full))
        shares = dict(zip(self.genomes, np.minimum(1, WINNERS_SHARE * self.seconds / self.full), strict=True))

        def steps(genome: Genome) -> float:
            return max(1.0, float(shares[genome]) * task["steps"])

        self.expectation = expectation_of(of_table(space, [name]), name, task, steps)

    def behind(self, count: int, share: float) -> float:
        """Points that the chosen one of so many ends behind the best of the table."""
        begun = self.expectation.ranked(self.genomes, count)
        chosen = begun[0]
        if count > 1:
            shares = [share * self.seconds / self.full[place] for place in begun]
            seen = [_accuracy(self.trained[p], s, "averaged") for p, s in zip(begun, shares, strict=True)]
            steps = [min(1.0, share) * self.task["steps"] for share in shares]
            genomes = [self.genomes[place] for place in begun]
            chosen = begun[int(np.argmax(self.expectation.worths(genomes, seen, steps, self.task["seen"])))]
        rest = (1 - (count - 1) * share) * self.seconds / self.full[chosen]
        best = max(training.points[-1].judged for training in self.trained)
        return 100 * (best - _accuracy(self.trained[chosen], rest, "judged"))

    @cached_property
    def proposed(self) -> list[int]:
        """The places of the networks that experience proposes, in its order, as many as are begun here at most."""
        return self.expectation.ranked(self.genomes, max(count for count, _ in CHOSEN))

    def folds(self, count: int, share: float, samples: int, parts: int, rng: np.random.Generator) -> float:
        """The same where accuracies are of so many samples of each fold; a mean over draws of these."""
        begun = self.proposed[:count]
        own = [share / parts * self.seconds / self.full[place] for place in begun]
        accuracies = [_accuracy(self.trained[place], each, "averaged") for place, each in zip(begun, own, strict=True)]
        right = rng.binomial(samples * parts, accuracies, (DRAWS, count))
        genomes, steps = [self.genomes[place] for place in begun], [min(1.0, each) * self.task["steps"] for each in own]
        level = self.expectation.worths(genomes, [0.5] * count, steps, 1)  # of even odds, to which what was seen adds
        chosen = (level + log_odds(right / (samples * parts), samples * parts)).argmax(1)
        spent = share * (count - 1 / parts)  # but what the chosen one has had on its first fold
        ends = [
            _accuracy(self.trained[place], (1 - spent) * self.seconds / self.full[place], "judged") for place in begun
        ]
        best = max(training.points[-1].judged for training in self.trained)
        return 100 * (best - float(np.mean(np.array(ends)[chosen])))


def _accuracy(training: Training, share: float, kind: str) -> float:
    """After this share of a full training, above 1 as after a whole one."""
    shares, values = zip(*((point.share, getattr(point, kind)) for point in training.points), strict=True)
    return float(np.interp(math.log2(share), np.log2(shares), values))


def print_begun(space: OwnSpace) -> None:
    found: dict[tuple[bool, float, int, float], list[float]] = defaultdict(list)
    for name, task in space.tasks.items():
        for times in TIMES:
            begun = Begun(space, name, times)
            if len(begun.trained) >= FEWEST:
                for count, share in BEGUN:
                    found[bool(Shape(*task["shape"]).vocabulary), times, count, share].append(
                        begun.behind(count, share)
                    )
    for text in (False, True):
        tasks = len(found[text, TIMES[0], *BEGUN[0]])
        print(f"\n{'texts' if text else 'pictures'}, {tasks} tasks; time for {TIMES} full trainings")
        for count, share in BEGUN:
            cells = "".join(f"{np.mean(found[text, times, count, share]):7.2f}" for times in TIMES)
            print(f"{count} for {f'1/{round(1 / share)}' if share else '-':<5}{cells}")


def print_folds(space: OwnSpace, times: Iterable[float]) -> None:
    names = [name for name, task in space.tasks.items() if not Shape(*task["shape"]).vocabulary]
    for time in times:
        rng = np.random.default_rng(0)
        tasks = [begun for name in names if len((begun := Begun(space, name, time)).trained) >= FEWEST]
        print(f"\n{len(tasks)} tasks of pictures, time for {time:g} full trainings; points behind the best")
        titles = "".join(f"{f'{parts} folds' if parts > 1 else 'split':>9}" for parts in PARTS)
        print(f"begun    samples{titles}   more than the split, with its standard error over the tasks")
        for (count, share), samples in itertools.product(CHOSEN, SAMPLES):
            each = np.array([[task.folds(count, share, samples, parts, rng) for parts in PARTS] for task in tasks])
            more = each[:, 1:] - each[:, :1]
            errors = more.std(0, ddof=1) / math.sqrt(len(tasks))
            cells = "".join(f"{mean:9.2f}" for mean in each.mean(0))
            told = ", ".join(f"{mean:+.2f} +- {error:.2f}" for mean, error in zip(more.mean(0), errors, strict=True))
            print(f"{count} for 1/{round(1 / share):<4}{samples:>5}{cells}   {told}", flush=True)


def gone_back(training: Training, samples: int, worse: float) -> Point | None:
    """The point to which a training goes back, `None` where it never does."""
    for before, after in itertools.pairwise(training.points):
        then, now = before.averaged or 0.0, after.averaged or 0.0
        if now < then - worse * noise(then, samples):
            return before
    return None


def print_back(space: OwnSpace) -> None:
    names = [name for name, task in space.tasks.items() if not Shape(*task["shape"]).vocabulary]
    means = []
    print(f"task{'':<8}  n" + "".join(f"{f'{worse:g} times':>19}" for worse in WORSE))
    for name in names:
        own = [each for each in space.trainings if each.task == name and each.kind == "trunk" and not each.small]
        whole = [each for each in own if each.ended == "complete"]
        cells, reached = "", []
        for worse in WORSE:
            found = [(gone_back(each, space.tasks[name]["seen"], worse), each.points[-1]) for each in whole]
            right = sum(back.judged > end.judged for back, end in found if back)
            reached.append(100 * float(np.mean([(back or end).judged for back, end in found])))
            cells += f"{f'{reached[-1]:.2f} ({sum(back is not None for back, _ in found)}, {right})':>19}"
        means.append(reached)
        print(f"{name:<10}{len(whole):>5}{cells}")
    print(f"{'mean':<15}" + "".join(f"{mean:12.2f}{'':7}" for mean in np.mean(means, axis=0)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("do", choices=("pairs", "begin", "folds", "back"))
    parser.add_argument("--table", type=Path, default=FILE)
    parser.add_argument("--times", type=float, nargs="+", default=[1, 4, 16], help="of `folds`: full trainings")
    chosen = parser.parse_args()
    ways = {
        "pairs": print_pairs, "begin": print_begun, "folds": partial(print_folds, times=chosen.times),
        "back": print_back,
    }  # fmt: skip
    ways[chosen.do](read(chosen.table))


if __name__ == "__main__":
    main()
