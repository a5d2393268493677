"""Weights on disk: safetensors only, written whole or not at all, swept."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from neuralfinder.networks.genome import Genome, parse
from neuralfinder.training.inheritance import Parent, State


class WeightStore:
    """A folder of weights by name.

    Args:
        folder: made when the first weights are saved.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._kept: frozenset[str] = frozenset()

    def path(self, name: str) -> Path:
        """Where the weights of this name are or would be."""
        return self.folder / f"{name}.safetensors"

    def save(self, name: str, genome: Genome, state: State) -> None:
        """Write the weights of a network under a name; a reader never sees half a file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        whole = self.path(name)
        part = whole.with_suffix(".part")
        try:
            save_file({key: tensor.contiguous() for key, tensor in state.items()}, part, {"genome": genome.key})
        except SafetensorError as error:  # the disk is full, mostly
            raise OSError(f"{part} cannot be written: {error}") from error
        part.replace(whole)

    def load(self, name: str) -> Parent | None:
        """The network of this name, weights on the CPU; `None` when there is none."""
        if not (path := self.path(name)).exists():
            return None
        with safe_open(path, "pt") as file:
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
            return Parent(parse(file.metadata()["genome"]), state)

    def fingerprint(self, name: str) -> str | None:
        """What tells these weights from all others under this name: SHA-256 of the file, `None` when there is none."""
        if not (path := self.path(name)).exists():
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def sweep(self, keep: Collection[str]) -> None:
        """Delete all weights but those named; does nothing when asked the same again."""
        if self._kept == (kept := frozenset(keep)):
            return
        self._kept = kept
        for path in self.folder.glob("*.safetensors"):
            if path.stem not in keep:
                path.unlink()
