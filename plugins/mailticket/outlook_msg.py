"""Outlook's .msg opened ([MS-OXMSG]), where the optional olefile is installed.

A .msg is a small file system ([MS-CFB]): a storage is a folder, a stream a file. Nothing of what
it declares is believed: a chain of sectors may be a circle, and 4 GB stand in four bytes.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime
from struct import unpack_from
from typing import Any

from mailticket.charsets import decode, one_line
from mailticket.message import Address
from mailticket.outlook import HeldFile, OutlookMessage, as_eml, bodies, eml_name, mime_type
from mailticket.tnef import moment

try:
    import olefile
except ImportError:  # an optional extra: without it the file is kept as it is
    olefile = None

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LARGEST = 64 * 1024**2
_MOST_FILES = 200
_MOST_NESTED = 5
_MOST_ENTRIES = 20_000
_PROPERTIES = "__properties_version1.0"
_TEXT, _OLD_TEXT, _BINARY, _OBJECT = 0x001F, 0x001E, 0x0102, 0x000D
_TIME = 0x0040

_SUBJECT, _SENT, _DELIVERED, _HEADERS = 0x0037, 0x0039, 0x0E06, 0x007D
_SENDER_NAMES = (0x0C1A, 0x0042)
_SENDER_ADDRESSES = (0x5D01, 0x5D02, 0x0C1F, 0x0065)
_CC, _TO = 0x0E03, 0x0E04
_BODY, _RTF, _HTML = 0x1000, 0x1009, 0x1013
_MESSAGE_CODE_PAGE, _INTERNET_CODE_PAGE = 0x3FFD, 0x3FDE
_DISPLAY_NAME, _DATA = 0x3001, 0x3701
_LONG_NAME, _SHORT_NAME, _MIME_TYPE, _CONTENT_ID = 0x3707, 0x3704, 0x370E, 0x3712

Path = tuple[str, ...]


class _TooMuch(Exception):
    """The file declares more than it can hold."""


def is_called_msg(content_type: str, name: str) -> bool:
    """Tell a .msg by its type or its name; its bytes are looked at when it is opened."""
    return content_type == "application/vnd.ms-outlook" or name.lower().endswith(".msg")


def opened(octets: bytes) -> OutlookMessage | None:
    """Open a .msg; ``None`` when that is not possible or gives nothing."""
    if olefile is None or len(octets) > _LARGEST or not _is_plausible(octets):
        return None
    try:
        with olefile.OleFileIO() as file:
            _bound_entries(file)
            file.open(io.BytesIO(octets))
            found = _Message(_Storage(file, len(octets)), ()).read(0)
    except Exception:  # noqa: BLE001 - a third party's parser on hostile bytes
        return None
    return None if found.is_empty else found


def _is_plausible(octets: bytes) -> bool:
    """Compare the tables that the header announces with the room there is ([MS-CFB], 2.2)."""
    if len(octets) < 512 or not octets.startswith(MAGIC):  # noqa: PLR2004
        return False
    shift, small_shift = unpack_from("<HH", octets, 30)
    tables, small_tables, lists = (unpack_from("<I", octets, at)[0] for at in (44, 64, 72))
    if shift not in (9, 12) or small_shift != 6:  # noqa: PLR2004
        return False
    return bool(tables + small_tables + lists <= len(octets) >> shift)


def _bound_entries(file: Any) -> None:
    """Make a file give up its directory where that is endless: each entry costs 50 microseconds."""
    read = file._load_direntry  # noqa: SLF001 - there is no other place to count them
    left = _MOST_ENTRIES

    def counted(number: int) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise _TooMuch
        return read(number)

    file._load_direntry = counted  # noqa: SLF001


class _Storage:
    """The streams of a file, by their path; what is read of them is bounded together."""

    def __init__(self, file: Any, size: int) -> None:
        self.file = file
        self.size = size
        self.left = 2 * _LARGEST
        streams = file.listdir(streams=True, storages=False)
        self.streams = {tuple(path) for path in streams}
        self.folders: dict[Path, set[str]] = {}
        for path in self.streams:
            for depth in range(len(path)):
                self.folders.setdefault(path[:depth], set()).add(path[depth])

    def read(self, path: Path) -> bytes:
        """Give a stream, ``b""`` where there is none."""
        if path not in self.streams:
            return b""
        declared = self.file.get_size(list(path))
        self.left -= declared
        if declared > self.size or self.left < 0:
            raise _TooMuch
        return bytes(self.file.openstream(list(path)).read())

    def folders_of(self, path: Path, start: str) -> list[Path]:
        """Give the storages in one whose names begin so, in order."""
        names = sorted(name for name in self.folders.get(path, ()) if name.startswith(start))
        return [(*path, name) for name in names]


@dataclass(slots=True)
class _Properties:
    """The properties of a message or of an attachment: those of any length are streams."""

    storage: _Storage
    path: Path
    code_page: str = ""

    def stream(self, name: int, kind: int) -> bytes:
        return self.storage.read((*self.path, f"__substg1.0_{name:04X}{kind:04X}"))

    def text(self, name: int) -> str:
        if octets := self.stream(name, _TEXT):
            return octets.decode("utf-16-le", "replace").replace("\0", "")
        return decode(self.stream(name, _OLD_TEXT).rstrip(b"\0"), self.code_page).text

    def line(self, *names: int) -> str:
        """Give the first of some texts that is there, as one line."""
        return next(filter(None, (one_line(self.text(name)) for name in names)), "")

    def fixed(self) -> dict[int, bytes]:
        """Give the values of 8 bytes, by type and name ([MS-OXMSG], 2.4)."""
        octets = self.storage.read((*self.path, _PROPERTIES))
        start = len(octets) % 16  # 32 bytes of header in a file, 24 in a message within, 8 else
        places = range(start, len(octets) - 15, 16)
        return {unpack_from("<I", octets, at)[0]: octets[at + 8 : at + 16] for at in places}


class _Message:
    """One message: the file's own, or one that is attached to it."""

    def __init__(self, storage: _Storage, path: Path) -> None:
        self.storage, self.path = storage, path
        self.of = _Properties(storage, path)
        self.fixed = self.of.fixed()
        self.of.code_page = self._code_page(_MESSAGE_CODE_PAGE)

    def read(self, depth: int) -> OutlookMessage:
        folders = self.storage.folders_of(self.path, "__attach_version1.0_")
        held = [self._file(path, depth) for path in folders[:_MOST_FILES]]
        files = tuple(each for each in held if each is not None)
        html, text = bodies(self._html(), self.of.text(_BODY), self.of.stream(_RTF, _BINARY))
        return OutlookMessage(
            subject=self.of.line(_SUBJECT),
            sender=self._sender(),
            to=self.of.line(_TO),
            cc=self.of.line(_CC),
            date=self._date(),
            header=self.of.text(_HEADERS),
            html=html,
            text=text,
            files=files,
            complete=len(files) == len(folders),
        )

    def _file(self, path: Path, depth: int) -> HeldFile | None:
        """Read an attachment; a message becomes an .eml with its subject as name."""
        of = _Properties(self.storage, path, self.of.code_page)
        inner = (*path, f"__substg1.0_{_DATA:04X}{_OBJECT:04X}")
        if (*inner, _PROPERTIES) in self.storage.streams and depth < _MOST_NESTED:
            message = _Message(self.storage, inner).read(depth + 1)
            return HeldFile(eml_name(message), as_eml(message, message.files), "message/rfc822")
        octets = of.stream(_DATA, _BINARY)
        if not octets:
            return None
        name = of.line(_LONG_NAME, _SHORT_NAME, _DISPLAY_NAME)
        content_id = of.line(_CONTENT_ID).strip("<>")
        return HeldFile(name, octets, mime_type(of.line(_MIME_TYPE)), content_id)

    def _html(self) -> str:
        octets = self.of.stream(_HTML, _BINARY)
        if not octets:
            return self.of.text(_HTML)
        return decode(octets.rstrip(b"\0"), self._code_page(_INTERNET_CODE_PAGE)).text

    def _code_page(self, name: int) -> str:
        number = unpack_from("<I", self.fixed.get(name << 16 | 3, bytes(4)))[0]
        return {0: "", 65001: "utf-8", 20127: "us-ascii", 28591: "iso-8859-1"}.get(
            number, f"cp{number}"
        )

    def _sender(self) -> Address | None:
        name, address = self.of.line(*_SENDER_NAMES), ""
        for each in _SENDER_ADDRESSES:
            address = address or next(filter(lambda it: "@" in it, [self.of.line(each)]), "")
        return Address(name, address) if name or address else None

    def _date(self) -> datetime | None:
        for name in (_SENT, _DELIVERED):
            if octets := self.fixed.get(name << 16 | _TIME):
                return moment(octets)
        return None
