"""A few samples for people to look at."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image
from scenes import scene

from neuralfinder.data import Divided, from_arrays, source_of
from neuralfinder.data.samples import LARGEST, SHOWN, some_samples
from neuralfinder.data.texts import from_texts


def picture(address):
    return Image.open(io.BytesIO(base64.b64decode(address.partition("base64,")[2])))


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Forty photos of 600 x 400 in two classes, and what is kept of them."""
    root = tmp_path_factory.mktemp("photos")
    for number in range(40):
        path = root / ("day", "night")[number % 2] / f"{number:02}.jpg"
        path.parent.mkdir(exist_ok=True)
        scene(number, (600, 400)).save(path)
    return Divided.of(source_of(root).load(), 0)


def test_pictures_are_told_as_they_come_and_as_they_are_kept(photos):
    told = some_samples(photos)
    assert len(told) == SHOWN
    assert [row["label"] for row in told] == ["day", "night"] * (SHOWN // 2)
    for row in told:
        assert row["came"] == [400, 600]
        assert row["kept"] == list(photos.coded.samples.shape[2:])
        assert max(picture(row["original"]).size) <= LARGEST
        assert max(picture(row["picture"]).size) <= LARGEST
    assert sum(len(row["picture"]) + len(row["original"]) for row in told) < 400_000


def test_no_sample_of_validation_or_test_is_told(photos):
    names = {photos.coded.name_of(row) for row in photos.split.train}
    assert {row["name"] for row in some_samples(photos)} <= names


def test_a_small_picture_is_told_to_the_last_pixel():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (40, 1, 8, 8), dtype=np.uint8)
    data = Divided.of(from_arrays(X, np.arange(40) % 2), 0)
    row = some_samples(data)[0]
    place = int(row["name"].removeprefix("row "))
    assert (np.asarray(picture(row["picture"])) == X[place, 0]).all()
    assert "original" not in row


def test_a_file_that_is_gone_is_told_as_it_is_kept(photos, tmp_path):
    for number in range(40):
        path = tmp_path / ("day", "night")[number % 2] / f"{number:02}.png"
        path.parent.mkdir(exist_ok=True)
        scene(number, (60, 40)).save(path)
    data = Divided.of(source_of(tmp_path).load(), 0)
    for path in tmp_path.glob("*/*.png"):
        path.unlink()
    assert all("picture" in row and "original" not in row for row in some_samples(data))


def test_texts_are_told_with_the_tokens_that_are_read():
    texts = [f"a {word} caf\u00e9 number {place}" for place in range(20) for word in ("red", "blue")]
    told = some_samples(Divided.of(from_texts(texts, ["red", "blue"] * 20), 0))
    for row in told:
        assert row["text"] in texts
        assert row["label"] in row["text"]
        assert "".join(row["read"]).replace(" ", "") == row["text"].replace(" ", "")
        assert len(row["read"]) > 1
