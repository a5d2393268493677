"""Labelled pictures and texts in, parts out: no torch.

    intake       the door: folders, tables, arrays, bundled sets -> `Dataset`
    sources      where the data of a run are, and how they are read again
    folders, pictures, reading, arrays, tables, texts, pairs, hub, docstrings
                 the ways in, one a form of data
    labels       labels as given -> indices into sorted classes
    dataset      labelled samples as the rest of the package sees them
    findings     what is said about data
    doctor       what else there is to know about them; copies, thumbnails: how it sees
    mirror       whether pictures may be mirrored
    splits       which samples are for training, validation and test
    tokens       texts -> lines of token numbers

It gives a `Dataset` and its findings, and changes no label and no sample. Start with `intake`.
"""

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
