"""What a network costs, computed from its genome alone: no torch, no weights."""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass

from neuralfinder.genome import AvgPool, Conv, DenseHead, Genome, MaxPool, Pool, PoolHead
from neuralfinder.types import Shape


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of one forward pass of one sample, and of one update.

    Attributes:
        parameters: trainable numbers.
        macs: multiply-adds of convolutions and dense layers.
        activations: numbers in the feature maps that convolutions, normalisations and pools read and write.
        layers: genes and head layers, for the fixed overhead of each.
        updates: multiply-adds that make the updates of all kernels orthogonal, where a normalisation follows: rows x
            columns x the smaller of the two, as `optimizers.Muon` sees them.
    """

    parameters: int
    macs: int
    activations: int
    layers: int
    updates: int = 0


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


def looking_steps(samples: float, batch_size: int) -> float:
    """Training steps that take as long as a look, without gradients, at so many samples: a third of as many."""
    return samples / batch_size / 3


def skip_source(genome: Genome, place: int) -> int | None:
    """The place of the gene whose output comes in at `place`; `None` without a skip, or where there is no such gene."""
    gene = genome.genes[place]
    skips = isinstance(gene, Conv) and gene.skip and place >= gene.skip
    return place - gene.skip if skips and isinstance(gene, Conv) else None


def groups(gene: Conv, inputs: int) -> int:
    """As many of the gene's groups as divide its inputs and outputs."""
    return math.gcd(gene.groups, inputs, gene.filters)


def pools_at_once(genome: Genome, place: int) -> bool:
    """Whether the gene at `place` is a convolution whose output is pooled before normalisation and activation.

    A pool that follows directly is, for a quarter of the work: ReLU and maximum change places without a difference.
    Not where a skip needs the map as it was.
    """
    genes = genome.genes[max(0, place) : place + 2]
    if len(genes) < 2 or not isinstance(genes[0], Conv) or not isinstance(genes[1], Pool) or genes[0].skip:
        return False
    return all(not isinstance(g, Conv) or not g.skip or p - g.skip != place for p, g in enumerate(genome.genes))


def shapes(genome: Genome, shape: Shape) -> list[Shape]:
    """The shape after each gene, starting from a picture of `shape`; a side of 0 means pooled away."""
    after: list[Shape] = []
    for place, gene in enumerate(genome.genes):
        match gene:
            case Conv(filters, stride=stride, join=join):
                source = skip_source(genome, place) if join == "cat" else None
                channels = filters + (0 if source is None else after[source].channels)
                shape = Shape(channels, -(-shape.height // stride), -(-shape.width // stride))
            case MaxPool(3) | AvgPool(3):
                shape = Shape(shape.channels, -(-shape.height // 2), -(-shape.width // 2))
            case MaxPool() | AvgPool():
                shape = Shape(shape.channels, shape.height // 2, shape.width // 2)
        after.append(shape)
    return after


@functools.lru_cache(maxsize=4096)
def cost(genome: Genome, shape: Shape, classes: int) -> Cost:
    """Count parameters, multiply-adds and activations of `genome` on pictures of `shape` with `classes` outputs.

    Kept for the genomes asked for last: whoever breeds asks several times, to mend, to refuse and to compare.
    """
    parameters = macs = activations = updates = 0
    layers = len(genome.genes)
    before, maps = shape, shapes(genome, shape)
    for place, (gene, after) in enumerate(zip(genome.genes, maps, strict=True)):
        area = after.height * after.width
        read, written = before.channels * before.height * before.width, after.channels * area
        activations += read + written
        if isinstance(gene, Conv):
            inputs, side = before.channels, gene.kernel**2
            weights = gene.filters * (inputs // groups(gene, inputs)) * (1 if gene.separable else side)
            if gene.separable:
                parameters += side * inputs
                macs += side * inputs * area
                activations += 2 * inputs * area
                layers += 1
            parameters += weights + gene.filters * (2 if gene.norm else 1)
            macs += weights * area
            if gene.norm:
                if groups(gene, inputs) == 1:
                    updates += weights * min(gene.filters, weights // gene.filters)
                activations += 2 * gene.filters * area // (4 if pools_at_once(genome, place) else 1)
                layers += 1
            if (source := skip_source(genome, place)) is not None:
                activations += maps[source].channels * maps[source].height * maps[source].width + written
                layers += 1
        before = after
    match genome.head:
        case DenseHead(units, second):
            sizes = [before.channels * before.height * before.width, *filter(None, (units, second)), classes]
            for inputs, outputs in itertools.pairwise(sizes):
                parameters += inputs * outputs + outputs
                macs += inputs * outputs
            layers += len(sizes) - 1
        case PoolHead():
            parameters += before.channels * classes + classes
            macs += before.channels * classes
            layers += 1
    return Cost(parameters, macs, activations, layers, updates)
