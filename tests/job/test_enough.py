"""Enough data? The winner on shares of them: halves, kept in the record, and refused where there is no winner yet."""

from __future__ import annotations

import re

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import searched

from neuralfinder.cli import cli
from neuralfinder.data import Divided, from_arrays
from neuralfinder.data.groups import with_groups
from neuralfinder.data.splits import half_of
from neuralfinder.job.enough import keep
from neuralfinder.search.events import Extrapolated, Share, understood
from neuralfinder.search.record import Record
from neuralfinder.show.learning_curve import curve_lines
from neuralfinder.show.page.story import told


def show(folder, *words):
    return CliRunner().invoke(cli, ["show", str(folder), *words])


@pytest.mark.thorough
def test_shares_are_trained_recorded_and_shown(tmp_path):
    run = searched(tmp_path / "run", "--candidates", "1", "--epochs", "1", "--set", "max_macs=200000")
    with Record(run / "run.sqlite", readonly=True) as record:
        before = list(record.read())
    outcome = show(run, "--enough")
    assert outcome.exit_code == 0, outcome.output
    with Record(run / "run.sqlite", readonly=True) as record:
        *others, last = record.read()
        found = record.latest(Extrapolated)
    assert others == before
    assert [share.samples for share in found.shares] == [144, 288, 575, 1150]
    assert found.steps == 17  # one epoch of batches of 64, as the finalist had, for all of them
    assert found.validation == 288
    assert found.reached > 0.5
    assert all(0.05 < share.score <= 1 for share in found.shares)
    assert "\n".join(curve_lines(found)) in outcome.output
    assert outcome.output == show(run).output
    assert told(understood([*others, last]))["now"] == told(understood(others))["now"]
    short = show(run, "--enough", "--minutes", "0.0001")
    assert "1,150 samples: no time left" in short.output
    assert "cannot be told: fewer than three shares could be trained; give more minutes" in short.output
    assert show(run).output == outcome.output


def test_a_run_that_is_not_finished_is_refused(tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("neuralfinder.job.run.finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        words = ["search", "--candidates", "1", "--epochs", "1", "--set", "max_macs=200000", "--quiet", "--run"]
        CliRunner().invoke(cli, [*words, str(tmp_path / "run")])
    outcome = show(tmp_path / "run", "--enough")
    assert re.search("the run is not finished; expected a finished one; let it end first", str(outcome.exception))


def test_what_is_known_is_not_replaced_by_less(tmp_path):
    Record(tmp_path / "run.sqlite").close()
    whole, known, unknown = Share(80, 0.9), Share(40, 0.8), Share(40, None, "no time left")
    for shares in ((unknown, whole), (known, whole), (unknown, whole), (known, Share(80, None, "diverged"))):
        keep(Extrapolated(20, 0.9, 5, shares), tmp_path)
    with Record(tmp_path / "run.sqlite", readonly=True) as record:
        kept = list(record.events())
    assert kept == [Extrapolated(20, 0.9, 5, (unknown, whole)), Extrapolated(20, 0.9, 5, (known, whole))]


@settings(max_examples=30)
@given(st.lists(st.integers(3, 40), min_size=2, max_size=5), st.integers(0, 2**40))
def test_halves_keep_the_shares_of_classes(counts, seed):
    labels = np.repeat(np.arange(len(counts)), counts)
    data = from_arrays(np.zeros((len(labels), 4, 4), dtype=np.uint8), labels)
    rows = np.random.default_rng(seed).permutation(len(labels))
    half = half_of(data, rows, seed)
    assert len(set(half.tolist())) == len(half) == round(len(labels) / 2)
    for count, kept in zip(counts, np.bincount(labels[half]), strict=True):
        assert abs(kept - count / 2) < 1


def test_halves_have_whole_groups():
    rng = np.random.default_rng(0)
    labels, groups = np.arange(240) % 3, np.arange(240) // 12
    data = from_arrays(rng.integers(0, 256, (240, 6, 6), dtype=np.uint8), labels)
    divided = Divided.of(with_groups(data, groups), 0)
    rows = divided.split.train
    half = half_of(divided.raw, rows, 0)
    assert set(half.tolist()) < set(rows.tolist())
    assert not set(groups[half]) & set(groups[np.setdiff1d(rows, half)])
    assert abs(len(half) - len(rows) / 2) <= 12
