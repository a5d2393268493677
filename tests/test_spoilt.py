"""What strangers may have made, spoilt at random: refused in a line, or read and answered right."""

from __future__ import annotations

import csv
import datetime
import io
import json
import shutil
import signal
import sqlite3
import zipfile
import zlib
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from runs import searched
from scenes import scene
from sentences import sentences
from setups import model_of

from neuralfinder.cli import cli
from neuralfinder.data import source_of
from neuralfinder.data.delimited import decoded
from neuralfinder.data.inputs import blocks_at
from neuralfinder.data.pictures import decode, no_warnings, read_header
from neuralfinder.data.sources.npz import read_arrays
from neuralfinder.data.tokens import Tokens
from neuralfinder.errors import InputError, NeuralFinderError
from neuralfinder.job.past_runs import chosen_experience, earlier_run
from neuralfinder.job.plan import Task
from neuralfinder.job.settings import Settings
from neuralfinder.show.page.server import _tell
from neuralfinder.show.page.story import Story
from neuralfinder.training.batches import Scaling
from neuralfinder.training.model import Model
from neuralfinder.types import Shape

FEW, MANY = 60, 2000
"""How many of each kind are spoilt in a minute's suite, and in a long one."""

LONGEST = 10
"""Seconds of computing that a spoilt one may take."""

TEXTS = ["a ship at sea", "an oak in the wood", "waves", "leaves and moss", "salt"]

WRONG = [
    None, True, -1, 0, 1, 10**12, 10**30, 1e300, -0.5, "", "x", "\x1b[2J", "C" + "9" * 5000, "C8 " * 3000, [], [[]],
    [None], {}, {"a": 1}, [1, 2, 3, 4], ["x"] * 9,
]  # fmt: skip
"""What is put in the place of what there is."""


class Kind(NamedTuple):
    """Something that strangers may have made.

    Attributes:
        make: some whole ones, files or folders, in a folder.
        spoil: changes one of them in place.
        ask: reads what is left in every way that there is; raises `InputError` where it is refused, and
            `AssertionError` where what comes is not right. Given are the spoilt one, the whole one, and chance.
        least: share that has to be refused.
        failed: seeds that once did not do so.
    """

    make: Callable[[Path], list[Path]]
    spoil: Callable[[Path, np.random.Generator], None]
    ask: Callable[[Path, Path, np.random.Generator], None]
    least: float
    failed: tuple[int, ...] = ()


def one_of(chance, some):
    return some[int(chance.integers(len(some)))]


def swapped(values, chance):
    """The values with one in the place of another, one dropped, or one doubled."""
    places = []

    def walk(within):
        for key in within if isinstance(within, dict) else range(len(within)):
            places.append((within, key))
            if isinstance(within[key], dict | list):
                walk(within[key])

    walk(values)
    within, key = one_of(chance, places) if places else ([0], 0)
    match chance.integers(4):
        case 0:
            del within[key]
        case 1 if isinstance(within, list):
            within.append(within[key])
        case 1:
            within[f"{key}2"] = within[key]
        case _:
            within[key] = one_of(chance, WRONG)
    return values


def spoilt_bytes(content, chance):
    """Cut, overwritten, repeated or shuffled bytes."""
    data = bytearray(content)
    for _ in range(int(chance.integers(1, 5))):
        if not data:
            break
        at, length = int(chance.integers(len(data))), int(chance.integers(1, 64))
        match int(chance.integers(6)):
            case 0:
                del data[at:]
            case 1:
                data[at : at + length] = chance.bytes(length)
            case 2:
                data[at:at] = data[:length]
            case 3:
                data[at : at + length] = bytes(length)
            case 4:
                data[at] = chance.integers(256)
            case _:
                del data[at : at + length]
    return bytes(data)


def spoil_bytes(path, chance):
    path.write_bytes(spoilt_bytes(path.read_bytes(), chance))


def spoil_json(path, chance):
    path.write_text(json.dumps(swapped(json.loads(path.read_text("utf-8")), chance)), encoding="utf-8")


def spoil_record(path, chance):
    """A cell of the table: of another type, or with other values in it."""
    base = sqlite3.connect(path)
    number, data = one_of(chance, base.execute("SELECT number, data FROM events").fetchall())
    column = one_of(chance, ("data", "data", "data", "data", "data", "time", "kind"))
    cell = one_of(chance, (None, b"\xff", "x", 1e999, "[" * 100_000, '{"a": NaN}', '{"a": 1, "a": 1}'))
    if column == "data" and chance.random() < 0.9:
        cell = json.dumps(swapped(json.loads(data), chance))
    base.execute(f"UPDATE events SET {column} = ? WHERE number = ?", (cell, number))  # noqa: S608
    if chance.random() < 0.1:
        base.execute("DELETE FROM events WHERE number = ?", (int(chance.integers(1, 12)),))
    base.commit()
    base.close()


def spoil_folder(folder, chance):
    """One file of a folder."""
    path = one_of(chance, sorted(file for file in folder.rglob("*") if file.is_file() and file.stat().st_size))
    if path.suffix == ".json" and chance.random() < 0.7:
        spoil_json(path, chance)
    elif path.suffix == ".sqlite" and chance.random() < 0.9:
        spoil_record(path, chance)
    else:
        spoil_bytes(path, chance)


def invoked(*words):
    """The exit code of a command: what the console script makes a line of is one, what it does not is raised."""
    outcome = CliRunner().invoke(cli, [str(word) for word in words])
    if outcome.exception and not isinstance(outcome.exception, NeuralFinderError | OSError | SystemExit):
        raise outcome.exception
    return 2 if isinstance(outcome.exception, NeuralFinderError | OSError) else outcome.exit_code


def asked(calls):
    """Calls each of which may refuse; whoever is refused by one is refused."""
    refused = None
    for call in calls:
        try:
            if call() == 2:
                refused = refused or InputError("a command", given="ended by 2", expected="0", mend="none")
        except InputError as error:
            assert str(error)
            refused = error
    if refused:
        raise refused


# pictures


def whole_pictures(home):
    """A folder for each format: one file that is to be spoilt, and others beside it."""
    folders = []
    for suffix in ("png", "jpg", "gif", "bmp", "tif", "webp", "ppm", "p.png", "16.png"):
        folder = home / suffix
        for number in range(8):
            picture = scene(number, (24, 20))
            if suffix == "p.png":
                picture = picture.quantize(16)
            if suffix == "16.png":
                picture = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
            file = folder / ("day", "night")[number % 2] / f"{number}.{suffix}"
            file.parent.mkdir(parents=True, exist_ok=True)
            picture.save(file)
        folders.append(folder)
    return folders


def spoil_picture(folder, chance):
    (path,) = folder.glob("day/0.*")
    if path.suffix == ".png" and chance.random() < 0.6:
        spoil_chunk(path, chance)
    else:
        spoil_bytes(path, chance)


def spoil_chunk(path, chance):
    """A part of a PNG file with other bytes, and the check sum that belongs to them: it is believed."""
    content, chunks, at = path.read_bytes(), [], 8
    while at < len(content):
        end = at + 12 + int.from_bytes(content[at : at + 4], "big")
        chunks.append(bytearray(content[at + 4 : end - 4]))
        at = end
    chunk = one_of(chance, chunks)
    for _ in range(int(chance.integers(1, 4))):
        chunk[int(chance.integers(4, len(chunk))) if len(chunk) > 4 else 0] = chance.integers(256)
    if chance.random() < 0.2:
        chunks.insert(int(chance.integers(len(chunks))), chunk)
    parts = [(len(part) - 4).to_bytes(4, "big") + part + zlib.crc32(part).to_bytes(4, "big") for part in chunks]
    path.write_bytes(content[:8] + b"".join(parts))


def ask_pictures(folder, *_):
    """What is read for training, for prediction and from bytes is the same; what is not, is named."""
    (path,) = folder.glob("day/0.*")
    shape, data = Shape(3, 20, 24), source_of(folder).load()
    (block,) = blocks_at([path], shape)
    told = [note for note in data.notes if "left out" in note and path.name in note]
    assert len(data.labels) == 8 - len(told)
    assert bool(told) == bool(block.errors)
    if block.errors:
        raise block.errors[0]
    with no_warnings():
        header, pixels = read_header(path), decode(path.read_bytes(), shape)
        assert 0 < header.height * header.width <= 100_000_000
        if header.grey:
            assert (pixels[0] == pixels[1]).all()
        np.testing.assert_array_equal(pixels, block.samples[0])
        own = data.samples[data.names.index(f"day/{path.name}")]
        if "16-bit" not in " ".join(data.notes):
            np.testing.assert_array_equal(own, decode(path, Shape(*own.shape)))


# tables


def whole_tables(home):
    """Of all suffixes, with and without quotation marks."""
    rows = [*zip(*sentences(30), strict=True)]
    quoted = [(f'{text}, "{row}"\nand more', label) for row, (text, label) in enumerate(rows)]
    files = []
    for name, own, separator in (("a.csv", rows, ","), ("q.csv", quoted, ","), ("a.tsv", rows, "\t")):
        with (home / name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter=separator).writerows([("text", "label"), *own])
        files.append(home / name)
    (home / "a.jsonl").write_text("\n".join(json.dumps({"text": t, "label": y}) for t, y in rows), encoding="utf-8")
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(
        pyarrow.table(dict(zip(("text", "label"), zip(*rows, strict=True), strict=True))), home / "a.parquet"
    )
    return [*files, home / "a.jsonl", home / "a.parquet"]


def spoil_table(path, chance):
    if path.suffix == ".jsonl" and chance.random() < 0.7:
        lines = path.read_text("utf-8").splitlines()
        for place in chance.integers(len(lines), size=int(chance.integers(1, 4))):
            lines[place] = json.dumps(swapped(json.loads(lines[place]), chance)) if lines[place][0] == "{" else "[]"
        path.write_text("\n".join(lines), encoding="utf-8")
    elif path.suffix == ".parquet" and chance.random() < 0.5:
        of_other_types(path, chance)
    else:
        spoil_bytes(path, chance)


def of_other_types(path, chance):
    """A column of Parquet with cells of any type."""
    import pyarrow
    from pyarrow import parquet

    table = parquet.read_table(path)
    cells = [one_of(chance, OF_PARQUET)] * len(table) if chance.random() < 0.8 else [None] * len(table)
    place = int(chance.integers(2))
    parquet.write_table(table.set_column(place, table.column_names[place], pyarrow.array(cells)), path)


OF_PARQUET = [
    True, -1, 1e300, float("nan"), b"\xff", b"", [1, 2], ["x"], {"bytes": b"\x89PNG", "path": None},
    {"a": {"b": [None]}}, datetime.date(2020, 1, 1), datetime.timedelta(3), "x" * 100_000, "\x1b[2J",
]  # fmt: skip


def ask_tables(path, *_):
    """Each text stands in the table, and no row is lost in silence."""
    data = source_of(path).load()
    assert len(data.samples) == len(data.labels)
    left_out = sum(len(finding.names) for finding in data.findings if finding.kind == "no label")
    if data.is_text:
        blocks = [*blocks_at([path], Shape(8, 1, 16, vocabulary=9))]
        assert sum(len(block.names) for block in blocks) == len(data.samples) + left_out
        assert sum(len(block.errors) for block in blocks) <= left_out
    if path.suffix == ".parquet" or not data.is_text:
        return
    content, _ = decoded(path.read_bytes())
    if path.suffix == ".jsonl":
        rows = [json.loads(line) for line in io.StringIO(content, newline=None) if line.strip()]
        assert data.samples.tolist() == [row.get("text") or "" for row in rows if row.get("label") is not None]
    elif '"' not in content:
        lines = [line for line in io.StringIO(content, newline="") if line.strip("\r\n")]
        names = not any(finding.kind == "no names" for finding in data.findings)
        assert len(data.samples) == len(lines) - names - left_out
        assert all(text in content for text in data.samples)


# arrays


def whole_arrays(home):
    """Stored and packed."""
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 256, (12, 8, 8), dtype=np.uint8), np.arange(12) % 3
    np.savez(home / "stored.npz", X=X, y=y)
    np.savez_compressed(home / "packed.npz", X=X // 16, y=y, X_test=X[:3] // 16, y_test=y[:3])
    np.savez(home / "floats.npz", x_train=X / 255, y_train=np.array(["a", "b", "c"])[y])
    return [home / "stored.npz", home / "packed.npz", home / "floats.npz"]


def spoil_arrays(path, chance):
    def changed(name, content):
        match int(chance.integers(3)):
            case 0:
                return {name: spoilt_bytes(content, chance)}
            case 1:
                array, file = one_of(chance, ARRAYS), io.BytesIO()
                np.save(file, array, allow_pickle=array.dtype.hasobject)
                return {name: file.getvalue()}
            case _:
                old, new = one_of(chance, IN_HEADERS)
                return {name: content.replace(old, new.ljust(len(old)), 1)}

    spoil_archive(path, chance, changed)


def spoil_archive(path, chance, changed):
    """Bytes, or what becomes of a member by its name and content, with the check sums that belong to it."""
    if chance.random() < 0.4:
        spoil_bytes(path, chance)
        return
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    members |= changed(*one_of(chance, [*members.items()]))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


ARRAYS = [
    np.array(1), np.array([]), np.zeros((0, 8, 8)), np.full((12, 8, 8), np.nan), np.full(12, np.inf),
    np.zeros((12, 8, 8), complex), np.zeros(12, "datetime64[s]"), np.array([None] * 12), np.array(["x"] * 12),
    np.array([b"x"] * 12), np.zeros((12, 3)), np.zeros((12, 1, 8, 8, 1)), np.zeros(12, [("a", "i4")]),
    np.zeros((12, 8, 8), bool), np.full((12, 8, 8), -1), np.arange(12), np.full(12, 2**63, np.uint64),
    np.full((12, 8, 8), 1e300), np.zeros((12, 8, 8), np.float16), np.zeros((3, 8, 9), np.uint8),
]  # fmt: skip

IN_HEADERS = [
    (b"12, 8, 8)", b"12,64)"), (b"12, 8, 8)", b"-1, 8, 8)"), (b"(12,", b"(1,"), (b"'|u1'", b"'|i1'"),
    (b"'|u1'", b"'|O'"), (b"'|u1'", b"'|V1'"), (b"'<i8'", b"'<f8'"), (b"'<i8'", b"'<M8'"), (b"'<f8'", b"'<c8'"),
    (b"False", b"True"), (b"'descr'", b"'x'"), (b"'shape'", b"'shap'"), (b"{", b"["), (b"12", b"1e"),
    (b"8, 8)", b"None)"),
]  # fmt: skip


def ask_arrays(path, *_):
    """What is read is what numpy reads, and all of it is numbers."""
    data, read = source_of(path).load(), read_arrays(path, ("X", "y"), "arrays", ("X_test", "y_test"))
    there = []
    with np.load(path) as archive:
        for name in archive.files:
            with suppress(Exception):  # of those that nobody asks for
                there.append(archive[name])
    for array in read.values():
        assert any(array.dtype == one.dtype and np.array_equal(array, one) for one in there)
    assert np.isfinite(data.samples).all()
    assert len(data.samples) == len(data.labels)
    if read["y"].ndim == 1:
        assert [data.classes[index] for index in data.labels[: len(read["y"])]] == read["y"].tolist()
    (block,) = blocks_at([path], Shape(*data.samples.shape[1:]))
    assert not block.errors


# zip files


def whole_zips(home):
    (folder,) = [one for one in whole_pictures(home / "files") if one.name == "png"]
    return [Path(shutil.make_archive(str(home / "a"), "zip", folder))]


NAMES = [
    "../x.png", "/x.png", "day/../../x.png", "day", "day/0.png/x.png", "c:x.png", "day/\0.png",
    "day\\x.png", "DAY/0.png", ".hidden/x.png", "night/\u00e9.png", "night/e\u0301.png", "x" * 300 + ".png",
    "train/day/0.png", "dusk/\x1b[2J.png", " ",
]  # fmt: skip


def spoil_zip(path, chance):
    def changed(name, content):
        return {one_of(chance, NAMES): content} if chance.random() < 0.5 else {name: spoilt_bytes(content, chance)}

    spoil_archive(path, chance, changed)


def ask_zips(path, whole, _):
    """Nothing is written elsewhere, and pictures are as they were, but for one."""
    try:
        data = source_of(path).load(path.parent / "scratch")
    finally:
        assert {one.name for one in path.parent.iterdir()} <= {path.name, "scratch"}
    before = source_of(whole).load(whole.parent / "scratch")
    names = set(data.names) & set(before.names)
    pairs = [(data.samples[data.names.index(name)], before.samples[before.names.index(name)]) for name in names]
    assert len(pairs) >= len(before.names) - 1
    assert sum(not np.array_equal(one, other) for one, other in pairs) <= 1


# model folders


def whole_models(home):
    """Of pictures and of texts."""
    tokens = Tokens.learn(TEXTS)
    model_of(Shape(1, 5, 4), Scaling((128.0,), (60.0,))).save(home / "pictures")
    model_of(tokens.shape(Shape(1, 1, tokens.length)), tokens, (0, 1)).save(home / "texts")
    return [home / "pictures", home / "texts"]


def ask_models(folder, whole, _):
    """Answers are shares of classes that there are."""
    pictures = np.random.default_rng(0).integers(0, 256, (6, 5, 4), dtype=np.uint8)
    samples = TEXTS if whole.name == "texts" else pictures
    model = Model.load(folder)
    shares = model.predict_proba(samples)
    assert np.isfinite(shares).all()
    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-5)
    assert set(model.predict(samples).tolist()) <= {*model.classes}


# records and run folders


def whole_runs(home):
    return [searched(home / "run", "--candidates", "2", "--epochs", "1", "--share", "0.1", "--set", "max_macs=500000")]


def ask_runs(folder, _, chance):
    """Some of the commands that read a run, and one of the calls."""
    task = Task(100, 10, 10, Shape(1, 8, 8), 10)
    commands = [
        ["top", folder], ["top", folder, "--pareto"], ["top", folder, "--format", "csv"],
        ["top", folder, "--format", "json"], ["top", folder, "--format", "seed"], ["show", folder],
        ["show", folder, "0"], ["show", folder, "1"], ["report", folder], ["resume", folder, "--quiet"],
        ["export", folder, "--no-receipt"],
    ]  # fmt: skip
    calls = [
        lambda: _tell(Story(), folder / "run.sqlite", 0),
        lambda: chosen_experience(Settings(experience=str(folder))),
        lambda: earlier_run(Settings(start_from=str(folder)), task),
    ]
    some = [commands[number] for number in chance.permutation(len(commands))[:4]]
    asked([*(lambda words=words: invoked(*words) for words in some), one_of(chance, calls)])


KINDS = {
    "pictures": Kind(whole_pictures, spoil_picture, ask_pictures, 0.3),
    "tables": Kind(whole_tables, spoil_table, ask_tables, 0.2),
    "arrays": Kind(whole_arrays, spoil_arrays, ask_arrays, 0.5, failed=(499,)),
    "zips": Kind(whole_zips, spoil_zip, ask_zips, 0.3),
    "models": Kind(whole_models, spoil_folder, ask_models, 0.2),
    "records": Kind(whole_runs, lambda run, chance: spoil_record(run / "run.sqlite", chance), ask_runs, 0.25),
    "runs": Kind(whole_runs, spoil_folder, ask_runs, 0.05),
}


@pytest.fixture(scope="module", params=KINDS)
def made(request, tmp_path_factory):
    """The name of a kind, and whole ones of it."""
    home = tmp_path_factory.mktemp(request.param)
    return request.param, KINDS[request.param].make(home)


@pytest.fixture
def _no_data(monkeypatch):
    """A run that would go on ends where it reads its data."""

    def data_are_read(*_):
        raise InputError("the data", given="not read", expected="no training", mend="none")

    monkeypatch.setattr("neuralfinder.job.run.divided", data_are_read)


@contextmanager
def seconds_of_computing(most):
    """Ends what computes longer, in this process."""

    def end(*_):
        raise TimeoutError(f"more than {most} seconds of computing")

    before = signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, most)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@pytest.mark.usefixtures("_no_data")
@pytest.mark.parametrize(
    "count",
    [
        pytest.param(FEW, marks=pytest.mark.thorough),
        pytest.param(MANY, marks=[pytest.mark.slow, pytest.mark.timeout(7200)]),
    ],
)
def test_what_is_spoilt_is_refused_or_read_right(made, count, tmp_path):
    name, wholes = made
    kind, refused = KINDS[name], 0
    seeds = [*kind.failed, *range(count)]
    for seed in seeds:
        chance = np.random.default_rng(seed)
        whole = one_of(chance, wholes)
        shutil.rmtree(tmp_path / "spoilt", ignore_errors=True)
        spoilt = tmp_path / "spoilt" / whole.name
        spoilt.parent.mkdir()
        (shutil.copytree if whole.is_dir() else shutil.copy)(whole, spoilt)
        kind.spoil(spoilt, chance)
        try:
            with seconds_of_computing(LONGEST):
                kind.ask(spoilt, whole, chance)
        except InputError:
            refused += 1
        except Exception as error:
            raise AssertionError(f"{name} spoilt by seed {seed}: {type(error).__name__}: {error}") from error
    assert kind.least * len(seeds) < refused
