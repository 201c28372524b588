"""Faults in plain words, made of what the readers and pydantic say."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from mailticket.config_values import Wrong
from mailticket.errors import Fault

SHOWN = 80
MOST = 50
"""Faults that are told of one inbox."""

_SECRET = re.compile(
    r"passw|passphrase|pwd|secret|token|credential|private|api_?key", re.IGNORECASE
)
_IN_URL = re.compile(r"//[^/@\s:]*:[^/@\s]*@")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_IN_CONNECTION = re.compile(
    r"(?:imap_|pop3?_)?(?:server|host|hostname|port|login|user|username|ssl|tls|auth|token_url"
    r"|client_id|tenant(?:_id)?|scope)",
    re.IGNORECASE,
)
# Names that those who come from elsewhere type, and that are not near enough in spelling.
_FORMER = {
    "target_class": "ticket_class",
    "class": "ticket_class",
    "unknown_caller_behavior": "unknown_caller",
    "ticket_default_values": "ticket_defaults",
    "ticket_default_title": "default_title",
    "notify_errors_to": "forward_errors_to",
    "notify_errors_from": "forward_errors_from",
    "email_behavior": "after_processing",
    "folder": "mailbox",
    "trace": "debug_trace",
}


def faults_of(
    inbox: str, fields: Mapping[str, Any], error: ValidationError, known: Collection[str]
) -> tuple[Fault, ...]:
    """Turn what was refused into Faults, fifty of one inbox at most."""
    found = (fault for one in error.errors() for fault in _faults(inbox, fields, one, known))
    return tuple(fault for _, fault in zip(range(MOST), found, strict=False))


def shown(field: str, value: object) -> str:
    """Write a value as JSON in some 80 characters, blank where it may be a secret."""
    if _SECRET.search(field):
        return "***"
    try:
        text = json.dumps(_blanked(value), ensure_ascii=False, default=repr)
    except (ValueError, RecursionError):
        return "…"
    text = _IN_URL.sub("//***@", _UNPRINTABLE.sub("\ufffd", text))
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def named(field: str) -> str:
    """Write a field's name so that it can be shown, whatever was typed."""
    text = _UNPRINTABLE.sub("\ufffd", field)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def nearest(name: str, known: Collection[str]) -> str | None:
    """Give the known name that was probably meant."""
    former = _FORMER.get(name.lower())
    if former in known:
        return former
    close = difflib.get_close_matches(name.lower()[:SHOWN], {k.lower(): k for k in known}, n=1)
    return next((k for k in sorted(known) if close and k.lower() == close[0]), None)


def _faults(
    inbox: str, fields: Mapping[str, Any], error: Any, known: Collection[str]
) -> Iterator[Fault]:
    field = str(error["loc"][0]) if error["loc"] else ""
    value = fields.get(field)
    if error["type"] == "extra_forbidden":
        yield Fault(inbox, named(field), shown(field, value), _unknown(field, known))
        return
    cause = error.get("ctx", {}).get("error")
    for place in getattr(cause, "places", ()):
        path = f"{field}{place.path}"
        yield Fault(inbox, named(path), shown(path, place.value), place.allowed)
    if not (isinstance(cause, Wrong) and cause.places):
        yield Fault(inbox, named(field), shown(field, value), _allowed(error, cause))


def _allowed(error: Any, cause: object) -> str:
    if error["type"] == "literal_error":
        return f"write one of {error['ctx']['expected'].replace(' or ', ', ').replace(chr(39), '')}"
    return str(cause or error["msg"])


def _unknown(field: str, known: Collection[str]) -> str:
    near = nearest(field, known)
    if near:
        return f"there is no such field; did you mean {near}?"
    if _SECRET.search(field) or _IN_CONNECTION.fullmatch(field):
        return "there is no such field; this belongs in the Airflow Connection that conn_id names"
    return f"there is no such field; allowed are {', '.join(sorted(known))}"


def _blanked(value: object, depth: int = 4) -> object:
    if isinstance(value, Mapping | list | tuple) and not depth:
        return "…"
    if isinstance(value, Mapping):
        return {
            k: "***" if _SECRET.search(str(k)) else _blanked(v, depth - 1)
            for k, v in list(value.items())[:SHOWN]
        }
    if isinstance(value, list | tuple):
        return [_blanked(entry, depth - 1) for entry in value[:SHOWN]]
    return value[:SHOWN] if isinstance(value, str) else value
