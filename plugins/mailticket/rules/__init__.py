"""START READING HERE: the rules, in the order in which they are asked (SPEC 3.1, 3.5, 3.9).

One rule, one file, one name: the name is ``decided_by`` in the row, the log line and the page.
A site adds a rule of its own, or replaces one by its name, through the entry point group
``mailticket.rules``; ``rules_off`` of an inbox leaves rules out.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points

from mailticket.decision import Phase, Rule
from mailticket.errors import ConfigurationError, Fault
from mailticket.rules.already_handled import already_handled
from mailticket.rules.automatic_body import automatic_body
from mailticket.rules.automatic_mail import automatic_mail
from mailticket.rules.closed_ticket import closed_ticket
from mailticket.rules.nothing_to_update import nothing_to_update
from mailticket.rules.other_class import other_class
from mailticket.rules.too_big import too_big
from mailticket.rules.undesired_subject import undesired_subject
from mailticket.rules.unknown_caller import unknown_caller

RULES: tuple[Rule, ...] = (
    Rule("too_big", Phase.HEADERS, "A huge mail would take the worker's memory.", too_big),
    Rule(
        "undesired_subject", Phase.HEADERS, "The operator does not want these.", undesired_subject
    ),
    Rule(
        "automatic_mail", Phase.HEADERS, "Machines that answer machines never end.", automatic_mail
    ),
    Rule("already_handled", Phase.HEADERS, "A second copy is no second ticket.", already_handled),
    Rule("unknown_caller", Phase.HEADERS, "Strangers may not be wanted here.", unknown_caller),
    Rule("automatic_body", Phase.CONTENT, "Bounces of old show only in the body.", automatic_body),
    # Asked again: the first copy may have been undecided when the header section was looked at.
    Rule("already_handled", Phase.TICKET, "A second copy is no second ticket.", already_handled),
    Rule(
        "other_class", Phase.TICKET, "An inbox writes into tickets of its class only.", other_class
    ),
    Rule("closed_ticket", Phase.TICKET, "What is closed may be meant to stay so.", closed_ticket),
    Rule("nothing_to_update", Phase.TICKET, "This inbox makes no tickets.", nothing_to_update),
)

GROUP = "mailticket.rules"


def site_rules(points: Iterable[EntryPoint] | None = None) -> tuple[Rule, ...]:
    """Load the rules that installed packages offer; each entry point names one ``Rule``."""
    found = entry_points(group=GROUP) if points is None else points
    return tuple(_load(point) for point in sorted(found, key=lambda point: point.name))


def _load(point: EntryPoint) -> Rule:
    try:
        rule = point.load()
    except Exception as error:
        raise _fault(point, f"it cannot be loaded: {error}") from error
    if not isinstance(rule, Rule):
        raise _fault(point, "it must name a mailticket.decision.Rule")
    return rule


def _fault(point: EntryPoint, why: str) -> ConfigurationError:
    return ConfigurationError(
        Fault("", f"entry point {GROUP}", f"{point.name} = {point.value}", why)
    )


def table(site: Iterable[Rule] = ()) -> tuple[Rule, ...]:
    """Give the rules in force: a site's rule stands in for ours of its name, or ends its phase."""
    own = {rule.name: rule for rule in site}
    replaced = tuple(own.get(rule.name, rule) for rule in RULES)
    added = tuple(rule for name, rule in own.items() if name not in {r.name for r in RULES})
    return replaced + added


def versions(site: Iterable[Rule] = ()) -> dict[str, str]:
    """Name the site's rules for the record of a configuration."""
    return {f"rule {rule.name}": rule.check.__module__ for rule in site}
