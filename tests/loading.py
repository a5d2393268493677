"""Data sets for tests."""

from __future__ import annotations

import csv

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
