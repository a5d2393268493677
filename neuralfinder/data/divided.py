"""The data of one run: divided into parts, in the forms that its trainings take."""

from __future__ import annotations

from dataclasses import dataclass

from neuralfinder.data.dataset import Dataset
from neuralfinder.data.doctor import examined, with_parts
from neuralfinder.data.splits import Split, split
from neuralfinder.data.tokens import tokenized


@dataclass(frozen=True, eq=False)
class Divided:
    """One data set in the forms in which a run uses it; of pictures all are the same.

    Attributes:
        raw: as loaded and examined.
        coded: for networks: texts as tokens learned from the training part.
        split: the parts, the same rows in every form.
    """

    raw: Dataset
    coded: Dataset
    split: Split

    @classmethod
    def of(cls, data: Dataset, seed: int, together: bool = True) -> Divided:
        """Examine a data set, divide it and learn its tokens.

        Args:
            data: as loaded, or examined already.
            seed: the run's seed.
            together: whether copies stay on one side of the split; groups that were given do in any case.

        Raises:
            InputError: as `split`.
        """
        raw = examined(data, together)
        whole = raw.given_groups is not None
        held = raw.given_validation
        parts = split(raw.labels, raw.given_test, seed, groups=raw.groups, whole=whole, given_validation=held)
        raw = with_parts(raw, parts)
        coded = tokenized(raw, parts.train)
        return cls(raw, coded, parts)
