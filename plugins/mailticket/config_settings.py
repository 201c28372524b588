"""The settings for all inboxes, each of which an inbox may override (SPEC 1.3)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator

from mailticket.config_lists import body_parts, listing, pattern_set, words
from mailticket.config_values import (
    attachment_type,
    count,
    email_size,
    flag,
    html_tag,
    like,
    one_of,
    pattern,
    pixels,
    place_for_files,
    rate,
    seconds,
    size,
    whole,
)
from mailticket.options import PatternSet
from mailticket.sizes import Pixels, Rate

IMAP_OPTIONS = (
    "imap",
    "imap4rev1",
    "ssl",
    "tls",
    "notls",
    "validate-cert",
    "novalidate-cert",
    "secure",
    "norsh",
    "debug",
)
_RULE = like(r"[A-Za-z0-9_.-]{1,200}", "write the name of a rule, such as too_big")

Flag = Annotated[bool, PlainValidator(flag)]
Patterns = Annotated[PatternSet, PlainValidator(pattern_set(pattern))]
Caps = Annotated[tuple[Rate, ...], PlainValidator(listing(rate))]


class Settings(BaseModel):
    """How all inboxes are read; sizes in bytes, patterns as text that is known to compile."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    periodicity: Annotated[int, PlainValidator(whole(1, 86_400, "seconds"))] = 30
    body_parts_order: Annotated[tuple[str, ...], PlainValidator(body_parts)] = (
        "text/html",
        "text/plain",
    )
    pop3_auth_option: Literal["USER", "APOP", "CRAM-MD5", "PLAIN", "LOGIN", "XOAUTH2"] = "USER"
    imap_options: Annotated[tuple[str, ...], PlainValidator(listing(one_of(*IMAP_OPTIONS)))] = (
        "imap",
    )
    exclude_attachment_types: Annotated[
        tuple[str, ...], PlainValidator(listing(attachment_type))
    ] = ("application/exe",)
    maximum_email_size: Annotated[int, PlainValidator(email_size)] = 10 * 1024**2
    big_files_dir: Annotated[str, PlainValidator(place_for_files)] | None = None
    introductory_patterns: Patterns = PatternSet()
    delimiter_patterns: Patterns = PatternSet()
    multiline_delimiter_patterns: Patterns = PatternSet()
    html_tags_to_remove: Annotated[PatternSet, PlainValidator(pattern_set(html_tag))] = PatternSet()
    undesired_subject_patterns: Annotated[tuple[str, ...], PlainValidator(listing(pattern))] = ()
    undesired_purge_delay: Annotated[int, PlainValidator(whole(0, 3650, "days"))] = 7
    images_minimum_size: Annotated[Pixels, PlainValidator(pixels)] = Pixels(100, 20)
    images_maximum_size: Annotated[Pixels, PlainValidator(pixels)] | None = None
    inline_image_max_width: Annotated[int, PlainValidator(whole(1, 10_000, "pixels"))] = 250
    use_message_id_as_uid: Flag = False
    raw_retention_days: Annotated[int, PlainValidator(whole(0, 36_500, "days"))] = 30
    event_retention_days: Annotated[int, PlainValidator(whole(1, 36_500, "days"))] = 365
    max_messages_per_run: Annotated[int, PlainValidator(whole(1, 100_000))] = 1000
    ticket_log: Annotated[dict[str, str], PlainValidator(words("UserRequest", "public_log"))] = (
        Field(default_factory=dict)
    )
    """Class → log field, for the classes whose log is not ``public_log``."""
    debug: Flag = False
    limit_header_bytes: Annotated[int, PlainValidator(size(1024, 64 * 1024**2))] = 1024**2
    limit_addresses: Annotated[int, PlainValidator(whole(1, 100_000))] = 2000
    limit_parts: Annotated[int, PlainValidator(whole(1, 100_000))] = 1000
    limit_depth: Annotated[int, PlainValidator(whole(1, 500))] = 50
    limit_html_bytes: Annotated[int, PlainValidator(size(1024))] = 5 * 1024**2
    limit_image_pixels: Annotated[int, PlainValidator(count(1, 10**9))] = 50_000_000
    limit_seconds: Annotated[float, PlainValidator(seconds)] = 20
    cap_tickets_per_sender: Caps = (Rate(20, 120),)
    cap_tickets_per_inbox: Caps = ()
    cap_mails_per_recipient: Caps = (Rate(10, 10), Rate(25, 60), Rate(100, 600))
    cap_reopens_per_ticket: Caps = (Rate(5, 1440),)
    rules_off: Annotated[tuple[str, ...], PlainValidator(listing(_RULE))] = ()

    def document(self) -> dict[str, Any]:
        """Give every value in the notation that operators write, ready for JSON."""
        return {name: written(getattr(self, name)) for name in type(self).model_fields}


def written(value: object) -> Any:
    """Write a value as its reader reads it."""
    if isinstance(value, Pixels | Rate):
        return str(value)
    if isinstance(value, PatternSet):
        return {"add": list(value.added)} if value.instead is None else _whole_list(value)
    if isinstance(value, tuple):
        return [written(entry) for entry in value]
    return dict(value) if isinstance(value, dict) else value


def combined(base: PatternSet, over: PatternSet) -> PatternSet:
    """Lay an inbox's list over that of the settings: a list replaces, ``add`` adds."""
    if over.instead is not None:
        return over
    if base.instead is not None:
        return PatternSet(instead=(*base.instead, *over.added))
    return PatternSet(added=tuple(dict.fromkeys((*base.added, *over.added))))


def _whole_list(patterns: PatternSet) -> list[str]:
    return [*(patterns.instead or ()), *patterns.added]
