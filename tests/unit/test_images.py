"""Images: what the header says, and the image made smaller."""

from __future__ import annotations

import io
import struct
import warnings
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps, ImageSequence  # noqa: TID251 - the tests make images

from mailticket.images import MAX_FRAMES, inspect, reduce

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")


def picture(mode: str = "RGB", size: tuple[int, int] = (200, 100)) -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", size, "red")
    image.paste("blue", (size[0] // 2, 0, size[0], size[1]))
    return image.convert(mode)


def saved(image: Image.Image, format_: str, **options: object) -> bytes:
    written = io.BytesIO()
    image.save(written, format_, **options)
    return written.getvalue()


def opened(content: bytes | None) -> Image.Image:
    assert content is not None
    return Image.open(io.BytesIO(content))


def frames(colours: list[str], size: tuple[int, int] = (200, 100)) -> list[Image.Image]:
    return [Image.new("RGB", size, colour) for colour in colours]


def animation(format_: str, **options: object) -> bytes:
    first, *others = frames(["red", "lime", "blue"])
    options = {"duration": [100, 200, 300], "loop": 0} | options
    if format_ == "WEBP":
        options["lossless"] = True
    return saved(first, format_, save_all=True, append_images=others, **options)


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def png_header(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)


# --- inspect -----------------------------------------------------------------------------------


@pytest.mark.parametrize("format_", FORMATS)
def test_the_header_tells_format_and_size(format_: str) -> None:
    info = inspect(saved(picture(), format_))
    assert info is not None
    assert (info.format, info.width, info.height) == (format_, 200, 100)
    assert (info.frames, info.animated, info.has_alpha) == (1, False, False)
    assert info.pixels == 20_000


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "TIFF", "GIF"])
def test_alpha_is_seen(format_: str) -> None:
    image = picture("RGBA")
    image.putalpha(Image.new("L", image.size, 0))
    info = inspect(saved(image, format_))
    assert info is not None
    assert info.has_alpha


def test_a_transparent_colour_of_a_png_is_alpha() -> None:
    info = inspect(saved(picture("P"), "PNG", transparency=0))
    assert info is not None
    assert info.has_alpha


def test_a_lossless_webp_tells_its_size_and_alpha() -> None:
    image = picture("RGBA")
    image.putalpha(7)
    info = inspect(saved(image, "WEBP", lossless=True))
    assert info is not None
    assert (info.width, info.height, info.has_alpha) == (200, 100, True)


@pytest.mark.parametrize("format_", ["GIF", "WEBP", "PNG"])
def test_frames_are_counted(format_: str) -> None:
    info = inspect(animation(format_))
    assert info is not None
    assert (info.frames, info.animated, info.pixels) == (3, True, 60_000)


def test_the_pages_of_a_tiff_are_no_animation() -> None:
    first, *others = frames(["red", "lime", "blue"])
    info = inspect(saved(first, "TIFF", save_all=True, append_images=others))
    assert info is not None
    assert (info.frames, info.animated) == (2, False)


@pytest.mark.parametrize("format_", ["JPEG", "WEBP", "PNG", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_is_that_of_the_upright_image(format_: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    info = inspect(saved(picture(), format_, exif=exif))
    assert info is not None
    expected = (100, 200) if orientation >= 5 else (200, 100)
    assert (info.width, info.height) == expected


def test_a_bomb_is_measured_by_its_header_alone() -> None:
    info = inspect(png_header(30_000, 30_000))
    assert info is not None
    assert (info.width, info.height, info.pixels) == (30_000, 30_000, 900_000_000)


def test_a_frame_beyond_the_screen_of_a_gif_counts() -> None:
    gif = bytearray(saved(picture("P"), "GIF"))
    at = gif.index(b"\x2c\0\0\0\0")
    gif[at + 5 : at + 9] = struct.pack("<HH", 60_000, 60_000)
    info = inspect(bytes(gif))
    assert info is not None
    assert (info.width, info.height) == (60_000, 60_000)


def test_a_webp_bomb_is_not_opened() -> None:
    canvas = (16_382).to_bytes(3, "little") * 2
    chunk = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + canvas
    content = b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk
    info = inspect(content)
    assert info is not None
    assert (info.width, info.height) == (16_383, 16_383)
    assert reduce(content, (100, 100)) is None


def test_a_million_frames_are_not_counted() -> None:
    gif = saved(picture("P", (2, 2)), "GIF")
    image = gif[gif.index(b"\x2c\0\0\0\0") : -1]
    info = inspect(gif[:-1] + image * 50_000 + b";")
    assert info is not None
    assert info.frames == MAX_FRAMES + 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0",
        b"GIF89a",
        b"GIF89a\x01\0\x01\0\0\0\0;",
        b"\x89PNG\r\n\x1a\n",
        b"\x89PNG\r\n\x1a\n" + b"\0" * 100,
        png_header(0, 10),
        b"\xff\xd8\xff\xe0",
        b"\xff\xd8\xff" * 1000,
        b"BM" + b"\xff" * 60,
        b"II*\0\xff\xff\xff\xff",
        b"II*\0\x08\0\0\0\xff\xff",
        b"RIFF\0\0\0\0WEBP",
        b"RIFF\0\0\0\0WEBPVP8X",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
        b'<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>',
        b"%PDF-1.4",
        b"P6 10 10 255 " + b"\0" * 300,
        b"plain text",
        b"\0\0\x01\0\x01\0\x10\x10",
    ],
)
def test_what_is_no_image_has_no_size(content: bytes) -> None:
    assert inspect(content) is None
    assert reduce(content, (10, 10)) is None


# --- reduce ------------------------------------------------------------------------------------


@pytest.mark.parametrize("format_", FORMATS)
def test_an_image_keeps_format_and_aspect(format_: str) -> None:
    small = opened(reduce(saved(picture(), format_), (50, 50)))
    assert (small.format, small.size) == (format_, (50, 25))
    left, right = small.convert("RGB").getpixel((5, 12)), small.convert("RGB").getpixel((45, 12))
    assert min(left[0], right[2]) > 200
    assert max(left[2], right[0]) < 60


@pytest.mark.parametrize(
    ("maximum", "expected"),
    [((100, 1000), (100, 50)), ((1000, 10), (20, 10)), ((1, 1), (1, 1)), ((199, 100), (199, 100))],
)
def test_the_tighter_side_decides(maximum: tuple[int, int], expected: tuple[int, int]) -> None:
    assert opened(reduce(saved(picture(), "PNG"), maximum)).size == expected


@pytest.mark.parametrize("maximum", [(200, 100), (201, 101), (10_000, 10_000)])
def test_an_image_that_fits_is_left_alone(maximum: tuple[int, int]) -> None:
    assert reduce(saved(picture(), "PNG"), maximum) is None


@pytest.mark.parametrize("format_", ["JPEG", "WEBP", "PNG", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_turned_upright(format_: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    original = saved(picture(size=(200, 100)), format_, exif=exif)
    with Image.open(io.BytesIO(original)) as image:
        image.load()
        expected = (
            ImageOps.exif_transpose(image)
            .convert("RGB")
            .resize((20, 40) if orientation >= 5 else (40, 20))
        )
    small = opened(reduce(original, (40, 40)))
    assert small.size == expected.size
    assert small.getexif().get(0x0112, 1) == 1
    for spot in ((2, 2), (small.width - 3, 2), (2, small.height - 3)):
        seen, wanted = small.convert("RGB").getpixel(spot), expected.getpixel(spot)
        assert max(abs(a - b) for a, b in zip(seen, wanted, strict=True)) < 60


@pytest.mark.parametrize("format_", ["GIF", "WEBP", "PNG"])
def test_an_animation_keeps_its_frames_and_their_times(format_: str) -> None:
    small = opened(reduce(animation(format_), (50, 50)))
    assert small.size == (50, 25)
    shown = [frame.convert("RGB").getpixel((25, 12)) for frame in ImageSequence.Iterator(small)]
    assert [max(range(3), key=colour.__getitem__) for colour in shown] == [0, 1, 2]
    times = []
    for number in range(3):
        small.seek(number)
        small.load()
        times.append(round(small.info["duration"]))
    assert times == [100, 200, 300]
    assert small.info["loop"] == 0


def test_an_animation_that_plays_once_still_does() -> None:
    first, *others = frames(["red", "lime"])
    gif = saved(first, "GIF", save_all=True, append_images=others, duration=100)
    assert "loop" not in opened(reduce(gif, (50, 50))).info


def test_a_transparent_animation_leaves_no_trails() -> None:
    spots = []
    for x in (0, 100):
        frame = Image.new("RGBA", (200, 100), (0, 0, 0, 0))
        frame.paste((255, 0, 0, 255), (x, 0, x + 100, 100))
        spots.append(frame)
    gif = saved(spots[0], "GIF", save_all=True, append_images=spots[1:], disposal=2, duration=100)
    small = opened(reduce(gif, (50, 50)))
    small.seek(1)
    frame = small.convert("RGBA")
    assert frame.getpixel((5, 12))[3] == 0
    assert frame.getpixel((45, 12)) == (255, 0, 0, 255)


def test_frames_that_hold_only_the_changed_part_are_made_whole() -> None:
    base = picture()
    changed = base.copy()
    changed.paste("lime", (0, 0, 20, 100))
    gif = saved(base, "GIF", save_all=True, append_images=[changed], duration=100)
    small = opened(reduce(gif, (100, 100)))
    small.seek(1)
    frame = small.convert("RGB")
    assert frame.getpixel((3, 25))[1] > 200
    assert frame.getpixel((90, 25))[2] > 200


def test_the_default_image_of_an_apng_is_no_frame() -> None:
    first, *others = frames(["white", "red", "blue"])
    apng = saved(
        first, "PNG", save_all=True, append_images=others, default_image=True, duration=100
    )
    small = opened(reduce(apng, (50, 50)))
    shown = [frame.convert("RGB").getpixel((9, 9)) for frame in ImageSequence.Iterator(small)]
    assert (255, 0, 0) in shown
    assert (0, 0, 255) in shown


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "TIFF"])
def test_alpha_is_kept(format_: str) -> None:
    image = picture("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 100, 100))
    small = opened(reduce(saved(image, format_), (50, 50))).convert("RGBA")
    assert small.getpixel((5, 12))[3] == 0
    assert small.getpixel((45, 12))[3] == 255


@pytest.mark.parametrize("format_", ["PNG", "GIF"])
def test_a_palette_with_a_transparent_colour_keeps_it(format_: str) -> None:
    image = Image.new("P", (200, 100), 0)
    image.putpalette([255, 255, 255, 255, 0, 0])
    image.paste(1, (100, 0, 200, 100))
    small = opened(reduce(saved(image, format_, transparency=0), (50, 50)))
    assert small.mode == "P"
    assert small.convert("RGBA").getpixel((5, 12))[3] == 0
    red, green, blue, alpha = small.convert("RGBA").getpixel((45, 12))
    assert min(red, alpha) > 250
    assert max(green, blue) < 5


@pytest.mark.parametrize(
    ("mode", "format_"),
    [
        ("1", "PNG"),
        ("L", "PNG"),
        ("LA", "PNG"),
        ("P", "PNG"),
        ("I;16", "PNG"),
        ("I", "TIFF"),
        ("F", "TIFF"),
        ("1", "TIFF"),
        ("CMYK", "TIFF"),
        ("LAB", "TIFF"),
        ("CMYK", "JPEG"),
        ("L", "JPEG"),
        ("1", "BMP"),
        ("P", "BMP"),
        ("L", "GIF"),
        ("1", "GIF"),
    ],
)
def test_every_mode_can_be_reduced(mode: str, format_: str) -> None:
    image = Image.new(mode, (200, 100)) if mode in {"I;16", "LAB", "I", "F"} else picture(mode)
    small = opened(reduce(saved(image, format_), (50, 50)))
    small.load()
    assert (small.format, small.size) == (format_, (50, 25))


def test_16_bit_values_survive() -> None:
    image = Image.new("I;16", (200, 100), 40_000)
    small = opened(reduce(saved(image, "PNG"), (50, 50)))
    assert small.mode.startswith("I")
    assert small.getpixel((10, 10)) == 40_000


def test_where_a_picture_was_taken_is_forgotten() -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "N"
    exif[0x010E] = "at home"
    original = saved(picture(), "JPEG", exif=exif)
    assert b"at home" in original
    small = reduce(original, (50, 50))
    assert small is not None
    assert b"at home" not in small
    assert not opened(small).getexif()


def test_the_colour_profile_is_kept() -> None:
    small = opened(reduce(saved(picture(), "JPEG", icc_profile=b"profile"), (50, 50)))
    assert small.info["icc_profile"] == b"profile"


@pytest.mark.parametrize("format_", FORMATS)
def test_a_truncated_image_stays_as_it_is(format_: str) -> None:
    whole = saved(Image.effect_noise((200, 100), 90).convert("RGB"), format_)
    assert reduce(whole, (50, 50)) is not None
    assert reduce(whole[: len(whole) // 2], (50, 50)) is None


def test_too_many_pixels_are_not_decoded() -> None:
    original = saved(picture(), "PNG")
    assert reduce(original, (50, 50), pixel_limit=19_999) is None
    assert reduce(original, (50, 50), pixel_limit=20_000) is not None


def test_the_pixels_of_all_frames_count() -> None:
    assert reduce(animation("GIF"), (50, 50), pixel_limit=59_999) is None
    assert reduce(animation("GIF"), (50, 50), pixel_limit=60_000) is not None


def test_a_tiff_of_several_pages_keeps_them_all() -> None:
    first, *others = frames(["red", "lime"])
    tiff = saved(first, "TIFF", save_all=True, append_images=others)
    assert reduce(tiff, (50, 50)) is None


def test_pillow_does_not_warn_of_large_images() -> None:
    large = saved(Image.new("1", (10_000, 9_500)), "PNG")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert inspect(large) is not None
        assert reduce(large, (50, 50)) is None
        assert reduce(large, (50, 50), pixel_limit=100_000_000) is not None


# --- whatever comes ----------------------------------------------------------------------------

SEEDS = [saved(picture(size=(24, 12)), format_) for format_ in FORMATS] + [
    saved(frames(["red"])[0], format_, save_all=True, append_images=frames(["lime"]))
    for format_ in ("GIF", "WEBP", "PNG", "TIFF")
]


@given(st.binary(max_size=200), st.sampled_from([seed[:12] for seed in SEEDS] + [b""]))
def test_garbage_raises_nothing(garbage: bytes, magic: bytes) -> None:
    inspect(magic + garbage)
    assert isinstance(reduce(magic + garbage, (8, 8), 1_000_000), bytes | None)


@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=4)), max_size=4),
    st.integers(0, 2000),
)
def test_a_damaged_image_raises_nothing(
    seed: bytes, damages: list[tuple[int, bytes]], length: int
) -> None:
    damaged = bytearray(seed)
    for at, bytes_ in damages:
        damaged[at : at + len(bytes_)] = bytes_
    content = bytes(damaged[: max(length, 20)])
    inspect(content)
    small = reduce(content, (8, 8), 1_000_000)
    if small is not None:
        info = inspect(small)
        assert info is not None
        assert info.width <= 8
        assert info.height <= 8
