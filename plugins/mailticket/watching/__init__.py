"""Waiting for mail without a task: what an inbox's trigger does (SPEC 2.6).

    mailbox ──IDLE, or a look──▶ watcher ──bell──▶ Airflow starts a run, which reads the mailbox
    database ──one poll for all──▶

A bell only says that there is something to do. Nothing that it says is used by the run, and none is
needed for a mail to be found: each look compares the mailbox with our rows.
"""
