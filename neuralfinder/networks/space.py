"""The seam between strategies and what they search: all that an algorithm may know of a set of networks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from neuralfinder.networks.cost import Cost
from neuralfinder.networks.genome import Gene, Genome, Head
from neuralfinder.networks.recipe_genes import RecipeGenes

SMALL_STEPS = ("insert", "delete", "move", "copy-fragment", "change")
"""Operators of a space whose genomes may have any length."""


class Space(ABC):
    """A set of legal genomes.

    Attributes:
        fixed_length: whether all genomes have the same number of genes, each place with a meaning of its own: copies
            of a whole genome have no place then, and crossovers cut both parents at the same place.
    """

    fixed_length: ClassVar[bool] = False

    @property
    def operators(self) -> tuple[str, ...]:
        """Names of the small steps (`variation.OPERATORS`) that can lead from a legal genome to another."""
        return SMALL_STEPS

    @abstractmethod
    def founders(self, n: int, rng: np.random.Generator) -> list[Genome]:
        """The `n` genomes a world begins with; there may be doubles among them."""

    def newcomer(self, rng: np.random.Generator) -> Genome:
        """One more founder, drawn."""
        return self.founders(1, rng)[0]

    @abstractmethod
    def sample(self, rng: np.random.Generator) -> Genome:
        """A legal genome at random."""

    @abstractmethod
    def infeasible(self, genome: Genome) -> str | None:
        """Why `genome` cannot live here, as `infeasible:<reason>`, or `None` when it can.

        What operators need not produce at all is `infeasible:empty`, `:pool-first` or `:length`.
        """

    @abstractmethod
    def cost(self, genome: Genome) -> Cost:
        """What `genome` costs; zeros where that is not known."""

    @abstractmethod
    def alternatives(self, gene: Gene) -> Sequence[Gene]:
        """The other genes that may stand in the place of this one, in order; none for one that never changes."""

    @abstractmethod
    def neighbours(self, gene: Gene) -> Sequence[Gene]:
        """Those of its alternatives that are closest to this one."""

    def other_heads(self, head: Head) -> Sequence[Head]:
        """The heads that mutation may put in the place of this one, in order; none where the head is given."""
        return ()

    def other_recipes(self, recipe: RecipeGenes) -> Sequence[RecipeGenes]:
        """The recipe genes one step from these, in order; none where all networks are trained by one recipe."""
        return ()

    def other_sides(self, side: int) -> Sequence[int]:
        """The sides next to this one at which networks may look; none where all look at one."""
        return ()

    @abstractmethod
    def new_gene(self, rng: np.random.Generator) -> Gene:
        """A gene to insert."""

    @abstractmethod
    def features(self, genome: Genome) -> np.ndarray:
        """Numbers `(f,)` by which genomes are compared, of the same length for all: close ones should score alike."""

    def canonical(self, genome: Genome) -> Genome:
        """The genome by which this one is known: of genomes that make the same network, always the same."""
        return genome

    def mend(self, genome: Genome) -> Genome:
        """A genome made legal by leaving out what cannot stay, where the space knows how."""
        return genome
