"""import: rows from CSV, all or nothing."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from mailticket.commands.importing import import_table
from mailticket.csv_table import read_csv
from mailticket.errors import FileRefused
from mailticket.import_plan import KINDS
from mailticket.store.postgres import Database as Store
from services.database import Database

ROOT = Path(__file__).parents[2]
Take = Callable[[str, str], tuple[int, int]]
SAMPLES = ROOT / "include" / "samples"
HINT = "; did you mean"
COLUMNS = "there are first_name, name, email, phone, function, org_id, active, language"
PERSONS = "SELECT first_name, name, email, phone, org_id, active FROM mailticket.person ORDER BY id"
MEMBERS = (
    "SELECT t.name, p.email FROM mailticket.team_member m"
    " JOIN mailticket.team t ON t.id = m.team_id"
    " JOIN mailticket.person p ON p.id = m.person_id ORDER BY 1, 2"
)


@pytest.fixture
def take(database: Database) -> Take:
    """Import text; give how many rows were added and changed."""
    url = urlsplit(database.url)
    store = Store(
        host=url.hostname,
        port=url.port,
        user=url.username,
        password=unquote(url.password or ""),
        dbname=url.path.lstrip("/"),
    )

    def imported(kind: str, text: str) -> tuple[int, int]:
        outcome = import_table(store, KINDS[kind], read_csv(text.encode()), lambda *_: None)
        return len(outcome.added), len(outcome.changed)

    database.rows("INSERT INTO mailticket.organization (name) VALUES ('Acme'), ('Globex')")
    return imported


def faults(take: Take, kind: str, text: str) -> list[str]:
    with pytest.raises(FileRefused) as refused:
        take(kind, text)
    return [str(fault) for fault in refused.value.faults]


def test_rows_are_added_changed_and_left_alone_by_their_name(
    take: Take, database: Database
) -> None:
    assert take("organizations", "name,code\nAcme,A\nGlobex,\nInitech,I\n") == (1, 1)
    assert take("organizations", "name,code\nAcme,A\nGlobex,\nInitech,I\n") == (0, 0)
    assert take("organizations", "code;name\nJ;Initech\n") == (0, 1)
    assert database.rows("SELECT name, code FROM mailticket.organization ORDER BY id") == [
        ("Acme", "A"),
        ("Globex", None),
        ("Initech", "J"),
    ]


def test_a_column_that_the_file_does_not_have_keeps_its_value(
    take: Take, database: Database
) -> None:
    take("persons", "name,email,phone,org_id,active\nAda,ada@acme.example,1,Acme,no\n")
    assert take("persons", "email,name,org_id\nada@acme.example,Ada,Globex\n") == (0, 1)
    assert database.rows(PERSONS) == [("", "Ada", "ada@acme.example", "1", 2, False)]


def test_an_empty_cell_empties_what_may_be_empty_and_keeps_what_has_a_default(
    take: Take, database: Database
) -> None:
    take("persons", "first_name,name,email,phone,org_id,active\nA,B,a@b.example,1,Acme,no\n")
    take("persons", "first_name,name,email,phone,org_id,active\n,B,a@b.example,,Acme,\n")
    take("persons", "first_name,name,email,phone,org_id,active\n,C,c@b.example,,Acme,\n")
    assert database.rows(PERSONS) == [
        ("", "B", "a@b.example", None, 1, False),
        ("", "C", "c@b.example", None, 1, True),
    ]


def test_persons_are_known_by_their_address_whatever_its_case(
    take: Take, database: Database
) -> None:
    take("persons", "name,email,org_id\nAda,Ada@Acme.example,Acme\n")
    assert take("persons", "name,email,org_id\nAda L,ada@acme.example,Acme\n") == (0, 1)
    assert database.rows(PERSONS) == [("", "Ada L", "ada@acme.example", None, 1, True)]


def test_keys_are_names_or_numbers_under_the_column_or_its_table(
    take: Take, database: Database
) -> None:
    take("services", "name,organization\nMail,Globex\n")
    take("services", "Name,ORG_ID\nDisk,2\nFax,\n")
    assert database.rows("SELECT name, org_id FROM mailticket.service ORDER BY id") == [
        ("Mail", 2),
        ("Disk", 2),
        ("Fax", None),
    ]


def test_members_of_a_team_become_those_of_the_file(take: Take, database: Database) -> None:
    take("persons", "name,email,org_id\nA,a@x.example,Acme\nB,b@x.example,Acme\nC,c@x.example,1\n")
    teams = "name,members\nDesk,a@x.example; B@x.example\nOps,c@x.example|c@x.example\nNight,\n"
    assert take("teams", teams) == (3, 0)
    assert take("teams", teams) == (0, 0)
    assert database.rows(MEMBERS) == [
        ("Desk", "a@x.example"),
        ("Desk", "b@x.example"),
        ("Ops", "c@x.example"),
    ]
    assert take("teams", "name,members\nDesk,c@x.example\nNight,\n") == (0, 1)
    assert take("teams", "name,email\nOps,ops@x.example\n") == (0, 1)
    assert database.rows(MEMBERS) == [("Desk", "c@x.example"), ("Ops", "c@x.example")]


def test_every_fault_is_told_with_line_column_and_value_and_nothing_is_written(
    take: Take, database: Database
) -> None:
    told = faults(
        take,
        "persons",
        "first_name,name,email,Organization,active\n"
        "Ada,Lovelace,ada@acme.example,Acme,true\n"
        "Bob,,bob,Acmee,maybe\n"
        '"Two\nlines",Carl,carl@acme.example,99,yes\n'
        "Dora,Dee,ADA@acme.example,,no\n"
        "Ed,Ee,,Acme,no\n",
    )
    assert told == [
        "line 3: name = '': a value is needed",
        "line 3: email = 'bob': an e-mail address without its name, as in ada@example.org",
        f"line 3: Organization = 'Acmee': no organization has the name or number Acmee{HINT} Acme?",
        "line 3: active = 'maybe': true or false (also yes, no, 1, 0)",
        "line 4: Organization = '99': no organization has the name or number 99",
        "line 6: email = 'ADA@acme.example': line 2 has the same; give it once",
        "line 6: Organization = '': a value is needed",
        "line 7: email = '': needed: by email a row is known again",
    ]
    assert database.rows(PERSONS) == []


def test_columns_that_are_unknown_doubled_or_missing_are_told_at_once(take: Take) -> None:
    assert faults(take, "persons", "nam,email,E-mail,org_id,organization,id\nA,a@b.c,,1,1,1\n") == [
        f"line 1: column = 'nam': no such column{HINT} name? {COLUMNS}",
        f"line 1: column = 'E-mail': no such column{HINT} email? {COLUMNS}",
        "line 1: column = 'organization': the same column as org_id; give it once",
        f"line 1: column = 'id': no such column; {COLUMNS}",
        "line 1: the column name is needed",
    ]


def test_members_who_are_not_there_or_not_one_are_told(take: Take, database: Database) -> None:
    database.rows(
        "INSERT INTO mailticket.person (name, email, org_id)"
        " VALUES ('A', 'a@x.example', 1), ('B', 'A@x.example', 1)"
    )
    unknown = "no person has the address ax@x.example"
    told = faults(take, "teams", "name,members\nDesk,a@x.example\nOps,ax@x.example\n")
    assert told == [
        "line 2: members = 'a@x.example': rows 1, 2 of person have this name: give the number",
        f"line 3: members = 'ax@x.example': {unknown}{HINT} a@x.example?",
    ]
    told = faults(take, "persons", "name,email,org_id\nA,a@x.example,1\n")
    assert told == [
        "line 2: email = 'a@x.example': rows 1, 2 of person have it; which one is meant?"
    ]


def test_what_only_postgresql_refuses_is_told_with_its_line(take: Take, database: Database) -> None:
    database.rows(
        "ALTER TABLE mailticket.person ADD badge date,"
        " ADD CONSTRAINT no_bob CHECK (first_name <> 'Bob')"
    )
    lines = [f"{n},N,p{n}@x.example,1,2026-01-01" for n in range(50)]
    lines[17] = "17,N,p17@x.example,1,2026-02-30"
    lines[33] = "Bob,N,bob@x.example,1,"
    told = faults(take, "persons", "\n".join(["first_name,name,email,org_id,badge", *lines]))
    assert [one.partition(":")[0] for one in told] == ["line 19", "line 35"]
    assert "2026-02-30" in told[0]
    assert "no_bob" in told[1]
    assert database.rows(PERSONS) == []


def test_twenty_thousand_persons_take_seconds(take: Take, database: Database) -> None:
    lines = [f"P{n},N{n},p{n}@x.example,Acme" for n in range(20_000)]
    text = "\n".join(["first_name,name,email,org_id", *lines])
    started = time.monotonic()
    assert take("persons", text) == (20_000, 0)
    assert take("persons", text.replace("N7,", "Seven,")) == (0, 1)
    assert time.monotonic() - started < 90
    assert database.rows("SELECT count(*) FROM mailticket.person") == [(20_000,)]


def test_the_samples_are_imported_and_a_second_time_change_nothing(take: Take) -> None:
    for kind in KINDS:
        text = (SAMPLES / f"{kind}.csv").read_text("utf-8")
        assert take(kind, text)[0] > 0
        assert take(kind, text) == (0, 0)


# --- from a shell --------------------------------------------------------------------------------

Shell = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def shell(database: Database, tmp_path: Path) -> Shell:
    def run(*arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "AIRFLOW_HOME": str(tmp_path / "airflow"),
            "AIRFLOW_CONN_MAILTICKET_DB": database.url,
        }
        return subprocess.run(
            [str(ROOT / "bin" / "mailticket"), "import", *arguments],
            env=environment,
            cwd=tmp_path,
            input=typed,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_what_was_done_is_said(shell: Shell) -> None:
    done = shell("organizations", str(SAMPLES / "organizations.csv"))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "organizations: 4 added, 0 changed, 0 unchanged\n"


def test_faults_end_with_status_2_and_standard_input_is_a_file(
    shell: Shell, database: Database
) -> None:
    done = shell("organizations", "-", typed="name,code\nAcme,A\n,B\n")
    assert (done.returncode, done.stdout) == (2, "")
    lines = [line for line in done.stderr.splitlines() if line.startswith("mailticket: ")]
    assert lines == [
        "mailticket: -, line 3: name = '': needed: by name a row is known again",
        "mailticket: -: 1 fault; nothing was written",
    ]
    assert database.rows("SELECT count(*) FROM mailticket.organization") == [(0,)]


def test_a_file_that_is_not_there_is_said(shell: Shell) -> None:
    done = shell("teams", "/nowhere/teams.csv")
    assert done.returncode == 1
    assert "mailticket: /nowhere/teams.csv cannot be read: No such file or directory" in done.stderr


def test_importing_a_person_vouches_for_whom_mail_made(take: Take, database: Database) -> None:
    database.rows(
        "INSERT INTO mailticket.person (name, email, org_id, by_mail)"
        " VALUES ('Ada', 'ada@acme.example', 1, true)"
    )
    text = "name,email,org_id\nAda,ada@acme.example,Acme\n"
    assert take("persons", text) == (0, 1)
    assert take("persons", text) == (0, 0)
    assert database.rows("SELECT by_mail FROM mailticket.person") == [(False,)]
