"""Steps whose process ended in the middle, and the messages that were begun then.

Revision: 0007
"""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("""
        -- A step that is at work, or whose process ended before it could say that it was done: then
        -- the next one counts each message before it begins with it.
        CREATE TABLE mailticket.step_at_work (
            inbox text NOT NULL,
            step text NOT NULL,
            since timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (inbox, step)
        )""")
    op.execute("""
        -- how often a step was begun with it after a process had ended, decoding apart (tries)
        ALTER TABLE mailticket.attempt ADD COLUMN strikes integer NOT NULL DEFAULT 0""")
