"""Mailboxes by protocol; ``base.py`` says what they can do."""
