"""Plots as files."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from neuralfinder.cli import cli


@pytest.mark.thorough
def test_figures_are_written(finished, tmp_path):
    folder, _ = finished
    outcome = CliRunner().invoke(
        cli, ["report", str(folder), "--out", str(tmp_path / "a.html"), "--figures", str(tmp_path / "f")]
    )
    assert outcome.exit_code == 0, outcome.output
    names = {path.name for path in (tmp_path / "f").iterdir()}
    assert {"progress.svg", "progress.png", "pareto.svg", "pareto.png"} <= names
    assert set(map(str, (tmp_path / "f").iterdir())) < set(outcome.output.split())
