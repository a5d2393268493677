"""The documentation site: `make docs` makes it of the pages here, of the README and of the code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

import messages  # noqa: E402 - found by the line above
from sphinx.application import Sphinx  # noqa: E402

import neuralfinder  # noqa: E402

project = "NeuralFinder"
release = neuralfinder.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
nitpicky = True
nitpick_ignore_regex = [("py:.*", ".*")]  # types of other libraries, and those of ours that no page is about

myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # docstrings say what each argument is, with shapes and ranges
default_role = "code"  # in docstrings, which have one backtick where reStructuredText has two
smartquotes = False  # two dashes begin an option

html_theme = "furo"
html_title = f"NeuralFinder {release}"
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False
html_permalinks_icon = "#"


def setup(app: Sphinx) -> None:
    """What is made of the code beside what Sphinx and its extensions make."""
    app.connect("source-read", _for_the_site)
    app.connect("sphinx-click-process-epilog", _as_block)
    app.connect("html-page-context", _reached_and_named, priority=900)  # after the theme


def _for_the_site(_: Sphinx, page: str, source: list[str]) -> None:
    """Lead to pages of the site where files beside this folder are meant; put all messages on the page about them."""
    for file, here in (("../README.md", "index.md"), ("../CHANGELOG.md", "changes.md")):
        source[0] = source[0].replace(f"]({file})", f"]({here})")
    if page == "messages":
        source[0] += f"\n{messages.page()}"


def _as_block(_: Sphinx, __: object, lines: list[str]) -> None:
    """Show the examples of a command as it shows them itself."""
    examples = [" ".join(line.removeprefix("| ").split()) for line in lines if "neuralfinder " in line]
    lines[:] = [".. code-block:: console", "", *(f"   $ {line}" for line in examples), ""] if examples else []


def _reached_and_named(_: Sphinx, page: str, __: str, context: dict[str, Any], ___: object) -> None:
    """Let the keyboard reach blocks that scroll, say which level titles of a toctree have, and break long messages."""
    block = f'<pre tabindex="0"{" style=white-space:pre-wrap" if page == "troubleshooting" else ""}>'
    for part in ("body", "furo_navigation_tree"):
        html = context.get(part, "").replace('role="heading">', 'role="heading" aria-level="2">')
        context[part] = html.replace("<pre>", block).replace("</strong> -- ", "</strong> &ndash; ")
