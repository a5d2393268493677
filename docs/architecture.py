"""Draws the rooms of the package and what they import from each other, from the imports themselves.

python docs/architecture.py
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from textwrap import wrap
from xml.sax.saxutils import escape

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "neuralfinder"
PICTURE = ROOT / "docs" / "images" / "architecture.svg"

GROUND, FACES = "the ground", "the faces"
"""What is beneath all rooms, and on top of them."""

ON_TOP = ("estimator", "cli", "__main__")

COLUMNS = {
    "data": 0.0, "networks": 1.4, "training": 0.75, "strategies": 2.35, "search": 1.75, "job": 0.8, "testing": 2.35,
    "show": 1.7, "serve": 1.2, "comparison": 0.1,
}  # fmt: skip
"""Where a room stands in its row, in widths of a box and its gap; the row follows from the imports."""

WIDTHS = ((1, 1.2), (4, 2.6), (12, 5.0))
"""An arrow that stands for at least so many imports has this width in pixels."""

BOX, BAR = (236, 62), 46
"""Width and height of a room, and the height of ground and faces, which are as wide as the picture."""

GAP, ROW, EDGE = 80, 122, 20
"""Between two boxes, from row to row, and round the picture."""

INKS = ("#1f5f8b", "#b35900", "#4a7c2c", "#8b3a62", "#5b4ba0", "#00757a", "#a03c3c", "#6b6b00", "#2f5d50", "#444444")


MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
    if path != PACKAGE / "__init__.py"
}
"""Modules of the package by their names without the package's: `networks`, `networks.genome`."""


def imports(path: Path, *, top_only: bool = False) -> Iterator[str]:
    """Names of the modules that a file imports, at its top or anywhere; those for type checkers are left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    for node in tree.body if top_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name.removeprefix("neuralfinder.") in MODULES else str(node.module) for name in names)


def arrows() -> dict[tuple[str, str], int]:
    """Which room imports from which, and how many modules import another there: pairs of an upper and a lower room."""
    pairs = {
        (module, name.removeprefix("neuralfinder."))
        for module, path in MODULES.items()
        for name in imports(path)
        if name.removeprefix("neuralfinder.") in MODULES
    }
    counts = Counter((_room(upper), _room(lower)) for upper, lower in pairs)
    return {(upper, lower): count for (upper, lower), count in counts.items() if upper != lower}


def _room(module: str) -> str:
    name = module.split(".", maxsplit=1)[0]
    return FACES if name in ON_TOP else name if (PACKAGE / name).is_dir() else GROUND


def weight(count: int) -> int:
    """The class of an arrow that stands for so many imports: 0 for few, then 1 and 2."""
    return sum(count >= least for least, _ in WIDTHS) - 1


def _levels(pairs: Iterable[tuple[str, str]]) -> dict[str, int]:
    """The longest way down from each room: 0 for the ground."""
    below: dict[str, set[str]] = {}
    for upper, lower in pairs:
        below.setdefault(upper, set()).add(lower)
    levels: dict[str, int] = {}
    for room in TopologicalSorter(below).static_order():
        levels[room] = max((levels[lower] + 1 for lower in below.get(room, ())), default=0)
    return levels


def picture(counts: Mapping[tuple[str, str], int]) -> str:
    """The picture as SVG."""
    levels = _levels(counts)
    levels[FACES] = 1 + max(levels[room] for room in COLUMNS)
    highest = max(levels.values())
    width = 2 * EDGE + BOX[0] + max(COLUMNS.values()) * (BOX[0] + GAP)
    height = 2 * EDGE + highest * ROW + BAR + 26
    rows = {room: EDGE + (highest - level) * ROW for room, level in levels.items()}
    places = {room: Box(EDGE + COLUMNS[room] * (BOX[0] + GAP), rows[room], *BOX) for room in COLUMNS}
    places[GROUND] = Box(EDGE, rows[GROUND], width - 2 * EDGE, BAR)
    places[FACES] = Box(EDGE, rows[FACES], width - 2 * EDGE, BAR)
    inks = dict(zip(COLUMNS, INKS, strict=True))
    few, some, many = (least for least, _ in WIDTHS)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        'font-family="system-ui, sans-serif" font-size="12" fill="#333333" role="img">',
        "<title>The rooms of NeuralFinder and what they import from each other</title>",
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
        *(
            _arrow(places, counts, upper, lower, inks[upper])
            for upper, lower in sorted(counts, key=lambda pair: (weight(counts[pair]), pair))
            if upper != FACES and lower != GROUND  # said in words
        ),
        *(_box(places[room], room, _purpose(room), inks[room]) for room in COLUMNS),
        _box(places[GROUND], _files(GROUND), ["every room imports from here"], "#444444"),
        _box(places[FACES], _files(FACES), [_imported_by_faces(counts)], "#444444"),
        f'<text x="{EDGE}" y="{height - 10:.0f}">An arrow leads to what is imported: thin for {few} to {some - 1} '
        f"imports of a module by another, thicker for {some} to {many - 1}, broad for {many} and more.</text>",
        "</svg>\n",
    ]
    return "\n".join(parts)


@dataclass(frozen=True)
class Box:
    """A place on the picture, in pixels from the upper left corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        """Half-way between its sides."""
        return self.x + self.width / 2


def _purpose(room: str) -> list[str]:
    """The first line of the room's docstring in two lines."""
    docstring = ast.get_docstring(ast.parse(MODULES[room].read_text(encoding="utf-8")))
    return wrap(str(docstring).splitlines()[0].rstrip("."), 36)


def _files(floor: str) -> str:
    return ", ".join(sorted(module for module in MODULES if "." not in module and _room(module) == floor))


def _imported_by_faces(counts: Mapping[tuple[str, str], int]) -> str:
    others = [room for room in COLUMNS if (FACES, room) not in counts]
    return f"import from every room{' but ' if others else ''}{', '.join(others)}"


def _port(box: Box, places: Mapping[str, Box], others: Sequence[str], other: str) -> float:
    """Where an arrow meets the edge of a box: from left to right as the boxes at the other ends stand."""
    order = sorted(others, key=lambda name: (places[name].middle, places[name].y))
    return box.x + box.width * (order.index(other) + 1) / (len(order) + 1)


def _arrow(places: Mapping[str, Box], counts: Mapping[tuple[str, str], int], upper: str, lower: str, ink: str) -> str:
    start, end = places[upper], places[lower]
    width = WIDTHS[weight(counts[upper, lower])][1]
    x0 = _port(start, places, [name for room, name in counts if room == upper and name != GROUND], lower)
    x1 = _port(end, places, [room for room, name in counts if name == lower and room != FACES], upper)
    head = 4 + 1.6 * width
    y0, y1 = start.y + start.height, end.y - 2 * head + 2
    bend = (y1 - y0) / 2
    curve = f"M{x0:.0f},{y0:.0f} C{x0:.0f},{y0 + bend:.0f} {x1:.0f},{y1 - bend:.0f} {x1:.0f},{y1:.0f}"
    return (
        f'<path data-arrow="{upper} {lower}" d="{curve}" '
        f'fill="none" stroke="{ink}" stroke-opacity="0.75" stroke-width="{width}"/>'
        f'<path d="M{x1 - head:.1f},{y1:.1f} h{2 * head:.1f} L{x1:.1f},{end.y:.1f} Z" fill="{ink}"/>'
    )


def _box(box: Box, title: str, lines: Sequence[str], ink: str) -> str:
    texts = "".join(
        f'<text x="{box.middle:.0f}" y="{box.y + 37 + 15 * place:.0f}" text-anchor="middle">{escape(line)}</text>'
        for place, line in enumerate(lines)
    )
    return (
        f'<rect x="{box.x:.0f}" y="{box.y:.0f}" width="{box.width:.0f}" height="{box.height:.0f}" rx="7" '
        f'fill="#fafafa" stroke="{ink}" stroke-width="1.6"/><text x="{box.middle:.0f}" y="{box.y + 20:.0f}" '
        f'text-anchor="middle" font-weight="600" font-size="15" fill="{ink}">{escape(title)}</text>{texts}'
    )


if __name__ == "__main__":
    PICTURE.write_text(picture(arrows()), encoding="utf-8")
