"""What a user would take instead, on the tasks of the suite: same split, same minutes, same machine.

    pip install -e '.[bench]'
    python benchmarks/peers.py ROWS [--environments DIR] [as `suite.py`]

Methods are the PEERS below and all those of `suite.py`. Each peer has an environment of its own, made under DIR with
the releases that `peer_environments/NAME.txt` pins; for that alone a network is needed. One that cannot be installed is
listed with the reason. Rows are those of `suite.py`, of a peer with the `versions` of its environment.

A peer gets training and validation part and is told its minutes in its own way, when it is imported and the data are
read; twice as long after that it is stopped from outside, and its row says so. It answers the samples of the test part
once and never sees their labels. What it cannot do without a network fails. `peer_models.py` says how each is used.

After the tables of `suite.py` prints how many seconds methods took, mean +- standard deviation (n), and what failed.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import suite

from neuralfinder.comparison.compare import Row, method_of
from neuralfinder.data import Divided
from neuralfinder.job.factories import NOT_MEASURED, make_space
from neuralfinder.job.figures import judged
from neuralfinder.job.settings import Settings
from neuralfinder.networks.sampling import LONGEST_DRAW
from neuralfinder.show.report import as_table

HERE = Path(__file__).parent
MODELS, PINNED = HERE / "peer_models.py", HERE / "peer_environments"

PEERS: dict[str, tuple[str, ...]] = {
    "scikit-learn": ("sklearn.feature_extraction.text", "sklearn.svm", "skimage.feature"),
    "flaml": ("flaml", "lightgbm", "xgboost", "sklearn.feature_extraction.text", "scipy.ndimage"),
    "autogluon": ("autogluon.tabular", "fastai.tabular.all", "lightgbm", "catboost", "xgboost", "scipy.ndimage"),
    "autokeras": ("autokeras",),
    "optuna-script": ("optuna", "torch", "sklearn.feature_extraction.text"),
}
"""The modules that each peer has imported before its seconds begin."""

METHODS = ("artificial-life", *PEERS)

START_SECONDS = 600
"""For importing a peer and reading the data, beside its minutes."""

PATIENCE = 2
"""After how many times its minutes a peer is stopped."""


class NotInstalledError(Exception):
    """An environment could not be made."""


def environment(name: str, folder: Path) -> Path:
    """The Python of a peer's environment, which is made where it is not there or other releases are pinned now.

    Raises:
        NotInstalledError: what the installer said last.
    """
    own, pinned = folder.absolute() / name, PINNED / f"{name}.txt"
    python, installed = own / "bin" / "python", own / "installed.txt"
    if not (installed.exists() and installed.read_bytes() == pinned.read_bytes()):
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(own)],
            [str(python), "-m", "pip", "install", "--quiet", "--requirement", str(pinned)],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
            if done.returncode:
                raise NotInstalledError(last_line(done.stdout + done.stderr) or f"exit code {done.returncode}")
        installed.write_bytes(pinned.read_bytes())
    return python


def last_line(text: str) -> str:
    """Where programs say what went wrong."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def space_of(data: Divided, settings: Settings) -> dict[str, Any]:
    """The layers and the usual head of networks of a search, without its caps, and not how they are trained."""
    shape = data.coded.shape
    space = make_space(settings, shape, len(data.coded.classes), NOT_MEASURED, math.inf)
    return {
        **{f"{name}s": getattr(space, f"{name}s") for name in ("filter", "kernel", "activation")},
        "convolutions": min(LONGEST_DRAW, space.max_convolutions),
        "longest_skip": space.longest_skip,
        "norm": space.norm,
        "largest": space.head.largest,
        "dropout": space.head.dropout / 100,
        "embedding": shape.channels,
    }


def hand_over(name: str, data: Divided, settings: Settings, folder: Path) -> None:
    """Write what `peer_models.py` reads."""
    raw, parts = data.raw, data.split
    known = {
        "kind": raw.kind,
        "classes": len(raw.classes),
        "seconds": 60 * settings.minutes,
        "seed": settings.seed,
        "modules": PEERS[name],
        "space": space_of(data, settings) if name == "optuna-script" else None,
    }
    samples = raw.samples.astype(str) if raw.is_text else raw.samples.transpose(0, 2, 3, 1)
    arrays = {part: samples[getattr(parts, part)] for part in ("train", "validation", "test")}
    arrays |= {f"{part}_labels": raw.labels[getattr(parts, part)] for part in ("train", "validation")}
    np.savez(folder / "data.npz", **arrays)
    (folder / "task.json").write_text(json.dumps(known), encoding="utf-8")


def awaited(process: subprocess.Popen[bytes], began: Path, seconds: float) -> tuple[str, float]:
    """Wait for a peer: why it has to be stopped, empty where it ended by itself, and the seconds since it began."""
    start, limit = time.monotonic(), float(START_SECONDS)
    why = f"not imported after {limit:.0f} s"
    while process.poll() is None and time.monotonic() < start + limit:
        if limit == START_SECONDS and began.exists():
            start, limit = time.monotonic(), PATIENCE * seconds
            why = f"stopped after {limit:.0f} s, {PATIENCE} times its time"
        time.sleep(0.05)
    return why if process.returncode is None else "", time.monotonic() - start


def measure(pythons: Mapping[str, Path], method: str, data: Divided, settings: Settings, folder: Path) -> Row:
    """The figures of a row: of a peer by the Python of its environment, of any other method as in the suite."""
    if method not in pythons:
        return suite.measure(method, data, settings, folder)
    hand_over(method, data, settings, folder)
    log, began, answered = folder / "log.txt", folder / "began.json", folder / "answers.npz"
    for path in (began, answered):
        path.unlink(missing_ok=True)
    command = [str(pythons[method]), "-I", "-u", str(MODELS), method, str(folder.absolute())]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder, start_new_session=True,
            env={**os.environ, "KERAS_BACKEND": "torch"},
        )  # fmt: skip
        try:
            why, taken = awaited(process, began, 60 * settings.minutes)
        finally:
            with suppress(ProcessLookupError):  # with all that it began
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            (folder / "data.npz").unlink()  # larger than all that stays
    row: Row = {"seconds": taken}
    if began.exists():
        row |= {"versions": json.loads(began.read_text(encoding="utf-8"))}
    if not answered.exists():
        said = last_line(log.read_text(encoding="utf-8", errors="replace"))
        return row | {"failure": why or f"exit code {process.returncode}: {said or 'it said nothing'}"}
    with np.load(answered) as found:
        row |= {"seconds": float(found["seconds"]), "told": json.loads(str(found["told"]))}
        answers, labels = found["answers"], data.raw.labels[data.split.test]
    if answers.shape != labels.shape:
        return row | {"failure": f"answers of shape {answers.shape} to {len(labels)} samples"}
    return row | judged(labels, answers)


def costs(rows: Sequence[Row], methods: Sequence[str]) -> str:
    """The seconds of rows that did not fail, by method and task, and all failures."""
    tasks = list(dict.fromkeys(row["suite"] for row in rows))
    lines = []
    for method in methods:
        own = [row for row in rows if row["method"] == method]
        good = [row for row in own if not row.get("failure")]
        taken = [seconds([row["seconds"] for row in good if row["suite"] == task]) for task in tasks]
        lines.append([method, *taken, str(len(own)), str(len(own) - len(good))])
    text = as_table(["seconds", *tasks, "rows", "failed"], lines, left=(0,))
    failures = Counter((row["method"], row["suite"], row["failure"]) for row in rows if row.get("failure"))
    told = [f"{method} failed {count} x on {task}: {why}" for (method, task, why), count in failures.items()]
    return "\n".join([text, "", *told])


def seconds(some: Sequence[float]) -> str:
    spread = f" +- {stdev(some):.0f}" if len(some) > 1 else ""
    return f"{mean(some):.0f}{spread} ({len(some)})" if some else "-"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = suite.parser(__doc__, METHODS)
    parser.add_argument("--environments", type=Path, default=Path("runs/peers"))
    chosen = parser.parse_args(arguments)
    known = {*PEERS, *suite.OWN}
    methods = [name if name in known else method_of(name) for name in chosen.methods]
    pythons, lacking = {}, {}
    for name in [] if chosen.only_summary else methods:
        if name in PEERS:
            try:
                pythons[name] = environment(name, chosen.environments)
            except NotInstalledError as error:
                lacking[name] = str(error)
    methods = [name for name in methods if name not in lacking]
    rows = suite.fill(chosen, methods, partial(measure, pythons))
    for minutes in dict.fromkeys(row["minutes"] for row in rows):
        print(f"\n{minutes:g} minutes\n\n{costs([row for row in rows if row['minutes'] == minutes], methods)}")
    for name, why in lacking.items():
        print(f"{name} could not be installed: {why}")


if __name__ == "__main__":
    main()
