"""Names of attachments that are safe to show and to save."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

from mailticket.charsets import one_line
from mailticket.media_types import extension

LONGEST = 200
"""Characters; file systems allow 255 bytes, and a page has to show it."""
_LONGEST_EXTENSION = 20
_SEPARATORS = re.compile(r"[\\/]+")
_FORBIDDEN = re.compile(r'[<>:"|?*]')
_RESERVED = re.compile(r"^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)
_UTF_8_PERCENTS = re.compile(r"%[C-Fc-f][0-9A-Fa-f]%[89ABab][0-9A-Fa-f]")
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}

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


def made_up(content_type: str, number: int) -> str:
    """Make a name for a part that has none: ``image-2.png``."""
    stem = _STEMS.get(content_type) or content_type.partition("/")[0] or "attachment"
    stem = "attachment" if stem == "application" else stem
    return f"{stem}{f'-{number}' if number > 1 else ''}{extension(content_type)}"


def safe_name(written: str) -> str:
    """Clean a name: no path, no control or bidi characters, no more than 200 characters.

    ``""`` when nothing is left.
    """
    text = unicodedata.normalize("NFC", one_line(_unescaped(written[:5000])))
    visible = "".join(char for char in text if unicodedata.category(char) not in _UNSEEN)
    last = next((piece for piece in reversed(_SEPARATORS.split(visible)) if piece.strip(" .")), "")
    name = _FORBIDDEN.sub("_", last).strip().strip("'").rstrip(". ")
    name = name.lstrip(".") if set(name) == {"."} else name
    if _RESERVED.match(name):
        name = "_" + name
    return shortened(name)


def _unescaped(written: str) -> str:
    """Decode the percents of senders who forgot to declare them (RFC 2231), where that is sure."""
    if not written.isascii() or not _UTF_8_PERCENTS.search(written):
        return written
    try:
        return unquote(written, errors="strict")
    except UnicodeDecodeError:
        return written


def shortened(name: str) -> str:
    """Cut a name in its middle, so that its extension stays."""
    if len(name) <= LONGEST:
        return name
    stem, dot, tail = name.rpartition(".")
    if not dot or len(tail) > _LONGEST_EXTENSION:
        return name[:LONGEST]
    return stem[: LONGEST - len(tail) - 1] + "." + tail
