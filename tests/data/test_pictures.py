"""One picture file: every kind of file gives the pixels a person sees."""

from __future__ import annotations

import re
import zlib

import numpy as np
import pytest
from loading import load
from PIL import Image

from neuralfinder.data.inputs import blocks_at
from neuralfinder.data.pictures import (
    TRANSPARENT,
    WHOLE,
    Header,
    UnreadableError,
    decode,
    read_header,
    read_pictures,
)
from neuralfinder.data.reading import choose_shape
from neuralfinder.errors import InputError
from neuralfinder.types import Shape

# Left half red, right half blue, top row green: every turn of it looks different.
FLAG = np.zeros((4, 6, 3), dtype=np.uint8)
FLAG[:, :3, 0] = 255
FLAG[:, 3:, 2] = 255
FLAG[0] = (0, 255, 0)
SHAPE = Shape(3, 4, 6)


def stored(tmp_path, picture, name="x.png", **options):
    path = tmp_path / name
    picture.save(path, **options)
    return path


def seen(path, shape=SHAPE):
    return decode(path, shape).transpose(1, 2, 0)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "ppm", "gif"])
def test_lossless_files_keep_their_pixels(tmp_path, suffix):
    path = stored(tmp_path, Image.fromarray(FLAG), f"x.{suffix}")
    np.testing.assert_array_equal(seen(path), FLAG)


def test_a_wrong_suffix_does_not_matter(tmp_path):
    path = stored(tmp_path, Image.fromarray(FLAG), "x.jpg", format="PNG")
    np.testing.assert_array_equal(seen(path), FLAG)


@pytest.mark.parametrize(("suffix", "mode"), [("png", "I;16"), ("tif", "I;16"), ("pgm", "I;16"), ("tif", "I")])
def test_16_bit_grey_is_scaled(tmp_path, suffix, mode):
    values = np.array([[0, 128, 129, 257], [32768, 65406, 65407, 65535]], dtype=np.uint16)
    picture = Image.fromarray(values) if mode == "I;16" else Image.fromarray(values.astype(np.int32))
    path = stored(tmp_path, picture, f"x.{suffix}")
    assert decode(path, Shape(1, 2, 4))[0].tolist() == [[0, 0, 1, 1], [128, 254, 255, 255]]
    assert read_header(path).grey
    assert "16-bit grey" in read_header(path).kinds


def test_integers_beyond_16_bit_and_floats_are_unreadable(tmp_path):
    deep = stored(tmp_path, Image.fromarray(np.full((2, 2), 70_000, dtype=np.int32)), "i.tif")
    with pytest.raises(UnreadableError, match="beyond 16 bits"):
        decode(deep, Shape(1, 2, 2))
    floats = stored(tmp_path, Image.fromarray(np.zeros((2, 2), dtype=np.float32)), "f.tif")
    for call in (read_header, lambda path: decode(path, Shape(1, 2, 2))):
        with pytest.raises(UnreadableError, match="floating-point"):
            call(floats)


def half_transparent():
    rgba = np.dstack([FLAG, np.full((4, 6), 255, dtype=np.uint8)])
    rgba[1] = (200, 0, 0, 0)
    rgba[2] = (0, 0, 0, 51)
    expected = FLAG.copy()
    expected[1] = 255
    expected[2] = 204
    return rgba, expected


def test_transparency_is_put_on_white(tmp_path):
    rgba, expected = half_transparent()
    path = stored(tmp_path, Image.fromarray(rgba))
    np.testing.assert_array_equal(seen(path), expected)
    assert TRANSPARENT in read_header(path).kinds


def test_grey_with_transparency_stays_grey(tmp_path):
    path = stored(tmp_path, Image.fromarray(np.array([[[10, 255], [0, 0], [0, 51]]], dtype=np.uint8)))
    assert read_header(path).grey
    assert decode(path, Shape(1, 1, 3)).tolist() == [[[10, 255, 204]]]


def palette_picture():
    picture = Image.new("P", (3, 1))
    picture.putpalette([255, 0, 0, 0, 255, 0, 9, 9, 9])
    picture.putdata([0, 1, 2])
    return picture


@pytest.mark.parametrize(
    ("name", "transparency", "expected"),
    [
        ("x.png", None, [[255, 0, 0], [0, 255, 0], [9, 9, 9]]),
        ("x.png", 1, [[255, 0, 0], [255, 255, 255], [9, 9, 9]]),
        ("x.png", b"\xff\x00\x33", [[255, 0, 0], [255, 255, 255], [206, 206, 206]]),
        ("x.gif", 2, [[255, 0, 0], [0, 255, 0], [255, 255, 255]]),
    ],
)
def test_palettes_with_and_without_transparency(tmp_path, name, transparency, expected):
    options = {} if transparency is None else {"transparency": transparency}
    path = stored(tmp_path, palette_picture(), name, **options)
    header = read_header(path)
    assert seen(path, Shape(3, 1, 3)).tolist() == [expected]
    assert "palette" in header.kinds
    assert (TRANSPARENT in header.kinds) == (transparency is not None)


def test_a_transparent_colour_of_rgb(tmp_path):
    path = stored(tmp_path, Image.fromarray(FLAG), transparency=(255, 0, 0))
    expected = FLAG.copy()
    expected[1:, :3] = 255
    np.testing.assert_array_equal(seen(path), expected)


def test_one_bit_is_black_and_white(tmp_path):
    path = stored(tmp_path, Image.fromarray(np.array([[True, False]])))
    assert decode(path, Shape(1, 1, 2)).tolist() == [[[255, 0]]]
    assert read_header(path).kinds == ("1-bit",)


def test_cmyk_becomes_rgb(tmp_path):
    path = stored(tmp_path, Image.new("CMYK", (6, 4), (0, 255, 255, 0)), "x.jpg", quality=100)
    assert np.abs(seen(path).astype(int) - [255, 0, 0]).max() <= 3
    assert read_header(path).kinds == ("CMYK",)


def test_grey_as_colour_and_colour_as_grey(tmp_path):
    grey = stored(tmp_path, Image.new("L", (6, 4), 77), "g.png")
    assert np.unique(seen(grey)).tolist() == [77]
    colour = stored(tmp_path, Image.new("RGB", (6, 4), (255, 0, 0)), "c.png")
    assert np.unique(decode(colour, Shape(1, 4, 6))).tolist() == [76]  # 0.299 of red, as ITU-R 601-2 has it


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif"])
def test_the_first_frame_counts(tmp_path, suffix):
    frames = [Image.new("RGB", (6, 4), (0, 0, grey)) for grey in (50, 100, 150)]
    options = {"lossless": True} if suffix == "webp" else {}
    path = stored(tmp_path, frames[0], f"x.{suffix}", save_all=True, append_images=frames[1:], **options)
    assert np.unique(seen(path)[..., 2]).tolist() == [50]
    assert "with several frames (first one used)" in read_header(path).kinds


UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: np.rot90,
}


@pytest.mark.parametrize("suffix", ["png", "tif", "jpg"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_orientation(tmp_path, suffix, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = stored(tmp_path, Image.fromarray(FLAG), f"x.{suffix}", exif=exif, quality=100, subsampling=0)
    expected = UPRIGHT[orientation](FLAG)
    header = read_header(path)
    assert (header.height, header.width) == expected.shape[:2]
    assert ("turned by EXIF" in header.kinds) == (orientation != 1)
    found = seen(path, Shape(3, *expected.shape[:2]))
    assert np.abs(found.astype(int) - expected).max() <= (60 if suffix == "jpg" else 0)


def test_corrupt_exif_does_not_cost_the_picture(tmp_path):
    path = stored(tmp_path, Image.fromarray(FLAG), exif=b"Exif\0\0MM\0*\xff\xff\xff\xff junk")
    np.testing.assert_array_equal(read_pictures([path], SHAPE)[0], FLAG.transpose(2, 0, 1))


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_how_other_proportions_are_met(tmp_path, suffix):
    """A grey square in the middle of a wide picture, dark on its left and light on its right."""
    wide = np.full((200, 600), 20, np.uint8)
    wide[:, 300:] = 230
    wide[50:150, 250:350] = 120
    path = stored(tmp_path, Image.fromarray(wide), f"x.{suffix}", quality=95)

    def grey(fit, shape):
        found = decode(path, shape, fit)[0].astype(int)
        assert found.shape == (shape.height, shape.width)
        places = np.argwhere(np.abs(found - 120) < 30)
        return found, places.min(0).tolist(), (places.max(0) - places.min(0) + 1).tolist()

    _, _, (height, width) = grey("stretch", Shape(1, 60, 60))
    assert height > 2.5 * width
    found, _, (height, width) = grey("crop", Shape(1, 60, 60))
    assert abs(height - width) <= 2
    assert abs(height - 30) <= 2
    assert abs(int(found[30, 0]) - 20) < 15
    found, (top, _), (height, width) = grey("pad", Shape(1, 60, 60))
    assert abs(height - width) <= 2
    assert abs(height - 10) <= 2
    assert abs(top - 25) <= 1
    assert np.ptp(found[:15], axis=0).max() <= 12  # the outermost rows, drawn out
    assert abs(int(found[0, 0]) - 20) < 15
    assert abs(int(found[0, -1]) - 230) < 15
    tall, _, _ = grey("pad", Shape(1, 20, 90))
    assert np.ptp(tall[:, :15], axis=1).max() <= 12


@pytest.mark.parametrize("fit", ["stretch", "pad", "crop"])
def test_a_picture_of_the_right_size_stays_as_it_is(tmp_path, fit):
    path = stored(tmp_path, Image.fromarray(FLAG))
    np.testing.assert_array_equal(decode(path, SHAPE, fit).transpose(1, 2, 0), FLAG)


def test_large_jpegs_are_shrunk_evenly(tmp_path):
    ramp = np.tile(np.linspace(0, 255, 1024).astype(np.uint8), (512, 1))
    path = stored(tmp_path, Image.fromarray(ramp), "x.jpg", quality=95)
    found = decode(path, Shape(1, 16, 32))[0]
    assert np.abs(found.mean(axis=0) - (np.arange(32) + 0.5) * 8).max() < 4


def test_choose_shape_rules(tmp_path):
    def shape_of(*sizes, mode="L", image_size=None):
        paths = [stored(tmp_path, Image.new(mode, size[::-1]), f"{i}.png") for i, size in enumerate(sizes)]
        return choose_shape([read_header(path) for path in paths], image_size)

    assert shape_of((224, 20), (224, 20)) == Shape(1, 224, 20)
    assert shape_of((225, 40), (225, 40)) == Shape(1, 224, 40)
    assert shape_of((20, 30), (22, 40), (24, 32)) == Shape(1, 22, 32)
    assert shape_of((300, 100), (200, 400), mode="RGB") == Shape(3, 224, 224)
    assert shape_of((1, 1000), (1, 1000)) == Shape(1, 1, 224)
    assert shape_of((20, 30), mode="RGB", image_size=24) == Shape(3, 24, 24)


def test_of_more_pictures_than_memory_holds_less_is_kept(monkeypatch):
    headers = [Header(300, 400, False, (), "PNG")]
    monkeypatch.setattr("neuralfinder.data.mapped.memory_bytes", lambda: 4 * 10**9)
    assert choose_shape(headers, count=1000) == Shape(3, 168, 224)
    assert choose_shape(headers, count=20_000) == Shape(3, 96, 128)
    assert choose_shape(headers, count=1_000_000) == Shape(3, 48, 64)


def kinds_of_files(root):
    """H02: 2 classes x 12 files, sizes 20x31 to 64x48, every kind of file of the case."""
    rng = np.random.default_rng(0)
    for number in range(24):
        size = (int(rng.integers(20, 65)), int(rng.integers(31, 49)))
        folder = root / ("NG", "OK")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        colour = Image.fromarray(rng.integers(0, 256, (*size[::-1], 3), dtype=np.uint8))
        kind = ("jpeg", "rgba", "palette", "grey")[number // 2 % 4] if number < 23 else "gif"
        if kind == "jpeg":
            colour.save(folder / f"{number}.jpg")
        elif kind == "rgba":
            colour.putalpha(128)
            colour.save(folder / f"{number}.png")
        elif kind == "palette":
            colour.quantize(16).save(folder / f"{number}.png", transparency=bytes(range(0, 160, 10)))
        elif kind == "grey":
            colour.convert("L").save(folder / f"{number}.png")
        else:
            colour.save(folder / f"{number}.gif")
    return root


def test_h02_all_kinds_in_one_folder(tmp_path):
    data = load(kinds_of_files(tmp_path))
    assert len(data.labels) == 24
    assert np.bincount(data.labels).tolist() == [12, 12]
    shape, notes = data.shape, " ".join(data.notes)
    assert f"{shape.height} high and {shape.width} wide, in colour; " in notes
    assert "of 24 were resized to it (the median size; aspect ratio not kept), from " in notes
    # 6 JPEG are plain; 6 RGBA, 6 palette, 5 grey and 1 GIF are not.
    assert (
        f"18 of 24 pictures were converted to 8-bit RGB, of them 8-bit grey 5, palette 7, {TRANSPARENT} 12: " in notes
    )
    paths = sorted(tmp_path.rglob("*.*"), key=lambda path: (path.parent.name, path.name))
    np.testing.assert_array_equal(read_pictures(paths, data.shape), data.samples)


def test_all_grey_folders_stay_grey(tmp_path):
    for number in range(6):
        (tmp_path / "ab"[number % 2]).mkdir(exist_ok=True)
        Image.new(("L", "1", "LA")[number % 3], (4, 4)).save(tmp_path / "ab"[number % 2] / f"{number}.png")
    data = load(tmp_path)
    assert data.shape == Shape(1, 4, 4)
    assert any("wide, grey" in note for note in data.notes)
    assert any(
        f"4 of 6 pictures were converted to 8-bit grey, of them 1-bit 2, {TRANSPARENT} 2: " in note
        for note in data.notes
    )


def test_predicting_on_unreadable_files_names_them(tmp_path):
    good = stored(tmp_path, Image.fromarray(FLAG))
    (tmp_path / "bad.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"bad.png is unreadable: an empty file; expected a picture file; replace it"):
        read_pictures([good, tmp_path / "bad.png"], SHAPE)
    with pytest.raises(InputError, match=r"gone.png is unreadable: no such file"):
        read_pictures([tmp_path / "gone.png"], SHAPE)
    with pytest.raises(InputError, match=r"of 4 channels; expected 1 or 3 channels.*give arrays"):
        read_pictures([good], Shape(4, 4, 6))
    assert read_pictures([], SHAPE).shape == (0, 3, 4, 6)


def deep(root, low, high, colour=False, count=8, depth=16):
    """Two classes of pictures of noise, of so many bits."""
    rng = np.random.default_rng(0)
    for number in range(count):
        home = root / "ab"[number % 2]
        home.mkdir(parents=True, exist_ok=True)
        values = rng.integers(low, high + 1, (8, 8, 3) if colour else (8, 8)).astype(np.uint16)
        content = png_of_16_bits(values)
        if depth == 8:
            Image.fromarray(values.astype(np.uint8)).save(home / f"{number}.png")
        else:
            (home / f"{number}.png").write_bytes(content)
    return root


def test_h15_16_bit_colour_that_is_hardly_used_is_told_or_refused(tmp_path):
    with pytest.raises(InputError, match=r"the range of 8 16-bit pictures .* 8 bits keep [12] of their levels"):
        load(deep(tmp_path / "eight", 0, 255, colour=True))
    twelve = " ".join(load(deep(tmp_path / "twelve", 0, 4095, colour=True)).notes)
    assert re.search(r"8 pictures of 16 bits use [67]% of that range: 1[67] levels of each are left", twelve)
    assert "16-bit colour 8" in twelve
    assert "of that range" not in " ".join(load(deep(tmp_path / "all", 0, 65535, colour=True)).notes)


@pytest.mark.parametrize(("low", "high"), [(0, 157), (0, 4095), (30_000, 30_157), (1000, 20_000)])
def test_16_bit_grey_is_scaled_by_its_own_range(tmp_path, low, high):
    data = load(deep(tmp_path / "set", low, high, count=40))
    least, most = data.span
    assert low <= least < most <= high
    assert (data.samples.min(), data.samples.max()) == (0, 255)
    assert len(np.unique(data.samples)) == min(256, len(np.unique(values_of(tmp_path / "set"))))
    assert f"40 pictures of 16-bit grey have values from {least} to {most}, which became 0 to 255" in " ".join(
        data.notes
    )
    (block,) = blocks_at([tmp_path / "set"], data.shape, span=data.span)
    np.testing.assert_array_equal(block.samples, data.samples)


def values_of(root):
    return np.concatenate([np.asarray(Image.open(file)).reshape(-1) for file in root.rglob("*.png")])


def test_the_range_is_that_of_all_but_the_test_part_and_wide_ones_are_the_whole(tmp_path):
    deep(tmp_path / "train", 100, 500)
    deep(tmp_path / "test", 50, 520)
    data = load(tmp_path)
    assert data.span == load(tmp_path / "train").span
    assert (data.samples[data.given_test] == 0).mean() > (data.samples[data.free] == 0).mean()
    assert load(deep(tmp_path / "wide", 0, 40_000)).span == WHOLE


def test_a_few_values_far_from_all_others_are_refused(tmp_path):
    folder = deep(tmp_path / "set", 0, 157)
    hot = np.zeros((8, 8), dtype=np.uint16)
    hot[3, 3] = 32_000
    (folder / "a" / "0.png").write_bytes(png_of_16_bits(hot))
    with pytest.raises(InputError, match=r"range of 8 16-bit pictures, 0 to 32000, .*cut off what is beyond 0 and 15"):
        load(folder)


def test_8_bits_beside_16_are_read_as_the_whole_range_has_them(tmp_path):
    deep(tmp_path / "set", 0, 30_000)
    Image.new("L", (8, 8), 100).save(tmp_path / "set" / "a" / "x.png")
    data = load(tmp_path / "set")
    assert data.span == WHOLE
    assert data.samples.max() <= 30_000 // 257 + 1
    assert (data.samples[data.names.index("a/x.png")] == 100).all()


@pytest.mark.parametrize(
    ("given", "asked", "message"),
    [
        ((0, 157, 16), (0, 157, 8), "8 bits where training had 16-bit grey of 0 to 157; save it as then"),
        ((0, 157, 16), (1000, 4095, 16), r"16-bit grey of 1\d{3} to \d{4} where training had 0 to 157"),
        ((0, 157, 8), (0, 157, 16), r"16-bit grey of \d+ to 15\d where training had 8 bits; save it as then"),
    ],
)  # fmt: skip
def test_pictures_of_another_depth_than_training_are_refused_one_by_one(tmp_path, given, asked, message):
    data = load(deep(tmp_path / "set", *given[:2], count=40, depth=given[2]))
    deep(tmp_path / "new", *asked[:2], depth=asked[2])
    deep(tmp_path / "more", *given[:2], depth=given[2])
    (block,) = blocks_at([tmp_path / "new", tmp_path / "more"], data.shape, span=data.span)
    assert [*block.errors] == [*range(8)]
    assert all(re.search(message, str(error)) for error in block.errors.values())
    assert len(block.samples) == 8


def png_of_16_bits(values):
    def chunk(name, content):
        return len(content).to_bytes(4) + name + content + zlib.crc32(name + content).to_bytes(4)

    height, width = values.shape[:2]
    head = width.to_bytes(4) + height.to_bytes(4) + bytes([16, 2 if values.ndim == 3 else 0, 0, 0, 0])
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("ink", "ground"),
    [((255, 255, 255), 0), ((250, 248, 255), 0), ((0, 0, 0), 255), ((200, 60, 60), 255), ((230, 230, 0), 255)],
)
def test_h24_drawings_on_transparency_are_seen(tmp_path, ink, ground):
    pixels = np.zeros((4, 6, 4), dtype=np.uint8)
    pixels[1:3, 2:4] = (*ink, 255)
    found = seen(stored(tmp_path, Image.fromarray(pixels)))
    assert (found[0, 0] == ground).all()
    assert tuple(found[1, 2]) == ink


def test_h24_white_on_white_and_nothing_at_all_stay_white(tmp_path):
    assert (seen(stored(tmp_path, Image.new("RGBA", (6, 4), (255, 255, 255, 255)))) == 255).all()
    assert (seen(stored(tmp_path, Image.new("RGBA", (6, 4), (0, 0, 0, 0)))) == 255).all()
    assert (seen(stored(tmp_path, Image.new("RGBA", (6, 4), (255, 255, 255, 0)))) == 255).all()
