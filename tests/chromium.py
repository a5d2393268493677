"""Pages in a real browser: the distribution's Chromium, driven by Playwright. `conftest.py` starts it."""

from __future__ import annotations

import shutil
from contextlib import contextmanager

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@contextmanager
def opened(browser, address, width=1280, height=900, **options):
    """A page without a network, and what it complained about."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, offline=address.startswith("file:"), **options
    )
    page = context.new_page()
    page.on("dialog", lambda dialog: pytest.fail(f"a dialog: {dialog.message}"))
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    try:
        page.goto(address)
        page.wait_for_selector("body[data-ready]")
        yield page
        assert not troubles
    finally:
        context.close()


def in_the_way(page):
    """What axe finds to be serious, and how much wider than its window a page is."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = {
        each["id"]: [node["html"][:200] for node in each["nodes"][:3]]
        for each in axe.Axe().run(page).response["violations"]
        if each["impact"] in ("serious", "critical")
    }
    beyond = page.evaluate("document.documentElement.scrollWidth") - page.viewport_size["width"]
    return found | ({"width": beyond} if beyond > 0 else {})


def text(page, selector):
    """What is seen of an element."""
    return page.inner_text(selector)
