"""How weights are updated: the optimiser of a recipe, and Muon, which torch has for matrices only."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from neuralfinder.training.recipes import Recipe

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic iteration s -> a s + b s^3 + c s^5 on all singular values (Jordan et al. 2024).

They do not converge to 1 as (15, -10, 3) / 8 does; they were searched for the largest slope at 0 that keeps what has
arrived between 0.68 and 1.21: a small singular value grows 3.4-fold a step instead of 1.9-fold, and an update need be
orthogonal no more exactly than that.
"""

STEPS = 3
"""Of the iteration: singular values above 0.018 of the matrix's length arrive. Five steps, as for language models,
would reach down to 0.0015 in two thirds more time; three are what airbench94_muon takes for convolutions."""


class Muon(torch.optim.Optimizer):
    """Momentum whose updates are made orthogonal: every direction of a kernel learns equally fast.

    Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024, in the form for convolutions of
    "94 % on CIFAR-10" (airbench94_muon): a kernel `(outputs, inputs, height, width)` counts as a matrix of `outputs`
    rows, and its rows are brought to mean length 1 before the update, so the rate is relative to the kernel's length
    whatever its size. That is harmless only where a normalisation follows.

    Args:
        kernels: weights of 2 or more dimensions that a normalisation follows.
        lr: length of an update relative to the kernel's.
        momentum: of Nesterov's kind, 0..1.
        steps: iterations towards orthogonality, 1 or more.
        bf16: whether these are computed in bf16: faster where the device has it, else 20 times slower.
    """

    def __init__(
        self,
        kernels: Iterable[nn.Parameter],
        lr: float,
        momentum: float = 0.6,
        steps: int = STEPS,
        *,
        bf16: bool = False,
    ) -> None:
        # all that steps need lies in the groups: a copy of an optimiser has nothing else
        dtype = torch.bfloat16 if bf16 else torch.float32
        super().__init__(kernels, {"lr": lr, "momentum": momentum, "steps": steps, "dtype": dtype})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]  # no closure, no loss
        """Update all kernels that have a gradient."""
        for group in self.param_groups:
            for kernel in group["params"]:
                if kernel.grad is None:
                    continue
                state = self.state[kernel]
                if not state:
                    state["momentum"] = torch.zeros_like(kernel.grad)
                # not (1 - momentum) times the gradient: the length of a sum is lost in `orthogonal` anyway
                momentum = state["momentum"].mul_(group["momentum"]).add_(kernel.grad)
                # channels last, as they lie in memory: the order of a matrix's columns changes nothing in the update
                last = kernel.grad.add(momentum, alpha=group["momentum"]).movedim(1, -1)
                update = orthogonal(last.flatten(1), group["steps"], group["dtype"]).view(last.shape)
                # rows of mean length 1: updates have singular values near 1, and would else let the kernel grow
                # without end where a normalisation follows, which makes the effective rate shrink
                kernel.mul_(len(kernel) ** 0.5 / kernel.norm())
                kernel.sub_(update.movedim(-1, 1), alpha=group["lr"])


def orthogonal(matrix: Tensor, steps: int, dtype: torch.dtype) -> Tensor:
    """The matrix with all singular values brought near 1, `(rows, columns)` float32; computed in `dtype`."""
    a, b, c = NEWTON_SCHULZ
    x = matrix.to(dtype)
    tall = len(x) > x.shape[1]
    x = x.T if tall else x  # x x^T is then the smaller of the two squares
    x = x / (x.norm() + 1e-7)  # Frobenius: no singular value is above 1, where the iteration would diverge
    for _ in range(steps):
        # a x + (b x x^T + c (x x^T)^2) x, which is s -> a s + b s^3 + c s^5 without any decomposition
        square = x @ x.T
        x = torch.addmm(x, torch.addmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return (x.T if tall else x).float()


POOLS = nn.MaxPool2d, nn.AvgPool2d
"""Layers that do not change what a normalisation does to the scale of the kernel before them."""


def normed_kernels(network: nn.Module) -> list[nn.Parameter]:
    """Kernels of convolutions in one group that a normalisation follows, pools between them left out."""
    layers = [layer for layer in network.modules() if not isinstance(layer, POOLS) and not [*layer.children()]]
    return [
        layer.get_parameter("weight")
        for layer, following in itertools.pairwise(layers)
        # in groups, rows of the flattened kernel belong to different inputs: to make them orthogonal means nothing
        if isinstance(layer, nn.Conv2d) and layer.groups == 1 and isinstance(following, nn.BatchNorm2d)
    ]


ADAM_BETAS = 0.9, 0.98
"""The second below torch's 0.999: trainings are some hundred steps, and 1 / (1 - 0.999) would be longer than that."""


class Optimizer:
    """Muon for kernels that a normalisation follows, where the recipe wants it; its `optimizer` for all else.

    Matrices and kernels decay, but no biases and normalisation; Muon's kernels keep their length.
    """

    def __init__(self, network: nn.Module, recipe: Recipe, bf16: bool = False) -> None:
        kernels = normed_kernels(network) if recipe.kernel_rate else []
        rest = [p for p in network.parameters() if not any(p is kernel for kernel in kernels)]
        groups = [
            {"params": [p for p in rest if p.ndim > 1], "weight_decay": recipe.weight_decay},
            {"params": [p for p in rest if p.ndim <= 1], "weight_decay": 0.0},
        ]
        groups = [group for group in groups if group["params"]]
        rate = recipe.learning_rate
        others: torch.optim.Optimizer
        if recipe.optimizer == "adam":
            others = torch.optim.AdamW(groups, rate, betas=ADAM_BETAS, fused=True)
        else:
            others = torch.optim.SGD(groups, rate, momentum=recipe.momentum, nesterov=True)
        self._parts: list[tuple[torch.optim.Optimizer, float]] = [(others, rate)]
        if kernels:
            self._parts.append((Muon(kernels, recipe.kernel_rate, bf16=bf16), recipe.kernel_rate))

    def state(self) -> dict[str, Tensor]:
        """What it knows beside the weights, by name: momenta and the like, as they are and not copied."""
        return {
            f"{part}.{place}.{name}": value
            for part, (optimizer, _) in enumerate(self._parts)
            for place, known in optimizer.state_dict()["state"].items()
            for name, value in known.items()
            if value is not None
        }

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go on from the `state` of an optimiser of the same network and recipe."""
        for part, (optimizer, _) in enumerate(self._parts):
            known = defaultdict[int, dict[str, Tensor]](dict)
            for key, value in state.items():
                of, place, name = key.split(".")
                if int(of) == part:
                    known[int(place)][name] = value
            optimizer.load_state_dict({**optimizer.state_dict(), "state": dict(known)})

    def step(self, share: float) -> None:
        """Update at `share` of the recipe's rates, 0..1, and forget the gradients."""
        for optimizer, rate in self._parts:
            for group in optimizer.param_groups:
                group["lr"] = rate * share
            optimizer.step()
            optimizer.zero_grad()
