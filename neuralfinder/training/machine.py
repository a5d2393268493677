"""A few seconds of measuring: how fast this machine trains this kind of network."""

from __future__ import annotations

import ctypes
import dataclasses
import json
import os
import platform
import sys
import time
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
from neuralfinder.training.clock import usual
from neuralfinder.training.threads import THREADS, TRIED
from neuralfinder.training.train import Setup, forward_pass, training_step

# names and values of <malloc.h>
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8

PRIOR = 0.1
"""How much the usual ratio of the rates counts beside a probe. Without it, what few probes cannot tell apart is given
to one rate alone: networks for texts then took up to six times what was predicted, those for pictures of 64 pixels 1.7
times; with it 0.5 to 1.8, and 0.9 to 1.1 times (docs/LOG.md)."""

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


def share_cores(workers: int) -> None:
    """Prepare this process to train beside others, `workers` in all: its share of the cores, 1 or more, as threads."""
    keep_memory()
    THREADS.most = max(1, THREADS.most // workers)
    torch.set_num_threads(THREADS.most)


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
        seconds: for all of it but loading libraries; a step of two samples and one of the smallest network are done
            however long they take. `None`, when nothing rests on it, takes the last measurement of this machine, and
            half a second where there is none.
    """
    space, setup = space.usual, setup.at(space.usual_look)
    kept = _kept(setup)
    if seconds is None and kept:
        return kept
    probes = _probes(space)
    with torch_seed(0):  # what a first step loads and sets up is no part of a step
        network = build(probes[0], space.shape, space.classes)
        step = training_step(network, dataclasses.replace(setup, batch_size=min(2, setup.batch_size)))
        until = time.perf_counter() + (0.5 if seconds is None else seconds)
        step()
    prior = kept or _typical(setup.batch_size)
    THREADS.begin()
    settling = 2 * TRIED + 3 if THREADS.most > 1 else 0
    new, matrix = _fit(probes, space, prior, lambda network: training_step(network, setup), until, settling)
    return _steady(new, setup, matrix)


def measure_forward(setup: Setup, space: ChainSpace, seconds: float = 0.3) -> Rates:
    """Time forward passes of one picture through the same networks, of which the first is done in any case."""
    space, setup = space.usual, setup.at(space.usual_look)
    until = time.perf_counter() + seconds
    return _fit(_probes(space), space, _typical(1), lambda network: forward_pass(network, setup, 1), until)[0]


def _typical(batch_size: int) -> Rates:
    """Rates of a processor, of which only the ratios count: for what there was no time to measure."""
    return Rates(step=1e-3, layer=4e-4, mac=5e-11 * batch_size, activation=2e-9 * batch_size, update=1e-10)


def _fit(
    probes: Sequence[Genome],
    space: ChainSpace,
    prior: Rates,
    act_of: Callable[[nn.Module], Callable[[], object]],
    until: float,
    settling: int = 0,
) -> tuple[Rates, np.ndarray]:
    """Rates that explain the times of the probes, and the matrix of what these spend.

    Probes there was no time for count as `prior` has them, at the speed of those that were measured.

    Args:
        probes: the networks.
        space: that they are of.
        prior: rates whose ratios are believed.
        act_of: what is timed of a network.
        until: when all must be over, by `time.perf_counter`.
        settling: see `_times`.
    """
    sizes = [cost(genome, space.shape, space.classes) for genome in probes]
    matrix = np.array([[1.0, size.layers, size.macs, size.activations, size.updates] for size in sizes])
    expected = matrix @ dataclasses.astuple(prior)

    def make(place: int) -> Callable[[], object]:
        return act_of(build(probes[place], space.shape, space.classes))

    with torch_seed(0):
        times = _times(make, expected, until, settling)
    measured = {place: usual(own[1:] or own) for place, own in enumerate(times) if any(own[1:] or own)}
    speed = float(np.median([seconds / expected[place] for place, seconds in measured.items()])) if measured else 1.0
    target = np.array([measured.get(place, speed * seconds) for place, seconds in enumerate(expected)])
    relative = matrix / target[:, None]  # a probe of 1 ms counts as much as one of 100 ms
    scale = np.maximum(relative.max(axis=0), 1e-30)  # without normalisation there are no such updates
    usual_rates = np.maximum(speed * np.array(dataclasses.astuple(prior)), 1e-30)
    believed = PRIOR * np.diag(1 / (usual_rates * scale))  # each rate is as usual, as far as no probe tells otherwise
    rows, wanted = np.vstack([relative / scale, believed]), np.concatenate([np.ones(len(target)), np.full(5, PRIOR)])
    solution, _ = nnls(rows, wanted)
    return Rates(*(solution / scale).tolist()), matrix


def _times(
    make: Callable[[int], Callable[[], object]], expected: np.ndarray, until: float, settling: int = 0
) -> list[list[float]]:
    """Seconds of each of these acts in turn, round by round to the end: a busy moment meets a few rounds of them all.

    Nothing is begun that would not end in time by its own fastest or, the first time, by what is expected at the speed
    of the others; the shortest is done once in any case.

    Args:
        make: gives the act of this place, when its turn comes.
        expected: seconds of each, of which only the ratios count.
        until: when all must be over, by `time.perf_counter`.
        settling: how often the first act is done again, as far as there is time: by steps of one network after the
            other the number of threads is judged, and those of several networks would be taken for a busy machine.
    """
    acts: dict[int, Callable[[], object]] = {}
    times: list[list[float]] = [[] for _ in expected]
    order = [int(place) for place in np.argsort(expected, kind="stable")]
    done = -1
    while done:
        done = 0
        for place in order:
            speeds = [min(own) / expected[other] for other, own in enumerate(times) if own]
            soon = min(times[place], default=min(speeds, default=0.0) * expected[place])
            if speeds and time.perf_counter() + soon > until:
                continue
            act = acts[place] = acts.get(place) or make(place)
            THREADS.pause()
            began = time.perf_counter()
            act()
            times[place].append(time.perf_counter() - began)
            done += 1
            while settling and time.perf_counter() + times[place][0] <= until:
                settling -= 1
                act()
            settling = 0
    return times


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
