"""Folders and files in: layouts, notes, identity and what is refused."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from loading import fingerprint, load
from PIL import Image, ImageFile, features

from neuralfinder.data import mapped, pictures, reading
from neuralfinder.data.inputs import blocks_at
from neuralfinder.errors import InputError
from neuralfinder.types import Shape


def save(path, colour=(10, 20, 30), size=(8, 6)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


def tree(root, classes=("cat", "dog"), count=4, size=(8, 6)):
    for number, name in enumerate(classes):
        for i in range(count):
            save(root / name / f"{i}.png", (10 * number + i, 0, 0), size)
    return root


def check_note(data, text):
    assert any(text in note for note in data.notes), data.notes


def test_a_folder_of_classes(tmp_path):
    data = load(tree(tmp_path / "pets"))
    assert (data.name, data.classes, data.shape) == ("pets", ("cat", "dog"), Shape(3, 6, 8))
    assert data.labels.tolist() == [0] * 4 + [1] * 4
    assert data.samples[:, 0, 2, 3].tolist() == [0, 1, 2, 3, 10, 11, 12, 13]
    assert not data.given_test.any()
    check_note(data, "8 pictures of 2 classes: cat 4, dog 4.")
    check_note(data, "6 high and 8 wide, in colour; none was resized")


def test_train_and_test_folders_equal_two_folders_given_apart(tmp_path):
    tree(tmp_path / "Train")
    tree(tmp_path / "test", count=2)
    save(tmp_path / "more" / "cat" / "0.png")
    data = load(tmp_path)
    assert data.given_test.tolist() == [False] * 8 + [True] * 4
    assert data.labels.tolist() == [0] * 4 + [1] * 4 + [0, 0, 1, 1]
    check_note(data, "Folders beside Train and test were ignored: more.")
    apart = load(tmp_path / "Train", test=tmp_path / "test")
    np.testing.assert_array_equal(apart.samples, data.samples)
    assert apart.given_test.tolist() == data.given_test.tolist()
    assert apart.fingerprint == data.fingerprint == fingerprint(tmp_path)
    assert fingerprint(tmp_path / "Train") != data.fingerprint


def test_size_and_channels_come_from_the_training_part(tmp_path):
    for i in range(6):
        (tmp_path / "train" / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        Image.new("L", (5, 4), i).save(tmp_path / "train" / "ab"[i % 2] / f"{i}.png")
    tree(tmp_path / "test", ("a",), size=(50, 40))
    data = load(tmp_path)
    assert data.shape == Shape(1, 4, 5)
    check_note(data, "4 of 10 were resized")
    check_note(data, "The test part has no picture of: 'b'.")


def test_fingerprint_is_cheap_portable_and_sees_changes(tmp_path):
    first = tree(tmp_path / "one")
    known = fingerprint(first)
    assert known == load(first).fingerprint
    assert fingerprint(shutil.copytree(first, tmp_path / "two")) == known
    (first / "cat" / "note.txt").write_text("no picture")
    assert fingerprint(first) == known
    (first / "cat" / "0.png").rename(first / "cat" / "9.png")
    assert fingerprint(first) != known
    with (tmp_path / "two" / "dog" / "1.png").open("ab") as file:
        file.write(b"more")
    assert fingerprint(tmp_path / "two") != known


def test_other_files_are_ignored_counted_and_loops_harmless(tmp_path):
    tree(tmp_path)
    save(tmp_path / "cat" / "deep" / "er" / "9.PNG", (99, 0, 0))
    save(tmp_path / "cat" / ".thumbs" / "0.png")
    save(tmp_path / ".hidden" / "0.png")
    (tmp_path / "cat" / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "cat" / "round").symlink_to(tmp_path)
    (tmp_path / "up").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("hello")
    data = load(tmp_path)
    assert data.classes == ("cat", "dog")
    assert data.samples[:5, 0, 0, 0].tolist() == [0, 1, 2, 3, 99]
    check_note(data, "were ignored, 2 hidden, 1 links to folders, 1 without a picture's suffix: .hidden, cat/.thumbs, ")
    check_note(data, "1 sub-folders of")
    check_note(data, "without pictures were ignored: docs.")
    check_note(data, "no class folders were ignored: README.md, self, up.")


def test_class_folders_may_be_links_and_names_any_unicode(tmp_path):
    tree(tmp_path / "store", ("chien", "猫"))
    (tmp_path / "data").mkdir()
    for name in ("chien", "猫"):
        (tmp_path / "data" / name).symlink_to(tmp_path / "store" / name)
    data = load(tmp_path / "data")
    assert data.classes == ("chien", "猫")
    assert len(data.labels) == 8


def test_digits_are_the_default_and_a_folder_of_that_name_needs_a_separator(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    digits = load("digits")
    assert digits.samples.shape == (1797, 1, 8, 8)
    assert digits.samples.dtype == np.uint8
    assert (digits.samples.min(), digits.samples.max()) == (0, 255)
    assert digits.classes == tuple(range(10))
    assert digits.fingerprint == fingerprint("digits")
    tree(tmp_path / "digits")
    check_note(load("digits"), "Write './digits' for it")
    assert load("./digits").classes == ("cat", "dog")
    with pytest.raises(InputError, match=r"test is 'x' for a bundled data set; expected no test part.*leave it out"):
        load("digits", test="x")


def test_npz(tmp_path):
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 256, (12, 5, 5), dtype=np.uint8), np.array(["a", "b", "c"] * 4)
    np.savez(tmp_path / "all.npz", X=X, y=y, X_test=X[:3], y_test=y[:3])
    np.savez_compressed(tmp_path / "some.npz", X=X, y=y)
    np.savez(tmp_path / "rest.npz", X=X[:3], y=y[:3])
    data = load(tmp_path / "all.npz")
    assert (data.name, data.classes, data.given_test.sum()) == ("all", ("a", "b", "c"), 3)
    np.testing.assert_array_equal(data.samples[:12, 0], X)
    apart = load(tmp_path / "some.npz", test=tmp_path / "rest.npz")
    np.testing.assert_array_equal(apart.samples, data.samples)
    assert data.fingerprint == fingerprint(tmp_path / "all.npz")
    assert apart.fingerprint == fingerprint(tmp_path / "some.npz", test=tmp_path / "rest.npz") == data.fingerprint
    assert fingerprint(tmp_path / "some.npz") != data.fingerprint
    np.savez(tmp_path / "some.npz", X=X ^ 1, y=y)
    assert fingerprint(tmp_path / "some.npz", test=tmp_path / "rest.npz") != apart.fingerprint
    with pytest.raises(InputError, match=r"beside the arrays X_test and y_test.*leave one"):
        load(tmp_path / "all.npz", test=tmp_path / "rest.npz")
    with pytest.raises(InputError, match=r"image_size is 8 for a .npz file.*leave it out"):
        load(tmp_path / "all.npz", image_size=8)


@pytest.mark.parametrize("call", [load, fingerprint])
def test_broken_npz_files_are_refused(tmp_path, call):
    np.savez(tmp_path / "keys.npz", pictures=np.zeros(3), answers=np.zeros(3))
    with pytest.raises(InputError, match=r"keys.npz is a file with pictures, answers; expected .* X and y.*rename"):
        call(tmp_path / "keys.npz")
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(InputError, match=r"text.npz is unreadable .*save it again with numpy.savez"):
        call(tmp_path / "text.npz")


def test_an_npz_of_python_objects_is_refused_unloaded(tmp_path):
    np.savez(tmp_path / "objects.npz", X=np.zeros((4, 2, 2)), y=np.array([1, "a", 1, "a"], dtype=object))
    with pytest.raises(InputError, match=r"objects.npz is unreadable .*not of Python objects"):
        load(tmp_path / "objects.npz")


def refuse(message, source, **options):
    with pytest.raises(InputError, match=message):
        load(source, **options)


@pytest.mark.parametrize("call", [load, fingerprint])
def test_paths_that_do_not_exist_suggest_near_ones(tmp_path, call):
    tree(tmp_path / "pictures")
    for wrong in ("pictuers", "pictuers/train"):
        with pytest.raises(InputError, match=r"which does not exist; expected a path.*did you mean '.*/pictures'\?"):
            call(str(tmp_path / wrong))
    with pytest.raises(InputError, match=r"does not exist.*check the spelling; '.*/zzz' is not there"):
        call(tmp_path / "zzz" / "deep")
    with pytest.raises(InputError, match=r"bundled digits are the plain text"):
        call(tmp_path / "digits")
    with pytest.raises(InputError, match=r"data is an empty text.*give a path"):
        call("")


def test_addresses_are_refused_as_such(tmp_path):
    """As data, in a table, as an input: a path would have them without one of their strokes."""
    refuse("data is the address 'https://example.org/photos.zip'.*download it", "https://example.org/photos.zip")
    table = tmp_path / "table.csv"
    table.write_text("image,label\nhttp://example.org/x.png,a\nhttp://example.org/y.png,b\n", encoding="utf-8")
    refuse("row 0 .*the address 'http://example.org/x.png'", table)
    (block,) = blocks_at(["http://example.org/x.png"], Shape(3, 8, 8))
    assert "the address 'http://example.org/x.png'" in str(block.errors[0])
    (block,) = blocks_at([table], Shape(3, 8, 8))
    assert block.names == ["http://example.org/x.png", "http://example.org/y.png"]
    assert len(block.errors) == 2


def test_folders_that_are_no_data_are_refused(tmp_path):
    refuse("without any picture; expected one sub-folder of pictures per class.*move the pictures", tmp_path)
    save(tmp_path / "0.png")
    save(tmp_path / "1.jpg")
    refuse("a folder with 2 pictures but no class folders.*move the pictures into one sub-folder per class", tmp_path)
    refuse("0.png', a file; expected a folder.*give the folder that holds", tmp_path / "0.png")
    tree(tmp_path / "one", ("cat",))
    refuse(r"one class only \('cat'\).*at least 2 classes; add a sub-folder", tmp_path / "one")
    tree(tmp_path / "parts" / "train")
    refuse(r"a folder of parts \(train\); expected .*name the parts train and test", tmp_path / "parts")
    tree(tmp_path / "parts" / "Training")
    tree(tmp_path / "parts" / "val")
    refuse(r"a folder of parts \(Training, train, val\), one of them twice", tmp_path / "parts")
    tree(tmp_path / "few", count=2)
    refuse(r"few is too few samples: 2 of each class at most; expected at least 3", tmp_path / "few")


def test_wrong_test_parts_are_refused(tmp_path):
    tree(tmp_path / "data" / "train")
    tree(tmp_path / "data" / "test", ("cat", "cow"))
    refuse(r"that the training part lacks: 'cow'; expected classes among 'cat', 'dog'; add train", tmp_path / "data")
    refuse(r"expected one test part; give '.*/train' as", tmp_path / "data", test=tmp_path / "data" / "test")
    np.savez(tmp_path / "x.npz", X=np.zeros((6, 2, 2)), y=[0, 1] * 3)
    refuse(r"x.npz'; expected a folder, as the data are", tmp_path / "data" / "train", test=tmp_path / "x.npz")
    refuse(r"test is '.*/nothing', which does not exist", tmp_path / "data" / "train", test=tmp_path / "nothing")


@pytest.mark.parametrize("size", [3, 4000])
def test_image_size_has_a_range(tmp_path, size):
    refuse(f"image_size is {size}; expected a number between 4 and 2,048", tree(tmp_path), image_size=size)


def test_other_proportions_are_said_with_what_keeps_them(tmp_path):
    for row in range(20):
        save(tmp_path / ("cat", "dog")[row % 2] / f"{row}.png", size=(20, 60) if row < 4 else (20, 22 + row % 2))
    sizes = {fit: next(f for f in load(tmp_path, image_fit=fit).findings if f.kind == "size") for fit in (None, "pad")}
    assert "4 have other proportions: --fit pad keeps these" in sizes[None].change
    assert "aspect ratio not kept" in sizes[None].text
    assert "aspect ratio kept, edges drawn out" in sizes["pad"].text
    assert "other proportions" not in sizes["pad"].change
    assert load(tmp_path, image_fit="crop").fit == "crop"
    refuse("image_fit is 'squeeze'; expected stretch or pad or crop", tmp_path, image_fit="squeeze")


def test_unreadable_files_are_named_counted_and_left_out(tmp_path):
    tree(tmp_path, count=5)
    whole = (tmp_path / "cat" / "3.png").read_bytes()
    (tmp_path / "cat" / "1.png").write_bytes(b"")
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    noise.save(tmp_path / "dog" / "2.png")
    cut = (tmp_path / "dog" / "2.png").read_bytes()
    (tmp_path / "dog" / "2.png").write_bytes(cut[: len(cut) // 2])
    (tmp_path / "dog" / "0.png").write_bytes(b"this is text")
    data = load(tmp_path)
    # Rows after a gap must have moved up with their labels.
    assert data.samples[:, 0, 5, 7].tolist() == [0, 2, 3, 4, 11, 13, 14]
    assert data.labels.tolist() == [0] * 4 + [1] * 3
    assert data.samples.flags.c_contiguous
    check_note(
        data, "3 unreadable pictures were left out: cat/1.png (an empty file), dog/0.png (not a picture), dog/2.p"
    )
    check_note(data, "7 pictures of 2 classes: cat 4, dog 3.")
    (tmp_path / "dog" / "1.png").write_bytes(whole[:20])
    refuse(r"class 'dog' is unreadable in 3 of 5 pictures: dog/0.png \(not a picture\).*replace these", tmp_path)


def test_half_of_a_class_may_be_unreadable_but_enough_must_be_left(tmp_path):
    tree(tmp_path, count=4)
    for name in ("cat", "dog"):
        for i in (0, 1):
            (tmp_path / name / f"{i}.png").write_bytes(b"")
    refuse(r"too few samples: 2 of each class at most; expected at least 3", tmp_path)


def test_a_broken_link_and_a_huge_picture_are_unreadable(tmp_path, monkeypatch):
    tree(tmp_path)
    (tmp_path / "cat" / "a.png").symlink_to(tmp_path / "gone.png")
    monkeypatch.setattr("neuralfinder.data.pictures.PIXEL_LIMIT", 100)
    save(tmp_path / "dog" / "a.png", size=(11, 10))
    data = load(tmp_path)
    check_note(data, "cat/a.png (no such file), dog/a.png (11 x 10 is beyond 100 pixels)")
    assert len(data.labels) == 8


def test_pictures_beyond_pillows_own_limits_raise_no_warning_and_leave_it_alone(tmp_path):
    before = Image.MAX_IMAGE_PIXELS
    tree(tmp_path)
    for name, size in (("warns", (10_000, 9_000)), ("limit", (10_001, 10_000)), ("error", (20_000, 9_500))):
        Image.new("1", size).save(tmp_path / "cat" / f"{name}.png")
    data = load(tmp_path)
    assert len(data.labels) == 9
    check_note(data, "2 unreadable pictures were left out: cat/error.png (beyond 100,000,000 pixels), cat/limit.png")
    assert before == Image.MAX_IMAGE_PIXELS


def test_pictures_that_do_not_fit_in_memory_lie_in_a_file(tmp_path, monkeypatch):
    tree(tmp_path / "data", count=5)
    (tmp_path / "data" / "cat" / "1.png").write_bytes(b"")
    data = load(tmp_path / "data")
    assert not isinstance(data.samples, np.memmap)
    one = 3 * 6 * 8
    monkeypatch.setattr(mapped, "memory_bytes", lambda: 4 * 9 * one)
    assert not isinstance(load(tmp_path / "data").samples, np.memmap)
    monkeypatch.setattr(mapped, "memory_bytes", lambda: 4 * 9 * one - 1)
    large = load(tmp_path / "data", scratch=tmp_path / "scratch")
    assert isinstance(large.samples, np.memmap)
    np.testing.assert_array_equal(large.samples, data.samples)
    np.testing.assert_array_equal(np.load(tmp_path / "scratch" / "images.npy", mmap_mode="r"), data.samples)
    check_note(large, f"lie in {tmp_path / 'scratch' / 'images.npy'}.")


def test_threads_give_the_same_array_and_errors_in_order(tmp_path, monkeypatch):
    tree(tmp_path, count=12)
    (tmp_path / "dog" / "11.png").write_bytes((tmp_path / "dog" / "11.png").read_bytes()[:50])
    alone = load(tmp_path)
    monkeypatch.setattr(reading, "_workers", lambda headers: 4)
    together = load(tmp_path)
    np.testing.assert_array_equal(alone.samples, together.samples)
    assert alone.notes == together.notes
    assert len(alone.labels) == 23


def test_progress_rises_to_the_end_and_is_called_often(tmp_path, monkeypatch):
    tree(tmp_path, count=30)
    real = reading.decode

    def slow(path, shape, fit, span):
        time.sleep(0.01)
        return real(path, shape, fit)

    monkeypatch.setattr(reading, "decode", slow)
    calls = []
    load(tmp_path, progress=lambda done, total: calls.append((done, total)))
    assert calls == sorted(calls)
    assert calls[-1] == (60, 60)
    assert {total for _, total in calls} == {60}
    assert len(calls) >= 4  # 60 pictures take 0.6 seconds


def test_every_picture_is_decoded_once(tmp_path, monkeypatch):
    from PIL import ImageFile

    tree(tmp_path, size=(20, 10))
    loads = []
    real = ImageFile.ImageFile.load

    def counted(self):
        if self.tile:
            loads.append(self.filename)
        return real(self)

    monkeypatch.setattr(ImageFile.ImageFile, "load", counted)
    load(tmp_path, image_size=8)
    assert sorted(loads) == sorted(map(str, tmp_path.glob("*/*.png")))


@pytest.mark.thorough
def test_torch_is_not_imported_by_sources():
    code = "import sys, neuralfinder.data as d; d.source_of('digits').load(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("train", "other", "role"),
    [
        ("train", "test", "test"), ("Training", "Testing", "test"), ("training_set", "test_set", "test"),
        ("seg_train", "seg_test", "test"), ("trainA", "testA", "test"), ("Train", "Evaluation", "test"),
        ("TRAIN", "val", "validation"), ("train", "valid", "validation"), ("trainset", "dev", "validation"),
        ("1 train images", "2 validation images", "validation"), ("cats train", "cats val", "validation"),
    ],
)  # fmt: skip
def test_parts_are_known_by_their_common_names(tmp_path, train, other, role):
    tree(tmp_path / train)
    tree(tmp_path / other, count=2)
    (tmp_path / "docs").mkdir()
    data = load(tmp_path)
    assert data.classes == ("cat", "dog")
    assert (data.given_test if role == "test" else data.held).sum() == 4
    assert data.free.tolist() == [True] * 8 + [False] * 4
    check_note(data, f"Folders beside {train} and {other} were ignored: docs.")
    assert any(f"{other} is the validation part" in note for note in data.notes) == (role == "validation")


@pytest.mark.parametrize("names", [("trainA", "trainB", "testA", "testB"), ("train_day", "test_night")])
def test_parts_of_unclear_names_are_refused(tmp_path, names):
    for name in names:
        tree(tmp_path / name)
    refuse(r"a folder of parts \(test.*name the parts train and test", tmp_path)


def test_of_several_parts_those_with_class_folders_count(tmp_path):
    tree(tmp_path / "train")
    for number in range(3):
        save(tmp_path / "test" / f"{number}.png")
    refuse(r"\(test, train\), without class folders; .*give '.*/train' as the data", tmp_path)
    tree(tmp_path / "val", count=3)
    data = load(tmp_path)
    assert (data.held.sum(), data.given_test.sum()) == (6, 0)
    check_note(data, "Folders beside train and val were ignored: test.")
    check_note(data, "a part of train becomes the test part, for none came. To be judged by val, give train as the")


@pytest.mark.parametrize("names", [("train", "test"), ("Training", "Validation", "Testing"), ("train", "dev", "cat")])
def test_flat_parts_are_no_classes(tmp_path, names):
    refuse("a folder of parts .* without class folders; .*one sub-folder per class in each", tree(tmp_path, names))


def test_a_class_may_be_called_as_a_part(tmp_path):
    assert load(tree(tmp_path, ("bus", "car", "train"))).classes == ("bus", "car", "train")
    shutil.rmtree(tmp_path / "train")
    tree(tmp_path / "train", ("steam", "electric"))
    data = load(tmp_path)
    assert data.classes == ("bus", "car", "train")
    check_note(data, "train is called as a part is, and was taken as a class")


def test_parts_below_classes_are_told(tmp_path):
    for label in ("cat", "dog"):
        tree(tmp_path / label, ("train", "test"))
    check_note(load(tmp_path), "The class folders hold parts, whose files were taken together: test, train.")


def test_what_is_there_in_the_place_of_pictures_is_told(tmp_path):
    for number in range(3):
        (tmp_path / "cat").mkdir(exist_ok=True)
        (tmp_path / "cat" / f"{number}.dcm").touch()
    refuse(r"without any picture, but with files of other suffixes: .dcm \(3\)", tmp_path)
    (tmp_path / "dog.svg").touch()
    refuse(r".dcm \(3\), .svg \(1\)", tmp_path)


def test_names_composed_differently_are_one_class(tmp_path):
    one, other = "\u00e9t\u00e9", "e\u0301te\u0301"
    tree(tmp_path / "train", (one, "hiver"))
    for number in range(2):
        save(tmp_path / "train" / other / f"{number}.png", (90 + number, 0, 0))
    tree(tmp_path / "test", (other, "hiver"), count=2)
    data = load(tmp_path)
    assert data.classes == (one, "hiver") if one < "hiver" else ("hiver", one)
    assert len(data.labels) == 14
    check_note(data, f"composed in different ways are one class: {one}.")
    data = load(["a", "b", "c", "d"] * 3, labels=[one, "x", other, "x"] * 3)
    assert data.classes == ("x", one)


def test_avif_is_read_where_pillow_has_it(tmp_path):
    if not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    for label in ("cat", "dog"):
        tree(tmp_path / "set" / label, ("inner",))
    Image.new("RGB", (8, 6), (200, 0, 0)).save(tmp_path / "set" / "cat" / "x.avif")
    data = load(tmp_path / "set")
    assert len(data.labels) == 9
    assert not [note for note in data.notes if "unreadable" in note]


def test_heic_is_read_where_its_library_is_and_else_named(tmp_path, monkeypatch):
    class Opened(ImageFile.ImageFile):
        format = "HEIF"

        def _open(self):
            self._size, self._mode = (8, 6), "RGB"
            self.tile = [("raw", (0, 0, 8, 6), 12, "RGB")]

    for number in range(8):
        home = tmp_path / "set" / ("cat", "dog")[number % 2]
        home.mkdir(parents=True, exist_ok=True)
        (home / f"{number}.heic").write_bytes(b"\0\0\0\x0cftypheic" + bytes([number]) * 144)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    pictures._decoders.cache_clear()
    refuse(r"cat/0.heic \(HEIC, which needs the library pillow-heif \(the extra `heic`\)\)", tmp_path / "set")
    monkeypatch.setattr(Image, "OPEN", {**Image.OPEN})
    monkeypatch.setattr(Image, "ID", [*Image.ID])
    begins = partial(Image.register_open, "HEIF", Opened, lambda first: first[4:12] == b"ftypheic")
    monkeypatch.setitem(sys.modules, "pillow_heif", SimpleNamespace(register_heif_opener=begins))
    pictures._decoders.cache_clear()
    assert load(tmp_path / "set").samples[:, 0, 0, 0].tolist() == [0, 2, 4, 6, 1, 3, 5, 7]
    pictures._decoders.cache_clear()
