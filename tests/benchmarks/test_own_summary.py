"""What is said of the table of our own space."""

from __future__ import annotations

import re

import pytest
from own_policies import LOOKS
from own_summary import agreements, print_summary
from own_table import OwnSpace, read
from test_own_table import TASK, table, training


@pytest.mark.parametrize(("share", "rho"), [(1 / 16, -0.2), (1.0, 1.0)])
def test_a_look_ranks_networks_as_it_saw_them(share: float, rho: float):
    """By a sixteenth the slow riser is the last of four; the one that diverged is the last in the end."""
    fourth = training("C16 > G", [0.58, 0.6, 0.65, 0.66, 0.69])
    space = OwnSpace({"made up": TASK}, [], [*table().trainings, fourth])
    found, count = agreements(space, "made up", share, LOOKS["fall"])
    assert (found, count) == (pytest.approx(rho), 4)


@pytest.mark.thorough
def test_every_task_is_told_with_its_best_network(capsys: pytest.CaptureFixture[str]):
    space = read()
    print_summary(space)
    lines = capsys.readouterr().out.splitlines()
    for task in space.tasks:
        rows = space.known(task).rows
        best = max(rows, key=lambda key: rows[key].judged)
        assert [
            line
            for line in lines
            if re.match(rf"{task} +{len(rows)} .* {rows[best].judged:.1%} \({re.escape(best)}\)", line)
        ]
