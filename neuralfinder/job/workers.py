"""Who trains candidates: this process, several of this machine, or those of a Ray cluster."""

from __future__ import annotations

import math
import multiprocessing
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import torch

from neuralfinder.errors import lacking
from neuralfinder.job.forecast import Forecast
from neuralfinder.job.interrupts import Interrupts
from neuralfinder.job.settings import AUTO, Settings
from neuralfinder.search.executors import Executor, compute
from neuralfinder.search.process_executor import processes
from neuralfinder.seeds import torch_seed
from neuralfinder.training.build import build
from neuralfinder.training.machine import keep_memory, share_cores
from neuralfinder.training.threads import THREADS, side_by_side
from neuralfinder.training.train import Setup, training_step

Ready = Callable[[Setup, Forecast], tuple[Executor, int]]
"""Gives who trains candidates, and how many at once; may measure, and begin processes, the first time."""

BEGINNING = 5.0
"""Seconds that processes need to begin, most of them to load torch. A guess: one alone loads it in two."""

LONG = 4
"""How many times as long the search has to be for several processes to be begun for it."""

CANDIDATES = 4
"""Candidates for each process at least: with fewer, some of them wait for the last ones."""


def at_once(setup: Setup, forecast: Forecast) -> int:
    """How many candidates to train at once, where that is left to what does most on this machine: 1 or more.

    Steps of the network by hand say it. One on a card, where threads share nothing.
    """
    search = forecast.plan.search
    if setup.device.type != "cpu" or (search.seconds is not None and search.seconds < LONG * BEGINNING):
        return 1
    genome, space = forecast.by_hand, forecast.space
    setup = setup.of(genome)
    with torch_seed(0):
        step = training_step(build(genome, setup.shape, space.classes), setup)
        return max(1, min(side_by_side(step), search.candidates // CANDIDATES))


@contextmanager
def workers(
    settings: Settings, executor: Executor, device: torch.device, interrupts: Interrupts, say: Callable[[str], object]
) -> Iterator[Ready]:
    """Those that the settings ask for, which begin at once; or as many as `at_once` says, when they are wanted.

    Args:
        settings: how many, and whether they are of a Ray cluster.
        executor: where all else is computed, and candidates too where there is one at a time.
        device: where networks are.
        interrupts: of the user; the first one stops what candidates are trained beside each other.
        say: told of several.
    """
    with ExitStack() as stack:

        def hire(count: int) -> tuple[Executor, int]:
            return stack.enter_context(_for_candidates(settings, count, executor, device, interrupts, say))

        left_open = settings.ray is None and settings.workers == AUTO
        hired = None if left_open else hire(settings.workers if isinstance(settings.workers, int) else 1)
        yield lambda setup, forecast: hired or hire(compute(executor, at_once, setup, forecast))


@contextmanager
def beside(interrupts: Interrupts) -> Iterator[Callable[[int], Executor]]:
    """Gives so many processes, each with its share of the cores; they begin when first wanted and end with the block.

    They do not know the program's own script. A second interrupt of the user stops them.
    """
    hired = dict[int, Executor]()
    with ExitStack() as stack:

        def of(count: int) -> Executor:
            if count not in hired:
                several = stack.enter_context(processes(count, partial(share_cores, count), script=False))
                _stopped_by(interrupts.second, several.stop)
                hired[count] = several
            return hired[count]

        yield of


def most_beside(settings: Settings, device: torch.device, forecast: Forecast) -> int:
    """How many networks of a kind may be trained at once in the finish: 1 where that is not to be.

    One for each core, in the time that there is. On a card threads share nothing; who asks for one process gets one;
    a process that may have no children has none; where answers must be quick, they are measured as they will be, with
    all cores; and layers of packages may be what only the program's script knows.
    """
    alone = device.type != "cpu" or settings.ray is not None or settings.workers == 1
    alone = alone or multiprocessing.current_process().daemon or bool(forecast.space.layers)
    timed = forecast.plan.finish.seconds is not None and forecast.space.max_forward_seconds == math.inf
    return THREADS.most if timed and not alone else 1


def _stopped_by(event: threading.Event, stop: Callable[[], None]) -> None:
    def wait() -> None:
        event.wait()
        stop()

    threading.Thread(target=wait, daemon=True).start()


@contextmanager
def _for_candidates(
    settings: Settings, count: int, executor: Executor, device: torch.device, interrupts: Interrupts,
    say: Callable[[str], object],
) -> Iterator[tuple[Executor, int]]:  # fmt: skip
    """Where candidates are trained, and how many at once."""
    if settings.ray is None and count == 1:
        yield executor, 1
        return
    if settings.ray is None:
        with processes(count, partial(share_cores, count)) as several:
            _stopped_by(interrupts.first, several.stop)
            say(f"training {count} candidates at once, in a process each")
            yield several, count
        return
    try:
        from neuralfinder.search.ray_executor import ray_workers
    except ImportError as error:
        raise lacking("--ray", "Ray", "ray", "leave it out") from error
    asked = settings.workers if isinstance(settings.workers, int) else None
    with (
        ray_workers(asked, settings.ray, device.type == "cuda", keep_memory) as (ray, slots),
        interrupts.watched(),  # Ray has put its own answers to signals in the place of ours
    ):
        _stopped_by(interrupts.first, ray.stop)
        say(f"training {slots} candidates at once through Ray")
        yield ray, slots
