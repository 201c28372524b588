"""A backlog in a real Airflow: several tasks parse it at the same time (SPEC 6.6)."""

from __future__ import annotations

import smtplib  # noqa: TID251 -- it plays the rest of the world

import pytest

from demo.ports import LOOPBACK
from mailticket.steps.filter import PARSED_MESSAGES
from services.airflow_stack import AirflowStack, Json, Run, eventually
from services.arena import mail

pytestmark = pytest.mark.slow

INBOX = "backlog"
MAILS = 2 * PARSED_MESSAGES + 100
"""They make three batches."""


def send_backlog(stack: AirflowStack) -> None:
    to = f"{INBOX}@acme.test"
    with smtplib.SMTP(LOOPBACK, stack.stack.mail.smtp_port, timeout=60) as server:
        for n in range(MAILS):
            original = mail(f"Backlog {n:05}", "ann@acme.test", to=to, message_id=f"<{n}@backlog>")
            server.sendmail("ann@acme.test", [to], original)


def parsing(stack: AirflowStack, run_id: str) -> list[Json]:
    path = f"/dags/mailticket_inbox_{INBOX}/dagRuns/{run_id}/taskInstances"
    found = stack.call("GET", path, params={"limit": 100})["task_instances"]
    return [one for one in found if one["task_id"] == "parse" and one["map_index"] >= 0]


def clear(stack: AirflowStack, run_id: str, *tasks: object) -> Run:
    body = {
        "dag_run_id": run_id,
        "task_ids": list(tasks),
        "include_downstream": True,
        "only_failed": False,
        "reset_dag_runs": True,
        "dry_run": False,
    }
    stack.call("POST", f"/dags/mailticket_inbox_{INBOX}/clearTaskInstances", json=body)
    return stack.ended(INBOX, run_id)


def titles(stack: AirflowStack) -> list[str]:
    rows = stack.rows(
        "SELECT title FROM mailticket.ticket WHERE title LIKE 'Backlog%%' ORDER BY id"
    )
    return [title for (title,) in rows]


def test_a_backlog_is_parsed_by_several_tasks_at_once_and_keeps_its_order(
    airflow_stack: AirflowStack,
) -> None:
    airflow_stack.connect(INBOX)
    fields = {"active": False, "max_messages_per_run": 10 * MAILS, "cap_tickets_per_sender": []}
    airflow_stack.configure(INBOX, **fields)
    airflow_stack.until_dag(f"mailticket_inbox_{INBOX}", bool, "there")
    send_backlog(airflow_stack)
    run_id = airflow_stack.trigger(INBOX)
    at_once = eventually(
        lambda: [one for one in parsing(airflow_stack, run_id) if one["state"] == "running"][1:],
        "two tasks that parse at the same time",
        900,
    )
    assert at_once
    run = airflow_stack.ended(INBOX, run_id)
    assert (run.state, run.counts("report")) == ("success", {"create": MAILS})
    assert [one["map_index"] for one in parsing(airflow_stack, run_id)] == [0, 1, 2]
    in_order = [f"Backlog {n:05}" for n in range(MAILS)]
    assert titles(airflow_stack) == in_order

    for cleared in (["parse", 1], "parse", "filter"):
        again = clear(airflow_stack, run_id, cleared)
        assert (again.state, again.counts("report")) == ("success", {"create": MAILS}), cleared
        assert titles(airflow_stack) == in_order, cleared
    assert [one["state"] for one in parsing(airflow_stack, run_id)] == [
        "success", "removed", "removed",
    ]  # fmt: skip

    airflow_stack.send(INBOX, "Backlog 99999")
    next_run = airflow_stack.run(INBOX)
    assert (next_run.state, next_run.counts("report")) == ("success", {"create": 1})
    assert len(parsing(airflow_stack, next_run.run_id)) == 1
