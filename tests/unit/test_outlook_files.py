"""Files of Outlook are opened within bounds, whatever they declare, and stay closed without it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from struct import pack_into, unpack_from

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailticket import outlook_msg
from mailticket.compressed_rtf import laid_open
from mailticket.options import ParseOptions
from mailticket.outlook import OutlookMessage
from mailticket.parsing import parse
from mailticket.rtf import unwrapped
from services.outlook_files import (
    Folder,
    attached_message,
    attachment,
    compound,
    compressed,
    message,
    properties,
    texts,
)

PROJECT = Path(__file__).parent.parent.parent
SMALL = compound(message(texts(p0037="Printer", p1000="It burns"), attachment("a.txt", b"content")))


def opened(said: Folder, *attachments: Folder, **numbers: int) -> OutlookMessage:
    found = outlook_msg.opened(compound(message(said, *attachments, **numbers)))
    assert found is not None
    return found


def directory_at(octets: bytes) -> int:
    return 512 + 512 * int(unpack_from("<I", octets, 48)[0])


def row_of(octets: bytes, name: str) -> int:
    return octets.index(name.encode("utf-16-le") + b"\0\0", directory_at(octets))


def changed(octets: bytes, at: int, number: int) -> bytes:
    out = bytearray(octets)
    pack_into("<I", out, at, number)
    return bytes(out)


# --- what a .msg holds -------------------------------------------------------------------------


def test_old_texts_are_in_the_code_page_that_the_message_names() -> None:
    said: Folder = {"__substg1.0_0037001E": "Привет".encode("cp1251")}
    assert opened({**said, **texts(p1000="x")}, p3FFD0003=1251).subject == "Привет"


def test_html_is_in_the_code_page_of_the_internet() -> None:
    found = opened(texts(p1013="<p>žluť</p>".encode("cp1250")), p3FDE0003=1250)
    assert found.html == "<p>žluť</p>"


def test_a_long_stream_spans_sectors() -> None:
    octets = bytes(range(256)) * 300
    assert [each.octets for each in opened({}, attachment("a.bin", octets)).files] == [octets]


def test_messages_within_each_other_are_read_five_deep() -> None:
    innermost = message(texts(p0037="innermost", p1000="deep"), inner=True)
    for depth in range(8):
        said = texts(p0037=f"level {depth}")
        innermost = message(said, attached_message(innermost), inner=True)
    found = opened(texts(p1000="top"), attached_message(innermost))
    assert b"Subject: level 4" in found.files[0].octets
    assert b"level 2" not in found.files[0].octets


def test_a_message_inside_is_a_mail_that_can_be_read() -> None:
    inner = message(
        texts(p0037="Überschrift, sehr lang " * 20, p1013="<p>höflich</p>".encode()),
        attachment("naïve.txt", b"\0\r\n"),
        inner=True,
        p00390040=133600000000000000,
    )
    inner |= texts(p0C1A="Zoë Ray", p5D01="zoe@example.org", p0E04="ann@example.org")
    mail = parse(opened({}, attached_message(inner)).files[0].octets)
    assert mail.header.subject.startswith("Überschrift, sehr lang Überschrift")
    assert str(mail.header.from_) == "Zoë Ray <zoe@example.org>"
    assert str(mail.header.date) == "2024-05-12 15:06:40+00:00"
    assert mail.body.text == "höflich"
    assert [(each.filename, each.data) for each in mail.attachments] == [("naïve.txt", b"\0\r\n")]
    assert mail.defects == ()


def test_the_header_section_that_a_message_was_sent_with_is_kept() -> None:
    sent = "From: a@b.example\r\nSubject: as\r\n sent\r\nContent-Type: text/html\r\nX-Own: y\r\n"
    inner = message(texts(p0037="as kept", p007D=sent, p1000="text"), inner=True)
    mail = parse(opened({}, attached_message(inner)).files[0].octets)
    assert (mail.header.subject, mail.header.first("x-own")) == ("as sent", "y")
    assert (mail.body.content_type, mail.body.text) == ("text/plain", "text")


def test_what_cannot_be_taken_out_keeps_the_file_attached() -> None:
    odd: Folder = {"__substg1.0_3701000D": {"CONTENTS": b"OLE"}, **texts(p3707="drawing")}
    octets = compound(message(texts(p1000="text"), odd, attachment("a.txt", b"a")))
    raw = b"From: a@b.example\r\nContent-Type: application/vnd.ms-outlook; name=a.msg\r\n\r\n"
    found = parse(raw + octets)
    assert [each.filename for each in found.attachments if not each.left_out] == [
        "a.msg",
        "message.eml",
        "a.txt",
    ]
    assert "a.msg opened in part: it stays attached as well" in found.defects


def test_an_excluded_type_is_left_out_of_a_msg_too() -> None:
    octets = compound(message(texts(p1000="text"), attachment("invoice.pdf.exe", b"MZ")))
    raw = b"From: a@b.example\r\nContent-Type: application/vnd.ms-outlook; name=a.msg\r\n\r\n"
    left = {each.filename: each.left_out for each in parse(raw + octets).attachments}
    assert left["invoice.pdf.exe"] == "excluded type application/exe"


def test_a_msg_of_an_excluded_type_stays_closed() -> None:
    raw = b"From: a@b.example\r\nContent-Type: application/vnd.ms-outlook; name=a.msg\r\n\r\n"
    for entry in ("msg", "application/vnd.ms-outlook"):
        message = parse(raw + SMALL, ParseOptions(exclude_attachment_types=(entry,)))
        assert [(each.filename, each.left_out) for each in message.attachments] == [
            ("a.msg", f"excluded type {entry}")
        ]


@pytest.mark.parametrize("library", ["olefile", "tnefparse"])
def test_without_the_optional_library_the_file_is_kept_as_it_is(library: str) -> None:
    name = {"olefile": "outlook_msg_is_opened", "tnefparse": "winmail_is_opened"}[library]
    script = f"""
import sys
sys.modules[{library!r}] = None
sys.path.insert(0, "plugins")
from mailticket.parsing import parse
with open("tests/messages/attachments/{name}.eml", "rb") as mail:
    print([(each.filename, each.left_out) for each in parse(mail.read()).attachments])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, check=True, capture_output=True, text=True
    )
    kept = {"olefile": "Printer.msg", "tnefparse": "winmail.dat"}[library]
    assert done.stdout.strip() == f"[({kept!r}, None)]"


# --- hostile files -----------------------------------------------------------------------------


HOSTILE = {
    "nothing": b"",
    "its mark alone": outlook_msg.MAGIC,
    "zeros": outlook_msg.MAGIC + bytes(5000),
    "ones": outlook_msg.MAGIC + b"\xff" * 5000,
    "four billion tables": changed(SMALL, 44, 0xFFFFFFFF),
    "four billion lists of tables": changed(SMALL, 72, 0xFFFFFFFF),
    "four billion small tables": changed(SMALL, 64, 0xFFFFFFFF),
    "a directory in a circle": changed(
        SMALL,
        512 + 512 * int(unpack_from("<I", SMALL, 76)[0]) + 4 * int(unpack_from("<I", SMALL, 48)[0]),
        unpack_from("<I", SMALL, 48)[0],
    ),
    "a folder within itself": changed(
        SMALL, row_of(SMALL, "__attach_version1.0_#00000000") + 76, 1
    ),
    "a text of 4 GB": changed(SMALL, row_of(SMALL, "__substg1.0_1000001F") + 120, 0xFFFFFFF0),
    "a text beyond 4 GB": changed(SMALL, row_of(SMALL, "__substg1.0_1000001F") + 124, 0xFFFF),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_msg_is_read_in_part_or_not_at_all(name: str) -> None:
    found = outlook_msg.opened(HOSTILE[name])
    assert found is None or len(found.text) < len(SMALL)


def test_a_stream_whose_sectors_go_in_a_circle_ends() -> None:
    octets = compound(message({}, attachment("a.bin", b"x" * 10_000)))
    start = row_of(octets, "__substg1.0_37010102") + 116
    first = unpack_from("<I", octets, start)[0]
    table = 512 + 512 * int(unpack_from("<I", octets, 76)[0])
    circle = changed(octets, table + 4 * first, first)
    found = outlook_msg.opened(changed(circle, start + 4, len(octets)))
    assert found is None or len(found.files[0].octets) <= len(octets)


def test_one_stream_named_often_is_not_read_without_end() -> None:
    names: Folder = {
        f"__attach_version1.0_#{each:08X}": {**texts(p3707=f"{each}"), **texts(p3701=b"x")}
        for each in range(300)
    }
    octets = compound({**names, "__properties_version1.0": properties(32)} | texts(p1000="t"))
    found = outlook_msg.opened(octets)
    assert found is not None
    assert (len(found.files), found.complete) == (200, False)


def test_a_directory_of_countless_entries_is_not_read() -> None:
    many: Folder = {f"x{each}": b"" for each in range(20_000)}
    said = message(texts(p1000="text"))
    assert outlook_msg.opened(compound(said | dict(list(many.items())[:5000]))) is not None
    assert outlook_msg.opened(compound(said | many)) is None


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, len(SMALL) - 1), st.binary(min_size=1, max_size=8)), max_size=8
    ),
    st.integers(0, len(SMALL)),
)
def test_a_damaged_msg_raises_nothing(damages: list[tuple[int, bytes]], length: int) -> None:
    damaged = bytearray(SMALL)
    for at, octets in damages:
        damaged[at : at + len(octets)] = octets
    outlook_msg.opened(bytes(damaged[: max(length, 600)]))


# --- RTF ---------------------------------------------------------------------------------------


def test_runs_that_overlap_themselves_are_repeated() -> None:
    example = "1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0"
    assert laid_open(bytes.fromhex(example)) == b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}"


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 5000])
def test_what_was_compressed_is_laid_open(length: int) -> None:
    rtf = b"{\\rtf1 " + b"abcdefgh" * (length // 8) + b"xyzxyzxy"[: length % 8]
    assert laid_open(compressed(rtf)) == rtf


def test_compressed_rtf_is_bounded_whatever_it_declares() -> None:
    run = b"\xff" + b"\x00\xdf" * 8
    octets = b"\0" * 4 + b"\xff" * 4 + b"LZFu" + b"\0" * 4 + run * 80_000
    assert 0 < len(laid_open(octets)) <= 8 * 1024**2


@given(st.binary(max_size=300))
def test_garbage_for_compressed_rtf_raises_nothing(garbage: bytes) -> None:
    laid_open(garbage)
    laid_open(b"\0" * 4 + b"\xff\xff\0\0" + b"LZFu" + b"\0" * 4 + garbage)


@pytest.mark.parametrize(
    "rtf",
    [
        b"{\\rtf1 " + b"{" * 100_000,
        b"{\\rtf1 " + b"}" * 100_000,
        b"{\\rtf1 " + b"\\a" * 1_100_000,
        b"not RTF",
        b"",
    ],
    ids=["opening braces", "closing braces", "too many words", "text", "nothing"],
)
def test_endless_rtf_gives_nothing(rtf: bytes) -> None:
    found = unwrapped(rtf)
    assert (found.html, found.text) == ("", "")


def test_binary_in_rtf_is_skipped_however_long_it_says_to_be() -> None:
    assert unwrapped(b"{\\rtf1 a\\bin3 }}}b\\bin9999999999 c}").text == "ab"


def test_rtf_around_html_is_left_out_and_text_in_it_is_escaped() -> None:
    rtf = (
        rb"{\rtf1\ansi\fromhtml1{\*\mhtmltag <img src=x>}{\*\htmltag <p>}\htmlrtf {\b \htmlrtf0 1"
        rb" < 2{\*\htmltag &amp;}\htmlrtf &\htmlrtf0\par\'e9\u233?\htmlrtf }\htmlrtf0}"
    )
    assert unwrapped(rtf).html == "<p>1 &lt; 2&amp;\néé"


def test_characters_beyond_the_first_plane_and_lone_surrogates_can_be_stored() -> None:
    text = unwrapped(rb"{\rtf1\uc1 \u-10179?\u-8704?\u-10179? end}").text
    assert text == "\U0001f600\ufffd end"


PIECES = st.sampled_from(
    [b"{", b"}", b"\\'e9", b"\\u-1?", b"\\*", b"\\htmltag ", b"\\htmlrtf ", b"\\fonttbl",
     b"\\f1", b"\\fcharset128", b"\\bin5 ", b"\\uc-5 ", b"\\fromhtml1", b"\\", b"text", b"\r\n",
     b"\\ansicpg65001", b"\\ansicpg99999", b"\xff"]
)  # fmt: skip


@given(st.lists(st.one_of(PIECES, st.binary(max_size=5)), max_size=60))
def test_garbage_for_rtf_raises_nothing_and_can_be_stored(pieces: list[bytes]) -> None:
    found = unwrapped(b"{\\rtf1" + b"".join(pieces))
    for said in (found.html, found.text):
        assert "\0" not in said
        said.encode()
