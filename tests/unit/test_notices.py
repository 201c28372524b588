"""What is mailed: valid mails, the original's bytes unharmed, nothing a stranger can inject."""

from __future__ import annotations

import email
import os
import re
import time
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage, Message
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailticket.enclosure import in_seven_bits
from mailticket.errors import ConfigurationError
from mailticket.message import Address
from mailticket.notices import (
    TEMPLATE_VALUES,
    Enclosure,
    Entry,
    ErrorCause,
    Notice,
    TicketFacts,
    acknowledgement,
    agent_reply,
    forwarded_error,
    rejection_reply,
    storm_notice,
    team_notice,
)
from mailticket.outgoing import Heading, Thread, mailable, one_line, wire_address
from mailticket.wording import Phrasebook

BOOK = Phrasebook()
DATE = datetime(2026, 11, 22, 16, 30, tzinfo=UTC)
MESSAGE_ID = "k1.123.aaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb@help.example"
PLAIN = b"From: a@b.example\r\nSubject: x\r\n\r\nHello\r\n"
TICKET = TicketFacts("R-000123", "Printer on fire", "UserRequest", "new", "Ann", "support")
THREAD = Thread("three@x", ("one@x", "two@x"))
HOSTILE = "x\r\nBcc: victim@x.example\r\n\r\nbody\0\ud800\u2028\u202egnp.exe\x85Bcc: a@b\x0b"


def heading(
    recipient: str = "ops@x.example", language: str = "en", name: str = "Support"
) -> Heading:
    return Heading(
        MESSAGE_ID, DATE, Address(name, "help@help.example"), recipient, language=language
    )


def cause(
    subject: str = "Printer", reason: str = "x@y.example is not a known caller"
) -> ErrorCause:
    return ErrorCause(
        inbox="support",
        verdict="rejected",
        rule="unknown_caller",
        reason=reason,
        subject=subject,
        sender="Ann <x@y.example>",
        received_at=DATE,
        size=1234,
        dag_id="mailticket_inbox_support",
        run="scheduled__2026-11-22",
        reset_command="bin/mailticket reset support 17",
    )


def forward(original: bytes) -> Notice:
    return forwarded_error(BOOK, heading(), cause(), Enclosure(original))


def read(notice: Notice) -> EmailMessage:
    return cast("EmailMessage", email.message_from_bytes(notice.raw, policy=policy.default))


def enclosed(raw: bytes) -> tuple[str, bytes]:
    """Cut the last part out of a mail by its boundary, as no parser could change it."""
    found = re.search(rb'boundary="([^"]+)"', raw)
    assert found
    part = raw.split(b"\r\n--" + found[1])[-2]
    head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    fields = email.message_from_bytes(head + b"\r\n\r\n")
    return fields.get_content_type(), _decoded(fields, content)


def _decoded(fields: Message, content: bytes) -> bytes:
    if fields["Content-Transfer-Encoding"] in {"7bit", "8bit"}:
        return content
    carrier = email.message_from_bytes(
        b"Content-Transfer-Encoding: "
        + fields["Content-Transfer-Encoding"].encode()
        + b"\r\n\r\n"
        + content
    )
    return cast("bytes", carrier.get_payload(decode=True))


def assert_valid(raw: bytes) -> None:
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n|\0", raw)
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    header = raw.partition(b"\r\n\r\n")[0]
    for line in re.split(rb"\r\n(?![ \t])", header):
        assert re.match(rb"[A-Za-z-]+: \S", line), line
    names = [line.partition(b":")[0] for line in re.split(rb"\r\n(?![ \t])", header)]
    assert len(names) == len(set(names))
    assert b"Bcc" not in names


def all_kinds(subject: str, text: str, name: str, language: str = "en") -> list[Notice]:
    to = heading(language=language, name=name)
    ticket = TicketFacts("R-000123", subject, "UserRequest", "new", name, "support", "https://x/")
    entry = Entry(text, name)
    thread = Thread(subject, (subject, "good@x", text))
    return [
        forwarded_error(BOOK, to, cause(subject, text), Enclosure(PLAIN)),
        storm_notice(BOOK, to, cause(subject, text), 3, PLAIN),
        rejection_reply(to, text, subject, thread),
        acknowledgement(BOOK, to, ticket, thread),
        agent_reply(BOOK, to, ticket, entry, thread),
        team_notice(BOOK, to, ticket, entry, thread),
    ]


# -- every mail ---------------------------------------------------------------------------------


def test_every_kind_carries_what_a_mail_of_a_machine_needs() -> None:
    for notice in all_kinds("Printer", "on fire", "Ann"):
        mail = read(notice)
        assert mail["Message-ID"] == f"<{MESSAGE_ID}>" == f"<{notice.message_id}>"
        assert mail["Date"].datetime == DATE
        assert mail["From"] == "Ann <help@help.example>"
        assert mail["To"] == notice.recipient == "ops@x.example"
        assert mail["Reply-To"] == "help@help.example"
        assert mail["Auto-Submitted"] in {"auto-generated", "auto-replied"}
        assert mail["X-Auto-Response-Suppress"]
        assert_valid(notice.raw)


@pytest.mark.parametrize("language", ["en", "fr", "de"])
def test_nothing_hostile_in_a_subject_name_or_text_adds_a_field(language: str) -> None:
    for notice in all_kinds(HOSTILE, HOSTILE, HOSTILE, language):
        assert_valid(notice.raw)
        mail = read(notice)
        assert mail["Bcc"] is None
        assert mail["To"] == "ops@x.example"
        assert "\u202e" not in str(mail["Subject"])


def test_an_encoded_word_in_a_subject_stays_text_and_decodes_to_itself() -> None:
    smuggled = "=?utf-8?q?x=0D=0ABcc=3A_victim@x.example?="
    mail = read(rejection_reply(heading(), "no", smuggled, Thread()))
    assert mail["Subject"] == f"Re: {smuggled}"
    assert mail["Bcc"] is None


@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=150))
@settings(max_examples=60, deadline=None)
def test_any_texts_at_all_make_valid_mails(subject: str, text: str, name: str) -> None:
    for notice in all_kinds(subject, text, name):
        assert_valid(notice.raw)


def test_a_subject_of_many_languages_arrives_as_it_was() -> None:
    subject = "Drucker brennt – imprimante en feu 🔥 プリンター " + "ж" * 150
    mail = read(rejection_reply(heading(), "no", subject, Thread()))
    assert mail["Subject"] == f"Re: {subject}"


def test_a_huge_subject_is_cut_quickly() -> None:
    started = time.perf_counter()
    mail = read(rejection_reply(heading(), "no", "\r\n =?utf-8?b?" * 500_000, Thread()))
    assert len(mail["Subject"]) <= 254
    assert time.perf_counter() - started < 1


def test_a_text_of_long_lines_and_accents_arrives_as_it_was() -> None:
    text = "é" * 5000 + "\n.\n..\nFrom here\n" + "word " * 3000 + "\ttab\n"
    notice = rejection_reply(heading(), text, "x", Thread())
    assert notice.raw.isascii()
    assert_valid(notice.raw)
    assert read(notice).get_content().replace("\r\n", "\n") == text


def test_a_date_without_offset_is_a_fault_of_the_caller() -> None:
    naive = Heading(MESSAGE_ID, datetime(2026, 1, 1), Address("", "a@b.example"), "c@d.example")  # noqa: DTZ001
    with pytest.raises(ValueError, match="offset"):
        rejection_reply(naive, "no", "x", Thread())


# -- envelope and marks -------------------------------------------------------------------------


def test_forwards_and_rejections_cannot_bounce_and_mails_of_a_ticket_can() -> None:
    senders = {n.kind: n.sender for n in all_kinds("x", "y", "z")}
    assert senders == {
        "forwarded_error": "",
        "storm": "",
        "rejection_reply": "",
        "acknowledgement": "help@help.example",
        "agent_reply": "help@help.example",
        "team": "help@help.example",
    }


def test_reports_of_a_failed_delivery_are_not_suppressed_for_mails_of_a_ticket() -> None:
    for notice in all_kinds("x", "y", "z"):
        suppressed = re.split(", ", read(notice)["X-Auto-Response-Suppress"])
        if notice.sender:
            assert "NDR" not in suppressed
            assert {"OOF", "AutoReply"} <= set(suppressed)
        else:
            assert suppressed == ["All"]


def test_what_an_agent_wrote_is_not_bulk() -> None:
    bulk = {n.kind: read(n)["Precedence"] for n in all_kinds("x", "y", "z")}
    assert bulk.pop("agent_reply") is None
    assert set(bulk.values()) == {"bulk"}


# -- threads ------------------------------------------------------------------------------------


def test_an_answer_names_its_parent_and_the_thread_before_it() -> None:
    mail = read(acknowledgement(BOOK, heading(), TICKET, THREAD))
    assert mail["In-Reply-To"] == "<three@x>"
    assert mail["References"].split() == ["<one@x>", "<two@x>", "<three@x>"]


def test_a_long_thread_keeps_its_first_and_its_last() -> None:
    thread = Thread("last@x", tuple(f"{n}@x" for n in range(200)))
    references = read(acknowledgement(BOOK, heading(), TICKET, thread))["References"].split()
    assert len(references) == 32
    assert (references[0], references[-2], references[-1]) == ("<0@x>", "<199@x>", "<last@x>")


def test_ids_that_cannot_be_written_are_left_out_and_long_ones_are_not_mangled() -> None:
    long = "a" * 300 + "@x"
    thread = Thread("a b@x\r\nBcc: c@d", ("<ok@x>", "ü@x", long, "x" * 5000, ""))
    notice = acknowledgement(BOOK, heading(), TICKET, thread)
    assert_valid(notice.raw)
    assert f"References: <ok@x>\r\n <{long}>\r\n".encode() in notice.raw
    assert b"In-Reply-To" not in notice.raw


@pytest.mark.parametrize(
    ("subject", "answered"),
    [("x", "Re: x"), ("RE: x", "RE: x"), ("", "Re:"), (" x\r\n y", "Re: x y")],
)
def test_a_rejection_answers_under_the_same_subject(subject: str, answered: str) -> None:
    mail = read(rejection_reply(heading(), "We do not know you.", subject, THREAD))
    assert str(mail["Subject"]).strip() == answered
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail.get_content().strip() == "We do not know you."
    assert mail["In-Reply-To"] == "<three@x>"


# -- forwards -----------------------------------------------------------------------------------


def test_a_forward_explains_the_cause_in_words() -> None:
    mail = read(forward(PLAIN))
    text = cast("EmailMessage", next(mail.iter_parts())).get_content()
    for said in (
        "support",
        "rejected",
        "unknown_caller",
        "x@y.example is not a known caller",
        "Ann <x@y.example>",
        "Printer",
        "2026-11-22 16:30 UTC",
        "1234",
        'clear the task "filter"',
        "scheduled__2026-11-22",
        "bin/mailticket reset support 17",
        "attached, unchanged",
    ):
        assert said in text, said


def test_a_forward_without_a_run_names_the_shell_alone() -> None:
    alone = ErrorCause("support", "failed", "parse", "too deep", "", "", None, 10)
    mail = read(forwarded_error(BOOK, heading(), alone, Enclosure(PLAIN)))
    text = cast("EmailMessage", next(mail.iter_parts())).get_content()
    assert "bin/mailticket reset" in text
    assert "Airflow" not in text


@pytest.mark.parametrize(
    "original",
    [
        PLAIN,
        b"Subject: caf\xe9\r\n\r\n\xff\xfe raw 8-bit \x80\r\n",
        "Subject: ü\r\n\r\nÜber\r\n".encode(),
        b"Subject: no end of line\r\n\r\nlast",
        b"Subject: dots\r\n\r\n.\r\n..\r\n--\r\nFrom me\r\n\r\n\r\n",
        b"no header at all",
        b"",
        b"\r\n\r\n",
        b"Subject: exactly\r\n\r\n" + b"x" * 998 + b"\r\n",
        b"X: \x01\x7f\x1b\r\n\r\nx\r\n",
    ],
)
def test_an_original_that_mail_can_carry_arrives_byte_for_byte(original: bytes) -> None:
    raw = forward(original).raw
    assert_valid(raw)
    assert enclosed(raw) == ("message/rfc822", original)


@pytest.mark.parametrize(
    "original",
    [
        b"Subject: nul\r\n\r\na\0b\r\n",
        b"Subject: bare cr\r\n\r\na\rb\r\n",
        b"Subject: bare lf\r\n\r\na\nb\r\n",
        b"Subject: smuggler\r\n\r\na\n.\r\nMAIL FROM:<x@y>\r\n",
        b"Subject: smuggler\r\n\r\na\r\n.\rMAIL FROM:<x@y>\r\n",
        b"Subject: long\r\n\r\n" + b"x" * 999 + b"\r\n",
        b"X" * 100_000,
        bytes(range(256)) * 10,
    ],
)
def test_a_broken_original_travels_as_a_file_and_the_mail_is_valid(original: bytes) -> None:
    raw = forward(original).raw
    assert_valid(raw)
    assert raw.isascii()
    assert enclosed(raw) == ("application/octet-stream", original)


def test_an_original_from_a_unix_file_gets_its_line_ends_back() -> None:
    kind, content = enclosed(forward(PLAIN.replace(b"\r\n", b"\n")).raw)
    assert (kind, content) == ("message/rfc822", PLAIN)


@given(st.binary(max_size=400))
@settings(max_examples=100, deadline=None)
def test_any_bytes_at_all_are_forwarded_whole(original: bytes) -> None:
    raw = forward(original).raw
    assert_valid(raw)
    canonical = original if b"\r" in original else original.replace(b"\n", b"\r\n")
    kind, content = enclosed(raw)
    assert content == (canonical if kind == "message/rfc822" else content)
    assert content in {original, canonical}


def test_an_original_that_guesses_the_boundary_does_not_break_out() -> None:
    found = re.search(rb'boundary="([^"]+)"', forward(PLAIN).raw)
    assert found
    original = PLAIN + b"\r\n--" + found[1] + b"--\r\n--" + found[1] + b"\r\n\r\nforged\r\n"
    raw = forward(original).raw
    assert enclosed(raw) == ("message/rfc822", original)
    assert len(list(read(Notice("team", "", "", "", raw)).iter_parts())) == 2


def test_a_nested_original_costs_no_recursion_and_little_time() -> None:
    nested = b"".join(
        b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n)
        for n in range(3000)
    )
    big = nested + (b"x" * 70 + b"\r\n") * 140_000
    started = time.perf_counter()
    raw = forward(big).raw
    assert time.perf_counter() - started < 3
    assert big in raw


def test_the_same_arguments_give_the_same_bytes() -> None:
    assert forward(PLAIN).raw == forward(PLAIN).raw


def test_without_8bitmime_an_8_bit_original_becomes_a_file() -> None:
    original = b"Subject: caf\xe9\r\n\r\n\xff\r\n"
    rewritten = in_seven_bits(forward(original).raw)
    assert rewritten.isascii()
    assert_valid(rewritten)
    assert enclosed(rewritten) == ("application/octet-stream", original)
    assert len(list(email.message_from_bytes(rewritten).walk())) == 3


def test_without_8bitmime_a_7_bit_mail_stays_as_it_is() -> None:
    raw = forward(PLAIN).raw
    assert in_seven_bits(raw) is raw


def test_a_mail_that_is_too_big_is_forwarded_by_its_header_and_its_place() -> None:
    header = b"From: a@b.example\r\nSubject: big\r\n\r\n"
    enclosure = Enclosure(header=header, saved_at="s3://bucket/big/1.eml")
    notice = forwarded_error(BOOK, heading(), cause(), enclosure)
    text = cast("EmailMessage", next(read(notice).iter_parts())).get_content()
    assert "s3://bucket/big/1.eml" in text
    assert "unchanged" not in text
    assert enclosed(notice.raw) == ("text/rfc822-headers", b"From: a@b.example\r\nSubject: big\r\n")


def test_a_too_big_mail_that_was_saved_nowhere_is_said_to_stay() -> None:
    notice = forwarded_error(BOOK, heading(), cause(), Enclosure(header=b"Subject: big"))
    text = cast("EmailMessage", next(read(notice).iter_parts())).get_content()
    assert "stays in the mailbox" in " ".join(text.split())


@pytest.mark.parametrize(
    "header",
    [
        b"Subject: caf\xe9\r\nX: " + b"y" * 5000,
        b"Subject: a\0b\rc\nd\r\nX: =\r\n tail \r\nY: .",
        "Subject: ü\r\n ß".encode(),
    ],
)
def test_a_broken_header_section_is_quoted_and_decodes_to_itself(header: bytes) -> None:
    raw = forwarded_error(BOOK, heading(), cause(), Enclosure(header=header)).raw
    assert_valid(raw)
    assert raw.isascii()
    assert enclosed(raw) == ("text/rfc822-headers", header + b"\r\n")


def test_a_header_section_without_end_is_bounded() -> None:
    raw = forwarded_error(BOOK, heading(), cause(), Enclosure(header=b"X: y\r\n" * 10**6)).raw
    assert len(raw) < 1.1 * 1024**2


# -- mails of a ticket --------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "fr", "de"])
def test_each_mail_of_a_ticket_has_its_reference_in_the_subject(language: str) -> None:
    to, entry = heading(language=language), Entry("Pull the plug.", "Bob")
    for notice in (
        acknowledgement(BOOK, to, TICKET, THREAD),
        agent_reply(BOOK, to, TICKET, entry, THREAD),
        team_notice(BOOK, to, TICKET, entry, THREAD),
    ):
        subject = read(notice)["Subject"]
        assert "[R-000123]" in subject
        assert "Printer on fire" in subject
        assert re.search(r"(?<![A-Za-z0-9])R-([0-9]{6,})(?![0-9])", subject)


def test_an_agents_words_arrive_whole() -> None:
    words = "Grüße,\n\n  indented\n{{ 7 * 7 }} {% raw %}\n<b>"
    text = read(agent_reply(BOOK, heading(), TICKET, Entry(words, "Bob"), THREAD)).get_content()
    assert words in text.replace("\r\n", "\n")
    assert "49" not in text


def test_an_acknowledgement_relays_nothing_of_the_mail_but_its_title() -> None:
    text = read(acknowledgement(BOOK, heading(), TICKET, THREAD)).get_content()
    assert "R-000123" in text
    assert "Printer on fire" in text


def test_the_team_reads_what_changed_and_where() -> None:
    ticket = TicketFacts("R-000123", "Fire", "UserRequest", "new", "Ann", "support", "https://x/1")
    made = read(team_notice(BOOK, heading(), ticket, Entry("Help", "Ann", "created"), Thread()))
    more = read(team_notice(BOOK, heading(), ticket, Entry("Help", "Ann"), Thread()))
    assert "New ticket" in made["Subject"]
    assert "New mail" in more["Subject"]
    assert "https://x/1" in made.get_content()
    assert "Help" in made.get_content()


# -- languages and templates --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Hello Ann"),
        ("fr", "Bonjour Ann"),
        ("de", "Guten Tag Ann"),
        ("fr-CH", "Bonjour Ann"),
        ("de_AT", "Guten Tag Ann"),
        ("FR", "Bonjour Ann"),
        ("tlh", "Hello Ann"),
        ("", "Hello Ann"),
        ("../../secret", "Hello Ann"),
        ("en\0", "Hello Ann"),
    ],
)
def test_the_language_asked_for_is_used_else_english(language: str, said: str) -> None:
    notice = acknowledgement(BOOK, heading(language=language), TICKET, THREAD)
    assert said in read(notice).get_content()


def test_every_shipped_template_names_only_values_that_it_gets() -> None:
    assert not list(BOOK.faults(TEMPLATE_VALUES))


@pytest.mark.parametrize("language", ["en", "fr", "de"])
@pytest.mark.parametrize("enclosure", [Enclosure(PLAIN), Enclosure(saved_at="/x"), Enclosure()])
def test_every_language_can_say_every_form_of_a_forward(
    language: str, enclosure: Enclosure
) -> None:
    notice = forwarded_error(BOOK, heading(language=language), cause(), enclosure)
    text = cast("EmailMessage", next(read(notice).iter_parts())).get_content()
    assert "bin/mailticket reset support 17" in text
    assert max(map(len, text.splitlines())) < 90


def test_a_site_may_change_one_template_and_keep_the_others(tmp_path: Path) -> None:
    (tmp_path / "fr").mkdir()
    (tmp_path / "fr" / "acknowledgement.txt").write_text("Subject: [{{ reference }}] Reçu\n\nOui.")
    site = Phrasebook(tmp_path)
    changed = read(acknowledgement(site, heading(language="fr"), TICKET, THREAD))
    assert changed["Subject"] == "[R-000123] Reçu"
    assert changed.get_content().strip() == "Oui."
    other = read(team_notice(site, heading(language="fr"), TICKET, Entry("x", "y"), THREAD))
    assert "Nouveau message" in other["Subject"]


def test_a_template_is_compiled_once_and_read_again_when_it_was_changed(tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    template = tmp_path / "en" / "acknowledgement.txt"
    template.write_text("Subject: One\n\n{{ title }}")
    values = {"title": "T"}
    assert Phrasebook(tmp_path).write("acknowledgement", "en", values).subject == "One"
    assert Phrasebook(tmp_path).compiled is Phrasebook(tmp_path).compiled
    template.write_text("Subject: Two\n\n{{ title }}")
    os.utime(template, (2, 2))
    assert Phrasebook(tmp_path).write("acknowledgement", "en", values).subject == "Two"


@pytest.mark.parametrize(
    ("template", "named"),
    [
        ("Subject: x\n\n{{ refrence }}", "refrence"),
        ("Subject: x\n\n{% if %}", "line 3"),
        ("Subject: x\n\n{{ 1 / 0 }}", "zero"),
        ("Subject: x\n\n{{ ''.__class__.__mro__ }}", "unsafe"),
    ],
)
def test_a_broken_template_is_a_fault_that_names_its_file(
    tmp_path: Path, template: str, named: str
) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "acknowledgement.txt").write_text(template)
    with pytest.raises(ConfigurationError, match=r"en/acknowledgement\.txt") as raised:
        acknowledgement(Phrasebook(tmp_path), heading(), TICKET, THREAD)
    assert named in str(raised.value)


def test_a_typo_in_a_template_is_found_before_it_is_needed(tmp_path: Path) -> None:
    (tmp_path / "de").mkdir()
    (tmp_path / "de" / "team.txt").write_text("Subject: x\n\n{{ titel }} {{ title }}")
    (tmp_path / "de" / "acknowledgement.txt").write_text("Subject: x\n\n{% endif %}")
    faults = list(Phrasebook(tmp_path).faults(TEMPLATE_VALUES))
    assert [(f.field, "titel" in f.value) for f in faults] == [
        ("mail template de/acknowledgement.txt", False),
        ("mail template de/team.txt", True),
    ]


# -- addresses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    ["a@b.example", "o'brien+x=y@b.example", "a..b@b.example", "jörg@b.example", "x@localhost"],
)
def test_an_address_that_people_have_can_be_mailed(address: str) -> None:
    assert mailable(address)
    assert wire_address(address) == address
    notice = rejection_reply(heading(recipient=address), "no", "x", Thread())
    assert f"To: {address}\r\n".encode() in notice.raw


def test_a_domain_beyond_ascii_travels_as_its_a_label() -> None:
    assert wire_address("a@bücher.example") == "a@xn--bcher-kva.example"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "@b.example",
        "a@",
        "a@b\r\nBcc: c@d",
        "a\r\nRCPT TO:<x@y>@b.example",
        "a b@c.example",
        "<a@b.example>",
        "a@b.example>",
        "a,b@c.example",
        '"a b"@c.example',
        "a@b@c.example",
        "a@[127.0.0.1]",
        "a\0@b.example",
        "a\ud800@b.example",
        "a\u202e@b.example",
        "a@-b.example",
        "-oQ/tmp@b.example",
        "-@b.example",
        "a@b..ü",
        "x" * 65 + "@b.example",
        "a@" + "b" * 300,
        "a" * 10_000_000,
    ],
)
def test_an_address_that_could_break_a_command_or_field_is_never_mailed(address: str) -> None:
    assert not mailable(address)
    with pytest.raises(ValueError, match=r"address|@|label|encode|surrogate|empty"):
        rejection_reply(heading(recipient=address), "no", "x", Thread())


@given(st.text(max_size=80))
def test_no_address_at_all_crashes_the_check(address: str) -> None:
    assert mailable(address) in {True, False}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\tb\r\n c", "a b c"),
        ("  x  ", "x"),
        ("a\0b", "a b"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("\ud800", ""),
        ("e\u202efdp.", "efdp."),
    ],
)
def test_one_line_is_one_line(text: str, line: str) -> None:
    assert one_line(text) == line
