"""Everyone's data: tables of paths, data sets of torch and of the Hub, broken files, label forms, tiny sets."""

from __future__ import annotations

import csv
import io
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from loading import load
from PIL import Image
from scenes import scene

from neuralfinder import NeuralFinder
from neuralfinder.cli import cli
from neuralfinder.data import Dataset
from neuralfinder.data.labels import encode
from neuralfinder.data.pairs import from_pairs
from neuralfinder.data.pictures import UnreadableError, decode, no_warnings, read_header
from neuralfinder.data.sources.hub import of_library
from neuralfinder.data.tables import Columns
from neuralfinder.errors import InputError
from neuralfinder.types import Shape

FAST = {"candidates": 1, "epochs": 1, "finalists": 1, "final_epochs": 1, "verbose": 0}


def pictures_of(root: Path, count: int = 12) -> list[tuple[str, str]]:
    """Picture files, and rows of a table of their paths and classes."""
    (root / "files").mkdir(parents=True)
    rows = []
    for number in range(count):
        scene(number, (12, 10)).save(root / "files" / f"{number:02}.png")
        rows.append((f"files/{number:02}.png", ("day", "night")[number % 2]))
    return rows


def write_csv(path: Path, rows: list[tuple[str, ...]], header: tuple[str, ...]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


# tables of paths


@pytest.mark.parametrize("header", [("path", "label"), ("image", "class"), ("File", "Category")])
def test_a_table_of_paths_is_the_same_as_a_folder(tmp_path, header):
    rows = pictures_of(tmp_path)
    data = load(write_csv(tmp_path / "a.csv", rows, header))
    assert data.classes == ("day", "night")
    assert data.shape == Shape(3, 10, 12)
    assert data.names[3] == "files/03.png"
    for row, (path, _) in enumerate(rows):
        np.testing.assert_array_equal(data.samples[row], decode(tmp_path / path, data.shape))


def test_a_table_of_paths_in_parquet_with_labels_that_are_numbers_and_a_test_table(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    pyarrow = pytest.importorskip("pyarrow")
    rows = pictures_of(tmp_path, 16)
    for name, part in (("a", rows[:12]), ("b", rows[12:])):
        columns = {"where": [path for path, _ in part], "what": [7 + (kind == "day") for _, kind in part]}
        parquet.write_table(pyarrow.table(columns), tmp_path / f"{name}.parquet")
    named = {"image": "where", "target": "what"}
    data = load(tmp_path / "a.parquet", test=tmp_path / "b.parquet", **named)
    assert data.classes == (7, 8)
    assert data.given_test.tolist() == [False] * 12 + [True] * 4
    assert data.name_of(13) == "files/13.png of the test part"


def test_paths_that_lead_nowhere_are_told(tmp_path):
    rows = pictures_of(tmp_path)
    data = load(write_csv(tmp_path / "a.csv", [*rows, ("files/none.png", "day")], ("path", "label")))
    assert "1 unreadable pictures were left out: files/none.png (no such file)." in " ".join(data.notes)
    with pytest.raises(InputError, match="row 12 is without a path"):
        load(write_csv(tmp_path / "b.csv", [*rows, ("", "day")], ("path", "label")))
    with pytest.raises(InputError, match="both"):
        load(tmp_path / "a.csv", text="path", image="path")


@pytest.mark.usefixtures("quick")
def test_predict_takes_a_table_of_paths(tmp_path):
    rows = pictures_of(tmp_path)
    table = write_csv(tmp_path / "a.csv", rows, ("path", "label"))
    options = ["--candidates", "1", "--epochs", "1", "--finalists", "1", "--final-epochs", "1", "--quiet"]
    outcome = CliRunner().invoke(cli, ["search", str(table), "--run", str(tmp_path / "run"), *options])
    assert outcome.exit_code == 0, outcome.output
    outcome = CliRunner().invoke(cli, ["predict", str(tmp_path / "run"), str(table), "--format", "csv"])
    assert outcome.exit_code == 0, outcome.output
    assert len(outcome.output.strip().splitlines()) == 13


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No measuring of the machine."""
    from neuralfinder.networks.cost import Rates

    monkeypatch.setattr("neuralfinder.job.run.measure", lambda *_: Rates(1e-3, 1e-4, 1e-9, 1e-9))


# torch and the Hub


class Pairs(torch.utils.data.Dataset):
    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, row):
        return self.items[row]


@pytest.mark.parametrize("form", ["tensors", "pillow", "texts"])
def test_torch_data_sets(form):
    if form == "tensors":
        items = [(torch.rand(3, 8, 8), torch.tensor(n % 2)) for n in range(12)]
    elif form == "pillow":
        items = [(scene(n, (9, 8)), n % 2) for n in range(12)]
    else:
        items = [(f"word {n}", n % 2) for n in range(12)]
    data = from_pairs(Pairs(items))
    assert data.classes == (0, 1)
    assert data.is_text == (form == "texts")
    if form == "pillow":
        assert data.shape == Shape(3, 8, 9)


def test_torch_data_sets_that_are_no_pairs_are_refused():
    with pytest.raises(InputError, match="item 0 is a Tensor; expected pairs"):
        from_pairs(Pairs([torch.rand(3, 8, 8)] * 6))
    with pytest.raises(InputError, match="unequal size"):
        from_pairs(Pairs([(scene(n, (9, 8 + n)), n % 2) for n in range(6)]))


@pytest.mark.usefixtures("quick")
def test_the_estimator_takes_a_torch_data_set():
    items = [(scene(n, (8, 8)), ("a", "b")[n % 2]) for n in range(24)]
    model = NeuralFinder(**FAST).fit(Pairs(items))
    assert model.predict(np.asarray(items[0][0])[np.newaxis])[0] in ("a", "b")


def hub_pictures(count=12, hidden=False):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"img": datasets.Image(), "fine_label": datasets.ClassLabel(names=["day", "night"])})
    rows = {
        "img": [scene(n, (10, 8 + n % 3)) for n in range(count)],
        "fine_label": [-1 if hidden else n % 2 for n in range(count)],
    }
    return datasets.Dataset.from_dict(rows, features=features)


def test_pictures_of_the_library_datasets_with_class_names():
    datasets = pytest.importorskip("datasets")
    data = of_library(datasets.DatasetDict(train=hub_pictures(), test=hub_pictures(6)))
    assert data.classes == ("day", "night")
    assert data.given_test.sum() == 6
    assert data.shape == Shape(3, 9, 10)
    np.testing.assert_array_equal(data.samples[1], np.asarray(scene(1, (10, 9))).transpose(2, 0, 1))
    hidden = of_library(datasets.DatasetDict(train=hub_pictures(), test=hub_pictures(6, hidden=True)))
    assert not hidden.given_test.any()


def test_texts_of_the_library_datasets_and_its_files(tmp_path):
    datasets = pytest.importorskip("datasets")
    rows = {"review": [f"word {n}" for n in range(12)], "stars": [n % 2 for n in range(12)]}
    columns = Columns("review", "stars")
    data = of_library(datasets.Dataset.from_dict(rows), columns)
    assert data.classes == (0, 1)
    assert data.samples[3] == "word 3"
    (tmp_path / "set").mkdir()
    datasets.Dataset.from_dict(rows).to_parquet(tmp_path / "set" / "train.parquet")
    again = load(f"hf:{tmp_path / 'set'}", text="review", target="stars")
    assert again.samples.tolist() == data.samples.tolist()
    with pytest.raises(InputError, match="of parts a, b; expected one that is called train"):
        of_library({"a": datasets.Dataset.from_dict(rows), "b": datasets.Dataset.from_dict(rows)}, columns)


@pytest.mark.parametrize("name", ["cifar10", "hf:nobody/nothing"])
def test_without_a_network_a_named_set_is_a_clear_error(name, monkeypatch):
    datasets = pytest.importorskip("datasets")

    def unreachable(*_, **__):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    with pytest.raises(InputError, match=rf"{name} is not to be had \(no route to host\); expected .*network"):
        load(name)


# broken files


def valid_files() -> list[bytes]:
    files = []
    picture = scene(3, (24, 20))
    for form in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"):
        buffer = io.BytesIO()
        picture.save(buffer, format=form)
        files.append(buffer.getvalue())
    return files


def broken(content: bytes, rng: np.random.Generator) -> bytes:
    """Cut, overwritten, repeated or shuffled bytes."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 5))):
        if not data:
            break
        at, length = int(rng.integers(len(data))), int(rng.integers(1, 41))
        match int(rng.integers(5)):
            case 0:
                del data[at:]
            case 1:
                data[at : at + length] = rng.bytes(length)
            case 2:
                data[at:at] = data[:length]
            case 3:
                data[at : at + length] = b"\0" * length
            case _:
                del data[at : at + length]
    return bytes(data)


def test_700_broken_pictures_are_read_or_told():
    rng = np.random.default_rng(0)
    files, told = valid_files(), 0
    with no_warnings():
        for number in range(700):
            content = broken(files[number % len(files)], rng)
            try:
                header = read_header(content)
                assert header.height > 0
                assert decode(content, Shape(3, 8, 8)).shape == (3, 8, 8)
            except UnreadableError as error:
                told += 1
                assert str(error)
    assert 200 < told < 700


def test_300_broken_tables_are_read_or_told(tmp_path):
    rng = np.random.default_rng(1)
    rows = [(f'text {n}, "quoted"\nand more', f"class {n % 3}") for n in range(30)]
    whole = write_csv(tmp_path / "a.csv", rows, ("text", "label")).read_bytes()
    lines = "\n".join(f'{{"text": "{n}", "label": {n % 2}}}' for n in range(30)).encode()
    told = 0
    for number in range(300):
        name, content = (("b.csv", whole), ("b.jsonl", lines), ("b.tsv", whole.replace(b",", b"\t")))[number % 3]
        (tmp_path / name).write_bytes(broken(content, rng))
        try:
            assert isinstance(load(tmp_path / name), Dataset)
        except InputError as error:
            told += 1
            assert "; expected " in str(error)
    assert 50 < told < 300


# H02 and H04 once more: pictures of every kind, cells of every kind


def odd_files(root: Path) -> Path:
    """H02, with 16-bit TIFF, CMYK and turned JPEG, moving WebP, PPM and BMP with suffixes in capitals."""
    for number in range(18):
        folder = root / ("ok", "ng")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        picture = scene(number, (20 + 2 * number, 40 - number))
        match number % 6:
            case 0:
                deep = np.asarray(picture.convert("L")).astype(np.uint16) * 257
                Image.fromarray(deep).save(folder / f"{number}.tiff")
            case 1:
                picture.convert("CMYK").save(folder / f"{number}.JPG")
            case 2:
                exif = Image.Exif()
                exif[0x0112] = 6
                picture.save(folder / f"{number}.jpeg", exif=exif)
            case 3:
                picture.save(folder / f"{number}.webp", save_all=True, append_images=[scene(99, picture.size)])
            case 4:
                picture.save(folder / f"{number}.PPM")
            case _:
                picture.save(folder / f"{number}.Bmp")
    return root


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("form", ["folder", "table"])
def test_h02_odd_kinds_of_pictures_are_read_and_answered_about(tmp_path, form):
    source = odd_files(tmp_path / "files")
    files = sorted(path for path in source.rglob("*") if path.is_file())
    if form == "table":
        rows = [(str(path.relative_to(tmp_path)), path.parent.name) for path in files]
        source = write_csv(tmp_path / "a.csv", rows, ("image", "label"))
    data = load(source)
    assert np.bincount(data.labels).tolist() == [9, 9]
    assert data.shape.channels == 3
    notes = " ".join(data.notes)
    assert "16-bit grey 3" in notes
    assert "CMYK 3" in notes
    assert "turned by EXIF 3" in notes
    options = ["--candidates", "1", "--epochs", "1", "--finalists", "1", "--final-epochs", "1", "--quiet"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outcome = CliRunner().invoke(cli, ["search", str(source), "--run", str(tmp_path / "run"), *options])
        assert outcome.exit_code == 0, outcome.output
        answers = CliRunner().invoke(cli, ["predict", str(tmp_path / "run"), *map(str, files), "--format", "json"])
    assert answers.exit_code == 0, answers.output
    assert len(json.loads(answers.output)) == 18


ODD_CELLS = {
    "windows.tsv": ("\r\n", ["", "", "NULL", "N/A", "\u00a0\u00a0", "None"], 2, 1, ("NULL", "N/A", "None")),
    "chinese.jsonl": ("\n", [None, "", "\u3000", " \u2003", "nan", "\u6d77" * 40_000], 2, 2, ("nan",)),
}


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", sorted(ODD_CELLS))
def test_h04_odd_cells_are_counted_and_trained_with(tmp_path, name):
    """The odd ones are half of all, so that some are in every part."""
    end, odd, missing, blank, words = ODD_CELLS[name]
    cells = [*(f"{('ship', 'oak')[n % 2]} {n}" for n in range(24)), *odd, *odd, *odd, *odd]
    rows = [(cell, ("sea", "wood")[n % 2]) for n, cell in enumerate(cells)]
    if name.endswith("tsv"):
        text = end.join(["text\tlabel", *(f"{cell}\t{label}" for cell, label in rows), ""])
    else:
        text = end.join(json.dumps({"text": cell, "label": label}) for cell, label in rows)
    (tmp_path / name).write_bytes(text.encode())
    data = load(tmp_path / name)
    notes = " ".join(data.notes)
    assert f"{4 * missing} texts are missing and count as empty" in notes
    assert f"{4 * blank} texts are blank" in notes
    assert set(words) <= set(data.samples)
    options = ["--candidates", "1", "--epochs", "1", "--finalists", "1", "--final-epochs", "1", "--quiet"]
    run = tmp_path / "run"
    outcome = CliRunner().invoke(cli, ["search", str(tmp_path / name), "--run", str(run), *options])
    assert outcome.exit_code == 0, outcome.output
    answers = CliRunner().invoke(cli, ["predict", str(run), str(tmp_path / name), "--format", "json"])
    assert answers.exit_code == 0, answers.output
    assert len(json.loads(answers.output)) == len(rows)


# label forms


PLAIN = st.one_of(
    st.lists(st.integers(-(2**40), 2**40), min_size=1),
    st.lists(st.floats(allow_nan=False, allow_infinity=True), min_size=1),
    st.lists(st.booleans(), min_size=1),
    st.lists(st.text(max_size=5).filter(lambda text: "\0" not in text), min_size=1),
)


@given(PLAIN, st.sampled_from([list, tuple, lambda y: np.array(y, dtype=object), lambda y: [[label] for label in y]]))
def test_labels_come_back_as_they_were_given(y, form):
    encoded = encode(form(y))
    back = [encoded.classes[index] for index in encoded.indices]
    assert back == y
    assert {type(label) for label in back} == {type(label) for label in y}
    assert list(encoded.classes) == sorted(set(y))


@given(st.lists(st.one_of(st.integers(0, 3), st.text(max_size=2), st.none(), st.just(float("nan"))), max_size=20))
def test_any_mixture_of_labels_is_read_or_told(y):
    try:
        encoded = encode(y)
    except InputError as error:
        assert "; expected " in str(error)
    else:
        assert len({type(label) for label in encoded.classes}) == 1


@given(st.integers(2, 5), st.lists(st.integers(0, 4), min_size=1, max_size=20))
def test_one_hot_rows_of_any_type_are_column_numbers(width, y):
    y = [label % width for label in y]
    for kind in (int, float, bool, np.uint8):
        encoded = encode(np.eye(width, dtype=kind)[y])
        assert encoded.indices.tolist() == y
        assert encoded.one_hot


# hardly any data, hardly any time


@pytest.mark.parametrize("form", ["pictures", "texts", "uneven pictures"])
def test_200_samples_and_two_seconds_give_a_model(form):
    rng = np.random.default_rng(0)
    y = np.arange(200) % 4
    if form == "texts":
        X = [f"{('sun', 'rain', 'wind', 'snow')[label]} {rng.integers(1000)}" for label in y]
    else:
        X = rng.integers(0, 256, (200, 16, 16, 3), dtype=np.uint8)
    if form == "uneven pictures":
        y = np.array([0] * 150 + [1] * 48 + [2] * 2)
    model = NeuralFinder(minutes=2 / 60, verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model.fit(X, y)
    assert model.predict_proba(X[:3]).shape == (3, len(model.classes_))
    assert 0 <= model.result_["test_balanced_accuracy"] <= 1


# weights of classes


@pytest.mark.usefixtures("quick")
@pytest.mark.thorough
def test_class_weights_let_small_classes_count():
    """Noise labelled 9 to 1: without weights the commonest class is answered, with weights both are."""
    rng = np.random.default_rng(0)
    y = np.arange(400) % 10 == 0
    X = (rng.normal(110, 40, (400, 8, 8)) + 12 * y[:, np.newaxis, np.newaxis]).clip(0, 255).astype(np.uint8)
    options = {"candidates": 1, "epochs": 2, "finalists": 1, "final_epochs": 8, "verbose": 0, "seed": 0}
    shares = {}
    for weighted in (False, True):
        model = NeuralFinder(**options, options={"class_weights": weighted}).fit(X, y)
        shares[weighted] = float(model.predict(X).mean())
    assert shares[True] > shares[False]


@settings(max_examples=30)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=50))
def test_class_weights_by_definition(labels):
    from neuralfinder.training.train import class_weights

    weights = class_weights(torch.tensor(labels), 5)
    totals = [float(weights[label]) * labels.count(label) for label in set(labels)]
    np.testing.assert_allclose(totals, len(labels) / len(set(labels)), rtol=1e-5)
    assert all(weights[label] == 0 for label in range(5) if label not in labels)
