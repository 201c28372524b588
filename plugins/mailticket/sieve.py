"""Which attachments stay: excluded types, images too small, too big, or too many to open."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mailticket import images, magic
from mailticket.image_headers import MAX_FRAMES
from mailticket.message import Attachment
from mailticket.options import ParseOptions

_SHOWN_UNREAD = frozenset({"image/avif", "image/x-icon", "image/vnd.microsoft.icon"})


class Sieve:
    """Judges the attachments of one mail; what is decoded for all of them is bounded together."""

    def __init__(self, options: ParseOptions) -> None:
        self.options = options
        self.pixels_left = 2 * options.limits.image_pixels
        self.notes: list[str] = []
        """What was done to images that stay, and what should have been."""

    def judged(self, attachment: Attachment) -> Attachment:
        """Say why an attachment is left out, or give it back, reduced if it is too big."""
        if attachment.left_out is not None:
            return attachment
        if reason := excluded(attachment, self.options.exclude_attachment_types):
            return replace(attachment, left_out=reason)
        if magic.sniff(attachment.data) == magic.APPLE_DOUBLE:
            return replace(attachment, left_out="resource fork of a Macintosh file")
        if not attachment.content_type.startswith("image/"):
            return attachment
        info = images.inspect(attachment.data)
        return self._image(attachment, info) if info else self._unread(attachment)

    def _unread(self, attachment: Attachment) -> Attachment:
        """Show what browsers know and we do not; a broken image is an attachment."""
        if not attachment.inline or magic.sniff(attachment.data) in _SHOWN_UNREAD:
            return attachment
        self._note(attachment, "image cannot be read: attached, not shown")
        return replace(attachment, inline=False)

    def _image(self, attachment: Attachment, info: images.ImageInfo) -> Attachment:
        if info.format == "TIFF":  # no browser shows it
            attachment = replace(attachment, inline=False)
        smallest, largest = self.options.images_minimum_size, self.options.images_maximum_size
        if info.width < smallest[0] or info.height < smallest[1]:
            size = f"{info.width}x{info.height}, smallest is {smallest[0]}x{smallest[1]}"
            return replace(attachment, left_out=f"image of {size}")
        if info.width * info.height > self.options.limits.image_pixels:
            size = f"{info.width}x{info.height}"
            self._note(attachment, f"image of {size} attached unopened (limit_image_pixels)")
            return replace(attachment, inline=False)
        if largest is None or (info.width <= largest[0] and info.height <= largest[1]):
            return attachment
        return self._reduced(attachment, info, largest)

    def _reduced(
        self, attachment: Attachment, info: images.ImageInfo, largest: tuple[int, int]
    ) -> Attachment:
        size = f"image of {info.width}x{info.height}"
        self.pixels_left -= info.width * info.height * min(info.frames, MAX_FRAMES)
        limit = self.options.limits.image_pixels
        smaller = images.reduce(attachment.data, largest, limit) if self.pixels_left >= 0 else None
        now = images.inspect(smaller) if smaller else None
        if smaller is None or now is None:
            self._note(attachment, f"{size} cannot be reduced: attached as it is")
            return attachment
        self._note(attachment, f"{size} reduced to {now.width}x{now.height}")
        return replace(attachment, data=smaller)

    def _note(self, attachment: Attachment, what: str) -> None:
        self.notes.append(f"{attachment.filename}: {what}")


def excluded(attachment: Attachment, entries: Iterable[str]) -> str | None:
    """Say which excluded type a file is of: by declaration, by name, or by its bytes."""
    actual = magic.sniff(attachment.data)
    types = {attachment.declared_type, attachment.content_type, actual}
    for entry in entries:
        if _excludes(entry.strip().lower(), types, attachment, actual):
            return f"excluded type {entry}"
    return None


def _excludes(entry: str, types: set[str], attachment: Attachment, actual: str) -> bool:
    if entry == "application/exe":
        return magic.is_executable(attachment.declared_type, actual, attachment.filename)
    if "/" not in entry:
        return attachment.filename.lower().endswith("." + entry.lstrip("*."))
    if entry.endswith("/*"):
        return any(found.startswith(entry[:-1]) for found in types)
    return entry in types or entry == "*/*"
