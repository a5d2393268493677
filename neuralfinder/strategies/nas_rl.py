"""Neural architecture search with reinforcement learning: a controller writes networks and is rewarded for good ones.

Zoph & Le, "Neural architecture search with reinforcement learning", ICLR 2017: height and width of the kernel and
filters of each layer, and which earlier layers come in (section 3.3, figure 4), written by a two-layer LSTM that
learns by REINFORCE (section 3.2). The reward is the cube of the best validation accuracy of the last five epochs, the
baseline a moving average, the networks grow from 6 layers to 20 (section 4.1), here in parts of the trainings there is
time for.

Open in the paper and decided so: the baseline moves by 0.05 and begins at the first reward; convolution, normalisation
and ReLU come in this order. What fails or is beyond the run's caps has reward 0, so that the controller learns what
can be trained; when 40 networks in a row are beyond the caps, those after them are shallower.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from neuralfinder.networks.chains import of_networks
from neuralfinder.networks.genome import Conv, Gene, Genome, Identity, PoolHead
from neuralfinder.networks.space import Space
from neuralfinder.seeds import Seeds
from neuralfinder.strategies.base import Proposal, Strategy
from neuralfinder.types import Allowed, Fidelity, Range, Result

if TYPE_CHECKING:
    from neuralfinder.strategies.controller import Network

HEIGHTS, WIDTHS, FILTERS = (1, 3, 5, 7), (1, 3, 5, 7), (24, 36, 48, 64)

FIRST_DEPTH, DEPTH_STEP, DEPTHS = 6, 2, 8
"""Layers of the first networks, how many more at a time, and how many depths: 12,800 networks in parts of 1,600."""

REFUSED = 40
"""So many networks in a row beyond the caps, and the next ones have fewer layers: five batches have then told the
controller nothing but zeros, from which no gradient leads to smaller networks once the baseline is zero too."""

DECAY = 0.95
"""Of the moving average that is the baseline: about the last twenty rewards, so that it follows a controller that gets
better, and one lucky network moves it little."""

LAST_EPOCHS = 5
"""Of which the best accuracy is the reward (section 4.1)."""


def genome_of(layers: Sequence[tuple[int, int, int]], inputs: Sequence[Sequence[int]]) -> Genome:
    """The network with these layers.

    A layer without inputs has the picture; what nobody uses comes together before the mean over the map.

    Args:
        layers: height and width of the kernel and filters of each layer.
        inputs: for each layer the earlier layers, from 0, whose outputs come in side by side.
    """
    genes: list[Gene] = []
    for place, ((height, width, filters), earlier) in enumerate(zip(layers, inputs, strict=True)):
        back = tuple(sorted(place - source for source in (earlier or (-1,))))
        skips = () if back == (1,) else back
        wide = 0 if width == height else width
        genes.append(Conv(filters, True, height, wide, skips=skips, join="in" if skips else "add"))
    # section 3.3: a layer without inputs sees the picture; what is nobody's input goes to the classifier, all together
    used = {source for earlier in inputs for source in earlier}
    loose = tuple(sorted(len(layers) - source for source in range(len(layers)) if source not in used))
    if len(loose) > 1:
        genes.append(Identity(skips=loose, join="in"))
    return Genome(tuple(genes), PoolHead())


class NasRl(Strategy):
    """A controller that is told how good the networks are that it writes.

    Args:
        space: what is legal; gives shape, classes and caps.
        seeds: the run's seeds.
        fidelity: how much training every candidate gets.
        candidates: networks over which the depth grows from 6 to 20 layers.
        batch: networks from whose rewards the controller learns at once, 1 or more; 8 in the paper.

    Raises:
        InputError: a space of something else than layers, or a setting out of range.
    """

    learns_from_values = True
    ranges: ClassVar[Mapping[str, Allowed]] = {"batch": Range(1)}

    def __init__(
        self, space: Space, seeds: Seeds, fidelity: Fidelity, *, candidates: int = 12_800, batch: int = 8
    ) -> None:
        from neuralfinder.strategies.controller import Controller

        self.check(batch=batch)
        deepest = FIRST_DEPTH + DEPTH_STEP * (DEPTHS - 1)
        own = dataclasses.replace(
            of_networks(space, "nas-rl").usual,
            filters=FILTERS,
            kernels=HEIGHTS,
            head=PoolHead(),
            max_convolutions=deepest,
            max_genes=deepest + 1,
        )
        super().__init__(own, seeds, fidelity)
        self.candidates, self.batch = candidates, batch
        self.controller = Controller((len(HEIGHTS), len(WIDTHS), len(FILTERS)), seeds.number("controller"))
        self.baseline: float | None = None
        self._rng = seeds.stream("nas-rl")
        self._fresh: deque[Network] = deque()
        self._written: dict[int, Network] = {}
        self._rewarded: list[tuple[Network, float]] = []
        self._number = self._refused = 0
        self._deepest = deepest

    @property
    def depth(self) -> int:
        """Layers of the networks written now."""
        part = min(DEPTHS - 1, DEPTHS * (self.counts["trained"] + self.counts["failed"]) // self.candidates)
        return min(self._deepest, FIRST_DEPTH + DEPTH_STEP * part)

    def view(self) -> dict[str, Any]:
        """`depth` of the networks written now, and the `baseline` of rewards."""
        return {"depth": self.depth, "baseline": self.baseline}

    def _propose(self, n: int) -> list[Proposal]:
        proposals: list[Proposal] = []
        for _ in range(n):
            if not self._fresh:
                self._fresh += self.controller.write(self.batch, self.depth, self._rng)
            network = self._fresh.popleft()
            self._number += 1
            self._written[self._number] = network
            layers = [
                (HEIGHTS[height], WIDTHS[width], FILTERS[filters])
                for height, width, filters in (layer.tokens for layer in network)
            ]
            genome = genome_of(layers, [layer.inputs for layer in network])
            proposals.append(Proposal(genome, "controller", slot=self._number))
        return proposals

    def _learn(self, proposal: Proposal, result: Result) -> None:
        # cubed: a point more among good networks is to count more than one among poor ones
        reward = 0.0 if result.score is None else max(result.curve[-LAST_EPOCHS:], default=result.score) ** 3
        self._rewarded.append((self._written.pop(proposal.slot), reward))
        self._refused = self._refused + 1 if (result.failure or "").startswith("infeasible") else 0
        if self._refused >= REFUSED:
            self._deepest, self._refused = max(1, self.depth - DEPTH_STEP), 0
            self._fresh.clear()  # they were written at the old depth
        if len(self._rewarded) < self.batch:
            return
        networks, rewards = [network for network, _ in self._rewarded], [reward for _, reward in self._rewarded]
        # the baseline of before the batch: one that contained these rewards would take from each a part of itself
        baseline = rewards[0] if self.baseline is None else self.baseline
        self.controller.learn(networks, [reward - baseline for reward in rewards])
        for reward in rewards:
            baseline = DECAY * baseline + (1 - DECAY) * reward
        self.baseline, self._rewarded = baseline, []
