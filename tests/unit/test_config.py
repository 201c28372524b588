"""The two Variables: what is in force, what is broken, and what that means for the others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailticket.config import INBOX_FIELDS, SETTINGS_FIELDS, Configuration, choose, load
from mailticket.options import PatternSet


def loaded(inboxes: object, for_all: object = None, **more: Any) -> Configuration:
    return load(json.dumps(inboxes), None if for_all is None else json.dumps(for_all), **more)


def test_without_variables_there_is_nothing_and_no_fault() -> None:
    configuration = load(None, None)
    assert (dict(configuration.inboxes), configuration.all_faults) == ({}, ())
    assert configuration.unreadable is None


def test_a_fault_in_one_inbox_leaves_the_others() -> None:
    configuration = loaded({"a": {}, "b": {"protocol": "x"}, "c": {"active": False}})
    assert list(configuration.inboxes) == ["a", "c"]
    assert [str(fault) for fault in configuration.broken["b"]] == [
        'inbox b: protocol = "x": write one of imap, pop3'
    ]
    assert configuration.faults == ()


@pytest.mark.parametrize(
    ("value", "kind"), [([], "a list"), ("x", "a text"), (None, "null"), (3, "a number")]
)
def test_an_inbox_that_is_no_object_is_broken(value: object, kind: str) -> None:
    configuration = loaded({"a": value, "b": {}})
    assert configuration.broken["a"][0].value == kind
    assert list(configuration.inboxes) == ["b"]


def test_an_inbox_works_under_the_settings_and_its_own_values() -> None:
    configuration = loaded({"a": {}, "b": {"periodicity": 5}}, {"periodicity": 60, "debug": True})
    assert configuration.settings.periodicity == 60
    a, b = configuration.inboxes["a"], configuration.inboxes["b"]
    assert (a.periodicity, a.debug, b.periodicity, b.debug) == (60, True, 5, True)


@pytest.mark.parametrize(
    ("for_all", "own", "expected"),
    [
        ({"add": ["/a/"]}, {"add": ["/b/"]}, PatternSet(added=("/a/", "/b/"))),
        (["/a/"], {"add": ["/b/"]}, PatternSet(instead=("/a/", "/b/"))),
        ({"add": ["/a/"]}, ["/b/"], PatternSet(instead=("/b/",))),
        (["/a/"], [], PatternSet(instead=())),
    ],
)
def test_a_list_replaces_and_add_adds_to_what_the_settings_say(
    for_all: object, own: object, expected: PatternSet
) -> None:
    configuration = loaded(
        {"a": {"delimiter_patterns": own}, "b": {}}, {"delimiter_patterns": for_all}
    )
    assert configuration.inboxes["a"].delimiter_patterns == expected
    assert (
        configuration.inboxes["b"].delimiter_patterns == configuration.settings.delimiter_patterns
    )


def test_a_faulty_setting_stops_the_inboxes_that_would_use_it() -> None:
    configuration = loaded({"uses": {}, "own": {"periodicity": 9}}, {"periodicity": "often"})
    assert list(configuration.inboxes) == ["own"]
    assert [(f.inbox, f.field, f.value) for f in configuration.broken["uses"]] == [
        ("uses", "settings.periodicity", '"often"')
    ]
    assert [(f.inbox, f.field) for f in configuration.faults] == [("", "periodicity")]
    assert str(configuration.faults[0]).startswith('settings: periodicity = "often": write a whole')


def test_adding_to_a_faulty_list_of_the_settings_is_using_it() -> None:
    configuration = loaded(
        {"adds": {"delimiter_patterns": {"add": ["/x/"]}}, "own": {"delimiter_patterns": ["/x/"]}},
        {"delimiter_patterns": ["/("]},
    )
    assert list(configuration.inboxes) == ["own"]


def test_a_misspelt_setting_stops_the_inboxes_that_would_use_what_was_meant() -> None:
    configuration = loaded(
        {"uses": {}, "own": {"raw_retention_days": 9}}, {"raw_retention_day": 3650}
    )
    assert list(configuration.inboxes) == ["own"]
    assert "did you mean raw_retention_days?" in configuration.faults[0].allowed


def test_a_setting_that_resembles_none_is_told_and_stops_nobody() -> None:
    configuration = loaded({"a": {}}, {"zzzzzz": 1})
    assert list(configuration.inboxes) == ["a"]
    assert configuration.faults[0].field == "zzzzzz"


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ('{"a": {},\n  "b" {}}', "at line 2, column 7: expecting ':' delimiter"),
        ("", "at line 1, column 1"),
        ('{"a": ' + "9" * 5000 + "}", "a number that is too long"),
        ('{"a":' * 100_000, "nested too deeply"),
        ("[]", "write a JSON object"),
        ("null", "write a JSON object"),
    ],
)
def test_a_variable_that_is_no_json_object_says_where(text: str, allowed: str) -> None:
    configuration = load(text, None)
    assert configuration.unreadable is not None
    assert configuration.unreadable.field == "mailticket_inboxes"
    assert allowed in configuration.unreadable.allowed
    assert configuration.faults == (configuration.unreadable,)


def test_settings_that_are_no_json_stop_every_inbox() -> None:
    configuration = load('{"a": {}}', "{")
    assert configuration.unreadable is not None
    assert configuration.unreadable.field == "mailticket_settings"
    assert dict(configuration.inboxes) == {}
    assert configuration.broken["a"][0].field == "mailticket_settings"


def test_no_text_of_a_broken_variable_is_shown() -> None:
    configuration = load('{"a": {"password": "hunter2" x', None)
    assert "hunter2" not in str(configuration)


def test_an_inbox_that_stands_twice_is_broken() -> None:
    configuration = load('{"a": {}, "b": {}, "a": {"active": false}}', None)
    assert list(configuration.inboxes) == ["b"]
    assert "more than once" in configuration.broken["a"][0].allowed


@pytest.mark.parametrize("name", ["a", "b", "c", "nobody"])
def test_one_inbox_is_found_alone_as_it_is_among_the_others(name: str) -> None:
    text = '{"a": {}, "b": {"protocol": "x"}, "c": {}, "c": {"active": false}}'
    alone, among = (
        load(text, '{"max_messages_per_run": 7}', only=name),
        load(text, '{"max_messages_per_run": 7}'),
    )
    assert set(alone.inboxes) | set(alone.broken) <= {name}
    assert alone.inboxes.get(name) == among.inboxes.get(name)
    assert alone.broken.get(name) == among.broken.get(name)


def test_a_field_that_stands_twice_is_a_fault() -> None:
    configuration = load('{"a": {"ticket_defaults": {"x": 1, "x": 2}}, "b": {}}', None)
    assert configuration.broken["a"][0].field == "ticket_defaults.x"
    assert list(configuration.inboxes) == ["b"]


def test_a_setting_that_stands_twice_is_a_fault() -> None:
    configuration = load('{"a": {}}', '{"debug": true, "debug": false}')
    assert configuration.faults[0].field == "debug"
    assert "a" in configuration.broken


def test_classes_are_checked_when_they_are_known() -> None:
    configuration = loaded({"a": {"ticket_class": "X"}, "b": {}}, known_classes=["UserRequest"])
    assert list(configuration.inboxes) == ["b"]


def test_all_faults_lists_the_settings_first() -> None:
    configuration = loaded({"a": {"protocol": "x"}}, {"zzzzzz": 1})
    assert [fault.inbox for fault in configuration.all_faults] == ["", "a"]


def test_the_text_in_force_is_the_last_valid_one() -> None:
    assert choose('{"a": {}}', "{}") == ('{"a": {}}', None)
    text, fault = choose("{", '{"old": {}}')
    assert text == '{"old": {}}'
    assert fault is not None
    assert "line 1" in fault.allowed
    assert choose("{", "[")[0] is None
    assert choose(None, '{"old": {}}') == (None, None)


def test_without_a_last_valid_text_nothing_is_in_force() -> None:
    text, fault = choose("{", None)
    assert text is None
    assert fault is not None


ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.sampled_from(["10M", "/a/i", "/(/", "imap", "a:b", "100x20", "1/2", "a@b.org"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["add", "a", "é", "\x00"]) | st.text(max_size=5), inner)
    ),
    max_leaves=8,
)
FIELDS = st.dictionaries(
    st.sampled_from(sorted(INBOX_FIELDS)) | st.text(max_size=9), ANY_JSON, max_size=6
)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(st.text(max_size=9), FIELDS | ANY_JSON, max_size=3) | ANY_JSON,
    st.dictionaries(st.sampled_from(sorted(SETTINGS_FIELDS)) | st.text(max_size=9), ANY_JSON)
    | ANY_JSON,
)
def test_no_json_makes_load_raise_and_no_inbox_is_lost(inboxes: Any, for_all: Any) -> None:
    configuration = loaded(inboxes, for_all)
    for fault in configuration.all_faults:
        str(fault).encode("utf-8")
        assert "\x00" not in str(fault)
    for name, inbox in configuration.inboxes.items():
        assert type(inbox).from_document(json.loads(json.dumps(inbox.document()))) == inbox
        assert inbox.describe()
        assert name not in configuration.broken
    if isinstance(inboxes, dict):
        assert bool(configuration.inboxes or configuration.broken) == bool(inboxes)


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(), max_size=60), st.text(st.characters(), max_size=60))
def test_no_text_makes_load_or_choose_raise(inboxes: str, for_all: str) -> None:
    load(inboxes, for_all)
    choose(inboxes, for_all)


@pytest.mark.parametrize("depth", [100, 900])
def test_deep_nesting_never_raises(depth: int) -> None:
    deep = '{"a":' * depth + "1" + "}" * depth
    load(f'{{"x": {deep}, "y": {{"ticket_defaults": {deep}}}}}', deep)
