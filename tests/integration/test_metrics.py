"""Figures for whoever watches over the inboxes (issue 5): from the rows to StatsD and OTLP."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from mailticket.store.measuring import Measure, Measuring
from mailticket.store.runs import Runs
from services.arena import Arena, MakeArena, mail

ROOT = Path(__file__).resolve().parents[2]
OBSERVABILITY = ROOT / "include" / "observability"
CREATES: dict[str, Any] = {"unknown_caller": "create_person", "person_defaults": {"org_id": "Acme"}}
GIVES_OUT = """
from airflow.sdk.observability import stats
from airflow.sdk.observability.metrics import stats_utils
stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=True)
from mailticket.airflow_metrics import give_out
from mailticket.store.measuring import Measure
inbox = ("inbox", "a.b")
give_out([
    Measure("counter", "mailticket.messages", 3, (inbox, ("verdict", "failed"), ("rule", "x"))),
    Measure("gauge", "mailticket.undecided", 7, (inbox,)),
    Measure("timer", "mailticket.delivery_to_ticket", 2.5, (inbox,)),
])
"""


def given_out(**metrics: str) -> subprocess.CompletedProcess[str]:
    """Give out three figures in a process of its own, as a task is one."""
    environment = {f"AIRFLOW__METRICS__{name}": value for name, value in metrics.items()}
    environment |= {"PYTHONPATH": str(ROOT / "plugins")}
    return subprocess.run(
        [sys.executable, "-c", GIVES_OUT],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )


def figures(arena: Arena, run: str) -> dict[tuple[str, ...], float]:
    """Give what ``report`` would count of a run now."""
    db = arena.access().database()
    try:
        found = Runs(db).find(arena.name, run, 0)
        assert found is not None
        measures = Measuring(db).of_run(found)
    finally:
        db.close()
    return {
        (m.name.removeprefix("mailticket."), *(value for _, value in m.tags)): m.value
        for m in measures
    }


def levels(arena: Arena, *inboxes: str) -> dict[tuple[str, str], float]:
    db = arena.access().database()
    try:
        measures = Measuring(db).levels(inboxes)
    finally:
        db.close()
    return {(m.name.removeprefix("mailticket."), m.tags[0][1]): m.value for m in measures}


def test_a_run_is_counted_by_verdict_and_rule_and_its_tickets_are_timed(
    make_arena: MakeArena,
) -> None:
    arena = make_arena(**CREATES)
    arena.deliver(mail("One"), mail("Two"), mail("Away", headers=["Auto-Submitted: auto-replied"]))
    arena.steps("r1", "fetch", "filter", "parse", "upsert_ticket")
    found = figures(arena, "r1")
    waited = found.pop(("delivery_to_ticket", "support"))
    assert found == {
        ("messages", "support", "create", "create_ticket"): 2,
        ("messages", "support", "undesired", "automatic_mail"): 1,
    }
    assert 0 <= waited < 3600


def test_a_cleared_run_counts_only_what_it_decided_anew(make_arena: MakeArena) -> None:
    arena = make_arena()
    arena.deliver(mail("One", sender="Al Stranger <stranger@nowhere.example>"))
    arena.steps("r1", "fetch", "filter", "parse", "upsert_ticket", "report")
    assert figures(arena, "r1") == {}
    arena.fields |= CREATES
    arena.steps("r1", "filter", "parse", "upsert_ticket", clear_number=1)
    found = {name: n for name, n in figures(arena, "r1").items() if name[0] == "messages"}
    assert found == {("messages", "support", "create", "create_ticket"): 1}


def test_what_waits_has_a_number_and_an_age_and_nothing_is_zero(make_arena: MakeArena) -> None:
    arena = make_arena(**CREATES)
    arena.deliver(mail("One"))
    arena.steps("r1", "fetch")
    arena.rows("UPDATE mailticket.message SET received_at = now() - interval '1 hour'")
    arena.rows("UPDATE mailticket.mailbox_epoch SET looked_at = now() - interval '2 hours'")
    found = levels(arena, "support", "idle")
    assert found["undecided", "support"] == 1
    assert found["oldest_undecided", "support"] == pytest.approx(3600, abs=60)
    assert found["last_look", "support"] == pytest.approx(7200, abs=60)
    assert found["undecided", "idle"] == found["oldest_in_outbox", "idle"] == 0
    assert ("last_look", "idle") not in found  # never read: an age of zero would be a lie
    assert found["stuck_in_outbox", "idle"] == 0


def test_the_mapping_is_tried_with_every_figure_that_is_given_out(make_arena: MakeArena) -> None:
    arena = make_arena(**CREATES)
    arena.deliver(mail("One"))
    arena.steps("r1", "fetch", "filter", "parse", "upsert_ticket")
    given = {name for name, *_ in [*figures(arena, "r1"), *levels(arena, "support")]}
    assert given == {sent.split(".")[2] for sent in SENT}


def test_plain_statsd_gets_the_tags_in_the_name() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        port = str(receiver.getsockname()[1])
        given_out(STATSD_ON="True", STATSD_HOST="127.0.0.1", STATSD_PORT=port)
        received: list[str] = []
        while len(received) < 3:  # Airflow gives out figures of its own besides
            said = receiver.recv(4096).decode()
            received += [said] if ".mailticket." in said else []
    assert sorted(received) == [
        "airflow.mailticket.delivery_to_ticket.a_b:2500.000000|ms",
        "airflow.mailticket.messages.a_b.failed.x:3|c",
        "airflow.mailticket.undecided.a_b:7|g",
    ]


def test_opentelemetry_gets_them_with_attributes() -> None:
    requests: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            requests.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        port = str(server.server_address[1])
        given_out(OTEL_ON="True", OTEL_HOST="127.0.0.1", OTEL_PORT=port)
    finally:
        server.shutdown()
        server.server_close()
    received = {
        metric.name: metric
        for request in requests
        for resource in ExportMetricsServiceRequest.FromString(request).resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    [point] = received["airflow.mailticket.messages"].sum.data_points
    attributes = {one.key: one.value.string_value for one in point.attributes}
    assert (point.as_int, attributes) == (3, {"inbox": "a.b", "verdict": "failed", "rule": "x"})
    assert "airflow.mailticket.undecided" in received
    timer = received["airflow.mailticket.delivery_to_ticket"]
    [timed] = timer.exponential_histogram.data_points
    assert (timer.unit, timed.sum) == ("ms", 2500)  # that makes of its name what OTLP_TIMER is


# -- what an operator takes: mapping, alerts, dashboard --------------------------------------------


def mapped(sent: str) -> tuple[str, dict[str, str]]:
    """Do what statsd_exporter does: the first mapping that fits gives name and labels."""
    for rule in yaml.safe_load((OBSERVABILITY / "statsd-mapping.yaml").read_text())["mappings"]:
        fits = re.fullmatch(rule["match"].replace(".", r"\.").replace("*", "([^.]*)"), sent)
        if fits:
            fill = lambda text, got=fits: re.sub(r"\$(\d)", lambda m: got[int(m[1])], str(text))  # noqa: E731
            return fill(rule["name"]), {key: fill(v) for key, v in rule["labels"].items()}
    raise AssertionError(sent)


SENT = {
    "airflow.mailticket.messages.support.failed.limit_parts": {
        "inbox": "support", "verdict": "failed", "rule": "limit_parts",
    },
    **{
        f"airflow.mailticket.{name}.support": {"inbox": "support"}
        for name in (
            "delivery_to_ticket", "undecided", "oldest_undecided", "outbox", "oldest_in_outbox",
            "last_look", "stuck_in_outbox",
        )
    },
}  # fmt: skip


OTLP_TIMER = "airflow_mailticket_delivery_to_ticket_milliseconds"
"""By OpenTelemetry; all other names are the same by either way."""


def expressions() -> dict[str, str]:
    """Every expression of alerts and dashboard, its variables filled in as Grafana does."""
    board = json.loads((OBSERVABILITY / "dashboard.json").read_text())
    found = {
        f"panel {panel['title']} {target['refId']}": target["expr"]
        for panel in board["panels"]
        for target in panel["targets"]
    }
    groups = yaml.safe_load((OBSERVABILITY / "alerts.yaml").read_text())["groups"]
    found |= {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}
    return {
        where: re.sub(r"\$__\w+", "5m", text).replace("$inbox", ".*")
        for where, text in found.items()
    }


def test_alerts_and_dashboard_ask_for_figures_that_the_mapping_makes() -> None:
    made = {mapped(sent)[0] for sent in SENT}
    asked = {
        name.removesuffix("_bucket")
        for text in expressions().values()
        for name in re.findall(r"airflow_mailticket_\w+", text)
    }
    assert asked == made | {OTLP_TIMER}
    assert {sent: mapped(sent)[1] for sent in SENT} == SENT


@pytest.mark.skipif(not shutil.which("promtool"), reason="Debian's package prometheus is not there")
def test_prometheus_understands_every_expression(tmp_path: Path) -> None:
    rules = [{"record": f"r{n}", "expr": text} for n, text in enumerate(expressions().values())]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": rules}]}))
    done = subprocess.run(
        ["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not shutil.which("promtool"), reason="Debian's package prometheus is not there")
def test_each_alert_fires_when_it_should_and_not_before() -> None:
    done = subprocess.run(
        ["promtool", "test", "rules", str(Path(__file__).with_name("alerts_test.yaml"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_backend_that_fails_costs_no_run(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    from mailticket.airflow_metrics import give_out  # noqa: PLC0415  Airflow is slow to import

    give_out([Measure("counter", "mailticket.messages", float("nan"), ())])
    # Whoever configured logging before decides where it goes.
    assert "could not be given out" in "".join([*capfd.readouterr(), caplog.text])
