"""How weights are updated: the optimiser of a recipe, and Muon, which torch has for matrices only.

Gradient descent and Adam are torch's, by their functions: its classes load what compiles networks, for two seconds.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

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


State = dict[str, Tensor]
"""What earlier updates of a parameter leave to the next one, by name; empty before the first."""


def muon(
    kernels: Sequence[Tensor],
    states: Sequence[State],
    rate: float,
    *,
    momentum: float = 0.6,
    steps: int = STEPS,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Momentum whose updates are made orthogonal: every direction of a kernel learns equally fast.

    Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024, in the form for convolutions of
    "94 % on CIFAR-10" (airbench94_muon): a kernel `(outputs, inputs, height, width)` counts as a matrix of `outputs`
    rows, and its rows are brought to mean length 1 before the update, so the rate is relative to the kernel's length
    whatever its size. That is harmless only where a normalisation follows.

    Args:
        kernels: weights of 2 or more dimensions that a normalisation follows, with gradients.
        states: of each.
        rate: length of an update relative to the kernel's.
        momentum: of Nesterov's kind, 0..1.
        steps: iterations towards orthogonality, 1 or more.
        dtype: in which these are computed: bf16 is faster where the device has it, else 20 times slower.
    """
    for kernel, state in zip(kernels, states, strict=True):
        gradient = _gradient(kernel)
        # not (1 - momentum) times the gradient: the length of a sum is lost in `orthogonal` anyway
        sum_ = state.setdefault("momentum", torch.zeros_like(gradient)).mul_(momentum).add_(gradient)
        # channels last, as they lie in memory: the order of a matrix's columns changes nothing in the update
        last = gradient.add(sum_, alpha=momentum).movedim(1, -1)
        update = orthogonal(last.flatten(1), steps, dtype).view(last.shape)
        # rows of mean length 1: updates have singular values near 1, and would else let the kernel grow
        # without end where a normalisation follows, which makes the effective rate shrink
        kernel.mul_(len(kernel) ** 0.5 / kernel.norm())
        kernel.sub_(update.movedim(-1, 1), alpha=rate)


def descend(
    parameters: Sequence[Tensor], states: Sequence[State], rate: float, *, momentum: float, weight_decay: float
) -> None:
    """Gradient descent with Nesterov's momentum, as `torch.optim.SGD`."""
    gradients, sums = [_gradient(each) for each in parameters], [state.get("momentum") for state in states]
    sgd(
        list(parameters), gradients, sums, weight_decay=weight_decay, momentum=momentum, lr=rate, dampening=0.0,
        nesterov=True, maximize=False,
    )  # fmt: skip
    for state, sum_ in zip(states, sums, strict=True):
        if sum_ is not None:
            state["momentum"] = sum_


ADAM_BETAS = 0.9, 0.98
"""The second below torch's 0.999: trainings are some hundred steps, and 1 / (1 - 0.999) would be longer than that."""


def adam(parameters: Sequence[Tensor], states: Sequence[State], rate: float, *, weight_decay: float) -> None:
    """As `torch.optim.AdamW`, but for `ADAM_BETAS`."""
    for parameter, state in zip(parameters, states, strict=True):
        if not state:
            state["step"] = torch.zeros((), device=parameter.device)
            state["mean"], state["square"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
    means, squares, steps = ([state[name] for state in states] for name in ("mean", "square", "step"))
    beta1, beta2 = ADAM_BETAS
    adamw(
        list(parameters), [_gradient(each) for each in parameters], means, squares, [], steps, fused=True,
        amsgrad=False, beta1=beta1, beta2=beta2, lr=rate, weight_decay=weight_decay, eps=1e-8, maximize=False,
    )  # fmt: skip


def adam_of_rows(tables: Sequence[Tensor], states: Sequence[State], rate: float, *, weight_decay: float) -> None:
    """Adam for tables of which a batch looks up few rows: all others wait, and decay when it is their turn.

    Without momentum (as RMSProp, Tieleman & Hinton 2012), which would move rows long after they were looked up; the sum
    of all updates by one gradient is the same to a fifth. A row's mean square falls in every step, also where it waits,
    so what is rare moves as far by each of its gradients as `adam` would let it.

    Args:
        tables: `(rows, columns)`, with gradients, which may be sparse.
        states: of each.
        rate: learning rate.
        weight_decay: as in `adam`, for as many steps as a row waited.
    """
    beta = ADAM_BETAS[1]
    for table, state in zip(tables, states, strict=True):
        if not state:
            state["step"] = torch.zeros((), device=table.device)
            state["square"], state["last"] = torch.zeros_like(table), torch.zeros(len(table), 1, device=table.device)
        state["step"] += 1
        rows, gradients = looked_up(table)
        waited = state["step"] - state["last"][rows]
        square = (state["square"][rows] * beta**waited).addcmul_(gradients, gradients, value=1 - beta)
        usual = (square / (1 - beta ** state["step"])).sqrt_().add_(1e-8)
        table[rows] = (table[rows] * (1 - rate * weight_decay) ** waited).addcdiv_(gradients, usual, value=-rate)
        state["square"][rows], state["last"][rows] = square, state["step"]


def looked_up(table: Tensor) -> tuple[Tensor, Tensor]:
    """The rows `(n,)` of a table that have a gradient, each once, and their gradients `(n, columns)`."""
    gradient = table.grad
    if gradient is None or not gradient.is_sparse:
        return torch.arange(len(table), device=table.device), _gradient(table)
    gradient = gradient.coalesce()
    return gradient.indices()[0], gradient.values()


def _gradient(parameter: Tensor) -> Tensor:
    gradient = parameter.grad
    if gradient is None:
        raise ValueError("a parameter without a gradient cannot be updated")
    return gradient.to_dense() if gradient.is_sparse else gradient


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


@dataclass
class _Group:
    """Parameters that are updated alike, at this peak rate, and the state of each."""

    parameters: list[nn.Parameter]
    rate: float
    update: Callable[[Sequence[Tensor], Sequence[State], float], None]
    states: list[State] = field(init=False)

    def __post_init__(self) -> None:
        self.states = [{} for _ in self.parameters]


class Optimizer:
    """Muon for kernels that a normalisation follows, where the recipe wants it; its `optimizer` for all else.

    Matrices and kernels decay, but no biases and normalisation; Muon's kernels keep their length.
    """

    def __init__(self, network: nn.Module, recipe: Recipe, bf16: bool = False) -> None:
        kernels = normed_kernels(network) if recipe.kernel_rate else []
        tables = [layer.get_parameter("weight") for layer in network.modules() if isinstance(layer, nn.Embedding)]
        tables = tables if recipe.optimizer == "adam" else []
        own = {id(parameter) for parameter in [*kernels, *tables]}
        rest = [p for p in network.parameters() if id(p) not in own]
        usual = adam if recipe.optimizer == "adam" else partial(descend, momentum=recipe.momentum)
        decaying, others = [p for p in rest if p.ndim > 1], [p for p in rest if p.ndim <= 1]
        self._groups = [
            _Group(decaying, recipe.learning_rate, partial(usual, weight_decay=recipe.weight_decay)),
            _Group(others, recipe.learning_rate, partial(usual, weight_decay=0.0)),
            _Group(kernels, recipe.kernel_rate, partial(muon, dtype=torch.bfloat16 if bf16 else torch.float32)),
            _Group(tables, recipe.learning_rate, partial(adam_of_rows, weight_decay=recipe.weight_decay)),
        ]

    def state(self) -> State:
        """What it knows beside the weights, by name: momenta and the like, as they are and not copied."""
        return {
            f"{number}.{place}.{name}": value
            for number, group in enumerate(self._groups)
            for place, state in enumerate(group.states)
            for name, value in state.items()
        }

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go on from the `state` of an optimiser of the same network and recipe: copied, in the parameters' layout."""
        for key, value in state.items():
            number, place, name = key.split(".")
            group = self._groups[int(number)]
            parameter = group.parameters[int(place)]
            own = torch.empty_like(parameter) if value.shape == parameter.shape else torch.empty_like(value)
            group.states[int(place)][name] = own.to(parameter.device).copy_(value)

    @torch.no_grad()
    def step(self, share: float) -> None:
        """Update what has a gradient at `share` of the recipe's rates, 0..1, and forget the gradients."""
        for group in self._groups:
            known = [(p, s) for p, s in zip(group.parameters, group.states, strict=True) if p.grad is not None]
            if known:
                parameters, states = zip(*known, strict=True)
                group.update(parameters, states, share * group.rate)
            for parameter in group.parameters:
                parameter.grad = None
