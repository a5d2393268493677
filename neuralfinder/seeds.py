"""One root seed, named streams. The only place that touches global random state."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


class Seeds:
    """The root of all randomness of a run.

    Streams with different names are independent; the same root and names give the same stream on every machine.

    Args:
        root: the run's seed, 0 or larger. 0 is a seed like any other.
    """

    def __init__(self, root: int) -> None:
        self.root = root

    def number(self, *names: str | int) -> int:
        """A 63-bit number derived from the root and the names."""
        text = "/".join(str(name) for name in (self.root, *names))
        digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") >> 1

    def stream(self, *names: str | int) -> np.random.Generator:
        """A fresh generator for the consumer with these names."""
        return np.random.default_rng(self.number(*names))


@contextmanager
def torch_seed(seed: int) -> Iterator[None]:
    """Run a block with torch's global generators seeded, and restore them afterwards.

    Initialisation and dropout draw from the global generators; nothing else in the package does.
    """
    import torch

    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield
