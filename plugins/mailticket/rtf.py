r"""The HTML or the text that RTF carries ([MS-OXRTFEX]; RTF 1.9.1), as far as mails use it.

Outlook wraps the HTML of a mail in RTF: its tags stand in ``{\*\htmltag …}``, what only RTF needs
between ``\htmlrtf`` and ``\htmlrtf0``. Other RTF gives its text. One pass, a bounded one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from html import escape

from mailticket.charsets import codec_of, scrub
from mailticket.elements import names

_TOKEN = re.compile(
    r"\\([a-zA-Z]{1,32})(-?[0-9]{1,10})?[ ]?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])"
    r"|([^\\{}\r\n]+)|[\r\n\\]"
)
_MOST_TOKENS = 1_000_000
_DEEPEST = 1000
_SKIPPED = names(
    "fonttbl colortbl stylesheet info pict object header headerl headerr headerf footer footerl"
    " footerr footerf footnote fldinst themedata datastore listtable listoverridetable revtbl xe tc"
    " bkmkstart bkmkend rsidtbl generator filetbl private nonshppict"
)
_CHARACTERS = {
    "par": "\n", "line": "\n", "row": "\n", "sect": "\n", "page": "\n", "tab": "\t", "cell": "\t",
    "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”", "bullet": "•",
    "endash": "–", "emdash": "—", "enspace": " ", "emspace": " ", "qmspace": " ",
    "zwj": "\u200d", "zwnj": "\u200c",
}  # fmt: skip
_SYMBOLS = {"~": "\u00a0", "_": "\u2011", "-": "", "{": "{", "}": "}", "\\": "\\"}
_SYMBOLS |= {"\n": "\n", "\r": "\n", "\t": "\t"}
_CODE_PAGES = {
    77: "mac_roman", 128: "cp932", 129: "cp949", 134: "gb18030", 136: "cp950", 161: "cp1253",
    162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251",
    222: "cp874", 238: "cp1250", 255: "cp437",
}  # fmt: skip
"""``\\fcharset`` of a font: which code page its bytes are of."""


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """What an RTF text carries; one of both is ``""``."""

    html: str = ""
    text: str = ""


def unwrapped(octets: bytes) -> Unwrapped:
    """Take HTML or text out of RTF; nothing out of what is none, or is endless."""
    if octets.lstrip()[:5] != b"{\\rtf":
        return Unwrapped()
    reader = _Reader(octets.decode("latin-1"))
    if not reader.read():
        return Unwrapped()
    whole = "".join(reader.out).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    said = scrub(whole)
    return Unwrapped(html=said) if reader.is_html else Unwrapped(text=said.strip())


@dataclass(frozen=True, slots=True)
class _Group:
    """What a brace opens and its partner ends."""

    skipped: bool = False
    is_tag: bool = False
    """Within ``\\*\\htmltag``: HTML as it stands."""
    only_rtf: bool = False
    code_page: str = ""
    fallbacks: int = 1
    """Characters that follow each Unicode one, for those who cannot read it."""


@dataclass(slots=True)
class _Reader:
    """The state of one reading."""

    rtf: str
    is_html: bool = False
    group: _Group = _Group()
    outer: list[_Group] = field(default_factory=list)
    out: list[str] = field(default_factory=list)
    octets: bytearray = field(default_factory=bytearray)
    """Of one code page, not decoded yet: a character may take two ``\\'xx``."""
    standard: str = "cp1252"
    font: int = 0
    fonts: dict[int, str] = field(default_factory=dict)
    starred: bool = False
    to_skip: int = 0
    at: int = 0

    def read(self) -> bool:
        """Read to the end; False when that is too much."""
        for _ in range(_MOST_TOKENS):
            token = _TOKEN.match(self.rtf, self.at)
            if token is None:
                self._flush()
                return True
            self.at = token.end()
            self._take(token)
            if len(self.outer) > _DEEPEST:
                return False
        return False

    def _take(self, token: re.Match[str]) -> None:
        word, number, byte, symbol, brace, text = token.groups()
        if brace:
            self._brace(brace)
        elif word:
            self._word(word.lower(), number)
            self.starred = False
        elif byte:
            self._bytes(bytes.fromhex(byte))
        elif symbol == "*":
            self.starred = True
        elif symbol:
            self._say(_SYMBOLS.get(symbol, ""))
        elif text:
            self._bytes(text.encode("latin-1"))

    def _brace(self, brace: str) -> None:
        self._flush()
        self.to_skip, self.starred = 0, False
        if brace == "{":
            self.outer.append(self.group)
        elif self.outer:
            self.group = self.outer.pop()

    def _word(self, word: str, number: str | None) -> None:
        value = int(number) if number else None
        if word == "u" and value is not None:
            self._say(chr(value % 0x10000))
            self.to_skip = self.group.fallbacks
        elif word in _CHARACTERS:
            self._say(_CHARACTERS[word])
        elif word == "bin":
            self.at += min(max(value or 0, 0), len(self.rtf))
        elif word in _SETTINGS:
            self._flush()
            self._set(word, value)
        elif word in _SKIPPED or (self.starred and word not in _SETTINGS):
            self.group = replace(self.group, skipped=True)

    def _set(self, word: str, value: int | None) -> None:
        match word:
            case "htmltag" if self.starred:
                self.group = replace(self.group, is_tag=True, only_rtf=False)
            case "htmlrtf":
                self.group = replace(self.group, only_rtf=value != 0)
            case "fromhtml":
                self.is_html = True
            case "ansicpg":
                self.standard = codec_of(f"cp{value}") or self.standard
            case "uc":
                self.group = replace(self.group, fallbacks=min(max(value or 0, 0), 100))
            case "f" | "fcharset" | "plain":
                self._font(word, value or 0)

    def _font(self, word: str, value: int) -> None:
        if word == "fcharset":
            self.fonts[self.font] = _CODE_PAGES.get(value, "")
        elif word == "f":
            self.font = value
            self.group = replace(self.group, code_page=self.fonts.get(value, ""))
        else:
            self.group = replace(self.group, code_page="")

    def _bytes(self, octets: bytes) -> None:
        """Take bytes of the code page, but those that stand in for a Unicode character."""
        left = octets[self.to_skip :]
        self.to_skip -= len(octets) - len(left)
        if left and self._is_shown():
            self.octets += left

    def _flush(self) -> None:
        if self.octets:
            # Tags are in the code page of the whole, whatever font stands around them.
            page = "" if self.group.is_tag else self.group.code_page
            text = self.octets.decode(page or self.standard, "replace")
            self.octets.clear()
            self._write(text)

    def _say(self, text: str) -> None:
        if text and self._is_shown():
            self._flush()
            self._write(text)

    def _is_shown(self) -> bool:
        return not self.group.skipped and not (self.group.only_rtf and self.is_html)

    def _write(self, text: str) -> None:
        is_markup = self.group.is_tag or not self.is_html
        self.out.append(text if is_markup else escape(text, quote=False))


_SETTINGS = names("htmltag htmlrtf fromhtml ansicpg uc f fcharset plain")
