"""What is kept of a message that arrives."""

from __future__ import annotations

import pytest

from mailticket.errors import LimitExceeded
from mailticket.mailboxes.base import Listed
from mailticket.message import HeaderSection
from mailticket.parsing import read_header
from mailticket.steps.arriving import arrival, nameless

RAW = (
    b"From: Ada <ada@acme.example>\r\nMessage-ID: <m@acme.example>\r\nSubject: Printer\r\n\r\nhello"
)
LISTED = Listed("7", len(RAW), None)


def test_a_message_is_known_by_its_header_section() -> None:
    found = arrival(LISTED, RAW, whole=True)
    assert (found.sender, found.message_id) == ("ada@acme.example", "m@acme.example")
    assert (found.subject, found.participants) == ("Printer", ("ada@acme.example",))


@pytest.mark.parametrize("error", [RecursionError, MemoryError, ValueError])
def test_a_message_that_breaks_its_reader_is_kept_without_a_name(error: type[Exception]) -> None:
    def breaks(_: bytes) -> HeaderSection:
        raise error

    assert arrival(LISTED, RAW, whole=True, read=breaks) == nameless(
        arrival(LISTED, RAW, whole=True)
    )


def test_beyond_a_limit_the_beginning_of_a_header_section_is_read() -> None:
    raw = RAW.replace(b"Subject: ", b"X: " + b"x" * 9000 + b"\r\nSubject: ")

    def strict(section: bytes) -> HeaderSection:
        if len(section) > 8192:
            raise LimitExceeded("limit_header_bytes", "too long")
        return read_header(section)

    found = arrival(LISTED, raw, whole=True, read=strict)
    assert (found.sender, found.subject) == ("ada@acme.example", "")
