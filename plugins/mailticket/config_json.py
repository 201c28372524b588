"""The text of a Variable read as JSON: where it breaks off, and what stands in it twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from mailticket.errors import Fault


class Repeating(dict[str, Any]):
    """A JSON object; ``repeated`` names the keys that were written more than once."""

    repeated: tuple[str, ...] = ()


class NotReadable(Exception):
    """The text is no JSON object; carries the Fault."""

    def __init__(self, variable: str, value: str, allowed: str) -> None:
        self.fault = Fault("", variable, value, allowed)
        super().__init__(str(self.fault))


def read_object(variable: str, text: str | None) -> dict[str, Any]:
    """Read the JSON object in a Variable (``None``: there is none); raises ``NotReadable``."""
    if text is None:
        return {}
    try:
        content = json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise NotReadable(variable, "not JSON", f"at {where}: {_lower(error.msg)}") from None
    except RecursionError:
        raise NotReadable(variable, "not JSON", "it is nested too deeply") from None
    except ValueError:
        raise NotReadable(variable, "not JSON", "it holds a number that is too long") from None
    if not isinstance(content, dict):
        raise NotReadable(variable, "no object", 'write a JSON object, as in {"support": {…}}')
    return content


def repeated_keys(value: object) -> Iterator[str]:
    """Give the path of every key below ``value`` that was written more than once."""
    waiting = [("", value)]  # no recursion: the nesting is as deep as somebody typed it
    while waiting:
        path, inner = waiting.pop()
        if isinstance(inner, Repeating):
            yield from (f"{path}.{name}".lstrip(".") for name in inner.repeated)
        if isinstance(inner, dict):
            waiting += [(f"{path}.{name}", below) for name, below in inner.items()]


def _object(pairs: list[tuple[str, Any]]) -> Repeating:
    found = Repeating(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        found.repeated = tuple(name for name in found if names.count(name) > 1)
    return found


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
