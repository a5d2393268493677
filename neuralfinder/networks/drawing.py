"""A network drawn as bands, and the card on which a notebook shows it: HTML and SVG without scripts.

All inks are those around the card, so that it is legible by day and by night, whatever the notebook calls its colours.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from neuralfinder.networks.genome import Conv, Gene, Genome, Identity
from neuralfinder.plain import printable

WIDEST = 512
"""Filters from which a band is as wide as there is room."""

STYLE = """\
.neuralfinder { border: 1px solid color-mix(in srgb, currentColor 30%, transparent); border-radius: 8px; color: inherit;
  padding: 12px 16px; max-width: 62em; line-height: 1.45; font-family: system-ui, sans-serif; font-size: 14px; }
.neuralfinder p { margin: 0 0 6px; }
.neuralfinder .first { font-size: 1.15em; }
.neuralfinder .sides { display: flex; flex-wrap: wrap; gap: 12px 24px; margin-top: 10px; }
.neuralfinder .sides > figure { margin: 0; flex: 0 0 auto; max-width: 240px; }
.neuralfinder figcaption { font-size: 0.85em; opacity: 0.8; margin-top: 4px; }
.neuralfinder dl.facts { display: grid; grid-template-columns: max-content minmax(12em, 1fr); gap: 2px 14px; margin: 0;
  flex: 1 1 22em; align-content: start; }
.neuralfinder dl.facts dt { font-weight: normal; opacity: 0.75; margin: 0; }
.neuralfinder dl.facts dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.neuralfinder svg { display: block; max-width: 100%; height: auto; }"""
"""How cards look; where a notebook leaves it out, what they say still stands in its order."""


def card(
    first: str, sentences: Sequence[str], facts: Iterable[tuple[str, str]], drawn: str = "", caption: str = ""
) -> str:
    """A card as HTML; of all its texts nothing is markup.

    Args:
        first: the sentence that it begins with.
        sentences: those that follow.
        facts: names and values; an empty name goes on with the one before.
        drawn: an SVG element, empty for none.
        caption: what stands below it.
    """
    said = [f'<p class="first"><strong>{_text(first)}</strong></p>', *(f"<p>{_text(each)}</p>" for each in sentences)]
    rows = [f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in facts]
    below = f"<figcaption>{_text(caption)}</figcaption>" if caption else ""
    figure = f"<figure>{drawn}{below}</figure>" if drawn else ""
    sides = f'<div class="sides">{figure}<dl class="facts">{"".join(rows)}</dl></div>'
    return f'<div class="neuralfinder"><style>{STYLE}</style>{"".join(said)}{sides}</div>'


def drawing(genome: Genome, width: int = 120, most: int = 160) -> str:
    """One network as an SVG element, so many pixels wide and at most so many high, the first layer above."""
    height = min(most, 26 * (1 + len(genome.genes)))
    said = f"The network {genome.key}: {len(genome.genes)} layers and its head, each a band as wide as it has filters"
    return svg(width, height, said, bands(genome, 0, 0, width, height, "currentColor"))


def svg(width: int, height: int, said: str, parts: Iterable[str]) -> str:
    """A drawing of this many pixels, and what it shows in words."""
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="{_text(said)}">'
        f"{''.join(parts)}</svg>"
    )


def bands(genome: Genome, left: float, top: float, width: float, height: float, ink: str) -> Iterator[str]:
    """The layers as SVG elements within a box of pixels.

    Each is a band as wide as it has filters, thin where it learns nothing; skips are arcs on the right.
    """
    layers: list[Gene | None] = [*genome.genes, None]
    step = min(height / len(layers), width / 5)
    above, right = top + (height - step * len(layers)) / 2, left + 0.86 * width
    for place, gene in enumerate(layers):
        share, thick = _size(gene)
        wide, tall, middle = 0.86 * width * share, thick * step, above + (place + 0.5) * step
        round_ = tall / 2 if gene is None else 1
        yield (
            f'<rect x="{left + (0.86 * width - wide) / 2:.1f}" y="{middle - tall / 2:.1f}" width="{wide:.1f}" '
            f'height="{tall:.1f}" rx="{round_:.1f}" fill="{ink}" fill-opacity="0.75"/>'
        )
        for back in gene.skips if isinstance(gene, Conv | Identity) else ():
            far, start = left + width, above + (max(place - back, 0) + 0.5) * step
            yield (
                f'<path d="M{right:.1f},{start:.1f} C{far:.1f},{start:.1f} {far:.1f},{middle:.1f} '
                f'{right:.1f},{middle:.1f}" fill="none" stroke="{ink}"/>'
            )


def _size(gene: Gene | None) -> tuple[float, float]:
    """Width and height of a band as shares of what there is; `None` is the head."""
    if isinstance(gene, Conv):
        return 0.15 + 0.85 * min(1.0, math.log2(1 + gene.filters) / math.log2(1 + WIDEST)), 0.72
    return (0.3, 0.5) if gene is None else (0.5, 0.18)


def _text(given: str) -> str:
    return escape(printable(given))
