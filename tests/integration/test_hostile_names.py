"""Names that a site gave its tables, columns and types, and which SQL is composed of."""

from __future__ import annotations

import pytest

from mailticket.errors import ConfigurationError
from services.arena import MakeArena, mail
from services.scenes import last

CREATES = {"unknown_caller": "create_person", "person_defaults": {"org_id": "Acme"}}
ODD = """
CREATE TABLE mailticket."100% ""line"" %s" (code text PRIMARY KEY, "%(label)s" text UNIQUE);
INSERT INTO mailticket."100% ""line"" %s" VALUES ('P1', 'Printers');
CREATE DOMAIN mailticket."per %(cent)s" AS integer;
CREATE TABLE mailticket.odd (
    ticket_id bigint PRIMARY KEY REFERENCES mailticket.ticket ON DELETE CASCADE,
    share mailticket."per %(cent)s",
    line text REFERENCES mailticket."100% ""line"" %s"
);
INSERT INTO mailticket.ticket_class (name, table_name, prefix, log_field, log_fields)
    VALUES ('Odd', 'odd', 'O-', 'public_log', '{public_log}');
INSERT INTO mailticket.ticket_status (class, value, position, closed, initial)
    VALUES ('Odd', 'new', 1, false, true), ('Odd', 'closed', 2, true, false);
"""


def test_composed_sql_takes_any_name_that_postgresql_takes(make_arena: MakeArena) -> None:
    defaults = {"share": "90", "line": "Printers"}
    arena = make_arena(ticket_class="Odd", ticket_defaults=defaults, **CREATES)
    arena.rows(ODD)
    arena.deliver(mail("100% %s %(inbox)s '); DROP TABLE mailticket.person; --"))
    assert arena.run() == ({"create": 1}, []), last(arena)
    assert arena.rows("SELECT share, line FROM mailticket.odd") == [(90, "P1")]
    [(title,)] = arena.rows("SELECT title FROM mailticket.ticket")
    assert title == "100% %s %(inbox)s '); DROP TABLE mailticket.person; --"


@pytest.mark.parametrize(
    "name", ['impact"; DROP TABLE mailticket.person; --', "impact) VALUES (1", "%s", "im pact", ""]
)
def test_a_field_whose_name_is_sql_is_a_configuration_error(
    make_arena: MakeArena, name: str
) -> None:
    arena = make_arena(ticket_defaults={name: "1"}, **CREATES)
    arena.deliver(mail())
    with pytest.raises(ConfigurationError, match=r"letters, digits and _ only|field"):
        arena.run()
    assert arena.rows("SELECT count(*) FROM mailticket.person") == [(0,)]
