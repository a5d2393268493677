"""The world: a grid of cells, a life in each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from neuralfinder.errors import InputError, check_allowed, check_range
from neuralfinder.networks.genome import Genome

Cell = tuple[int, int]
"""Row and column, each 0 <= . < size."""

BOUNDARIES = ("torus", "clip")


@dataclass(frozen=True, slots=True)
class Life:
    """A genome in a cell.

    Attributes:
        worth: its score, or below 0 where it has none, as `Result.worth`.
        macs: break ties.
        origin: the operator that made it.
    """

    genome: Genome
    worth: float
    macs: int
    origin: str


class World:
    """A `size` x `size` grid of lives.

    Args:
        size: side of the grid, 3 or more on a torus so that neighbours are distinct, else 2 or more.
        window: odd side length d of the neighbourhood; d = 3 gives the 8 adjacent cells.
        boundary: `torus`, where every cell has d*d - 1 neighbours, or `clip`, where edges have fewer.

    Raises:
        InputError: an even window, one larger than the torus, or an unknown boundary.
    """

    def __init__(self, size: int, window: int = 3, boundary: str = "torus") -> None:
        check_allowed("boundary", boundary, BOUNDARIES)
        if window < 3 or window % 2 == 0:
            raise InputError("window", given=window, expected="an odd number, 3 or more", mend="use 3 for 8 neighbours")
        check_range("world size", size, window if boundary == "torus" else 2)
        self.size, self.window, self.boundary = size, window, boundary
        self._lives: dict[Cell, Life] = {}

    @property
    def cells(self) -> list[Cell]:
        """All cells, row by row."""
        return [(row, column) for row in range(self.size) for column in range(self.size)]

    def __getitem__(self, cell: Cell) -> Life:
        return self._lives[cell]

    def __setitem__(self, cell: Cell, life: Life) -> None:
        self._lives[cell] = life

    def __len__(self) -> int:
        return len(self._lives)

    def lives(self) -> list[Life]:
        """All lives, in the order in which their cells were settled."""
        return list(self._lives.values())

    def neighbours(self, cell: Cell) -> list[Cell]:
        """The cells of the window round `cell`, row by row, without `cell` itself."""
        half = self.window // 2
        steps = [(r, c) for r in range(-half, half + 1) for c in range(-half, half + 1) if (r, c) != (0, 0)]
        around = [(cell[0] + r, cell[1] + c) for r, c in steps]
        if self.boundary == "torus":
            return [(r % self.size, c % self.size) for r, c in around]
        return [(r, c) for r, c in around if 0 <= r < self.size and 0 <= c < self.size]

    @property
    def most_apart(self) -> int:
        """How many cells whose windows do not overlap there are round any cell, this one among them, at least."""
        return max(1, self.size // self.window) ** 2

    def apart(self, cell: Cell) -> list[Cell]:
        """`cell` and others whole windows away from it, so that no two windows overlap: `most_apart` or more.

        A torus has `size // window` in each direction; within edges there is one more where a window that an edge cuts
        fits in.
        """
        if self.boundary == "torus":
            steps = [step * self.window for step in range(max(1, self.size // self.window))]
            rows, columns = ([(start + step) % self.size for step in steps] for start in cell)
        else:
            rows, columns = (list(range(start % self.window, self.size, self.window)) for start in cell)
        return [(row, column) for row in rows for column in columns]

    def snapshot(self) -> list[list[dict[str, Any] | None]]:
        """Rows of cells as plain values, `None` where nobody lives yet: `genome`, `origin`, and `score` or `None`."""
        return [[self._plain((row, column)) for column in range(self.size)] for row in range(self.size)]

    def _plain(self, cell: Cell) -> dict[str, Any] | None:
        life = self._lives.get(cell)
        if life is None:
            return None
        return {"genome": life.genome.key, "score": life.worth if life.worth >= 0 else None, "origin": life.origin}
