"""Mailboxes: what every kind can do (base.py), IMAP, POP3, and one in memory for tests."""
