"""What is called as a file and is none, and archives that lie: told at once, before memory is taken."""

from __future__ import annotations

import io
import os
import signal
import socket
import zipfile

import numpy as np
import pytest
from loading import fingerprint, load, write_csv
from PIL import Image
from sentences import sentences

from neuralfinder.data.inputs import blocks_at
from neuralfinder.errors import InputError
from neuralfinder.types import Shape

SHAPE, WORDS = Shape(1, 8, 8), Shape(8, 1, 16, vocabulary=9)


@pytest.fixture(autouse=True)
def _at_once():
    """Nothing here may wait for who writes into a pipe."""

    def end(*_):
        raise TimeoutError("hangs")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def a_pipe(path):
    os.mkfifo(path)


def a_device(path):
    path.symlink_to("/dev/zero")


def a_socket(path):
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(os.path.relpath(path))  # the length of its name is limited


@pytest.fixture(params=[a_pipe, a_device, a_socket], ids=lambda make: make.__name__)
def put(request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return request.param, f"not a regular file but {request.param.__name__.replace('_', ' ')}"


def pictures(folder, count=6):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(len(folder.name))
    for number in range(count):
        Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8)).save(folder / f"{number}.png")


def test_in_a_folder_of_pictures_it_is_named_and_left_out(put, tmp_path):
    make, words = put
    for label in ("cat", "dog"):
        pictures(tmp_path / "set" / label)
    make(tmp_path / "set" / "cat" / "x.png")
    data = load(tmp_path / "set")
    assert len(data.labels) == 12
    assert f"1 unreadable pictures were left out: cat/x.png ({words})" in " ".join(data.notes)
    errors = [error for block in blocks_at([tmp_path / "set"], SHAPE) for error in block.errors.values()]
    assert len(errors) == 1
    assert words in str(errors[0])


def test_in_a_folder_of_texts(put, tmp_path):
    make, words = put
    for text, label in zip(*sentences(16), strict=True):
        (tmp_path / "set" / label).mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / label / f"{abs(hash(text))}.txt").write_text(text, encoding="utf-8")
    make(tmp_path / "set" / "sea" / "x.txt")
    assert words in " ".join(load(tmp_path / "set").notes)
    (block,) = blocks_at([tmp_path / "set" / "sea" / "x.txt"], WORDS)
    assert words in str(block.errors[0])


def test_in_a_table_of_paths(put, tmp_path):
    make, words = put
    pictures(tmp_path / "p", 12)
    make(tmp_path / "p" / "x.png")
    rows = [(f"p/{number}.png", "ab"[number % 2]) for number in range(12)]
    data = load(write_csv(tmp_path / "a.csv", [*rows, ("p/x.png", "a"), ("p", "b")], ("path", "label")))
    assert f"p/x.png ({words}), p (not a regular file but a folder)" in " ".join(data.notes)


@pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.jsonl", "x.npz", "x.png", "x"])
def test_as_the_data(put, tmp_path, name):
    make, words = put
    make(tmp_path / name)
    for call in (load, fingerprint):
        with pytest.raises(InputError, match=words):
            call(tmp_path / name)
    pictures(tmp_path / "set" / "cat")
    with pytest.raises(InputError, match=r"test is .*expected"):
        load(tmp_path / "set", test=tmp_path / name)
    (block,) = blocks_at([tmp_path / name], SHAPE)
    assert words in str(block.errors[0])


def test_texts_without_end_have_a_limit(tmp_path):
    path = tmp_path / "endless.txt"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    (block,) = blocks_at([path], WORDS)
    assert "larger than 100,000,000 bytes" in str(block.errors[0])
    path.rename(tmp_path / "endless.csv")
    with pytest.raises(InputError, match="larger than"):
        load(tmp_path / "endless.csv")


def array_file(header: str, content: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    return b"\x93NUMPY" + version + len(header).to_bytes(2, "little") + header.encode("latin-1") + content


def header(shape: str, descr: str = "'|u1'") -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}\n"


def archive_of(path, content: bytes, how=zipfile.ZIP_STORED, name="X.npy"):
    labels = io.BytesIO()
    np.save(labels, np.array([0, 1] * 4))
    with zipfile.ZipFile(path, "w", how) as archive:
        archive.writestr(name, content)
        archive.writestr("y.npy", labels.getvalue())
    return path


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (array_file(header("(1000000000000, 8, 8)"), b"abc"), "64,000,000,000,000 bytes, and there are 3"),
        (array_file(header("(8, 8, 8)"), b"a" * 511), "512 bytes, and there are 511"),
        (array_file(header("(8, 8, 8)"), b"a" * 513), "512 bytes, and there are 513"),
        (array_file(header("(-8, -8, 8)"), b"a" * 512), "of shape"),
        (array_file(header("(1000000000000,)", "'<U0'")), "of shape"),
        (array_file(header("(8,)", "'|O'"), b"a" * 64), "Python objects"),
        (array_file("{" * 500), "unreadable"),
        (array_file("(" * 9000), "unreadable"),
        (array_file(header("(8, 8, 8)", "'nonsense'")), "unreadable"),
        (array_file(header("(8, 8, 8)"), b"a" * 512, b"\x03\x00"), "version"),
        (array_file(header("(8, 8, 8)"), b"a" * 512, b"\x09\x00"), "version"),
        (b"", "unreadable"),
        (b"\x93NUM", "unreadable"),
    ],
)
def test_arrays_that_lie_are_told_with_their_name(tmp_path, content, words):
    with pytest.raises(InputError, match=f"X of .*{words}"):
        load(archive_of(tmp_path / "a.npz", content))


def test_what_is_larger_than_memory_is_refused_before_it_is_read(tmp_path, monkeypatch):
    whole = array_file(header("(8, 512, 512)"), bytes(1 << 21))
    bomb = archive_of(tmp_path / "bomb.npz", whole, zipfile.ZIP_DEFLATED)
    assert load(bomb).samples.shape == (8, 1, 512, 512)
    monkeypatch.setattr("neuralfinder.data.sources.npz.memory_bytes", lambda: 1 << 20)
    with pytest.raises(InputError, match=r"bytes large in X, y; expected at most half of this machine's memory"):
        load(bomb)


@pytest.mark.parametrize(("how", "method"), [(zipfile.ZIP_BZIP2, 12), (zipfile.ZIP_LZMA, 14)])
def test_odd_compression_is_told(tmp_path, how, method):
    with pytest.raises(InputError, match=f"X of .*packed by method {method}"):
        load(archive_of(tmp_path / "a.npz", array_file(header("(8, 8, 8)"), bytes(512)), how))


def patched(path, offset, value):
    """Both headers of the first entry with another byte at an offset of the central one."""
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + offset] = value
    path.write_bytes(bytes(content))
    return path


def test_encryption_and_sizes_that_cannot_be_are_told(tmp_path):
    whole = array_file(header("(8, 8, 8)"), bytes(512))
    with pytest.raises(InputError, match=r"X of .*encrypted"):
        load(patched(archive_of(tmp_path / "a.npz", whole), 8, 1))
    large = array_file(header("(64, 1024, 1024)"), b"")  # as many bytes as the directory says, which are not there
    path = archive_of(tmp_path / "b.npz", large, zipfile.ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x01\x02") + 24
    content[at : at + 4] = ((1 << 26) + len(large)).to_bytes(4, "little")
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match=r"X of .*bytes that claim to be 67,"):
        load(path)


@pytest.mark.parametrize("name", ["../X.npy", "/X.npy", "sub/X.npy"])
def test_members_elsewhere_are_no_arrays(tmp_path, name):
    path = archive_of(tmp_path / "a.npz", array_file(header("(8, 8, 8)"), bytes(512)), name=name)
    with pytest.raises(InputError, match=f"a file with {name[:-4]}, y"):
        load(path)


def test_an_array_twice_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", X=np.zeros((6, 2, 2)), x=np.ones((6, 2, 2)), y=[0, 1] * 3)
    with pytest.raises(InputError, match=r"an array twice \(X, x\)"):
        load(tmp_path / "a.npz")


def test_h26_arrays_are_known_by_their_usual_names(tmp_path):
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 256, (12, 8, 8), dtype=np.uint8), np.arange(12) % 3
    np.savez(tmp_path / "keras.npz", x_train=X, y_train=y, x_test=X[:3] // 2, y_test=y[:3])
    np.savez(tmp_path / "plain.npz", X=X, y=y, X_test=X[:3] // 2, y_test=y[:3])
    data = load(tmp_path / "keras.npz")
    assert data.given_test.sum() == 3
    assert data.fingerprint == fingerprint(tmp_path / "plain.npz")
    assert "by their names: x_train as X, y_train as y, x_test as X_test." in " ".join(data.notes)
    np.savez(tmp_path / "medical.npz", train_images=X, train_labels=y[:, None], val_images=X, val_labels=y)
    medical = load(tmp_path / "medical.npz")
    assert medical.held.tolist() == [False] * 12 + [True] * 12
    assert "val_images as X_validation" in " ".join(medical.notes)
    np.savez(tmp_path / "more.npz", X=X, y=y, masks=X, names=y)
    assert "2 arrays were ignored: masks, names" in " ".join(load(tmp_path / "more.npz").notes)
    np.savez(tmp_path / "two.npz", images=X, labels=y)
    assert load(tmp_path / "two.npz").samples.shape == (12, 1, 8, 8)
    (block,) = blocks_at([tmp_path / "two.npz"], SHAPE)
    assert len(block.samples) == 12
