"""What several families are made of."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from neuralfinder.types import Shape


def conv(inputs: int, filters: int, side: int = 3, stride: int = 1, border: int | None = None) -> nn.Conv2d:
    """A convolution with bias; the border keeps the size at stride 1 and an odd side, unless given."""
    return nn.Conv2d(inputs, filters, side, stride, side // 2 if border is None else border)


def normed(inputs: int, filters: int, side: int = 3, stride: int = 1, bias: bool = False) -> list[nn.Module]:
    """Convolution, normalisation, ReLU. A bias is void here, but some published networks have and count it."""
    kernel = nn.Conv2d(inputs, filters, side, stride, side // 2, bias=bias)
    return [kernel, nn.BatchNorm2d(filters), nn.ReLU()]


class Maxout(nn.Module):
    """The largest of every few neighbouring channels, or of dense outputs."""

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces

    def forward(self, maps: Tensor) -> Tensor:
        """`(n, pieces c, ...)` -> `(n, c, ...)`."""
        return maps.reshape(len(maps), -1, self.pieces, *maps.shape[2:]).amax(2)


def numbers(layers: Sequence[nn.Module], shape: Shape) -> int:
    """How many numbers come out of the layers for one picture; nothing is computed."""
    network = nn.Sequential(*layers).eval()
    state = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    empty = {name: tensor.to("meta") for name, tensor in state.items()}
    picture = torch.empty(1, shape.channels, shape.height, shape.width, device="meta")
    outputs: Tensor = functional_call(network, empty, (picture,))
    network.train()
    return outputs.numel()


def chain(layers: Sequence[nn.Module], head: nn.Module, *after: nn.Module) -> nn.Sequential:
    """Layers in a row; the one that gives the classes is called `head`."""
    named = OrderedDict((str(place), layer) for place, layer in enumerate(layers))
    named["head"] = head
    named.update((f"after_{place}", layer) for place, layer in enumerate(after))
    return nn.Sequential(named)


def mean_head(channels: int, classes: int) -> tuple[list[nn.Module], nn.Linear]:
    """The mean over the map, and a dense layer."""
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten()], nn.Linear(channels, classes)
