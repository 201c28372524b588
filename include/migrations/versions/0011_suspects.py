"""A message at which a mailbox's session broke is remembered: it must not stop those after it.

Revision: 0011
"""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute("""
        -- the UID at which a session broke, with no other to be had, and in how many runs it did
        ALTER TABLE mailticket.mailbox_epoch
            ADD COLUMN suspect text,
            ADD COLUMN suspected integer NOT NULL DEFAULT 0""")
