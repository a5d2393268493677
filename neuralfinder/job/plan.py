"""The plan: every number of a run, by stages. Made by `planner`, recorded, and read again when a run goes on."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neuralfinder.networks.cost import Rates
from neuralfinder.plain import checked, counted
from neuralfinder.types import Fidelity, Shape

if TYPE_CHECKING:
    from neuralfinder.training.train import Setup


@dataclass(frozen=True, slots=True)
class Task:
    """What the plan needs to know of the data: counts of pictures in each part, shape and classes."""

    train: int
    validation: int
    test: int
    shape: Shape
    classes: int


@dataclass(frozen=True, slots=True)
class Speed:
    """The measured machine: `rates` of a training step of one batch, `forward` of a forward pass of one picture.

    `forward` has zeros where no limit asks for it.
    """

    rates: Rates = Rates()
    forward: Rates = Rates()


@dataclass(frozen=True, slots=True)
class TrainingStage:
    """What all trainings share, by the names that `training.train.Setup` has.

    Attributes:
        batch_size: samples per step.
        flip: whether a mirrored picture is still of its class.
        bf16: whether the machine multiplies bf16 numbers in hardware, and is asked to.
        shifts: whether a shifted picture is still of its class.
        few: whether pictures are few, and trained by what helps then.
        long: whether texts are read in pieces.
    """

    batch_size: int
    flip: bool = False
    bf16: bool = False
    shifts: bool = True
    few: bool = False
    long: bool = False

    @classmethod
    def of(cls, setup: Setup) -> TrainingStage:
        """As a setup has it."""
        return cls(setup.batch_size, setup.flip, setup.bf16, setup.shifts, setup.few, setup.long)


@dataclass(frozen=True, slots=True)
class SearchStage:
    """How candidates are trained.

    Attributes:
        candidates: trainings aimed at.
        fixed: whether exactly so many are trained, or about so many as there is time for.
        fidelity: how much training each gets.
        seconds: wall time, `None` without a limit. In a plan by `work` the search goes on where the finish that its
            leaders need is shorter than planned.
        max_step_seconds: cap on the predicted seconds of one training step of a candidate.
        early_stop: whether a training clearly behind earlier ones is stopped, where that is asked for.
    """

    candidates: int
    fixed: bool
    fidelity: Fidelity
    seconds: float | None = None
    max_step_seconds: float = math.inf
    early_stop: bool = True


@dataclass(frozen=True, slots=True)
class WorldStage:
    """The world that candidates come from: its `side`, and `rounds`, `None` for as many as there is time for."""

    side: int
    rounds: int | None = None


@dataclass(frozen=True, slots=True)
class FinishStage:
    """How the best are trained.

    Attributes:
        finalists: how many are trained fully.
        epochs: how long each is trained at most.
        seconds: wall time for the trainings of the finish, `None` without a limit; what a search that ends early
            leaves comes on top.
        retrainings: of the winner, for the report.
        fixed: whether exactly so many are trained, or more where there is time.
        copies: how many networks of the winner's kind may answer together, at most.
    """

    finalists: int
    epochs: int
    seconds: float | None = None
    retrainings: int = 0
    fixed: bool = False
    copies: int = 1


@dataclass(frozen=True, slots=True)
class LooksStage:
    """The last looks at validation and test part, the logistic regression, and the pre-trained network.

    Attributes:
        seconds: kept for all of them.
        rival: of these, what is kept for the pre-trained network that the user named.
    """

    seconds: float = 0.0
    rival: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Every number of a run.

    Attributes:
        task: the data.
        speed: the measured machine, at the batch size of `training`.
        training, search, world, finish, looks: the stages.
        budget_seconds: wall time of the whole run, `None` without a limit.
        work: predicted seconds of all trainings of search and finish together, after which these end: the same in
            every run with this plan, however fast the machine happens to be. `None` where the clock alone ends them.
        warnings: what the user should know before the start.
    """

    task: Task
    speed: Speed
    training: TrainingStage
    search: SearchStage
    world: WorldStage
    finish: FinishStage
    looks: LooksStage
    budget_seconds: float | None = None
    work: float | None = None
    warnings: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """Plain values for the record; infinity is written as `None`."""
        values = dataclasses.asdict(self)
        if math.isinf(self.search.max_step_seconds):
            values["search"]["max_step_seconds"] = None
        return {**values, "warnings": list(self.warnings)}

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Plan:
        """The plan in a record; `Plan.read(plan.plain()) == plan`.

        Raises:
            ValueError: it lacks something, or is of another type somewhere.
        """
        search = values["search"]
        cap = math.inf if search["max_step_seconds"] is None else search["max_step_seconds"]
        plan: Plan = checked({**values, "search": {**search, "max_step_seconds": cap}}, cls, "plan")
        return plan


def plan_lines(plan: Plan, with_world: bool = True) -> list[str]:
    """The plan as lines for people; the world only for strategies that have one."""
    task, search, finish = plan.task, plan.search, plan.finish
    kind = "texts" if task.shape.vocabulary else "pictures"
    epochs, share = search.fidelity.epochs, search.fidelity.share
    part = "all of" if share == 1 else f"{share:.0%} of"
    aim = f"{'' if search.fixed else 'about '}{counted(search.candidates, 'candidate')}"
    limit = f"; about {_time(search.seconds)}" if search.seconds else ""
    limit += ", more where small networks lead" if plan.work and not search.fixed else ""
    lines = [
        f"data      {task.train:,} training, {task.validation:,} validation, {task.test:,} test {kind} "
        f"of {task.shape}, {task.classes} classes",
        f"search    {aim}, {counted(epochs, 'epoch')} each over {part} the training "
        f"part, batches of {plan.training.batch_size}{limit}",
    ]
    if with_world:
        side, rounds = plan.world.side, plan.world.rounds
        lasting = "evolution" if rounds is None else f"at most {counted(rounds, 'round')} of evolution"
        lines.append(f"world     {side} x {side} cells, {lasting}")
    if not math.isinf(search.max_step_seconds):
        epoch = search.max_step_seconds * max(1, task.train // plan.training.batch_size)
        lines.append(f"limit     networks up to {_time(epoch)} of training an epoch")
    within = f" within {_time(finish.seconds)}" if finish.seconds else ""
    best = "network" if finish.finalists == 1 else f"{finish.finalists} networks"
    more = "" if finish.fixed else ", or more where there is time,"
    lines.append(
        f"finish    the best {best}{more} trained for up to {counted(finish.epochs, 'epoch')}{within}, baselines too; "
        "then the one look at the test part"
    )
    if plan.looks.rival:
        lines.append(f"rival     a pre-trained network beside the winner has {_time(plan.looks.rival)} of the time")
    return lines + [f"warning   {warning}" for warning in plan.warnings]


def _time(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.1f} min"
