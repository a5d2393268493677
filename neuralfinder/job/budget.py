"""How long the search goes on, and what it leaves for the finish: by predicted seconds, the clock as a guard."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

from neuralfinder.job.finish import Bench, seconds_needed
from neuralfinder.job.plan import PATIENCE, SAFETY, Plan
from neuralfinder.search.loop import Limits, Progress
from neuralfinder.training.train import Clock


def search_limits(bench: Bench, clock: Clock, began: float, interrupted: Callable[[], bool]) -> Limits:
    """When the search ends: by the plan, or by the clock where the plan has no seconds for it.

    Args:
        bench: of the finish that follows.
        clock: of the run.
        began: when the search began, or would have without a break, in seconds of `time.monotonic`.
        interrupted: whether the user asked to stop.
    """
    plan = bench.plan
    candidates = plan.candidates if plan.candidates_fixed else None
    if plan.training_seconds is None or plan.search_seconds is None or plan.finish_seconds is None:
        end_of_search = latest(plan, clock, began)
        return Limits(candidates, deadline=lambda _: end_of_search, interrupted=interrupted)
    training, search, finish = plan.training_seconds, plan.search_seconds, plan.finish_seconds

    def kept(progress: Progress) -> float:
        """Seconds for the finish of its leaders, as if all were as slow as the slowest: such may yet come."""
        leaders = progress.archive.best(plan.finalists, bench.fits)
        if len(leaders) < plan.finalists:
            return SAFETY * finish
        at_pace = dataclasses.replace(bench, pace=progress.pace)
        slowest = max(seconds_needed(at_pace, [leader] * plan.finalists) for leader in leaders)
        return min(SAFETY * finish, slowest)

    def work(progress: Progress) -> float:
        each = progress.work_at_pace / max(1, progress.asked)
        return max(SAFETY * search, training - kept(progress) - each)

    def deadline(progress: Progress) -> float:
        end = clock.deadline - plan.measuring_seconds - kept(progress)
        return min(began + PATIENCE * work(progress), end)

    return Limits(candidates, work, deadline, interrupted)


def latest(plan: Plan, clock: Clock, began: float) -> float:
    """When no training of the search goes on: in a planned run late enough for all that may yet be asked."""
    if plan.search_seconds is None:
        return clock.deadline
    if plan.training_seconds is None:
        return min(clock.deadline, began + plan.search_seconds)
    return clock.deadline - plan.measuring_seconds


def seconds_left(plan: Plan, progress: Progress, slots: int, interrupted: bool) -> float:
    """Predicted seconds left for all trainings of the finish; after an interruption no more than planned.

    `slots` is how many candidates the search trained at once.
    """
    if plan.finish_seconds is None:
        return math.inf
    planned = SAFETY * plan.finish_seconds
    if plan.training_seconds is None:
        return planned
    left = plan.training_seconds - progress.work_at_pace / slots
    return min(planned, left) if interrupted else left
