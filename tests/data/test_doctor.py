"""The data doctor: every trouble is found, named and told, and copies stay on one side."""

from __future__ import annotations

import io
import json
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from loading import load
from PIL import Image
from scenes import scene

from neuralfinder.cli import cli
from neuralfinder.data import Dataset, from_arrays
from neuralfinder.data.copies import exact_copies, near_copies
from neuralfinder.data.divided import Divided
from neuralfinder.data.doctor import examined
from neuralfinder.data.splits import split
from neuralfinder.data.texts import from_texts

GOLDEN = Path(__file__).parent.parent / "golden" / "reports" / "doctor.json"


def white_png(width: int, height: int) -> bytes:
    """A whole one-bit PNG of any size, made without its pixels in memory."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    packer = zlib.compressobj()
    rows = b"".join(packer.compress(b"\0" + b"\xff" * -(-width // 8)) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def troubled(root: Path) -> Path:
    """A folder that holds every trouble of picture files."""
    for number in range(24):
        folder = root / ("cat", "dog")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        scene(number).save(folder / f"{number:02}.png")
    cat, dog = root / "cat", root / "dog"
    (cat / "empty.jpg").write_bytes(b"")
    (cat / "words.png").write_bytes(b"this is text")
    whole = (dog / "01.png").read_bytes()
    (dog / "cut.png").write_bytes(whole[: len(whole) // 2])
    (dog / "copy.png").write_bytes(whole)
    (cat / "wrong.png").write_bytes((dog / "03.png").read_bytes())
    scene(2).save(cat / "again.jpg", quality=90)
    scene(50).save(cat / "misnamed.gif", format="PNG")
    exif = Image.Exif()
    exif[0x0112] = 6
    scene(51, (30, 40)).save(dog / "turned.jpg", exif=exif, quality=95)
    deep = (np.asarray(scene(52).convert("L")).astype(np.uint16) << 8) + 7
    Image.fromarray(deep).save(dog / "deep.png")
    scene(53).quantize(32).save(dog / "palette.png")
    Image.new("RGB", (40, 30), "navy").save(dog / "blank.png")
    (cat / "giant.png").write_bytes(white_png(20_000, 12_000))
    (root / "Cat").mkdir()
    for number in (60, 61, 62):
        scene(number).save(root / "Cat" / f"{number}.png")
    (root / "rare").mkdir()
    scene(70).save(root / "rare" / "70.png")
    (root / "nothing").mkdir()
    (cat / ".hidden.png").write_bytes(whole)
    (cat / "notes.md").write_text("look", encoding="utf-8")
    (root / "loose.png").write_bytes(whole)
    return root


def kinds(data) -> dict[str, tuple[str, ...]]:
    return {finding.kind: finding.names for finding in data.findings}


def run(*arguments: str) -> str:
    outcome = CliRunner().invoke(cli, ["check", *arguments], catch_exceptions=False)
    assert outcome.exit_code == 0
    return outcome.output


def test_golden_report_of_every_trouble(tmp_path):
    report = json.loads(run(str(troubled(tmp_path / "pets")), "--format", "json"))
    del report["fingerprint"]  # of the files' sizes, which differ between versions of the libraries that write them
    assert report == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_text_and_json_tell_the_same(tmp_path):
    root = str(troubled(tmp_path / "pets"))
    lines, report = run(root).splitlines(), json.loads(run(root, "--format", "json"))
    assert lines[0] == "pets"
    for line, finding in zip(lines[1:], report["findings"], strict=True):
        assert finding["text"] in line
        assert finding["change"] in line
        assert all(name in line for name in finding["names"][:5])


def test_the_giant_does_no_harm(tmp_path):
    root = troubled(tmp_path / "pets")
    started = time.monotonic()
    data = load(root)
    assert time.monotonic() - started < 5
    assert "cat/giant.png" in " ".join(kinds(data)["unreadable"])


def test_no_trouble_no_word():
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(60) % 3)
    data = examined(from_arrays(rng.integers(0, 256, (60, 9, 9, 3), dtype=np.uint8), y))
    assert [finding.kind for finding in data.findings] == ["samples"]
    assert examined(data) is data


# copies


def test_copies_across_given_parts_are_left_out_of_training():
    rng = np.random.default_rng(1)
    X = rng.integers(0, 256, (40, 12, 12), dtype=np.uint8)
    y = np.arange(40) % 2
    data = examined(from_arrays(X, y, X_test=X[[4, 9]], y_test=y[[4, 9]]))
    assert kinds(data)["exact copies across parts"] == (
        "row 4 = row 0 of the test part",
        "row 9 = row 1 of the test part",
    )
    parts = split(data.labels, data.given_test, 0, groups=data.groups)
    assert sorted(parts.test.tolist()) == [40, 41]
    assert not {4, 9} & set(np.concatenate([parts.train, parts.validation]).tolist())
    kept = examined(from_arrays(X, y, X_test=X[[4, 9]], y_test=y[[4, 9]]), together=False)
    assert "stay in training, as asked" in " ".join(kept.notes)
    parts = split(kept.labels, kept.given_test, 0, groups=kept.groups)
    assert {4, 9} <= set(np.concatenate([parts.train, parts.validation]).tolist())


def test_a_test_part_that_is_the_training_part_is_refused():
    rng = np.random.default_rng(1)
    X, y = rng.integers(0, 256, (20, 8, 8), dtype=np.uint8), np.arange(20) % 2
    data = examined(from_arrays(X, y, X_test=X, y_test=y))
    with pytest.raises(ValueError, match="no row beside the test part"):
        split(data.labels, data.given_test, 0, groups=data.groups)


@given(st.lists(st.integers(0, 12), min_size=2, max_size=40))
def test_exact_copies_are_those_that_equal(numbers):
    """Against the plain definition, over pictures with a number written into one pixel."""
    X = np.zeros((len(numbers), 1, 3, 3), dtype=np.uint8)
    X[:, 0, 0, 0] = numbers
    none = np.zeros(len(numbers), dtype=bool)
    firsts = exact_copies(Dataset("", X, none.astype(int), (0,), none, ""))
    for row, number in enumerate(numbers):
        assert firsts[row] == (row if number == 0 else numbers.index(number))


def test_a_compressed_or_darkened_copy_is_near_and_another_picture_is_not():
    pictures = []
    for seed in range(30):
        pictures.append(np.asarray(scene(seed, (32, 32))))
    buffer = io.BytesIO()
    scene(7, (32, 32)).save(buffer, format="JPEG", quality=75)
    pictures += [np.asarray(Image.open(buffer)), (pictures[3] * 0.8).astype(np.uint8)]
    data = from_arrays(np.stack(pictures), np.arange(32) % 2)
    near = near_copies(data, exact_copies(data))
    assert near is not None
    assert near.tolist() == [*range(30), 7, 3]


def test_pictures_that_are_all_alike_are_not_called_copies():
    rng = np.random.default_rng(0)
    base = rng.integers(0, 200, (1, 16, 16))
    data = from_arrays((base + rng.integers(0, 3, (300, 16, 16))).astype(np.uint8), np.arange(300) % 2)
    assert near_copies(data, exact_copies(data)) is None
    assert "too alike" in " ".join(examined(data).notes)
    assert len(set(examined(data).groups.tolist())) == 300


def test_texts_that_differ_in_case_and_points_are_near():
    texts = ["Who is it?", "who is  it", "Who is she?", "", " ", "", "1.5", "15", "Who is it?", "Wo ist es?"]
    data = from_texts(texts, [0, 1] * 5)
    exact = exact_copies(data)
    assert exact.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 0, 9]
    near = near_copies(data, exact)
    assert near is not None
    assert near.tolist() == [0, 0, 2, 3, 4, 5, 6, 7, 0, 9]


# labels and classes


@pytest.mark.parametrize(
    ("y", "names"),
    [
        (["0", "0.0", "1"] * 6, "'0' and '0.0'"),
        (["New York", "new_york", "Rome"] * 6, "'New York' and 'new_york'"),
        (["a", "a ", "b"] * 6, "'a' and 'a '"),
        (["\uff21", "A", "b"] * 6, "'A' and '\uff21'"),
    ],
)
def test_classes_that_differ_in_spelling_are_told_and_kept(y, names):
    rng = np.random.default_rng(0)
    data = examined(from_arrays(rng.integers(0, 256, (18, 5, 5), dtype=np.uint8), y))
    assert kinds(data)["class names"] == (names,)
    assert len(data.classes) == 3


def test_small_uneven_and_sorted_classes_are_told():
    rng = np.random.default_rng(0)
    y = [0] * 50 + [1] * 5 + [2] * 2 + [3]
    data = examined(from_arrays(rng.integers(0, 256, (58, 5, 5), dtype=np.uint8), y))
    assert kinds(data)["few"] == ("2 (2)", "3 (1)")
    assert "from 1 of 3 to 50 of 0" in " ".join(data.notes)
    assert "order" in kinds(data)
    parts = split(data.labels, data.given_test, 0, groups=data.groups)
    assert 57 in parts.train


def test_contradictions_are_named_with_both_labels():
    texts = ["one two", "three four", "one two", "five"] + [f"word {n}" for n in range(8)]
    data = examined(from_texts(texts, ["a", "a", "b", "b"] + ["a", "b"] * 4))
    assert kinds(data)["contradictions"] == ("row 2 (b) = row 0 (a)",)


def test_scripts_and_lengths_of_texts():
    texts = ["Gr\u00fc\u00dfe", "\u6771\u4eac\u306b", "\u0645\u0631\u062d\u0628\u0627", "\U0001f600\U0001f680"] * 4
    notes = " ".join(examined(from_texts(texts, [0, 1, 2, 3] * 4)).notes)
    for script in ("Latin", "Cjk", "Hiragana", "Arabic", "emoji"):
        assert script in notes
    assert "Texts have 2 to 5 characters, half of them at most 4" in notes


def test_classes_that_a_given_test_part_lacks_are_told():
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 256, (30, 9, 9), dtype=np.uint8), np.arange(30) % 3
    told = kinds(examined(from_arrays(X[:24], y[:24], X_test=X[24:26], y_test=[0, 0])))
    assert told["untested class"] == ("1", "2")
    assert "untested class" not in kinds(examined(from_arrays(X[:24], y[:24], X_test=X[24:], y_test=y[24:])))


def test_parts_that_copies_make_too_small_or_large_are_told():
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 256, (60, 9, 9), dtype=np.uint8), np.arange(60) % 2
    assert "sizes of parts" not in kinds(Divided.of(from_arrays(X, y), 0).raw)
    X[y == 0] = X[np.arange(30) % 3 * 2]
    told = kinds(Divided.of(from_arrays(X, y), 0).raw)
    assert "in the place of" in " ".join(told["sizes of parts"])
