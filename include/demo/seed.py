"""Put Connections and Variables into Airflow where they are missing.

Runs inside Airflow's environment, as ``python -m demo.seed``, and reads one JSON object from
standard input: ``{"connections": [{"conn_id": …, "conn_type": …, …}], "variables": {key: value}}``.
Passwords come that way because a command line is there for everybody to read.
"""

# ruff: noqa: AIR311 -- outside a task, airflow.sdk cannot write to the metadata database
from __future__ import annotations

import json
import sys
from typing import Any

from airflow.models import Connection, Variable  # noqa: TID251 -- this file owns it in the demo
from airflow.utils.session import create_session  # noqa: TID251 -- the same

from demo.ports import LOOPBACK


def seed(wanted: dict[str, Any]) -> None:
    """Add what is missing; what is there is an operator's, but for the ports of our servers."""
    with create_session() as session:
        for fields in wanted["connections"]:
            _connect(session, fields)
        for key, value in wanted["variables"].items():
            if session.query(Variable).filter_by(key=key).first() is None:
                Variable.set(key, value, session=session)


def _connect(session: Any, fields: dict[str, Any]) -> None:
    found = session.query(Connection).filter_by(conn_id=fields["conn_id"]).first()
    if found is None:
        session.add(Connection(**fields))
    elif found.host == LOOPBACK:
        # The servers of this demo, which may have had to move to another port.
        found.port = fields["port"]


if __name__ == "__main__":
    seed(json.load(sys.stdin))
