"""What a practitioner decides the width of a network by rule by: the data, the minutes and the machine."""

from __future__ import annotations

from dataclasses import dataclass

from neuralfinder.job.forecast import SAFETY
from neuralfinder.job.plan import Task
from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.cost import Rates, layer_parameters
from neuralfinder.networks.genome import Genome
from neuralfinder.training.clock import looking_steps, steps_in_all, steps_of_epoch
from neuralfinder.training.recipes import Recipe
from neuralfinder.types import Fidelity

WELL_EPOCHS, WELL_STEPS = 16, 720
"""Epochs, and steps where an epoch of few data has few, that a practitioner trains a network for at least, as long as
it gains: 87.8 % of CIFAR-10 where the largest one that had time for 16 was taken, 86.2 % with 10 (docs/LOG.md)."""

PARAMETERS_EACH = 730
"""Numbers to learn for each training sample at most: wrn-28-10, the largest network by hand of the literature that is
compared here, has 36.5 million for the 50,000 pictures of CIFAR-10."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a rule decides by.

    Attributes:
        task: shape, classes and counts of samples.
        space: gives normalisation, pools and head as the preset has them, and the shape; its caps do not count.
        recipe: of the one training.
        batch_size: samples per step.
        rates: the measured machine.
        seconds: wall time left for training and looks.
    """

    task: Task
    space: ChainSpace
    recipe: Recipe
    batch_size: int
    rates: Rates
    seconds: float

    def fits(self, genome: Genome) -> bool:
        """Whether there is time to train it well, and there are samples enough.

        Well is `WELL_EPOCHS` or `WELL_STEPS`, or as long as the recipe gains anything where that is shorter.
        """
        task, steps = self.task, steps_of_epoch(self.task.train, 1.0, self.batch_size)
        epochs = min(max(WELL_EPOCHS, WELL_STEPS / steps), self.recipe.longest)
        fidelity = Fidelity.of(epochs)
        training = steps_in_all(task.train, task.validation, self.batch_size, fidelity, self.recipe.measures)
        looks = looking_steps(task.validation + task.test, self.batch_size)
        seconds = (training + looks) * self.rates.step_seconds(self.space.cost(genome))
        learned = sum(layer_parameters(genome, task.shape, task.classes))
        return seconds <= SAFETY * self.seconds and learned <= PARAMETERS_EACH * task.train
