"""Tables and lists that name files: by paths, by names or ids, or by what is in them; and classes that names tell."""

from __future__ import annotations

import io
import os

import numpy as np
import pytest
from loading import load, write_csv
from PIL import Image

from neuralfinder.data import source_of
from neuralfinder.data.inputs import blocks_at
from neuralfinder.data.named import Pattern
from neuralfinder.errors import InputError
from neuralfinder.types import Shape

SHAPE = Shape(1, 8, 8)


def picture(number: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(number).integers(0, 256, (8, 8), dtype=np.uint8))


def pictures(folder, names):
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        picture(number).save(folder / name)
    return folder


def check_pictures(data, count=8):
    assert data.samples.shape == (count, 1, 8, 8)
    for row in range(count):
        np.testing.assert_array_equal(data.samples[row, 0], np.asarray(picture(row)))


@pytest.mark.parametrize("column", ["id", "image_id", "text"])
@pytest.mark.parametrize("below", ["", "images", "train/deep"])
@pytest.mark.parametrize("cell", ["{}", "{}.png", "elsewhere/{}.png", "ISIC_{}"])
def test_a_table_of_ids_beside_pictures(tmp_path, column, below, cell):
    stem = "ISIC_{}" if "ISIC" in cell else "{}"
    pictures(tmp_path / below, [f"{stem.format(number)}.png" for number in range(8)])
    rows = [(cell.format(number), "ab"[number % 2]) for number in range(8)]
    file = write_csv(tmp_path / "labels.csv", rows, (column, "label"))
    data = load(file)
    check_pictures(data)
    assert f"Pictures are in column '{column}'" in " ".join(data.notes)
    asked = write_csv(tmp_path / "new.csv", [(row[0],) for row in rows], ("image",))
    (block,) = blocks_at([asked], SHAPE)
    np.testing.assert_array_equal(block.samples, data.samples)


def test_texts_stay_texts_where_they_name_no_files_or_are_asked_for(tmp_path):
    pictures(tmp_path, [f"{number}.png" for number in range(8)])
    words = [(f"word{number}", "ab"[number % 2]) for number in range(8)]
    assert load(write_csv(tmp_path / "words.csv", words)).is_text
    mostly = [(f"{number}" if number else "zero", "ab"[number % 2]) for number in range(8)]
    assert load(write_csv(tmp_path / "mostly.csv", mostly)).is_text
    ids = [(f"{number}", "ab"[number % 2]) for number in range(8)]
    assert load(write_csv(tmp_path / "ids.csv", ids), text="text").is_text


def test_a_name_of_two_files_is_refused(tmp_path):
    for folder in ("images", "masks"):
        pictures(tmp_path / folder, [f"{number}.png" for number in range(8)])
    file = write_csv(tmp_path / "labels.csv", [(number, "ab"[number % 2]) for number in range(8)], ("id", "label"))
    with pytest.raises(InputError, match=r"'0' in the table is the name of 2 files: images/0.png, masks/0.png"):
        load(file)


@pytest.mark.parametrize("wrong", ["pipe", "gone", "link to nowhere"])
def test_paths_that_lie_where_they_say_are_taken_so_though_one_does_not(tmp_path, wrong):
    for folder in ("cat", "dog"):
        pictures(tmp_path / folder, [f"{number}.png" for number in range(4)])
    if wrong != "gone":
        (tmp_path / "cat" / "x.png").symlink_to("nowhere") if "link" in wrong else os.mkfifo(tmp_path / "cat" / "x.png")
    rows = [(f"{label}/{name}.png", label) for label in ("cat", "dog") for name in (*range(4), *"x"[: label == "cat"])]
    data = load(write_csv(tmp_path / "a.csv", rows, ("image", "label")))
    assert len(data.labels) == 8
    assert "1 unreadable pictures were left out: cat/x.png" in " ".join(data.notes)


def test_a_list_of_paths_without_suffix_or_with_an_odd_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pictures(tmp_path / "a", [f"{number}.png" for number in range(8)])
    check_pictures(load([f"a/{number}" for number in range(8)], labels=["x", "y"] * 4))
    for number in range(8):
        (tmp_path / "a" / f"{number}.png").rename(tmp_path / "a" / f"{number}.scan")
    check_pictures(load([f"a/{number}.scan" for number in range(8)], labels=["x", "y"] * 4))
    assert load([f"a/{number} and more" for number in range(8)], labels=["x", "y"] * 4).is_text


def test_a_home_in_tables_and_lists_is_written_out(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(pictures(tmp_path / "home", [f"{number}.png" for number in range(8)])))
    paths, labels = [f"~/{number}.png" for number in range(8)], ["x", "y"] * 4
    check_pictures(load(paths, labels=labels))
    check_pictures(load(write_csv(tmp_path / "a.csv", zip(paths, labels, strict=True), ("image", "label"))))
    (tmp_path / "a.csv").rename(tmp_path / "home" / "a.csv")
    check_pictures(load("~/a.csv"))
    (block,) = blocks_at(["~/3.png"], SHAPE)
    np.testing.assert_array_equal(block.samples[0, 0], np.asarray(picture(3)))


@pytest.mark.parametrize("column", ["image", "png", "what"])
@pytest.mark.parametrize("form", ["bytes", "datasets"])
def test_pictures_in_parquet(tmp_path, column, form):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    cells = []
    for number in range(8):
        file = io.BytesIO()
        picture(number).save(file, "PNG")
        cells.append(file.getvalue() if form == "bytes" else {"bytes": file.getvalue(), "path": f"{number}.png"})
    parquet.write_table(pa.table({column: cells, "label": ["a", "b"] * 4}), tmp_path / "a.parquet")
    data = load(tmp_path / "a.parquet")
    check_pictures(data)
    parquet.write_table(
        pa.table({column: [*cells[:3], b"none" if form == "bytes" else None]}), tmp_path / "new.parquet"
    )
    (block,) = blocks_at([tmp_path / "new.parquet"], SHAPE)
    np.testing.assert_array_equal(block.samples, data.samples[:3])
    assert [*block.errors] == [3]


@pytest.mark.parametrize(
    ("pattern", "name", "label"),
    [
        ("{class}_*", "cat_12.png", "cat"),
        ("{class}_*", "cat_12_b.png", "cat"),
        ("{class}.*", "cat.0.jpg", "cat"),
        ("{class}_#", "german_shepherd_12.jpg", "german_shepherd"),
        ("*_{class}", "12_dog.png", "dog"),
        ("*_{class}_*_*", "39_1_0_2017.jpg", "1"),
        ("{class}-*.png", "cat-1.png", "cat"),
        ("{class}(#)", "cat(1).png", "cat"),
        ("{class}_*", "cat.png", None),
        ("{class}_#", "cat_x.png", None),
        ("{class}_*", "_12.png", None),
    ],
)
def test_names_tell_classes(pattern, name, label):
    assert Pattern(pattern).label_of(name) == label


def test_folders_whose_names_of_files_tell_classes(tmp_path):
    names = [f"{label}_{number}.png" for label in ("cat", "dog") for number in range(4)]
    pictures(tmp_path / "flat", names)
    data = load(tmp_path / "flat", label_from_name="{class}_*")
    check_pictures(data)
    assert data.classes == ("cat", "dog")
    assert data.names == tuple(sorted(names))
    assert "tell their classes, by '{class}_*'" in " ".join(data.notes)
    pictures(tmp_path / "parts" / "train", names)
    pictures(tmp_path / "parts" / "test" / "deep", names[2:6])
    data = load(tmp_path / "parts", label_from_name="{class}_*")
    assert (data.free.sum(), data.given_test.sum()) == (8, 4)
    pictures(tmp_path / "flat", ["cow.png", "hen.png"])
    with pytest.raises(InputError, match=r"2 of 10 pictures whose names do not fit: cow.png, hen.png; .*another"):
        load(tmp_path / "flat", label_from_name="{class}_*")
    with pytest.raises(InputError, match=r"'cat_\*'; expected a pattern with \{class\} in it once"):
        source_of(tmp_path / "flat", label_from_name="cat_*")
    with pytest.raises(InputError, match="label_from_name is .* for a table; expected a setting of folders"):
        source_of(write_csv(tmp_path / "a.csv", [("a", "b")]), label_from_name="{class}_*")


@pytest.mark.parametrize("where", ["", "train"])
def test_the_mend_for_flat_folders_says_so(tmp_path, where):
    pictures(tmp_path / where, ["cat_1.png", "dog_1.png"])
    pictures(tmp_path / where.replace("train", "test"), ["cat_2.png"])
    with pytest.raises(InputError, match=r"as in --label-from-name '\{class\}_\*'"):
        load(tmp_path)


def test_groups_and_names_that_tell_classes_go_together(tmp_path):
    for person in ("ann", "bob", "cem", "dia"):
        pictures(tmp_path / person, [f"{label}_{number}.png" for label in ("cat", "dog") for number in range(2)])
    data = load(tmp_path, label_from_name="{class}_*", group=1)
    assert set(data.given_groups) == {"ann", "bob", "cem", "dia"}


def test_suffixes_that_are_there_are_named_where_nothing_can_be_read(tmp_path):
    for name in ("a.dcm", "b.dcm", "c.raw"):
        (tmp_path / name).touch()
    (block,) = blocks_at([tmp_path], SHAPE)
    assert "a folder without pictures, but with files of other suffixes: .dcm (2), .raw (1)" in str(block.errors[0])
    (tmp_path / "a.csv").write_text("id,label\n")
    with pytest.raises(InputError, match=r"\.dcm \(2\).*give the table '.*a.csv' as the data"):
        load(tmp_path)
    for packed in ("a.tar.gz", "a.7z"):
        (tmp_path / packed).touch()
        with pytest.raises(InputError, match="unpack it and give the folder, or make a zip file"):
            load(tmp_path / packed)
