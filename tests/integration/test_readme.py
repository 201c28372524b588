"""Every command, configuration and query of README.md and docs/ is tried as it is printed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml  # type: ignore[import-untyped]

from mailticket.config import SETTINGS_FIELDS, load
from services.arena import mail
from services.database import Database
from services.dovecot import Dovecot
from services.pages import CONFIGURATION, DEPLOY, README, ROOT, blocks, commands
from services.reader import Reader

USER = "support@docs.example"
OPERATING = tuple(c for c in commands(README) if c.startswith("bin/mailticket"))
SET_UP = tuple(c for c in commands(CONFIGURATION) if c.startswith("airflow "))
BACKUP = tuple(c for c in commands(DEPLOY) if "_URL" in c)

TRIED_ELSEWHERE = {
    "bin/demo": "tests/e2e/test_demo.py",
    "bin/test": ".ci/run",
    "pip install --no-deps ./acme-rules": "tests/integration/test_documented_examples.py",
    ".venv/bin/python bench/ingest.py --n 1000": "test_the_benchmark_runs_and_its_result_is_right",
    "bin/mailticket migrate": "test_readme_commands_work_in_their_order",
}
NEEDS_AN_ENGINE = {
    "docker build --file include/docker/Dockerfile --target mailticket --tag mailticket:0.1.0 .": (
        "test_the_image_is_built_as_the_compose_file_builds_it"
    )
}


def test_every_command_of_the_pages_is_tried_somewhere() -> None:
    known = {*OPERATING, *SET_UP, *BACKUP, *TRIED_ELSEWHERE, *NEEDS_AN_ENGINE}
    assert [command for command in commands() if command not in known] == []
    assert set(TRIED_ELSEWHERE) | set(NEEDS_AN_ENGINE) <= set(commands()), "a page lost a command"
    for place in (*TRIED_ELSEWHERE.values(), *NEEDS_AN_ENGINE.values()):
        assert place in globals() or (ROOT / place).exists()


# --- commands -----------------------------------------------------------------------------------


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader.within(tmp_path)


def readme_inboxes() -> str:
    return blocks("json", README)[0].text


def connections(database: Database, dovecot: Dovecot) -> dict[str, str]:
    login, password = quote(USER, safe=""), quote(dovecot.password, safe="")
    inbox = f"imap://{login}:{password}@{dovecot.host}:{dovecot.port}/?tls=none"
    return {
        "AIRFLOW_CONN_MAILTICKET_DB": database.url,
        "AIRFLOW_CONN_MAILTICKET_INBOX_SUPPORT": inbox,
        "AIRFLOW_VAR_MAILTICKET_INBOXES": readme_inboxes(),
    }


@pytest.mark.slow
def test_readme_commands_work_in_their_order(
    reader: Reader, empty_database: Database, dovecot: Dovecot
) -> None:
    environment = connections(empty_database, dovecot)
    away = mail("Away", message_id="<away@example.com>", headers=["Auto-Submitted: auto-replied"])
    loop = mail("Gone", message_id="<id@example.com>", headers=["Auto-Submitted: auto-replied"])
    (reader.clone / "mail.eml").write_bytes(mail("Printer", message_id="<eml@example.com>"))
    for original in (away, loop):
        dovecot.deliver(USER, original)
    said = {}
    for command in OPERATING:
        if command.startswith("bin/mailticket explain"):
            # The numbers of the page: message 42 and the one after it are there to be named.
            empty_database.rows("ALTER TABLE mailticket.message ALTER COLUMN id RESTART WITH 42")
            assert reader("bin/mailticket run support", **environment).returncode == 0
        done = reader(command, **environment)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        said[command] = done.stdout
    assert all("FAILED" not in text for text in said.values())
    [explained] = [text for command, text in said.items() if " explain " in command]
    assert "create" in explained
    status = "SELECT message_id, status::text, attempt FROM mailticket.message_status ORDER BY id"
    assert empty_database.rows(status) == [
        ("away@example.com", "undesired", 2),
        ("id@example.com", "ignored", 1),
    ]
    counts = [empty_database.rows(f"SELECT count(*) > 0 FROM mailticket.{table}") for table in _REF]
    assert counts == [[(True,)]] * len(_REF)


_REF = ("organization", "person", "service", "team")


@pytest.mark.slow
def test_variables_and_connections_are_set_as_the_page_says(
    reader: Reader, empty_database: Database
) -> None:
    metadata = empty_database.server.url(empty_database.name, scheme="postgresql+psycopg2")
    environment = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata}
    done = reader("airflow db migrate", **environment)
    assert done.returncode == 0, done.stderr
    for command in SET_UP:
        done = reader(command, **environment)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    script = (
        "import json; from mailticket.airflow_access import in_shell; a = in_shell();"
        " i = a.inbox('support'); login = a.mailbox_login(i);"
        " print(json.dumps([login.server, login.tls, i.undesired_subject_patterns[0],"
        " a.database_parameters()['dbname'], a._mail_server('mailticket_smtp')._login.tls]))"
    )
    done = reader(f'PYTHONPATH=plugins python -c "{script}"', **environment)
    assert json.loads(done.stdout.splitlines()[-1]) == [
        "imap.example.com:143",
        "starttls",
        "/^Out Of Office/i",
        "mailticket",
        "starttls",
    ], done.stderr


def test_the_benchmark_runs_and_its_result_is_right(reader: Reader) -> None:
    [command] = [c for c in commands(README) if "bench/" in c]
    done = reader(command.replace("--n 1000", "--n 20"))
    assert done.returncode == 0, done.stderr
    assert "20 mails" in done.stdout
    assert ": right" in done.stdout


def test_the_image_is_built_as_the_compose_file_builds_it() -> None:
    [command] = NEEDS_AN_ENGINE
    compose = yaml.safe_load((ROOT / "docker-compose.yaml").read_text("utf-8"))
    service = compose["services"]["scheduler"]
    words = command.split()
    asked = dict(zip(words[2:-1:2], words[3:-1:2], strict=True))
    assert (asked["--file"], asked["--target"], asked["--tag"], words[-1]) == (
        service["build"]["dockerfile"],
        service["build"]["target"],
        service["image"],
        service["build"]["context"],
    )


# --- configuration ------------------------------------------------------------------------------


CONFIGURATIONS = [b.text for b in blocks("json") if "conn_type" not in json.loads(b.text)]


@pytest.mark.parametrize("text", CONFIGURATIONS)
def test_every_configuration_of_the_pages_is_without_fault(text: str) -> None:
    written = json.loads(text)
    is_settings = set(written) <= SETTINGS_FIELDS
    configuration = load(None, text) if is_settings else load(text, None)
    assert [str(fault) for fault in configuration.all_faults] == []
    assert [n for inbox in configuration.inboxes.values() for n in inbox.notices] == []


def inline(page: Path) -> list[dict[str, Any]]:
    """Give the JSON objects in a page's text, as far as they are whole."""
    found = re.findall(r"`(\{\"[^`…]*\})`", page.read_text("utf-8"))
    return [json.loads(text) for text in found]


def test_settings_within_the_text_of_the_pages_are_without_fault() -> None:
    settings = [
        written
        for page in (README, CONFIGURATION)
        for written in inline(page)
        if set(written) <= SETTINGS_FIELDS
    ]
    assert len(settings) >= 2
    for written in settings:
        assert load(None, json.dumps(written)).all_faults == ()


def test_yaml_of_the_pages_can_be_read() -> None:
    documents = [yaml.safe_load(block.text) for block in blocks("yaml")]
    [job] = [each for each in documents if each.get("kind") == "Job"]
    [container] = job["spec"]["template"]["spec"]["containers"]
    assert container["command"] == ["python", "-m", "mailticket", "migrate"]


def test_a_fault_looks_as_the_page_shows_it() -> None:
    [shown] = [b.text.strip() for b in blocks("text", CONFIGURATION)]
    configuration = load('{"support": {"ticket_clas": "Incident"}}', None)
    assert [str(fault) for fault in configuration.all_faults] == [shown]
