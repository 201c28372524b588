"""From bytes to text that is safe to store: the charset ladder.

A declared charset is a claim, not a fact. The ladder: a byte order mark, the declared charset
(as mail programs mean it, not as the registry does), UTF-8, what the bytes look like, cp1252.
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache
from typing import NamedTuple

from mailticket import charset_guess, viscii

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

# What senders write, and what they mean: mostly Microsoft's supersets of the standard sets.
_MEANT = {
    "ascii": "us-ascii",
    "ansix341968": "us-ascii",
    "usascii": "us-ascii",
    "646": "us-ascii",
    "iso646us": "us-ascii",
    "7bit": "us-ascii",
    "8bit": "",
    "unknown": "",
    "unknown8bit": "",
    "xunknown": "",
    "xuserdefined": "",
    "default": "",
    "binary": "",
    "utf8mb4": "utf-8",
    "unicode": "utf-8",
    "unicode11utf8": "utf-8",
    "utf32": "utf-32-be",
    "ucs4": "utf-32-be",
    "iso10646ucs4": "utf-32-be",
    "unicode20utf8": "utf-8",
    "utf": "utf-8",
    "csutf8": "utf-8",
    "ucs2": "utf-16",
    "iso10646ucs2": "utf-16",
    "csisolatin1": "cp1252",
    "isoir100": "cp1252",
    "cngb": "gb18030",
    "iso2022jpms": "iso-2022-jp",
    "xmaccentraleurroman": "mac-latin2",
    "csviscii": "viscii",
    "viscii111": "viscii",
    "iso88591": "cp1252",
    "iso8859": "cp1252",
    "latin1": "cp1252",
    "l1": "cp1252",
    "ansi": "cp1252",
    "iso88599": "cp1254",
    "latin5": "cp1254",
    "iso885911": "cp874",
    "tis620": "cp874",
    "iso88598i": "iso-8859-8",
    "iso88598e": "iso-8859-8",
    "iso88596i": "iso-8859-6",
    "iso88596e": "iso-8859-6",
    "gb2312": "gb18030",
    "gb231280": "gb18030",
    "gbk": "gb18030",
    "xgbk": "gb18030",
    "cp936": "gb18030",
    "windows936": "gb18030",
    "euccn": "gb18030",
    "chinese": "gb18030",
    "csgb2312": "gb18030",
    "ksc5601": "cp949",
    "ksc56011987": "cp949",
    "ksc56011989": "cp949",
    "csksc56011987": "cp949",
    "korean": "cp949",
    "euckr": "cp949",
    "uhc": "cp949",
    "windows949": "cp949",
    "big5": "big5hkscs",
    "xxbig5": "big5hkscs",
    "cp950": "big5hkscs",
    "shiftjis": "cp932",
    "sjis": "cp932",
    "xsjis": "cp932",
    "mskanji": "cp932",
    "windows31j": "cp932",
    "cswindows31j": "cp932",
    "cp943": "cp932",
    "xeucjp": "euc-jp",
    "iso2022jp": "iso-2022-jp",
    "csiso2022jp": "iso-2022-jp",
    "iso2022jp1": "iso-2022-jp",
    "iso2022jp2": "iso-2022-jp",
    "cp50220": "iso-2022-jp",
    "cp50221": "iso-2022-jp",
    "cp50222": "iso-2022-jp",
    "hzgb2312": "hz",
    "unicode11utf7": "utf-7",
    "unicode20utf7": "utf-7",
    "macintosh": "mac-roman",
    "xmacroman": "mac-roman",
    "mac": "mac-roman",
    "xmaccyrillic": "mac-cyrillic",
    "xmacce": "mac-latin2",
    "koi8ru": "koi8-u",
    "visual": "iso-8859-8",
}
viscii.register()
_REFUSED = {"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "mbcs", "oem"}
# Text in these is never valid UTF-8 by chance, unless it has no accents at all.
_SINGLE_BYTE = {"cp1252", "iso8859-15", "iso8859-2", "cp1250", "cp1254", "mac-roman", "cp850"}
_SQUEEZE = re.compile(r"[^a-z0-9]+")
_WINDOWS = re.compile(r"(?:x-?)?(?:ms-?)?(?:win(?:dows)?|cp|ibm|codepage)[-_ ]?(\d{3,5})")
_ISO_8859 = re.compile(r"iso[-_ ]?8859[-_ ]?(\d{1,2})")

_CONTROLS: dict[int, str | None] = {
    code: None for code in (*range(0x20), 0x7F) if code not in (0x09, 0x0A, 0x0D)
}
_CONTROLS |= {0x0B: "\n", 0x0C: "\n"}
_SURROGATES = re.compile("[\ud800-\udfff]")
_UNSTORABLE = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_CONTROL_OCTETS = bytes([*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F])
_FROM_F000 = b"\xef"
"""How UTF-8 begins U+F000 and above: U+FEFF, the non-characters, wide forms."""
_C1 = re.compile("[\x80-\x9f]")


class Decoded(NamedTuple):
    """Text, the charset that gave it, and what was wrong with the declared one (or ``""``)."""

    text: str
    charset: str
    defect: str = ""


def surely_storable(text: str) -> bool:
    """Tell at a third of a pattern's cost that a text holds nothing that needs a second look.

    That is a control character other than tab and line ends, a surrogate, and all that stands
    from U+F000 to U+FFFF: there are characters among these that harm nobody.
    """
    try:
        octets = text.encode()
    except UnicodeEncodeError:
        return False
    return _FROM_F000 not in octets and len(octets.translate(None, _CONTROL_OCTETS)) == len(octets)


def scrub(text: str) -> str:
    """Drop NUL and other control characters but tab and line ends; lone surrogates become U+FFFD.

    PostgreSQL refuses both; others stopped for days because of one such mail.
    """
    if text.isprintable() or surely_storable(text) or not _UNSTORABLE.search(text):
        return text
    return _SURROGATES.sub("\ufffd", text.translate(_CONTROLS))


def one_line(text: str) -> str:
    """Scrub, and turn every run of white space into one blank."""
    return " ".join(scrub(text).split())


@lru_cache(maxsize=512)
def codec_of(declared: str) -> str:
    """Give the codec that a declared charset means, ``""`` when it is unknown or unsafe."""
    name = declared.strip().strip("\"'").lower()[:60].partition("*")[0].removeprefix("charset=")
    squeezed = _SQUEEZE.sub("", name)
    if squeezed in _MEANT:
        return _MEANT[squeezed]
    if squeezed.startswith("utf8"):
        return "utf-8"
    if (numbered := _WINDOWS.match(name)) and (found := _safe_codec("cp" + numbered[1])):
        return _MEANT.get("cp" + numbered[1], found)
    if numbered := _ISO_8859.match(name):
        return _MEANT.get("iso8859" + numbered[1]) or _safe_codec("iso-8859-" + numbered[1])
    return _safe_codec(name)


def _safe_codec(name: str) -> str:
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError, TypeError):
        return ""
    text_codec = getattr(info, "_is_text_encoding", True)  # "hex", "zlib" … are no charsets
    return info.name if text_codec and info.name.replace("_", "-") not in _REFUSED else ""


def decode(octets: bytes, declared: str = "") -> Decoded:
    """Decode by the ladder; never fails, and the text carries neither NUL nor lone surrogates."""
    for mark, codec in _BOMS:
        if octets.startswith(mark):
            text = octets[len(mark) :].decode(codec, "replace")
            return Decoded(scrub(text), codec)
    found = _climb(octets, declared)
    return found._replace(text=scrub(_printable(found.text)))


def _printable(text: str) -> str:
    """Read C1 controls, which nobody writes, as the characters that cp1252 has in their place."""
    if text.isascii():
        return text
    return _C1.sub(lambda each: each[0].encode("latin-1").decode("cp1252", "ignore"), text)


def _climb(octets: bytes, declared: str) -> Decoded:
    codec = codec_of(declared) if declared else ""
    defect = "" if codec or not declared else f"unknown charset {one_line(declared)[:60]!r}"
    if wide := charset_guess.wide(octets, codec):
        return Decoded(octets.decode(wide, "replace"), wide, defect)
    if octets.isascii() and codec in ("", "utf-16", "us-ascii", "utf-8", "cp1252"):
        return _seven_bit(octets, declared, defect)
    if codec and codec != "us-ascii":
        if codec in _SINGLE_BYTE and (text := _strict(octets, "utf-8")) is not None:
            return Decoded(text, "utf-8", f"UTF-8 declared as {codec}")
        text = _strict(octets, codec)
        if text is not None:
            return Decoded(text, codec)
        defect = f"the text is not in its declared charset {codec}"
    return _undeclared(octets, codec, defect)


def _seven_bit(octets: bytes, declared: str, defect: str) -> Decoded:
    """Decode ASCII, which may be a stateful Asian charset that nobody declared."""
    for codec in charset_guess.stateful(octets):
        text = _strict(octets, codec)
        if text is not None:
            return Decoded(text, codec, defect or f"{codec} declared as {declared or 'nothing'}")
    return Decoded(octets.decode("ascii"), "us-ascii", defect)


def _undeclared(octets: bytes, codec: str, defect: str) -> Decoded:
    text = _strict(octets, "utf-8")
    if text is not None:
        return Decoded(text, "utf-8", defect)
    if codec not in ("", "us-ascii", "cp1252"):
        text = octets.decode(codec, "replace")
        if charset_guess.mostly_right(text, least=1 if codec == "utf-8" else 2):
            return Decoded(_mend(octets, codec, text), codec, defect)
    if charset_guess.mostly_utf_8(octets):
        text = _mend(octets, "utf-8", octets.decode("utf-8", "replace"))
        return Decoded(text, "utf-8", defect or "no charset declared, read as utf-8")
    guessed = charset_guess.eight_bit(octets)
    text = _strict(octets, guessed)
    if text is None:
        text, guessed = octets.decode("cp1252", "replace"), "cp1252"
    return Decoded(text, guessed, defect or f"no charset declared, read as {guessed}")


def _strict(octets: bytes, codec: str) -> str | None:
    if codec == "cp1252":
        return _cp1252(octets)
    try:
        return octets.decode(codec)
    except (UnicodeError, ValueError, OverflowError):
        return charset_guess.iso_2022_jp(octets) if codec.startswith("iso-2022-jp") else None


def _cp1252(octets: bytes) -> str:
    """Decode cp1252 as browsers do: its five holes are C1 controls, dropped later."""
    try:
        return octets.decode("cp1252")
    except UnicodeDecodeError:
        return octets.decode("cp1252", "replace")


def _mend(octets: bytes, codec: str, replaced: str) -> str:
    """Read the few bytes that are no UTF-8 as cp1252: two programs wrote this text."""
    if codec != "utf-8" or len(octets) > _MENDED_AT_MOST:
        return replaced
    return octets.decode("utf-8", "mailticket.cp1252")


_MENDED_AT_MOST = 1_000_000


def _as_cp1252(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    wrong = error.object[error.start : error.end]
    return wrong.decode("cp1252", "replace"), error.end


codecs.register_error("mailticket.cp1252", _as_cp1252)
