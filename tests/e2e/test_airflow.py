"""mailticket as its operators meet it: in a real Airflow, by its API, with mail sent by SMTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import psycopg2  # noqa: TID251 -- it stands in the way of a task
import pytest

from demo.home import CLONE
from services.airflow_stack import WRONG_PASSWORD, AirflowStack, Run, eventually, process_of

pytestmark = pytest.mark.slow

SUPPORT = "mailticket_inbox_support"
STATIC = "mailticket_configuration"
TOGETHER = ("incidents", "storm")
ALL_STEPS = ["fetch", "filter", "parse", "upsert_ticket", "forward_errors", "cleanup", "report"]


@pytest.fixture(scope="module", autouse=True)
def quiet(airflow_stack: AirflowStack) -> Iterator[None]:
    """Leave the machine to who comes next."""
    yield
    airflow_stack.configure("support", active=False)


def test_a_mail_becomes_a_ticket_and_a_reply_its_log_entry(airflow_stack: AirflowStack) -> None:
    first = airflow_stack.send("support", "Printer on fire")
    created = airflow_stack.decided(first)
    assert (created["verdict"], created["ticket"][:2]) == ("create", "R-")

    reply = airflow_stack.send("support", "RE: Printer", In_Reply_To=f"<{first}>")
    updated = airflow_stack.decided(reply)
    assert (updated["verdict"], updated["ticket"]) == ("update", created["ticket"])
    entries = airflow_stack.rows(
        "SELECT count(*) FROM mailticket.log_entry l JOIN mailticket.ticket t ON t.id = l.ticket_id"
        " WHERE t.ref = %s",
        created["ticket"],
    )
    assert entries == [(1,)]


def test_a_run_shows_its_counts_its_lines_and_its_events(airflow_stack: AirflowStack) -> None:
    message = next(iter(airflow_stack.fates("printer-on-fire@acme.test").values()))
    run = airflow_stack.ended("support", message["run"])
    assert run.state == "success"
    assert run.states == dict.fromkeys(ALL_STEPS, "success")
    assert run.counts("report") == {"create": 1}
    assert run.note == "mailticket: 1 message: 1 create"
    lines = [line["event"] for line in run.log("upsert_ticket")]
    assert [line for line in lines if f"create {message['ticket']} by create_ticket" in line]

    [event] = run.events()
    assert (event["name"], event["extra"]["ticket"]) == (
        "mailticket_UserRequest",
        message["ticket"],
    )
    assert (event["extra"]["kind"], event["extra"]["inbox"]) == ("created", "support")
    [[feed]] = airflow_stack.rows(
        "SELECT id FROM mailticket.ticket_event WHERE ref = %s AND kind = 'created'",
        message["ticket"],
    )
    assert event["extra"]["event"] == feed


def test_a_run_without_mail_says_so_and_tells_nobody(airflow_stack: AirflowStack) -> None:
    run = airflow_stack.run("incidents")
    assert (run.state, run.counts("report"), run.events()) == ("success", {}, [])
    assert run.note == "mailticket: no messages"


def test_a_typo_stops_one_inbox_and_says_where_and_what_is_allowed(
    airflow_stack: AirflowStack,
) -> None:
    airflow_stack.configure("support", closed_ticket="reopne", periodicty=5)
    broken = airflow_stack.until_dag(SUPPORT, lambda dag: "reopne" in dag["doc_md"], "a fault")
    assert broken["timetable_summary"] is None
    for told in ("support", "closed_ticket", "reopne", "new_ticket", "periodicity"):
        assert told in broken["doc_md"].replace("\\", "")
    assert "configuration fault" in broken["dag_display_name"]
    static = airflow_stack.until_dag(STATIC, lambda dag: "reopne" in dag["doc_md"], "the fault")
    assert "(2 configuration faults)" in static["dag_display_name"]

    waiting = airflow_stack.send("support", "Sent meanwhile")
    other = airflow_stack.send("incidents", "Disk full")
    run = airflow_stack.run("incidents")
    assert (run.state, airflow_stack.fates(other)[other]["verdict"]) == ("success", "create")
    refused = airflow_stack.run("support")
    assert (refused.state, refused.states["fetch"]) == ("failed", "failed")
    assert refused.tasks["fetch"]["try_number"] == 1
    assert refused.note == "mailticket: fetch failed, no message was read"
    assert waiting not in airflow_stack.fates(waiting)

    airflow_stack.configure("support", closed_ticket=None, periodicty=None)
    mended = airflow_stack.until_dag(SUPPORT, lambda dag: "reopne" not in dag["doc_md"], "mended")
    assert mended["timetable_summary"].startswith("Asset or ")
    assert airflow_stack.decided(waiting)["verdict"] == "create"


def test_a_variable_that_is_no_json_leaves_the_last_valid_version(
    airflow_stack: AirflowStack,
) -> None:
    airflow_stack.say_inboxes('{"support": {},\n  "incidents": }')
    static = airflow_stack.until_dag(STATIC, lambda dag: "line 2" in dag["doc_md"], "the place")
    assert "column" in static["doc_md"]
    assert "last valid version is in force" in static["doc_md"]
    message = airflow_stack.send("support", "Still read")
    assert airflow_stack.decided(message)["verdict"] == "create"
    in_force = airflow_stack.inbox_dag("support")
    assert in_force is not None
    assert in_force["timetable_summary"].startswith("Asset or ")
    airflow_stack.configure("support")
    airflow_stack.until_dag(STATIC, lambda dag: "no faults" in dag["doc_md"], "mended")


def test_a_new_inbox_appears_by_itself_and_a_removed_one_goes(airflow_stack: AirflowStack) -> None:
    airflow_stack.connect("sales")
    message = airflow_stack.send("sales", "A new inbox")
    airflow_stack.configure("sales", periodicity=5)
    added = airflow_stack.until_dag("mailticket_inbox_sales", bool, "there")
    assert added["is_paused"] is False
    assert airflow_stack.decided(message)["verdict"] == "create"
    del airflow_stack.inboxes["sales"]
    airflow_stack.configure("support")
    eventually(lambda: airflow_stack.inbox_dag("sales") is None, "sales goes")


def test_clearing_filter_decides_anew_what_was_rejected_and_nothing_else(
    airflow_stack: AirflowStack,
) -> None:
    stranger = airflow_stack.send("incidents", "From a stranger", "Sam Stranger <sam@else.test>")
    known = airflow_stack.send("incidents", "From Ann")
    run = airflow_stack.run("incidents")
    before = airflow_stack.fates(stranger, known)
    assert (run.state, run.counts("report")) == ("success", {"rejected": 1, "create": 1})
    assert before[stranger]["decided_by"] == "unknown_caller"

    airflow_stack.configure(
        "incidents", unknown_caller="create_person", person_defaults={"org_id": "Acme"}
    )
    again = run.clear("filter")
    after = airflow_stack.fates(stranger, known)
    assert again.state == "success", again.states
    assert (after[stranger]["verdict"], after[stranger]["run"]) == ("create", run.run_id)
    assert after[known] == before[known]
    assert again.note == "mailticket: 2 messages: 2 create"

    other = airflow_stack.send("incidents", "Another stranger", "Olga Other <olga@else.test>")
    airflow_stack.run("incidents")
    assert airflow_stack.fates(other)[other]["verdict"] == "create"


def test_a_run_of_last_month_whose_originals_were_purged_says_so_when_it_is_cleared(
    airflow_stack: AirflowStack,
) -> None:
    airflow_stack.until_dag("mailticket_inbox_incidents", bool, "there")
    old = airflow_stack.send("incidents", "From long ago", "Lou Long <lou@long.test>")
    good = airflow_stack.send("incidents", "Long settled")
    spam = airflow_stack.send("incidents", "Spam of long ago")
    airflow_stack.configure(
        "incidents",
        unknown_caller="reject",
        error_behavior="delete",
        undesired_subject_patterns=["/^Spam/"],
    )
    run = airflow_stack.run("incidents")
    assert run.counts("report") == {"rejected": 1, "create": 1, "undesired": 1}
    airflow_stack.rows(
        "UPDATE mailticket.original SET stored_at = now() - interval '31 days' WHERE message IN"
        " (SELECT id FROM mailticket.message WHERE message_id = ANY (%s))",
        [old, good, spam],
    )
    airflow_stack.run("incidents")  # which purges them
    assert airflow_stack.rows(
        "SELECT count(*) FROM mailticket.original o JOIN mailticket.message m ON m.id = o.message"
        " WHERE m.message_id = ANY (%s)",
        [old, good, spam],
    ) == [(0,)]

    before = airflow_stack.fates(good, spam)
    airflow_stack.configure(
        "incidents",
        unknown_caller="create_person",
        error_behavior=None,
        undesired_subject_patterns=None,
    )
    again = run.clear("filter")
    counts = {"failed": 1, "create": 1, "undesired": 1}
    assert (again.state, again.counts("report")) == ("failed", counts)
    assert again.states == dict.fromkeys(ALL_STEPS, "success") | {"report": "failed"}
    assert (
        "its original was purged (raw_retention_days 30)"
        in (airflow_stack.fates(old)[old]["reason"])
    )
    said = [line["event"] for line in again.log("report") if line["level"] == "error"]
    assert "its original was purged" in said[0]
    assert airflow_stack.fates(good, spam) == before


def test_runs_of_two_inboxes_that_are_cleared_at_once_do_nothing_twice(
    airflow_stack: AirflowStack,
) -> None:
    for inbox in TOGETHER:
        airflow_stack.until_dag(f"mailticket_inbox_{inbox}", bool, "there")
        airflow_stack.configure(inbox, unknown_caller="reject", person_defaults=None)
    runs, strangers, known = [], [], []
    for number in range(4):
        inbox = TOGETHER[number % 2]
        name = f"Nick {number} <nick{number}@new.test>"
        strangers.append(airflow_stack.send(inbox, f"Unknown {number}", name))
        known.append(airflow_stack.send(inbox, f"Known {number}"))
        runs.append(airflow_stack.run(inbox))
        assert runs[-1].counts("report") == {"rejected": 1, "create": 1}
    before = airflow_stack.fates(*known)
    for inbox in TOGETHER:
        airflow_stack.configure(
            inbox, unknown_caller="create_person", person_defaults={"org_id": "Acme"}
        )
    tasks = ["fetch", "filter", "filter", "fetch"]
    for run, task in zip(runs, tasks, strict=True):
        run.begin_clearing(task)
    for run in runs:
        again = airflow_stack.ended(run.inbox, run.run_id)
        assert (again.state, again.counts("report")) == ("success", {"create": 2}), again.states
    after = airflow_stack.fates(*strangers)
    assert [after[one]["verdict"] for one in strangers] == ["create"] * 4
    assert [after[one]["run"] for one in strangers] == [run.run_id for run in runs]
    assert airflow_stack.fates(*known) == before
    made = "SELECT count(*), count(DISTINCT title) FROM mailticket.ticket WHERE title ~ %s"
    assert airflow_stack.rows(made, "^(Unknown|Known) [0-9]$") == [(8, 8)]
    people = "SELECT count(*) FROM mailticket.person WHERE email LIKE 'nick%%@new.test'"
    assert airflow_stack.rows(people) == [(4,)]
    events = [event["extra"]["event"] for run in runs for event in run.events()]
    assert len(set(events)) == len(events) == 8


def test_a_missing_mandatory_field_reddens_the_run_after_all_others(
    airflow_stack: AirflowStack,
) -> None:
    airflow_stack.send("changes", "First")
    run = airflow_stack.run("changes")
    assert (run.state, run.counts("report")) == ("failed", {"failed": 1})
    assert run.states == dict.fromkeys(ALL_STEPS, "success") | {"report": "failed"}
    assert run.tasks["report"]["try_number"] == 1
    said = [line for line in run.log("report") if line["level"] == "error"]
    assert "Change needs category" in said[0]["event"]
    assert "ann@acme.test" in said[0]["event"]
    assert not [line for line in run.log("report") if "error_detail" in line]
    assert run.note == "mailticket: 1 message: 1 failed"

    airflow_stack.configure("changes", ticket_defaults={"category": "normal"})
    again = run.clear("filter")
    assert (again.state, again.counts("report")) == ("success", {"create": 1})


def test_a_change_is_told_though_another_message_of_the_run_failed(
    airflow_stack: AirflowStack,
) -> None:
    airflow_stack.configure("changes", ticket_defaults={"category": "normal"})
    good = airflow_stack.send("changes", "A good change")
    run = airflow_stack.run("changes")
    [created] = run.events()
    airflow_stack.configure("changes", ticket_defaults=None)
    update = airflow_stack.send("changes", "RE: A good change", In_Reply_To=f"<{good}>")
    bad = airflow_stack.send("changes", "A bad change")
    run = airflow_stack.run("changes")
    fates = airflow_stack.fates(update, bad)
    assert (fates[update]["verdict"], fates[bad]["verdict"]) == ("update", "failed")
    [updated] = run.events()
    assert (run.state, updated["extra"]["kind"]) == ("failed", "updated")
    assert updated["name"] == created["name"] == "mailticket_Change"
    assert updated["extra"]["event"] > created["extra"]["event"]


def test_a_worker_killed_amid_a_batch_makes_no_ticket_twice_and_loses_none(
    airflow_stack: AirflowStack,
) -> None:
    sent = [
        airflow_stack.send("storm", f"Alert {n}", "slow@acme.test" if n == 30 else "ann@acme.test")
        for n in range(60)
    ]
    server = airflow_stack.stack.tickets
    blocker = psycopg2.connect(server.server.url(server.name, server.name))
    try:
        # Its ticket refers to this person's row, and must wait: so the kill comes in the middle.
        blocker.cursor().execute(
            "SELECT 1 FROM mailticket.person WHERE email = 'slow@acme.test' FOR UPDATE"
        )
        run_id = airflow_stack.trigger("storm")
        eventually(lambda: len(airflow_stack.fates(*sent)) == 30, "half of the batch")
        path = f"/dags/mailticket_inbox_storm/dagRuns/{run_id}/taskInstances/upsert_ticket"
        worker = process_of(airflow_stack.call("GET", path)["id"])
        assert worker is not None
        os.kill(worker, signal.SIGKILL)
    finally:
        blocker.close()
    run = airflow_stack.ended("storm", run_id)
    assert (run.state, run.counts("report")) == ("success", {"create": 60})
    assert run.tasks["upsert_ticket"]["try_number"] == 2
    tickets = [fate["ticket"] for fate in airflow_stack.fates(*sent).values()]
    assert len(set(tickets)) == len(tickets) == 60
    made = airflow_stack.rows(
        "SELECT count(*), count(DISTINCT title) FROM mailticket.ticket WHERE title LIKE 'Alert %%'"
    )
    assert made == [(60, 60)]
    events = [event["extra"]["event"] for event in run.events()]
    assert len(set(events)) == 60


def test_a_refused_password_fails_at_once_and_an_unreachable_server_after_retries(
    airflow_stack: AirflowStack,
) -> None:
    refused = first_run(airflow_stack, "locked")
    assert (refused.state, refused.tasks["fetch"]["try_number"]) == ("failed", 1)
    errors = [line for line in refused.log("fetch") if line["level"] == "error"]
    assert "locked@acme.test" in errors[0]["event"]
    assert "password" in errors[0]["event"]
    assert refused.note == "mailticket: no messages; fetch failed"

    gone = first_run(airflow_stack, "nowhere")
    assert (gone.state, gone.tasks["fetch"]["try_number"]) == ("failed", 4)
    for attempt in range(1, 5):
        errors = [line for line in gone.log("fetch", attempt) if line["level"] == "error"]
        assert "127.0.0.1:1 refused the connection" in errors[0]["event"]
        assert len(errors) == 2  # ours, and Airflow's "Task exited"
        assert not [line for line in errors if "error_detail" in line]


def first_run(airflow_stack: AirflowStack, inbox: str) -> Run:
    """Wait for the run that shows that an inbox cannot be watched."""
    runs = eventually(lambda: airflow_stack.runs(inbox), f"a run of {inbox}")
    return airflow_stack.ended(inbox, runs[-1]["dag_run_id"])


def test_a_task_builds_one_dag_though_there_are_a_thousand_inboxes() -> None:
    asked = {
        "_AIRFLOW_PARSING_CONTEXT_DAG_ID": "mailticket_inbox_inbox7",
        "_AIRFLOW_PARSING_CONTEXT_TASK_ID": "fetch",
    }
    told = of_the_dag_file("[k for k in vars(i) if k.startswith('mailticket')]", 1000, asked)
    assert told == "['mailticket_inbox_inbox7']"


def test_garbage_is_collected_again_when_the_dag_file_was_read() -> None:
    assert of_the_dag_file("__import__('gc').isenabled(), len(vars(i)) > 3", 3, {}) == "True True"


def of_the_dag_file(question: str, inboxes: int, environment: dict[str, str]) -> str:
    """Read the DAG file ``i`` in a process of its own, and give the answer to a question."""
    given = os.environ | {
        "PYTHONPATH": f"{CLONE / 'dags'}{os.pathsep}{CLONE / 'plugins'}",
        "AIRFLOW_VAR_MAILTICKET_INBOXES": json.dumps({f"inbox{n}": {} for n in range(inboxes)}),
    }
    command = [sys.executable, "-c", f"import ingest_inboxes as i; print({question})"]
    done = subprocess.run(
        command, env=given | environment, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()[-1]


def test_no_log_of_any_server_or_task_holds_a_secret(airflow_stack: AirflowStack) -> None:
    secrets = airflow_stack.stack.secrets
    hidden = [getattr(secrets, name) for name in secrets.__slots__] + [WRONG_PASSWORD]
    files = 0
    for path, content in airflow_stack.all_logs():
        files += 1
        for secret in hidden:
            assert secret.encode() not in content, path
    assert files > 50


def test_nothing_went_wrong_in_the_servers(airflow_stack: AirflowStack) -> None:
    log = (airflow_stack.stack.airflow.logs / "scheduler.log").read_text(errors="replace")
    assert "cannot be written" not in log
    assert "mailticket/listener.py" not in log
