"""The data of one run: divided into parts, in the forms that its trainings take."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from neuralfinder.data.dataset import Dataset
from neuralfinder.data.doctor import examined
from neuralfinder.data.splits import Split, split
from neuralfinder.data.tokens import tokenized


@dataclass(frozen=True, eq=False)
class Divided:
    """One data set in the forms in which a run uses it; of pictures all are the same.

    Attributes:
        raw: as loaded and examined.
        coded: for the search: texts as tokens learned from the training part.
        whole: for trainings on training and validation part: texts as tokens of both, or as in the search.
        split: the parts, the same rows in every form.
    """

    raw: Dataset
    coded: Dataset
    whole: Dataset
    split: Split

    @classmethod
    def of(cls, data: Dataset, seed: int, together: bool = True) -> Divided:
        """Examine a data set, divide it and learn its tokens.

        Args:
            data: as loaded, or examined already.
            seed: the run's seed.
            together: whether copies stay on one side of the split.

        Raises:
            InputError: as `split`.
        """
        raw = examined(data, together)
        parts = split(raw.labels, raw.given_test, seed, groups=raw.groups)
        coded = tokenized(raw, parts.train)
        return cls(raw, coded, coded, parts)

    def grown(self) -> Divided:
        """The same, where trainings on training and validation part know the words of both.

        Lines stay as long as in the search, so that the networks found there fit.
        """
        if not self.raw.is_text:
            return self
        both = np.concatenate([self.split.train, self.split.validation])
        return dataclasses.replace(self, whole=tokenized(self.raw, both, self.coded.shape.width))
