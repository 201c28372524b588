"""A calendar invitation as text: who, when, where (RFC 5545), for mails that have no other body."""

from __future__ import annotations

import re
from datetime import date, timedelta

from mailticket.charsets import decode, scrub

_LARGEST = 1024**2
_MOST_PEOPLE = 50
_DAY = len("2026-05-05")
_FOLD = re.compile(r"\r?\n[ \t]")
_ESCAPED = re.compile(r"\\([nN,;\\])")
_MOMENT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)\d\d(Z?))?")
_METHODS = {
    "REQUEST": "Invitation",
    "CANCEL": "Cancelled",
    "REPLY": "Answer to an invitation",
    "COUNTER": "Proposal of another time",
    "PUBLISH": "Event",
}
_CALENDARS = frozenset(
    {"text/calendar", "text/x-vcalendar", "application/ics", "application/x-ical", "text/x-ical"}
)
_DURATION = re.compile(
    r"P(?:(\d{1,4})W)?(?:(\d{1,4})D)?(?:T(?:(\d{1,4})H)?(?:(\d{1,4})M)?\d{0,4}S?)?"
)
_UNITS = ("weeks", "days", "h", "min")
_ANSWERS = {"ACCEPTED": "accepted", "DECLINED": "declined", "TENTATIVE": "tentative"}


def is_called_calendar(content_type: str, name: str) -> bool:
    """Tell a calendar object by its type or its name."""
    return content_type in _CALENDARS or name.lower().endswith((".ics", ".vcs"))


def as_text(octets: bytes, charset: str = "") -> str:
    """Describe the first event or task of a calendar object; ``""`` when there is none."""
    if len(octets) > _LARGEST:
        return ""
    lines = _FOLD.sub("", decode(octets, charset or "utf-8").text).splitlines()
    method = next((line[7:].strip().upper() for line in lines if line[:7].upper() == "METHOD:"), "")
    properties = _first_event(lines)
    return scrub("\n".join(_described(properties, method))) if properties else ""


Property = tuple[str, str, str]
"""Name, parameters, value."""


def _first_event(lines: list[str]) -> list[Property]:
    found: list[Property] = []
    inside = ""
    nested = 0
    for line in lines:
        upper = line.strip().upper()
        if not inside:
            inside = upper[6:] if upper in ("BEGIN:VEVENT", "BEGIN:VTODO") else ""
        elif upper == f"END:{inside}":
            break
        elif upper.startswith(("BEGIN:", "END:")):
            nested += 1 if upper.startswith("BEGIN:") else -1
        elif nested <= 0:
            found.append(_property(line))
    return found


def _property(line: str) -> Property:
    """Split a content line; a colon may stand within a quoted parameter."""
    outside = re.match(r'(?:[^":]|"[^"]*"?)*', line)
    end = outside.end() if outside else 0
    name, _, parameters = line[:end].partition(";")
    value = _ESCAPED.sub(lambda mark: "\n" if mark[1] in "nN" else mark[1], line[end + 1 :])
    return name.upper(), parameters, value.strip()


def _described(properties: list[Property], method: str) -> list[str]:
    first = {name: (parameters, value) for name, parameters, value in reversed(properties)}
    title = first.get("SUMMARY", ("", ""))[1]
    lines = [f"{_METHODS.get(method, 'Event')}: {title}".rstrip(": ")]
    if when := _when(first):
        lines.append(f"When: {when}")
    for label, key in (("Where", "LOCATION"), ("Repeats", "RRULE"), ("Link", "URL")):
        if value := first.get(key, ("", ""))[1]:
            lines.append(f"{label}: {value}")
    if organizer := first.get("ORGANIZER"):
        lines.append(f"Organizer: {_person(*organizer)}")
    people = [_person(*each[1:]) for each in properties if each[0] == "ATTENDEE"][:_MOST_PEOPLE]
    if people:
        lines.append("Attendees: " + ", ".join(people))
    if text := first.get("DESCRIPTION", ("", ""))[1]:
        lines += ["", text]
    return lines


def _when(first: dict[str, tuple[str, str]]) -> str:
    """Give start and end, or start and length; a task has but a due date."""
    start, end = (_moment(*first[key]) if key in first else "" for key in ("DTSTART", "DTEND"))
    if not start and "DUE" in first:
        return f"due {_moment(*first['DUE'])}"
    if start and end:
        end = _last_day(start, end)
        return start if end == start else f"{start} – {end}"
    length = _length(first.get("DURATION", ("", ""))[1])
    return f"{start} ({length})" if start and length else start


def _last_day(start: str, end: str) -> str:
    """Give the last of whole days: the end that is written is the day after it (3.6.1)."""
    if len(start) != _DAY or len(end) != _DAY or end <= start:
        return end
    try:
        return str(date.fromisoformat(end) - timedelta(days=1))
    except (ValueError, OverflowError):
        return end


def _length(written: str) -> str:
    found = _DURATION.fullmatch(written.upper())
    pieces = zip(found.groups(), _UNITS, strict=True) if found else ()
    return " ".join(f"{count} {unit}" for count, unit in pieces if count)


def _moment(parameters: str, value: str) -> str:
    found = _MOMENT.match(value)
    if not found:
        return value
    day = f"{found[1]}-{found[2]}-{found[3]}"
    if not found[4]:
        return day
    zone = "UTC" if found[6] else _parameter(parameters, "TZID")
    return f"{day} {found[4]}:{found[5]} {zone}".rstrip()


def _person(parameters: str, value: str) -> str:
    address = value[7:] if value[:7].lower() == "mailto:" else value
    name = _parameter(parameters, "CN")
    answer = _ANSWERS.get(_parameter(parameters, "PARTSTAT").upper(), "")
    shown = f"{name} <{address}>" if name and name != address else address
    return f"{shown} ({answer})" if answer else shown


def _parameter(parameters: str, name: str) -> str:
    found = re.search(rf'(?:^|;){name}=("[^"]*"|[^;]*)', parameters, re.IGNORECASE)
    return found[1].strip('"') if found else ""
