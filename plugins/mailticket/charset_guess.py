"""What a text without a trustworthy charset looks like: a small set of guesses, each cheap."""

from __future__ import annotations

import re
from collections.abc import Iterator

_JIS = re.compile(rb"\x1b(?:\$[@B]|\(J|\$\([DOPQ])")
_KOREAN = re.compile(rb"\x1b\$\)C")
_HZ = re.compile(rb"~\{(?:[\x21-\x77][\x21-\x7e])+~\}")
_JIS_RUN = re.compile(rb"\x1b(\$[@B]|\([BJI])")
_SAMPLE = 20_000
_MANY = 0.6
_NULS = 0.2
"""Share of all bytes: Western text in UTF-16 has one half of it."""
_SHORTEST_WIDE = 8
"""Bytes: in fewer a NUL is an accident."""
_MAY_BE_WIDE = frozenset({"", "utf-16", "us-ascii", "utf-8", "cp1252"})
_CONVINCING = 4
"""Characters of UTF-8 for each that is broken."""
_ENOUGH = 6
"""High bytes: fewer say nothing about a language."""


def stateful(octets: bytes) -> Iterator[str]:
    """Give the 7-bit codecs whose escapes occur in the text."""
    if b"\x1b" in octets:
        if _JIS.search(octets):
            yield "iso-2022-jp"
        if _KOREAN.search(octets):
            yield "iso-2022-kr"
    elif _HZ.search(octets):
        yield "hz"


def wide(octets: bytes, declared: str) -> str:
    """Tell UTF-16 without a byte order mark by where its NULs are; RFC 2781, 4.3: big end first.

    ``declared`` is a codec; where that says more, nothing is guessed.
    """
    if declared not in _MAY_BE_WIDE or not (b"\0" in octets or declared == "utf-16"):
        return ""
    sample = octets[: _SAMPLE - _SAMPLE % 2]
    big, little = sample[::2].count(0), sample[1::2].count(0)
    enough = max(len(sample) * _NULS, 4 * min(big, little))
    if len(octets) >= _SHORTEST_WIDE and max(big, little) > enough:
        return "utf-16-be" if big > little else "utf-16-le"
    return "utf-16-be" if declared == "utf-16" and not octets.isascii() else ""


def mostly_right(text: str, least: int) -> bool:
    """Tell whether for each replacement character ``least`` others say something.

    In UTF-8 one is enough: two bytes that fit together are no accident.
    """
    wrong = text.count("\ufffd")
    if not wrong:
        return True
    right = sum(1 for char in text[:_SAMPLE] if char > "\x7f" and char != "\ufffd")
    return right >= least * min(wrong, _SAMPLE)


def mostly_utf_8(octets: bytes) -> bool:
    """Tell text in UTF-8 with a few broken characters: in no other charset is it so by chance."""
    text = octets[:_SAMPLE].decode("utf-8", "replace")
    right = sum(1 for char in text if char > "\x7f" and char != "\ufffd")
    return right > _CONVINCING * text.count("\ufffd")


def eight_bit(octets: bytes) -> str:
    """Guess the charset of 8-bit text that is no UTF-8: Asian, Cyrillic, or Western.

    Western text has a few high bytes among many ASCII letters; the others have runs of them.
    """
    sample = octets[:_SAMPLE]
    high = sum(byte > 0x7F for byte in sample)  # noqa: PLR2004  (the end of ASCII)
    letters = sum(chr(byte).isalpha() for byte in sample if byte <= 0x7F)  # noqa: PLR2004
    if high < _ENOUGH or high < _MANY * (high + letters):
        return "cp1252"
    scores = {codec: _score(octets, codec) for codec in _SCORES}
    best = max(scores, key=lambda codec: scores[codec])
    if scores[best] > _MANY:
        return best
    asian = max(_EVERYDAY, key=lambda codec: _everyday(octets, codec))
    return asian if _everyday(octets, asian) > _MOST else "cp1252"


def _score(octets: bytes, codec: str) -> float:
    """Give the share of the characters above ASCII that are common in the codec's languages."""
    try:
        text = octets.decode(codec)[:_SAMPLE]
    except UnicodeError:
        return -1.0
    foreign = [char for char in text if char > "\x7f"]
    common = _SCORES[codec]
    frequent = sum(char in _FREQUENT for char in foreign) / 4
    return (sum(bool(common.match(char)) for char in foreign) + frequent) / max(1, len(foreign))


_FREQUENT = frozenset("оеаинтсрвлαοιετνσυρκ")
"""One alphabet's code pages turn each other's letters into letters: these tell them apart."""


def _everyday(octets: bytes, codec: str) -> float:
    """Give the share of characters from those rows of the set that hold the common ones."""
    try:
        text = octets.decode(codec)[:_SAMPLE]
        pairs = [char.encode(codec) for char in text if char > "\x7f"]
    except UnicodeError:
        return -1.0
    rows, least = _EVERYDAY[codec]
    return sum(pair[0] in rows and pair[-1] >= least for pair in pairs) / max(1, len(pairs))


_MOST = 0.85
_EVERYDAY = {
    "cp949": (frozenset((*range(0xA1, 0xA4), *range(0xB0, 0xC9))), 0xA1),
    "gb18030": (frozenset((*range(0xA1, 0xA4), *range(0xB0, 0xD8))), 0xA1),
    "big5hkscs": (frozenset(range(0xA1, 0xC7)), 0x40),
    "cp932": (frozenset((*range(0x81, 0x84), *range(0x88, 0x98))), 0x40),
    "euc-jp": (frozenset((0xA1, 0xA4, 0xA5, *range(0xB0, 0xD0))), 0xA1),
}
"""First bytes of punctuation, kana, syllables and of the level 1 characters; least second byte."""
_SCORES = {
    "cp932": re.compile("[぀-ヿ。、「」・ー]"),
    "euc-jp": re.compile("[぀-ヿ。、「」・ー]"),
    "gb18030": re.compile(
        "[的一是不了在人有我他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可她里后小么心多天而能好都然没日于起还发成事只作当想看文无开手十用主行方又如前所本见经头面公同三已老从动两长知民样现分将外但身些与高意进把法此实回二理美点月明其种声全工己话儿者向情部正名定女问力机给等几很业最间新什打便位因重被走电四第门相次东政海口使教西再平真听世气信北少关并内加化由却代军产入先山五太水万市眼体别处总才场师书比住员九笑性通目华报立马命张活难神数件安表原车白应路期叫死常提感金何更反合放做系计或司利受光王果亲界及今京务制解各任至清物台象记边共风战干接它许八特觉望直服毛林题建南度统色字请交爱让认算论百吃义科怎元社术结六功指思非流每青管夫连远资队跟带花快条院变联言权往展该领传近留红治决周保达办运武半候七必城父强步完革深区即求品士转量空甚众技轻程告江语英基派满式李息写呢识极令黄德收脸钱党倒未持取设始版双历越史商千片容研像找友孩站广改议形委早房音火际则首单据导影失拿网香您，。！？：；、（）“”]"
    ),
    "big5hkscs": re.compile(
        "[的一是不了在人有我他這中大來上國個到說們為子和你地出道也時年得就那要下以生會自著去之過家學對可她裡後小麼心多天而能好都然沒日於起還發成事只作當想看文無開手十用主行方又如前所本見經頭面公同三已老從動兩長知民樣現分將外但身些與高意進把法此實回二理美點月明其種聲全工己話兒者向情部正名定女問力機給等幾很業最間新什打便位因重被走電四第門相次東政海口使教西再平真聽世氣信北少關並內加化由卻代軍產入先山五太水萬市眼體別處總才場師書比住員請，。！？：；、（）「」您]"
    ),
    "cp1251": re.compile("[а-яёіїє]"),
    "koi8-r": re.compile("[а-яё]"),
    "iso8859-5": re.compile("[а-яёіїє]"),
    "cp1253": re.compile("[α-ωάέήίόύώς]"),
}


def iso_2022_jp(octets: bytes) -> str | None:
    """Decode ISO-2022-JP as Microsoft writes it (NEC and IBM characters, half-width kana).

    Python has no cp50221: each two-byte run becomes Shift JIS, which cp932 reads.
    """
    if not octets.isascii():
        return None
    pieces = _JIS_RUN.split(octets)
    out = [pieces[0].decode("ascii", "replace")]
    for escape, run in zip(pieces[1::2], pieces[2::2], strict=True):
        out.append(_run(escape, run))
    return "".join(out)


def _run(escape: bytes, run: bytes) -> str:
    if escape == b"(I":
        return bytes(byte | 0x80 for byte in run).decode("cp932", "replace")
    if escape.startswith(b"("):
        return run.decode("ascii", "replace")
    lines = run.split(b"\n")
    return "\n".join(_shifted(line).decode("cp932", "replace") for line in lines)


def _shifted(run: bytes) -> bytes:
    """Turn JIS X 0208 in seven bits into Shift JIS (the arithmetic of RFC 1468's annexes)."""
    out = bytearray()
    for row, cell in zip(run[::2], run[1::2], strict=False):
        out.append((row + 1) // 2 + (0x70 if row < 0x5F else 0xB0))  # noqa: PLR2004
        if row % 2:
            out.append(cell + (0x20 if cell > 0x5F else 0x1F))  # noqa: PLR2004
        else:
            out.append(cell + 0x7E)
    return bytes(out)
