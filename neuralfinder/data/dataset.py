"""Labelled pictures or texts as the rest of the package sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from neuralfinder.data.findings import Finding
from neuralfinder.types import FITS, Shape

if TYPE_CHECKING:
    from neuralfinder.data.tokens import Tokens

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled pictures or texts.

    Attributes:
        name: a short name for people: the folder's, the file's, `digits` or `arrays`.
        samples: pictures `(n, channels, height, width)` uint8 or float32, C-contiguous, a memory map when they are
            large; values are as given: nothing is scaled by the range of the type, so uint8 may as well hold 0..1 or
            0..16. Texts `(n,)` as str objects, and once `tokens` are learned lines of them and of letters,
            `(n, pieces, 2, width)` int32.
        labels: `(n,)` int64, indices into `classes`.
        classes: the labels as given, as plain Python str, int, float or bool, sorted.
        given_test: `(n,)` bool, the rows that came as a test part; all False when none came.
        fingerprint: identity of the content, hexadecimal.
        findings: what was converted, ignored, left out or resized, and what else there is to know.
        names: `n` names of the samples in their part; empty where rows have none but their number.
        files: what `n` pictures were read from, paths or contents of files; empty where they came otherwise.
        given_groups: `(n,)` names of the groups (persons, parts, recordings) that the user gave, as str, `None` for a
            sample that stands alone; `None` in all where there are no such groups.
        groups: `(n,)` int64, equal for what belongs on one side of every split: copies of one sample, samples of one
            given group; `None` before `doctor.examined` has looked.
        tokens: how texts became lines of numbers; `None` for pictures, and for texts before that.
        fit: how files of pictures were brought to one shape, one of `types.FITS`.
        span: what files of pictures of 16-bit grey were scaled by, see `pictures.decode`; `None` where none was there.
        given_validation: `(n,)` bool, the rows that came as a validation part; `None` when none came.
    """

    name: str
    samples: Array
    labels: npt.NDArray[Any]
    classes: tuple[Any, ...]
    given_test: npt.NDArray[Any]
    fingerprint: str
    findings: tuple[Finding, ...] = ()
    names: tuple[str, ...] = ()
    files: tuple[str | bytes, ...] = ()
    given_groups: npt.NDArray[Any] | None = None
    groups: npt.NDArray[Any] | None = None
    tokens: Tokens | None = None
    fit: str = FITS[0]
    span: tuple[int, int] | None = None
    given_validation: npt.NDArray[Any] | None = None

    @property
    def held(self) -> npt.NDArray[Any]:
        """`(n,)` bool, the rows that came as a validation part."""
        return np.zeros(len(self.labels), dtype=bool) if self.given_validation is None else self.given_validation

    @property
    def free(self) -> npt.NDArray[Any]:
        """`(n,)` bool, the rows beside all parts that came: those for training, and for the parts that did not come."""
        return np.asarray(~self.given_test & ~self.held)

    def part_of(self, row: int) -> str:
        """The part in which the sample came: `test`, `validation`, or an empty text."""
        if self.given_test[row]:
            return "test"
        return "validation" if self.given_validation is not None and self.given_validation[row] else ""

    @property
    def notes(self) -> tuple[str, ...]:
        """The findings in sentences."""
        return tuple(map(str, self.findings))

    @property
    def is_text(self) -> bool:
        """Whether the samples are texts."""
        return self.samples.dtype.kind == "O" or self.tokens is not None

    @property
    def kind(self) -> str:
        """What a sample is, for people."""
        return "text" if self.is_text else "picture"

    @property
    def shape(self) -> Shape:
        """The shape of one picture or tokenized text."""
        channels, height, width = map(int, self.samples.shape[1:])
        plain = Shape(channels, height, width)
        return self.tokens.shape(plain) if self.tokens else plain

    def name_in_part(self, row: int) -> str:
        """The sample's file, or its row, counted from 0 in the training part and in each part that came."""
        if self.names:
            return self.names[row]
        given = {"test": self.given_test, "validation": self.given_validation}
        before = {name: int(np.count_nonzero(rows[:row])) for name, rows in given.items() if rows is not None}
        return f"row {before.get(self.part_of(row), row - sum(before.values()))}"

    def name_of(self, row: int) -> str:
        """The same, and whether it came in the test part."""
        part = self.part_of(row)
        return f"{self.name_in_part(row)}{f' of the {part} part' if part else ''}"
