"""Figures go out through Airflow's own metrics, StatsD or OpenTelemetry, as it is configured.

The only file that calls Airflow's ``stats``. Metrics never cost a message: what cannot be given
out is logged and forgotten.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from datetime import timedelta
from functools import cache

from airflow.sdk.configuration import conf  # noqa: TID251
from airflow.sdk.observability import stats  # noqa: TID251

from mailticket.store.measuring import Measure

_LOG = logging.getLogger("mailticket.metrics")
_NOT_IN_A_PART = re.compile(r"[^A-Za-z0-9_-]")


def give_out(measures: Iterable[Measure]) -> None:
    """Hand figures to the backend that Airflow is configured with, if to any."""
    try:
        for measure in measures:
            _give_out(measure)
    except Exception:  # noqa: BLE001  metrics are by the way: a run goes on without them
        _LOG.warning("the figures of mailticket could not be given out", exc_info=True)


def _give_out(measure: Measure) -> None:
    name, tags = measure.name, dict(measure.tags)
    if not _backend_knows_tags():
        name = ".".join([name, *(_NOT_IN_A_PART.sub("_", value) for _, value in measure.tags)])
    if measure.kind == "counter":
        stats.incr(name, int(measure.value), tags=tags)
    elif measure.kind == "gauge":
        stats.gauge(name, measure.value, tags=tags)
    else:
        stats.timing(name, timedelta(seconds=measure.value), tags=tags)


@cache
def _backend_knows_tags() -> bool:
    """Tell whether tags arrive: plain StatsD drops them, so that they must stand in the name."""
    if conf.getboolean("metrics", "statsd_on", fallback=False):
        datadog = conf.getboolean("metrics", "statsd_datadog_enabled", fallback=False)
        influx = conf.getboolean("metrics", "statsd_influxdb_enabled", fallback=False)
        return bool(datadog or influx)
    return True
