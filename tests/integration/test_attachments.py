"""Attachments of tickets: stored once, told when left out, shown inline (SPEC 4.3, 4.4)."""

from __future__ import annotations

import base64
import re
import struct
import zlib
from hashlib import sha256
from typing import Any

import pytest

from services import outlook_files
from services.arena import Arena, MakeArena, mail
from services.scenes import changes, with_parts

CREATES: dict[str, Any] = {
    "unknown_caller": "create_person",
    "person_defaults": {"org_id": "Acme"},
}
TEXT = ("text/plain", base64.b64encode(b"See the files."))


@pytest.fixture
def arena(make_arena: MakeArena) -> Arena:
    return make_arena(**CREATES)


def png(width: int, height: int, shade: int = 0) -> bytes:
    """Draw a grey PNG."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    rows = (b"\0" + bytes([shade]) * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def file(name: str, content: bytes, kind: str = "application/octet-stream") -> tuple[str, bytes]:
    fields = f'{kind}\r\nContent-Disposition: attachment; filename="{name}"'
    return fields, base64.encodebytes(content).replace(b"\n", b"\r\n")


def encoded(text: str) -> str:
    return "=?utf-8?b?" + base64.b64encode(text.encode()).decode() + "?="


def image(content_id: str, content: bytes, kind: str = "image/png") -> tuple[str, bytes]:
    fields = f"{kind}\r\nContent-ID: <{content_id}>\r\nContent-Disposition: inline"
    return fields, base64.encodebytes(content).replace(b"\n", b"\r\n")


def html(source: str) -> tuple[str, bytes]:
    return "text/html; charset=utf-8", base64.encodebytes(source.encode()).replace(b"\n", b"\r\n")


def mixed(*parts: tuple[str, bytes], **options: Any) -> bytes:
    return with_parts(*parts, encoding="base64", **options)


def attached(arena: Arena) -> list[tuple[Any, ...]]:
    return arena.rows(
        "SELECT t.ref, a.filename, a.content_type, encode(a.sha256, 'hex'), a.inline"
        " FROM mailticket.attachment a JOIN mailticket.ticket t ON t.id = a.ticket_id ORDER BY a.id"
    )


def left_out(arena: Arena) -> list[tuple[str, str]]:
    return [
        (change["filename"], change["why"])
        for change in changes(arena)
        if change["change"] == "leave_out_file"
    ]


def test_attachments_become_the_ticket_s_and_each_content_is_stored_once(arena: Arena) -> None:
    terms, notes = b"terms and conditions", b"notes"
    arena.deliver(
        mixed(TEXT, file("terms.dat", terms), file("notes.txt", notes, "text/plain")),
        mixed(TEXT, file("same terms.dat", terms), subject="Another"),
    )
    assert arena.run() == ({"create": 2}, [])
    digest = sha256(terms).hexdigest()
    assert attached(arena) == [
        ("R-000001", "terms.dat", "application/octet-stream", digest, False),
        ("R-000001", "notes.txt", "text/plain", sha256(notes).hexdigest(), False),
        ("R-000002", "same terms.dat", "application/octet-stream", digest, False),
    ]
    stored = arena.rows("SELECT encode(sha256, 'hex'), size, content FROM mailticket.blob")
    assert sorted((d, s, bytes(c)) for d, s, c in stored) == sorted(
        (sha256(c).hexdigest(), len(c), c) for c in (terms, notes)
    )


def test_a_msg_is_opened_and_its_files_are_the_ticket_s(arena: Arena) -> None:
    inside = outlook_files.message(
        outlook_files.texts(p0037="Printer on fire", p1000="It burns"),
        outlook_files.attachment("report.pdf", b"%PDF-1.4"),
        outlook_files.attachment("run.exe", b"program"),
    )
    msg = outlook_files.compound(inside)
    arena.deliver(
        mixed(TEXT, file("mail.msg", msg, "application/vnd.ms-outlook")),
        mixed(file("mail.msg", msg, "application/vnd.ms-outlook"), subject="Alone"),
    )
    assert arena.run() == ({"create": 2}, [])
    assert [row[:3] for row in attached(arena)] == [
        (ref, *held)
        for ref in ("R-000001", "R-000002")
        for held in (
            ("Printer on fire.eml", "message/rfc822"),
            ("report.pdf", "application/pdf"),
        )
    ]
    assert set(left_out(arena)) == {
        ("mail.msg", "opened: what it holds is attached"),
        ("run.exe", "excluded type application/exe"),
    }
    described = arena.rows("SELECT description FROM mailticket.ticket ORDER BY id")
    assert ["See the files." in described[0][0], "It burns" in described[1][0]] == [True, True]


def test_a_content_that_the_ticket_has_is_left_out_and_that_is_said(arena: Arena) -> None:
    logo, fresh = b"the logo of the signature", b"fresh"
    first = "<1@x.example>"
    arena.deliver(mixed(TEXT, file("logo.dat", logo), file("copy.dat", logo), message_id=first))
    arena.run()
    assert left_out(arena) == [("copy.dat", "same content as logo.dat")]
    arena.deliver(
        mixed(
            TEXT,
            file("logo again.dat", logo),
            file("fresh.dat", fresh),
            headers=[f"In-Reply-To: {first}"],
        )
    )
    assert arena.run() == ({"update": 1}, [])
    assert [row[1] for row in attached(arena)] == ["logo.dat", "fresh.dat"]
    assert left_out(arena) == [("logo again.dat", "the ticket has a file with the same content")]
    assert arena.rows(
        "SELECT a.filename, a.log_entry_id, a.message FROM mailticket.attachment a ORDER BY a.id"
    ) == [("logo.dat", None, 1), ("fresh.dat", 1, 2)]


def test_excluded_types_are_left_out_by_declaration_extension_and_bytes_and_that_is_said(
    arena: Arena,
) -> None:
    program = b"MZ\x90\0" + b"\0" * 60 + b"PE\0\0" + b"\0" * 200
    arena.fields["exclude_attachment_types"] = ["application/exe", "video/*", "ics"]
    arena.deliver(
        mixed(
            TEXT,
            file("invoice.pdf", program, "application/pdf"),
            file("setup.EXE", b"text"),
            file("film.bin", b"film", "video/mp4"),
            file("date.ics", b"BEGIN:VCALENDAR"),
            file("kept.dat", b"kept"),
        )
    )
    assert arena.run() == ({"create": 1}, [])
    assert [row[1] for row in attached(arena)] == ["kept.dat"]
    assert left_out(arena) == [
        ("invoice.pdf", "excluded type application/exe"),
        ("setup.EXE", "excluded type application/exe"),
        ("film.bin", "excluded type video/*"),
        ("date.ics", "excluded type ics"),
    ]
    assert arena.rows("SELECT size FROM mailticket.blob") == [(4,)]


def test_images_of_the_html_are_shown_in_the_description_and_in_the_log(arena: Arena) -> None:
    one, two = png(200, 100), png(200, 100, 9)
    first = "<1@x.example>"
    source = '<p>Look: <img src="cid:a%40b" alt="plan" width="900"> here</p>'
    arena.deliver(mixed(html(source), image("a@b", one), subtype="related", message_id=first))
    arena.run()
    [(description,)] = arena.rows("SELECT description FROM mailticket.ticket")
    assert f'src="attachment:{sha256(one).hexdigest()}"' in description
    assert "max-width:250px" in description
    [(_, name, kind, digest, inline)] = attached(arena)
    assert (kind, digest, inline) == ("image/png", sha256(one).hexdigest(), True)
    assert name.endswith(".png")

    source = '<p>And <img src="cid:c"><img src="cid:old"></p>'
    arena.fields["inline_image_max_width"] = 77
    arena.deliver(
        mixed(
            html(source),
            image("c", two),
            image("old", one),
            subtype="related",
            headers=[f"In-Reply-To: {first}"],
        )
    )
    assert arena.run() == ({"update": 1}, [])
    [(entry,)] = arena.rows("SELECT html FROM mailticket.log_entry")
    # The ticket has the second image already: it is attached once and shown again.
    for content in (one, two):
        assert f'src="attachment:{sha256(content).hexdigest()}"' in entry
    assert "max-width:77px" in entry
    assert len(attached(arena)) == 2


def test_an_image_that_was_left_out_leaves_no_hole(arena: Arena) -> None:
    arena.fields["exclude_attachment_types"] = ["image/gif"]
    gif = b"GIF89a" + struct.pack("<HH", 300, 200) + b"\0\0\0;"
    source = '<p>a<img src="cid:gif">b<img src="cid:nowhere">c</p>'
    arena.deliver(mixed(html(source), image("gif", gif, "image/gif"), subtype="related"))
    assert arena.run() == ({"create": 1}, [])
    [(description,)] = arena.rows("SELECT description FROM mailticket.ticket")
    assert "<img" not in description
    assert re.sub("<[^>]+>", "", description).strip() == "abc"
    assert left_out(arena)[0][1] == "excluded type image/gif"


def test_two_parts_with_one_content_id_and_two_ids_of_one_image_are_both_shown(
    arena: Arena,
) -> None:
    one, two = png(200, 100), png(200, 100, 9)
    source = '<p><img src="cid:x"><img src="cid:y"></p>'
    parts = (image("x", one), image("x", two), image("y", one))
    arena.deliver(mixed(html(source), *parts, subtype="related"))
    assert arena.run() == ({"create": 1}, [])
    [(description,)] = arena.rows("SELECT description FROM mailticket.ticket")
    assert description.count(f"attachment:{sha256(one).hexdigest()}") == 2
    assert {row[3] for row in attached(arena)} == {sha256(c).hexdigest() for c in (one, two)}


def test_names_of_files_are_safe_whatever_the_mail_says(arena: Arena) -> None:
    arena.deliver(
        mixed(
            TEXT,
            file("../../etc/passwd", b"1"),
            file(encoded("ä/..\\b\0😀\u202egnp.txt"), b"2"),
            file("x" * 3000 + ".txt", b"3"),
            ("application/pdf", b"JVBERi0xLjQ="),
        )
    )
    assert arena.run() == ({"create": 1}, [])
    names = [row[1] for row in attached(arena)]
    assert len(names) == 4
    assert not any(set(name) & set("/\\\0\u202e") for name in names)
    assert max(map(len, names)) <= 255


def test_an_empty_file_and_a_forwarded_message_are_kept(arena: Arena) -> None:
    inner = mail("The inner one", sender="x@y.example")
    forwarded = ("message/rfc822", inner)
    arena.deliver(with_parts(("text/plain", b"fwd"), forwarded, encoding="8bit"))
    arena.deliver(mixed(TEXT, file("empty.log", b"", "text/plain"), subject="Empty"))
    assert arena.run() == ({"create": 2}, [])
    assert [(row[0], row[1]) for row in attached(arena)] == [
        ("R-000001", "The inner one.eml"),
        ("R-000002", "empty.log"),
    ]


def test_files_of_a_reset_message_are_not_attached_twice(arena: Arena) -> None:
    from mailticket.store.attempts import Attempts  # noqa: PLC0415

    arena.deliver(mixed(TEXT, file("a.dat", b"a")))
    arena.run()
    db = arena.access().database()
    Attempts(db).reset([1])
    db.close()
    assert arena.run() == ({"update": 1}, [])
    assert len(attached(arena)) == 1
    assert left_out(arena) == [("a.dat", "the ticket has a file with the same content")]
