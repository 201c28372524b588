"""The daily maintenance in a real Airflow, triggered by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from services.airflow_stack import AirflowStack, eventually

pytestmark = pytest.mark.slow

DAG = "mailticket_maintenance"


def run(airflow: AirflowStack) -> dict[str, Any]:
    """Trigger it, and give the run when it has ended."""
    started = airflow.call("POST", f"/dags/{DAG}/dagRuns", json={"logical_date": None})
    path = f"/dags/{DAG}/dagRuns/{started['dag_run_id']}"

    def ended() -> dict[str, Any] | None:
        found: dict[str, Any] = airflow.call("GET", path)
        return found if found["state"] in {"success", "failed"} else None

    found: dict[str, Any] = eventually(ended, "the end of the maintenance")
    return found


@pytest.fixture(autouse=True)
def support(airflow_stack: AirflowStack) -> Iterator[None]:
    """Have an inbox that is read; leave the machine to who comes next."""
    airflow_stack.configure("support", active=True)
    airflow_stack.until_dag("mailticket_inbox_support", lambda d: d["timetable_summary"], "read")
    yield
    airflow_stack.configure("support", active=False)


def test_it_compares_all_inboxes_and_says_so_in_its_note(airflow_stack: AirflowStack) -> None:
    mail = airflow_stack.send("support", "Compared by the maintenance")
    assert airflow_stack.decided(mail)["verdict"] == "create"
    airflow_stack.rows("UPDATE mailticket.mailbox_epoch SET compared_at = NULL")
    old = airflow_stack.send("support", "Purged by the maintenance")
    assert airflow_stack.decided(old)["verdict"] == "create"
    airflow_stack.rows(
        "UPDATE mailticket.original SET stored_at = now() - interval '31 days' WHERE message ="
        " (SELECT id FROM mailticket.message WHERE message_id = %s)",
        old,
    )
    airflow_stack.until_dag(DAG, bool, "there")
    done = run(airflow_stack)
    assert "inboxes" in done["note"]
    path = f"/dags/{DAG}/dagRuns/{done['dag_run_id']}/taskInstances"
    states = {
        task["task_id"]: task["state"] for task in airflow_stack.call("GET", path)["task_instances"]
    }
    assert states["reconcile"] == states["purge"] == states["inboxes"] == "success"
    value = airflow_stack.call(
        "GET", f"{path}/purge/xcomEntries/return_value", params={"deserialize": True}
    )["value"]
    assert set(value) == {"originals", "runs", "events", "files"}
    kept = airflow_stack.rows(
        "SELECT o.message FROM mailticket.original o JOIN mailticket.message m ON m.id = o.message"
        " WHERE m.message_id = %s",
        old,
    )
    assert kept == []
    compared = airflow_stack.rows(
        "SELECT inbox FROM mailticket.mailbox_epoch WHERE compared_at IS NOT NULL"
    )
    assert ("support",) in compared
    assert airflow_stack.fates(mail)[mail]["verdict"] == "create"


def test_it_is_red_while_an_inbox_was_not_read_for_a_day(airflow_stack: AirflowStack) -> None:
    airflow_stack.connect("absent")
    airflow_stack.configure("absent", mailbox="Nowhere")
    try:
        airflow_stack.until_dag("mailticket_inbox_absent", bool, "there")
        done = run(airflow_stack)
        assert done["state"] == "failed"
        assert "to be seen" in done["note"]
        assert "0 to be seen" not in done["note"]
    finally:
        del airflow_stack.inboxes["absent"]
        airflow_stack.configure("support")
