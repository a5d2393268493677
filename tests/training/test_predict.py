"""Answers about files, from a network whose answer is known: the brighter, the more of the last class."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from neuralfinder.data import inputs
from neuralfinder.training.predict import predictions
from neuralfinder.types import Shape


class Brightness:
    """Stands in for a model: the probability of `bright` is the mean pixel over 255."""

    shape, fit, seen, span = Shape(1, 4, 4), "stretch", None, None
    classes = ("dark", "bright")

    def probabilities(self, pictures):
        bright = pictures.reshape(len(pictures), -1).mean(1) / 255
        return np.stack([1 - bright, bright], axis=1)


def grey(path, value, size=(4, 4)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, value).save(path)
    return path


def rows_of(*paths, model=None, **options):
    return [row for block in predictions(model or Brightness(), paths, **options) for row in block]


def test_inputs_are_answered_in_the_order_given(tmp_path):
    grey(tmp_path / "b" / "2.png", 255)
    grey(tmp_path / "b" / "1.jpg", 0)
    grey(tmp_path / "b" / "inner" / "3.png", 51)
    single = grey(tmp_path / "a.png", 204, size=(9, 7))
    np.savez(tmp_path / "c.npz", X=np.full((2, 4, 4), 102, np.uint8), names=np.zeros(3))
    rows = rows_of(tmp_path / "b", tmp_path / "c.npz", single)
    assert [(row["input"], row["label"], round(row["probability"], 2)) for row in rows] == [
        (f"{tmp_path}/b/1.jpg", "dark", 1.0),
        (f"{tmp_path}/b/2.png", "bright", 1.0),
        (f"{tmp_path}/b/inner/3.png", "dark", 0.8),
        (f"{tmp_path}/c.npz[0]", "dark", 0.6),
        (f"{tmp_path}/c.npz[1]", "dark", 0.6),
        (f"{tmp_path}/a.png", "bright", 0.8),
    ]
    assert rows[-1]["probabilities"] == pytest.approx({"dark": 0.2, "bright": 0.8}, abs=0.01)


@pytest.mark.parametrize(("fit", "bright"), [("stretch", 1 / 3), ("crop", 1.0)])
def test_files_are_brought_to_the_shape_as_in_training(tmp_path, fit, bright):
    wide = np.zeros((4, 12), np.uint8)
    wide[:, 4:8] = 255
    Image.fromarray(wide).save(tmp_path / "wide.png")
    model = Brightness()
    model.fit = fit
    assert abs(rows_of(tmp_path / "wide.png", model=model)[0]["probability"] - max(bright, 1 - bright)) < 0.05


def test_a_folder_may_itself_be_hidden(tmp_path):
    """Only what is hidden within the folder given is passed over."""
    folder = tmp_path / ".cache" / "pictures"
    grey(folder / "1.png", 255)
    grey(folder / ".thumbnails" / "1.png", 0)
    grey(folder / "__MACOSX" / "1.png", 0)
    (row,) = rows_of(folder)
    assert (row["input"], row["label"]) == (str(folder / "1.png"), "bright")


def test_a_link_to_nowhere_is_told_in_a_folder(tmp_path):
    grey(tmp_path / "1.png", 255)
    (tmp_path / "2.png").symlink_to(tmp_path / "gone.png")
    row, lost = rows_of(tmp_path)
    assert row["input"] == f"{tmp_path}/1.png"
    assert "2.png is unreadable: no such file" in lost["error"]
    assert "2.png is unreadable: no such file" in rows_of(tmp_path / "2.png")[0]["error"]


def test_a_folder_named_like_a_file_of_arrays(tmp_path):
    grey(tmp_path / "set.npz" / "1.png", 255)
    (row,) = rows_of(tmp_path / "set.npz")
    assert row["label"] == "bright"


# many files, some of them bad


BAD = {0: b"", 31: b"no picture", 32: b"", 117: None, 199: b"\x89PNG\r\n\x1a\n"}
"""Content of bad files by number, `None` for one that is not there: the first and last of blocks among them."""


def many(folder):
    """200 files, each as bright as its number says."""
    paths = [folder / f"{number:03}.png" for number in range(200)]
    for number, path in enumerate(paths):
        if number not in BAD:
            grey(path, number)
        elif BAD[number] is not None:
            path.write_bytes(BAD[number])
    return paths


@pytest.fixture
def in_blocks(monkeypatch):
    """Blocks of 32; the list has the number of pictures decoded since the last one that was answered."""
    monkeypatch.setattr(inputs, "AT_ONCE", 32)
    decoded = [0]
    read = inputs.read_picture

    def counted(*path, **others):
        decoded[-1] += 1
        return read(*path, **others)

    monkeypatch.setattr(inputs, "read_picture", counted)
    return decoded


def test_bad_files_are_rows_in_their_place_and_one_block_is_decoded_at_once(tmp_path, in_blocks):
    paths, told = many(tmp_path), []
    rows = []
    for block in predictions(Brightness(), paths, progress=lambda *numbers: told.append(numbers)):
        rows += block
        assert len(rows) == sum(in_blocks)  # nothing was decoded ahead
        in_blocks.append(0)
    assert max(in_blocks) == 32
    assert [row["input"] for row in rows] == [str(path) for path in paths]
    assert [number for number, row in enumerate(rows) if "error" in row] == sorted(BAD)
    for number, row in enumerate(rows):
        if number in BAD:
            assert row["error"].startswith(f"{paths[number]} is unreadable: ")
            assert row.keys() == {"input", "error"}
        else:
            assert row["probabilities"]["bright"] == pytest.approx(number / 255, abs=1e-6)
    assert told == [(done, 200) for done in (*range(32, 200, 32), 200)]


def test_a_folder_says_how_many_there_are(tmp_path, in_blocks):
    (tmp_path / "many").mkdir()
    many(tmp_path / "many")
    np.savez(tmp_path / "c.npz", X=np.zeros((40, 4, 4), np.uint8))
    told = []
    rows = rows_of(tmp_path / "many", tmp_path / "c.npz", progress=lambda *numbers: told.append(numbers))
    assert len(rows) == 199 + 40  # what is not there is not in the folder
    assert told[0] == (32, 200)
    assert told[-1] == (239, 239)


def test_large_pictures_come_in_smaller_blocks(tmp_path, in_blocks, monkeypatch):
    monkeypatch.setattr(inputs, "BYTES_AT_ONCE", 5 * 16)
    many(tmp_path)
    next(predictions(Brightness(), [tmp_path]))
    assert in_blocks == [5]


def test_large_pictures_are_decoded_side_by_side_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr("neuralfinder.data.reading.THREADS_FROM", 16)
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    paths = many(tmp_path)
    rows = rows_of(*paths)
    assert [row["input"] for row in rows] == [str(path) for path in paths]
    assert [number for number, row in enumerate(rows) if "error" in row] == sorted(BAD)
    bright = [(row["probabilities"]["bright"] * 255, number) for number, row in enumerate(rows) if number not in BAD]
    assert [number for value, number in bright if value != pytest.approx(number)] == []


def test_a_block_of_nothing_but_bad_files(tmp_path):
    rows = rows_of(tmp_path / "1.png", tmp_path / "2.npz", tmp_path, tmp_path / f"{'long' * 99}.png")
    reasons = ("no such file", "no such file", "a folder without pictures", "unreadable: File name too long")
    assert [reason in row["error"] for reason, row in zip(reasons, rows, strict=True)] == [True] * 4


def test_bad_rows_of_a_table_are_rows_in_their_place(tmp_path):
    grey(tmp_path / "1.png", 255)
    (tmp_path / "a.jsonl").write_text('{"path": "1.png"}\n{"path": 7}\n{}\n{"path": "2.png"}\n{"path": "1.png"}\n')
    rows = rows_of(tmp_path / "a.jsonl")
    assert [row.get("label") for row in rows] == ["bright", None, None, None, "bright"]
    assert rows[1]["input"] == f"{tmp_path}/a.jsonl[1]"
    assert rows[1]["error"].startswith("row 1 of a.jsonl is of type int; expected the path of a picture")
    assert rows[2]["error"].startswith("row 2 of a.jsonl is without a path")
    assert rows[3]["error"].startswith(f"{tmp_path}/2.png is unreadable: no such file")


class Four:
    """Stands in for a model with four classes, which answers the same about all."""

    shape, fit, seen, span, classes = Shape(1, 4, 4), "stretch", None, None, ("a", "b", 3, 4.5)

    def probabilities(self, pictures):
        return np.tile([0.125, 0.5, 0.125, 0.25], (len(pictures), 1))


@pytest.mark.parametrize("top", [1, 3, 9])
def test_the_likeliest_are_told_in_order(tmp_path, top):
    (row,) = rows_of(grey(tmp_path / "1.png", 0), model=Four(), top=top)
    best = [("b", 0.5), (4.5, 0.25), ("a", 0.125), (3, 0.125)][:top]  # of equal ones the first
    assert [(one["label"], one["probability"]) for one in row["top"]] == best
    assert (row["label"], row["probability"]) == best[0]
    assert "probabilities" not in row


@pytest.mark.parametrize(
    ("threshold", "label", "sure"), [(0.0, "b", True), (0.5, "b", True), (0.51, "not sure", False)]
)
def test_below_the_threshold_an_answer_is_not_sure(tmp_path, threshold, label, sure):
    (row,) = rows_of(grey(tmp_path / "1.png", 0), model=Four(), threshold=threshold, top=2)
    assert (row["label"], row["sure"], row["probability"]) == (label, sure, 0.5)
    assert row["top"][0] == {"label": "b", "probability": 0.5}
    assert "sure" not in rows_of(tmp_path / "1.png", model=Four())[0]
