"""Airflow's plugin of mailticket: the listener that notes each run's counts."""

from airflow.plugins_manager import AirflowPlugin  # noqa: TID251

# The tasks of a LocalExecutor are forked from the scheduler, and DAG files are read by children of
# the DAG processor: what the parent has imported once, none of them has to.
from mailticket import airflow_task, dag, listener

PRELOADED = (airflow_task, dag)


class MailticketPlugin(AirflowPlugin):
    """What mailticket adds to Airflow itself."""

    name = "mailticket"
    listeners = [listener]  # noqa: RUF012  Airflow asks for a list
