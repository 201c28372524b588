"""The Extra of each Connection: what the page says against what is read."""

from __future__ import annotations

import re
from itertools import product
from typing import Any

from mailticket.airflow_access import _DATABASE_EXTRA
from mailticket.mailboxes import login as mailbox_login
from mailticket.oauth import OAUTH_EXTRA
from mailticket.smtp_login import smtp_login_from
from services.pages import CONFIGURATION, TableRow, plain, rows, ticked


class Recorder(dict[str, object]):
    """An Extra that remembers what it was asked for."""

    def __init__(self, **given: object) -> None:
        super().__init__(given)
        self.asked: set[str] = set()

    def get(self, key: str, default: object = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)


def extras(heading: str) -> dict[str, TableRow]:
    """Give the rows of the table below a heading."""
    section = CONFIGURATION.read_text("utf-8").split(heading)[1].split("\n#")[0]
    found = {}
    for row in rows(CONFIGURATION, "Extra"):
        for name in row.ticked("Extra"):
            if f"| {row.cells['Extra']} |" in section:
                found[name] = row
    return found


def test_every_extra_of_a_mailbox_is_described_with_its_default() -> None:
    table = extras("### The mailbox")
    assert set(table) == set(mailbox_login._EXTRA)
    login = mailbox_login.login_from("host", None, "login", "password", {}, "imap")
    for name in ("tls", "auth", "ca", "client_cert", "client_key"):
        assert _bare(table[name]) == getattr(login, name)
    words = table["auth"].ticked("values")
    assert set(words) == set(mailbox_login._AUTH["pop3"])
    assert table["tls"].ticked("values") == list(mailbox_login._TLS)
    ignored = " ".join(ticked(CONFIGURATION))
    assert all(name in ignored for name in mailbox_login._STOCK_EXTRA)


def test_every_oauth_extra_is_explained() -> None:
    explained = {
        name
        for row in rows(CONFIGURATION, "Extra of OAuth")
        for name in row.ticked("Extra of OAuth")
    }
    assert explained == set(OAUTH_EXTRA)


def test_every_port_that_follows_from_the_tls_mode_is_named() -> None:
    for protocol, tls in product(("imap", "pop3"), ("implicit", "none")):
        login = mailbox_login.login_from("h", None, "l", "p", {"tls": tls}, protocol)  # type: ignore[arg-type]
        assert re.search(rf"{protocol.upper()}[^;]* {login.port}\b", plain(CONFIGURATION))


def test_every_extra_of_outgoing_mail_is_described_with_its_default() -> None:
    asked = Recorder(auth_type="oauth2", access_token="x")
    smtp_login_from("host", None, None, None, asked)
    starttls = Recorder(disable_ssl=True)
    smtp_login_from("host", None, None, None, starttls)
    fetched = Recorder(auth_type="oauth2", token_url="google", client_id="x", refresh_token="x")
    smtp_login_from("host", None, "login", None, fetched)
    table = extras("### Outgoing mail")
    assert set(table) == asked.asked | starttls.asked | fetched.asked
    login = smtp_login_from("host", None, None, None, {})
    for name in ("tls", "ca", "timeout", "data_timeout", "from_email", "access_token"):
        assert _bare(table[name]) == getattr(login, name)


def test_every_extra_of_the_database_is_named() -> None:
    section = CONFIGURATION.read_text("utf-8").split("### The tickets' database")[1]
    named = re.findall(r"`(\w+)`", section.split("PostgreSQL's own:")[1].split("\n\n")[1])
    assert named == list(_DATABASE_EXTRA)


def _bare(row: TableRow) -> Any:
    cell = row.cells["default"].strip("`")
    return "" if cell == "none" else int(cell) if cell.isdecimal() else cell
