"""Names of attachments that are safe to show and to save."""

from __future__ import annotations

import mimetypes
import re
import unicodedata

from mailticket.charsets import one_line

LONGEST = 200
"""Characters; file systems allow 255 bytes, and a page has to show it."""
_LONGEST_EXTENSION = 20
_SEPARATORS = re.compile(r"[\\/]+")
_FORBIDDEN = re.compile(r'[<>:"|?*]')
_RESERVED = re.compile(r"^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}

# Where mimetypes has several, none, or an odd first answer.
_EXTENSIONS = {
    "application/octet-stream": ".bin",
    "application/pgp-encrypted": ".asc",
    "application/pgp-keys": ".asc",
    "application/pgp-signature": ".asc",
    "application/pkcs7-mime": ".p7m",
    "application/x-pkcs7-mime": ".p7m",
    "application/pkcs7-signature": ".p7s",
    "application/x-pkcs7-signature": ".p7s",
    "application/ms-tnef": ".dat",
    "application/vnd.ms-outlook": ".msg",
    "application/rtf": ".rtf",
    "application/ics": ".ics",
    "image/jpeg": ".jpg",
    "image/jpg": ".jpg",
    "image/pjpeg": ".jpg",
    "image/tiff": ".tif",
    "image/x-png": ".png",
    "image/svg+xml": ".svg",
    "image/webp": ".webp",
    "message/delivery-status": ".txt",
    "message/disposition-notification": ".txt",
    "message/external-body": ".txt",
    "message/global": ".eml",
    "message/rfc822": ".eml",
    "text/calendar": ".ics",
    "text/csv": ".csv",
    "text/directory": ".vcf",
    "text/enriched": ".txt",
    "text/html": ".html",
    "text/plain": ".txt",
    "text/rfc822-headers": ".txt",
    "text/rtf": ".rtf",
    "text/vcard": ".vcf",
    "text/x-vcard": ".vcf",
    "video/mp4": ".mp4",
    "audio/mpeg": ".mp3",
}
_STEMS = {
    "message/delivery-status": "delivery-status",
    "text/rfc822-headers": "headers",
    "message/rfc822": "message",
    "text/calendar": "invitation",
    "application/pkcs7-mime": "smime",
    "application/pkcs7-signature": "smime",
    "application/pgp-signature": "signature",
    "application/pgp-encrypted": "version",
    "application/ms-tnef": "winmail",
}


def extension(content_type: str) -> str:
    """Give the usual extension of a type, with its dot."""
    known = _EXTENSIONS.get(content_type)
    return known or mimetypes.guess_extension(content_type, strict=False) or ".bin"


def made_up(content_type: str, number: int) -> str:
    """Make a name for a part that has none: ``image-2.png``."""
    stem = _STEMS.get(content_type) or content_type.partition("/")[0] or "attachment"
    stem = "attachment" if stem == "application" else stem
    return f"{stem}{f'-{number}' if number > 1 else ''}{extension(content_type)}"


def safe_name(written: str) -> str:
    """Clean a name: no path, no control or bidi characters, no more than 200 characters.

    ``""`` when nothing is left.
    """
    text = unicodedata.normalize("NFC", one_line(written[:5000]))
    visible = "".join(char for char in text if unicodedata.category(char) not in _UNSEEN)
    last = next((piece for piece in reversed(_SEPARATORS.split(visible)) if piece.strip(" .")), "")
    name = _FORBIDDEN.sub("_", last).strip().strip("'").rstrip(". ")
    name = name.lstrip(".") if set(name) == {"."} else name
    if _RESERVED.match(name):
        name = "_" + name
    return shortened(name)


def shortened(name: str) -> str:
    """Cut a name in its middle, so that its extension stays."""
    if len(name) <= LONGEST:
        return name
    stem, dot, tail = name.rpartition(".")
    if not dot or len(tail) > _LONGEST_EXTENSION:
        return name[:LONGEST]
    return stem[: LONGEST - len(tail) - 1] + "." + tail
