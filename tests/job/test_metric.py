"""Runs by another metric than accuracy: it chooses, and all that a run shows is named after it."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from click.testing import CliRunner
from runs import searched
from sentences import sentences

from neuralfinder import NeuralFinder
from neuralfinder.cli import cli
from neuralfinder.data import source_of
from neuralfinder.errors import InputError, RunFolderError
from neuralfinder.job.run import _check_same_run
from neuralfinder.job.settings import Settings
from neuralfinder.networks.genome import parse
from neuralfinder.search.archive import Archive, Later, leaderboard
from neuralfinder.search.events import Begun, Evaluated, Finished, FullyTrained, Planned
from neuralfinder.search.record import Record
from neuralfinder.training.metrics import METRICS
from neuralfinder.types import Candidate, Fidelity, Result

SMALL = ("--candidates", "2", "--epochs", "1", "--share", "0.2", "--world-size", "3")


def call(*words):
    outcome = CliRunner().invoke(cli, [*map(str, words)])
    assert outcome.exit_code == 0, outcome.output
    return outcome.output


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["macro-f1", "log-loss"])
def test_all_that_a_run_shows_is_named_after_its_metric(name, tmp_path, quick_machine):
    metric = METRICS[name]
    folder = searched(tmp_path / "run", *SMALL, "--metric", name, "--workers", "2")
    result = json.loads((folder / "result.json").read_text())
    assert result["metric"] == name
    test, validation = (result[metric.key(part)] for part in ("test", "validation"))
    low, high = result[f"{metric.key('test')}_interval"]
    assert low < test < high
    assert f"a {metric.title} of {metric.text(test)} on 359 pictures" in result["verdict"] or (
        f"({metric.title} " in result["verdict"]
    )
    assert "right about" not in result["verdict"]
    assert result["cautions"][0] == metric.meaning
    for rival in filter(None, result["baselines"].values()):
        assert metric.key("test") in rival
        assert 0 < rival["p_value"] <= 1

    with Record(folder / "run.sqlite", readonly=True) as record:
        events = list(record.events())
        scores = {event.result.id: event.result.score for event in events if isinstance(event, Evaluated)}
        (last,) = [event.result.score for event in events if isinstance(event, FullyTrained) and event.in_race][-1:]
    rows = json.loads(call("top", folder, "--format", "json"))
    assert {row["id"]: row["short_score"] for row in rows} == pytest.approx(
        {id_: metric.told(score) for id_, score in scores.items()}
    )
    told = [row[metric.key("validation")] for row in rows]
    assert told == sorted(told, reverse=not metric.loss)
    assert "validation_accuracy" not in rows[0]
    header = call("top", folder, "--format", "csv").splitlines()[0].split(",")
    assert {metric.key("validation"), metric.key("test")} < {*header}
    (winner,) = [line for line in call("top", folder).splitlines() if "winner" in line]
    assert re.search(rf" {metric.text(validation)} +{metric.text(test)} ", winner)
    assert metric.told(last) == pytest.approx(validation, rel=0.5)

    shown = call("show", folder)
    interval = f"(95 % interval {metric.text(low)} to {metric.text(high)})"
    assert f"{metric.title} {metric.text(test)} {interval}; validation {metric.text(validation)}" in shown
    assert f"score     {metric.title} {metric.text(rows[0]['short_score'])} on validation" in call(
        "show", folder, rows[0]["id"]
    )
    card = (folder / "model" / "README.md").read_text()
    assert f"| on the test part | {metric.title} |" in card
    assert f"**{metric.text(test)}** ({metric.text(low)} to {metric.text(high)})" in card
    assert f'"type": "{name.replace("-", "_")}"' in card


@pytest.mark.thorough
def test_texts_by_roc_auc(quick_machine):
    texts, labels = sentences(200)
    options = {"candidates": 1, "epochs": 2, "finalists": 1, "final_epochs": 4, "verbose": 0}
    finder = NeuralFinder(metric="roc-auc", **options).fit(texts, labels)
    assert finder.result_["test_roc_auc"] > 0.8
    assert finder.run_.rows()[0]["test_roc_auc"] in (None, finder.result_["test_roc_auc"])
    assert finder.score(texts, labels) == np.mean(finder.predict(texts) == labels)


def uneven(count=600):
    """Pictures of two classes, 95 to 5, whose brightness overlaps so far that the rare one is never the likelier."""
    rng = np.random.default_rng(0)
    y = (np.arange(count) % 20 == 0).astype(int)
    bright = rng.normal(110 + 30 * y, 25)
    X = rng.normal(bright[:, None, None], 10, (count, 8, 8)).clip(0, 255).astype(np.uint8)
    return X, y


@pytest.mark.slow
def test_a_winner_by_balanced_accuracy_finds_the_rare_class_that_one_by_accuracy_ignores(quick_machine):
    X, y = uneven()
    options = {"candidates": 3, "epochs": 2, "finalists": 1, "final_epochs": 8, "verbose": 0}
    found = {}
    for name in ("accuracy", "balanced-accuracy"):
        finder = NeuralFinder(metric=name, **options).fit(X, y)
        found[name] = finder.predict(X)
        assert finder.result_.get("metric", "accuracy") == name
    assert found["accuracy"][y == 1].mean() < 0.3
    assert found["balanced-accuracy"][y == 1].mean() > 0.5
    assert found["accuracy"][y == 0].mean() < 0.05


def test_an_archive_of_losses_has_the_least_loss_first():
    metric, archive = METRICS["log-loss"], Archive()
    for id_, loss in enumerate((0.7, 0.2, 1.4)):
        genome = parse(f"C{8 * (id_ + 1)} > G")
        archive.add(Candidate(id_, genome, "init", (), 0, Fidelity(1)), Result(id_, float(np.exp(-loss))))
    rows = leaderboard(archive.best(3), metric)
    assert [row["validation_log_loss"] for row in rows] == pytest.approx([0.2, 0.7, 1.4])
    outcome = {"genome": "C8 > G", "validation_log_loss": 0.5, "test_log_loss": 0.6}
    begun = Begun("made", "", {"metric": "log-loss"}, {}, "0")
    told = Later.of([begun, Finished(outcome)]).told(rows[1])
    assert told["short_score"] == pytest.approx(0.7)
    assert (told["full_training"], told["test_log_loss"], told["winner"]) == (0.5, 0.6, True)


def test_balanced_accuracy_weighs_classes_in_training_unless_told_otherwise():
    assert not Settings().weighted
    assert Settings(metric="balanced-accuracy").weighted
    assert not Settings(metric="macro-f1").weighted
    assert not Settings(metric="balanced-accuracy", options={"class_weights": False}).weighted
    assert Settings(options={"class_weights": True}).weighted


def test_a_run_of_a_version_without_metrics_goes_on_by_accuracy_alone(tmp_path):
    X, y = uneven(100)
    source, settings = source_of(X, labels=y), Settings()
    before = {name: value for name, value in settings.plain().items() if name != "metric"}
    with Record(tmp_path / "run.sqlite") as record:
        record.write(Begun(source.title, source.fingerprint(), before, dict(source.address), "0"))
        record.write(Planned({}))
        _check_same_run(record, source, settings, tmp_path)
        with pytest.raises(RunFolderError, match="a run with metric accuracy; expected metric roc-auc"):
            _check_same_run(record, source, Settings(metric="roc-auc"), tmp_path)


def test_an_unknown_metric_is_refused_with_those_there_are():
    with pytest.raises(InputError, match=r"auc.*roc-auc"):
        Settings(metric="auc")
