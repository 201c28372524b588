"""The examples of docs/: queries, a ticket class, a rule of a site, backup, layouts."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.arena import MakeArena, mail
from services.database import Database, DatabaseServer
from services.pages import CONFIGURATION, DEPLOY, README, ROOT, blocks, commands
from services.reader import Reader

BACKUP = tuple(c for c in commands(DEPLOY) if "_URL" in c)


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader.within(tmp_path)


# --- SQL ----------------------------------------------------------------------------------------


def test_every_query_of_the_pages_runs(database: Database, make_arena: MakeArena) -> None:
    arena = make_arena(unknown_caller="create_person", person_defaults={"org_id": "Acme"})
    arena.deliver(mail("one"), mail("two", headers=["Auto-Submitted: auto-replied"]))
    arena.run()
    inline_queries = re.findall(r"`(SELECT [^`]+)`", README.read_text("utf-8"))
    assert len(inline_queries) >= 2
    for query in (*inline_queries, *(block.text for block in blocks("sql"))):
        database.rows(query)
    assert database.rows("SELECT status FROM mailticket.ticket") == [("closed",)]


def test_the_feed_of_the_page_gives_every_change_once(make_arena: MakeArena) -> None:
    arena = make_arena(unknown_caller="create_person", person_defaults={"org_id": "Acme"})
    [feed] = [b.text for b in blocks("sql", CONFIGURATION) if "ticket_event" in b.text]
    arena.deliver(mail("one"), mail("two"))
    arena.run()
    first = arena.rows(feed)
    assert [(row[2], row[4]) for row in first] == [("created", "R-000001"), ("created", "R-000002")]
    arena.deliver(mail("three"))
    arena.run()
    xid, number = first[-1][:2]
    later = arena.rows(feed.replace("('0'::xid8, 0)", f"('{xid}'::xid8, {number})"))
    assert [row[4] for row in later] == ["R-000003"]


def test_the_class_of_the_page_makes_tickets(make_arena: MakeArena, database: Database) -> None:
    [sql] = [b.text for b in blocks("sql", CONFIGURATION) if "CREATE TABLE" in b.text]
    [text] = [b.text for b in blocks("json", CONFIGURATION) if "complaints" in b.text]
    database.rows(sql)
    arena = make_arena(**json.loads(text)["complaints"])
    arena.deliver(mail("Too late"))
    assert arena.run() == ({"create": 1}, [])
    assert arena.rows(
        "SELECT t.ref, t.class, t.status, c.kind::text, c.origin::text FROM mailticket.ticket t"
        " JOIN mailticket.complaint c ON c.ticket_id = t.id"
    ) == [("K-000001", "Complaint", "new", "delivery", "mail")]
    database.rows("UPDATE mailticket.ticket SET status = 'settled'")
    assert database.rows("SELECT closed_at IS NOT NULL FROM mailticket.ticket") == [(True,)]
    arena.fields |= {"ticket_defaults": {}}
    arena.deliver(mail("No kind"))
    assert "Complaint needs kind" in arena.run()[1][0]


# --- a rule of a site ---------------------------------------------------------------------------


@pytest.fixture
def acme_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install the package of the page: its module, and what an installer writes of its metadata."""
    [project] = [tomllib.loads(b.text) for b in blocks("toml", CONFIGURATION)]
    [module] = [b.text for b in blocks("python", CONFIGURATION)]
    [name] = project["tool"]["setuptools"]["py-modules"]
    site = tmp_path / "site-packages"
    about = site / f"acme_rules-{project['project']['version']}.dist-info"
    about.mkdir(parents=True)
    (site / f"{name}.py").write_text(module)
    head = f"Name: {project['project']['name']}\nVersion: {project['project']['version']}\n"
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\n{head}")
    points = project["project"]["entry-points"]
    sections = (
        "\n".join([f"[{group}]", *(f"{key} = {value}" for key, value in entries.items())])
        for group, entries in points.items()
    )
    (about / "entry_points.txt").write_text("\n".join(sections) + "\n")
    monkeypatch.syspath_prepend(site)
    yield
    sys.modules.pop(name, None)


@pytest.mark.usefixtures("acme_rules")
def test_the_rule_of_the_page_decides_once_it_is_installed(make_arena: MakeArena) -> None:
    arena = make_arena(unknown_caller="create_person", person_defaults={"org_id": "Acme"})
    arena.deliver(
        mail("Season's greetings", sender="Portal <news@portal.example>"),
        mail("Your order 4711", sender="Portal <news@portal.example>"),
        mail("Printer"),
    )
    arena.run()
    assert [row[2:4] for row in arena.status()] == [
        ("undesired", "orders_only"),
        ("create", "create_ticket"),
        ("create", "create_ticket"),
    ]
    [(versions,)] = arena.rows("SELECT versions FROM mailticket.configuration")
    assert versions["rule orders_only"] == "acme_rules acme-rules 1.0.0"
    arena.fields |= {"rules_off": ["orders_only"]}
    arena.deliver(mail("More greetings", sender="Portal <news@portal.example>"))
    assert arena.run()[0] == {"create": 1}


# --- deploying ----------------------------------------------------------------------------------


def test_a_dump_is_restored_on_another_server(
    reader: Reader, make_arena: MakeArena, database: Database
) -> None:
    arena = make_arena(unknown_caller="create_person", person_defaults={"org_id": "Acme"})
    arena.deliver(mail("one"), mail("two"))
    arena.run()
    server = DatabaseServer.start()
    try:
        restored = server.empty()
        environment = {
            "DATABASE_URL": database.url,
            "RESTORED_URL": restored.url,
            "AIRFLOW_CONN_MAILTICKET_DB": restored.url,
        }
        for command in (*BACKUP, "bin/mailticket migrate"):
            done = reader(command, **environment)
            assert done.returncode == 0, f"{command}: {done.stderr}"
        for block in blocks("sql", DEPLOY):
            restored.rows(block.text)
        [feed] = [b.text for b in blocks("sql", CONFIGURATION) if "ticket_event" in b.text]
        assert [row[4] for row in restored.rows(feed)] == ["R-000001", "R-000002"]
        # It goes on where it was: the mailbox is not read again, the next ticket has its number.
        copy = make_arena(**arena.fields)
        copy.database, copy.user = restored, arena.user
        copy.deliver(mail("three"))
        assert copy.run()[0] == {"create": 1}
        titles = restored.rows("SELECT ref, title FROM mailticket.ticket ORDER BY id")
        assert titles == [("R-000001", "one"), ("R-000002", "two"), ("R-000003", "three")]
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("library", "include"), [("plugins", "include"), ("dags/tickets/lib", "dags/tickets/include")]
)
def test_both_layouts_find_migrations_and_templates(
    tmp_path: Path, empty_database: Database, library: str, include: str
) -> None:
    root = tmp_path / "airflow home"
    no_bytecode = shutil.ignore_patterns("__pycache__")
    shutil.copytree(
        ROOT / "plugins" / "mailticket", root / library / "mailticket", ignore=no_bytecode
    )
    shutil.copytree(ROOT / "include", root / include, ignore=no_bytecode)
    script = (
        "import runpy, sys; from mailticket.wording import SHIPPED;"
        " assert (SHIPPED / 'en').is_dir(), SHIPPED;"
        " sys.argv = ['mailticket', 'migrate']; runpy.run_module('mailticket', run_name='__main__')"
    )
    done = subprocess.run(
        [str(ROOT / ".venv" / "bin" / "python"), "-c", script],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(root / library),
            "AIRFLOW_HOME": str(tmp_path / "home"),
            "AIRFLOW_CONN_MAILTICKET_DB": empty_database.url,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "nothing → " in done.stdout
