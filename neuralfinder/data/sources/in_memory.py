"""Samples that are in memory already, in whatever form Python programs have them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neuralfinder.data.dataset import Dataset
from neuralfinder.data.groups import with_groups
from neuralfinder.data.pairs import from_pairs, from_samples, is_pairs
from neuralfinder.data.reading import OnProgress
from neuralfinder.data.sources.base import Source
from neuralfinder.data.sources.hub import is_hub, of_library


@dataclass(frozen=True, eq=False)
class InMemory(Source):
    """Samples and labels as a program holds them; they are put into form at once.

    Attributes:
        samples: pictures, their paths, or texts, n of them, as `from_samples` takes them; or both and their labels in
            one: a `Dataset` or `DatasetDict` of the library `datasets`, pairs of a sample and a label, as torch's data
            sets give them, or a data set of this package.
        labels: n labels; none beside such a data set.
        test: samples of a test part.
        test_labels: their labels.
        groups: `(n,)` to which group each of the samples belongs; those of the test part have none.
        data: the data set.

    Raises:
        InputError: groups of another shape; as `from_samples`, `from_pairs` and `of_library`.
    """

    samples: Any
    labels: Any = None
    test: Any = None
    test_labels: Any = None
    groups: Any = None
    data: Dataset = field(init=False, repr=False)

    kind = "memory"
    what = "samples in memory"

    def __post_init__(self) -> None:
        """Put them into form."""
        data = self._gathered()
        object.__setattr__(self, "data", data if self.groups is None else with_groups(data, self.groups))

    @classmethod
    def takes(cls, given: object) -> bool:
        """Anything but a name or a path."""
        return not isinstance(given, (str, Path))

    @property
    def title(self) -> str:
        """The data set's."""
        return self.data.name

    @property
    def address(self) -> dict[str, Any]:
        """Empty: when the program ends they are gone."""
        return {}

    def fingerprint(self) -> str:
        """By the content."""
        return self.data.fingerprint

    def load(self, scratch: Path | None = None, progress: OnProgress | None = None) -> Dataset:
        """What is there."""
        return self.data

    def __str__(self) -> str:
        return f"{len(self.data.labels):,} {self.data.kind}s"

    def _gathered(self) -> Dataset:
        if isinstance(self.samples, Dataset):
            return self.samples
        if self.labels is None and is_hub(self.samples):
            return of_library(self.samples if self.test is None else {"train": self.samples, "test": self.test})
        if self.labels is None and is_pairs(self.samples):
            return from_pairs(self.samples, self.test)
        return from_samples(self.samples, self.labels, self.test, self.test_labels)
