"""An inbox in force: its document, digest, options, notices and description."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mailticket.config import Inbox, check_inbox, contradictions, describe_faults
from mailticket.errors import Fault
from mailticket.message import Limits
from mailticket.options import ParseOptions, PatternSet

FULL: dict[str, Any] = {
    "protocol": "imap",
    "address": "support@example.org",
    "mailbox": "Ablage|x",
    "after_processing": "move",
    "move_to": "Erledigt *1*",
    "ticket_defaults": {"service_id": 3, "urgent": True, "factor": 1.5},
    "status_on_update": {"pending": "assigned"},
    "forward_errors_to": ["ops@example.org"],
    "maximum_email_size": "5M",
    "images_maximum_size": "2000x1000",
    "delimiter_patterns": {"add": ["/^-- $/"]},
    "html_tags_to_remove": ["blockquote"],
    "cap_tickets_per_inbox": ["100/60"],
    "limit_seconds": 2.5,
    "title_pattern": "/#([0-9]+)/",
}


def inbox(**fields: Any) -> Inbox:
    found, faults = check_inbox("support", fields)
    assert faults == ()
    assert found is not None
    return found


def test_a_document_survives_json_and_gives_the_same_inbox() -> None:
    first = inbox(**FULL)
    document = json.loads(json.dumps(first.document()))
    second = Inbox.from_document(document)
    assert second == first
    assert second.document() == document
    assert second.digest({}) == first.digest({})


def test_a_document_holds_every_value_with_defaults_expanded() -> None:
    document = inbox().document()
    assert set(document) == set(Inbox.model_fields)
    assert document["conn_id"] == "mailticket_inbox_support"
    assert document["cap_reopens_per_ticket"] == ["5/1440"]
    assert document["images_minimum_size"] == "100x20"


def test_a_digest_changes_with_every_value_and_version_and_not_with_their_order() -> None:
    plain = inbox().digest({"mailticket": "1", "site": "2"})
    assert plain == inbox().digest({"site": "2", "mailticket": "1"})
    assert len(plain) == 64
    alone = {k: v for k, v in FULL.items() if k not in {"protocol", "after_processing"}}
    others = {inbox(**{k: v}).digest({}) for k, v in alone.items()}
    assert len(others | {plain, inbox().digest({})}) == len(alone) + 2
    assert inbox(periodicity=30).digest({}) == inbox().digest({})


def test_an_inbox_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        inbox().active = False  # type: ignore[misc]


def test_parse_options_carry_what_the_decoders_need() -> None:
    options = inbox(**FULL).parse_options()
    assert options.limits.seconds == 2.5
    assert options.images_maximum_size == (2000, 1000)
    assert options.quoting.delimiter == PatternSet(added=("/^-- $/",))
    assert options.quoting.html_tags_to_remove == PatternSet(instead=("blockquote",))


def test_default_parse_options_are_those_of_the_decoders() -> None:
    assert inbox().parse_options() == ParseOptions(limits=Limits())


def test_every_limit_reaches_the_decoders() -> None:
    limits = {"header_bytes": 2048, "addresses": 2, "parts": 3, "depth": 4, "html_bytes": 4096,
              "image_pixels": 5, "seconds": 6}  # fmt: skip
    given = {f"limit_{name}": value for name, value in limits.items()}
    assert inbox(**given).parse_options().limits == Limits(**limits)


def test_the_title_pattern_is_the_prefix_of_the_class_unless_set() -> None:
    regex = inbox().title_regex("R-")
    assert regex.text == "/(?<![A-Za-z0-9])R-([0-9]{6,})(?![0-9])/"
    found = regex.search("Re: [R-000012] x")
    assert found is not None
    assert (found.text, found.groups) == ("R-000012", ("000012",))
    assert regex.search("FOR-000012") is None
    assert inbox(title_pattern="/x(1)/").title_regex("R-").text == "/x(1)/"


@pytest.mark.parametrize("prefix", ["A/", "A.", "A+(", "A\\", "É#", "R_-"])
def test_any_prefix_makes_a_pattern_that_finds_it_as_it_is(prefix: str) -> None:
    regex = inbox().title_regex(prefix)
    assert regex.search(f"re {prefix}000001") is not None
    assert regex.search("re Ax000001") is None


def test_the_log_field_is_public_log_unless_named() -> None:
    named = inbox(ticket_log={"Change": "history"})
    assert (named.log_field("Change"), named.log_field("Incident")) == ("history", "public_log")


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"protocol": "pop3", "mailbox": "x"}, "mailbox is ignored"),
        ({"protocol": "pop3", "imap_options": ["ssl"]}, "imap_options is ignored"),
        ({"protocol": "pop3", "use_message_id_as_uid": True}, "use_message_id_as_uid is ignored"),
        ({"move_to": "Done"}, "move_to is ignored"),
        ({"forward_errors_from": "a@b.org"}, "forward_errors_from is ignored"),
        ({"person_defaults": "name:x"}, "person_defaults is ignored"),
        ({"unknown_caller": "create_person", "unknown_caller_reply": "x"}, "unknown_caller_reply"),
        ({"behavior": "create_only", "status_on_update": "a:b"}, "status_on_update is ignored"),
    ],
)
def test_a_value_without_effect_is_a_notice(fields: dict[str, Any], word: str) -> None:
    (notice,) = inbox(**fields).notices
    assert word in notice
    assert word in inbox(**fields).describe().replace("\\", "")


def test_an_ordinary_inbox_has_no_notices() -> None:
    assert inbox().notices == ()
    assert inbox(protocol="pop3").notices == ()


@pytest.mark.parametrize(
    ("options", "tls", "words"),
    [
        (["imap"], "none", []),
        (["ssl"], "implicit", []),
        (["ssl"], "starttls", ["ssl"]),
        (["tls"], "starttls", []),
        (["tls"], "none", ["tls"]),
        (["notls"], "none", []),
        (["notls"], "implicit", ["notls"]),
        (["validate-cert"], "none", ["validate-cert"]),
        (["novalidate-cert", "secure", "norsh", "debug"], "implicit", []),
    ],
)
def test_flag_words_are_compared_with_the_connection(
    options: list[str], tls: str, words: list[str]
) -> None:
    found = contradictions(inbox(imap_options=options), tls)
    assert [fault.allowed.split()[0] for fault in found] == words
    assert all("mailticket_inbox_support" in fault.allowed for fault in found)


def test_pop3_contradicts_no_connection() -> None:
    assert contradictions(inbox(protocol="pop3", imap_options=["ssl"]), "none") == ()


def test_a_description_says_what_the_inbox_does() -> None:
    text = inbox(**FULL).describe()
    assert "### Inbox support" in text
    assert "by IMAP through the Connection mailticket\\_inbox\\_support" in text
    assert "tickets of the class UserRequest" in text
    assert "pending → assigned" in text
    assert "forwarded to ops\\@example.org" in text
    assert "| maximum\\_email\\_size | 5M |" in text
    assert "periodicity" not in text


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "Every value is the default."),
        ({"active": False}, "switched off"),
        ({"behavior": "update_only"}, "any other is rejected"),
        ({"behavior": "update_only"}, "A mail to a closed ticket is rejected."),
        ({"behavior": "create_only"}, "Every mail creates a ticket"),
        ({"closed_ticket": "reopen"}, "reopens it"),
        ({"unknown_caller": "create_person"}, "becomes a new person"),
        ({"unknown_caller_reply": "x"}, "rejected and answered"),
        ({"undesired_behavior": "purge"}, "kept for 7 days, then deleted"),
        ({"automatic_mail": "reject"}, "is rejected too"),
        ({"after_processing": "delete"}, "as soon as its ticket is saved"),
        ({"error_behavior": "delete"}, "Mails in error are deleted"),
        ({"big_files_dir": "/big"}, "saved to /big"),
        ({"protocol": "pop3"}, "Reads the mailbox by POP3"),
    ],
)
def test_each_choice_has_its_sentence(fields: dict[str, Any], sentence: str) -> None:
    assert sentence in inbox(**fields).describe()


def test_markdown_and_html_of_an_operator_stay_text() -> None:
    text = inbox(
        mailbox="<script>|*x*_y_[a](http://e.org)`z`", unknown_caller_reply="# a\n| b |\nwww.e.org"
    ).describe()
    for live in ("<script>", "*x*", "[a](", "`z`", "http://", "\n# a", "| b |", "www.e"):
        assert live not in text


def test_faults_are_shown_as_a_table() -> None:
    text = describe_faults([Fault("", "a|b", "<i>", "x\ny"), Fault("support", "f", "v", "w")])
    assert text.splitlines()[2] == "| all inboxes | a\\|b | &lt;i&gt; | x y |"
    assert text.splitlines()[3] == "| support | f | v | w |"
