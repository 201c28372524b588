"""The size of an image without decoding it, and the image made smaller.

The header decides before anything is decoded: a PNG of some 40 bytes may claim 30,000 x 30,000
pixels. Only raster formats with decoders of Pillow's own are opened: EPS would start Ghostscript,
and SVG is a document. Pillow's file classes are called by name, since ``Image.open`` warns about,
and then refuses, by a size of its own, for the whole interpreter.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from PIL import (  # noqa: TID251 - this is the file that owns it
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    ImageSequence,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from mailticket import image_headers
from mailticket.image_headers import MAX_FRAMES

_ANIMATED = frozenset({"PNG", "GIF", "WEBP"})
_ORIENTATION = 0x0112
_UPRIGHT: dict[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation to what brings the image upright; 5 to 8 lie on their side."""
_ON_ITS_SIDE = frozenset({5, 6, 7, 8})
_SAVED_WITH: dict[str, dict[str, Any]] = {
    "PNG": {},
    "JPEG": {"quality": 85},
    "GIF": {},
    "WEBP": {"quality": 85, "method": 4},
    "BMP": {},
    "TIFF": {"compression": "tiff_adobe_deflate"},
}

Opened = ImageFile.ImageFile
Opener = Callable[[io.BytesIO], Opened]
_OPENED_BY: dict[str, Opener] = {
    "PNG": PngImagePlugin.PngImageFile,
    "JPEG": JpegImagePlugin.JpegImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
}
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
)


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What the header of an image says."""

    format: str
    """``PNG``, ``JPEG``, ``GIF``, ``WEBP``, ``BMP`` or ``TIFF``."""
    width: int
    """Pixels, as it is shown: after its EXIF orientation."""
    height: int
    frames: int
    """Pictures in it, at least 1; ``MAX_FRAMES + 1`` stands for any more. Of a TIFF, 2 at most."""
    has_alpha: bool
    orientation: int = 1
    """EXIF, 1 to 8; 1 is upright."""

    @property
    def animated(self) -> bool:
        """Say whether the frames follow each other in time: the pages of a TIFF do not."""
        return self.frames > 1 and self.format in _ANIMATED

    @property
    def pixels(self) -> int:
        """Pixels of all frames together, which is what decoding costs."""
        return self.width * self.height * self.frames


def inspect(data: bytes) -> ImageInfo | None:
    """Read the header of an image; ``None`` for what is none, or is broken. Decodes no pixel."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _inspected(data)
    except Exception:  # noqa: BLE001 - Pillow raises a dozen kinds on hostile input
        return None


def reduce(data: bytes, maximum: tuple[int, int], pixel_limit: int = 50_000_000) -> bytes | None:
    """Make an image fit into ``maximum`` (width, height in pixels), in its own format.

    Keeps aspect, orientation, animation, alpha and colour profile; other metadata goes. ``None``
    when it fits already, cannot be read, or has more than ``pixel_limit`` pixels in all frames.
    """
    info = inspect(data)
    if info is None or _cost(info) > pixel_limit or info.frames > MAX_FRAMES:
        return None
    if info.width <= maximum[0] and info.height <= maximum[1]:
        return None
    if info.frames > 1 and not info.animated:
        return None  # the other pages of a TIFF would be lost
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with _opened(data, info.format) as image:
                return _reduced(image, info, _fitting(info, maximum))
    except Exception:  # noqa: BLE001 - as above; an image that cannot be read stays as it is
        return None


# --- the header --------------------------------------------------------------------------------


def _inspected(data: bytes) -> ImageInfo | None:
    if header := image_headers.read(data):
        exif = Image.Exif()
        exif.load(header.exif)
        size = header.width, header.height
        return _info(header.format, size, header.frames, header.has_alpha, exif)
    format_ = next((name for magic, name in _MAGIC if data.startswith(magic)), None)
    if format_ is None:
        return None
    with _opened(data, format_) as image:
        if format_ == "TIFF":
            # Pillow says the size of a TIFF as it is shown.
            return _info(format_, image.size, _pages(image), image.has_transparency_data, None)
        found = image.getexif() if format_ == "JPEG" else None
        return _info(format_, image.size, 1, image.has_transparency_data, found)


def _info(
    format_: str, size: tuple[int, int], frames: int, has_alpha: bool, exif: Image.Exif | None
) -> ImageInfo | None:
    width, height = size
    if width <= 0 or height <= 0:
        return None
    found = exif.get(_ORIENTATION) if exif else 1
    orientation = found if found in _UPRIGHT else 1
    if orientation in _ON_ITS_SIDE:
        width, height = height, width
    return ImageInfo(format_, width, height, frames, has_alpha, orientation)


def _cost(info: ImageInfo) -> int:
    """Give the pixels to be held; the decoder of WebP holds two canvases whatever it shows."""
    return max(info.pixels, 2 * info.width * info.height if info.format == "WEBP" else 0)


def _opened(data: bytes, format_: str) -> Opened:
    return _OPENED_BY[format_](io.BytesIO(data))


def _pages(image: Opened) -> int:
    """Give 1, or 2 when a second page follows."""
    try:
        image.seek(1)
    except EOFError:
        return 1
    return 2


# --- the pixels --------------------------------------------------------------------------------


def _fitting(info: ImageInfo, maximum: tuple[int, int]) -> tuple[int, int]:
    """Give the largest size of the same aspect within ``maximum``, as stored."""
    scale = min(maximum[0] / info.width, maximum[1] / info.height)
    width, height = max(1, round(info.width * scale)), max(1, round(info.height * scale))
    return (height, width) if info.orientation in _ON_ITS_SIDE else (width, height)


def _reduced(image: Opened, info: ImageInfo, size: tuple[int, int]) -> bytes:
    """Decode, resize and encode, frame by frame."""
    options = dict(_SAVED_WITH[info.format])
    if profile := image.info.get("icc_profile"):
        options["icc_profile"] = profile
    if info.animated:
        durations: list[int] = []
        first, *others = _frames(image, info, size, durations)
        options |= _animation(image, info, durations) | {"append_images": others}
    else:
        image.draft(None, size)  # JPEG is decoded at half, a quarter … of its size
        first = _encodable(_resized(image, info, size), image.mode, info.format)
    written = io.BytesIO()
    first.save(written, info.format, **options)
    return written.getvalue()


def _resized(image: Image.Image, info: ImageInfo, size: tuple[int, int]) -> Image.Image:
    """Resize in full colour, then turn upright: the small one is quicker to turn."""
    if image.mode == "1":
        image = image.convert("L")
    elif image.mode in {"P", "PA"}:
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    elif image.has_transparency_data and image.mode in {"L", "RGB"}:
        image = image.convert("LA" if image.mode == "L" else "RGBA")
    small = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    turn = _UPRIGHT.get(info.orientation)
    return small if turn is None or info.format == "TIFF" else small.transpose(turn)


def _encodable(image: Image.Image, mode: str, format_: str) -> Image.Image:
    """Bring an image back to the palette that it had, where that keeps it small."""
    if mode == "P" and format_ == "PNG":
        return image.quantize(256, method=Image.Quantize.FASTOCTREE)
    if mode == "P" and format_ == "BMP":
        return image.convert("RGB")
    return image


def _frames(
    image: Opened, info: ImageInfo, size: tuple[int, int], durations: list[int]
) -> Iterator[Image.Image]:
    """Give each frame whole, resized; notes how many milliseconds each one stays."""
    mode = "RGBA" if info.has_alpha else "RGB"
    for number, frame in enumerate(ImageSequence.Iterator(image)):
        if number == 0 and image.info.get("default_image"):
            continue  # an APNG's picture for those who cannot play it
        whole = frame.convert(mode)  # decodes: only then a WebP knows its time
        durations.append(round(frame.info.get("duration") or 0))
        yield _resized(whole, info, size)


def _animation(image: Opened, info: ImageInfo, durations: list[int]) -> dict[str, Any]:
    """Say how the frames are played; each one is whole, so that it replaces the last."""
    options: dict[str, Any] = {"save_all": True, "duration": durations}
    if "loop" in image.info:
        options["loop"] = image.info["loop"]
    if info.format == "GIF" and info.has_alpha:
        options["disposal"] = 2
    if info.format == "PNG":
        options |= {"disposal": 0, "blend": 0}
    return options
