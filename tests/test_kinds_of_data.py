"""The whole program on every kind of data."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from loading import Pairs, load, write_csv
from PIL import Image
from scenes import pictures_of, scene
from sentences import sentences

from neuralfinder import NeuralFinder
from neuralfinder.cli import cli
from neuralfinder.errors import InputError
from neuralfinder.training.build import bag_of
from neuralfinder.training.model import Model

FAST = {
    "candidates": 1, "epochs": 1, "finalists": 1, "final_epochs": 1, "options": {"max_macs": 10**6}, "verbose": 0,
}  # fmt: skip


@pytest.mark.usefixtures("quick_machine")
def test_search_and_predict_from_the_command_line(tmp_path):
    texts, labels = sentences(120)
    path = write_csv(tmp_path / "a.csv", zip(texts, labels, strict=True), ("Sentence", "Kind"))
    arguments = [str(path), "--target", "Kind", "--candidates", "2", "--epochs", "4", "--final-epochs", "12"]
    arguments += ["--run", str(tmp_path / "run"), "--device", "cpu"]
    done = CliRunner().invoke(cli, ["search", *arguments])
    assert done.exit_code == 0, done.output
    assert "texts of" in done.output
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["refit"]
    assert result["test_accuracy"] >= 0.9
    asked = CliRunner().invoke(cli, ["predict", str(tmp_path / "run"), str(path), "--format", "json"])
    rows = json.loads(asked.output)
    assert np.mean([row["label"] == label for row, label in zip(rows, labels, strict=True)]) > 0.9
    letters = tmp_path / "letters"
    for name in ("b.txt", "a.txt", ".hidden.txt"):
        letters.mkdir(exist_ok=True)
        (letters / name).write_text(texts[0], encoding="utf-8")
    asked = CliRunner().invoke(cli, ["predict", str(tmp_path / "run"), str(letters), "--format", "csv"])
    assert [line.split(",")[0] for line in asked.output.splitlines()[1:3]] == [
        str(letters / n) for n in ("a.txt", "b.txt")
    ]
    assert ".hidden" not in asked.output
    model = Model.load(tmp_path / "run")
    bag = bag_of(model.network)
    learned = [*model.network.parameters(), *([bag.weight, bag.bias] if bag else [])]
    assert result["parameters"] == sum(numbers.numel() for numbers in learned)
    again = model.predict_proba(texts)
    np.testing.assert_allclose(again[:, 0], [row["probabilities"]["sea"] for row in rows], atol=1e-5)
    (tmp_path / "run" / "model" / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match="no whole model"):
        Model.load(tmp_path / "run")


@pytest.mark.usefixtures("quick_machine")
def test_the_estimator_takes_lists_of_strings():
    texts, labels = sentences(100)
    finder = NeuralFinder(candidates=2, epochs=4, final_epochs=6, verbose=0, device="cpu").fit(texts, labels)
    assert finder.predict(texts[0]).tolist() == [labels[0]]
    assert finder.score(np.array(texts), labels) > 0.9
    with pytest.raises(InputError, match="expected texts"):
        finder.predict(np.zeros((2, 8, 8)))


@pytest.mark.usefixtures("quick_machine")
def test_predict_takes_a_table_of_paths(tmp_path):
    rows = pictures_of(tmp_path)
    table = write_csv(tmp_path / "a.csv", rows, ("path", "label"))
    options = ["--candidates", "1", "--epochs", "1", "--finalists", "1", "--final-epochs", "1", "--quiet"]
    outcome = CliRunner().invoke(cli, ["search", str(table), "--run", str(tmp_path / "run"), *options])
    assert outcome.exit_code == 0, outcome.output
    outcome = CliRunner().invoke(cli, ["predict", str(tmp_path / "run"), str(table), "--format", "csv"])
    assert outcome.exit_code == 0, outcome.output
    assert len(outcome.output.strip().splitlines()) == 13


@pytest.mark.usefixtures("quick_machine")
def test_the_estimator_takes_a_torch_data_set():
    items = [(scene(n, (8, 8)), ("a", "b")[n % 2]) for n in range(24)]
    model = NeuralFinder(**FAST).fit(Pairs(items))
    assert model.predict(np.asarray(items[0][0])[np.newaxis])[0] in ("a", "b")


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


@pytest.mark.usefixtures("quick_machine")
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


@pytest.mark.usefixtures("quick_machine")
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


@pytest.mark.thorough
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


@pytest.mark.usefixtures("quick_machine")
@pytest.mark.slow
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
