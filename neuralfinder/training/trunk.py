"""A training that can go on: what is kept of it, and the averaged weights by which it is judged on the way."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

AVERAGED = 9
"""Averaged weights are a mean of about the last tenth of the steps (Shamir & Zhang 2013, section 4, eta = 9): as good
as those after a fall of the rate, but for 0.2 points (13 tasks; docs/LOG.md), and they cost no steps."""

EVERY = 4
"""Steps between two weights that are averaged: neighbours hardly differ, and of large embeddings each one is felt."""

NORM_BATCHES = 6
"""Batches by which normalisations learn the statistics of averaged weights: those of other weights do not fit them."""

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Trunk:
    """Where a training at constant rate stands; tensors on the CPU.

    Attributes:
        steps: done so far.
        network: its weights as they are.
        mean: the averaged parameters.
        optimizer: `Optimizer.state`.
    """

    steps: int
    network: Tensors
    mean: Tensors
    optimizer: Tensors


class Average:
    """The running mean of a network's parameters.

    Args:
        network: on its device.
        mean: to go on from.
    """

    def __init__(self, network: nn.Module, mean: Tensors | None = None) -> None:
        self._live, self._network = network, copy.deepcopy(network)
        self._means = dict(self._network.named_parameters())
        self._known = mean is not None
        with torch.no_grad():
            for name, value in (mean or {}).items():
                self._means[name].copy_(value)

    @property
    def mean(self) -> Tensors:
        """The averaged parameters, as they are and not copied."""
        return {name: parameter.detach() for name, parameter in self._means.items()}

    @torch.no_grad()
    def add(self, network: nn.Module, steps: int) -> None:
        """Add the parameters after so many steps, where it is their turn."""
        if self._known and steps % EVERY:
            return
        share = (AVERAGED + 1) / (steps / EVERY + AVERAGED) if self._known else 1.0
        for mean, parameter in zip(self._means.values(), network.parameters(), strict=True):
            mean.lerp_(parameter, min(1.0, share))
        self._known = True

    def network(self, batches: Iterable[Tensor]) -> nn.Module:
        """The network with averaged weights and all counts as they are, its normalisations fitted by these batches."""
        with torch.no_grad():
            for own, live in zip(self._network.buffers(), self._live.buffers(), strict=True):
                own.copy_(live)
            update_bn(batches, self._network)
        return self._network
