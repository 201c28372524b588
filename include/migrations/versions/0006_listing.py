"""What a mailbox without ascending UIDs was last seen to hold.

Revision: 0006
"""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute("ALTER TABLE mailticket.mailbox_epoch ADD listing bytea")
