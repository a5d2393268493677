"""A model as one torch module, from samples as they were read to probabilities: what is traced for other runtimes."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from neuralfinder.training.bag import Bag
from neuralfinder.training.batches import Scaling
from neuralfinder.training.build import Network, bag_of, together
from neuralfinder.training.model import Model

FILE = "model.pt2"

CLASSES = "classes.json"
"""Name of the classes among what an exported program carries along."""

TRACED = 2
"""Samples of the batch that is traced; any other number may come later."""

OPENED = """
import json, torch
def opened(folder):
    extra = {"classes.json": ""}
    program = torch.export.load(folder / "model.pt2", extra_files=extra).module()
    return json.loads(extra["classes.json"]), lambda samples: program(torch.from_numpy(samples)).detach().numpy(), None
"""
"""How a stranger opens the file, see `forms.Form`."""


class Program(nn.Module):
    """Samples -> probabilities, with all that comes before and after the network.

    Args:
        model: whose network it has.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.network, self.views, self.preparation = model.network, model.views, model.preparation
        self.temperature = model.temperature
        bag = bag_of(model.network)
        self.bag = Counted(bag) if bag else None
        scaling = isinstance(model.preparation, Scaling)
        for name in ("mean", "std") if scaling else ():
            self.register_buffer(name, torch.tensor(getattr(model.preparation, name)).view(-1, 1, 1))

    def forward(self, samples: Tensor) -> Tensor:
        """Pictures `(n, channels, height, width)`, or lines `(n, pieces, 2, width)` -> `(n, classes)`."""
        seen = samples
        if isinstance(self.preparation, Scaling):
            mean, std = self.get_buffer("mean"), self.get_buffer("std")
            seen = (self.preparation.smaller(samples).float() - mean) / std
        alone = self.network.alone if isinstance(self.network, Network) else self.network
        logits = torch.stack([alone(look) for look in self.views.of(seen)]).mean(0)
        logits = logits if self.bag is None else together(logits, self.bag(samples))
        return (logits / self.temperature).softmax(1)


class Counted(nn.Module):
    """A bag of n-grams by other means, for runtimes that have no sums over bags: `(n, 2^bits)` counts at once.

    Args:
        bag: whose numbers it has.
    """

    def __init__(self, bag: Bag) -> None:
        super().__init__()
        self.bag = bag

    def forward(self, lines: Tensor) -> Tensor:
        """`(n, pieces, 2, width)` -> `(n, classes)`, as `Bag.forward`."""
        bag = self.bag
        rows = bag.rows(lines)
        ones, none = torch.ones_like(rows, dtype=torch.float32), torch.zeros(rows.shape[0], bag.nothing + 1)
        times = none.scatter_add(1, rows, ones).gather(1, rows)
        rarity = 1 + torch.log((1 + bag.texts) / (1 + bag.met[rows]))
        # each place of an n-gram has its share of what the n-gram counts
        counts = torch.where(rows != bag.nothing, rarity * (1 + times.log()), 0.0)
        length = (counts.square() / times).sum(1, keepdim=True).sqrt().clamp(min=1)
        return ((counts / times / length).unsqueeze(1) @ bag.weight[rows]).squeeze(1) + bag.bias


def write(model: Model, folder: Path) -> Path:
    """Write `model.pt2`, which `torch.export.load` reads; of any number of samples at once."""
    path = folder / FILE
    with quiet():
        torch.export.save(traced(Program(model), model), path, extra_files={CLASSES: json.dumps(model.classes)})
    return path


def traced(program: Program, model: Model) -> torch.export.ExportedProgram:
    """The program's graph, for any number of samples and lines of any width."""
    free = torch.export.Dim.DYNAMIC
    sizes = {0: free} if isinstance(model.preparation, Scaling) else {0: free, 3: free}
    return torch.export.export(program.eval(), (example(model),), dynamic_shapes=(sizes,))


def example(model: Model) -> Tensor:
    """Samples of the model's kind and type."""
    shape = model.shape
    if isinstance(model.preparation, Scaling):
        dtype: Any = getattr(torch, model.preparation.dtype)
        return torch.zeros(TRACED, shape.channels, shape.height, shape.width, dtype=dtype)
    return torch.zeros(TRACED, model.preparation.pieces, 2, shape.width + 1, dtype=torch.int32)


@contextmanager
def quiet() -> Iterator[None]:
    """Without the exporters' warnings about themselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
