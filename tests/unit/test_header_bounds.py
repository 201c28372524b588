"""Header sections that a stranger made long: what the process that reads them may keep of them."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from hashlib import sha256

import pytest

from mailticket.errors import LimitExceeded
from mailticket.identity import content_hash
from mailticket.mailboxes.base import Listed
from mailticket.message import Limits
from mailticket.parsing import read_header
from mailticket.steps.arriving import arrival

MEGABYTE = 1024**2
TINY_FIELDS = b"a:\r\n"
FORMS = {
    "fields": TINY_FIELDS,
    "addresses": b"To:" + b"a@b," * 25 + b"\r\n",
    "ids": b"References:" + b"<a@b>" * 20 + b"\r\n",
}


def kept(work: Callable[[], object]) -> tuple[int, int]:
    """Give the bytes that are still held after work, and the most that were held within it."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()


def test_a_header_section_without_an_end_is_read_to_its_limit_only() -> None:
    raw = TINY_FIELDS * (MEGABYTE // 4)
    limits = Limits(header_bytes=16 * 1024)

    def read() -> None:
        with pytest.raises(LimitExceeded, match="limit_header_bytes"):
            read_header(raw, limits)

    assert kept(read)[1] < 4 * MEGABYTE


def test_a_body_without_a_blank_line_before_it_is_still_no_header_section() -> None:
    raw = b"Subject: hello\r\nthis is no field\r\n" + b"nor this\r\n" * 100_000
    assert read_header(raw, Limits(header_bytes=1024)).subject == "hello"


def test_a_message_that_is_all_header_section_arrives_in_a_few_times_its_size() -> None:
    raw = b"From: a@b.example\r\nSubject: long\r\n" + TINY_FIELDS * (MEGABYTE // 4)
    assert kept(lambda: content_hash(raw))[1] < 6 * len(raw)
    found = arrival(Listed("1", len(raw), None), raw, whole=True)
    assert (found.subject, found.sender) == ("long", "a@b.example")


def test_the_hash_of_a_message_is_what_it_was_in_earlier_versions() -> None:
    raw = (
        b"From: a@b.example\nDate: x\nReceived: by c\r\n Subject: folded\r\n"
        b"SUBJECT : first \t of\r\n two\rMessage-ID: <1@b>\r\nsubject: second\r\n\r\nbody\r\n\r\n"
    )
    values = b"from:a@b.example\ndate:x\nsubject:first of two\nmessage-id:<1@b>\n"
    assert content_hash(raw) == sha256(values + b"\nbody").digest()


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_what_is_remembered_of_many_long_header_sections_stays_small(form: bytes) -> None:
    def read() -> None:
        for number in range(60):
            head = b"Subject: %d\r\n" % number
            read_header(head + form * ((16_000 - len(head)) // len(form)) + b"\r\n")

    assert kept(read)[0] < 8 * MEGABYTE
