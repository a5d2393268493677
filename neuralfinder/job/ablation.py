"""What each gene of the winner is worth: the winner is trained again without it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

from neuralfinder.data import Source
from neuralfinder.job.reopened import reopened
from neuralfinder.job.settings import Settings
from neuralfinder.networks.genome import Genome
from neuralfinder.search.events import Ablated, Removal
from neuralfinder.search.record import Record
from neuralfinder.seeds import Seeds
from neuralfinder.training.evaluate import evaluate
from neuralfinder.types import Candidate


def ablate(source: Source, settings: Settings, record: Record, seconds: float) -> list[Removal]:
    """Train the winner of a finished run, and the winner without each of its genes, for as long as candidates were.

    Args:
        source: the run's data.
        settings: the run's settings.
        record: the run's record; nothing is written to it.
        seconds: wall time for all of it, reading included; a training that time cuts short counts as none.

    Returns:
        The whole winner first, then one removal for each gene in order.

    Raises:
        RunFolderError: the run is not finished.
    """
    with reopened(source, settings, record, seconds) as run:
        winner, clock = run.winner, run.setup.clock
        seed = Seeds(settings.seed).number("ablation", winner.key)
        removals = []
        for place, genome in [(None, winner), *((place, without(winner, place)) for place in range(len(winner)))]:
            gene = "" if place is None else str(winner.genes[place])
            if reason := run.space.infeasible(genome):
                removals.append(Removal(place, gene, genome.key, None, f"not possible ({reason.split(':')[1]})"))
                continue
            if clock.left() <= 0:
                removals.append(Removal(place, gene, genome.key, None, "no time left"))
                continue
            candidate = Candidate(-1, genome, "ablation", (), seed, run.plan.search.fidelity)
            result = evaluate(candidate, run.setup, run.store, "ablation", falls=False)
            cut = result.ended == "deadline"
            score = None if cut else result.score
            why = "no time left" if cut else result.failure or ""
            whole = removals[0].score if removals else None
            removals.append(
                Removal(place, gene, genome.key, score, why, *_change(whole, score, len(run.data.split.validation)))
            )
    return removals


def _change(whole: float | None, score: float | None, validation: int) -> tuple[float | None, float | None]:
    """The change and its noise, from so many validation samples."""
    if whole is None or score is None:
        return None, None
    return score - whole, 2 * math.sqrt(sum(s * (1 - s) for s in (whole, score)) / validation)


def keep(removals: Sequence[Removal], folder: Path) -> None:
    """Write it into the record of the run, unless it knows less than what is there or the winner could not be trained.

    Raises:
        RunFolderError: the record cannot be written to.
    """
    if removals[0].score is None:
        return
    with Record(folder / "run.sqlite") as record:
        before = record.latest(Ablated)
        known = sum(removal.score is not None for removal in before.rows) if before else 0
        if sum(removal.score is not None for removal in removals) >= known:
            record.write(Ablated(tuple(removals)))


def without(genome: Genome, place: int) -> Genome:
    """The genome without the gene at `place`; what skips over it then comes from one gene further back."""
    return dataclasses.replace(genome, genes=genome.genes[:place] + genome.genes[place + 1 :])


def ablation_lines(removals: list[Removal]) -> list[str]:
    """One line for each removal; differences within two standard errors are called noise."""
    whole = removals[0]
    if whole.score is None:
        return [f"ablation  the winner could not be trained again: {whole.why}"]
    lines = [f"ablation  {whole.score:.2%} whole, trained as candidates were; without"]
    for removal in removals[1:]:
        name = f"  gene {removal.place} {removal.gene}"
        if removal.score is None or removal.change is None or removal.noise is None:
            lines.append(f"{name}: {removal.why}")
            continue
        noise = ", within the noise" if abs(removal.change) <= removal.noise else ""
        lines.append(f"{name}: {removal.score:.2%}, {100 * removal.change:+.2f} points{noise}")
    return lines
