"""Zip files of folders: read as the folder, and refused by name where they lie or would harm."""

from __future__ import annotations

import re
import shutil
import stat
import zipfile
import zlib
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from loading import fingerprint, load
from PIL import Image
from sentences import sentences

from neuralfinder.data import archives
from neuralfinder.data.inputs import blocks_at
from neuralfinder.errors import InputError, MachineError
from neuralfinder.types import Shape

SHAPE = Shape(1, 8, 8)


def tree(root: Path, count: int = 4) -> Path:
    rng = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (root / label).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8)).save(root / label / f"{number}.png")
    return root


def packed(path: Path, root: Path, inside: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(root.rglob("*.*")):
            archive.write(file, f"{inside}{file.relative_to(root)}")
    return path


@pytest.mark.parametrize("inside", ["", "photos/", "data/my photos/"])
def test_the_same_as_the_folder_that_is_in_it(tmp_path, inside):
    folder = tree(tmp_path / "set")
    path = packed(tmp_path / "photos.ZIP", folder, inside)
    plain, data = load(folder), load(path, tmp_path / "scratch")
    np.testing.assert_array_equal(data.samples, plain.samples)
    assert (data.name, data.classes, data.names) == ("photos", ("cat", "dog"), plain.names)
    assert data.fingerprint == fingerprint(path)
    assert all(Path(file).is_file() for file in data.files)
    assert any("photos.ZIP was unpacked" in note and (inside.rstrip("/") in note) for note in data.notes)


def test_parts_and_names_that_tell_classes_are_known_in_it_too(tmp_path):
    tree(tmp_path / "set" / "train")
    tree(tmp_path / "set" / "valid", 2)
    data = load(packed(tmp_path / "a.zip", tmp_path / "set", "set/"))
    assert data.held.tolist() == [False] * 8 + [True] * 4
    for file in sorted((tmp_path / "set" / "train").rglob("*.png")):
        file.rename(tmp_path / f"{file.parent.name}_{file.name}")
    shutil.rmtree(tmp_path / "set")
    data = load(packed(tmp_path / "b.zip", tmp_path), label_from_name="{class}_*")
    assert (data.classes, len(data.labels)) == (("cat", "dog"), 8)


def test_texts_and_a_second_one_that_is_the_test_part(tmp_path):
    for part, count in (("one", 40), ("two", 16)):
        for number, (text, label) in enumerate(zip(*sentences(count), strict=True)):
            (tmp_path / part / label).mkdir(parents=True, exist_ok=True)
            (tmp_path / part / label / f"{number}.txt").write_text(text, encoding="utf-8")
    one, two = (packed(tmp_path / f"{part}.zip", tmp_path / part) for part in ("one", "two"))
    data = load(one, tmp_path / "scratch", test=two)
    assert data.is_text
    assert (data.free.sum(), data.given_test.sum()) == (40, 16)


def test_names_of_the_archiver_of_macos_are_utf_8(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in tree(tmp_path / "set").rglob("*.png"):
            archive.write(file, f"{file.parent.name.replace('cat', 'été')}/{file.name}")
            archive.writestr(f"__MACOSX/{file.parent.name}/._{file.name}", b"x")
    raw = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):  # the flag that says so is not set there
        at = raw.find(mark)
        while at >= 0:
            raw[at + place + 1] &= ~0x08
            at = raw.find(mark, at + 1)
    path.write_bytes(raw)
    assert load(path).classes == ("dog", "été")


def test_predictions_are_of_its_files_in_order(tmp_path):
    folder = tree(tmp_path / "set")
    (folder / "cat" / "1.png").write_bytes(b"none")
    (block,) = blocks_at([packed(tmp_path / "a.zip", folder)], SHAPE)
    assert [name.rpartition("a.zip/")[2] for name in block.names] == [
        f"{label}/{number}.png" for label in ("cat", "dog") for number in range(4)
    ]
    assert [*block.errors] == [1]
    assert "cat/1.png is unreadable: not a picture" in str(block.errors[1])
    np.testing.assert_array_equal(block.samples[0, 0], np.asarray(Image.open(folder / "cat" / "0.png")))


def test_what_is_wrong_in_it_is_said_of_the_file_that_the_user_gave(tmp_path):
    tree(tmp_path / "set" / "images")
    shutil.rmtree(tmp_path / "set" / "images" / "dog")
    (tmp_path / "set" / "labels.csv").write_text("id,label")
    path = packed(tmp_path / "a.zip", tmp_path / "set")
    with pytest.raises(InputError, match=r"/a.zip is .* one class only .*unpack it, and give the table '.*/a.zip/l"):
        load(path, tmp_path / "scratch")


def entry(name: str, **own: int) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.compress_type = zipfile.ZIP_DEFLATED
    for key, value in own.items():
        setattr(made, key, value)
    return made


LINK = (stat.S_IFLNK | 0o777) << 16


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([entry("../cat/x.png")], r"would lie elsewhere \('../cat/x.png'\)"),
        ([entry("cat/../../x.png")], "would lie elsewhere"),
        ([entry("/etc/x.png")], "would lie elsewhere"),
        ([entry("..\\cat\\x.png")], "would lie elsewhere"),
        ([entry("C:\\cat\\x.png")], "would lie elsewhere"),
        ([entry("cat/x.png", external_attr=LINK)], r"with 'cat/x.png', a link; .*pack files alone"),
        ([entry("cat/p.png", external_attr=(stat.S_IFIFO | 0o666) << 16)], "'cat/p.png', a pipe"),
        ([entry("cat/x.png"), entry("cat\\x.png")], "with 'cat/x.png' twice"),
        ([entry("cow"), entry("cow/x.png")], "with 'cow/x.png' below a file of the name of its folder"),
    ],
    ids=str,
)
def test_what_would_harm_is_refused_by_name(tmp_path, entries, message):
    path = packed(tmp_path / "a.zip", tree(tmp_path / "set"))
    with zipfile.ZipFile(path, "a") as archive:
        for one in entries:
            archive.writestr(one, b"content")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=message):
        load(path, tmp_path / "scratch")
    (block,) = blocks_at([path], SHAPE)
    assert re.search(message, str(block.errors[0]))
    assert sorted(tmp_path.rglob("*")) == before


def test_encrypted_ones_and_unusual_methods_are_named(tmp_path):
    path = packed(tmp_path / "a.zip", tree(tmp_path / "set"))
    for offset, value, message in (
        (8, b"\x01", r"encrypted \('cat/0.png'\); .*unpack it with its password and give the folder"),
        (10, b"\x63", r"packed by method 99 \('cat/0.png'\)"),
    ):
        raw = bytearray(path.read_bytes())
        at = raw.find(b"PK\x01\x02")
        raw[at + offset : at + offset + 1] = value
        (tmp_path / "b.zip").write_bytes(raw)
        with pytest.raises(InputError, match=message):
            fingerprint(tmp_path / "b.zip")


def test_bombs_are_refused_before_a_byte_is_written(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("cat/0.bmp", bytes(1 << 22))
    with pytest.raises(InputError, match=r"bytes that claim to become 4,194,304; .*more than 200 times the size"):
        load(path, tmp_path / "scratch")
    folder = tree(tmp_path / "set")
    whole = packed(tmp_path / "b.zip", folder)
    few = shutil.disk_usage(tmp_path)._replace(free=100)
    with (
        patch.object(archives.shutil, "disk_usage", return_value=few),
        pytest.raises(InputError, match="at most half of the 100 bytes that are free"),
    ):
        load(whole, tmp_path / "scratch")
    assert not [*(tmp_path / "scratch").rglob("*.*")]
    with patch.object(archives, "MOST_FILES", 7), pytest.raises(InputError, match="of 8 files; .*at most 7 files"):
        fingerprint(whole)


def test_a_file_that_claims_less_than_it_holds_is_told(tmp_path):
    path, content = tmp_path / "a.zip", bytes(range(256)) * 40
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("cat/0.png", content)
    raw = path.read_bytes().replace(len(content).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    path.write_bytes(raw.replace(zlib.crc32(content).to_bytes(4, "little"), bytes(4)))
    with pytest.raises(InputError, match="a.zip is unreadable .*Bad CRC"):
        load(path, tmp_path / "scratch")
    assert not [*(tmp_path / "scratch").rglob("*.png")]


def test_a_full_disk_is_the_machines_fault_and_leaves_nothing_half(tmp_path):
    path = packed(tmp_path / "a.zip", tree(tmp_path / "set"))
    full = OSError(28, "No space left on device")
    with (
        patch.object(archives.shutil, "copyfileobj", side_effect=full),
        pytest.raises(MachineError, match="free space"),
    ):
        load(path, tmp_path / "scratch")
    assert len(load(path, tmp_path / "scratch").labels) == 8
