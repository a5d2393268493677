"""Labelled pictures in, splits out; torch is needed by `batches` alone."""

from __future__ import annotations

from neuralfinder.data.dataset import Dataset
from neuralfinder.data.intake import as_pictures, fingerprint, from_arrays, load
from neuralfinder.data.pictures import read_pictures
from neuralfinder.data.splits import Split, limited, split

__all__ = ["Dataset", "Split", "as_pictures", "fingerprint", "from_arrays", "limited", "load", "read_pictures", "split"]
