"""What a child inherits: the weights of its parents wherever genes correspond.

After "Net2Net" (Chen, Goodfellow & Shlens, ICLR 2016) and "network morphism" (Wei et al., ICML 2016): equal genes keep
their weights exactly, a wider layer adds channels that nobody listens to yet, an inserted layer begins as the identity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from neuralfinder.networks.cost import inputs, shapes
from neuralfinder.networks.genome import Conv, DenseHead, Gene, Genome, Identity, Layer
from neuralfinder.training.build import PIXELS, WORDS
from neuralfinder.types import Shape

State = dict[str, Tensor]

Place = tuple[int, int]
"""A gene of a parent: number of the parent, number of the gene."""


@dataclass(frozen=True, slots=True)
class Parent:
    """A trained network to inherit from: its genome and its weights on the CPU."""

    genome: Genome
    state: State


def align(child: Genome, parents: Sequence[Genome], channels: int) -> list[Place | None]:
    """The gene of a parent that each gene of the child continues, `None` for what is new.

    The longest common run of genes is matched first, then what lies left and right of it, each in any parent: so
    copies and crossovers find their pieces. Longest means most convolutions whose kernels fit as they are, then fewest
    that do not; a run without any that fit is taken only from genes that nothing else continues, and so is a single
    one: rather than its copy an insertion becomes the identity. A convolution left
    over continues the one that stands beside its neighbour's match: a mutant's changed layer.

    Args:
        child: the genome to give weights.
        parents: the genomes to take them from.
        channels: of the pictures.
    """
    matches: list[Place | None] = [None] * len(child)
    genomes = [child, *parents]
    widths = [_inputs(genome, channels) for genome in genomes]

    def run(p: int, i: int, j: int, high: int) -> tuple[int, int, int]:
        """The common run from gene `i` of the child and `j` of `p`: kernels that fit, those that do not, length."""
        parent = parents[p]
        length = fits = misfits = 0
        while i + length < high and j + length < len(parent) and child.genes[i + length] == parent.genes[j + length]:
            if isinstance(child.genes[i + length], Conv):
                fit = widths[0][i + length] == widths[p + 1][j + length]
                fits, misfits = fits + fit, misfits + (not fit)
            length += 1
        # a gene may be continued twice, as in a self copy; but one layer alone that comes twice is rather an insertion
        taken = any((p, j + step) in matches for step in range(length))
        continues = not taken or (fits and length > 1)
        return (fits, -misfits, length) if continues and fits + misfits else (0, -len(child), 0)

    def match(low: int, high: int) -> None:
        places = [(p, i, j) for p in range(len(parents)) for i in range(low, high) for j in range(len(parents[p]))]
        if not places:
            return
        # of equal runs, the one at the same depth, then of the first parent
        p, i, j = max(places, key=lambda place: (*run(place[0], place[1], place[2], high), place[1] == place[2]))
        if (length := run(p, i, j, high)[2]) > 0:
            matches[i : i + length] = [(p, j + step) for step in range(length)]
            match(low, i)
            match(i + length, high)

    # quadratic in the length of genomes for each run found: nothing beside a training, and exact
    match(0, len(child))
    _match_neighbours(child, parents, matches)
    return matches


def _inputs(genome: Genome, channels: int) -> list[int]:
    """Channels that come into each gene."""
    side = 1 << 30  # so large that no pool leaves nothing: channels alone are asked for
    genome, picture = replace(genome, side=side), Shape(channels, side, side)
    after = shapes(genome, picture)
    return [inputs(genome, place, after, picture).channels for place in range(len(genome))]


def _match_neighbours(child: Genome, parents: Sequence[Genome], matches: list[Place | None]) -> None:
    """Let changed convolutions continue those in their place: right behind the left neighbour's, or before the right's.

    Each is continued once: of two convolutions that stand where one stood, the other is an insertion.
    """
    used = {match for match in matches if match}
    for i, gene in enumerate(child.genes):
        if matches[i] or not isinstance(gene, Conv):
            continue
        left = matches[i - 1] if i else (0, -1)  # before the first gene stands the picture, the first parent's
        right = matches[i + 1] if i + 1 < len(child) else None
        beside = [(left[0], left[1] + 1)] if left else []
        beside += [(right[0], right[1] - 1)] if right else []
        for p, j in beside:
            if 0 <= j < len(parents[p]) and (p, j) not in used and isinstance(parents[p].genes[j], Conv):
                matches[i] = (p, j)
                used.add((p, j))
                break


@torch.no_grad()
def inherit(network: nn.Module, child: Genome, parents: Sequence[Parent], shape: Shape) -> None:
    """Give a freshly built network the weights of its parents.

    What is not inherited keeps its fresh weights. Kernels whose sizes differ share their overlap; inputs that a wider
    layer before has added get weight zero. An inserted convolution passes its input on: with equal width and no
    normalisation the function stays the same, exactly.

    Args:
        network: built from `child`, on the CPU.
        child: its genome.
        parents: one or more trained networks of the same task.
        shape: shape of one sample.
    """
    network.load_state_dict({k: v for k, v in parents[0].state.items() if k == f"{WORDS}.weight"}, strict=False)
    genomes = [parent.genome for parent in parents]
    matches = align(child, genomes, shape.channels)
    before: Place | None = None  # the gene whose outputs come in; an inserted layer passes them on
    first = True
    for i, gene in enumerate(child.genes):
        match = matches[i]
        if match:
            _fill_beside_kernels(network, i, gene, parents[match[0]].state, match[1])
        if not isinstance(gene, Conv):
            continue
        if match:
            parent = parents[match[0]]
            # only where its inputs come from the layer from which the parent's came are they the parent's own, so that
            # what a wider one adds must count nothing; behind a cut they are foreign, and fresh weights learn sooner
            follows = first or (before is not None and before == _before(match, genomes))
            for name in ("conv", "depth"):
                here, there = f"{i}_{name}.weight", f"{match[1]}_{name}.weight"
                if here in dict(network.named_parameters()) and (source := parent.state.get(there)) is not None:
                    _fill(network.get_parameter(here), source, follows=follows)
        elif not first:  # the first sees the picture, of which an identity would make no features
            _pass_on(network, i)
        before, first = match or before, False  # behind an inserted layer comes in what came into it
    _inherit_head(network, child, parents, before or (0, 0), shape)


def _before(place: Place, parents: Sequence[Genome]) -> Place | None:
    """The convolution before a place in the same parent."""
    p, j = place
    return next(((p, k) for k in reversed(range(j)) if isinstance(parents[p].genes[k], Conv)), None)


def _pass_on(network: nn.Module, place: int) -> None:
    """Make an inserted convolution the identity on the channels that it has; groups see only their own and stay."""
    for name in ("depth", "conv"):
        layer = dict(network.named_modules()).get(f"{place}_{name}")
        if isinstance(layer, nn.Conv2d) and name == "depth":
            nn.init.dirac_(layer.weight, groups=layer.groups)
        elif isinstance(layer, nn.Conv2d) and layer.groups == 1:
            nn.init.dirac_(layer.weight[: layer.in_channels])


def _fill_beside_kernels(network: nn.Module, place: int, gene: Gene, state: State, there: int) -> None:
    """Copy what does not depend on which channels come in: biases and normalisation, or all of a layer of a package."""
    own = {name: tensor for name, tensor in network.state_dict().items() if name.split("_")[0] == str(place)}
    for name, tensor in own.items():
        source = state.get(f"{there}_{name.partition('_')[2]}")
        if isinstance(gene, Layer) and source is not None and source.shape == tensor.shape:
            tensor.copy_(source)
        elif isinstance(gene, Conv | Identity) and source is not None and tensor.ndim == 1:
            _fill_vector(tensor, source)  # new channels keep fresh ones, and nobody listens to them yet


def _fill(weight: Tensor, source: Tensor, *, follows: bool) -> None:
    """Copy the overlap `(outputs, inputs, ...)`; where the inputs are the parent's own, further ones count nothing.

    Kernels of different sides share their middle; what a larger one has beyond counts nothing.
    """
    outputs, inputs = (min(mine, theirs) for mine, theirs in zip(weight.shape[:2], source.shape[:2], strict=True))
    if follows:
        weight[:outputs, inputs:] = 0
    target = weight[:outputs, :inputs]
    piece = source[:outputs, :inputs]
    if weight.ndim == 4 and weight.shape[2:] != source.shape[2:]:
        height, width = (min(weight.shape[axis], source.shape[axis]) for axis in (2, 3))
        target.zero_()
        target, piece = _middle(target, height, width), _middle(piece, height, width)
    target.copy_(piece)


def _middle(kernels: Tensor, height: int, width: int) -> Tensor:
    above, left = (kernels.shape[2] - height) // 2, (kernels.shape[3] - width) // 2
    return kernels[:, :, above : above + height, left : left + width]


def _fill_vector(target: Tensor | None, source: Tensor) -> None:
    if target is not None:
        count = min(len(target), len(source))
        target[:count] = source[:count]


def _inherit_head(network: nn.Module, child: Genome, parents: Sequence[Parent], last: Place, shape: Shape) -> None:
    """Give the head that of the parent whose convolution the child's last one continues, if it is of the same kind."""
    parent = parents[last[0]]
    if parent.genome.head != child.head:
        return
    follows = last == _before((last[0], len(parent.genome)), [p.genome for p in parents])
    mine, theirs = _end(child, shape), _end(parent.genome, shape)
    state = parent.state
    if isinstance(child.head, DenseHead) and (mine.height, mine.width) != (theirs.height, theirs.width):
        return  # each place of a flattened map has weights of its own
    for name in (name for name in ("dense", "dense2", "head") if f"{name}.weight" in state):
        weight: Tensor = network.get_parameter(f"{name}.weight")
        source = state[f"{name}.weight"]
        if name == "dense" or (name == "head" and isinstance(child.head, DenseHead) and not child.head.units):
            # a flattened map runs channel by channel: so seen, a wider layer's channels are further inputs as elsewhere
            weight = weight.view(len(weight), mine.channels, -1)
            source = source.view(len(source), theirs.channels, -1)
        _fill(weight, source, follows=follows)
        _fill_vector(network.get_parameter(f"{name}.bias"), state[f"{name}.bias"])
        follows = True  # from the second dense layer on, the inputs are the parent's
    beside = {name: tensor for name, tensor in state.items() if name.split(".")[0] == PIXELS}
    network.load_state_dict(beside, strict=False)


def _end(genome: Genome, shape: Shape) -> Shape:
    return next(reversed(shapes(genome, shape)), shape)
