"""Comparisons: differences and noise, the words about them, the record, and the command."""

from __future__ import annotations

import dataclasses
import json
import math
import multiprocessing
import os
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from loading import load
from search.test_executors import alive

from neuralfinder import cli
from neuralfinder.comparison import by_hand, verdict
from neuralfinder.comparison import compare as comparing
from neuralfinder.comparison.compare import Comparison, compare
from neuralfinder.comparison.published import ERROR_TABLES, STRATEGY_ERRORS
from neuralfinder.comparison.references import REFERENCES
from neuralfinder.data import Divided, source_of
from neuralfinder.data.splits import limited, split
from neuralfinder.errors import InputError, RunFolderError
from neuralfinder.job.forecast import LAST_SHARE
from neuralfinder.job.settings import Settings
from neuralfinder.networks.genome import parse
from neuralfinder.search.events import Begun, candidate_row
from neuralfinder.search.record import Record
from neuralfinder.strategies import STRATEGIES
from neuralfinder.training.train import Diverged
from neuralfinder.types import BEHIND, Candidate, Fidelity, Result

TASK = {
    "name": "made", "notes": "", "shape": "1x8x8", "classes": 10, "train": 80, "validation": 20, "test": 10_000,
    "device": "a CPU", "torch": "2",
}  # fmt: skip


def test_a_score_of_nothing_is_a_score(tmp_path, monkeypatch):
    """The mean network of a space is that of all whole trainings, those that learned nothing among them."""
    results = [Result(0, 0.0), Result(1, 0.5), Result(2, None, "diverged"), Result(3, None, rungs=(0.3,), ended=BEHIND)]

    def run(source, settings, folder, status):
        with Record(folder / "run.sqlite") as record:
            record.write(Begun("toys", "f", {}, {}, "0"))
            for result in results:
                candidate = Candidate(result.id, parse(f"C{result.id + 1} > G"), "init", (), 0, Fidelity(1))
                record.append("asked", [{"n": 1, "candidates": [candidate_row(candidate)], "notes": []}])
                record.append("result", [dataclasses.asdict(result)])
        figures = dict.fromkeys(("test_accuracy", "test_interval", "test_balanced_accuracy", "validation_accuracy"), 0)
        return None, {**figures, "parameters": 1, "genome": "", "candidates": {"trained": 3}, "seconds": {"total": 1}}

    monkeypatch.setattr("neuralfinder.job.run.run", run)
    monkeypatch.setattr(comparing, "source_of", lambda raw: None)
    row = comparing._search(SimpleNamespace(raw=None), Settings(minutes=1), tmp_path)
    assert row["scores"] == [0.0, 0.5]


def row(method, seed, accuracy, **more):
    figures = {"parameters": 1000, "epochs": 3.0, "seconds": 60.0, "improvements": [(10.0, 0.5), (30.0, accuracy)]}
    return {"method": method, "seed": seed, "task": TASK, "test_accuracy": accuracy, **figures, **more}


def rows_of(**accuracies):
    return [row(name.replace("_", "-"), seed, a) for name, own in accuracies.items() for seed, a in enumerate(own)]


def comparison(methods=("random", "lenet-5"), seeds=(0, 1), limit=None, **settings):
    return Comparison(source_of("digits"), limit, methods, seeds, Settings(**{"minutes": 0.1, **settings}))


# differences


def test_paired_differences_by_hand():
    """Gains 2, 3 and 4 points: mean 3, sd 1, t with 2 degrees of freedom 4.3027."""
    one, other = verdict.by_method(rows_of(random=(0.90, 0.80, 0.70), metaqnn=(0.88, 0.77, 0.66)))
    pair = verdict.difference(one, other, 10**9)
    assert (pair.better, pair.worse) == ("random", "metaqnn")
    assert pair.gain == pytest.approx(0.03)
    assert pair.margin == pytest.approx(4.3027 * 0.01 / math.sqrt(3), rel=1e-3)
    assert pair.beyond_noise


def test_the_test_part_bounds_what_can_be_told():
    """One seed, or seeds that happen to agree: the pictures' own noise remains."""
    one, other = verdict.by_method(rows_of(random=(0.90,), metaqnn=(0.89,)))
    assert verdict.difference(one, other, 100).margin == pytest.approx(
        1.96 * math.sqrt((0.09 + 0.0979) / 100), rel=1e-3
    )
    one, other = verdict.by_method(rows_of(random=(0.9, 0.9), metaqnn=(0.89, 0.89)))
    assert not verdict.difference(one, other, 100).beyond_noise


def test_noise_is_called_a_difference_in_one_case_of_twenty_or_less():
    rng, alarms = np.random.default_rng(0), 0
    for _ in range(300):
        scores = 0.9 + 0.01 * rng.normal(size=(2, 5))
        alarms += verdict.difference(
            *verdict.by_method(rows_of(random=scores[0], metaqnn=scores[1])), 10**6
        ).beyond_noise
    assert alarms <= 24  # both directions, 95 %: 15 expected


def test_only_common_seeds_are_paired():
    rows = [row("random", 0, 0.9), row("random", 1, 0.1), row("metaqnn", 0, 0.8)]
    pair = verdict.difference(*verdict.by_method(rows), 10**9)
    assert pair.better == "metaqnn"  # by its mean
    assert pair.gain == pytest.approx(-0.1)
    assert not pair.beyond_noise


def test_the_verdict_says_what_is_known():
    rows = rows_of(artificial_life=(0.95, 0.96, 0.955), random=(0.90, 0.91, 0.905), lenet_5=(0.951, 0.9585, 0.955))
    words = verdict.verdict(rows)
    assert words[0] == "Best: artificial-life, 95.50% test, mean of 3."
    assert words[1].startswith("Better than these by more than the noise: random (by 5.00 +- ")
    assert words[2].startswith("Not told apart from: lenet-5 (by 0.02 +- ")
    assert words[3].startswith("artificial-life against random search: better by 5.00")
    assert words[4].startswith(
        "Searching (artificial-life) against the best hand-made network (lenet-5): no difference"
    )
    few = verdict.verdict(rows_of(random=(0.9,), metaqnn=(0.8,)))
    assert "With n = 1 only large differences can be told; more --seeds tell smaller ones." in few
    assert "metaqnn against random search: worse by 10.00 +- 0.98 points." in few


def test_failures_are_counted_and_named():
    rows = [*rows_of(random=(0.9,)), {"method": "metaqnn", "seed": 0, "failure": "no memory"}]
    assert "metaqnn failed with 1 seeds." in verdict.verdict(rows)
    assert verdict.table(rows, published=False).splitlines()[-1].split() == ["metaqnn", "failed"]
    assert verdict.verdict(rows[1:])[-1] == "No method ended well: there is nothing to compare."


def test_published_figures_stand_apart_and_are_complete():
    rows = rows_of(metaqnn=(0.8, 0.9), lenet_5=(0.7, 0.7))
    head, first, second = verdict.table(rows, published=True).splitlines()
    assert "| published error" in head
    assert "| 6.92 %" in first
    assert "85.00%" in first
    assert "| -" in second
    assert [len(table.rows) for table in ERROR_TABLES] == [23, 8, 5]
    assert all(len(cells) == len(table.columns) for table in ERROR_TABLES for cells in table.rows)
    assert "not to be compared number by number" in verdict.literature()
    assert set(STRATEGY_ERRORS) <= set(STRATEGIES)


def test_curves_begin_with_the_first_score_and_never_fall():
    curve = verdict._curve([(10, 0.5), (30, 0.7)], np.array([0.0, 9.9, 10, 29, 30, 99]))
    assert np.isnan(curve[:2]).all()
    assert curve[2:].tolist() == [0.5, 0.5, 0.7, 0.7]


def test_the_plot_is_a_picture(tmp_path):
    verdict.draw(rows_of(random=(0.9, 0.8), lenet_5=(0.7, 0.9)), tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_the_methods_page_answers_the_checklist():
    rows = rows_of(random=(0.9, 0.8), lenet_5=(0.7, 0.9))
    rows[0]["scores"], rows[2]["enlarged"], rows[3]["rate"] = [0.2, 0.4], 32, 0.2
    page = verdict.methods_page(comparison(), rows)
    for word in (
        "Data",
        "Split",
        "Seeds",
        "Budget",
        "Spaces",
        "Recipe",
        "Hardware",
        "Versions",
        "Random sampling",
        "Tuning",
    ):
        assert f"**{word}" in page
    assert "30.00% +- 14.14%" in page
    assert "scaled up for lenet-5 (32)" in page
    assert "lenet-5, seed 1 (x 0.2)" in page


def test_the_methods_page_says_on_which_data_the_program_was_tuned():
    """Whatever the data are called: a folder's name does not say what is in it."""
    page = verdict.methods_page(comparison(), rows_of(random=(0.9, 0.8)))
    line = next(line for line in page.splitlines() if line.startswith("- **Tuning**"))
    for data in ("CIFAR-10", "TREC", "docstrings", "digits", "NAS-Bench-201", "NAS-Bench-Macro"):
        assert data in line
    assert "tuned on these data" not in line


# the record


@pytest.fixture
def instant(monkeypatch):
    """No process and no training: a row says how often it was made."""
    made = []

    def quick(asked, method, seed, folder):
        made.append((method, seed))
        return row(method, seed, 0.5)

    monkeypatch.setattr(comparing, "in_a_process", quick)
    return made


def test_a_comparison_goes_on_where_it_was_and_takes_more_seeds_and_methods(tmp_path, instant):
    compare(comparison(seeds=(0,)), tmp_path, lambda _: None)
    rows = compare(comparison(methods=("random", "lenet-5", "metaqnn")), tmp_path, lambda _: None)
    expected = [("random", 0), ("lenet-5", 0), ("metaqnn", 0), ("random", 1), ("lenet-5", 1), ("metaqnn", 1)]
    assert instant == expected
    methods = ("random", "lenet-5", "metaqnn")
    assert [(r["method"], r["seed"]) for r in rows] == [(method, seed) for method in methods for seed in (0, 1)]


def test_another_comparison_is_refused(tmp_path, instant):
    compare(comparison(), tmp_path, lambda _: None)
    with pytest.raises(RunFolderError, match=r"a comparison with other limit; expected the same; give another --run"):
        compare(comparison(limit=50), tmp_path, lambda _: None)


def endless(method, data, settings, folder):
    (folder / "part").write_text(str(os.getpid()))
    (folder / "part").rename(folder / "pid")
    time.sleep(60)


def in_a_process_of_its_own(folder):
    comparing.in_a_process(comparison(), "random", 0, folder, endless)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes as Linux shows them")
def test_a_killed_comparison_leaves_no_method_running(tmp_path):
    caller = multiprocessing.get_context("spawn").Process(target=in_a_process_of_its_own, args=(tmp_path,))
    caller.start()
    file, until = tmp_path / "random-0" / "pid", time.monotonic() + 50
    while not file.exists() and time.monotonic() < until:
        time.sleep(0.05)
    pid = int(file.read_text())
    assert alive(pid)
    caller.kill()
    caller.join()
    until = time.monotonic() + 10
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert not alive(pid)


@pytest.mark.parametrize(
    ("methods", "match"),
    [
        (("random", "resnet-21"), r"method is 'resnet-21'; .*did you mean 'resnet-"),
        (("random", "random"), r"methods is random twice"),
        ((), r"methods is none; expected each once"),
    ],
)
def test_strange_methods_are_refused(methods, match):
    with pytest.raises(InputError, match=match):
        comparison(methods=methods)


def test_names_of_strategies_and_networks_are_different():
    assert not set(STRATEGIES) & set(REFERENCES)


# by hand


@pytest.mark.parametrize(("trouble", "share"), [("at chance", 0.5), ("diverged", 0.1)])
def test_a_network_that_does_not_learn_is_trained_at_a_lower_rate(monkeypatch, trouble, share):
    """The first training ends so; the second is at a fifth of the rate, and time for the test is left to it.

    That is time for several views where the share allows it, else for one: digits are moved, but not mirrored.
    """
    rates, kept, real = [], [], by_hand.train

    def train(network, setup, fidelity, seed, bars=(), trunk=None, *, falls=True):
        rates.append(setup.recipe.learning_rate)
        now = time.monotonic()
        left = (setup.clock.deadline - now) / (1 - LAST_SHARE)  # the rest is for the training on all data
        kept.append(began + 12 - 1 - now - left)
        if len(rates) > 1:
            return real(network, setup, Fidelity(1), seed, [0.0, 0.0])
        if trouble == "diverged":
            raise Diverged("the loss is nan", 0.1)
        labels = setup.validation.labels
        assert bars[-1] > float((labels == labels.mode().values).float().mean())
        return real(network, setup, Fidelity(4), seed, [1.1, 1.1])

    monkeypatch.setattr(by_hand, "train", train)
    monkeypatch.setattr(by_hand, "forward_seconds", lambda *_: 1.0)  # 256 pictures; three looks at 108 are 1.3 s
    monkeypatch.setattr("neuralfinder.job.forecast.TESTING_SHARE", share)
    data = Divided.of(limited(load("digits"), 300), 0)
    began = time.monotonic()
    figures = by_hand.measure_by_hand("lenet-5", data, Settings(minutes=0.2))
    assert rates[1] == pytest.approx(0.2 * rates[0])
    assert figures["rate"] == 0.2
    assert 0.4 < kept[0] < 1.4 if share == 0.5 else -0.6 < kept[0] < 0.5


# the limit


def test_limited_data_keep_classes_in_their_shares_and_the_test_part():
    data = load("digits")
    some = limited(data, 300)
    assert len(some.labels) == 300
    shares = np.bincount(some.labels) / 300 - np.bincount(data.labels) / len(data.labels)
    assert np.abs(shares).max() < 0.005
    assert "300 of 1,797 pictures" in some.notes[-1]
    assert limited(data, 5000) is data
    assert some.fingerprint != data.fingerprint
    assert len(split(some.labels, some.given_test, 0).test) == 60
    with pytest.raises(InputError, match=r"limit is 9; expected at least 10, one picture a class"):
        limited(data, 9)


# the command


@pytest.mark.thorough
def test_the_command_compares_and_answers_at_once_the_second_time(tmp_path):
    arguments = [
        "compare", "digits", "--methods", "random,lenet-5", "--minutes", "0.1", "--seeds", "1", "--limit", "300",
        "--published", "--run", str(tmp_path / "c"),
    ]  # fmt: skip
    first = CliRunner().invoke(cli.cli, arguments, catch_exceptions=False)
    assert first.exit_code == 0, first.output
    assert "Best: " in first.output
    assert "Published table 1." in first.output
    assert "lenet-5, seed 0: " in first.output
    again = CliRunner().invoke(cli.cli, arguments, catch_exceptions=False)
    assert again.output == first.output
    rows = [json.loads((tmp_path / "c" / f"{name}-0" / "row.json").read_text()) for name in ("random", "lenet-5")]
    assert rows[1]["enlarged"] == REFERENCES["lenet-5"].smallest
    assert rows[0]["trained"] >= 1
    assert {path.name for path in (tmp_path / "c").iterdir()} >= {"table.txt", "methods.md", "compare.png"}
