"""The process of each task of a run is killed at its end, and Airflow's retries put it right."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2  # noqa: TID251 -- it stands in the way of tasks
import pytest

from mailticket.ingest import STEPS
from services.airflow_stack import AirflowStack, eventually, process_of
from services.mailbox_of import lying

pytestmark = pytest.mark.slow

INBOX = "mortal"
_FIRST = 77_000
"""Advisory locks from here on, one for each step."""
_WAIT = f"""
CREATE OR REPLACE FUNCTION mailticket.wait_to_be_killed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM mailticket.run WHERE id = NEW.run AND inbox = '{INBOX}') THEN
        PERFORM pg_advisory_xact_lock({_FIRST} + array_position(ARRAY{list(STEPS)}, NEW.step));
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER wait_to_be_killed BEFORE INSERT ON mailticket.run_step
    FOR EACH ROW EXECUTE FUNCTION mailticket.wait_to_be_killed();
"""
_GO_ON = "DROP FUNCTION mailticket.wait_to_be_killed() CASCADE"
_WAITS = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted"


@contextmanager
def held_up(airflow: AirflowStack) -> Iterator[Any]:
    """Let each step wait when all it had to do is committed, but for the word that it is done."""
    server = airflow.stack.tickets
    blocker = psycopg2.connect(server.server.url(server.name, server.name))
    blocker.autocommit = True
    ask = blocker.cursor()
    ask.execute(_WAIT)
    for number in range(1, len(STEPS) + 1):
        ask.execute("SELECT pg_advisory_lock(%s)", [_FIRST + number])
    try:
        yield ask
    finally:
        ask.execute(_GO_ON)
        blocker.close()


def test_a_run_whose_tasks_are_all_killed_comes_to_what_it_should(
    airflow_stack: AirflowStack,
) -> None:
    airflow_stack.connect(INBOX)
    airflow_stack.configure(
        INBOX,
        active=False,
        after_processing="delete",
        error_behavior="delete",
        forward_errors_to="watch@acme.test",
        notify=["acknowledgement"],
    )
    airflow_stack.until_dag(f"mailticket_inbox_{INBOX}", bool, "there")
    first = airflow_stack.send(INBOX, "Mortal one")
    sent = [
        first,
        airflow_stack.send(INBOX, "Mortal two"),
        airflow_stack.send(INBOX, "RE: Mortal one", In_Reply_To=f"<{first}>"),
        airflow_stack.send(INBOX, "Mortal stranger", "Mo Stranger <mo@nowhere.test>"),
    ]
    with held_up(airflow_stack) as ask:
        run_id = airflow_stack.trigger(INBOX)
        for number, step in enumerate(STEPS, 1):
            eventually(lambda n=number: waits(ask, n), f"the end of {step}")
            os.kill(worker_of(airflow_stack, run_id, step), signal.SIGKILL)
            ask.execute("SELECT pg_advisory_unlock(%s)", [_FIRST + number])
        run = airflow_stack.ended(INBOX, run_id)
    assert (run.state, run.counts("report")) == (
        "success",
        {"create": 2, "update": 1, "rejected": 1},
    )
    assert {name: task["try_number"] for name, task in run.tasks.items()} == dict.fromkeys(STEPS, 2)
    fates = airflow_stack.fates(*sent)
    assert [fates[one]["verdict"] for one in sent] == ["create", "create", "update", "rejected"]
    assert {fate["attempt"] for fate in fates.values()} == {1}
    made = airflow_stack.rows(
        "SELECT t.title, count(e.id) FROM mailticket.ticket t LEFT JOIN mailticket.log_entry e"
        " ON e.ticket_id = t.id WHERE t.title LIKE 'Mortal%%' GROUP BY t.id ORDER BY t.id"
    )
    assert made == [("Mortal one", 1), ("Mortal two", 0)]
    assert lying(airflow_stack, INBOX) == []
    outbox = airflow_stack.rows(
        "SELECT message_id FROM mailticket.outbox WHERE inbox = %s AND status = 'sent'", INBOX
    )
    assert len(outbox) == 3
    received = Counter(lying(airflow_stack, "watch") + lying(airflow_stack, "ann"))
    assert all(received[f"<{message_id}>"] == 1 for (message_id,) in outbox), received
    told = [event["extra"]["event"] for event in run.events()]
    assert len(set(told)) == 3


def waits(ask: Any, number: int) -> bool:
    ask.execute(_WAITS, [_FIRST + number])
    return bool(ask.rowcount)


def worker_of(airflow: AirflowStack, run_id: str, step: str) -> int:
    path = f"/dags/mailticket_inbox_{INBOX}/dagRuns/{run_id}/taskInstances"
    tasks = airflow.call("GET", path)["task_instances"]
    [task] = [one for one in tasks if one["task_id"] == step and one["state"] == "running"]
    worker = process_of(task["id"])
    assert worker is not None
    return worker
