"""What a network costs, computed from its genome alone: no torch, no weights."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from neuralfinder.networks.genome import AvgPool, Conv, Genome, Head, Identity, Layer, MaxPool, Pool, PoolHead
from neuralfinder.types import Shape

BYTES_EACH = 4
"""Bytes of a parameter in a file: weights are float32."""

HEADER_BYTES, TENSOR_BYTES = 24, 104
"""Of the header of a file of weights, and of what it says of a tensor, at most: name, type, sides and place. Those of
our own layers take 75 to 100."""

LAYER_TENSORS = 8
"""Tensors of a gene of a package that are reckoned with, where it has any numbers: four layers with biases."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of one forward pass of one sample, and of one update.

    Attributes:
        parameters: trainable numbers.
        macs: multiply-adds of convolutions and dense layers.
        activations: numbers in the feature maps that convolutions, normalisations and pools read and write.
        layers: genes and head layers, for the fixed overhead of each.
        updates: multiply-adds that make the updates of all kernels orthogonal, where a normalisation follows: rows x
            columns x the smaller of the two, as `optimizers.muon` sees them.
    """

    parameters: int
    macs: int
    activations: int
    layers: int
    updates: int = 0

    def times(self, count: int) -> Cost:
        """Of so many such networks."""
        return Cost(*(count * each for each in dataclasses.astuple(self)))


@dataclass(frozen=True, slots=True)
class Rates:
    """What training costs on a measured machine, for one batch size and precision.

    All in seconds per training step of one batch: `step` for any network, `layer` for each layer, `mac` and
    `activation` for each multiply-add and activation of one sample, `update` for each multiply-add of the update.
    """

    step: float = 0.0
    layer: float = 0.0
    mac: float = 0.0
    activation: float = 0.0
    update: float = 0.0

    def step_seconds(self, cost: Cost) -> float:
        """Predicted seconds of one training step (forward, backward, update)."""
        return (
            self.step
            + self.layer * cost.layers
            + self.mac * cost.macs
            + self.activation * cost.activations
            + self.update * cost.updates
        )


def skip_sources(genome: Genome, place: int) -> list[int]:
    """The places of the genes whose outputs come in at `place`, nearest first; -1 is the picture, as input only."""
    gene = genome.genes[place]
    if not isinstance(gene, Conv | Identity):
        return []
    return [place - back for back in gene.skips if back <= place + (gene.join == "in")]


def groups(gene: Conv, inputs: int) -> int:
    """As many of the gene's groups as divide its inputs and outputs."""
    return math.gcd(gene.groups, inputs, gene.filters)


def kernel_sides(gene: Conv, line: bool) -> tuple[int, int]:
    """Height and width of the kernel, which is one row high on a line."""
    return (1, gene.sides[1]) if line else gene.sides


def padding(gene: Conv, line: bool) -> tuple[int, int]:
    """Rows of zeros above and below the map, and columns left and right of it."""
    height, width = kernel_sides(gene, line)
    return (0, 0) if gene.border == "valid" else (height // 2, width // 2)


def pool_padding(pool: Pool) -> int:
    """Rows and columns round the map that count nothing: one for windows of 3x3, as in ResNet's first pool."""
    return int(pool.size == 3)


def pools_at_once(genome: Genome, place: int) -> bool:
    """Whether the gene at `place` is a convolution whose output is pooled before normalisation and activation.

    A pool that follows directly is, for a quarter of the work: ReLU and maximum change places without a difference.
    Not where a skip needs the map as it was.
    """
    genes = genome.genes[max(0, place) : place + 2]
    if len(genes) < 2 or not isinstance(genes[0], Conv) or not isinstance(genes[1], Pool):
        return False
    if genes[0].skips and genes[0].join != "in":
        return False
    later = range(place + 1, len(genome))
    return not any(getattr(genome.genes[p], "skips", ()) and place in skip_sources(genome, p) for p in later)


def inputs(genome: Genome, place: int, after: Sequence[Shape], shape: Shape) -> Shape:
    """The shape of what comes into the gene at `place`.

    Args:
        genome: the genome.
        place: of the gene.
        after: the shapes after the genes before it.
        shape: of the sample, as the network looks at it.
    """
    joined = skip_sources(genome, place) if getattr(genome.genes[place], "join", "") == "in" else []
    if not joined:
        return after[place - 1] if place else shape
    maps = [after[source] if source >= 0 else shape for source in joined]
    return Shape(sum(m.channels for m in maps), max(m.height for m in maps), max(m.width for m in maps))


def shapes(genome: Genome, shape: Shape) -> list[Shape]:
    """The shape after each gene, starting from a sample of `shape`; a side of 0 means pooled away."""
    after: list[Shape] = []
    picture = shape = genome.seen(shape)
    for place, gene in enumerate(genome.genes):
        shape = inputs(genome, place, after, picture)
        match gene:
            case Conv(filters, stride=stride, join=join):
                beside = skip_sources(genome, place) if join == "cat" else []
                channels = filters + sum(after[source].channels for source in beside)
                (tall, wide), (above, left) = kernel_sides(gene, picture.line), padding(gene, picture.line)
                height, width = slid(shape.height, tall, stride, above), slid(shape.width, wide, stride, left)
                shape = Shape(channels, height, width)
            case Identity(join="cat"):
                beside = skip_sources(genome, place)
                channels = shape.channels + sum(after[source].channels for source in beside)
                shape = Shape(channels, shape.height, shape.width)
            case MaxPool(size, stride) | AvgPool(size, stride):
                height = 1 if picture.line else slid(shape.height, size, stride, pool_padding(gene))
                shape = Shape(shape.channels, height, slid(shape.width, size, stride, pool_padding(gene)))
            case Layer():
                shape = gene.shape_after(shape)
        after.append(shape)
    return after


def slid(side: int, window: int, stride: int, border: int) -> int:
    """A side of the map after a window has slid over it: how often it fits; a `border` of padding is at both ends."""
    return max(0, (side + 2 * border - window) // stride + 1)


@functools.lru_cache(maxsize=4096)
def cost(genome: Genome, shape: Shape, classes: int) -> Cost:
    """Count parameters, multiply-adds and activations of `genome` on samples of `shape` with `classes` outputs.

    Of all its copies together.

    Kept for the genomes asked for last: whoever breeds asks several times, to mend, to refuse and to compare.
    """
    if genome.copies > 1:
        return cost(genome.alone, shape, classes).times(genome.copies)
    shape = genome.seen(shape)
    macs = updates = 0
    activations = shape.channels * shape.width if shape.vocabulary else 0
    layers = len(genome.genes) + (shape.vocabulary > 0)
    maps = shapes(genome, shape)
    for place, (gene, after) in enumerate(zip(genome.genes, maps, strict=True)):
        before = inputs(genome, place, maps, shape)
        area = after.height * after.width
        read, written = before.channels * before.height * before.width, after.channels * area
        activations += read + written
        if isinstance(gene, Conv):
            wide = before.channels
            depth, weights = _kernel_weights(gene, wide, shape.line)
            if gene.separable:  # the map between its two halves is written and read too
                activations += 2 * wide * area
                layers += 1
            macs += (depth + weights) * area  # for a stride or no border too: each number written is one product
            if gene.norm:
                if groups(gene, wide) == 1:  # as `optimizers.normed_kernels` chooses them
                    updates += weights * min(gene.filters, weights // gene.filters)
                # read and written once more; the smaller map where a pool comes before
                normed = maps[place + 1] if pools_at_once(genome, place) else after
                activations += 2 * gene.filters * normed.height * normed.width
                layers += 1
        if isinstance(gene, Layer):
            macs += gene.macs(before)
        for source in skip_sources(genome, place):  # pooled to this size, then added or copied: two reads, one write
            other = maps[source] if source >= 0 else shape
            activations += other.channels * other.height * other.width + written
            layers += 1
    sizes = _head_sizes(genome.head, maps[-1] if maps else shape, classes)
    macs += sum(wide * outputs for wide, outputs in itertools.pairwise(sizes))
    macs += _pixel_weights(genome.head, shape, classes)
    parameters = shape.vocabulary * shape.channels + sum(_parameters(genome, maps, shape, sizes))
    return Cost(parameters, macs, activations, layers + len(sizes) - 1, updates)


@functools.lru_cache(maxsize=4096)
def file_bytes(genome: Genome, shape: Shape, classes: int) -> int:
    """Bytes of the file of weights that a model of `genome` has, at most; few of its header are never used.

    Beside the trainable numbers it holds what normalisations know of their inputs, and for a bag of n-grams in how many
    texts each of them is.
    """
    shape = genome.seen(shape)
    maps, head = shapes(genome, shape), genome.head
    layers = len(_head_sizes(head, maps[-1] if maps else shape, classes)) - 1
    tensors, beside, norms = 2 * layers + (shape.vocabulary > 0), 0, 0
    for place, gene in enumerate(genome.genes):
        before = inputs(genome, place, maps, shape)
        match gene:
            case Conv(filters, norm):
                tensors += 1 + gene.separable + (not norm)
                norms, beside = norms + norm, beside + 2 * filters * norm
            case Identity(norm=True):
                norms, beside = norms + 1, beside + 2 * before.channels
            case Layer():
                numbers = gene.parameters(before) + gene.buffers(before)
                tensors, beside = tensors + LAYER_TENSORS * (numbers > 0), beside + gene.buffers(before)
    if isinstance(head, PoolHead):
        tensors += 2 * head.pixels + 4 * (head.bag > 0)
        beside += (1 << head.bag) + 2 if head.bag else 0
    tensors, beside = tensors + 5 * norms, beside + 2 * norms  # one of five is a count of eight bytes
    parameters = cost(genome, shape, classes).parameters
    return HEADER_BYTES + genome.copies * (TENSOR_BYTES * tensors + BYTES_EACH * beside) + BYTES_EACH * parameters


def layer_parameters(genome: Genome, shape: Shape, classes: int) -> list[int]:
    """Trainable numbers of each gene, then of the head; the embedding of texts has `vocabulary * channels` more.

    Of all copies together.
    """
    maps, shape = shapes(genome, shape), genome.seen(shape)
    each = _parameters(genome, maps, shape, _head_sizes(genome.head, maps[-1] if maps else shape, classes))
    return [genome.copies * count for count in each]


def _parameters(genome: Genome, maps: Sequence[Shape], shape: Shape, sizes: Sequence[int]) -> list[int]:
    counts = []
    for place, gene in enumerate(genome.genes):
        before = inputs(genome, place, maps, shape)
        wide = before.channels
        match gene:
            case Conv(filters, norm):
                counts.append(sum(_kernel_weights(gene, wide, shape.line)) + filters * (2 if norm else 1))
            case Identity(norm=True):
                counts.append(2 * wide)
            case Layer():
                counts.append(gene.parameters(before))
            case _:
                counts.append(0)
    dense = sum(wide * outputs + outputs for wide, outputs in itertools.pairwise(sizes))
    pixels = _pixel_weights(genome.head, shape, sizes[-1])
    return [*counts, dense + _bag_weights(genome.head, sizes[-1]) + pixels + (sizes[-1] if pixels else 0)]


def _kernel_weights(gene: Conv, wide: int, line: bool) -> tuple[int, int]:
    """Numbers in the kernels of a separable convolution's first half, 0 for another one, and in the others."""
    side = math.prod(kernel_sides(gene, line))
    weights = gene.filters * (wide // groups(gene, wide)) * (1 if gene.separable else side)
    return side * wide if gene.separable else 0, weights


def _bag_weights(head: Head, classes: int) -> int:
    """Numbers of the bag of n-grams beside the head: two rows more are for what is left out, and of biases."""
    return ((1 << head.bag) + 2) * classes if isinstance(head, PoolHead) and head.bag else 0


def _pixel_weights(head: Head, shape: Shape, classes: int) -> int:
    """Numbers of the linear model beside the head, but for its biases."""
    beside = isinstance(head, PoolHead) and head.pixels
    return shape.channels * shape.height * shape.width * classes if beside else 0


def _head_sizes(head: Head, before: Shape, classes: int) -> list[int]:
    """What comes into the first dense layer, and what comes out of each."""
    if isinstance(head, PoolHead):
        return [before.channels, classes]
    return [before.channels * before.height * before.width, *filter(None, (head.units, head.second)), classes]
