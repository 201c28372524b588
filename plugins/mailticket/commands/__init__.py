"""The commands of ``bin/mailticket``, by topic."""
