"""Files as Outlook writes them, made by hand: compound files ([MS-CFB]), .msg ([MS-OXMSG])."""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import pack

END, FREE, TABLE, NONE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD, 0xFFFFFFFF
SECTOR = 512
SMALL = 64
CUTOFF = 4096
Folder = dict[str, "bytes | Folder"]


@dataclass
class Entry:
    """One row of the directory."""

    name: str
    kind: int
    child: int = NONE
    left: int = NONE
    right: int = NONE
    start: int = END
    size: int = 0

    def row(self) -> bytes:
        name = self.name.encode("utf-16-le")
        head = name.ljust(64, b"\0") + pack("<HBB", len(name) + 2, self.kind, 1)
        head += pack("<III", self.left, self.right, self.child) + bytes(16 + 4 + 16)
        return head + pack("<IQ", self.start, self.size)


@dataclass
class _Writer:
    entries: list[Entry] = field(default_factory=list)
    sectors: bytearray = field(default_factory=bytearray)
    table: list[int] = field(default_factory=list)
    small: bytearray = field(default_factory=bytearray)
    small_table: list[int] = field(default_factory=list)

    def add(self, folder: Folder) -> int:
        """Add the entries of a folder, as a tree of siblings; gives its root."""
        numbers = []
        for name in sorted(folder, key=lambda each: (len(each), each.upper())):
            held = folder[name]
            number = len(self.entries)
            entry = Entry(name, 2 if isinstance(held, bytes) else 1)
            self.entries.append(entry)
            numbers.append(number)
            if isinstance(held, bytes):
                entry.start, entry.size = self.stream(held), len(held)
            else:
                entry.child = self.add(held)
        return self.tree(numbers)

    def tree(self, numbers: list[int]) -> int:
        if not numbers:
            return NONE
        middle = len(numbers) // 2
        entry = self.entries[numbers[middle]]
        entry.left = self.tree(numbers[:middle])
        entry.right = self.tree(numbers[middle + 1 :])
        return numbers[middle]

    def stream(self, octets: bytes) -> int:
        if not octets:
            return END
        if len(octets) >= CUTOFF:
            return self.chain(octets)
        return _chained(octets, SMALL, self.small, self.small_table)

    def chain(self, octets: bytes) -> int:
        return _chained(octets, SECTOR, self.sectors, self.table)


def _chained(octets: bytes, unit: int, room: bytearray, table: list[int]) -> int:
    first = len(table)
    count = -(-len(octets) // unit)
    room += octets.ljust(count * unit, b"\0")
    table.extend(range(first + 1, first + count))
    table.append(END)
    return first


def compound(root: Folder) -> bytes:
    """Write a compound file; its one list of table sectors has room for 6 MB."""
    writer = _Writer()
    top = Entry("Root Entry", 5)
    writer.entries.append(top)
    top.child = writer.add(root)
    if writer.small:
        top.start, top.size = writer.chain(bytes(writer.small)), len(writer.small)
    rows = b"".join(entry.row() for entry in writer.entries)
    blank = Entry("", 0).row()
    directory = writer.chain(rows + blank * (-len(writer.entries) % 4))
    small_table = END
    count = -(-len(writer.small_table) // 128)
    if count:
        cells = pack(f"<{len(writer.small_table)}I", *writer.small_table)
        small_table = writer.chain(cells.ljust(count * SECTOR, b"\xff"))
    first_table = len(writer.table)
    tables = 1
    while first_table + tables > tables * 128:
        tables += 1
    cells = pack(f"<{first_table + tables}I", *writer.table, *[TABLE] * tables)
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6)
    header += bytes(6) + pack("<II", 0, tables) + pack("<III", directory, 0, CUTOFF)
    header += pack("<IIII", small_table, count, END, 0)
    numbers = [first_table + each for each in range(tables)]
    header += pack("<109I", *(numbers + [FREE] * (109 - tables)))
    return header + bytes(writer.sectors) + cells.ljust(tables * SECTOR, b"\xff")


def properties(header: int, **numbers: int) -> bytes:
    """Write the values of fixed size, ``p`` and name and type in hex: ``p3FDE0003=1252``."""
    rows = [pack("<IIQ", int(key[1:], 16), 6, value) for key, value in numbers.items()]
    return bytes(header) + b"".join(rows)


def texts(**values: str | bytes) -> Folder:
    """Write the values of any size: ``p0037="Subject"``; bytes are binary."""
    out: Folder = {}
    for key, value in values.items():
        kind = "001F" if isinstance(value, str) else "0102"
        octets = value.encode("utf-16-le") if isinstance(value, str) else value
        out[f"__substg1.0_{key[1:]}{kind}"] = octets
    return out


def attachment(name: str, octets: bytes, content_id: str = "", mime: str = "") -> Folder:
    """Write an attached file."""
    more = {"p3712": content_id} if content_id else {}
    more |= {"p370E": mime} if mime else {}
    fixed = properties(8, p37050003=1)
    return {**texts(p3707=name, p3701=octets, **more), "__properties_version1.0": fixed}


def attached_message(message: Folder) -> Folder:
    """Write a message that is attached."""
    fixed = properties(8, p37050003=5)
    return {"__substg1.0_3701000D": message, "__properties_version1.0": fixed}


def message(said: Folder, *attachments: Folder, inner: bool = False, **numbers: int) -> Folder:
    """Write a message; its texts by ``texts``, numbers as in ``properties``."""
    folders = {
        f"__attach_version1.0_#{number:08X}": each for number, each in enumerate(attachments)
    }
    fixed = properties(24 if inner else 32, **numbers)
    return {**said, **folders, "__properties_version1.0": fixed}


def compressed(rtf: bytes) -> bytes:
    """Compress RTF by literals alone ([MS-OXRTFCP]); Outlook's own reader takes it."""
    out = bytearray()
    items = [rtf[at : at + 8] for at in range(0, len(rtf), 8)]
    for piece in items:
        out += b"\0" + piece
    end = (207 + len(rtf)) % 4096 << 4
    if len(rtf) % 8 == 0:
        out += b"\x01"
    else:
        out[-len(items[-1]) - 1] = 1 << len(items[-1])
    out += end.to_bytes(2, "big")
    return pack("<IIII", len(out) + 12, len(rtf), 0x75465A4C, 0) + bytes(out)
