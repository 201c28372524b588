"""What lies in a mailbox of the demo's mail server, as another client sees it."""

from __future__ import annotations

import imaplib  # noqa: TID251 -- it looks what lies in the mailboxes

from demo.ports import LOOPBACK
from services.airflow_stack import AirflowStack


def lying(airflow: AirflowStack, user: str) -> list[str]:
    """List the Message-IDs of what lies in a mailbox, with ``<>``."""
    with imaplib.IMAP4(LOOPBACK, airflow.stack.mail.imap_port) as client:
        client.login(f"{user}@acme.test", airflow.stack.secrets.mail_password)
        client.select()
        _, found = client.search(None, "ALL")
        numbers = found[0].decode().split()
        return [_message_id(client, number) for number in numbers]


def _message_id(client: imaplib.IMAP4, number: str) -> str:
    _, answer = client.fetch(number, "(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
    header = b"".join(part[1] for part in answer if isinstance(part, tuple))
    return header.decode().partition(":")[2].strip()
