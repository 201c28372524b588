"""A winmail.dat that declares more than it holds is not opened."""

from __future__ import annotations

from struct import pack

import pytest

from mailticket.tnef_counts import Overdrawn, check

COUNTLESS = 2**31 - 1
TEXT = pack("<III", 0x1009001F, 1, 2) + b"a\0\0\0"
NUMBERS = pack("<HHI", 0x1003, 0x0001, 3) + pack("<III", 1, 2, 3)
NAMED = pack("<HH", 0x0003, 0x8001) + b"g" * 16 + pack("<III", 0, 1, 7)


def listed(*properties: bytes, count: int | None = None) -> bytes:
    """Write a list of properties; ``count`` is what it says that they are."""
    return pack("<I", len(properties) if count is None else count) + b"".join(properties)


def winmail(block: bytes, name: int = 0x9003) -> bytes:
    """Write a file with one object."""
    head = pack("<IHBHHI", 0x223E9F78, 0, 1, name, 6, len(block))
    return head + block + b"\0\0"


def attached(message: bytes, signature: bytes) -> bytes:
    """Write the property that holds a message which is attached."""
    held = signature + message
    held += b"\0" * (-len(held) % 4)
    return pack("<HHII", 0x000D, 0x3701, 1, len(held)) + held


def within(octets: bytes, depth: int = 1) -> bytes:
    """Attach a file to another, ``depth`` times."""
    signature = b"\x07\x03\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46"
    for _ in range(depth):
        octets = winmail(listed(attached(octets, signature)), 0x9005)
    return octets


GOOD = {
    "properties": winmail(listed(TEXT, NUMBERS, NAMED)),
    "recipients": winmail(pack("<I", 2) + listed(TEXT) + listed(NUMBERS), 0x9004),
    "a message within": within(winmail(listed(TEXT, NUMBERS))),
    "nothing": b"",
    "cut short": winmail(listed(TEXT, NUMBERS))[:-9],
}
OVERDRAWN = {
    "properties": winmail(listed(TEXT, count=COUNTLESS)),
    "properties of an attachment": winmail(listed(TEXT, count=COUNTLESS), 0x9005),
    "values": winmail(listed(pack("<HHI", 0x1003, 0x0001, COUNTLESS) + bytes(8))),
    "values of any length": winmail(listed(pack("<HHI", 0x001E, 0x0001, COUNTLESS) + bytes(8))),
    "values after a name": winmail(listed(NAMED, pack("<HHI", 0x1003, 1, COUNTLESS) + bytes(8))),
    "values after none": winmail(
        listed(pack("<HHII", 0x1003, 1, 0, 0), pack("<HHI", 0x1003, 1, COUNTLESS) + bytes(8))
    ),
    "recipients": winmail(pack("<I", COUNTLESS) + listed(TEXT), 0x9004),
    "properties of a recipient": winmail(pack("<I", 1) + listed(TEXT, count=COUNTLESS), 0x9004),
    "properties of a message within": within(winmail(listed(TEXT, count=COUNTLESS))),
    "messages within each other": within(winmail(listed(TEXT)), 20),
    "objects": winmail(b"")[:6] + winmail(b"x", 0x800F)[6:] * 500_000,
    "values of nothing": winmail(listed(*[TEXT] * 200_000)),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_it_holds_it_may_declare(name: str) -> None:
    check(GOOD[name])


@pytest.mark.parametrize("name", OVERDRAWN)
def test_what_it_cannot_hold_it_may_not_declare(name: str) -> None:
    with pytest.raises(Overdrawn):
        check(OVERDRAWN[name])
