"""Draws the README's pictures of the page about a finished run: screenshots, and the world's history as a film.

    python docs/page.py RUN docs/images

Needs the extra `dev` and Chromium.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from neuralfinder.search.record import Record
from neuralfinder.show.page.document import offline_page
from neuralfinder.show.page.story import told

WIDTHS = {400: 860, 1280: 900, 3840: 2100}
"""Widths of the screenshots and their heights."""

FRAMES = 60
"""Of the film, evenly over the history."""

MILLISECONDS, LAST_MILLISECONDS = 250, 4000
"""How long a frame is shown, and the last one."""


def main() -> None:
    """Read the record, open the page, take the pictures."""
    run, out = map(Path, sys.argv[1:3])
    with Record(run / "run.sqlite", readonly=True) as record:
        page_text = offline_page(told(record.events()))
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        address = Path(folder) / "report.html"
        address.write_text(page_text, encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            for width, height in WIDTHS.items():
                page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
                _open(page, address)
                _small(Image.open(io.BytesIO(page.screenshot()))).save(
                    out / f"page-{scheme}-{width}.png", optimize=True
                )
                page.close()
        page = browser.new_page(viewport={"width": 1100, "height": 700}, color_scheme="light", reduced_motion="reduce")
        _open(page, address)
        _film(page, out / "world.webp")
        browser.close()


def _open(page: Page, address: Path) -> None:
    page.goto(address.as_uri())
    page.wait_for_selector("body[data-ready]")


def _film(page: Page, path: Path) -> None:
    """The world and the best life at evenly spread moments."""
    last = int(page.get_attribute("#moment", "max") or 0)
    frames = []
    for place in range(FRAMES):
        page.eval_on_selector(
            "#moment",
            "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')); }",
            str(round(place * last / (FRAMES - 1))),
        )
        picture = page.locator("#grid svg").screenshot()
        frames.append(Image.open(io.BytesIO(picture)).convert("RGB"))
    shown = [MILLISECONDS] * (FRAMES - 1) + [LAST_MILLISECONDS]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=shown, loop=0, quality=60, method=6)


def _small(picture: Image.Image) -> Image.Image:
    """The picture in 64 colours: a third of the bytes."""
    return picture.convert("RGB").quantize(64, dither=Image.Dither.NONE)


if __name__ == "__main__":
    main()
