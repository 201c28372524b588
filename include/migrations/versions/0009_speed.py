"""Drafts are stored as they are, long texts by the quicker compression; two indexes more.

Revision: 0009
"""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    # A draft lives for seconds: compressing it cost more than writing its ticket.
    op.execute("ALTER TABLE mailticket.draft ALTER COLUMN document SET STORAGE EXTERNAL")
    # lz4 where the server was built with it; what is stored already stays as it is.
    op.execute("""
        DO $$ BEGIN
            IF 'lz4' = ANY (SELECT unnest(enumvals) FROM pg_settings
                             WHERE name = 'default_toast_compression') THEN
                ALTER TABLE mailticket.ticket
                    ALTER COLUMN description SET COMPRESSION lz4,
                    ALTER COLUMN description_text SET COMPRESSION lz4;
                ALTER TABLE mailticket.log_entry
                    ALTER COLUMN html SET COMPRESSION lz4, ALTER COLUMN text SET COMPRESSION lz4,
                    ALTER COLUMN cut_html SET COMPRESSION lz4,
                    ALTER COLUMN cut_text SET COMPRESSION lz4;
            END IF;
        END $$""")
    # What was read whole: of ten million rows, that is seconds.
    op.execute("""
        CREATE INDEX attempt_left ON mailticket.attempt (message)
            WHERE status IN ('new', 'error', 'held')""")
    op.execute("""
        CREATE INDEX ticket_event_failed ON mailticket.ticket_event (attempt)
            WHERE kind = 'delivery_failed'""")
