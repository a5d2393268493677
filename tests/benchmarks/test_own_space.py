"""The table of our own space: trainings go on after kills, looks change nothing, time is accounted step by step."""

from __future__ import annotations

import dataclasses
import itertools
import json
from argparse import Namespace
from pathlib import Path

import numpy as np
import own_space
import own_table
import pytest
from own_space import Job, Prepared, Sizes, jobs, networks, prepare, trained
from own_table import (
    BY_HAND,
    Known,
    OwnSpace,
    Point,
    Policy,
    Pool,
    Training,
    handed_over,
    joined,
    pack,
    read,
    simulate,
    steps_to,
    write,
)

from neuralfinder.networks.genome import parse
from neuralfinder.networks.tabular import Row
from neuralfinder.seeds import Seeds
from neuralfinder.strategies import Random
from neuralfinder.testing import drive
from neuralfinder.types import Fidelity, Shape

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
    assert [g.key for g in itertools.islice(networks(False), 4)][::3] == list(own_space.PICTURES_BY_HAND[:2])
    # the usual recipe comes first for every network, and once
    usual = [batch[0] for batch in first if batch]
    assert all((job.rate, job.seed, job.kind, job.shift) == (1.0, 0, "trunk", True) for job in usual)


def test_random_networks_span_what_the_space_has():
    text, pictures = ([g.key for g in itertools.islice(networks(kind), 300)] for kind in (True, False))
    for word in (".bn", ".add", ".k5", ".k1", ".gelu", ".sep", ".s2", "> GM", "> F0", "> F128-64", "I > F0", "A", "M3"):
        assert any(word in key for key in pictures), word
    for word in ("I > G", "> GM.d50", "> F0", ".k7", ".cat1", ".add1", ".tanh"):
        assert any(word in key for key in text), word
    assert len(set(pictures)) > 200


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


def test_rows_of_another_task_of_the_same_name_are_refused(tmp_path: Path):
    for name, train in (("a", 10), ("b", 11)):
        (tmp_path / name).write_text(json.dumps({"commit": name, "tasks": {"digits": {"train": train}}}))
    with pytest.raises(SystemExit, match="digits"):
        pack([tmp_path / "a", tmp_path / "b"], {})


HAND = BY_HAND[0]


def training(key: str, judged: list[float], step_seconds: float = 1.0, seed: int = 0) -> Training:
    """A trunk of 16 steps, seen as it is judged."""
    shares = own_space.POINTS[: len(judged)]
    points = tuple(Point(share, value, value, value, value, 1.0) for share, value in zip(shares, judged, strict=True))
    return Training(
        "made up", key, "trunk", 1.0, 1.0, True, False, False, 0.0, seed, "complete", step_seconds, 16, 7, 9,
        (1.0, 1.0), 0, points,
    )  # fmt: skip


TASK = {"shape": [1, 8, 8, 0], "classes": 2, "seen": 0, "judging": 10, "batch": 8, "steps": 16, "mirror": False}

SLOW_RISER, EARLY = [0.5, 0.5, 0.62, 0.8, 0.9], [0.6, 0.65, 0.7, 0.7, 0.7]


def table() -> OwnSpace:
    rows = [training(HAND, SLOW_RISER), training("C32 > G", EARLY), training("I > F0", [0.55, 0.6, 0.6], 0.5)]
    return OwnSpace({"made up": TASK}, [], rows)


@pytest.mark.parametrize(
    ("policy", "budget", "judged", "spent"),
    [
        (Policy(), 100.0, 0.9, 19.2 * 2.5),  # all of them: 16 steps and a fall of a fifth, one at half a second a step
        (Policy((1 / 16, 1.0), promoted=0.0), 100.0, 0.7, 1.2 * 2.5 + 15 + 3.2),  # the early one looks better
        (Policy((1 / 16, 1.0), promoted=0.0, continued=False), 100.0, 0.7, 1.2 * 2.5 + 16 + 3.2),
        (Policy((1 / 16, 1.0), promoted=0.0, finalists=2), 100.0, 0.7, None),  # 0.6 and 0.55: the latter diverges
        (Policy((0.25, 1.0), promoted=2 / 3), 100.0, 0.9, None),
        (Policy((1 / 16, 1.0), promoted=0.0, look="raw"), 100.0, 0.7, 1.0 * 2.5 + 15 + 3.2),
        (Policy(kept=0.5), 0.5, None, 0.0),  # no time for anything
        (Policy(starts=1, by_hand=True), 10.0, 0.8, 8 + 1.6),  # no time for the whole of it: half
        (Policy((1 / 16, 1.0), promoted=0.0, by_hand=True), 3.0 + 9.2, 0.7, 1.2 * 2.5 + 7 + 1.6),
    ],
)
def test_a_policy_pays_for_every_step(policy: Policy, budget: float, judged: float | None, spent: float | None):
    pool = Pool(table().trainings, TASK, own_space.POINTS)
    for seed in range(5):
        got, seconds = handed_over(policy, pool, budget, np.random.default_rng(seed))
        assert got == judged
        assert spent is None or seconds == pytest.approx(spent)
        assert seconds <= budget


def test_looks_at_samples_cost_a_third_of_training_on_them():
    assert steps_to(1.0, 0.5, TASK, fall=False) == 8
    assert steps_to(1.0, 0.5, {**TASK, "seen": 240}, fall=False) == pytest.approx(8 + 240 / 8 / 3)


def test_the_network_by_hand_stays_to_the_end():
    hand = training(HAND, [0.1, 0.1, 0.1, 0.1, 0.95])
    pool = Pool([*table().trainings[1:], hand], TASK, own_space.POINTS)
    halves = Policy((1 / 16, 1 / 4, 1.0), promoted=0.0)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        assert handed_over(halves, pool, 100.0, rng)[0] == 0.7
        assert handed_over(dataclasses.replace(halves, by_hand=True), pool, 100.0, rng)[0] == 0.95


def test_more_time_leaves_less_regret():
    space = table()
    found = simulate(space, {"all": Policy(), "one": Policy(starts=1)}, ["made up"], [1.0, 3.0], 60)
    assert found["all"][3.0].mean() == 0
    assert found["all"][1.0].mean() > 5
    assert found["one"][3.0].mean() == pytest.approx(found["one"][1.0].mean(), abs=1e-9)
    assert set(np.round(found["one"][3.0].ravel(), 6)) == {0.0, 20.0, 40.0}  # the third diverged: chance


def test_known_networks_are_searched_as_a_space():
    space = OwnSpace({"made up": TASK}, [], [*table().trainings, training(HAND, [0.5, 0.5, 0.6, 0.8, 0.8], seed=1)])
    known = space.known("made up")
    assert known.rows[HAND] == Row((0.9, 0.8), pytest.approx(0.85), 7, 9)
    assert "I > F0" not in known.rows  # diverged before its end
    assert known.infeasible(parse("C64 > G")) == "infeasible:unknown"
    assert known.regret(parse("C32 > G")) == pytest.approx(0.15)
    asked = drive(Random(known, Seeds(0), Fidelity(1)), known.answer, 2)
    assert {candidate.genome.key for candidate in asked} == {HAND, "C32 > G"}
    assert {genome.key for genome in known.founders(2, np.random.default_rng(0))} == set(known.rows)
    assert isinstance(known, Known)
    assert known.shape == Shape(1, 8, 8)
    assert len({known.features(parse(key)).tobytes() for key in known.rows}) == 2


def test_ranks_agree_as_they_should():
    assert own_table.rank_agreement([(1, 1), (2, 2), (3, 3), (4, 5)]) == pytest.approx(1.0)
    assert np.isnan(own_table.rank_agreement([(1, 1), (1, 2), (1, 3), (1, 4)]))


def test_the_kept_table_is_whole():
    space = read()
    assert all(space.known(task).rows for task in space.tasks)
    for each in space.trainings:
        shape = Shape(*space.tasks[each.task]["shape"])
        assert Known(shape, 2).cost(parse(each.genome)).macs > 0
        assert each.ended != "complete" or [point.share for point in each.points][-1] == each.length
