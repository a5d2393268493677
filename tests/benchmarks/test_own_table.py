"""The table of our own space: its rows are of one task each, and its networks are searched as a space."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import own_table
import pytest
from own_networks import BY_HAND
from own_space import POINTS
from own_table import Known, OwnSpace, Point, Training, pack, read

from neuralfinder.networks.genome import parse
from neuralfinder.networks.tabular import Row
from neuralfinder.seeds import Seeds
from neuralfinder.strategies import Random
from neuralfinder.testing import drive
from neuralfinder.types import Fidelity, Shape

HAND = BY_HAND[0]


def training(key: str, judged: list[float], step_seconds: float = 1.0, seed: int = 0) -> Training:
    """A trunk of 16 steps, seen as it is judged."""
    shares = POINTS[: len(judged)]
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


def test_rows_of_another_task_of_the_same_name_are_refused(tmp_path: Path):
    for name, train in (("a", 10), ("b", 11)):
        (tmp_path / name).write_text(json.dumps({"commit": name, "tasks": {"digits": {"train": train}}}))
    with pytest.raises(SystemExit, match="digits"):
        pack([tmp_path / "a", tmp_path / "b"], {})
    with pytest.raises(SystemExit, match="c: not there"):
        pack([tmp_path / "a", tmp_path / "c"], {})


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
