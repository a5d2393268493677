"""Arrays that may be too large for the machine's memory."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np

from neuralfinder.data.dataset import Array
from neuralfinder.data.findings import Finding

KEPT = 1 / 4
"""Share of the machine's memory that an array may take; a larger one lies in a file."""


def memory_bytes() -> int:
    """The machine's memory in bytes, or a container's limit; 8 GiB where the system does not tell."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        memory = 8 * 2**30
    try:
        return min(memory, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    except (OSError, ValueError):
        return memory


def fits(size: tuple[int, ...]) -> bool:
    """Whether so many bytes may be in memory at once."""
    return bool(np.prod(size, dtype=np.int64) <= memory_bytes() * KEPT)


def allocate(size: tuple[int, ...], scratch: Path | None) -> tuple[Array, Finding | None]:
    """An array of uint8 for `size`; where it would take more than `KEPT` a memory map, and where that lies.

    `scratch` is the folder for its file `images.npy`, a new temporary one by default.
    """
    if fits(size):
        return np.empty(size, dtype=np.uint8), None
    folder = scratch or Path(tempfile.mkdtemp(prefix="neuralfinder-"))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "images.npy"
    images = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=size)
    return images, Finding("on disk", f"The pictures take more than a quarter of memory and lie in {path}")


def compact(images: Array, kept: list[int]) -> Array:
    """The kept rows, moved to the front in place: a copy may not fit in memory."""
    for new, old in enumerate(kept):
        if new != old:
            images[new] = images[old]
    return images[: len(kept)]
