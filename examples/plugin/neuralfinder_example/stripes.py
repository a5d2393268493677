"""Made-up pictures: do the stripes run up or across?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from neuralfinder.data import Dataset, Source
from neuralfinder.data.arrays import from_arrays
from neuralfinder.data.reading import OnProgress

COUNT = 120


@dataclass(frozen=True)
class Stripes(Source):
    """Grey pictures with noise and stripes.

    Attributes:
        name: `stripes:` and the side of the pictures in pixels, 8 to 64.
    """

    name: str

    kind = "stripes"
    what = "made-up stripes"

    @classmethod
    def takes(cls, given: object) -> bool:
        """`stripes:8` to `stripes:64`."""
        found = re.fullmatch(r"stripes:(\d{1,2})", given) if isinstance(given, str) else None
        return found is not None and 8 <= int(found[1]) <= 64

    @classmethod
    def names(cls) -> Mapping[str, str]:
        """How they are named."""
        return {"stripes:SIDE": f"{COUNT} made-up pictures: stripes that run up or across"}

    @property
    def title(self) -> str:
        """The name."""
        return self.name

    def fingerprint(self) -> str:
        """The name says all."""
        return self.name

    def load(self, scratch: Path | None = None, progress: OnProgress | None = None) -> Dataset:
        """Draw them."""
        side, rng = int(self.name.partition(":")[2]), np.random.default_rng(0)
        across = np.arange(COUNT) % 2 == 0
        wave = 60 * (np.arange(side) // 2 % 2)
        pictures = rng.integers(0, 190, (COUNT, side, side)) + np.where(
            across[:, None, None], wave[None, :, None], wave[None, None, :]
        )
        data = from_arrays(pictures.astype(np.uint8), np.where(across, "across", "up"), self.name)
        return replace(data, fingerprint=self.fingerprint())
