"""Whether a training fits into main memory, asked before the system finds out that it does not."""

from __future__ import annotations

import ctypes
import math
import sys
from pathlib import Path

import torch

from neuralfinder.networks.cost import BYTES_EACH, Cost

COPIES = 5
"""Of all weights at the peak of a training: the weights, their gradients, the momentum, what Nesterov's correction or
Adam's second moment adds, and the best weights so far. A single convolution of 512 filters before a dense layer of 512,
268 million parameters, was measured to take 5.2 times its weights, batches included (docs/LOG.md)."""

CONTAINER = Path("/sys/fs/cgroup")
"""Where Linux says what the process's container may have."""

CGROUPS = (
    ("memory.max", "memory.current", "memory.stat", "file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_cache"),
)
"""Limit and use of a container's memory, and where and under which name its use for files stands, which is given back
when it is needed: version 2 and version 1."""


def training_bytes(size: Cost, batch_size: int) -> int:
    """Bytes that training a network takes at its peak, the feature maps of a batch and their gradients included."""
    return BYTES_EACH * (COPIES * size.parameters + batch_size * size.activations)


def check_memory(size: Cost, batch_size: int, device: torch.device) -> None:
    """Refuse a training that does not fit into main memory.

    Linux grants more memory than there is and kills a process that makes use of it: the search would end there, and
    again whenever it is resumed. Cards, and other systems, refuse by themselves.

    Args:
        size: of the network.
        batch_size: samples per step.
        device: where it is to be trained.

    Raises:
        MemoryError: there is less memory than `training_bytes`.
    """
    needed = training_bytes(size, batch_size)
    if device.type != "cpu" or needed <= free_bytes():
        return
    trim()
    if needed > (free := free_bytes()):
        raise MemoryError(f"training needs about {needed / 1e9:.1f} GB of memory, {free / 1e9:.1f} GB are free")


def trim() -> None:
    """Have the C library give back what it holds on to, see `machine.keep_memory`."""
    if sys.platform == "linux" and (malloc_trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        malloc_trim(0)


def free_bytes() -> float:
    """Bytes of main memory that can be had, as system and container have it; infinite where neither says."""
    try:
        rows = Path("/proc/meminfo").read_text("ascii").splitlines()
    except OSError:
        return math.inf
    free = next((1024.0 * int(row.split()[1]) for row in rows if row.startswith("MemAvailable")), math.inf)
    return min([free, *map(_left_of, CGROUPS)])


def _left_of(group: tuple[str, str, str, str]) -> float:
    """Bytes that a container's limit leaves."""
    limit, use, details, files = group
    try:
        most, now = (CONTAINER / limit).read_text("ascii").strip(), int((CONTAINER / use).read_text("ascii"))
        rows = dict(row.split(" ") for row in (CONTAINER / details).read_text("ascii").splitlines())
        return math.inf if most == "max" else int(most) - now + int(rows[files])
    except (OSError, ValueError, KeyError):
        return math.inf
