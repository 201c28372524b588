"""Airflow's plugin of mailticket: the listener that notes each run's counts."""

from airflow.plugins_manager import AirflowPlugin  # noqa: TID251

from mailticket import listener


class MailticketPlugin(AirflowPlugin):
    """What mailticket adds to Airflow itself."""

    name = "mailticket"
    listeners = [listener]  # noqa: RUF012  Airflow asks for a list
