"""Ticket classes, their mandatory fields and the defaults of an inbox (SPEC 3.3, 4.2)."""

from __future__ import annotations

from typing import Any

import pytest

from mailticket.errors import ConfigurationError
from mailticket.store.catalogue import Catalogue
from services.arena import Arena, MakeArena, mail
from services.scenes import changes, last, person, refs, steps

CREATES: dict[str, Any] = {
    "unknown_caller": "create_person",
    "person_defaults": {"org_id": "Acme"},
}
MANDATORY = {"Change": {"category": "normal"}, "Problem": {"product": "Printers"}}


@pytest.fixture
def arena(make_arena: MakeArena) -> Arena:
    return make_arena(**CREATES)


def faults(arena: Arena) -> list[str]:
    """Give what is wrong with the inbox, as ``check`` and the start of a run tell it."""
    access = arena.access()
    db = access.database()
    try:
        Catalogue(db).ground(access.inbox(arena.name))
    except ConfigurationError as error:
        return [str(fault) for fault in error.faults]
    finally:
        db.close()
    return []


def own_row(arena: Arena, table: str, *columns: str) -> tuple[Any, ...]:
    """Give columns of the only row in a class's own table."""
    [row] = arena.rows(
        f"SELECT {', '.join(f'{column}::text' for column in columns)} FROM mailticket.{table}"
    )
    return row


@pytest.mark.parametrize(
    ("ticket_class", "ref", "table", "own"),
    [
        ("UserRequest", "R-000001", "user_request", {"origin": "mail", "priority": "low"}),
        ("Incident", "I-000001", "incident", {"origin": "mail", "priority": "medium"}),
        ("Change", "C-000001", "change", {"category": "normal", "impact": "low"}),
        ("Problem", "P-000001", "problem", {"product": "Printers", "priority": "medium"}),
    ],
)
def test_each_class_has_its_own_table_and_prefix(
    arena: Arena, ticket_class: str, ref: str, table: str, own: dict[str, str]
) -> None:
    defaults = MANDATORY.get(ticket_class, {})
    arena.fields |= {"ticket_class": ticket_class, "ticket_defaults": defaults}
    arena.deliver(mail())
    assert arena.run() == ({"create": 1}, [])
    assert refs(arena) == [ref]
    assert own_row(arena, table, *own) == tuple(own.values())


def test_one_sequence_numbers_the_tickets_of_all_classes(arena: Arena) -> None:
    arena.deliver(mail("one"))
    arena.run()
    fields = {**arena.fields, "ticket_class": "Incident"}
    other = Arena(arena.dovecot, arena.database, fields=fields, name="incidents")
    other.deliver(mail("two"))
    other.run()
    arena.deliver(mail("three"))
    arena.run()
    assert refs(arena) == ["R-000001", "I-000002", "R-000003"]


@pytest.mark.parametrize(
    ("ticket_class", "field"), [("Change", "category"), ("Problem", "product")]
)
def test_without_its_mandatory_field_a_ticket_fails_with_an_error_that_names_it(
    arena: Arena, ticket_class: str, field: str
) -> None:
    arena.fields["ticket_class"] = ticket_class
    arena.deliver(mail(), mail("Another"))
    counts, failed = arena.run()
    assert counts == {"failed": 2}
    assert len(failed) == 2
    why = f"{ticket_class} needs {field}: set ticket_defaults of inbox support"
    assert last(arena) == ("failed", "mandatory_fields", None, why)
    assert arena.rows("SELECT FROM mailticket.person") == []
    assert refs(arena) == []


def test_a_field_of_the_ticket_is_mandatory_for_a_class_by_a_named_constraint(arena: Arena) -> None:
    arena.rows(
        'ALTER TABLE mailticket.ticket ADD CONSTRAINT "mandatory__UserRequest__team_id"'
        " CHECK (class <> 'UserRequest' OR team_id IS NOT NULL)"
    )
    arena.deliver(mail())
    assert arena.run()[0] == {"failed": 1}
    assert last(arena)[3] == "UserRequest needs team_id: set ticket_defaults of inbox support"
    arena.rows("INSERT INTO mailticket.team (name) VALUES ('Desk')")
    arena.fields["ticket_defaults"] = {"team_id": "Desk"}
    arena.deliver(mail("Another"))
    assert arena.run()[0] == {"create": 1}


def test_defaults_name_rows_by_number_or_name_and_enums_by_value(arena: Arena) -> None:
    arena.rows("INSERT INTO mailticket.service (name) VALUES ('Mail'), ('Print'), ('2024')")
    arena.rows("INSERT INTO mailticket.team (name) VALUES ('Desk')")
    agent = person(arena, "grace@acme.example", "Hopper")
    arena.fields["ticket_defaults"] = {
        "service_id": "Print",
        "team_id": 1,
        "agent_id": "Grace@Acme.example",
        "impact": "high",
        "urgency": "critical",
        "status": "assigned",
        "resolution": "none: yet, 100 % 'sure'",
    }
    assert faults(arena) == []
    arena.deliver(mail())
    assert arena.run() == ({"create": 1}, [])
    columns = ("service_id", "impact", "urgency", "priority", "resolution")
    assert own_row(arena, "user_request", *columns) == (
        "2",
        "high",
        "critical",
        "critical",
        "none: yet, 100 % 'sure'",
    )
    assert arena.rows("SELECT team_id, agent_id, status FROM mailticket.ticket") == [
        (1, agent, "assigned")
    ]
    arena.fields["ticket_defaults"] = {"service_id": 2024}
    arena.deliver(mail("A name of digits"))
    arena.run()
    assert changes(arena)[-1]["fields"]["service_id"] == 3


def test_defaults_in_the_classic_notation_work_alike(arena: Arena) -> None:
    arena.fields["ticket_defaults"] = "impact:high\nresolution: see: http://intra.example/\n"
    arena.deliver(mail())
    assert arena.run() == ({"create": 1}, [])
    assert own_row(arena, "user_request", "impact", "resolution") == (
        "high",
        "see: http://intra.example/",
    )


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("urgncy", "high", "did you mean urgency?"),
        ("service_id", "Nothing", "the number or the name of a row in service"),
        ("service_id", 99, "the number or the name of a row in service"),
        ("service_id", "9" * 40, "the number or the name of a row in service"),
        ("agent_id", "nobody@acme.example", "the number or the email of a row in person"),
        ("agent_id", "ada@acme.example", "several rows of person have this email"),
        ("impact", "enormous", "one of low, medium, high"),
        ("status", "asigned", "one of new, assigned, pending"),
        ("ref", "R-1", "there is no such field"),
        ("description_text", "x", "there is no such field"),
    ],
)
def test_a_wrong_default_is_told_with_inbox_field_value_and_what_is_allowed(
    arena: Arena, field: str, value: object, told: str
) -> None:
    person(arena, "ada@acme.example")
    person(arena, "ADA@acme.example", "Byron")
    arena.fields["ticket_defaults"] = {field: value, "origin_": 1}
    found = faults(arena)
    assert len(found) == 2
    assert found[0].startswith(f"inbox support: ticket_defaults.{field} = {value!r}: ")
    assert told in found[0]
    assert "origin_" in found[1]
    arena.deliver(mail())
    with pytest.raises(ConfigurationError, match="ticket_defaults"):
        arena.run()


def test_wrong_dates_and_wrong_keys_do_not_hide_the_faults_after_them(arena: Arena) -> None:
    arena.fields |= {
        "ticket_class": "Change",
        "ticket_defaults": {"category": "normal", "start_date": "soon", "end_date": "2026-13-01"},
        "person_defaults": {"org_id": "Nowhere", "frist_name": "x", "id": 7},
        "status_on_update": {"new": "assigned", "pending": "new"},
    }
    arena.settings["ticket_log"] = {"Change": "diary"}
    assert [fault.split(" = ")[0] for fault in faults(arena)] == [
        "inbox support: ticket_defaults.start_date",
        "inbox support: ticket_defaults.end_date",
        "inbox support: person_defaults.org_id",
        "inbox support: person_defaults.frist_name",
        "inbox support: person_defaults.id",
        "inbox support: ticket_log.Change",
        "inbox support: status_on_update.pending",
    ]


def test_a_class_that_does_not_exist_is_a_configuration_error_with_the_nearest_name(
    arena: Arena,
) -> None:
    arena.fields["ticket_class"] = "Incidnet"
    assert str(faults(arena)[0]) == (
        "inbox support: ticket_class = 'Incidnet': "
        "one of Change, Incident, Problem, UserRequest; did you mean Incident?"
    )


def test_a_rule_that_does_not_exist_cannot_be_switched_off(arena: Arena) -> None:
    arena.fields["rules_off"] = ["too_bg"]
    arena.deliver(mail())
    with pytest.raises(ConfigurationError, match="did you mean too_big"):
        arena.run()


def test_org_id_serves_for_the_person_default_and_the_caller_has_the_first_word(
    arena: Arena,
) -> None:
    person(arena, "grace@navy.example", "Hopper", org="Navy")
    arena.fields["ticket_defaults"] = {"org_id": "Acme"}
    arena.deliver(mail("one", sender="grace@navy.example"), mail("two"))
    assert arena.run()[0] == {"create": 2}
    assert arena.rows(
        "SELECT o.name FROM mailticket.ticket t JOIN mailticket.organization o ON o.id = t.org_id"
        " ORDER BY t.id"
    ) == [("Navy",), ("Acme",)]


NEW_CLASS = """
CREATE TABLE mailticket."product line" (code text PRIMARY KEY, label text UNIQUE);
INSERT INTO mailticket."product line" VALUES ('P1', 'Printers');
CREATE DOMAIN mailticket.floor AS integer CHECK (VALUE BETWEEN -2 AND 40);
CREATE TABLE mailticket.facility (
    ticket_id bigint PRIMARY KEY REFERENCES mailticket.ticket ON DELETE CASCADE,
    building varchar(20) NOT NULL,
    floor mailticket.floor,
    line text REFERENCES mailticket."product line",
    cost_centre text,
    urgent boolean NOT NULL DEFAULT false,
    due timestamptz,
    title_words integer GENERATED ALWAYS AS (1) STORED
);
INSERT INTO mailticket.ticket_class (name, table_name, prefix, log_field, log_fields)
    VALUES ('Facility', 'facility', 'HAUS#', 'diary', '{diary,notes}');
INSERT INTO mailticket.ticket_status (class, value, position, closed, initial)
    VALUES ('Facility', 'offen', 1, false, true), ('Facility', 'zu', 2, true, false);
"""


def test_a_site_adds_a_class_by_a_table_and_rows(arena: Arena) -> None:
    arena.rows(NEW_CLASS)
    arena.fields["ticket_class"] = "Facility"
    arena.deliver(mail("Heating"))
    assert arena.run()[0] == {"failed": 1}
    assert last(arena)[3] == "Facility needs building: set ticket_defaults of inbox support"

    arena.fields["ticket_defaults"] = {
        "building": "North",
        "floor": "-1",
        "line": "Printers",
        "cost_centre": "4711",
        "urgent": True,
        "due": "2026-12-24 18:00+01",
    }
    first = "<heating@acme.example>"
    arena.deliver(mail("Heating", message_id=first))
    assert arena.run() == ({"create": 1}, [])
    assert refs(arena) == ["HAUS#000001"]
    columns = ("building", "floor", "line", "cost_centre", "urgent", "(due AT TIME ZONE 'UTC')")
    assert own_row(arena, "facility", *columns) == (
        "North",
        "-1",
        "P1",
        "4711",
        "true",
        "2026-12-24 17:00:00",
    )

    arena.deliver(mail("Re: [HAUS#000001] cold"))
    assert arena.run() == ({"update": 1}, [])
    assert arena.rows("SELECT field FROM mailticket.log_entry") == [("diary",)]
    assert steps(arena)["title_pattern"][0] == "hit"

    arena.rows("UPDATE mailticket.ticket SET status = 'zu'")
    arena.fields["closed_ticket"] = "reopen"
    arena.deliver(mail("HAUS#000001"))
    assert arena.run() == ({"update": 1}, [])
    assert arena.rows("SELECT status, closed_at FROM mailticket.ticket") == [("offen", None)]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("floor", "99"),
        ("floor", "first"),
        ("building", "a name that is longer than its field"),
        ("line", "P2"),
        ("title_words", "3"),
        ("urgent", "perhaps"),
    ],
)
def test_defaults_of_a_new_class_are_checked_by_the_types_of_its_columns(
    arena: Arena, field: str, value: str
) -> None:
    arena.rows(NEW_CLASS)
    arena.fields |= {"ticket_class": "Facility", "ticket_defaults": {"building": "N", field: value}}
    [fault] = faults(arena)
    assert fault.startswith(f"inbox support: ticket_defaults.{field} = {value!r}: ")


def test_a_class_without_table_or_initial_status_is_a_configuration_error(arena: Arena) -> None:
    arena.rows(
        "INSERT INTO mailticket.ticket_class (name, table_name, prefix)"
        " VALUES ('Ghost', 'ghost', 'G-'), ('Odd', 'problem_', 'O-')"
    )
    arena.rows("CREATE TABLE mailticket.problem_ (LIKE mailticket.problem INCLUDING ALL)")
    arena.fields["ticket_class"] = "Ghost"
    assert "it lacks its table ghost" in faults(arena)[0]
    arena.fields["ticket_class"] = "Odd"
    assert "it lacks an initial status" in faults(arena)[0]


def test_a_row_that_the_database_refuses_is_a_failed_message_and_the_others_go_on(
    arena: Arena,
) -> None:
    arena.rows(
        "ALTER TABLE mailticket.ticket ADD CONSTRAINT no_spam CHECK (title NOT LIKE '%%pill%%')"
    )
    arena.deliver(mail("one"), mail("cheap pills"), mail("three"))
    counts, failed = arena.run()
    assert counts == {"create": 2, "failed": 1}
    assert "no_spam" in failed[0]
    assert [row[2:4] for row in arena.status()] == [
        ("create", "create_ticket"),
        ("failed", "database"),
        ("create", "create_ticket"),
    ]


def test_a_trigger_of_the_site_that_raises_fails_that_message_only(arena: Arena) -> None:
    arena.rows(
        "CREATE FUNCTION mailticket.moody() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF NEW.title LIKE 'bad%%' THEN RAISE EXCEPTION 'not today'; END IF; RETURN NEW; END $$"
    )
    arena.rows(
        "CREATE TRIGGER moody BEFORE INSERT ON mailticket.ticket"
        " FOR EACH ROW EXECUTE FUNCTION mailticket.moody()"
    )
    arena.deliver(mail("bad day"), mail("good day"))
    assert arena.run()[0] == {"failed": 1, "create": 1}


def test_the_field_of_a_log_entry_is_the_one_that_ticket_log_names(arena: Arena) -> None:
    arena.settings["ticket_log"] = {"UserRequest": "private_log"}
    arena.deliver(mail("one", message_id="<1@x.example>"))
    arena.deliver(mail("two", headers=["In-Reply-To: <1@x.example>"]))
    assert arena.run()[0] == {"create": 1, "update": 1}
    assert arena.rows("SELECT field FROM mailticket.log_entry") == [("private_log",)]
