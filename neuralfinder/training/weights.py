"""Weights on disk: safetensors only, written whole or not at all, swept."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from neuralfinder.networks.genome import Genome, parse
from neuralfinder.training.inheritance import Parent, State
from neuralfinder.training.trunk import Tensors, Trunk


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

    def trunk_path(self, name: str) -> Path:
        """Where it is or would be from where the training of this name can go on."""
        return self.folder / f"{name}.trunk.safetensors"

    def save(self, name: str, genome: Genome, state: State, trunk: Trunk | None = None) -> None:
        """Write the weights of a network under a name, and from where its training can go on; never half a file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if trunk:
            parts = {"network": trunk.network, "mean": trunk.mean, "optimizer": trunk.optimizer}
            tensors = {f"{part}.{key}": tensor for part, held in parts.items() for key, tensor in held.items()}
            _write(self.trunk_path(name), tensors, {"steps": str(trunk.steps)})
        _write(self.path(name), state, {"genome": genome.key})

    def trunk(self, name: str) -> Trunk:
        """From where the training of this name can go on.

        Raises:
            FileNotFoundError: it is not there.
        """
        parts = defaultdict[str, State](dict)
        with safe_open(self.trunk_path(name), "pt") as file:
            for key in file.keys():  # noqa: SIM118 - not a dict
                part, _, name = key.partition(".")
                parts[part][name] = file.get_tensor(key)
            return Trunk(int(file.metadata()["steps"]), parts["network"], parts["mean"], parts["optimizer"])

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
            if path.name.partition(".")[0] not in keep:
                path.unlink()


def _write(whole: Path, tensors: Tensors, about: dict[str, str]) -> None:
    """Write a file that a reader never sees half of."""
    part = whole.with_suffix(".part")
    try:
        save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, part, about)
    except SafetensorError as error:  # the disk is full, mostly
        raise OSError(f"{part} cannot be written: {error}") from error
    part.replace(whole)
