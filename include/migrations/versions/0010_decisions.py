"""What was decided is compressed by the quicker way, too: it is rewritten at each step.

Revision: 0010
"""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    # Of 2 ms that PostgreSQL took to make a ticket, 0.15 went into compressing this. lz4 where the
    # server was built with it; what is stored already stays as it is.
    op.execute("""
        DO $$ BEGIN
            IF 'lz4' = ANY (SELECT unnest(enumvals) FROM pg_settings
                             WHERE name = 'default_toast_compression') THEN
                ALTER TABLE mailticket.attempt
                    ALTER COLUMN steps SET COMPRESSION lz4,
                    ALTER COLUMN changes SET COMPRESSION lz4;
            END IF;
        END $$""")
