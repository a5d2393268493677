"""Weights on disk."""

from __future__ import annotations

import copy
import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from neuralfinder.errors import MachineError
from neuralfinder.networks.genome import parse
from neuralfinder.training.files import write
from neuralfinder.training.trunk import Trunk
from neuralfinder.training.weights import WeightStore

C2 = parse("C2")
TRUNK = Trunk(3, {"w": torch.ones(2)}, {"w": torch.zeros(2)}, {"step": torch.tensor(3.0)})


def test_weights_are_swept_but_for_those_kept(tmp_path: Path) -> None:
    store = WeightStore(tmp_path)
    for name in "abc":
        store.save(name, C2, {"w": torch.ones(2, 3, 4, 4).to(memory_format=torch.channels_last)})
    store.sweep({"b"})
    assert [path.name for path in tmp_path.iterdir()] == ["b.safetensors"]
    assert store.load("a") is None
    state = store.load("b").state
    assert state is not None
    assert torch.equal(state["w"], torch.ones(2, 3, 4, 4))


@pytest.fixture
def store(tmp_path: Path) -> WeightStore:
    """Two trainings that can go on and one that cannot."""
    store = WeightStore(tmp_path)
    for name, value in (("a", 1.0), ("b", 2.0)):
        store.save(name, C2, {"w": torch.full((40,), value)}, TRUNK)
    store.save("c", parse("C4"), {"w": torch.tensor(3.0)})
    return store


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


SPOILT: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "cut off": lambda path: os.truncate(path, path.stat().st_size - 4),
    "a bit": flip,
    "no weights": lambda path: path.write_bytes(b"{}" * 100),
    "another's": lambda path: path.write_bytes(path.with_name(path.name.replace("a.", "b.", 1)).read_bytes()),
}


@pytest.mark.parametrize("of", ["path", "trunk_path"])
@pytest.mark.parametrize("how", SPOILT)
def test_spoilt_weights_are_as_none_with_all_that_belongs_to_them(store: WeightStore, of: str, how: str) -> None:
    assert store.drop_spoilt({"a": "C2", "c": "C4"}) == []
    SPOILT[how](getattr(store, of)("a"))
    if of == "path":
        assert store.load("a") is store.fingerprint("a") is None
    elif how != "another's":
        with pytest.raises(MachineError, match="gone or spoilt"):
            store.trunk("a")
    assert store.drop_spoilt({}) == ["a"]
    assert not store.path("a").exists()
    assert not store.trunk_path("a").exists()
    assert store.drop_spoilt({}) == []
    assert store.trunk("b").steps == 3


def test_weights_of_another_network_are_noticed(store: WeightStore, tmp_path: Path) -> None:
    assert store.drop_spoilt({"b": "C8", "c": "C4"}) == ["b"]
    (tmp_path / "c.trunk.safetensors").write_bytes(store.trunk_path("a").read_bytes())
    (tmp_path / "9.part").touch()
    assert store.drop_spoilt({}) == ["c"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.safetensors", "a.trunk.safetensors"]


def test_equal_weights_have_equal_fingerprints_and_others_do_not(store: WeightStore) -> None:
    before = store.fingerprint("a")
    store.save("a", C2, {"w": torch.full((40,), 1.0)})
    without = store.fingerprint("a")
    store.save("a", C2, {"w": torch.full((40,), 1.0)}, TRUNK)
    assert store.fingerprint("a") == before != without
    store.save("a", C2, {"w": torch.full((40,), 1.5)}, TRUNK)
    assert store.fingerprint("a") != before


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_what_cannot_be_written_leaves_what_was_there(
    store: WeightStore, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    before, names = store.fingerprint("c"), sorted(store.folder.iterdir())

    def fail(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(MachineError, match=str(store.folder)) as caught:
        store.save("c", parse("C4"), {"w": torch.tensor(4.0)})
    assert ("free space in" in str(caught.value)) == (code in (errno.ENOSPC, errno.EDQUOT))
    assert store.fingerprint("c") == before
    assert sorted(store.folder.iterdir()) == names
    assert str(copy.copy(caught.value)) == str(caught.value)


def test_who_may_read_is_what_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        WeightStore(tmp_path).save("a", C2, {"w": torch.ones(1)}, TRUNK)
        write(tmp_path / "text", "x")
    finally:
        os.umask(before)
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()} == {
        "a.safetensors": "0o640",
        "a.trunk.safetensors": "0o640",
        "text": "0o640",
    }
