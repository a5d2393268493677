"""A run and its export, killed at random moments: whoever calls again has what an unkilled run has.

`KILLS=1000 pytest -m slow tests/job/test_kills.py -s` kills as often, and says in which stages.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import sys
import time
from collections import Counter

import numpy as np
import pytest
from job.test_run import outcome, small, source

from neuralfinder.job.handing_over import hand_over
from neuralfinder.job.run import run
from neuralfinder.job.status import Status
from neuralfinder.search.events import Event

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the system's clock of computing ends a process")

KILLS = int(os.environ.get("KILLS", "100"))

STAGES = ("starting", "searching", "finishing", "exporting")

FIRST = {"asked": "searching", "result": "searching", "stop": "finishing", "final": "finishing", "answers": "finishing"}
"""The stage in which an event of a kind is written."""


class Stage:
    """Follows a run through its stages, and has the system end the process so many seconds of computing into one."""

    def __init__(self, fatal: str, seconds: float) -> None:
        self.fatal, self.seconds, self.began = fatal, seconds, {}

    def enter(self, stage: str) -> None:
        if stage in self.began:
            return
        self.began[stage] = time.process_time()
        if stage == self.fatal:
            signal.signal(signal.SIGPROF, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_PROF, max(1e-6, self.seconds))

    def event(self, event: Event) -> None:
        if event.kind in FIRST:
            self.enter(FIRST[event.kind])


def whole_way(home, fatal="", seconds=0.0):
    """A run and its export."""
    os.environ["XDG_CACHE_HOME"] = str(home.parent / "cache")
    stage = Stage(fatal, seconds)
    stage.enter("starting")
    run(source(), small(), home / "run", Status(), stage.event)
    stage.enter("exporting")
    hand_over(home / "run", ("code",), home / "export")
    signal.setitimer(signal.ITIMER_PROF, 0)
    stage.enter("end")
    (home / "began.json").write_text(json.dumps(stage.began))


@pytest.fixture(scope="module")
def processes():
    """Copies of a process in which torch is loaded: what is killed begins with the run."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["neuralfinder.job.run", "neuralfinder.job.handing_over", "sklearn.linear_model"])
    return context


def killed(processes, home, *how):
    """Whether the call was killed."""
    home.mkdir(exist_ok=True)
    process = processes.Process(target=whole_way, args=(home, *how))
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGPROF)
    return process.exitcode != 0


def results(home):
    """What must not depend on kills: the record, the model, and what was handed over."""
    files = {path.name: path for path in (home / "export").iterdir()}
    digests = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    return outcome(home / "run"), digests


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(4, marks=pytest.mark.thorough),
        pytest.param(KILLS, marks=[pytest.mark.slow, pytest.mark.timeout(max(900, 60 * KILLS))]),
    ],
)
def test_kills_at_any_moment_change_nothing(processes, tmp_path, kills):
    """Up to four in the life of a run, in any of its stages, some in one that was killed before."""
    whole = tmp_path / "whole"
    assert not killed(processes, whole)
    expected, began = results(whole), json.loads((whole / "began.json").read_text())
    seconds = dict(zip(STAGES, np.diff([*began.values()]).tolist(), strict=True))
    rng, stages, runs = np.random.default_rng(0), Counter(), 0
    while stages.total() < kills:
        home = tmp_path / f"killed-{runs}"
        for number in sorted(rng.integers(len(STAGES), size=4)):
            stage = STAGES[number]
            stages[stage] += killed(processes, home, stage, rng.uniform(0, seconds[stage]))
        assert not killed(processes, home)
        assert results(home) == expected, f"run {runs}, after {dict(stages)}"
        assert not [path for path in home.rglob("*.part") if path.parent.name in ("model", "export")]
        shutil.rmtree(home)
        runs += 1
    print(f"{stages.total()} kills of {runs} runs: {dict(stages)}; seconds of each stage: {seconds}")  # noqa: T201
