"""Each task of a past run is cleared, and the run itself, in a real Airflow (SPEC 6.4)."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from mailticket.ingest import STEPS
from services.airflow_stack import AirflowStack, eventually
from services.mailbox_of import lying

pytestmark = pytest.mark.slow

INBOX = "cleared"
PATTERN = "/^Unwanted/"
MADE = """
SELECT t.title, count(e.id) FROM mailticket.ticket t
  LEFT JOIN mailticket.log_entry e ON e.ticket_id = t.id
 WHERE t.title ~ '^(Cleared|Unwanted)' GROUP BY t.id ORDER BY t.id
"""


def test_each_task_and_the_whole_run_may_be_cleared(airflow_stack: AirflowStack) -> None:
    airflow_stack.connect(INBOX)
    airflow_stack.configure(
        INBOX,
        active=False,
        after_processing="delete",
        forward_errors_to="cleared-errors@acme.test",
        undesired_subject_patterns=PATTERN,
        notify=["acknowledgement"],
    )
    airflow_stack.until_dag(f"mailticket_inbox_{INBOX}", bool, "there")
    first = airflow_stack.send(INBOX, "Cleared one")
    sent = [
        first,
        airflow_stack.send(INBOX, "RE: Cleared one", In_Reply_To=f"<{first}>"),
        airflow_stack.send(INBOX, "Cleared stranger", "Cal Stranger <cal@nowhere.test>"),
        airflow_stack.send(INBOX, "Unwanted words"),
    ]
    run = airflow_stack.run(INBOX)
    counts = {"create": 1, "update": 1, "rejected": 1, "undesired": 1}
    assert (run.state, run.counts("report")) == ("success", counts)
    before = came_to(airflow_stack, run.events(), sent)
    assert before["made"] == [("Cleared one", 1)]
    assert len(before["left"]) == len(before["told"]) == 2
    assert len(before["events"]) == 2

    for step in STEPS:
        run = run.clear(step)
        assert (run.state, run.counts("report")) == ("success", counts), step
        assert came_to(airflow_stack, run.events(), sent) == before, step

    airflow_stack.configure(
        INBOX,
        unknown_caller="create_person",
        person_defaults={"org_id": "Acme"},
        undesired_subject_patterns=None,
    )
    run = run.clear_all()
    assert (run.state, run.counts("report")) == ("success", {"create": 3, "update": 1})
    after = came_to(airflow_stack, run.events(), sent)
    assert after["made"] == [("Cleared one", 1), ("Cleared stranger", 0), ("Unwanted words", 0)]
    assert after["left"] == []
    assert after["told"] == before["told"]
    assert set(after["events"]) > set(before["events"])
    assert max(Counter(after["events"]).values()) == 1

    again = run.clear_all()
    assert again.state == "success"
    assert came_to(airflow_stack, again.events(), sent) == after


def came_to(
    airflow: AirflowStack, events: list[dict[str, Any]], sent: list[str]
) -> dict[str, list[Any]]:
    """Say what a run came to, by the tickets, the mailboxes and what other DAGs were told."""
    outbox = airflow.rows(
        "SELECT message_id, status FROM mailticket.outbox WHERE inbox = %s AND recipient = %s",
        INBOX, "cleared-errors@acme.test",
    )  # fmt: skip
    assert {status for _, status in outbox} <= {"sent"}
    due = sorted(f"<{message_id}>" for message_id, _ in outbox)
    eventually(lambda: set(due) <= set(lying(airflow, "cleared-errors")), "what tells of errors")
    return {
        "made": airflow.rows(MADE),
        "fates": [airflow.fates(one)[one]["ticket"] for one in sent[:2]],
        "left": sorted(lying(airflow, INBOX)),
        "told": sorted(lying(airflow, "cleared-errors")),
        "events": sorted(event["extra"]["event"] for event in events),
    }
