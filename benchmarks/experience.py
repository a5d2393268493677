"""The experience that the package ships, and what it is worth.

    python benchmarks/experience.py make [--table benchmarks/own_space.json.gz] [--without TASK ...] [--out FILE]
    python benchmarks/experience.py check [--table FILE] [--draws 100] [--usual]

`make` writes `neuralfinder/networks/experience.json` from the table of our own space (`own_space.py`): every look at
every training; without those of some tasks for searches on such that are to show what experience of others is worth.
`check` leaves out one task after the other: how well do expectations rank its networks (Spearman), are deviations as
large as they are said to be, and how far, in points of accuracy, are the first one, two, three and five networks chosen
by experience from the best of the table, beside the same number of random ones and beside single networks by hand and
like those of the rules of thumb. All of it after the table's full trainings, and where all have only half the seconds
that the median network's full training takes. With `--usual` only among networks with convolutions and a pooled head,
which random ones of a search mostly are.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from own_networks import BY_HAND
from own_table import FEWEST, FILE, OwnSpace, Training, rank_agreement, read

from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.expectation import Expectation, Past, Row, normal_scores
from neuralfinder.networks.experience import FILE as SHIPPED
from neuralfinder.networks.experience import Experience
from neuralfinder.networks.genome import Genome, PoolHead, parse
from neuralfinder.networks.recipe_genes import RecipeGene, in_order
from neuralfinder.types import Shape

FIRST = (1, 2, 3, 5)
"""How many networks are trained."""

LIKE_RULES = {
    "chain": ("C32.bn M C64.bn C64.bn M C128.bn C128.bn > G", "C128 C128 > GM.d50"),
    "residual": (
        "C32.bn M C64.bn C64.bn C64.bn.add2 M C128.bn C128.bn C128.bn.add2 > G",
        "C128 C128 C128.add2 > GM.d50",
    ),
    "wide": ("C64.bn M C128.bn M C256.bn > G", "C256.k1 > GM.d50"),
}  # fmt: skip
"""Networks as the rules of thumb have them, for pictures and for texts, at one width."""


def of_table(space: OwnSpace, without: Sequence[str] = ()) -> Experience:
    """All looks at trainings, at full size; chance for what had diverged.

    Without some tasks, and without those that are of the same samples.
    """
    left_out = {space.tasks[name]["fingerprint"] for name in without}
    names = [name for name, task in space.tasks.items() if task["fingerprint"] not in left_out]
    tasks = tuple(Past(t["train"], Shape(*t["shape"]), t["classes"]) for t in map(space.tasks.__getitem__, names))
    rows = []
    for training in space.trainings:
        if training.task not in names:
            continue
        task = space.tasks[training.task]
        whole = training.kind == "trunk" and not training.small  # in parts of those that begin with small pictures
        for share in space.shares if whole else (training.length,):
            point = training.at(share)
            accuracy = round(point.judged, 4) if point else 1 / task["classes"]
            place, key = names.index(training.task), as_trained(space, training).key
            rows.append(Row(place, key, round(share * task["steps"]), accuracy, training.drawn))
    return Experience(tasks, tuple(rows))


def as_trained(space: OwnSpace, training: Training) -> Genome:
    """The network with what its training had otherwise than usual."""
    text = bool(Shape(*space.tasks[training.task]["shape"]).vocabulary)
    mirrored = space.tasks[training.task]["mirror"]
    others = [RecipeGene("rate", training.rate)] if training.rate != 1 else []
    others += [RecipeGene("shift", 0)] if not text and not training.shift else []
    others += [RecipeGene("mirror", float(training.mirror))] if training.mirror != mirrored else []
    others += [RecipeGene("small", training.small)] if training.small else []
    others += [RecipeGene("adversarial", 0)] if text and not training.adversarial else []
    return dataclasses.replace(parse(training.genome), recipe=in_order(others))


def expectation_of(
    known: Experience, name: str, task: Mapping[str, Any], steps: Callable[[Genome], float] | None = None
) -> Expectation:
    """What is expected on a task of the table, of networks that are trained for so many steps; by default fully."""
    steps = steps or (lambda _: task["steps"])
    found = known.expectation(task["train"], Shape(*task["shape"]), task["classes"], steps)
    if found is None:
        raise SystemExit(f"{name} is the only task of its kind")
    return found


class Left:
    """The task that is left out: its networks, how far each comes, and what experience expects."""

    def __init__(self, space: OwnSpace, name: str, halved: bool, usual: bool = False) -> None:
        task = space.tasks[name]
        shape, self.space = Shape(*task["shape"]), ChainSpace(Shape(*task["shape"]), task["classes"])
        trainings = [t for t in space.usual(name).values() if not usual or is_usual(parse(t.genome))]
        seconds = [t.step_seconds * task["steps"] for t in trainings]
        given = 0.5 * float(np.median(seconds)) if halved else np.inf
        self.genomes = [parse(t.genome) for t in trainings]
        shares = {
            genome: max((s for s in space.shares if s * taken <= given), default=space.shares[0])
            for genome, taken in zip(self.genomes, seconds, strict=True)
        }
        points = [t.at(shares[g]) for t, g in zip(trainings, self.genomes, strict=True)]
        self.judged = np.array([point.judged if point else 1 / task["classes"] for point in points])
        known = of_table(space, [name])
        self.expectation = expectation_of(known, name, task, lambda genome: shares[genome] * task["steps"])
        self.text = bool(shape.vocabulary)

    def missing(self, chosen: Sequence[int]) -> float:
        """Points that the best of these is behind the best of the table."""
        return 100 * float(self.judged.max() - self.judged[list(chosen)].max())

    def of(self, genome: Genome) -> float:
        """The same of one network; not a number where the table lacks it."""
        mended = self.space.mend(genome)
        return self.missing([self.genomes.index(mended)]) if mended in self.genomes else np.nan


def is_usual(genome: Genome) -> bool:
    return genome.convolutions > 0 and isinstance(genome.head, PoolHead)


def check(space: OwnSpace, draws: int, usual: bool) -> None:
    for halved in (False, True):
        print("\nhalf of the median network's seconds" if halved else "full trainings")
        print(
            f"{'task':<11}  n    rho within 1  {'experience 1 2 3 5':<28}{'random 1 2 3 5':<29}"
            f"by hand, {', '.join(LIKE_RULES)}"
        )
        table = []
        for name in space.tasks:
            left = Left(space, name, halved, usual)
            if len(left.genomes) < FEWEST:
                continue
            mean, spread = left.expectation.predict(left.genomes)
            chosen = left.expectation.ranked(left.genomes, max(FIRST))
            rng = np.random.default_rng(0)
            orders = [rng.permutation(len(mean)) for _ in range(draws)]
            scores = normal_scores(left.judged)
            off = np.abs((scores - scores.mean()) - (mean - mean.mean())) < spread
            row = [
                rank_agreement(list(zip(mean, left.judged, strict=True))), off.mean(),
                *(left.missing(chosen[:k]) for k in FIRST),
                *(np.mean([left.missing(order[:k]) for order in orders]) for k in FIRST),
                *(left.of(parse(keys[left.text])) for keys in (BY_HAND, *LIKE_RULES.values())),
            ]  # fmt: skip
            table.append(row)
            print(f"{name:<11}{len(mean):>3}" + "".join(f"{value:7.2f}" for value in row))
        print(f"{'mean':<14}" + "".join(f"{value:7.2f}" for value in np.nanmean(table, axis=0)))
        print(f"{'median':<14}" + "".join(f"{value:7.2f}" for value in np.nanmedian(table, axis=0)))
        print(f"{'tasks':<14}" + "".join(f"{count:7d}" for count in np.isfinite(table).sum(0)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, dest="do")
    parts = {name: commands.add_parser(name) for name in ("make", "check")}
    for command in parts.values():
        command.add_argument("--table", type=Path, default=FILE)
    parts["make"].add_argument("--without", nargs="+", default=(), choices=sorted(read().tasks))
    parts["make"].add_argument("--out", type=Path, default=SHIPPED)
    parts["check"].add_argument("--draws", type=int, default=100)
    parts["check"].add_argument("--usual", action="store_true", help="only convolutions and pooled heads")
    chosen = parser.parse_args()
    space = read(chosen.table)
    if chosen.do == "check":
        check(space, chosen.draws, chosen.usual)
        return
    text = json.dumps(of_table(space, chosen.without).plain(), separators=(",", ":")).replace("],[", "],\n[")
    chosen.out.write_text(text + "\n", "utf-8")
    print(f"{chosen.out}: {text.count(chr(10))} lines, {len(text):,} bytes")


if __name__ == "__main__":
    main()
