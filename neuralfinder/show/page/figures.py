"""The main plots of a run as files for papers: SVG and PNG, drawn with matplotlib."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from neuralfinder.errors import InputError, lacking
from neuralfinder.training.metrics import Metric, metric_of
from neuralfinder.types import score_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Life = Mapping[str, Any]


def save_figures(story: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write each plot there is something for as `NAME.svg` and `NAME.png`.

    Args:
        story: see `Story.news`.
        folder: made when missing.

    Returns:
        The files.

    Raises:
        InputError: matplotlib is not installed, or nothing was trained.
    """
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise lacking("--figures", "matplotlib", "compare") from error
    mpl.use("Agg")
    from matplotlib import pyplot

    ended = [life for life in story.get("lives", ()) if "ended" in life and "failure" not in life]
    ended.sort(key=lambda life: life["ended"])
    scored = [life for life in ended if "score" in life]  # the others were stopped early
    if not scored:
        raise InputError("the run", given="without a trained network", expected="one or more", mend="wait for some")
    folder.mkdir(parents=True, exist_ok=True)
    files, metric = [], metric_of(story["run"]["settings"])
    with mpl.rc_context(
        {"svg.hashsalt": "neuralfinder", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    ):
        for name, draw, lives in (
            ("progress", partial(_progress, metric), scored),
            ("pareto", partial(_pareto, metric), scored),
            ("operators", _operators, ended),
            ("foresight", _foresight, ended),
        ):
            figure, axes = pyplot.subplots(figsize=(4.5, 3), layout="constrained")
            if draw(axes, lives):
                for suffix in ("svg", "png"):
                    files.append(folder / f"{name}.{suffix}")
                    figure.savefig(files[-1], dpi=200, metadata={"Date": None} if suffix == "svg" else None)
            pyplot.close(figure)
    return files


def _told(metric: Metric, scores: Iterable[float]) -> list[float]:
    """Scores as they stand on an axis."""
    return [(100 if metric.percent else 1) * metric.told(score) for score in scores]


def _title(metric: Metric) -> str:
    return f"validation {metric.title}{' in %' if metric.percent else ''}, short training"


def _progress(metric: Metric, axes: Axes, lives: Sequence[Life]) -> bool:
    minutes, scores = [life["ended"] / 60 for life in lives], [life["score"] for life in lives]
    axes.scatter(minutes, _told(metric, scores), s=8, alpha=0.4, label="a training")
    axes.step(
        minutes,
        _told(metric, accumulate(scores, max)),
        where="post",
        label=f"best, {metric.words(max(scores))} in the end",
    )
    axes.step(minutes, _told(metric, _medians(scores)), where="post", linestyle="--", label="median")
    axes.set(xlabel="minutes", ylabel=_title(metric))
    axes.legend(frameon=False)
    return True


def _medians(scores: Sequence[float]) -> Iterator[float]:
    return (median(scores[: place + 1]) for place in range(len(scores)))


def _pareto(metric: Metric, axes: Axes, lives: Sequence[Life]) -> bool:
    by_size = sorted(lives, key=lambda life: (life["parameters"], -life["score"]))
    best = accumulate((life["score"] for life in by_size), max)
    own = _told(metric, (life["score"] for life in lives))
    axes.scatter([life["parameters"] for life in lives], own, s=8, alpha=0.4)
    sizes = [life["parameters"] for life in by_size]
    axes.step(sizes, _told(metric, best), where="post", label="no smaller one is better")
    axes.set(xscale="log", xlabel="parameters", ylabel=_title(metric))
    axes.legend(frameon=False)
    return True


def _operators(axes: Axes, lives: Sequence[Life]) -> bool:
    scores = _scores(lives)
    paid = defaultdict[str, list[bool]](list)
    for number, life in {life["genome"]: life for life in reversed(lives)}.items():
        if before := [scores[parent] for parent in life["parents"] if parent in scores]:
            paid[life["operator"]].append(scores.get(number, -1.0) > max(before))
    names = sorted(paid, key=lambda name: sum(paid[name]) / len(paid[name]))
    axes.barh([f"{name} (n = {len(paid[name])})" for name in names], [100 * sum(paid[n]) / len(paid[n]) for n in names])
    axes.set(xlabel="children better than their parents in %", xlim=(0, 100))
    return bool(names)


def _foresight(axes: Axes, lives: Sequence[Life]) -> bool:
    pairs = [(100 * life["expected"], 100 * life["beaten"]) for life in lives if "beaten" in life]
    if pairs:
        axes.scatter([before for before, _ in pairs], [after for _, after in pairs], s=8, alpha=0.5)
        axes.axline((pairs[0][0], pairs[0][0]), slope=1, linestyle=":", color="grey")
        axes.set(xlabel="networks before it expected to be beaten in %", ylabel="beaten in %")
    return len(pairs) > 2


def _scores(lives: Sequence[Life]) -> dict[int, float]:
    """The score of each genome that has one."""
    found = defaultdict[int, list[float | None]](list)
    for life in lives:
        found[life["genome"]].append(life.get("score"))
    means = {number: score_of(scores) for number, scores in found.items()}
    return {number: score for number, score in means.items() if score is not None}
