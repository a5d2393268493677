"""Makes four folders of pictures as people have them: `NAME/{train,test}/CLASS/*.png`, of 64 to 320 pixels.

    python benchmarks/photos.py FOLDER [--only NAME ...]

    stamps      drawings and photographs of Tux Paint, up to 320 pixels, what they show in five uneven classes
                (Debian: tuxpaint-stamps-default)
    emoji       symbols on ground of any colour, 96 x 96, nine uneven groups of the standard; those that differ by the
                colour of skin or hair alone are there once (Debian: fonts-noto-color-emoji, unicode-data)
    fonts       three words on paper, 200 x 150, one of eight families of type (Debian: fonts-dejavu, fonts-liberation,
                fonts-freefont-ttf)
    scratches   made metal, 320 x 240: unhurt, or with a scratch two pixels wide, a dent, a stain; uneven

A quarter of each class is the test part; what is drawn depends on the seed 0 alone.
"""

from __future__ import annotations

import argparse
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Pictures = Iterator[tuple[str, Image.Image]]
"""Classes and pictures."""

STAMPS = Path("/usr/share/tuxpaint/stamps")
FONTS = Path("/usr/share/fonts/truetype")
EMOJI_LIST = Path("/usr/share/unicode/emoji/emoji-test.txt")

EMOJI_SIZE = 109
"""The only one that the font has."""

FAMILIES = {
    "dejavu-sans": "dejavu/DejaVuSans.ttf",
    "dejavu-serif": "dejavu/DejaVuSerif.ttf",
    "dejavu-mono": "dejavu/DejaVuSansMono.ttf",
    "liberation-sans": "liberation/LiberationSans-Regular.ttf",
    "liberation-serif": "liberation/LiberationSerif-Regular.ttf",
    "liberation-mono": "liberation/LiberationMono-Regular.ttf",
    "free-sans": "freefont/FreeSans.ttf",
    "free-serif": "freefont/FreeSerif.ttf",
}

OF_A_FAMILY = 320

HURT = {"unhurt": 480, "scratch": 300, "dent": 240, "stain": 180}
"""How many pictures of each."""


def stamps(_: np.random.Generator) -> Pictures:
    """By the first folder: those of at least fifty."""
    found = defaultdict(list)
    for path in sorted(STAMPS.rglob("*.png")):
        if not path.stem.endswith(("_mirror", "_flip")):
            found[path.relative_to(STAMPS).parts[0]].append(path)
    for name, paths in found.items():
        for path in paths if len(paths) >= 50 else []:
            picture = Image.open(path).convert("RGBA")
            picture.thumbnail((320, 320))
            ground = Image.new("RGBA", picture.size, "white")
            yield name, Image.alpha_composite(ground, picture).convert("RGB")


def emoji(rng: np.random.Generator) -> Pictures:
    font, group = ImageFont.truetype(str(FONTS / "noto/NotoColorEmoji.ttf"), EMOJI_SIZE), ""
    for line in EMOJI_LIST.read_text(encoding="utf-8").splitlines():
        if told := re.fullmatch(r"# group: (.+)", line):
            group = re.sub(r"\W+", "-", told[1]).lower()
        codes, _, about = line.partition(";")
        if "fully-qualified" not in about or re.search(r"skin tone|hair", about) or group == "component":
            continue
        text = "".join(chr(int(code, 16)) for code in codes.split())
        box = font.getbbox(text)
        if box[2] > 1.5 * EMOJI_SIZE:
            continue  # several side by side: the font has no picture of it as one
        picture = Image.new("RGB", (160, 160), tuple(int(part) for part in rng.integers(150, 256, 3)))
        ImageDraw.Draw(picture).text((12, 20), text, font=font, embedded_color=True)
        yield group, picture.resize((96, 96))


def fonts(rng: np.random.Generator) -> Pictures:
    letters = list("abcdefghijklmnopqrstuvwxyz")
    for family, file in FAMILIES.items():
        for _ in range(OF_A_FAMILY):
            font = ImageFont.truetype(str(FONTS / file), int(rng.integers(16, 30)))
            words = "\n".join("".join(rng.choice(letters, int(rng.integers(4, 10)))).capitalize() for _ in range(3))
            paper, ink = int(rng.integers(170, 256)), int(rng.integers(0, 90))
            picture = Image.new("L", (200, 150), paper)
            place = (int(rng.integers(4, 40)), int(rng.integers(4, 40)))
            ImageDraw.Draw(picture).text(place, words, fill=ink, font=font)
            turned = picture.rotate(float(rng.normal(0, 3)), Image.Resampling.BILINEAR, fillcolor=paper)
            yield family, _noisy(turned, rng)


def scratches(rng: np.random.Generator) -> Pictures:
    for name, count in HURT.items():
        for _ in range(count):
            lines = np.cumsum(rng.normal(0, 1.5, 240)) + rng.normal(0, 2, (320, 240)).T.mean(1) + 120
            light = np.linspace(*rng.uniform(-30, 30, 2), 320)
            metal = lines[:, None] + light + rng.normal(0, 7, (240, 320))
            picture = Image.fromarray(np.clip(metal, 0, 255).astype(np.uint8))
            draw, (x, y) = ImageDraw.Draw(picture), (int(rng.integers(40, 280)), int(rng.integers(40, 200)))
            ink = int(rng.choice([60, 190]))
            if name == "scratch":
                angle, length = rng.uniform(0, np.pi), rng.uniform(40, 120)
                way = length / 2 * np.array([np.cos(angle), np.sin(angle)])
                draw.line((x - way[0], y - way[1], x + way[0], y + way[1]), fill=ink, width=2)
            elif name != "unhurt":
                a, b = rng.integers(6, 18, 2)
                spot = Image.new("L", picture.size)
                ImageDraw.Draw(spot).ellipse((x - a, y - b, x + a, y + b), fill=255)
                if name == "dent":  # a ring of light
                    ImageDraw.Draw(spot).ellipse((x - a + 3, y - b + 3, x + a - 3, y + b - 3), fill=0)
                picture.paste(ink, mask=spot.filter(ImageFilter.GaussianBlur(1 if name == "dent" else 4)))
            yield name, picture


def _noisy(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    noise = rng.normal(0, 6, (picture.height, picture.width))
    return Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8))


MADE: dict[str, Callable[[np.random.Generator], Pictures]] = {
    make.__name__: make for make in (stamps, emoji, fonts, scratches)
}


def write(pictures: Pictures, folder: Path, rng: np.random.Generator) -> str:
    """Each picture into a part and the folder of its class; how many there are."""
    by_class = defaultdict(list)
    for name, picture in pictures:
        by_class[name].append(picture)
    for name, own in by_class.items():
        order = rng.permutation(len(own))
        for place, which in enumerate(order):
            path = folder / ("test" if place < len(own) // 4 else "train") / name / f"{which}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            own[which].save(path)
    return ", ".join(f"{len(own)} {name}" for name, own in by_class.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=MADE, nargs="+", default=list(MADE))
    chosen = parser.parse_args()
    for name in chosen.only:
        rng = np.random.default_rng(0)
        print(f"{name}: {write(MADE[name](rng), chosen.folder / name, rng)}", flush=True)


if __name__ == "__main__":
    main()
