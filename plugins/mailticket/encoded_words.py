"""Encoded words (RFC 2047) and raw 8-bit header text, as mail programs really write them.

Time is linear in the length of the text: every pattern here stops at the next question mark.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass

from mailticket.charsets import codec_of, decode, scrub
from mailticket.transfer import base64_octets

# Tolerated beyond the RFC: blanks and up to three question marks inside the encoded text.
_WORD = re.compile(
    r"=\?([^?\s=][^?\s]{0,79})\?([bBqQ])\?((?:[^?]*\?(?![=])){0,3}?[^?]*)\?=(?!=\?=)"
)
_CUT_OFF = re.compile(r"=\?[^?\s=][^?\s]{0,79}\?[bBqQ]\?[^?\s]+\??\Z")
"""A last word whose end some program cut off."""
_LONGEST_CUT_OFF = 1000
_FOLDED_ESCAPE = re.compile(rb"=([0-9A-Fa-f]) (?=[0-9A-Fa-f])")
"""``=C3`` that some program folded in its middle."""


@dataclass(slots=True)
class _Run:
    """Neighbouring words of one charset: joined as bytes, since a word may split a character."""

    charset: str
    octets: bytearray


def header_text(raw: bytes, charset: str = "") -> str:
    """Turn the bytes of a header field into text: UTF-8 (RFC 6532), else by the ladder.

    ``charset`` is the body's, which senders of raw 8-bit fields mostly use there, too.
    """
    if b"\x1b" in raw:
        return decode(raw, charset).text
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return decode(raw, charset).text


def decode_words(text: str) -> str:
    """Decode every encoded word of a text; blanks between two words go (RFC 2047, 6.2)."""
    if "=?" not in text:
        return scrub(text)
    if cut_off := _CUT_OFF.search(text, max(0, len(text) - _LONGEST_CUT_OFF)):
        text = text[: cut_off.start()] + cut_off[0].rstrip("?") + "?="
    out: list[str] = []
    run: _Run | None = None
    end = 0
    for word in _WORD.finditer(text):
        between = text[end : word.start()]
        if between and not (run and between.isspace()):
            _close(run, out)
            run = None
            out.append(between)
        run = _joined(run, word, out)
        end = word.end()
    _close(run, out)
    out.append(text[end:])
    return scrub("".join(out))


def _joined(run: _Run | None, word: re.Match[str], out: list[str]) -> _Run:
    charset = word[1].partition("*")[0].lower()
    octets = _octets(word[2], word[3])
    if run and run.charset == charset:
        run.octets += octets
        return run
    _close(run, out)
    return _Run(charset, bytearray(octets))


def _octets(encoding: str, payload: str) -> bytes:
    encoded = payload.encode("utf-8", "surrogateescape")
    if encoding in "bB":
        return base64_octets(encoded)
    return binascii.a2b_qp(_FOLDED_ESCAPE.sub(rb"=\1", encoded.replace(b"\n", b"")), header=True)


def _close(run: _Run | None, out: list[str]) -> None:
    if run is None:
        return
    octets = bytes(run.octets)
    # "unknown-8bit" and misspelt names say nothing: the ladder finds out.
    out.append(decode(octets, run.charset if codec_of(run.charset) else "").text)
