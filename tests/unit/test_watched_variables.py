"""Which inboxes a triggerer believes there are."""

from __future__ import annotations

import json

import pytest

from mailticket.airflow_access import Access
from mailticket.errors import ConfigurationError, NotFound
from mailticket.watching import variables
from mailticket.watching.variables import Variables


def access(values: dict[str, str]) -> Access:
    def no_connection(_: str) -> object:
        raise LookupError

    return Access(values.get, lambda *_: None, no_connection)


def test_one_inbox_is_read_with_the_settings_and_faults_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(variables, "_AGE", 0.0)
    given = {
        "mailticket_inboxes": json.dumps({"a": {}, "b": {"mailbox": 7}}),
        "mailticket_settings": json.dumps({"periodicity": 7}),
    }
    found = Variables()
    assert found.inbox(access(given), "a").periodicity == 7
    with pytest.raises(ConfigurationError, match="mailbox"):
        found.inbox(access(given), "b")
    with pytest.raises(NotFound):
        found.inbox(access(given), "c")
    given["mailticket_inboxes"] = json.dumps({"c": {}})
    assert found.names(access(given)) == {"c"}


def test_an_airflow_that_does_not_answer_removes_no_inbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variables, "_AGE", 0.0)
    found = Variables()
    assert found.names(access({"mailticket_inboxes": '{"a": {}}'})) == {"a"}
    assert found.names(access({})) == {"a"}
    assert found.names(access({"mailticket_inboxes": "{}"})) == frozenset()
