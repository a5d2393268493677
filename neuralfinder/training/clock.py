"""Time within a training: the clock that ends it, its pace, and what it takes, counted in its own steps."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from neuralfinder.types import RUNG_SAMPLES, Fidelity

WARM_UP = 3
"""Steps that take longer than the others, with what is set up and read for the first time."""

TIMED_STEPS = 30
"""Steps that are timed at most: the time is better spent on another network than on a steadier median."""

PASSES_ALONE, PASSES_TOGETHER = 7, 2
"""Timed forward passes after each training: of one sample, which are quick but noisy, and of a whole batch."""

PASSES_OF_A_STEP = 3
"""Forward passes that last as long as a training step: where these have one product, going backward has two, one for
the layer's input and one for its weights."""

AROUND_SECONDS = 0.03
"""Seconds of a training that are no steps: building, storing, writing down. A guess for a quiet machine; on a slow one
0.1 to 0.2 s were found (docs/LOG.md, 2026-11-28)."""


LEAST_FOR_PACE, PACE_STEP, FIRST_STEP = 5, 1.25, 2.0
"""Ratio between two corrections of a prediction that differ, once there are so many trainings, and before. Less is
within the noise of equal runs; what is wrong by more, as where the machine was busy when it was measured, is known at
once."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What trainings were predicted to take and what they took, in seconds, and how many there were."""

    predicted: float = 0.0
    took: float = 0.0
    trainings: int = 0

    def plus(self, predicted: float, took: float) -> Tally:
        """With one training more."""
        return Tally(self.predicted + predicted, self.took + took, self.trainings + 1)

    @property
    def pace(self) -> float:
        """Real seconds for each predicted one, in steps: 1 while it is right within a tenth, at first within a third.

        So runs whose trainings take a little more or less time are the same runs.
        """
        if not self.predicted or not self.took:
            return 1.0
        step = FIRST_STEP if self.trainings < LEAST_FOR_PACE else PACE_STEP
        return float(step ** round(math.log(self.took / self.predicted, step)))


@dataclass(frozen=True, slots=True)
class Clock:
    """When training must end: `deadline` in seconds of `time.monotonic`, and a flag another thread may set."""

    deadline: float = math.inf
    cancelled: threading.Event = field(default_factory=threading.Event)

    def left(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - time.monotonic()

    def until(self, deadline: float) -> Clock:
        """The same flag with an earlier deadline."""
        return Clock(min(self.deadline, deadline), self.cancelled)

    def __reduce__(self) -> tuple[Callable[[float], Clock], tuple[float]]:
        """Another process counts its seconds from another moment, and gets a flag of its own."""
        return _clock_until, (time.time() + self.left(),)


def _clock_until(moment: float) -> Clock:
    """A clock whose deadline is at `moment`, in seconds since the epoch."""
    return Clock(time.monotonic() + moment - time.time())


class Pace:
    """How far a training is, from 0 to 1, and whether there is time for another step.

    Args:
        steps: steps planned.
        clock: gives the deadline.
        evaluation_steps: how many steps the last measurement takes as long as.
    """

    def __init__(self, steps: int, clock: Clock, evaluation_steps: float) -> None:
        self.done, self.progress = 0, 0.0
        self._steps, self._clock, self._evaluation_steps = steps, clock, evaluation_steps
        self._started = math.nan
        self._left = steps

    @property
    def over(self) -> bool:
        """Whether the last step is done."""
        return self._left <= 0

    @property
    def planned(self) -> int:
        """Steps planned."""
        return self._steps

    @property
    def left(self) -> int:
        """Steps left, as far as there is time for them."""
        return max(0, self._left)

    @property
    def share(self) -> float:
        """Share of the planned steps done, 0..1."""
        return self.done / self._steps

    def step(self) -> None:
        """Count one step; look at the clock."""
        self.progress += (1 - self.progress) / self._left
        self.done += 1
        self._left = self._steps - self.done
        if not math.isfinite(self._clock.deadline):
            return
        if self.done == WARM_UP:
            self._started = time.monotonic()
        took = time.monotonic() - self._started if self.done > WARM_UP else 0.0
        if took > 0:  # a coarse clock may not have moved since
            each = took / (self.done - WARM_UP)
            self._left = min(self._left, max(0, int(self._clock.left() / each - self._evaluation_steps)))
        elif self._clock.left() <= 0:
            self._left = 0


def steps_of_epoch(samples: int, share: float, batch_size: int) -> int:
    """Steps of one epoch over `share` of so many samples, 1 or more; a last partial batch waits its turn."""
    return max(1, int(samples * share) // batch_size)


def looking_steps(samples: float, batch_size: int) -> float:
    """Training steps that take as long as a look, without gradients, at so many samples."""
    return samples / batch_size / PASSES_OF_A_STEP


def steps_beside(validation: int, batch_size: int, looks: int, rungs: int) -> float:
    """Training steps that last as long as all that a training does beside them.

    Args:
        validation: samples of the validation part.
        batch_size: samples a step.
        looks: at the whole validation part.
        rungs: looks at its first samples, for early stopping.
    """
    samples = looks * validation + rungs * min(RUNG_SAMPLES, validation)
    timed = (1 + PASSES_TOGETHER) * batch_size  # one pass to warm up; those of one sample are nothing beside these
    return looking_steps(samples + timed, batch_size)


def steps_in_all(
    train: int, validation: int, batch_size: int, fidelity: Fidelity, measures: int | None, rungs: int = 0
) -> float:
    """Steps of a training, and as many more as all that it does beside them takes.

    Args:
        train: samples of the training part.
        validation: samples of the validation part.
        batch_size: samples a step.
        fidelity: epochs and share of the training part.
        measures: looks at the validation part at most, `None` for one after each epoch; `Recipe.measures`.
        rungs: looks at its first samples, for early stopping.
    """
    looks = fidelity.epochs if measures is None else min(measures, fidelity.epochs)
    steps = fidelity.epochs * steps_of_epoch(train, fidelity.share, batch_size)
    return steps + steps_beside(validation, batch_size, looks, rungs)


def usual(times: Sequence[float]) -> float:
    """The lower quartile, of up to three the fastest; where the clock is too coarse to tell single ones, the mean.

    The load of other processes only ever adds time, so the low end is the machine's own, however busy it was for a
    moment; not the very fastest of many, which slips through on a machine that is busy all the time.
    """
    return sorted(times)[len(times) // 4] if min(times) > 0 else sum(times) / len(times)


def seconds_each(act: Callable[[], object], most: int, seconds: float = math.inf, warm_up: int = WARM_UP) -> float:
    """How long `act` usually takes, in seconds, more than 0.

    Args:
        act: returns when its work is done.
        most: times that count, at most, unless the clock has not moved.
        seconds: for all of it. `act` is done once however long that takes, and again as often as it ends in time if it
            takes as long as the shortest before.
        warm_up: times before, that count only when there was no time for others.
    """
    times: list[float] = []
    began = now = time.perf_counter()
    while not any(times[warm_up:]) or len(times) < warm_up + most:
        if any(times) and now + min(times) > began + seconds:
            break
        act()
        before, now = now, time.perf_counter()
        times.append(now - before)
    counted = times[warm_up:]
    return usual(counted if any(counted) else times)
