"""Makes the runs that later versions must read: `python tests/formats/make.py` once a format is another.

A folder for each pair of formats, of the record and of the model, holds a run on pictures and one on texts, searched by
the version that wrote these formats; `answers.json` and `top.json` are what that version itself said about them.
What is released stays as it was written, whatever becomes of the code, and `test_formats.py` reads it.

`record-1-model-1` was searched by revision 51aa99e, checked out elsewhere: `PYTHONPATH=ELSEWHERE python .../make.py`.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

HOME = Path(__file__).parent

SAMPLES = {"pictures": "new.npz", "texts": "new.csv"}
"""What the models are asked about, in a folder beside the runs."""

SMALL = ["--candidates", "6", "--epochs", "2", "--finalists", "1", "--final-epochs", "4", "--world-size", "3"]
QUIET = ["--seed", "1", "--experience", "off", "--device", "cpu", "--quiet"]

SOUNDS = {"cat": ("purrs", "mews"), "dog": ("barks", "howls"), "bird": ("sings", "peeps")}


def texts() -> list[tuple[str, str]]:
    """Lines about animals, with the animal; of few words, since a network has numbers for each."""
    rest = list(product(("It", "One", "She"), ("", "here ", "there "), ("now", "at last", "again", "once")))
    return [
        (f"{who} {sound} {where}{when}", animal)
        for animal, sounds in SOUNDS.items()
        for sound in sounds
        for who, where, when in rest
    ]


def neuralfinder(*words: str) -> str:
    """What a command of the version that is found first prints."""
    command = [sys.executable, "-m", "neuralfinder", *words]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def formats(run: Path) -> str:
    """The name of the folder for what wrote this run."""
    from neuralfinder.search.record import FORMAT

    model = json.loads((run / "model" / "preprocessing.json").read_text("utf-8"))["format"]
    return f"record-{FORMAT}-model-{model}"


def keep(run: Path, samples: Path, folder: Path) -> None:
    """The record, the result and what a model is, and what is said about them."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "model").mkdir(parents=True)
    for name in ("run.sqlite", "result.json"):
        shutil.copy(run / name, folder)
    for name in ("model.safetensors", "preprocessing.json", "tokenizer.json"):
        if (run / "model" / name).exists():
            shutil.copy(run / "model" / name, folder / "model")
    for name, said in {
        "answers": neuralfinder("predict", str(run), str(samples), "--format", "json"),
        "top": neuralfinder("top", str(run), "--format", "json"),
    }.items():
        (folder / f"{name}.json").write_text(json.dumps(json.loads(said), indent=1) + "\n", "utf-8")


def main() -> None:
    """Search both runs in a scratch folder and keep them."""
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        os.environ["XDG_CACHE_HOME"] = scratch
        with Path("animals.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("text", "animal"), *texts()])
        with Path("new.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("text",), *((line,) for line, _ in texts()[::29])])
        np.savez_compressed("new.npz", X=np.round(load_digits().images[-8:] * 255 / 16).astype(np.uint8))
        columns = ["--text", "text", "--target", "animal"]
        neuralfinder(
            "search", "digits", "--run", "pictures", "--max-parameters", "4000", "--set", "heads=G", *SMALL, *QUIET
        )
        neuralfinder("search", "animals.csv", "--run", "texts", "--max-parameters", "100000", *columns, *SMALL, *QUIET)
        for kind, name in SAMPLES.items():
            keep(Path(kind), Path(name), HOME / formats(Path(kind)) / kind)
            shutil.copy(name, HOME)


if __name__ == "__main__":
    main()
