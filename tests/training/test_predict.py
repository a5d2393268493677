"""Answers about files, from a network whose answer is known: the brighter, the more of the last class."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from neuralfinder.errors import InputError
from neuralfinder.training.predict import predictions
from neuralfinder.types import Shape


class Brightness:
    """Stands in for a model: the probability of `bright` is the mean pixel over 255."""

    shape, fit = Shape(1, 4, 4), "stretch"
    classes = ("dark", "bright")

    def probabilities(self, pictures):
        bright = pictures.reshape(len(pictures), -1).mean(1) / 255
        return np.stack([1 - bright, bright], axis=1)


def grey(path, value, size=(4, 4)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, value).save(path)
    return path


def test_inputs_are_answered_in_the_order_given(tmp_path):
    grey(tmp_path / "b" / "2.png", 255)
    grey(tmp_path / "b" / "1.jpg", 0)
    grey(tmp_path / "b" / "inner" / "3.png", 51)
    single = grey(tmp_path / "a.png", 204, size=(9, 7))
    np.savez(tmp_path / "c.npz", X=np.full((2, 4, 4), 102, np.uint8), names=np.zeros(3))
    rows = predictions(Brightness(), [tmp_path / "b", tmp_path / "c.npz", single])
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
    assert abs(predictions(model, [tmp_path / "wide.png"])[0]["probability"] - max(bright, 1 - bright)) < 0.05


def test_a_folder_may_itself_be_hidden(tmp_path):
    """Only what is hidden within the folder given is passed over."""
    folder = tmp_path / ".cache" / "pictures"
    grey(folder / "1.png", 255)
    grey(folder / ".thumbnails" / "1.png", 0)
    grey(folder / "__MACOSX" / "1.png", 0)
    (row,) = predictions(Brightness(), [folder])
    assert (row["input"], row["label"]) == (str(folder / "1.png"), "bright")


def test_a_broken_picture_is_named(tmp_path):
    grey(tmp_path / "1.png", 0)
    (tmp_path / "2.png").write_bytes((tmp_path / "1.png").read_bytes()[:40])
    with pytest.raises(InputError, match=r"2\.png is unreadable: .*replace it or leave it out"):
        predictions(Brightness(), [tmp_path])


def test_a_link_to_nowhere_is_passed_over_in_a_folder(tmp_path):
    grey(tmp_path / "1.png", 255)
    (tmp_path / "2.png").symlink_to(tmp_path / "gone.png")
    (row,) = predictions(Brightness(), [tmp_path])
    assert row["input"] == f"{tmp_path}/1.png"
    with pytest.raises(InputError, match=r"2\.png is unreadable: no such file"):
        predictions(Brightness(), [tmp_path / "2.png"])


def test_a_folder_named_like_a_file_of_arrays(tmp_path):
    grey(tmp_path / "set.npz" / "1.png", 255)
    (row,) = predictions(Brightness(), [tmp_path / "set.npz"])
    assert row["label"] == "bright"
