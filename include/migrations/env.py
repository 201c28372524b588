"""Alembic's entry: migrations run inside the schema ``mailticket`` of the database given to it."""

from alembic import context
from sqlalchemy import text

connection = context.config.attributes["connection"]
connection.execute(text("CREATE SCHEMA IF NOT EXISTS mailticket"))
connection.commit()
context.configure(
    connection=connection,
    version_table="alembic_version",
    version_table_schema="mailticket",
    transaction_per_migration=True,
)
with context.begin_transaction():
    # Two hosts that are upgraded at once must not migrate at once.
    connection.execute(text("SELECT pg_advisory_xact_lock(7823462934561)"))
    context.run_migrations()
