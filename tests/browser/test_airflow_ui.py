"""What an operator sees of an inbox in Airflow's own pages.

``MAILTICKET_SCREENSHOTS=docs`` keeps the picture of a run there, for the README.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from demo.airflow import USER
from services.airflow_stack import AirflowStack, Run

CHROMIUM = shutil.which("chromium")
PATIENCE = 180_000
"""Milliseconds: Airflow's pages are slow to come while its other parts work."""
DAG = "mailticket_inbox_incidents"
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]


@pytest.fixture(scope="module")
def run(airflow_stack: AirflowStack) -> Run:
    """Give a run with a new ticket, a reply and a mail from a stranger."""
    airflow_stack.configure(
        "incidents", unknown_caller=None, person_defaults=None, ticket_defaults={"impact": "high"}
    )
    alarm = airflow_stack.send("incidents", "db01: /var is 98 % full")
    airflow_stack.send("incidents", "RE: db01: /var is 98 % full", In_Reply_To=f"<{alarm}>")
    airflow_stack.send("incidents", "You have been selected", "Lucky <win@lottery.test>")
    airflow_stack.until_dag(DAG, lambda dag: "not known is rejected" in dag["doc_md"], "there")
    return airflow_stack.run("incidents")


@pytest.fixture(scope="module")
def page(airflow_stack: AirflowStack) -> Iterator[Page]:
    """Sign in."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        page = browser.new_page(viewport={"width": 1280, "height": 840})
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        page.goto(airflow_stack.url)
        page.fill("input[name=username]", USER)
        page.fill("input[name=password]", airflow_stack.password)
        page.click("button[type=submit]")
        expect(page.get_by_role("link", name="Dags").first).to_be_visible()
        yield page
        browser.close()


def at(page: Page, airflow_stack: AirflowStack, path: str) -> None:
    page.goto(f"{airflow_stack.url}/dags/{DAG}{path}")


def test_a_run_shows_its_note_its_tasks_and_their_colours(
    page: Page, airflow_stack: AirflowStack, run: Run
) -> None:
    at(page, airflow_stack, f"/runs/{run.run_id}".replace("+", "%2B"))
    note = "mailticket: 3 messages: 1 create, 1 rejected, 1 update"
    expect(page.get_by_text(note)).to_be_visible()
    expect(page.get_by_text("7 Task Instances")).to_be_visible()
    for task in run.tasks:
        expect(page.get_by_role("link", name=task).first).to_be_visible()
    expect(page.get_by_text("Success")).to_have_count(8)
    if folder := os.environ.get("MAILTICKET_SCREENSHOTS"):
        page.mouse.move(700, 330)
        page.wait_for_timeout(1500)
        page.screenshot(path=Path(folder) / "run.png")


def test_a_log_says_in_one_line_why_a_message_was_rejected(
    page: Page, airflow_stack: AirflowStack, run: Run
) -> None:
    at(page, airflow_stack, f"/runs/{run.run_id}/tasks/filter".replace("+", "%2B"))
    line = page.get_by_text(re.compile("rejected by unknown_caller: win@lottery.test is not"))
    expect(line.first).to_be_visible()


def test_the_documentation_says_what_the_inbox_does(
    page: Page, airflow_stack: AirflowStack
) -> None:
    at(page, airflow_stack, "")
    page.get_by_test_id("markdown-button").click()
    expect(page.get_by_text("Mail from a sender who is not known is rejected.")).to_be_visible()
    expect(page.get_by_role("cell", name="ticket_class")).to_be_visible()


def test_the_graph_is_one_line_of_seven_tasks(page: Page, airflow_stack: AirflowStack) -> None:
    at(page, airflow_stack, "")
    page.get_by_role("button", name=re.compile("Show Graph")).click()
    expect(page.locator(".react-flow__node")).to_have_count(7)
    expect(page.locator(".react-flow__edge")).to_have_count(6)


def test_an_inbox_with_a_fault_is_seen_in_the_list_and_says_what_is_wrong(
    page: Page, airflow_stack: AirflowStack
) -> None:
    airflow_stack.configure("incidents", behavior="create_onyl")
    airflow_stack.until_dag(DAG, lambda dag: "onyl" in dag["doc_md"], "a fault")
    page.goto(f"{airflow_stack.url}/dags")
    page.get_by_role("link", name=f"{DAG} (configuration fault)").click()
    page.get_by_test_id("markdown-button").click()
    for told in ("behavior", '"create_onyl"', re.compile("update_only")):
        expect(page.get_by_role("cell", name=told).first).to_be_visible()
    airflow_stack.configure("incidents", behavior=None)
