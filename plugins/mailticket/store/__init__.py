"""The rows in PostgreSQL: one file a topic, the SQL in ``sql/``."""
