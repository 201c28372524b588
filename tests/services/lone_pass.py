"""One pass in an interpreter of its own: told by JSON on stdin, its counts on stdout."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

from mailticket.airflow_access import Access
from mailticket.ingest import run_once


def main() -> None:
    """Run once."""
    told = json.load(sys.stdin)
    connections = {name: SimpleNamespace(**found) for name, found in told["connections"].items()}
    access = Access(told["variables"].get, lambda *_: None, connections.__getitem__)
    db = access.database()
    try:
        counts, _ = run_once(db, access.inbox(told["inbox"]), "lone", access.outside())
    finally:
        db.close()
    sys.stdout.write(json.dumps(counts) + "\n")


if __name__ == "__main__":
    main()
