"""Limits that proposals and winner keep, and the Pareto front of all that was trained."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neuralfinder.cli import cli
from neuralfinder.data import Source, from_arrays, source_of
from neuralfinder.errors import InputError
from neuralfinder.job.factories import make_space
from neuralfinder.job.run import run
from neuralfinder.job.settings import Settings
from neuralfinder.job.status import Status
from neuralfinder.networks.cost import Rates
from neuralfinder.search.archive import read_archive, read_trainings
from neuralfinder.search.record import Record
from neuralfinder.types import Shape


def source() -> Source:
    rng = np.random.default_rng(0)
    y = np.arange(90) % 2
    data = from_arrays((rng.integers(0, 150, (90, 8, 8)) + 90 * y[:, None, None]).astype(np.uint8), y, "toy")
    return source_of(data)


def settings(**options: float) -> Settings:
    few = {"candidates": 12, "epochs": 1, "final_epochs": 2, "finalists": 1, "world_size": 3, "seed": 0}
    return Settings(**few, options={"max_macs": 10**6, **options})  # type: ignore[arg-type]


@pytest.mark.usefixtures("quick_machine")
@pytest.mark.thorough
def test_the_model_s_file_is_no_larger_than_asked(tmp_path: Path):
    _, result = run(source(), settings(max_size_mb=0.02), tmp_path / "small", Status())
    assert (tmp_path / "small" / "model" / "model.safetensors").stat().st_size <= 20_000
    assert result["parameters"] < 5_000


@pytest.mark.thorough
@pytest.mark.usefixtures("quick_machine")
def test_candidates_keep_the_limit_of_latency(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A made-up machine on which each multiply-add takes 10 ns: 0.2 ms are 20,000 of them."""
    monkeypatch.setattr("neuralfinder.job.run.measure_forward", lambda *_: Rates(mac=1e-8))
    monkeypatch.setattr("neuralfinder.training.evaluate.forward_seconds", lambda *_: 1e-4)
    run(source(), settings(max_latency_ms=1.0), tmp_path, Status())
    with Record(tmp_path / "run.sqlite", readonly=True) as record:
        trainings = read_trainings(record.events())
    macs = [result.macs for _, result in trainings if result]
    assert len(macs) > 3
    assert max(macs) <= 100_000
    assert {result.milliseconds for _, result in trainings if result} == {(0.1, 0.1)}


@pytest.mark.usefixtures("quick_machine")
@pytest.mark.thorough
def test_what_was_measured_to_be_too_slow_cannot_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The prediction allowed all of them; measured, the larger half is too slow."""
    run(source(), settings(), tmp_path / "free", Status())
    with Record(tmp_path / "free" / "run.sqlite", readonly=True) as record:
        middle = float(np.median([result.parameters for _, result in read_trainings(record.events()) if result]))
    monkeypatch.setattr("neuralfinder.job.run.measure_forward", lambda *_: Rates(mac=1e-12))

    def seconds(network: object, *_: object) -> float:
        return 1e-3 * sum(p.numel() for p in network.parameters()) / middle  # type: ignore[attr-defined]

    monkeypatch.setattr("neuralfinder.training.evaluate.forward_seconds", seconds)
    status = Status()
    said: list[str] = []
    monkeypatch.setattr(status, "say", lambda *lines: said.extend(lines))
    _, result = run(source(), settings(max_latency_ms=1.0), tmp_path / "limited", status)
    with Record(tmp_path / "limited" / "run.sqlite", readonly=True) as record:
        archive = read_archive(record.events())
    slow = [entry for entry in archive.best(100) if entry.milliseconds > 1]
    assert slow
    assert result["parameters"] <= middle
    assert any(f"{len(slow)} networks took more than 1 ms" in line for line in said)


@pytest.mark.parametrize("name", ["max_latency_ms", "max_size_mb"])
def test_a_limit_of_nothing_is_refused(name: str):
    with pytest.raises(InputError, match=name):
        settings(**{name: 0.0})


@pytest.mark.usefixtures("quick_machine")
@pytest.mark.parametrize("given", [{"minutes": 0.1}, {"candidates": 3}, {"candidates": 3, "preset": "seed-2017"}])
def test_a_limit_that_leaves_no_network_says_so_before_anything_is_trained(given: dict[str, Any], tmp_path: Path):
    with pytest.raises(InputError, match=r"space is empty .*; expected room for at least this network; raise the caps"):
        run(source(), Settings(**given, options={"max_size_mb": 1e-4}), tmp_path, Status())
    with Record(tmp_path / "run.sqlite", readonly=True) as record:
        assert record.last("plan") is None


def test_megabytes_and_parameters_are_limits_of_their_own():
    given = settings(max_size_mb=4.0, max_parameters=1000)
    space = make_space(given, Shape(3, 32, 32), 10, Rates(), math.inf)
    assert (space.max_bytes, space.max_parameters) == (4_000_000, 1000)


@pytest.mark.usefixtures("quick_machine")
@pytest.mark.thorough
def test_the_front_is_shown_and_recorded(tmp_path: Path):
    from click.testing import CliRunner

    _, result = run(source(), settings(), tmp_path, Status())
    printed = CliRunner().invoke(cli, ["top", str(tmp_path), "--pareto", "--format", "json"], catch_exceptions=False)
    rows = json.loads(printed.output)
    assert rows
    assert [{name: row[name] for name in own} for row, own in zip(rows, result["pareto"], strict=True)] == result[
        "pareto"
    ]
    scores = [row["validation_accuracy"] for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert all(row["milliseconds"] > 0 for row in rows)
    table = CliRunner().invoke(cli, ["top", str(tmp_path), "--pareto"], catch_exceptions=False).output
    assert table.splitlines()[0].split()[-4:] == ["ms", "s", "parents", "genome"]
    lines = [line for line in table.splitlines() if not line.startswith(("in ", "without "))]
    assert len(lines) in (1 + len(rows), 2 + len(rows))  # and the winner, where it is not among them
