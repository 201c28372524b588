"""What Airflow's own metrics get of mailticket, in a real Airflow: tasks and triggerer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.airflow_stack import AirflowStack, eventually

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def support(airflow_stack: AirflowStack) -> Iterator[None]:
    """Have an inbox that is watched; leave the machine to who comes next."""
    airflow_stack.configure("support", active=True)
    airflow_stack.until_dag("mailticket_inbox_support", lambda d: d["timetable_summary"], "read")
    yield
    airflow_stack.configure("support", active=False)


def test_the_last_task_of_a_run_tells_what_it_decided(airflow_stack: AirflowStack) -> None:
    figures = airflow_stack.figures
    before = len(figures.of("messages.incidents.create.create_ticket"))
    airflow_stack.until_dag("mailticket_inbox_incidents", bool, "there")
    airflow_stack.send("incidents", "Measured")
    assert airflow_stack.run("incidents").state == "success"
    eventually(lambda: figures.of("delivery_to_ticket.incidents"), "the time that it took")
    counter = "messages.incidents.create.create_ticket"
    eventually(lambda: figures.of(counter)[before:], "the count")
    assert figures.of(counter)[before:] == ["1|c"]
    assert figures.of("delivery_to_ticket.incidents")[-1].endswith("|ms")
    assert figures.of("undecided.incidents")[-1] == "0|g"


def test_the_triggerer_tells_how_things_stand_though_no_run_starts(
    airflow_stack: AirflowStack,
) -> None:
    airflow_stack.decided(airflow_stack.send("support", "The last one for now"))
    airflow_stack.ended("support", newest(airflow_stack))
    eventually(lambda: told_without_a_run(airflow_stack), "what the triggerer tells")


def newest(airflow_stack: AirflowStack) -> str:
    return str(airflow_stack.runs("support")[0]["dag_run_id"])


def told_without_a_run(airflow_stack: AirflowStack) -> bool:
    """Wait for the next gauges; a run that started meanwhile may have sent them as well."""
    figures, last = airflow_stack.figures, newest(airflow_stack)
    gauges = ("undecided", "oldest_undecided", "outbox", "oldest_in_outbox", "last_look")
    before = {name: len(figures.of(f"{name}.support")) for name in gauges}
    for name, known in before.items():
        eventually(lambda f=f"{name}.support", n=known: figures.of(f)[n:], name)
    return newest(airflow_stack) == last
