"""The contracts of genes and of reference networks: what is said on paper is true of what is built."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from neuralfinder.errors import InputError
from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.cost import cost, file_bytes, shapes
from neuralfinder.networks.forms import from_json, from_seed, to_json, to_seed
from neuralfinder.networks.genome import Conv, Genome, Layer, PoolHead, parse, parse_gene
from neuralfinder.testing.contracts import check
from neuralfinder.types import Shape

if TYPE_CHECKING:
    from torch import nn

    from neuralfinder.comparison.references import Reference

MAPS = (Shape(1, 8, 8), Shape(12, 7, 10), Shape(32, 4, 4), Shape(16, 1, 24))
"""What may come into a gene: a picture, maps whose sides differ, and a line."""


class GeneContract:
    """What every gene keeps that a package brings; a subclass named `Test...` supplies `make`.

    The gene is found by its text, so its package must be installed, with its entry point.
    """

    def make(self) -> Sequence[Layer]:
        """Two genes or more of the kind."""
        raise NotImplementedError

    def test_the_text_is_the_whole_gene(self) -> None:
        """It is read back, as a word of a genome and in the other forms, and no two genes share it."""
        genes = list(self.make())
        check(len({str(gene) for gene in genes}) == len(set(genes)) == len(genes) > 1, f"{genes} are not told apart")
        for gene in genes:
            text = str(gene)
            check(not set(text) & set(" >,"), f"{text!r} has a space, a comma or `>`")
            check(parse_gene(text, text) == gene, f"{text!r} is read as {parse_gene(text, text)!r}; expected {gene!r}")
            check(
                type(gene).read("C16") is None and type(gene).read(f"{text}?") is None, "it reads what is not its own"
            )
            genome = Genome((Conv(8), gene, Conv(8)), PoolHead())
            check(parse(genome.key) == genome, f"{genome.key} is read as another genome")
            check(from_json(to_json(genome)) == genome, f"{genome.key} is lost in JSON")
            check(from_seed(str(to_seed(genome, "init-1", 0.5)))[0] == genome, f"{genome.key} is lost in tuples")

    def test_what_is_built_is_what_is_said(self) -> None:
        """Parameters and the shape of what comes out, for maps of several shapes; outputs are finite."""
        import torch

        for gene in self.make():
            for before in MAPS:
                module = gene.module(before)
                maps = torch.randn(3, before.channels, before.height, before.width)
                after, said = module(maps), gene.shape_after(before)
                shape = (3, said.channels, said.height, said.width)
                check(tuple(after.shape) == shape, f"{gene} makes {tuple(after.shape)} of {before}; it says {shape}")
                check(bool(torch.isfinite(after).all()), f"{gene} makes what is not finite of {before}")
                check(_count(module) == gene.parameters(before), f"{gene} has {_count(module)} parameters on {before}; "
                      f"it says {gene.parameters(before)}")  # fmt: skip
                check(gene.macs(before) >= 0, f"{gene} says that it takes {gene.macs(before)} multiply-adds")

    def test_networks_with_it_learn(self) -> None:
        """Its network costs what is predicted, and its file too, and a gradient comes to all that is trained."""
        import torch
        from safetensors.torch import save

        from neuralfinder.training.build import build

        shape = Shape(3, 8, 8)
        for gene in self.make():
            genome = Genome((Conv(8), gene, Conv(8, norm=True)), PoolHead())
            network = build(genome, shape, 5)
            said = cost(genome, shape, 5).parameters
            check(_count(network) == said, f"{genome.key} has {_count(network)} parameters; the cost is {said}")
            size, most = len(save(network.state_dict())), file_bytes(genome, shape, 5)
            check(size <= most, f"the weights of {genome.key} are {size} bytes; {most} were said, see `buffers`")
            network(torch.randn(4, 3, 8, 8)).square().mean().backward()
            for name, weight in network.named_parameters():
                check(weight.grad is not None and bool(torch.isfinite(weight.grad).all()), f"no gradient for {name}")

    def test_children_inherit_it(self) -> None:
        """An equal child computes what its parent does."""
        import torch

        from neuralfinder.training.build import build
        from neuralfinder.training.inheritance import Parent, inherit

        shape = Shape(3, 8, 8)
        for gene in self.make():
            genome = Genome((Conv(8), gene, Conv(8)), PoolHead())
            parent, child = build(genome, shape, 5).eval(), build(genome, shape, 5).eval()
            inherit(child, genome, [Parent(genome, parent.state_dict())], shape)
            pictures = torch.randn(2, 3, 8, 8)
            with torch.no_grad():
                check(torch.equal(parent(pictures), child(pictures)), f"a child has other weights in {gene}")

    def test_a_space_proposes_it(self) -> None:
        """Where the setting `layers` names it: among new genes, in draws, and in the place of another of its kind."""
        genes, rng = tuple(self.make()), np.random.default_rng(0)
        space = ChainSpace(Shape(3, 32, 32), 10, layers=genes)
        check(set(genes) <= {space.new_gene(rng) for _ in range(1000)}, "it is never a new gene")
        drawn = [space.sample(rng) for _ in range(300)]
        check(set(genes) <= {gene for genome in drawn for gene in genome.genes}, "it is in no draw")
        check(all(min(s.height, s.width) > 0 for g in drawn for s in shapes(g, space.shape)), "a map was pooled away")
        check(set(space.alternatives(genes[0])) == set(genes[1:]), "others of its kind do not take its place")


class ReferenceContract:
    """What every reference network keeps; a subclass named `Test...` supplies `make`."""

    def make(self) -> Reference:
        """The reference network."""
        raise NotImplementedError

    def test_it_gives_logits_of_pictures(self) -> None:
        """Grey and coloured pictures of the smallest side and larger; its last layer is called `head`."""
        import torch

        reference = self.make()
        for channels, side, classes in ((1, reference.smallest, 2), (3, max(32, reference.smallest), 10)):
            network = reference.make(Shape(channels, side, side), classes).eval()
            with torch.no_grad():
                logits = network(torch.randn(2, channels, side, side))
            check(tuple(logits.shape) == (2, classes), f"logits are {tuple(logits.shape)}; expected {(2, classes)}")
            check(bool(torch.isfinite(logits).all()), "logits are not finite")
            check("head" in dict(network.named_modules()), "no layer is called `head`")

    def test_it_has_as_many_parameters_as_it_says(self) -> None:
        """For pictures of 3x32x32 and ten classes."""
        reference = self.make()
        if reference.parameters is not None:
            counted = _count(reference.make(Shape(3, 32, 32), 10))
            check(counted == reference.parameters, f"{counted} parameters; it says {reference.parameters}")

    def test_all_of_it_learns(self) -> None:
        """A gradient comes to every parameter."""
        import torch

        side = max(32, self.make().smallest)
        network = self.make().make(Shape(3, side, side), 10)
        network(torch.randn(4, 3, side, side)).square().mean().backward()
        lacking = [name for name, weight in network.named_parameters() if weight.grad is None]
        check(not lacking, f"no gradient for {', '.join(lacking)}")

    def test_it_is_found_by_its_name(self) -> None:
        """`--methods` takes the name, and smaller pictures than it can take are refused."""
        from neuralfinder.comparison.references import REFERENCES, build_reference

        reference = self.make()
        check(REFERENCES.get(reference.name) == reference, f"{reference.name!r} is not the name of its entry point")
        if reference.smallest > 1:
            side = reference.smallest - 1
            try:
                build_reference(reference.name, Shape(3, side, side), 10)
            except InputError:
                return
            check(False, f"pictures of {side}x{side} were taken; expected a refusal")


def _count(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters() if weight.requires_grad)
