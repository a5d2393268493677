"""Trainings of our own space: they go on after kills, and looks change nothing."""

from __future__ import annotations

import dataclasses
import itertools
import json
from argparse import Namespace
from pathlib import Path

import numpy as np
import own_space
import pytest
from own_networks import PICTURES_BY_HAND, networks
from own_space import Job, Prepared, Sizes, jobs, prepare, trained
from own_table import joined, pack, read, write

from neuralfinder.networks.genome import parse

SMALL = Sizes(train=64, seen=20, judging=30, steps=32, batch=16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures whose class is the bright half, and texts whose class is a word."""
    rng = np.random.default_rng(0)
    (tmp_path / "tasks").mkdir()
    y = rng.integers(0, 2, 120)
    X = rng.integers(0, 90, (120, 8, 8)).astype(np.uint8)
    X[np.arange(120), :, 0] = 255 * y[:, None]
    np.savez(tmp_path / "tasks" / "digits.npz", X=X, y=y)
    texts = np.array([f"{'good' if label else 'bad'} thing number {i}" for i, label in enumerate(y)])
    np.savez(tmp_path / "tasks" / "trec.npz", X=texts, y=y)
    return tmp_path


@pytest.fixture
def pictures(folder: Path) -> Prepared:
    return prepare(folder / "tasks" / "digits.npz", SMALL)


def test_any_beginning_is_the_same_for_all_and_has_every_kind(pictures: Prepared):
    first, again = (list(itertools.islice(jobs("digits", pictures), 40)) for _ in range(2))
    assert first == again
    flat = [job for batch in first for job in batch]
    assert len(set(flat)) == len(flat)
    assert {job.kind for job in flat} == {"trunk", "one-cycle"}
    assert {job.seed for job in flat} == {0, 1}
    assert {job.rate for job in flat} == {0.1, 0.3, 1.0, 3.0}
    assert all(pictures.space.infeasible(parse(job.genome)) is None for job in flat)
    assert [g.key for g in itertools.islice(networks(False), 4)][::3] == list(PICTURES_BY_HAND[:2])
    # the usual recipe comes first for every network, and once
    usual = [batch[0] for batch in first if batch]
    assert all((job.rate, job.seed, job.kind, job.shift) == (1.0, 0, "trunk", True) for job in usual)


@pytest.mark.thorough
@pytest.mark.parametrize("key", ["C8.bn M C8.bn > F16", "I > F0", "C8 > GM.d30"])
def test_looks_on_the_way_leave_the_trunk_as_it_is(pictures: Prepared, monkeypatch: pytest.MonkeyPatch, key: str):
    job = Job("digits", key, shift=True)
    row = trained(job, pictures)
    assert row["ended"] == "complete"
    assert [point[0] for point in row["points"]] == list(own_space.POINTS)
    again = trained(job, pictures)
    assert again["points"] == row["points"]
    monkeypatch.setattr(own_space._Run, "_fallen", lambda self, share: [0, 0])
    monkeypatch.setattr(own_space._Run, "_with_new_norms", lambda self, network: network)
    unlooked = trained(job, pictures)
    assert [(p[1], p[5]) for p in unlooked["points"]] == [(p[1], p[5]) for p in row["points"]]


@pytest.mark.thorough
def test_training_learns_and_other_recipes_differ(pictures: Prepared):
    usual = Job("digits", "C16.bn M C16.bn > GM", shift=False)
    last = trained(usual, pictures)["points"][-1]
    assert last[4] >= 27  # of 30 judging ones
    one_cycle = trained(dataclasses.replace(usual, kind="one-cycle", length=0.5), pictures)
    assert (one_cycle["steps"], one_cycle["points"][0][:3]) == (16, [0.5, None, None])
    slower = trained(dataclasses.replace(usual, rate=0.1), pictures)["points"]
    assert slower[0][5] > trained(usual, pictures)["points"][0][5]


@pytest.mark.thorough
def test_small_pictures_come_first_and_count_for_less(pictures: Prepared):
    usual = Job("digits", "C16.bn M C16.bn > GM", shift=False)
    row, small = trained(usual, pictures), trained(dataclasses.replace(usual, small=0.4), pictures)
    assert (small["steps"], len(small["points"])) == (row["steps"], len(row["points"]))
    assert small["points"][-1][4] >= 27
    assert [point[1:] for point in small["points"]] != [point[1:] for point in row["points"]]


@pytest.mark.thorough
def test_texts_without_a_convolution_learn(folder: Path):
    prepared = prepare(folder / "tasks" / "trec.npz", SMALL)
    row = trained(Job("trec", "I > G", adversarial=True, rate=10.0), prepared)
    assert row["points"][-1][4] >= 27
    assert prepared.space.shape.vocabulary


def test_what_diverges_is_a_row_that_says_so(pictures: Prepared):
    row = trained(Job("digits", "C16 C16 > F64", rate=1e6), pictures)
    assert row["ended"] == "diverged"
    assert len(row["points"]) < len(own_space.POINTS)


@pytest.mark.thorough
def test_a_killed_run_goes_on_where_it_was(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(own_space, "TASKS", {"digits": SMALL, "trec": SMALL})
    rows = folder / "rows.jsonl"
    chosen = {
        "folder": folder,
        "rows": rows,
        "task": ["digits", "trec"],
        "part": "0/1",
        "seconds": 1e9,
        "networks": 1,
        "beside": [],
        "first": [],
    }
    own_space.train(Namespace(**chosen))
    whole = rows.read_text().splitlines()
    assert len(whole) == 1 + 4  # the run, and two trainings of each task
    rows.write_text("\n".join([*whole[:-1], whole[-1][:40]]))  # killed while it wrote
    own_space.train(Namespace(**chosen))
    lines = [line for line in own_space.read_lines(rows) if "genome" in line]
    assert len(lines) == 4
    assert lines[-1]["points"] == json.loads(whole[-1])["points"]
    own_space.train(Namespace(**{**chosen, "seconds": 0.0, "networks": 9}))  # no time: nothing new
    assert len([line for line in own_space.read_lines(rows) if "genome" in line]) == 4
    elsewhere = folder / "elsewhere.jsonl"
    own_space.train(Namespace(**{**chosen, "rows": elsewhere, "beside": [rows]}))  # another machine makes none of them
    assert ["genome" in line for line in own_space.read_lines(elsewhere)] == [False]
    table = folder / "table.json.gz"
    write(pack([rows, rows], {"digits": "halves"}), table)
    space = read(table)
    assert len(space.trainings) == 4
    assert space.tasks["digits"]["about"] == "halves"
    training = next(t for t in space.usual("digits").values())
    point = next(
        p for line in lines for p in line["points"] if line["task"] == "digits" and line["rate"] == 1 and p[0] == 1
    )
    assert (training.points[-1].seen, training.points[-1].judged) == (point[3] / 20, point[4] / 30)
    assert training.points[-1].raw == point[1] / 20
    assert space.runs[training.run]["threads"] == 1
    before = table.read_bytes()
    write(pack([rows], {"digits": "halves"}), table)
    assert table.read_bytes() == before
    form = pack([rows], {})
    texts = {**form, "tasks": {"trec": form["tasks"]["trec"]}, "genomes": form["genomes"][::-1]}
    last = len(form["genomes"]) - 1
    texts["rows"] = [[row[0], last - row[1], *row[2:]] for row in form["rows"] if row[0] == "trec"]
    write(joined(texts, form), table)  # the other task comes from beside, with its own networks and run
    both = read(table)
    assert {(t.task, t.genome, t.points) for t in both.trainings} == {
        (t.task, t.genome, t.points) for t in space.trainings
    }
    assert len(both.runs) == 2 * len(space.runs)


@pytest.mark.thorough
def test_longer_trainings_are_of_networks_by_hand_alone_which_nobody_drew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(own_space, "TASKS", {"digits": dataclasses.replace(SMALL, longer=True), "trec": SMALL})
    monkeypatch.setattr(own_space, "LONGER", ("C8.bn M C8.bn > G", "C8.bn > G | small0.4", "C512.k7 C512.k7 > G"))
    rows, table = folder / "rows.jsonl", folder / "table.json.gz"
    own_space.train(
        Namespace(
            folder=folder, rows=rows, task=["digits", "trec"], part="0/1", seconds=1e9, networks=2, beside=[], first=[]
        )
    )
    write(pack([rows], {}), table)
    space = read(table)
    chosen = {(t.genome, t.small) for t in space.trainings if t.task == "digits"}
    assert chosen == {("C8.bn M C8.bn > G", 0.0), ("C8.bn > G", 0.4)}  # --networks ends it
    assert {t.drawn for t in space.trainings if t.task == "digits"} == {False}
    assert {t.drawn for t in space.trainings if t.task == "trec"} == {True}
    assert "longer" not in space.tasks["trec"]
