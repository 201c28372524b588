"""Types and the extensions of names, the same on each machine: no system's tables are read."""

from __future__ import annotations

import re
from mimetypes import MimeTypes

_OFFICE = "application/vnd.openxmlformats-officedocument"
_OPEN = "application/vnd.oasis.opendocument"
_TYPES = {
    ".7z": "application/x-7z-compressed",
    ".aac": "audio/aac",
    ".amr": "audio/amr",
    ".apk": "application/vnd.android.package-archive",
    ".avif": "image/avif",
    ".doc": "application/msword",
    ".docm": "application/vnd.ms-word.document.macroenabled.12",
    ".docx": f"{_OFFICE}.wordprocessingml.document",
    ".dotx": f"{_OFFICE}.wordprocessingml.template",
    ".dwg": "image/vnd.dwg",
    ".eml": "message/rfc822",
    ".epub": "application/epub+zip",
    ".flac": "audio/flac",
    ".gz": "application/gzip",
    ".heic": "image/heic",
    ".heif": "image/heif",
    ".ics": "text/calendar",
    ".ifb": "text/calendar",
    ".jfif": "image/jpeg",
    ".log": "text/plain",
    ".m4a": "audio/mp4",
    ".md": "text/markdown",
    ".mkv": "video/x-matroska",
    ".mpp": "application/vnd.ms-project",
    ".msg": "application/vnd.ms-outlook",
    ".odg": f"{_OPEN}.graphics",
    ".odp": f"{_OPEN}.presentation",
    ".ods": f"{_OPEN}.spreadsheet",
    ".odt": f"{_OPEN}.text",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".p12": "application/x-pkcs12",
    ".p7m": "application/pkcs7-mime",
    ".p7s": "application/pkcs7-signature",
    ".potx": f"{_OFFICE}.presentationml.template",
    ".ppsx": f"{_OFFICE}.presentationml.slideshow",
    ".ppt": "application/vnd.ms-powerpoint",
    ".pptm": "application/vnd.ms-powerpoint.presentation.macroenabled.12",
    ".pptx": f"{_OFFICE}.presentationml.presentation",
    ".psd": "image/vnd.adobe.photoshop",
    ".rar": "application/vnd.rar",
    ".rtf": "text/rtf",
    ".svg": "image/svg+xml",
    ".tgz": "application/gzip",
    ".tif": "image/tiff",
    ".vcf": "text/vcard",
    ".vsd": "application/vnd.visio",
    ".vsdx": "application/vnd.ms-visio.drawing",
    ".wav": "audio/wav",
    ".webm": "video/webm",
    ".webp": "image/webp",
    ".wma": "audio/x-ms-wma",
    ".wmv": "video/x-ms-wmv",
    ".xls": "application/vnd.ms-excel",
    ".xlsb": "application/vnd.ms-excel.sheet.binary.macroenabled.12",
    ".xlsm": "application/vnd.ms-excel.sheet.macroenabled.12",
    ".xlsx": f"{_OFFICE}.spreadsheetml.sheet",
    ".xltx": f"{_OFFICE}.spreadsheetml.template",
    ".xml": "text/xml",
    ".xps": "application/vnd.ms-xpsdocument",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".zip": "application/zip",
    ".zst": "application/zstd",
}

# Where there are several extensions, none, or an odd first one.
_EXTENSIONS = {
    "application/octet-stream": ".bin",
    "application/pgp-encrypted": ".asc",
    "application/pgp-keys": ".asc",
    "application/pgp-signature": ".asc",
    "application/pkcs7-mime": ".p7m",
    "application/x-pkcs7-mime": ".p7m",
    "application/pkcs7-signature": ".p7s",
    "application/x-pkcs7-signature": ".p7s",
    "application/ms-tnef": ".dat",
    "application/vnd.ms-tnef": ".dat",
    "application/rtf": ".rtf",
    "application/ics": ".ics",
    "application/x-gzip": ".gz",
    "application/gzip": ".gz",
    "application/x-zip-compressed": ".zip",
    "application/x-zip": ".zip",
    "application/x-pdf": ".pdf",
    "application/x-rar-compressed": ".rar",
    "application/x-excel": ".xls",
    "application/x-msexcel": ".xls",
    "application/excel": ".xls",
    "application/powerpoint": ".ppt",
    "application/x-ole-storage": ".ole",
    "application/xhtml+xml": ".xhtml",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".ogg",
    "audio/x-wav": ".wav",
    "image/jpeg": ".jpg",
    "image/jpg": ".jpg",
    "image/pjpeg": ".jpg",
    "image/x-png": ".png",
    "image/tiff": ".tif",
    "image/x-icon": ".ico",
    "image/vnd.microsoft.icon": ".ico",
    "image/x-ms-bmp": ".bmp",
    "message/global": ".eml",
    "message/rfc822": ".eml",
    "text/calendar": ".ics",
    "text/csv": ".csv",
    "text/directory": ".vcf",
    "text/html": ".html",
    "text/plain": ".txt",
    "text/x-vcard": ".vcf",
    "text/x-vcalendar": ".ics",
    "video/mp4": ".mp4",
    "video/mpeg": ".mpg",
    "video/quicktime": ".mov",
    "video/x-msvideo": ".avi",
}
_SUBTYPE = re.compile(r"(?:audio|image|video)/(?:x-)?([a-z0-9]{2,5})")

_BUILT_IN = MimeTypes()
for _extension, _type in _TYPES.items():
    _BUILT_IN.add_type(_type, _extension)
_OF_TYPE = {content_type: extension for extension, content_type in reversed(_TYPES.items())}


def type_of_name(filename: str) -> str:
    """Give the type that a name's extension stands for, ``""`` when it stands for none."""
    extension = filename.rpartition(".")[2].lower() if "." in filename else ""
    if not extension.isalnum():
        return ""
    # Only an extension is asked for: whole names are taken for URLs, and ``.gz`` for an encoding.
    dotted = f".{extension}"
    return _BUILT_IN.types_map[1].get(dotted) or _BUILT_IN.types_map[0].get(dotted, "")


def extension(content_type: str) -> str:
    """Give the usual extension of a type, with its dot."""
    if known := _EXTENSIONS.get(content_type) or _OF_TYPE.get(content_type):
        return known
    if guessed := _BUILT_IN.guess_extension(content_type, strict=False):
        return guessed
    if named := _SUBTYPE.fullmatch(content_type):
        return f".{named[1]}"
    return ".txt" if content_type.startswith(("text/", "message/")) else ".bin"
