"""Mail is picked up as it arrives, whatever happens to server, triggerer and configuration."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.airflow_stack import AirflowStack, Json, eventually
from services.arena import mail
from services.dovecot import Dovecot

pytestmark = pytest.mark.slow
INBOX = "watched"
USER = f"{INBOX}@acme.test"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dovecot]:
    dovecot = Dovecot(tmp_path_factory.mktemp("watched"))
    dovecot.start()
    yield dovecot
    dovecot.close()


@pytest.fixture(scope="module")
def stack(airflow_stack: AirflowStack, server: Dovecot) -> Iterator[AirflowStack]:
    """Give the whole Airflow, with one inbox on a server that keeps its mail."""
    airflow_stack.configure("support", active=False)
    airflow_stack.connect(INBOX, port=server.port, password=server.password)
    person = {"unknown_caller": "create_person", "person_defaults": {"org_id": "Acme"}}
    airflow_stack.configure(INBOX, periodicity=5, cap_tickets_per_sender=[], **person)
    eventually(lambda: INBOX in airflow_stack.watchers(), "its trigger")
    yield airflow_stack
    airflow_stack.remove(INBOX)


@pytest.fixture
def deliver(server: Dovecot) -> Callable[..., str]:
    def deliver(subject: str, folder: str = "INBOX") -> str:
        message_id = f"{subject.replace(' ', '-')}@watched.test"
        server.deliver(USER, mail(subject, message_id=f"<{message_id}>"), folder)
        return message_id

    return deliver


def ended_runs(stack: AirflowStack, more_than: int = 0) -> list[Json]:
    """Wait until there are more runs and all of them have ended; the newest first."""

    def look() -> list[Json] | None:
        found = stack.runs(INBOX)
        over = all(run["state"] in {"success", "failed"} for run in found)
        return found if over and len(found) > more_than else None

    runs: list[Json] = eventually(look, "the end of all runs", 600)
    return runs


def test_mail_starts_a_run_by_itself_and_nothing_else_does(
    stack: AirflowStack, deliver: Callable[..., str]
) -> None:
    for number in (1, 2):
        sent = deliver(f"rings {number}")
        assert stack.decided(sent)["verdict"] == "create"
        runs = ended_runs(stack, number - 1)
        assert [run["run_type"] for run in runs] == ["asset_triggered"] * number
    newest = {"limit": 100, "order_by": "-timestamp"}  # other tests made thousands
    events = stack.call("GET", "/assets/events", params=newest)["asset_events"]
    bells = [event["extra"]["payload"] for event in events if "payload" in event["extra"]]
    assert [bell["why"] for bell in bells if bell["inbox"] == INBOX] == ["1 new message"] * 2


def test_a_burst_of_500_mails_makes_few_runs_and_loses_none(
    stack: AirflowStack, deliver: Callable[..., str]
) -> None:
    before = len(ended_runs(stack))
    sent = [deliver(f"burst {n}") for n in range(250)]
    time.sleep(2)
    sent += [deliver(f"burst {n}") for n in range(250, 500)]
    eventually(lambda: len(stack.fates(*sent)) == 500, "500 verdicts", 600)
    runs = ended_runs(stack, before)
    assert len(runs) - before <= 8
    tickets = {fate["ticket"] for fate in stack.fates(*sent).values()}
    assert len(tickets) == 500


def test_a_mail_server_that_is_restarted_is_watched_again(
    stack: AirflowStack, server: Dovecot, deliver: Callable[..., str]
) -> None:
    server.stop()
    sent = deliver("while the server was down")
    time.sleep(3)
    server.start()
    assert stack.decided(sent)["verdict"] == "create"
    later = deliver("after it came back")
    assert stack.decided(later)["verdict"] == "create"
    assert {run["state"] for run in ended_runs(stack)} == {"success"}


def test_a_triggerer_that_is_killed_finds_on_its_return_what_it_missed(
    stack: AirflowStack, deliver: Callable[..., str]
) -> None:
    triggerer = stack.stack.airflow.component("triggerer")
    triggerer.kill()
    sent = deliver("while nobody watched")
    time.sleep(3)
    assert not stack.fates(sent)
    triggerer.start()
    assert stack.decided(sent)["verdict"] == "create"
    later = deliver("after the triggerer came back")
    assert stack.decided(later)["verdict"] == "create"


def test_a_paused_inbox_is_not_watched_and_catches_up_run_after_run(
    stack: AirflowStack, deliver: Callable[..., str]
) -> None:
    before = len(ended_runs(stack))
    stack.configure(INBOX, max_messages_per_run=2)
    stack.pause(INBOX, paused=True)
    eventually(lambda: INBOX not in stack.watchers(), "no trigger")
    sent = [deliver(f"while it was paused {n}") for n in range(5)]
    stack.pause(INBOX, paused=False)
    eventually(lambda: len(stack.fates(*sent)) == 5, "5 verdicts")
    stack.configure(INBOX, max_messages_per_run=None)
    # What one run leaves starts the next, at once: a safety look comes once an hour.
    runs = ended_runs(stack, before + 2)[:-before]
    assert {run["run_type"] for run in runs} == {"asset_triggered"}
    ended = [stack.ended(INBOX, run["dag_run_id"]).counts("report") for run in reversed(runs)]
    assert [counts for counts in ended if counts] == [{"create": 2}, {"create": 2}, {"create": 1}]


def test_a_closed_ticket_has_its_mail_settled(
    stack: AirflowStack, server: Dovecot, deliver: Callable[..., str]
) -> None:
    sent = deliver("to be closed")
    ticket = stack.decided(sent)["ticket"]
    ended_runs(stack)
    stack.rows("UPDATE mailticket.ticket SET status = 'closed' WHERE ref = %s", ticket)
    eventually(
        lambda: stack.rows(
            "SELECT l.settlement FROM mailticket.location l"
            " JOIN mailticket.message m ON m.id = l.message"
            " WHERE m.message_id = %s AND l.settled_at IS NOT NULL",
            sent,
        ),
        "its mail is deleted",
    )
    assert not list(grep(server.maildir(USER), sent))


def grep(folder: Path, text: str) -> Iterator[Path]:
    for path in folder.rglob("*.test*"):
        if text.encode() in path.read_bytes():
            yield path


def test_a_changed_configuration_is_watched_from_then_on(
    stack: AirflowStack, deliver: Callable[..., str]
) -> None:
    sent = deliver("in another folder", "Support")
    stack.configure(INBOX, mailbox="Support")
    assert stack.decided(sent)["verdict"] == "create"
    later = deliver("in another folder later", "Support")
    assert stack.decided(later)["verdict"] == "create"


def test_a_refused_password_reddens_one_run_and_a_mended_one_is_noticed(
    stack: AirflowStack, server: Dovecot, deliver: Callable[..., str]
) -> None:
    before = len(ended_runs(stack))
    server.stop()
    server.password = "another"
    server.start()
    runs = ended_runs(stack, before)
    assert runs[0]["state"] == "failed"
    [(error, told)] = stack.rows(
        "SELECT error, told_at IS NOT NULL FROM mailticket.inbox_state WHERE inbox = %s", INBOX
    )
    assert ("refused" in error, told) == (True, True)
    sent = deliver("while the password was wrong", "Support")
    time.sleep(20)
    assert len(stack.runs(INBOX)) == before + 1
    stack.reconnect(INBOX, password="another")
    assert stack.decided(sent)["verdict"] == "create"
    assert ended_runs(stack, before + 1)[0]["state"] == "success"


@pytest.mark.long  # three minutes of pauses; contract/test_watch.py has them short
def test_an_inbox_out_of_reach_is_told_once_and_when_it_is_well_again(
    stack: AirflowStack, server: Dovecot
) -> None:
    before = len(ended_runs(stack))
    server.stop()
    runs = ended_runs(stack, before)
    assert [run["state"] for run in runs[: len(runs) - before]] == ["failed"]
    server.start()
    runs = ended_runs(stack, before + 1)
    assert [run["state"] for run in runs[:2]] == ["success", "failed"]
    assert len(runs) == before + 2


def test_an_inbox_that_is_switched_off_or_removed_is_not_watched(stack: AirflowStack) -> None:
    stack.configure(INBOX, active=False)
    eventually(lambda: INBOX not in stack.watchers(), "no trigger")
    dag = stack.inbox_dag(INBOX)
    assert dag is not None
    assert dag["timetable_summary"] is None
    stack.configure(INBOX, active=True)
    eventually(lambda: INBOX in stack.watchers(), "its trigger again")
    # Airflow keeps the trigger of a DAG that went away: it has to notice by itself.
    eventually(lambda: state(stack) == [("push",)], "that it is watched")
    stack.remove(INBOX)
    eventually(lambda: state(stack) == [], "that it is watched no more")
    stack.configure(INBOX, mailbox="Support")
    eventually(lambda: state(stack) == [("push",)], "that it is watched again")


def state(stack: AirflowStack) -> list[tuple[object, ...]]:
    return stack.rows(
        "SELECT watched_by FROM mailticket.inbox_state WHERE inbox = %s AND well_at IS NOT NULL",
        INBOX,
    )
