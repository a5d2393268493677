"""Troubles that users of neighbouring systems reported: `H01` to `H12` of the list of cases, and more of each kind."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import neuralfinder.training.evaluate
from neuralfinder import Model, NeuralFinder
from neuralfinder.cli import cli
from neuralfinder.errors import NothingTrainedError
from neuralfinder.networks.cost import cost
from neuralfinder.search.archive import read_trainings
from neuralfinder.search.events import FullyTrained
from neuralfinder.search.record import Record
from neuralfinder.training.train import train
from neuralfinder.types import Shape

LIMIT = 50_000
"""Parameters above which H05 has no memory."""


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def tiny(**settings: Any) -> NeuralFinder:
    few = {"candidates": 2, "epochs": 1, "finalists": 1, "final_epochs": 2, "options": {"max_macs": 10**6}}
    return NeuralFinder(**{**few, "experience": "off", "verbose": 0, **settings})


def untimed(finder: NeuralFinder) -> list[dict[str, Any]]:
    """The leaderboard without what differs from run to run."""
    return [{**row, "seconds": None} for row in finder.run_.rows()]


def pictures(n: int, side: int, classes: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Grey noise `(n, side, side)` uint8, brighter to the right the higher the class."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % classes)
    slope = np.linspace(-60, 60, side) * (y[:, np.newaxis] - (classes - 1) / 2)
    return np.clip(rng.normal(128, 25, (n, side, side)) + slope[:, np.newaxis], 0, 255).astype(np.uint8), y


# H01: float pictures with and without a channel axis, float labels


def random_pictures(*shape: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.random(shape), rng.integers(0, 3, shape[0]).astype(np.float64)


@pytest.mark.slow
@pytest.mark.parametrize("axis", [None, 3], ids=["(100, 28, 28)", "(100, 28, 28, 1)"])
def test_h01_fits_within_the_budget(axis: int | None) -> None:
    X, y = random_pictures(100, 28, 28)
    started = time.monotonic()
    finder = NeuralFinder(minutes=0.1, verbose=0).fit(X if axis is None else np.expand_dims(X, axis), y)
    assert time.monotonic() - started < 6 * 1.1
    assert set(finder.predict(X).tolist()) <= {0.0, 1.0, 2.0}


@pytest.mark.thorough
@pytest.mark.usefixtures("quick_machine")
@pytest.mark.parametrize("shape", [(100, 28, 28), (90, 12, 20), (90, 9, 9)], ids=str)
def test_h01_both_shapes_give_the_same_answers_and_labels_stay_floats(shape: tuple[int, int, int]) -> None:
    X, y = random_pictures(*shape)
    y = y / 4 - 0.25  # -0.25, 0.0 and 0.25 are labels as good as 0, 1 and 2
    small = {"max_parameters": 30_000}
    flat, deep = tiny(options=small).fit(X, y), tiny(options=small).fit(X[..., np.newaxis], y)
    assert untimed(flat) == untimed(deep)
    expected = flat.predict_proba(X)
    for finder in (flat, deep):
        for form in (X, X[..., np.newaxis], X[:, np.newaxis]):
            np.testing.assert_array_equal(finder.predict_proba(form), expected)
        for single in (X[7], X[7][..., np.newaxis], X[7][np.newaxis]):
            np.testing.assert_allclose(finder.predict_proba(single), expected[7:8], atol=1e-6)
            assert finder.predict(single)[0] in y
        assert finder.predict(X).dtype == np.float64
        assert finder.classes_.tolist() == [-0.25, 0.0, 0.25]


# H03: two classes as one-hot rows, as strings and as 0 and 1


@pytest.mark.thorough
@pytest.mark.usefixtures("quick_machine")
@pytest.mark.parametrize(
    ("names", "kind"),
    [(["NG", "OK"], str), ([0, 1], int), ([False, True], bool), ([-1.0, 1.0], float), (["いいえ", "はい"], str)],
    ids=str,
)
def test_h03_every_form_of_two_classes_is_the_same_problem(
    names: list[Any], kind: type, capsys: pytest.CaptureFixture[str]
) -> None:
    X, y = pictures(60, 12)
    hot = tiny(candidates=4, verbose=1).fit(X, np.eye(2)[y])
    assert "one-hot labels were read as the column indices 0 to 1" in capsys.readouterr().out
    named = tiny(candidates=4).fit(X, [names[label] for label in y])
    assert untimed(named) == untimed(hot)
    for part in ("train", "validation", "test", "classes"):
        assert named.result_["data"][part] == hot.result_["data"][part]
    probabilities = named.predict_proba(X)
    assert probabilities.shape == (60, 2)
    np.testing.assert_array_equal(probabilities, hot.predict_proba(X))
    answers = named.predict(X).tolist()
    assert {type(answer) for answer in answers} == {kind}
    assert answers == [names[index] for index in hot.predict(X)]


# H05: out of memory


def out_of_memory_above(limit: int, *errors: Callable[[], BaseException]) -> Any:
    """A trainer without memory for networks above `limit` parameters; it raises the errors in turn."""
    raised = 0

    def trainer(network: torch.nn.Module, *rest: Any, **how: Any) -> Any:
        nonlocal raised
        if sum(parameter.numel() for parameter in network.parameters()) > limit:
            raised += 1
            raise errors[(raised - 1) % len(errors)]()
        return train(network, *rest, **how)

    return trainer


CUDA = lambda: torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")  # noqa: E731
CPU = lambda: RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried")  # noqa: E731


@pytest.mark.thorough
@pytest.mark.usefixtures("quick_machine")
@pytest.mark.parametrize(
    ("errors", "strategy"),
    [
        ((CUDA, MemoryError), "artificial-life"),
        ((MemoryError, CUDA), "random"),
        ((CPU,), "random"),
        pytest.param((CUDA, MemoryError), "random", marks=pytest.mark.slow),
        pytest.param((MemoryError, CUDA), "artificial-life", marks=pytest.mark.slow),
        pytest.param((CPU,), "artificial-life", marks=pytest.mark.slow),
    ],
)
def test_h05_out_of_memory_is_learned_from(
    errors: tuple[Any, ...], strategy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neuralfinder.training.evaluate, "train", out_of_memory_above(LIMIT, *errors))
    X, y = pictures(60, 12)
    np.savez(tmp_path / "data.npz", X=X, y=y)
    command = f"search {tmp_path}/data.npz --candidates 20 --epochs 1 --final-epochs 2 --run {tmp_path}/run"
    ended = CliRunner().invoke(cli, [*command.split(), "--strategy", strategy], catch_exceptions=False)
    assert ended.exit_code == 0, ended.output

    smallest_failed: float = float("inf")
    failures = 0
    with Record(tmp_path / "run" / "run.sqlite", readonly=True) as record:
        trainings = read_trainings(record.events())
    assert len(trainings) == 20
    for candidate, result in trainings:
        assert result is not None
        parameters = cost(candidate.genome, Shape(1, 12, 12), 2).parameters
        assert parameters < smallest_failed  # one at a time, so each earlier failure was known
        assert result.parameters == parameters
        if parameters > LIMIT:
            failures += 1
            smallest_failed = parameters
            assert (result.score, result.failure) == (None, "out of memory")
            assert result.detail.startswith(f"{parameters:,} parameters: ")
        else:
            assert result.failure is None
            assert result.stopped == (result.score is None)
    assert 0 < failures < 20
    result = json.loads((tmp_path / "run" / "result.json").read_text(encoding="utf-8"))
    assert result["candidates"]["failed"] == failures
    assert 0 < result["parameters"] <= LIMIT
    assert Model.load(tmp_path / "run").genome.key == result["genome"]


@pytest.mark.usefixtures("quick_machine")
def test_h05_no_memory_for_final_training_leaves_what_the_search_found(monkeypatch: pytest.MonkeyPatch) -> None:
    count = 0

    def trainer(*args: Any, **how: Any) -> Any:
        nonlocal count
        count += 1
        if count > 3:
            raise CUDA()
        return train(*args, **how)

    monkeypatch.setattr(neuralfinder.training.evaluate, "train", trainer)
    X, y = pictures(60, 12)
    finder = tiny(candidates=3).fit(X, y)
    assert finder.result_["genome"] == finder.run_.rows()[0]["genome"]
    assert finder.result_["baselines"]["small network"]["epochs"] == 1  # as the search left it too
    assert finder.predict(X).shape == (60,)


@pytest.mark.thorough
@pytest.mark.usefixtures("quick_machine")
def test_h05_no_memory_at_all_is_an_error_with_the_reasons_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neuralfinder.training.evaluate, "train", out_of_memory_above(0, CUDA))
    X, y = pictures(60, 12)
    with pytest.raises(NothingTrainedError, match=r"no network .*: \d x out of memory \(.*--all") as raised:
        tiny(candidates=3, experience="default", run=tmp_path).fit(X, y)
    with Record(tmp_path / "run.sqlite", readonly=True) as record:
        events = [*record.events()]
    results = [result for _, result in read_trainings(events)]
    results += [event.result for event in events if isinstance(event, FullyTrained)]  # the network by hand
    assert {result.failure for result in results if result} == {"out of memory"}
    assert f": {len(results)} x out of memory" in str(raised.value)
    assert len(results) > 1


# H08: very little time


def wall_clock(fit: Callable[[], NeuralFinder]) -> tuple[NeuralFinder, float, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        started = time.monotonic()
        finder = fit()
        seconds = time.monotonic() - started
    return finder, seconds, [str(warning.message) for warning in caught]


@pytest.mark.slow
def test_h08_30_seconds() -> None:
    X, y = pictures(200, 32, classes=4)
    finder, seconds, _ = wall_clock(lambda: NeuralFinder(minutes=0.5, verbose=0).fit(X, y))
    assert seconds <= 33
    new, truth = pictures(200, 32, classes=4, seed=1)
    assert finder.score(new, truth) > 0.8
    assert finder.result_["candidates"]["trained"] >= 5
    assert finder.result_["seconds"]["total"] <= 33


@pytest.mark.parametrize(
    ("seconds", "n", "side"),
    [(2, 200, 32), (0.01, 200, 32), pytest.param(2, 2000, 64, marks=pytest.mark.slow)],
    ids=["2 s", "10 ms", "2 s for much"],
)
@pytest.mark.thorough
def test_h08_hardly_any_time_still_gives_a_model_and_a_warning(seconds: float, n: int, side: int) -> None:
    X, y = pictures(n, side, classes=4)
    finder, wall, said = wall_clock(lambda: NeuralFinder(minutes=seconds / 60, verbose=0).fit(X, y))
    assert wall < seconds + 20
    assert [message for message in said if "very little time" in message]
    probabilities = finder.predict_proba(X[:50])
    assert probabilities.shape == (50, 4)
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    assert finder.result_["status"] == "done"


# H11: the same seed in fresh processes

SEEDED = """
import hashlib, json, sys
import numpy as np
from neuralfinder import NeuralFinder
seed, strategy = int(sys.argv[1]), sys.argv[2]
rng = np.random.default_rng(7)
X, y = rng.random((100, 10, 10)), rng.integers(0, 3, 100)
X[np.arange(100), y] += 0.3
finder = NeuralFinder(candidates=6, epochs=2, final_epochs=3, finalists=2, seed=seed, strategy=strategy).fit(X, y)
weights = b"".join(tensor.numpy().tobytes() for tensor in finder.model_.network.state_dict().values())
print(json.dumps({
    "leaderboard": finder.run_.rows(), "genome": finder.result_["genome"], "seed": finder.result_["seed"],
    "weights": hashlib.sha256(weights).hexdigest(), "answers": finder.predict_proba(X).tolist(),
}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["artificial-life", "random"])
def test_h11_fresh_processes_agree(strategy: str) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    outs = [
        subprocess.run(
            [sys.executable, "-c", SEEDED, seed, strategy],
            env={**environment, "PYTHONHASHSEED": salt},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, salt in (("0", "1"), ("0", "2"), ("1", "1"))
    ]
    first, second, other = (json.loads(out.splitlines()[-1]) for out in outs)
    assert first == second
    assert [row["genome"] for row in other["leaderboard"]] != [row["genome"] for row in first["leaderboard"]]
    assert (first["seed"], other["seed"]) == (0, 1)
    assert "seed 0" in outs[0].splitlines()[0]
    assert "seed 1" in outs[2].splitlines()[0]


# H12: what a file sees of a run

PROGRESS = re.compile(
    r"^ *(?P<elapsed>\d+) s  (?P<phase>\w+)(  \d+ of \d+)?  (?P<done>\d+)( of (about )?\d+)? done, \d+ failed, "
    r"\d+ proposed again(  best (?P<best>\d+\.\d\d)% in short training)?  (?P<left>\d+) s left$"
)


@pytest.mark.slow
@pytest.mark.parametrize("sink", ["file", "pipe"])
def test_h12_a_file_gets_whole_plain_lines_in_time(sink: str, tmp_path: Path) -> None:
    X, y = pictures(200, 16, classes=3)
    np.savez(tmp_path / "data.npz", X=X, y=y)
    program = "from neuralfinder.cli import main; main()"
    command = [sys.executable, "-c", program, "search", "data.npz", "--minutes", str(20 / 60), "--run", "run"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8", "TERM": "xterm-256color"}
    if sink == "file":
        seen, written = watch_file(command, environment, tmp_path)
    else:
        seen, written = watch_pipe(command, environment, tmp_path)

    assert written.endswith("\n")
    assert "\r" not in written
    assert "\x1b" not in written
    lines = written.splitlines()
    assert seen[0] < 3
    assert max(later - earlier for earlier, later in pairwise(seen)) < 10
    progress = [match for match in map(PROGRESS.match, lines) if match]
    assert len(progress) >= 2
    moments = [int(match["elapsed"]) for match in progress]
    assert moments[0] <= 10
    assert all(later - earlier <= 10 for earlier, later in pairwise(moments))
    done = [int(match["done"]) for match in progress]
    assert done == sorted(done)
    assert done[-1] > 0
    for match in progress:
        assert abs(int(match["elapsed"]) + int(match["left"]) - 20) <= 1
    assert [match["best"] is not None for match in progress] == [count > 0 for count in done]
    best = [float(match["best"]) for match in progress if match["best"]]
    assert best == sorted(best)
    assert any(line.startswith("verdict ") for line in lines)


def watch_file(command: list[str], environment: dict[str, str], folder: Path) -> tuple[list[float], str]:
    """Seconds after the start at which the file grew, and what it holds at the end."""
    path = folder / "out.txt"
    started, seen, size = time.monotonic(), [], 0
    with path.open("wb") as sink, subprocess.Popen(command, env=environment, cwd=folder, stdout=sink) as process:
        while process.poll() is None:
            time.sleep(0.05)
            if path.stat().st_size > size:
                size = path.stat().st_size
                seen.append(time.monotonic() - started)
                assert path.read_bytes().endswith(b"\n")  # never half a line
    assert process.returncode == 0
    return seen, path.read_text(encoding="utf-8")


def watch_pipe(command: list[str], environment: dict[str, str], folder: Path) -> tuple[list[float], str]:
    started, seen, lines = time.monotonic(), [], []
    with subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for line in process.stdout:
            seen.append(time.monotonic() - started)
            lines.append(line)
    assert process.returncode == 0
    return seen, b"".join(lines).decode()


@pytest.mark.usefixtures("quick_machine")
def test_h12_quiet_prints_the_outcome_only_and_verbose_0_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    X, y = pictures(60, 12)
    np.savez(tmp_path / "data.npz", X=X, y=y)
    command = f"search {tmp_path}/data.npz --candidates 2 --epochs 1 --final-epochs 2 --run {tmp_path}/run --quiet"
    quiet = CliRunner().invoke(cli, command.split(), catch_exceptions=False)
    assert quiet.exit_code == 0
    assert quiet.output.startswith("verdict ")
    assert "searching" not in quiet.output
    tiny().fit(X, y)
    assert capfd.readouterr().out == ""


@pytest.mark.thorough
@pytest.mark.usefixtures("quick_machine")
def test_h12_estimator_writes_the_same_lines(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def slow_train(*args: Any, **how: Any) -> Any:
        time.sleep(0.4)
        return train(*args, **how)

    monkeypatch.setattr(neuralfinder.training.evaluate, "train", slow_train)
    monkeypatch.setattr("neuralfinder.show.terminal.LINE_EVERY", 0.0)
    X, y = pictures(60, 12)
    NeuralFinder(minutes=1, candidates=3, epochs=1, finalists=1, final_epochs=2).fit(X, y)
    out = capfd.readouterr().out
    assert not set(out) & {"\r", "\x1b"}
    assert out.endswith("\n")
    assert {"searching", "finishing"} <= set(re.findall(r"^ *\d+ s  (\w+)  ", out, re.MULTILINE))
    progress = [match for match in map(PROGRESS.match, out.splitlines()) if match]
    assert progress[-1]["done"] in ("2", "3")
    assert progress[-1]["best"]
    assert re.search(r" finishing  .*epoch \d of \d(, \d+\.\d\d% on validation)?  \d+ s left$", out, re.MULTILINE)
