"""The page as HTML: one file with everything inside, or the frame that a server fills."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from importlib import resources
from typing import Any

from neuralfinder.plain import as_json

LIVE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What a page from the server may load: its own parts and nothing else."""


SCRIPTS = (
    "story", "drawing", "charts", "tables", "dots", "networks", "choice", "now", "life", "world", "motion", "film",
    "samples", "verdict", "mistakes", "classes", "winner", "family", "leaderboard", "compare", "search", "data", "page",
)  # fmt: skip
"""Parts of the script, in the order in which they are read: each uses those before it and none after it."""


def style() -> str:
    """How the page looks."""
    return "".join(_text(f"{name}.css") for name in ("page", "world"))


def script() -> str:
    """What the page does: its parts one after the other in a block of their own, which no name of theirs leaves."""
    return "".join(['"use strict";\n{\n', *(_text(f"scripts/{name}.js") for name in SCRIPTS), "}\n"])


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
    looks, does = style(), script()
    policy = (
        f"default-src 'none'; script-src {hash_of(does)}; style-src {hash_of(looks)}; img-src data:; base-uri 'none'"
    )
    # no text of the data can end the element it stands in, or begin another
    inside = as_json(story).replace("<", "\\u003c")
    return _assembled(
        policy=f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        style=f"<style>{looks}</style>",
        story=f'<script type="application/json" id="story">{inside}</script>',
        script=f"<script>{does}</script>",
    )


def _assembled(**parts: str) -> str:
    """The frame with each `<!--name-->` replaced, in one pass: nothing inserted is looked at again."""
    html = _text("page.html")
    pieces = []
    for name in ("policy", "style", "story", "script"):
        before, html = html.split(f"<!--{name}-->")
        pieces += [before, parts[name]]
    return "".join([*pieces, html])


def _text(name: str) -> str:
    return resources.files("neuralfinder.show.page").joinpath(name).read_text(encoding="utf-8")


def hash_of(text: str) -> str:
    """Of a script or a style, as a policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
