"""VISCII (RFC 1456), the Vietnamese charset of old that Python does not bring along."""

from __future__ import annotations

import codecs

_LOW = {0x02: "Ẳ", 0x05: "Ẵ", 0x06: "Ẫ", 0x14: "Ỷ", 0x19: "Ỹ", 0x1E: "Ỵ"}
_HIGH = (
    "ẠẮẰẶẤẦẨẬẼẸẾỀỂỄỆỐỒỔỖỘỢỚỜỞỊỎỌỈỦŨỤỲÕắằặấầẩậẽẹếềểễệốồổỗỠƠộờởịỰỨỪỬơớƯ"
    "ÀÁÂÃẢĂẳẵÈÉÊẺÌÍĨỳĐứÒÓÔạỷừửÙÚỹỵÝỡưàáâãảăữẫèéêẻìíĩỉđựòóôõỏọụùúũủýợỮ"
)
_TABLE = "".join(_LOW.get(code, chr(code)) for code in range(0x80)) + _HIGH
_BYTES = codecs.charmap_build(_TABLE)


def register() -> None:
    """Make it known to ``bytes.decode`` under its name."""
    codecs.register(_search)


def _search(name: str) -> codecs.CodecInfo | None:
    if name != "viscii":
        return None
    # Its stub speaks of Buffer, which Python has from 3.12 on only.
    return codecs.CodecInfo(_encode, _decode, name="viscii")  # type: ignore[arg-type]


def _decode(octets: bytes, errors: str = "strict") -> tuple[str, int]:
    return codecs.charmap_decode(octets, errors, _TABLE)


def _encode(text: str, errors: str = "strict") -> tuple[bytes, int]:
    return codecs.charmap_encode(text, errors, _BYTES)
