"""Do short trainings rank networks as long ones do? Spearman's correlation, by fidelity.

    python benchmarks/fidelity.py [DATA] [--networks 20] [--passes 0.25 0.5 1 2] [--final 10] [--minutes 10] [--half]
        [--limit N]

Draws founders of the preset `fast` as a search of so many minutes would, trains each for every number of passes over
the training part and then fully, and compares the orders of their validation accuracies. DATA is what `neuralfinder
search` takes; without it, the bundled digits. The plan may choose a fidelity whose correlation is 0.7 or more. With
--half each is also trained for as long on pictures of half the side, twice the passes, and judged on these; networks
whose head needs a map of one size are none of them then. Prints besides how many points the best of the first three of
each order ends behind the best of all.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy.stats import spearmanr

from neuralfinder.data import source_of
from neuralfinder.data.changes import MOST_PICTURES, harmless_changes
from neuralfinder.data.splits import limited, split
from neuralfinder.job.factories import make_space
from neuralfinder.job.forecast import noise
from neuralfinder.job.plan import Speed, Task, TrainingStage
from neuralfinder.job.planner import batch_size_for, make_plan
from neuralfinder.job.settings import Settings
from neuralfinder.networks.cost import Rates
from neuralfinder.networks.genome import Genome, PoolHead
from neuralfinder.seeds import Seeds, torch_seed
from neuralfinder.training.batches import Part, Scaling
from neuralfinder.training.build import build
from neuralfinder.training.machine import describe, find_device, has_bf16, keep_memory, measure
from neuralfinder.training.recipes import RECIPES
from neuralfinder.training.train import Setup, train
from neuralfinder.types import Fidelity

BEST = 3
"""How many go on from a search, usually."""


def score(genome: Genome, setup: Setup, passes: float, *, half: bool = False) -> float:
    """Validation accuracy after so many passes over the training part; broken ones are over a share of it.

    Or after as long on pictures of half the side, on such.
    """
    epochs, setup = math.ceil(passes), setup.of(genome)
    setup = replace(setup, recipe=replace(setup.recipe, small=float(half)))
    fidelity = Fidelity(epochs, passes / epochs)
    with torch_seed(0):
        network = build(genome, setup.shape, setup.classes, setup.recipe.initialisation)
        return train(network, setup, fidelity, seed=0).score


def make_setup(data: str | None, limit: int | None, minutes: float) -> tuple[Setup, list[Genome]]:
    """The setup of a search of so many minutes, and 100 founders it would begin with."""
    dataset = source_of(data or "digits").load()
    dataset = limited(dataset, limit) if limit else dataset
    parts = split(dataset.labels, dataset.given_test, seed=0)
    device = find_device("auto")
    train_part, validation = (
        Part.of(dataset.samples, dataset.labels, rows, device) for rows in (parts.train, parts.validation)
    )
    recipe, settings, classes = RECIPES["fast"], Settings(minutes=minutes), len(dataset.classes)
    batch_size = batch_size_for(len(parts.train), recipe, None)
    scaling = Scaling.of(train_part)
    some = parts.train[:MOST_PICTURES]
    rng = Seeds(0).stream("mirror")
    harmless = harmless_changes(dataset.samples[some], dataset.labels[some], recipe.shift, rng)
    setup = Setup(train_part, validation, classes, scaling, recipe, batch_size, harmless.mirror, has_bf16(device))
    task = Task(len(parts.train), len(parts.validation), len(parts.test), dataset.shape, classes)
    rates = measure(setup, make_space(settings, task.shape, classes, Rates(), math.inf), 3.0)
    plan = make_plan(task, settings, TrainingStage.of(setup), Speed(rates), 60 * minutes)
    space = make_space(settings, task.shape, classes, rates, plan.search.max_step_seconds)
    return setup, space.founders(100, Seeds(0).stream("fidelity"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?")
    parser.add_argument("--networks", type=int, default=20)
    parser.add_argument("--passes", type=float, nargs="+", default=[0.25, 0.5, 1, 2])
    parser.add_argument("--final", type=int, default=10, help="passes of the full training")
    parser.add_argument("--minutes", type=float, default=10, help="of the search whose networks these are")
    parser.add_argument("--half", action="store_true", help="pictures of half the side, too")
    parser.add_argument("--limit", type=int, help="most samples beside the test part")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    keep_memory()
    setup, founders = make_setup(chosen.data, chosen.limit, chosen.minutes)
    trainings = [(passes, half) for half in ((False, True) if chosen.half else (False,)) for passes in chosen.passes]
    rows, able = [], [each for each in founders if not chosen.half or isinstance(each.head, PoolHead)]
    for genome in able[: chosen.networks]:
        started = time.monotonic()
        short = [score(genome, setup, passes, half=half) for passes, half in trainings]
        final = score(genome, setup, chosen.final)
        rows.append({"genome": genome.key, "short": short, "final": final})
        cells = " ".join(f"{value:.2%}" for value in (*short, final))
        print(f"{cells}  {time.monotonic() - started:5.0f} s  {genome}", flush=True)
    finals = np.array([row["final"] for row in rows])
    print(f"noise of the best on {len(setup.validation):,}: {noise(finals.max(), len(setup.validation)):.2%}")
    for place, (passes, half) in enumerate(trainings):
        early = np.array([row["short"][place] for row in rows])
        behind = finals.max() - finals[np.argsort(-early)[:BEST]].max()
        told = f"{passes:g} passes{' on half the side, as long as these,' * half} against {chosen.final}"
        rho = spearmanr(early, finals).statistic
        print(f"{told}: Spearman's rho {rho:.2f}, {behind:.2%} behind, n = {len(rows)}")
    print(f"{describe(setup.device)}, torch {torch.__version__}")
    if chosen.out:
        chosen.out.write_text(json.dumps({"trainings": trainings, "final": chosen.final, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
