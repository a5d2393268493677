"""Two or more networks of a run side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import zip_longest

from neuralfinder.networks.cost import cost
from neuralfinder.search.archive import Later, read_archive, read_trainings
from neuralfinder.search.events import Planned
from neuralfinder.search.record import Record
from neuralfinder.show.fates import Fates, name_of
from neuralfinder.show.report import as_table, score_titles, training_of
from neuralfinder.types import Shape


def side_by_side(record: Record, names: Sequence[str]) -> list[str]:
    """The lines of a table with a column for each network: what it is, what came of it, what it costs, its layers.

    Args:
        record: of the run.
        names: ids, or names as `top` has them.

    Raises:
        InputError: no such candidate.
    """
    events = [*record.events()]
    trainings = read_trainings(events)
    fates, archive, later = Fates.of(trainings), read_archive(events), Later.of(events)
    ranks = {entry.genome.key: place + 1 for place, entry in enumerate(archive.best(len(archive)))}
    plan = record.latest(Planned)
    columns, layers = list[list[str]](), list[list[str]]()
    for name in names:
        candidate, _ = training_of(trainings, name)
        key = candidate.genome.key
        fate, found, winner = fates.own[key], archive.find(key), key == later.winner
        size = None
        if plan:
            task = plan.plan["task"]
            size = cost(candidate.genome, Shape(**task["shape"]), task["classes"])
        columns.append([
            name_of(candidate) + ", winner" * winner,
            str(ranks.get(key, "")),
            fate.status,
            later.metric.words(found.score) if found else "",
            later.metric.text(later.full[key]) if key in later.full else "",
            later.metric.text(later.test) if winner and later.test is not None else "",
            f"{size.parameters:,}" if size else "",
            f"{size.macs / 1e6:,.1f} M" if size else "",
            f"{found.milliseconds:.2f}" if found and not math.isnan(found.milliseconds) else "",
            f"{sum(result.seconds for result in fate.results):.1f}",
            ", ".join(map(name_of, fates.parents(key))) or "none",
            fate.reason,
        ])  # fmt: skip
        genes = [*candidate.genome.genes, candidate.genome.head, *candidate.genome.recipe]
        layers.append([*map(str, genes)])
    titles = (
        "rank", "status", *score_titles(later.metric), "parameters", "multiply-adds", "ms a sample", "seconds",
        "parents", "reason",
    )  # fmt: skip
    rows = [[title, *cells] for title, *cells in zip(titles, *(column[1:] for column in columns), strict=True)]
    rows = [row for row in rows if any(row[1:])]
    rows += [["" if place else "layers", *cells] for place, cells in enumerate(zip_longest(*layers, fillvalue=""))]
    return as_table(["", *(column[0] for column in columns)], rows, left=range(len(columns) + 1)).split("\n")
