"""PostgreSQL's binary COPY: big values as they are, which SQL would carry in twice their length."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence

SIGNATURE = b"PGCOPY\n\xff\r\n\0"
_HEAD = SIGNATURE + struct.pack("!ii", 0, 0)
_END = struct.pack("!h", -1)

Value = int | bytes | bool
"""An int goes to bigint, bytes to bytea, a bool to boolean."""


class Copied:
    """Rows as a file that ``COPY … FROM STDIN (FORMAT binary)`` reads, one in memory at a time."""

    def __init__(self, rows: Iterable[Sequence[Value]]) -> None:
        """Take the rows, each with the values of the columns in their order."""
        self._pieces = _pieces(rows)
        self._piece = memoryview(b"")

    def read(self, size: int) -> bytes:
        """Give up to so many bytes; none at the end."""
        if not self._piece:
            self._piece = memoryview(next(self._pieces, b""))
        taken, self._piece = bytes(self._piece[:size]), self._piece[size:]
        return taken


def _pieces(rows: Iterable[Sequence[Value]]) -> Iterator[bytes]:
    yield _HEAD
    for row in rows:
        yield struct.pack("!h", len(row)) + b"".join(map(_field, row))
    yield _END


def _field(value: Value) -> bytes:
    match value:
        case bool():
            return struct.pack("!i?", 1, value)
        case int():
            return struct.pack("!iq", 8, value)
        case bytes():
            return struct.pack("!i", len(value)) + value


def copied_rows(copied: bytes | memoryview) -> Iterator[tuple[bytes | None, ...]]:
    """Read what ``COPY … TO STDOUT (FORMAT binary)`` wrote: each value as PostgreSQL sends it."""
    view = memoryview(copied)
    (extension,) = struct.unpack_from("!i", view, len(SIGNATURE) + 4)
    position = len(_HEAD) + extension
    while (columns := struct.unpack_from("!h", view, position)[0]) >= 0:
        position += 2
        row: list[bytes | None] = []
        for _ in range(columns):
            (length,) = struct.unpack_from("!i", view, position)
            position += 4
            row.append(bytes(view[position : position + length]) if length >= 0 else None)
            position += max(0, length)
        yield tuple(row)


def number(value: bytes | None) -> int:
    """Read a bigint as PostgreSQL sends it."""
    return int.from_bytes(value or b"", "big", signed=True)
