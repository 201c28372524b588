"""Numbers that a winmail.dat declares (MS-OXTNEF, MS-OXCDATA), held against its size.

tnefparse believes them: 226 bytes that announce two thousand million properties keep it busy for
hours. This walk goes its way, reads no value, and refuses what no Outlook writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import unpack_from

_FIRST_OBJECT, _LEAST_OBJECT = 6, 12
_HEAD, _CHECKSUM = 9, 2
_MOST_COPIED = 8 * 1024**3
"""Bytes: tnefparse copies the rest of the file at each of its objects."""
_MOST_PROPERTIES = 100_000
_MOST_NESTED = 8

_PROPERTIES, _RECIPIENTS, _ATTACHMENT = 0x9003, 0x9004, 0x9005
_LEAST_PROPERTY = 8
_NAMED, _MULTIPLE = 0x8000, 0x1000
_VALUE_SIZES = {
    **dict.fromkeys((0x0002, 0x000B), 2),
    **dict.fromkeys((0x0003, 0x0004, 0x000A), 4),
    **dict.fromkeys((0x0005, 0x0006, 0x0007, 0x0014, 0x0040), 8),
    0x0048: 16,
}
_VARIABLE = frozenset({0x0000, 0x000D, 0x001E, 0x001F, 0x0102})
_PADDED = frozenset({0x0002, 0x000B})
_MESSAGE_INSIDE = b"\x07\x03\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46"


class Overdrawn(Exception):
    """The file declares more than it can hold; the message says of what."""


@dataclass(slots=True)
class _Budget:
    """What may still be declared in a file and in all files within it."""

    copied: int = _MOST_COPIED
    properties: int = _MOST_PROPERTIES

    def spend(self, count: int, room: int = _MOST_PROPERTIES) -> None:
        """Take ``count`` entries where there is room for so many."""
        self.properties -= count
        if count > room or self.properties < 0:
            raise Overdrawn(f"it declares {count} properties where there is room for {room}")


def check(octets: bytes) -> None:
    """Walk a winmail.dat; raises ``Overdrawn``."""
    _check(octets, _Budget(), 0)


def _check(octets: bytes, budget: _Budget, depth: int) -> None:
    if depth > _MOST_NESTED:
        raise Overdrawn(f"more than {_MOST_NESTED} messages within each other")
    offset, size = _FIRST_OBJECT, len(octets)
    while offset + _LEAST_OBJECT < size:
        budget.copied -= size - offset
        if budget.copied < 0:
            raise Overdrawn("too many objects")
        name, length = unpack_from("<H2xI", octets, offset + 1)
        end = min(size, offset + _HEAD + length + _CHECKSUM)
        if name in (_PROPERTIES, _RECIPIENTS, _ATTACHMENT):
            block = octets[offset + _HEAD : end - _CHECKSUM]
            _Block(block, budget, depth).check(rows=name == _RECIPIENTS)
        offset = end


class _Block:
    """The property lists of one object."""

    def __init__(self, block: bytes, budget: _Budget, depth: int) -> None:
        self.block, self.budget, self.depth = block, budget, depth
        self.offset = 0

    def check(self, *, rows: bool) -> None:
        """Walk one list, or a table of as many as its first number says."""
        if len(self.block) < 4:  # noqa: PLR2004
            return
        count = self._number() if rows else 1
        self.budget.spend(count)
        for _ in range(count):
            if self.offset + 4 > len(self.block):
                return
            self._list()

    def _list(self) -> None:
        count = self._number()
        self.budget.spend(count, (len(self.block) - self.offset + 4) // _LEAST_PROPERTY)
        for _ in range(count):
            if not self._property():
                return

    def _property(self) -> bool:
        """Skip a property; False where there is none that can be read."""
        if self.offset + _LEAST_PROPERTY > len(self.block):
            return False
        kind, name = unpack_from("<HH", self.block, self.offset)
        self.offset += 4
        if name & _NAMED and not self._skip_name():
            return False
        values = self._number() if kind & _MULTIPLE else 0
        self.budget.spend(values)
        # tnefparse takes "none of many" for one.
        return self._skip_values(kind & ~_MULTIPLE, values or 1, several=values > 0)

    def _skip_name(self) -> bool:
        """Skip the GUID and the number or the text that name a property."""
        self.offset += 16
        by_text, number = self._number(), self._number()
        if by_text:
            self.offset += _padded(number)
        return self.offset <= len(self.block)

    def _skip_values(self, kind: int, values: int, *, several: bool) -> bool:
        if fixed := _VALUE_SIZES.get(kind):
            self.offset += fixed * values + (2 if kind in _PADDED and values % 2 else 0)
            return True
        if kind not in _VARIABLE:
            return False
        if not several:
            values = self._number()
            self.budget.spend(values)
        for _ in range(values):
            length = self._number()
            self._look_inside(length)
            self.offset += _padded(length)
        return self.offset <= len(self.block)

    def _look_inside(self, length: int) -> None:
        """Walk a message that is attached as an object: tnefparse opens it as well."""
        if self.block.startswith(_MESSAGE_INSIDE, self.offset):
            start = self.offset + len(_MESSAGE_INSIDE)
            inside = self.block[start : self.offset + _padded(length)]
            _check(inside, self.budget, self.depth + 1)

    def _number(self) -> int:
        """Read 32 bits; beyond the end of the block there are zeros."""
        number = int.from_bytes(self.block[self.offset : self.offset + 4], "little")
        self.offset += 4
        return number


def _padded(length: int) -> int:
    return length + -length % 4
