"""An inbox with every value that counts for it: its own, the settings' or the built-in one."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PlainValidator, model_validator

from mailticket.config_checks import notices
from mailticket.config_description import describe
from mailticket.config_lists import addresses, constants, listing, words
from mailticket.config_settings import Flag, Settings
from mailticket.config_values import (
    Constant,
    bare_address,
    inbox_name,
    like,
    line,
    mail_address,
    one_of,
    pattern,
    short_line,
    text,
)
from mailticket.message import Limits
from mailticket.options import ParseOptions, Quoting
from mailticket.patterns import Pattern, compile_pattern

NOTIFY = ("acknowledgement", "agent_reply", "team")
DEFAULT_LOG = "public_log"

Connection = Annotated[
    str,
    PlainValidator(
        like(
            r"[\w#!()\-.:/\\]{1,250}",
            "write the id of an Airflow Connection: letters, digits and _ - . : / # ! ( ) only",
        )
    ),
]
Line = Annotated[str, PlainValidator(line)]
Title = Annotated[str, PlainValidator(short_line(255))]
TicketClass = Annotated[str, PlainValidator(short_line(100))]
Words = Annotated[dict[str, str], PlainValidator(words("pending", "assigned"))]
Constants = Annotated[dict[str, Constant], PlainValidator(constants)]


class Inbox(Settings):
    """One inbox as it is in force (SPEC 1.2 and 1.3), every default filled in."""

    name: Annotated[str, PlainValidator(inbox_name)]
    active: Flag = True
    protocol: Literal["imap", "pop3"] = "imap"
    conn_id: Connection = ""
    address: Annotated[str, PlainValidator(bare_address)] | None = None
    """``None``: the Connection's login."""
    mailbox: Line = "INBOX"
    behavior: Literal["create_or_update", "create_only", "update_only"] = "create_or_update"
    after_processing: Literal["keep", "delete", "move"] = "keep"
    move_to: Line | None = None
    ticket_class: TicketClass = "UserRequest"
    ticket_defaults: Constants = Field(default_factory=dict)
    default_title: Title = "No Subject"
    title_pattern: Annotated[str, PlainValidator(pattern)] | None = None
    """``None``: the class's own prefix."""
    subject_match: Literal["related", "known", "any"] = "related"
    unknown_caller: Literal["reject", "create_person"] = "reject"
    person_defaults: Constants = Field(default_factory=dict)
    unknown_caller_reply: Annotated[str, PlainValidator(text)] | None = None
    error_behavior: Literal["keep", "delete"] = "keep"
    forward_errors_to: Annotated[tuple[str, ...], PlainValidator(addresses)] = ()
    forward_errors_from: Annotated[str, PlainValidator(mail_address)] | None = None
    """``None``: the inbox's own address."""
    undesired_behavior: Literal["as_error", "purge"] = "as_error"
    automatic_mail: Literal["accept_generated", "reject"] = "accept_generated"
    additional_contacts: Literal["never", "on_create", "on_update", "always"] = "never"
    status_on_update: Words = Field(default_factory=dict)
    closed_ticket: Literal["new_ticket", "reopen", "append", "reject"] = "new_ticket"
    notify: Annotated[tuple[str, ...], PlainValidator(listing(one_of(*NOTIFY)))] = ("agent_reply",)
    smtp_conn_id: Connection = "mailticket_smtp"
    debug_trace: Flag = False

    @model_validator(mode="before")
    @classmethod
    def _own_connection(cls, fields: Any) -> Any:
        # A name that is refused is told as such, not once more as a Connection's.
        name = re.sub(r"[^\w.-]", "_", str(fields.get("name")))[:200]
        return {"conn_id": f"mailticket_inbox_{name}", **fields}

    @property
    def notices(self) -> tuple[str, ...]:
        """Say which values have no effect, or another one than might be expected."""
        return notices(self)

    def describe(self) -> str:
        """Say in Markdown what the inbox does, and list what differs from the defaults."""
        return describe(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read back what ``document`` wrote."""
        return cls.model_validate(document)

    def digest(self, versions: Mapping[str, str]) -> str:
        """Give the SHA-256, in hex, of the document and the versions of what acts on it."""
        content = {"configuration": self.document(), "versions": dict(versions)}
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode("ascii")).hexdigest()

    def log_field(self, ticket_class: str) -> str:
        """Name the field of a class's tickets that takes log entries."""
        return self.ticket_log.get(ticket_class, DEFAULT_LOG)

    def title_regex(self, prefix: str) -> Pattern:
        """Compile ``title_pattern``, or the pattern of references such as ``R-000001``."""
        if self.title_pattern is not None:
            return compile_pattern(self.title_pattern)
        escaped = re.sub(r"([^A-Za-z0-9_-])", r"\\\1", prefix)
        return compile_pattern(f"/(?<![A-Za-z0-9]){escaped}([0-9]{{6,}})(?![0-9])/")

    def parse_options(self) -> ParseOptions:
        """Say how this inbox's mail is to be decoded."""
        return ParseOptions(
            limits=Limits(
                header_bytes=self.limit_header_bytes,
                addresses=self.limit_addresses,
                parts=self.limit_parts,
                depth=self.limit_depth,
                html_bytes=self.limit_html_bytes,
                image_pixels=self.limit_image_pixels,
                seconds=self.limit_seconds,
            ),
            body_parts_order=self.body_parts_order,
            exclude_attachment_types=self.exclude_attachment_types,
            images_minimum_size=self.images_minimum_size,
            images_maximum_size=self.images_maximum_size,
            quoting=Quoting(
                introductory=self.introductory_patterns,
                delimiter=self.delimiter_patterns,
                multiline_delimiter=self.multiline_delimiter_patterns,
                html_tags_to_remove=self.html_tags_to_remove,
            ),
        )
