"""Data sets for tests."""

from __future__ import annotations

import csv

import numpy as np
import torch

from neuralfinder.data import source_of


def load(given, scratch=None, progress=None, **options):
    """The data set that a user names."""
    return source_of(given, **options).load(scratch, progress)


def fingerprint(given, **options):
    """Its identity, without loading."""
    return source_of(given, **options).fingerprint()


def write_csv(path, rows, header=("text", "label")):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


class Pairs(torch.utils.data.Dataset):
    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, row):
        return self.items[row]


def broken(content: bytes, rng: np.random.Generator) -> bytes:
    """Cut, overwritten, repeated or shuffled bytes."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 5))):
        if not data:
            break
        at, length = int(rng.integers(len(data))), int(rng.integers(1, 41))
        match int(rng.integers(5)):
            case 0:
                del data[at:]
            case 1:
                data[at : at + length] = rng.bytes(length)
            case 2:
                data[at:at] = data[:length]
            case 3:
                data[at : at + length] = b"\0" * length
            case _:
                del data[at : at + length]
    return bytes(data)
