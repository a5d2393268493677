"""What a network costs, computed from its genome alone: no torch, no weights."""

from __future__ import annotations

from dataclasses import dataclass

from neuralfinder.genome import Conv, DenseHead, Genome, MaxPool, PoolHead
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


def pools_at_once(genome: Genome, place: int) -> bool:
    """Whether the gene at `place` is a convolution whose output is pooled before normalisation and ReLU.

    A pool that follows directly is, for a quarter of the work: ReLU and maximum change places without a difference.
    """
    genes = genome.genes[max(0, place) : place + 2]
    return len(genes) == 2 and isinstance(genes[0], Conv) and isinstance(genes[1], MaxPool)


def shapes(genome: Genome, shape: Shape) -> list[Shape]:
    """The shape after each gene, starting from a picture of `shape`; a side of 0 means pooled away."""
    after = []
    for gene in genome.genes:
        match gene:
            case Conv(filters):
                shape = Shape(filters, shape.height, shape.width)
            case MaxPool():
                shape = Shape(shape.channels, shape.height // 2, shape.width // 2)
        after.append(shape)
    return after


def cost(genome: Genome, shape: Shape, classes: int) -> Cost:
    """Count parameters, multiply-adds and activations of `genome` on pictures of `shape` with `classes` outputs."""
    parameters = macs = activations = updates = 0
    layers = len(genome.genes)
    before = shape
    for place, (gene, after) in enumerate(zip(genome.genes, shapes(genome, shape), strict=True)):
        area = after.height * after.width
        written = after.channels * area
        activations += before.channels * before.height * before.width + written
        if isinstance(gene, Conv):
            weights = 9 * before.channels * gene.filters
            parameters += weights + gene.filters * (2 if gene.norm else 1)
            macs += weights * area
            if gene.norm:
                updates += weights * min(gene.filters, 9 * before.channels)
                activations += 2 * written // (4 if pools_at_once(genome, place) else 1)
                layers += 1
        before = after
    match genome.head:
        case DenseHead(units):
            flat = before.channels * before.height * before.width
            parameters += flat * units + units + units * classes + classes
            macs += flat * units + units * classes
            layers += 2
        case PoolHead():
            parameters += before.channels * classes + classes
            macs += before.channels * classes
            layers += 1
    return Cost(parameters, macs, activations, layers, updates)
