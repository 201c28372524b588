"""Mails that want to exhaust whoever reads them, by name; each is made when it is asked for."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Callable, Iterator

HEAD = (
    b"From: Ann <ann@acme.example>\r\nTo: support@example.com\r\nSubject: x\r\n"
    b"Message-ID: <%s@acme.example>\r\nIn-Reply-To: <q@acme.example>\r\nMIME-Version: 1.0\r\n"
)
FIELDS = HEAD.replace(b"Subject: x\r\n", b"").replace(b"To: support@example.com\r\n", b"")
TEXT = HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
HTML = HEAD + b"Content-Type: text/html; charset=utf-8\r\n\r\n"
NOISE = bytes(range(256))
MIXED = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"


def _file(content_type: bytes, name: bytes, octets: bytes) -> bytes:
    head = b'--b\r\nContent-Type: %s; name="%s"\r\nContent-Transfer-Encoding: base64\r\n'
    head += b"Content-Disposition: attachment\r\n\r\n"
    return MIXED + head % (content_type, name) + base64.encodebytes(octets) + b"--b--\r\n"


def _png(width: int, height: int, scanlines: bytes = b"") -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + crc

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(scanlines))


def _nested(count: int) -> bytes:
    opening = b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n"
    return HEAD + b"".join(opening % (n, n) for n in range(count)) + b"\r\nhello\r\n"


def _forwarded(count: int) -> bytes:
    inner = b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n"
    return HEAD + inner * count + b"\r\nhello\r\n"


def _gif_of_frames(count: int) -> bytes:
    frame = b"\x21\xf9\x04\0\0\0\0\0\x2c\0\0\0\0\xe8\x03\xe8\x03\0\x02\x02\x44\x01\0"
    return b"GIF89a\xe8\x03\xe8\x03\x80\0\0\0\0\0\xff\xff\xff" + frame * count + b";"


def _zip_of_zeros() -> bytes:
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    squeezed = packed.compress(b"\0" * 300_000_000) + packed.flush()
    head = struct.pack(
        "<IHHHHHIIIHH", 0x04034B50, 20, 0, 8, 0, 0, 0, len(squeezed), 3 * 10**8, 1, 0
    )
    return head + b"z" + squeezed


HOSTILE: dict[str, Callable[[], bytes]] = {
    "640 KB of encoded words": lambda: (
        FIELDS + b"Subject: " + b"\r\n ".join([b"=?utf-8?B?w7zDvMO8w7zDvMO8w7zDvMO8?="] * 17_000)
        + b"\r\n\r\nx"
    ),
    "encoded words never closed": lambda: (
        FIELDS + b"Subject: " + b"=?a?q?" * 100_000 + b"\r\n\r\nx"
    ),
    "32,000 recipients": lambda: (
        FIELDS + b"To: " + b",\r\n ".join(b"n%d@acme.example" % n for n in range(32_000))
        + b"\r\n\r\nx"
    ),
    "1,300 nested multiparts": lambda: _nested(1300),
    "20,000 nested multiparts": lambda: _nested(20_000),
    "1,300 forwarded mails in each other": lambda: _forwarded(1300),
    "nested comments": lambda: (
        FIELDS + b"Sender: " + b"(" * 200_000 + b")" * 200_000 + b"a@b.example\r\nDate: "
        + b"(" * 200_000 + b"\r\n\r\nx"
    ),
    "50,000 attachments of one byte": lambda: (
        MIXED + b"--b\r\nContent-Type: application/x; name=a\r\n\r\nx\r\n" * 50_000 + b"--b--\r\n"
    ),
    "50,000 parts that nobody closes": lambda: MIXED + b"--b\r\n" * 50_000,
    "NUL everywhere": lambda: (
        FIELDS + b"Subject: a\0b\r\nX\0Y: z\r\nContent-Type: text/html; charset=\0\r\n\r\n"
        + b"<p\0>a\0b&#0;</p>" * 100_000
    ),
    "lone surrogates": lambda: (
        FIELDS + b"Subject: =?utf-16?B?2AA=?= =?utf-8?B?7aCA?=\r\n"
        + b"Content-Type: text/html; charset=utf-8\r\n\r\n" + b"&#xd800;\xed\xa0\x80" * 100_000
    ),
    "lines of 100 KB": lambda: TEXT + (b"x" * 100_000 + b"\r\n") * 30,
    "one line of 5 MB": lambda: TEXT + b"x " * 2_500_000,
    "lines of 100 KB of quote marks": lambda: TEXT + (b"> " * 50_000 + b"\r\n") * 10,
    "300,000 quoted lines": lambda: TEXT + b"> x\r\n" * 300_000 + b"y\r\n",
    "100,000 introductory lines": lambda: TEXT + b"On Monday, Ann wrote:\r\n> x\r\ny\r\n" * 100_000,
    "40,000 blocks of fields": lambda: TEXT + b"From: a\r\nSent: b\r\nTo: c\r\nx\r\n" * 40_000,
    "5 MB of <b>": lambda: HTML + b"<b>" * 1_700_000,
    "10,000 nested <div>": lambda: HTML + b"<div>" * 10_000 + b"x",
    "10,000 nested tables": lambda: HTML + b"<table><tr><td>" * 10_000 + b"x",
    "10,000 nested quotes": lambda: HTML + b"<blockquote type=cite>" * 10_000 + b"x",
    "200,000 comments": lambda: HTML + b"<!-- x -->" * 200_000 + b"x",
    "200,000 comments never closed": lambda: HTML + b"<!--" * 200_000 + b"x",
    "5 MB of references": lambda: HTML + b"&nbsp;" * 800_000,
    "4 MB of <": lambda: HTML + b"<" * 4_000_000,
    "a million attributes": lambda: HTML + b"<p " + b"a=1 " * 1_000_000 + b">x",
    "10,000 rules for 10,000 elements": lambda: (
        HTML + b"<style>" + b"".join(b".a%d p,p{color:red}" % n for n in range(10_000))
        + b"</style>" + b"<p class=a1>x</p>" * 10_000
    ),
    "a sheet of 4 MB": lambda: HTML + b"<style>" + b"p{color:red}" * 350_000 + b"</style><p>x",
    "20,000 data: images": lambda: (
        HTML + b'<img src="data:image/png;base64,iVBORw0KGgo=">' * 20_000
    ),
    "a PNG of 30,000 x 30,000": lambda: _file(b"image/png", b"a.png", _png(30_000, 30_000)),
    "a PNG of 7,000 x 7,000 that holds nothing": lambda: _file(
        b"image/png", b"a.png", _png(7000, 7000, b"\0" * 100)
    ),
    "a GIF of 5,000 frames": lambda: _file(b"image/gif", b"a.gif", _gif_of_frames(5000)),
    "a ZIP of 300 MB of zeros": lambda: _file(b"application/zip", b"a.zip", _zip_of_zeros()),
    "a broken ZIP": lambda: _file(b"application/zip", b"a.docx", b"PK\3\4" + NOISE * 4000),
    "a broken winmail.dat": lambda: _file(
        b"application/ms-tnef", b"winmail.dat", b"\x78\x9f\x3e\x22" + NOISE * 8000
    ),
    "a winmail.dat of a million attributes": lambda: _file(
        b"application/ms-tnef", b"winmail.dat",
        b"\x78\x9f\x3e\x22\1\0" + b"\2\3\x90\6\0\4\0\0\0\xff\xff\xff\x7f\0\0" * 200_000,
    ),
    "a broken .msg": lambda: _file(
        b"application/vnd.ms-outlook", b"a.msg",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + NOISE * 8000,
    ),
    "base64 that is none": lambda: (
        HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + b"QUJD=\n=" * 300_000
    ),
    "100,000 uuencoded files": lambda: TEXT + b"begin 644 a\r\n#86)C\r\n`\r\nend\r\n" * 100_000,
    "100,000 continued parameters": lambda: (
        HEAD + b"Content-Type: text/plain; " + b"n*1*=a;" * 100_000 + b"\r\n\r\nx"
    ),
    "16,000 References": lambda: (
        HEAD + b"References: " + b"\r\n ".join(b"<n%d@acme.example>" % n for n in range(16_000))
        + b"\r\n\r\nx"
    ),
    "a calendar of 100,000 guests": lambda: (
        HEAD + b"Content-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n"
        + b"ATTENDEE;CN=a:mailto:a@acme.example\r\n" * 100_000
    ),
    "a delivery report of 500,000 empty groups": lambda: (
        MIXED.replace(b"mixed", b"report; report-type=delivery-status")
        + b"--b\r\nContent-Type: message/delivery-status\r\n\r\n" + b"\n\n" * 500_000
    ),
    "a signature that holds itself": lambda: _file(
        b"application/pkcs7-mime", b"smime.p7m", b"\x30\x80" * 200_000
    ),
    "ISO-2022-JP that never ends": lambda: (
        HEAD + b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n"
        + b"\x1b$B!!\x1b(B" * 300_000
    ),
    "UTF-7 that never ends": lambda: (
        HEAD + b"Content-Type: text/plain; charset=utf-7\r\n\r\n" + b"+AAA" * 700_000
    ),
    "noise": lambda: NOISE * 30_000,
    "line ends only": lambda: b"\r\n" * 1_000_000,
    "no line end": lambda: b"From: a" * 200_000,
}  # fmt: skip


def hostile_mails() -> Iterator[tuple[str, bytes]]:
    """Make all of them, one after the other, each with a Message-ID of its own."""
    for number, (name, make) in enumerate(HOSTILE.items()):
        yield name, make().replace(b"<%s@", b"<hostile%d@" % number)
