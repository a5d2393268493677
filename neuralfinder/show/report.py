"""Tables and lines about a run, from its record: no torch needed."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from neuralfinder.errors import InputError, RunFolderError
from neuralfinder.job.verdict import fitted_to, is_by_hand
from neuralfinder.networks.cost import cost, shapes
from neuralfinder.networks.forms import to_seed
from neuralfinder.networks.genome import Genome
from neuralfinder.plain import as_json, cell, counted, printable
from neuralfinder.search.archive import (
    Entry,
    Later,
    Trainings,
    by_genome,
    leaderboard,
    pareto_front,
    read_archive,
    read_trainings,
    scores_by_genome,
    top_columns,
)
from neuralfinder.search.events import Asked, Begun, Evaluated, Event, Extrapolated, Finished, FullyTrained, Planned
from neuralfinder.search.record import Record
from neuralfinder.show.fates import COLUMNS, Fates, name_of
from neuralfinder.show.learning_curve import curve_lines
from neuralfinder.show.words import about_genomes, about_names
from neuralfinder.training.metrics import ACCURACY, Metric, metric_of
from neuralfinder.types import Candidate, Result, Shape, worth_of


def top(record: Record, count: int, form: str, pareto: bool = False, everything: bool = False) -> str:
    """The leaderboard of a record, or its Pareto front, as `table`, `json`, `csv` or `seed`, the tuples of 2017.

    The winner stands in the table in any case, at its end where it is not among so many. With `everything`, those
    without a score come after the others: failed, stopped early, still in training.
    """
    archive = read_archive(record.events())
    if form == "seed":
        entries = archive.front()[:count] if pareto else archive.best(count)
        return "\n".join(str(_seed(entry)) for entry in entries)
    later = Later.of(record.events())
    metric = later.metric
    every = pareto_front(archive, metric) if pareto else leaderboard(archive.best(len(archive)), metric)
    fates = Fates.of(read_trainings(record.events()))
    rows = [fates.told(later.told(row)) for row in every[:count]]
    columns = (*top_columns(metric), *(("milliseconds",) if pareto else ()), *later.columns, *COLUMNS)
    others = fates.without_score(columns) if everything else []
    if form == "json":
        return as_json(rows + others, indent=1)
    if form == "csv":
        return as_csv(columns, [{**row, "parents": " ".join(map(str, row["parents"]))} for row in rows + others])
    rows += [fates.told(told) for row in every[count:] if (told := later.told(row))["winner"]]
    named = [{**row, "parents": fates.named(row["parents"])} for row in rows]
    costs = ("parameters", "multiply-adds", *(("ms",) if pareto else ()))
    titles = ("rank", "name", *score_titles(metric), *costs, "s", "parents", "genome")
    table = [_line(row, later, pareto) for row in named]
    if (finished := record.latest(Finished)) and not any(row["winner"] for row in rows):
        table.append(_winner(finished.outcome, metric, pareto))
    lines = [as_table(titles, table, left=(1, len(titles) - 2, len(titles) - 1))]
    if others:
        cells = [[row["name"], row["status"], f"{row['seconds']:.1f}", row["genome"], row["reason"]] for row in others]
        lines += ["", as_table(("name", "status", "s", "genome", "reason"), cells, left=(0, 1, 3, 4))]
    else:
        lines += fates.counted()
    known = [*rows, *others]
    return "\n".join(
        [*lines, *about_names(row["name"] for row in known), *about_genomes(row["genome"] for row in known)]
    )


MARK = ", winner"
"""What the winner's name in the table ends with."""

SCORES = ("short score", "full training", "test")
"""Titles of the columns: the metric on the validation part in the search, and after the race; on the test part."""


def score_titles(metric: Metric) -> list[str]:
    """The same with the name of the metric, where it is no accuracy."""
    return [title if metric == ACCURACY else f"{title}, {metric.title}" for title in SCORES]


def _line(row: Mapping[str, Any], later: Later, pareto: bool) -> list[str]:
    """A network in the table."""
    scores = (row[name] for name in later.columns[: len(SCORES)])
    return [
        str(row["rank"]), row["name"] + row["winner"] * MARK, *(_text(later.metric, each) for each in scores),
        f"{row['parameters']:,}", f"{row['macs'] / 1e6:,.1f} M",
        *([f"{row['milliseconds'] or math.nan:.2f}"] if pareto else []), f"{row['seconds']:.1f}", row["parents"],
        row["genome"],
    ]  # fmt: skip


def _winner(result: Mapping[str, Any], metric: Metric, pareto: bool) -> list[str]:
    """The winner in the table, where it is not among the networks of the search, or not on their front."""
    name = f"by hand{MARK}" if is_by_hand(result) else MARK.strip(", ")
    scores = [_text(metric, each) for each in (None, *(result[metric.key(part)] for part in ("validation", "test")))]
    return [
        "", name, *scores, f"{result['parameters']:,}", f"{result['macs'] / 1e6:,.1f} M",
        *([""] if pareto else []), "", "", result["genome"],
    ]  # fmt: skip


def _text(metric: Metric, told: float | None) -> str:
    return "" if told is None else metric.text(told)


def as_csv(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV with a header."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows({name: cell(value) for name, value in row.items()} for row in rows)
    return out.getvalue().rstrip("\n")


def as_table(columns: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[int] = ()) -> str:
    """Aligned columns of text; those in `left` are aligned left, the others right."""
    rows = [[*map(printable, row)] for row in rows]
    widths = [max(len(text) for text in column) for column in zip(columns, *rows, strict=True)]
    return "\n".join(aligned([columns, *rows], widths, left))


def aligned(rows: Iterable[Sequence[str]], widths: Sequence[int], left: Sequence[int] = ()) -> Iterator[str]:
    """The lines of columns with these widths; a row may have fewer."""
    for row in rows:
        cells = [
            text.ljust(width) if place in left else text.rjust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=False))
        ]
        yield "  ".join(cells).rstrip()


def summary(result: Mapping[str, Any]) -> list[str]:
    """The outcome of a finished run as lines for people, the verdict first; runs of older versions have none."""
    counts, seconds, metric = result["candidates"], result["seconds"], metric_of(result)
    copies = result.get("copies", 1)
    said = [result["verdict"], *result["cautions"]] if "verdict" in result else []
    lines = [f"{'' if place else 'verdict':10}{sentence}" for place, sentence in enumerate(said)]
    lines += [
        f"{'by hand' if is_by_hand(result) else 'found':10}{result['genome']}",
        *([f"          {copies} of this kind, each with weights of its own, answer together"] if copies > 1 else []),
        f"          {result['parameters']:,} parameters, {result['macs'] / 1e6:,.1f} M multiply-adds a sample",
        *_reached(result, metric),
    ]
    lines += [f"  against {reached:>7}  {name}" for name, reached in rivals(result)]
    if sure := result.get("calibration"):  # runs of older versions have none
        lines.append(
            f"trust     probabilities are off by {sure['error_after']:.2%} on the test part, without temperature "
            f"{sure['temperature']:.3g} by {sure['error_before']:.2%} (calibration error, {sure['bins']} bins)"
        )
    if result["refit"]:
        lines.append("refit     the test figures are of a last training, on training and validation part")
    if again := result["retrained"]:
        mean = sum(again) / len(again)
        spread = (sum((x - mean) ** 2 for x in again) / max(1, len(again) - 1)) ** 0.5
        lines.append(
            f"again     {metric.text(mean)} +- {metric.text(spread)} test, {counted(len(again), 'training')} on "
            "training and validation part"
        )
    lines.append(
        f"work      {counted(counts['trained'], 'candidate')} trained ({counts['stopped']} stopped early), "
        f"{counts['failed']} failed, {counts['cached']} proposed again, "
        f"{counts['infeasible']} not possible; {seconds['total']:.0f} s in all, {seconds['finish']:.0f} s for finishing"
    )
    return lines + [f"words     {line}" for line in about_genomes([result["genome"]])]


def _reached(result: Mapping[str, Any], metric: Metric) -> list[str]:
    """What the winner has on the test part: by the metric first, and by accuracy in any case."""
    low, high = result["test_interval"]
    right = (
        f"{result['test_accuracy']:.2%} (95 % interval {low:.2%} to {high:.2%}), "
        f"balanced {result['test_balanced_accuracy']:.2%}; validation {result['validation_accuracy']:.2%}"
    )
    if metric == ACCURACY:
        return [f"test      {right}"]
    test, validation = metric.key("test"), metric.key("validation")
    ends = " to ".join(map(metric.text, result[f"{test}_interval"]))
    return [
        f"test      {metric.title} {metric.text(result[test])} (95 % interval {ends}); validation "
        f"{metric.text(result[validation])}",
        f"          accuracy {right}",
    ]


def rivals(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the winner was compared with, and on what terms; and what it reached by the metric."""
    metric = metric_of(result)
    return [
        (
            f"{name}{_terms(figures or {}, result)}",
            metric.text(figures[_judged_on(figures, metric)]) if _ran(figures) else "not run",
        )
        for name, figures in result["baselines"].items()
    ]


def _ran(figures: Mapping[str, Any] | None) -> bool:
    return bool(figures) and "why" not in (figures or {})


def _terms(rival: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    """On what terms a rival was measured, where these are not the winner's: as little as it can be read alone."""
    named = f" {rival['name']}" if "name" in rival else ""
    cut = f", {counted(rival['cut'], 'text')} cut to its length" if rival.get("cut") else ""
    return named + (f": {rival['why']}" if "why" in rival else _how_measured(rival, result)) + cut


def _how_measured(rival: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    if fewer := fitted_to(rival, result):
        return fewer
    if "epochs" not in rival:
        return ""
    metric = metric_of(result)
    part = _judged_on(rival, metric)
    where, there = ("", "") if part == metric.key("test") else (" on the validation part", " there")
    epochs = f"{rival['epochs']:.3g}"
    terms = f" after {epochs} epoch{'s' * (epochs != '1')}{where}"
    if rival["genome"] == result["genome"]:
        others = "none that was found was better" if result["candidates"]["trained"] else "no other was trained"
        return f"{terms}; it is the winner: {others}"
    then = rival.get("winner_then")
    return f"{terms}; the winner had {metric.text(then[part])}{there} after as many seconds" if then else terms


def _judged_on(rival: Mapping[str, Any], metric: Metric) -> str:
    """The figure that there is: of the test part, where there was time for it."""
    return metric.key("test") if metric.key("test") in rival else metric.key("validation")


def improvements(record: Record) -> list[tuple[float, float]]:
    """Seconds since the run began, and score, of each training of a candidate or in the race better than all before."""
    found: list[tuple[float, float]] = []
    began = beginning(record).time
    for event in record.events():
        if isinstance(event, Evaluated) or (isinstance(event, FullyTrained) and event.in_race):
            score = event.result.score
            if score is not None and (not found or score > found[-1][1]):
                found.append((round(event.time - began, 1), score))
    return found


def trained_epochs(record: Record) -> float:
    """Epochs of all trainings, those of the finish too; parts of the data and of a training counted as parts."""
    pairs = ((candidate, result) for candidate, result in read_trainings(record.events()) if result)
    epochs = sum(candidate.fidelity.passes * result.done for candidate, result in pairs)
    finals = (event for event in record.events() if isinstance(event, FullyTrained))
    return float(epochs + sum(final.epochs * final.result.done for final in finals))


def beginning(record: Record) -> Begun:
    """Data, settings and version that a run was begun with, and when: the last time, which is what came of it.

    Raises:
        RunFolderError: it was stopped before it had begun.
    """
    event = record.latest(Begun)
    if event is None:
        raise RunFolderError(
            "the record", given="empty", expected="one of a run that has begun", mend="give the `search` command again"
        )
    return event


def show_run(record: Record, details: bool = False) -> list[str]:
    """What a run is about and where it stands; with details how well the search itself did."""
    began, events = beginning(record), list(record.events())
    trainings = read_trainings(events)
    failures = Counter(result.failure for _, result in trainings if result and result.failure)
    impossible = Counter(
        note["kind"]
        for event in events
        if isinstance(event, Asked)
        for note in event.notes
        if note["kind"].startswith("infeasible")
    )
    settings = {name: value for name, value in began.settings.items() if value not in (None, {})}
    lines = [f"data      {began.data}", f"settings  {', '.join(f'{k} {v}' for k, v in settings.items())}"]
    if finished := record.latest(Finished):
        lines += summary(finished.outcome)
    else:
        trained = counted(sum(result is not None for _, result in trainings), "candidate")
        lines.append(f"state     not finished: {trained} trained so far")
    for reason, count in (failures + impossible).most_common():
        lines.append(f"failed    {count} x {reason}{_example(reason, trainings)}")
    return lines + (_operators(trainings) + _calibration(events, trainings) if details else [])


def _example(reason: str, trainings: Trainings) -> str:
    """The first candidate that failed so, and what is known of it."""
    for candidate, result in trainings:
        if result and result.failure == reason:
            return f", first {name_of(candidate)}" + (f": {result.detail}" if result.detail else "")
    return ""


def show_curve(record: Record) -> list[str]:
    """What was found about twice as many data; nothing where nobody asked."""
    found = record.latest(Extrapolated)
    return curve_lines(found) if found else []


def _operators(trainings: Trainings) -> list[str]:
    """How often the children of each operator were better than all of their parents."""
    worths = _worths(trainings)
    tried, paid = Counter[str](), Counter[str]()
    firsts: dict[str, Candidate] = {}
    for candidate, _ in trainings:
        firsts.setdefault(candidate.genome.key, candidate)
    for key, candidate in firsts.items():
        before = [worths[parent] for parent in candidate.parents if parent in worths]
        if before and key in worths:
            tried[candidate.operator] += 1
            paid[candidate.operator] += worths[key] > max(before)
    return [f"operator  {name}: {paid[name]} of {n} better than their parents" for name, n in tried.most_common()]


def _calibration(events: Sequence[Event], trainings: Trainings) -> list[str]:
    """How well foresight ranked what was trained because of it."""
    worths = _worths(trainings)
    notes = [note for event in events if isinstance(event, Asked) for note in event.notes]
    pairs = [(n["mean"], worths[n["genome"]]) for n in notes if n["kind"] == "foresight" and n["genome"] in worths]
    if len({mean for mean, _ in pairs}) < 3 or len({worth for _, worth in pairs}) < 3:  # there is no correlation then
        return []
    from scipy.stats import spearmanr

    rho = float(spearmanr(*zip(*pairs, strict=True)).statistic)
    return [f"foresight Spearman's rho {rho:.2f} between what was expected and what came, {len(pairs)} networks"]


def _worths(trainings: Trainings) -> dict[str, float]:
    return {key: worth_of(results) for key, results in by_genome(trainings).items()}


def training_of(trainings: Trainings, name: str | int) -> tuple[Candidate, Result | None]:
    """The candidate of this id, or of this name as `top` has it, and its result.

    Raises:
        InputError: no such candidate.
    """
    for candidate, result in trainings:
        if str(name) in (str(candidate.id), name_of(candidate)):
            return candidate, result
    known = f"0 to {len(trainings) - 1}" if trainings else "none yet"
    raise InputError(
        "candidate", given=name, expected=f"an id of this run ({known}), or a name such as init-1",
        mend="see `neuralfinder top RUN --all`",
    )  # fmt: skip


def show_candidate(record: Record, name: str | int) -> list[str]:
    """Structure, curve, cost and family of one candidate, by its id or name.

    Raises:
        InputError: no such candidate.
    """
    trainings = read_trainings(record.events())
    candidate, result = training_of(trainings, name)
    plan, metric = record.latest(Planned), Later.of(record.events()).metric
    lines = [f"candidate {candidate.id}, {candidate.operator}", f"genome    {candidate.genome.key}"]
    lines += _fate(candidate, result, metric)
    if plan:
        task = plan.plan["task"]
        lines += structure(candidate.genome, Shape(**task["shape"]), task["classes"])
    lines += _family(candidate, trainings, metric)
    return lines + [f"words     {line}" for line in about_genomes([candidate.genome.key])]


def structure(genome: Genome, shape: Shape, classes: int) -> list[str]:
    """A network's layers with the shape after each, and its cost."""
    size = cost(genome, shape, classes)
    lines, seen = [f"layers    {'picture':12} {shape}"], genome.seen(shape)
    if seen != shape:
        lines.append(f"          {f'@{max(seen.height, seen.width)}':12} {seen}")
    lines += [f"          {gene!s:12} {after}" for gene, after in zip(genome.genes, shapes(genome, shape), strict=True)]
    lines.append(f"          {genome.head!s:12} {classes}")
    lines.append(f"cost      {size.parameters:,} parameters, {size.macs / 1e6:,.1f} M multiply-adds a sample")
    return lines


def _seed(entry: Entry) -> object:
    return to_seed(entry.genome, entry.name, entry.score)


def _fate(candidate: Candidate, result: Result | None, metric: Metric) -> list[str]:
    if result is None:
        return ["state     in training when the record ends"]
    if result.failure:
        return [f"failed    {result.failure}: {result.detail}"]
    if result.stopped:
        rung = len(result.rungs) - 1
        reached, bar = map(metric.brief, (result.rungs[rung], candidate.bars[rung]))
        more = "less" if metric.loss else "more"
        lines = [f"stopped   at {reached} after {result.done:.0%} of its training; others had {bar} or {more} there"]
    else:
        size = ", pictures at half the side" if result.half else ""
        name = "" if metric == ACCURACY else f"{metric.title} "
        reached = f"{name}{metric.words(result.score or 0.0)}"
        lines = [f"score     {reached} on validation{size} after a short training, {result.seconds:.1f} s"]
        lines.append(f"curve     {' '.join(map(metric.brief, result.curve))}")
    if candidate.inherits:
        lines.append(f"inherits  weights of {', '.join(map(str, candidate.inherits))}")
    return lines


def _family(candidate: Candidate, trainings: Trainings, metric: Metric) -> list[str]:
    scores = scores_by_genome(trainings)

    def words(key: str) -> str:
        score = scores.get(key)
        return f"{key} ({metric.words(score)})" if score is not None else key

    lines = [f"parent    {words(parent)}" for parent in dict.fromkeys(candidate.parents)]
    children = [c for c, _ in trainings if candidate.genome.key in c.parents]
    return lines + [f"child     {c.id} {words(c.genome.key)}, {c.operator}" for c in children]
