"""The suite: what is wanted, what is not repeated, and the figures over tasks; Optuna and the plain models, tiny."""

from __future__ import annotations

import argparse
import json
import math

import numpy as np
import pytest
import suite
from loading import load
from suite import Gain, Job, Task, add, critical_difference, friedman, gains, jobs, ranks, read, summary, together

from neuralfinder.data import Divided, source_of
from neuralfinder.data.splits import limited
from neuralfinder.job.settings import Settings
from neuralfinder.networks.genome import parse

ONE, TWO = Task("one", "digits"), Task("two", "digits")


def row(task, seed, method, accuracy, minutes=1.0, test=10**9):
    figures = {"failure": "no time"} if accuracy is None else {"test_accuracy": accuracy, "seconds": 1.0}
    return {"suite": task, "minutes": minutes, "seed": seed, "method": method, "task": {"test": test}, **figures}


def rows_of(task, **accuracies):
    return [row(task, seed, name, a) for name, own in accuracies.items() for seed, a in enumerate(own)]


# what is wanted


def test_tasks_are_read():
    task = Task.read("big=data/cifar,test=held,limit=10000,minutes=5,text=question")
    assert task == Task("big", "data/cifar", (("test", "held"), ("text", "question")), 10000, 5.0)
    for wrong in ("digits", "=x", "a=", "a=b,limit", "a=b,limit=many"):
        with pytest.raises(argparse.ArgumentTypeError):
            Task.read(wrong)


def test_parts_are_all_together_and_keep_what_is_compared_in_one():
    tasks, methods = [ONE, TWO, Task("own", "digits", minutes=5.0)], ["random", "linear"]
    every = list(jobs(tasks, [1, 2], [0, 1], methods))
    assert len(every) == len({job.key for job in every}) == 2 * (2 + 2 + 1) * 2
    assert [job.seed for job in every] == sorted(job.seed for job in every)
    assert {job.minutes for job in every if job.task.name == "own"} == {5.0}
    parts = [list(jobs(tasks, [1, 2], [0, 1], methods, (n, 3))) for n in (1, 2, 3)]
    assert sorted(job.key for part in parts for job in part) == sorted(job.key for job in every)
    for part in parts:
        blocks = {job.key[:3] for job in part}
        assert len(part) == len(methods) * len(blocks)


@pytest.mark.parametrize("wrong", ["0/2", "3/2", "1", "a/b"])
def test_strange_parts_are_refused(wrong):
    with pytest.raises(argparse.ArgumentTypeError):
        suite.part_of(wrong)


def test_a_row_that_a_kill_cut_short_is_measured_again(tmp_path):
    path = tmp_path / "rows.jsonl"
    add(path, row("one", 0, "random", 0.5))
    path.write_bytes(path.read_bytes() + b'{"suite": "one", "min')
    assert list(read(path)) == [("one", 1.0, 0, "random")]
    add(path, row("one", 1, "random", 0.6))
    assert list(read(path)) == [("one", 1.0, 0, "random"), ("one", 1.0, 1, "random")]


def test_what_is_there_is_not_repeated(tmp_path, monkeypatch, capsys):
    made: list[Job] = []

    def quick(job, runs, measure):
        made.append(job)
        return row(job.task.name, job.seed, job.method, 0.9 if job.method == "random" else 0.8, job.minutes)

    monkeypatch.setattr(suite, "row_of", quick)
    rows, out, plot = (str(tmp_path / name) for name in ("rows.jsonl", "out.json", "plot.png"))
    common = ["--minutes", "1", "--seeds", "0", "1", "--methods", "random", "C32  M>G", "linear"]
    suite.main([rows, *common, "--part", "1/2"])
    assert len(made) == 2 * 3
    suite.main([rows, *common, "--out", out, "--plot", plot])
    assert len(made) == len({job.key for job in made}) == 2 * 2 * 3
    suite.main([rows, *common, "--only-summary"])
    assert len(made) == 12
    assert {job.method for job in made} == {"random", "C32 M > G", "linear"}
    said = capsys.readouterr().out
    assert "90.00 +- 0.00 (2)" in said
    numbers = json.loads((tmp_path / "out.json").read_text())["1"]
    assert numbers["mean_rank"] == {"random": 1.0, "C32 M > G": 2.5, "linear": 2.5}
    assert numbers["gains"]["linear"]["digits"][0] == pytest.approx(0.1)
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


# figures


def test_gains_have_a_sign_and_are_paired_over_seeds():
    """Gains -2, -3 and -4 points: mean -3, sd 1, t with 2 degrees of freedom 4.3027."""
    rows = rows_of("one", random=(0.88, 0.77, 0.66), linear=(0.90, 0.80, 0.70))
    found = gains(rows, "random", "linear")["one"]
    assert found.gain == pytest.approx(-0.03)
    assert found.margin == pytest.approx(4.3027 * 0.01 / math.sqrt(3), rel=1e-3)
    assert gains(rows, "linear", "random")["one"].gain == pytest.approx(0.03)
    assert gains([*rows_of("one", random=(0.5,)), row("one", 1, "linear", 0.4)], "random", "linear") == {}


def test_the_mean_of_tasks_has_the_noise_of_independent_ones():
    both = together({"one": Gain(0.02, 0.03), "two": Gain(0.04, 0.04)})
    assert both.gain == pytest.approx(0.03)
    assert both.margin == pytest.approx(0.025)
    assert together({}) is None


def test_ranks_count_equals_alike_and_failures_last_and_leave_out_what_is_not_whole():
    rows = [
        *rows_of("one", a=(0.9, 0.7), b=(0.8,), c=(0.5,)),
        *rows_of("two", a=(0.3,), b=(0.9,), c=(0.9, None)),
        *rows_of("three", a=(0.3,), b=(0.9,)),
    ]
    tasks, matrix = ranks(rows, ["a", "b", "c"])
    assert tasks == ["one", "two"]
    assert matrix.tolist() == [[1.5, 1.5, 3], [3, 1, 2]]
    text, numbers = summary(rows, ["a", "b", "c"])
    assert "not in the ranks, for not all methods were measured there: three" in text
    assert "90.00 (1, 1 failed)" in text
    assert numbers["mean_rank"] == {"a": 2.25, "b": 1.25, "c": 2.5}


def test_a_summary_of_what_is_not_whole_says_so():
    text, numbers = summary(rows_of("one", a=(0.9,)), ["a", "b"])
    assert numbers["ranked"] == []
    assert "nan" in text


def test_critical_differences_are_those_of_the_paper():
    """Demsar 2006, table 5(a), q 2.343 for 3 and 2.569 for 4 methods; section 3.2.3: 4 methods, 14 sets: 1.25."""
    assert critical_difference(4, 14) == pytest.approx(2.569 * math.sqrt(20 / 84), rel=1e-3)
    assert critical_difference(3, 6) == pytest.approx(2.343 * math.sqrt(12 / 36), rel=1e-3)


def test_friedman_tells_a_clear_order_from_none():
    assert friedman(np.array([[1, 2, 3]] * 8)) < 0.001
    assert friedman(np.array([[1, 2, 3], [2, 3, 1], [3, 1, 2]])) == pytest.approx(1.0)
    assert friedman(np.array([[1, 2, 3]])) is None


# measured here


@pytest.fixture
def digits():
    return Divided.of(limited(load("digits"), 400), 0)


def test_logistic_regression_is_a_row(digits, tmp_path):
    figures = suite.measure("linear", digits, Settings(minutes=0.1), tmp_path)
    assert figures["test_accuracy"] > 0.7
    lines = [f"{'good' if i % 2 else 'bad'} thing {i},{i % 2}" for i in range(120)]
    (tmp_path / "texts.csv").write_text("text,label\n" + "\n".join(lines) + "\n")
    texts = Divided.of(source_of(str(tmp_path / "texts.csv")).load(tmp_path), 0, together=False)
    assert suite.measure("linear", texts, Settings(minutes=0.1), tmp_path)["test_accuracy"] > 0.9


def test_optuna_proposes_legal_networks_and_hears_of_every_rung():
    optuna = pytest.importorskip("optuna")
    from optuna_search import Bar, proposed

    from neuralfinder.job.factories import make_space
    from neuralfinder.networks.cost import Rates
    from neuralfinder.types import Shape

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0), pruner=optuna.pruners.NopPruner())
    for shape in (Shape(1, 8, 8), Shape(64, 1, 20, 500)):
        space = make_space(Settings(), shape, 10, Rates(), math.inf)
        genomes = {proposed(study.ask(), space) for _ in range(30)}
        assert len(genomes) > 20
        assert {space.infeasible(genome) for genome in genomes} <= {None, "infeasible:cap"}
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0), pruner=optuna.pruners.NopPruner())
    trial = study.ask()
    bar = Bar(trial, 2)
    score = 0.7
    assert not score < bar
    assert study.trials[-1].intermediate_values == {2: 0.7}
    strict = optuna.create_study(pruner=optuna.pruners.ThresholdPruner(lower=0.5))
    score = 0.3
    assert score < Bar(strict.ask(), 1)


@pytest.mark.thorough
def test_optuna_searches_within_the_minutes(digits, tmp_path):
    pytest.importorskip("optuna")
    figures = suite.measure("optuna", digits, Settings(minutes=0.2), tmp_path)
    assert figures["trained"] >= 2
    assert figures["test_accuracy"] > 0.5
    assert figures["seconds"] < 12 + 20
    assert parse(figures["genome"]).key == figures["genome"]


@pytest.mark.thorough
def test_a_row_is_made_in_a_process_of_its_own(tmp_path):
    made = suite.row_of(Job(Task("some", "digits", (), 300), 0.05, 1, "linear"), tmp_path)
    assert made["suite"] == "some"
    assert made["seed"] == 1
    assert made["test_accuracy"] > 0.7
    assert made["task"]["train"] < 300
