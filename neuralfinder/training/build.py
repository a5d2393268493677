"""Genome -> torch network."""

from __future__ import annotations

import itertools
import math
from collections import OrderedDict
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everybody knows it by

from neuralfinder.errors import InputError
from neuralfinder.networks.cost import (
    groups,
    inputs,
    kernel_sides,
    padding,
    pool_padding,
    pools_at_once,
    shapes,
    skip_sources,
)
from neuralfinder.networks.genome import (
    AvgPool,
    Choice,
    Conv,
    DenseHead,
    Dropout,
    Genome,
    Identity,
    Layer,
    MaxPool,
    Pool,
    PoolHead,
)
from neuralfinder.training.bag import BAG, Bag
from neuralfinder.training.convolution import Convolution
from neuralfinder.types import Shape

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": lambda: nn.ReLU(inplace=True),
    "leaky": lambda: nn.LeakyReLU(0.1, inplace=True),
    "elu": lambda: nn.ELU(inplace=True),
    "gelu": nn.GELU,
    "silu": lambda: nn.SiLU(inplace=True),
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}
"""`linear` is no layer."""


EMBEDDING_DEVIATION = 0.03
"""Of fresh embeddings: small, so that a token that training hardly met says nothing. Of 0.01 to 1 it is the best on
questions (docs/LOG.md)."""


class Words(nn.Embedding):
    """Turns a line of tokens into a map one row high: a learned column of numbers for each token.

    Args:
        vocabulary: different tokens.
        channels: numbers for each.
        length: tokens of a line.
    """

    def __init__(self, vocabulary: int, channels: int, length: int) -> None:
        super().__init__(vocabulary, channels, sparse=True)
        self.length = length

    def reset_parameters(self) -> None:
        """Nothing: `build` begins all weights."""

    def forward(self, lines: Tensor) -> Tensor:
        """`(n, pieces, 2, width)` integers -> `(n, channels, 1, length)` of the first, in channels-last memory."""
        return super().forward(lines[:, 0, :1, : self.length].long()).permute(0, 3, 1, 2)


PIXELS_SCALE = 6.0
"""What a linear model of all pixels is multiplied by, so that it learns at the rate of the network beside it. Words as
pictures gain as much by 15 and a third of it by 2, photographs lose one point by 2 and two by 6 (docs/LOG.md)."""


class Pixels(nn.Linear):
    """Linear in all pixels, brought to a length near 1; smaller pictures are enlarged, as they were made smaller."""

    def __init__(self, shape: Shape, classes: int) -> None:
        super().__init__(shape.channels * shape.height * shape.width, classes)
        self.size = shape.height, shape.width

    def forward(self, pictures: Tensor) -> Tensor:
        """`(n, channels, height, width)` -> `(n, classes)`."""
        if pictures.shape[2:] != self.size:
            pictures = F.interpolate(pictures, size=self.size)
        return super().forward(pictures.flatten(1) * (PIXELS_SCALE / math.sqrt(self.in_features)))


class Skip(nn.Module):
    """Lets earlier maps in: pooled to this one's size, and added to its channels or put beside them."""

    def __init__(self, join: str) -> None:
        super().__init__()
        self.join = join

    def forward(self, here: Tensor, *earlier: Tensor) -> Tensor:
        """`(n, c, h, w)` and some `(n, d, H, W)` -> `(n, c, h, w)`, or `(n, c + all d, h, w)` for `cat`."""
        size, channels = here.shape[2:], here.shape[1]
        # the maximum, as in pools: what an earlier layer has found anywhere in a window has been found
        maps = [other if other.shape[2:] == size else F.adaptive_max_pool2d(other, size) for other in earlier]
        if self.join == "cat":
            return torch.cat([here, *maps], dim=1)
        # He et al. 2016, option A: without weights of its own a skip stays a gene that mutation can add and drop
        for other in maps:
            here = here + F.pad(other[:, :channels], (0, 0, 0, 0, 0, max(0, channels - other.shape[1])))
        return here


class Inputs(nn.Module):
    """Puts earlier maps side by side, the smaller ones filled up with zeros on the right and below."""

    def forward(self, _: Tensor, *earlier: Tensor) -> Tensor:
        """Some `(n, d, H, W)` -> `(n, all d, largest H, largest W)`; what comes from right before is not looked at."""
        height, width = (max(other.shape[side] for other in earlier) for side in (2, 3))
        return torch.cat([F.pad(o, (0, width - o.shape[3], 0, height - o.shape[2])) for o in earlier], dim=1)


SAMPLE = "sample"
"""Name of the source that is the sample itself: the picture, or what the embedding makes of the text."""

WORDS, PIXELS = "words", "pixels"
"""Names of the embedding, the first layer of a network for texts, and of a linear model of pixels beside a network."""


class Network(nn.Sequential):
    """Layers in a row, some of which let earlier layers' outputs in.

    Args:
        layers: by name, in order.
        sources: name of a `Skip` or of `Inputs` -> names of the layers whose outputs come in.
    """

    def __init__(self, layers: OrderedDict[str, nn.Module], sources: dict[str, list[str]]) -> None:
        super().__init__(layers)
        self.sources = sources
        self._kept = frozenset(name for names in sources.values() for name in names)

    def forward(self, maps: Tensor) -> Tensor:
        """Pictures `(n, channels, height, width)` or texts `(n, pieces, 2, width)` -> logits `(n, classes)`.

        A bag of n-grams beside the layers answers with them, but while training, for it is fitted by itself.
        """
        alone, bag = self.alone(maps), bag_of(self)
        return alone if bag is None or self.training else together(alone, bag(maps))

    def alone(self, maps: Tensor) -> Tensor:
        """Logits without those of the bag; of a text the first piece is read.

        While training, logits of the layers and of a linear model of pixels beside them apart, `(n, classes, 2)`: each
        learns by itself, for what the one has learned by heart the other would never learn.
        """
        layers = {name: layer for name, layer in self.named_children() if name != BAG}
        pixels = layers.pop(PIXELS, None)
        beside = None if pixels is None else pixels(maps)
        if embedding := layers.pop(WORDS, None):
            maps = embedding(maps)
        kept: dict[str, Tensor] = {SAMPLE: maps}
        for name, layer in layers.items():
            maps = layer(maps, *(kept[source] for source in self.sources.get(name, ())))
            if name in self._kept:
                kept[name] = maps
        if beside is None:
            return maps
        return torch.stack([maps.float(), beside.float()], dim=2) if self.training else together(maps, beside)


class Team(nn.Module):
    """Networks of one kind, each with weights of its own, that answer together.

    Args:
        members: two or more.
    """

    def __init__(self, members: Iterable[Network]) -> None:
        super().__init__()
        self.members = [*members]
        for place, member in enumerate(self.members):
            self.add_module(str(place), member)

    def forward(self, maps: Tensor) -> Tensor:
        """Pictures `(n, channels, height, width)` -> logits `(n, classes)` of the mean of all their probabilities.

        While training, logits of all of them apart, `(n, classes, members)` or more, see `Network.alone`.
        """
        answers = torch.stack([member(maps).float() for member in self.members], dim=2)
        return answers.flatten(2) if self.training else mean_of(answers)


def bag_of(network: nn.Module) -> Bag | None:
    """The bag of n-grams beside a network's layers."""
    bag = dict(network.named_children()).get(BAG)
    return bag if isinstance(bag, Bag) else None


def together(one: Tensor, other: Tensor) -> Tensor:
    """Logits `(n, classes)` of the mean of two answers' probabilities."""
    return mean_of(torch.stack([one.float(), other.float()], dim=2))


def mean_of(answers: Tensor) -> Tensor:
    """Logits `(n, classes)` of the mean of the probabilities of some logits `(n, classes, some)`."""
    return answers.log_softmax(1).logsumexp(2)


def build(genome: Genome, shape: Shape, classes: int, initialisation: str | None = "he") -> Network | Team:
    """The network of `genome`: pictures or texts, as `Network.forward` takes them, -> logits `(n, classes)`.

    Of several copies a `Team`.

    Layers are named after their gene (`0_conv`, `1_pool`, ..., `head`), the embedding of texts `words`. Weights come
    from torch's global generator.

    Args:
        genome: no more pools than the sample survives.
        shape: shape of one sample.
        classes: number of outputs.
        initialisation: `glorot`, `he` or `dirac`, see `Recipe.initialisation`; of layers whose gene names none. `None`
            for weights that are to be replaced.

    Raises:
        InputError: a gene that stands for a row of a table, or several copies for texts.
    """
    if genome.copies == 1:
        return _build(genome, shape, classes, initialisation)
    if shape.vocabulary:
        raise InputError("copies", given=f"{genome.copies} for texts", expected="1", mend=genome.alone.key)
    return Team(_build(genome.alone, shape, classes, initialisation) for _ in range(genome.copies))


def _build(genome: Genome, shape: Shape, classes: int, initialisation: str | None) -> Network:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    sources: dict[str, list[str]] = {}
    ends: list[str] = []  # the last layer of each gene
    maps, shape = shapes(genome, shape), genome.seen(shape)
    if shape.vocabulary:
        layers[WORDS] = Words(shape.vocabulary, shape.channels, shape.width)
    for place, gene in enumerate(genome.genes):
        before = inputs(genome, place, maps, shape)
        if isinstance(gene, Conv | Identity) and (skips := skip_sources(genome, place)):
            sources[f"{place}_skip"] = [ends[source] if source >= 0 else SAMPLE for source in skips]
            if gene.join == "in":
                layers[f"{place}_skip"] = Inputs()
        match gene:
            case Conv():
                after = genome.genes[place + 1] if pools_at_once(genome, place) else None
                pool = _pool(after, shape.line) if isinstance(after, Pool) else None
                layers |= _convolution(place, gene, before.channels, pool, shape.line)
            case Identity():
                layers[f"{place}_identity"] = nn.Identity()
                layers |= {f"{place}_norm": nn.BatchNorm2d(before.channels)} if gene.norm else {}
                layers |= _ending(place, gene)
            case MaxPool() | AvgPool() if not pools_at_once(genome, place - 1):
                layers[f"{place}_pool"] = _pool(gene, shape.line)
            case Layer():
                layers |= _layer(place, gene, before)
            case Choice():
                raise InputError(
                    "genome", given=genome.key, expected="layers", mend="a tabular benchmark's network cannot be built"
                )
        # a pool that its convolution has done already adds no layer: it ends where the convolution ends
        ends.append(next(reversed(layers)))
    layers |= _head(genome, maps[-1] if maps else shape, shape, classes)
    network = Network(layers, sources)
    _initialise(network, genome, initialisation)
    return network


def _convolution(place: int, gene: Conv, inputs: int, pool: nn.Module | None, line: bool) -> dict[str, nn.Module]:
    """The layers of one convolution gene, a pool that follows directly among them."""
    layers: dict[str, nn.Module] = {}
    side, border = kernel_sides(gene, line), padding(gene, line)
    if gene.separable:
        layers[f"{place}_depth"] = nn.Conv2d(inputs, inputs, side, gene.stride, border, groups=inputs, bias=False)
        side, border = (1, 1), (0, 0)
    stride = 1 if gene.separable else gene.stride
    # no activation between the halves of a separable convolution, as in Xception (Chollet 2017), where none was better:
    # so one bias is enough, and where a normalisation follows, its shift is the bias
    layers[f"{place}_conv"] = Convolution(
        inputs, gene.filters, side, stride, border, groups=groups(gene, inputs), bias=not gene.norm
    )
    if pool is not None:  # before normalisation and activation, which have a quarter of the work then
        layers[f"{place + 1}_pool"] = pool
    if gene.norm:
        layers[f"{place}_norm"] = nn.BatchNorm2d(gene.filters)
    return layers | _ending(place, gene)


def _ending(place: int, gene: Conv | Identity) -> dict[str, nn.Module]:
    """Skips that come in at the end, and the activation."""
    layers: dict[str, nn.Module] = {}
    if gene.join != "in" and min(gene.skips, default=place + 1) <= place:
        layers[f"{place}_skip"] = Skip(gene.join)
    if gene.activation != "linear":
        layer = ACTIVATIONS[gene.activation]()
        if isinstance(gene, Identity) and hasattr(layer, "inplace"):
            setattr(layer, "inplace", False)  # noqa: B010 - torch's stubs know no such name; the input is another's output
        layers[f"{place}_{gene.activation}"] = layer
    return layers


def _layer(place: int, gene: Layer, before: Shape) -> dict[str, nn.Module]:
    """What a gene makes that knows of nothing but the map before it."""
    if isinstance(gene, Dropout):
        return {f"{place}_dropout": nn.Dropout(gene.percent / 100)}
    return {f"{place}_layer": gene.module(before)}


def _pool(gene: Pool, line: bool) -> nn.Module:
    size, stride, border = gene.size, gene.stride, pool_padding(gene)
    window, steps, around = ((1, size), (1, stride), (0, border)) if line else (size, stride, border)
    if isinstance(gene, MaxPool):
        return nn.MaxPool2d(window, steps, around)
    return nn.AvgPool2d(window, steps, around, count_include_pad=False)


def _head(genome: Genome, before: Shape, sample: Shape, classes: int) -> dict[str, nn.Module]:
    layers: dict[str, nn.Module] = {}
    match genome.head:
        case DenseHead(units, second):
            sizes = [before.channels * before.height * before.width, *filter(None, (units, second))]
            layers["flatten"] = nn.Flatten()
            for number, (inputs, outputs) in zip(("", "2"), itertools.pairwise(sizes), strict=False):
                layers[f"dense{number}"] = nn.Linear(inputs, outputs)
                layers[f"dense_relu{number}"] = nn.ReLU(inplace=True)
                layers[f"dropout{number}"] = nn.Dropout(0.5)
            layers["head"] = nn.Linear(sizes[-1], classes)
        case PoolHead(largest, dropout, bag, pixels):
            layers["largest" if largest else "mean"] = nn.AdaptiveMaxPool2d(1) if largest else nn.AdaptiveAvgPool2d(1)
            layers["flatten"] = nn.Flatten()
            if dropout:
                layers["dropout"] = nn.Dropout(dropout / 100)
            layers["head"] = nn.Linear(before.channels, classes)
            if bag:
                layers[BAG] = Bag(bag, classes)
            if pixels:
                layers[PIXELS] = Pixels(sample, classes)
    return layers


@torch.no_grad()
def _initialise(network: nn.Module, genome: Genome, usual: str | None) -> None:
    if usual is None:
        return
    chosen = {place: gene.initialisation for place, gene in enumerate(genome.genes) if isinstance(gene, Conv)}
    for name, module in network.named_children():
        place = name.split("_")[0]
        how = (chosen.get(int(place)) if place.isdigit() else None) or usual
        if isinstance(module, Words):
            nn.init.normal_(module.weight, std=EMBEDDING_DEVIATION)
        if isinstance(module, Pixels):
            for parameter in module.parameters():
                nn.init.zeros_(parameter)
        elif isinstance(module, nn.Conv2d | nn.Linear):
            if how == "glorot":  # of the head too, as in Keras 1
                nn.init.xavier_uniform_(module.weight)
            else:
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            # in groups an output sees a few inputs only, and none of them is its own
            if how == "dirac" and isinstance(module, nn.Conv2d) and module.groups == 1:
                nn.init.dirac_(module.weight[: module.in_channels])
            if module.bias is not None:
                nn.init.zeros_(module.bias)
