"""Weights on disk: safetensors only, written whole or not at all, with a check sum, swept."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from neuralfinder.errors import MachineError, said_of_the_machine
from neuralfinder.networks.genome import Genome, parse
from neuralfinder.training.files import whole
from neuralfinder.training.inheritance import Parent, State
from neuralfinder.training.trunk import Tensors, Trunk

SUM = "sum"
"""Where the check sum stands among what a file says about its tensors."""


class WeightStore:
    """A folder of weights by name.

    Each file says whose it is, and has a check sum: one that is cut off, changed or of another name is spoilt.

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
        """Write the weights of a network under a name, and from where its training can go on; never half a file.

        Raises:
            MachineError: they cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MachineError.of(error, self.folder) from error
        about = {"name": name, "genome": genome.key, "goes_on": str(trunk is not None)}
        self.trunk_path(name).unlink(missing_ok=True)
        if trunk:
            parts = {"network": trunk.network, "mean": trunk.mean, "optimizer": trunk.optimizer}
            tensors = {f"{part}.{key}": tensor for part, held in parts.items() for key, tensor in held.items()}
            _write(self.trunk_path(name), tensors, {"of": _sum(about, state), "steps": str(trunk.steps)})
        _write(self.path(name), state, about)

    def trunk(self, name: str) -> Trunk:
        """From where the training of this name can go on.

        Raises:
            MachineError: it is not there, or spoilt.
        """
        if (found := _read(path := self.trunk_path(name))) is None:
            raise MachineError(f"{path} is gone or spoilt since the run began; see to the disk that has it")
        parts = defaultdict[str, State](dict)
        for key, tensor in found[1].items():
            part, _, own = key.partition(".")
            parts[part][own] = tensor
        return Trunk(int(found[0]["steps"]), parts["network"], parts["mean"], parts["optimizer"])

    def load(self, name: str) -> Parent | None:
        """The network of this name, weights on the CPU; `None` when there is none, or it is spoilt."""
        found = self._found(name)
        return Parent(parse(found[0]["genome"]), found[1]) if found else None

    def needed(self, name: str) -> Parent:
        """The network of this name, which was written before.

        Raises:
            MachineError: it is not there, or spoilt.
        """
        if (found := self.load(name)) is None:
            raise MachineError(f"{self.path(name)} is gone or spoilt; see to the disk, and call the run again")
        return found

    def fingerprint(self, name: str) -> str | None:
        """What tells these weights from all others: their check sum, `None` when there are none, or they are spoilt."""
        found = self._found(name)
        return found[0][SUM] if found else None

    def _found(self, name: str) -> tuple[dict[str, str], State] | None:
        found = _read(self.path(name))
        return found if found and found[0].get("name") == name else None

    def drop_spoilt(self, genomes: Mapping[str, str]) -> list[str]:
        """Delete what is spoilt, or of another network than is said here, with what belongs to it.

        Args:
            genomes: keys of genomes by name; what is not named may be of any.

        Returns:
            The names of what was deleted.
        """
        names = {path.name.partition(".")[0] for path in self.folder.glob("*.safetensors")}
        spoilt = sorted(name for name in names if not self._is_whole(name, genomes.get(name)))
        for name in spoilt:
            self._delete(name)
        for pattern in ("*.part", ".tmp*"):  # what a kill left of files that were being written, safetensors' own too
            for path in self.folder.glob(pattern):
                path.unlink(missing_ok=True)
        return spoilt

    def _is_whole(self, name: str, genome: str | None) -> bool:
        if (found := self._found(name)) is None or (genome is not None and found[0]["genome"] != genome):
            return False
        if found[0]["goes_on"] == str(False):
            return not self.trunk_path(name).exists()
        trunk = _read(self.trunk_path(name))
        return trunk is not None and trunk[0].get("of") == found[0][SUM]

    def sweep(self, keep: Collection[str]) -> None:
        """Delete all weights but those named; does nothing when asked the same again."""
        if self._kept == (kept := frozenset(keep)):
            return
        self._kept = kept
        for path in self.folder.glob("*.safetensors"):
            if (name := path.name.partition(".")[0]) not in keep:
                self._delete(name)

    def _delete(self, name: str) -> None:
        for path in (self.path(name), self.trunk_path(name)):
            path.unlink(missing_ok=True)


def _sum(about: Mapping[str, str], tensors: Tensors) -> str:
    """SHA-256 of what a file says and of its tensors, in hexadecimal digits."""
    digest = hashlib.sha256(repr(sorted((key, value) for key, value in about.items() if key != SUM)).encode())
    for key, tensor in sorted(tensors.items()):
        digest.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _read(path: Path) -> tuple[dict[str, str], State] | None:
    """What a file says about itself, and its tensors; `None` where there is none, or its check sum is another."""
    try:
        with safe_open(path, "pt") as file:
            about, state = file.metadata() or {}, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (FileNotFoundError, SafetensorError):
        return None
    return (about, state) if about.get(SUM) == _sum(about, state) else None


def _write(path: Path, tensors: Tensors, about: dict[str, str]) -> None:
    """Write a file that a reader never sees half of."""
    with whole(path) as part:
        try:
            state = {key: tensor.contiguous() for key, tensor in tensors.items()}
            save_file(state, part, {**about, SUM: _sum(about, tensors)})
        except SafetensorError as error:
            raise said_of_the_machine(str(error)) or OSError(f"{error}") from error
