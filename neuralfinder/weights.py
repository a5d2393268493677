"""Weights on disk: safetensors only, written whole or not at all, swept."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

State = dict[str, Tensor]


class WeightStore:
    """A folder of weights by name.

    Args:
        folder: made when the first weights are saved.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """Where the weights of this name are or would be."""
        return self.folder / f"{name}.safetensors"

    def save(self, name: str, state: State) -> None:
        """Write weights under a name; a reader never sees half a file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        whole = self.path(name)
        part = whole.with_suffix(".part")
        try:
            save_file({key: tensor.contiguous() for key, tensor in state.items()}, part)
        except SafetensorError as error:  # the disk is full, mostly
            raise OSError(f"{part} cannot be written: {error}") from error
        part.replace(whole)

    def load(self, name: str) -> State | None:
        """The weights of this name, on the CPU; `None` when there are none."""
        path = self.path(name)
        return load_file(path) if path.exists() else None

    def sweep(self, keep: Collection[str]) -> None:
        """Delete all weights but those named."""
        for path in self.folder.glob("*.safetensors"):
            if path.stem not in keep:
                path.unlink()
