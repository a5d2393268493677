"""NeuralFinder grows networks for labelled data in a two-dimensional world of artificial lives."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neuralfinder.errors import InputError, NeuralFinderError
    from neuralfinder.estimator import NeuralFinder
    from neuralfinder.networks.genome import Genome, parse
    from neuralfinder.show.run import Run
    from neuralfinder.training.model import Model

__version__ = "1.0.0"

_HOMES = {
    "Genome": "networks.genome",
    "InputError": "errors",
    "Model": "training.model",
    "NeuralFinder": "estimator",
    "NeuralFinderError": "errors",
    "Run": "show.run",
    "parse": "networks.genome",
}

__all__ = ["Genome", "InputError", "Model", "NeuralFinder", "NeuralFinderError", "Run", "__version__", "parse"]


def __dir__() -> list[str]:
    """The public names beside what is loaded already."""
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    """Load public names on first use, so that importing the package costs no torch."""
    if name in _HOMES:
        return getattr(import_module(f"neuralfinder.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'neuralfinder' has no attribute {name!r}")
