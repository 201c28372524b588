"""The configuration: what the Variables say, checked, with every fault in plain words.

Pure: the texts come in, nothing is looked up. Nothing that a person can type raises.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from mailticket.config_checks import contradictions, cross_faults
from mailticket.config_description import describe_faults
from mailticket.config_errors import MOST, faults_of, named, nearest
from mailticket.config_inbox import Inbox
from mailticket.config_json import NotReadable, read_object, repeated_keys
from mailticket.config_settings import Settings, combined
from mailticket.errors import Fault
from mailticket.options import PatternSet

__all__ = [
    "INBOXES",
    "SETTINGS",
    "Configuration",
    "Inbox",
    "Settings",
    "check_inbox",
    "choose",
    "contradictions",
    "describe_faults",
    "load",
]

INBOXES = "mailticket_inboxes"
SETTINGS = "mailticket_settings"
"""The Airflow Variables."""

SETTINGS_FIELDS = frozenset(Settings.model_fields)
INBOX_FIELDS = frozenset(Inbox.model_fields) - {"name"}

Broken = dict[str, tuple[Fault, ...]]


@dataclass(frozen=True, slots=True)
class Configuration:
    """What is in force: the inboxes that can be read, and why the others cannot."""

    inboxes: Mapping[str, Inbox]
    broken: Mapping[str, tuple[Fault, ...]]
    faults: tuple[Fault, ...] = ()
    """Faults of the settings, and of a Variable that is no JSON object."""
    settings: Settings = field(default_factory=Settings)
    unreadable: Fault | None = None
    """The first Variable that is no JSON object; its ``field`` is the Variable's name."""

    @property
    def all_faults(self) -> tuple[Fault, ...]:
        """All faults: of the Variables and settings first, then inbox by inbox."""
        return (*self.faults, *(fault for faults in self.broken.values() for fault in faults))


def load(
    inboxes_json: str | None,
    settings_json: str | None,
    known_classes: Collection[str] | None = None,
    only: str | None = None,
) -> Configuration:
    """Read both Variables (``None``: it does not exist).

    ``known_classes``: the classes in the database, where it may be asked; then they are checked.
    ``only``: the one inbox that is asked for, where checking a thousand would cost a task a tenth
    of a second; the others are left out.
    """
    texts, unreadable = _read({INBOXES: inboxes_json, SETTINGS: settings_json})
    settings, wrong = _settings(texts[SETTINGS])
    broken_settings = next((fault for fault in unreadable if fault.field == SETTINGS), None)
    if broken_settings:
        wrong = dict.fromkeys(SETTINGS_FIELDS, (broken_settings,))
    inboxes: dict[str, Inbox] = {}
    broken: Broken = {}
    twice = set(getattr(texts[INBOXES], "repeated", ()))
    for name, fields in texts[INBOXES].items():
        if only not in (None, name):
            continue
        inbox, faults = _inbox(name, fields, settings, known_classes)
        if name in twice:
            faults = (_twice(name, name), *faults)
        faults = (*faults, *_inherited(name, fields, wrong))
        if inbox is None or faults:
            broken[named(name)] = (*broken.get(named(name), ()), *faults)[:MOST]
        else:
            inboxes[name] = inbox
    of_settings = (fault for faults in wrong.values() for fault in faults)
    faults = (*unreadable, *(() if broken_settings else of_settings))
    return Configuration(inboxes, broken, faults, settings, next(iter(unreadable), None))


def choose(
    current: str | None, last_valid: str | None, variable: str = INBOXES
) -> tuple[str | None, Fault | None]:
    """Choose the text in force: the current one, else the last valid one with the Fault why."""
    try:
        read_object(variable, current)
    except NotReadable as error:
        fault = error.fault
    else:
        return current, None
    try:
        read_object(variable, last_valid)
    except NotReadable:
        return None, fault
    return last_valid, fault


def check_inbox(
    name: str,
    fields: Mapping[str, Any],
    settings: Settings | None = None,
    known_classes: Collection[str] | None = None,
) -> tuple[Inbox | None, tuple[Fault, ...]]:
    """Check one inbox as it would stand in the Variable; without faults there is an Inbox."""
    return _inbox(name, fields, settings or Settings(), known_classes)


def _read(texts: Mapping[str, str | None]) -> tuple[dict[str, dict[str, Any]], tuple[Fault, ...]]:
    objects: dict[str, dict[str, Any]] = {}
    faults = []
    for variable, text in texts.items():
        try:
            objects[variable] = read_object(variable, text)
        except NotReadable as error:
            objects[variable] = {}
            faults.append(error.fault)
    return objects, tuple(faults)


def _settings(fields: Mapping[str, Any]) -> tuple[Settings, dict[str, tuple[Fault, ...]]]:
    """Read the settings; a faulty one keeps its default, and its Faults stand under its name."""
    wrong: dict[str, tuple[Fault, ...]] = {}
    for path in repeated_keys(fields):
        wrong[path.split(".")[0]] = (_twice("", path),)
    try:
        return Settings.model_validate(fields), wrong
    except ValidationError as error:
        for fault in faults_of("", fields, error, SETTINGS_FIELDS):
            name = fault.field.split("[")[0].split(".")[0]
            wrong[name] = (*wrong.get(name, ()), fault)
        refused = {str(one["loc"][0]) for one in error.errors()}
    sound = {name: value for name, value in fields.items() if name not in refused}
    return Settings.model_validate(sound), wrong


def _inbox(
    name: str, fields: object, settings: Settings, known_classes: Collection[str] | None
) -> tuple[Inbox | None, tuple[Fault, ...]]:
    if not isinstance(fields, Mapping):
        allowed = 'write an object of fields, as in {"ticket_class": "UserRequest"}'
        return None, (Fault(named(name), "fields", _kind(fields), allowed),)
    faults = [_twice(name, path) for path in repeated_keys(fields)]
    if "name" in fields:
        allowed = "the name is the key under which the fields stand; leave this out"
        faults.append(Fault(named(name), "name", "…", allowed))
    merged = {**settings.document(), **fields, "name": name}
    try:
        inbox = _with_lists(Inbox.model_validate(merged), fields, settings)
    except ValidationError as error:
        return None, (*faults, *faults_of(named(name), merged, error, INBOX_FIELDS))
    faults += cross_faults(inbox, known_classes)
    return (None if faults else inbox), tuple(faults)


def _with_lists(inbox: Inbox, fields: Mapping[str, Any], settings: Settings) -> Inbox:
    """Lay the inbox's pattern lists over those of the settings."""
    lists = {
        name: combined(getattr(settings, name), getattr(inbox, name))
        for name in fields
        if name in SETTINGS_FIELDS and isinstance(getattr(inbox, name), PatternSet)
    }
    return inbox.model_copy(update=lists)


def _inherited(
    name: str, fields: object, wrong: Mapping[str, tuple[Fault, ...]]
) -> tuple[Fault, ...]:
    """Give an inbox the Faults of the settings that it would work under."""
    own = fields if isinstance(fields, Mapping) else {}
    found: dict[Fault, None] = {}
    for typed, faults in wrong.items():
        known = typed if typed in SETTINGS_FIELDS else nearest(typed, SETTINGS_FIELDS)
        if known and (known not in own or isinstance(own[known], Mapping)):
            found.update(dict.fromkeys(faults))
    return tuple(_under_settings(name, fault) for fault in found)


def _under_settings(name: str, fault: Fault) -> Fault:
    field = fault.field if fault.field == SETTINGS else f"settings.{fault.field}"
    return Fault(named(name), field, fault.value, fault.allowed)


def _twice(name: str, path: str) -> Fault:
    return Fault(named(name), named(path), "…", "this is written more than once; keep one of them")


def _kind(value: object) -> str:
    kinds = {"list": "a list", "str": "a text", "bool": "true or false", "NoneType": "null"}
    return kinds.get(type(value).__name__, "a number")
