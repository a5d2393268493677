"""Labelled pictures and texts in, splits out; torch is needed by `batches` alone."""

from __future__ import annotations

from neuralfinder.data.arrays import as_pictures, from_arrays
from neuralfinder.data.dataset import Dataset
from neuralfinder.data.doctor import examined
from neuralfinder.data.intake import fingerprint, load
from neuralfinder.data.pictures import read_pictures
from neuralfinder.data.splits import Split, limited, split
from neuralfinder.data.tables import Columns

__all__ = [
    "Columns",
    "Dataset",
    "Split",
    "as_pictures",
    "examined",
    "fingerprint",
    "from_arrays",
    "limited",
    "load",
    "read_pictures",
    "split",
]
