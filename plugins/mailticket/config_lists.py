"""Readers of lists and objects, made of the readers of single values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailticket.config_values import (
    Constant,
    Place,
    Reader,
    Wrong,
    constant,
    field_name,
    line,
    mail_address,
)
from mailticket.options import PatternSet

MAX_LIST = 500


def addresses(value: object) -> tuple[str, ...]:
    """Read addresses, a list or one text with commas between them."""
    read: tuple[str, ...] = listing(mail_address)(_split(value))
    return read


def body_parts(value: object) -> tuple[str, ...]:
    """Read the order of the body's forms; the one that is not named comes last."""
    both = ("text/html", "text/plain")
    parts = listing(line)(_split(value))
    named = [part.lower() for part in parts]
    if not named or set(named) - set(both) or len(set(named)) < len(named):
        raise Wrong("write text/html,text/plain or text/plain,text/html")
    return (*named, *(part for part in both if part not in named))


def listing(read: Reader) -> Reader:
    """Read a list; one text stands for a list of one. What is there twice counts once."""

    def read_all(value: object) -> tuple[Any, ...]:
        entries = [value] if isinstance(value, str) else value
        if not isinstance(entries, list | tuple):
            raise Wrong('write a list, as in ["…", "…"]')
        if len(entries) > MAX_LIST:
            raise Wrong(f"write {MAX_LIST} entries at most")
        return tuple(dict.fromkeys(_each(read, {f"[{n}]": x for n, x in enumerate(entries)})))

    return read_all


def pattern_set(read: Reader) -> Reader:
    """Read a list, which replaces the built-in one, or ``{"add": […]}`` for more beside it."""
    read_list = listing(read)

    def read_set(value: object) -> PatternSet:
        if isinstance(value, PatternSet):
            return value
        if isinstance(value, str | list | tuple):
            return PatternSet(instead=read_list(value))
        if not isinstance(value, Mapping) or set(value) != {"add"}:
            raise Wrong('write a list, which replaces the built-in one, or {"add": ["…"]}')
        return PatternSet(added=read_list(value["add"]))

    return read_set


def constants(value: object) -> dict[str, Constant]:
    """Read field → constant: an object, or ``field:value`` lines (SPEC 1.4)."""
    return _pairs(_object(value, "field", "value"), field_name, constant)


def words(key: str, other: str) -> Reader:
    """Read an object of words, such as status → status; classic notation too."""

    def read(value: object) -> dict[str, str]:
        return _pairs(_object(value, key, other), line, line)

    return read


def _object(value: object, key: str, other: str) -> Mapping[str, object]:
    if isinstance(value, str):
        return _classic(value, key, other)
    if not isinstance(value, Mapping):
        raise Wrong(f'write an object, as in {{"{key}": "{other}"}}, or {key}:{other} lines')
    if len(value) > MAX_LIST:
        raise Wrong(f"write {MAX_LIST} entries at most")
    return value


def _classic(value: str, key: str, other: str) -> dict[str, object]:
    pairs: dict[str, object] = {}
    for number, written in enumerate(value.splitlines(), start=1):
        name, colon, constant = (part.strip() for part in written.partition(":"))
        if not written.strip():
            continue
        if not colon or not name:
            raise Wrong(f"line {number} is wrong: write {key}:{other}, one a line")
        if name in pairs:
            raise Wrong(f"line {number} sets {name} once more: write each {key} once")
        pairs[name] = constant
    return pairs


def _pairs(pairs: Mapping[str, object], key: Reader, value: Reader) -> dict[str, Any]:
    _each(key, {f".{name}": name for name in pairs})
    values = _each(value, {f".{name}": written for name, written in pairs.items()})
    return dict(zip(pairs, values, strict=True))


def _split(value: object) -> Any:
    if not isinstance(value, str):
        return value
    return [part.strip() for part in value.split(",") if part.strip()]


def _each(read: Reader, entries: Mapping[str, object]) -> list[Any]:
    values, places = [], []
    for path, entry in entries.items():
        try:
            values.append(read(entry))
        except ValueError as error:
            places.append(Place(path, entry, str(error)))
    if places:
        raise Wrong("; ".join(place.allowed for place in places), *places)
    return values
