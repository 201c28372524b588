"""What bytes are, whatever they are called: types by their first bytes, executables above all."""

from __future__ import annotations

import re

import filetype

_HEAD = 8192
APPLE_DOUBLE = "application/applefile"
"""The half of a file that only a Macintosh wants (RFC 1740); AppleSingle has other first bytes."""
_OWN = (
    (b"\x78\x9f\x3e\x22", "application/ms-tnef"),
    (b"\x7fELF", "application/x-executable"),
    (b"\xca\xfe\xba\xbe", "application/x-mach-binary"),
    (b"\xfe\xed\xfa\xce", "application/x-mach-binary"),
    (b"\xfe\xed\xfa\xcf", "application/x-mach-binary"),
    (b"\xce\xfa\xed\xfe", "application/x-mach-binary"),
    (b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    (b"L\x00\x00\x00\x01\x14\x02\x00", "application/x-ms-shortcut"),
    (b"MSCF", "application/vnd.ms-cab-compressed"),
    (b"#!/", "application/x-sh"),
    (b"#! /", "application/x-sh"),
    (b"\0\x05\x16\x07", APPLE_DOUBLE),
    (b"%PDF-", "application/pdf"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"{\\rtf", "text/rtf"),
    (b"BEGIN:VCALENDAR", "text/calendar"),
    (b"BEGIN:VCARD", "text/vcard"),
)
_SVG_START = re.compile(
    rb"\A(?:\xef\xbb\xbf)?\s{0,999}<(?:\?xml|!--|!doctype svg|svg)", re.IGNORECASE
)
_SVG = re.compile(rb"<(?:svg:)?svg[\s>]", re.IGNORECASE)
GENERIC = frozenset(
    {
        "",
        "application/octet-stream",
        "application/binary",
        "application/unknown",
        "application/x-unknown",
        "application/download",
        "application/force-download",
        "application/x-download",
        "application/x-unknown-content-type",
        "application/x",
        "application/data",
        "application/attachment",
        "application/file",
        "application/octetstream",
        "application/octet-string",
        "application/save",
        "application/x-octet-stream",
        "application/x-octetstream",
        "application/x-file",
        "application/x-unknown-application-octet-stream",
        "octet/stream",
        "unknown/unknown",
        "binary/octet-stream",
        "multipart/mixed",
        "text/plain",
    }
)  # fmt: skip
_EXECUTABLE_TYPES = frozenset(
    {
        "application/exe",
        "application/x-exe",
        "application/x-msdownload",
        "application/x-dosexec",
        "application/x-msdos-program",
        "application/x-ms-dos-executable",
        "application/x-winexe",
        "application/vnd.microsoft.portable-executable",
        "application/x-executable",
        "application/x-elf",
        "application/x-sharedlib",
        "application/x-mach-binary",
        "application/x-msi",
        "application/x-ms-installer",
        "application/x-ms-shortcut",
        "application/x-sh",
        "application/x-shellscript",
        "application/x-bat",
        "application/x-csh",
        "application/hta",
        "application/x-java-archive",
        "application/java-archive",
        "application/x-msdos-windows",
        "application/bat",
        "application/x-com",
        "application/com",
        "application/x-javascript-executable",
        "application/vnd.android.package-archive",
        "application/x-apple-diskimage",
        "application/x-ms-application",
        "text/x-sh",
        "text/x-shellscript",
        "application/x-vbs",
        "text/vbscript",
        "application/x-powershell",
    }
)  # fmt: skip
EXECUTABLE_EXTENSIONS = frozenset(
    [
        "exe",
        "com",
        "scr",
        "pif",
        "bat",
        "cmd",
        "msi",
        "msp",
        "mst",
        "dll",
        "sys",
        "ocx",
        "cpl",
        "drv",
        "vbs",
        "vbe",
        "js",
        "jse",
        "ws",
        "wsf",
        "wsh",
        "wsc",
        "hta",
        "ps1",
        "psm1",
        "psd1",
        "ps1xml",
        "msh",
        "reg",
        "lnk",
        "inf",
        "scf",
        "jar",
        "jnlp",
        "apk",
        "dmg",
        "pkg",
        "command",
        "sh",
        "bash",
        "csh",
        "ksh",
        "elf",
        "dylib",
        "gadget",
        "application",
        "appref-ms",
        "chm",
        "hlp",
        "msc",
        "sct",
        "vb",
        "xll",
        "iso",
        "vhd",
        "deb",
        "rpm",
    ]
)


def sniff(octets: bytes) -> str:
    """Give the type that the first bytes show, ``""`` when they show none."""
    head = octets[:_HEAD]
    if head.startswith(b"MZ"):
        return "application/x-msdownload" if _is_program(octets) else ""
    for mark, content_type in _OWN:
        if head.startswith(mark):
            return content_type
    if _SVG_START.match(head) and _SVG.search(head):
        return "image/svg+xml"
    try:
        found = filetype.guess(head)
    except Exception:  # noqa: BLE001 - a third party's parser on hostile bytes
        return ""
    return str(found.mime) if found else ""


def _is_program(octets: bytes) -> bool:
    """Tell a program from a text that begins with the letters MZ."""
    offset = int.from_bytes(octets[60:64], "little") if len(octets) >= 64 else 0  # noqa: PLR2004
    return octets[offset : offset + 2] in (b"PE", b"NE", b"LE", b"LX") or b"\0" in octets[:64]


def is_executable(declared: str, actual: str, filename: str) -> bool:
    """Tell whether anything about a file says that a computer would run it."""
    if declared in _EXECUTABLE_TYPES or actual in _EXECUTABLE_TYPES:
        return True
    return filename.rpartition(".")[2].lower().strip() in EXECUTABLE_EXTENSIONS


def best_type(declared: str, actual: str, filename_type: str) -> str:
    """Choose the type to store: the declared one, or better where that says nothing.

    Types that only the bytes can prove wrong (an image that is none) follow the bytes.
    """
    if declared in GENERIC and declared != "text/plain":
        return _of_office(actual, filename_type) or filename_type or declared or _FALLBACK
    if declared in _CONTAINERS and filename_type.startswith("application/vnd."):
        return filename_type
    if declared == "text/plain" and actual and not actual.startswith("text/"):
        return _of_office(actual, filename_type)
    if declared.startswith("image/") and actual.startswith("image/"):
        return actual
    return declared


_FALLBACK = "application/octet-stream"
_CONTAINERS = {
    "application/zip",
    "application/x-zip",
    "application/x-zip-compressed",
    "application/x-ole-storage",
    "application/xml",
}


def _of_office(actual: str, filename_type: str) -> str:
    """Prefer the name's type to that of the container that office files are made of."""
    return filename_type if actual in _CONTAINERS and filename_type else actual
