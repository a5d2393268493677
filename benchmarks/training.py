"""Rate of the training loop against the machine's own rate of multiplying matrices, and against a plain loop.

    python benchmarks/training.py [--seconds 20] [--profile] [--out FILE]

One epoch-like stretch of each network on random data of CIFAR-10's size: augmentation, training steps and validation
as in a search (one look at a tenth as many pictures), counted as 6 floating-point operations for each multiply-add of
a training step and 2 for each of a validation pass. The plain loop takes one picture at a time from a data set of
tensors, shifts and mirrors it, and trains in fp32: what one writes without thinking of speed. Rates of one run are
compared; machines with noise give the ratio, not the rate. `--profile` prints where the time goes.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812 - the name everybody knows it by
from torch.utils.data import DataLoader, Dataset

from neuralfinder.networks.cost import cost
from neuralfinder.networks.genome import PUBLISHED_BEST, Genome, parse
from neuralfinder.training.batches import Part, Scaling
from neuralfinder.training.build import build
from neuralfinder.training.machine import describe, find_device, has_bf16, keep_memory
from neuralfinder.training.recipes import RECIPES
from neuralfinder.training.train import Setup, score, train
from neuralfinder.types import Fidelity

NETWORKS = {
    "published best": PUBLISHED_BEST,
    "middle": parse("C32.bn C32.bn M C128.bn C128.bn M C128.bn C128.bn M C128.bn > G"),
    "small": parse("C32.bn M C32.bn M > G"),
}


def matrix_rate(device: torch.device, dtype: torch.dtype, seconds: float) -> float:
    """Operations a second of products of 2048 x 2048 matrices, median of many."""
    left, right = (torch.randn(2048, 2048, device=device).to(dtype) for _ in range(2))

    def multiply() -> float:
        return float((left @ right)[0, 0])  # waits for the device

    return 2 * 2048**3 / _median_seconds(multiply, seconds)


def _median_seconds(work: Callable[[], Any], seconds: float) -> float:
    work()
    times = []
    until = time.monotonic() + seconds
    while time.monotonic() < until or len(times) < 3:
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def make_setup(device: torch.device) -> Setup:
    """Random pictures, 45,000 for training and 5,000 for validation."""
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (50_000, 3, 32, 32), dtype=np.uint8)
    labels = rng.integers(0, 10, 50_000)
    train_part, validation = (Part.of(pictures, labels, rows, device) for rows in np.split(np.arange(50_000), [45_000]))
    # a rate at which networks without normalisation do not diverge; the work is the same
    recipe = dataclasses.replace(RECIPES["fast"], learning_rate=1e-3)
    scaling = Scaling.of(train_part)
    return Setup(train_part, validation, 10, scaling, recipe, recipe.batch_size, flip=True, bf16=has_bf16(device))


def our_rate(genome: Genome, setup: Setup, seconds: float) -> float:
    """Operations a second of our loop, validation included, over a share of an epoch that takes about `seconds`."""
    macs = cost(genome, setup.shape, setup.classes).macs
    share = min(1.0, max(0.02, seconds * 2e11 / (6 * macs * len(setup.train))))
    looked_at = setup.validation.first(max(100, int(share * len(setup.validation))))
    setup = dataclasses.replace(setup, validation=looked_at)

    def work() -> None:
        train(build(genome, setup.shape, setup.classes), setup, Fidelity(1, share), seed=0)

    samples = setup.steps(share) * setup.batch_size
    return macs * (6 * samples + 2 * len(looked_at)) / _median_seconds(work, seconds)


class _Plain(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Pictures one at a time, each shifted and mirrored on its own."""

    def __init__(self, part: Part, scaling: Scaling) -> None:
        self.pictures = scaling.apply(part.pictures.cpu())
        self.labels = part.labels.cpu()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, torch.Tensor]:
        picture = F.pad(self.pictures[row : row + 1], (4, 4, 4, 4), mode="reflect")[0]
        down, right, mirror = torch.randint(0, 9, (3,)).tolist()
        picture = picture[:, down : down + 32, right : right + 32]
        return (picture.flip(2) if mirror % 2 else picture), self.labels[row]


def plain_rate(genome: Genome, setup: Setup, seconds: float) -> float:
    """Operations a second of a plain loop: no mixed precision, no channels-last, pictures one by one."""
    network = build(genome, setup.shape, setup.classes).to(setup.device)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    data = _Plain(setup.train.first(5000), setup.preparation)
    macs = cost(genome, setup.shape, setup.classes).macs
    loader = DataLoader(data, setup.batch_size, shuffle=True, drop_last=True)
    score(network, setup.validation.first(setup.batch_size), setup)  # warms up
    started, samples = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        for pictures, labels in loader:
            loss = F.cross_entropy(network(pictures.to(setup.device)), labels.to(setup.device))
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            samples += len(labels)
            if time.perf_counter() - started > seconds:
                break
    looked_at = setup.validation.first(samples // 9)
    score(network, looked_at, setup)
    return macs * (6 * samples + 2 * len(looked_at)) / (time.perf_counter() - started)


def show_profile(genome: Genome, setup: Setup) -> None:
    """Where the time of some training steps goes, by operator."""
    network = build(genome, setup.shape, setup.classes)
    with torch.profiler.profile() as profile:
        train(network, dataclasses.replace(setup, validation=setup.validation.first(500)), Fidelity(1, 0.1), seed=0)
    print(profile.key_averages().table(sort_by="self_cpu_time_total", row_limit=14, max_name_column_width=48))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20, help="for each measurement")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    keep_memory()
    device = find_device(chosen.device)
    setup = make_setup(device)
    dtype = torch.bfloat16 if setup.bf16 else torch.float32
    rows = []
    for name, genome in NETWORKS.items():
        peak = matrix_rate(device, dtype, chosen.seconds / 4)
        ours = our_rate(genome, setup, chosen.seconds)
        plain = plain_rate(genome, setup, chosen.seconds / 2)
        peak = statistics.mean([peak, matrix_rate(device, dtype, chosen.seconds / 4)])
        rows.append({"network": name, "genome": genome.key, "matrix": peak, "ours": ours, "plain": plain})
    print(f"{'network':<15} {'matrices':>9} {'ours':>9} {'plain':>9} {'of matrices':>12} {'of plain':>9}   GFLOP/s")
    for row in rows:
        rates = "".join(f"{row[kind] / 1e9:>10.0f}" for kind in ("matrix", "ours", "plain"))
        print(f"{row['network']:<15}{rates} {row['ours'] / row['matrix']:>12.2f} {row['ours'] / row['plain']:>9.1f}")
    print(f"{describe(device)}, torch {torch.__version__}, {dtype}")
    if chosen.profile:
        for name, genome in NETWORKS.items():
            print(f"\n{name}: {genome.key}")
            show_profile(genome, setup)
    if chosen.out:
        chosen.out.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
