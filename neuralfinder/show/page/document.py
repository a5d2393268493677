"""The page as HTML: one file with everything inside, or the frame that a server fills."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

LIVE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What a page from the server may load: its own parts and nothing else."""


def part(name: str) -> str:
    """A part of the page: `page.html`, `page.css` or `page.js`."""
    return resources.files("neuralfinder.show.page").joinpath(name).read_text(encoding="utf-8")


def live_page() -> str:
    """The page that fetches its parts and its story from where it came from."""
    return _assembled(
        policy="",
        style='<link rel="stylesheet" href="page.css">',
        story="",
        script='<script src="page.js"></script>',
    )


def offline_page(story: Mapping[str, Any]) -> str:
    """The page with its parts and a story inside; a browser lets it load nothing and run nothing else."""
    style, script = part("page.css"), part("page.js")
    policy = f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data:; base-uri 'none'"
    # no text of the data can end the element it stands in, or begin another
    inside = json.dumps(story, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return _assembled(
        policy=f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        style=f"<style>{style}</style>",
        story=f'<script type="application/json" id="story">{inside}</script>',
        script=f"<script>{script}</script>",
    )


def _assembled(**parts: str) -> str:
    """The frame with each `<!--name-->` replaced, in one pass: nothing inserted is looked at again."""
    html = part("page.html")
    pieces = []
    for name in ("policy", "style", "story", "script"):
        before, html = html.split(f"<!--{name}-->")
        pieces += [before, parts[name]]
    return "".join([*pieces, html])


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
