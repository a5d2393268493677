"""Few pictures: what their own augmentation and a last training on all of them are worth.

    python benchmarks/few.py shares CIFAR [--samples 400] [--draws 0 1 ...] [--shares 0 0.3 0.6 1] [--epochs 40]
    python benchmarks/few.py searches ROWS --task few=PATH,limit=400 [--minutes 2] [--seeds 0 1 ...] [...]

Shares: CIFAR is a folder with train/ and test/ of a folder a class. Each draw takes so many of the training pictures,
four fifths of them as training part. A network is trained on this part, and for the last of its time, a share of the
steps, on all pictures, as a run hands it over. All have the same number of steps. Prints, as they come, how much of the
test part is answered rightly after each.

Searches: whole ones as they come, and without both; arguments and rows are those of `suite.py`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import suite
import torch
from PIL import Image
from sklearn.model_selection import train_test_split

from neuralfinder.comparison.compare import figures
from neuralfinder.data import Divided
from neuralfinder.data.changes import harmless_changes
from neuralfinder.job.planner import batch_size_for
from neuralfinder.job.settings import Settings
from neuralfinder.networks.genome import parse
from neuralfinder.seeds import Seeds, torch_seed
from neuralfinder.training.batches import Part, Scaling
from neuralfinder.training.build import build
from neuralfinder.training.machine import has_bf16
from neuralfinder.training.recipes import RECIPES
from neuralfinder.training.train import Setup, score, train
from neuralfinder.types import Fidelity

GENOME = parse("C16.bn M C32.bn M C64.bn > G")

TEST, POOL = 300, 300
"""Pictures of each class that judge, and that are drawn from."""


def read(folder: Path, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures `(n, 3, 32, 32)` and labels of so many files of each class."""
    classes = sorted(folder.iterdir())
    files = [file for each in classes for file in sorted(each.iterdir())[:count]]
    pictures = np.array([np.asarray(Image.open(file).convert("RGB")) for file in files])
    return pictures.transpose(0, 3, 1, 2).copy(), np.repeat(np.arange(len(classes)), count)


def setup_of(X: np.ndarray, y: np.ndarray, own: np.ndarray, rest: np.ndarray) -> Setup:
    """What trainings on these rows share, as a run has it."""
    train, validation = (Part.of(X, y, rows, torch.device("cpu")) for rows in (own, rest))
    recipe = replace(RECIPES["final"], measures=1)
    harmless = harmless_changes(X[own], y[own], recipe.shift, Seeds(0).stream("mirror"))
    return Setup(
        train, validation, int(y.max()) + 1, Scaling.of(train), recipe, batch_size_for(len(own), recipe, None),
        bool(harmless.mirror), has_bf16(torch.device("cpu")), shifts=bool(harmless.shift), few=True,
    )  # fmt: skip


def right(setup: Setup, test: Part, share: float, epochs: int, seed: int) -> float:
    """The share of right answers on the test part of a network that had all pictures for this share of its time."""
    setup, trunk = setup.of(GENOME), None
    last = setup.whole() if share else setup
    before = round((1 - share) * epochs) % epochs  # the only training is the last one, too
    with torch_seed(seed):
        network = build(GENOME, setup.shape, setup.classes, setup.recipe.initialisation)
        if before:
            trunk = train(network, setup, Fidelity(before), seed, falls=False).trunk
        left = Fidelity.of((epochs - before) * len(setup.train) / len(last.train))
        train(network, last, left, seed + 1, trunk=trunk)
    return score(network, test, setup)


AS_IT_COMES, WITHOUT = "artificial-life", "without"
"""Methods: the search, and the same without augmentation of its own for few pictures and last training on all."""


def measure(method: str, data: Divided, settings: Settings, folder: Path) -> Mapping[str, Any]:
    """The figures of a search, made in its process."""
    if method == AS_IT_COMES:
        return figures(AS_IT_COMES, data, settings, folder)
    recipe = replace(RECIPES["final"], refit=False)
    with patch.dict(RECIPES.own, final=recipe), patch("neuralfinder.job.prepare.FEW", 0):
        return {**figures(AS_IT_COMES, data, settings, folder), "method": WITHOUT}


def searches(arguments: list[str]) -> None:
    chosen = suite.parser(__doc__ or "", [AS_IT_COMES, WITHOUT]).parse_args(arguments)
    suite.fill(chosen, chosen.methods, measure)


def shares(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cifar", type=Path)
    parser.add_argument("--samples", type=int, default=400)
    parser.add_argument("--draws", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--shares", type=float, nargs="+", default=[0, 0.3, 0.6, 1])
    parser.add_argument("--epochs", type=int, default=40, help="over the training part")
    chosen = parser.parse_args(arguments)
    X, y = read(chosen.cifar / "train", POOL)
    test_X, test_y = read(chosen.cifar / "test", TEST)
    test = Part.of(test_X, test_y, np.arange(len(test_y)), torch.device("cpu"))
    for draw in chosen.draws:
        rows, _ = train_test_split(np.arange(len(y)), train_size=chosen.samples, stratify=y, random_state=draw)
        own, rest = train_test_split(rows, test_size=0.2, stratify=y[rows], random_state=draw)
        setup = setup_of(X, y, own, rest)
        for share in chosen.shares:
            print(f"draw {draw} {share:g} {100 * right(setup, test, share, chosen.epochs, 10 * draw):6.2f}", flush=True)


if __name__ == "__main__":
    which = {"shares": shares, "searches": searches}.get((sys.argv[1:] or [""])[0])
    if which is None:
        sys.exit(__doc__)
    which(sys.argv[2:])
