"""How good the winner is, as the page draws it: its score with its interval, beside what it is held against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from neuralfinder.job.verdict import called, interval, is_by_hand, noun
from neuralfinder.show.report import rivals
from neuralfinder.training.metrics import ACCURACY, Metric, metric_of


def standing(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The winner first, then each rival, the better before the worse, those that were not run last.

    Args:
        result: what `result.json` holds.

    Returns:
        Rows of `title` and `terms`, in words; where it was measured, `score` by the run's metric and its `interval`,
        0..1 and the more the better, and the `part` of the data that it was measured on, `test` or `validation`. By
        other metrics than accuracy the winner alone has an interval.
    """
    metric = metric_of(result)
    test = metric.key("test")
    ends = result["test_interval" if metric == ACCURACY else f"{test}_interval"]
    own = {"score": metric.score_of(result[test]), "interval": sorted(map(metric.score_of, ends)), "part": "test"}
    others = sorted(_rivals(result, metric), key=lambda row: -row.get("score", -1.0))
    return [{"title": f"this {noun(result)}{', made by hand' * is_by_hand(result)}", "terms": "", **own}, *others]


def _rivals(result: Mapping[str, Any], metric: Metric) -> Iterator[dict[str, Any]]:
    for (name, figures), (said, _) in zip(result["baselines"].items(), rivals(result), strict=True):
        terms = said.removeprefix(name).lstrip(" ,:")
        measured = _measured(figures or {}, result["data"], metric)
        yield {"title": called(name, result), "terms": terms if figures else "not run", **measured}


def _measured(figures: Mapping[str, Any], data: Mapping[str, Any], metric: Metric) -> dict[str, Any]:
    for part in ("test", "validation"):
        told = figures.get(metric.key(part))
        if told is None or "why" in figures:
            continue
        score = metric.score_of(told)
        ends = {"interval": interval(round(score * data[part]), data[part])} if metric == ACCURACY else {}
        return {"score": score, **ends, "part": part}
    return {}


def reliability(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Bins of the winner's probabilities that have answers, the least sure first; none in runs of older versions.

    Returns:
        Rows of the bin's edges `from` and `to`, its `count` of answers, the mean of their probabilities, `said`, and
        the share that is right, `came`, with its `interval`, all of them 0..1.
    """
    rows = result.get("calibration", {}).get("reliability", [])
    return [
        {
            "from": place / len(rows), "to": (place + 1) / len(rows), "count": count, "said": said, "came": came,
            "interval": interval(round(count * came), count),
        }
        for place, (count, said, came) in enumerate(rows)
        if count
    ]  # fmt: skip
