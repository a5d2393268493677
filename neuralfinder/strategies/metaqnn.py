"""MetaQNN: an agent learns by Q-learning which layer to add next.

Baker, Gupta, Naik & Raskar, "Designing neural network architectures using reinforcement learning", ICLR 2017: states
and actions are those of table 1, learning is section 4.1 and appendix D.1, the schedule of epsilon table 2, here in
parts of the trainings there is time for. Where paper and released code differ, the code is followed: kernels are
smaller than the bin of the map, Q begins at 0.5, a network is at chance up to 1.5 times the chance of a guess.

Otherwise than there: convolutions are normalised where the run's other networks are, whose recipe needs it; dropout
behind dense layers is that of our heads, 0.5; pools of 3x3 have a border, which gives Caffe's size on even maps; the
map of a text is as large as its line is long; and networks beyond the run's caps are left out as those that ran out of
memory were.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from neuralfinder.networks.chains import ChainSpace, of_networks
from neuralfinder.networks.cost import pool_padding, slid
from neuralfinder.networks.genome import Conv, DenseHead, Dropout, Gene, Genome, Head, MaxPool, PoolHead
from neuralfinder.networks.space import Space
from neuralfinder.seeds import Seeds
from neuralfinder.strategies.base import Proposal, Strategy
from neuralfinder.types import Allowed, Fidelity, Range, Result

FILTERS, KERNELS, POOLS, UNITS = (64, 128, 256, 512), (1, 3, 5), ((5, 3), (3, 2), (2, 2)), (512, 256, 128)

SCHEDULE = ((1.0, 1500), *((e / 10, 100) for e in (9, 8, 7)), *((e / 10, 150) for e in (6, 5, 4, 3, 2, 1)))
"""Epsilon, and for how many of the paper's 2,700 trained networks."""

FIRST_Q, ALPHA = 0.5, 0.01
"""Value of what was never done, about that of a poor network, and the share by which a value moves to what came of it.
Algorithm 1 begins at 0, appendix D.1 and the code at 0.5: from 0 the first reward of all would look like the best."""

RESTART = 0.4
"""By which the learning rate of a network that is at chance is multiplied."""


@dataclass(frozen=True, slots=True)
class State:
    """What the agent knows of where it is: the last layer, how deep, and the size of the map in bins 8, 4 and 1.

    Attributes:
        kind: `start`, `conv`, `pool`, `gap`, `dense` or `end`.
        depth: layers so far.
        size: filters or units of the last layer, or the side of its pool.
        kernel: side of its kernel; stride of its pool.
        bin: of the side of the map.
        dense: dense layers so far.
    """

    kind: str = "start"
    depth: int = 0
    size: int = 0
    kernel: int = 0
    bin: int = 8
    dense: int = 0


Action = tuple[str, int, int]
"""Kind, size and kernel of the next layer, as in `State`."""

END: Action = ("end", 0, 0)

Walk = tuple[tuple[State, Action], ...]
"""A network as the agent sees it: states, and what it did there."""


def bin_of(side: int) -> int:
    """The bin of a map's side: 8 from 8 on, 4 from 4 on, else 1.

    Sides as they are would make more states than there are trainings to learn their values from.
    """
    return 8 if side > 7 else 4 if side > 3 else 1


def actions(state: State, deepest: int) -> list[Action]:
    """What may follow, in order: table 1 of the paper."""
    if state.kind in ("gap", "end") or state.depth >= deepest:
        return [END] if state.kind != "end" else []
    found: list[Action] = [END]
    if state.kind in ("start", "conv", "pool"):
        found += [("conv", filters, kernel) for filters in FILTERS for kernel in KERNELS if kernel < state.bin]
        found.append(("gap", 0, 0))
    if state.kind == "conv":
        found += [("pool", side, stride) for side, stride in POOLS if side < state.bin]
    if state.kind == "dense":
        found += [("dense", units, 0) for units in UNITS if units <= state.size and state.dense < 2]
    elif state.bin <= 4:
        found += [("dense", units, 0) for units in UNITS]
    return found


def after(state: State, action: Action, side: int) -> State:
    """The state after an action that leaves a map of this side."""
    kind, size, kernel = action
    return State(kind, state.depth + (kind != "end"), size, kernel, bin_of(side), state.dense + (kind == "dense"))


class MetaQNN(Strategy):
    """An agent that adds layer after layer, at first at random, later what has led to good networks.

    Args:
        space: what is legal; gives shape, classes and caps.
        seeds: the run's seeds.
        fidelity: how much training every candidate gets.
        candidates: trainings of different networks over which epsilon falls from 1 to 0.1.
        deepest: most layers of a network, 1 or more; 18 for CIFAR-10 and 12 for others in the paper.
        replay: walks drawn and learned from after each training, 0 or more.
        restarts: how often a network at chance is trained again at a lower rate, 0 or more.

    Raises:
        InputError: a space of something else than layers, or a setting out of range.
    """

    learns_from_values = True
    ranges: ClassVar[Mapping[str, Allowed]] = {"deepest": Range(1), "replay": Range(0), "restarts": Range(0)}

    def __init__(
        self,
        space: Space,
        seeds: Seeds,
        fidelity: Fidelity,
        *,
        candidates: int = 2700,
        deepest: int = 18,
        replay: int = 100,
        restarts: int = 4,
    ) -> None:
        self.check(deepest=deepest, replay=replay, restarts=restarts)
        run = of_networks(space, "metaqnn").usual
        own = dataclasses.replace(
            run,
            filters=FILTERS,
            kernels=KERNELS,
            pools=tuple(MaxPool(*pool) for pool in POOLS),
            dropouts=(25,),
            max_convolutions=deepest + 1,  # the averaging head brings a convolution of its own
            max_genes=2 * deepest + 1,  # and dropouts stand behind every second layer
        )
        super().__init__(own, seeds, fidelity)
        self.networks: ChainSpace = own
        self.candidates, self.deepest, self.replay, self.restarts = candidates, deepest, replay, restarts
        self.q: defaultdict[tuple[State, Action], float] = defaultdict(lambda: FIRST_Q)
        self._rng = seeds.stream("metaqnn")
        self._memory: list[tuple[Walk, float]] = []
        self._walks: dict[int, Walk] = {}
        self._again: deque[Proposal] = deque()
        self._trained: set[str] = set()
        self._number = 0

    @property
    def epsilon(self) -> float:
        """The share of random choices now: table 2, its 2,700 networks shrunk to `candidates`."""
        # different networks count: a walk that comes to a known one has explored nothing
        done = len(self._trained) * sum(count for _, count in SCHEDULE) / self.candidates
        for epsilon, count in SCHEDULE:
            done -= count
            if done < 0:
                return epsilon
        return SCHEDULE[-1][0]

    def view(self) -> dict[str, Any]:
        """`epsilon`, `networks` trained, `walks` remembered and `states` with a value of their own."""
        return {
            "epsilon": self.epsilon,
            "networks": len(self._trained),
            "walks": len(self._memory),
            "states": len({state for state, _ in self.q}),
        }

    def _propose(self, n: int) -> list[Proposal]:
        again = [self._again.popleft() for _ in range(min(n, len(self._again)))]
        return again or [self._new() for _ in range(n)]

    def _new(self) -> Proposal:
        walk = self._walk()
        self._number += 1
        self._walks[self._number] = walk
        return Proposal(self.genome(walk), "walk", slot=self._number)

    def _walk(self) -> Walk:
        """One network, chosen layer by layer."""
        epsilon, state, steps = self.epsilon, State(bin=bin_of(self._side(()))), list[tuple[State, Action]]()
        while state.kind != "end":
            action = self._choose(state, epsilon)
            steps.append((state, action))
            state = after(state, action, self._side(tuple(steps)))
        return tuple(steps)

    def _choose(self, state: State, epsilon: float) -> Action:
        """At random, or one of the best; ties at random."""
        possible = actions(state, self.deepest)
        if self._rng.random() >= epsilon:
            values = [self.q.get((state, action), FIRST_Q) for action in possible]
            possible = [action for action, value in zip(possible, values, strict=True) if value == max(values)]
        return possible[int(self._rng.integers(len(possible)))]

    def _side(self, walk: Walk) -> int:
        """The shorter side of the map that a walk has come to; of a line, which has one side, the width."""
        shape = self.networks.shape
        side = shape.width if shape.line else min(shape.height, shape.width)
        for _, (kind, size, stride) in walk:
            if kind == "pool":
                side = slid(side, size, stride, pool_padding(MaxPool(size)))
        return side

    def genome(self, walk: Walk) -> Genome:
        """The network of a walk; after every two layers the i-th of n dropouts, of probability i / 2n (section 5)."""
        layers: list[Gene] = []
        units: list[int] = []
        head: Head | None = None
        for _, (kind, size, kernel) in walk:
            if kind == "conv":
                layers.append(dataclasses.replace(self.networks.conv(size), kernel=kernel))
            elif kind == "pool":
                layers.append(MaxPool(size, kernel))
            elif kind == "dense":
                units.append(size)
            elif kind == "gap":
                layers.append(Conv(self.networks.classes, kernel=1))
                head = PoolHead()
        # the fraction i / 2n of section 5 counts dense layers too, whose dropout our heads fix
        gap = head is not None
        plain = len(layers) - gap
        dropouts, genes = plain // 2 + len(units), list[Gene]()
        for place, layer in enumerate(layers, start=1):
            genes.append(layer)
            if place % 2 == 0 and place <= plain:
                genes.append(Dropout(max(1, round(100 * (place // 2) / (2 * dropouts)))))
        return Genome(tuple(genes), head or DenseHead(*(units or [0])))

    def _learn(self, proposal: Proposal, result: Result) -> None:
        walk = self._walks[proposal.slot]
        hopeless = result.failure == "diverged" or (
            result.score is not None and result.score <= 1.5 / self.networks.classes
        )
        if hopeless and proposal.repeat < self.restarts:
            slower = dataclasses.replace(proposal, operator="restart", repeat=proposal.repeat + 1)
            self._again.append(dataclasses.replace(slower, rate=RESTART ** (proposal.repeat + 1)))
            return
        del self._walks[proposal.slot]
        # neither too large nor impossible says anything of how good such layers are: nothing is learned from those
        if result.score is None and not hopeless:
            return
        self._trained.add(proposal.genome.key)
        self._memory.append((walk, 1 / self.networks.classes if hopeless else result.score or 0.0))
        # each training is dear and an update moves values by a hundredth: so all that is known is gone through again
        for place in self._rng.integers(len(self._memory), size=self.replay):
            self._update(*self._memory[int(place)])

    def _update(self, walk: Walk, reward: float) -> None:
        """Q-learning from the last layer to the first (equation 3), alpha 0.01 and no discount."""
        target = reward
        for state, action in reversed(walk):
            self.q[state, action] += ALPHA * (target - self.q[state, action])
            # from the last layer on, so that a reward reaches the first layer in one go
            target = max(self.q.get((state, other), FIRST_Q) for other in actions(state, self.deepest))
