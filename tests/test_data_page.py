"""What the page about data shows can be given: each command of its tables is run on what lies as the page says."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from sentences import sentences

from neuralfinder.cli import cli

PAGE = (Path(__file__).parent.parent / "docs" / "data.md").read_text(encoding="utf-8")

COMMANDS = re.findall(r"^\| .*`neuralfinder (check .*)` \|$", PAGE, re.MULTILINE)

PARTS = {
    "check set": (24, 6), "check photos --test new": (36, 12), "check parts.npz": (36, 6), "check parted.csv": (24, 6),
}  # fmt: skip
"""Samples in all and of the test part, where one comes; else there are 24."""


def picture(path: Path, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(path)


def table(path: Path, header: str, rows: list[str], encoding: str = "utf-8") -> None:
    path.write_text("\n".join([header, *rows, ""]), encoding=encoding)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("page")
    classes, people = ("cat", "dog"), ("tom", "ann", "bob", "eve", "kim", "lea")
    for number in range(24):
        label, person = classes[number % 2], people[number // 2 % 6]
        picture(home / "photos" / label / person / f"{number}.jpg", number)
        picture(home / "all" / f"{label}_{number}.jpg", number)
        picture(home / "img" / f"{number}.png", number)
        picture(home / "scans" / f"scan {number}.png", number)
        picture(home / "set" / ("train", "val", "train", "test")[number // 2 % 4] / label / f"{number}.jpg", number)
        if number < 12:
            picture(home / "new" / label / f"{number}.jpg", 100 + number)
    shutil.make_archive(str(home / "photos"), "zip", home, "photos")
    texts, labels = sentences(24)
    for number, (text, label) in enumerate(zip(texts, labels, strict=True)):
        (home / "reviews" / label).mkdir(parents=True, exist_ok=True)
        (home / "reviews" / label / f"{number}.txt").write_text(text, encoding="utf-8")
    pairs = list(zip(texts, labels, strict=True))
    table(home / "reviews.csv", "text,label", [f"{text},{label}" for text, label in pairs])
    table(home / "ratings.csv", "review,stars", [f"{text},{label}" for text, label in pairs])
    table(home / "paths.csv", "image,label", [f"img/{number}.png,{classes[number % 2]}" for number in range(24)])
    table(home / "ids.csv", "id,label", [f"scan {number},{classes[number % 2]}" for number in range(24)])
    parts = [("train", "train", "val", "test")[number // 2 % 4] for number in range(24)]
    table(home / "parted.csv", "text,label,split", [f"{t},{lab},{p}" for (t, lab), p in zip(pairs, parts, strict=True)])
    grouped = [f"{text},{label},{people[place // 2 % 6]}" for place, (text, label) in enumerate(pairs)]
    table(home / "people.csv", "text,label,person", grouped)
    office = [f"{place}\t{text}\t{label}" for place, (text, label) in enumerate(pairs)]
    table(home / "office.csv", "\ttext\tlabel", office, "utf-16")
    lines = [json.dumps({"text": text, "label": label}) for text, label in pairs]
    table(home / "lines.jsonl", lines[0], lines[1:])
    X, y = np.random.default_rng(0).integers(0, 256, (24, 8, 8), dtype=np.uint8), np.arange(24) % 2
    np.savez(home / "data.npz", images=X, labels=y)
    more = {"x_val": X[:6] ^ 3, "y_val": y[:6], "x_test": X[:6] ^ 1, "y_test": y[:6]}
    np.savez(home / "parts.npz", x_train=X, y_train=y, **more)
    return home


def test_each_form_has_its_command() -> None:
    rows = re.findall(r"^\| (?!---|form)", PAGE, re.MULTILINE)
    assert len(COMMANDS) == len(rows) > 15


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_shown_is_taken(command: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "parquet" in command:
        pa = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        cells = [(home / "img" / f"{number}.png").read_bytes() for number in range(24)]
        parquet.write_table(pa.table({"image": cells, "label": ["cat", "dog"] * 12}), home / "pictures.parquet")
    monkeypatch.chdir(home)
    ended = CliRunner().invoke(cli, [*shlex.split(command), "--format", "json"], catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    found = json.loads(ended.stdout)
    tested = sum(each["given_test"] for each in found["classes"])
    assert (found["samples"], tested) == PARTS.get(command, (24, 0))
    assert len(found["classes"]) == 2
    kind = "text" if re.search("reviews|ratings|parted|people|office|lines", command) else "picture"
    assert found["kind"] == kind
