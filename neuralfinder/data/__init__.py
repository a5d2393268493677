"""Labelled pictures and texts in, parts out: no torch.

    sources      what a user names -> `Source` -> `Dataset`; a file a kind, and the literal list of them
    folders, tables, delimited
                 which files or rows there are, and of which class; cells between separators
    files        what files of samples are called, and what is said of those that cannot be read
    pictures, reading, mapped
                 one picture file, many of them, and where these do not fit
    arrays, texts, pairs
                 samples in memory
    inputs       samples to predict on, in all these forms
    groups       which samples belong together, as the user says
    labels       labels as given -> indices into sorted classes
    dataset      labelled samples as the rest of the package sees them
    findings     what is said about data
    doctor       what else there is to know about them; copies, thumbnails: how it sees
    changes      whether pictures may be mirrored, and shifted
    splits       which samples are for training, validation and test
    tokens       texts -> lines of token numbers, and of letters
    samples      a few of them for people to look at
    divided      the data of one run: the parts, and every form that trainings take

It gives a `Dataset` and its findings, and changes no label and no sample. Start with `sources`.
"""

from __future__ import annotations

from neuralfinder.data.arrays import from_arrays
from neuralfinder.data.dataset import Dataset
from neuralfinder.data.divided import Divided
from neuralfinder.data.sources import Source, source_at, source_of

__all__ = ["Dataset", "Divided", "Source", "from_arrays", "source_at", "source_of"]
