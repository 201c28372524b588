"""Each field of an inbox: what is taken, what is refused, and in which words."""

from __future__ import annotations

from typing import Any

import pytest

from mailticket.config import INBOX_FIELDS, Inbox, check_inbox
from mailticket.errors import Fault
from mailticket.options import PatternSet

TAKEN: list[tuple[str, Any, Any]] = [
    ("active", False, False),
    ("protocol", "pop3", "pop3"),
    ("conn_id", "my-conn.1", "my-conn.1"),
    ("address", "support@example.org", "support@example.org"),
    ("mailbox", "Ünter\\lagen/Neue Post & [x]", "Ünter\\lagen/Neue Post & [x]"),
    ("behavior", "update_only", "update_only"),
    ("after_processing", "delete", "delete"),
    ("move_to", "Done", "Done"),
    ("ticket_class", "Incident", "Incident"),
    ("ticket_defaults", {"service_id": 3, "impact": "low"}, {"service_id": 3, "impact": "low"}),
    ("ticket_defaults", "service_id: Mail\n\nurl:http://x", {"service_id": "Mail", "url": "http://x"}),
    ("ticket_defaults", {"org_id": "ACME"}, {"org_id": "ACME"}),
    ("default_title", "Ohne Betreff", "Ohne Betreff"),
    ("title_pattern", r"/#(\d+)/", r"/#(\d+)/"),
    ("subject_match", "any", "any"),
    ("unknown_caller", "create_person", "create_person"),
    ("person_defaults", "name:Unknown\norg_id:ACME", {"name": "Unknown", "org_id": "ACME"}),
    ("unknown_caller_reply", "Who are you?\nWrite to …", "Who are you?\nWrite to …"),
    ("error_behavior", "delete", "delete"),
    ("forward_errors_to", "a@example.org, b@example.org", ("a@example.org", "b@example.org")),
    ("forward_errors_to", ["Ann <a@example.org>"], ("Ann <a@example.org>",)),
    ("forward_errors_from", "Support <s@example.org>", "Support <s@example.org>"),
    ("undesired_behavior", "purge", "purge"),
    ("automatic_mail", "reject", "reject"),
    ("additional_contacts", "always", "always"),
    ("status_on_update", {"pending": "assigned"}, {"pending": "assigned"}),
    ("status_on_update", "pending:assigned", {"pending": "assigned"}),
    ("closed_ticket", "reopen", "reopen"),
    ("notify", ["team", "acknowledgement", "team"], ("team", "acknowledgement")),
    ("notify", [], ()),
    ("smtp_conn_id", "other", "other"),
    ("debug_trace", True, True),
    ("periodicity", 1, 1),
    ("body_parts_order", "text/plain,text/html", ("text/plain", "text/html")),
    ("body_parts_order", ["text/plain"], ("text/plain", "text/html")),
    ("pop3_auth_option", "CRAM-MD5", "CRAM-MD5"),
    ("imap_options", ["imap4rev1", "ssl", "debug"], ("imap4rev1", "ssl", "debug")),
    ("exclude_attachment_types", ["Image/PNG", "video/*", ".exe", "*.js", "bat"],
     ("image/png", "video/*", ".exe", "*.js", "bat")),
    ("maximum_email_size", "100K", 102_400),
    ("maximum_email_size", 5000, 5000),
    ("maximum_email_size", 0, 256 * 1024**2),
    ("maximum_email_size", "0", 256 * 1024**2),
    ("maximum_email_size", "256M", 256 * 1024**2),
    ("big_files_dir", "/var/mail/too big", "/var/mail/too big"),
    ("big_files_dir", "s3://conn@bucket/mails", "s3://conn@bucket/mails"),
    ("introductory_patterns", ["/^x/"], PatternSet(instead=("/^x/",))),
    ("delimiter_patterns", {"add": ["/^x/i"]}, PatternSet(added=("/^x/i",))),
    ("multiline_delimiter_patterns", [], PatternSet(instead=())),
    ("html_tags_to_remove", ["blockquote", "div.gmail_quote"],
     PatternSet(instead=("blockquote", "div.gmail_quote"))),
    ("undesired_subject_patterns", ["/^Out Of Office/i"], ("/^Out Of Office/i",)),
    ("undesired_purge_delay", 0, 0),
    ("images_minimum_size", "0x0", (0, 0)),
    ("images_maximum_size", "1024 x 768", (1024, 768)),
    ("images_maximum_size", None, None),
    ("inline_image_max_width", 400, 400),
    ("use_message_id_as_uid", True, True),
    ("raw_retention_days", 365, 365),
    ("event_retention_days", 90, 90),
    ("max_messages_per_run", 10, 10),
    ("ticket_log", {"Change": "history"}, {"Change": "history"}),
    ("debug", True, True),
    ("limit_header_bytes", "2M", 2 * 1024**2),
    ("limit_addresses", 10, 10),
    ("limit_parts", 10, 10),
    ("limit_depth", 10, 10),
    ("limit_html_bytes", "500K", 512_000),
    ("limit_image_pixels", "50M", 50_000_000),
    ("limit_seconds", 0.5, 0.5),
    ("cap_tickets_per_sender", ["20/120", "5/1"], ((20, 120), (5, 1))),
    ("cap_tickets_per_inbox", [], ()),
    ("cap_mails_per_recipient", "3/10", ((3, 10),)),
    ("cap_reopens_per_ticket", ["1/1"], ((1, 1),)),
    ("rules_off", ["unknown_caller"], ("unknown_caller",)),
]  # fmt: skip

REFUSED: list[tuple[str, Any, str, str]] = [
    ("active", "true", "active", "write true or false, without quotes"),
    ("active", 1, "active", "write true or false"),
    ("active", None, "active", "write true or false"),
    ("protocol", "smtp", "protocol", "write one of imap, pop3"),
    ("protocol", ["imap"], "protocol", "write one of imap, pop3"),
    ("conn_id", "", "conn_id", "Airflow Connection"),
    ("conn_id", "a b", "conn_id", "Airflow Connection"),
    ("address", "support", "address", "write name@example.org"),
    ("address", "Support <s@example.org>", "address", "write the address alone"),
    ("mailbox", "", "mailbox", "write a text"),
    ("mailbox", "a\nb", "mailbox", "one line"),
    ("mailbox", "a\x00", "mailbox", "NUL"),
    ("mailbox", "\ud800", "mailbox", "surrogate"),
    ("behavior", "create", "behavior", "create_or_update, create_only, update_only"),
    ("after_processing", "archive", "after_processing", "write one of keep, delete, move"),
    ("move_to", 3, "move_to", "write a text"),
    ("ticket_class", "", "ticket_class", "write 1 to 100 characters"),
    ("ticket_class", None, "ticket_class", "write 1 to 100 characters"),
    ("ticket_defaults", {"title": "x"}, "ticket_defaults.title", "leave it out"),
    ("ticket_defaults", {"description": "x"}, "ticket_defaults.description", "leave it out"),
    ("ticket_defaults", {"caller_id": 1}, "ticket_defaults.caller_id", "leave it out"),
    ("ticket_defaults", "origin:mail", "ticket_defaults.origin", "leave it out"),
    ("ticket_defaults", "service_id", "ticket_defaults", "line 1 is wrong: write field:value"),
    ("ticket_defaults", "a:1\nb:2\na:3", "ticket_defaults", "line 3 sets a once more"),
    ("ticket_defaults", ["a"], "ticket_defaults", "write an object"),
    ("ticket_defaults", {"a": None}, "ticket_defaults.a", "write a text, a number, true or false"),
    ("ticket_defaults", {"a": [1]}, "ticket_defaults.a", "write a text, a number"),
    ("ticket_defaults", {"a": 2**70}, "ticket_defaults.a", "write a text, a number"),
    ("ticket_defaults", {"a": float("nan")}, "ticket_defaults.a", "write a text, a number"),
    ("ticket_defaults", {"a b": 1}, "ticket_defaults.a b", "letters, digits and _"),
    ("default_title", "", "default_title", "write 1 to 255 characters"),
    ("default_title", "x" * 256, "default_title", "write 1 to 255 characters"),
    ("title_pattern", "R-", "title_pattern", "no delimiters"),
    ("title_pattern", "/(/", "title_pattern", "missing closing parenthesis, at character 1"),
    ("subject_match", "all", "subject_match", "related, known, any"),
    ("unknown_caller", "create", "unknown_caller", "reject, create_person"),
    ("person_defaults", {"email": "x@y"}, "person_defaults.email", "the sender's address"),
    ("unknown_caller_reply", "", "unknown_caller_reply", "write a text"),
    ("error_behavior", "move", "error_behavior", "keep, delete"),
    ("forward_errors_to", ["a@b.org", "x"], "forward_errors_to[1]", "write name@example.org"),
    ("forward_errors_to", 3, "forward_errors_to", "write a list"),
    ("forward_errors_from", "a@b@c", "forward_errors_from", "not a mail address"),
    ("forward_errors_from", "a@b\nBcc: x@y", "forward_errors_from", "one line"),
    ("undesired_behavior", "delete", "undesired_behavior", "as_error, purge"),
    ("automatic_mail", "accept", "automatic_mail", "accept_generated, reject"),
    ("additional_contacts", True, "additional_contacts", "never, on_create, on_update, always"),
    ("status_on_update", {"a": 1}, "status_on_update.a", "write a text"),
    ("status_on_update", "a", "status_on_update", "write pending:assigned"),
    ("closed_ticket", "new", "closed_ticket", "new_ticket, reopen, append, reject"),
    ("notify", ["agent"], "notify[0]", "acknowledgement, agent_reply, team"),
    ("notify", {}, "notify", "write a list"),
    ("smtp_conn_id", 3, "smtp_conn_id", "Airflow Connection"),
    ("debug_trace", "yes", "debug_trace", "true or false"),
    ("periodicity", 0, "periodicity", "write a whole number of seconds from 1 to 86400"),
    ("periodicity", "30", "periodicity", "without quotes"),
    ("periodicity", True, "periodicity", "whole number"),
    ("periodicity", 1.5, "periodicity", "whole number"),
    ("body_parts_order", "text/html,text/rtf", "body_parts_order", "text/plain,text/html"),
    ("body_parts_order", [], "body_parts_order", "text/plain,text/html"),
    ("pop3_auth_option", "apop", "pop3_auth_option", "USER, APOP, CRAM-MD5"),
    ("imap_options", ["imap", "nossl"], "imap_options[1]", "write one of imap, imap4rev1"),
    ("imap_options", ["ssl", "notls"], "imap_options", "ssl and notls contradict"),
    ("imap_options", ["ssl", "tls"], "imap_options", "ssl and tls contradict"),
    ("imap_options", ["tls", "notls"], "imap_options", "tls and notls contradict"),
    ("imap_options", ["validate-cert", "novalidate-cert"], "imap_options", "contradict"),
    ("exclude_attachment_types", ["a/b/c"], "exclude_attachment_types[0]", "image/png, video/*"),
    ("maximum_email_size", "10 Mo", "maximum_email_size", "10M"),
    ("maximum_email_size", "1G", "maximum_email_size", "ceiling of 256M"),
    ("maximum_email_size", "257M", "maximum_email_size", "ceiling of 256M"),
    ("maximum_email_size", -1, "maximum_email_size", "ceiling"),
    ("maximum_email_size", False, "maximum_email_size", "ceiling"),
    ("big_files_dir", "mails", "big_files_dir", "absolute path"),
    ("introductory_patterns", ["/a/", "/b"], "introductory_patterns[1]", "closing delimiter"),
    ("introductory_patterns", {"more": []}, "introductory_patterns", '{"add"'),
    ("delimiter_patterns", {"add": ["/(/"]}, "delimiter_patterns[0]", "does not compile"),
    ("multiline_delimiter_patterns", 3, "multiline_delimiter_patterns", "write a list"),
    ("html_tags_to_remove", ["<b>"], "html_tags_to_remove[0]", "tag.class"),
    ("undesired_subject_patterns", ["/a/", "/b/", "/c/z"], "undesired_subject_patterns[2]", "flag"),
    ("undesired_purge_delay", -1, "undesired_purge_delay", "days"),
    ("images_minimum_size", "100", "images_minimum_size", "as in 100x20"),
    ("images_minimum_size", 100, "images_minimum_size", "as in 100x20"),
    ("images_maximum_size", "50x50", "images_maximum_size", "images_minimum_size"),
    ("inline_image_max_width", 0, "inline_image_max_width", "pixels from 1"),
    ("use_message_id_as_uid", 0, "use_message_id_as_uid", "true or false"),
    ("raw_retention_days", -1, "raw_retention_days", "days"),
    ("event_retention_days", 0, "event_retention_days", "days"),
    ("max_messages_per_run", 0, "max_messages_per_run", "whole number from 1"),
    ("ticket_log", {"Change": ""}, "ticket_log.Change", "write a text"),
    ("debug", "false", "debug", "true or false"),
    ("limit_header_bytes", "1", "limit_header_bytes", "from 1K to 64M"),
    ("limit_addresses", 0, "limit_addresses", "whole number"),
    ("limit_parts", "1M", "limit_parts", "whole number"),
    ("limit_depth", 501, "limit_depth", "from 1 to 500"),
    ("limit_html_bytes", "1G", "limit_html_bytes", "to 256M"),
    ("limit_image_pixels", "lots", "limit_image_pixels", "50M"),
    ("limit_seconds", 0, "limit_seconds", "seconds above 0"),
    ("limit_seconds", float("nan"), "limit_seconds", "seconds above 0"),
    ("cap_tickets_per_sender", ["20"], "cap_tickets_per_sender[0]", "as in 20/120"),
    ("cap_tickets_per_inbox", ["0/5"], "cap_tickets_per_inbox[0]", "as in 20/120"),
    ("cap_mails_per_recipient", [20], "cap_mails_per_recipient[0]", "as in 20/120"),
    ("cap_reopens_per_ticket", 5, "cap_reopens_per_ticket", "write a list"),
    ("rules_off", ["a b"], "rules_off[0]", "name of a rule"),
]


def faults(**fields: Any) -> tuple[Fault, ...]:
    return check_inbox("support", fields)[1]


def test_every_field_is_tried_both_ways() -> None:
    assert {field for field, _, _ in TAKEN} == INBOX_FIELDS
    assert {field for field, _, _, _ in REFUSED} == INBOX_FIELDS


@pytest.mark.parametrize(("field", "value", "expected"), TAKEN)
def test_a_right_value_is_taken(field: str, value: Any, expected: Any) -> None:
    inbox, found = check_inbox("support", {field: value})
    assert found == ()
    assert inbox is not None
    assert getattr(inbox, field) == expected


@pytest.mark.parametrize(("field", "value", "place", "allowed"), REFUSED)
def test_a_wrong_value_is_one_fault_that_says_where_and_what_is_allowed(
    field: str, value: Any, place: str, allowed: str
) -> None:
    inbox, found = check_inbox("support", {field: value})
    assert inbox is None
    assert [fault.field for fault in found] == [place]
    assert found[0].inbox == "support"
    assert allowed in found[0].allowed
    assert "nput should" not in found[0].allowed


def test_the_defaults_are_those_of_the_specification() -> None:
    inbox = Inbox(name="support")
    assert inbox.conn_id == "mailticket_inbox_support"
    assert inbox.maximum_email_size == 10 * 1024**2
    assert inbox.cap_mails_per_recipient == ((10, 10), (25, 60), (100, 600))
    assert inbox.limit_image_pixels == 50_000_000
    assert inbox.notify == ("agent_reply",)
    assert inbox.images_minimum_size == (100, 20)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("acive", "active"),
        ("Mailbox", "mailbox"),
        ("error_behaviour", "error_behavior"),
        ("target_class", "ticket_class"),
        ("unknown_caller_behavior", "unknown_caller"),
        ("debug-trace", "debug_trace"),
    ],
)
def test_an_unknown_field_is_told_with_the_nearest_name(typed: str, meant: str) -> None:
    (fault,) = faults(**{typed: "x"})
    assert (fault.field, fault.value) == (typed, '"x"')
    assert fault.allowed == f"there is no such field; did you mean {meant}?"


def test_an_unknown_field_near_to_nothing_lists_what_there_is() -> None:
    (fault,) = faults(zzzzzz=1)
    assert "allowed are active, additional_contacts" in fault.allowed


@pytest.mark.parametrize("field", ["password", "client_secret", "refresh_token", "api_key"])
def test_a_secret_is_never_shown_and_sent_to_the_connection(field: str) -> None:
    (fault,) = faults(**{field: "hunter2"})
    assert fault.value == "***"
    assert "Connection" in fault.allowed


def test_a_secret_inside_a_value_is_never_shown() -> None:
    found = faults(
        ticket_defaults={"password": ["hunter2"]}, conn_id={"login": {"token": "hunter2"}}
    )
    assert len(found) == 2
    assert "hunter2" not in str(found)


def test_a_password_in_a_url_is_refused_and_never_shown() -> None:
    (fault,) = faults(big_files_dir="s3://key:hunter2@bucket")
    assert "hunter2" not in str(fault)
    assert "Airflow Connection" in fault.allowed


@pytest.mark.parametrize("field", ["server", "port", "login", "tls"])
def test_what_belongs_in_the_connection_is_sent_there(field: str) -> None:
    (fault,) = faults(**{field: "x"})
    assert "Airflow Connection that conn_id names" in fault.allowed


def test_long_and_unprintable_values_are_shown_short_and_clean() -> None:
    (fault,) = faults(protocol="\ud800\x00\u202e" + "x" * 10_000)
    assert len(fault.value) <= 80
    fault.value.encode("utf-8")
    assert "\x00" not in fault.value


def test_each_place_of_a_list_that_is_wrong_is_told() -> None:
    found = faults(undesired_subject_patterns=["/a", "/b/", "/c/q"])
    assert [fault.field for fault in found] == [
        "undesired_subject_patterns[0]",
        "undesired_subject_patterns[2]",
    ]


def test_faults_of_one_inbox_are_bounded() -> None:
    assert len(faults(rules_off=["a b"] * 400)) == 50


def test_the_name_is_no_field() -> None:
    (fault,) = faults(name="other")
    assert "the name is the key" in fault.allowed


@pytest.mark.parametrize("name", ["", "a b", "a/b", "ä", "a\n", ".", "..", "x" * 201])
def test_a_name_that_airflow_cannot_take_is_refused(name: str) -> None:
    inbox, (fault,) = check_inbox(name, {})
    assert inbox is None
    assert fault.field == "name"


@pytest.mark.parametrize("name", ["a", "Support-2.b_c", "x" * 200])
def test_a_name_that_airflow_takes_is_taken(name: str) -> None:
    assert check_inbox(name, {})[1] == ()


def test_move_needs_another_folder() -> None:
    assert faults(after_processing="move")[0].field == "move_to"
    assert faults(after_processing="move", move_to="Done") == ()
    assert faults(after_processing="move", move_to="inbox")[0].field == "move_to"
    assert faults(after_processing="move", move_to="a", mailbox="A") == ()


def test_pop3_cannot_move_and_its_flag_words_do_not_count() -> None:
    (fault,) = faults(protocol="pop3", after_processing="move", move_to="Done")
    assert (fault.field, fault.value) == ("after_processing", '"move"')
    assert faults(protocol="pop3", imap_options=["ssl", "notls"]) == ()


def test_a_class_is_checked_where_the_classes_are_known() -> None:
    known = {"UserRequest", "Incident"}
    assert check_inbox("a", {"ticket_class": "Nonsense"})[1] == ()
    (fault,) = check_inbox("a", {"ticket_class": "incidents"}, None, known)[1]
    assert fault.allowed == "there is no such class; did you mean Incident?"
    (fault,) = check_inbox("a", {"ticket_log": {"Zzz": "log"}}, None, known)[1]
    assert (fault.field, "Incident, UserRequest" in fault.allowed) == ("ticket_log.Zzz", True)
