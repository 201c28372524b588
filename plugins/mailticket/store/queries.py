"""The named queries of ``sql/``, as the driver takes them and as PostgreSQL prepares them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_COMMENT = re.compile(r"--.*")
_MARK = re.compile(r"%(?:\((\w+)\)s|(s|%))")


@cache
def named() -> Mapping[str, str]:
    """Read the named queries; a name is used once."""
    found: dict[str, str] = {}
    for file in sorted(Path(__file__).with_name("sql").glob("*.sql")):
        _, *parts = _NAME.split(file.read_text("utf-8"))
        for name, text in zip(parts[::2], parts[1::2], strict=True):
            if name in found:
                msg = f"query {name} stands twice"
                raise ValueError(msg)
            found[name] = text.strip()
    return found


@cache
def may_be_planned_once(text: str) -> bool:
    """Tell whether one plan is good for all values: not where they say how much is wanted."""
    statement = _COMMENT.sub("", text)
    return ";" not in statement and "LIMIT %(" not in statement


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement that a session plans once; ``execute`` takes the values of the query."""

    prepare: str
    execute: str


@cache
def prepared(text: str) -> Prepared:
    """Give a query as PREPARE and EXECUTE take it.

    Its name comes from its text: whoever prepared it before, in the same session, meant the same.
    """
    marks: dict[str, int] = {}

    def numbered(match: re.Match[str]) -> str:
        named_, other = match.groups()
        if other == "%":
            return "%"
        return f"${marks.setdefault(named_ or f'%s{len(marks)}', len(marks) + 1)}"

    body = _MARK.sub(numbered, text)
    name = f"mailticket_{hashlib.sha256(text.encode()).hexdigest()[:24]}"
    values = ", ".join("%s" if mark.startswith("%s") else f"%({mark})s" for mark in marks)
    return Prepared(
        f"PREPARE {name} AS {body}", f"EXECUTE {name} ({values})" if marks else f"EXECUTE {name}"
    )
