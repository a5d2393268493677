"""Candidate -> Result. Out of memory, NaN and impossible shapes are results; faults of the machine are exceptions."""

from __future__ import annotations

import dataclasses
import errno
import time

import torch

from neuralfinder.errors import MachineError, said_of_the_machine
from neuralfinder.networks.cost import cost
from neuralfinder.seeds import torch_seed
from neuralfinder.training.build import build
from neuralfinder.training.clock import PASSES_ALONE, PASSES_TOGETHER
from neuralfinder.training.inheritance import inherit
from neuralfinder.training.memory import check_memory
from neuralfinder.training.train import Diverged, Setup, Told, Training, forward_seconds, train
from neuralfinder.training.weights import WeightStore
from neuralfinder.types import OUT_OF_MEMORY, Candidate, Result

OF_MEMORY = ("allocate memory", "alloc_failed", "out of memory")
"""What torch says when main memory is too small, for which it has no type of error, and what CUDA's libraries say."""

OF_SHAPES = (
    "input size", "output size", "expected input", "must match", "cannot be multiplied", "negative dimension",
    "dim batch size",
)  # fmt: skip
"""What torch says when a layer cannot take the map before it: too small, of other channels, or pooled away."""


def evaluate(
    candidate: Candidate,
    setup: Setup,
    store: WeightStore,
    name: str | None = None,
    goes_on: str | None = None,
    *,
    falls: bool = True,
    told: Told | None = None,
) -> Result:
    """Build, train and measure one candidate; its weights go to the store under `name`, or else its id.

    Args:
        candidate: what to train.
        setup: data, recipe and clock.
        store: has the weights of its parents, and the training that it goes on from.
        name: of the weights.
        goes_on: name of the training of the same genome that this one goes on from.
        falls: whether this is the last training of the network, see `train`.
        told: is told how far it is, see `train`.

    Raises:
        Cancelled: the clock's flag was set; nothing is known about the candidate then.
        OSError: the machine failed, and nothing is known about the candidate either: see `errors.MachineError`.
        Exception: any other error is none of the network's; `executors.outcome` makes it a result of the kind `error`.
    """
    started = time.perf_counter()
    size = cost(candidate.genome, setup.shape, setup.classes)
    failure: str | None = None
    detail = ""
    training: Training | None = None
    milliseconds: tuple[float, ...] = ()
    done = 1.0
    try:
        check_memory(size, setup.batch_size, setup.device)
        with torch_seed(candidate.seed):
            network = build(candidate.genome, setup.shape, setup.classes, setup.recipe.initialisation)
            if parents := [parent for id_ in candidate.inherits if (parent := store.load(str(id_)))]:
                inherit(network, candidate.genome, parents, setup.shape)
            own = setup.of(candidate.genome)
            own = dataclasses.replace(own, recipe=own.recipe.times(candidate.rate))
            trunk = store.trunk(goes_on) if goes_on else None
            training = train(
                network, own, candidate.fidelity, candidate.seed, candidate.bars, trunk, falls=falls, told=told
            )
            milliseconds = tuple(
                round(1000 * forward_seconds(network, own, samples, passes), 4)
                for samples, passes in ((1, PASSES_ALONE), (setup.batch_size, PASSES_TOGETHER))
            )
        store.save(name or str(candidate.id), candidate.genome, training.state, training.trunk)
        done = training.done
        if gone := len(candidate.inherits) - len(parents):
            detail = f"weights of {gone} of {len(candidate.inherits)} parents were gone"
    except Diverged as error:
        failure, detail, done = "diverged", str(error), error.done
    except (MemoryError, torch.OutOfMemoryError) as error:
        failure, detail = OUT_OF_MEMORY, _size_and(error, size.parameters)
    except OSError as error:
        if error.errno != errno.ENOMEM:
            raise
        failure, detail = OUT_OF_MEMORY, _size_and(error, size.parameters)
    except RuntimeError as error:
        if (failure := _of_the_network(error)) is None:
            if fault := _of_the_machine(error):
                raise fault from error
            raise
        detail = _size_and(error, size.parameters)
    training = training if failure is None else None  # weights that cannot be stored are no success
    seconds = time.perf_counter() - started
    return Result(
        id=candidate.id,
        score=training.score if training else None,
        failure=failure,
        detail=detail,
        curve=training.curve if training else (),
        rungs=training.rungs if training else (),
        done=done,
        ended=training.ended if training else "",
        seconds=seconds,
        parameters=size.parameters,
        macs=size.macs,
        milliseconds=milliseconds if training else (),
        half=bool(training and training.half),
    )


def _of_the_network(error: RuntimeError) -> str | None:
    """Which failure of the network torch means, `None` where the mistake is ours; torch has one type for all of it."""
    said = str(error).lower()
    kinds = ((OUT_OF_MEMORY, OF_MEMORY), ("impossible", OF_SHAPES))
    return next((kind for kind, words in kinds if any(word in said for word in words)), None)


def _of_the_machine(error: RuntimeError) -> OSError | None:
    """The fault of the machine that torch means, `None` where it is none; a card that has failed once fails always."""
    if isinstance(error, torch.AcceleratorError):
        first_line = str(error).partition("\n")[0]
        return MachineError(f"the card failed ({first_line}); see to it, or train on another device")
    return said_of_the_machine(str(error))


def _size_and(error: BaseException, parameters: int) -> str:
    first_line = next(iter(str(error).splitlines()), type(error).__name__)
    return f"{parameters:,} parameters: {first_line}"
