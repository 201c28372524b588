"""check: everything that an inbox needs, each in a sentence, a failure with its cure (SPEC 2.7)."""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace
from typing import TypeVar

from mailticket.airflow_access import Access, in_shell
from mailticket.config import Inbox
from mailticket.errors import (
    ConfigurationError,
    ConnectionMissing,
    MailticketError,
    ServiceError,
    VaultClosed,
)
from mailticket.mailboxes.check import CheckStep, steps
from mailticket.mailboxes.login import MailboxLogin
from mailticket.oauth import OAuthClient
from mailticket.rules import check_rules_off, site_rules, table
from mailticket.sign_in import ConnectionKeeper
from mailticket.smtp import MailServer, SmtpLogin
from mailticket.store.catalogue import Catalogue
from mailticket.store.migrate import check_revision
from mailticket.store.sealed import open_safe

L = TypeVar("L", MailboxLogin, SmtpLogin)


def check_inbox(options: argparse.Namespace) -> int:
    """Try what an inbox needs, and say which of it works."""
    access = in_shell()
    inbox = access.inbox(options.inbox)
    database_is_well = check_database(access, inbox)
    well = [
        database_is_well,
        check_mailbox(access, inbox, with_database=database_is_well),
        check_mail_server(access, inbox, with_database=database_is_well),
    ]
    return 0 if all(well) else 1


def _say(step: CheckStep) -> bool:
    print(f"{'ok    ' if step.ok else 'FAILED'} {step.name}: {step.detail}")
    return step.ok


def check_database(access: Access, inbox: Inbox) -> bool:
    """Ask the database whether the inbox's configuration fits it, and say so."""
    try:
        check_revision(access.database_parameters())
        check_rules_off(inbox, table(site_rules()))
        ground = Catalogue(access.database()).ground(inbox)
    except ConfigurationError as error:
        for fault in error.faults:
            print(f"FAILED configuration: {fault}")
        return False
    except ServiceError as error:
        print(f"FAILED database: {error}")
        return False
    print(f"ok     database: the schema is up to date; tickets are {ground.ticket_class.name}")
    for notice in inbox.notices:
        print(f"note   {notice}")
    return True


def check_mailbox(access: Access, inbox: Inbox, *, with_database: bool) -> bool:
    """Go through the mailbox step by step; a wrong Connection is told like a failed step."""
    login = _insisting(access.mailbox_login(inbox), with_database=with_database)
    well = check_encryption(access, login.oauth if login.auth == "XOAUTH2" else None)
    if not with_database and login.oauth:
        return _say(CheckStep("token", False, "not asked for: no database, no place to keep it"))
    done = [_say(step) for step in steps(login, inbox.mailbox, inbox.move_to or "")]
    return well and all(done)


def check_mail_server(access: Access, inbox: Inbox, *, with_database: bool) -> bool:
    """Sign in where this inbox's mail is handed in; without such a Connection none goes out."""
    try:
        login = _insisting(access.smtp_login(inbox.smtp_conn_id), with_database=with_database)
    except ConnectionMissing as error:
        print(f"note   mail server: {error}; until then no mail goes out")
        return True
    except ConfigurationError as error:
        return _say(CheckStep("mail server", False, "; ".join(map(str, error.faults))))
    well = check_encryption(access, login.oauth)
    return _say(_mail_server_step(login)) and well


def _mail_server_step(login: SmtpLogin) -> CheckStep:
    try:
        with MailServer(login):
            who = f"signs {login.login or login.from_email} in" if login.keeper else "greets"
            detail = f"{login.host}:{login.port} {who} (TLS: {login.tls})"
            return CheckStep("mail server", True, detail)
    except MailticketError as error:
        return CheckStep("mail server", False, str(error))


def check_encryption(access: Access, client: OAuthClient | None) -> bool:
    """Try Airflow's Fernet key on what is kept, where something is to be kept."""
    if client is None:
        return True
    try:
        open_safe(access.database(), access.keys())
    except VaultClosed as error:
        return _say(CheckStep("encryption", False, str(error)))
    except ServiceError:
        return True  # the database's own line says so
    return _say(CheckStep("encryption", True, "tokens are kept with Airflow's Fernet key"))


def _insisting(login: L, *, with_database: bool) -> L:
    """Let a person's check try at once what was refused lately, and ask for a token anew."""
    if not with_database:
        return replace(login, keeper=None)
    if isinstance(login.keeper, ConnectionKeeper):
        login.keeper.insists = f"check {os.getpid()} {time.time_ns()}"
        login.keeper.anew = True
    return login
