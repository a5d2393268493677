"""A few seconds of measuring: how fast this machine trains this kind of network."""

from __future__ import annotations

import ctypes
import dataclasses
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.optimize import nnls
from torch import nn

from neuralfinder.errors import InputError
from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.cost import Rates, cost
from neuralfinder.networks.genome import Conv, Gene, Genome
from neuralfinder.seeds import torch_seed
from neuralfinder.training.build import build
from neuralfinder.training.train import Setup, forward_seconds, step_seconds

# names and values of <malloc.h>
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8

SAME_MACHINE = 1.4
"""A new measurement within this ratio of the kept one is noise: the kept one is used, so equal runs get equal plans."""


def find_device(name: str) -> torch.device:
    """The device of this name; `auto` takes CUDA where there is one.

    Raises:
        InputError: CUDA was asked for and there is none, or the name is unknown.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        known = device.type in ("cpu", "cuda")
    except RuntimeError:
        known = False
    if not known:
        raise InputError("device", given=repr(name), expected="auto, cpu, cuda or cuda:N", mend="use auto")
    if device.type == "cuda" and (not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count()):
        raise InputError(
            "device",
            given=repr(name),
            expected=f"one of {torch.cuda.device_count()} CUDA devices",
            mend="use auto or cpu",
        )
    return device


def keep_memory() -> None:
    """Have the C library keep freed memory for the next step instead of giving it back to the system.

    Feature maps of some megabytes are else mapped, cleared page by page and unmapped in every step, which costs a fifth
    of the time on large maps (`benchmarks/training.py`, docs/LOG.md). The process holds on to the most it ever needed.
    Only glibc knows these settings; elsewhere nothing happens.
    """
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(M_MMAP_THRESHOLD, 1 << 30)
        mallopt(M_TRIM_THRESHOLD, (1 << 31) - 1)
        mallopt(M_ARENA_MAX, 1)  # an arena of a thread cannot hold large blocks


def describe(device: torch.device) -> str:
    """The device in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} CPU, {torch.get_num_threads()} threads"


def has_bf16(device: torch.device) -> bool:
    """Whether the device multiplies bf16 numbers in hardware."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    abilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(abilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def measure(setup: Setup, space: ChainSpace, seconds: float | None) -> Rates:
    """Time training steps of some small networks and fit `Rates` to them.

    Args:
        setup: the run's data, recipe and batch size.
        space: gives shape, widths and head.
        seconds: time to take, about; `None`, when nothing rests on it, takes the last measurement of this machine, and
            2 seconds where there is none.
    """
    if seconds is None and (kept := _kept(setup)):
        return kept
    probes = _probes(space)
    seconds = seconds or 2.0
    new, matrix = _fit(probes, space, lambda network: step_seconds(network, setup, seconds / len(probes)))
    return _steady(new, setup, matrix)


def measure_forward(setup: Setup, space: ChainSpace) -> Rates:
    """Time forward passes of one picture through the same networks; takes about a tenth of a second."""
    return _fit(_probes(space), space, lambda network: forward_seconds(network, setup, 1, 15))[0]


def _fit(
    probes: Sequence[Genome], space: ChainSpace, time_of: Callable[[nn.Module], float]
) -> tuple[Rates, np.ndarray]:
    """Rates that explain the times of the probes, and the matrix of what these spend."""
    rows, times = [], []
    with torch_seed(0):
        for genome in probes:
            times.append(time_of(build(genome, space.shape, space.classes)))
            size = cost(genome, space.shape, space.classes)
            rows.append([1.0, size.layers, size.macs, size.activations, size.updates])
    matrix, target = np.array(rows), np.array(times)
    relative = matrix / target[:, None]  # a probe of 1 ms counts as much as one of 100 ms
    scale = np.maximum(relative.max(axis=0), 1e-30)  # without normalisation there are no such updates
    solution, _ = nnls(relative / scale, np.ones(len(target)))
    return Rates(*(solution / scale).tolist()), matrix


def _probes(space: ChainSpace) -> list[Genome]:
    """Networks that differ in what they spend: overhead, depth, activations, multiply-adds, updates, a bit of all."""
    narrow, middle, wide = (space.filters[len(space.filters) * place // 8] for place in (0, 4, 6))
    pools: list[Gene] = [*space.usual_pool] * space.max_pools
    half: list[Gene] = [*space.usual_pool] * max(0, space.max_pools - 2)

    def conv(filters: int) -> Conv:
        return space.conv(filters)

    bodies: list[list[Gene]] = [
        [conv(narrow), *pools],
        [conv(narrow), *pools, *[conv(narrow)] * 6],
        [conv(2 * narrow), conv(narrow), *pools],
        [conv(narrow), *half, conv(middle), conv(middle), *pools[len(half) :]],
        [conv(2 * narrow), *pools[:1], conv(middle), *pools[1:], conv(middle)],
        [conv(narrow), *pools, conv(wide), conv(wide)],
        [conv(narrow), *pools[:1], *[conv(2 * narrow)] * 2, *pools[1:2], *[conv(middle)] * 2, *pools[2:]],
    ]
    return [space.mend(Genome(tuple(body), space.head)) for body in bodies]


def _steady(new: Rates, setup: Setup, matrix: np.ndarray) -> Rates:
    """The kept measurement of this machine if the new one agrees with it; else the new one, kept from now on."""
    if old := _kept(setup):
        ratios = (matrix @ dataclasses.astuple(new)) / (matrix @ dataclasses.astuple(old))
        if SAME_MACHINE**-1 < float(np.median(ratios)) < SAME_MACHINE:
            return old
    path = _book()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps({**_pages(), _page(setup): dataclasses.asdict(new)}, indent=1))
        part.replace(path)
    except OSError:
        pass  # a home that cannot be written to costs only the agreement between runs
    return new


def _kept(setup: Setup) -> Rates | None:
    """The measurement of this machine for this kind of work that the user's cache has."""
    try:
        return Rates(**_pages()[_page(setup)])
    except (KeyError, TypeError):
        return None


def _book() -> Path:
    """The file with the measurements of this machine: an object with a page for each kind of work."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "neuralfinder" / "machine.json"


def _page(setup: Setup) -> str:
    work = f"{setup.shape}, {setup.recipe.name}, {setup.batch_size}, {setup.bf16}"
    return f"{describe(setup.device)}, torch {torch.__version__}, {work}"


def _pages() -> dict[str, Any]:
    """What the book has; nothing where there is none, or what is there is no such book."""
    try:
        pages = json.loads(_book().read_text())
    except (OSError, ValueError):
        return {}
    return pages if isinstance(pages, dict) else {}
