"""The controller of `nas_rl`: a recurrent network that writes networks layer by layer (section 3 of the paper)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from neuralfinder.seeds import torch_seed

UNITS, LAYERS, RANGE, RATE = 35, 2, 0.08, 0.0006
"""Of the LSTM: units and layers, half the range of its first weights, learning rate of Adam (section 4.1)."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a controller wrote for one layer: a place in each of its lists of choices, and earlier layers as inputs."""

    tokens: tuple[int, ...]
    inputs: tuple[int, ...]


Network = list[Written]
"""What a controller wrote, layer by layer."""


class Controller(nn.Module):
    """Two layers of LSTM, a softmax for each token, and anchors that choose among earlier layers.

    A token's input is the token before, as an embedding; the first one's is zeros. For the inputs of layer i, each
    earlier layer j is taken with probability sigmoid(v . tanh(W_prev h_j + W_curr h_i)), section 3.3.

    Args:
        choices: how many choices each token of a layer has.
        seed: of the first weights.
    """

    def __init__(self, choices: Sequence[int], seed: int) -> None:
        super().__init__()
        with torch_seed(seed):
            self.cells = nn.ModuleList(nn.LSTMCell(UNITS, UNITS) for _ in range(LAYERS))
            self.embeddings = nn.ModuleList(nn.Embedding(count, UNITS) for count in choices)
            self.answers = nn.ModuleList(nn.Linear(UNITS, count) for count in choices)
            self.previous = nn.Linear(UNITS, UNITS, bias=False)
            self.current = nn.Linear(UNITS, UNITS, bias=False)
            self.anchor = nn.Linear(UNITS, 1, bias=False)
            self.double()  # draws should not hang on a sum's last bits, which differ between machines
            for weight in self.parameters():
                nn.init.uniform_(weight, -RANGE, RANGE)
        self._optimizer = torch.optim.Adam(self.parameters(), lr=RATE)

    def write(self, count: int, layers: int, rng: np.random.Generator) -> list[Network]:
        """Draw so many networks of so many layers."""
        with torch.no_grad():
            return self._run(count, layers, rng, None)[0]

    def log_probabilities(self, networks: Sequence[Network]) -> Tensor:
        """The logarithms of the probabilities with which these networks of equal depth are drawn, `(n,)`."""
        return self._run(len(networks), len(networks[0]), None, networks)[1]

    def learn(self, networks: Sequence[Network], advantages: Sequence[float]) -> None:
        """One step of REINFORCE: the mean over networks of log p times reward less baseline, upwards (section 3.2)."""
        self._optimizer.zero_grad()
        total = torch.zeros((), dtype=torch.float64)
        # a batch may hold networks from before and after the depth grew, which do not run side by side
        for depth in sorted({len(network) for network in networks}):
            places = [place for place, network in enumerate(networks) if len(network) == depth]
            gains = torch.tensor([advantages[place] for place in places], dtype=torch.float64)
            total = total + (gains * self.log_probabilities([networks[place] for place in places])).sum()
        torch.autograd.backward(-total / len(networks))  # torch minimises
        self._optimizer.step()

    def _run(
        self, count: int, layers: int, rng: np.random.Generator | None, networks: Sequence[Network] | None
    ) -> tuple[list[Network], Tensor]:
        """Go through some networks at once, drawn by `rng` or given; returns them and their log-probabilities."""
        zeros = torch.zeros(count, UNITS, dtype=torch.float64)
        states = [(zeros, zeros)] * LAYERS
        anchors, logarithms = list[Tensor](), torch.zeros(count, dtype=torch.float64)
        tokens = np.zeros((count, layers, len(self.answers)), dtype=np.int64)
        inputs = np.zeros((count, layers, layers), dtype=bool)
        if networks is not None:
            for row, network in enumerate(networks):
                for layer, one in enumerate(network):
                    tokens[row, layer] = one.tokens
                    inputs[row, layer, list(one.inputs)] = True
        for layer in range(layers):
            given = zeros
            for place, (answer, embedding) in enumerate(zip(self.answers, self.embeddings, strict=True)):
                states = self._step(given, states)
                logs = answer(states[-1][0]).log_softmax(1)
                if rng is not None:  # the inverse of the distribution function, on numpy's generator as all draws
                    below = np.cumsum(logs.exp().numpy(), axis=1)[:, :-1]
                    tokens[:, layer, place] = (below <= rng.random((count, 1))).sum(axis=1)
                chosen = torch.from_numpy(tokens[:, layer, place])
                logarithms = logarithms + logs.gather(1, chosen[:, None])[:, 0]
                given = embedding(chosen)
            states = self._step(given, states)  # the anchor point: a step of its own behind the layer's tokens
            here = states[-1][0]
            if anchors:
                known = self.previous(torch.stack(anchors, dim=1)) + self.current(here)[:, None]
                yes = torch.sigmoid(self.anchor(torch.tanh(known))[:, :, 0])
                if rng is not None:
                    inputs[:, layer, :layer] = rng.random(yes.shape) < yes.numpy()
                taken = torch.from_numpy(inputs[:, layer, :layer])
                logarithms = logarithms + torch.where(taken, yes, 1 - yes).log().sum(1)
            anchors.append(here)
        written = [
            [
                Written(tuple(tokens[row, layer].tolist()), tuple(np.flatnonzero(inputs[row, layer]).tolist()))
                for layer in range(layers)
            ]
            for row in range(count)
        ]
        return written, logarithms

    def _step(self, given: Tensor, states: list[tuple[Tensor, Tensor]]) -> list[tuple[Tensor, Tensor]]:
        fresh: list[tuple[Tensor, Tensor]] = []
        for cell, state in zip(self.cells, states, strict=True):
            fresh.append(cell(given, state))
            given = fresh[-1][0]
        return fresh
