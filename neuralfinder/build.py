"""Genome -> torch network."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from neuralfinder.cost import pools_at_once, shapes
from neuralfinder.errors import InputError
from neuralfinder.genome import Choice, Conv, DenseHead, Genome, MaxPool, PoolHead
from neuralfinder.types import Shape


def build(genome: Genome, shape: Shape, classes: int, initialisation: str = "he") -> nn.Sequential:
    """The network of `genome`: `(n, channels, height, width)` -> logits `(n, classes)`.

    Layers are named after their gene (`0_conv`, `1_pool`, ..., `head`). Weights come from torch's global generator.

    Args:
        genome: at least one gene, and no more pools than the picture survives.
        shape: shape of one picture.
        classes: number of outputs.
        initialisation: `glorot`, `he` or `dirac`, see `Recipe.initialisation`.

    Raises:
        InputError: a gene that stands for a row of a table.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    before = shape
    for place, (gene, after) in enumerate(zip(genome.genes, shapes(genome, shape), strict=True)):
        match gene:
            case Conv(filters, norm):
                layers[f"{place}_conv"] = nn.Conv2d(before.channels, filters, 3, padding=1, bias=not norm)
                if pools_at_once(genome, place):
                    layers[f"{place + 1}_pool"] = nn.MaxPool2d(2)
                if norm:
                    layers[f"{place}_norm"] = nn.BatchNorm2d(filters)
                layers[f"{place}_relu"] = nn.ReLU(inplace=True)
            case MaxPool() if not pools_at_once(genome, place - 1):
                layers[f"{place}_pool"] = nn.MaxPool2d(2)
            case Choice():
                raise InputError(
                    "genome", given=genome.key, expected="layers", mend="a tabular benchmark's network cannot be built"
                )
        before = after
    match genome.head:
        case DenseHead(units):
            layers["flatten"] = nn.Flatten()
            layers["dense"] = nn.Linear(before.channels * before.height * before.width, units)
            layers["dense_relu"] = nn.ReLU(inplace=True)
            layers["dropout"] = nn.Dropout(0.5)
            layers["head"] = nn.Linear(units, classes)
        case PoolHead():
            layers["mean"] = nn.AdaptiveAvgPool2d(1)
            layers["flatten"] = nn.Flatten()
            layers["head"] = nn.Linear(before.channels, classes)
    network = nn.Sequential(layers)
    _initialise(network, initialisation)
    return network


@torch.no_grad()
def _initialise(network: nn.Module, how: str) -> None:
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            if how == "glorot":
                nn.init.xavier_uniform_(module.weight)
            else:
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if how == "dirac" and isinstance(module, nn.Conv2d):
                nn.init.dirac_(module.weight[: module.in_channels])
            if module.bias is not None:
                nn.init.zeros_(module.bias)
