"""A refused sign-in in a whole Airflow: put off, and tried at once for a person."""

from __future__ import annotations

import pytest

from services.airflow_stack import WRONG_PASSWORD, AirflowStack, Run

pytestmark = pytest.mark.slow


def said(run: Run) -> str:
    (line,) = [one["event"] for one in run.log("fetch") if "sign" in str(one["event"])]
    return str(line)


def refusals(airflow: AirflowStack) -> int:
    ((count,),) = airflow.rows("SELECT refusals FROM mailticket.sign_in_refusal")
    return int(count)


def test_a_person_who_triggers_or_clears_a_run_is_not_put_off(airflow_stack: AirflowStack) -> None:
    airflow_stack.until_dag("mailticket_inbox_locked", lambda _dag: True, "is there")
    triggered = airflow_stack.run("locked")
    assert triggered.state == "failed"
    assert "next try" in said(triggered)
    assert WRONG_PASSWORD not in said(triggered)
    before = refusals(airflow_stack)
    cleared = triggered.clear("fetch")
    assert "refused to sign locked@acme.test in with password" in said(cleared)
    assert refusals(airflow_stack) == before + 1
