"""The pages against the code: nothing is left out of them, and nothing in them is out of date."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic.fields import FieldInfo

from mailticket.__main__ import _parser
from mailticket.airflow_access import LAST_VALID
from mailticket.config import INBOX_FIELDS, SETTINGS_FIELDS, Inbox, check_inbox
from mailticket.config_inbox import NOTIFY
from mailticket.config_settings import IMAP_OPTIONS
from mailticket.decision import Phase, Verdict
from mailticket.options import PatternSet
from mailticket.patterns import FLAGS
from mailticket.rules import RULES, WAYS
from services.pages import (
    CONFIGURATION,
    PAGES,
    README,
    ROOT,
    TableRow,
    anchors,
    plain,
    rows,
    ticked,
)

NOT_DEFAULTED = {"none": None, "built in": PatternSet(), "`mailticket_inbox_<name>`": None}
STEP_OF = {Phase.HEADERS: "filter", Phase.CONTENT: "parse", Phase.TICKET: "upsert_ticket"}
DECIDED_OTHERWISE = {"create_ticket", "earlier_attempt", "operator", "limit_header_bytes"}
_LINK = re.compile(r"\]\(([^)#]*)(?:#([^)]+))?\)")


def documented() -> dict[str, TableRow]:
    """Give the row of each field and setting."""
    of_fields, of_settings = rows(CONFIGURATION, "field"), rows(CONFIGURATION, "setting")
    found = [(row.ticked("field")[0], row) for row in of_fields]
    found += [(row.ticked("setting")[0], row) for row in of_settings]
    assert len(found) == len(dict(found)), "a field is described twice"
    return dict(found)


def test_every_field_and_setting_has_its_row_and_no_other_has() -> None:
    assert set(documented()) == INBOX_FIELDS | SETTINGS_FIELDS
    assert {r.ticked("field")[0] for r in rows(CONFIGURATION, "field")} == (
        INBOX_FIELDS - SETTINGS_FIELDS
    )


@pytest.mark.parametrize("name", sorted(INBOX_FIELDS | SETTINGS_FIELDS))
def test_the_default_on_the_page_is_the_one_in_the_code(name: str) -> None:
    cell = documented()[name].cells["default"]
    default = getattr(Inbox(name="x"), name)
    if name == "conn_id":
        assert (cell, default) == ("`mailticket_inbox_<name>`", "mailticket_inbox_x")
    elif cell in NOT_DEFAULTED:
        assert default == NOT_DEFAULTED[cell]
    else:
        written = json.loads(cell.strip("`"))
        assert getattr(Inbox.model_validate({"name": "x", name: written}), name) == default


def choices(field: FieldInfo) -> Iterator[str]:
    """Give the words that a field allows, where it allows words only."""
    for kind in (field.annotation, *get_args(field.annotation)):
        if get_origin(kind) is Literal:
            yield from get_args(kind)


def test_every_word_that_a_field_allows_is_on_the_page() -> None:
    for name, row in documented().items():
        allowed = list(choices(Inbox.model_fields[name]))
        assert not allowed or row.ticked("values") == allowed, name
    assert documented()["notify"].ticked("values") == list(NOTIFY)
    words = [word for row in rows(CONFIGURATION, "word") for word in row.ticked("word")]
    assert sorted(words) == sorted(IMAP_OPTIONS)


def numbers(row: TableRow) -> list[Any]:
    """Give the bounds that a row names: ``1 to 100000``, ``up to 3600``, ``up to `256M```."""
    text = row.cells["values"]
    found = re.findall(r"(\d+[KM]?)`? to (\d+[KM]?)|up to `?(\d+[KM]?)", text)
    return [bound for pair in found for bound in pair if bound]


@pytest.mark.parametrize("name", [n for n, row in sorted(documented().items()) if numbers(row)])
def test_the_bounds_on_the_page_are_those_of_the_code(name: str) -> None:
    read = [_number(bound) for bound in numbers(documented()[name])]
    for bound in read:
        assert check_inbox("x", {name: bound})[1] == ()
    assert check_inbox("x", {name: _beyond(read[-1], +1)})[1] != ()
    if len(read) > 1:
        assert check_inbox("x", {name: _beyond(read[0], -1)})[1] != ()


def _number(bound: str) -> int | str:
    return int(bound) if bound.isdecimal() else bound


def _beyond(bound: int | str, by: int) -> int | str:
    if isinstance(bound, int):
        return bound + by
    return f"{int(bound[:-1]) + by}{bound[-1]}"


# --- what is said to have no effect -------------------------------------------------------------


@cache
def attributes_read() -> frozenset[str]:
    """Give the attributes that the code reads, the configuration's own files apart."""
    return frozenset(
        node.attr
        for path in (ROOT / "plugins" / "mailticket").rglob("*.py")
        if not path.name.startswith("config")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
    )


def without_effect() -> set[str]:
    _, heading, after = plain(CONFIGURATION).partition("## Without effect yet")
    section = after.split("\n## ")[0] if heading else ""
    lines = [line for line in section.splitlines() if line.startswith("- ")]
    return {word for line in lines for word in re.findall(r"`([a-z_]+)`", line.split(": ")[0])}


def test_what_is_said_to_have_no_effect_is_read_nowhere_and_nothing_else_is() -> None:
    idle = {name for name in INBOX_FIELDS if name not in attributes_read() | _READ_BY_CONFIG}
    # A word that another thing is called by, too: the log's method.
    said = (without_effect() & INBOX_FIELDS) - {"debug"}
    assert not said & attributes_read()
    assert idle - {"debug"} == said
    marked = {n for n, row in documented().items() if "ithout effect yet" in str(row.cells)}
    assert marked == without_effect() & INBOX_FIELDS


# Read by Inbox itself: it makes Limits and Quoting of them, or looks them up by name.
_READ_BY_CONFIG = {name for name in SETTINGS_FIELDS if name.startswith("limit_")} | {
    "introductory_patterns",
    "delimiter_patterns",
    "multiline_delimiter_patterns",
    "title_pattern",
    "ticket_defaults",
    "person_defaults",
}


def test_of_the_limits_seconds_alone_is_read_by_explain_only() -> None:
    seconds = [
        path.name
        for path in (ROOT / "plugins" / "mailticket").rglob("*.py")
        if "limits.seconds" in path.read_text("utf-8")
    ]
    assert seconds == ["explain.py"], "a run minds limit_seconds: say so in configuration.md"


# --- rules, patterns -------------------------------------------------------------------------


def test_every_rule_stands_in_its_table_in_order_with_its_steps() -> None:
    table = {row.ticked("rule")[0]: row.ticked("asked in") for row in rows(CONFIGURATION, "rule")}
    ours: dict[str, list[str]] = {}
    for rule in RULES:
        ours.setdefault(rule.name, []).append(STEP_OF[rule.phase])
    assert table == ours
    assert list(table) == list(ours)


def test_every_way_to_a_ticket_and_every_other_cause_is_named() -> None:
    named = set(ticked(CONFIGURATION))
    failures = re.compile(r'\bfailure\(\s*"(\w+)"')
    sources = "\n".join(p.read_text("utf-8") for p in (ROOT / "plugins").rglob("*.py"))
    causes = set(failures.findall(sources)) | DECIDED_OTHERWISE | {"mandatory_fields"}
    assert causes | set(WAYS) <= named
    assert {str(verdict).upper() for verdict in Verdict} - {"CREATE", "UPDATE"} <= named


def test_every_flag_of_a_pattern_is_explained() -> None:
    table = CONFIGURATION.read_text("utf-8").split("| flag |", 1)[1].split("\n\n")[0]
    assert sorted(re.findall(r"`([A-Za-z])`", table)) == sorted(set(FLAGS))


def test_what_is_remembered_is_named() -> None:
    assert set(LAST_VALID.values()) <= set(ticked(CONFIGURATION))


# --- README -------------------------------------------------------------------------------------


def sub_commands() -> Mapping[str, Any]:
    [action] = [a for a in _parser()._actions if a.dest == "command"]
    assert isinstance(action.choices, dict)
    return action.choices


def test_every_command_of_bin_mailticket_is_in_the_readme() -> None:
    text = README.read_text("utf-8")
    named = set(re.findall(r"bin/mailticket ([a-z]+)", text))
    assert named == set(sub_commands())


def test_no_page_names_a_command_that_is_not_there() -> None:
    for page in PAGES:
        named = set(re.findall(r"bin/mailticket ([a-z]+)", page.read_text("utf-8")))
        assert named <= set(sub_commands()), page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_links_to_is_there(page: Path) -> None:
    for target, anchor in _LINK.findall(page.read_text("utf-8")):
        if target.startswith("https://"):
            continue
        file = page.parent / target if target else page
        assert file.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in anchors(file), f"{page.name} links to {target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_that_a_page_names_is_there(page: Path) -> None:
    begins = r"(?:bin|bench|dags|docs|include|plugins|tests)/"
    paths = re.findall(rf"(?<![\w/<>.]){begins}[\w./-]*\w", page.read_text("utf-8"))
    elsewhere = ("dags/tickets/", "dags/.airflowignore")  # the second layout of deploy.md
    missing = {p for p in paths if not p.startswith(elsewhere) and not (ROOT / p).exists()}
    assert missing == set()


def test_every_verdict_is_in_the_readme() -> None:
    first = [row.cells["verdict"] for row in rows(README, "verdict")]
    named = {word.strip() for cell in first for word in cell.split(",")}
    assert named == {v.value for v in Verdict} - {"ignored"}
