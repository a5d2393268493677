"""Model folders, records and run folders that are spoilt at random: a line and an exit code, or answers as before."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time

import numpy as np
import pytest
from click.testing import CliRunner
from runs import searched
from setups import model_of

from neuralfinder.cli import cli
from neuralfinder.data.tokens import Tokens
from neuralfinder.errors import InputError, NeuralFinderError
from neuralfinder.job.past_runs import chosen_experience, earlier_run
from neuralfinder.job.plan import Task
from neuralfinder.job.settings import Settings
from neuralfinder.show.page.server import _tell
from neuralfinder.show.page.story import Story
from neuralfinder.training.batches import Scaling
from neuralfinder.training.model import Model
from neuralfinder.types import Shape

FEW, MANY = 60, 2000
"""How many are spoilt in a minute's suite, and in a long one."""

LONGEST = 10.0
"""Seconds that a spoilt one may take."""

TEXTS = ["a ship at sea", "an oak in the wood", "waves", "leaves and moss", "salt"]

WRONG = [
    None, True, -1, 0, 1, 10**12, 10**30, 1e300, -0.5, "", "x", "\x1b[2J", "C" + "9" * 5000, "C8 " * 3000, [], [[]],
    [None], {}, {"a": 1}, [1, 2, 3, 4], ["x"] * 9,
]  # fmt: skip
"""What is put in the place of what there is."""


def one_of(chance, some):
    return some[int(chance.integers(len(some)))]


def swapped(values, chance):
    """The values with one in the place of another, one dropped, or one doubled."""
    places = []

    def walk(within):
        for key in within if isinstance(within, dict) else range(len(within)):
            places.append((within, key))
            if isinstance(within[key], dict | list):
                walk(within[key])

    walk(values)
    within, key = one_of(chance, places) if places else ([0], 0)
    match chance.integers(4):
        case 0:
            del within[key]
        case 1 if isinstance(within, list):
            within.append(within[key])
        case 1:
            within[f"{key}2"] = within[key]
        case _:
            within[key] = one_of(chance, WRONG)
    return values


def spoil_bytes(path, chance):
    """Some bytes changed, cut off, taken out or doubled."""
    whole = bytearray(path.read_bytes())
    place = chance.integers(len(whole))
    match chance.integers(4):
        case 0:
            del whole[place:]
        case 1:
            del whole[place : place + chance.integers(1, 64)]
        case 2:
            whole[place:place] = whole[place : place + chance.integers(1, 64)]
        case _:
            for _ in range(chance.integers(1, 9)):
                whole[chance.integers(len(whole))] = chance.integers(256)
    path.write_bytes(whole)


def spoil_json(path, chance):
    path.write_text(json.dumps(swapped(json.loads(path.read_text("utf-8")), chance)), encoding="utf-8")


def spoil_record(path, chance):
    """A cell of the table: of another type, or with other values in it."""
    base = sqlite3.connect(path)
    number, data = one_of(chance, base.execute("SELECT number, data FROM events").fetchall())
    column = one_of(chance, ("data", "data", "data", "data", "data", "time", "kind"))
    cell = one_of(chance, (None, b"\xff", "x", 1e999, "[" * 100_000, '{"a": NaN}', '{"a": 1, "a": 1}'))
    if column == "data" and chance.random() < 0.9:
        cell = json.dumps(swapped(json.loads(data), chance))
    base.execute(f"UPDATE events SET {column} = ? WHERE number = ?", (cell, number))  # noqa: S608
    if chance.random() < 0.1:
        base.execute("DELETE FROM events WHERE number = ?", (int(chance.integers(1, 12)),))
    base.commit()
    base.close()


def spoil(folder, chance):
    """One file of a folder."""
    path = one_of(chance, sorted(file for file in folder.rglob("*") if file.is_file() and file.stat().st_size))
    if path.suffix == ".json" and chance.random() < 0.7:
        spoil_json(path, chance)
    elif path.suffix == ".sqlite" and chance.random() < 0.9:
        spoil_record(path, chance)
    else:
        spoil_bytes(path, chance)


def invoked(*words):
    """The exit code of a command: what the console script makes a line of is one, what it does not is raised."""
    outcome = CliRunner().invoke(cli, [str(word) for word in words])
    if outcome.exception and not isinstance(outcome.exception, NeuralFinderError | OSError | SystemExit):
        raise outcome.exception
    return 2 if isinstance(outcome.exception, NeuralFinderError | OSError) else outcome.exit_code


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folders of a model of pictures and of one of texts, and samples of each."""
    home = tmp_path_factory.mktemp("models")
    tokens = Tokens.learn(TEXTS)
    model_of(Shape(1, 5, 4), Scaling((128.0,), (60.0,))).save(home / "pictures")
    model_of(tokens.shape(Shape(1, 1, tokens.length)), tokens, (0, 1)).save(home / "texts")
    pictures = np.random.default_rng(0).integers(0, 256, (6, 5, 4), dtype=np.uint8)
    return [(home / "pictures", pictures), (home / "texts", TEXTS)]


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory):
    return searched(tmp_path_factory.mktemp("spoilt") / "run", "--candidates", "2", "--epochs", "1", "--share", "0.1")


def spoil_models(models, folder, seeds):
    """How many of so many spoilt models were refused."""
    refused = 0
    for seed in seeds:
        chance = np.random.default_rng(seed)
        whole, samples = one_of(chance, models)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(whole, folder)
        spoil(folder, chance)
        began = time.monotonic()
        try:
            model = Model.load(folder)
            shares = model.predict_proba(samples)
        except InputError:
            refused += 1
        else:
            assert np.isfinite(shares).all(), seed
            np.testing.assert_allclose(shares.sum(1), 1, atol=1e-5, err_msg=str(seed))
            assert set(model.predict(samples).tolist()) <= {*model.classes}, seed
        assert time.monotonic() - began < LONGEST, seed
    return refused


def spoil_runs(run, folder, seeds, monkeypatch):
    """How many of so many spoilt run folders some command refused."""

    def data_are_read(*_):
        raise InputError("the data", given="not read", expected="no training", mend="none")

    monkeypatch.setattr("neuralfinder.job.run.divided", data_are_read)
    task, refused = Task(100, 10, 10, Shape(1, 8, 8), 10), 0
    commands = [
        ["top", folder], ["top", folder, "--pareto"], ["top", folder, "--format", "csv"],
        ["top", folder, "--format", "json"], ["top", folder, "--format", "seed"], ["show", folder],
        ["show", folder, "0"], ["show", folder, "1"], ["report", folder], ["resume", folder, "--quiet"],
        ["export", folder, "--no-receipt"],
    ]  # fmt: skip
    calls = [
        lambda: _tell(Story(), folder / "run.sqlite", 0),
        lambda: chosen_experience(Settings(experience=str(folder))),
        lambda: earlier_run(Settings(start_from=str(folder)), task),
    ]
    for seed in seeds:
        chance = np.random.default_rng(seed)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(run, folder)
        if chance.random() < 0.8:
            spoil_record(folder / "run.sqlite", chance)
        else:
            spoil(folder, chance)
        codes = set()
        for command in [*(commands[n] for n in chance.permutation(len(commands))[:4]), one_of(chance, calls)]:
            began = time.monotonic()
            try:
                codes.add(invoked(*command) if isinstance(command, list) else command() and 0)
            except InputError:
                codes.add(2)
            except Exception as error:
                raise AssertionError(f"{seed}: {command}") from error
            assert time.monotonic() - began < LONGEST, (seed, command)
        refused += 2 in codes
    return refused


@pytest.mark.thorough
def test_some_spoilt_models_are_refused_or_answer(models, tmp_path):
    assert spoil_models(models, tmp_path / "model", range(5 * FEW)) > FEW


@pytest.mark.thorough
def test_some_spoilt_runs_are_refused_or_read(finished_run, tmp_path, monkeypatch):
    assert spoil_runs(finished_run, tmp_path / "run", range(FEW // 2), monkeypatch) > FEW / 8


@pytest.mark.slow
def test_many_spoilt_models_are_refused_or_answer(models, tmp_path):
    assert spoil_models(models, tmp_path / "model", range(MANY)) > MANY / 5


@pytest.mark.slow
def test_many_spoilt_runs_are_refused_or_read(finished_run, tmp_path, monkeypatch):
    assert spoil_runs(finished_run, tmp_path / "run", range(MANY), monkeypatch) > MANY / 4
